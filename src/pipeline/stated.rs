//! Records that a person states. Each is an import of its own, so that it can be undone.

use sha2::{Digest, Sha256};

use super::error::{PipelineError, PipelineResult};
use super::job::Context;
use super::sync_log::{Tried, log_stated};
use crate::engine::{Account, AssetAction, MADE_HASH_DIGITS, Movement, OrderId};
use crate::store::Store;
use crate::store::model::{ImportBatch, ImportFile, ImportMode, ImportReceipt};

/// Name of the imports of records that a person states.
const BY_HAND: &str = "by hand";

/// A record that a person states.
pub(super) struct StatedRecord {
    /// Its account, or the one that the import names if the record is of all accounts.
    pub account: Account,
    /// The hash of its facts: the same record again is the same import.
    pub sha256: String,
    pub movements: Vec<Movement>,
    pub actions: Vec<AssetAction>,
}

/// Stores a record, and logs the try.
///
/// Errors: the store fails, or refuses the id.
pub(super) async fn store_stated(
    store: &dyn Store,
    context: &Context,
    stated: StatedRecord,
) -> PipelineResult<ImportReceipt> {
    let tried = Tried::begin(context);
    let batch = ImportBatch {
        file: ImportFile {
            name: BY_HAND.into(),
            sha256: stated.sha256,
            mode: ImportMode::Append,
            skip_conflicts: false,
            preview: false,
            imported_at: context.clock.now(),
            imported_by: context.user.clone(),
            account: stated.account,
            cancelled: Vec::new(),
        },
        trades: Vec::new(),
        movements: stated.movements,
        actions: stated.actions,
        rejects: Vec::new(),
    };
    let done = store.import(&batch).await.map_err(PipelineError::from);
    log_stated(store, (&batch.file, tried), &done, context).await;
    done
}

/// Returns the hash of a line of facts.
pub(super) fn sha256_of(line: &str) -> String {
    let digest = Sha256::digest(line.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes an id of the hash of a record's facts.
pub(super) fn made_id(start: &str, sha256: &str) -> OrderId {
    let made = sha256.get(..MADE_HASH_DIGITS).unwrap_or(sha256);
    OrderId::unreadable(&format!("{start}-{made}"))
}
