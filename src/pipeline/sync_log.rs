//! The log of imports: a row for each try, also for one that failed, in a transaction of its own.
//!
//! If a row can't be written, its import stays as it is, and the user reads a warning.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::{PipelineError, PipelineResult};
use super::file_read::{FileRead, FileReport};
use super::job::Context;
use super::rows_missing::{ENDS, ends_detail};
use super::run_log::causes;
use super::same_trades::{EQUAL, equal_trades};
use crate::engine::{Account, Timestamp};
use crate::import::{BalanceFault, Balances, Rejects};
use crate::store::Store;
use crate::store::model::{Conflict, ImportFile, ImportReceipt, SyncCounts, SyncStatus, SyncTry};

/// Longest wait for a database that is busy: the import itself is done, or has failed.
const LOG_WAIT: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5_000 });

/// The time that a try has taken so far.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    started_at: Timestamp,
    began_us: i64,
}

impl Tried {
    /// Begins a try.
    pub fn begin(context: &Context) -> Self {
        Self {
            started_at: context.clock.now(),
            began_us: context.clock.elapsed_us(),
        }
    }
}

/// A try of an import, until it ends.
pub(super) struct SyncLog {
    sync: SyncTry,
    began_us: i64,
    /// The error names the store already. If the log fails, too, it gives no warning.
    names_store: bool,
}

impl SyncLog {
    /// Begins the row of a file that was read.
    pub(super) fn of_read(
        read: &FileRead,
        tried: Tried,
        account: &Account,
        context: &Context,
    ) -> Self {
        let mut log = Self::of_file(&read.name, tried, account, context);
        log.sync.sha256 = Some(read.sha256.clone());
        log.sync.format = Some(read.format.clone()).filter(|format| !format.is_empty());
        log.sync.counts.rows = read.rows;
        log.sync.counts.rejected = read.rejected.count();
        log
    }

    fn of_file(name: &str, tried: Tried, account: &Account, context: &Context) -> Self {
        let sync = SyncTry {
            account: account.clone(),
            status: SyncStatus::Failed,
            started_at: tried.started_at,
            completed_at: tried.started_at,
            duration_ms: 0,
            file: name.to_owned(),
            sha256: None,
            format: None,
            import_id: None,
            counts: SyncCounts::default(),
            error: None,
            details: json!({}),
            triggered_by: context.user.clone(),
        };
        let began_us = tried.began_us;
        Self {
            sync,
            began_us,
            names_store: false,
        }
    }

    /// Ends the try of a file, and writes its row.
    pub(super) async fn end(
        mut self,
        store: &dyn Store,
        done: &PipelineResult<FileReport>,
        skip_invalid: bool,
        context: &Context,
    ) {
        match done {
            Ok(report) => self.take_report(report, skip_invalid),
            Err(error) => self.take_error(error),
        }
        self.keep_equal_trades(store, context).await;
        self.write(store, context).await;
    }

    /// Keeps the numbers of imports with the same trades. They can't change: the ledger only grows,
    /// and a later import looks for itself.
    async fn keep_equal_trades(&mut self, store: &dyn Store, context: &Context) {
        let Some(id) = self.sync.import_id.filter(|_| self.sync.counts.trades > 0) else {
            return;
        };
        match equal_trades(store, &self.sync.account, id).await {
            Ok(equal) if equal.is_empty() => {}
            Ok(equal) => self.sync.details[EQUAL] = json!(equal),
            // The import is done, and nobody would look for them again.
            Err(error) => {
                let why = error.to_string();
                context.progress.not_compared(&self.sync.file, &why);
            }
        }
    }

    fn take_report(&mut self, report: &FileReport, skip_invalid: bool) {
        if let Some(receipt) = &report.receipt {
            self.take_receipt(receipt);
        }
        let is_whole = !report.is_refused(false);
        let is_in = report.receipt.is_some() && !report.is_refused(skip_invalid);
        self.sync.status = match (is_in, is_whole) {
            (true, true) => SyncStatus::Success,
            (true, false) => SyncStatus::Partial,
            (false, _) => SyncStatus::Failed,
        };
        let text = faults(report);
        self.sync.error = match (self.sync.status, text.is_empty()) {
            (SyncStatus::Success, _) => None,
            (_, true) => Some("another file stopped the import".into()),
            (_, false) => Some(text),
        };
        self.sync.details = details(report);
    }

    fn take_receipt(&mut self, receipt: &ImportReceipt) {
        self.sync.import_id = receipt.import_id;
        let counts = &mut self.sync.counts;
        counts.conflicts = receipt.conflict_count() + receipt.beside_conflicts();
        counts.known = receipt.known;
        if receipt.import_id.is_some() {
            counts.trades = receipt.appended + receipt.corrected;
            counts.corrected = receipt.corrected;
            counts.movements = receipt.movements.appended;
            counts.actions = receipt.actions.appended;
        }
    }

    fn take_error(&mut self, error: &PipelineError) {
        let sqlstate = match error {
            PipelineError::Store(error) => error.sqlstate(),
            _ => None,
        };
        self.names_store = matches!(error, PipelineError::Store(_));
        self.sync.error = Some(error.to_string());
        self.sync.details = json!({ "causes": causes(error), "sqlstate": sqlstate });
    }

    async fn write(mut self, store: &dyn Store, context: &Context) {
        let spent_us = context.clock.elapsed_us().saturating_sub(self.began_us);
        self.sync.duration_ms = spent_us.max(0) / 1_000;
        self.sync.completed_at = context.clock.now();
        let done = tokio::time::timeout(LOG_WAIT, store.log_sync(&self.sync)).await;
        let why = match done {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database is busy".to_owned(),
        };
        if !self.names_store {
            context.progress.not_logged(&self.sync.file, &why);
        }
    }
}

/// Logs a file that can't be read.
pub async fn log_unread(
    store: &dyn Store,
    (path, tried): (&Path, Tried),
    error: &PipelineError,
    account: &Account,
    context: &Context,
) {
    let mut log = SyncLog::of_file(&path.display().to_string(), tried, account, context);
    log.take_error(error);
    log.write(store, context).await;
}

/// Logs a row that a person stated, as its import is one.
pub(super) async fn log_stated(
    store: &dyn Store,
    (file, tried): (&ImportFile, Tried),
    done: &PipelineResult<ImportReceipt>,
    context: &Context,
) {
    let mut log = SyncLog::of_file(&file.name, tried, &file.account, context);
    log.sync.sha256 = Some(file.sha256.clone());
    log.sync.counts.rows = 1;
    match done {
        Ok(receipt) => {
            log.take_receipt(receipt);
            let beside = [&receipt.movements, &receipt.actions];
            let conflicts = beside.into_iter().flat_map(|it| &it.conflicts);
            let faults: Vec<String> = conflicts.map(|it| conflicting(&file.name, it)).collect();
            log.sync.error = (!faults.is_empty()).then(|| faults.join("\n"));
            if faults.is_empty() {
                log.sync.status = SyncStatus::Success;
            }
        }
        Err(error) => log.take_error(error),
    }
    log.write(store, context).await;
}

/// Returns the faults of a file, one on each line.
fn faults(report: &FileReport) -> String {
    let name = &report.read.name;
    let mut lines = rejected(name, &report.read.rejected);
    if let Some(balances) = &report.read.balances {
        lines.extend(unbalanced(name, balances));
    }
    if let Some(receipt) = &report.receipt {
        let beside = [&receipt.movements, &receipt.actions];
        let beside = beside.into_iter().flat_map(|of| &of.conflicts);
        let all = receipt.conflicts.iter().chain(beside);
        lines.extend(all.map(|conflict| conflicting(name, conflict)));
    }
    lines.join("\n")
}

fn rejected(name: &str, rejects: &Rejects) -> Vec<String> {
    let kept = rejects.kept();
    let mut lines: Vec<String> = kept.iter().map(|row| format!("{name}:{row}")).collect();
    match rejects.count().saturating_sub(kept.len() as u64) {
        0 => {}
        more => lines.push(format!(
            "{more} more rows are rejected for the same reasons"
        )),
    }
    lines
}

fn unbalanced(name: &str, balances: &Balances) -> Vec<String> {
    let of = |fault: &BalanceFault, expected: &str| {
        let (line, asset, found) = (fault.line, &fault.asset, &fault.found);
        format!("{name}:{line}: the balance of {asset} is {found}, expected {expected}")
    };
    let differs = balances.differs.iter();
    let differs = differs.map(|fault| of(fault, &fault.expected));
    let negative = balances.negative.iter();
    let negative = negative.map(|fault| of(fault, "zero or more"));
    match balances.are_at_fault() {
        true => differs.chain(negative).collect(),
        false => Vec::new(),
    }
}

fn conflicting(name: &str, conflict: &Conflict) -> String {
    let Conflict {
        line,
        order_id,
        column,
        in_file,
        in_ledger,
        ..
    } = conflict;
    format!(
        "{name}:{line}: \"{order_id}\" is known with {column} \"{in_ledger}\", the file has \
         \"{in_file}\""
    )
}

fn details(report: &FileReport) -> Value {
    let groups = report.read.rejected.groups().into_iter();
    let reasons = groups.filter_map(|group| {
        let first = group.rows.first()?;
        Some(json!({ "column": first.column, "reason": first.reason, "rows": group.count }))
    });
    let reasons: Vec<Value> = reasons.collect();
    let receipt = report.receipt.as_ref();
    let mut details = match (
        reasons.is_empty(),
        receipt.map(|it| &it.conflicts_by_column),
    ) {
        (true, None) => json!({}),
        (true, Some(conflicts)) if conflicts.is_empty() => json!({}),
        (_, conflicts) => json!({ "rejected": reasons, "conflicts": conflicts }),
    };
    let beside = receipt.map_or(0, |it| it.movements.known + it.actions.known);
    if beside > 0 {
        details[KNOWN_BESIDE] = beside.into();
    }
    if let Some(times) = report.read.times.as_ref().filter(|it| !it.zone.is_empty()) {
        details[ZONE] = city(&times.zone).into();
    }
    if let Some(ends) = ends_detail(&report.read) {
        details[ENDS] = ends;
    }
    details
}

/// The detail of a try that names the zone of its times.
const ZONE: &str = "zone";

/// Returns the name of a zone without its continent: a zone that is assumed has none.
pub(super) fn city(zone: &str) -> String {
    let city = zone.rsplit('/').next().unwrap_or_default();
    city.replace('_', " ")
}

/// Returns the zone in which a try read times. `None`: each row had its own, or none had.
pub(super) fn zone_of(sync: &SyncTry) -> Option<&str> {
    sync.details[ZONE].as_str()
}

/// The detail of a try that counts its movements and actions that were known.
const KNOWN_BESIDE: &str = "known_beside";

/// Counts the rows of a try that the ledger knew before: trades, movements and actions.
pub fn known_rows(sync: &SyncTry) -> u64 {
    let beside = sync.details[KNOWN_BESIDE].as_u64();
    sync.counts.known + beside.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::pipeline::{Progress, Stage, test_context};
    use crate::store::memory::MemoryStore;
    use crate::store::{AccountStore, StoreError};

    /// Keeps the warnings about rows that the log lacks.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Progress for Told {
        fn begin(&self, _: Stage, _: Option<u64>) {}
        fn advance(&self, _: u64) {}
        fn end(&self) {}
        fn not_logged(&self, file: &str, why: &str) {
            self.0.lock().unwrap().push(format!("{file}: {why}"));
        }
    }

    #[tokio::test]
    async fn a_row_that_can_not_be_written_gives_a_warning() {
        let told = Arc::new(Told::default());
        let context = test_context::context(Arc::clone(&told) as Arc<dyn Progress>);
        let store = MemoryStore::new();
        let account = Account::default();
        let error = PipelineError::Unreadable {
            file: "a.csv".into(),
            reason: "gone".into(),
        };
        let log = async |error: &PipelineError| {
            let file = (Path::new("a.csv"), Tried::begin(&context));
            log_unread(&store, file, error, &account, &context).await;
        };
        log(&error).await;
        assert!(told.0.lock().unwrap().is_empty());
        let writer = store.hold().await;
        log(&error).await;
        let said = told.0.lock().unwrap().clone();
        assert_eq!(said, ["a.csv: the database is busy"]);
        // The user knows already that the store failed.
        log(&StoreError::Stopped.into()).await;
        log(&PipelineError::Store(StoreError::NoVersion(1))).await;
        assert_eq!(told.0.lock().unwrap().len(), 2);
        drop(writer);
        let found = store.syncs(&account, 9).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].error.as_deref(),
            Some("a.csv: can't be read: gone")
        );
    }
}
