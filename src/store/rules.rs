//! Decisions that every store applies alike: what an import appends, which number a version may
//! have, how the review queue changes.
//!
//! Pure functions from what is stored and what is wanted to what is to be done, so that two
//! databases can't differ in them.

mod accounts;
mod closing;
mod imports;
mod movements;
mod rates;
mod review;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::corrections::{self, Relative};
use super::limits::{CONFLICTS_KEPT_MAX, CUTS_KEPT_MAX};
use super::model::{
    Conflict, Current, Event, EventKind, ImportFile, ImportMode, ImportReceipt, MovementReceipt,
    VersionInfo, VersionPlan, VersionScope, VersionStatus, VoidChange, is_snapshot_name,
};
use super::{SnapshotRefusal, StoreError, StoreResult, TradeRefusal, VersionRefusal};
use crate::engine::{
    Account, CORRECTION_MARK, LedgerTrade, MADE_HASH_DIGITS, OrderId, Timestamp, split_correction,
};
pub(super) use accounts::{account_event, change_account, count_sync};
pub(super) use closing::{Closing, RunEnd};
pub(super) use imports::{check_undoable, undo_event};
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

/// Account and order id of an execution.
pub type TradeKey = (Account, OrderId);

/// The forms of each known execution: the row under its own id, then its corrections as appended.
pub type KnownTrades = BTreeMap<TradeKey, Vec<KnownTrade>>;

/// A row of the ledger, and whether a void takes it out of matching.
#[derive(Debug, Clone)]
pub struct KnownTrade {
    /// The row.
    pub row: LedgerTrade,
    /// A void takes the row out of matching.
    pub is_voided: bool,
    /// The undone import that alone takes it out.
    pub undone: Option<i64>,
}

/// Decides batch by batch what an import does with each row of a file, without keeping a batch.
///
/// For every batch, `known` is looked up in the ledger as it was before the file.
#[derive(Debug)]
pub struct ImportPlan<'m> {
    mode: &'m ImportMode,
    /// For each trade of the file in turn, whether it is appended.
    is_appended: Vec<bool>,
    /// Each correction, by the place of the corrected trade in the file.
    corrected: BTreeMap<usize, LedgerTrade>,
    /// Rows of the file that later rows are compared with: those that this batch appends. If the
    /// import corrects, rows of all batches.
    rows: Vec<LedgerTrade>,
    /// Places in `rows`, by the id of the execution and by the id of its correction.
    places: BTreeMap<TradeKey, Vec<usize>>,
    /// Executions that the import voids, because it appends a correction of each.
    pub void: Vec<TradeKey>,
    /// The same executions as in `void`, as a set.
    is_void: BTreeSet<TradeKey>,
    known: u64,
    known_voided: u64,
    /// How many executions the import corrects.
    corrections: u64,
    /// How many trades stand in for those of undone imports.
    renewed: u64,
    /// Undone imports of known rows that are voided.
    undone: BTreeSet<i64>,
    conflicts: Vec<Conflict>,
    /// An id in the file has the form of a correction's id.
    names_corrections: bool,
    conflicts_by_column: BTreeMap<&'static str, u64>,
    cut_at: BTreeSet<Timestamp>,
}

impl<'m> ImportPlan<'m> {
    /// Makes the plan of an import, before the file's first trade.
    pub fn new(mode: &'m ImportMode) -> Self {
        Self {
            mode,
            is_appended: Vec::new(),
            corrected: BTreeMap::new(),
            rows: Vec::new(),
            places: BTreeMap::new(),
            void: Vec::new(),
            is_void: BTreeSet::new(),
            known: 0,
            known_voided: 0,
            corrections: 0,
            renewed: 0,
            undone: BTreeSet::new(),
            conflicts: Vec::new(),
            names_corrections: false,
            conflicts_by_column: BTreeMap::new(),
            cut_at: BTreeSet::new(),
        }
    }

    /// Decides for each row of a batch: append, skip as known, report a conflict, or correct.
    ///
    /// A row is known to later rows: a repeated id counts as if it came in two files.
    pub fn decide_batch(&mut self, batch: Vec<LedgerTrade>, known: &KnownTrades) {
        if !is_correction(self.mode) {
            self.rows.clear();
            self.places.clear();
        }
        for trade in batch {
            self.names_corrections |= corrections::is_named_as_one(&trade);
            let key = (trade.account.clone(), trade.trade.order_id.clone());
            let of_file = self.places.get(&key).map(Vec::as_slice).unwrap_or_default();
            let of_file = of_file.iter().filter_map(|place| self.rows.get(*place));
            let of_ledger = known.get(&key).map(Vec::as_slice).unwrap_or_default();
            let undone: Vec<i64> = of_ledger.iter().filter_map(|known| known.undone).collect();
            let of_ledger = of_ledger
                .iter()
                .map(|it| (&it.row, it.is_voided, it.undone));
            let forms = of_ledger.chain(of_file.map(|row| (row, false, None)));
            let mut chain = Vec::new();
            for (row, is_voided, undone) in forms {
                chain.push(Form {
                    row,
                    counts: !is_voided && !self.is_void.contains(&key_of(row)),
                    is_undone: undone.is_some(),
                });
            }
            let is_voided = !chain.iter().any(|form| form.counts);
            let decision = decide(trade, &chain, &self.places, self.mode);
            let is_appended = matches!(decision, Decision::Append(_) | Decision::Correct(..));
            match decision {
                Decision::Known => {
                    self.known += 1;
                    self.known_voided += u64::from(is_voided);
                    self.undone.extend(undone.iter().filter(|_| is_voided));
                }
                Decision::Conflict(conflict) => self.keep_conflict(conflict),
                Decision::Append(row) => {
                    self.note_cut(&row, known);
                    self.keep([key].into(), row);
                }
                Decision::Correct(voided, row) => {
                    let corrected_key = (row.account.clone(), row.trade.order_id.clone());
                    match is_correction(self.mode) {
                        true => self.corrections += 1,
                        false => self.renewed += 1,
                    }
                    self.corrected.insert(self.is_appended.len(), row.clone());
                    self.keep(vec![key, corrected_key], row);
                    self.is_void.extend(voided.iter().cloned());
                    self.void.extend(voided);
                }
            }
            self.is_appended.push(is_appended);
        }
    }

    /// Notes a row that is new beside an equal one of the ledger.
    fn note_cut(&mut self, row: &LedgerTrade, known: &KnownTrades) {
        let before = before_in_instant(row.trade.order_id.as_str());
        let is_known = |id: OrderId| known.contains_key(&(row.account.clone(), id));
        let has_room = self.cut_at.len() < CUTS_KEPT_MAX;
        if has_room && before.and_then(|id| id.parse().ok()).is_some_and(is_known) {
            self.cut_at.insert(row.trade.order_time);
        }
    }

    fn keep_conflict(&mut self, conflict: Conflict) {
        let count = self.conflicts_by_column.entry(conflict.column).or_default();
        *count += 1;
        if *count <= CONFLICTS_KEPT_MAX {
            self.conflicts.push(conflict);
        }
    }

    fn keep(&mut self, keys: Vec<TradeKey>, row: LedgerTrade) {
        for key in keys {
            self.places.entry(key).or_default().push(self.rows.len());
        }
        self.rows.push(row);
    }

    /// Tells whether the file has ids of the form of a correction's id. If so, the store checks
    /// that no execution counts twice.
    pub fn names_corrections(&self) -> bool {
        self.names_corrections
    }

    /// Counts the rows that the import appends, corrections included.
    pub fn appended(&self) -> u64 {
        self.is_appended.iter().filter(|is| **is).count() as u64
    }

    /// Returns the rows to append of a batch, after [`Self::decide_batch`]. `first` is the place of
    /// the batch's first trade in the file.
    pub fn rows_of(&self, first: usize, batch: Vec<LedgerTrade>) -> Vec<LedgerTrade> {
        let chosen = (first..).zip(batch).filter_map(|(nth, trade)| {
            let is_appended = self.is_appended.get(nth).copied().unwrap_or_default();
            let corrected = self.corrected.get(&nth).cloned();
            is_appended.then(|| corrected.unwrap_or(trade))
        });
        chosen.collect()
    }

    /// Returns the result of the import, or of its preview.
    pub fn receipt(&self) -> ImportReceipt {
        ImportReceipt {
            import_id: None,
            appended: self.appended() - self.corrections,
            known: self.known,
            known_voided: self.known_voided,
            corrected: self.corrections,
            undone: self.undone.clone(),
            renewed: self.renewed,
            conflicts: self.conflicts.clone(),
            conflicts_by_column: self.conflicts_by_column.clone(),
            cut_at: self.cut_at.iter().copied().collect(),
            movements: MovementReceipt::default(),
            actions: MovementReceipt::default(),
        }
    }
}

/// Returns the id of the equal row before this one, if an import made the id: `kraken-<hash>-1` of
/// `kraken-<hash>-2`.
fn before_in_instant(id: &str) -> Option<String> {
    let (made, nth) = id.rsplit_once('-')?;
    let nth = nth.parse::<u64>().ok().filter(|nth| *nth > 1)?;
    let (_, hash) = made.rsplit_once('-')?;
    let is_hash = hash.len() == MADE_HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| format!("{made}-{}", nth - 1))
}

fn is_correction(mode: &ImportMode) -> bool {
    matches!(mode, ImportMode::Correct { .. })
}

/// Decision about a row of a file.
enum Decision {
    Append(LedgerTrade),
    Known,
    Conflict(Conflict),
    /// Void the named forms of the execution, and append the corrected row.
    Correct(Vec<TradeKey>, LedgerTrade),
}

/// One form of an execution: the row under its own id, or a correction.
struct Form<'a> {
    row: &'a LedgerTrade,
    counts: bool,
    /// Its import is undone, and nothing else takes it out.
    is_undone: bool,
}

fn key_of(row: &LedgerTrade) -> TradeKey {
    (row.account.clone(), row.trade.order_id.clone())
}

fn decide(
    trade: LedgerTrade,
    chain: &[Form<'_>],
    places: &BTreeMap<TradeKey, Vec<usize>>,
    mode: &ImportMode,
) -> Decision {
    // Without a row under this very id, ids that look like its corrections are other executions.
    let is_itself = |form: &Form<'_>| form.row.trade.order_id == trade.trade.order_id;
    // The file's row is compared with the form that counts or, if all are voided, the newest form.
    let counting = chain.iter().rev().find(|form| form.counts);
    let Some(latest) = counting
        .or(chain.last())
        .filter(|_| chain.iter().any(is_itself))
    else {
        return Decision::Append(trade);
    };
    let renews = *mode == ImportMode::Renew && chain.iter().all(|form| form.is_undone);
    let (column, in_file, in_ledger) = match trade.fact_that_differs(latest.row) {
        Some(fact) => fact,
        None if renews => ("order_id", String::new(), String::new()),
        None => return Decision::Known,
    };
    let conflict = |column, in_file, in_ledger| {
        Decision::Conflict(Conflict {
            line: trade.import_line,
            account: trade.account.to_string(),
            order_id: trade.trade.order_id.to_string(),
            column,
            in_file,
            in_ledger,
        })
    };
    let is_same = |form: &Form<'_>| trade.fact_that_differs(form.row).is_none();
    match mode {
        ImportMode::Append | ImportMode::Renew if !renews && chain.iter().any(is_same) => {
            Decision::Known
        }
        // Rows of an undone import do not stand in the way of other facts.
        ImportMode::Append | ImportMode::Renew if chain.iter().all(|form| form.is_undone) => {
            match next_correction_id(&trade, chain, places).parse::<OrderId>() {
                Ok(id) => Decision::Correct(Vec::new(), corrected(trade, id, chain)),
                Err(_) => conflict(column, in_file, in_ledger),
            }
        }
        ImportMode::Append | ImportMode::Renew => conflict(column, in_file, in_ledger),
        ImportMode::Correct { .. } => {
            let text = next_correction_id(&trade, chain, places);
            match text.parse::<OrderId>() {
                // Only one form may count, so the import voids all others.
                Ok(id) if split_correction(id.as_str()).is_some() => {
                    let voided = chain.iter().filter(|form| form.counts);
                    // A set: several rows of the file may correct one execution.
                    let voided: BTreeSet<TradeKey> = voided.map(|form| key_of(form.row)).collect();
                    Decision::Correct(voided.into_iter().collect(), corrected(trade, id, chain))
                }
                // The id with a larger number would be too long, or no id of a correction.
                _ => conflict("order_id", text, latest.row.trade.order_id.to_string()),
            }
        }
    }
}

/// Returns the number of a correction: 2 of `A-1~2`, if that is one of `A-1`.
pub fn correction_number(order_id: &str, of: &str) -> Option<u32> {
    let (original, number) = split_correction(order_id)?;
    (original == of).then_some(number)
}

/// Returns the next free id of an execution.
fn next_correction_id(
    trade: &LedgerTrade,
    chain: &[Form<'_>],
    places: &BTreeMap<TradeKey, Vec<usize>>,
) -> String {
    let id = trade.trade.order_id.as_str();
    let numbers = chain
        .iter()
        .filter_map(|form| correction_number(form.row.trade.order_id.as_str(), id));
    let first = u64::from(numbers.max().unwrap_or(1)) + 1;
    let text = |number: u64| format!("{id}{CORRECTION_MARK}{number}");
    let is_free = |text: &String| {
        let id = text.parse::<OrderId>();
        id.map_or(true, |id| {
            !places.contains_key(&(trade.account.clone(), id))
        })
    };
    let free = (first..).map(text).find(is_free);
    free.unwrap_or_else(|| text(first))
}

/// Returns the corrected row, under its own id.
fn corrected(mut trade: LedgerTrade, id: OrderId, chain: &[Form<'_>]) -> LedgerTrade {
    trade.trade.order_id = id;
    if trade.carried.exchange_order_id.is_none() {
        trade.carried.exchange_order_id = chain
            .first()
            .and_then(|first| first.row.carried.exchange_order_id.clone());
    }
    trade
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
