//! Rows of a database to engine types, the same for every store.
//!
//! A store selects the columns named here, decimals as text and times as microseconds, and lends
//! its row as [`Cells`]. What can't be read is named, never guessed.

mod accounts;
mod actions;
mod imported;
mod movements;
mod rates;

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::{Value, json};

use super::model::{
    EventKind, Exclusion, HistoricalSell, ImportedFile, LoggedEvent, NamedTrade, PoolSummary,
    QueuedItem, ReviewStatus, RunLine, Version, VersionInfo, VersionOrigin, VersionScope,
    VersionStatus, Watermark, parents_of_json,
};
use super::{RowSink, StoreError, StoredRow, UnreadableRow};
use crate::engine::{
    Account, Asset, ClassSource, Entry, Fee, MovedFrom, PlaceInPool, Pool, PoolClass, PoolStatus,
    PoolTotals, Size, StoredAllocation, StoredLot, Symbol, SymbolTotals, Timestamp, Trade,
    WholeLot, policy,
};
pub(super) use accounts::{ACCOUNT, SYNC, TIME_OFFSET, account, sync, time_offset};
pub(super) use actions::{ACTION, action};
pub(super) use imported::{IMPORTED_TRADE, imported_trade};
pub(super) use movements::{
    CAME_AT, LOT_MOVE, MOVEMENT, MOVEMENT_KEY, TRANSFER_DECISION, came_at, lot_move, movement,
    movement_key, movement_of_import, transfer_decision,
};
pub(super) use rates::{RATE, RATE_USED, rate, rate_used, wrong_step};

/// The cells of one row, by position. An error is the text found in place of a value.
pub(super) trait Cells {
    /// Returns a text, or `None` for NULL.
    fn text(&self, index: usize) -> Result<Option<String>, String>;
    /// Returns a text, borrowed if possible.
    fn text_ref(&self, index: usize) -> Result<Option<Cow<'_, str>>, String> {
        Ok(self.text(index)?.map(Cow::Owned))
    }
    /// Returns an integer, or `None` for NULL.
    fn integer(&self, index: usize) -> Result<Option<i64>, String>;
}

/// A row's cells with the names of its columns.
struct Named<'a, C: ?Sized> {
    cells: &'a C,
    columns: &'static str,
}

/// A cell that can't be read: its column and what was found.
type BadCell = (&'static str, String);

impl<'a, C: Cells + ?Sized> Named<'a, C> {
    fn new(cells: &'a C, columns: &'static str) -> Self {
        Self { cells, columns }
    }

    fn column(&self, index: usize) -> &'static str {
        self.columns.split(", ").nth(index).unwrap_or("?")
    }

    fn optional(&self, index: usize) -> Result<Option<String>, BadCell> {
        self.cells
            .text(index)
            .map_err(|found| (self.column(index), found))
    }

    fn text(&self, index: usize) -> Result<String, BadCell> {
        self.optional(index)?
            .ok_or((self.column(index), "NULL".into()))
    }

    fn parse_optional<T: FromStr>(&self, index: usize) -> Result<Option<T>, BadCell> {
        let text = self.cells.text_ref(index);
        let text = text.map_err(|found| (self.column(index), found))?;
        let parse = |text: Cow<'_, str>| {
            let bad = |_| (self.column(index), text.clone().into_owned());
            text.parse().map_err(bad)
        };
        text.map(parse).transpose()
    }

    fn parse<T: FromStr>(&self, index: usize) -> Result<T, BadCell> {
        self.parse_optional(index)?
            .ok_or((self.column(index), "NULL".into()))
    }

    fn size(&self, index: usize) -> Result<Size, BadCell> {
        let text = self.cells.text_ref(index);
        let text = text.map_err(|found| (self.column(index), found))?;
        let text = text.ok_or((self.column(index), "NULL".into()))?;
        Size::try_from_wide_text(&text).map_err(|_| (self.column(index), text.into_owned()))
    }

    /// Returns a name. If the previous row has the same name, the two rows share it.
    fn name<T: FromStr + Clone>(
        &self,
        index: usize,
        last: Option<&T>,
        shown: fn(&T) -> &str,
    ) -> Result<T, BadCell> {
        let text = self.cells.text_ref(index);
        let text = text.map_err(|found| (self.column(index), found))?;
        match last {
            Some(last) if text.as_deref() == Some(shown(last)) => Ok(last.clone()),
            _ => self.parse(index),
        }
    }

    fn optional_integer(&self, index: usize) -> Result<Option<i64>, BadCell> {
        self.cells
            .integer(index)
            .map_err(|found| (self.column(index), found))
    }

    fn integer(&self, index: usize) -> Result<i64, BadCell> {
        let value = self.optional_integer(index)?;
        value.ok_or((self.column(index), "NULL".into()))
    }

    fn count(&self, index: usize) -> Result<u64, BadCell> {
        let value = self.integer(index)?;
        u64::try_from(value).map_err(|_| (self.column(index), value.to_string()))
    }

    fn optional_time(&self, index: usize) -> Result<Option<Timestamp>, BadCell> {
        let micros = self.optional_integer(index)?;
        let convert = |micros: i64| {
            Timestamp::try_from_micros(micros).map_err(|_| (self.column(index), micros.to_string()))
        };
        micros.map(convert).transpose()
    }

    fn time(&self, index: usize) -> Result<Timestamp, BadCell> {
        self.optional_time(index)?
            .ok_or((self.column(index), "NULL".into()))
    }

    fn pool(&self, account: usize, asset: usize) -> Result<Pool, BadCell> {
        Ok(pool(&self.text(account)?, &self.text(asset)?))
    }
}

/// Returns a pool with the stored names, even with names that an import would refuse.
pub(super) fn pool(account: &str, asset: &str) -> Pool {
    Pool::new(
        account
            .parse()
            .unwrap_or_else(|_| Account::unreadable(account)),
        asset.parse().unwrap_or_else(|_| Asset::unreadable(asset)),
    )
}

/// Makes a trade from a row that was looked up. `None`: its side or its time can't be read.
pub(super) fn named_trade(
    (pool, order_id): (Pool, &str),
    side: &str,
    micros: Option<i64>,
    is_voided: bool,
) -> Option<NamedTrade> {
    Some(NamedTrade {
        pool,
        order_id: order_id.to_owned(),
        side: side.parse().ok()?,
        order_time: Timestamp::try_from_micros(micros?).ok()?,
        is_voided,
    })
}

fn in_table(table: &'static str) -> impl Fn(BadCell) -> StoreError {
    move |(column, found)| StoreError::Unreadable {
        table,
        column,
        found,
    }
}

/// The columns that [`allocation`] reads, in order.
pub(super) const ALLOCATION: &str = "id, account, symbol, sell_order_id, buy_order_id, \
    allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
    cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, notes, \
    asset, sell_leg, buy_leg, buy_account, buy_movement, direction";

/// Number of the columns of [`ALLOCATION`].
pub(super) const ALLOCATION_COUNT: usize = 23;

/// Reads a row of `fifo_allocations`.
pub(super) fn allocation(cells: &(impl Cells + ?Sized)) -> StoredRow {
    allocation_after(cells, (None, None))
}

/// Reads a row of `fifo_allocations`, which shares equal names with the row before it.
pub(super) fn allocation_after(
    cells: &(impl Cells + ?Sized),
    last: (Option<&Pool>, Option<&Symbol>),
) -> StoredRow {
    let named = Named::new(cells, ALLOCATION);
    let read = || {
        Ok(StoredAllocation {
            id: named.integer(0)?,
            account: named.name(1, last.0.map(|pool| &pool.account), Account::as_str)?,
            symbol: named.name(2, last.1, Symbol::as_str)?,
            sell_order_id: named.parse(3)?,
            buy_order_id: named.parse_optional(4)?,
            allocated_size: named.size(5)?,
            buy_price: named.parse_optional(6)?,
            sell_price: named.parse_optional(7)?,
            buy_fees_per_unit: named.parse_optional(8)?,
            sell_fees_per_unit: named.parse_optional(9)?,
            cost_basis_usd: named.parse_optional(10)?,
            proceeds_usd: named.parse(11)?,
            net_proceeds_usd: named.parse(12)?,
            pnl_usd: named.parse_optional(13)?,
            buy_time: named.optional_time(14)?,
            sell_time: named.time(15)?,
            notes: named.parse_optional(16)?.unwrap_or_default(),
            asset: named.name(17, last.0.map(|pool| &pool.asset), Asset::as_str)?,
            sell_leg: named.parse_optional(18)?.unwrap_or_default(),
            buy_leg: named.parse_optional(19)?.unwrap_or_default(),
            direction: named.parse_optional(22)?.unwrap_or_default(),
            moved: moved_from(&named, 20)?,
        })
    };
    read().map_err(|(column, found)| unreadable(&named, (17, Some(3)), column, found))
}

fn unreadable(
    named: &Named<'_, impl Cells + ?Sized>,
    (asset, order_id): (usize, Option<usize>),
    column: &'static str,
    found: String,
) -> UnreadableRow {
    let shown = |index: usize| named.optional(index).ok().flatten().unwrap_or_default();
    let sell_order_id = order_id.map(shown).unwrap_or_default();
    UnreadableRow {
        account: shown(1),
        asset: shown(asset),
        sell_order_id,
        column,
        found,
    }
}

/// Passes a row of an export to its sink. Errors: the row can't be read; the sink fails.
pub(super) fn give(row: StoredRow, sink: &mut dyn RowSink) -> Result<(), StoreError> {
    let row = row.map_err(|bad| in_table("fifo_allocations")((bad.column, bad.found)))?;
    sink.take(&row.row()).map_err(|error| StoreError::Database {
        action: "write the export",
        message: error.to_string(),
        source: Some(Box::new(error)),
    })
}

/// The columns that [`imported_file`] reads, in order.
pub(super) const IMPORTED_FILE: &str = "id, name, sha256, rows, imported_at";

/// Reads a row of `imports`.
pub(super) fn imported_file(cells: &dyn Cells) -> Result<ImportedFile, StoreError> {
    let named = Named::new(cells, IMPORTED_FILE);
    let read = || {
        Ok(ImportedFile {
            id: named.integer(0)?,
            name: named.text(1)?,
            sha256: named.text(2)?,
            rows: named.integer(3)?,
            imported_at: Timestamp::try_from_micros(named.integer(4)?).unwrap_or(Timestamp::EPOCH),
        })
    };
    read().map_err(in_table("imports"))
}

/// The columns that [`logged_event`] reads, in order.
pub(super) const LOGGED_EVENT: &str = "event_type, event_time, allocation_version, details";

/// Reads a row of `event_log`. An unreadable cell becomes an empty one: nobody calculates with
/// them. Errors: the kind of event is unknown.
pub(super) fn logged_event(cells: &dyn Cells) -> Result<LoggedEvent, StoreError> {
    let text = |index| cells.text(index).ok().flatten().unwrap_or_default();
    let integer = |index| cells.integer(index).ok().flatten();
    let at = Timestamp::try_from_micros(integer(1).unwrap_or(0));
    let kind = EventKind::from_text(&text(0)).ok_or_else(|| StoreError::Unreadable {
        table: "event_log",
        column: "event_type",
        found: text(0),
    })?;
    Ok(LoggedEvent {
        kind,
        at: at.unwrap_or(Timestamp::EPOCH),
        version: integer(2),
        details: serde_json::from_str(&text(3)).unwrap_or_default(),
    })
}

/// Reads the account that bought a lot and the deposit that brought it, from two columns.
fn moved_from(
    named: &Named<'_, impl Cells + ?Sized>,
    at: usize,
) -> Result<Option<Box<MovedFrom>>, BadCell> {
    let account = named.parse_optional(at)?;
    let Some(movement) = named.parse_optional(at + 1)? else {
        let nothing = |account: Account| Err((named.column(at), account.to_string()));
        return account.map_or(Ok(None), nothing);
    };
    Ok(Some(Box::new(MovedFrom { account, movement })))
}

/// The columns that [`lot_after`] reads, in order.
pub(super) const LOT: &str = "id, account, asset, buy_order_id, remaining_size, \
    remaining_cost_usd, buy_leg, lot_size, lot_value_usd, lot_fee_usd, symbol, direction, \
    buy_account, buy_movement";

/// Reads a row of `fifo_inventory_snapshot`, which shares an equal symbol with the row before it.
pub(super) fn lot_after(
    cells: &impl Cells,
    last: Option<&StoredLot>,
) -> Result<StoredLot, UnreadableRow> {
    let named = Named::new(cells, LOT);
    let read = || {
        Ok(StoredLot {
            buy_order_id: named.parse(3)?,
            remaining_size: named.size(4)?,
            remaining_cost_usd: named.parse(5)?,
            buy_leg: named.parse_optional(6)?.unwrap_or_default(),
            whole: whole_lot(&named, 7)?,
            symbol: named.name(10, last.map(|lot| &lot.symbol), Symbol::as_str)?,
            direction: named.parse_optional(11)?.unwrap_or_default(),
            moved: moved_from(&named, 12)?,
        })
    };
    read().map_err(|(column, found)| unreadable(&named, (2, None), column, found))
}

/// The columns that [`open_lot`] reads, in order.
pub(super) const OPEN_LOT: &str = "buy_order_id, remaining_size, remaining_cost_usd, symbol, \
    buy_leg, lot_size, lot_value_usd, lot_fee_usd, direction, buy_account, buy_movement";

/// Reads an open lot of `fifo_inventory_snapshot`, for an incremental run.
pub(super) fn open_lot(cells: &impl Cells) -> Result<StoredLot, StoreError> {
    let named = Named::new(cells, OPEN_LOT);
    let read = || {
        Ok(StoredLot {
            buy_order_id: named.parse(0)?,
            buy_leg: named.parse_optional(4)?.unwrap_or_default(),
            symbol: named.parse(3)?,
            remaining_size: named.size(1)?,
            remaining_cost_usd: named.parse(2)?,
            whole: whole_lot(&named, 5)?,
            direction: named.parse_optional(8)?.unwrap_or_default(),
            moved: moved_from(&named, 9)?,
        })
    };
    read().map_err(in_table("fifo_inventory_snapshot"))
}

/// Reads size, value and fee of a lot that has them, in three columns from `first` on.
fn whole_lot<C: Cells + ?Sized>(
    named: &Named<'_, C>,
    first: usize,
) -> Result<Option<Box<WholeLot>>, BadCell> {
    if named.optional(first)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Box::new(WholeLot {
        size: named.size(first)?,
        value: named.parse(first + 1)?,
        fee: named.parse_optional(first + 2)?,
    })))
}

/// The columns that [`trade`] reads, in order.
pub(super) const TRADE: &str = "order_id, side, size, price, total_fees_usd, order_time, \
    trade_seq, fee_amount, fee_currency";

/// Reads a row of `eligible_trades` that a version matched, so its facts are those of a plain
/// dollar trade. Its fee may be in the columns of other currencies.
pub(super) fn trade(cells: &impl Cells) -> Result<Trade, StoreError> {
    let named = Named::new(cells, TRADE);
    let read = || {
        Ok(Trade {
            order_id: named.parse(0)?,
            side: named.parse(1)?,
            size: named.parse(2)?,
            price: named.parse(3)?,
            fee: named.parse_optional(4)?.or(fee_in_usd(&named)?),
            order_time: named.time(5)?,
            trade_seq: named.optional_integer(6)?,
            more: None,
            entry: Entry::default(),
        })
    };
    read().map_err(in_table("eligible_trades"))
}

fn fee_in_usd(named: &Named<'_, impl Cells + ?Sized>) -> Result<Option<Fee>, BadCell> {
    let currency: Option<Asset> = named.parse_optional(8)?;
    match currency.is_some_and(|currency| currency.as_str() == policy::USD) {
        true => named.parse_optional(7),
        false => Ok(None),
    }
}

/// The columns that [`summary`] reads, in order.
pub(super) const SUMMARY: &str = "account, asset, status, error, last_order_time, ledger_hash, \
    allocations_hash, trades, buys, sells, allocations, sells_matched, sells_unmatched, \
    buys_used, fees_unknown, open_lots, matched_size, unmatched_size, open_size, cost_basis_usd, \
    proceeds_usd, net_proceeds_usd, pnl_usd, unmatched_proceeds_usd, unmatched_net_proceeds_usd, \
    open_cost_usd, first_sell, last_sell, last_side, last_trade_seq, last_order_id, watermark, \
    first_allocation, last_allocation, buys_by_id, sells_by_id, rebates, rebates_usd, last_leg, \
    legs, symbol, symbols, asset_class, asset_class_source, open_direction";

fn class<C: Cells + ?Sized>(named: &Named<'_, C>) -> Result<Option<PoolClass>, BadCell> {
    let source: Option<ClassSource> = named.parse_optional(43)?;
    let class = named.parse_optional(42)?;
    Ok(source.map(|source| PoolClass { class, source }))
}

/// Reads a row of `fifo_pool_summary`.
pub(super) fn summary(cells: &dyn Cells) -> Result<PoolSummary, StoreError> {
    let named = Named::new(cells, SUMMARY);
    let read = || {
        let (status, watermark) = (named.text(2)?, named.text(31)?);
        let totals = totals(&named)?;
        // A ledger that is not ours may have symbols that an import would refuse.
        let only: Option<String> = named.optional(40)?;
        let symbols = match only.as_deref().map(Symbol::unreadable) {
            Some(only) => vec![SymbolTotals::of_whole(only, &totals)],
            None => symbols(&named.text(41)?).ok_or(("symbols", named.text(41)?))?,
        };
        Ok(PoolSummary {
            symbols,
            class: class(&named)?,
            pool: named.pool(0, 1)?,
            status: PoolStatus::from_text(&status).ok_or(("status", status))?,
            error: named.optional(3)?,
            last: last_order(&named)?,
            watermark: Watermark::from_json(&watermark).ok_or(("watermark", watermark))?,
            first_allocation: named.optional_time(32)?,
            last_allocation: named.optional_time(33)?,
            ledger_hash: named.parse(5)?,
            allocations_hash: named.parse(6)?,
            totals,
        })
    };
    read().map_err(in_table("fifo_pool_summary"))
}

/// Spells the totals of several symbols of a pool.
pub(super) fn symbols_json(symbols: &[SymbolTotals]) -> String {
    let time = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
    let totals = symbols.iter().map(|it| {
        json!({
            "symbol": it.symbol.as_str(), "trades": it.trades, "buys": it.buys,
            "sells": it.sells, "allocations": it.allocations,
            "matched_size": it.matched_size.to_string(), "pnl_usd": it.pnl.to_string(),
            "first_sell": time(it.first_sell), "last_sell": time(it.last_sell),
        })
    });
    Value::Array(totals.collect()).to_string()
}

/// Reads the text of [`symbols_json`]. `None`: the text is of another kind.
fn symbols(text: &str) -> Option<Vec<SymbolTotals>> {
    let read: Vec<Value> = serde_json::from_str(text).ok()?;
    let totals = read.iter().map(|it| {
        let text = |name: &str| it.get(name)?.as_str();
        let count = |name: &str| it.get(name)?.as_u64();
        let time = |name: &str| {
            let micros = it.get(name)?.as_i64()?;
            Timestamp::try_from_micros(micros).ok()
        };
        Some(SymbolTotals {
            symbol: Symbol::unreadable(text("symbol")?),
            trades: count("trades")?,
            buys: count("buys")?,
            sells: count("sells")?,
            allocations: count("allocations")?,
            matched_size: Size::try_from_wide_text(text("matched_size")?).ok()?,
            pnl: text("pnl_usd")?.parse().ok()?,
            first_sell: time("first_sell"),
            last_sell: time("last_sell"),
        })
    });
    totals.collect()
}

fn last_order(named: &Named<'_, impl Cells + ?Sized>) -> Result<Option<PlaceInPool>, BadCell> {
    let Some(order_time) = named.optional_time(4)? else {
        return Ok(None);
    };
    Ok(Some(PlaceInPool {
        order_time,
        side: named.parse(28)?,
        trade_seq: named.optional_integer(29)?,
        order_id: named.text(30)?,
        leg: named.parse_optional(38)?.unwrap_or_default(),
    }))
}

fn totals(named: &Named<'_, impl Cells + ?Sized>) -> Result<PoolTotals, BadCell> {
    Ok(PoolTotals {
        trades: named.count(7)?,
        legs: named.count(39)?,
        buys: named.count(8)?,
        sells: named.count(9)?,
        allocations: named.count(10)?,
        sells_matched: named.count(11)?,
        sells_unmatched: named.count(12)?,
        buys_used: named.count(13)?,
        fees_unknown: named.count(14)?,
        buys_by_id: named.count(34)?,
        sells_by_id: named.count(35)?,
        rebates: named.count(36)?,
        rebates_usd: named.parse(37)?,
        open_lots: named.count(15)?,
        matched_size: named.size(16)?,
        unmatched_size: named.size(17)?,
        open_size: named.size(18)?,
        cost_basis: named.parse(19)?,
        proceeds: named.parse(20)?,
        net_proceeds: named.parse(21)?,
        pnl: named.parse(22)?,
        unmatched_proceeds: named.parse(23)?,
        unmatched_net_proceeds: named.parse(24)?,
        open_cost: named.parse(25)?,
        open_direction: named.parse_optional(44)?.unwrap_or_default(),
        first_sell: named.optional_time(26)?,
        last_sell: named.optional_time(27)?,
    })
}

/// The columns that [`version`] reads, in order.
pub(super) const VERSION: &str = "version, scope, status, origin, ledger_hash, allocations_hash, \
    policy, watermark, engine_version, complete_through, created_at, completed_at, published_at, \
    sealed_at, sealed_reason, rates_hash";

/// Reads a row of `allocation_versions`.
pub(super) fn version(cells: &dyn Cells) -> Result<VersionInfo, StoreError> {
    let named = Named::new(cells, VERSION);
    let read = || {
        let (status, origin, watermark) = (named.text(2)?, named.text(3)?, named.text(7)?);
        Ok(VersionInfo {
            version: named.integer(0)?,
            scope: VersionScope::from_text(named.text(1)?),
            status: VersionStatus::from_text(&status).ok_or(("status", status))?,
            origin: VersionOrigin::from_text(&origin).ok_or(("origin", origin))?,
            ledger_hash: named.parse_optional(4)?,
            allocations_hash: named.parse_optional(5)?,
            rates_hash: named.parse_optional(15)?,
            policy: named.text(6)?,
            watermark: Watermark::from_json(&watermark).ok_or(("watermark", watermark))?,
            engine_version: named.text(8)?,
            complete_through: named.optional_time(9)?,
            created_at: named.time(10)?,
            completed_at: named.optional_time(11)?,
            published_at: named.optional_time(12)?,
            sealed: named.optional_time(13)?.zip(named.optional(14)?),
        })
    };
    read().map_err(in_table("allocation_versions"))
}

/// The columns that [`queued_item`] reads, in order.
pub(super) const QUEUED_ITEM: &str = "id, account, asset, order_id, issue_type, severity, \
    status, description, resolution, created_at, updated_at, resolved_at, resolved_by, \
    allocation_version, details, symbol, leg";

/// Reads a row of `manual_review_queue`.
pub(super) fn queued_item(cells: &dyn Cells) -> Result<QueuedItem, StoreError> {
    let named = Named::new(cells, QUEUED_ITEM);
    let read = || {
        let status = named.text(6)?;
        Ok(QueuedItem {
            id: named.integer(0)?,
            pool: named.pool(1, 2)?,
            order_id: named.text(3)?,
            issue: named.parse(4)?,
            severity: named.parse(5)?,
            status: ReviewStatus::from_text(&status).ok_or(("status", status))?,
            description: named.text(7)?,
            resolution: named.optional(8)?,
            created_at: named.time(9)?,
            updated_at: named.time(10)?,
            resolved_at: named.optional_time(11)?,
            resolved_by: named.optional(12)?,
            version: named.integer(13)? as Version,
            details: named.text(14)?,
            symbol: named.text(15)?,
            leg: named.parse(16)?,
        })
    };
    read().map_err(in_table("manual_review_queue"))
}

/// The columns that [`exclusion`] reads, in order.
pub(super) const EXCLUSION: &str = "account, asset, reason, decided_by, decided_at";

/// Reads a row of `review_exclusions`.
pub(super) fn exclusion(cells: &dyn Cells) -> Result<Exclusion, StoreError> {
    let named = Named::new(cells, EXCLUSION);
    let read = || {
        Ok(Exclusion {
            pool: named.pool(0, 1)?,
            reason: named.text(2)?,
            decided_by: named.text(3)?,
            decided_at: named.time(4)?,
        })
    };
    read().map_err(in_table("review_exclusions"))
}

/// The columns that [`run_line`] reads, in order.
pub(super) const RUN_LINE: &str = "id, status, computation_start, error_message, host, pid";

/// Reads a row of the log of runs, without its counts.
pub(super) fn run_line(cells: &dyn Cells) -> Result<RunLine, StoreError> {
    let named = Named::new(cells, RUN_LINE);
    let read = || {
        let status = named.text(1)?;
        Ok(RunLine {
            id: named.integer(0)?,
            status: VersionStatus::from_text(&status).ok_or(("status", status))?,
            started_at: named.time(2)?,
            error: named.optional(3)?,
            host: named.text(4)?,
            pid: named.integer(5)?,
        })
    };
    read().map_err(in_table("fifo_computation_log"))
}

/// Reads a row of a snapshot of history. An unreadable cell is left out: another system wrote it.
pub(super) fn historical_sell(cells: &dyn Cells) -> Result<HistoricalSell, StoreError> {
    let text = |index: usize| cells.text(index).ok().flatten();
    Ok(HistoricalSell {
        order_id: text(0).unwrap_or_default(),
        parent_id: text(1),
        parent_ids: parents_of_json(text(2).as_deref()),
        pnl_usd: text(3),
        cost_basis: text(4),
        sale_proceeds: text(5),
        net_sale_proceeds: text(6),
        realized_profit: text(7),
        remaining_size: text(8),
        note: text(9),
    })
}
