//! Encodes a version's rows for binary COPY.

use super::binary::{
    push_bytes, push_decimal, push_i64, push_null, push_numeric, push_size, push_time,
};
use crate::engine::{
    Account, AllocationRow, Fact, MovedFrom, OpenLot, Pool, Price, Timestamp, TradeRef, Usd,
    UsdPerUnit, policy,
};
use crate::store::model::VersionPlan;
use crate::store::rows::{RowChunk, RowEncoder};

/// Number of columns of an allocation, in the order of [`ALLOCATION_COLUMNS`].
const ALLOCATION_COUNT: i16 = 26;

pub(super) const ALLOCATION_COLUMNS: &str = "id, account, sell_order_id, buy_order_id, symbol, \
    allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
    cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, notes, \
    asset, sell_leg, buy_leg, buy_account, buy_movement, direction, allocation_time, \
    allocation_version, allocation_batch_id";

/// Number of columns of a lot, in the order of [`LOT_COLUMNS`].
const LOT_COUNT: i16 = 16;

pub(super) const LOT_COLUMNS: &str = "id, symbol, buy_order_id, remaining_size, account, \
    remaining_cost_usd, asset, buy_leg, lot_size, lot_value_usd, lot_fee_usd, direction, \
    buy_account, buy_movement, \
    snapshot_time, allocation_version";

/// Bytes of a row's id, after the number of columns and the length of the id.
const ID: std::ops::Range<usize> = 6..14;

/// Encodes the rows of one version.
pub(super) struct PostgresRows {
    /// Encoded columns that all rows share: time, version, batch.
    allocation_tail: Vec<u8>,
    lot_tail: Vec<u8>,
}

impl PostgresRows {
    pub(super) fn new(plan: &VersionPlan) -> Self {
        let mut lot_tail = Vec::new();
        push_time(&mut lot_tail, plan.allocation_time);
        push_i64(&mut lot_tail, plan.version);
        let mut allocation_tail = lot_tail.clone();
        let batch = plan.batch_id.parse::<uuid::Uuid>().unwrap_or_default();
        push_bytes(&mut allocation_tail, batch.as_bytes());
        Self {
            allocation_tail,
            lot_tail,
        }
    }
}

fn begin(chunk: &mut RowChunk, columns: i16) -> &mut Vec<u8> {
    let out = chunk.begin();
    out.extend_from_slice(&columns.to_be_bytes());
    push_i64(out, 0);
    out
}

/// Writes ids into the rows of a chunk. Returns the next id.
pub(super) fn number(chunk: &mut RowChunk, first: i64) -> i64 {
    let mut id = first;
    for start in &chunk.starts {
        if let Some(place) = chunk.bytes.get_mut(start + ID.start..start + ID.end) {
            place.copy_from_slice(&id.to_be_bytes());
        }
        id += 1;
    }
    id
}

fn optional<T>(out: &mut Vec<u8>, value: Option<T>, push: impl Fn(&mut Vec<u8>, T)) {
    match value {
        Some(value) => push(out, value),
        None => push_null(out),
    }
}

fn text(out: &mut Vec<u8>, text: Option<&str>) {
    optional(out, text, |out, text| push_bytes(out, text.as_bytes()));
}

/// Appends the account that bought a lot, and the deposit that brought it.
fn moved(out: &mut Vec<u8>, moved: Option<&MovedFrom>) {
    let account = moved.and_then(|moved| moved.account.as_ref());
    text(out, account.map(Account::as_str));
    text(out, moved.map(|moved| moved.movement.as_str()));
}

fn fact(out: &mut Vec<u8>, fact: Fact) {
    push_numeric(out, fact.units(), fact.scale());
}

fn price(out: &mut Vec<u8>, price: Price) {
    push_decimal(out, price.as_decimal());
}

fn usd(out: &mut Vec<u8>, amount: Usd) {
    push_numeric(out, amount.units(), policy::USD_SCALE);
}

fn per_unit(out: &mut Vec<u8>, amount: UsdPerUnit) {
    push_numeric(out, amount.units(), policy::FEES_PER_UNIT_SCALE);
}

fn time(out: &mut Vec<u8>, time: Timestamp) {
    push_time(out, time);
}

impl RowEncoder for PostgresRows {
    fn allocation(&self, row: &AllocationRow<'_>, chunk: &mut RowChunk) {
        let out = begin(chunk, ALLOCATION_COUNT);
        push_bytes(out, row.account.as_bytes());
        push_bytes(out, row.sell_order_id.as_bytes());
        text(out, row.buy_order_id);
        push_bytes(out, row.symbol.as_bytes());
        push_size(out, row.allocated_size);
        optional(out, row.buy_price, price);
        optional(out, row.sell_price, price);
        optional(out, row.buy_fees_per_unit, per_unit);
        optional(out, row.sell_fees_per_unit, per_unit);
        optional(out, row.cost_basis_usd, usd);
        usd(out, row.proceeds_usd);
        usd(out, row.net_proceeds_usd);
        optional(out, row.pnl_usd, usd);
        optional(out, row.buy_time, time);
        time(out, row.sell_time);
        let notes = (!row.notes.is_empty()).then(|| row.notes.to_string());
        text(out, notes.as_deref());
        push_bytes(out, row.asset.as_bytes());
        text(out, row.sell_leg.stored());
        text(out, row.buy_leg.stored());
        moved(out, row.moved);
        text(out, row.direction.stored());
        out.extend_from_slice(&self.allocation_tail);
    }

    fn lot(&self, pool: &Pool, buy: &TradeRef<'_>, lot: &OpenLot, chunk: &mut RowChunk) {
        let out = begin(chunk, LOT_COUNT);
        push_bytes(out, pool.symbol_of(buy.symbol).as_bytes());
        push_bytes(out, buy.order_id.as_bytes());
        push_size(out, lot.remaining_size);
        push_bytes(out, pool.account.as_str().as_bytes());
        usd(out, lot.remaining_cost);
        push_bytes(out, pool.asset.as_str().as_bytes());
        text(out, buy.leg.stored());
        optional(out, buy.value.map(|_| buy.size), fact);
        optional(out, buy.value, usd);
        optional(out, buy.fee.filter(|_| buy.value.is_some()), fact);
        text(out, buy.side.opens().stored());
        moved(out, buy.moved.map(|moved| &**moved));
        out.extend_from_slice(&self.lot_tail);
    }
}
