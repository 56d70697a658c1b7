//! What goes wrong, as Python gets it.

use std::io;

use portolan::{capture, pipeline::Failure};
use pyo3::{create_exception, exceptions::PyException, prelude::*};

create_exception!(
    portolan,
    PortolanError,
    PyException,
    "What is wrong with an input: `file`, and where it is damaged the number of the `packet` that would have come next \
     (from 1) and the `offset` in octets; None where that says nothing."
);

/// An error on its way to Python.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    message: String,
    file: Option<String>,
    packet: Option<u64>,
    offset: Option<u64>,
}

impl Trouble {
    /// What is wrong with an input; `called` is what it is called where it is no file.
    pub(crate) fn of(error: &capture::Error, called: Option<&str>) -> Self {
        let path = error.file().map(|file| file.display().to_string());
        let (message, file) = match (called, path) {
            (Some(called), Some(path)) => (error.to_string().replace(&path, called), Some(called.to_owned())),
            (_, path) => (error.to_string(), path),
        };
        let (packet, offset) = match error {
            capture::Error::Damaged { packet, offset, .. } => (Some(*packet), Some(*offset)),
            _ => (None, None),
        };
        Self { message, file, packet, offset }
    }

    pub(crate) fn failure(failure: &Failure, called: Option<&str>) -> Self {
        match failure {
            Failure::Input(error) => Self::of(error, called),
            Failure::Output(error) => Self::said(error),
        }
    }

    /// An error that is not about an input.
    pub(crate) fn said(message: impl ToString) -> Self {
        Self { message: message.to_string(), file: None, packet: None, offset: None }
    }

    /// An error about a file.
    pub(crate) fn about(message: String, file: String) -> Self {
        Self { file: Some(file), ..Self::said(message) }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::said(error)
    }
}

impl From<Trouble> for PyErr {
    fn from(trouble: Trouble) -> Self {
        let Trouble { message, file, packet, offset } = trouble;
        Python::attach(|py| {
            let error = PortolanError::new_err(message);
            let value = error.value(py);
            let told = value
                .setattr("file", file)
                .and_then(|()| value.setattr("packet", packet))
                .and_then(|()| value.setattr("offset", offset));
            told.map_or_else(|failed| failed, |()| error)
        })
    }
}
