//! The native half of the Python package `portolan`: captures in, batches of Arrow out.

mod read;
mod records;
mod trouble;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use portolan::{
    Registry,
    report::{
        self, Format,
        discover::{DiscoverOptions, Discovery},
        flows::{self as flow_report, FlowList},
        hosts::{HostList, HostsOptions},
        summary::{By, Counted, Division, Options, Totals, table_of_columns},
    },
    select::{Choice, Predicate, packets},
    sink,
    text::time::duration,
};
use pyo3::{exceptions::PyValueError, prelude::*};

use read::{Reading, Source, Task, Written};
use records::{Batch, Records};
use trouble::PortolanError;

/// What a function is told of its input beside its source.
type Common = (Option<Vec<PathBuf>>, Option<usize>, bool, Option<PathBuf>);

fn wrong(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn task(source: Source, (registry, threads, strict, knowledge): Common) -> PyResult<Task> {
    Task::new(source, &registry.unwrap_or_default(), threads, strict, knowledge)
}

/// A length of time, as the command takes it.
fn length(text: Option<&str>) -> PyResult<Option<Duration>> {
    text.map(|text| duration(text).map_err(|error| wrong(format!("interval: {error}")))).transpose()
}

/// Annotates each packet.
#[pyfunction]
#[pyo3(signature = (source, *, columns=None, r#where=None, count=None, registry=None, threads=None, strict=true, knowledge=None, piece=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
fn annotate(
    py: Python<'_>,
    source: Source,
    columns: Option<Vec<String>>,
    r#where: Option<String>,
    count: Option<u64>,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    knowledge: Option<PathBuf>,
    piece: Option<(u64, u64)>,
) -> PyResult<Records> {
    let schema = packets();
    let wanted = r#where.map(|text| Predicate::new(&text, &schema)).transpose().map_err(wrong)?;
    let columns = columns.map(|names| schema.columns(&names)).transpose().map_err(wrong)?;
    let task = task(source, (registry, threads, strict, knowledge))?.only(piece);
    py.detach(|| task.refuse_knowledge().and_then(|()| task.look()))?;
    let origin = task.origin();
    let encoder =
        columns.map_or_else(|| sink::Columns::new(&origin), |columns| sink::Columns::of(&columns, &origin));
    Ok(Records::running(Reading::start(task, encoder, wanted, count)))
}

/// Lists flows.
#[pyfunction]
#[pyo3(signature = (source, *, r#where=None, registry=None, threads=None, strict=true, knowledge=None))]
fn flows(
    py: Python<'_>,
    source: Source,
    r#where: Option<String>,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    knowledge: Option<PathBuf>,
) -> PyResult<Records> {
    let wanted =
        r#where.map(|text| Predicate::new(&text, &flow_report::schema())).transpose().map_err(wrong)?;
    let mut list = FlowList::default();
    list.choose(Choice { wanted, ..Choice::default() });
    task(source, (registry, threads, strict, knowledge))?.report(py, list)
}

/// Sums up traffic.
#[pyfunction]
#[pyo3(signature = (source, *, by=None, interval=None, registry=None, threads=None, strict=true, knowledge=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
fn summary(
    py: Python<'_>,
    source: Source,
    by: Option<Vec<String>>,
    interval: Option<String>,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    knowledge: Option<PathBuf>,
) -> PyResult<Records> {
    let words = by.unwrap_or_else(|| vec![By::default().as_str().to_owned()]);
    let parts = words.iter().map(|word| {
        let by = By::ALL.into_iter().find(|by| by.as_str() == word);
        by.ok_or_else(|| wrong(format!("`{word}` is none of {}", By::ALL.map(By::as_str).join(", "))))
    });
    let by = Division::new(&parts.collect::<PyResult<Vec<_>>>()?).map_err(wrong)?;
    let options = Options { by, ..Options::default() };
    let task = task(source, (registry, threads, strict, knowledge))?;
    let interval = length(interval.as_deref())?;
    if interval.is_none() && !by.needs_packets() {
        let threads = task.threads();
        return task.report(py, Totals::new(options, threads));
    }
    task.sums(py, interval, options)
}

/// Lists hosts.
#[pyfunction]
#[pyo3(signature = (source, *, registry=None, threads=None, strict=true, knowledge=None))]
fn hosts(
    py: Python<'_>,
    source: Source,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    knowledge: Option<PathBuf>,
) -> PyResult<Records> {
    task(source, (registry, threads, strict, knowledge))?.report(py, HostList::new(HostsOptions::default()))
}

/// Lists what hosts advertise over DNS-SD.
#[pyfunction]
#[pyo3(signature = (source, *, what="instances", registry=None, threads=None, strict=true, knowledge=None))]
fn discover(
    py: Python<'_>,
    source: Source,
    what: &str,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    knowledge: Option<PathBuf>,
) -> PyResult<Records> {
    let options = match what {
        "instances" => DiscoverOptions::default(),
        "events" => DiscoverOptions { events: true, ..DiscoverOptions::default() },
        "queries" => DiscoverOptions { queries: true, ..DiscoverOptions::default() },
        _ => return Err(wrong(format!("`{what}` is none of instances, events, queries"))),
    };
    let task = task(source, (registry, threads, strict, knowledge))?;
    let names = task.names();
    task.report(py, Discovery::new(options, names))
}

/// Learns captures as a part of a whole, and writes what was learned to a file: its times, packets and octets, and what is
/// wrong with the input.
#[pyfunction]
#[pyo3(signature = (source, output, *, interval=None, registry=None, threads=None, strict=true, piece=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
fn learn(
    py: Python<'_>,
    source: Source,
    output: PathBuf,
    interval: Option<String>,
    registry: Option<Vec<PathBuf>>,
    threads: Option<usize>,
    strict: bool,
    piece: Option<(u64, u64)>,
) -> PyResult<(Written, Option<Py<PyAny>>)> {
    let interval = length(interval.as_deref())?;
    let (written, wrong) =
        task(source, (registry, threads, strict, None))?.only(piece).write(py, &output, interval)?;
    Ok((written, wrong.map(|trouble| PyErr::from(trouble).into_value(py).into_any())))
}

/// Joins knowledge files into one.
#[pyfunction]
#[pyo3(signature = (files, output, *, registry=None))]
fn merge(
    py: Python<'_>,
    files: Vec<PathBuf>,
    output: PathBuf,
    registry: Option<Vec<PathBuf>>,
) -> PyResult<Written> {
    Ok(py.detach(|| read::merge(&files, &output, &read::registry(&registry.unwrap_or_default())?))?)
}

/// The ranges of octets of a capture that can be read as pieces of about so many.
#[pyfunction]
fn pieces(py: Python<'_>, source: PathBuf, octets: u64) -> PyResult<Vec<(u64, u64)>> {
    Ok(py.detach(|| read::pieces(&source, octets))?)
}

/// What the registry says, as JSON: a list.
#[pyfunction]
#[pyo3(signature = (queries, registry))]
fn lookup(py: Python<'_>, queries: Vec<String>, registry: Vec<PathBuf>) -> PyResult<String> {
    py.detach(|| {
        let all = read::registry(&registry)?;
        let mut json = Vec::new();
        report::registry::lookup(&all, &queries, Format::Json, None, &mut json)?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    })
}

/// The date of the registry in use.
#[pyfunction]
fn updated(py: Python<'_>) -> String {
    py.detach(|| Registry::current().0.updated().to_owned())
}

/// Runs the command with these words, and returns its exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| portolan::cli::main(arguments))
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Records>()?;
    module.add_class::<Batch>()?;
    module.add("PortolanError", module.py().get_type::<PortolanError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(annotate, module)?)?;
    module.add_function(wrap_pyfunction!(flows, module)?)?;
    module.add_function(wrap_pyfunction!(summary, module)?)?;
    module.add_function(wrap_pyfunction!(hosts, module)?)?;
    module.add_function(wrap_pyfunction!(discover, module)?)?;
    module.add_function(wrap_pyfunction!(learn, module)?)?;
    module.add_function(wrap_pyfunction!(merge, module)?)?;
    module.add_function(wrap_pyfunction!(pieces, module)?)?;
    module.add_function(wrap_pyfunction!(lookup, module)?)?;
    module.add_function(wrap_pyfunction!(updated, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)
}

/// Rows of sums of packets.
fn sums_table(
    counted: Counted,
    is_by_interval: bool,
    options: &Options,
    origin: &portolan::columns::Origin,
) -> std::io::Result<portolan::columns::Table> {
    let (whole, parts) = counted.into_parts();
    table_of_columns(&whole, is_by_interval.then_some(&parts), options, origin)
}
