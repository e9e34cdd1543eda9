//! Trades that two files of one account have under other ids: they count twice.
//!
//! Formats say which of them may have the same trades (`import/formats/same_trades.rs`). Here their
//! trades are compared: two are one if second, asset, side and size are equal. One file may add
//! fills up, so trades are also the same if all of an asset and side add up to the same on a day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::PipelineResult;
use super::job::Context;
use crate::engine::{Account, Asset, AssetRules, LedgerTrade, MoreText, Side, Size, Timestamp};
use crate::import::{adds_up_a_second, may_have_same_trades};
use crate::store::Store;
use crate::store::model::{Event, EventKind, ImportedTrade, SyncStatus};

/// Most tries of an account that are searched for its imports.
const TRIES_MAX: u64 = 10_000;

const SECOND_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * SECOND_MICROS;

/// Two files that have the same trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedTwice {
    /// The account.
    pub account: Account,
    /// The file that came last.
    pub last: FileOfTrades,
    /// Another file.
    pub other: FileOfTrades,
    /// The trades that they have in common.
    pub common: Common,
}

/// A file of trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOfTrades {
    /// Number of its import. `None`: it is not imported yet.
    pub import_id: Option<i64>,
    /// Its name.
    pub file: String,
    /// Its format.
    pub format: String,
}

/// The trades that two files have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Common {
    /// Trades of the last file that the other one has, too.
    Trades {
        /// How many.
        both: u64,
        /// How many trades the last file has.
        of: u64,
    },
    /// No equal trades, and trades of one asset and side on one day, perhaps with other sizes.
    Days,
    /// Sums of one second that differ: a file was cut inside it.
    Second {
        /// The second.
        at: Timestamp,
        /// The trade with the smaller size.
        smaller: String,
    },
}

/// The trades of one file.
#[derive(Debug, Clone)]
pub(super) struct TradesOfFile {
    pub(super) of: FileOfTrades,
    trades: Vec<Brief>,
}

impl TradesOfFile {
    /// Makes a file of a preview, without its trades.
    pub(super) fn of_preview(file: &str, format: &str) -> Self {
        let of = FileOfTrades {
            import_id: None,
            file: file.to_owned(),
            format: format.to_owned(),
        };
        let trades = Vec::new();
        Self { of, trades }
    }

    /// Adds a trade, if it is of an account.
    pub(super) fn add(&mut self, account: &Account, row: &LedgerTrade, rules: &AssetRules) {
        if row.account == *account {
            self.trades.push(Brief::of(row, rules));
        }
    }
}

/// The facts of a trade that are compared.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    order_id: String,
    at: Timestamp,
    asset: Asset,
    pair: String,
    side: Side,
    size: Size,
}

impl Brief {
    fn of(row: &LedgerTrade, rules: &AssetRules) -> Self {
        let texts = row.trade.more.as_deref().map(|more| more.texts());
        let texts = texts.unwrap_or_default();
        let names = MoreText(texts.each_ref().map(Option::as_deref)).names();
        let stored = ImportedTrade {
            import_id: 0,
            account: row.account.to_string(),
            order_id: row.trade.order_id.to_string(),
            symbol: row.symbol.to_string(),
            stated: names.map(|text| text.map(str::to_owned)),
            side: row.trade.side,
            size: row.trade.size,
            order_time: row.trade.order_time,
        };
        Self::of_stored(stored, rules)
    }

    fn of_stored(row: ImportedTrade, rules: &AssetRules) -> Self {
        let pool = rules.pool_of_row(&row.account, &row.symbol, &row.stated);
        let [_, quote, ..] = &row.stated;
        Self {
            pair: pair_of(&row.symbol, quote.as_deref()),
            order_id: row.order_id,
            at: row.order_time,
            asset: pool.asset,
            side: row.side,
            size: row.size,
        }
    }

    fn second(&self) -> i64 {
        self.at.as_micros().div_euclid(SECOND_MICROS)
    }

    fn day(&self) -> DayKey<'_> {
        let day = self.at.as_micros().div_euclid(DAY_MICROS);
        (day, &self.asset, self.side)
    }
}

/// Returns the letters and digits of a symbol, and its quote.
fn pair_of(symbol: &str, quote: Option<&str>) -> String {
    let letters = symbol.chars().filter(|of| of.is_alphanumeric());
    letters.chain(quote.unwrap_or_default().chars()).collect()
}

fn decimal(size: Size) -> Option<Decimal> {
    size.to_string().parse().ok()
}

type DayKey<'b> = (i64, &'b Asset, Side);

/// Returns the files of an account that have the same trades, or that were cut inside a second. An
/// import that a person kept is not compared.
///
/// Errors: the store fails.
pub async fn counted_twice(
    store: &dyn Store,
    rules: &AssetRules,
    account: &Account,
) -> PipelineResult<Vec<CountedTwice>> {
    let files = files_of(store, rules, (account, None)).await?;
    let mut formats: Vec<&str> = files.iter().map(|file| file.of.format.as_str()).collect();
    formats.sort_unstable();
    formats.dedup();
    let mut found = Vec::new();
    for (place, one) in formats.iter().enumerate() {
        let of = |format: &str| {
            let files = files.iter().filter(|file| file.of.format == format);
            files.collect::<Vec<&TradesOfFile>>()
        };
        let ones = of(one);
        if adds_up_a_second(one) {
            found.extend(cut_inside(account, &ones));
        }
        for other in formats.iter().skip(place + 1) {
            if may_have_same_trades(one, other) {
                found.extend(compared(account, &ones, &of(other)));
            }
        }
    }
    Ok(found)
}

/// Finds the files of an account that have the trades of a file that is not imported.
pub(super) fn twice_with(
    account: &Account,
    file: &TradesOfFile,
    others: &[TradesOfFile],
) -> Vec<CountedTwice> {
    let format = file.of.format.as_str();
    let mut by_format: BTreeMap<&str, Vec<&TradesOfFile>> = BTreeMap::new();
    for other in others {
        by_format.entry(&other.of.format).or_default().push(other);
    }
    let mut found = Vec::new();
    for (other, files) in by_format {
        if other == format && adds_up_a_second(format) {
            let all: Vec<&TradesOfFile> = files.iter().copied().chain([file]).collect();
            found.extend(cut_inside(account, &all));
        } else if may_have_same_trades(format, other) {
            found.extend(compared(account, &files, &[file]));
        }
    }
    found
}

/// Returns the files of an account. Those whose formats may have the trades of another file, or of
/// a file of a format, have their trades. Order: by import.
pub(super) async fn files_of(
    store: &dyn Store,
    rules: &AssetRules,
    (account, format): (&Account, Option<&str>),
) -> PipelineResult<Vec<TradesOfFile>> {
    let mut files: BTreeMap<i64, TradesOfFile> = BTreeMap::new();
    for sync in store.syncs(account, TRIES_MAX).await? {
        let has_trades = sync.status != SyncStatus::Failed && sync.counts.trades > 0;
        if let (true, Some(id), Some(format)) = (has_trades, sync.import_id, sync.format) {
            let of = FileOfTrades {
                import_id: Some(id),
                file: sync.file,
                format,
            };
            let trades = Vec::new();
            files.insert(id, TradesOfFile { of, trades });
        }
    }
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let (out, kept) = (store.imports_out(None).await?, kept(store).await?);
    files.retain(|id, _| !out.contains(id) && !kept.contains(id));
    let wanted = wanted(&files, format);
    for trade in store.trades_of_imports(&wanted).await? {
        if trade.account == account.as_str()
            && let Some(file) = files.get_mut(&trade.import_id)
        {
            file.trades.push(Brief::of_stored(trade, rules));
        }
    }
    Ok(files.into_values().collect())
}

/// Returns the imports whose trades are compared.
fn wanted(files: &BTreeMap<i64, TradesOfFile>, format: Option<&str>) -> BTreeSet<i64> {
    let mut formats: BTreeMap<&str, u64> = BTreeMap::new();
    let of_files = files.values().map(|file| file.of.format.as_str());
    of_files
        .chain(format)
        .for_each(|of| *formats.entry(of).or_default() += 1);
    let is_wanted = |file: &TradesOfFile| {
        let of = file.of.format.as_str();
        let is_cut = adds_up_a_second(of) && formats.get(of).is_some_and(|files| *files > 1);
        is_cut || formats.keys().any(|other| may_have_same_trades(of, other))
    };
    let wanted = files.iter().filter(|(_, file)| is_wanted(file));
    wanted.map(|(id, _)| *id).collect()
}

/// Says that all trades of an import are right, beside equal ones of other files; or takes that
/// back, if they are kept. Returns whether anything changed. A later word counts before an earlier
/// one: nothing is deleted.
///
/// Errors: the store fails.
pub async fn keep_import(
    store: &dyn Store,
    (import_id, is_kept): (i64, bool),
    reason: &str,
    context: &Context,
) -> PipelineResult<bool> {
    if kept(store).await?.contains(&import_id) == is_kept {
        return Ok(false);
    }
    let details = json!({ "import_id": import_id, "reason": reason, "by": context.user,
        "undone": !is_kept });
    let event = Event::info(EventKind::ImportKept, context.clock.now(), details);
    store.log_event(&event).await?;
    Ok(true)
}

/// Returns the imports that a person kept.
async fn kept(store: &dyn Store) -> PipelineResult<BTreeSet<i64>> {
    let events = store.events_of(&[EventKind::ImportKept]).await?;
    let mut kept = BTreeSet::new();
    for event in &events {
        let details = &event.details;
        let is_undone = details.get("undone").and_then(Value::as_bool) == Some(true);
        match details.get("import_id").and_then(Value::as_i64) {
            Some(id) if is_undone => kept.remove(&id),
            Some(id) => kept.insert(id),
            None => false,
        };
    }
    Ok(kept)
}

/// The trades of two formats, by what is compared.
#[derive(Default)]
struct Both<'b> {
    equal: HashMap<(i64, &'b Asset, Side, Size), [u64; 2]>,
    days: BTreeMap<DayKey<'b>, [Option<Decimal>; 2]>,
}

impl<'b> Both<'b> {
    fn of(sides: [&[&'b TradesOfFile]; 2]) -> Self {
        let mut both = Self::default();
        for (nth, files) in sides.into_iter().enumerate() {
            for trade in files.iter().flat_map(|file| &file.trades) {
                let key = (trade.second(), &trade.asset, trade.side, trade.size);
                if let Some(count) = both.equal.entry(key).or_default().get_mut(nth) {
                    *count += 1;
                }
                let size = decimal(trade.size);
                let sums = both.days.entry(trade.day()).or_default();
                if let Some(sum) = sums.get_mut(nth) {
                    *sum = size.and_then(|size| sum.unwrap_or_default().checked_add(size));
                }
            }
        }
        both
    }

    fn has(&self, trade: &'b Brief) -> bool {
        let key = (trade.second(), &trade.asset, trade.side, trade.size);
        let is_equal = self.equal.get(&key);
        let is_equal = is_equal.is_some_and(|counts| !counts.contains(&0));
        let sums = self.days.get(&trade.day());
        is_equal || sums.is_some_and(|[one, other]| one.is_some() && one == other)
    }

    fn has_common_day(&self) -> bool {
        let mut sums = self.days.values();
        sums.any(|[one, other]| one.is_some() && other.is_some())
    }
}

/// Compares the files of two formats.
fn compared(
    account: &Account,
    ones: &[&TradesOfFile],
    others: &[&TradesOfFile],
) -> Option<CountedTwice> {
    let both = Both::of([ones, others]);
    let common = |file: &TradesOfFile| file.trades.iter().filter(|it| both.has(it)).count() as u64;
    let last = |files: &[&TradesOfFile], is_of: &dyn Fn(&TradesOfFile) -> bool| {
        let files = files.iter().filter(|file| is_of(file));
        let place = |file: &&&TradesOfFile| file.of.import_id.unwrap_or(i64::MAX);
        files.max_by_key(place).map(|file| (*file).clone())
    };
    let has_common = |file: &TradesOfFile| common(file) > 0;
    let (one, other) = (last(ones, &has_common), last(others, &has_common));
    let (one, other, is_equal) = match (one, other) {
        (Some(one), Some(other)) => (one, other, true),
        _ if both.has_common_day() => (last(ones, &|_| true)?, last(others, &|_| true)?, false),
        _ => return None,
    };
    let place = |file: &TradesOfFile| file.of.import_id.unwrap_or(i64::MAX);
    let (last, other) = match place(&one) > place(&other) {
        true => (one, other),
        false => (other, one),
    };
    let common = match is_equal {
        true => Common::Trades {
            both: common(&last),
            of: last.trades.len() as u64,
        },
        false => Common::Days,
    };
    Some(CountedTwice {
        account: account.clone(),
        last: last.of,
        other: other.of,
        common,
    })
}

/// Finds a second with other sums in two files of one format.
fn cut_inside(account: &Account, files: &[&TradesOfFile]) -> Option<CountedTwice> {
    let mut seconds: BTreeMap<(i64, &str, Side), (&TradesOfFile, &Brief)> = BTreeMap::new();
    for file in files {
        for trade in &file.trades {
            let key = (trade.second(), trade.pair.as_str(), trade.side);
            let Some((before, sum)) = seconds.insert(key, (file, trade)) else {
                continue;
            };
            if before.of.import_id != file.of.import_id && sum.order_id != trade.order_id {
                let is_smaller = decimal(sum.size) <= decimal(trade.size);
                let smaller = if is_smaller { sum } else { trade };
                return Some(CountedTwice {
                    account: account.clone(),
                    last: file.of.clone(),
                    other: before.of.clone(),
                    common: Common::Second {
                        at: trade.at,
                        smaller: smaller.order_id.clone(),
                    },
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(import_id: i64, format: &str, trades: &[(&str, i64, &str)]) -> TradesOfFile {
        let trade = |(id, seconds, size): &(&str, i64, &str)| Brief {
            order_id: (*id).to_owned(),
            at: Timestamp::try_from_micros(seconds * SECOND_MICROS + 7).unwrap(),
            asset: "BTC".parse().unwrap(),
            pair: "BTCUSD".into(),
            side: Side::Buy,
            size: size.parse().unwrap(),
        };
        TradesOfFile {
            of: FileOfTrades {
                import_id: Some(import_id),
                file: format!("{import_id}.csv"),
                format: format.to_owned(),
            },
            trades: trades.iter().map(trade).collect(),
        }
    }

    fn common(one: &TradesOfFile, other: &TradesOfFile) -> Option<(Option<i64>, Common)> {
        let found = compared(&Account::default(), &[one], &[other]);
        found.map(|it| (it.last.import_id, it.common))
    }

    const DAY: i64 = 86_400;

    #[test]
    fn trades_of_one_second_and_size_are_the_same() {
        let one = file(2, "a", &[("A", 5, "1"), ("B", 6, "2"), ("C", DAY, "9")]);
        let other = file(1, "b", &[("X", 5, "1.0"), ("Y", 7, "2"), ("Z", 8, "4")]);
        let found = Some((Some(2), Common::Trades { both: 1, of: 3 }));
        assert_eq!(common(&one, &other), found);
        assert_eq!(common(&other, &one), found);
    }

    #[test]
    fn fills_and_their_orders_add_up_to_the_same_on_a_day() {
        let fills = file(1, "a", &[("A", 5, "1"), ("B", 6, "2"), ("C", DAY, "9")]);
        let orders = file(2, "b", &[("X", 4, "3"), ("Z", 2 * DAY, "1")]);
        let found = Some((Some(2), Common::Trades { both: 1, of: 2 }));
        assert_eq!(common(&fills, &orders), found);
        let others = file(2, "b", &[("X", 4, "2.9")]);
        assert_eq!(common(&fills, &others), Some((Some(2), Common::Days)));
        let later = file(2, "b", &[("X", 3 * DAY, "3")]);
        assert_eq!(common(&fills, &later), None);
    }

    #[test]
    fn two_sums_of_a_second_are_a_cut_file() {
        let cut = file(1, "a", &[("A", 5, "1"), ("B", 6, "2")]);
        let whole = file(2, "a", &[("B2", 6, "3"), ("C", 7, "3")]);
        let found = cut_inside(&Account::default(), &[&cut, &whole]).unwrap();
        let at = Timestamp::try_from_micros(6 * SECOND_MICROS + 7).unwrap();
        let smaller = "B".to_owned();
        assert_eq!(found.common, Common::Second { at, smaller });
        assert_eq!(found.last.import_id, Some(2));
        // Two sums of one file, with other prices, are two trades.
        let one = file(1, "a", &[("A", 5, "1"), ("B", 5, "2")]);
        assert_eq!(cut_inside(&Account::default(), &[&one]), None);
    }
}
