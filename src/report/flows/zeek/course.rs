//! What became of a connection, in Zeek's words: `conn_state` and `history`.
//!
//! Zeek keeps a state of each end, which segments change (its `TCPSessionAdapter`), and names the pair of them when it logs the
//! connection (function `conn_state` of `base/protocols/conn/main.zeek`). What changes a state is the first segment of each kind,
//! so that states are worked out here of what each end did, in the order in which it did it first.

use crate::{
    flow::{Direction, FiveTuple, Flow, History, Step},
    packet::TransportProtocol,
};

/// What a log of connections asks of a flow beside what its other records show.
#[derive(Clone, Copy, Debug)]
pub(in crate::report::flows) struct Course {
    /// Way of the originator's packets.
    away: Direction,
    /// Whether the first packet came from the end that was asked.
    pub(super) is_turned: bool,
    /// What the ends of a TCP connection did.
    history: History,
}

/// An end of a connection. Their numbers are places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Originator,
    Responder,
}

impl Course {
    /// Of a flow of that five-tuple.
    pub(in crate::report::flows) fn of(tuple: &FiveTuple<'_>, flow: &Flow) -> Self {
        let opened = || opener(flow.history).or_else(|| tuple.facts.handshake());
        let is_tcp = tuple.key.protocol() == TransportProtocol::TCP;
        let away = is_tcp.then(opened).flatten().unwrap_or(flow.initiator);
        Self { away, is_turned: away != flow.initiator, history: flow.history }
    }

    /// Zeek's word for how far a flow of that protocol came, with so many packets from the originator and back; `None` where
    /// that is not known.
    pub(super) fn state(&self, protocol: TransportProtocol, packets: [u64; 2]) -> Option<&'static str> {
        match protocol {
            TransportProtocol::TCP if !self.history.is_known() => None,
            TransportProtocol::TCP => self.tcp_state(),
            TransportProtocol::UDP => Some(match packets.map(|count| count > 0) {
                [true, true] => "SF",
                [true, false] => "S0",
                [false, true] => "SHR",
                [false, false] => "OTH",
            }),
            _ => Some("OTH"),
        }
    }

    /// Appends Zeek's letters for what was done, in the order in which it came first: upper case for the originator. Nothing
    /// where that is not known, and for what is neither TCP nor UDP.
    pub(super) fn history(&self, protocol: TransportProtocol, packets: [u64; 2], out: &mut Vec<u8>) {
        let mut mark = self.is_turned.then_some(b'^');
        let mut put = |letter: u8, by: By| {
            out.extend(mark.take());
            out.push(if by == By::Originator { letter } else { letter.to_ascii_lowercase() });
        };
        match protocol {
            TransportProtocol::TCP => {
                let mut seen = [0; 2];
                for (step, by) in self.steps() {
                    let (letter, kind) = letter(step);
                    if seen[by as usize] & kind == 0 {
                        seen[by as usize] |= kind;
                        put(letter, by);
                    }
                }
            }
            // The first datagram is the originator's.
            TransportProtocol::UDP => {
                let ends = [By::Originator, By::Responder].into_iter().zip(packets);
                ends.filter(|&(_, count)| count > 0).for_each(|(by, _)| put(b'D', by));
            }
            _ => {}
        }
    }

    fn steps(&self) -> impl Iterator<Item = (Step, By)> {
        let away = self.away;
        let by = move |way| if way == away { By::Originator } else { By::Responder };
        self.history.steps().map(move |(step, way)| (step, by(way)))
    }

    fn tcp_state(&self) -> Option<&'static str> {
        let mut ends = [End::Inactive; 2];
        self.steps().for_each(|(step, by)| advance(&mut ends, step, by));
        // In Zeek's source such an end is called inactive.
        let is_idle = |end| matches!(end, End::Inactive | End::Partial);
        let [originator, responder] = ends;
        Some(match (originator, responder) {
            (End::SynSent, End::Reset { .. }) => "REJ",
            (End::Reset { .. }, End::Reset { .. }) => match self.has_data() {
                Some(true) => "RSTR",
                Some(false) => "REJ",
                None => return None,
            },
            (_, End::Reset { .. }) if is_idle(originator) => "RSTRH",
            (_, End::Reset { .. }) => "RSTR",
            (End::Reset { .. }, _) if !is_idle(responder) => "RSTO",
            (End::Reset { .. }, _) if self.is_taken_back() => "RSTOS0",
            (End::Reset { .. }, _) => "OTH",
            (End::Closed, End::Closed) => "SF",
            (End::Closed, _) if is_idle(responder) => "SH",
            (End::Closed, _) => "S2",
            (_, End::Closed) if is_idle(originator) => "SHR",
            (_, End::Closed) => "S3",
            (End::SynSent, End::Inactive) => "S0",
            (End::Established, End::Established) => "S1",
            _ => "OTH",
        })
    }

    /// Whether data was sent, that of resets aside; `None` where a segment that contradicts itself may have had some.
    fn has_data(&self) -> Option<bool> {
        let has = |wanted: &[Step]| self.steps().any(|(step, _)| wanted.contains(&step));
        if has(&[Step::Data, Step::SynData, Step::SynAckData, Step::FinData]) {
            return Some(true);
        }
        (!has(&[Step::FinReset, Step::SynFin, Step::SynReset])).then_some(false)
    }

    /// Whether the originator sent a SYN first, and then a reset with nothing but data between them.
    fn is_taken_back(&self) -> bool {
        let mut own = self.steps().filter(|&(_, by)| by == By::Originator).map(|(step, _)| step);
        let is_syn = |step| matches!(step, Step::Syn | Step::SynData);
        let opened = self.steps().next().is_some_and(|(step, by)| by == By::Originator && is_syn(step));
        opened && own.find(|&step| !is_syn(step) && step != Step::Data) == Some(Step::Reset)
    }
}

/// Way of the packets of the end that asked to open a connection, as its first SYN tells.
fn opener(history: History) -> Option<Direction> {
    history.steps().find_map(|(step, way)| match step {
        Step::Syn | Step::SynData => Some(way),
        Step::SynAck | Step::SynAckData => Some(way.reverse()),
        _ => None,
    })
}

/// Zeek's letter for what an end did, and a bit for the kind of segment, of which it writes one letter. A SYN is of one kind
/// with and without ACK.
const fn letter(step: Step) -> (u8, u8) {
    match step {
        Step::Syn | Step::SynData => (b'S', 1),
        Step::SynAck | Step::SynAckData => (b'H', 1),
        Step::Ack => (b'A', 1 << 1),
        Step::Data => (b'D', 1 << 2),
        Step::Fin | Step::FinData => (b'F', 1 << 3),
        Step::Reset => (b'R', 1 << 4),
        Step::FinReset => (b'I', 1 << 5),
        Step::SynFin | Step::SynReset => (b'Q', 1 << 6),
    }
}

/// The state of an end of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It sent nothing.
    Inactive,
    /// Its first segment was in the middle of a connection.
    Partial,
    /// It asked to open.
    SynSent,
    /// The handshake is over, as far as it can be told.
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent a reset.
    Reset {
        /// Behind a FIN.
        closed: bool,
    },
}

/// Changes the states of the originator and the responder by what one of them does.
fn advance(ends: &mut [End; 2], step: Step, by: By) {
    let [syn, fin, reset] = match step {
        Step::Syn | Step::SynData | Step::SynAck | Step::SynAckData => [true, false, false],
        Step::Ack | Step::Data => [false; 3],
        Step::Fin | Step::FinData => [false, true, false],
        Step::Reset => [false, false, true],
        Step::FinReset => [false, true, true],
        Step::SynFin => [true, true, false],
        Step::SynReset => [true, false, true],
    };
    let is_originator = by == By::Originator;
    let [originator, responder] = ends;
    let (own, peer) = if is_originator { (originator, responder) } else { (responder, originator) };
    match *own {
        End::Inactive => {
            if syn {
                // A SYN and ACK may come before the SYN that it answers.
                let answered = is_originator && *peer == End::Established;
                *own = if is_originator && !answered { End::SynSent } else { End::Established };
                if *peer == End::SynSent {
                    *peer = End::Established;
                }
            } else if !fin && !reset {
                // Some acknowledge a SYN before they answer it.
                let is_early = !is_originator && step == Step::Ack && *peer == End::SynSent;
                *own = match *peer {
                    _ if is_early => End::Inactive,
                    End::Established => End::Established,
                    _ => End::Partial,
                };
            }
            if fin {
                *own = End::Closed;
            }
            if reset {
                *own = End::Reset { closed: fin };
            }
        }
        End::SynSent if reset => *own = End::Reset { closed: fin },
        End::SynSent if fin => *own = End::Closed,
        End::Established | End::Partial if reset => *own = End::Reset { closed: false },
        End::Established | End::Partial if fin => {
            *own = End::Closed;
            // A reset behind a FIN was the end of what had been closed in order.
            if *peer == (End::Reset { closed: true }) {
                *peer = End::Closed;
            }
        }
        End::Partial if matches!(step, Step::Syn | Step::SynData) && *peer == End::Inactive => {
            *own = End::SynSent;
        }
        End::Closed if reset && *peer != End::Closed => *own = End::Reset { closed: true },
        End::SynSent | End::Established | End::Partial | End::Closed | End::Reset { .. } => {}
    }
}
