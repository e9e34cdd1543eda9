//! Reads rows back that were just written, and compares them before the commit. A trigger or a rule
//! of another program may have changed, dropped or added some.
//!
//! Two secrets of this process go into the hash of each row, so that nobody can choose rows whose
//! hashes meet. The sums of the hashes, and the numbers of rows, must be the same. A sum does not
//! depend on the order in which the rows come back, and takes no memory.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::{StoreError, StoreResult};

/// A number of rows, and two sums of their hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    secrets: (RandomState, RandomState),
    rows: u64,
    sums: (u64, u64),
}

impl Tally {
    /// Returns an empty tally with the same secrets, so that the sums of both can be compared.
    pub(super) fn like(&self) -> Self {
        Self {
            secrets: self.secrets.clone(),
            ..Self::default()
        }
    }

    /// Adds a row; `write` feeds the row to a hasher.
    pub(super) fn add(&mut self, write: impl Fn(&mut dyn Hasher)) {
        let hash = |secret: &RandomState| {
            let mut hasher = secret.build_hasher();
            write(&mut hasher);
            hasher.finish()
        };
        self.rows += 1;
        let sums = &mut self.sums;
        sums.0 = sums.0.wrapping_add(hash(&self.secrets.0));
        sums.1 = sums.1.wrapping_add(hash(&self.secrets.1));
    }

    /// Compares the written rows with the stored ones. Errors: the two differ.
    pub(super) fn check(&self, stored: &Self) -> StoreResult<()> {
        if (self.rows, self.sums) == (stored.rows, stored.sums) {
            return Ok(());
        }
        Err(StoreError::StoredOtherwise {
            what: "trades",
            written: self.rows,
            stored: stored.rows,
        })
    }
}

/// Compares the number of written rows with that of stored rows. Errors: the two differ.
pub(super) fn check_count(what: &'static str, written: usize, stored: i64) -> StoreResult<()> {
    let (written, stored) = (written as u64, u64::try_from(stored).unwrap_or(0));
    if written == stored {
        return Ok(());
    }
    Err(StoreError::StoredOtherwise {
        what,
        written,
        stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_every_byte_does() {
        let tally = |of: &Tally, rows: &[&[u8]]| {
            let mut tally = of.like();
            rows.iter()
                .for_each(|row| tally.add(|hasher| hasher.write(row)));
            tally
        };
        let of = Tally::default();
        let written = tally(&of, &[b"a", b"b", b"c"]);
        assert!(written.check(&tally(&of, &[b"c", b"a", b"b"])).is_ok());
        for other in [
            &[b"a".as_slice(), b"b"][..],
            &[b"a", b"b", b"d"],
            &[b"a", b"b", b"c", b"c"],
        ] {
            assert!(written.check(&tally(&of, other)).is_err(), "{other:?}");
        }
    }
}
