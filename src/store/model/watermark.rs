//! The part of a ledger that a version knows.

use serde_json::{Value, json};

/// The part of the ledger that a version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watermark {
    /// The last arrival and the last void seen, if one writer numbers them; 0 before the first.
    Sequence {
        /// Last row of the ledger.
        ingest_seq: i64,
        /// Last void or undo.
        void_seq: i64,
        /// Last rate.
        rate_seq: i64,
    },
    /// The transactions seen, where many write at once: a late commit is in no earlier snapshot.
    Snapshot {
        /// The server's own text of it.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
        /// Last rate. Rates are numbered in the order of their commits.
        rate_seq: i64,
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
        /// Last rate.
        rate_seq: i64,
    },
}

impl Default for Watermark {
    /// Before the first arrival.
    fn default() -> Self {
        Self::Sequence {
            ingest_seq: 0,
            void_seq: 0,
            rate_seq: 0,
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

    /// Returns the number of the last rate; 0 before the first.
    pub fn rate_seq(&self) -> i64 {
        match self {
            Self::Sequence { rate_seq, .. }
            | Self::Snapshot { rate_seq, .. }
            | Self::Unguarded { rate_seq, .. } => *rate_seq,
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
        // Said only if there are rates, so that watermarks of ledgers without any stay as they are.
        let rate_seq = Some(self.rate_seq()).filter(|rate_seq| *rate_seq > 0);
        if let (Some(object), Some(rate_seq)) = (value.as_object_mut(), rate_seq) {
            object.insert("rate_seq".into(), json!(rate_seq));
        }
        value.to_string()
    }

    /// Reads it back.
    pub fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let rate_seq = number("rate_seq").unwrap_or(0);
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
                    rate_seq,
                });
            }
            return Some(Self::Snapshot {
                snapshot,
                cluster,
                rate_seq,
            });
        }
        Some(Self::Sequence {
            ingest_seq: number("ingest_seq")?,
            void_seq: number("void_seq")?,
            rate_seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_reads_back_and_one_without_rates_has_none() {
        let (snapshot, cluster) = ("10:12:".to_owned(), "7".to_owned());
        let writings = Writings {
            rows: 3,
            hashes: -5,
        };
        for rate_seq in [0, 41] {
            let (snapshot, cluster) = (snapshot.clone(), cluster.clone());
            let all = [
                Watermark::Sequence {
                    ingest_seq: 1,
                    void_seq: 2,
                    rate_seq,
                },
                Watermark::Snapshot {
                    snapshot: snapshot.clone(),
                    cluster: cluster.clone(),
                    rate_seq,
                },
                Watermark::Unguarded {
                    snapshot,
                    cluster,
                    writings,
                    rate_seq,
                },
            ];
            for watermark in all {
                let text = watermark.to_json();
                assert_eq!(text.contains("rate_seq"), rate_seq > 0, "{text}");
                assert_eq!(Watermark::from_json(&text), Some(watermark));
            }
        }
        let old = Watermark::from_json(r#"{"ingest_seq":5,"void_seq":6}"#).unwrap();
        assert_eq!((old.sequence(), old.rate_seq()), (Some((5, 6)), 0));
    }
}
