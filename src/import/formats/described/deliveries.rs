//! Refused rows of options that brought or took shares.

use super::{Described, Texts};
use crate::engine::{Symbol, Timestamp};
use crate::import::columns::Column;
use crate::import::deliveries::Delivery;
use crate::import::formats::layout::Refused;
use crate::import::formats::made_texts::{GluedUnits, cell, placed, with_class};
use crate::import::formats::template::{fold, is_named};
use crate::import::formats::{Record, RowOutcome};
use crate::import::reading::Reading;
use crate::import::rejected::RejectedRow;
use crate::import::times::read_order_time;

impl Described {
    /// Returns the outcome of a refused row: it may name shares that came or went by its option.
    pub(super) fn refused_row(
        &self,
        row: Box<RejectedRow>,
        record: &Record<'_, '_>,
        reading: &Reading<'_>,
    ) -> RowOutcome {
        let mut all = self.refused.iter();
        let refused = all.find(|(place, it)| it.refuses(cell(record.cells, *place)));
        let shares = refused.and_then(|(_, it)| self.shares_of(it, record, reading));
        match shares {
            None => RowOutcome::Rejected(row),
            Some((symbol, at)) => {
                let row = *row;
                RowOutcome::Delivery(Box::new(Delivery { row, symbol, at }))
            }
        }
    }

    fn shares_of(
        &self,
        refused: &Refused,
        record: &Record<'_, '_>,
        reading: &Reading<'_>,
    ) -> Option<(Symbol, Timestamp)> {
        let place = |name: &str| {
            let wanted = fold(name);
            self.folded.iter().position(|it| is_named(&wanted, it))
        };
        let parts = placed(refused.shares.as_deref()?, place, &[])?;
        let units = GluedUnits {
            layout: self.layout,
            symbol: "",
            base: "",
            quote: "",
        };
        let symbol = with_class(units.joined(&parts, record.cells)?);
        let mut made = self.made.iter();
        let made = made.find(|it| it.column == Column::OrderTime)?;
        let time = self.text(made, record.cells, &Texts::default()).ok()?;
        let zone = self.zone.of(reading.options);
        let at = read_order_time(&time, zone, reading.options.now).ok()?;
        Some((symbol.parse().ok()?, at))
    }
}
