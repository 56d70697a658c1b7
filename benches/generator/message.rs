//! DNS messages (RFC 1035) and the mDNS messages of devices that announce themselves (RFC 6762, RFC 6763).

use super::flow::ADVERTISED_PORT;
use super::frame::Address;

const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const IN: u16 = 1;
/// The class of a record that is the only one of its name and type (RFC 6762 section 10.2).
const IN_FLUSH: u16 = 0x8001;

/// Time to live of records that hold a host's name, and of the others (RFC 6762 section 10), in seconds.
const HOST_TTL: u32 = 120;
const OTHER_TTL: u32 = 4_500;

/// Time to live of what names a host for a moment, in seconds.
const BRIEF_TTL: u32 = 30;

/// The service types of the devices, device by device in turn.
const TYPES: [&str; 4] = ["_http", "_ipp", "_hap", "_airplay"];

/// A DNS message in the making; its buffer is reused.
#[derive(Debug, Default)]
pub(super) struct Message {
    octets: Vec<u8>,
}

impl Message {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Starts a message: identification, flags, questions and answers; no other section is used.
    fn begin(&mut self, id: u16, flags: u16, questions: u16, answers: u16) {
        self.octets.clear();
        for field in [id, flags, questions, answers, 0, 0] {
            self.u16(field);
        }
    }

    fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends a label, and returns its offset for later pointers.
    fn label(&mut self, text: &str) -> u16 {
        let at = self.octets.len() as u16;
        self.octets.push(text.len() as u8);
        self.octets.extend_from_slice(text.as_bytes());
        at
    }

    /// Appends a label made of `text` and a number.
    fn numbered(&mut self, text: &str, number: u64) -> u16 {
        let at = self.label(text);
        let digits = if number == 0 { 1 } else { number.ilog10() + 1 };
        for digit in (0..digits).rev() {
            self.octets.push(b'0' + (number / 10_u64.pow(digit) % 10) as u8);
        }
        self.octets[usize::from(at)] += digits as u8;
        at
    }

    fn root(&mut self) {
        self.octets.push(0);
    }

    fn pointer(&mut self, at: u16) {
        self.u16(0xc000 | at);
    }

    /// Appends what follows a record's name, with the rdata that `rdata` appends.
    fn record(&mut self, kind: u16, class: u16, ttl: u32, rdata: impl FnOnce(&mut Self)) {
        self.u16(kind);
        self.u16(class);
        self.u32(ttl);
        let at = self.octets.len();
        self.u16(0);
        rdata(self);
        let len = (self.octets.len() - at - 2) as u16;
        self.octets[at..at + 2].copy_from_slice(&len.to_be_bytes());
    }

    /// Appends the question for an address of a numbered host of one domain; where its name is.
    fn question(&mut self, number: u64, kind: u16) -> u16 {
        let name = self.numbered("host", number);
        self.label("example");
        self.label("net");
        self.root();
        self.u16(kind);
        self.u16(IN);
        name
    }

    /// The question for the address of one of ten thousand hosts, or its answer.
    pub(super) fn lookup(&mut self, id: u16, number: u64, answer: bool) {
        let kind = if number.is_multiple_of(3) { AAAA } else { A };
        self.begin(id, if answer { 0x8180 } else { 0x0100 }, 1, u16::from(answer));
        let name = self.question(number % 10_000, kind);
        if answer {
            self.pointer(name);
            self.record(kind, IN, 300, |message| {
                message.u16(0x2001);
                message.u16(2);
                if kind == AAAA {
                    message.octets.extend_from_slice(&[0; 10]);
                    message.u16(number as u16);
                }
            });
        }
    }

    /// The question for the address of a host that has a name of its own, or its answer.
    pub(super) fn lookup_of(&mut self, id: u16, number: u64, address: Address, answer: bool) {
        let kind = if matches!(address, Address::V4(_)) { A } else { AAAA };
        self.begin(id, if answer { 0x8180 } else { 0x0100 }, 1, u16::from(answer));
        let name = self.question(number, kind);
        if answer {
            self.pointer(name);
            self.record(kind, IN, BRIEF_TTL, |message| message.address(address));
        }
    }

    fn address(&mut self, address: Address) {
        match address {
            Address::V4(octets) => self.octets.extend_from_slice(&octets),
            Address::V6(octets) => self.octets.extend_from_slice(&octets),
        }
    }

    /// The question for `host` or an empty answer to it, 22 octets either way.
    pub(super) fn brief(&mut self, id: u16, answer: bool) {
        self.begin(id, if answer { 0x8180 } else { 0x0100 }, 1, 0);
        self.label("host");
        self.root();
        self.u16(A);
        self.u16(IN);
    }

    /// What a device says of itself, unasked: its type, instance, port, attributes and address.
    pub(super) fn announcement(&mut self, device: u64, address: Address) {
        self.presence(device, address, (HOST_TTL, OTHER_TTL));
    }

    /// The same as it goes away, with nothing left to live (RFC 6762 section 10.1).
    pub(super) fn goodbye(&mut self, device: u64, address: Address) {
        self.presence(device, address, (0, 0));
    }

    /// Both, with the times to live of records that hold a host's name and of the others.
    fn presence(&mut self, device: u64, address: Address, (of_host, of_others): (u32, u32)) {
        self.begin(0, 0x8400, 0, 5);
        self.label("_services");
        self.label("_dns-sd");
        self.label("_udp");
        let local = self.label("local");
        self.root();
        let mut kind = 0;
        self.record(PTR, IN, of_others, |message| {
            kind = message.label(TYPES[device as usize % TYPES.len()]);
            message.label("_tcp");
            message.pointer(local);
        });

        let mut instance = 0;
        self.pointer(kind);
        self.record(PTR, IN, of_others, |message| {
            instance = message.numbered("Device ", device);
            message.pointer(kind);
        });

        let mut host = 0;
        self.pointer(instance);
        self.record(SRV, IN_FLUSH, of_host, |message| {
            message.u16(0);
            message.u16(0);
            message.u16(ADVERTISED_PORT);
            host = message.numbered("device-", device);
            message.pointer(local);
        });

        self.pointer(instance);
        self.record(TXT, IN_FLUSH, of_others, |message| {
            message.label("txtvers=1");
            message.label("path=/");
        });

        self.pointer(host);
        let kind = if matches!(address, Address::V4(_)) { A } else { AAAA };
        self.record(kind, IN_FLUSH, of_host, |message| message.address(address));
    }

    /// The question for all instances of a type, with one known answer (RFC 6762 section 7.1).
    pub(super) fn browse(&mut self, device: u64, round: u64) {
        let sought = device + round;
        self.begin(0, 0, 1, 1);
        let kind = self.label(TYPES[sought as usize % TYPES.len()]);
        self.label("_tcp");
        self.label("local");
        self.root();
        self.u16(PTR);
        self.u16(IN);
        self.pointer(kind);
        self.record(PTR, IN, OTHER_TTL / 2, |message| {
            message.numbered("Device ", sought % 8);
            message.pointer(kind);
        });
    }
}
