//! Where the bytes stand that mean something in delimited text: found for a whole buffer at once, many at a time.

use wide::u8x64;

use super::options::TextOptions;

/// Bytes that are looked at together: as many as a mask has bits.
const BLOCK: usize = u64::BITS as usize;

/// The positions of delimiters, line feeds, quotes and escapes in a buffer, in order.
pub(super) struct Marks {
    /// Each of the bytes that are looked for, as often as a block is long; fewer than four are repeated.
    wanted: [u8x64; 4],
    at: Vec<u32>,
    /// The first one that has not been passed.
    next: usize,
    /// So many bytes of the buffer have been looked at.
    seen: usize,
}

impl Marks {
    pub(super) fn new(options: &TextOptions) -> Self {
        let line_feed = b'\n';
        let wanted =
            [options.delimiter, line_feed, options.quote.unwrap_or(line_feed), options.escape.unwrap_or(line_feed)];
        Self { wanted: wanted.map(u8x64::splat), at: Vec::new(), next: 0, seen: 0 }
    }

    /// Looks at what has been added to the buffer since the last time.
    pub(super) fn extend(&mut self, buffer: &[u8]) {
        let new = buffer.get(self.seen..).unwrap_or_default();
        let (blocks, rest) = new.as_chunks::<BLOCK>();
        let mut start = self.seen;
        for block in blocks {
            self.push(start, self.mask(block));
            start += BLOCK;
        }
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        // What fills the block up is no part of the buffer.
        self.push(start, self.mask(&last) & !(u64::MAX << rest.len()));
        self.seen = buffer.len();
    }

    /// The first `bytes` of the buffer are taken out of it.
    pub(super) fn drain(&mut self, bytes: usize) {
        self.from(bytes);
        self.at.drain(..self.next);
        self.next = 0;
        for at in &mut self.at {
            *at -= bytes as u32;
        }
        self.seen -= bytes;
    }

    /// The positions at or behind `start`, which never goes back.
    pub(super) fn from(&mut self, start: usize) -> &[u32] {
        while self.at.get(self.next).is_some_and(|&at| (at as usize) < start) {
            self.next += 1;
        }
        &self.at[self.next..]
    }

    /// A bit for each byte.
    fn mask(&self, block: &[u8; BLOCK]) -> u64 {
        let block = u8x64::new(*block);
        let [a, b, c, d] = self.wanted.map(|wanted| block.simd_eq(wanted));
        (a | b | c | d).to_bitmask()
    }

    fn push(&mut self, start: usize, mut mask: u64) {
        while mask != 0 {
            self.at.push(start as u32 + mask.trailing_zeros());
            mask &= mask - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_that_counts_is_found_however_the_buffer_grows(
            text in proptest::collection::vec(proptest::sample::select(b"abcd,;\"\\\n\r\x00\x80\xff".to_vec()), 0..400),
            cuts in proptest::collection::vec(0..400_usize, 0..5),
            taken in 0..400_usize,
        ) {
            let options = TextOptions { escape: Some(b'\\'), ..TextOptions::default() };
            let mut marks = Marks::new(&options);
            let mut cuts = cuts;
            cuts.sort_unstable();
            for cut in cuts {
                marks.extend(&text[..cut.clamp(marks.seen, text.len().max(marks.seen))]);
            }
            let taken = taken.min(marks.seen);
            marks.drain(taken);
            marks.extend(&text[taken..]);
            let expected: Vec<u32> = text[taken..]
                .iter()
                .enumerate()
                .filter(|(_, byte)| b",\"\\\n".contains(byte))
                .map(|(at, _)| at as u32)
                .collect();
            prop_assert_eq!(marks.from(0), expected);
        }
    }
}
