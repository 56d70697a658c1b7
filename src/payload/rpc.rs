//! Sun RPC (RFC 5531 sections 9 and 11) and its programs.

use super::protocol::Protocol;
use super::reader::{Reader, check};
use super::sight::{Said, Sight};

/// Sun RPC over UDP.
pub(super) fn sunrpc(sight: Sight<'_>) -> Option<Said> {
    message(sight.reader())
}

/// Sun RPC over TCP: behind a record mark.
pub(super) fn sunrpc_tcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    record_mark(&mut reader)?;
    message(reader)
}

/// The length of a fragment in the low 31 bits; the top bit marks the last one.
fn record_mark(reader: &mut Reader<'_>) -> Option<()> {
    let len = reader.u32()? & 0x7fff_ffff;
    check((24..=1 << 24).contains(&len))
}

/// The program that a call is for.
struct Call {
    program: u32,
}

impl Call {
    /// Reads a call up to its credential; the transaction was read.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        check(reader.u32()? == 2)?;
        let program = reader.u32()?;
        // Transient numbers begin at 0x40000000, and are used from there (RFC 5531 section 13). Four letters
        // are none: the reference of NTP may stand here, as in `INIT`.
        check((100_000..0x4001_0000).contains(&program))?;
        check(reader.u32()? < 1_024 && reader.u32()? < 1_024)?;
        check(is_flavor(reader.u32()?) && reader.u32()? <= 400)?;
        Some(Self { program })
    }
}

/// Flavors of credentials and verifiers, RPCSEC_GSS and its pseudo flavors included.
fn is_flavor(flavor: u32) -> bool {
    flavor <= 7 || (300_000..=400_010).contains(&flavor)
}

fn message(mut reader: Reader<'_>) -> Option<Said> {
    let transaction = reader.u32()?;
    match reader.u32()? {
        0 => {
            Call::read(&mut reader)?;
            Some(Said::CLIENT)
        }
        1 => {
            check(transaction != 0)?;
            match reader.u32()? {
                0 => {
                    let (flavor, len) = (reader.u32()?, reader.u32()?);
                    check(flavor <= 7 && len <= 400 && len.is_multiple_of(4))?;
                    reader.skip(len as usize)?;
                    check(reader.u32()? <= 5)?;
                    Some(Said::SERVER)
                }
                // Denied: wrong version, or a credential that is not accepted.
                1 => {
                    check(reader.u32()? <= 1)?;
                    Some(Said::SERVER_WEAK)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The number of the program that the client's first call is for.
///
/// `is_stream` tells whether a record mark stands before the call.
pub(super) fn program(sight: Sight<'_>, is_stream: bool) -> Option<u32> {
    let mut reader = sight.reader();
    if is_stream {
        record_mark(&mut reader)?;
    }
    reader.skip(4)?;
    check(reader.u32()? == 0)?;
    Some(Call::read(&mut reader)?.program)
}

/// The word for a program of Sun RPC (IANA "RPC Program Numbers"); the port mapper is Sun RPC's own.
pub fn program_word(number: u32) -> Option<Protocol> {
    Some(match number {
        100_000 => Protocol::SUNRPC,
        100_001 => Protocol::RSTATD,
        100_002 => Protocol::RUSERSD,
        100_003 => Protocol::NFS,
        100_004 => Protocol::YPSERV,
        100_005 => Protocol::MOUNTD,
        100_007 => Protocol::YPBIND,
        100_008 => Protocol::WALLD,
        100_009 => Protocol::YPPASSWDD,
        100_011 => Protocol::RQUOTAD,
        100_021 => Protocol::NLOCKMGR,
        100_024 => Protocol::STATUS,
        100_227 => Protocol::NFS_ACL,
        150_001 => Protocol::PCNFSD,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn calls_and_replies() {
        let call = words(&[7, 0, 2, 100_000, 2, 3, 0, 0, 0, 0]);
        client(UDP, Protocol::SUNRPC, &call);
        client(TCP, Protocol::SUNRPC, &[words(&[0x8000_0028]), call].concat());
        server(UDP, Protocol::SUNRPC, &words(&[7, 1, 0, 0, 0, 0]));
        weak(UDP, Protocol::SUNRPC, &words(&[7, 1, 1, 1, 2]));
        nothing(UDP, &words(&[7, 0, 3, 100_000, 2, 3, 0, 0, 0, 0]));
        nothing(UDP, &words(&[7, 0, 2, 99_999, 2, 3, 0, 0, 0, 0]));
        nothing(UDP, &words(&[0, 1, 0, 0, 0, 0]));
        nothing(UDP, &words(&[7, 0, 2, u32::from_be_bytes(*b"INIT"), 2, 3, 0, 0, 0, 0]));
    }

    #[test]
    fn the_program_is_a_layer_and_the_service() {
        let verdict = alone(UDP, &words(&[7, 0, 2, 100_005, 3, 0, 0, 0, 0, 0]));
        assert_eq!(verdict.service(), Some("mountd"));
        assert!(verdict.layers.iter().eq([Protocol::SUNRPC, Protocol::MOUNTD]));
        let verdict = alone(UDP, &words(&[7, 0, 2, 100_000, 3, 0, 0, 0, 0, 0]));
        assert_eq!((verdict.service(), verdict.layers.is_empty()), (Some("sunrpc"), true));
        let verdict = alone(UDP, &words(&[7, 0, 2, 300_019, 3, 0, 0, 0, 0, 0]));
        assert_eq!((verdict.service(), verdict.layers.is_empty()), (Some("sunrpc"), true));
    }
}
