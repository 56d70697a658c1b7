//! Names of servers in what one direction of a flow says first.

use super::datagram_names::DatagramNames;
use super::server_name::Told;
use super::stream_names::StreamNames;

/// What came of reading a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    More,
    /// Something is told, and nothing more will be.
    Told(Told),
    /// Nothing will be told.
    Nothing,
}

/// Reads the first octets of one direction of a flow until they tell the server's name, or cannot any more.
///
/// It takes segments in any order and more than once, and datagrams in any order but for those that tell keys. It holds
/// at most 17 KiB. What is not whole tells nothing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct NameReader(Kind);

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
enum Kind {
    Stream(Box<StreamNames>),
    Datagrams(Box<DatagramNames>),
}

impl NameReader {
    /// Whether a reader that comes from a file reads on without harm.
    pub(crate) fn is_sound(&self) -> bool {
        match &self.0 {
            Kind::Stream(stream) => stream.is_sound(),
            Kind::Datagrams(datagrams) => datagrams.is_sound(),
        }
    }

    /// Reads the first segment of a TCP stream that has come; `first` is the number of its first octet, where a SYN told it.
    ///
    /// Most tell all there is to tell, and nothing is allocated for them. [`Progress::More`] comes with the reader that goes on.
    pub fn read_segment(
        first: Option<u32>,
        sequence: u32,
        (octets, wire): (&[u8], u32),
    ) -> (Progress, Option<Self>) {
        let Some(stream) = StreamNames::begin(first, sequence, octets) else {
            return (Progress::Nothing, None);
        };
        let is_whole = octets.len() == wire as usize;
        let progress = if is_whole { stream.at_once(sequence, octets) } else { Progress::More };
        if progress != Progress::More {
            return (progress, None);
        }
        let mut reader = Self(Kind::Stream(Box::new(stream)));
        (reader.segment(sequence, octets, wire), Some(reader))
    }

    /// Reads the first datagram of a direction; [`Progress::More`] comes with the reader that goes on.
    pub fn read_datagram(octets: &[u8]) -> (Progress, Option<Self>) {
        let Some(datagrams) = DatagramNames::begin(octets) else { return (Progress::Nothing, None) };
        let mut reader = Self(Kind::Datagrams(Box::new(datagrams)));
        (reader.datagram(octets), Some(reader))
    }

    /// Adds a segment: its sequence number, and the octets captured of the `wire` octets of its payload.
    pub fn segment(&mut self, sequence: u32, octets: &[u8], wire: u32) -> Progress {
        match &mut self.0 {
            Kind::Stream(stream) => stream.segment(sequence, octets, wire),
            Kind::Datagrams(_) => Progress::Nothing,
        }
    }

    /// Adds the octets captured of a datagram.
    pub fn datagram(&mut self, octets: &[u8]) -> Progress {
        match &mut self.0 {
            Kind::Datagrams(datagrams) => datagrams.datagram(octets),
            Kind::Stream(_) => Progress::Nothing,
        }
    }

    /// Whether a datagram may be one of those that tell a name together; what another one follows on tells none.
    pub fn datagram_may_go_on(octets: &[u8]) -> bool {
        DatagramNames::may_go_on(octets)
    }

    /// Whether a SYN that gives the first octet this number opens another connection.
    pub fn is_of_another(&self, first: u32) -> bool {
        match &self.0 {
            Kind::Stream(stream) => stream.first() != first,
            Kind::Datagrams(_) => true,
        }
    }
}
