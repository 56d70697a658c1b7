//! Announced endpoints as octets in a knowledge file.

use super::{Announced, Announcement, Control, Key, Reply};
use crate::{
    announce::calls::Calls,
    packed::{Broken, Reader, Writer, check},
    packet::Timestamp,
};

/// Numbers that nothing reaches by counting.
const MOST: u64 = 1 << 52;

impl Announced {
    /// Writes what a part learned.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(&(self.next, self.dropped, self.lost_replies));
        let told = self.order.iter().filter_map(|key| Some((key, self.known.get(key)?)));
        out.all(told.collect::<Vec<_>>().into_iter());
        let ended = self.ended.iter().filter_map(|key| Some((key, self.ends.get(key)?)));
        out.all(ended.collect::<Vec<_>>().into_iter());
        self.calls.write(out);
        out.all(self.replies.iter());
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut all = Self::part();
        (all.next, all.dropped, all.lost_replies) =
            reader.get_if(|&(next, dropped, lost)| next < MOST && dropped < MOST && lost < MOST)?;
        let next = all.next;
        reader.all(Self::LIMIT, |(key, announcement): (Key, Announcement)| {
            check(key.number < next && key.from == announcement.from)?;
            all.note_port(key.port);
            all.order.push_back(key);
            check(all.known.insert(key, announcement).is_none())
        })?;
        reader.all(Self::LIMIT, |(key, time): ((Control, u64), Timestamp)| {
            check(key.1 < next)?;
            all.ended.push_back(key);
            check(all.ends.insert(key, time).is_none())
        })?;
        all.calls = Calls::read(Self::MAX_CALLS, reader)?;
        let seen = all.calls.seen();
        reader.all(Self::MAX_CALLS, |(number, reply): (u64, Reply)| {
            all.reply_octets += reply.result.len();
            check(number < next && reply.calls <= seen && all.reply_octets <= Self::MAX_REPLY_OCTETS)?;
            all.replies.push((number, reply));
            Ok(())
        })?;
        Ok(all)
    }
}
