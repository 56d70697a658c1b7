//! Batches as Python takes them: the Arrow PyCapsule interface
//! (<https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
    vec,
};

use arrow_array::{
    Array as _, RecordBatch, RecordBatchReader, StructArray,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema},
    ffi_stream::FFI_ArrowArrayStream,
};
use arrow_schema::{ArrowError, SchemaRef};
use portolan::columns::Table;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyCapsule};

use crate::{read::Reading, trouble::Trouble};

/// How long to wait for a batch before Python is asked whether somebody pressed Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where batches come from.
enum Batches {
    Ready(vec::IntoIter<RecordBatch>),
    Running(Reading),
}

/// What came of waiting.
pub(crate) enum Next {
    Batch(RecordBatch),
    Nothing,
    End,
}

/// What went wrong, for those that were not told.
pub(crate) type Told = Arc<Mutex<Option<Trouble>>>;

impl Batches {
    fn next(&mut self, patience: Option<Duration>) -> Result<Next, Trouble> {
        match self {
            Self::Ready(batches) => Ok(batches.next().map_or(Next::End, Next::Batch)),
            Self::Running(reading) => reading.next(patience),
        }
    }
}

/// Batches of records, read once: by iteration, or by whatever takes Arrow's C stream.
#[pyclass(frozen, module = "portolan")]
pub(crate) struct Records {
    schema: SchemaRef,
    batches: Mutex<Option<Batches>>,
    told: Told,
}

impl Records {
    /// Batches that are there.
    pub(crate) fn ready(table: Table, told: Option<Trouble>) -> Self {
        let batches = Mutex::new(Some(Batches::Ready(table.batches.into_iter())));
        Self { schema: table.schema, batches, told: Arc::new(Mutex::new(told)) }
    }

    /// Batches that are made while they are read.
    pub(crate) fn running(reading: Reading) -> Self {
        let (schema, told) = (Arc::clone(reading.schema()), Arc::clone(reading.told()));
        Self { schema, batches: Mutex::new(Some(Batches::Running(reading))), told }
    }
}

fn failed(error: ArrowError) -> PyErr {
    Trouble::said(error).into()
}

#[pymethods]
impl Records {
    /// The batches as a stream in C; they are gone then.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Consumers may ask for another schema, and producers may leave it to them.
        let _ = requested_schema;
        let batches = py.detach(|| self.batches.lock().unwrap_or_else(PoisonError::into_inner).take());
        let batches = batches.ok_or_else(|| PyValueError::new_err("these records were read already"))?;
        let reader = Stream { schema: Arc::clone(&self.schema), batches };
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), c"arrow_array_stream")
    }

    /// The columns.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.schema).map_err(failed)?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// Names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// What is wrong with the input, once all was read that could be: told here where `strict` is false.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(PyErr::from(told).into_value(py).into_any())
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        loop {
            // Taken while other threads of Python run.
            let next = py.detach(|| {
                let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
                batches.as_mut().map_or(Ok(Next::End), |batches| batches.next(Some(PATIENCE)))
            })?;
            match next {
                Next::Batch(batch) => return Ok(Some(Batch(batch))),
                Next::End => return Ok(None),
                Next::Nothing => py.check_signals()?,
            }
        }
    }
}

/// The batches as a reader of Arrow, which consumers ask without the interpreter.
struct Stream {
    schema: SchemaRef,
    batches: Batches,
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.batches.next(None) {
                Ok(Next::Batch(batch)) => Some(Ok(batch)),
                Ok(Next::End) => None,
                Ok(Next::Nothing) => continue,
                Err(trouble) => Some(Err(ArrowError::ExternalError(trouble.message().into()))),
            };
        }
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// One batch of records.
#[pyclass(frozen, module = "portolan")]
pub(crate) struct Batch(RecordBatch);

#[pymethods]
impl Batch {
    /// The batch as an array of structures in C, with its columns.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let array = FFI_ArrowArray::new(&StructArray::from(self.0.clone()).to_data());
        Ok((self.__arrow_c_schema__(py)?, PyCapsule::new_with_value(py, array, c"arrow_array")?))
    }

    /// The columns.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.0.schema()).map_err(failed)?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }
}
