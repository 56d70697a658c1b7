//! What pppd's option `record` writes, and pppdump(8) reads: the octets sent and received over a serial line, with the
//! byte stuffing of RFC 1662.

use super::{Blocks, LIMIT, Step, u16_at};
use crate::savefile::octets::Order;

/// LINKTYPE_PPP_WITH_DIR: an octet of direction (0 received, 1 sent), and the frame.
const PPP_WITH_DIR: u16 = 204;

const SENT: u8 = 1;
const RECEIVED: u8 = 2;
const END_OF_SENT: u8 = 3;
const END_OF_RECEIVED: u8 = 4;
/// Tenths of a second since the record before, 32 bits.
const LATER: u8 = 5;
/// The same in 8 bits.
const SOON: u8 = 6;
/// Seconds since 1970.
const TIME: u8 = 7;

/// The time, and the frames under way, received and sent.
#[derive(Debug, Default)]
pub(crate) struct Pppdump {
    tenths: u64,
    lines: [Line; 2],
}

#[derive(Debug, Default)]
struct Line {
    frame: Vec<u8>,
    escaped: bool,
}

impl Pppdump {
    /// Whether a file that begins so is one: a time comes first, and all records at hand follow each other.
    pub(super) fn recognises(head: &[u8]) -> bool {
        let (mut rest, mut records) = (head, 0);
        let recent = Order::Big.u32_at(head, 1).is_some_and(|seconds| seconds >= 631_152_000);
        if head.first() != Some(&TIME) || !recent {
            return false;
        }
        while !rest.is_empty() {
            let Some(length) = length(rest) else { return rest.len() < 3 && records > 1 };
            rest = rest.get(length..).unwrap_or_default();
            records += 1;
        }
        records > 1
    }

    pub(super) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        let Some(&kind) = octets.first() else { return Ok(Step::Needs(1, "a record")) };
        let Some(length) = length(octets) else {
            return match kind {
                SENT | RECEIVED => Ok(Step::Needs(3, "a record header")),
                _ => Err(format!("record of kind {kind}; 1 to 7 are known")),
            };
        };
        let Some(record) = octets.get(..length) else { return Ok(Step::Needs(length, "a record")) };
        let number = || Order::Big.u32_at(record, 1).map_or(0, u64::from);
        match kind {
            SENT | RECEIVED => self.data(kind == SENT, &record[3..], out)?,
            SOON => self.tenths = self.tenths.saturating_add(record[1].into()),
            LATER => self.tenths = self.tenths.saturating_add(number()),
            TIME => self.tenths = number() * 10,
            _ => {}
        }
        Ok(Step::Taken(length as u64))
    }

    fn data(&mut self, sent: bool, octets: &[u8], out: &mut Blocks) -> Result<(), String> {
        let line = &mut self.lines[usize::from(sent)];
        for &octet in octets {
            match octet {
                0x7e => {
                    if !line.frame.is_empty() {
                        let original = line.frame.len() as u32 + 1;
                        out.packet(
                            PPP_WITH_DIR,
                            self.tenths.into(),
                            original,
                            &[&[sent.into()], &line.frame],
                        );
                    }
                    line.frame.clear();
                    line.escaped = false;
                }
                0x7d if !line.escaped => line.escaped = true,
                _ if line.frame.len() >= LIMIT as usize => {
                    return Err(format!("a frame of more than {LIMIT} octets"));
                }
                _ => {
                    line.frame.push(if line.escaped { octet ^ 0x20 } else { octet });
                    line.escaped = false;
                }
            }
        }
        Ok(())
    }
}

/// The octets of the record that begins here; `None` where its kind is not known, or its length not there.
fn length(octets: &[u8]) -> Option<usize> {
    match *octets.first()? {
        SENT | RECEIVED => Some(3 + usize::from(u16_at(Order::Big, octets, 1)?)),
        END_OF_SENT | END_OF_RECEIVED => Some(1),
        SOON => Some(2),
        LATER | TIME => Some(5),
        _ => None,
    }
}
