//! `discover`: the DNS-SD inventory, joined with the registry, as table, JSON or CSV.

mod csv;
pub mod fields;
mod json;
mod stream;
mod table;

pub use stream::EventStream;

pub(super) use json::{event as event_record, instance as instance_record};
#[cfg(feature = "html")]
pub(super) use table::packet;
pub(super) use table::{cells, event_cells};

use std::{io, net::IpAddr};

use crate::{
    dns::{
        Name, Pair, ServiceType,
        inventory::{Counts, Event, Finding, FindingKind, Instance, Inventory, Limits, Query, Subject, Type},
        pairs,
    },
    knowledge::{Answers, Knowledge, Options},
    registry::{Registration, Registry, TxtKeys},
    report::{Format, Report},
    select::{Choice, Predicate, Schema, Trees},
    text::{Moments, escape},
};

/// What can be shown of an instance, by the names of the columns.
pub const COLUMNS: [&str; 17] = [
    "instance",
    "type",
    "domain",
    "subtypes",
    "host",
    "port",
    "addresses",
    "txt",
    "registered_name",
    "registered_description",
    "state",
    "missing",
    "first",
    "last",
    "announced_by",
    "via",
    "known_by",
];

/// The fields of instances.
pub fn schema() -> Schema<Trees> {
    Schema::of_tree(&fields::INSTANCE)
}

/// What `discover` shows, and how.
#[derive(Clone, Debug, Default)]
pub struct DiscoverOptions {
    /// Show the life line: a second table; in CSV in place of the instances. JSON always has it.
    pub events: bool,
    /// Show who asks for what: a further table; in CSV in place of the instances. JSON always has it.
    pub queries: bool,
    /// Show TXT pairs on a terminal, too: elsewhere they are always shown.
    pub txt: bool,
    /// Only these service types: `_ipp._tcp`, `_ipp` or `ipp`. Empty means all.
    pub types: Vec<String>,
    /// Only instances on these hosts: `printer.local`, `printer` or an address. Empty means all.
    pub hosts: Vec<String>,
    /// Which instances are shown, with what belongs to them, in which order, and which of their [`COLUMNS`].
    pub choice: Choice<Trees>,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
    /// How tables show times.
    pub times: Moments,
}

/// The report: tables, one JSON object (`portolan/discover/1`), or one CSV table.
///
/// Of inputs that are learned apart each keeps its own instances, types and queries, even if names are the same; rows say
/// which file they are of.
#[derive(Debug, Default)]
pub struct Discovery {
    options: DiscoverOptions,
    files: Vec<String>,
    inventories: Vec<Inventory>,
}

impl Discovery {
    /// A report that shows this, on inputs of these names by their numbers.
    pub fn new(options: DiscoverOptions, files: Vec<String>) -> Self {
        Self { options, files, inventories: Vec::new() }
    }

    /// Hands `tell` what was asked for.
    pub(super) fn tell<T>(&self, registry: &Registry, tell: impl FnOnce(&All<'_, '_>) -> T) -> T {
        let views = views(&self.inventories, registry, &self.files, &self.options);
        tell(&All { views: &views, registry, options: &self.options })
    }
}

impl Report for Discovery {
    fn needs(&self) -> Options {
        Options { inventory: true, ..Options::default() }
    }

    fn needs_answers(&self) -> bool {
        false
    }

    fn add(&mut self, knowledge: &mut Knowledge, _answers: &Answers, _registry: &Registry) {
        // What comes from files tells itself what it was learned from.
        if !knowledge.inputs().is_empty() {
            self.files = knowledge.inputs().iter().map(|input| input.name.clone()).collect();
        }
        self.options.times.begin(knowledge.span().first());
        self.inventories.extend(knowledge.take_inventory());
    }

    fn write(&self, registry: &Registry, format: Format, mut out: &mut dyn io::Write) -> io::Result<()> {
        write(&self.inventories, registry, &self.files, &self.options, format, &mut out)
    }
}

#[cfg(feature = "parquet")]
impl crate::report::Columnar for Discovery {
    fn table(
        &self,
        registry: &Registry,
        origin: &crate::columns::Origin,
    ) -> io::Result<crate::columns::Table> {
        let views = views(&self.inventories, registry, &self.files, &self.options);
        json::table(&All { views: &views, registry, options: &self.options }, origin)
    }
}

/// Writes the inventory of all inputs, or one of each in their order. `files` are the names of the inputs; packets are
/// told with their file where there are more than one.
///
/// # Errors
/// What `out` says.
pub fn write(
    inventories: &[Inventory],
    registry: &Registry,
    files: &[String],
    options: &DiscoverOptions,
    format: Format,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let views = views(inventories, registry, files, options);
    let all = All { views: &views, registry, options };
    match format {
        Format::Table => table::write(&all, out),
        Format::Json => json::write(&all, out),
        Format::Csv => csv::write(&all, out),
    }
}

/// What of each inventory was asked for.
pub(super) fn views<'a>(
    inventories: &'a [Inventory],
    registry: &'a Registry,
    files: &'a [String],
    options: &'a DiscoverOptions,
) -> Vec<View<'a>> {
    let apart = inventories.len() > 1;
    let views = inventories.iter().enumerate().map(|(number, inventory)| {
        let of = files.get(number).filter(|_| apart).map(String::as_str);
        View { inventory, of, registry, files, options }
    });
    views.collect()
}

/// The parts of all inventories that were asked for.
pub(super) struct All<'v, 'a> {
    views: &'v [View<'a>],
    registry: &'a Registry,
    options: &'a DiscoverOptions,
}

impl<'v, 'a> All<'v, 'a> {
    /// What each inventory has of something, each with the view that it is of.
    pub(super) fn each<T, I: Iterator<Item = T>>(
        &self,
        items: impl Fn(&'v View<'a>) -> I,
    ) -> impl Iterator<Item = (&'v View<'a>, T)> {
        self.views.iter().flat_map(move |view| items(view).map(move |item| (view, item)))
    }

    /// The instances that are shown, in their order.
    fn instances(&self) -> impl Iterator<Item = (&'v View<'a>, Instance<'a>)> {
        let (choice, all) = (&self.options.choice, self.each(View::instances));
        // The expression is asked where instances are made.
        let rows = if choice.order.is_some() {
            let choice = Choice { wanted: None, ..choice.clone() };
            let rows = all.map(|(view, instance)| (json::tree(view, &instance), view, instance)).collect();
            choice
                .of(rows, |(tree, ..)| tree)
                .into_iter()
                .map(|(_, view, instance)| (view, instance))
                .collect()
        } else {
            all.take(choice.top.unwrap_or(usize::MAX)).collect::<Vec<_>>()
        };
        rows.into_iter()
    }

    /// Whether there are several inventories, so that rows say which one they are of.
    fn are_apart(&self) -> bool {
        self.views.len() > 1
    }

    pub(super) fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for counts in self.views.iter().map(|view| view.inventory.counts()) {
            all.messages += counts.messages;
            all.queries += counts.queries;
            all.probes += counts.probes;
            all.responses += counts.responses;
            all.ignored += counts.ignored;
        }
        all
    }

    /// What the bounds of the inventories kept out, where they did.
    pub(super) fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let sum = |of: fn(&Limits) -> u64| self.views.iter().map(|view| of(&view.inventory.limits())).sum();
        let all: [(_, u64); 8] = [
            ("names", sum(|limits| limits.names)),
            ("types", sum(|limits| limits.types)),
            ("texts", sum(|limits| limits.texts)),
            ("records", sum(|limits| limits.records)),
            ("questions", sum(|limits| limits.questions)),
            ("events", sum(|limits| limits.events)),
            ("findings", sum(|limits| limits.findings)),
            ("left", sum(|limits| limits.left)),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}

/// The part of an inventory that was asked for.
pub(super) struct View<'a> {
    inventory: &'a Inventory,
    /// The name of its file, where each has an inventory.
    pub(super) of: Option<&'a str>,
    registry: &'a Registry,
    files: &'a [String],
    options: &'a DiscoverOptions,
}

impl<'a> View<'a> {
    pub(super) fn instances(&self) -> impl Iterator<Item = Instance<'a>> {
        let mut wanted = self.options.choice.wanted.clone();
        self.inventory.instances().filter(move |instance| {
            self.wants_type(&instance.service)
                && self.wants_host(instance)
                && self.wants(&mut wanted, instance)
        })
    }

    /// Whether an instance is one of those that an expression wants.
    fn wants(&self, wanted: &mut Option<Predicate<Trees>>, instance: &Instance<'_>) -> bool {
        wanted.as_mut().is_none_or(|wanted| wanted.holds(&json::tree(self, instance)))
    }

    /// The service types of the instances that an expression wants; `None` for all.
    fn chosen_types(&self) -> Option<Vec<ServiceType<'a>>> {
        self.options.choice.wanted.as_ref()?;
        Some(self.instances().map(|instance| instance.service).collect())
    }

    pub(super) fn types(&self) -> impl Iterator<Item = Type<'a>> {
        let chosen = self.chosen_types();
        self.inventory.types().filter(move |known| {
            self.wants_type(&known.service) && is_among(chosen.as_deref(), &known.service)
        })
    }

    fn queries(&self) -> impl Iterator<Item = Query<'a>> {
        let (chosen, names) = (self.chosen_types(), self.names());
        self.inventory.queries().filter(move |query| match ServiceType::of(&query.name) {
            Some(service) => self.wants_type(&service) && is_among(chosen.as_deref(), &service),
            None if chosen.is_some() => wants_name(&names, &query.name),
            None => self.options.types.is_empty(),
        })
    }

    pub(super) fn events(&self) -> impl Iterator<Item = Event<'a>> {
        let names = self.names();
        self.inventory.events().filter(move |event| wants_name(&names, &event.name))
    }

    /// What is remarkable, and the service types that the registry does not have.
    pub(super) fn findings(&self) -> impl Iterator<Item = Finding<'a>> {
        let (chosen, names) = (self.chosen_types(), self.names());
        let known = self.inventory.findings().filter(move |finding| match finding.subject {
            Subject::Name(name) => wants_name(&names, &name),
            Subject::Type(service) => self.wants_type(&service) && is_among(chosen.as_deref(), &service),
            Subject::Source(_) => chosen.is_none(),
        });
        let unregistered = self.types().filter(|known| self.registration(&known.service).is_none());
        known.chain(unregistered.map(|known| Finding {
            kind: FindingKind::Unregistered,
            subject: Subject::Type(known.service),
            packets: known.packets,
        }))
    }

    /// The names of the instances asked for and of their hosts; `None` for all.
    fn names(&self) -> Option<Vec<Name<'a>>> {
        let DiscoverOptions { types, hosts, choice, .. } = self.options;
        if types.is_empty() && hosts.is_empty() && choice.wanted.is_none() {
            return None;
        }
        let hosts = self.instances().flat_map(|instance| instance.servers).map(|server| server.host);
        Some(self.instances().map(|instance| instance.name).chain(hosts).collect())
    }

    fn wants_type(&self, service: &ServiceType<'_>) -> bool {
        let types = &self.options.types;
        types.is_empty()
            || types.iter().any(|wanted| {
                let wanted = wanted.strip_prefix('_').unwrap_or(wanted);
                let (name, protocol) = wanted.split_once("._").unwrap_or((wanted, ""));
                let same_protocol = match protocol {
                    "" => true,
                    _ if service.tcp => protocol.eq_ignore_ascii_case("tcp"),
                    _ => protocol.eq_ignore_ascii_case("udp"),
                };
                same_protocol && service.name.eq_ignore_ascii_case(name.as_bytes())
            })
    }

    fn wants_host(&self, instance: &Instance<'_>) -> bool {
        let hosts = &self.options.hosts;
        hosts.is_empty()
            || hosts.iter().any(|wanted| match wanted.parse::<IpAddr>() {
                Ok(address) => instance.addresses.contains(&address),
                Err(_) => instance.servers.iter().any(|server| {
                    let host = server.host;
                    let first = host.labels().next().unwrap_or_default();
                    first.eq_ignore_ascii_case(wanted.as_bytes())
                        || host.to_string().eq_ignore_ascii_case(wanted.trim_end_matches('.'))
                }),
            })
    }

    /// The registry's row of a service type.
    pub(super) fn registration(&self, service: &ServiceType<'_>) -> Option<Registration<'a>> {
        let name = std::str::from_utf8(service.name).ok()?;
        self.registry.service_type(name, if service.tcp { "tcp" } else { "udp" })
    }

    /// The name of a packet's file, where there is more than one.
    fn file(&self, index: u32) -> Option<&'a str> {
        let file = self.files.get(index as usize).filter(|_| self.files.len() > 1)?;
        Some(file.as_str())
    }
}

/// Whether a service type is among some; `None` are all.
fn is_among(types: Option<&[ServiceType<'_>]>, service: &ServiceType<'_>) -> bool {
    types.is_none_or(|types| types.contains(service))
}

fn wants_name(names: &Option<Vec<Name<'_>>>, name: &Name<'_>) -> bool {
    names.as_ref().is_none_or(|names| names.contains(name))
}

/// Most pairs of TXT records that are looked at of an instance.
const MOST_PAIRS: usize = 1_024;

/// How many pairs that leaves out.
pub(super) fn omitted_pairs(instance: &Instance<'_>) -> usize {
    instance.txt.iter().copied().flat_map(pairs).skip(MOST_PAIRS).count()
}

/// The attributes of an instance: of each key the first pair (RFC 6763 section 6.4).
pub(super) fn attributes<'a>(instance: &Instance<'a>) -> Vec<Pair<'a>> {
    let mut found: Vec<Pair<'a>> = Vec::new();
    for pair in instance.txt.iter().copied().flat_map(pairs).take(MOST_PAIRS) {
        if !found.iter().any(|known| known.key.eq_ignore_ascii_case(pair.key)) {
            found.push(pair);
        }
    }
    found
}

/// Appends `key` or `key=value`, escaped for a terminal.
pub(super) fn pair_text(pair: &Pair<'_>, out: &mut Vec<u8>) {
    escape::terminal(pair.key, out);
    if let Some(value) = pair.value {
        out.push(b'=');
        escape::terminal(value, out);
    }
}

/// Whether the registry defines a key; `None` where it gives no list of keys.
pub(super) fn defines(keys: Option<&TxtKeys<'_>>, key: &[u8]) -> Option<bool> {
    match keys? {
        keys @ TxtKeys::Keys(_) => Some(std::str::from_utf8(key).is_ok_and(|key| keys.defines(key))),
        TxtKeys::None => Some(false),
        _ => None,
    }
}

/// What is missing of an instance, by name.
pub(super) fn missing(instance: &Instance<'_>) -> impl Iterator<Item = &'static str> {
    let missing = instance.missing;
    let all = [(missing.srv, "srv"), (missing.txt, "txt"), (missing.address, "address")];
    all.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| name)
}

/// Appends what a finding is about, escaped for a terminal.
pub(super) fn subject_text(subject: &Subject<'_>, out: &mut Vec<u8>) {
    match subject {
        Subject::Name(name) => name.text(out),
        Subject::Type(service) => service.text(out),
        Subject::Source(address) => out.extend_from_slice(address.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests;
