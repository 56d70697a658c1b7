//! First octets, and the verdicts on them, as octets in a knowledge file.

use hashbrown::HashMap;

use super::{LIMIT, MOST_OCTETS, Octets, Shown, size};
use crate::{
    packed::{Broken, Reader, Writer, check},
    payload::Window,
};

impl Octets {
    /// Writes those of the first `len` five-tuples.
    pub(in crate::flow) fn write(&self, len: usize, out: &mut Writer) {
        out.put(&self.undecided);
        let (mut verdicts, mut numbers) = (Vec::new(), HashMap::new());
        let mut shown: Vec<(u32, u32)> = Vec::new();
        for index in 0..len as u32 {
            let Some(verdict) = self.of(index) else { continue };
            let number = *numbers.entry(*verdict).or_insert_with(|| {
                verdicts.push(*verdict);
                verdicts.len() as u32 - 1
            });
            shown.push((index, number));
        }
        out.all(verdicts.into_iter());
        out.all(shown.into_iter());
        let mut open: Vec<u32> = self.open().collect();
        open.sort_unstable();
        out.count(open.len());
        let mut octets = Vec::new();
        for index in open {
            octets.clear();
            self.windows(index).into_iter().flatten().for_each(|window| window.write(&mut octets));
            out.put(&(index, &octets[..]));
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(in crate::flow) fn read(len: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut all = Self { undecided: reader.get_if(|&count| count < 1 << 52)?, ..Self::default() };
        let mut verdicts: Vec<Shown> = Vec::new();
        reader.all(LIMIT, |shown| {
            verdicts.push(shown);
            Ok(())
        })?;
        reader.all(len, |(index, number): (u32, u32)| {
            check((index as usize) < len)?;
            all.note(index, *verdicts.get(number as usize).ok_or(Broken)?);
            Ok(())
        })?;
        reader.all(LIMIT, |(index, octets): (u32, &[u8])| {
            check((index as usize) < len && all.windows(index).is_none() && all.held <= 2 * MOST_OCTETS)?;
            let (up, first) = Window::read(octets).ok_or(Broken)?;
            let (down, second) = octets.get(first..).and_then(Window::read).ok_or(Broken)?;
            check(first + second == octets.len())?;
            let kept = all.keep(index, [up, down]).map(|windows| size(windows)).ok_or(Broken)?;
            all.held += kept;
            Ok(())
        })?;
        Ok(all)
    }
}
