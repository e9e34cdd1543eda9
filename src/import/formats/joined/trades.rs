//! The rows of one key to a trade: amounts add up to what was paid and what was received.

use std::collections::BTreeMap;

use csv::StringRecord;
use rust_decimal::Decimal;

use super::{JoinedFile, JoinedRow, JoinedSource, Posting, TradeId};
use crate::engine::{
    Asset, AssetRules, CodeKind, LedgerTrade, SignedAmount, Size, Timestamp, kind_of_code,
    price_of_value,
};
use crate::import::cells::TradeReader;
use crate::import::columns::{COLUMNS, Column};
use crate::import::formats::amounts::{StatedAmounts, check_fee, decimal, floor_of};
use crate::import::formats::contracts::check_spot;
use crate::import::formats::made_ids::made_id;
use crate::import::header::Header;
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint};

/// Quotes, the likeliest first. Any asset before another one is its quote.
const QUOTES: [&str; 13] = [
    "USD",
    "EUR",
    "GBP",
    "CHF",
    "CAD",
    "AUD",
    "JPY",
    "USDC",
    "USDT",
    "USD_STABLE_COIN",
    "BTC",
    "ETH",
    "BNB",
];

/// Places in [`QUOTES`] of the first dollar coin, and of the first other coin.
const DOLLAR_COINS: usize = 7;
const COINS: usize = 10;

const USD: &str = "USD";

const TWO_ASSETS: &str = "expected one asset paid and one received";
const ONE_FEE: &str = "expected fees in one asset";
const ONE_WAY: &str = "expected one trade: the file does not say which rows belong together";
const OTHER_VALUE: &str =
    "expected what was paid and what was received to fit the price of the rows";
const ONE_TIME: &str = "expected rows of one time: the rows with one id are far apart";

/// Microseconds of five minutes: the rows of one trade are not further apart.
const APART_MAX_MICROS: i64 = 300 * 1_000_000;

const DIGITS: &str = "expected amounts of fewer digits";

/// A sum of amounts by asset.
type Sums<'r> = BTreeMap<&'r str, SignedAmount>;

/// Makes the trade of rows with one key. Errors: why the rows are no trade.
pub(super) fn trade_of(
    file: &JoinedFile,
    rows: &[&JoinedRow<'_>],
    id: &TradeId,
    reading: &mut Reading<'_>,
) -> Result<LedgerTrade, Fault> {
    let source = file.format.source();
    let postings = || rows.iter().flat_map(|row| &row.says.postings);
    if source.is_one_way && is_two_way(postings()) {
        return Err(Fault::new(ONE_WAY));
    }
    check_times(rows)?;
    let amounts = sums(postings().map(|it| (it.asset.as_str(), it.amount)))?;
    let fees = sums(postings().map(|it| (it.fee_asset.as_str(), it.fee)))?;
    let [(base, units), (quote, value)] = pair_of(&amounts)?;
    check_spot(base).and_then(|()| check_spot(quote))?;
    if is_off_price(postings, [(base, units), (quote, value)]) {
        return Err(Fault::new(OTHER_VALUE));
    }
    let mut fees = fees.into_iter().filter(|(_, fee)| !fee.is_zero());
    let fee = fees.next();
    if fees.next().is_some() {
        return Err(Fault::new(ONE_FEE));
    }
    let (fee_asset, fee) = fee.unwrap_or((quote, SignedAmount::ZERO));
    let line = rows.iter().map(|row| row.row.line).min().unwrap_or(0);
    let pair = [(base, units), (quote, value)];
    let made = parts_of(source, rows, id, pair, (fee_asset, fee));
    let texts = made.texts()?;
    let native: StringRecord = texts.iter().map(String::as_str).collect();
    let header = Header::of_all();
    let mut reader = TradeReader {
        header: &header,
        reading,
        zone: None,
    };
    let mut trade = reader.read(&native, line).map_err(|bad| {
        let reason = format!("{} {}", column_words(bad.column), bad.fault.reason);
        Fault {
            reason,
            write: None,
            ..bad.fault
        }
    })?;
    let rules = &reader.reading.options.assets;
    check_joined_fee(file, &trade, [base, quote], rules)?;
    if *id == TradeId::Made
        && let Some(source) = source.ids
    {
        let (fee_asset, fee) = own_fee(rows)?.unwrap_or((quote, SignedAmount::ZERO));
        if let Some(id) = made_id(source, &trade, (&fee.to_string(), fee_asset)) {
            trade.trade.order_id = id;
        }
    }
    Ok(trade)
}

/// Returns the fee of the rows that say what was paid or received. A row of a fee alone is no part
/// of an id: a file may end before it, and the trade is the same.
fn own_fee<'r>(rows: &[&'r JoinedRow<'_>]) -> Result<Option<(&'r str, SignedAmount)>, Fault> {
    let moves = |row: &&&JoinedRow<'_>| row.says.postings.iter().any(|it| !it.amount.is_zero());
    let postings = rows.iter().filter(moves).flat_map(|row| &row.says.postings);
    let fees = sums(postings.map(|it| (it.fee_asset.as_str(), it.fee)))?;
    Ok(fees.into_iter().find(|(_, fee)| !fee.is_zero()))
}

/// Checks that rows are of one time. Errors: they are far apart, so one id is that of two trades.
fn check_times(rows: &[&JoinedRow<'_>]) -> Result<(), Fault> {
    let times = || rows.iter().map(|row| row.at.as_micros());
    let apart = times().max().zip(times().min());
    match apart.is_some_and(|(last, first)| last.saturating_sub(first) > APART_MAX_MICROS) {
        true => Err(Fault::new(ONE_TIME).with_hint(Hint::RoundedId)),
        false => Ok(()),
    }
}

/// Refuses a fee as large as its trade.
fn check_joined_fee(
    file: &JoinedFile,
    trade: &LedgerTrade,
    pair: [&str; 2],
    rules: &AssetRules,
) -> Result<(), Fault> {
    let names = pair.map(|code| rules.asset_named(code));
    let pair = names.each_ref().map(Asset::as_str);
    let kind_of = |code: &str| rules.kind_of(code);
    check_fee(&trade.trade, pair, kind_of, file.format.fees()).map_err(|fault| Fault {
        reason: format!("{} {}", column_words(Column::FeeAmount), fault.reason),
        ..fault
    })
}

/// Makes the parts of a trade of its sums.
fn parts_of<'r>(
    source: &JoinedSource,
    rows: &[&'r JoinedRow<'_>],
    id: &TradeId,
    [(base, units), (quote, value)]: [(&'r str, SignedAmount); 2],
    (fee_asset, fee): (&'r str, SignedAmount),
) -> TradeParts<'r> {
    let postings = || rows.iter().flat_map(|row| &row.says.postings);
    let at = rows.iter().map(|row| row.at).min();
    TradeParts {
        id: match id {
            TradeId::Own(id) | TradeId::OfRows(id) => id.clone(),
            TradeId::OfPair(id) => format!("{base}-{quote}-{id}"),
            TradeId::Made => source.ids.unwrap_or_default().to_owned(),
        },
        exchange: source.exchange,
        base,
        quote,
        is_buy: !units.is_negative(),
        size: units.size(),
        value: value.size(),
        at: at.unwrap_or(Timestamp::EPOCH),
        fee,
        fee_asset,
        usd_value: value_of(postings().filter(|it| it.asset == quote && it.is_value())).or_else(
            || value_of(postings().filter(|it| it.asset == quote && !it.amount.is_zero())),
        ),
        fee_usd_value: value_of(postings().filter(|it| {
            let is_fee = it.amount.is_zero() && !it.is_value();
            it.asset == fee_asset && is_fee
        })),
    }
}

/// Returns the words for a column in the reason of rows that were joined.
fn column_words(column: Column) -> &'static str {
    match column {
        Column::OrderId => "for the id of the trade:",
        Column::OrderTime => "for the time of the trade:",
        Column::FeeAmount | Column::FeeCurrency => "for the fees together:",
        Column::QuoteValue => "for what was paid or received together:",
        _ => "for the amounts together:",
    }
}

/// The parts of a trade.
struct TradeParts<'r> {
    id: String,
    exchange: &'r str,
    base: &'r str,
    quote: &'r str,
    is_buy: bool,
    size: Size,
    value: Size,
    at: Timestamp,
    fee: SignedAmount,
    fee_asset: &'r str,
    usd_value: Option<Size>,
    fee_usd_value: Option<Size>,
}

impl TradeParts<'_> {
    /// Writes the cells of a native row. Errors: there is no price.
    ///
    /// If price and size are the value exactly, the value is left out: a list of fills of the same
    /// source does not have it either.
    fn texts(&self) -> Result<[String; COLUMNS.len()], Fault> {
        let (price, is_exact) =
            price_of_value(self.value, self.size).ok_or_else(|| Fault::new(DIGITS))?;
        let value = match is_exact {
            true => String::new(),
            false => self.value.to_string(),
        };
        let side = if self.is_buy { "buy" } else { "sell" };
        let mut texts: [String; COLUMNS.len()] = Default::default();
        let made = [
            (Column::OrderId, self.id.clone()),
            (Column::Symbol, format!("{}-{}", self.base, self.quote)),
            (Column::Side, side.to_owned()),
            (Column::Size, self.size.to_string()),
            (Column::Price, price.to_string()),
            (Column::OrderTime, self.at.to_string()),
            (Column::BaseAsset, self.base.to_owned()),
            (Column::QuoteCurrency, self.quote.to_owned()),
            (Column::QuoteValue, value),
            (Column::FeeAmount, self.fee.to_string()),
            (Column::FeeCurrency, self.fee_asset.to_owned()),
            (Column::UsdValue, worth(self.quote, self.usd_value)),
            (
                Column::FeeUsdValue,
                worth(self.fee_asset, self.fee_usd_value),
            ),
            (Column::Exchange, self.exchange.to_owned()),
        ];
        for (column, text) in made {
            if let Some(place) = texts.get_mut(column as usize) {
                *place = text;
            }
        }
        Ok(texts)
    }
}

/// Writes a value in dollars. An amount in dollars needs none.
fn worth(asset: &str, value: Option<Size>) -> String {
    let value = value.filter(|_| asset != USD);
    value.map_or_else(String::new, |value| value.to_string())
}

/// Returns the value of the only posting.
fn value_of<'p>(mut postings: impl Iterator<Item = &'p Posting>) -> Option<Size> {
    let first = postings.next()?;
    first.usd_value.filter(|_| postings.next().is_none())
}

fn sums<'r>(amounts: impl Iterator<Item = (&'r str, SignedAmount)>) -> Result<Sums<'r>, Fault> {
    let mut sums = Sums::new();
    for (asset, amount) in amounts {
        let sum = sums.entry(asset).or_insert(SignedAmount::ZERO);
        *sum = sum.checked_add(amount).map_err(|_| Fault::new(DIGITS))?;
    }
    Ok(sums)
}

/// Returns base and quote of the two assets that add up to something.
fn pair_of<'r>(amounts: &Sums<'r>) -> Result<[(&'r str, SignedAmount); 2], Fault> {
    let mut moved = amounts.iter().filter(|(_, sum)| !sum.is_zero());
    let (Some(one), Some(other), None) = (moved.next(), moved.next(), moved.next()) else {
        return Err(Fault::new(TWO_ASSETS));
    };
    if one.1.is_negative() == other.1.is_negative() {
        return Err(Fault::new(TWO_ASSETS));
    }
    let (mut base, mut quote) = ((*one.0, *one.1), (*other.0, *other.1));
    // Of two coins of one rank, the one that was paid is the quote.
    let is_turned = match (rank(base.0), rank(quote.0)) {
        (of_base, of_quote) if of_base == of_quote => base.1.is_negative(),
        (of_base, of_quote) => of_base < of_quote,
    };
    if is_turned {
        std::mem::swap(&mut base, &mut quote);
    }
    Ok([base, quote])
}

/// Tells whether size and value do not fit the prices that the rows state. A price is that of the
/// asset whose rows are multiplied with it: the source may name the other asset as the quote.
fn is_off_price<'p, I: Iterator<Item = &'p Posting>>(
    postings: impl Fn() -> I,
    pair: [(&str, SignedAmount); 2],
) -> bool {
    let number = |amount: SignedAmount| decimal(&amount.size().to_string());
    let stated = |(asset, amount): (&str, SignedAmount), value: SignedAmount| {
        let mut product = Decimal::ZERO;
        for posting in postings().filter(|it| it.asset == asset && !it.amount.is_zero()) {
            let price = posting.price.filter(|price| !price.is_zero())?;
            let part = number(posting.amount)?.checked_mul(number(price)?)?;
            product = product.checked_add(part)?;
        }
        let size = number(amount)?;
        Some(StatedAmounts {
            size,
            price: product.checked_div(size)?,
            value: number(value)?,
        })
    };
    let [base, quote] = pair;
    let is_far = |stated: Option<StatedAmounts>, of: &str| {
        stated.map(|stated| stated.is_far(floor_of(kind_of_code(of))))
    };
    let both = [
        is_far(stated(base, quote.1), quote.0),
        is_far(stated(quote, base.1), base.0),
    ];
    both.iter().flatten().count() > 0 && both.iter().flatten().all(|is_far| *is_far)
}

/// Returns how likely an asset is the quote: a low rank is likely.
fn rank(asset: &str) -> usize {
    if let Some(rank) = QUOTES.iter().position(|quote| *quote == asset) {
        return rank * 2;
    }
    match kind_of_code(asset) {
        Some(CodeKind::Currency) => DOLLAR_COINS * 2 - 1,
        Some(CodeKind::DollarCoin) => COINS * 2 - 1,
        _ => QUOTES.len() * 2,
    }
}

/// Tells whether an asset both comes in and goes out.
fn is_two_way<'p>(postings: impl Iterator<Item = &'p Posting>) -> bool {
    let mut ways: BTreeMap<&str, bool> = BTreeMap::new();
    let mut moved = postings.filter(|it| !it.amount.is_zero());
    moved.any(|it| {
        let is_out = it.amount.is_negative();
        *ways.entry(&it.asset).or_insert(is_out) != is_out
    })
}
