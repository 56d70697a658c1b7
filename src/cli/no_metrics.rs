//! `--metrics` in a build without them: there by name, and refused.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Instant};

use portolan::{
    View,
    capture::{Backlog, Losses},
};

/// The counters of a run, of which there are none.
pub(crate) struct Metrics(Infallible);

impl Metrics {
    /// Refuses.
    pub(crate) fn bind(_address: SocketAddr) -> io::Result<(Infallible, SocketAddr)> {
        Err(io::Error::other("this build was made without the feature `metrics`"))
    }

    pub(crate) fn serve(listener: Infallible) -> io::Result<Arc<Self>> {
        match listener {}
    }

    pub(crate) fn watch(&self, _backlog: Arc<Backlog>) {
        match self.0 {}
    }

    pub(crate) fn is_asked(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn take_losses(&self, _losses: Option<Losses>) {
        match self.0 {}
    }

    pub(crate) fn is_wanted(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn beat(&self) {
        match self.0 {}
    }

    pub(crate) fn make(&self, _view: &View<'_>, _began: Instant) {
        match self.0 {}
    }
}
