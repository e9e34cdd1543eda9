//! `lots`: one row for each allocation, with all known facts.

use std::io;
use std::path::Path;

use super::{Done, TaxFile, one};
use crate::report::CsvFile;
use crate::tax::formats::ExportFacts;
use crate::tax::row::{Mark, TaxRow};
use crate::tax::{Rounding, Totals};

/// Columns of the file.
pub const LOTS_HEADER: [&str; 56] = [
    "account",
    "symbol",
    "asset",
    "sell_order_id",
    "buy_order_id",
    "size",
    "buy_time_utc",
    "sell_time_utc",
    "date_acquired",
    "date_sold",
    "days_held",
    "term",
    "part",
    "box",
    "buy_price",
    "sell_price",
    "buy_fee_usd",
    "sell_fee_usd",
    "cost_basis_usd",
    "proceeds_usd",
    "net_proceeds_usd",
    "pnl_usd",
    "printed_proceeds",
    "printed_cost",
    "printed_gain",
    "sell_slice",
    "sell_slices",
    "lot_slice",
    "lot_slices",
    "sell_file",
    "sell_line",
    "sell_source",
    "buy_file",
    "buy_line",
    "buy_source",
    "version",
    "batch_id",
    "timezone",
    "allocation_id",
    "review_item",
    "flags",
    "note",
    "sell_leg",
    "buy_leg",
    "sell_currency",
    "sell_value",
    "sell_rate",
    "sell_fee_currency",
    "sell_fee",
    "sell_fee_rate",
    "buy_currency",
    "buy_value",
    "buy_rate",
    "buy_fee_currency",
    "buy_fee",
    "buy_fee_rate",
];

pub(super) struct LotsFile {
    file: CsvFile,
    rounding: Rounding,
    version: i64,
    zone: String,
}

impl LotsFile {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        Ok(Self {
            file: CsvFile::create(path, facts.if_there, &LOTS_HEADER)?,
            rounding: facts.rules.rounding,
            version: facts.version.version,
            zone: facts.rules.zone_name.clone(),
        })
    }
}

/// Returns the slice's share of the sell's fee; `None` if the fee is unknown.
fn sell_fee(row: &TaxRow) -> Option<crate::engine::Usd> {
    let stored = &row.from.row;
    let share = stored.proceeds_usd.checked_sub(stored.net_proceeds_usd);
    share.ok().filter(|_| !stored.notes.sell_fee_unknown)
}

/// Returns the review item that a marked trade settles, as its order id names it.
fn review_item(row: &TaxRow) -> Option<&str> {
    let is_review = Mark::of(&row.from.buy) == Some(Mark::Review);
    let buy = row.from.row.buy_order_id.as_ref().filter(|_| is_review)?;
    let rest = buy.as_str().strip_prefix("review-")?;
    rest.split('-').next()
}

impl TaxFile for LotsFile {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let (stored, rounding) = (&row.from.row, self.rounding);
        let matched = row.matched.as_ref();
        let printed = |pick: fn(&crate::tax::Amounts) -> i128| {
            matched.map(|matched| rounding.text(pick(&matched.printed)))
        };
        let line = self.file.line();
        line.text(stored.account.as_str())
            .text(stored.symbol.as_str());
        line.text(row.asset.as_str())
            .text(stored.sell_order_id.as_str());
        line.text(stored.buy_order_id.as_ref().map_or("", |id| id.as_str()));
        line.quick(&stored.allocated_size);
        line.quick_optional(stored.buy_time.as_ref())
            .quick(&stored.sell_time);
        line.optional(row.acquired).value(row.sold);
        let days = matched.map(|matched| i64::from(matched.days));
        line.quick_optional(days.as_ref());
        line.text(matched.map_or("", |matched| matched.term.as_str()));
        let form_box = row.form_box();
        line.text(form_box.map_or("", |of| of.part().as_str()));
        line.optional(form_box.map(|of| of.letter));
        line.quick_optional(stored.buy_price.as_ref())
            .quick_optional(stored.sell_price.as_ref());
        line.quick_optional(row.buy_fee.as_ref())
            .quick_optional(sell_fee(row).as_ref());
        line.quick_optional(stored.cost_basis_usd.as_ref())
            .quick(&stored.proceeds_usd);
        line.quick(&stored.net_proceeds_usd)
            .quick_optional(stored.pnl_usd.as_ref());
        line.optional(printed(|amounts| amounts.proceeds));
        line.optional(printed(|amounts| amounts.cost));
        line.optional(printed(|amounts| amounts.gain()));
        let lot = matched.map(|_| row.lot_slice);
        for slice in [Some(row.sell_slice), lot] {
            for number in [slice.map(|slice| slice.number), slice.map(|slice| slice.of)] {
                line.quick_optional(number.map(i64::from).as_ref());
            }
        }
        for origin in [&row.from.sell, &row.from.buy] {
            line.text(origin.file.as_deref().unwrap_or(""));
            line.quick_optional(origin.line.as_ref());
            line.text(origin.source.as_deref().unwrap_or(""));
        }
        line.quick(&self.version).text(&row.from.batch_id);
        line.text(&self.zone).quick(&stored.id);
        line.text(review_item(row).unwrap_or(""));
        let marks = row.codes();
        line.text(&marks.join(";")).quick(&stored.notes);
        let buy_leg = matched.map(|_| stored.buy_leg.as_str());
        line.text(stored.sell_leg.as_str())
            .text(buy_leg.unwrap_or(""));
        for rates in [&row.sell_rates, &row.buy_rates] {
            for (nth, cell) in rates.cells().iter().enumerate() {
                // A currency, then the amount and the rate: of the value, and of the fee.
                match nth % 3 {
                    0 => line.text(cell),
                    _ => line.value(cell),
                };
            }
        }
        self.file.end_row()
    }

    fn finish(self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        Ok(one(self.file.finish()?))
    }
}
