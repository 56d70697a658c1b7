//! The columns of each topic, on narrow screens and on wide ones.

use portolan::report::top::Topic;

/// Columns of a screen from which on it is wide.
pub(super) const WIDE: u16 = 120;
/// The width of columns that share what the others leave.
pub(super) const REST: u16 = u16::MAX;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A cell of the row, by its number.
    Cell(usize),
    /// A cell that holds a number.
    Number(usize),
    /// A cell that holds a number of octets.
    Amount(usize),
    /// Octets a second, lately.
    Rate,
    /// The same as it changed, from picture to picture.
    Spark,
    Octets,
    Packets,
}

/// A column; 0 where a screen leaves it out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) what: What,
    narrow: u16,
    wide: u16,
}

impl Column {
    /// Its width on a screen of so many columns.
    pub(super) fn width(&self, screen: u16) -> u16 {
        if screen >= WIDE { self.wide } else { self.narrow }
    }

    pub(super) fn is_right(&self) -> bool {
        !matches!(self.what, What::Cell(_) | What::Spark)
    }
}

const fn column(title: &'static str, what: What, narrow: u16, wide: u16) -> Column {
    Column { title, what, narrow, wide }
}

const RATE: Column = column("RATE", What::Rate, 9, 10);
const SPARK: Column = column("", What::Spark, 8, 30);
const OCTETS: Column = column("OCTETS", What::Octets, 8, 9);
const PACKETS: Column = column("PACKETS", What::Packets, 0, 9);

static SERVICES: [Column; 11] = [
    column("SERVICE", What::Cell(0), REST, REST),
    column("PORT", What::Cell(1), 8, 20),
    RATE,
    SPARK,
    OCTETS,
    PACKETS,
    column("FLOWS", What::Number(2), 6, 8),
    column("CL", What::Number(3), 4, 6),
    column("SV", What::Number(4), 4, 6),
    column("KNOWN BY", What::Cell(5), 10, 36),
    column("MISMATCH", What::Number(6), 0, 8),
];
static FLOWS: [Column; 10] = [
    column("FROM", What::Cell(0), REST, REST),
    column("TO", What::Cell(1), REST, REST),
    column("SERVICE", What::Cell(2), 15, 36),
    column("KNOWN BY", What::Cell(3), 0, 10),
    column("STATE", What::Cell(4), 0, 11),
    RATE,
    column("", What::Spark, 0, 20),
    PACKETS,
    column("UP", What::Amount(5), 8, 9),
    column("DOWN", What::Amount(6), 8, 9),
];
static HOSTS: [Column; 8] = [
    column("HOST", What::Cell(0), 16, 44),
    column("NAME", What::Cell(1), REST, 28),
    column("SERVES", What::Cell(2), REST, REST),
    column("USES", What::Cell(3), 0, REST),
    RATE,
    column("", What::Spark, 0, 20),
    OCTETS,
    PACKETS,
];
static DOMAINS: [Column; 9] = [
    column("DOMAIN", What::Cell(0), REST, REST),
    column("PORT", What::Cell(1), 8, 20),
    RATE,
    SPARK,
    OCTETS,
    PACKETS,
    column("FLOWS", What::Number(2), 6, 8),
    column("CL", What::Number(3), 4, 6),
    column("KNOWN BY", What::Cell(4), 10, 36),
];
static INSTANCES: [Column; 6] = [
    column("INSTANCE", What::Cell(0), REST, REST),
    column("TYPE", What::Cell(1), 16, 26),
    column("HOST", What::Cell(2), REST, REST),
    column("PORT", What::Cell(3), 6, 12),
    column("ADDRESSES", What::Cell(4), 0, 50),
    column("STATE", What::Cell(5), 10, 30),
];
static EVENTS: [Column; 5] = [
    column("TIME", What::Cell(0), 30, 30),
    column("WHAT", What::Cell(3), 9, 10),
    column("NAME", What::Cell(4), REST, REST),
    column("BY", What::Cell(2), 16, 40),
    column("PACKET", What::Cell(1), 0, 12),
];
static EVIDENCE: [Column; 5] = [
    column("HOW", What::Cell(0), 10, 12),
    column("KNOWN, TOLD BY", What::Cell(1), REST, 40),
    column("FLOWS", What::Number(2), 8, 10),
    OCTETS,
    column("PACKETS", What::Packets, 9, 10),
];
static LIMITS: [Column; 2] =
    [column("WHAT", What::Cell(0), REST, 100), column("HOW OFTEN", What::Number(1), 12, 12)];

static PROCESSES: [Column; 10] = [
    column("PROCESS", What::Cell(0), REST, 24),
    column("PID", What::Number(1), 8, 8),
    column("USER", What::Cell(2), 0, 14),
    RATE,
    column("", What::Spark, 0, 20),
    OCTETS,
    column("FLOWS", What::Number(5), 6, 8),
    column("SERVES", What::Cell(3), REST, REST),
    column("USES", What::Cell(4), REST, REST),
    column("RUNS", What::Cell(6), 0, REST),
];

/// The name of a topic, and its columns.
pub(super) fn of(topic: Topic) -> (&'static str, &'static [Column]) {
    match topic {
        Topic::Services => ("services", &SERVICES),
        Topic::Flows => ("flows", &FLOWS),
        Topic::Hosts => ("hosts", &HOSTS),
        Topic::Domains => ("domains", &DOMAINS),
        Topic::Instances => ("dns-sd", &INSTANCES),
        Topic::Events => ("events", &EVENTS),
        Topic::Evidence => ("evidence", &EVIDENCE),
        Topic::Limits => ("limits", &LIMITS),
        Topic::Processes => ("processes", &PROCESSES),
    }
}
