//! What a flow's first octets do to its name.

use hashbrown::HashMap;

use super::{Context, Name};
use crate::{
    flow::Shown,
    packet::TransportProtocol,
    payload::{Layers, Protocol, Ride, Verdict, is_known_name},
};

/// What is spoken, as far as the octets tell surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Speech {
    /// The protocol.
    pub protocol: Protocol,
    /// The protocol that the client asked for, where the server answered in another one.
    pub asked: Option<Protocol>,
    /// Layers from the outermost, where more than one is known.
    pub layers: Layers,
}

impl Speech {
    /// What a verdict says of a flow between these ports.
    pub(super) fn of(verdict: &Verdict, ports: (u16, u16)) -> Option<Self> {
        let spoken = verdict.spoken?;
        let [low, high] = [ports.0, ports.1].map(|port| spoken.on_port(port));
        let protocol = if low == spoken { high } else { low };
        Some(Self { protocol, asked: verdict.asked, layers: verdict.layers })
    }
}

/// What a port's names come to where the octets say something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'k> {
    pub(super) name: Name<'k>,
    /// Whether the octets contradict what the port is registered for.
    pub(super) is_mismatch: bool,
}

/// What was worked out for ports and verdicts before; flows have few of them.
#[derive(Debug, Default)]
pub(crate) struct Memo<'k>(HashMap<(TransportProtocol, Option<u16>, Shown), Option<Called<'k>>>);

impl<'k> Memo<'k> {
    /// The name that the octets give to a port, or confirm; `port` is absent where no side is known to serve.
    pub(super) fn name(
        &mut self,
        protocol: TransportProtocol,
        port: Option<u16>,
        shown: &Shown,
        context: &Context<'k>,
    ) -> Option<Called<'k>> {
        let case = (protocol, port, *shown);
        *self.0.entry(case).or_insert_with(|| name(protocol, port, &shown.verdict, context))
    }
}

/// Ports above it are registered by companies for products of their own, of which a description proves little.
const LAST_SYSTEM_PORT: u16 = 1023;

fn name<'k>(
    protocol: TransportProtocol,
    port: Option<u16>,
    verdict: &Verdict,
    context: &Context<'k>,
) -> Option<Called<'k>> {
    let rows = || port.into_iter().flat_map(|port| context.registry.by_port(protocol, port));
    let riding = |ride| rows().find(|row| verdict.ride(row.name(), row.description()) == ride);
    let named = riding(Ride::Named);
    let described = riding(Ride::Described);
    let is_system = port.is_some_and(|port| port <= LAST_SYSTEM_PORT);
    match (named.or(described.filter(|_| is_system)), verdict.service()) {
        (Some(row), _) => Some(Called { name: Name::Confirmed(row), is_mismatch: false }),
        (None, Some(service)) => {
            let is_registered = verdict.is_registered() == Some(true);
            let is_mismatch = described.is_none() && rows().next().is_some();
            Some(Called { name: Name::Payload { service, is_registered }, is_mismatch })
        }
        (None, None) => None,
    }
}

/// Whether octets contradict what a user says that an endpoint speaks.
pub(super) fn is_other(verdict: &Verdict, protocol: Protocol) -> bool {
    verdict.spoken.is_some_and(|spoken| spoken.service() != protocol.service())
}

/// Whether octets contradict a name that somebody gave: only one whose protocol is known can be contradicted.
pub(super) fn contradicts(verdict: &Verdict, name: &str, description: &str) -> bool {
    verdict.spoken.is_some() && is_known_name(name) && verdict.ride(name, description) == Ride::No
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Evidence, Side, answer};
    use super::*;
    use crate::{
        announce::Announced,
        decode::{Network, Phase},
        dns::Advertised,
        flow::{Carried, Ends, FlowOptions, Flows, Observed},
        packet::Timestamp,
        registry::Registry,
    };

    const SSH: [&[u8]; 2] = [b"SSH-2.0-OpenSSH_9.6\r\n"; 2];
    const HTTP: [&[u8]; 2] = [b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"];
    /// RFC 8446 section 5.1 and 4.1.2: the headers of a record and of a ClientHello of 512 octets.
    const TLS: [&[u8]; 2] = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""];
    const DOMAIN: [&[u8]; 2] = [
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
        b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
    ];

    /// The evidence, the name, and whose name is contradicted, of a flow to this port.
    fn named(
        protocol: TransportProtocol,
        port: u16,
        said: [&[u8]; 2],
        layer: &str,
    ) -> (&'static str, String, Option<&'static str>) {
        let mut flows = Flows::new(FlowOptions { at_once: true, ..FlowOptions::default() });
        let (client, server) = ([192, 0, 2, 7], [192, 0, 2, 10]);
        let there = Ends::between(Network::V4(client, server), protocol, Some((50_000, port))).unwrap();
        let back = Ends::between(Network::V4(server, client), protocol, Some((port, 50_000))).unwrap();
        for (ends, octets) in [there, back].into_iter().zip(said) {
            let carried = Carried { octets, wire: octets.len() as u32, sequence: 1 };
            let time = Some(Timestamp(1));
            flows.take(
                &ends,
                Observed { time, octets: 60, phase: Phase::None, flags: None, to_group: false, carried },
            );
        }
        let mut registry = Registry::built_in();
        if !layer.is_empty() {
            let file = std::env::temp_dir().join(format!("portolan-speech-{}-{port}", std::process::id()));
            std::fs::write(&file, layer).unwrap();
            registry.add_layer(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
        }
        let (advertised, announced) = (Advertised::new(), Announced::new());
        let context = Context {
            registry: &registry,
            advertised: &advertised,
            announced: &announced,
            at: None,
            listeners: None,
            flows: &flows,
            threads: 1,
        };
        let tuple = flows.five_tuples().next().unwrap();
        let told: Answer<'_> = answer(&tuple, &context);
        assert_eq!(told.side, Side::High, "{port}");
        let name = match told.name {
            Some(Name::Confirmed(row) | Name::Registered(row)) => row.name().to_owned(),
            Some(Name::Payload { service, .. }) => service.to_owned(),
            Some(Name::User(entry)) => entry.registration.name().to_owned(),
            _ => String::new(),
        };
        (told.evidence().as_str(), name, told.mismatch.map(Evidence::as_str))
    }

    #[test]
    fn a_name_stays_where_it_rides_on_what_is_spoken() {
        let tcp = |port, said| named(TransportProtocol::TCP, port, said, "");
        let told = |name: &str, mismatch| ("payload", name.to_owned(), mismatch);
        let lies = Some("registered");
        // The port's own name, or one that goes with it: confirmed.
        assert_eq!(tcp(22, SSH), told("ssh", None));
        assert_eq!(tcp(443, TLS), told("https", None));
        assert_eq!(tcp(631, HTTP), told("ipp", None));
        // Of several names the first that rides (RFC 8314).
        assert_eq!(tcp(465, TLS), told("submissions", None));
        // Above 1023 a description alone names nothing, and contradicts nothing.
        assert_eq!(tcp(8443, TLS), told("tls", None));
        // What does not ride.
        assert_eq!(tcp(2222, SSH), told("ssh", lies));
        assert_eq!(tcp(8000, HTTP), told("http", lies));
        assert_eq!(tcp(22, TLS), told("tls", lies));
        // No name to contradict.
        assert_eq!(tcp(49_200, HTTP), told("http", None));
        assert_eq!(named(TransportProtocol::UDP, 5300, DOMAIN, ""), told("domain", lies));
    }

    #[test]
    fn a_name_of_the_user_is_contradicted_only_where_its_protocol_is_known() {
        let tcp = |port, layer| named(TransportProtocol::TCP, port, SSH, layer);
        let user = |name: &str, mismatch| ("user", name.to_owned(), mismatch);
        assert_eq!(tcp(2223, "payroll 2223/tcp\n"), user("payroll", None));
        assert_eq!(tcp(2224, "ssh 2224/tcp\n"), user("ssh", None));
        assert_eq!(tcp(2225, "http 2225/tcp\n"), user("http", Some("user")));
        // What the user says it speaks counts, whatever it is called.
        assert_eq!(tcp(2226, "payroll 2226/tcp protocol=tls\n"), user("payroll", Some("user")));
        assert_eq!(tcp(2227, "192.0.2.10 2227/tcp http protocol=ssh # ours\n"), user("http", None));
    }

    #[test]
    fn what_says_nothing_leaves_the_registry() {
        let silent = [&b"\xee\xee\xee"[..], b"\xee\xee\xee"];
        let told = named(TransportProtocol::TCP, 2222, silent, "");
        assert_eq!(told, ("registered", "EtherNet-IP-1".to_owned(), None));
        // `220 ready` may be SMTP or FTP: it confirms the port's own name, and gives no other port one.
        let greeting = [&b""[..], b"220 ready\r\n"];
        assert_eq!(named(TransportProtocol::TCP, 21, greeting, "").0, "payload");
        assert_eq!(named(TransportProtocol::TCP, 2222, greeting, "").0, "registered");
    }
}
