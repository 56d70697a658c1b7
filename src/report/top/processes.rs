//! The processes of this host that own ends of flows, each with what it serves and uses.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{MOST_ROWS, Row};
use crate::{
    knowledge::View,
    naming::Side,
    processes::Owner,
    record::process::{PID, PROCESS_EXECUTABLE, PROCESS_PID, PROCESS_USER},
    text::{
        field::{COUNT, Field, Type},
        json,
        table::Cell,
    },
};

/// Owners that are told apart; what others own counts as unknown.
const MOST_OWNERS: usize = 1 << 16;
/// Services that are listed of each.
const MOST_SERVED: usize = 64;

/// The fields of its records.
pub(super) static FIELDS: [Field; 9] = [
    Field::new("process.name", Type::Escaped, "program; absent of what is unknown"),
    Field::new("process.pid", PID, PROCESS_PID),
    Field::new("process.executable", Type::Escaped, PROCESS_EXECUTABLE),
    Field::new("user.name", Type::Escaped, PROCESS_USER),
    Field::new("serves", Type::Text, "services whose serving end it owns").list(),
    Field::new("uses", Type::Text, "services that it asks for").list(),
    Field::new("flows", COUNT, "five-tuples that it owns an end of").always(),
    Field::new("packets", COUNT, "packets of their latest flows").always(),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets").always(),
];

#[derive(Serialize)]
struct Record<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Process<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'r>>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    serves: &'r BTreeSet<&'r str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    uses: &'r BTreeSet<&'r str>,
    flows: u64,
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Process<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<&'r str>,
}

#[derive(Serialize)]
struct User<'r> {
    name: &'r str,
}

/// What an owner has.
#[derive(Default)]
struct Sum<'v> {
    serves: BTreeSet<&'v str>,
    uses: BTreeSet<&'v str>,
    flows: u64,
    packets: u64,
    octets: u64,
}

/// The owners with most octets, and how many there are.
pub(super) fn rows(view: &View<'_>) -> (Vec<Row>, usize) {
    let mut sums: HashMap<Option<Arc<Owner>>, Sum<'_>> = HashMap::new();
    for tuple in view.knowledge.flows().five_tuples() {
        let known = view.answers.get(tuple.id);
        let key = known.map(|known| &*view.answers.labels().label(known.label).key);
        let mut before = None;
        for (held, own) in view.answers.held(tuple.id).into_iter().zip([Side::Low, Side::High]) {
            let Some(held) = held else { continue };
            let mut owner = held.owner.clone();
            if sums.len() >= MOST_OWNERS && !sums.contains_key(&owner) {
                owner = None;
            }
            let sum = sums.entry(owner.clone()).or_default();
            let is_server = known.is_some_and(|known| known.side == own || known.side == Side::Both);
            let services = if is_server { &mut sum.serves } else { &mut sum.uses };
            if let Some(key) = key.filter(|_| services.len() < MOST_SERVED) {
                services.insert(key);
            }
            // A process that speaks to itself has one flow.
            if before.replace(owner.clone()) != Some(owner) {
                let tally = &tuple.current.tally;
                sum.flows += 1;
                sum.packets += tally.all_packets();
                sum.octets += tally.all_octets();
            }
        }
    }
    let all = sums.len();
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_cached_key(|(owner, sum)| {
        (Reverse(sum.octets), owner.as_ref().map(|owner| (owner.name.clone(), owner.pid)))
    });
    sums.truncate(MOST_ROWS);
    (sums.iter().map(|(owner, sum)| row(owner.as_deref(), sum)).collect(), all)
}

fn row(owner: Option<&Owner>, sum: &Sum<'_>) -> Row {
    // Of an owner all texts are harmless already.
    let harmless = |text: &str| Cell::escaped(|out| out.extend_from_slice(text.as_bytes()));
    let (pid, executable) =
        (owner.and_then(|owner| owner.pid), owner.and_then(|owner| owner.executable.as_deref()));
    let user = owner.and_then(|owner| owner.user.as_deref());
    let cells = [
        harmless(owner.map_or("?", |owner| &owner.name)),
        pid.map_or_else(|| Cell::text(""), Cell::shown),
        harmless(user.unwrap_or_default()),
        Cell::lines(&sum.serves),
        Cell::lines(&sum.uses),
        Cell::shown(sum.flows),
        harmless(executable.unwrap_or_default()),
    ];
    let record = Record {
        process: owner.map(|owner| Process { name: &owner.name, pid, executable }),
        user: user.map(|name| User { name }),
        serves: &sum.serves,
        uses: &sum.uses,
        flows: sum.flows,
        packets: sum.packets,
        bytes: sum.octets,
    };
    let mut line = Vec::new();
    // Writing to memory does not fail.
    let _ = json::line(&record, &mut line);
    line.pop();
    let key = owner.map_or_else(String::new, |owner| {
        format!("{} {pid:?} {} {}", owner.name, user.unwrap_or_default(), executable.unwrap_or_default())
    });
    Row::new(key, cells, (sum.packets, sum.octets), line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        knowledge::{Answers, Knowledge},
        packet::TransportProtocol,
        pipeline::{Inputs, Job},
        processes::Processes,
        registry::Registry,
        report::top::{Topic, needs},
    };

    #[test]
    fn programs_have_what_they_serve_and_use() {
        let registry = Registry::built_in();
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/office.pcapng");
        let (mut knowledge, _) = Job::new(Inputs::Files(vec![file]), &registry).learn(needs(), &()).unwrap();
        let tcp = TransportProtocol::TCP;
        // The end that serves most flows.
        let mut served = std::collections::BTreeMap::<_, Vec<_>>::new();
        let plain = Answers::of(&knowledge, &registry, false, 1);
        for tuple in knowledge.flows().five_tuples().filter(|tuple| tuple.key.protocol() == tcp) {
            let (server, client) = match plain.get(tuple.id).map(|known| known.side) {
                Some(Side::Low) => (tuple.key.low(), tuple.key.high()),
                Some(Side::High) => (tuple.key.high(), tuple.key.low()),
                _ => continue,
            };
            served.entry(server).or_default().push((client, tuple.current.tally));
        }
        let (&server, clients) = served.iter().max_by_key(|(_, clients)| clients.len()).unwrap();
        let time = clients[0].1.last().unwrap();
        let sockets = [(tcp, server, None, ("nginx", 7)), (tcp, server, Some(clients[0].0), ("worker", 8))];
        let processes = Processes::met(time, [server.0], &sockets);
        knowledge.set_processes(Some(&processes));
        let rows = |knowledge: &Knowledge| {
            let answers = Answers::of(knowledge, &registry, false, 1);
            rows(&View { knowledge, answers: &answers, registry: &registry })
        };
        let (rows, all) = rows(&knowledge);
        assert_eq!(rows.len(), all);
        let row = |name: &str| rows.iter().find(|row| row.cell(0) == name);
        let worker = row("worker").unwrap();
        assert_eq!((worker.cell(1), worker.cell(2), worker.cell(6)), ("8", "www", "/usr/sbin/worker"));
        assert_eq!(worker.octets, clients[0].1.all_octets());
        let record: serde_json::Value = serde_json::from_str(worker.record()).unwrap();
        assert_eq!((&record["process"]["pid"], &record["user"]["name"]), (&8.into(), &"www".into()));
        assert_eq!((&record["flows"], record["serves"].as_array().unwrap().len()), (&1.into(), 1));
        // What none of its sockets was met of is unknown.
        let unknown = row("?").unwrap();
        assert!(unknown.octets > 0 && !unknown.record().contains("process"), "{}", unknown.record());
        let mut wanted = Topic::Processes.predicate("process.name == worker and serves").unwrap();
        assert_eq!(rows.iter().filter(|row| wanted.holds(&row.tree())).count(), 1);
    }
}
