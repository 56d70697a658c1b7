//! `--geo`: where addresses are.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use portolan::places::Places;

use super::{End, exit, message};

/// Files that say where addresses are.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Geo {
    /// Tell country and autonomous system of addresses by this file in MaxMind's format (.mmdb). May be repeated: what the first
    /// file does not say, the next one may.
    #[arg(long, value_name = "FILE", help_heading = "Annotation")]
    geo: Vec<PathBuf>,
}

impl Geo {
    /// Whether there are any.
    pub(crate) fn is_given(&self) -> bool {
        !self.geo.is_empty()
    }

    /// Reads them, where there are any: before an interface is open, as they may not be read after that.
    pub(crate) fn open(&self) -> Result<Option<Arc<Places>>, End> {
        if self.geo.is_empty() {
            return Ok(None);
        }
        let places = Places::open(&self.geo).map_err(|error| {
            message::error(format_args!("--geo {error}"));
            End::Said(exit::INPUT)
        })?;
        Ok(Some(Arc::new(places)))
    }
}
