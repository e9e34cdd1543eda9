//! Compares figures of an earlier system, kept in a snapshot, with a version: I12.
//!
//! Every sell of a snapshot is equal, differs or is missing. A difference is no fault of the
//! version, which was computed because the old figures were doubted. Only an ambiguous row is a
//! violation.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{PipelineError, PipelineResult};
use crate::engine::{AllocationRow, Invariant, Leg, Pool, Timestamp, Usd, Violation, policy};
use crate::store::model::{HistoricalSell, SNAPSHOT_PREFIX, Version};
use crate::store::{HistoryStore, RowSink, Store};

/// How the old and the new figures of a sell compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryStatus {
    /// The old buys are among the lots, and both pnl agree to the decimals of the old one.
    Equal,
    /// An old buy or the pnl is another, or a part of the sell is unmatched.
    Differs,
    /// The version has no rows of the sell.
    Missing,
}

impl HistoryStatus {
    /// Returns the status as reports show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::Missing => "missing",
        }
    }
}

/// The old and the new figures of one sell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// The sell.
    pub order_id: String,
    /// Account and asset; `None`: the version has no rows of it.
    pub pool: Option<Pool>,
    /// When it was executed.
    pub sell_time: Option<Timestamp>,
    /// How the figures compare.
    pub status: HistoryStatus,
    /// The buys that the earlier system named for the sell.
    pub old_parents: Vec<String>,
    /// The pnl of the earlier system, as its text.
    pub old_pnl: Option<String>,
    /// The lots that the version uses for the sell.
    pub new_lots: Vec<String>,
    /// Pnl of the sell's matched part; `None`: no part found a lot.
    pub new_pnl: Option<Usd>,
    /// A part of the sell found no lot.
    pub is_unmatched: bool,
    /// New pnl less old pnl; a missing one counts 0.
    pub difference: Usd,
}

/// Sums of some sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistorySum {
    /// Number of the sells.
    pub sells: u64,
    /// Sum of the old pnl.
    pub old_pnl: Usd,
    /// Sum of the new pnl.
    pub new_pnl: Usd,
}

impl HistorySum {
    fn add(&mut self, old: Usd, new: Usd) {
        self.sells += 1;
        self.old_pnl = plus(self.old_pnl, old);
        self.new_pnl = plus(self.new_pnl, new);
    }

    /// Returns the new sum less the old one.
    pub fn difference(&self) -> Usd {
        minus(self.new_pnl, self.old_pnl)
    }
}

/// Result of comparing a snapshot with a version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryReport {
    /// The snapshot's name.
    pub snapshot: String,
    /// The snapshot's sells, largest difference first.
    pub lines: Vec<HistoryLine>,
    /// Sums by symbol and month, like `2025-11`; sells that the version lacks are under
    /// `(missing)`.
    pub months: BTreeMap<(String, String), HistorySum>,
    /// Sums of all sells.
    pub total: HistorySum,
    /// Sums of sells with an unmatched part.
    pub unmatched: HistorySum,
    /// Ambiguous rows of the snapshot: I12.
    pub violations: Vec<Violation>,
}

impl HistoryReport {
    /// Counts the sells of a status.
    pub fn count(&self, status: HistoryStatus) -> u64 {
        let of_status = self.lines.iter().filter(|line| line.status == status);
        of_status.count() as u64
    }

    /// Counts the findings that only `--strict` reports.
    pub fn strict_findings(&self) -> u64 {
        self.count(HistoryStatus::Differs) + self.count(HistoryStatus::Missing)
    }
}

/// Compares a snapshot with a version; `None` takes the newest, if there is one.
///
/// Errors: no such snapshot; the store fails.
pub async fn history(
    store: &dyn Store,
    version: Version,
    snapshot: Option<&str>,
) -> PipelineResult<Option<HistoryReport>> {
    let names = store.snapshots().await?;
    let name = match snapshot {
        None => names.last().cloned(),
        Some(named) => Some(find(&names, named)?),
    };
    let Some(name) = name else { return Ok(None) };
    let sells = store.snapshot(&name).await?;
    let mut found = SnapshotSells::of(&sells);
    store.export(version, &mut found).await?;
    Ok(Some(compare(name, &sells, &found)))
}

/// Returns a sell's figures in the newest snapshot that has it, and the snapshot's name.
pub async fn old_answer(
    store: &dyn HistoryStore,
    order_id: &str,
) -> PipelineResult<Option<(String, HistoricalSell)>> {
    for name in store.snapshots().await?.into_iter().rev() {
        let sells = store.snapshot(&name).await?;
        if let Some(sell) = sells.into_iter().find(|sell| sell.order_id == order_id) {
            return Ok(Some((name, sell)));
        }
    }
    Ok(None)
}

fn find(names: &[String], named: &str) -> PipelineResult<String> {
    let full = match named.starts_with(SNAPSHOT_PREFIX) {
        true => named.to_owned(),
        false => format!("{SNAPSHOT_PREFIX}{}", named.replace('-', "")),
    };
    if names.contains(&full) {
        return Ok(full);
    }
    Err(PipelineError::NoSnapshot(named.to_owned(), names.to_vec()))
}

/// The version's figures of the sells of a snapshot, by order id.
#[derive(Debug, Default)]
struct SnapshotSells<'a> {
    sells: BTreeMap<&'a str, Option<Computed>>,
}

/// The version's figures of one sell.
#[derive(Debug)]
struct Computed {
    pool: Pool,
    sell_time: Timestamp,
    lots: Vec<String>,
    pnl: Option<Usd>,
    is_unmatched: bool,
}

impl<'a> SnapshotSells<'a> {
    fn of(sells: &'a [HistoricalSell]) -> Self {
        let sells = sells.iter().map(|sell| (sell.order_id.as_str(), None));
        Self {
            sells: sells.collect(),
        }
    }
}

impl RowSink for SnapshotSells<'_> {
    fn take(&mut self, row: &AllocationRow<'_>) -> std::io::Result<()> {
        let Some(found) = self.sells.get_mut(row.sell_order_id) else {
            return Ok(());
        };
        // The earlier system knew the sell's own asset, and no fee or payment in another one.
        if row.sell_leg != Leg::Base {
            return Ok(());
        }
        let (Ok(account), Ok(asset)) = (row.account.parse(), row.asset.parse()) else {
            return Ok(());
        };
        let pool = Pool::new(account, asset);
        let computed = found.get_or_insert_with(|| Computed {
            pool: pool.clone(),
            sell_time: row.sell_time,
            lots: Vec::new(),
            pnl: None,
            is_unmatched: false,
        });
        // A snapshot names no account. If several accounts have the id, the first one is compared.
        if computed.pool != pool {
            return Ok(());
        }
        computed.lots.extend(row.buy_order_id.map(str::to_owned));
        computed.is_unmatched |= row.buy_order_id.is_none();
        if let Some(pnl) = row.pnl_usd {
            computed.pnl = Some(plus(computed.pnl.unwrap_or_default(), pnl));
        }
        Ok(())
    }
}

fn compare(name: String, sells: &[HistoricalSell], found: &SnapshotSells<'_>) -> HistoryReport {
    let mut report = HistoryReport {
        snapshot: name,
        ..HistoryReport::default()
    };
    let mut seen = BTreeSet::new();
    for sell in sells {
        if sell.order_id.is_empty() || !seen.insert(sell.order_id.as_str()) {
            report.violations.push(Violation {
                invariant: Invariant::I12,
                pool: None,
                order_id: sell.order_id.clone(),
                message: format!(
                    "{} has the sell more than once, or a row of none: it can't be classified",
                    report.snapshot
                ),
            });
            continue;
        }
        let computed = found.sells.get(sell.order_id.as_str());
        let line = line(sell, computed.and_then(Option::as_ref));
        let old = old_amount(sell).map_or(Usd::default(), |(old, _)| old);
        let new = line.new_pnl.unwrap_or_default();
        let month = match (&line.pool, line.sell_time) {
            (Some(pool), Some(time)) => {
                let month = time.to_string().get(..7).unwrap_or_default().to_owned();
                (pool.asset.to_string(), month)
            }
            _ => ("(missing)".into(), String::new()),
        };
        report.months.entry(month).or_default().add(old, new);
        report.total.add(old, new);
        if line.is_unmatched {
            report.unmatched.add(old, new);
        }
        report.lines.push(line);
    }
    report.lines.sort_by(|left, right| {
        let size = |line: &HistoryLine| line.difference.units().unsigned_abs();
        let by_size = size(right).cmp(&size(left));
        by_size.then_with(|| left.order_id.cmp(&right.order_id))
    });
    report
}

fn line(sell: &HistoricalSell, computed: Option<&Computed>) -> HistoryLine {
    let old_parents: Vec<String> = sell.parents().into_iter().map(str::to_owned).collect();
    let old = old_amount(sell);
    let new_pnl = computed.and_then(|computed| computed.pnl);
    let is_same_pnl = match (old, new_pnl) {
        (Some((old, decimals)), Some(new)) => is_near(old, new, decimals),
        (None, None) => sell.pnl_usd.is_none(),
        _ => false,
    };
    let status = match computed {
        None => HistoryStatus::Missing,
        Some(computed) => {
            let has_lots = old_parents.iter().all(|id| computed.lots.contains(id));
            match is_same_pnl && has_lots && !computed.is_unmatched {
                true => HistoryStatus::Equal,
                false => HistoryStatus::Differs,
            }
        }
    };
    HistoryLine {
        order_id: sell.order_id.clone(),
        pool: computed.map(|computed| computed.pool.clone()),
        sell_time: computed.map(|computed| computed.sell_time),
        status,
        old_parents,
        old_pnl: sell.pnl_usd.clone(),
        new_lots: computed.map_or_else(Vec::new, |computed| computed.lots.clone()),
        new_pnl,
        is_unmatched: computed.is_some_and(|computed| computed.is_unmatched),
        difference: minus(
            new_pnl.unwrap_or_default(),
            old.map_or(Usd::default(), |(old, _)| old),
        ),
    }
}

/// Decimals to which an old pnl is compared: it was a float, or was rounded to cents.
const DECIMALS_OLD: std::ops::RangeInclusive<u32> = 2..=8;

/// Tells whether our amount, rounded to the decimals of the old one, equals the old one.
fn is_near(old: Usd, new: Usd, decimals: u32) -> bool {
    let decimals = decimals.clamp(*DECIMALS_OLD.start(), *DECIMALS_OLD.end());
    let unit = 10_u128.pow(u32::from(policy::USD_SCALE).saturating_sub(decimals));
    let apart = old.units().saturating_sub(new.units()).unsigned_abs();
    apart.saturating_mul(2) <= unit
}

/// Reads an amount of an earlier system. `None`: the text is no number.
pub(super) fn amount_of(text: &str) -> Option<Usd> {
    number_of(text).map(|(amount, _)| amount)
}

/// Reads an old pnl and the number of its decimals. `None`: it is missing, or no number.
fn old_amount(sell: &HistoricalSell) -> Option<(Usd, u32)> {
    number_of(sell.pnl_usd.as_deref()?)
}

/// Rounding: to 12 decimals, half away from zero; a float's text may have more.
fn number_of(text: &str) -> Option<(Usd, u32)> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > 60 {
        return None;
    }
    // The number is `all` with this many decimals.
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    let shift = i32::from(policy::USD_SCALE) - scale;
    let number: i128 = all.parse().ok()?;
    let units = match u32::try_from(shift) {
        Ok(shift) => number.checked_mul(10_i128.checked_pow(shift)?)?,
        Err(_) => match 10_i128.checked_pow(shift.unsigned_abs()) {
            Some(unit) => (number + unit / 2) / unit,
            None => 0,
        },
    };
    Some((
        Usd::from_units(sign * units),
        u32::try_from(scale).unwrap_or(0),
    ))
}

fn plus(left: Usd, right: Usd) -> Usd {
    Usd::from_units(left.units().saturating_add(right.units()))
}

fn minus(left: Usd, right: Usd) -> Usd {
    Usd::from_units(left.units().saturating_sub(right.units()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<(i128, u32)> {
        let sell = HistoricalSell {
            pnl_usd: Some(text.into()),
            ..HistoricalSell::default()
        };
        old_amount(&sell).map(|(usd, decimals)| (usd.units(), decimals))
    }

    #[test]
    fn old_numbers_are_read_as_a_float_spells_them() {
        let unit = 10_i128.pow(12);
        assert_eq!(amount("-0.38995"), Some((-389_950_000_000, 5)));
        assert_eq!(amount("12"), Some((12 * unit, 0)));
        assert_eq!(amount("1.5e3"), Some((1_500 * unit, 0)));
        assert_eq!(amount("1e-07"), Some((100_000, 7)));
        assert_eq!(amount("0.0000000000005"), Some((1, 13)));
        assert_eq!(amount("0.0000000000004"), Some((0, 13)));
        for bad in ["NaN", "", "1.2.3", "Infinity", "0x1"] {
            assert_eq!(amount(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_old_number_is_ours_as_far_as_it_has_decimals() {
        let usd = |units| Usd::from_units(units);
        let cent = 10_000_000_000;
        assert!(is_near(usd(-39 * cent), usd(-389_950_000_000), 2));
        assert!(!is_near(usd(-39 * cent), usd(-384_950_000_000), 2));
        // A float's noise is far below its last good decimal.
        assert!(is_near(usd(389_949_999_999), usd(389_950_000_000), 17));
        assert!(!is_near(usd(389_950_000_000), usd(389_960_000_000), 17));
        // Whole dollars are compared to the cent.
        assert!(!is_near(usd(100 * cent), usd(101 * cent), 0));
    }
}
