//! Names of servers, and what may still tell one, as octets in a knowledge file.

use super::{NAMES, NOTED, Names, OPEN, Open, PIECES, Way};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::Share,
    payload::Told,
};

impl Names {
    /// Writes those of the first `len` five-tuples.
    pub(in crate::flow) fn write(&self, len: usize, out: &mut Writer) {
        out.put(&self.lost);
        out.all(self.all.iter());
        let told = (0..len as u32).filter_map(|index| Some((index, self.told.get(&index)?)));
        out.all(told.collect::<Vec<_>>().into_iter());
        let mut open: Vec<(&Way, &Open)> = self.open.iter().collect();
        open.sort_unstable_by_key(|((index, direction), _)| (*index, *direction as u8));
        out.all(open.into_iter());
    }

    /// Reads what [`Self::write`] wrote.
    pub(in crate::flow) fn read(len: usize, is_part: bool, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut names =
            Self { lost: reader.get_if(|&count| count < 1 << 52)?, ..Self::new(is_part, Share::ALL) };
        reader.all(NAMES, |told: Told| {
            check(told.is_sound())?;
            names.all.push(told.clone());
            check(names.ids.insert(told, names.all.len() as u32).is_none())
        })?;
        let most = names.all.len();
        reader.all(len, |(index, told): (u32, [u32; 2])| {
            check((index as usize) < len && told.iter().all(|&number| number as usize <= most))?;
            check(names.told.insert(index, told).is_none())
        })?;
        reader.all(OPEN, |(way, open): (Way, Open)| {
            check((way.0 as usize) < len && open.is_sound() && names.noted <= 2 * NOTED)?;
            names.put(way, open);
            Ok(())
        })?;
        Ok(names)
    }
}

impl Open {
    /// Whether what was read can be what was written, as far as anything depends on it.
    fn is_sound(&self) -> bool {
        match self {
            Self::Reader(reader) => reader.is_sound(),
            Self::Notes(notes) => {
                let octets: usize = notes.pieces.iter().map(|piece| piece.octets.len()).sum();
                octets == notes.octets && notes.pieces.len() <= PIECES
            }
        }
    }
}
