//! Conversions of Coinbase: one row, whose note has the other asset, or two rows of one id.

use super::notes::{Conversion, read_conversion};
use super::sums::is_sum;
use super::{CellFault, DOLLARS, FEES, NOTES, SUBTOTALS, TOTALS, Transaction, asset_of};
use crate::engine::SignedAmount;
use crate::import::formats::joined::{Posting, RowMeaning, RowSays, TradeId};
use crate::import::rejected::Fault;

const NO_SUM: &str = "expected the sum of subtotal and fees, or their difference";

impl Transaction<'_> {
    /// Reads a conversion: one row, whose note has the other asset, or one of two rows.
    pub(super) fn conversion(&self) -> Result<RowSays, CellFault> {
        self.check_value()?;
        self.check_total()?;
        let usd = self.usd_value()?.map(SignedAmount::size);
        let posting = |asset: &str, amount| Posting {
            usd_value: usd,
            ..Posting::of(&asset_of(asset), amount)
        };
        let note = read_conversion(self.cells.text(NOTES));
        if let Some(note) = &note {
            note.check(self.asset, self.quantity)?;
        }
        let postings = match note {
            Some(Conversion { from, to }) if from.is_of(self.asset) => {
                let to = to.amount;
                let both = [(self.asset, self.moved(true)), (&*to.asset, to.amount)];
                // The value of this row is that of what was sold, with the spread in it.
                let both = both.map(|(asset, amount)| Posting {
                    usd_value: usd.filter(|_| !DOLLARS.contains(&asset)),
                    ..posting(asset, amount)
                });
                both.to_vec()
            }
            // The row of the other asset has both amounts. This one has the value of the trade.
            Some(Conversion { from, .. }) => {
                let sold = asset_of(&from.amount.asset);
                let valued = [self.asset, &*sold].map(|it| posting(it, SignedAmount::ZERO));
                let is_sold_dollar = DOLLARS.contains(&&*sold);
                let valued = valued.into_iter().take(if is_sold_dollar { 1 } else { 2 });
                valued.collect()
            }
            None if self.id.is_empty() => {
                return Err((NOTES, Fault::new("expected what was converted to what")));
            }
            None => vec![posting(self.asset, self.quantity)],
        };
        let meaning = match self.id {
            "" => RowMeaning::Whole(TradeId::Made),
            id => RowMeaning::Part {
                key: id.to_owned(),
                id: self.trade_id(),
            },
        };
        Ok(RowSays {
            id: String::new(),
            meaning,
            postings,
        })
    }

    /// Checks that the total is the subtotal with the fees, or without them: the rows of what went
    /// and of what came differ, and so do the signs of fees.
    fn check_total(&self) -> Result<(), CellFault> {
        let (value, total) = (self.sum(&SUBTOTALS)?, self.sum(&TOTALS)?);
        let fee = self.sum(&FEES)?.unwrap_or(SignedAmount::ZERO);
        let Some((value, total)) = value.zip(total) else {
            return Ok(());
        };
        let totals = [total, total.negated()];
        let is_either = |total: &SignedAmount| {
            is_sum(value, fee, *total) || is_sum(value, fee.negated(), *total)
        };
        match totals.iter().any(is_either) {
            true => Ok(()),
            false => Err(("Subtotal", Fault::new(NO_SUM))),
        }
    }
}
