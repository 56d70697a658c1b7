//! The name that the first datagrams of a direction tell: a ClientHello in QUIC's Initial packets, or in DTLS.

use super::gathered::Gathered;
use super::hello::Hello;
use super::names::Progress;
use super::quic_initial::{ConnectionId, Initials, crypto};
use super::reader::{Reader, check};
use super::server_name::ToldBy;
use super::stream_names::told_by;

/// Reads the datagrams of one direction until the name is told, or cannot be any more.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct DatagramNames {
    form: Form,
    /// The handshake: in QUIC the stream of all, in DTLS one message.
    gathered: Gathered,
    /// How many datagrams may come yet.
    left: u8,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Form {
    /// QUIC: the id that the keys of the last packet which could be opened follow from, and how often opening one may
    /// still be tried.
    Quic { id: Option<ConnectionId>, tries: u8 },
    /// DTLS: number of the message under way, and its length.
    Dtls(Option<(u16, usize)>),
}

impl DatagramNames {
    /// Whether a reader that comes from a file reads on without harm.
    pub(super) fn is_sound(&self) -> bool {
        let form = match self.form {
            Form::Quic { tries, .. } => tries <= Self::TRIES,
            Form::Dtls(message) => message.is_none_or(|(_, len)| len <= 1 << 24),
        };
        form && self.left <= Self::MOST && self.gathered.is_sound()
    }

    /// Most datagrams that are waited for.
    const MOST: u8 = 16;

    /// Most tries to open packets of QUIC.
    const TRIES: u8 = 32;

    /// Most tries before one could be opened: whoever forges packets is not waited for.
    const VAIN: u8 = 4;

    /// A reader for datagrams that begin with this one; `None` where they can tell no name.
    pub(super) fn begin(octets: &[u8]) -> Option<Self> {
        let is_quic = Initials(octets).next().is_some_and(|initial| initial.to.may_be_first());
        let form = match is_quic {
            true => Form::Quic { id: None, tries: Self::TRIES },
            false if Fragments(octets).next()?.kind == 1 => Form::Dtls(None),
            false => return None,
        };
        Some(Self { form, gathered: Gathered::default(), left: Self::MOST })
    }

    /// Whether a datagram may follow on what begins a reader, and something else on it: QUIC's packets with long headers, and
    /// fragments of DTLS's ClientHello.
    pub(super) fn may_go_on(octets: &[u8]) -> bool {
        octets.first().is_some_and(|first| first & 0x80 != 0)
            || Fragments(octets).next().is_some_and(|fragment| fragment.kind == 1)
    }

    /// Adds a datagram.
    pub(super) fn datagram(&mut self, octets: &[u8]) -> Progress {
        let Some(left) = self.left.checked_sub(1) else { return Progress::Nothing };
        self.left = left;
        let (goes_on, by) = match &mut self.form {
            Form::Quic { id, tries } => (quic(octets, id, tries, &mut self.gathered), ToldBy::Quic),
            Form::Dtls(message) => (dtls(octets, message, &mut self.gathered), ToldBy::Tls),
        };
        let progress = self.look(by);
        match (progress, goes_on) {
            (Progress::More, None) => Progress::Nothing,
            (progress, _) => progress,
        }
    }

    /// Looks at the hello, as far as it is there.
    fn look(&self, by: ToldBy) -> Progress {
        let whole = self.gathered.whole();
        // Of DTLS, what is gathered has no header of TLS; the length of the message is known.
        let (needed, is_hello) = match self.form {
            Form::Dtls(None) => return Progress::More,
            Form::Dtls(Some((_, len))) => (len, true),
            Form::Quic { .. } => {
                let Some(&[kind, high, middle, low]) = whole.first_chunk() else { return Progress::More };
                (u32::from_be_bytes([0, high, middle, low]) as usize + 4, kind == 1)
            }
        };
        if !is_hello || needed > Hello::LIMIT {
            return Progress::Nothing;
        }
        let Some(message) = whole.get(..needed) else { return Progress::More };
        let hello = match self.form {
            Form::Dtls(_) => Hello::read_datagram(message),
            Form::Quic { .. } => Hello::read(message),
        };
        hello.map_or(Progress::Nothing, |hello| told_by(&hello, by))
    }
}

/// Opens the Initial packets of a datagram; `None` where no other follows.
///
/// The keys follow from the id to which the client sent its first packet, or its first one after a Retry (RFC 9000
/// section 17.2.5.2), so both the one known and the packet's own may fit. Only what was protected with them counts.
fn quic(octets: &[u8], id: &mut Option<ConnectionId>, tries: &mut u8, gathered: &mut Gathered) -> Option<()> {
    // A short header: the client is through with its hello.
    check(octets.first()? & 0x80 != 0)?;
    let mut scratch = Vec::new();
    for initial in Initials(octets) {
        let own = Some(initial.to).filter(|own| own.may_be_first() && *id != Some(*own));
        for candidate in [*id, own].into_iter().flatten() {
            *tries = tries.checked_sub(1)?;
            check(id.is_some() || *tries >= DatagramNames::TRIES - DatagramNames::VAIN)?;
            if let Some(frames) = initial.open(&candidate, &mut scratch) {
                *id = Some(candidate);
                if crypto(frames, |_, _| {}).is_some() {
                    crypto(frames, |at, octets| gathered.put(at, octets));
                }
                break;
            }
        }
    }
    Some(())
}

/// Gathers the fragments of a ClientHello in a datagram; `None` where no other follows.
fn dtls(octets: &[u8], message: &mut Option<(u16, usize)>, gathered: &mut Gathered) -> Option<()> {
    let mut fragments = Fragments(octets);
    for fragment in &mut fragments {
        check(fragment.kind == 1)?;
        let number = (fragment.number, fragment.total + 4);
        if *message != Some(number) {
            // The client says it again, with the cookie that it was asked for.
            *message = Some(number);
            *gathered = Gathered::default();
            let [_, high, middle, low] = (fragment.total as u32).to_be_bytes();
            gathered.put(0, &[1, high, middle, low]);
        }
        gathered.put(fragment.at + 4, fragment.octets);
    }
    check(fragments.0.is_empty())
}

/// The fragments of handshake messages in a datagram (RFC 6347 sections 4.1 and 4.2.2, RFC 9147 section 4): it ends
/// with what is none, and is empty behind the last.
struct Fragments<'a>(&'a [u8]);

struct Fragment<'a> {
    kind: u8,
    total: usize,
    number: u16,
    at: usize,
    octets: &'a [u8],
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Fragment<'a>;

    fn next(&mut self) -> Option<Fragment<'a>> {
        let mut reader = Reader::new(self.0);
        let (kind, version, epoch) = (reader.u8()?, reader.u16()?, reader.u16()?);
        check(kind == 22 && matches!(version, 0xfeff | 0xfefd) && epoch == 0)?;
        reader.skip(6)?;
        let len = reader.u16()?;
        let mut record = Reader::new(reader.take(usize::from(len))?);
        let (kind, total, number) = (record.u8()?, record.u24()?, record.u16()?);
        let (at, len) = (record.u24()?, record.u24()?);
        check(at.checked_add(len)? <= total)?;
        // A client's first flight has one message, which has a record of its own or several.
        let octets = record.take(len as usize)?;
        check(record.rest().is_empty())?;
        self.0 = reader.rest();
        Some(Fragment { kind, total: total as usize, number, at: at as usize, octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::quic_initial::seal;

    fn hello(cookie: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        if let Some(cookie) = cookie {
            body.push(cookie.len() as u8);
            body.extend(cookie);
        }
        body.extend([0, 2, 0x13, 1, 1, 0, 0, 20]);
        body.extend(b"\0\0\0\x10\0\x0e\0\0\x0bexample.org");
        [&[1, 0, 0, body.len() as u8][..], &body].concat()
    }

    fn told(datagrams: &[Vec<u8>]) -> Option<(String, ToldBy)> {
        let mut names = DatagramNames::begin(datagrams.first()?)?;
        for datagram in datagrams {
            match names.datagram(datagram) {
                Progress::More => {}
                Progress::Nothing => return None,
                Progress::Told(told) => return Some((told.name?.as_str().to_owned(), told.by)),
            }
        }
        None
    }

    fn frame(message: &[u8], at: usize, end: usize) -> Vec<u8> {
        [&[0, 6, at as u8, (end - at) as u8][..], &message[at..end], &[0; 20]].concat()
    }

    const FIRST: &[u8] = b"12345678";
    const SECOND: &[u8] = b"abcdefgh";

    #[test]
    fn quic_in_several_packets_of_all_versions() {
        let (message, expected) = (hello(None), Some(("example.org".to_owned(), ToldBy::Quic)));
        // The length of a frame has six bits in these tests.
        let third = |at: usize| frame(&message, at * 30, (at * 30 + 30).min(message.len()));
        for version in [1, 0x6b33_43cf, 0xff00_001b, 0xff00_001d, 0xff00_0020] {
            let packet = |at: usize| seal(version, FIRST, b"", at as u8, &third(at), FIRST);
            assert_eq!(told(&[packet(0), packet(1), packet(2)]), expected);
            assert_eq!(told(&[packet(2), packet(0), packet(0), packet(1)]), expected);
            assert_eq!(told(&[[packet(0), packet(1), packet(2)].concat()]), expected);
            for lost in [0, 1, 2] {
                let rest: Vec<_> = (0..3).filter(|&at| at != lost).map(packet).collect();
                assert_eq!(told(&rest), None);
            }
            // The server chose another id; the keys stay.
            let moved = seal(version, SECOND, b"", 1, &third(1), FIRST);
            assert_eq!(told(&[packet(0), moved, packet(2)]), expected);
            // Behind a Retry, keys follow from the id that it gave.
            let after_retry = |at: usize| seal(version, SECOND, b"token", at as u8, &third(at), SECOND);
            assert_eq!(told(&[packet(0), after_retry(0), after_retry(1), after_retry(2)]), expected);
            let forged = |at: usize| seal(version, FIRST, b"", at as u8, &third(at), SECOND);
            assert_eq!(told(&[forged(0), forged(1), forged(2)]), None);
            // A short header ends the waiting.
            assert_eq!(told(&[packet(0), vec![0x40; 30], packet(1), packet(2)]), None);
        }
        assert!(DatagramNames::begin(&seal(1, b"1234567", b"", 0, &third(0), FIRST)).is_none());
    }

    fn record(message: &[u8], number: u8, at: usize, end: usize) -> Vec<u8> {
        let (total, part) = (message.len() - 4, &message[4 + at..4 + end]);
        let mut record =
            vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, number, 0, (part.len() + 12) as u8, 1, 0, 0];
        record.extend([total as u8, 0, number, 0, 0, at as u8, 0, 0, part.len() as u8]);
        record.extend(part);
        record
    }

    #[test]
    fn dtls_in_fragments() {
        let (message, expected) = (hello(Some(b"")), Some(("example.org".to_owned(), ToldBy::Tls)));
        let end = message.len() - 4;
        assert_eq!(told(&[record(&message, 0, 0, end)]), expected);
        assert_eq!(told(&[record(&message, 0, 20, end), record(&message, 0, 0, 25)]), expected);
        assert_eq!(told(&[[record(&message, 0, 0, 20), record(&message, 0, 20, end)].concat()]), expected);
        let again = hello(Some(b"cookie"));
        let begun = record(&message, 0, 0, 20);
        assert_eq!(told(&[begun.clone(), record(&again, 1, 0, again.len() - 4)]), expected);
        assert_eq!(told(&[begun.clone(), begun.clone()]), None);
        let mut other = record(&message, 0, 20, end);
        other[13] = 16;
        assert_eq!(told(&[begun, other, record(&message, 0, 20, end)]), None);
        for cut in 0..end + 25 {
            assert_eq!(told(&[record(&message, 0, 0, end)[..cut].to_vec()]), None);
        }
    }
}
