//! What each stage costs: `cargo bench --bench stages`, or with `-- lookup` one of them.
//!
//! Every bench asserts what it counted, so that a wrong result cannot look fast, and reports packets
//! (or lookups) and octets a second. The inputs are generated into the target directory.

#[path = "../generator/mod.rs"]
#[allow(dead_code, reason = "not every shape is measured here")]
mod generator;
mod lookup;
mod read;

use std::{fs::File, path::PathBuf};

use generator::{Format, Plan, Shape, Totals};

fn main() {
    divan::main();
}

/// A synthetic capture in a file, and what is in it.
struct Capture {
    path: PathBuf,
    totals: Totals,
}

impl Capture {
    fn mix(format: Format, packets: u64, flows: u64) -> Self {
        let plan = Plan { format, packets, flows, ..Plan::new(Shape::Mix) };
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{format:?}-{packets}-{flows}"));
        let mut file = File::create(&path).expect("the target directory can be written");
        let totals = plan.write(&mut file).expect("a sound plan and room for it");
        Self { path, totals }
    }
}
