//! Reading, and decompressing, on a thread of its own.

use std::{
    mem,
    sync::mpsc::{Receiver, Sender, channel, sync_channel},
    thread, vec,
};

use super::{Error, FileSource, Source, filler::BATCH_LEN};
use crate::packet::{Batch, Interface};

/// Batches handed over at a time: waking a thread costs as much as reading some batches.
const BUNDLE: usize = 8;
/// Bundles on their way: one is read while another is worked on.
const BUNDLES: usize = 3;
/// Octets after which a bundle is handed over with fewer batches. It has as many only where records are large: then it is
/// worked on before more is read, so that no more than one of them is held.
const ENOUGH: usize = 2 * BUNDLE * BATCH_LEN;

/// Calls `work` with a source that delivers what `source` does, while that is read ahead on another thread.
///
/// Only for sources that never wait: a read that hangs would keep this from returning.
pub(crate) fn ahead<T>(source: &mut FileSource, work: impl FnOnce(&mut Ahead) -> T) -> T {
    thread::scope(|scope| {
        // What goes back is no more than what came.
        let (to_reader, empty) = channel::<Vec<Batch>>();
        let (to_worker, filled) = sync_channel(BUNDLES);
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
            let mut pool: Vec<_> = (0..BUNDLES * BUNDLE).map(|_| Batch::new()).collect();
            let mut needed = BUNDLE;
            loop {
                while pool.len() < needed {
                    let Ok(batches) = empty.recv() else { return };
                    pool.extend(batches);
                }
                let mut bundle = Vec::with_capacity(BUNDLE);
                let (mut is_over, mut octets) = (false, 0);
                while bundle.len() < BUNDLE
                    && octets < ENOUGH
                    && let Some(mut batch) = pool.pop()
                {
                    let result = source.fill(&mut batch);
                    is_over = !matches!(result, Ok(true));
                    let interfaces = &source.interfaces()[known..];
                    known += interfaces.len();
                    let (interfaces, consumed) = (interfaces.to_vec(), source.consumed());
                    octets += batch.octets().len();
                    bundle.push(Filled { result, batch, interfaces, consumed });
                    if is_over {
                        break;
                    }
                }
                if to_worker.send(bundle).is_err() || is_over {
                    return;
                }
                needed = if octets < ENOUGH { BUNDLE } else { BUNDLES * BUNDLE };
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
    to_reader: Sender<Vec<Batch>>,
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
        capture::open,
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

    /// Large records come one at a time, and all of them.
    #[test]
    fn delivers_large_records_too() {
        let mut file = [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat();
        for number in 0..20_u8 {
            file.extend(block(Order::Little, 99, &vec![number; ENOUGH]));
            file.extend(enhanced(Order::Little, 0, 1, &[number; 60], 60));
        }
        let path = env::temp_dir().join(format!("portolan-ahead-large-{}", process::id()));
        fs::write(&path, file).unwrap();
        let expected = all(&mut open(&path).unwrap());
        assert_eq!(expected.batches.iter().map(|(_, frames, _)| frames).sum::<usize>(), 20);
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
