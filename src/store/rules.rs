//! Decisions that every store applies alike: what an import appends, which number a version may
//! have, how the review queue changes.
//!
//! Pure functions from what is stored and what is wanted to what is to be done, so that two
//! databases can't differ in them.

mod accounts;
mod closing;
mod import_plan;
mod imports;
mod movements;
mod rates;
mod review;

use serde_json::json;

use super::corrections::{self, Relative};
use super::model::{
    Current, Event, EventKind, ImportFile, ImportReceipt, MovementReceipt, VersionInfo,
    VersionPlan, VersionScope, VersionStatus, VoidChange, is_snapshot_name,
};
use super::{SnapshotRefusal, StoreError, StoreResult, TradeRefusal, VersionRefusal};
pub(super) use accounts::{account_event, change_account, count_sync};
pub(super) use closing::{Closing, RunEnd};
pub use import_plan::{ImportPlan, KnownTrade, KnownTrades, TradeKey, correction_number};
pub(super) use imports::{back_beside, check_undoable, undo_event};
pub(in crate::store) use movements::transfer_event;
pub use movements::{BesidePlan, BesideRecord, KnownBeside, next_beside, plan_beside};
pub(super) use rates::{counting, counting_of_names, plan_rates, rates_event, renamed};
pub use review::{AUTOMATIC, REVIEW_EVENTS, check_decision, details_json};
pub(super) use review::{ReviewChange, decision_event, exclusion_event, plan_review};

/// Returns the audit trail's details of an import.
pub(super) fn import_event(file: &ImportFile, receipt: &ImportReceipt, rejected: u64) -> Event {
    let mut details = json!({
        "import_id": receipt.import_id, "file": file.name, "sha256": file.sha256,
        "account": file.account.as_str(),
        "appended": receipt.appended, "known": receipt.known, "corrected": receipt.corrected,
        "conflicts": receipt.conflict_count(), "rejected": rejected,
    });
    let beside = [
        ("movements", &receipt.movements),
        ("actions", &receipt.actions),
    ];
    for (name, rows) in beside {
        if *rows != MovementReceipt::default()
            && let Some(details) = details.as_object_mut()
        {
            let counts = json!({ "appended": rows.appended, "known": rows.known,
                "conflicts": rows.conflict_count });
            details.insert(name.into(), counts);
        }
    }
    if !file.cancelled.is_empty()
        && let Some(details) = details.as_object_mut()
    {
        details.insert("cancelled".into(), json!(file.cancelled));
    }
    Event::info(EventKind::Import, file.imported_at, details)
}

/// Checks that a run may write a version under its number.
///
/// Errors: the number is taken. If the run replaces a version: that version is missing, sealed,
/// dropped, or of another scope.
pub fn check_version_free(plan: &VersionPlan, old: Option<&VersionInfo>) -> StoreResult<()> {
    let refused = match (plan.replaces, old) {
        (false, None) => return Ok(()),
        (false, Some(_)) => VersionRefusal::Exists,
        (true, None) => return Err(StoreError::NoVersion(plan.version)),
        (true, Some(old)) => match (&old.sealed, VersionScope::of(&plan.scope)) {
            (Some((_, reason)), _) => VersionRefusal::NotReplacedSealed(reason.clone()),
            (None, _) if old.status == VersionStatus::Dropped => VersionRefusal::NotReplacedDropped,
            (None, scope) if old.scope != scope => {
                let texts = [&old.scope, &scope].map(|scope| scope.as_str().to_owned());
                let [old, new] = texts;
                VersionRefusal::NotReplacedScope(old, new)
            }
            (None, _) => return Ok(()),
        },
    };
    Err(StoreError::Version(plan.version, refused))
}

/// Returns the error of a run whose log row another run has closed.
pub fn closed_by_another(run_id: i64) -> StoreError {
    StoreError::RunClosed(run_id)
}

/// Checks that a version may be sealed. Errors: sealed already, or without a result.
pub fn check_sealable(info: &VersionInfo) -> StoreResult<()> {
    let refused = match &info.sealed {
        Some((at, reason)) => VersionRefusal::SealedAlready(*at, reason.clone()),
        None if !info.status.is_readable() => VersionRefusal::NothingToSeal(info.status),
        None => return Ok(()),
    };
    Err(StoreError::Version(info.version, refused))
}

/// Checks that a version may be dropped. Errors: sealed, current or dropped already.
pub fn check_droppable(info: &VersionInfo, current: &Current) -> StoreResult<()> {
    let refused = match info.status {
        _ if info.sealed.is_some() => VersionRefusal::NotDroppedSealed,
        _ if current.version == Some(info.version) => VersionRefusal::NotDroppedCurrent,
        VersionStatus::Dropped => VersionRefusal::DroppedAlready,
        _ => return Ok(()),
    };
    Err(StoreError::Version(info.version, refused))
}

/// Checks that a version can be current. Errors: no result, or not over all symbols.
pub fn check_publishable(info: &VersionInfo) -> StoreResult<()> {
    if info.status.is_readable() && info.scope.is_all() {
        return Ok(());
    }
    let refused = VersionRefusal::NotPublished(info.status, info.scope.as_str().to_owned());
    Err(StoreError::Version(info.version, refused))
}

/// Checks that rows may be appended to a version. Errors: sealed, or without a result.
pub fn check_appendable(info: &VersionInfo) -> StoreResult<()> {
    if let Some((_, reason)) = &info.sealed {
        let refused = VersionRefusal::NotAppended(reason.clone());
        return Err(StoreError::Version(info.version, refused));
    }
    check_publishable(info)
}

/// Decides whether a trade may be voided or put back; `relatives` are the rows of [`Forms`], its
/// own among them.
///
/// Errors: no such trade; nothing to change; another form of the execution counts.
///
/// [`Forms`]: corrections::Forms
pub(super) fn check_voidable(
    change: &VoidChange,
    is_voided: Option<bool>,
    relatives: &[Relative],
) -> StoreResult<()> {
    let (account, order_id) = (change.account.as_str(), &change.order_id);
    let refuse = |why| Err(corrections::refused(account, order_id, why));
    match is_voided {
        None => Err(StoreError::NoTrade {
            account: account.to_owned(),
            order_id: order_id.clone(),
        }),
        Some(true) if !change.undo => refuse(TradeRefusal::VoidedAlready),
        Some(false) if change.undo => refuse(TradeRefusal::NotVoided),
        Some(true) => corrections::check_undo(account, order_id, relatives),
        Some(false) => Ok(()),
    }
}

/// Checks the name of a new snapshot of history. Errors: the name is taken, or not valid.
pub fn check_snapshot_free(name: &str, taken: &[String]) -> StoreResult<()> {
    if !is_snapshot_name(name) {
        return Err(SnapshotRefusal::Name(name.to_owned()).into());
    }
    match taken.iter().any(|taken| taken == name) {
        false => Ok(()),
        true => Err(SnapshotRefusal::Taken(name.to_owned()).into()),
    }
}
