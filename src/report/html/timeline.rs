//! Octets per service over time, in steps that grow until few enough of them hold all packets.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::packet::Timestamp;

/// Lengths of a step in ns. Each divides the next one, so that steps can be joined.
const STEPS: [u64; 24] = {
    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1000 * MS;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    [
        MS,
        2 * MS,
        10 * MS,
        20 * MS,
        100 * MS,
        200 * MS,
        SECOND,
        2 * SECOND,
        10 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        10 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        10 * DAY,
        50 * DAY,
        200 * DAY,
        1000 * DAY,
    ]
};

/// Steps that hold all packets at most, where their length was not given, and where it was.
const MOST: [u64; 2] = [240, 1000];
/// Steps of services, all together, at most; unless each service has a single one.
const MOST_CELLS: usize = 1 << 20;

/// Octets by service and step.
///
/// Packets may be counted in any order and on any number of threads: steps grow by what is counted alone, so that those of
/// all packets are the same in the end.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Length of a step in ns.
    step: u64,
    /// Whether the length was given: it is doubled where it has to grow.
    given: bool,
    keys: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Octets by number of the key and of the step since the epoch.
    cells: HashMap<(u32, u64), u64>,
    /// The first and the last step, the wrong way round where there is none.
    ends: [u64; 2],
    /// Packets without a time stamp.
    pub untimed: u64,
    /// The cell that was counted into last: most packets follow one of their own kind.
    last: Option<((u32, u64), u64)>,
}

impl Timeline {
    /// Steps of this length in ns, or of one that fits.
    pub fn new(step: Option<u64>) -> Self {
        Self {
            step: step.map_or(STEPS[0], |step| step.max(1)),
            given: step.is_some(),
            keys: Vec::new(),
            numbers: HashMap::new(),
            cells: HashMap::new(),
            ends: [u64::MAX, 0],
            untimed: 0,
            last: None,
        }
    }

    /// Counts a packet of the service with this key.
    pub fn count(&mut self, key: &str, time: Option<Timestamp>, octets: u64) {
        self.count_all(key, (time, 1), octets);
    }

    /// Counts so many of one step, of which that is the time of one.
    pub(super) fn count_all(&mut self, key: &str, (time, packets): (Option<Timestamp>, u64), octets: u64) {
        let Some(Timestamp(time)) = time else {
            self.untimed += packets;
            return;
        };
        let at = time / self.step;
        if let Some((cell, sum)) = &mut self.last
            && cell.1 == at
            && self.keys[cell.0 as usize] == key
        {
            *sum += octets;
            return;
        }
        self.settle();
        let number = self.number(key);
        self.last = Some(((number, at), octets));
        self.reach(at);
    }

    /// Adds what was counted of others.
    pub fn add(&mut self, mut later: Self) {
        later.settle();
        self.settle();
        while self.step < later.step {
            self.grow();
        }
        while later.step < self.step {
            later.grow();
        }
        self.untimed += later.untimed;
        let numbers: Vec<_> = later.keys.iter().map(|key| self.number(key)).collect();
        for ((key, at), octets) in later.cells {
            *self.cells.entry((numbers[key as usize], at)).or_default() += octets;
        }
        let [first, last] = later.ends;
        if first <= last {
            self.reach(first);
            self.reach(last / (self.step / later.step));
        }
    }

    fn number(&mut self, key: &str) -> u32 {
        if let Some(&number) = self.numbers.get(key) {
            return number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.to_owned());
        self.numbers.insert(key.to_owned(), number);
        number
    }

    /// Takes the cell that was counted into last to the others.
    fn settle(&mut self) {
        if let Some((cell, octets)) = self.last.take() {
            *self.cells.entry(cell).or_default() += octets;
        }
    }

    /// Takes in a step, and makes steps longer until they are few enough.
    fn reach(&mut self, at: u64) {
        self.ends = [self.ends[0].min(at), self.ends[1].max(at)];
        while self.ends[0] < self.ends[1]
            && (self.ends[1] - self.ends[0] >= MOST[usize::from(self.given)] || self.cells.len() > MOST_CELLS)
        {
            self.grow();
        }
    }

    /// Makes steps longer.
    fn grow(&mut self) {
        self.settle();
        let next = STEPS.iter().copied().find(|&step| step > self.step).filter(|_| !self.given);
        let factor = next.map_or(2, |next| next / self.step);
        self.step = self.step.saturating_mul(factor);
        let cells = std::mem::take(&mut self.cells);
        self.cells.reserve(cells.len() / factor as usize);
        for ((key, at), octets) in cells {
            *self.cells.entry((key, at / factor)).or_default() += octets;
        }
        if self.ends[0] <= self.ends[1] {
            self.ends = self.ends.map(|at| at / factor);
        }
    }

    /// What was counted.
    pub fn finish(mut self) -> Traffic {
        self.settle();
        if self.ends[0] <= self.ends[1] {
            self.reach(self.ends[0]);
        } else {
            return Traffic { untimed: self.untimed, ..Traffic::default() };
        }
        let mut services: BTreeMap<String, Vec<(usize, u64)>> = BTreeMap::new();
        for ((key, at), octets) in self.cells {
            let key = &mut self.keys[key as usize];
            match services.get_mut(key) {
                Some(cells) => cells,
                None => services.entry(key.clone()).or_default(),
            }
            .push(((at - self.ends[0]) as usize, octets));
        }
        services.values_mut().for_each(|cells| cells.sort_unstable());
        Traffic {
            step: self.step,
            start: self.ends[0].saturating_mul(self.step),
            steps: (self.ends[1] - self.ends[0]) as usize + 1,
            services,
            untimed: self.untimed,
        }
    }
}

/// Octets per service over time.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Length of a step in ns.
    pub step: u64,
    /// When the first step begins, in ns since the epoch: a multiple of the length.
    pub start: u64,
    /// How many steps there are; 0 where no packet has a time.
    pub steps: usize,
    /// Octets of each service by the number of the step, in order; steps without any are left out.
    pub services: BTreeMap<String, Vec<(usize, u64)>>,
    /// Packets without a time stamp.
    pub untimed: u64,
}

impl Traffic {
    /// The services with most octets, and the octets of each.
    pub fn largest(&self, most: usize) -> Vec<(&str, u64)> {
        let octets = |cells: &[(usize, u64)]| cells.iter().map(|(_, octets)| octets).sum();
        let mut all: Vec<_> =
            self.services.iter().map(|(key, cells)| (key.as_str(), octets(cells))).collect();
        all.sort_by(|a: &(_, u64), b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(most);
        all
    }

    /// The octets of a service in each step.
    pub fn of(&self, key: &str) -> Vec<u64> {
        let mut octets = vec![0; self.steps];
        for &(at, more) in self.services.get(key).into_iter().flatten() {
            octets[at] += more;
        }
        octets
    }

    /// The octets of all services in each step.
    pub fn all(&self) -> Vec<u64> {
        let mut octets = vec![0; self.steps];
        for &(at, more) in self.services.values().flatten() {
            octets[at] += more;
        }
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn counted(packets: &[(&str, u64, u64)]) -> Timeline {
        let mut timeline = Timeline::new(None);
        packets.iter().for_each(|&(key, time, octets)| timeline.count(key, Some(Timestamp(time)), octets));
        timeline
    }

    #[test]
    fn each_step_divides_the_next() {
        assert!(STEPS.windows(2).all(|pair| pair[1] > pair[0] && pair[1] % pair[0] == 0));
    }

    #[test]
    fn steps_grow_until_they_are_few_enough() {
        // 240 ms are as many steps as there may be of a millisecond, one more makes them twice as long.
        let traffic = counted(&[("a", 5 * SECOND, 7), ("b", 5 * SECOND + 239_999_999, 9)]).finish();
        assert_eq!((traffic.step, traffic.start, traffic.steps), (1_000_000, 5 * SECOND, 240));
        let traffic = counted(&[("a", 5 * SECOND, 7), ("b", 5 * SECOND + 240_000_000, 9)]).finish();
        assert_eq!((traffic.step, traffic.steps), (2_000_000, 121));
        assert_eq!((traffic.of("b")[120], traffic.all().iter().sum::<u64>()), (9, 16));
        assert_eq!(traffic.largest(9), [("b", 9), ("a", 7)]);
        // From the epoch to the last time there is.
        let traffic = counted(&[("a", 0, 1), ("a", u64::MAX, 2)]).finish();
        assert!(traffic.steps <= 240 && traffic.of("a").iter().sum::<u64>() == 3);
        let mut untimed = Timeline::new(None);
        untimed.count("a", None, 5);
        let traffic = untimed.finish();
        assert_eq!((traffic.steps, traffic.untimed), (0, 1));
    }

    #[test]
    fn a_given_step_is_doubled() {
        let mut timeline = Timeline::new(Some(3 * SECOND));
        timeline.count("a", Some(Timestamp(0)), 1);
        timeline.count("a", Some(Timestamp(3 * 999 * SECOND)), 1);
        assert_eq!(timeline.clone().finish().step, 3 * SECOND);
        timeline.count("a", Some(Timestamp(3 * 1000 * SECOND)), 1);
        assert_eq!(timeline.finish().step, 6 * SECOND);
    }

    proptest::proptest! {
        /// However packets are shared out, and in which order, the sums are the same.
        #[test]
        fn parts_add_up_to_the_whole(
            packets in proptest::collection::vec((0..4_usize, 0..u64::MAX >> 1, 0..2000_u64, 0..3_usize), 1..60),
            shift in 0..50_u32,
        ) {
            let keys = ["a", "b", "c", "d"];
            let (mut whole, mut parts) = (Timeline::new(None), [0; 3].map(|_| Timeline::new(None)));
            for &(key, time, octets, part) in &packets {
                let time = Some(Timestamp(time >> shift));
                whole.count(keys[key], time, octets);
                parts[part].count(keys[key], time, octets);
            }
            let [mut first, second, third] = parts;
            first.add(third);
            first.add(second);
            let (whole, parts) = (whole.finish(), first.finish());
            proptest::prop_assert_eq!((whole.step, whole.start, whole.steps), (parts.step, parts.start, parts.steps));
            proptest::prop_assert_eq!(whole.services, parts.services);
        }
    }
}
