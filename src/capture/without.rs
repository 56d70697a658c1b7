//! What stands in for the parts that a build leaves out: the same names, which say what is missing.

#[cfg(not(feature = "compression"))]
pub(super) use compression::decompressor;
#[cfg(not(feature = "libpcap"))]
pub use libpcap::{Filter, Live, devices};

#[cfg(not(feature = "compression"))]
mod compression {
    use std::io::Read;

    use super::super::input::{Input, Refused};
    use crate::savefile::Compression;

    pub(in super::super) fn decompressor(
        compression: Compression,
        _: Input,
    ) -> Result<Box<dyn Read + Send>, Refused> {
        Err(Refused::Compressed(compression))
    }
}

#[cfg(not(feature = "libpcap"))]
mod libpcap {
    use super::super::{Accept, Device, Error, LiveOptions, Source};
    use crate::packet::{Batch, Frame, Interface};

    fn error(what: String) -> Error {
        Error::NotBuilt { what, feature: "libpcap" }
    }

    /// A capture filter; there is none without libpcap, which compiles them.
    #[derive(Clone, Debug)]
    pub enum Filter {}

    impl Filter {
        /// Refuses every filter.
        ///
        /// # Errors
        /// [`Error::NotBuilt`], always.
        pub fn new(text: &str) -> Result<Self, Error> {
            Err(error(format!("capture filter `{text}`")))
        }

        /// Whether the frame passes.
        ///
        /// # Errors
        /// None: there is no filter to ask.
        pub fn matches(&mut self, _: &Frame<'_>) -> Result<bool, Error> {
            match *self {}
        }

        /// The filter as a job takes it.
        pub fn accept(self) -> Box<Accept> {
            match self {}
        }
    }

    /// An interface being captured on; there is none without libpcap.
    #[derive(Debug)]
    pub enum Live {}

    impl Live {
        /// Refuses every interface.
        ///
        /// # Errors
        /// [`Error::NotBuilt`], always.
        pub fn open(interface: &str, _: &LiveOptions) -> Result<Self, Error> {
            Err(error(format!("interface {interface}")))
        }

        /// The interface's name.
        pub fn name(&self) -> &str {
            match *self {}
        }
    }

    impl Source for Live {
        fn fill(&mut self, _: &mut Batch) -> Result<bool, Error> {
            match *self {}
        }

        fn interfaces(&self) -> &[Interface] {
            match *self {}
        }
    }

    /// The interfaces there are, of which nothing is known without libpcap.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], always.
    pub fn devices() -> Result<Vec<Device>, Error> {
        Err(error("list of interfaces".to_owned()))
    }
}
