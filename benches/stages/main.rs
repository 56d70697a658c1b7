//! What each stage costs: `cargo bench --bench stages`, or with `-- lookup` one of them.
//!
//! Every bench asserts what it counted, so that a wrong result cannot look fast, and reports packets
//! (or lookups) and octets a second. The inputs are generated into the target directory.

mod decode;
mod flow;
#[path = "../generator/mod.rs"]
#[allow(dead_code, reason = "not every shape is measured here")]
mod generator;
mod lookup;
mod pipeline;
mod read;

use std::{
    fs::{self, File},
    path::PathBuf,
};

use generator::{Plan, Totals};
use portolan::{
    capture::{self, Source as _},
    knowledge::Knowledge,
    packet::Batch,
};

fn main() {
    divan::main();
}

/// A synthetic capture in a file, and what is in it.
struct Capture {
    path: PathBuf,
    totals: Totals,
}

impl Capture {
    fn write(plan: Plan) -> Self {
        let Plan { shape, format, packets, flows, snap_len, .. } = plan;
        let name = format!("{shape:?}-{format:?}-{packets}-{flows}-{snap_len}");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut file = File::create(&path).expect("the target directory can be written");
        let totals = plan.write(&mut file).expect("a sound plan and room for it");
        Self { path, totals }
    }

    /// The whole capture in memory.
    fn batches(&self) -> Vec<Batch> {
        let mut source = capture::open(&self.path).expect("the file was just written");
        let mut batches = Vec::new();
        loop {
            let mut batch = Batch::new();
            if !source.fill(&mut batch).expect("a sound file") {
                return batches;
            }
            batches.push(batch);
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // What is left behind by a failure here is written over by the next run.
        let _ = fs::remove_file(&self.path);
    }
}

/// Five-tuples with ports; there is one for each flow of a synthetic capture.
fn ported_tuples(knowledge: &Knowledge) -> u64 {
    knowledge.flows().five_tuples().filter(|tuple| tuple.key.ports().is_some()).count() as u64
}
