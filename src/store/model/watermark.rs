//! How far into a ledger a version reaches.

use serde_json::{Value, json};

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
    /// Of a ledger that others change as they like: what was in it, only the hashes of its pools
    /// tell. What we alone write beside it is told by the transactions seen.
    Unguarded {
        /// The server's own text of them.
        snapshot: String,
        /// The cluster whose transaction numbers these are.
        cluster: String,
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

    /// Tells whether others may have changed what it saw.
    pub fn is_unguarded(&self) -> bool {
        matches!(self, Self::Unguarded { .. })
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
            Self::Unguarded { snapshot, cluster } => {
                json!({ "snapshot": snapshot, "cluster": cluster, "unguarded": true })
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
            if value.get("unguarded").and_then(Value::as_bool) == Some(true) {
                return Some(Self::Unguarded { snapshot, cluster });
            }
            return Some(Self::Snapshot { snapshot, cluster });
        }
        Some(Self::Sequence {
            ingest_seq: number("ingest_seq")?,
            void_seq: number("void_seq")?,
        })
    }
}
