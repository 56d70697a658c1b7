//! Exit codes. Scripts rely on them; the help text lists them.

use portolan::capture;

/// Everything went well.
pub(crate) const GOOD: u8 = 0;
/// Differences were found, or nothing was.
pub(crate) const DIFFERENT: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// An input cannot be opened or is no capture.
pub(crate) const INPUT: u8 = 3;
/// An input is damaged or cut short; results up to there were printed.
pub(crate) const DAMAGED: u8 = 4;
/// The capture filter does not compile.
pub(crate) const FILTER: u8 = 5;
/// A permission is missing.
pub(crate) const PERMISSION: u8 = 6;
/// The interface cannot be opened or failed.
pub(crate) const INTERFACE: u8 = 7;
/// The output cannot be written.
pub(crate) const OUTPUT: u8 = 8;
/// A bug.
pub(crate) const INTERNAL: u8 = 70;

/// The code for an input's error.
pub(crate) fn of(error: &capture::Error) -> u8 {
    match error {
        capture::Error::Damaged { .. } => DAMAGED,
        capture::Error::Filter { .. } => FILTER,
        capture::Error::Permission { .. } => PERMISSION,
        capture::Error::Interface { .. } => INTERFACE,
        // An option that this build does not have; a file that it cannot unpack is an input not opened.
        capture::Error::NotBuilt { feature: "libpcap", .. } => USAGE,
        _ => INPUT,
    }
}

/// The worse of two codes of inputs: one that cannot be opened weighs more than one that is damaged.
pub(crate) fn worse(a: u8, b: u8) -> u8 {
    if a == INPUT || b == INPUT { INPUT } else { a.max(b) }
}
