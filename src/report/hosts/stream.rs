//! Hosts of an interface, told when they are met and when more is known of them.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write},
    net::IpAddr,
    time::{Duration, Instant},
};

use hashbrown::{HashMap, HashSet};

use super::{Host, HostList, HostsOptions, member, write};
use crate::{
    knowledge::{Answers, Knowledge, Options, View},
    report::Format,
    sink::Sink,
    text::field::distinct,
};

/// Hosts that are remembered to have been told before it is looked which of them are still known.
const MOST_TOLD: usize = 1 << 16;
/// For so many times as long as a look took, none is taken.
const REST: u32 = 10;

/// Writes hosts that are new, or of which more is known than when they were told last: tables, JSON objects a line, or CSV
/// rows. To be followed without a look at packets ([`crate::sink::Unseen`]), with [`HostStream::needs`].
///
/// More is another address, MAC or name, another service offered or used, or better evidence of one; counters alone are
/// none.
#[derive(Debug)]
pub struct HostStream<W> {
    options: HostsOptions,
    format: Format,
    every: Duration,
    at_once: bool,
    out: W,
    has_begun: bool,
    next: Option<Instant>,
    /// What was told of each host, by its first address, as a hash.
    told: HashMap<IpAddr, u64>,
}

impl<W: Write> HostStream<W> {
    /// Writes what `options` choose, looking so often.
    pub fn new(options: HostsOptions, format: Format, every: Duration, out: W) -> Self {
        let (has_begun, next, told) = (false, None, HashMap::new());
        Self { options, format, every, at_once: false, out, has_begun, next, told }
    }

    /// The same, where each line appears at once.
    #[must_use]
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    /// What is to be learned for it.
    pub fn needs() -> Options {
        Options { hosts: true, causal: true, ..Options::default() }
    }

    /// Tells what was not told yet.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self, knowledge: &Knowledge, answers: &Answers) -> io::Result<()> {
        let mut list = HostList::new(self.options.clone());
        list.take(knowledge, answers);
        let hosts = list.chosen();
        let is_new = |host: &&Host<'_>| {
            let first = host.addresses.first().copied();
            first.is_none_or(|first| self.told.insert(first, digest(host)) != Some(digest(host)))
        };
        let new: Vec<_> = hosts.iter().filter(is_new).collect();
        if self.told.len() > MOST_TOLD {
            let known: HashSet<_> = hosts.iter().filter_map(|host| host.addresses.first()).collect();
            self.told.retain(|address, _| known.contains(address));
        }
        let new: Vec<_> = new.into_iter().cloned().collect();
        self.write(&new)
    }

    fn write(&mut self, hosts: &[Host<'_>]) -> io::Result<()> {
        let columns = self.options.choice.columns.as_deref();
        if self.format == Format::Csv {
            let columns = columns.unwrap_or(self.options.columns());
            if !self.has_begun {
                write::csv(&[], columns, &mut self.out)?;
            }
            for host in hosts {
                write::csv_line(host, columns, &mut self.out)?;
                flush(&mut self.out, self.at_once)?;
            }
        } else if self.format == Format::Json {
            let keys = columns.map(|columns| distinct(columns).into_iter().map(member).collect::<Vec<_>>());
            for host in hosts {
                write::json_line(host, keys.as_deref(), &mut self.out)?;
                flush(&mut self.out, self.at_once)?;
            }
        } else if !hosts.is_empty() {
            match columns {
                None => write::table(hosts, &self.options, &mut self.out)?,
                Some(columns) => write::columns(hosts, columns, &self.options, &mut self.out)?,
            }
        }
        self.has_begun = true;
        self.out.flush()
    }
}

fn flush(out: &mut impl Write, at_once: bool) -> io::Result<()> {
    if at_once { out.flush() } else { Ok(()) }
}

/// What is known of a host but for counters and times.
fn digest(host: &Host<'_>) -> u64 {
    let mut hash = DefaultHasher::new();
    (&host.addresses, &host.macs).hash(&mut hash);
    for name in &host.names {
        (&name.name, name.source.as_str()).hash(&mut hash);
    }
    for (service, peers) in host.offers.iter().chain(&host.uses) {
        (service.port, &service.transport, &service.name).hash(&mut hash);
        peers.evidence().as_str().hash(&mut hash);
        peers.state.map(|state| state.as_str()).hash(&mut hash);
    }
    host.programs.hash(&mut hash);
    hash.write_usize(host.offers.len());
    hash.finish()
}

impl<W: Write> Sink<()> for HostStream<W> {
    fn take(&mut self, _part: &mut ()) -> io::Result<()> {
        Ok(())
    }

    fn learned(&mut self, view: &View<'_>) -> io::Result<()> {
        let began = Instant::now();
        // The first look waits as long as the others: what is met first is best told with its names.
        let next = *self.next.get_or_insert(began + self.every);
        if began < next {
            return Ok(());
        }
        self.end(view.knowledge, view.answers)?;
        let now = Instant::now();
        self.next = Some((next + self.every).max(now + (now - began) * REST));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
