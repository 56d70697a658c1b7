//! One row of the registry, as callers see it.

use std::fmt;

use super::index::Tables;
use super::layout::{Word, flag};
use super::name::ServiceName;
use super::record::{Field, alias_target};
use super::txt_keys::TxtKeys;
use crate::packet::TransportProtocol;

/// A row of the registry. Texts are empty where the row has none.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) row: u32,
}

/// What the registry says of a port (RFC 6335 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Assigned to a service.
    Assigned,
    /// Kept back by IANA: a row says reserved, de-registered or the like.
    Reserved,
    /// Free for assignment.
    Unassigned,
    /// In the dynamic range, never assigned.
    Dynamic,
}

impl Status {
    /// The status in lower case: `assigned`, `reserved`, `unassigned` or `dynamic`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Reserved => "reserved",
            Self::Unassigned => "unassigned",
            Self::Dynamic => "dynamic",
        }
    }
}

impl<'a> Registration<'a> {
    /// Position in the registry, from 0; [`super::Registry::row`] leads back here.
    pub const fn id(self) -> u32 {
        self.row
    }

    /// Service name as registered; empty in rows that only reserve or free a port.
    pub fn name(self) -> &'a str {
        self.tables.text(self.row, Field::Name)
    }

    /// First and last port, both included; equal for a single port.
    pub fn ports(self) -> Option<(u16, u16)> {
        self.tables.ports(self.row)
    }

    /// Transport; absent where the row holds for all of them.
    pub fn transport(self) -> Option<TransportProtocol> {
        self.tables.transport(self.row).map(Into::into)
    }

    /// What it is, on one line.
    pub fn description(self) -> &'a str {
        self.tables.text(self.row, Field::Description)
    }

    /// Who it is assigned to: identifiers of IANA's contact list in brackets.
    pub fn assignee(self) -> &'a str {
        self.tables.text(self.row, Field::Assignee)
    }

    /// Whom to ask: identifiers of IANA's contact list in brackets.
    pub fn contact(self) -> &'a str {
        self.tables.text(self.row, Field::Contact)
    }

    /// Date of registration, `YYYY-MM-DD` or `YYYY-MM`.
    pub fn registered(self) -> &'a str {
        self.tables.text(self.row, Field::Registered)
    }

    /// Date of the last change, `YYYY-MM-DD` or `YYYY-MM`.
    pub fn modified(self) -> &'a str {
        self.tables.text(self.row, Field::Modified)
    }

    /// RFCs and other references in brackets.
    pub fn reference(self) -> &'a str {
        self.tables.text(self.row, Field::Reference)
    }

    /// DCCP service code (RFC 4340 section 8.1.2).
    pub fn service_code(self) -> Option<u32> {
        self.tables.text(self.row, Field::ServiceCode).parse().ok()
    }

    /// What is known of use that was never authorized.
    pub fn unauthorized(self) -> &'a str {
        self.tables.text(self.row, Field::Unauthorized)
    }

    /// Assignment notes, line breaks kept.
    pub fn notes(self) -> &'a str {
        self.tables.text(self.row, Field::Notes)
    }

    /// The DNS-SD TXT keys that the notes define; absent where they say nothing of them.
    pub fn txt_keys(self) -> Option<TxtKeys<'a>> {
        TxtKeys::find(self.notes())
    }

    /// The well-formed name this legacy name is an alias to (`whois++` to `whoispp`).
    pub fn alias_of(self) -> Option<&'a str> {
        alias_target(self.notes())
    }

    /// The name, where it has the syntax of RFC 6335.
    pub fn well_formed(self) -> Option<ServiceName<'a>> {
        ServiceName::new(self.name())
    }

    /// Whether another row is shown before this one: a legacy alias, or a name that breaks the syntax.
    pub fn is_secondary(self) -> bool {
        self.tables.flags(self.row) & flag::SECONDARY != 0
    }

    /// What the row says of its ports.
    pub fn status(self) -> Status {
        if !self.name().is_empty() {
            return Status::Assigned;
        }
        let description = self.description();
        let says = |word: &str| {
            let words = description.split(|c: char| !c.is_ascii_alphabetic());
            words.take(2).any(|other| other.eq_ignore_ascii_case(word))
        };
        if says("unassigned") {
            Status::Unassigned
        } else if description.starts_with("any private ") {
            Status::Assigned
        } else {
            Status::Reserved
        }
    }
}

impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.row)
            .field("name", &self.name())
            .field("ports", &self.ports())
            .field("transport", &self.transport())
            .field("description", &self.description())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Registration<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tables, other.tables) && self.row == other.row
    }
}

impl Eq for Registration<'_> {}

/// Rows of the registry, in registry order.
#[derive(Clone, Debug)]
pub struct Registrations<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) rows: std::slice::Iter<'a, Word>,
}

impl<'a> Registrations<'a> {
    pub(crate) fn new(tables: &'a Tables, rows: &'a [Word]) -> Self {
        Self { tables, rows: rows.iter() }
    }
}

impl<'a> Iterator for Registrations<'a> {
    type Item = Registration<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = u32::from_le_bytes(*self.rows.next()?);
        Some(Registration { tables: self.tables, row })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Registrations<'_> {}
