//! The `registry` commands as functions that write to any output.

mod diff;
mod export;
pub mod fields;
mod lookup;
mod overview;

use std::io::{self, Write};

use crate::text::table::{Cell, Table};

pub use diff::{Difference, diff, write_diff};
pub use export::export;
pub use lookup::{lookup, search};
pub use overview::overview;

/// Writes a table; without rows there is nothing to write.
fn table<const N: usize>(
    header: &[&'static str; N],
    rows: impl Iterator<Item = [Cell; N]>,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = Table::new(header).flush();
    rows.for_each(|row| table.row(row));
    if table.is_empty() { Ok(()) } else { table.write(width, out) }
}
