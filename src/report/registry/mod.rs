//! The `registry` commands as functions that write to any output.

mod diff;
mod export;
mod lookup;
mod overview;

pub use diff::{Difference, diff, write_diff};
pub use export::export;
pub use lookup::{lookup, search};
pub use overview::overview;
