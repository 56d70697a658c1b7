//! Knowledge files: a part as octets, to be merged by later runs and on other machines.
//!
//! ```text
//! magic (8 octets) · version (u32, little-endian) · one zstd frame with a checksum:
//!     sections: tag (u32, little-endian) · length in octets (u64, little-endian) · values, see `packed`
//!     tag 0 and length 0
//! ```
//!
//! Who does not know a section passes over it if its tag is odd. No hash seed is in a file, nor anything that depends on one:
//! tables are written in the order of their numbers or keys, so the same inputs give the same octets.

use std::{
    fmt, fs, io,
    io::{Read, Write},
    path::Path,
};

use super::{
    Announced, Dns, Flows, Graves, Hosts, Knowledge, Options, OverTime, Quoted, Totals, flow_options,
};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::Timestamp,
    registry::Registry,
};

/// What a knowledge file begins with; no capture does.
pub const MAGIC: [u8; 8] = *b"\x89PKNOW\r\n";
/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 3;

/// Most octets of a section.
#[cfg(feature = "compression")]
const MOST: u64 = 2 << 30;
/// Octets unpacked that are believed whatever they were packed in, and how many times those they are packed in behind that.
#[cfg(feature = "compression")]
const BELIEVED: u64 = 64 << 20;
#[cfg(feature = "compression")]
const BELIEVED_TIMES: u64 = 1 << 10;
/// Octets that are unpacked at a time.
#[cfg(feature = "compression")]
const STEP: u64 = 1 << 20;

/// The sections, each of which but the last one must be there.
mod tag {
    pub(super) const END: u32 = 0;
    pub(super) const OPTIONS: u32 = 2;
    pub(super) const INPUTS: u32 = 4;
    pub(super) const FLOWS: u32 = 6;
    pub(super) const DNS: u32 = 8;
    pub(super) const ANNOUNCED: u32 = 10;
    pub(super) const HOSTS: u32 = 12;
    pub(super) const TOTALS: u32 = 14;
    pub(super) const DEPARTED: u32 = 16;
    /// Behind the flows; only where it was asked for. Who does not know it loses nothing else.
    pub(super) const OVER_TIME: u32 = 17;
}

/// An input that was learned from, as it is told from others: by all of this but its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputId {
    /// Its name when it was learned.
    pub name: String,
    /// Octets of its packets on the wire.
    pub octets: u64,
    /// Its packets.
    pub packets: u64,
    /// The earliest time of its packets.
    pub first: Option<Timestamp>,
    /// The latest one.
    pub last: Option<Timestamp>,
    /// SHA-256 of its first 64 KiB, unpacked; absent where it could be read only once, so that nothing is the same.
    pub head: Option<[u8; 32]>,
}

impl InputId {
    /// Octets of an input that [`Self::head`] is of.
    pub const HEAD: usize = 64 << 10;

    /// Whether both are the same input, whatever it is called.
    pub fn is_same(&self, other: &Self) -> bool {
        let counts = |id: &Self| (id.octets, id.packets, id.first, id.last);
        self.head.is_some() && self.head == other.head && counts(self) == counts(other)
    }
}

/// Why a knowledge file cannot be read.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be opened, or reading failed.
    Io(io::Error),
    /// It does not begin as a knowledge file.
    Other,
    /// It was written by another version of portolan, in a form of this number.
    Version(u32),
    /// It ends too early.
    Truncated,
    /// Its checksum or its values are wrong.
    Damaged,
    /// It has a section that this version does not know and may not pass over.
    Unknown(u32),
    /// It was not learned with [`Options::everything`].
    Partial,
    /// This build lacks the feature `compression`.
    NotBuilt,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Other => f.write_str("this is no knowledge file"),
            Self::Version(version) => write!(
                f,
                "knowledge in form {version}, which another version of portolan wrote: this one reads form {VERSION}; learn it anew"
            ),
            Self::Truncated => f.write_str("the knowledge file is cut short"),
            Self::Damaged => f.write_str("the knowledge file is damaged"),
            Self::Unknown(tag) => {
                write!(
                    f,
                    "the knowledge file has a section {tag}, which only a later version of portolan knows"
                )
            }
            Self::Partial => {
                f.write_str("its knowledge is not all that reports ask for: write it with portolan learn")
            }
            Self::NotBuilt => f.write_str(
                "knowledge files are compressed, and this build was made without the feature `compression`",
            ),
        }
    }
}

impl std::error::Error for FileError {}

impl From<Broken> for FileError {
    fn from(_: Broken) -> Self {
        Self::Damaged
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            // What the decompressor says of its input.
            io::ErrorKind::Other | io::ErrorKind::InvalidData => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

/// Whether a file begins as a knowledge file does; what cannot be opened does not.
pub fn is_knowledge(path: &Path) -> bool {
    let mut begin = [0; MAGIC.len()];
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    is_file && fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == MAGIC
}

impl Knowledge {
    /// Writes a part, for which [`Knowledge::read`] gives the same again; `date` is that of the registry.
    ///
    /// # Errors
    /// Those of the output; where this is no part, or the build lacks the feature `compression`.
    pub fn write(&self, date: &str, out: &mut dyn Write) -> io::Result<()> {
        if !self.is_part {
            return Err(io::Error::other("only the knowledge of a part can be written"));
        }
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        let mut packed = compressor(out)?;
        let mut section = |tag: u32, write: &dyn Fn(&mut Writer)| -> io::Result<()> {
            let mut writer = Writer::default();
            write(&mut writer);
            let octets = writer.finish()?;
            packed.write_all(&tag.to_le_bytes())?;
            packed.write_all(&(octets.len() as u64).to_le_bytes())?;
            packed.write_all(&octets)
        };
        section(tag::OPTIONS, &|out| {
            let Options { flows, history, inventory, hosts, domains, ports_only, limit, .. } = self.options;
            out.put(&(date, [flows, history, inventory, hosts, domains, ports_only], limit));
        })?;
        section(tag::INPUTS, &|out| out.all(self.inputs.iter()))?;
        section(tag::FLOWS, &|out| self.flows.write(out))?;
        section(tag::DNS, &|out| self.dns.write(out))?;
        section(tag::ANNOUNCED, &|out| self.announced.write(out))?;
        if let Some(hosts) = &self.hosts {
            section(tag::HOSTS, &|out| hosts.write(&self.dns.heard(), out))?;
        }
        section(tag::TOTALS, &|out| self.totals.write(out))?;
        section(tag::DEPARTED, &|out| {
            self.departed.write(out);
            self.quoted.write(out);
        })?;
        if let Some(over_time) = &self.over_time {
            section(tag::OVER_TIME, &|out| over_time.write(&self.flows, out))?;
        }
        section(tag::END, &|_| {})?;
        finish(packed)
    }

    /// Reads a part that [`Knowledge::write`] wrote.
    ///
    /// ```
    /// use portolan::{Job, Knowledge, Registry, knowledge::Options, pipeline::Inputs};
    ///
    /// let registry = Registry::built_in();
    /// let mut job = Job::new(Inputs::Files(vec!["samples/snmp-get.pcap".into()]), &registry);
    /// let (part, _) = job.learn_part(Options::default(), &())?;
    /// # if cfg!(feature = "compression") {
    /// let mut file = Vec::new();
    /// part.write("2026-09-30", &mut file)?;
    /// let again = Knowledge::read(&mut &file[..])?;
    /// assert_eq!((again.span().packets, again.inputs().len()), (2, 1));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it is of another version, cut short or damaged, or the build lacks the feature `compression`.
    pub fn read(from: &mut dyn Read) -> Result<Self, FileError> {
        let mut begin = [0; MAGIC.len()];
        from.read_exact(&mut begin).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Other,
            _ => FileError::Io(error),
        })?;
        if begin != MAGIC {
            return Err(FileError::Other);
        }
        let mut version = [0; 4];
        from.read_exact(&mut version)?;
        match u32::from_le_bytes(version) {
            VERSION => {}
            other => return Err(FileError::Version(other)),
        }
        let mut sections = Sections::open(from)?;
        let mut known: Option<Self> = None;
        let mut seen = Vec::new();
        while let Some((tag, octets)) = sections.next()? {
            let mut reader = Reader::new(&octets);
            check(!seen.contains(&tag))?;
            match (&mut known, tag) {
                (None, tag::OPTIONS) => known = Some(Self::read_options(&mut reader)?),
                (Some(known), tag::OVER_TIME) => {
                    check(seen.contains(&tag::FLOWS))?;
                    known.over_time = Some(Box::new(OverTime::read(&known.flows, &mut reader)?));
                    known.options.interval = known.interval();
                }
                (Some(known), tag) if tag % 2 == 0 => {
                    check(tag != tag::HOSTS || seen.contains(&tag::DNS))?;
                    known.read_section(tag, &mut reader)?;
                }
                (_, tag) if tag % 2 == 1 => continue,
                _ => return Err(FileError::Damaged),
            }
            reader.end()?;
            seen.push(tag);
        }
        let known = known.ok_or(FileError::Damaged)?;
        let needed = [tag::INPUTS, tag::FLOWS, tag::DNS, tag::ANNOUNCED, tag::TOTALS, tag::DEPARTED];
        let is_whole = needed.iter().all(|tag| seen.contains(tag))
            && seen.contains(&tag::HOSTS) == known.hosts.is_some();
        if is_whole { Ok(known) } else { Err(FileError::Damaged) }
    }

    /// The knowledge file of this name.
    ///
    /// # Errors
    /// As [`Knowledge::read`] has them, and where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = fs::File::open(path).map_err(FileError::Io)?;
        Self::read(&mut io::BufReader::new(file))
    }

    /// The same, where it holds all that any report asks for.
    ///
    /// # Errors
    /// Those too, and where it was learned with less than [`Options::everything`].
    pub fn open_whole(path: &Path) -> Result<Self, FileError> {
        let known = Self::open(path)?;
        let Options { flows, history, inventory, hosts, domains, ports_only, .. } = known.options;
        if flows && history && inventory && hosts && domains && !ports_only {
            Ok(known)
        } else {
            Err(FileError::Partial)
        }
    }

    /// Joins parts in order of time, whatever their order, into one; those that overlap as if one followed the other.
    pub fn of_parts(parts: Vec<Self>, registry: &Registry) -> Self {
        Self::part(Options::everything()).join(parts, registry)
    }

    /// Joins them into a whole, which is yet to be [settled](Self::settle): to be asked, or to learn on.
    pub fn whole_of(parts: Vec<Self>, registry: &Registry) -> Self {
        Self::whole(Options::everything()).join(parts, registry)
    }

    fn join(mut self, mut parts: Vec<Self>, registry: &Registry) -> Self {
        Self::sort(&mut parts);
        parts.into_iter().for_each(|part| self.append(part, registry));
        self
    }

    /// Puts parts in order of time; those without a time behind all others.
    pub fn sort(parts: &mut [Self]) {
        parts.sort_by_key(|part| part.span().first().unwrap_or(Timestamp(u64::MAX)));
    }

    fn read_options(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let (_, [flows, history, inventory, hosts, domains, ports_only], limit): (&str, _, _) =
            reader.get()?;
        let own =
            Options { flows, history, inventory, hosts, domains, ports_only, limit, ..Options::default() };
        Ok(Self::part(own))
    }

    fn read_section(&mut self, tag: u32, reader: &mut Reader<'_>) -> Result<(), FileError> {
        match tag {
            tag::INPUTS => reader.all(1 << 20, |input| {
                self.inputs.push(input);
                Ok(())
            })?,
            tag::FLOWS => self.flows = Flows::read(flow_options(&self.options, true), reader)?,
            tag::DNS => self.dns = Dns::read(&self.options, reader)?,
            tag::ANNOUNCED => self.announced = Announced::read(reader)?,
            tag::HOSTS if self.hosts.is_some() => {
                self.hosts = Some(Box::new(Hosts::read(reader, || self.dns.heard())?));
            }
            tag::TOTALS => self.totals = Totals::read(reader)?,
            tag::DEPARTED => {
                self.departed = Graves::read(reader)?;
                self.quoted = Quoted::read(reader)?;
            }
            tag => return Err(FileError::Unknown(tag)),
        }
        Ok(())
    }
}

/// Counts what is read.
#[cfg(feature = "compression")]
struct Counted<'r> {
    inner: &'r mut dyn Read,
    count: u64,
}

#[cfg(feature = "compression")]
impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(feature = "compression")]
use compression::{Sections, compressor, finish};
#[cfg(not(feature = "compression"))]
use without::{Sections, compressor, finish};

#[cfg(feature = "compression")]
mod compression {
    use std::io::{self, BufReader, Read as _, Write};

    use super::{BELIEVED, BELIEVED_TIMES, Counted, FileError, MOST, STEP, tag};

    type Compressor<'w> = zstd::Encoder<'w, &'w mut dyn Write>;

    pub(super) fn compressor(out: &mut dyn Write) -> io::Result<Compressor<'_>> {
        let mut packed = zstd::Encoder::new(out, 9)?;
        packed.include_checksum(true)?;
        Ok(packed)
    }

    pub(super) fn finish(packed: Compressor<'_>) -> io::Result<()> {
        packed.finish()?.flush()
    }

    /// The sections of a file, one after the other.
    pub(super) struct Sections<'r> {
        packed: zstd::Decoder<'static, BufReader<Counted<'r>>>,
        unpacked: u64,
    }

    impl<'r> Sections<'r> {
        pub(super) fn open(from: &'r mut dyn io::Read) -> Result<Self, FileError> {
            let counted = Counted { inner: from, count: 0 };
            Ok(Self { packed: zstd::Decoder::new(counted)?.single_frame(), unpacked: 0 })
        }

        /// The tag and the octets of the next section; `None` behind the last one, where all was whole.
        pub(super) fn next(&mut self) -> Result<Option<(u32, Vec<u8>)>, FileError> {
            let (mut tag, mut len) = ([0; 4], [0; 8]);
            self.packed.read_exact(&mut tag)?;
            self.packed.read_exact(&mut len)?;
            let (tag, len) = (u32::from_le_bytes(tag), u64::from_le_bytes(len));
            if tag == tag::END {
                // The checksum lies behind the last octet.
                let is_end = len == 0 && self.packed.read(&mut [0])? == 0;
                return if is_end { Ok(None) } else { Err(FileError::Damaged) };
            }
            if len > MOST {
                return Err(FileError::Damaged);
            }
            // No more is allocated than is there.
            let mut octets = Vec::new();
            while (octets.len() as u64) < len {
                let step = STEP.min(len - octets.len() as u64);
                let read = self.packed.by_ref().take(step).read_to_end(&mut octets)? as u64;
                self.unpacked += read;
                if read < step {
                    return Err(FileError::Truncated);
                }
                let packed = self.packed.get_ref().get_ref().count;
                if self.unpacked > BELIEVED + packed.saturating_mul(BELIEVED_TIMES) {
                    return Err(FileError::Damaged);
                }
            }
            Ok(Some((tag, octets)))
        }
    }
}

#[cfg(not(feature = "compression"))]
mod without {
    use std::{
        io::{self, Read, Write},
        marker::PhantomData,
    };

    use super::FileError;

    pub(super) fn compressor(_: &mut dyn Write) -> io::Result<io::Sink> {
        Err(io::Error::other(FileError::NotBuilt))
    }

    pub(super) fn finish(_: io::Sink) -> io::Result<()> {
        Ok(())
    }

    pub(super) struct Sections<'r>(PhantomData<&'r ()>);

    impl<'r> Sections<'r> {
        pub(super) fn open(_: &'r mut dyn Read) -> Result<Self, FileError> {
            Err(FileError::NotBuilt)
        }

        pub(super) fn next(&mut self) -> Result<Option<(u32, Vec<u8>)>, FileError> {
            Err(FileError::NotBuilt)
        }
    }
}

#[cfg(test)]
#[cfg(feature = "compression")]
mod tests;
