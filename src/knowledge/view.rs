//! All that is known of a capture, for whoever shows it.

use super::{Answers, Knowledge};
use crate::registry::Registry;

/// What was learned, the answers worked out from it, and the registry they are named by.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// What was learned.
    pub knowledge: &'v Knowledge,
    /// The answer of every five-tuple.
    pub answers: &'v Answers,
    /// The registry with the user's layers.
    pub registry: &'v Registry,
}
