//! Knowledge for files, and from them: inputs learned each as a part, and those recognised that a file knows already.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Failure, Inputs, Job, Observer, Outcome};
use crate::{
    capture::{self, Limits, Source as _},
    knowledge::{InputId, Knowledge, Options},
    packet::Batch,
};

impl Job<'_> {
    /// Learns all inputs at hand as a part: what [`Knowledge::write`] writes, and [`Knowledge::append`] joins to what was
    /// learned of inputs before.
    ///
    /// ```
    /// use portolan::{Job, Knowledge, Registry, knowledge::Options, pipeline::Inputs};
    ///
    /// let registry = Registry::built_in();
    /// let learn = |file: &str| {
    ///     let inputs = Inputs::Files(vec![file.into()]);
    ///     Job::new(inputs, &registry).learn_part(Options::default(), &()).map(|(part, _)| part)
    /// };
    /// let mut whole = Knowledge::whole(Options::default());
    /// whole.append(learn("samples/snmp-get.pcap")?, &registry);
    /// whole.append(learn("samples/ntp-client.pcap")?, &registry);
    /// whole.settle();
    /// assert_eq!((whole.span().packets, whole.inputs().len()), (6, 2));
    /// # Ok::<(), portolan::pipeline::Failure>(())
    /// ```
    ///
    /// # Errors
    /// As [`Job::learn`] has them.
    pub fn learn_part(
        &mut self,
        options: Options,
        observer: &impl Observer,
    ) -> Result<(Knowledge, Outcome), Failure> {
        let mut all = Knowledge::part(self.within(options));
        let outcome = self.learn_others(&mut all, &[], observer)?;
        Ok((all, outcome))
    }

    /// Learns on top of what is `known` those inputs at hand that it was not learned from, and settles it. The numbers of
    /// inputs become [those](Job::numbers) that they have in it.
    ///
    /// # Errors
    /// As [`Job::learn`] has them.
    pub fn learn_on(
        &mut self,
        mut known: Knowledge,
        observer: &impl Observer,
    ) -> Result<(Knowledge, Outcome), Failure> {
        let recognised = self.recognise(known.inputs());
        let mut next = known.inputs().len() as u32;
        let numbers = recognised.iter().map(|number| {
            number.unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        });
        let numbers: Vec<u32> = numbers.collect();
        let outcome = self.learn_others(&mut known, &recognised, observer)?;
        self.numbers = numbers;
        known.settle();
        known.set_hosts(&self.hosts);
        known.set_places(self.places.as_ref());
        Ok((known, outcome))
    }

    /// Appends what inputs teach that are not recognised.
    fn learn_others(
        &mut self,
        all: &mut Knowledge,
        recognised: &[Option<u32>],
        observer: &impl Observer,
    ) -> Result<Outcome, Failure> {
        let (options, registry, limits) = (*all.options(), self.registry, self.limits.clone());
        let paths = match &self.inputs {
            Inputs::Files(files) => files.clone(),
            Inputs::Live(_) => Vec::new(),
        };
        self.numbers.clear();
        self.each_input(observer, false, None, |run, selection, open| {
            let place = open.number as usize;
            if recognised.get(place).is_some_and(Option::is_some) {
                return Ok(());
            }
            let mut part = Knowledge::part(options);
            let name = open.name.to_owned();
            let learned = run.learn(open.reader, 0, selection, &mut part, options);
            let (span, path) = (part.span(), paths.get(place));
            let head = path.filter(|path| path.as_os_str() != "-").and_then(|path| head(path, &limits));
            let (octets, packets, first, last) = (span.octets, span.packets, span.first(), span.last());
            part.note_input(InputId { name, octets, packets, first, last, head });
            all.append(part, registry);
            learned.map_err(Failure::Input)
        })
    }

    /// The numbers of inputs that were learned from already, as far as they can be read twice.
    fn recognise(&self, known: &[InputId]) -> Vec<Option<u32>> {
        let Inputs::Files(files) = &self.inputs else { return vec![None] };
        files.iter().map(|file| recognise(file, known, &self.limits)).collect()
    }
}

/// The number of a file among inputs that were learned from. Read to its end only if one began like it.
fn recognise(file: &Path, known: &[InputId], limits: &Limits) -> Option<u32> {
    if file.as_os_str() == "-" {
        return None;
    }
    let head = Some(head(file, limits)?);
    known.iter().find(|id| id.head == head)?;
    let mut source = capture::open_within(file, limits).ok()?;
    let mut batch = Batch::new();
    let mut met = InputId { name: String::new(), octets: 0, packets: 0, first: None, last: None, head };
    // Where it is damaged, both end at the same place.
    while let Ok(true) = source.fill(&mut batch) {
        for frame in batch.frames() {
            met.packets += 1;
            met.octets += u64::from(frame.counted_len());
            met.first = met.first.or(frame.time).min(frame.time.or(met.first));
            met.last = met.last.max(frame.time);
        }
    }
    let place = known.iter().position(|id| id.is_same(&met))?;
    u32::try_from(place).ok()
}

/// The digest of what a file begins with; `None` where it cannot be opened, or only be read once.
fn head(file: &Path, limits: &Limits) -> Option<[u8; 32]> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut source = capture::open_within(file, limits).ok()?;
    let (mut batch, mut hash, mut left) = (Batch::new(), Sha256::new(), InputId::HEAD);
    while left > 0
        && let Ok(true) = source.fill(&mut batch)
    {
        let octets = batch.octets();
        let octets = octets.get(..left).unwrap_or(octets);
        hash.update(octets);
        left -= octets.len();
    }
    Some(hash.finalize().into())
}
