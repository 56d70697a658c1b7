//! The registry as IANA's XML.

use quick_xml::{Reader, events::BytesStart, events::Event};

use super::import::Imported;
use super::record::{Field, Malformed, Record};

/// Whether a text begins like IANA's XML.
pub(crate) fn is_xml(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<?xml") || start.starts_with("<registry")
}

/// Reads all records and the date of the registry.
pub(crate) fn parse(text: &str) -> Result<Imported, Malformed> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut document = Document::default();
    let mut lines = Lines { text, at: 0, line: 1 };
    loop {
        let event = reader.read_event();
        let line = lines.at(reader.buffer_position());
        let event = event.map_err(|error| Malformed { line, reason: format!("damaged XML: {error}") })?;
        if event == Event::Eof {
            break;
        }
        document.read(event).map_err(|reason| Malformed { line, reason })?;
    }
    let line = lines.at(u64::MAX);
    if !document.path.is_empty() {
        return Err(Malformed { line, reason: "the file ends inside an element".to_owned() });
    }
    if !document.is_registry {
        return Err(Malformed { line, reason: "this is not the XML of the port registry".to_owned() });
    }
    Ok(document.imported)
}

/// Counts lines up to ever later places.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, place: u64) -> u64 {
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.text.len());
        let between = self.text.as_bytes().get(self.at..place).unwrap_or_default();
        self.line += between.iter().filter(|octet| **octet == b'\n').count() as u64;
        self.at = place.max(self.at);
        self.line
    }
}

/// The document as read so far.
#[derive(Default)]
struct Document {
    imported: Imported,
    is_registry: bool,
    /// Answers of the open elements, outermost first.
    path: Vec<String>,
    record: Raw,
    /// Children that were seen: of the registry, and of the open record. What says one thing is there once.
    seen: [Vec<String>; 2],
    /// Text of the open child of a record.
    text: String,
    /// Text of the open reference.
    reference: String,
    /// What the open reference points at, and whether it is a person.
    target: (String, bool),
}

/// A record's texts as they gather.
#[derive(Default)]
struct Raw {
    record: Record,
    assignee: String,
    contact: String,
    references: String,
}

/// What a record says once, if at all.
const SINGLE: [&str; 8] =
    ["name", "number", "protocol", "description", "assignee", "note", "unauthorized", "sc"];

/// IANA's elements nest five deep.
const MAX_DEPTH: usize = 16;

impl Document {
    fn read(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(element) => self.open(&element),
            Event::Empty(element) => {
                self.open(&element)?;
                self.close()
            }
            Event::End(_) => self.close(),
            Event::Text(text) => {
                self.take(&text.xml10_content());
                Ok(())
            }
            Event::CData(text) => {
                self.take(&text.xml10_content());
                Ok(())
            }
            Event::GeneralRef(reference) => {
                let character =
                    reference.resolve_char_ref().map_err(|error| format!("damaged XML: {error}"))?;
                let name = reference.into_inner();
                let known = quick_xml::escape::resolve_predefined_entity(&name);
                match (character, known) {
                    (Some(character), _) => self.take(character.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => self.take(text),
                    (None, None) => return Err(format!("unknown entity `&{name};`")),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, text: &str) {
        match self.path.last().map(String::as_str) {
            Some("xref") => self.reference.push_str(text),
            Some(_) if self.path.len() > 1 => self.text.push_str(text),
            _ => {}
        }
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.path.len() >= MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} nested elements"));
        }
        for attribute in element.attributes() {
            attribute.map_err(|error| format!("damaged XML: {error}"))?;
        }
        if self.path.is_empty() && self.is_registry {
            return Err("a second root".to_owned());
        }
        self.once(name)?;
        match (self.path.len(), name) {
            (0, "registry") => self.is_registry = attribute(element, "id")? == "service-names-port-numbers",
            (0, other) => return Err(format!("the root is `{other}`, not `registry`")),
            (1, "record") => {
                self.record = Raw::default();
                self.record.record.set(Field::Registered, &attribute(element, "date")?);
                self.record.record.set(Field::Modified, &attribute(element, "updated")?);
            }
            (_, "xref") => {
                self.reference.clear();
                let kind = attribute(element, "type")?;
                let target = attribute(element, "data")?;
                let target = if kind == "rfc" { target.to_uppercase() } else { target };
                self.target = (target, kind == "person");
            }
            (2, _) => self.text.clear(),
            _ => {}
        }
        // Breaks and paragraphs are lines of a note.
        if matches!(name, "br" | "paragraph") {
            self.text.push('\n');
        }
        if self.path.len() == 1 && name != "record" {
            self.text.clear();
        }
        self.path.push(name.to_owned());
        Ok(())
    }

    /// Refuses an element that contradicts one before it.
    fn once(&mut self, name: &str) -> Result<(), String> {
        let (place, single) = match self.path.len() {
            1 if name == "record" => {
                self.seen[1].clear();
                return Ok(());
            }
            1 => (0, &["updated"][..]),
            2 if self.path[1] == "record" => (1, &SINGLE[..]),
            _ => return Ok(()),
        };
        let seen = &mut self.seen[place];
        if !single.contains(&name) {
            return Ok(());
        }
        if seen.iter().any(|known| known == name) {
            return Err(format!("a second element `{name}`"));
        }
        seen.push(name.to_owned());
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(name) = self.path.pop() else { return Ok(()) };
        let parents: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let raw = &mut self.record;
        match (parents.as_slice(), name.as_str()) {
            (["registry"], "updated") => self.imported.updated = self.text.trim().to_owned(),
            (["registry"], "record") => {
                let record = raw.finish()?;
                self.imported.records.push(record);
            }
            (["registry", "record", place @ ..], "xref") => {
                let (target, person) = &self.target;
                let written = self.reference.split_whitespace().collect::<Vec<_>>().join(" ");
                let shown = if written.is_empty() { target } else { &written };
                let shown = format!("[{shown}]");
                match place.first() {
                    Some(&"assignee") => raw.assignee.push_str(&shown),
                    Some(_) => self.text.push_str(&shown),
                    None if *person => raw.contact.push_str(&shown),
                    None => raw.references.push_str(&shown),
                }
            }
            (["registry", "record"], field) => raw.field(field, &self.text)?,
            _ => {}
        }
        Ok(())
    }
}

impl Raw {
    fn field(&mut self, element: &str, text: &str) -> Result<(), String> {
        let field = match element {
            "name" => Field::Name,
            "description" => Field::Description,
            "note" => Field::Notes,
            "unauthorized" => Field::Unauthorized,
            "sc" => Field::ServiceCode,
            "number" => return self.record.set_ports(text),
            "protocol" => return self.record.set_transport(text),
            _ => return Ok(()),
        };
        self.record.set(field, text);
        Ok(())
    }

    /// The record. Without an assignee of its own, IANA prints the contact as one.
    fn finish(&mut self) -> Result<Record, String> {
        let assignee = if self.assignee.is_empty() { &self.contact } else { &self.assignee };
        self.record.set(Field::Assignee, assignee);
        self.record.set(Field::Contact, &self.contact);
        self.record.set(Field::Reference, &self.references);
        let record = std::mem::take(&mut self.record);
        record.check()?;
        Ok(record)
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = element.try_get_attribute(name).map_err(|error| format!("damaged XML: {error}"))?;
    let Some(found) = found else { return Ok(String::new()) };
    let value = quick_xml::escape::unescape(&found.value).map_err(|error| format!("damaged XML: {error}"))?;
    Ok(value.into_owned())
}
