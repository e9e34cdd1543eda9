//! The gains that a broker states itself, to compare with ours: those of Interactive Brokers' Flex
//! queries, as CSV or XML.
//!
//! Only sells in dollars are taken: a gain in another currency is no gain in dollars.

use super::documents::document;
use super::error::FileError;
use super::table::TableFile;
use crate::engine::SignedAmount;

/// The gain of a sell, as its broker states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GainClaim {
    /// The id of the sell.
    pub order_id: String,
    /// The gain after fees, as the file has it. Units: USD.
    pub pnl_usd: String,
}

/// The gains in a file.
#[derive(Debug, Default)]
pub struct GainClaims {
    /// Order: as in the file.
    pub claims: Vec<GainClaim>,
    /// Sells without a gain in dollars.
    pub others: u64,
}

const BROKEN: FileError = FileError::OtherFormat("a Flex query with a broken row");

/// Reads the gains of a file. `None`: it is no such file.
///
/// Errors: its XML is broken; a row has too few cells.
pub fn gain_claims(bytes: &[u8]) -> Result<Option<GainClaims>, FileError> {
    let document = document(bytes)?;
    let text = document.as_ref().map_or(bytes, |made| made.text.as_bytes());
    let Ok(file) = TableFile::try_new(text) else {
        return Ok(None);
    };
    let Ok(mut table) = file.table() else {
        return Ok(None);
    };
    let (id, gain, side) = ("TransactionID", "FifoPnlRealized", "Buy/Sell");
    let (Some(id), Some(gain), Some(side)) =
        (table.place(id), table.place(gain), table.place(side))
    else {
        return Ok(None);
    };
    let currency = table.place("CurrencyPrimary");
    let (level, class) = (table.place("LevelOfDetail"), table.place("AssetClass"));
    let mut found = GainClaims::default();
    while let Some(row) = table.next_row()? {
        if row.fault.is_some() {
            return Err(BROKEN);
        }
        let is = |place: Option<usize>, word: &str| {
            place.is_none_or(
                |place| matches!(row.cell(place), text if text.is_empty() || text == word),
            )
        };
        if !row.cell(side).eq_ignore_ascii_case("SELL")
            || !is(level, "EXECUTION")
            || !is(class, "STK")
        {
            continue;
        }
        let in_dollars = currency.is_some_and(|place| row.cell(place) == "USD");
        let pnl_usd = row.cell(gain).replace(',', "");
        match in_dollars && !row.cell(id).is_empty() && pnl_usd.parse::<SignedAmount>().is_ok() {
            false => found.others += 1,
            true => found.claims.push(GainClaim {
                order_id: row.cell(id).to_owned(),
                pnl_usd,
            }),
        }
    }
    Ok(Some(found))
}
