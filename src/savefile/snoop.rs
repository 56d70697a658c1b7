//! The snoop file format of Solaris (RFC 1761).

use crate::packet::{Interface, LinkType, Located, Timestamp};
use crate::savefile::{
    octets::Order,
    walk::{Piece, Stop, Walked},
};

const MAGIC: [u8; 8] = *b"snoop\0\0\0";
const FILE_HEADER_LEN: usize = 16;
const RECORD_HEADER_LEN: usize = 24;

/// What a snoop file header says, and how far it has been walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walker {
    interface: Interface,
    limit: u32,
    /// Octets of file header still to pass.
    header_left: usize,
}

impl Walker {
    /// Whether a file that begins so is a snoop file.
    pub(crate) fn recognises(head: &[u8]) -> bool {
        head.starts_with(&MAGIC)
    }

    /// Reads the file header.
    ///
    /// # Errors
    /// The reason why the file cannot be read.
    pub(crate) fn new(head: &[u8]) -> Result<Self, String> {
        let cut = || {
            format!(
                "the snoop file header of {FILE_HEADER_LEN} octets is cut short: {} are there",
                head.len()
            )
        };
        let version = Order::Big.u32_at(head, 8).ok_or_else(cut)?;
        let datalink = Order::Big.u32_at(head, 12).ok_or_else(cut)?;
        if version != 2 {
            return Err(format!("snoop version {version} is not known; 2 is"));
        }
        // RFC 1761 section 5, and what Solaris added; LINKTYPE_* values.
        let link = match datalink {
            // IEEE 802.3 and Ethernet.
            0 | 4 => LinkType(1),
            // IEEE 802.5.
            2 => LinkType(6),
            // FDDI.
            8 => LinkType(10),
            // IP over InfiniBand.
            26 => LinkType(242),
            _ => return Err(format!("snoop datalink type {datalink} is not known")),
        };
        let interface = Interface { link, snap_len: 0, name: None, fcs_len: None };
        Ok(Self { interface, limit: link.longest_packet(), header_left: FILE_HEADER_LEN })
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    /// See [`super::walk::Walker::walk`].
    pub(crate) fn walk(&mut self, piece: &Piece<'_>, frames: &mut Vec<Located>) -> Walked {
        let &Piece { octets, until, eof } = piece;
        let mut at = 0;
        if self.header_left > 0 {
            if octets.len() < self.header_left {
                return Walked::short(0, self.header_left, octets.len(), eof, "the file header");
            }
            at = self.header_left;
            self.header_left = 0;
        }
        while at < until {
            let rest = &octets[at..];
            let Some(header) = rest.first_chunk::<RECORD_HEADER_LEN>() else {
                return Walked::short(at, RECORD_HEADER_LEN, rest.len(), eof, "a record header");
            };
            // Original length, captured length, record length, drops, seconds, microseconds.
            let [original, captured, length, _, seconds, microseconds] =
                std::array::from_fn(|field| Order::Big.u32_at(header, field * 4).unwrap_or_default());
            if captured > self.limit {
                let reason =
                    format!("record says {captured} captured octets, more than the limit of {}", self.limit);
                return Walked::damaged(at, reason);
            }
            let least = RECORD_HEADER_LEN as u32 + captured;
            // The padding is there for alignment; a kilobyte of it is generous.
            if length < least || length - least > 1024 {
                let reason =
                    format!("record says {length} octets, its header and frame have {least} before padding");
                return Walked::damaged(at, reason);
            }
            if length as usize > rest.len() {
                return Walked::short(at, length as usize, rest.len(), eof, "a record");
            }
            frames.push(Located {
                time: Some(Timestamp(
                    u64::from(seconds) * Timestamp::SECOND + u64::from(microseconds) * 1_000,
                )),
                record: at as u32,
                offset: (at + RECORD_HEADER_LEN) as u32,
                captured_len: captured,
                original_len: original,
                interface: 0,
                link: self.interface.link,
            });
            at += length as usize;
        }
        Walked { consumed: at, stop: Stop::Reached }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn record(original: u32, octets: &[u8], padding: usize) -> Vec<u8> {
        let length = (RECORD_HEADER_LEN + octets.len() + padding) as u32;
        let header = [original, octets.len() as u32, length, 0, 1_000_000_000, 999_999];
        [header.map(u32::to_be_bytes).concat(), octets.to_vec(), vec![0; padding]].concat()
    }

    fn header(datalink: u32) -> Vec<u8> {
        [&MAGIC[..], &2_u32.to_be_bytes(), &datalink.to_be_bytes()].concat()
    }

    #[test]
    fn reads_records_and_passes_their_padding() {
        let file = [header(4), record(60, b"abc", 1), record(5, b"abcde", 3)].concat();
        let whole = read(&file, 5);
        let time = Some(1_000_000_000_999_999_000);
        assert_eq!(whole.frames, [seen(time, 0, 1, b"abc", 60), seen(time, 0, 1, b"abcde", 5)]);
        assert_eq!(whole.octets, file);
        survives_cuts_and_flips(&file, 16);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert_eq!(
            read(&header(3), 9).reason(),
            "test: packet 1, offset 0: snoop datalink type 3 is not known"
        );
        let mut file = [header(4), record(60, b"abc", 1)].concat();
        file[27] = 20;
        assert_eq!(
            read(&file, usize::MAX).reason(),
            "test: packet 1, offset 16: record says 20 octets, its header and frame have 27 before padding"
        );
    }
}
