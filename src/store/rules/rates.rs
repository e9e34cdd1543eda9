//! Decides what an import of rates appends, and which revision of a rate counts.

use std::collections::BTreeMap;

use serde_json::json;

use crate::engine::{Asset, Rate, RateSource, RateValue, Timestamp};
use crate::store::limits::CONFLICTS_KEPT_MAX;
use crate::store::model::{
    Event, EventKind, ImportMode, RateBatch, RateConflict, RateReceipt, StoredRate,
};

/// The values of one rate by revision, from the first.
type Revisions = Vec<RateValue>;

type RateKey = (Asset, Asset, RateSource, Timestamp);

/// The rows that an import of rates writes.
#[derive(Debug, Default)]
pub struct RatePlan {
    /// The result, without the number of the import.
    pub receipt: RateReceipt,
    /// The rows to append. Order: as in the file.
    pub rows: Vec<StoredRate>,
}

/// Decides about each rate of a file. `known`: the stored rates of its pairs, by revision.
///
/// An older value of a corrected rate is known, too: a file imported again adds nothing.
pub fn plan_rates(batch: &RateBatch, known: &[StoredRate]) -> RatePlan {
    let mut revisions: BTreeMap<RateKey, Revisions> = BTreeMap::new();
    for row in known {
        let all = revisions.entry(key_of(&row.rate)).or_default();
        all.push(row.rate.value);
    }
    let mut plan = RatePlan::default();
    let receipt = &mut plan.receipt;
    for rate in &batch.rates {
        let values = revisions.get(&key_of(rate)).map_or(&[][..], Vec::as_slice);
        let row = |revision: usize| StoredRate {
            rate: rate.clone(),
            revision: i64::try_from(revision).unwrap_or(i64::MAX),
        };
        match (values.last(), &batch.file.mode) {
            (None, _) => {
                receipt.appended += 1;
                plan.rows.push(row(1));
            }
            (Some(last), _) if *last == rate.value => receipt.known += 1,
            (_, ImportMode::Append) if values.contains(&rate.value) => receipt.known += 1,
            (_, ImportMode::Correct { .. }) => {
                receipt.corrected += 1;
                plan.rows.push(row(values.len().saturating_add(1)));
            }
            (Some(last), ImportMode::Append) => {
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

fn key_of(rate: &Rate) -> RateKey {
    let (asset, currency) = (rate.asset.clone(), rate.currency.clone());
    (asset, currency, rate.source, rate.at)
}

/// Returns the rates that count of rows in the order of key and revision.
pub fn counting(rows: Vec<StoredRate>) -> Vec<Rate> {
    let mut rates: Vec<Rate> = Vec::with_capacity(rows.len());
    for StoredRate { rate, .. } in rows {
        let is_same = |last: &Rate| {
            (last.at, last.source) == (rate.at, rate.source)
                && (&last.asset, &last.currency) == (&rate.asset, &rate.currency)
        };
        match rates.last_mut().filter(|last| is_same(last)) {
            Some(last) => *last = rate,
            None => rates.push(rate),
        }
    }
    rates
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
