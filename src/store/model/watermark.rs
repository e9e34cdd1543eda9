//! How far into a ledger a version reaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Fingerprint, Fingerprints};
use crate::engine::Pool;

/// How far into the ledger a version reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watermark {
    /// The last arrival and the last void seen, where one writer numbers them; 0 before the first.
    Sequence {
        /// Last row of the ledger.
        ingest_seq: i64,
        /// Last void or undo.
        void_seq: i64,
    },
    /// The transactions seen, where many write at once: a late commit is in no earlier snapshot.
    Snapshot {
        /// The server's own text of it.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
    },
    /// What was in a ledger that others change as they like. What only we write beside it is told
    /// by the transactions seen.
    Unguarded {
        /// The server's own text of them.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
        /// What was there.
        seen: Arc<Fingerprints>,
    },
}

impl Default for Watermark {
    /// Before the first arrival.
    fn default() -> Self {
        Self::Sequence {
            ingest_seq: 0,
            void_seq: 0,
        }
    }
}

impl Watermark {
    /// Returns the last arrival and the last void, if they are numbered.
    pub fn sequence(&self) -> Option<(i64, i64)> {
        match self {
            Self::Sequence {
                ingest_seq,
                void_seq,
            } => Some((*ingest_seq, *void_seq)),
            Self::Snapshot { .. } | Self::Unguarded { .. } => None,
        }
    }

    /// Returns the part of the watermark that is about one pool.
    #[must_use]
    pub fn of_pool(&self, pool: &Pool) -> Self {
        let mut of_pool = self.clone();
        if let Self::Unguarded { seen, .. } = &mut of_pool {
            let all = seen.pools.get(pool).copied().unwrap_or_default();
            *seen = Arc::new(Fingerprints {
                all,
                ..Fingerprints::default()
            });
        }
        of_pool
    }

    /// Returns what was in the ledger, where others change it: of all pools, or of the pool that
    /// the watermark is about.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Unguarded { seen, .. } => Some(seen.all),
            _ => None,
        }
    }

    /// Returns the watermark as JSON text.
    pub fn to_json(&self) -> String {
        match self {
            Self::Sequence {
                ingest_seq,
                void_seq,
            } => {
                json!({ "ingest_seq": ingest_seq, "void_seq": void_seq })
            }
            Self::Snapshot { snapshot, cluster } => {
                json!({ "snapshot": snapshot, "cluster": cluster })
            }
            Self::Unguarded {
                snapshot,
                cluster,
                seen,
            } => {
                // As texts: not every reader of JSON keeps all digits of a number.
                let unguarded = json!({ "rows": seen.all.rows,
                    "writings": seen.all.writings.to_string() });
                json!({ "snapshot": snapshot, "cluster": cluster, "unguarded": unguarded })
            }
        }
        .to_string()
    }

    /// Reads it back.
    pub fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(snapshot), Some(cluster)) = (text("snapshot"), text("cluster")) {
            if let Some(seen) = value.get("unguarded") {
                let all = Fingerprint {
                    rows: seen.get("rows")?.as_u64()?,
                    writings: seen.get("writings")?.as_str()?.parse().ok()?,
                };
                let pools = BTreeMap::new();
                return Some(Self::Unguarded {
                    snapshot,
                    cluster,
                    seen: Arc::new(Fingerprints { all, pools }),
                });
            }
            return Some(Self::Snapshot { snapshot, cluster });
        }
        Some(Self::Sequence {
            ingest_seq: number("ingest_seq")?,
            void_seq: number("void_seq")?,
        })
    }
}
