//! Cells are added up, made longer, and bounded.

use super::*;
use crate::{Job, knowledge::Options, pipeline::Inputs};

const SECOND: u64 = 1_000_000_000;

fn subject(number: u16) -> Subject {
    Subject::Other(Kind::EtherType(number))
}

fn cells(all: &OverTime, number: u16) -> Vec<(u64, u64, u64, Option<u64>)> {
    let cells = all.cells.get(&subject(number)).into_iter().flatten();
    cells.map(|(at, cell)| (*at, cell.packets, cell.octets, cell.first())).collect()
}

fn counted(length: u64, packets: &[(u64, u64)]) -> OverTime {
    let mut all = OverTime::new(length * SECOND);
    for &(second, octets) in packets {
        let cell = Cell::of(Some(second * SECOND), octets, None);
        all.add(subject(1), all.at(&cell), &cell);
    }
    all
}

#[test]
fn a_minute_and_a_minute_and_a_half_make_three_minutes() {
    let one = counted(60, &[(0, 100), (59, 10), (60, 1), (190, 5)]);
    assert_eq!(
        cells(&one, 1),
        [(0, 2, 110, Some(0)), (1, 1, 1, Some(60 * SECOND)), (3, 1, 5, Some(190 * SECOND))]
    );
    let both = one.merge(counted(90, &[(100, 7), (360, 9)])).unwrap();
    assert_eq!(both.length, 180 * SECOND);
    assert_eq!(
        cells(&both, 1),
        [(0, 4, 118, Some(0)), (1, 1, 5, Some(190 * SECOND)), (2, 1, 9, Some(360 * SECOND))]
    );
    assert_eq!(both.count, 3);
    // Two primes near 2^40 ns: their product is longer than all of time.
    let primes = [1_099_511_627_791, 1_099_511_627_803].map(OverTime::new);
    let [one, other] = primes;
    assert!(one.merge(other).is_none());
}

#[test]
fn the_earliest_cells_go_on_under_labels_and_further_ones_without_interval() {
    let mut all = OverTime::new(SECOND);
    for at in 0..9 {
        for number in 0..60_000 {
            all.add(subject(number), at, &Cell::of(Some(at * SECOND), 10, None));
        }
    }
    assert_eq!(all.count, 540_000);
    // 540,000 less 393,216 are to go: those of the first three intervals.
    let until = all.must_name().unwrap();
    assert_eq!(until, 2);
    for number in 0..60_000 {
        let label = Label { key: format!("{}", number % 40_000), ..Label::default() };
        all.name(&subject(number), &label, until);
    }
    assert_eq!((all.count, all.must_name(), all.named.len()), (360_000, None, MOST_NAMED));
    // Of 40,000 labels the first 33,333 and one more have all three cells; subjects of the same labels find theirs.
    let [named, rest] = all.losses();
    assert_eq!(named + rest, 180_000);
    assert_eq!(rest, 3 * 40_000 - MOST_NAMED as u64);
}

/// Whatever has to leave a table, all packets are told of in some interval.
#[test]
fn no_packet_is_lost() {
    let registry = Registry::built_in();
    let (mut files, mut labels) = (0, 0);
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).unwrap() {
        let path = entry.unwrap().path();
        if crate::capture::open(&path).is_err() {
            continue;
        }
        for limit in [4, crate::flow::DEFAULT_LIMIT] {
            let interval = Some(Duration::from_millis(700));
            let mut job = Job::new(Inputs::Files(vec![path.clone()]), &registry);
            let options = Options { limit, interval, ..Options::everything() };
            let (known, _) = job.learn(options, &()).unwrap();
            let all: Vec<_> =
                known.traffic().map(|(who, _, cell)| (who, cell.packets, cell.octets)).collect();
            let sums =
                all.iter().fold([0, 0], |sums, &(_, packets, octets)| [sums[0] + packets, sums[1] + octets]);
            assert_eq!(sums, [known.span().packets, known.span().octets], "{path:?}");
            labels += all.iter().filter(|(who, ..)| matches!(who, Carrier::Label(_))).count();
        }
        files += 1;
    }
    assert!(files > 50 && labels > 0, "{files} {labels}");
}
