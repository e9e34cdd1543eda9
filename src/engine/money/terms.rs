//! What the first units of a trade are worth, by machine words where they hold it.
//!
//! The kernel asks this of each lot and each sell, slice after slice. So what is the same for all
//! slices of a trade is made ready once, and nearly all trades (prices and sizes of 18 digits, fees
//! below nine million USD) need no product beyond two words and no division but by one word.
//! Any other trade takes the way of [`gross`] and [`fee_share`]: both ways give the same amounts.

use super::{
    MoneyError, TRADE_UNITS_LIMIT, USD_SCALE, Units, fee_share, gross, product, within_trade_limit,
};
use crate::engine::fact::Fact;
use crate::engine::number::Usd;

/// A trade's price and fee, ready for its slices.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Terms {
    /// In machine words.
    Words(Words),
    /// In a place of their own, as they are few, and the kernel carries its terms about.
    Facts(Box<(Fact, Option<Fact>)>),
}

/// Price and fee in machine words, at scales made ready.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Words {
    /// A product of this and a number of units has 12 + `excess` decimals.
    price: u64,
    /// Units: USD x 10^-12; zero if unknown.
    fee: i64,
    excess: u8,
}

impl Terms {
    /// Takes the terms of a trade in a pool whose sizes are integers at a scale.
    pub(in crate::engine) fn of(price: Fact, fee: Option<Fact>, scale: u8) -> Self {
        let known = fee.unwrap_or(Fact::ZERO);
        let words = || {
            let (price_units, fee_units) = (price.units(), known.units());
            Words::of(
                (price_units.try_into().ok()?, price.scale()),
                (fee_units.try_into().ok()?, known.scale()),
                scale,
            )
        };
        match words() {
            Some(words) => Self::Words(words),
            None => Self::Facts(Box::new((price, fee))),
        }
    }

    /// Returns [`gross`] and [`fee_share`] of the first `used` of `size` units.
    ///
    /// Units: USD. Rounding: 12 decimals, half to even, once each. Errors: 10^22 USD or more.
    #[inline(always)]
    pub(in crate::engine) fn worth<N: Units>(
        &self,
        used: N,
        size: N,
        scale: u8,
    ) -> Result<(Usd, Usd), MoneyError> {
        match self {
            Self::Words(words) => {
                let worth = |(used, size)| words.worth(used, size);
                match used.word().zip(size.word()).and_then(worth) {
                    Some(worth) => Ok(worth),
                    None => words.worth_beyond(used, size),
                }
            }
            Self::Facts(facts) => {
                let (price, fee) = **facts;
                Ok((gross(price, used, scale)?, fee_share(fee, used, size)?))
            }
        }
    }
}

impl Words {
    /// Takes price and fee, units and scale each. `None`: they don't fit words at their scales.
    #[inline]
    pub(in crate::engine) fn of(price: (u64, u8), fee: (i64, u8), scale: u8) -> Option<Self> {
        let decimals = price.1.checked_add(scale)?;
        let missing = word_power(USD_SCALE.saturating_sub(decimals))?;
        let fee_missing = word_power(USD_SCALE.checked_sub(fee.1)?)?;
        Some(Self {
            price: price.0.checked_mul(missing)?,
            fee: fee.0.checked_mul(i64::try_from(fee_missing).ok()?)?,
            excess: decimals.saturating_sub(USD_SCALE),
        })
    }

    /// `None`: beyond the words, or beyond the limit of a trade.
    #[inline(always)]
    fn worth(&self, used: u64, size: u64) -> Option<(Usd, Usd)> {
        let product = u128::from(self.price).wrapping_mul(u128::from(used));
        let gross = divide_by_power(product, self.excess)?;
        if gross >= TRADE_UNITS_LIMIT.unsigned_abs() {
            return None;
        }
        let fee = if used == size {
            self.fee
        } else {
            let product = u128::from(self.fee.unsigned_abs()).wrapping_mul(u128::from(used));
            let share = divide_by_word(product, size)?;
            // A share of a fee that fits a word fits one.
            let share = i64::try_from(share).ok()?;
            if self.fee < 0 {
                share.wrapping_neg()
            } else {
                share
            }
        };
        let gross = i128::try_from(gross).ok()?;
        Some((Usd::from_units(gross), Usd::from_units(fee.into())))
    }

    /// The same for units beyond a word.
    #[cold]
    fn worth_beyond<N: Units>(&self, used: N, size: N) -> Result<(Usd, Usd), MoneyError> {
        let gross = product(
            self.price.into(),
            used,
            u32::from(USD_SCALE).saturating_add(self.excess.into()),
            USD_SCALE.into(),
        );
        let fee = Fact::of_parts(self.fee.into(), USD_SCALE);
        Ok((
            within_trade_limit(gross)?,
            fee_share(Some(fee), used, size)?,
        ))
    }
}

/// Returns 10^exponent if it fits a machine word.
#[inline]
pub(super) fn word_power(exponent: u8) -> Option<u64> {
    const WORD_POWERS: [u64; 20] = {
        let mut powers = [1_u64; 20];
        let mut exponent = 1;
        while exponent < powers.len() {
            powers[exponent] = powers[exponent - 1] * 10;
            exponent += 1;
        }
        powers
    };
    WORD_POWERS.get(usize::from(exponent)).copied()
}

/// Divides by 10^`exponent`, rounding half to even.
///
/// Up to nine decimals the divisor is known when this is compiled: products in place of divisions.
#[inline]
fn divide_by_power(numerator: u128, exponent: u8) -> Option<u128> {
    match exponent {
        0 => Some(numerator),
        1 => divide_by::<10>(numerator),
        2 => divide_by::<100>(numerator),
        3 => divide_by::<1_000>(numerator),
        4 => divide_by::<10_000>(numerator),
        5 => divide_by::<100_000>(numerator),
        6 => divide_by::<1_000_000>(numerator),
        7 => divide_by::<10_000_000>(numerator),
        8 => divide_by::<100_000_000>(numerator),
        9 => divide_by::<1_000_000_000>(numerator),
        _ => divide_by_word(numerator, word_power(exponent)?),
    }
}

#[inline]
fn divide_by<const DIVISOR: u64>(numerator: u128) -> Option<u128> {
    divide_by_word(numerator, DIVISOR)
}

/// Divides, rounding half to even. `None`: the divisor is zero.
#[inline]
fn divide_by_word(numerator: u128, divisor: u64) -> Option<u128> {
    let (quotient, rest) = if let Ok(numerator) = u64::try_from(numerator) {
        let quotient = numerator.checked_div(divisor)?;
        let rest = numerator.wrapping_sub(quotient.wrapping_mul(divisor));
        (u128::from(quotient), rest)
    } else if numerator >> 96 == 0 && divisor >> 32 == 0 {
        divide_by_half_word(numerator, divisor)?
    } else {
        let divisor = u128::from(divisor);
        let quotient = numerator.checked_div(divisor)?;
        let rest = numerator.wrapping_sub(quotient.wrapping_mul(divisor));
        (quotient, u64::try_from(rest).ok()?)
    };
    let missing = divisor.wrapping_sub(rest);
    let is_up = rest > missing || (rest == missing && quotient & 1 == 1);
    Some(quotient.wrapping_add(is_up.into()))
}

/// Divides 96 bits by 32, as by hand: two machine divisions. Returns quotient and remainder.
#[inline]
fn divide_by_half_word(numerator: u128, divisor: u64) -> Option<(u128, u64)> {
    let high = u64::try_from(numerator >> 32).ok()?;
    let low = numerator as u64 & u64::from(u32::MAX);
    let first = high.checked_div(divisor)?;
    let carried = high.wrapping_sub(first.wrapping_mul(divisor));
    let rest = (carried << 32) | low;
    let second = rest.checked_div(divisor)?;
    let remainder = rest.wrapping_sub(second.wrapping_mul(divisor));
    Some(((u128::from(first) << 32) | u128::from(second), remainder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::money::POWERS;

    fn fact(text: &str) -> Fact {
        Fact::of_plain_text(text.as_bytes()).unwrap()
    }

    /// Numbers that are small, large, round, and at the edges of the machine words.
    fn numbers() -> Vec<u64> {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut numbers = vec![1, 2, 3, 5, 10, 25, u64::MAX, u64::MAX - 1, i64::MAX as u64];
        numbers.extend((0..64).map(|shift| 1_u64 << shift));
        for shift in 0..200 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            numbers.push((random >> (shift % 63)).max(1));
        }
        numbers
    }

    #[test]
    fn words_divide_like_wide_integers() {
        for left in numbers() {
            for right in numbers() {
                let product = u128::from(left) * u128::from(right);
                for exponent in 0..=19 {
                    let divisor = POWERS[usize::from(exponent)].unsigned_abs();
                    let expected = half_even(product, divisor);
                    assert_eq!(
                        divide_by_power(product, exponent),
                        Some(expected),
                        "{product} / 10^{exponent}"
                    );
                }
                for divisor in [1, 3, 7, left, right, left.div_ceil(2), 1 << 33] {
                    let expected = half_even(product, divisor.into());
                    assert_eq!(divide_by_word(product, divisor), Some(expected));
                }
            }
        }
        assert_eq!(divide_by_word(1, 0), None);
        assert_eq!(divide_by_power(1, 20), None);
    }

    fn half_even(numerator: u128, divisor: u128) -> u128 {
        let (quotient, rest) = (numerator / divisor, numerator % divisor);
        // `rest x 2` may leave 128 bits no more than `divisor` may: it has at most 67.
        quotient
            + match (rest * 2).cmp(&divisor) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => quotient & 1,
                std::cmp::Ordering::Greater => 1,
            }
    }

    #[test]
    fn both_ways_give_the_same_amounts() {
        let prices = [
            "0",
            "1",
            "30000.5",
            "0.00000001",
            "184467440737.09551615",
            "0.000000000000000000000001",
            "9999999999999999999999",
            "1234567.12345678",
        ];
        let fees = ["0", "-1.25", "0.00000001", "9223372.036854775807", "1e"];
        let mut words = 0;
        for price in prices {
            for fee in fees {
                let fee = Fact::of_plain_text(fee.as_bytes());
                for scale in [0, 2, 8, 18, 28] {
                    let terms = Terms::of(fact(price), fee, scale);
                    words += u32::from(matches!(terms, Terms::Words(_)));
                    for size in [1_i128, 3, 1_000, 4_294_967_297, i64::MAX.into()] {
                        for used in [1, size / 3, size / 2, size] {
                            let expected = gross(fact(price), used, scale)
                                .and_then(|gross| Ok((gross, fee_share(fee, used, size)?)));
                            assert_eq!(terms.worth(used, size, scale), expected);
                            let (used, size) = (used as i64, size as i64);
                            assert_eq!(terms.worth(used, size, scale), expected);
                        }
                    }
                }
            }
        }
        assert!(words > 50, "{words}");
    }
}
