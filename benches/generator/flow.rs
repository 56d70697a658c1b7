//! Who talks to whom: every flow is worked out from its number alone, so that millions need no memory.

use super::frame::{Address, Host};
use super::random::{Permutation, scale, scatter};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// The local ports Linux gives to clients by default.
pub(super) const FIRST_EPHEMERAL: u16 = 32_768;
pub(super) const EPHEMERAL_PORTS: u64 = 60_999 - 32_768 + 1;

/// What the packets of a service carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Dns,
    Http,
    Ntp,
    Quic,
    Ssh,
    Tls,
    Opaque,
    /// These turns, word by word.
    Said(&'static [Turn]),
}

/// What one side says at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) by_server: bool,
    pub(super) words: Words,
}

/// Octets of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// The same in every flow.
    These(&'static [u8]),
    /// The first segment of a TLS ClientHello, or the second.
    Hello(u8),
    /// A QUIC Initial packet.
    Initial,
    /// A question to the DNS, or its answer.
    Lookup,
    /// These, and so many without meaning behind them.
    Then(&'static [u8], u16),
}

/// A port that servers listen on, and how often it is met.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) port: u16,
    pub(super) protocol: u8,
    weight: u64,
    pub(super) talk: Talk,
}

pub(super) const fn service(port: u16, protocol: u8, weight: u64, talk: Talk) -> Service {
    Service { port, protocol, weight, talk }
}

/// The port that the devices announce over mDNS; no registry knows it.
pub(super) const ADVERTISED_PORT: u16 = 49_200;

/// Registered ports first; 6881, 25565, 27015, 49200, 51820 have no name in the registry. Weights are relative.
pub(super) static SERVICES: [Service; 26] = [
    service(443, TCP, 380, Talk::Tls),
    service(443, UDP, 140, Talk::Quic),
    service(53, UDP, 130, Talk::Dns),
    service(80, TCP, 90, Talk::Http),
    service(123, UDP, 30, Talk::Ntp),
    service(22, TCP, 30, Talk::Ssh),
    service(993, TCP, 20, Talk::Tls),
    service(587, TCP, 10, Talk::Opaque),
    service(25, TCP, 10, Talk::Opaque),
    service(445, TCP, 10, Talk::Opaque),
    service(3389, TCP, 10, Talk::Opaque),
    service(3306, TCP, 10, Talk::Opaque),
    service(5432, TCP, 10, Talk::Opaque),
    service(8080, TCP, 10, Talk::Http),
    service(8443, TCP, 10, Talk::Tls),
    service(1883, TCP, 10, Talk::Opaque),
    service(5222, TCP, 10, Talk::Opaque),
    service(3478, UDP, 10, Talk::Opaque),
    service(4500, UDP, 10, Talk::Opaque),
    service(5060, UDP, 10, Talk::Opaque),
    service(514, UDP, 10, Talk::Opaque),
    service(6881, TCP, 10, Talk::Opaque),
    service(25_565, TCP, 10, Talk::Opaque),
    service(27_015, UDP, 10, Talk::Opaque),
    service(51_820, UDP, 10, Talk::Opaque),
    service(ADVERTISED_PORT, TCP, 10, Talk::Http),
];

/// The hosts of a network: clients behind a gateway, servers beyond it, and devices beside the clients that
/// announce themselves over mDNS. Of each ten, seven speak IPv4 and three IPv6; the numbers are multiples of ten.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    pub(super) clients: u64,
    pub(super) servers: u64,
    pub(super) devices: u64,
}

/// The first hardware octet says who it is: client, device or gateway; all are locally administered.
const fn mac(role: u8, number: u64) -> [u8; 6] {
    [2, 0, role, (number >> 16) as u8, (number >> 8) as u8, number as u8]
}

const fn speaks_ipv6(number: u64) -> bool {
    number % 10 >= 7
}

impl Hosts {
    /// 10.0.0.0/9, or 2001:db8::/64 (RFC 3849).
    pub(super) const fn client(number: u64) -> Host {
        let tail = (number as u32 + 1).to_be_bytes();
        let address = if speaks_ipv6(number) {
            Address::V6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, tail[0], tail[1], tail[2], tail[3]])
        } else {
            Address::V4([10, tail[1], tail[2], tail[3]])
        };
        Host { mac: mac(1, number), address }
    }

    /// 198.18.0.0/15 or 2001:2::/48, both for benchmarks (RFC 2544, RFC 5180); seen through the gateway.
    pub(super) const fn server(number: u64) -> Host {
        let tail = (number as u32 + 1).to_be_bytes();
        let address = if speaks_ipv6(number) {
            Address::V6([0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, tail[0], tail[1], tail[2], tail[3]])
        } else {
            Address::V4([198, 18 + (tail[1] & 1), tail[2], tail[3]])
        };
        Host { mac: mac(3, 1), address }
    }

    /// 10.255.0.0/16, or 2001:db8::ff00:0/112.
    pub(super) const fn device(number: u64) -> Host {
        let tail = (number as u16 + 1).to_be_bytes();
        let address = if speaks_ipv6(number) {
            Address::V6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, tail[0], tail[1]])
        } else {
            Address::V4([10, 255, tail[0], tail[1]])
        };
        Host { mac: mac(2, number), address }
    }
}

/// The two ends of a flow and what passes between them.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) client: Host,
    pub(super) server: Host,
    pub(super) client_port: u16,
    pub(super) service: &'static Service,
    /// A number of its own, from which all its other habits follow.
    pub(super) habit: u64,
}

/// Deals out flows: the five-tuples of two numbers are never the same.
#[derive(Clone, Debug)]
pub(super) struct Flows {
    hosts: Hosts,
    services: &'static [Service],
    ends: Permutation,
    /// Flows before this one are long, so they neither ask for names nor for the time.
    long: u64,
    seed: u64,
}

impl Flows {
    pub(super) fn new(hosts: Hosts, services: &'static [Service], long: u64, seed: u64) -> Self {
        let ends = Permutation::new(hosts.clients * EPHEMERAL_PORTS, seed);
        Self { hosts, services, ends, long, seed }
    }

    /// The most flows these hosts can have.
    pub(super) const fn capacity(hosts: &Hosts) -> u64 {
        hosts.clients * EPHEMERAL_PORTS
    }

    /// Flow `number`. The client's address and port are a permutation of the number, so no two flows share both.
    pub(super) fn at(&self, number: u64) -> Flow {
        let end = self.ends.at(number);
        let client = end % self.hosts.clients;
        let client_port = FIRST_EPHEMERAL + (end / self.hosts.clients) as u16;
        let habit = scatter(number ^ self.seed.rotate_left(17));
        let service = match draw(self.services, habit) {
            Service { talk: Talk::Dns | Talk::Ntp, .. } if number < self.long => &self.services[0],
            service => service,
        };
        let devices = service.port == ADVERTISED_PORT;
        let pool = if devices { self.hosts.devices } else { self.hosts.servers };
        // A few servers of each service get most of its flows.
        let share = ((scatter(habit ^ 1) >> 40) * (scatter(habit ^ 2) >> 40)) >> 24;
        let ten = ((share * pool) >> 24) / 10 * 10;
        let server = ten + if speaks_ipv6(client) { 7 + habit % 3 } else { habit % 7 };
        Flow {
            client: Hosts::client(client),
            server: if devices { Hosts::device(server) } else { Hosts::server(server) },
            client_port,
            service,
            habit,
        }
    }
}

fn draw(services: &'static [Service], habit: u64) -> &'static Service {
    let mut left = scale(habit, services.iter().map(|service| service.weight).sum());
    for service in services {
        if left < service.weight {
            return service;
        }
        left -= service.weight;
    }
    &services[0]
}
