//! Reading captures: files, standard input and live interfaces behind one [`Source`].
//!
//! A format is a walker (`walk`): pure functions from octets to the frames in them. The rest is plumbing: `input` undoes
//! compression, `filler` reads large pieces and lets the walker find the frames in place.
//!
//! Decompression needs the feature `compression`; live capture and filters need `libpcap`. In a build without them
//! everything is there by name, and using it ends in [`Error::NotBuilt`].

mod ahead;
#[cfg(feature = "libpcap")]
mod any;
mod beside;
#[cfg(feature = "compression")]
mod decompress;
mod device;
mod expand;
mod file;
mod filler;
#[cfg(feature = "libpcap")]
mod filter;
mod input;
#[cfg(feature = "libpcap")]
mod live;
mod replay;
mod several;
mod translated;
#[cfg(not(all(feature = "compression", feature = "libpcap")))]
mod without;

pub(crate) use ahead::ahead;
pub use beside::{Backlog, Beside, MOST_WAITING};
pub use device::{Device, LiveOptions, Losses};
pub use expand::{Inputs, expand};
pub use file::{FileSource, Limits, Reached, State, Stretch, Stretches, open, open_within, pieces, stdin};
pub(crate) use filler::BATCH_LEN;
#[cfg(test)]
pub(crate) use filler::Filler;
#[cfg(feature = "libpcap")]
pub use filter::Filter;
#[cfg(feature = "libpcap")]
pub use live::{Live, devices};
pub use replay::{Clock, Replay};
pub use several::{HOLD, Several};
#[cfg(not(feature = "libpcap"))]
pub use without::{Filter, Live, devices};

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

use crate::packet::{Batch, Frame, Interface};

/// Says of each frame whether it is taken, such as a capture filter does.
pub type Accept = dyn FnMut(&Frame<'_>) -> Result<bool, Error> + Send;

/// Delivers batches of frames, in capture order, until the input ends.
pub trait Source {
    /// Empties `batch` and fills it with the next frames.
    ///
    /// Returns `false`, with an empty batch, at the end of the input. Damage is reported after all
    /// that lies before it was delivered: a call that meets it with frames in hand returns them
    /// first, and the next call returns the error. A live source may return `true` with an
    /// empty batch when nothing came for a short while.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the input is cut or broken; everything before it was delivered.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error>;

    /// The interfaces met so far; [`crate::packet::Frame::interface`] is an index into them.
    fn interfaces(&self) -> &[Interface];

    /// Octets of the input read so far, as it lies on disk: for showing progress. Always 0 where there is no file.
    fn consumed(&self) -> u64 {
        0
    }

    /// What became of the packets so far, where packets can get lost and the source can tell.
    fn losses(&mut self) -> Option<Losses> {
        None
    }

    /// The same of each interface by its name, in the order of their numbers, where there are several devices.
    fn losses_of_each(&mut self) -> Vec<(String, Losses)> {
        Vec::new()
    }

    /// What it is called: its first interface, or those of several devices joined by a `+`.
    fn name(&self) -> Option<String> {
        self.interfaces().first()?.name.clone()
    }
}

impl Source for Box<dyn Source + Send> {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        (**self).fill(batch)
    }

    fn interfaces(&self) -> &[Interface] {
        (**self).interfaces()
    }

    fn consumed(&self) -> u64 {
        (**self).consumed()
    }

    fn losses(&mut self) -> Option<Losses> {
        (**self).losses()
    }

    fn losses_of_each(&mut self) -> Vec<(String, Losses)> {
        (**self).losses_of_each()
    }

    fn name(&self) -> Option<String> {
        (**self).name()
    }
}

/// Why an input could not be read, or not to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The input cannot be opened or read at all.
    Io {
        /// The file, or `-` for standard input.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The input is no capture, or one of a format that is named but not read.
    NotACapture {
        /// The file, or `-` for standard input.
        file: PathBuf,
        /// What it is instead, or what was expected.
        reason: String,
    },
    /// This build cannot do it.
    NotBuilt {
        /// What was asked for.
        what: String,
        /// The Cargo feature that does it.
        feature: &'static str,
    },
    /// The input is cut or broken here; everything before was delivered.
    Damaged {
        /// The file, or `-` for standard input.
        file: PathBuf,
        /// Number of the packet that would have come next, from 1.
        packet: u64,
        /// Offset of the damage in the (decompressed) input, in octets.
        offset: u64,
        /// What is wrong, with both numbers where two disagree.
        reason: String,
    },
    /// The capture filter does not compile.
    Filter {
        /// The filter as given.
        filter: String,
        /// What libpcap says about it.
        reason: String,
    },
    /// Capturing needs a permission this process lacks; the text names the fix.
    Permission {
        /// The interface.
        interface: String,
        /// What the system said and what to do about it.
        reason: String,
    },
    /// The interface cannot be opened, or failed while capturing.
    Interface {
        /// The interface.
        interface: String,
        /// What libpcap says.
        reason: String,
    },
}

impl Error {
    /// The file that could not be read; `-` for standard input.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Io { file, .. } | Self::NotACapture { file, .. } | Self::Damaged { file, .. } => Some(file),
            _ => None,
        }
    }

    /// The same error where so many packets came before the stretch it was found in.
    pub(crate) fn after(self, packets: u64) -> Self {
        match self {
            Self::Damaged { file, packet, offset, reason } => {
                Self::Damaged { file, packet: packet + packets, offset, reason }
            }
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, cause } => write!(f, "{}: {cause}", spoken(file)),
            Self::NotACapture { file, reason } => write!(f, "{}: {reason}", spoken(file)),
            Self::NotBuilt { what, feature } => {
                write!(f, "{what}: this build was made without the feature `{feature}`")
            }
            Self::Damaged { file, packet, offset, reason } => {
                write!(f, "{}: packet {packet}, offset {offset}: {reason}", spoken(file))
            }
            Self::Filter { filter, reason } => write!(f, "bad capture filter `{filter}`: {reason}"),
            Self::Permission { interface, reason } | Self::Interface { interface, reason } => {
                write!(f, "{interface}: {reason}")
            }
        }
    }
}

/// What a file is called in a sentence.
fn spoken(file: &Path) -> std::path::Display<'_> {
    if file == Path::new("-") { Path::new("standard input").display() } else { file.display() }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
