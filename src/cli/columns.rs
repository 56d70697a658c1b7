//! `--format parquet` and `--format arrow`: records and rows as columns.

use portolan::{Job, report::Format, text::field::Need};

use super::{End, exit, message, output::Output};

/// What columns are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    Parquet,
    Arrow,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text(Format),
    Columns(Columns),
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        Self::Text(format)
    }
}

/// What a job brings that has columns of its own.
pub(crate) fn needs(job: &Job<'_>) -> Vec<Need> {
    let places = job.places.is_some().then_some(Need::Places);
    places.into_iter().chain(job.processes.is_some().then_some(Need::Processes)).collect()
}

impl Columns {
    fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Refuses what this build cannot write, before anything is read.
    pub(crate) fn check(self) -> Result<(), End> {
        if cfg!(feature = "parquet") {
            return Ok(());
        }
        message::error(format_args!(
            "--format {}: this build was made without the feature `parquet`",
            self.as_str()
        ));
        Err(End::Said(exit::USAGE))
    }

    /// Refuses to write it to a terminal.
    pub(crate) fn refuse_terminal(self, out: &Output) -> Result<(), End> {
        if !out.is_terminal() {
            return Ok(());
        }
        message::error(format_args!(
            "standard output is a terminal, which {} is not for: use -o FILE, or a pipe",
            self.as_str()
        ));
        Err(End::Said(exit::USAGE))
    }
}

impl Form {
    /// As [`Columns::check`].
    pub(crate) fn check(self) -> Result<(), End> {
        if let Self::Columns(columns) = self { columns.check() } else { Ok(()) }
    }

    /// As [`Columns::refuse_terminal`].
    pub(crate) fn refuse_terminal(self, out: &Output) -> Result<(), End> {
        if let Self::Columns(columns) = self { columns.refuse_terminal(out) } else { Ok(()) }
    }
}

#[cfg(feature = "parquet")]
mod with {
    use std::io;

    pub(crate) use portolan::report::Columnar;
    use portolan::{
        Job, Registry,
        columns::{Form, Origin},
        report::summary::{Interval, Options, Summary, table_of_columns},
        sink,
    };

    use super::{Columns, Output};

    impl Columns {
        /// As the library says it.
        pub(crate) fn form(self) -> Form {
            match self {
                Self::Parquet => Form::Parquet,
                Self::Arrow => Form::Arrow,
            }
        }
    }

    /// What rows are made from.
    fn origin(registry: &Registry, inputs: &[String]) -> Origin {
        Origin { registry: registry.updated().to_owned(), inputs: inputs.to_vec() }
    }

    /// Makes columns of packets: of these fields, or of all.
    pub(crate) fn encoder(job: &Job<'_>, columns: Option<&[usize]>) -> sink::Columns {
        let origin = origin(job.registry, &job.inputs.names());
        let needs = super::needs(job);
        columns.map_or_else(
            || sink::Columns::needing(&needs, &origin),
            |columns| sink::Columns::of(columns, &origin),
        )
    }

    /// Writes the rows of a report.
    pub(crate) fn write(
        report: &impl Columnar,
        registry: &Registry,
        inputs: &[String],
        form: Columns,
        out: &mut Output,
    ) -> io::Result<()> {
        report.table(registry, &origin(registry, inputs))?.write(form.form(), out)
    }

    /// Writes sums of packets.
    pub(crate) fn write_sums(
        (whole, intervals, options): (&Summary, Option<&[Interval]>, &Options),
        registry: &Registry,
        inputs: &[String],
        form: Columns,
        out: &mut Output,
    ) -> io::Result<()> {
        table_of_columns(whole, intervals, options, &origin(registry, inputs))?.write(form.form(), out)
    }
}

#[cfg(not(feature = "parquet"))]
mod with {
    use std::io;

    use portolan::{
        Registry, Report,
        report::summary::{Interval, Options, Summary},
    };

    use super::{Columns, Output};

    /// Any report: none is written as columns.
    pub(crate) trait Columnar: Report {}

    impl<R: Report> Columnar for R {}

    /// Was [refused](Columns::check) before.
    pub(crate) fn write(
        _: &impl Columnar,
        _: &Registry,
        _: &[String],
        _: Columns,
        _: &mut Output,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Was [refused](Columns::check) before.
    pub(crate) fn write_sums(
        _: (&Summary, Option<&[Interval]>, &Options),
        _: &Registry,
        _: &[String],
        _: Columns,
        _: &mut Output,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) use with::*;
