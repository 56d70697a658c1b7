//! The name that the first octets of a TCP stream tell: a ClientHello in its records, or a request of HTTP; be it behind the
//! words of another protocol that turns to them, or of a proxy.

use super::gathered::Gathered;
use super::head::{Head, HeadError};
use super::hello::{Hello, join_records};
use super::names::Progress;
use super::reader::{Reader, position};
use super::server_name::{ServerName, Told, ToldBy};
use super::tls::Record;
use super::turns::{Turning, turning};
use super::web::{METHODS, PREFACE};
use super::{hpack, proxies};

/// Reads one direction of a connection until the name is told, or cannot be any more.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct StreamNames {
    /// Sequence number of the first octet.
    base: u32,
    gathered: Gathered,
    /// Where it begins: behind what turns to it.
    begin: usize,
    form: Form,
}

/// What the octets are, as far as they were read: each is looked at a bounded number of times, however they come.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Form {
    /// Nothing is at hand, or too little.
    Unknown,
    /// Records: where the next one begins, and octets of the message in those before it.
    Tls { next: usize, have: usize },
    /// A head of HTTP/1: octets that were searched for its end, and whether its first line was seen.
    Http { searched: usize, has_line: bool },
    /// Words that may turn to another protocol: octets that were looked at.
    Ahead { looked: usize },
    /// Frames of HTTP/2: where the next one begins, and where that of the first headers does.
    Http2 { next: usize, headers: Option<usize> },
}

impl StreamNames {
    /// Whether a reader that comes from a file reads on without harm: it stands where its octets may be.
    pub(super) fn is_sound(&self) -> bool {
        let may_be = |at: usize| at <= 2 * Gathered::LIMIT;
        let form = match self.form {
            Form::Unknown => true,
            Form::Tls { next, have } => may_be(next) && may_be(have),
            Form::Http { searched: at, .. } | Form::Ahead { looked: at } => may_be(at),
            Form::Http2 { next, headers } => may_be(next) && headers.is_none_or(may_be),
        };
        form && may_be(self.begin) && self.gathered.is_sound()
    }

    /// How far above the first octet a segment must begin for holes before it to be given up.
    const FAR: u32 = 1 << 16;

    /// A reader of a stream whose first segment to come has these octets; `first` is the number of the first octet,
    /// where a SYN told it. `None` where they can tell no name.
    pub(super) fn begin(first: Option<u32>, sequence: u32, octets: &[u8]) -> Option<Self> {
        let base = match first {
            // As one octet more than a keep-alive's: who wrote this gave the SYN no number of its own.
            Some(first) if sequence == first.wrapping_sub(1) && octets.len() > 1 && may_begin(octets) => {
                sequence
            }
            _ => first.unwrap_or(sequence),
        };
        // What comes first need not be what was sent first.
        let is_ahead = (1..Gathered::LIMIT as u32).contains(&sequence.wrapping_sub(base));
        let may_tell = is_ahead || sequence == base && may_begin(octets);
        may_tell.then(|| Self { base, gathered: Gathered::default(), begin: 0, form: Form::Unknown })
    }

    /// Sequence number of its first octet.
    pub(super) fn first(&self) -> u32 {
        self.base
    }

    /// Adds a segment: the octets captured of the `wire` octets of its payload.
    pub(super) fn segment(&mut self, sequence: u32, octets: &[u8], wire: u32) -> Progress {
        let mut at = sequence.wrapping_sub(self.base);
        let mut octets = octets.get(..wire as usize).unwrap_or(octets);
        let is_cut = octets.len() < wire as usize;
        if at >= 1 << 31 {
            // Sent again, or a keep-alive's octet.
            let below = self.base.wrapping_sub(sequence) as usize;
            (at, octets) = (0, octets.get(below..).unwrap_or_default());
        }
        if at >= Self::FAR {
            return Progress::Nothing;
        }
        self.gathered.put(at as usize, octets);
        let gathered = std::mem::take(&mut self.gathered);
        let progress = self.look(gathered.whole());
        self.gathered = gathered;
        match progress {
            // What was not captured does not come any more.
            Progress::More if is_cut || self.gathered.is_full() => Progress::Nothing,
            progress => progress,
        }
    }

    /// Reads what begins the stream where it lies: what more than that is wanted, or everything that is not all there, is to be
    /// [added](Self::segment).
    pub(super) fn at_once(&self, sequence: u32, octets: &[u8]) -> Progress {
        let mut reader = Self { gathered: Gathered::default(), ..*self };
        if sequence == self.base { reader.look(octets) } else { Progress::More }
    }

    /// Looks at what there is without a hole.
    fn look(&mut self, stream: &[u8]) -> Progress {
        let whole = stream.get(self.begin..).unwrap_or_default();
        match &mut self.form {
            Form::Unknown if self.begin == 0 && proxies::may_begin_proxy_header(whole) => Progress::More,
            Form::Unknown => {
                if self.begin == 0
                    && let Some(len) = proxies::proxy_header(whole)
                {
                    self.begin = len;
                    return if len == 0 { Progress::More } else { self.look(stream) };
                }
                match form(whole) {
                    Some(Form::Unknown) => Progress::More,
                    Some(form) => {
                        self.form = form;
                        self.look(stream)
                    }
                    None => self.turn(stream),
                }
            }
            // No word of a text holds what a record begins with.
            Form::Ahead { looked }
                if whole.first().is_some_and(u8::is_ascii_graphic)
                    && !whole.get(*looked..).is_some_and(|new| new.contains(&Record::HANDSHAKE)) =>
            {
                *looked = whole.len();
                if whole.len() < Head::LIMIT { Progress::More } else { Progress::Nothing }
            }
            Form::Ahead { .. } => self.turn(stream),
            Form::Tls { next, have } => hello(whole, next, have),
            Form::Http { searched, has_line } => request(whole, searched, has_line),
            Form::Http2 { next, headers } => headers_of(whole, next, headers),
        }
    }

    /// Passes over words that turn to another protocol, if these do.
    fn turn(&mut self, stream: &[u8]) -> Progress {
        let whole = stream.get(self.begin..).unwrap_or_default();
        match turning(whole) {
            Turning::Behind(len) => {
                (self.begin, self.form) = (self.begin + len, Form::Unknown);
                self.look(stream)
            }
            Turning::Ahead => {
                self.form = Form::Ahead { looked: whole.len() };
                Progress::More
            }
            Turning::Never => Progress::Nothing,
        }
    }
}

/// Whether a stream that tells a name may begin so.
fn may_begin(octets: &[u8]) -> bool {
    proxies::may_begin_proxy_header(octets)
        || proxies::proxy_header(octets).is_some()
        || form(octets).is_some()
        || !matches!(turning(octets), Turning::Never)
}

/// What may begin so; [`Form::Unknown`] where more octets must tell.
fn form(octets: &[u8]) -> Option<Form> {
    let Some(first) = octets.first() else { return Some(Form::Unknown) };
    let could_be = |at: usize, is: fn(u8) -> bool| octets.get(at).is_none_or(|&octet| is(octet));
    if *first == Record::HANDSHAKE {
        let is_hello = could_be(1, |major| major == 3)
            && could_be(2, |minor| minor <= 4)
            && could_be(5, |kind| kind == 1);
        return is_hello.then_some(Form::Tls { next: 0, have: 0 });
    }
    if octets.starts_with(PREFACE) {
        return Some(Form::Http2 { next: PREFACE.len(), headers: None });
    }
    let is_request = |method: &[u8]| octets.strip_prefix(method).is_some_and(|rest| rest.starts_with(b" "));
    const MORE: [&[u8]; 1] = [b"RPC_OUT_DATA"];
    let methods = || METHODS.iter().chain(&MORE);
    if first.is_ascii_uppercase() && methods().any(|method| is_request(method)) {
        return Some(Form::Http { searched: 0, has_line: false });
    }
    let may_become = PREFACE.starts_with(octets) || methods().any(|method| method.starts_with(octets));
    may_become.then_some(Form::Unknown)
}

/// What a hello tells; `None` of it where it tells no name and hides none.
pub(super) fn told_by(hello: &Hello<'_>, by: ToldBy) -> Progress {
    let name = hello.server_name().and_then(ServerName::of_hello);
    let told = Told { name, has_encrypted_hello: hello.has_encrypted_hello(), by };
    if told.name.is_some() || told.has_encrypted_hello { Progress::Told(told) } else { Progress::Nothing }
}

/// Reads records until the first message is whole, and that where it is a ClientHello.
fn hello(whole: &[u8], next: &mut usize, have: &mut usize) -> Progress {
    let at_hand = loop {
        let mut reader = Reader::new(whole.get(*next..).unwrap_or_default());
        let before = reader.rest().len();
        let Some(record) = Record::read(&mut reader) else {
            // Too short for a header, or none.
            match before {
                0..5 => break *have,
                _ => return Progress::Nothing,
            }
        };
        if record.kind != Record::HANDSHAKE {
            return Progress::Nothing;
        }
        if reader.rest().len() < record.len {
            break *have + reader.rest().len();
        }
        *have += record.len;
        *next += before - reader.rest().len() + record.len;
    };
    // The message's own header lies in the first four records, however short they are.
    let Some([kind, high, middle, low]) = first_octets(whole) else { return Progress::More };
    let needed = u32::from_be_bytes([0, high, middle, low]) as usize + 4;
    if kind != 1 || needed > Hello::LIMIT {
        return Progress::Nothing;
    }
    if at_hand < needed {
        return Progress::More;
    }
    let first = Record::read(&mut Reader::new(whole)).map_or(0, |record| record.len);
    if first >= needed
        && let Some(message) = whole.get(5..5 + needed)
    {
        return Hello::read(message).map_or(Progress::Nothing, |hello| told_by(&hello, ToldBy::Tls));
    }
    let mut message = Vec::with_capacity(needed);
    match join_records(whole, &mut message).and_then(|()| Hello::read(&message)) {
        Ok(hello) => told_by(&hello, ToldBy::Tls),
        Err(_) => Progress::Nothing,
    }
}

/// The first four octets that records carry.
fn first_octets(whole: &[u8]) -> Option<[u8; 4]> {
    let (mut reader, mut first) = (Reader::new(whole), [0; 4]);
    let mut places = first.iter_mut();
    loop {
        let record = Record::read(&mut reader)?;
        for _ in 0..record.len {
            match places.next() {
                Some(place) => *place = reader.u8()?,
                None => return Some(first),
            }
        }
    }
}

/// Waits for the end of a head, and reads it.
fn request(whole: &[u8], searched: &mut usize, has_line: &mut bool) -> Progress {
    let new = whole.get(searched.saturating_sub(2)..).unwrap_or_default();
    let ends = new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n");
    let ends_line = !*has_line && position(new, b'\n').is_some();
    *searched = whole.len();
    *has_line |= ends_line;
    if !ends && !ends_line && whole.len() < Head::LIMIT {
        return Progress::More;
    }
    match Head::read(whole) {
        Ok(head) => of_host(head.host),
        Err(HeadError::Incomplete) => Progress::More,
        Err(HeadError::NoHead) => Progress::Nothing,
    }
}

fn of_host(host: Option<&[u8]>) -> Progress {
    match host.and_then(ServerName::of_authority) {
        Some(name) => Progress::Told(Told { name: Some(name), has_encrypted_hello: false, by: ToldBy::Http }),
        None => Progress::Nothing,
    }
}

/// The header of a frame (RFC 9113 section 4.1).
struct Frame {
    len: usize,
    kind: u8,
    flags: u8,
}

impl Frame {
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    const END_HEADERS: u8 = 4;
    const PADDED: u8 = 8;
    const PRIORITY: u8 = 0x20;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (len, [kind, flags]) = (reader.u24()?, reader.array()?);
        reader.u32()?;
        Some(Self { len: len as usize, kind, flags })
    }

    /// The headers in a frame (RFC 9113 sections 6.2 and 6.10).
    fn headers<'a>(&self, octets: &'a [u8]) -> Option<&'a [u8]> {
        let mut reader = Reader::new(octets);
        if self.kind == Self::CONTINUATION {
            return Some(octets);
        }
        let padding = if self.flags & Self::PADDED != 0 { usize::from(reader.u8()?) } else { 0 };
        if self.flags & Self::PRIORITY != 0 {
            reader.skip(5)?;
        }
        reader.rest().get(..reader.rest().len().checked_sub(padding)?)
    }
}

/// Passes over frames until the first headers are whole, and reads them.
fn headers_of(whole: &[u8], next: &mut usize, headers: &mut Option<usize>) -> Progress {
    loop {
        let mut reader = Reader::new(whole.get(*next..).unwrap_or_default());
        let at = *next;
        let frame = Frame::read(&mut reader).filter(|frame| frame.len <= reader.rest().len());
        let Some(frame) = frame else {
            return if whole.len() < Head::LIMIT { Progress::More } else { Progress::Nothing };
        };
        *next = whole.len() - reader.rest().len() + frame.len;
        match (frame.kind, *headers) {
            (Frame::HEADERS, None) => *headers = Some(at),
            (Frame::CONTINUATION, Some(_)) => {}
            // Nothing may stand between them.
            (_, Some(_)) | (Frame::CONTINUATION, None) => return Progress::Nothing,
            (_, None) => continue,
        }
        if frame.flags & Frame::END_HEADERS != 0 {
            let block = whole.get(headers.unwrap_or(at)..*next).and_then(block_of);
            return of_host(block.and_then(|block| hpack::authority(&block)).as_deref());
        }
    }
}

/// The headers in frames that follow each other.
fn block_of(frames: &[u8]) -> Option<Vec<u8>> {
    let (mut reader, mut block) = (Reader::new(frames), Vec::new());
    while let Some(frame) = Frame::read(&mut reader) {
        block.extend_from_slice(frame.headers(reader.take(frame.len)?)?);
    }
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with a name, and behind it an extension of so many octets.
    fn message(name: &str, more: usize) -> Vec<u8> {
        let len = |len: usize| (len as u16).to_be_bytes();
        let mut extensions =
            [&[0, 0], &len(name.len() + 5)[..], &len(name.len() + 3), &[0], &len(name.len())].concat();
        extensions.extend(name.as_bytes());
        extensions.extend([&[0, 51], &len(more)[..], &vec![9; more]].concat());
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(len(extensions.len()));
        body.extend(extensions);
        let [_, high, middle, low] = (body.len() as u32).to_be_bytes();
        [&[1, high, middle, low][..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
        message.chunks(size).flat_map(record).collect()
    }

    /// What segments tell, given their places; the first octet has the number 1,000.
    fn told(segments: &[(usize, &[u8])]) -> Option<(String, ToldBy)> {
        let (at, octets) = segments.first()?;
        let mut names = StreamNames::begin(Some(1_000), 1_000 + *at as u32, octets)?;
        for (at, octets) in segments {
            match names.segment(1_000 + *at as u32, octets, octets.len() as u32) {
                Progress::More => {}
                Progress::Nothing => return None,
                Progress::Told(told) => return Some((told.name?.as_str().to_owned(), told.by)),
            }
        }
        None
    }

    fn pieces(stream: &[u8], size: usize) -> Vec<(usize, &[u8])> {
        (0..).step_by(size).zip(stream.chunks(size)).collect()
    }

    #[test]
    fn hellos_of_any_length_in_any_pieces_and_order() {
        let expected = Some(("www.example.org".to_owned(), ToldBy::Tls));
        for more in [10, 1_800, 16_000] {
            let message = message("www.example.org", more);
            for (record, size) in [(16_384, 1_448), (700, 333), (message.len(), 5_000)] {
                let stream = records(&message, record);
                let mut segments = pieces(&stream, size);
                assert_eq!(told(&segments), expected);
                segments.reverse();
                assert_eq!(told(&segments), expected);
                let overlapping: Vec<_> = segments
                    .iter()
                    .map(|&(at, octets)| {
                        let from = at.saturating_sub(20);
                        (from, &stream[from..at + octets.len()])
                    })
                    .collect();
                assert_eq!(told(&overlapping), expected);
                if segments.len() > 1 {
                    for lost in 0..segments.len() {
                        let mut segments = segments.clone();
                        segments.remove(lost);
                        assert_eq!(told(&segments), None);
                    }
                }
            }
        }
        let stream = records(&message("a.b", 5), 1);
        assert_eq!(told(&pieces(&stream, 1)), Some(("a.b".to_owned(), ToldBy::Tls)));
        assert_eq!(told(&pieces(&records(&message("a.b", 16_400), 16_384), 1_448)), None);
    }

    #[test]
    fn what_is_not_whole_tells_nothing() {
        let stream = records(&message("www.example.org", 100), 16_384);
        for cut in 0..stream.len() {
            assert_eq!(told(&[(0, &stream[..cut])]), None, "{cut}");
        }
        // Cut by the capture: what is missing will not come.
        let mut names = StreamNames::begin(None, 5, &stream[..96]).expect("a hello");
        assert_eq!(names.segment(5, &stream[..96], stream.len() as u32), Progress::Nothing);
    }

    #[test]
    fn encrypted_hellos_are_told_without_a_name() {
        let mut message = message("", 1);
        let at = message.len() - 5;
        message[at..at + 2].copy_from_slice(&[0xfe, 0x0d]);
        let stream = records(&message, 16_384);
        let mut names = StreamNames::begin(None, 5, &stream).expect("a hello");
        let told = Told { name: None, has_encrypted_hello: true, by: ToldBy::Tls };
        assert_eq!(names.segment(5, &stream, stream.len() as u32), Progress::Told(told));
    }

    #[test]
    fn requests_in_pieces() {
        let expected = Some(("Example.org".to_owned(), ToldBy::Http));
        let requests: [&[u8]; 4] = [
            b"GET /a HTTP/1.1\r\nAccept: */*\r\nHost: Example.org:8080\r\n\r\n",
            b"GET http://u:p@Example.org/x HTTP/1.1\r\nHost: other.example\r\n\r\n",
            b"CONNECT Example.org.:443 HTTP/1.1\r\nHost: other.example\n\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\nPOST / HTTP/1.1\r\nhost:Example.org\r\n\r\n",
        ];
        for request in requests {
            for size in [1, 7, 1_000] {
                assert_eq!(told(&pieces(request, size)), expected);
            }
            assert_eq!(told(&[(0, &request[..request.len() - 1])]), None);
        }
        for none in [
            &b"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"[..],
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET /\r\n\r\n",
        ] {
            assert_eq!(told(&[(0, none)]), None);
        }
        assert!(StreamNames::begin(None, 1, b"SSH-2.0-x\r\n").is_none());
        assert!(StreamNames::begin(None, 1, &[22, 3, 3, 0, 50, 2]).is_none());
    }

    #[test]
    fn the_first_headers_of_http2() {
        // RFC 7541 appendix C.4.1, in HEADERS and CONTINUATION, behind SETTINGS.
        let block = crate::payload::testing::hex("828684418cf1e3c2e5f23a6ba0ab90f4ff");
        let frame = |kind: u8, flags: u8, octets: &[u8]| {
            [&[0, 0, octets.len() as u8, kind, flags, 0, 0, 0, 1][..], octets].concat()
        };
        let expected = Some(("www.example.com".to_owned(), ToldBy::Http));
        let begin = [PREFACE, &frame(4, 0, &[]), &frame(8, 0, &[0, 0, 1, 0])].concat();
        let plain = [&begin[..], &frame(1, 4, &block)].concat();
        let padded =
            [&begin[..], &frame(1, 4 | 8 | 32, &[&[2, 0, 0, 0, 0, 9][..], &block, &[0, 0]].concat())]
                .concat();
        let parted = [&begin[..], &frame(1, 0, &block[..6]), &frame(9, 4, &block[6..])].concat();
        for stream in [plain, padded, parted] {
            for size in [1, 11, 1_000] {
                assert_eq!(told(&pieces(&stream, size)), expected);
            }
            assert_eq!(told(&[(0, &stream[..stream.len() - 1])]), None);
        }
        let broken = [&begin[..], &frame(1, 0, &block[..6]), &frame(0, 4, &block[6..])].concat();
        assert_eq!(told(&[(0, &broken)]), None);
    }

    #[test]
    fn what_is_far_behind_a_hole_ends_the_waiting() {
        let mut names = StreamNames::begin(Some(0), 0, b"GET ").expect("a request");
        assert_eq!(names.segment(0, b"GET ", 4), Progress::More);
        assert_eq!(names.segment(1 << 16, b"x", 1), Progress::Nothing);
    }
}
