//! Amounts of the first units of a trade, by the second matcher's own arithmetic.

use rust_decimal::Decimal;

use super::Exact;
use crate::engine::number::{Price, UsdPerUnit};
use crate::engine::policy::{FACT_DECIMALS_MAX, FEES_PER_UNIT_SCALE, USD_SCALE};
use crate::engine::trade::Trade;

/// Returns the price, or value / size at 18 decimals, half to even; `None`: it does not fit.
pub(super) fn price_of(trade: &Trade) -> Option<Price> {
    let Some(value) = trade.entry.value else {
        return Some(trade.price);
    };
    let more = FEES_PER_UNIT_SCALE.saturating_sub(USD_SCALE);
    let up = Exact::power(FACT_DECIMALS_MAX.saturating_add(more).into());
    let units = Exact::of_usd(value)
        .times(&up)
        .divided_half_even(&Exact::of_size(trade.size));
    // Zeros at the end are no digits of a price.
    let (mut units, mut scale) = (units.to_i128()?, u32::from(FEES_PER_UNIT_SCALE));
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale.saturating_sub(1));
    }
    let decimal = Decimal::try_from_i128_with_scale(units, scale).ok()?;
    Price::try_from(decimal.normalize()).ok()
}

/// A fraction to multiply with units; the product is rounded once.
struct Factor {
    numerator: Exact,
    denominator: Exact,
}

impl Factor {
    fn times(&self, units: &Exact) -> Exact {
        if self.numerator == Exact::ZERO {
            return Exact::ZERO;
        }
        let product = self.numerator.times(units);
        product.divided_half_even(&self.denominator)
    }
}

/// Amounts of the first units of a trade.
pub(in crate::engine) struct TradeAmounts {
    pub(super) size: Exact,
    /// USD for one unit.
    gross: Factor,
    /// The same of the fee; an unknown fee counts nothing.
    fees: Option<Factor>,
}

impl TradeAmounts {
    /// Reads a trade whose size was read before.
    pub(in crate::engine) fn of(trade: &Trade, size: Exact) -> Self {
        let price = trade.price.as_decimal();
        let usd = u32::from(USD_SCALE);
        let excess = u32::from(FACT_DECIMALS_MAX).saturating_sub(usd);
        let gross = match trade.entry.value {
            Some(value) => Factor {
                numerator: Exact::of_usd(value),
                denominator: size.clone(),
            },
            None => Factor {
                numerator: Exact::of_mantissa(price),
                denominator: Exact::power(price.scale().saturating_add(excess)),
            },
        };
        let fees = trade.fee.map(|fee| {
            let (fee, usd) = (fee.as_decimal(), Exact::power(usd));
            let numerator = Exact::of_mantissa(fee);
            let scale = Exact::power(fee.scale());
            // Of most sizes the fraction can be reduced, which keeps its products short.
            match size.exactly_divided(&usd) {
                Some(size) => Factor {
                    numerator,
                    denominator: size.times(&scale),
                },
                None => Factor {
                    numerator: numerator.times(&usd),
                    denominator: size.times(&scale),
                },
            }
        });
        Self { size, gross, fees }
    }

    /// Returns the value of the first units, before fees.
    ///
    /// Units: USD at 12 decimals. Rounding: half to even, once.
    pub(in crate::engine) fn gross_of_first(&self, units: &Exact) -> Exact {
        self.gross.times(units)
    }

    /// Returns the fees that the first units bear.
    ///
    /// Units: USD at 12 decimals. Rounding: half to even, once.
    pub(in crate::engine) fn fees_of_first(&self, units: &Exact) -> Exact {
        let fees = self.fees.as_ref();
        fees.map_or(Exact::ZERO, |fees| fees.times(units))
    }

    /// Returns fee / size at 18 decimals, half to even; `None`: unknown, or beyond 128 bits.
    pub(super) fn fees_per_unit(&self) -> Option<UsdPerUnit> {
        let more = FEES_PER_UNIT_SCALE.saturating_sub(USD_SCALE);
        let one_unit = FACT_DECIMALS_MAX.saturating_add(more);
        let fees = self.fees.as_ref()?.times(&Exact::power(one_unit.into()));
        fees.to_i128().map(UsdPerUnit::from_units)
    }
}
