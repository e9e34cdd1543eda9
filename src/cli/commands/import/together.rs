//! Findings about several files: trades that count twice, and rows that are missing between two
//! files.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::doubled::{describe, describe_perhaps, to_json};
use super::missing::{describe as missing, to_json as missing_json};
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::add;
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::pipeline::{
    Common, CountedTwice, FileReport, ImportRequest, RowsMissing, counted_twice, keep_import,
    rows_missing,
};
use crate::store::Store;

/// Trades that count twice and rows that are missing, for a summary.
#[derive(Debug, Default)]
pub(in crate::cli::commands) struct FilesTogether {
    found: Vec<CountedTwice>,
    missing: Vec<RowsMissing>,
}

impl FilesTogether {
    /// Looks for them in an account after an import, or reads what a preview found. With `--again`,
    /// the imports of these reports are right. Warns about files that perhaps have the same trades.
    pub(in crate::cli::commands) async fn of_import(
        store: Option<&dyn Store>,
        reports: &[FileReport],
        request: &ImportRequest,
        session: &Session,
    ) -> CliResult<Self> {
        let account = &request.account;
        if request.preview {
            let found = reports.iter().flat_map(|report| report.same.clone());
            let found = Self::of(found.collect(), None, session);
            let reads = reports.iter().map(|report| (account, &report.read));
            let reads: Vec<_> = reads.collect();
            let missing = match store {
                Some(store) => rows_missing(store, Some(account), &reads).await?,
                None => Vec::new(),
            };
            return Ok(Self { missing, ..found });
        }
        let Some(store) = store else {
            return Ok(Self::default());
        };
        let is_new = |it: &&FileReport| it.receipt.as_ref().is_some_and(|it| it.appended > 0);
        let new = reports.iter().filter(is_new);
        let new = new.filter_map(|report| report.receipt.as_ref()?.import_id);
        let new: BTreeSet<i64> = new.collect();
        let rules = session.context.rules.as_rules();
        let mut found = counted_twice(store, rules, Some(account)).await?;
        if request.again {
            let of_new = |it: &CountedTwice| it.last.import_id.filter(|id| new.contains(id));
            let kept: BTreeSet<i64> = found.iter().filter_map(of_new).collect();
            for id in &kept {
                let why = "imported with --again";
                keep_import(store, (*id, true), why, &session.context).await?;
            }
            found.retain(|it| of_new(it).is_none());
        }
        let missing = rows_missing(store, Some(account), &[]).await?;
        let found = Self::of(found, Some(&new), session);
        Ok(Self { missing, ..found })
    }

    /// Looks for them in all accounts, after a run.
    pub(in crate::cli::commands) async fn of_ledger(
        store: &dyn Store,
        session: &Session,
    ) -> CliResult<Self> {
        let rules = session.context.rules.as_rules();
        let found = counted_twice(store, rules, None).await?;
        let missing = rows_missing(store, None, &[]).await?;
        let found = Self::of(found, Some(&BTreeSet::new()), session);
        Ok(Self { missing, ..found })
    }

    /// `new`: only these imports give warnings. `None`: each does.
    fn of(found: Vec<CountedTwice>, new: Option<&BTreeSet<i64>>, session: &Session) -> Self {
        let (perhaps, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| it.common == Common::Days);
        for it in &perhaps {
            let is_of = |new: &BTreeSet<i64>| it.last.import_id.is_some_and(|id| new.contains(&id));
            if new.is_none_or(is_of) {
                note(&describe_perhaps(it, &session.next));
            }
        }
        let missing = Vec::new();
        Self { found, missing }
    }

    /// Tells whether a person has something to settle.
    pub(in crate::cli::commands) fn exit(&self) -> Exit {
        match self.found.is_empty() && self.missing.is_empty() {
            true => Exit::Done,
            false => Exit::Findings,
        }
    }

    /// Returns lines for the summary.
    pub(in crate::cli::commands) fn describe(&self, next: &Next) -> String {
        let line = |it: &CountedTwice| format!("Counted twice   {}\n", describe(it, next));
        let missing = |it: &RowsMissing| format!("Rows missing    {}\n", missing(it, next));
        let missing = self.missing.iter().map(missing);
        self.found.iter().map(line).chain(missing).collect()
    }

    /// Adds the facts for programs.
    pub(in crate::cli::commands) fn add_to(&self, json: &mut Value) {
        let missing: Value = self.missing.iter().map(missing_json).collect();
        let found: Value = self.found.iter().map(to_json).collect();
        add(
            json,
            json!({ "counted_twice": found, "rows_missing": missing }),
        );
    }
}
