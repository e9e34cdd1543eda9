//! A trade: one execution as reported. The rules for a valid one, and the one total order.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::fact::Fact;
use super::facts::{MoreFacts, MoreRef, MoreText};
use super::ids::{OrderId, Symbol, check_text};
use super::issue::IssueType;
use super::leg::{Entry, Leg};
use super::money::{self, MoneyError, Terms, Units};
use super::number::{Fee, NumberError, Price, Size, Usd};
use super::origin::MovedFrom;
use super::place::PlaceInPool;
use super::policy::{STATUSES_EXECUTED, STATUSES_NEVER_EXECUTED};
use super::rates::MissingRate;
use super::side::Side;
use super::text::shown;
use super::time::{Timestamp, show_far_time};

/// One execution of a pool, never changed once stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Unique in the account.
    pub order_id: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// Units: base units, above zero.
    pub size: Size,
    /// Units: USD a base unit, zero or more.
    pub price: Price,
    /// Units: USD for the whole trade; negative is a rebate; `None` is unknown.
    pub fee: Option<Fee>,
    /// When it was executed.
    pub order_time: Timestamp,
    /// The venue's own sequence, to order executions of one microsecond.
    pub trade_seq: Option<i64>,
    /// More facts: assets, class, value in other money. `None`: a plain dollar trade.
    pub more: Option<Arc<MoreFacts>>,
    /// How the execution enters the pool. The price is not read if there is a value.
    pub entry: Entry,
}

/// The end of the reason of a trade that is right, and that this version can't compute.
pub const NOT_COMPUTED: &str = "are not computed yet";

/// A row that is not a trade, or a number that does not fit: which order, which column, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}: {}", leg.record(), shown(order_id).quoted(), self.fault())]
pub struct InvalidTrade {
    /// The id as the ledger has it.
    pub order_id: String,
    /// `Income` or `Network` for a movement: the id is that of the movement.
    pub leg: Leg,
    /// The column at fault.
    pub column: &'static str,
    /// The value found, and why it is not accepted.
    pub reason: Box<str>,
    /// `InvalidTrade`; `MissingFx` for a trade whose value in USD is unknown.
    pub issue: IssueType,
    /// The symbol of the row, if it is not the name of its pool.
    pub symbol: Option<Box<Symbol>>,
    /// The rates without which the value is unknown.
    pub missing: Box<[MissingRate]>,
}

impl InvalidTrade {
    /// Describes the fault without the id.
    pub fn fault(&self) -> String {
        let (column, reason) = (self.column, &self.reason);
        match (self.leg, self.issue) {
            (Leg::Income, IssueType::MissingFx) => format!("it {reason}"),
            (Leg::Network, IssueType::MissingFx) => format!("the network fee {reason}"),
            _ => format!("{column} {reason}"),
        }
    }

    /// Names the row and the column at fault.
    pub(super) fn of(
        order_id: impl Into<String>,
        column: &'static str,
        reason: impl Into<Box<str>>,
    ) -> Self {
        Self {
            order_id: order_id.into(),
            leg: Leg::Base,
            column,
            reason: reason.into(),
            issue: IssueType::InvalidTrade,
            symbol: None,
            missing: Box::default(),
        }
    }

    /// Names the trade at which an amount left its range.
    pub(super) fn does_not_fit(order_id: &str, error: MoneyError) -> Self {
        Self::of(order_id, "size", format!("can't be matched: {error}"))
    }
}

/// A trade's facts as text, the way a ledger or a file holds them.
#[derive(Clone, Copy)]
pub struct TradeText<'a> {
    /// Unique in the account.
    pub order_id: &'a str,
    /// `buy` or `sell`.
    pub side: &'a str,
    /// Decimal text.
    pub size: &'a str,
    /// Decimal text.
    pub price: &'a str,
    /// Decimal text; `None` is unknown.
    pub fee: Option<&'a str>,
    /// Microseconds since 1970; `i64::MAX` is infinity, `i64::MIN` -infinity; `None` is missing.
    pub order_time_micros: Option<i64>,
    /// The venue's own sequence.
    pub trade_seq: Option<i64>,
    /// More facts. `None`: the row has none.
    pub more: Option<&'a MoreText<'a>>,
}

/// The hash of a ledger with a row that is not a trade covers this text.
impl fmt::Debug for TradeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("TradeText");
        text.field("order_id", &self.order_id)
            .field("side", &self.side)
            .field("size", &self.size)
            .field("price", &self.price)
            .field("fee", &self.fee)
            .field("order_time_micros", &self.order_time_micros)
            .field("trade_seq", &self.trade_seq);
        if let Some(more) = self.more {
            text.field("more", &more.0);
        }
        text.finish()
    }
}

impl Trade {
    /// Tells the trade and its lot from all others of the pool.
    pub fn entry_key(&self) -> EntryKey<'_> {
        let entry = &self.entry;
        (self.order_id.as_str(), entry.leg, entry.moved.as_deref())
    }

    /// Reads a trade. Errors: the first column that is not valid.
    pub fn try_from_text(text: &TradeText<'_>) -> Result<Self, InvalidTrade> {
        let missing = |column| InvalidTrade::of(text.order_id, column, "is missing");
        let invalid = |column, found: &str, reason: &dyn fmt::Display| match found {
            "" => missing(column),
            found => InvalidTrade::of(
                text.order_id.to_owned(),
                column,
                format!("is {}: it {reason}", shown(found).quoted()),
            ),
        };
        let order_id = text
            .order_id
            .parse()
            .map_err(|e| invalid("order_id", text.order_id, &e))?;
        let side = text
            .side
            .parse()
            .map_err(|e| invalid("side", text.side, &e))?;
        let size = text
            .size
            .parse()
            .map_err(|e| invalid("size", text.size, &e))?;
        let price = text
            .price
            .parse()
            .map_err(|e| invalid("price", text.price, &e))?;
        let fee = text
            .fee
            .map(|fee| fee.parse().map_err(|e| invalid("total_fees_usd", fee, &e)))
            .transpose()?;
        let (more, fee_in_usd) = read_more(text)?;
        let fee = fee.or(fee_in_usd);
        let micros = text.order_time_micros;
        let order_time =
            micros
                .ok_or_else(|| missing("order_time"))
                .and_then(|micros| match micros {
                    i64::MAX => Err(invalid("order_time", "infinity", &"is not finite")),
                    i64::MIN => Err(invalid("order_time", "-infinity", &"is not finite")),
                    _ => Timestamp::try_from_micros(micros)
                        .map_err(|e| invalid("order_time", &show_far_time(micros), &e)),
                })?;
        let trade_seq = text.trade_seq;
        let trade = Self {
            order_id,
            side,
            size,
            price,
            fee,
            order_time,
            trade_seq,
            more,
            entry: Entry::default(),
        };
        trade.check()?;
        Ok(trade)
    }

    /// Checks rules that no single number can show: a size above zero, amounts within the limits.
    ///
    /// Errors: the column at fault.
    pub fn check(&self) -> Result<(), InvalidTrade> {
        let facts = TradeRef::try_of(self)
            .map_err(|error| InvalidTrade::of(self.order_id.as_str(), "size", error.to_string()))?;
        facts.check()
    }

    /// Returns the value of the first `used` units, without fees.
    ///
    /// Units: USD. Rounding: 12 decimals, half to even, once. Errors: 10^22 USD or more.
    pub fn gross_of_first(&self, used: Size) -> Result<Usd, MoneyError> {
        match self.entry.value {
            Some(value) => money::value_share_of_size(value, used, self.size),
            None => money::gross_of_size(self.price, used),
        }
    }

    /// Returns the trade's place in the total order in which a pool's trades are matched.
    pub fn place(&self) -> PlaceInPool<&str> {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side,
            trade_seq: self.trade_seq,
            order_id: self.order_id.as_str(),
            leg: self.entry.leg,
        }
    }

    /// Compares [places](Self::place), to sort by.
    pub fn cmp_in_pool(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// Reads the more facts of a row, and the fee if they state it in dollars.
fn read_more(text: &TradeText<'_>) -> Result<(Option<Arc<MoreFacts>>, Option<Fee>), InvalidTrade> {
    let Some(more) = text.more else {
        return Ok((None, None));
    };
    let read = MoreFacts::try_of(more, text.fee.is_some());
    let (facts, fee) = read.map_err(|fault| {
        InvalidTrade::of(
            text.order_id.to_owned(),
            fault.column,
            fault.why.reason(more.of(fault.column)),
        )
    })?;
    Ok((facts.map(Arc::new), fee))
}

/// A view of a trade: the id is borrowed, the numbers are integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeRef<'a> {
    /// Unique in the account.
    pub order_id: &'a str,
    /// Buy or sell.
    pub side: Side,
    /// Units: base units, above zero.
    pub size: Fact,
    /// Units: USD a base unit, zero or more.
    pub price: Fact,
    /// Units: USD for the whole trade; negative is a rebate; `None` is unknown.
    pub fee: Option<Fact>,
    /// When it was executed.
    pub order_time: Timestamp,
    /// The venue's own sequence, to order executions of one microsecond.
    pub trade_seq: Option<i64>,
    /// More facts. `None`: a plain dollar trade.
    pub more: Option<MoreRef<'a>>,
    /// The trade's symbol; `None` if the pool's name is the symbol.
    pub symbol: Option<&'a str>,
    /// The leg of the execution.
    pub leg: Leg,
    /// Value of all units without fees, if it is not price x size. Units: USD.
    pub value: Option<Usd>,
    /// The origin of the lot. `None`: it is a trade of the pool itself.
    pub moved: Option<&'a Arc<MovedFrom>>,
}

/// The id of a trade, its leg, and the origin of its lot.
pub type EntryKey<'a> = (&'a str, Leg, Option<&'a MovedFrom>);

impl<'a> TradeRef<'a> {
    /// Returns the numbers that the kernel needs: the trade's size at the pool's scale, and its
    /// terms.
    pub(super) fn terms<N: Units>(&self, scale: u8) -> Option<(N, Terms)> {
        let size = N::try_from_fact(self.size, scale)?;
        let terms = match self.value {
            Some(value) => Terms::of_value(value, self.fee),
            None => Terms::of(self.price, self.fee, scale),
        };
        Some((size, terms))
    }

    /// Makes a view of a trade. Errors: its size has more digits than a trade's may.
    pub fn try_of(trade: &'a Trade) -> Result<Self, NumberError> {
        Ok(Self {
            order_id: trade.order_id.as_str(),
            side: trade.side,
            size: Fact::try_of_size(trade.size)?,
            price: Fact::of_price(trade.price),
            fee: trade.fee.map(Fact::of_fee),
            order_time: trade.order_time,
            trade_seq: trade.trade_seq,
            more: trade.more.as_deref().map(MoreRef::All),
            symbol: trade.entry.symbol.as_ref().map(Symbol::as_str),
            leg: trade.entry.leg,
            value: trade.entry.value,
            moved: trade.entry.moved.as_ref(),
        })
    }

    /// Returns the trade with an id of its own. Errors: a number that no trade can have.
    pub fn to_trade(self) -> Result<Trade, NumberError> {
        Ok(Trade {
            order_id: OrderId::unreadable(self.order_id),
            side: self.side,
            size: self.size.to_size()?,
            price: self.price.to_price()?,
            fee: self.fee.map(Fact::to_fee),
            order_time: self.order_time,
            trade_seq: self.trade_seq,
            more: self.more.map(|more| Arc::new(more.to_facts())),
            entry: Entry {
                symbol: self.symbol.map(Symbol::unreadable),
                leg: self.leg,
                value: self.value,
                moved: self.moved.map(Arc::clone),
            },
        })
    }

    /// Checks a row whose numbers were read without text: its id and its signs, and
    /// [`check`](Self::check).
    ///
    /// Errors: the column at fault.
    pub(super) fn check_row(&self) -> Result<(), InvalidTrade> {
        let invalid = |column, reason: String| InvalidTrade::of(self.order_id, column, reason);
        check_text(self.order_id).map_err(|error| invalid("order_id", error.to_string()))?;
        if self.size.units() < 0 || self.price.units() < 0 {
            return Err(invalid("size", "or price is negative".into()));
        }
        self.check()
    }

    /// Checks rules that no single number can show: a size above zero, amounts within the limits.
    ///
    /// Errors: the column at fault.
    pub fn check(&self) -> Result<(), InvalidTrade> {
        let invalid = |column, reason| InvalidTrade::of(self.order_id, column, reason);
        if self.size.units() == 0 {
            let reason = "is \"0\", expected a number above zero";
            return Err(invalid("size", reason.into()));
        }
        money::check_limits(self.size, self.price, self.fee, self.value)
            .map_err(|(column, error)| invalid(column, format!("is too large: {error}")))
    }

    /// Tells the trade and its lot from all others of the pool.
    pub(super) fn entry_key(&self) -> EntryKey<'a> {
        (self.order_id, self.leg, self.moved.map(|moved| &**moved))
    }

    /// Returns the trade's place in the total order in which a pool's trades are matched.
    pub fn place(&self) -> PlaceInPool<&'a str> {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side,
            trade_seq: self.trade_seq,
            order_id: self.order_id,
            leg: self.leg,
        }
    }
}

/// Tells whether a status is one of an order that executed, in whole or in part. An empty one says
/// nothing, as an absent one does.
pub fn is_executed(status: &str) -> bool {
    let mut executed = STATUSES_EXECUTED.iter();
    status.is_empty() || executed.any(|known| known.eq_ignore_ascii_case(status))
}

/// Tells whether a status says that the order never executed. `None` and all other texts count as
/// executed.
pub fn is_never_executed(status: Option<&str>) -> bool {
    let status = status.map(str::to_ascii_lowercase);
    status.is_some_and(|status| STATUSES_NEVER_EXECUTED.contains(&status.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: TradeText<'static> = TradeText {
        order_id: "A-1",
        side: "buy",
        size: "1.50",
        price: "10",
        fee: None,
        order_time_micros: Some(0),
        trade_seq: None,
        more: None,
    };

    #[test]
    fn every_column_is_refused_by_name() {
        let long = "9".repeat(30);
        let texts = [
            ("order_id", ""),
            ("side", "BUY!"),
            ("size", "0"),
            ("size", "-1"),
            ("size", &long),
            ("price", "NaN"),
            ("price", "1e22"),
            ("total_fees_usd", "-1e22"),
            ("total_fees_usd", ""),
        ];
        for (column, value) in texts {
            let mut text = GOOD;
            match column {
                "order_id" => text.order_id = value,
                "side" => text.side = value,
                "size" => text.size = value,
                "price" => text.price = value,
                _ => text.fee = Some(value),
            }
            let error = Trade::try_from_text(&text).unwrap_err();
            assert_eq!(error.column, column, "{text:?}");
        }
        let times = [
            (None, "order \"A-1\": order_time is missing"),
            (
                Some(i64::MAX),
                "order \"A-1\": order_time is \"infinity\": it is not finite",
            ),
            (
                Some(i64::MIN),
                "order \"A-1\": order_time is \"-infinity\": it is not finite",
            ),
            (
                Some(i64::MAX - 1),
                "order \"A-1\": order_time is \"+294247-01-10T04:00:54.775806Z\": it is outside \
                 the years 0001 to 9999",
            ),
            (
                Some(-63_517_824_000_000_000),
                "order \"A-1\": order_time is \"-000043-03-15T00:00:00Z\": it is outside the years \
                 0001 to 9999",
            ),
        ];
        for (order_time_micros, message) in times {
            let text = TradeText {
                order_time_micros,
                ..GOOD
            };
            let error = Trade::try_from_text(&text).unwrap_err();
            assert_eq!(error.column, "order_time");
            assert_eq!(error.to_string(), message);
        }
        let missing = TradeText { size: "", ..GOOD };
        let error = Trade::try_from_text(&missing).unwrap_err();
        assert_eq!(error.to_string(), "order \"A-1\": size is missing");
        let error = Trade::try_from_text(&TradeText { size: "-1", ..GOOD }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "order \"A-1\": size is \"-1\": it is negative"
        );
    }

    #[test]
    fn statuses() {
        assert!(is_never_executed(Some("Cancelled")));
        assert!(!is_never_executed(Some("filled")));
        assert!(!is_never_executed(None));
    }
}
