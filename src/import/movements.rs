//! Reads the texts of a movement's columns, or finds the one at fault.

use jiff::tz::TimeZone;

use super::bounds::kept;
use super::faults::{SIZE_EXPECTED, id_fault, number_fault, symbol_fault};
use super::hints::{Counts, is_rounded_id};
use super::reading::Reading;
use super::rejected::{Fault, Hint};
use super::times::read_order_time;
use crate::engine::{Asset, Direction, Fee, Movement, MovementKind, Size, Worth};

/// A column of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MovementColumn {
    Account,
    MovementId,
    Asset,
    Direction,
    Size,
    Fee,
    FeeAsset,
    UsdValue,
    MovedAt,
    SettledAt,
    TxId,
}

/// The columns with their names, in order.
pub(super) const MOVEMENT_COLUMNS: [(MovementColumn, &str); 11] = [
    (MovementColumn::Account, "account"),
    (MovementColumn::MovementId, "movement_id"),
    (MovementColumn::Asset, "asset"),
    (MovementColumn::Direction, "direction"),
    (MovementColumn::Size, "size"),
    (MovementColumn::Fee, "fee"),
    (MovementColumn::FeeAsset, "fee_asset"),
    (MovementColumn::UsdValue, "usd_value"),
    (MovementColumn::MovedAt, "moved_at"),
    (MovementColumn::SettledAt, "settled_at"),
    (MovementColumn::TxId, "tx_id"),
];

/// A text at fault: its column, and the fault.
pub(super) type FaultyText = (MovementColumn, Fault);

/// Reads a movement. `text` gives the text of a column; an empty one says nothing.
///
/// Errors: the first column at fault.
pub(super) fn read_movement<'t>(
    kind: MovementKind,
    text: impl Fn(MovementColumn) -> &'t str,
    (reading, zone): (&mut Reading<'_>, Option<&TimeZone>),
    (exchange, import_line): (&str, u64),
) -> Result<Movement, FaultyText> {
    let now = reading.options.now;
    let bad = |column| move |fault| (column, fault);
    let id = text(MovementColumn::MovementId);
    if is_rounded_id(id) {
        let fault = Fault::new("expected the id of the movement, not a rounded number");
        return Err((MovementColumn::MovementId, fault.with_hint(Hint::RoundedId)));
    }
    let movement_id = id
        .parse()
        .map_err(|error| (MovementColumn::MovementId, id_fault(&error)))?;
    let account = reading
        .account(text(MovementColumn::Account))
        .map_err(|error| (MovementColumn::Account, id_fault(&error)))?;
    let asset = asset(text(MovementColumn::Asset)).map_err(bad(MovementColumn::Asset))?;
    let moved_at = text(MovementColumn::MovedAt);
    let moved_at = read_order_time(moved_at, zone, now).map_err(bad(MovementColumn::MovedAt))?;
    let settled_at = given(text(MovementColumn::SettledAt));
    let settled_at = settled_at.map(|text| read_order_time(text, zone, now));
    Ok(Movement {
        account,
        movement_id,
        direction: direction(kind, text(MovementColumn::Direction))
            .map_err(bad(MovementColumn::Direction))?,
        size: size(text(MovementColumn::Size)).map_err(bad(MovementColumn::Size))?,
        fee: fee(
            text(MovementColumn::Fee),
            text(MovementColumn::FeeAsset),
            &asset,
        )?,
        asset,
        usd_value: value(text(MovementColumn::UsdValue)).map_err(bad(MovementColumn::UsdValue))?,
        kind,
        moved_at,
        settled_at: settled_at
            .transpose()
            .map_err(bad(MovementColumn::SettledAt))?,
        tx_id: given(text(MovementColumn::TxId)).map(kept),
        exchange: given(exchange).map(str::to_owned),
        import_line,
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn asset(text: &str) -> Result<Asset, Fault> {
    text.parse().map_err(|error| symbol_fault(&error))
}

/// Reads the way of a movement. Most kinds have one way, so that the column may be empty. A source
/// may state the other way: interest that was paid, or a dividend that was paid back.
fn direction(kind: MovementKind, text: &str) -> Result<Direction, Fault> {
    let is_fixed = matches!(kind, MovementKind::Deposit | MovementKind::Withdrawal);
    match (kind.direction(), given(text)) {
        (Some(direction), None) => Ok(direction),
        (of_kind, Some(text)) => match text.to_ascii_lowercase().parse() {
            Ok(direction) if is_fixed && of_kind != Some(direction) => Err(Fault::new(format!(
                "expected the way of a row of kind {kind}"
            ))),
            Ok(direction) => Ok(direction),
            Err(_) => Err(Fault::new("expected \"in\" or \"out\"")),
        },
        (None, None) => Err(Fault::new("expected \"in\" or \"out\"")),
    }
}

fn size(text: &str) -> Result<Size, Fault> {
    match text.parse::<Size>() {
        Ok(size) if size.is_zero() => Err(Fault::new(SIZE_EXPECTED)),
        Ok(size) => Ok(size),
        Err(error) => Err(number_fault(&error, SIZE_EXPECTED, text, Counts::Units)),
    }
}

/// Reads the fee. An empty text is an unknown fee; a fee of zero may name no asset.
fn fee(text: &str, fee_asset: &str, moved: &Asset) -> Result<Option<(Fee, Asset)>, FaultyText> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let fee: Fee = text.parse().map_err(|error| {
        let fault = number_fault(&error, "expected a number", text, Counts::Units);
        (MovementColumn::Fee, fault)
    })?;
    let named = match given(fee_asset) {
        Some(text) => asset(text),
        None if fee == Fee::ZERO => Ok(moved.clone()),
        None => Err(Fault::new("expected the asset of the fee")),
    };
    let named = named.map_err(|fault| (MovementColumn::FeeAsset, fault))?;
    Ok(Some((fee, named)))
}

fn value(text: &str) -> Result<Option<Worth>, Fault> {
    let read = |text: &str| {
        text.parse().map_err(|error| {
            let expected = "expected a number, zero or more";
            number_fault(&error, expected, text, Counts::Dollars)
        })
    };
    given(text).map(read).transpose()
}
