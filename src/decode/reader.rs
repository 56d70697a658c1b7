//! The one cursor over captured octets; nothing else in this module touches offsets.

use super::Reason;

/// A bounds-checked cursor over the octets of a frame, narrowed as length fields are met.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the frame.
    offset: usize,
    /// Offset of the layer being read.
    start: usize,
    /// Octets that the wire had behind `rest`.
    missing: usize,
}

impl<'a> Reader<'a> {
    /// Reads `octets`, of which the wire had `original_len`.
    pub(crate) fn new(octets: &'a [u8], original_len: u32) -> Self {
        let missing = (original_len as usize).saturating_sub(octets.len());
        Self { rest: octets, offset: 0, start: 0, missing }
    }

    /// Begins a layer at the present position.
    pub(crate) fn begin_layer(&mut self) {
        self.start = self.offset;
    }

    /// Offset of the layer being read, in octets from the start of the frame.
    pub(crate) fn layer_offset(&self) -> u32 {
        self.start as u32
    }

    /// Offset of the next octet, in octets from the start of the frame.
    pub(crate) fn offset(&self) -> u32 {
        self.offset as u32
    }

    /// All octets not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Octets not read yet.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Octets that the wire had and that are not left here: the capture was cut.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Whether the wire had more octets than are left here.
    pub(crate) fn is_cut(&self) -> bool {
        self.missing > 0
    }

    /// The next `N` octets.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Reason> {
        let Some((head, tail)) = self.rest.split_first_chunk() else { return Err(self.short(N)) };
        self.rest = tail;
        self.offset += N;
        Ok(head)
    }

    /// The next `len` octets.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        let Some((head, tail)) = self.rest.split_at_checked(len) else { return Err(self.short(len)) };
        self.rest = tail;
        self.offset += len;
        Ok(head)
    }

    /// Passes over `len` octets.
    pub(crate) fn skip(&mut self, len: usize) -> Result<(), Reason> {
        self.take(len).map(|_| ())
    }

    /// The next octet.
    pub(crate) fn u8(&mut self) -> Result<u8, Reason> {
        self.array::<1>().map(|octets| octets[0])
    }

    /// The next two octets in network order.
    pub(crate) fn u16(&mut self) -> Result<u16, Reason> {
        self.array().map(|octets| u16::from_be_bytes(*octets))
    }

    /// The next four octets in network order.
    pub(crate) fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(|octets| u32::from_be_bytes(*octets))
    }

    /// The next octet, left unread.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next `N` octets, left unread.
    pub(crate) fn peek_array<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.rest.first_chunk()
    }

    /// Narrows what is left to `len` octets: what follows is padding or a trailer.
    pub(crate) fn bound(&mut self, len: usize) {
        self.missing = len.saturating_sub(self.rest.len());
        self.rest = self.rest.get(..len).unwrap_or(self.rest);
    }

    /// Narrows what is left so that the present layer has `len` octets, those already read included.
    pub(crate) fn bound_layer(&mut self, len: usize) {
        self.bound(len.saturating_sub(self.offset - self.start));
    }

    /// Drops a trailer of `len` octets, as far as it was captured at all.
    pub(crate) fn drop_trailer(&mut self, len: usize) {
        if !self.is_cut() {
            self.rest = self.rest.get(..self.rest.len().saturating_sub(len)).unwrap_or_default();
        }
    }

    /// Why `more` octets cannot be read: the capture was cut, or the packet itself is too short.
    #[cold]
    fn short(&self, more: usize) -> Reason {
        let read = self.offset - self.start;
        if self.is_cut() {
            let needed = u32::try_from(read + more).unwrap_or(u32::MAX);
            Reason::Truncated { needed, present: (read + self.rest.len()) as u32 }
        } else {
            Reason::Malformed("the packet ends within this header")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_network_order_and_counts_offsets() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8], 8);
        assert_eq!(reader.u8(), Ok(1));
        reader.begin_layer();
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u32(), Ok(0x0405_0607));
        assert_eq!((reader.layer_offset(), reader.offset(), reader.len()), (1, 7, 1));
    }

    #[test]
    fn a_cut_frame_is_truncated_and_a_whole_one_malformed() {
        let mut cut = Reader::new(&[0; 6], 60);
        cut.skip(2).expect("two of six");
        cut.begin_layer();
        cut.skip(1).expect("one of four");
        assert_eq!(cut.array::<8>(), Err(Reason::Truncated { needed: 9, present: 4 }));
        assert_eq!(cut.len(), 3, "a failed read takes nothing");

        let mut whole = Reader::new(&[0; 6], 6);
        assert!(matches!(whole.array::<8>(), Err(Reason::Malformed(_))));
    }

    #[test]
    fn a_bound_within_the_octets_ends_the_packet_there() {
        let mut reader = Reader::new(&[0; 10], 100);
        reader.bound(4);
        assert!(!reader.is_cut());
        assert_eq!(reader.len(), 4);
        reader.bound(20);
        assert!(reader.is_cut(), "a length beyond the octets says that some are missing");
        assert_eq!(reader.len(), 4);
    }
}
