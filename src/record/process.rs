//! Which process owns the local end of a packet or a flow.

use super::Value;
use crate::{
    processes::{Held, KnownBy, Owner},
    text::{field::Type, number},
};

/// What is known of source and destination, where they are on this host.
pub(crate) type HeldEnds<'a> = [Option<&'a Held>; 2];

/// The end that a record tells the process of: the local one; of two, the one that serves, else the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalEnd<'a> {
    end: &'static str,
    held: &'a Held,
}

impl<'a> LocalEnd<'a> {
    pub(crate) fn of([source, destination]: HeldEnds<'a>, side: Option<&str>) -> Option<Self> {
        let source = source.map(|held| Self { end: "source", held });
        let destination = destination.map(|held| Self { end: "destination", held });
        match side {
            Some("destination") => destination.or(source),
            _ => source.or(destination),
        }
    }

    pub(crate) fn end(&self) -> &'static str {
        self.end
    }

    pub(crate) fn owner(&self) -> Option<&'a Owner> {
        self.held.owner.as_deref()
    }

    pub(crate) fn known_by(&self) -> &'static str {
        self.held.known_by.as_str()
    }

    /// Appends ` by nginx[4711]`, ` by ?`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Some(owner) = self.owner() else { return out.extend_from_slice(b" by ?") };
        out.extend_from_slice(b" by ");
        out.extend_from_slice(owner.name.as_bytes());
        if let Some(pid) = owner.pid {
            out.push(b'[');
            number::decimal(pid.into(), out);
            out.push(b']');
        }
    }
}

pub(crate) const PROCESS_NAME: &str = "program of the process that owns the local end";
pub(crate) const PROCESS_PID: &str =
    "its number; absent where several processes of one program hold the socket";
pub(crate) const PROCESS_EXECUTABLE: &str = "path of what it runs, where that may be read";
pub(crate) const PROCESS_USER: &str = "user that it runs as";
pub(crate) const PROCESS_END: &str =
    "the end of this host that it is about; where both are, the one that serves, else the source";
pub(crate) const PROCESS_KNOWN_BY: &str =
    "how it is known: it holds the connection, or the port; `unknown` where it is not";
pub(crate) const PID: Type = Type::Number(u32::MAX as u64);
pub(crate) const ENDS: Type = Type::OneOf(|| vec!["source", "destination"]);
pub(crate) const HOW: Type = Type::OneOf(|| KnownBy::ALL.map(KnownBy::as_str).to_vec());

fn text(text: &str) -> Value<'_> {
    Value::Escaped(text.as_bytes())
}

pub(crate) fn process_name(of: LocalEnd<'_>) -> Option<Value<'_>> {
    of.owner().map(|owner| text(&owner.name))
}

pub(crate) fn process_pid(of: LocalEnd<'_>) -> Option<Value<'_>> {
    of.owner()?.pid.map(|pid| Value::Number(pid.into()))
}

pub(crate) fn process_executable(of: LocalEnd<'_>) -> Option<Value<'_>> {
    of.owner()?.executable.as_deref().map(text)
}

pub(crate) fn process_user(of: LocalEnd<'_>) -> Option<Value<'_>> {
    of.owner()?.user.as_deref().map(text)
}

pub(crate) fn process_end(of: LocalEnd<'_>) -> Option<Value<'_>> {
    Some(Value::Word(of.end.as_bytes()))
}

pub(crate) fn process_known_by(of: LocalEnd<'_>) -> Option<Value<'_>> {
    Some(Value::Word(of.known_by().as_bytes()))
}
