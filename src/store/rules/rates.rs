//! Decides what an import of rates appends, and which revision of a rate counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::engine::{Asset, AssetRules, Rate, RateSource, RateValue, Timestamp};
use crate::store::limits::CONFLICTS_KEPT_MAX;
use crate::store::model::{
    Event, EventKind, ImportMode, RateBatch, RateConflict, RateReceipt, StoredRate,
};

/// The values of one rate with their revisions. Order: ascending.
type Revisions = Vec<(i64, RateValue)>;

type RateKey = (Asset, Asset, RateSource, Timestamp);

/// The one name of each spelling, by the settings.
struct Names<'r> {
    rules: &'r AssetRules,
    known: BTreeMap<Asset, Asset>,
}

impl<'r> Names<'r> {
    fn new(rules: &'r AssetRules) -> Self {
        let known = BTreeMap::new();
        Self { rules, known }
    }

    fn of(&mut self, spelling: &Asset) -> Asset {
        if let Some(name) = self.known.get(spelling) {
            return name.clone();
        }
        let name = self.rules.asset_named(spelling.as_str());
        self.known.insert(spelling.clone(), name.clone());
        name
    }

    fn key_of(&mut self, rate: &Rate) -> RateKey {
        let (asset, currency) = (self.of(&rate.asset), self.of(&rate.currency));
        (asset, currency, rate.source, rate.at)
    }
}

/// The rows that an import of rates writes.
#[derive(Debug, Default)]
pub struct RatePlan {
    /// The result, without the number of the import.
    pub receipt: RateReceipt,
    /// The rows to append. Order: as in the file.
    pub rows: Vec<StoredRate>,
}

/// Decides about each rate of a file. `known`: the stored rates of its pairs in all spellings.
/// `out`: the imports that are undone.
///
/// An older value of a corrected rate is known, too: a file imported again adds nothing. An alias
/// may make one rate of two that were stored with two values: then only a correction decides. The
/// values of undone imports do not count, and their revisions stay taken.
pub fn plan_rates(batch: &RateBatch, known: &[StoredRate], out: &BTreeSet<i64>) -> RatePlan {
    let mut names = Names::new(&batch.rules);
    let mut revisions: BTreeMap<RateKey, Revisions> = BTreeMap::new();
    let mut taken: BTreeMap<RateKey, i64> = BTreeMap::new();
    for row in known {
        let key = names.key_of(&row.rate);
        let last = taken.entry(key.clone()).or_default();
        *last = row.revision.max(*last);
        if !out.contains(&row.rate.import_id) {
            let all = revisions.entry(key).or_default();
            all.push((row.revision, row.rate.value));
        }
    }
    revisions.values_mut().for_each(|all| all.sort_unstable());
    let mut plan = RatePlan::default();
    let receipt = &mut plan.receipt;
    for rate in &batch.rates {
        let key = names.key_of(rate);
        let values = revisions.get(&key).map_or(&[][..], Vec::as_slice);
        let revision = taken.get(&key).copied().unwrap_or_default();
        let row = || StoredRate {
            rate: rate.clone(),
            revision: revision.saturating_add(1),
        };
        let is_value = |(_, value): &(i64, RateValue)| *value == rate.value;
        let last = values.last();
        let mut of_last = values.iter().filter(|it| Some(it.0) == last.map(|it| it.0));
        match (last, &batch.file.mode) {
            (None, _) => {
                receipt.appended += 1;
                plan.rows.push(row());
            }
            (Some(_), _) if of_last.all(is_value) => receipt.known += 1,
            (_, ImportMode::Append) if values.iter().any(is_value) => receipt.known += 1,
            (Some(_), ImportMode::Correct { .. }) => {
                receipt.corrected += 1;
                plan.rows.push(row());
            }
            (Some((_, last)), ImportMode::Append) => {
                receipt.conflict_count += 1;
                if receipt.conflict_count <= CONFLICTS_KEPT_MAX {
                    receipt.conflicts.push(conflict(rate, *last));
                }
            }
        }
    }
    plan
}

fn conflict(rate: &Rate, in_store: RateValue) -> RateConflict {
    RateConflict {
        line: rate.import_line,
        asset: rate.asset.clone(),
        currency: rate.currency.clone(),
        source: rate.source,
        at: rate.at,
        in_file: rate.value,
        in_store,
    }
}

/// Returns the rows that count of each spelling, of rows in the order of spelling and revision.
pub fn counting(rows: Vec<StoredRate>) -> Vec<StoredRate> {
    let mut kept: Vec<StoredRate> = Vec::with_capacity(rows.len());
    for row in rows {
        let is_same = |last: &StoredRate| {
            let (last, rate) = (&last.rate, &row.rate);
            (last.at, last.source) == (rate.at, rate.source)
                && (&last.asset, &last.currency) == (&rate.asset, &rate.currency)
        };
        match kept.last_mut().filter(|last| is_same(last)) {
            Some(last) => *last = row,
            None => kept.push(row),
        }
    }
    kept
}

/// Returns the rows that count among all spellings of an asset: those of the last revision. Two
/// may differ if an alias came after their imports.
///
/// Order: by the names of the settings, source and time. Equal rates stand in the order of imports.
pub fn counting_of_names(rows: Vec<StoredRate>, rules: &AssetRules) -> Vec<StoredRate> {
    let mut names = Names::new(rules);
    let keyed = rows.into_iter().map(|row| (names.key_of(&row.rate), row));
    // A rate of an asset in itself says nothing.
    let mut keyed: Vec<_> = keyed.filter(|(key, _)| key.0 != key.1).collect();
    let place = |row: &StoredRate| {
        let last_first = std::cmp::Reverse(row.revision);
        (last_first, row.rate.import_id, row.rate.import_line)
    };
    keyed.sort_by(|(left, row), (right, other)| {
        left.cmp(right).then_with(|| place(row).cmp(&place(other)))
    });
    let mut kept: Vec<StoredRate> = Vec::with_capacity(keyed.len());
    let mut first: Option<(RateKey, i64)> = None;
    for (key, row) in keyed {
        match &first {
            Some((of, last)) if *of == key && *last > row.revision => {}
            Some((of, _)) if *of == key => kept.push(row),
            _ => {
                first = Some((key, row.revision));
                kept.push(row);
            }
        }
    }
    kept
}

/// Returns rates with the names of the settings.
pub fn renamed(rows: Vec<StoredRate>, rules: &AssetRules) -> Vec<Rate> {
    let mut names = Names::new(rules);
    let rate = |StoredRate { mut rate, .. }| {
        (rate.asset, rate.currency) = (names.of(&rate.asset), names.of(&rate.currency));
        rate
    };
    rows.into_iter().map(rate).collect()
}

/// Returns the event of an import of rates.
pub fn rates_event(batch: &RateBatch, receipt: &RateReceipt) -> Event {
    let file = &batch.file;
    let source = batch.rates.first().map(|rate| rate.source.as_str());
    let details = json!({
        "import_id": receipt.import_id, "file": file.name, "sha256": file.sha256,
        "rates_of": source, "appended": receipt.appended, "known": receipt.known,
        "corrected": receipt.corrected, "conflicts": receipt.conflict_count,
    });
    Event::info(EventKind::Import, file.imported_at, details)
}
