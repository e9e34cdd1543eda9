//! A hash of a set of rows that doesn't depend on their order, and grows with each row added.
//!
//! Each row's canonical CSV line (with its line feed) gives a number by SHA-256. The hash is the
//! sum of these numbers modulo 2^256. So the order of import does not matter, and an append costs
//! only its own rows. Ten lines of script recompute the hash from an export. Source:
//! docs/SPEC-matching.md, "Hashes".

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A sum of row hashes modulo 2^256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowsHash {
    /// Least significant first.
    limbs: [u64; 4],
}

impl RowsHash {
    /// The hash of no rows.
    pub const EMPTY: Self = Self { limbs: [0; 4] };

    /// Adds one canonical row.
    pub fn add_row(&mut self, line: &[u8]) {
        let digest = Sha256::digest(line);
        let mut row = Self::EMPTY;
        for (limb, bytes) in row.limbs.iter_mut().rev().zip(digest.chunks_exact(8)) {
            *limb = bytes
                .iter()
                .fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
        }
        self.add(row);
    }

    /// Adds all rows of another hash.
    pub fn add(&mut self, other: Self) {
        let mut carry = false;
        for (mine, theirs) in self.limbs.iter_mut().zip(other.limbs) {
            let (sum, first) = mine.overflowing_add(theirs);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*mine, carry) = (sum, first || second);
        }
    }
}

impl fmt::Display for RowsHash {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limbs
            .iter()
            .rev()
            .try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a hash of 64 hexadecimal digits")]
pub struct HashTextError;

impl FromStr for RowsHash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let mut hash = Self::EMPTY;
        // `from_str_radix` would also take a `+`.
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HashTextError);
        }
        for (index, limb) in hash.limbs.iter_mut().rev().enumerate() {
            let start = index.saturating_mul(16);
            let digits = text
                .get(start..start.saturating_add(16))
                .ok_or(HashTextError)?;
            *limb = u64::from_str_radix(digits, 16).map_err(|_| HashTextError)?;
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(rows: &[&str]) -> RowsHash {
        let mut hash = RowsHash::EMPTY;
        rows.iter().for_each(|row| hash.add_row(row.as_bytes()));
        hash
    }

    #[test]
    fn one_row_is_its_sha256() {
        // `printf 'abc' | sha256sum`
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(&["abc"]).to_string(), digest);
        assert_eq!(digest.parse(), Ok(hash(&["abc"])));
        assert!("12".parse::<RowsHash>().is_err());
        assert!(digest.replace("ba", "+a").parse::<RowsHash>().is_err());
    }

    #[test]
    fn order_does_not_matter_but_every_row_does() {
        assert_eq!(hash(&["a", "b", "c"]), hash(&["c", "a", "b"]));
        assert_ne!(hash(&["a", "b"]), hash(&["a", "b", "b"]));
        let mut parts = hash(&["a"]);
        parts.add(hash(&["b", "c"]));
        assert_eq!(parts, hash(&["a", "b", "c"]));
    }

    #[test]
    fn carries_run_through_all_limbs() {
        let mut sum = RowsHash {
            limbs: [u64::MAX, u64::MAX, u64::MAX, 0],
        };
        sum.add(RowsHash {
            limbs: [1, 0, 0, 0],
        });
        assert_eq!(
            sum,
            RowsHash {
                limbs: [0, 0, 0, 1]
            }
        );
        let mut full = RowsHash {
            limbs: [u64::MAX; 4],
        };
        full.add(RowsHash {
            limbs: [1, 0, 0, 0],
        });
        assert_eq!(full, RowsHash::EMPTY);
    }
}
