//! Reading, and decompressing, on a thread of its own.

use std::{
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread, vec,
};

use super::{Error, FileSource, Source};
use crate::packet::{Batch, Interface};

/// Batches handed over at a time: waking a thread costs as much as reading some batches.
const BUNDLE: usize = 8;
/// Bundles on their way: one is read while another is worked on.
const BUNDLES: usize = 3;

/// Calls `work` with a source that delivers what `source` does, while that is read ahead on another thread.
///
/// Only for sources that never wait: a read that hangs would keep this from returning.
pub(crate) fn ahead<T>(source: &mut FileSource, work: impl FnOnce(&mut Ahead) -> T) -> T {
    thread::scope(|scope| {
        let (to_reader, empty) = sync_channel::<Vec<Batch>>(BUNDLES);
        let (to_worker, filled) = sync_channel(BUNDLES);
        for _ in 0..BUNDLES {
            // There is room for all of them.
            let _ = to_reader.send((0..BUNDLE).map(|_| Batch::new()).collect());
        }
        let consumed = source.consumed();
        let interfaces = source.interfaces().to_vec();
        let mut ahead = Ahead {
            interfaces,
            consumed,
            to_reader,
            filled,
            bundle: Vec::new().into_iter(),
            spare: Vec::new(),
        };
        scope.spawn(move || {
            let mut known = source.interfaces().len();
            while let Ok(batches) = empty.recv() {
                let mut bundle = Vec::with_capacity(batches.len());
                let mut is_over = false;
                for mut batch in batches {
                    let result = source.fill(&mut batch);
                    is_over = !matches!(result, Ok(true));
                    let interfaces = &source.interfaces()[known..];
                    known += interfaces.len();
                    let (interfaces, consumed) = (interfaces.to_vec(), source.consumed());
                    bundle.push(Filled { result, batch, interfaces, consumed });
                    if is_over {
                        break;
                    }
                }
                if to_worker.send(bundle).is_err() || is_over {
                    return;
                }
            }
        });
        let done = work(&mut ahead);
        // Ends the reader, which may be waiting for a batch to fill.
        drop(ahead);
        done
    })
}

/// What one call of [`Source::fill`] gave.
struct Filled {
    result: Result<bool, Error>,
    batch: Batch,
    /// Those met in this batch.
    interfaces: Vec<Interface>,
    consumed: u64,
}

/// A source that is read ahead.
pub(crate) struct Ahead {
    interfaces: Vec<Interface>,
    consumed: u64,
    to_reader: SyncSender<Vec<Batch>>,
    filled: Receiver<Vec<Filled>>,
    /// What is left of the bundle at hand, and the batches that were worked on.
    bundle: vec::IntoIter<Filled>,
    spare: Vec<Batch>,
}

impl Source for Ahead {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        if self.bundle.len() == 0 {
            if !self.spare.is_empty() {
                // At the end nobody waits for them.
                let _ = self.to_reader.send(mem::take(&mut self.spare));
            }
            // A reader that is gone has told the end; or it has panicked, and the scope passes its panic on.
            self.bundle = self.filled.recv().unwrap_or_default().into_iter();
        }
        let Some(filled) = self.bundle.next() else {
            batch.begin(0, 0);
            return Ok(false);
        };
        self.spare.push(mem::replace(batch, filled.batch));
        self.interfaces.extend(filled.interfaces);
        self.consumed = filled.consumed;
        filled.result
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn consumed(&self) -> u64 {
        self.consumed
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf, process};

    use super::*;
    use crate::{
        capture::{filler::BATCH_LEN, open},
        savefile::{Order, testing::*},
    };

    /// A capture of more batches than are on their way at a time, cut inside its last record.
    fn capture(name: &str) -> PathBuf {
        let mut file = [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat();
        let frame = enhanced(Order::Little, 0, 1, &[7; 1000], 1000);
        while file.len() < (BUNDLES + 1) * BUNDLE * BATCH_LEN {
            file.extend(&frame);
        }
        file.extend(interface(Order::Little, 101, 0, &[]));
        file.extend(enhanced(Order::Little, 1, 2, &[1; 100], 100));
        file.extend(&frame[..500]);
        let path = env::temp_dir().join(format!("portolan-ahead-{name}-{}", process::id()));
        fs::write(&path, file).unwrap();
        path
    }

    /// All that a source delivers.
    #[derive(Debug, PartialEq)]
    struct All {
        /// Position, frames and first octets of each batch.
        batches: Vec<(u64, usize, Vec<u8>)>,
        interfaces: Vec<Interface>,
        error: String,
        consumed: u64,
    }

    fn all(source: &mut impl Source) -> All {
        let (mut batch, mut batches) = (Batch::new(), Vec::new());
        let error = loop {
            match source.fill(&mut batch) {
                Ok(true) => batches.push((batch.position(), batch.len(), batch.octets()[..40].to_vec())),
                Ok(false) => break String::new(),
                Err(error) => break error.to_string(),
            }
        };
        assert!(matches!(source.fill(&mut batch), Ok(false)) && batch.is_empty(), "an error ends the input");
        All { batches, interfaces: source.interfaces().to_vec(), error, consumed: source.consumed() }
    }

    #[test]
    fn delivers_what_the_source_does() {
        let path = capture("all");
        let expected = all(&mut open(&path).unwrap());
        assert!(expected.batches.len() > BUNDLES * BUNDLE && expected.interfaces.len() == 2, "{expected:?}");
        assert!(expected.error.contains("cut short"), "{}", expected.error);
        assert_eq!(ahead(&mut open(&path).unwrap(), all), expected);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn may_be_left_early() {
        let path = capture("early");
        let first = ahead(&mut open(&path).unwrap(), |source| {
            let mut batch = Batch::new();
            source.fill(&mut batch).unwrap();
            batch.position()
        });
        assert_eq!(first, 0);
        fs::remove_file(path).unwrap();
    }
}
