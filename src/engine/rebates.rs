//! Negative fees: rebates, or a broker that writes costs as negative numbers.

use super::fact::Fact;
use super::money::{MoneyError, add_to_pool_total, rebate_of};
use super::number::Usd;
use super::trade::Trade;

/// The signs of the fees of some trades.
///
/// ```
/// use fifo_pnl::engine::FeeSigns;
/// let mut fees = FeeSigns::default();
/// assert!(!fees.all_are_rebates());
/// fees.merge(&FeeSigns { rebates: 2, ..FeeSigns::default() });
/// assert!(fees.all_are_rebates());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeSigns {
    /// Fees above zero.
    pub costs: u64,
    /// Fees below zero.
    pub rebates: u64,
    /// Sum of the rebates. Units: USD, above zero. Rounding: each once, half to even.
    pub rebates_usd: Usd,
}

impl Default for FeeSigns {
    fn default() -> Self {
        Self {
            costs: 0,
            rebates: 0,
            rebates_usd: Usd::ZERO,
        }
    }
}

impl FeeSigns {
    /// Counts a trade's fee. Errors: the sum is too large for an amount; nothing was added.
    pub fn try_add(&mut self, trade: &Trade) -> Result<(), MoneyError> {
        let Some(fee) = trade.fee else {
            return Ok(());
        };
        let fee = Fact::of_fee(fee);
        match rebate_of(fee)? {
            Some(rebate) => {
                self.rebates_usd = add_to_pool_total(self.rebates_usd, rebate)?;
                self.rebates = self.rebates.saturating_add(1);
            }
            None if fee.units() > 0 => self.costs = self.costs.saturating_add(1),
            None => {}
        }
        Ok(())
    }

    /// Adds the counts and the sum of another part of the trades.
    pub fn merge(&mut self, other: &Self) {
        self.costs = self.costs.saturating_add(other.costs);
        self.rebates = self.rebates.saturating_add(other.rebates);
        let units = self.rebates_usd.units();
        self.rebates_usd = Usd::from_units(units.saturating_add(other.rebates_usd.units()));
    }

    /// Tells whether there are rebates and no costs.
    pub fn all_are_rebates(&self) -> bool {
        self.rebates > 0 && self.costs == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::trade::TradeText;
    use super::*;

    #[test]
    fn fees_below_zero_are_rebates_and_zero_is_neither() {
        let mut fees = FeeSigns::default();
        for fee in [
            Some("-0.5"),
            None,
            Some("0"),
            Some("-13.7"),
            Some("-0.0000000000005"),
        ] {
            let trade = Trade::try_from_text(&TradeText {
                order_id: "A-1",
                side: "sell",
                size: "3",
                price: "10",
                fee,
                order_time_micros: Some(0),
                trade_seq: None,
                more: None,
            });
            fees.try_add(&trade.unwrap()).unwrap();
        }
        // The last one rounds to zero: half to even.
        assert_eq!((fees.costs, fees.rebates), (0, 3));
        assert_eq!(fees.rebates_usd.to_string(), "14.2");
        assert!(fees.all_are_rebates());
        fees.merge(&FeeSigns { costs: 1, ..fees });
        assert_eq!(
            (fees.rebates, fees.rebates_usd.to_string()),
            (6, "28.4".to_owned())
        );
        assert!(!fees.all_are_rebates());
    }
}
