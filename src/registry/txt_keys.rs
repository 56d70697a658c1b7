//! "Defined TXT keys", read from the assignment notes of the registry.

/// The DNS-SD TXT keys that a registration defines (RFC 6763 section 6), as far as its notes can be read.
///
/// The notes are free text: keys are a hint, and what is no clear list of keys is kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxtKeys<'a> {
    /// These keys, in the order of the notes.
    Keys(Vec<TxtKey<'a>>),
    /// The notes say that there are none.
    None,
    /// They are described there: an address, or the title of a document.
    See(&'a str),
    /// There are keys, and they are not published.
    Proprietary,
    /// The notes say something else.
    Unparsed(&'a str),
}

/// One defined key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxtKey<'a> {
    /// The key, as written in the notes.
    pub key: &'a str,
    /// What its value means; empty where the notes do not say.
    pub meaning: &'a str,
}

impl<'a> TxtKeys<'a> {
    pub(crate) fn find(notes: &'a str) -> Option<Self> {
        let (_, text) = notes.split_once("Defined TXT keys:")?;
        Some(Self::Unparsed(text.trim()))
    }
}
