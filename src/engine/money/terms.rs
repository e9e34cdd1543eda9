//! The cumulative amounts of a trade's first units, in machine words if they fit.
//!
//! The kernel needs these amounts for each slice of each lot and each sell. So it prepares once the
//! values that all slices of a trade share. Nearly all trades then need no product beyond two
//! words, and divide only by one word: those with prices and sizes of 18 digits, and fees below
//! nine million USD. For any other trade, [`gross`] and [`fee_share`] compute the amounts. The
//! results are the same.

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
    /// As facts, for the few trades that do not fit words. The box keeps `Terms` small.
    Facts(Box<(Fact, Option<Fact>)>),
    /// The value of all units, which the units share like a fee, and the fee.
    Value(Box<(Fact, Option<Fact>)>),
}

/// Price and fee in machine words, at the scales that the slices need.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Words {
    /// The price times a number of units has 12 + `excess` decimals.
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

    /// Takes the terms of an entry whose value is known as a whole.
    pub(in crate::engine) fn of_value(value: Usd, fee: Option<Fact>) -> Self {
        let value = Fact::of_parts(value.units(), USD_SCALE);
        Self::Value(Box::new((value, fee)))
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
                if let (Some(used), Some(size)) = (used.word(), size.word())
                    && let Some(worth) = words.worth(used, size)
                {
                    return Ok(worth);
                }
                words.worth_beyond(used, size)
            }
            Self::Facts(facts) => {
                let (price, fee) = **facts;
                Ok((gross(price, used, scale)?, fee_share(fee, used, size)?))
            }
            Self::Value(facts) => {
                let (value, fee) = **facts;
                let gross = fee_share(Some(value), used, size)?;
                Ok((gross, fee_share(fee, used, size)?))
            }
        }
    }
}

impl Words {
    /// Makes words of price and fee, each as units and scale. `None`: a number does not fit a word
    /// once it has 12 decimals, or the fee has more than 12.
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
        let gross = divide_by_power(product, self.excess);
        if gross >= TRADE_UNITS_LIMIT.unsigned_abs() {
            return None;
        }
        let fee = if used == size {
            self.fee
        } else {
            let product = u128::from(self.fee.unsigned_abs()).wrapping_mul(u128::from(used));
            let share = divide_by_word(product, size);
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

    /// Does the same as `worth` for units that do not fit a word.
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

/// The result of a division that is not possible: more than any amount.
const BEYOND: u128 = u128::MAX;

/// A power of ten below 2^32, and 2^64 divided by it, rounded down.
#[derive(Clone, Copy)]
struct Reciprocal {
    divisor: u64,
    inverse: u64,
}

/// The powers from 10^1 on. A product, and at most one correction, in place of a division, and the
/// same steps for each power. A walk over all allocations took 67 ns a trade, and takes 57.
const RECIPROCALS: [Reciprocal; 9] = {
    let mut powers = [Reciprocal {
        divisor: 10,
        inverse: u64::MAX / 10,
    }; 9];
    let mut at = 1;
    while at < powers.len() {
        let divisor = powers[at - 1].divisor * 10;
        // No power of ten divides 2^64, so this is 2^64 / divisor, too.
        powers[at] = Reciprocal {
            divisor,
            inverse: u64::MAX / divisor,
        };
        at += 1;
    }
    powers
};

impl Reciprocal {
    /// Returns quotient and remainder.
    ///
    /// The inverse is too small by less than one, so the first quotient is by one at most.
    #[inline(always)]
    fn divide(self, numerator: u64) -> (u64, u64) {
        let product = u128::from(numerator).wrapping_mul(self.inverse.into());
        let quotient = (product >> 64) as u64;
        let rest = numerator.wrapping_sub(quotient.wrapping_mul(self.divisor));
        if rest >= self.divisor {
            (quotient.wrapping_add(1), rest.wrapping_sub(self.divisor))
        } else {
            (quotient, rest)
        }
    }
}

/// Divides by 10^`exponent`, rounding half to even. [`BEYOND`]: no word holds the power.
#[inline(always)]
fn divide_by_power(numerator: u128, exponent: u8) -> u128 {
    let Some(below) = usize::from(exponent).checked_sub(1) else {
        return numerator;
    };
    match RECIPROCALS.get(below) {
        Some(power) if numerator >> 96 == 0 => {
            let (first, carried) = power.divide((numerator >> 32) as u64);
            let low = numerator as u64 & u64::from(u32::MAX);
            let (second, rest) = power.divide((carried << 32) | low);
            let quotient = (u128::from(first) << 32).wrapping_add(second.into());
            rounded(quotient, rest, power.divisor)
        }
        _ => divide_by_large_power(numerator, exponent),
    }
}

#[cold]
fn divide_by_large_power(numerator: u128, exponent: u8) -> u128 {
    divide_by_word(numerator, word_power(exponent).unwrap_or(0))
}

/// Rounds a quotient half to even.
///
/// Without a branch: half of all quotients go up, and no processor guesses which. With one, a row
/// with all its columns took 73 ns a trade; it takes 55.
#[inline(always)]
fn rounded(quotient: u128, rest: u64, divisor: u64) -> u128 {
    let missing = divisor.wrapping_sub(rest);
    let is_up = (rest > missing) | ((rest == missing) & (quotient & 1 == 1));
    quotient.wrapping_add(is_up.into())
}

/// Divides, rounding half to even. [`BEYOND`]: the divisor is zero.
#[inline(always)]
pub(super) fn divide_by_word(numerator: u128, divisor: u64) -> u128 {
    if let Ok(numerator) = u64::try_from(numerator) {
        let Some(quotient) = numerator.checked_div(divisor) else {
            return BEYOND;
        };
        let rest = numerator.wrapping_sub(quotient.wrapping_mul(divisor));
        return rounded(quotient.into(), rest, divisor);
    }
    // As by hand, in two machine divisions: the second digit has the bits that the divisor leaves
    // free in a word.
    let digit = divisor.leading_zeros();
    let high = numerator.wrapping_shr(digit);
    if high >> 64 != 0 || divisor == 0 {
        return divide_large(numerator, divisor);
    }
    let high = high as u64;
    let first = high.checked_div(divisor).unwrap_or_default();
    let carried = high.wrapping_sub(first.wrapping_mul(divisor));
    let low = numerator as u64 & 1_u64.wrapping_shl(digit).wrapping_sub(1);
    let rest = carried.wrapping_shl(digit) | low;
    let second = rest.checked_div(divisor).unwrap_or_default();
    let rest = rest.wrapping_sub(second.wrapping_mul(divisor));
    let quotient = u128::from(first).wrapping_shl(digit) | u128::from(second);
    rounded(quotient, rest, divisor)
}

#[cold]
fn divide_large(numerator: u128, divisor: u64) -> u128 {
    let Some(quotient) = numerator.checked_div(divisor.into()) else {
        return BEYOND;
    };
    // The remainder is below the divisor, so its low word is all of it.
    let product = (quotient as u64).wrapping_mul(divisor);
    let rest = (numerator as u64).wrapping_sub(product);
    rounded(quotient, rest, divisor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::money::POWERS;

    fn fact(text: &str) -> Fact {
        Fact::of_plain_text(text.as_bytes()).unwrap()
    }

    /// Numbers to test: small, large, random, powers of two, and the limits of `u64` and `i64`.
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
                        expected,
                        "{product} / 10^{exponent}"
                    );
                }
                for divisor in [1, 3, 7, left, right, left.div_ceil(2), 1 << 33] {
                    let expected = half_even(product, divisor.into());
                    assert_eq!(divide_by_word(product, divisor), expected);
                }
            }
        }
        for numerator in [1, u128::from(u64::MAX) + 1, u128::MAX] {
            assert_eq!(divide_by_word(numerator, 0), BEYOND);
            assert_eq!(divide_by_power(numerator, 20), BEYOND);
        }
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
