//! Jobs that Python starts.

use std::{
    io::{self, BufWriter, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use portolan::{
    Answers, Job, Knowledge, Observer, Registry, View, capture,
    columns::{Origin, RecordBatch, SchemaRef, Table},
    knowledge::{Options, file::is_knowledge},
    pipeline::{Inputs, Outcome},
    report::{
        Columnar,
        summary::{self, Counted, Sums},
    },
    select::{Packets, Predicate},
    sink::{Batches, Columns, Encoder},
};
use pyo3::{prelude::*, types::PyBytes};
use tempfile::NamedTempFile;

use crate::{
    records::{Next, Records, Told},
    sums_table,
    trouble::Trouble,
};

/// What octets are called that are no file.
const OCTETS: &str = "bytes";

/// Batches that wait to be taken.
const WAITING: usize = 4;

/// Files, or a capture itself.
pub(crate) enum Source {
    Files(Vec<PathBuf>),
    Octets(NamedTempFile),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Source {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(octets) = object.cast::<PyBytes>() {
            // Captures are read twice, so they have to lie somewhere.
            let (octets, mut file) = (octets.as_bytes(), NamedTempFile::new()?);
            file.write_all(octets)?;
            return Ok(Self::Octets(file));
        }
        match object.extract::<PathBuf>() {
            Ok(file) => Ok(Self::Files(vec![file])),
            Err(_) => object.extract::<Vec<PathBuf>>().map(Self::Files),
        }
    }
}

/// The registry in use, with these layers.
pub(crate) fn registry(layers: &[PathBuf]) -> Result<Registry, Trouble> {
    let (mut registry, _) = Registry::current();
    for file in layers {
        registry.add_layer(file).map_err(Trouble::said)?;
    }
    Ok(registry)
}

/// What is to be read, and how.
pub(crate) struct Task {
    source: Source,
    registry: Registry,
    threads: Option<usize>,
    strict: bool,
    /// A knowledge file that names what the inputs alone do not.
    base: Option<PathBuf>,
    /// The octets of the input that are read, if not all.
    piece: Option<Range<u64>>,
}

/// What is told of knowledge that was written: the earliest and latest time in ns since the epoch, packets, octets; where
/// reading ended, and whether what follows is read as the file begins.
pub(crate) type Written = (Option<u64>, Option<u64>, u64, u64, Option<(u64, bool)>);

fn open(path: &Path) -> Result<Knowledge, Trouble> {
    Knowledge::open_whole(path).map_err(|error| {
        let file = path.display().to_string();
        Trouble::about(format!("{file}: {error}"), file)
    })
}

/// Writes knowledge beside where it shall stand, and puts it there when it is whole.
fn write(known: &Knowledge, registry: &Registry, output: &Path) -> Result<Written, Trouble> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = output.display().to_string();
    let failed = |error: io::Error| Trouble::about(format!("{file}: {error}"), file.clone());
    let mut builder = tempfile::Builder::new();
    builder.suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut part = builder.tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::new(part.as_file_mut());
    known.write(registry.updated(), &mut out).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    part.persist(output).map_err(|error| failed(error.error))?;
    let span = known.span();
    let [first, last] = [span.first(), span.last()].map(|time| time.map(|time| time.0));
    Ok((first, last, span.packets, span.octets, None))
}

/// The ranges of a capture that can be read as pieces.
pub(crate) fn pieces(file: &Path, octets: u64) -> Result<Vec<(u64, u64)>, Trouble> {
    let pieces = capture::pieces(file, octets).map_err(|error| Trouble::of(&error, None))?;
    Ok(pieces.into_iter().map(|piece| (piece.start, piece.end)).collect())
}

/// Joins knowledge files in order of time into one.
pub(crate) fn merge(files: &[PathBuf], output: &Path, registry: &Registry) -> Result<Written, Trouble> {
    let parts = files.iter().map(|file| open(file)).collect::<Result<Vec<_>, _>>()?;
    write(&Knowledge::of_parts(parts, registry), registry, output)
}

/// Ends a job where somebody asked for that, or pressed Ctrl-C.
struct Watch {
    stop: Arc<AtomicBool>,
    /// What Python said; only where the thread at work is one of Python's.
    interrupted: Option<Mutex<Option<PyErr>>>,
}

impl Watch {
    fn of_python() -> Self {
        Self { stop: Arc::default(), interrupted: Some(Mutex::default()) }
    }

    fn ended(self) -> PyResult<()> {
        let said =
            self.interrupted.and_then(|said| said.into_inner().unwrap_or_else(PoisonError::into_inner));
        said.map_or(Ok(()), Err)
    }
}

impl Observer for Watch {
    fn is_stopped(&self) -> bool {
        if let Some(interrupted) = &self.interrupted
            && let Err(error) = Python::attach(|py| py.check_signals())
        {
            *interrupted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
        self.stop.load(Ordering::Relaxed)
    }
}

impl Task {
    pub(crate) fn new(
        source: Source,
        layers: &[PathBuf],
        threads: Option<usize>,
        strict: bool,
        base: Option<PathBuf>,
    ) -> PyResult<Self> {
        let threads = threads.map(|threads| threads.max(1));
        Ok(Self { source, registry: registry(layers)?, threads, strict, base, piece: None })
    }

    /// The same of a piece of the input alone.
    pub(crate) fn only(self, piece: Option<(u64, u64)>) -> Self {
        Self { piece: piece.map(|(begin, end)| begin..end), ..self }
    }

    fn files(&self) -> Vec<PathBuf> {
        match &self.source {
            Source::Files(files) => files.clone(),
            Source::Octets(file) => vec![file.path().to_owned()],
        }
    }

    /// What the input is called where it is no file.
    fn called(&self) -> Option<&'static str> {
        matches!(self.source, Source::Octets(_)).then_some(OCTETS)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match self.called() {
            Some(called) => vec![called.to_owned()],
            None => self.files().iter().map(|file| file.display().to_string()).collect(),
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin { registry: self.registry.updated().to_owned(), inputs: self.names() }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    /// Tells at once of a file that is none, or no capture. What can be read only once is left alone.
    pub(crate) fn look(&self) -> Result<(), Trouble> {
        for file in self.files().iter().filter(|file| !file.exists() || file.is_file()) {
            match capture::open(file) {
                Ok(_) | Err(capture::Error::Damaged { .. }) => {}
                Err(error) => return Err(Trouble::of(&error, self.called())),
            }
        }
        Ok(())
    }

    fn job(&self, stop: &Arc<AtomicBool>) -> Job<'_> {
        self.job_of(self.files(), stop)
    }

    fn job_of(&self, files: Vec<PathBuf>, stop: &Arc<AtomicBool>) -> Job<'_> {
        let mut job = Job::new(Inputs::Files(files), &self.registry);
        job.threads = self.threads();
        job.limits.stop = Arc::clone(stop);
        job.limits.piece.clone_from(&self.piece);
        job
    }

    /// Refuses knowledge files where packets are asked for.
    pub(crate) fn refuse_knowledge(&self) -> Result<(), Trouble> {
        let Some(file) = self.files().into_iter().find(|file| is_knowledge(file)) else { return Ok(()) };
        let file = file.display().to_string();
        Err(Trouble::about(
            format!("{file}: a knowledge file holds no packets: only sums of flows are in it"),
            file,
        ))
    }

    /// What the knowledge file knows that was given beside the inputs, to learn on.
    fn base(&self) -> Result<Option<Knowledge>, Trouble> {
        let Some(path) = &self.base else { return Ok(None) };
        Ok(Some(Knowledge::whole_of(vec![open(path)?], &self.registry)))
    }

    /// Learns the inputs, of which some may be knowledge files; these must know traffic by the interval, if one is needed.
    fn learn(&self, needs: Options, watch: &Watch) -> Result<(Knowledge, Outcome), Trouble> {
        let failed = |failure| Trouble::failure(&failure, self.called());
        let (stored, files): (Vec<_>, Vec<_>) = self.files().into_iter().partition(|file| is_knowledge(file));
        let mut job = self.job_of(files, &watch.stop);
        if stored.is_empty() {
            return job.learn(needs, watch).map_err(failed);
        }
        let mut parts = stored.iter().map(|file| open(file)).collect::<Result<Vec<_>, _>>()?;
        for (file, part) in stored.iter().zip(&parts) {
            let file = file.display();
            needs
                .interval
                .map_or(Ok(()), |interval| part.check_interval(interval))
                .map_err(|untold| Trouble::about(format!("{file}: {untold}"), file.to_string()))?;
        }
        let mut outcome = Outcome::default();
        if !job.inputs.names().is_empty() {
            let needs = Options { interval: needs.interval, ..Options::everything() };
            let (part, learned) = job.learn_part(needs, watch).map_err(failed)?;
            parts.push(part);
            outcome = learned;
        }
        let mut known = Knowledge::whole_of(parts, &self.registry);
        known.settle();
        Ok((known, outcome))
    }

    /// What is known of the names of what was learned: by that itself, or by a knowledge file, too.
    fn answers(&self, known: &mut Knowledge, watch: &Watch) -> Result<Answers, Trouble> {
        let threads = self.threads();
        let Some(base) = self.base()? else { return Ok(Answers::of(known, &self.registry, false, threads)) };
        let learned = self.job(&watch.stop).learn_on(base, watch);
        let (whole, _) = learned.map_err(|failure| Trouble::failure(&failure, self.called()))?;
        let of_whole = Answers::of(&whole, &self.registry, false, threads);
        let answers = Answers::of_piece(known, &whole, &of_whole);
        known.set_learned_hosts(whole);
        Ok(answers)
    }

    /// Learns the inputs as a part of a whole, and writes what was learned.
    pub(crate) fn write(
        self,
        py: Python<'_>,
        output: &Path,
        interval: Option<Duration>,
    ) -> PyResult<(Written, Option<Trouble>)> {
        let watch = Watch::of_python();
        let made = py.detach(|| -> Result<_, Trouble> {
            self.refuse_knowledge().and_then(|()| self.look())?;
            let mut job = self.job(&watch.stop);
            job.separate = false;
            job.inputs.sort_by_time();
            let learned = job.learn_part(Options { interval, ..Options::everything() }, &watch);
            let (known, outcome) = learned.map_err(|failure| Trouble::failure(&failure, self.called()))?;
            if watch.is_stopped() {
                return Err(Trouble::said("stopped"));
            }
            match self.wrong(&outcome) {
                Some(trouble) if self.strict => Err(trouble),
                wrong => {
                    let (first, last, packets, octets, _) = write(&known, &self.registry, output)?;
                    let reached = outcome.reached.map(|reached| (reached.offset, reached.is_alike));
                    Ok(((first, last, packets, octets, reached), wrong))
                }
            }
        });
        watch.ended()?;
        Ok(made?)
    }

    /// The first thing that is wrong with the inputs.
    fn wrong(&self, outcome: &Outcome) -> Option<Trouble> {
        outcome.errors.first().map(|error| Trouble::of(error, self.called()))
    }

    /// Learns the inputs, and makes rows of what a report says.
    pub(crate) fn report<R: Columnar + Send>(self, py: Python<'_>, mut report: R) -> PyResult<Records> {
        let watch = Watch::of_python();
        let made = py.detach(|| -> Result<_, Trouble> {
            let (mut knowledge, outcome) = self.learn(report.needs(), &watch)?;
            let answers = match report.needs_answers() {
                true => self.answers(&mut knowledge, &watch)?,
                false => Answers::default(),
            };
            report.add(&mut knowledge, &answers, &self.registry);
            Ok((report.table(&self.registry, &self.origin())?, self.wrong(&outcome)))
        });
        watch.ended()?;
        self.tell(made?)
    }

    /// Learns the inputs, then counts their packets, or takes what knowledge files tell of them by interval.
    pub(crate) fn sums(
        self,
        py: Python<'_>,
        interval: Option<Duration>,
        options: summary::Options,
    ) -> PyResult<Records> {
        let watch = Watch::of_python();
        let made = py.detach(|| -> Result<_, Trouble> {
            let by = options.by;
            let is_stored = self.files().iter().any(|file| is_knowledge(file));
            if interval.is_none() || by.needs_packets() {
                self.refuse_knowledge()?;
            }
            let needs = Options { interval: interval.filter(|_| is_stored), ..options.needs() };
            let (mut knowledge, outcome) = self.learn(needs, &watch)?;
            let answers = self.answers(&mut knowledge, &watch)?;
            let view = View { knowledge: &knowledge, answers: &answers, registry: &self.registry };
            let mut counted = Counted::new(interval, by);
            if is_stored {
                counted.add_known(&view).map_err(Trouble::said)?;
            } else {
                let charted =
                    self.job(&watch.stop).chart(&view, Sums::new(interval, by), &mut counted, &watch);
                charted.map_err(|failure| Trouble::failure(&failure, self.called()))?;
            }
            counted.name_hosts(&knowledge);
            counted.part();
            let table = sums_table(counted, interval.is_some(), &options, &self.origin())?;
            Ok((table, self.wrong(&outcome)))
        });
        watch.ended()?;
        self.tell(made?)
    }

    /// The records, unless what is wrong shall be told by an exception.
    fn tell(&self, (table, wrong): (Table, Option<Trouble>)) -> PyResult<Records> {
        match wrong {
            Some(trouble) if self.strict => Err(trouble.into()),
            wrong => Ok(Records::ready(table, wrong)),
        }
    }
}

/// A job at work on a thread of its own, which hands over batches. Dropping it ends the job.
pub(crate) struct Reading {
    schema: SchemaRef,
    batches: Receiver<Result<RecordBatch, Trouble>>,
    stop: Arc<AtomicBool>,
    told: Told,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Reading {
    /// Begins to annotate.
    pub(crate) fn start(
        task: Task,
        encoder: Columns,
        wanted: Option<Predicate<Packets>>,
        count: Option<u64>,
    ) -> Self {
        let (sender, batches) = sync_channel(WAITING);
        let (stop, told, schema) =
            (Arc::<AtomicBool>::default(), Told::default(), Arc::clone(encoder.schema()));
        let reading = Self { schema, batches, stop: Arc::clone(&stop), told: Arc::clone(&told) };
        thread::spawn(move || {
            let mut sink = Batches(|batch| {
                sender.send(Ok(batch)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
            });
            let wrong = annotate(&task, encoder, (wanted, count), &mut sink, stop);
            if let Some(trouble) = wrong {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble.clone());
                if task.strict {
                    // Where nobody takes it, nobody wants it.
                    let _ = sender.send(Err(trouble));
                }
            }
        });
        reading
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// The next batch; nothing, where none came in time.
    pub(crate) fn next(&mut self, patience: Option<Duration>) -> Result<Next, Trouble> {
        let next = match patience {
            None => self.batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.batches.recv_timeout(patience),
        };
        match next {
            Ok(batch) => batch.map(Next::Batch),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }
}

/// Annotates all packets, with hindsight where inputs can be read twice. Returns what is wrong with them.
fn annotate<F: FnMut(RecordBatch) -> io::Result<()>>(
    task: &Task,
    encoder: Columns,
    (wanted, count): (Option<Predicate<Packets>>, Option<u64>),
    sink: &mut Batches<F>,
    stop: Arc<AtomicBool>,
) -> Option<Trouble> {
    let watch = Watch { stop: Arc::clone(&stop), interrupted: None };
    let mut job = task.job(&stop);
    (job.wanted, job.count) = (wanted, count);
    let options = Options { domains: true, ..Options::default() };
    let base = match task.base() {
        Ok(base) => base,
        Err(trouble) => return Some(trouble),
    };
    let run = || -> Result<Outcome, portolan::pipeline::Failure> {
        if !job.inputs.can_be_read_twice() {
            return job.follow(options, encoder, sink, &watch).map(|(_, _, outcome)| outcome);
        }
        let (knowledge, learned) = match base {
            Some(base) => job.learn_on(base, &watch)?,
            None => job.learn(options, &watch)?,
        };
        let ids = encoder.shows_community_ids() || job.asks_community_ids();
        let answers = Answers::of(&knowledge, &task.registry, ids, job.threads);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &task.registry };
        job.chart(&view, encoder, sink, &watch)?;
        Ok(learned)
    };
    match run() {
        Ok(outcome) => task.wrong(&outcome),
        Err(failure) => Some(Trouble::failure(&failure, task.called())),
    }
}
