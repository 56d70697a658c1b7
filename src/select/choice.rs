//! Which rows of a report are shown, in which order, and which of their fields.

use super::{
    fault::Fault,
    order::Order,
    predicate::Predicate,
    schema::{Schema, Subject},
};

/// Which rows are shown, in which order, and which of their fields; all as they are by default.
#[derive(Debug)]
pub struct Choice<S: Subject> {
    /// Only rows for which this holds.
    pub wanted: Option<Predicate<S>>,
    /// What they are sorted by.
    pub order: Option<Order<S>>,
    /// Only the first so many of them.
    pub top: Option<usize>,
    /// Only these fields, by their numbers in the schema.
    pub columns: Option<Vec<usize>>,
}

impl<S: Subject> Default for Choice<S> {
    fn default() -> Self {
        Self { wanted: None, order: None, top: None, columns: None }
    }
}

impl<S: Subject> Clone for Choice<S> {
    fn clone(&self) -> Self {
        let Self { wanted, order, top, columns } = self;
        Self { wanted: wanted.clone(), order: order.clone(), top: *top, columns: columns.clone() }
    }
}

impl<S: Subject> Choice<S> {
    /// The same, of rows for which an expression holds.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn wanted(self, text: &str, schema: &Schema<S>) -> Result<Self, Fault> {
        Ok(Self { wanted: Some(Predicate::new(text, schema)?), ..self })
    }

    /// The same, sorted by a field: see [`Order::new`].
    ///
    /// # Errors
    /// There is no such field.
    pub fn sorted(self, key: &str, schema: &Schema<S>) -> Result<Self, Fault> {
        Ok(Self { order: Some(Order::new(key, schema)?), ..self })
    }

    /// Whether all rows are shown as they come.
    pub fn is_all(&self) -> bool {
        self.wanted.is_none() && self.order.is_none() && self.top.is_none()
    }

    /// The rows that are shown, in their order; `of` is the record of a row.
    pub fn of<'r, T>(&self, mut rows: Vec<T>, of: impl Fn(&T) -> &S::Row<'r>) -> Vec<T> {
        if let Some(wanted) = &self.wanted {
            let mut wanted = wanted.clone();
            rows.retain(|row| wanted.holds(of(row)));
        }
        if let Some(order) = &self.order {
            rows.sort_by_cached_key(|row| order.rank(of(row)));
        }
        rows.truncate(self.top.unwrap_or(usize::MAX));
        rows
    }
}
