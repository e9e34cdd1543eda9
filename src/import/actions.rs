//! Reads the texts of an action's columns, or finds the one at fault.

use jiff::tz::TimeZone;

use super::faults::{SIZE_EXPECTED, id_fault, number_fault, symbol_fault};
use super::hints::Counts;
use super::reading::Reading;
use super::rejected::Fault;
use super::times::read_order_time;
use crate::engine::{ActionKind, ActionRatio, Asset, AssetAction, OrderId};

/// The columns of an action that a format makes.
pub(super) const ACTION_COLUMNS: [&str; 8] = [
    "account",
    "asset",
    "happened_at",
    "ratio_new",
    "ratio_old",
    "units",
    "other_asset",
    "basis_share",
];

/// Reads an action. `text` gives the text of a column; an empty one says nothing. `id` makes the id
/// of its facts.
///
/// Errors: the first column at fault.
pub(super) fn read_action<'t>(
    kind: ActionKind,
    text: impl Fn(&str) -> &'t str,
    (reading, zone): (&mut Reading<'_>, Option<&TimeZone>),
    (exchange, import_line): (&str, u64),
    id: impl Fn(&AssetAction) -> Option<OrderId>,
) -> Result<AssetAction, (&'static str, Fault)> {
    let given = |column: &'static str| Some(text(column)).filter(|text| !text.is_empty());
    let account = reading.account(text("account"));
    let account = account.map_err(|error| ("account", id_fault(&error)))?;
    let asset = |column: &'static str, text: &str| -> Result<Asset, (&'static str, Fault)> {
        text.parse().map_err(|error| (column, symbol_fault(&error)))
    };
    let happened_at = read_order_time(text("happened_at"), zone, reading.options.now);
    let ratio = match (given("ratio_new"), given("ratio_old")) {
        (None, None) => None,
        (new, old) => {
            let (new, old) = (new.unwrap_or_default(), old.unwrap_or_default());
            let fault = || {
                let is_whole = ActionRatio::try_read(new, "1").is_some();
                let column = if is_whole { "ratio_old" } else { "ratio_new" };
                (
                    column,
                    Fault::new("expected a ratio of whole numbers above zero"),
                )
            };
            Some(ActionRatio::try_read(new, old).ok_or_else(fault)?)
        }
    };
    let units = given("units").map(|text| match text.parse() {
        Ok(units) => Ok(units),
        Err(error) => Err(number_fault(&error, SIZE_EXPECTED, text, Counts::Units)),
    });
    let share = given("basis_share").map(|text| {
        let expected = "expected a number from 0 to 1";
        text.parse()
            .map_err(|error| number_fault(&error, expected, text, Counts::Units))
    });
    let other = given("other_asset").map(|text| asset("other_asset", text));
    let mut action = AssetAction {
        account: Some(account),
        // The id follows from the facts.
        action_id: "made"
            .parse()
            .map_err(|error| ("asset", id_fault(&error)))?,
        kind,
        asset: asset("asset", text("asset"))?,
        happened_at: happened_at.map_err(|fault| ("happened_at", fault))?,
        ratio,
        units: units.transpose().map_err(|fault| ("units", fault))?,
        other_asset: other.transpose()?,
        basis_share: share.transpose().map_err(|fault| ("basis_share", fault))?,
        exchange: Some(exchange.to_owned()),
        import_line,
        voids: None,
        note: None,
        moved_at: None,
    };
    if action.units.is_some_and(|units| units.is_zero()) {
        return Err(("units", Fault::new(SIZE_EXPECTED)));
    }
    action
        .check()
        .map_err(|(column, expected)| (column, Fault::new(expected)))?;
    if let Some(id) = id(&action) {
        action.action_id = id;
    }
    Ok(action)
}
