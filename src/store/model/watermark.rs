//! The part of a ledger that a version knows.

use serde_json::{Map, Value, json};

/// The part of the ledger that a version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watermark {
    /// The last arrival and the last void seen, if one writer numbers them; 0 before the first.
    Sequence {
        /// Last row of the ledger.
        ingest_seq: i64,
        /// Last void or undo.
        void_seq: i64,
        /// The last numbers of the rows that every database numbers.
        cursors: Cursors,
    },
    /// The transactions seen, where many write at once: a late commit is in no earlier snapshot.
    Snapshot {
        /// The server's own text of it.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
        /// The last numbers of the rows that every database numbers.
        cursors: Cursors,
    },
    /// For an unguarded ledger. Pool hashes tell what the ledger held; the snapshot covers only
    /// rows that we write.
    Unguarded {
        /// The server's own text of them.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
        /// Transactions of the rows that were seen.
        writings: Writings,
        /// The last numbers of the rows that every database numbers.
        cursors: Cursors,
    },
}

/// The last numbers of rows that every database numbers in the order of their commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursors {
    /// Last rate; 0 before the first.
    pub rate_seq: i64,
    /// Last void of an import, or undo of one; 0 before the first.
    pub import_void_seq: i64,
    /// Last action; 0 before the first.
    pub action_seq: i64,
    /// Last movement; 0 before the first.
    pub movement_seq: i64,
    /// Last decision about transfers; 0 before the first.
    pub decision_seq: i64,
}

impl Cursors {
    /// After all rows.
    pub const END: Self = Self {
        rate_seq: i64::MAX,
        import_void_seq: i64::MAX,
        action_seq: i64::MAX,
        movement_seq: i64::MAX,
        decision_seq: i64::MAX,
    };

    /// The names of the numbers in JSON.
    const NAMES: [&'static str; 5] = [
        "rate_seq",
        "import_void_seq",
        "action_seq",
        "movement_seq",
        "decision_seq",
    ];

    /// Tells whether rates may differ from those of an earlier instant. Movements and decisions
    /// about them change no rate.
    pub fn is_after(&self, earlier: &Self) -> bool {
        self.rate_seq > earlier.rate_seq
            || self.import_void_seq > earlier.import_void_seq
            || self.action_seq > earlier.action_seq
    }

    /// Returns the numbers as fields of JSON. One that is 0 is left out, so that watermarks of
    /// ledgers without such rows stay as they are.
    pub fn to_json(self) -> Map<String, Value> {
        let numbers = [
            self.rate_seq,
            self.import_void_seq,
            self.action_seq,
            self.movement_seq,
            self.decision_seq,
        ];
        let named = Self::NAMES.into_iter().zip(numbers);
        let said = named.filter(|(_, number)| *number > 0);
        said.map(|(name, number)| (name.to_owned(), json!(number)))
            .collect()
    }

    /// Reads them back.
    pub fn from_json(value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(0);
        let [
            rate_seq,
            import_void_seq,
            action_seq,
            movement_seq,
            decision_seq,
        ] = Self::NAMES.map(number);
        Self {
            rate_seq,
            import_void_seq,
            action_seq,
            movement_seq,
            decision_seq,
        }
    }
}

impl Default for Watermark {
    /// Before the first arrival.
    fn default() -> Self {
        Self::Sequence {
            ingest_seq: 0,
            void_seq: 0,
            cursors: Cursors::default(),
        }
    }
}

/// Transactions of the rows that a snapshot saw, in a ledger that others change as they like.
///
/// A change writes a row again, in another transaction, and a removal takes a row away. As long as
/// the rows that a snapshot saw have these sums, they are the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writings {
    /// How many rows.
    pub rows: u64,
    /// The sum of a hash of the transaction that wrote each: 64 bits of each row.
    pub hashes: i128,
}

impl Watermark {
    /// Returns the last arrival and the last void, if they are numbered.
    pub fn sequence(&self) -> Option<(i64, i64)> {
        match self {
            Self::Sequence {
                ingest_seq,
                void_seq,
                ..
            } => Some((*ingest_seq, *void_seq)),
            Self::Snapshot { .. } | Self::Unguarded { .. } => None,
        }
    }

    /// Returns the last numbers of rows that every database numbers.
    pub fn cursors(&self) -> &Cursors {
        match self {
            Self::Sequence { cursors, .. }
            | Self::Snapshot { cursors, .. }
            | Self::Unguarded { cursors, .. } => cursors,
        }
    }

    /// Tells whether others may have changed the rows that it saw.
    pub fn is_unguarded(&self) -> bool {
        matches!(self, Self::Unguarded { .. })
    }

    /// Returns the watermark as JSON text.
    pub fn to_json(&self) -> String {
        let mut value = match self {
            Self::Sequence {
                ingest_seq,
                void_seq,
                ..
            } => {
                json!({ "ingest_seq": ingest_seq, "void_seq": void_seq })
            }
            Self::Snapshot {
                snapshot, cluster, ..
            } => json!({ "snapshot": snapshot, "cluster": cluster }),
            Self::Unguarded {
                snapshot,
                cluster,
                writings,
                ..
            } => {
                // As text: not every reader of JSON keeps all digits of a number.
                let unguarded =
                    json!({ "rows": writings.rows, "hashes": writings.hashes.to_string() });
                json!({ "snapshot": snapshot, "cluster": cluster, "unguarded": unguarded })
            }
        };
        if let Some(object) = value.as_object_mut() {
            object.extend(self.cursors().to_json());
        }
        value.to_string()
    }

    /// Reads it back.
    pub fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let cursors = Cursors::from_json(&value);
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(snapshot), Some(cluster)) = (text("snapshot"), text("cluster")) {
            if let Some(seen) = value.get("unguarded") {
                return Some(Self::Unguarded {
                    snapshot,
                    cluster,
                    writings: Writings {
                        rows: seen.get("rows")?.as_u64()?,
                        hashes: seen.get("hashes")?.as_str()?.parse().ok()?,
                    },
                    cursors,
                });
            }
            return Some(Self::Snapshot {
                snapshot,
                cluster,
                cursors,
            });
        }
        Some(Self::Sequence {
            ingest_seq: number("ingest_seq")?,
            void_seq: number("void_seq")?,
            cursors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_reads_back_and_says_no_number_that_is_zero() {
        let (snapshot, cluster) = ("10:12:".to_owned(), "7".to_owned());
        let writings = Writings {
            rows: 3,
            hashes: -5,
        };
        for (rate_seq, import_void_seq) in [(0, 0), (41, 0), (0, 3), (41, 3)] {
            let cursors = Cursors {
                rate_seq,
                import_void_seq,
                action_seq: rate_seq,
                movement_seq: 2 * rate_seq,
                decision_seq: 3 * rate_seq,
            };
            let (snapshot, cluster) = (snapshot.clone(), cluster.clone());
            let all = [
                Watermark::Sequence {
                    ingest_seq: 1,
                    void_seq: 2,
                    cursors,
                },
                Watermark::Snapshot {
                    snapshot: snapshot.clone(),
                    cluster: cluster.clone(),
                    cursors,
                },
                Watermark::Unguarded {
                    snapshot,
                    cluster,
                    writings,
                    cursors,
                },
            ];
            for watermark in all {
                let text = watermark.to_json();
                assert_eq!(text.contains("rate_seq"), rate_seq > 0, "{text}");
                for name in ["action_seq", "movement_seq", "decision_seq"] {
                    assert_eq!(text.contains(name), rate_seq > 0, "{text}");
                }
                assert_eq!(
                    text.contains("import_void_seq"),
                    import_void_seq > 0,
                    "{text}"
                );
                assert_eq!(Watermark::from_json(&text), Some(watermark));
            }
        }
        let old = Watermark::from_json(r#"{"ingest_seq":5,"void_seq":6}"#).unwrap();
        assert_eq!(
            (old.sequence(), *old.cursors()),
            (Some((5, 6)), Cursors::default())
        );
    }

    #[test]
    fn a_cursor_is_after_another_if_rates_may_differ() {
        let at = |rate_seq, import_void_seq, action_seq| Cursors {
            rate_seq,
            import_void_seq,
            action_seq,
            ..Cursors::default()
        };
        let first = at(2, 3, 4);
        assert!(!first.is_after(&first) && !at(1, 3, 4).is_after(&first));
        for later in [at(3, 3, 4), at(2, 4, 4), at(2, 3, 5)] {
            assert!(later.is_after(&first));
        }
        let moved = Cursors {
            movement_seq: 9,
            decision_seq: 9,
            ..first
        };
        assert!(!moved.is_after(&first));
    }
}
