//! Chance that repeats itself: one seed, one sequence, on every machine.

/// The generator splitmix64: small, fast, and the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to `bound - 1`, and 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// As `below`, for the arithmetic of times and amounts.
    pub(crate) fn offset(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap_or(0)
    }

    /// Returns a place in a list of `len`, and 0 for an empty one.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// Returns true `chance` times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Returns an id that looks like a UUID of version 4.
    pub(crate) fn order_id(&mut self) -> [u8; 36] {
        let mut bits = [self.next(), self.next()];
        let mut id = *b"xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
        for (place, byte) in id.iter_mut().enumerate() {
            if *byte == b'x' {
                let word = &mut bits[place % 2];
                *byte = b"0123456789abcdef"[(*word & 15) as usize];
                *word = word.rotate_right(4);
            }
        }
        id
    }

    /// Splits a size into fills of different sizes, none of them zero.
    pub(crate) fn split(&mut self, size: i128, fills: u64) -> Vec<i128> {
        let mut rest = size;
        let mut parts = Vec::with_capacity(8);
        for left in (2..=fills).rev() {
            let part = rest * i128::from(40 + self.below(120)) / (100 * i128::from(left));
            if part > 0 && part < rest {
                parts.push(part);
                rest -= part;
            }
        }
        parts.push(rest);
        parts
    }
}
