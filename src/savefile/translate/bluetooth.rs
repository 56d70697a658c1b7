//! Logs of a Bluetooth host controller interface: btsnoop (Android, `btmon -w`) and BlueZ's `hcidump -w`.

use super::{Blocks, LIMIT, Step, beyond_limit, short_header, u16_at};
use crate::savefile::octets::Order;

pub(super) const BTSNOOP: &[u8] = b"btsnoop\0";
const HEADER_LEN: usize = 16;
const RECORD_LEN: usize = 24;
/// 1970 in the file's microseconds, which count from what its makers took for the year 0.
const EPOCH: i128 = 0x00dc_ddb3_0f2f_8000;

/// LINKTYPE_BLUETOOTH_HCI_H4_WITH_PHDR: four octets of direction, big-endian, and the packet with its type.
const H4_WITH_PHDR: u16 = 201;
/// LINKTYPE_BLUETOOTH_LINUX_MONITOR: adapter and operation, each 16 bits, big-endian.
const LINUX_MONITOR: u16 = 254;

/// Packets that a btsnoop file holds.
#[derive(Debug, PartialEq, Eq)]
enum Datalink {
    /// Without the octet that says what they are (1001).
    H1,
    /// With it (1002).
    H4,
    /// Those of the Linux monitor (2001).
    Monitor,
}

/// btsnoop: as snoop (RFC 1761), with flags and a time of 64 bits.
#[derive(Debug)]
pub(crate) struct Btsnoop {
    datalink: Datalink,
    header_left: usize,
}

impl Btsnoop {
    pub(super) fn new(head: &[u8]) -> Result<Self, String> {
        let number =
            |at| Order::Big.u32_at(head, at).ok_or_else(|| short_header("btsnoop", HEADER_LEN, head.len()));
        let (version, datalink) = (number(8)?, number(12)?);
        if version != 1 {
            return Err(format!("btsnoop version {version} is not known; 1 is"));
        }
        let datalink = match datalink {
            1001 => Datalink::H1,
            1002 => Datalink::H4,
            2001 => Datalink::Monitor,
            _ => {
                return Err(format!("btsnoop datalink type {datalink} is not read; 1001, 1002 and 2001 are"));
            }
        };
        Ok(Self { datalink, header_left: HEADER_LEN })
    }

    pub(super) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        if self.header_left > 0 {
            self.header_left = 0;
            return Ok(Step::Taken(HEADER_LEN as u64));
        }
        let Some((header, rest)) = octets.split_at_checked(RECORD_LEN) else {
            return Ok(Step::Needs(RECORD_LEN, "a record header"));
        };
        // Original length, captured length, flags, drops, microseconds.
        let [original, captured, flags, _, high, low] = Order::Big.words(header);
        if captured > LIMIT {
            return Err(beyond_limit(captured));
        }
        let Some(packet) = rest.get(..captured as usize) else {
            return Ok(Step::Needs(RECORD_LEN + captured as usize, "a record"));
        };
        let time = (u64::from(high) << 32 | u64::from(low)).cast_signed();
        let ticks = i128::from(time) - EPOCH;
        let received = u32::from(flags & 1 != 0).to_be_bytes();
        match self.datalink {
            Datalink::Monitor => {
                out.packet(LINUX_MONITOR, ticks, original.saturating_add(4), &[&flags.to_be_bytes(), packet]);
            }
            Datalink::H4 => out.packet(H4_WITH_PHDR, ticks, original.saturating_add(4), &[&received, packet]),
            Datalink::H1 => {
                // The flags tell sent from received, and commands and events from data.
                let kind = match flags & 3 {
                    2 => 1,
                    3 => 4,
                    _ => 2,
                };
                out.packet(H4_WITH_PHDR, ticks, original.saturating_add(5), &[&received, &[kind], packet]);
            }
        }
        Ok(Step::Taken((RECORD_LEN + packet.len()) as u64))
    }
}

/// hcidump: records without a file header.
#[derive(Debug)]
pub(crate) struct Hcidump;

/// Length, direction, an octet of padding, seconds, microseconds.
const DUMP_LEN: usize = 12;

impl Hcidump {
    /// Whether a file that begins so is one: it has no magic number, so all records that are at hand must be sound.
    pub(super) fn recognises(head: &[u8]) -> bool {
        let mut rest = head;
        let mut before = None;
        while let Some((header, behind)) = rest.split_at_checked(DUMP_LEN) {
            let Some((length, seconds)) = Self::header(header) else { return false };
            let near = before.is_none_or(|before: u32| before.abs_diff(seconds) < 86_400 * 366);
            // A kind of packet that there is, and no length that none has.
            let known = behind.first().is_none_or(|kind| matches!(kind, 1..=5 | 0xff));
            if !near || !known || !(2..=4096).contains(&length) || seconds < 631_152_000 {
                return false;
            }
            before = Some(seconds);
            rest = behind.get(usize::from(length)..).unwrap_or_default();
        }
        before.is_some()
    }

    fn header(header: &[u8]) -> Option<(u16, u32)> {
        let length = u16_at(Order::Little, header, 0)?;
        let [seconds, microseconds] = Order::Little.words(header.get(4..12)?);
        (header[2] <= 1 && microseconds < 1_000_000).then_some((length, seconds))
    }

    pub(super) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        let Some((header, rest)) = octets.split_at_checked(DUMP_LEN) else {
            return Ok(Step::Needs(DUMP_LEN, "a record header"));
        };
        let Some((length, seconds)) = Self::header(header) else {
            return Err("record has a direction or microseconds that cannot be".to_owned());
        };
        let Some(packet) = rest.get(..length.into()) else {
            return Ok(Step::Needs(DUMP_LEN + usize::from(length), "a record"));
        };
        let microseconds = Order::Little.u32_at(header, 8).unwrap_or_default();
        let ticks = i128::from(u64::from(seconds) * 1_000_000 + u64::from(microseconds));
        let direction = u32::from(header[2]).to_be_bytes();
        out.packet(H4_WITH_PHDR, ticks, u32::from(length) + 4, &[&direction, packet]);
        Ok(Step::Taken((DUMP_LEN + packet.len()) as u64))
    }
}
