//! Rows that cancel a trade, and the trades of the same file that they cancel.
//!
//! A broker keeps a cancelled trade in its file, adds a row that cancels it, and often books the
//! trade again. The row and one trade are left out together. If the row names no trade, or one that
//! another trade equals, the commission that it gives back decides. So what is left has the fees
//! that were paid. A row whose trade is not certain is rejected: nobody may leave it out alone.

use std::collections::{BTreeMap, BTreeSet};

use super::ParsedFile;
use super::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};
use crate::engine::{Account, LedgerTrade, OrderId, SignedAmount, Timestamp, shown};

/// The names of the two rows among those that are no trades.
const CANCELLED: &str = "cancelled trade";
const CANCELLATION: &str = "cancellation";

/// Microseconds of a week: a row that names no trade cancels one of the last week.
const WEEK_MICROS: i64 = 7 * 86_400_000_000;

/// A row that cancels a trade.
#[derive(Debug)]
pub(super) struct Cancellation {
    pub line: u64,
    /// The row as in the file.
    pub text: String,
    /// The cancelled trade, as the row has it. Its fee is what the row gives back, below zero.
    pub trade: LedgerTrade,
    /// The id of the cancelled trade, if the row has it.
    pub of: Option<String>,
}

/// A trade that its own file cancels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledTrade {
    /// The account of the trade.
    pub account: Account,
    /// The id of the trade.
    pub order_id: OrderId,
    /// The line of the trade.
    pub line: u64,
    /// The line of the row that cancels it.
    pub by_line: u64,
}

/// A row that cancels a trade which its file lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelsEarlier {
    /// The cancelled trade, as the row has it; its id and its time are those of the row.
    pub trade: LedgerTrade,
    /// The id of the cancelled trade, if the row has it.
    pub of: Option<String>,
}

impl CancelsEarlier {
    /// Tells whether a trade may be the cancelled one by its time.
    pub fn may_be_of(&self, at: Timestamp) -> bool {
        let ahead = self
            .trade
            .trade
            .order_time
            .as_micros()
            .saturating_sub(at.as_micros());
        (0..=WEEK_MICROS).contains(&ahead)
    }
}

/// Result of the rows that cancel trades.
#[derive(Debug, Default)]
struct Cancelled {
    /// Order: as the rows that cancel them.
    trades: Vec<CancelledTrade>,
    rejected: Vec<RejectedRow>,
    earlier: Vec<CancelsEarlier>,
    /// Rows that repeat an earlier one.
    repeated: u64,
}

impl Cancellation {
    /// Rejects the row.
    pub fn rejected(&self, found: String, fault: Fault) -> RejectedRow {
        RejectedRow {
            order_id: self.trade.trade.order_id.to_string(),
            ..RejectedRow::new((self.line, &self.text), ROW_COLUMN, found, fault)
        }
    }

    /// Rejects a row whose trade is not in the file.
    pub fn alone(&self) -> RejectedRow {
        self.alone_with("")
    }

    /// Rejects such a row. `with`: its commission, if the file has equal trades with other ones.
    fn alone_with(&self, with: &str) -> RejectedRow {
        let trade = &self.trade.trade;
        let named = self.of.as_ref().map_or_else(String::new, |of| {
            format!(" {}", shown(of.as_str()).quoted())
        });
        let (side, size, price) = (trade.side, trade.size, trade.price);
        let found = format!("cancels the {side}{named} of {size} at {price}{with}");
        let fault = Fault::new("expected that trade in the same file");
        self.rejected(found, fault.with_hint(Hint::CancelsEarlier).taking_back())
    }
}

/// Takes the cancelled trades out of those of a file. `makes_ids`: the file has no ids.
pub(super) fn cancel(rows: Vec<Cancellation>, file: &mut ParsedFile, makes_ids: bool) {
    if rows.is_empty() {
        return;
    }
    let done = pair(rows, &mut file.trades, makes_ids);
    let pairs = done.trades.len() as u64;
    if pairs > 0 {
        *file.ignored.entry(CANCELLATION).or_default() += pairs;
        *file.ignored.entry(CANCELLED).or_default() += pairs;
    }
    file.duplicates += done.repeated;
    file.rejected.extend(done.rejected);
    file.rejected.sort_by_key(|row| row.line);
    file.cancelled = done.trades;
    file.cancels_earlier = done.earlier;
}

fn pair(rows: Vec<Cancellation>, trades: &mut Vec<LedgerTrade>, makes_ids: bool) -> Cancelled {
    let mut done = Cancelled::default();
    let mut open = OpenTrades::of(trades);
    let (mut out, mut seen): (Vec<usize>, BTreeMap<OrderId, Facts>) = Default::default();
    for row in rows {
        let (id, facts) = (row.trade.trade.order_id.clone(), facts(&row.trade));
        if !makes_ids && seen.insert(id, facts.clone()).as_ref() == Some(&facts) {
            done.repeated += 1;
            continue;
        }
        match find(&row, open.equal.get_mut(&facts), trades) {
            Err(rejected) => {
                if rejected.hint == Some(Hint::CancelsEarlier) {
                    let (trade, of) = (row.trade, row.of);
                    done.earlier.push(CancelsEarlier { trade, of });
                }
                done.rejected.push(*rejected);
            }
            Ok(place) => {
                out.push(place);
                done.trades
                    .extend(trades.get(place).map(|trade| CancelledTrade {
                        account: trade.account.clone(),
                        order_id: trade.trade.order_id.clone(),
                        line: trade.import_line,
                        by_line: row.line,
                    }));
            }
        }
    }
    out.sort_unstable();
    let mut place = 0;
    trades.retain(|_| {
        place += 1;
        out.binary_search(&(place - 1)).is_err()
    });
    done
}

/// A fee, as text, and its asset. `None`: it is unknown.
type PaidFee = Option<(String, String)>;

/// The places of the trades that no row cancels yet, by their facts. A broker may book thousands of
/// equal trades, so nothing here looks at each of them for each row.
#[derive(Debug, Default)]
struct OpenTrades {
    equal: BTreeMap<Facts, EqualTrades>,
}

/// Trades with the same facts: by time, then by fee.
#[derive(Debug, Default)]
struct EqualTrades {
    by_time: BTreeMap<Timestamp, BTreeMap<PaidFee, BTreeSet<usize>>>,
    by_id: BTreeMap<OrderId, BTreeSet<usize>>,
}

impl OpenTrades {
    fn of(trades: &[LedgerTrade]) -> Self {
        let mut open = Self::default();
        for (place, row) in trades.iter().enumerate() {
            let equal = open.equal.entry(facts(row)).or_default();
            let of_time = equal.by_time.entry(row.trade.order_time).or_default();
            of_time.entry(paid_fee(row)).or_default().insert(place);
            let of_id = equal.by_id.entry(row.trade.order_id.clone()).or_default();
            of_id.insert(place);
        }
        open
    }
}

impl EqualTrades {
    /// Takes a trade out.
    fn take(&mut self, place: usize, row: &LedgerTrade) {
        let at = row.trade.order_time;
        if let Some(of_time) = self.by_time.get_mut(&at) {
            let fee = paid_fee(row);
            if let Some(places) = of_time.get_mut(&fee) {
                places.remove(&place);
                if places.is_empty() {
                    of_time.remove(&fee);
                }
            }
            if of_time.is_empty() {
                self.by_time.remove(&at);
            }
        }
        if let Some(places) = self.by_id.get_mut(&row.trade.order_id) {
            places.remove(&place);
        }
    }
}

/// The facts that a trade and the row that cancels it have in common: account, symbol, currency,
/// side, size, price.
type Facts = [String; 6];

fn facts(row: &LedgerTrade) -> Facts {
    let trade = &row.trade;
    let quote = trade
        .more
        .as_deref()
        .and_then(|it| it.quote_currency.as_ref());
    [
        row.account.to_string(),
        row.symbol.to_string(),
        quote.map(ToString::to_string).unwrap_or_default(),
        trade.side.to_string(),
        trade.size.to_string(),
        trade.price.to_string(),
    ]
}

/// Finds the trade that a row cancels, and takes it out. `equal`: those with its facts.
fn find(
    row: &Cancellation,
    equal: Option<&mut EqualTrades>,
    trades: &[LedgerTrade],
) -> Result<usize, Box<RejectedRow>> {
    let alone = || Box::new(row.alone());
    let equal = equal.ok_or_else(alone)?;
    let named = row.of.as_deref().map(|of| {
        let id = of.parse::<OrderId>().ok()?;
        equal.by_id.get(&id)?.first().copied()
    });
    let given_back = fee(&row.trade);
    let time = match named {
        Some(place) => {
            let trade = place.and_then(|place| trades.get(place));
            trade.ok_or_else(alone)?.trade.order_time
        }
        None => time_of(row, equal, &given_back)?,
    };
    let fits: Vec<&BTreeSet<usize>> = equal
        .by_time
        .get(&time)
        .into_iter()
        .flatten()
        .filter(|(paid, _)| gives_back(paid, &given_back))
        .map(|(_, places)| places)
        .collect();
    let own = named.flatten();
    let own = own.filter(|place| fits.iter().any(|places| places.contains(place)));
    // Equal rows have ids with a number: without the last one, the others keep theirs.
    let last = || {
        fits.iter()
            .filter_map(|places| places.last())
            .max()
            .copied()
    };
    match own.or_else(last) {
        Some(place) => {
            if let Some(trade) = trades.get(place) {
                equal.take(place, trade);
            }
            Ok(place)
        }
        None => {
            let back = given_back.map_or_else(
                || "no commission".to_owned(),
                |(back, of)| format!("a commission of {} {of}", back.negated()),
            );
            // The trade may be in an earlier file, and this one has it as it was booked again.
            if named.is_none() {
                return Err(Box::new(row.alone_with(&format!(" with {back}"))));
            }
            let found = format!("cancels a trade and gives back {back}");
            let fault = Fault::new("expected the commission of that trade");
            let fault = fault.with_hint(Hint::TakesBack).taking_back();
            Err(Box::new(row.rejected(found, fault)))
        }
    }
}

/// The fee that a row gives back, below zero, with its asset. `None`: it gives none back.
type GivenBack = Option<(SignedAmount, String)>;

/// Tells whether a row gives back what was paid.
fn gives_back(paid: &PaidFee, given_back: &GivenBack) -> bool {
    match (paid, given_back) {
        (Some((paid, of)), Some((back, in_asset))) => {
            back.negated().to_string() == *paid && (of == in_asset || back.is_zero())
        }
        (None, None) => true,
        _ => false,
    }
}

/// Returns the time of the trade that a row cancels without naming it.
fn time_of(
    row: &Cancellation,
    equal: &EqualTrades,
    given_back: &GivenBack,
) -> Result<Timestamp, Box<RejectedRow>> {
    let at = row.trade.trade.order_time;
    let at_once = equal.by_time.get(&at);
    let fits = |paid: &PaidFee| gives_back(paid, given_back);
    if at_once.is_some_and(|of_time| of_time.keys().any(fits)) {
        return Ok(at);
    }
    let is_of_week = |it: &&Timestamp| at.as_micros().saturating_sub(it.as_micros()) <= WEEK_MICROS;
    let mut times = equal.by_time.range(..at).rev().map(|(time, _)| time);
    match (
        times.next().filter(is_of_week),
        times.next().filter(is_of_week),
    ) {
        (Some(only), None) => Ok(*only),
        (None, _) if at_once.is_some() => Ok(at),
        (None, _) => Err(Box::new(row.alone())),
        (Some(_), Some(_)) => {
            let found = "cancels one of several equal trades".to_owned();
            let fault = Fault::new("expected the id of the trade that it cancels");
            let fault = fault.with_hint(Hint::TakesBack).taking_back();
            Err(Box::new(row.rejected(found, fault)))
        }
    }
}

fn paid_fee(row: &LedgerTrade) -> PaidFee {
    fee(row).map(|(fee, of)| (fee.to_string(), of))
}

/// Returns the fee of a row and its asset. `None`: it is unknown.
fn fee(row: &LedgerTrade) -> Option<(SignedAmount, String)> {
    let trade = &row.trade;
    let other = trade.more.as_deref().and_then(|more| more.fee.as_ref());
    let (fee, asset) = match (other, trade.fee) {
        (Some(fee), _) => (fee.amount.to_string(), fee.currency.to_string()),
        (None, Some(fee)) => (fee.to_string(), "USD".to_owned()),
        (None, None) => return None,
    };
    Some((fee.parse().ok()?, asset))
}
