//! Where decisions come from: a generator with a seed in the tests, the bytes of the fuzzer in the fuzz targets.

/// A source of decisions; the same source decides the same way every time.
pub enum Choices<'a> {
    /// A small generator (splitmix64).
    Seed(u64),
    /// One byte a decision; the first alternative once they are used up.
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    /// One of `0..count`; `count` is at most 256 where bytes decide.
    pub fn below(&mut self, count: usize) -> usize {
        match self {
            Choices::Seed(_) => (self.number() % count as u64) as usize,
            Choices::Bytes(_) => usize::from(self.number() as u8) % count,
        }
    }

    /// Whether something that happens once in `count` times happens now. Never once the bytes are used up.
    pub fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, several: &[T]) -> T {
        several[self.below(several.len())]
    }

    /// A number of 64 bits, or one byte.
    pub fn number(&mut self) -> u64 {
        match self {
            Choices::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            Choices::Bytes(bytes) => match bytes.split_first() {
                Some((first, rest)) => {
                    *bytes = rest;
                    u64::from(*first)
                }
                None => 0,
            },
        }
    }

    /// Whether there is nothing left to decide by.
    pub fn used_up(&self) -> bool {
        matches!(self, Choices::Bytes(bytes) if bytes.is_empty())
    }
}
