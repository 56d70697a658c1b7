//! Capture filters: compiled by libpcap, applied here to the frames of files and pipes.

use pcap::{Capture, Linktype};

use super::{Accept, Error};
use crate::packet::{Frame, LinkType};

/// A capture filter in libpcap's language (pcap-filter(7)).
///
/// A filter is compiled for a link type, so each link type met gets its own program, when it is first met.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    programs: Vec<(LinkType, Program)>,
}

impl Filter {
    /// Takes a filter; the empty one lets everything pass.
    ///
    /// # Errors
    /// [`Error::Filter`] where it compiles for none of the common link types.
    ///
    /// ```
    /// use portolan::{capture::Filter, packet::{Frame, LinkType}};
    ///
    /// let mut filter = Filter::new("ether proto 0x0806 and len > 40")?;
    /// let octets = [&[0xff; 12][..], &[0x08, 0x06], &[0; 28]].concat();
    /// let frame = Frame {
    ///     number: 1, time: None, interface: 0, link: LinkType::ETHERNET, octets: &octets, original_len: 60,
    /// };
    /// assert!(filter.matches(&frame)?);
    /// assert!(Filter::new("port http(").is_err());
    /// # Ok::<(), portolan::capture::Error>(())
    /// ```
    pub fn new(text: &str) -> Result<Self, Error> {
        // Ethernet, raw IP, IEEE 802.11 with radiotap, Linux cooked: a filter may make sense for one only.
        const COMMON: [u16; 4] = [1, 101, 127, 113];
        let mut first = None;
        for link in COMMON.map(LinkType) {
            match Program::compile(text, link) {
                Ok(program) => {
                    return Ok(Self { text: text.to_owned(), programs: vec![(link, program)] });
                }
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        Err(error(text, first.unwrap_or_default()))
    }

    /// Whether the frame passes.
    ///
    /// As in libpcap, what a filter asks of octets that were not captured makes it fail, and `len` is the
    /// length on the wire.
    ///
    /// # Errors
    /// [`Error::Filter`] where the filter does not compile for the frame's link type.
    pub fn matches(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        let known = self.programs.iter().position(|(link, _)| *link == frame.link);
        let index = match known {
            Some(index) => index,
            None => {
                let program = Program::compile(&self.text, frame.link)
                    .map_err(|reason| error(&self.text, format!("link type {}: {reason}", frame.link)))?;
                self.programs.push((frame.link, program));
                self.programs.len() - 1
            }
        };
        Ok(self.programs[index].1.accepts(frame.octets, frame.original_len))
    }

    /// The filter as a job takes it.
    pub fn accept(mut self) -> Box<Accept> {
        Box::new(move |frame| self.matches(frame))
    }
}

fn error(filter: &str, reason: String) -> Error {
    Error::Filter { filter: filter.to_owned(), reason }
}

/// The data link type libpcap works with; it differs from the one in files for some old types.
pub(super) fn to_data_link(link: LinkType) -> Linktype {
    Linktype(
        FILE_AND_LIBRARY.iter().find(|(file, _)| *file == link.0).map_or(i32::from(link.0), |pair| pair.1),
    )
}

/// The link type that files have for one of libpcap's data link types.
pub(super) fn from_data_link(link: Linktype) -> LinkType {
    let found = FILE_AND_LIBRARY.iter().find(|(_, library)| *library == link.0);
    LinkType(found.map_or(link.0 as u16, |pair| pair.0))
}

/// LINKTYPE_* and DLT_* values that differ: ATM (RFC 1483), raw IP, SLIP and PPP of BSD/OS, Classical IP over ATM.
const FILE_AND_LIBRARY: [(u16, i32); 5] = [(100, 11), (101, 12), (102, 15), (103, 16), (106, 19)];

/// A program of the BSD packet filter (McCanne and Jacobson 1993), run here.
///
/// The `pcap` crate can run one, but with the captured length in place of the original one.
#[derive(Clone, Debug)]
struct Program(Vec<Instruction>);

#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    k: u32,
}

impl Program {
    fn compile(text: &str, link: LinkType) -> Result<Self, String> {
        let capture = Capture::dead(to_data_link(link)).map_err(|error| error.to_string())?;
        let program = capture.compile(text, true).map_err(reason)?;
        // The fields of an instruction are shown in its text only.
        let parse = |text: String| {
            let mut fields = text.split(' ');
            Some(Instruction {
                code: fields.next()?.parse().ok()?,
                jump_true: fields.next()?.parse().ok()?,
                jump_false: fields.next()?.parse().ok()?,
                k: fields.next()?.parse().ok()?,
            })
        };
        let instructions =
            program.get_instructions().iter().map(|instruction| parse(instruction.to_string()));
        instructions
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| "libpcap's program cannot be read".to_owned())
    }

    /// Runs the program. All jumps go forward, so it ends; a load beyond the octets ends it with `false`.
    fn accepts(&self, octets: &[u8], original_len: u32) -> bool {
        self.run(octets, original_len).is_some_and(|kept| kept != 0)
    }

    /// What the program returns: how many octets to keep.
    fn run(&self, octets: &[u8], original_len: u32) -> Option<u32> {
        let (mut a, mut x, mut memory) = (0_u32, 0_u32, [0_u32; 16]);
        let mut next = 0_usize;
        loop {
            let Instruction { code, jump_true, jump_false, k } = *self.0.get(next)?;
            next += 1;
            match code & 0x07 {
                // Load into A or X.
                class @ (0 | 1) => {
                    let value = match code & 0xe0 {
                        0x00 => k,
                        0x20 => load(octets, k, code & 0x18)?,
                        0x40 => load(octets, x.checked_add(k)?, code & 0x18)?,
                        0x60 => *memory.get(k as usize)?,
                        0x80 => original_len,
                        // Four times a low nibble: the length of an IPv4 header.
                        _ => (load(octets, k, 0x10)? & 0xf) * 4,
                    };
                    *(if class == 0 { &mut a } else { &mut x }) = value;
                }
                2 => *memory.get_mut(k as usize)? = a,
                3 => *memory.get_mut(k as usize)? = x,
                4 => {
                    let operand = if code & 0x08 == 0 { k } else { x };
                    a = match code & 0xf0 {
                        0x00 => a.wrapping_add(operand),
                        0x10 => a.wrapping_sub(operand),
                        0x20 => a.wrapping_mul(operand),
                        0x30 => a.checked_div(operand)?,
                        0x40 => a | operand,
                        0x50 => a & operand,
                        0x60 => a.checked_shl(operand).unwrap_or(0),
                        0x70 => a.checked_shr(operand).unwrap_or(0),
                        0x80 => a.wrapping_neg(),
                        0x90 => a.checked_rem(operand)?,
                        0xa0 => a ^ operand,
                        _ => return None,
                    };
                }
                5 => {
                    let operand = if code & 0x08 == 0 { k } else { x };
                    let holds = match code & 0xf0 {
                        0x00 => {
                            next = next.checked_add(k as usize)?;
                            continue;
                        }
                        0x10 => a == operand,
                        0x20 => a > operand,
                        0x30 => a >= operand,
                        0x40 => a & operand != 0,
                        _ => return None,
                    };
                    next += usize::from(if holds { jump_true } else { jump_false });
                }
                6 => return Some(if code & 0x18 == 0x10 { a } else { k }),
                _ if code & 0x80 == 0 => x = a,
                _ => a = x,
            }
        }
    }
}

/// A number in network byte order; `size` is 0 for four octets, 0x08 for two, 0x10 for one.
fn load(octets: &[u8], at: u32, size: u16) -> Option<u32> {
    let rest = octets.get(at as usize..)?;
    match size {
        0x00 => rest.first_chunk().map(|word| u32::from_be_bytes(*word)),
        0x08 => rest.first_chunk().map(|half| u32::from(u16::from_be_bytes(*half))),
        _ => rest.first().map(|&octet| u32::from(octet)),
    }
}

/// What libpcap says, without the crate's own words before it.
pub(super) fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, IPv4 192.0.2.1 > 192.0.2.2, UDP 1024 > 53, four octets.
    const DNS_QUERY: &[u8] = &[
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, //
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, //
        4, 0, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4,
    ];

    fn frame(octets: &[u8], link: LinkType, original_len: u32) -> Frame<'_> {
        Frame { number: 1, time: None, interface: 0, link, octets, original_len }
    }

    #[test]
    fn matches_what_the_filter_says_for_each_link_type() {
        for (text, expected) in [
            ("", true),
            ("udp port 53", true),
            ("udp dst port 53 and src host 192.0.2.1", true),
            ("udp src port 53", false),
            ("tcp", false),
            ("udp[8] = 1 and udp[8:4] = 0x01020304", true),
            ("udp[8] & 3 * 2 = 0", true),
            ("ip[2:2] / 4 = 8 and ip[2:2] % 5 = 2", true),
            ("ip[8] << 1 = 128 and ip[8] >> 1 = 32 and ip[9] ^ 1 = 16", true),
            ("not (udp and portrange 50-60)", false),
            ("greater 100", false),
            ("less 46", true),
        ] {
            let mut filter = Filter::new(text).unwrap();
            assert_eq!(filter.matches(&frame(DNS_QUERY, LinkType(1), 46)).unwrap(), expected, "{text}");
            if !text.contains("less") {
                // The same packet without its Ethernet header.
                let raw = frame(&DNS_QUERY[14..], LinkType(101), 32);
                assert_eq!(filter.matches(&raw).unwrap(), expected, "{text}");
            }
        }
    }

    #[test]
    fn length_is_the_one_on_the_wire() {
        let cut = frame(&DNS_QUERY[..34], LinkType(1), 1500);
        assert!(Filter::new("len = 1500").unwrap().matches(&cut).unwrap());
        // The ports were not captured.
        assert!(!Filter::new("port 53").unwrap().matches(&cut).unwrap());
    }

    #[test]
    fn refuses_with_the_reason() {
        let text = Filter::new("prot 53").unwrap_err().to_string();
        assert!(text.contains("`prot 53`") && text.contains("syntax error"), "{text}");
        assert!(matches!(Filter::new("tcp\0"), Err(Error::Filter { .. })));
        // Good for IEEE 802.11 only.
        let mut filter = Filter::new("wlan type mgt").unwrap();
        let text = filter.matches(&frame(DNS_QUERY, LinkType(1), 46)).unwrap_err().to_string();
        assert!(text.contains("ethernet"), "{text}");
    }
}
