//! The life line of an interface's DNS-SD, each event told when it is met.

use std::io::{self, Write};

use super::{DiscoverOptions, csv, json, views};
use crate::{
    dns::inventory::{Event, EventKind},
    knowledge::{Knowledge, Options, View},
    registry::Registry,
    report::Format,
    sink::Sink,
    text::{Moments, csv::Line, escape},
};

/// Writes events as they come: lines for people, JSON objects or CSV rows. To be followed without a look at packets
/// ([`crate::sink::Unseen`]), with [`EventStream::needs`].
#[derive(Debug)]
pub struct EventStream<W> {
    options: DiscoverOptions,
    format: Format,
    files: Vec<String>,
    at_once: bool,
    out: W,
    has_begun: bool,
    /// Events told, or left out: numbers as [`crate::dns::inventory::Inventory::events_from`] has them.
    told: u64,
}

impl<W: Write> EventStream<W> {
    /// Writes events of the instances and hosts that `options` ask for, of inputs of these names.
    pub fn new(options: DiscoverOptions, files: Vec<String>, format: Format, out: W) -> Self {
        Self { options, format, files, at_once: false, out, has_begun: false, told: 0 }
    }

    /// The same, where each line appears at once.
    #[must_use]
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    /// What is to be learned for it.
    pub fn needs() -> Options {
        Options { inventory: true, causal: true, ..Options::default() }
    }

    /// Tells what the end of the run shows: what ran out of time since the last message.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self, knowledge: &Knowledge, registry: &Registry) -> io::Result<()> {
        self.tell(knowledge, registry)
    }

    fn tell(&mut self, knowledge: &Knowledge, registry: &Registry) -> io::Result<()> {
        let Self { options, format, files, at_once, out, has_begun, told } = self;
        let mut octets = Vec::new();
        if !*has_begun && *format == Format::Csv {
            crate::text::csv::line(csv::EVENT, &mut octets);
        }
        *has_begun = true;
        let Some(inventory) = knowledge.inventory() else { return Ok(()) };
        if inventory.logged() > *told {
            let all = std::slice::from_ref(inventory);
            let view = &views(all, registry, files, options)[0];
            let names = view.names();
            for event in inventory.events_from(*told) {
                if !super::wants_name(&names, &event.name) {
                    continue;
                }
                match format {
                    Format::Table => text(&event, options.times, &mut octets),
                    Format::Json => {
                        octets.extend(json::event(view, &event));
                        octets.push(b'\n');
                    }
                    Format::Csv => {
                        let mut line = Line::new(&mut octets);
                        csv::event(view, &event, &mut line);
                        line.end();
                    }
                }
                if *at_once {
                    out.write_all(&octets)?;
                    out.flush()?;
                    octets.clear();
                }
            }
        }
        *told = inventory.logged();
        if octets.is_empty() {
            return Ok(());
        }
        out.write_all(&octets)?;
        out.flush()
    }
}

impl<W: Write> Sink<()> for EventStream<W> {
    fn take(&mut self, _part: &mut ()) -> io::Result<()> {
        Ok(())
    }

    fn learned(&mut self, view: &View<'_>) -> io::Result<()> {
        self.tell(view.knowledge, view.registry)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line for people: when, what, the name, and who sent the packet.
fn text(event: &Event<'_>, times: Moments, out: &mut Vec<u8>) {
    let time = times.maybe(event.time).unwrap_or_else(|| "(no time)".to_owned());
    out.extend_from_slice(format!("{time} {:<8} ", event.kind.as_str()).as_bytes());
    if let Some(from) = event.from {
        from.text(out);
        out.extend_from_slice(" → ".as_bytes());
    }
    event.name.text(out);
    // What runs out of time shows in no packet.
    let by: &[u8] = if event.kind == EventKind::Expiry { b" last told by " } else { b" by " };
    out.extend_from_slice(by);
    escape::terminal(event.source.to_string().as_bytes(), out);
    out.push(b'\n');
}
