//! What QUIC's Initial packets hold: their keys follow from the client's first connection id (RFC 9001 section 5,
//! RFC 9369 section 3). Those of drafts from the 23rd on are read like those of version 1, which they became.

use std::ops::RangeInclusive;

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::AeadInOut as _;
use hkdf::Hkdf;
use sha2::Sha256;

use super::reader::{Reader, check};

/// Octets of the tag at the end of a packet.
const TAG: usize = 16;

/// What differs between versions.
struct Version {
    numbers: RangeInclusive<u32>,
    salt: [u8; 20],
    labels: &'static Labels,
}

/// Labels of the keys, and the types of Initial and Retry packets, as the first octet has them.
struct Labels {
    key: &'static [u8],
    iv: &'static [u8],
    header: &'static [u8],
    initial: u8,
    retry: u8,
}

static LABELS_1: Labels =
    Labels { key: b"quic key", iv: b"quic iv", header: b"quic hp", initial: 0, retry: 0x30 };
static LABELS_2: Labels =
    Labels { key: b"quicv2 key", iv: b"quicv2 iv", header: b"quicv2 hp", initial: 0x10, retry: 0 };

/// The salt of version 1 (RFC 9001 section 5.2), which its last two drafts have, too.
const SALT_1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

/// Version 1 (RFC 9001) and its drafts 33 and 34, 29 to 32, and 23 to 28 (section 5.2 of each draft-ietf-quic-tls), and
/// version 2 (RFC 9369).
static VERSIONS: [Version; 5] = [
    Version { numbers: 1..=1, salt: SALT_1, labels: &LABELS_1 },
    Version {
        numbers: 0x6b33_43cf..=0x6b33_43cf,
        salt: [
            0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
            0xf9, 0xbd, 0x2e, 0xd9,
        ],
        labels: &LABELS_2,
    },
    Version { numbers: 0xff00_0021..=0xff00_0022, salt: SALT_1, labels: &LABELS_1 },
    Version {
        numbers: 0xff00_001d..=0xff00_0020,
        salt: [
            0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
            0x43, 0x90, 0xa8, 0x99,
        ],
        labels: &LABELS_1,
    },
    Version {
        numbers: 0xff00_0017..=0xff00_001c,
        salt: [
            0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
            0xbe, 0xf9, 0xf5, 0x02,
        ],
        labels: &LABELS_1,
    },
];

impl Version {
    fn of(number: u32) -> Option<&'static Self> {
        VERSIONS.iter().find(|version| version.numbers.contains(&number))
    }
}

/// A connection id (RFC 9000 section 17.2): at most 20 octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct ConnectionId {
    octets: [u8; Self::LIMIT],
    len: u8,
}

impl ConnectionId {
    const LIMIT: usize = 20;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let len = reader.u8()?;
        let mut octets = [0; Self::LIMIT];
        octets.get_mut(..usize::from(len))?.copy_from_slice(reader.take(usize::from(len))?);
        Some(Self { octets, len })
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether a client may have chosen it for its first packet (RFC 9000 section 7.2).
    pub(super) fn may_be_first(&self) -> bool {
        self.len >= 8
    }
}

/// An Initial packet, still protected.
#[derive(Clone, Copy)]
pub(super) struct Initial<'a> {
    version: &'static Version,
    /// To whom it is sent: of a client's first one, what its keys follow from.
    pub(super) to: ConnectionId,
    /// The packet, and where its number begins.
    packet: &'a [u8],
    number_at: usize,
}

/// The Initial packets in a datagram, which may hold several packets (RFC 9000 section 12.2); it ends with what
/// cannot be read.
pub(super) struct Initials<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Initials<'a> {
    type Item = Initial<'a>;

    fn next(&mut self) -> Option<Initial<'a>> {
        loop {
            let datagram = std::mem::take(&mut self.0);
            let (initial, len) = long_header(datagram)?;
            self.0 = datagram.get(len..)?;
            if initial.is_some() {
                return initial;
            }
        }
    }
}

/// Reads a packet with a long header: an Initial one, and how long any is.
fn long_header(datagram: &[u8]) -> Option<(Option<Initial<'_>>, usize)> {
    let mut reader = Reader::new(datagram);
    let first = reader.u8()?;
    check(first & 0xc0 == 0xc0)?;
    let version = Version::of(reader.u32()?)?;
    let (to, _from) = (ConnectionId::read(&mut reader)?, ConnectionId::read(&mut reader)?);
    check(first & 0x30 != version.labels.retry)?;
    let is_initial = first & 0x30 == version.labels.initial;
    if is_initial {
        let token = length(&mut reader)?;
        reader.skip(token)?;
    }
    let len = length(&mut reader)?;
    let number_at = datagram.len() - reader.len();
    let packet = datagram.get(..number_at.checked_add(len)?)?;
    Some((is_initial.then_some(Initial { version, to, packet, number_at }), packet.len()))
}

/// An integer of variable length (RFC 9000 section 16).
fn integer(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let rest = reader.take((1 << (first >> 6)) - 1)?;
    Some(rest.iter().fold(u64::from(first & 0x3f), |sum, &octet| sum << 8 | u64::from(octet)))
}

fn length(reader: &mut Reader<'_>) -> Option<usize> {
    usize::try_from(integer(reader)?).ok()
}

/// The label of the keys that a client protects its packets with.
const CLIENT: &[u8] = b"client in";

/// Keys of Initial packets.
struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    /// Those that follow from the client's first connection id (RFC 9001 section 5.2).
    fn of(version: &Version, id: &ConnectionId, end: &[u8]) -> Option<Self> {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(&version.salt), id.octets());
        let mut secret = [0; 32];
        expand(&initial, end, &mut secret)?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let mut keys = Self { key: [0; 16], iv: [0; 12], header: [0; 16] };
        let labels = version.labels;
        expand(&secret, labels.key, &mut keys.key)?;
        expand(&secret, labels.iv, &mut keys.iv)?;
        expand(&secret, labels.header, &mut keys.header)?;
        Some(keys)
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1) without a context.
fn expand(secret: &Hkdf<Sha256>, label: &[u8], out: &mut [u8]) -> Option<()> {
    let len = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_len = [u8::try_from(6 + label.len()).ok()?];
    secret.expand_multi_info(&[&len, &label_len, b"tls13 ", label, &[0]], out).ok()
}

impl Initial<'_> {
    /// The frames in it, which are put into `scratch`; `None` where no client protected it with the keys that follow
    /// from this id, or where it was changed on the way.
    pub(super) fn open<'s>(&self, id: &ConnectionId, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        self.open_with(&Keys::of(self.version, id, CLIENT)?, scratch)
    }

    fn open_with<'s>(&self, keys: &Keys, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        scratch.clear();
        scratch.extend_from_slice(self.packet);
        let at = self.number_at;
        // RFC 9001 section 5.4.2: the sample begins where the longest number would end.
        let sample: [u8; 16] = self.packet.get(at + 4..at + 20)?.try_into().ok()?;
        let mut mask = sample.into();
        Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
        let (first, mask) = mask.split_first()?;
        *scratch.first_mut()? ^= first & 0x0f;
        let number_len = usize::from(scratch.first()? & 3) + 1;
        let mut nonce = keys.iv;
        let number = scratch.get_mut(at..at + number_len)?;
        for ((octet, mask), place) in number.iter_mut().zip(mask).zip(&mut nonce[12 - number_len..]) {
            *octet ^= mask;
            *place ^= *octet;
        }
        let (header, rest) = scratch.split_at_mut_checked(at + number_len)?;
        let (body, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG)?)?;
        let tag: [u8; TAG] = (&*tag).try_into().ok()?;
        let cipher = Aes128Gcm::new(&keys.key.into());
        cipher.decrypt_inout_detached(&nonce.into(), header, (&mut *body).into(), &tag.into()).ok()?;
        Some(body)
    }
}

/// Tells the pieces of the handshake in the frames of an Initial packet: their places and octets. `None` where
/// something stands among them that must not (RFC 9000 section 17.2.2).
pub(super) fn crypto(frames: &[u8], mut tell: impl FnMut(usize, &[u8])) -> Option<()> {
    let mut reader = Reader::new(frames);
    while let Some(kind) = reader.u8() {
        match kind {
            // PADDING and PING.
            0 | 1 => {}
            // ACK, and with counts of ECN.
            2 | 3 => {
                integer(&mut reader)?;
                integer(&mut reader)?;
                let ranges = integer(&mut reader)?;
                integer(&mut reader)?;
                // Each takes an octet at least, so there are no more than fit.
                for _ in 0..ranges {
                    integer(&mut reader)?;
                    integer(&mut reader)?;
                }
                for _ in 0..if kind == 3 { 3 } else { 0 } {
                    integer(&mut reader)?;
                }
            }
            6 => {
                let (at, len) = (length(&mut reader)?, length(&mut reader)?);
                tell(at, reader.take(len)?);
            }
            // CONNECTION_CLOSE: code, type of the frame that is complained about, reason.
            0x1c => {
                integer(&mut reader)?;
                integer(&mut reader)?;
                let reason = length(&mut reader)?;
                reader.skip(reason)?;
            }
            _ => return None,
        }
    }
    Some(())
}

/// Protects the frames of an Initial packet of a client, in tests.
#[cfg(test)]
pub(super) fn seal(
    number_of_version: u32,
    to: &[u8],
    token: &[u8],
    number: u8,
    frames: &[u8],
    keys_of: &[u8],
) -> Vec<u8> {
    let version = Version::of(number_of_version).expect("a version");
    let id = |octets: &[u8]| {
        ConnectionId::read(&mut Reader::new(&[&[octets.len() as u8], octets].concat())).expect("an id")
    };
    let keys = Keys::of(version, &id(keys_of), CLIENT).expect("keys");
    let mut packet = vec![0xc0 | version.labels.initial];
    packet.extend(number_of_version.to_be_bytes());
    packet.push(to.len() as u8);
    packet.extend(to);
    packet.push(0);
    packet.push(token.len() as u8);
    packet.extend(token);
    packet.extend((0x4000 | (1 + frames.len() + TAG) as u16).to_be_bytes());
    let at = packet.len();
    packet.push(number);
    let mut nonce = keys.iv;
    nonce[11] ^= number;
    let mut body = frames.to_vec();
    let cipher = Aes128Gcm::new(&keys.key.into());
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), &packet, body.as_mut_slice().into())
        .expect("a short packet");
    packet.extend(body);
    packet.extend(&tag[..]);
    let sample: [u8; 16] = packet[at + 4..at + 20].try_into().expect("16 octets");
    let mut mask = sample.into();
    Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
    packet[0] ^= mask[0] & 0x0f;
    packet[at] ^= mask[1];
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::testing::hex;

    const ID: &str = "8394c8f03e515708";
    const SERVER: &[u8] = b"server in";

    fn id(octets: &[u8]) -> ConnectionId {
        ConnectionId::read(&mut Reader::new(&[&[octets.len() as u8], octets].concat())).expect("an id")
    }

    fn keys(version: u32, end: &[u8]) -> [Vec<u8>; 3] {
        let version = Version::of(version).expect("a version");
        let keys = Keys::of(version, &id(&hex(ID)), end).expect("keys");
        [keys.key.to_vec(), keys.iv.to_vec(), keys.header.to_vec()]
    }

    /// RFC 9001 appendix A.1, RFC 9369 appendix A.1.
    #[test]
    fn keys_of_both_versions_and_of_drafts() {
        let expected = [
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ];
        assert_eq!(keys(1, CLIENT), expected.map(hex));
        let expected = [
            "cf3a5331653c364c88f0f379b6067e37",
            "0ac1493ca1905853b0bba03e",
            "c206b8d9b9f0f37644430b490eeaa314",
        ];
        assert_eq!(keys(1, SERVER), expected.map(hex));
        let expected = [
            "8b1a0bc121284290a29e0971b5cd045d",
            "91f73e2351d8fa91660e909f",
            "45b95e15235d6f45a6b19cbcb0294ba9",
        ];
        assert_eq!(keys(0x6b33_43cf, CLIENT), expected.map(hex));
        // The same appendix of draft-ietf-quic-tls-27 and of draft-ietf-quic-tls-29.
        let expected = [
            "af7fd7efebd21878ff66811248983694",
            "8681359410a70bb9c92f0420",
            "a980b8b4fb7d9fbc13e814c23164253d",
        ];
        assert_eq!(keys(0xff00_001b, CLIENT), expected.map(hex));
        let expected = [
            "175257a31eb09dea9366d8bb79ad80ba",
            "6b26114b9cba2b63a9e8dd4f",
            "9ddd12c994c0698b89374a9c077a3077",
        ];
        assert_eq!(keys(0xff00_001d, CLIENT), expected.map(hex));
        assert_eq!(keys(0xff00_0022, CLIENT), keys(1, CLIENT));
        assert!(Version::of(0xff00_0016).is_none() && Version::of(0xff00_0023).is_none());
    }

    /// The frames of RFC 9001 appendix A.2: a CRYPTO frame with a ClientHello, and padding.
    fn frames() -> Vec<u8> {
        let mut frames = hex(concat!(
            "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868",
            "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578",
            "616d706c652e636f6dff01000100000a00080006001d00170018001000070005",
            "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba",
            "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400",
            "0d0010000e0403050306030203080408050806002d00020101001c0002400100",
            "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000",
            "75300901100f088394c8f03e51570806048000ffff"
        ));
        frames.resize(1_162, 0);
        frames
    }

    /// The packet of that appendix, put together from what is printed there.
    fn client_initial() -> Vec<u8> {
        let keys = Keys::of(&VERSIONS[0], &id(&hex(ID)), CLIENT).expect("keys");
        let header = hex("c300000001088394c8f03e5157080000449e00000002");
        let mut nonce = keys.iv;
        nonce[11] ^= 2;
        let mut body = frames();
        let cipher = Aes128Gcm::new(&keys.key.into());
        let tag = cipher
            .encrypt_inout_detached(&nonce.into(), &header, body.as_mut_slice().into())
            .expect("a short packet");
        let packet = [&hex("c000000001088394c8f03e5157080000449e7b9aec34"), &body[..], &tag[..]].concat();
        // What the RFC prints of it: the sample, and the end.
        assert_eq!((&packet[22..38], packet.len()), (&hex("d1b1c98dd7689fb8ec11d242b123dc9b")[..], 1_200));
        assert!(packet.ends_with(&hex("e221af44860018ab0856972e194cd934")));
        packet
    }

    #[test]
    fn a_clients_initial_of_the_rfc() {
        let packet = client_initial();
        let mut scratch = Vec::new();
        let initial = Initials(&packet).next().expect("an Initial packet");
        assert_eq!(initial.to, id(&hex(ID)));
        assert_eq!(initial.open(&initial.to, &mut scratch), Some(&frames()[..]));
        let mut pieces = Vec::new();
        crypto(&frames(), |at, octets| pieces.push((at, octets.to_vec()))).expect("frames");
        assert_eq!(pieces, [(0, frames()[4..4 + 241].to_vec())]);
    }

    #[test]
    fn what_is_cut_or_changed_says_nothing() {
        let packet = client_initial();
        let mut scratch = Vec::new();
        for cut in 0..packet.len() {
            assert!(Initials(&packet[..cut]).next().is_none(), "{cut}");
        }
        for at in [0, 600, 1_199] {
            let mut forged = packet.clone();
            forged[at] ^= 1;
            let opened = Initials(&forged)
                .next()
                .and_then(|initial| initial.open(&id(&hex(ID)), &mut scratch).map(<[u8]>::len));
            assert_eq!(opened, None, "{at}");
        }
    }

    /// RFC 9001 appendix A.3, and A.4 of RFC 9369 for the form of a Retry packet: nothing follows it.
    #[test]
    fn a_servers_initial_and_a_retry_of_the_rfc() {
        let packet = hex(concat!(
            "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a",
            "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3",
            "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84",
            "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4",
            "2158407dd074ee"
        ));
        let mut scratch = Vec::new();
        let initial = Initials(&packet).next().expect("an Initial packet");
        assert_eq!(initial.open(&id(&hex(ID)), &mut scratch), None);
        let keys = Keys::of(&VERSIONS[0], &id(&hex(ID)), SERVER).expect("keys");
        let frames = initial.open_with(&keys, &mut scratch).expect("the server's keys");
        assert!(frames.starts_with(&hex("02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf7")));
        let mut pieces = 0;
        crypto(frames, |at, octets| pieces += at + octets.len()).expect("frames");
        assert_eq!(pieces, 0x5a);
        let retry = hex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
        assert!(Initials(&retry).next().is_none());
    }

    #[test]
    fn packets_of_one_datagram() {
        let seal = |number| seal(0x6b33_43cf, b"12345678", b"token", number, &[0; 40], b"12345678");
        // A Handshake packet of version 2 between two Initial ones, and something behind them.
        let handshake = [&[0xf0, 0x6b, 0x33, 0x43, 0xcf, 1, 7, 0, 3, 1, 2, 3][..]].concat();
        let datagram = [seal(0), handshake, seal(1), vec![0x40, 1, 2]].concat();
        let mut scratch = Vec::new();
        let opened =
            Initials(&datagram).map(|initial| initial.open(&initial.to, &mut scratch).map(<[u8]>::len));
        assert!(opened.eq([Some(40), Some(40)]));
    }

    #[test]
    fn frames_that_may_be_there() {
        let frames = b"\x01\x02\x05\x00\x01\x00\x02\x03\x03\x05\x00\x00\x00\x01\x02\x03\x06\x02\x03abc\x1c\x01\x00\x02no\x00";
        let mut pieces = Vec::new();
        assert_eq!(crypto(frames, |at, octets| pieces.push((at, octets.to_vec()))), Some(()));
        assert_eq!(pieces, [(2, b"abc".to_vec())]);
        assert_eq!(crypto(b"\x08", |_, _| {}), None);
        assert_eq!(crypto(b"\x06\x00\x05abc", |_, _| {}), None);
        assert_eq!(crypto(b"\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00", |_, _| {}), None);
    }
}
