//! What the commands share that have rows: which of them are shown, in which order, and which of their fields.

use clap::Args;
use portolan::select::{Choice, Fault, Packets, Predicate, Schema, Subject, packets};

use super::{End, exit, message};

/// Which rows are shown.
#[derive(Args, Debug)]
pub(crate) struct Where {
    /// Only what this expression holds for: `svc.name == "https" and source.ip in 10.0.0.0/8`.
    ///
    /// Fields are those of the records (docs/fields.md); operators == != < <= > >= in contains matches, and, or, not, ( ). A
    /// bare field asks whether it is there; ip, port and mac mean either side. Choosing changes no names: all packets teach.
    #[arg(long = "where", value_name = "EXPRESSION", help_heading = "Selection")]
    expression: Option<String>,
}

impl Where {
    /// Whether anything is left out.
    pub(crate) fn is_given(&self) -> bool {
        self.expression.is_some()
    }

    /// Which packets are shown.
    pub(crate) fn packets(&self) -> Result<Option<Predicate<Packets>>, End> {
        let predicate =
            |text| Predicate::new(text, &packets()).map_err(|fault| tell("--where", &fault, exit::FILTER));
        self.expression.as_deref().map(predicate).transpose()
    }
}

/// In which order rows are shown, and how many.
#[derive(Args, Debug)]
pub(crate) struct Rows {
    /// What rows are ordered by: a field, numbers from the largest down; the other way round behind a `-`.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, help_heading = "Output")]
    sort: Option<String>,
    /// Only the first so many rows.
    #[arg(long, value_name = "ROWS", visible_alias = "limit", help_heading = "Output")]
    top: Option<usize>,
    /// Only these fields, in this order: `source.ip,svc.name`.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', help_heading = "Output")]
    columns: Option<Vec<String>>,
}

impl Rows {
    /// Whether rows are ordered or counted, so that all must be known.
    pub(crate) fn ranks(&self) -> bool {
        self.sort.is_some() || self.top.is_some()
    }

    /// Whether fields are chosen.
    pub(crate) fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// What is chosen of the rows of a report.
    pub(crate) fn choice<S: Subject>(
        &self,
        rows: &Where,
        schema: &Schema<S>,
        columns: impl FnOnce(&[String]) -> Result<Vec<usize>, Fault>,
    ) -> Result<Choice<S>, End> {
        let mut choice = Choice { top: self.top, ..Choice::default() };
        if let Some(text) = &rows.expression {
            choice = choice.wanted(text, schema).map_err(|fault| tell("--where", &fault, exit::FILTER))?;
        }
        if let Some(key) = &self.sort {
            choice = choice.sorted(key, schema).map_err(|fault| tell("--sort", &fault, exit::USAGE))?;
        }
        choice.columns = chosen(self.columns.as_deref(), columns)?;
        Ok(choice)
    }
}

/// The numbers of chosen columns.
pub(crate) fn chosen(
    names: Option<&[String]>,
    columns: impl FnOnce(&[String]) -> Result<Vec<usize>, Fault>,
) -> Result<Option<Vec<usize>>, End> {
    names.map(columns).transpose().map_err(|fault| tell("--columns", &fault, exit::USAGE))
}

/// Says what is wrong with a value, and where.
pub(crate) fn tell(option: &str, fault: &Fault, code: u8) -> End {
    message::error(format_args!("{option}: {}", fault.what()));
    for line in fault.shown() {
        message::line("  ", line);
    }
    for hint in fault.hints() {
        message::line("hint: ", hint);
    }
    End::Said(code)
}
