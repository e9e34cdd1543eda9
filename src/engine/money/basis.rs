//! A buy whose size and total basis are known, and no price: an opening lot, a decision.

use rust_decimal::Decimal;

use super::{MoneyError, gross_of_size};
use crate::engine::number::{Fee, Price, Size, Usd};
use crate::engine::policy::USD_SCALE;
use crate::engine::wide;

/// Returns the price and the fee of a buy whose cost is exactly `basis`.
///
/// The price is the basis of one unit, cut at 12 decimals. The fee is the rest. So the whole lot
/// costs the basis to the last digit, and its slices add up to that.
/// Errors: a negative basis; a size of nothing; a price with too many digits.
pub fn price_of_basis(basis: Usd, size: Size) -> Result<(Price, Fee), MoneyError> {
    if basis.is_negative() || size.is_zero() {
        return Err(MoneyError::OutOfRange);
    }
    let quotient = || {
        let one = wide::TEN.checked_pow(size.scale().into())?;
        let units = wide::from_i128(basis.units()).checked_mul(one)?;
        wide::to_i128(units.checked_div(size.units())?)
    };
    let units = quotient().ok_or(MoneyError::OutOfRange)?;
    let price = Decimal::try_from_i128_with_scale(units, u32::from(USD_SCALE));
    let price = price.map_err(|_| MoneyError::OutOfRange)?;
    let price = Price::try_from(price).map_err(|_| MoneyError::OutOfRange)?;
    let rest = basis.checked_sub(gross_of_size(price, size)?)?;
    let fee = rest.to_string().parse();
    Ok((price, fee.map_err(|_| MoneyError::OutOfRange)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fee_share_of_size;

    #[test]
    fn a_lot_costs_its_basis_to_the_last_digit() {
        let cases = [
            ("100", "3", "33.333333333333", "0.000000000001"),
            ("0", "6", "0", "0"),
            ("31.2312", "6", "5.2052", "0"),
            ("0.000000000001", "1000000", "0", "0.000000000001"),
            ("0.01", "0.000000000000000001", "10000000000000000", "0"),
            ("1", "0.3333333333333333333333333333", "3", "0"),
        ];
        for (basis, size, price, fee) in cases {
            let basis_usd: Usd = basis.parse().unwrap();
            let whole: Size = size.parse().unwrap();
            let (found, rest) = price_of_basis(basis_usd, whole).unwrap();
            assert_eq!(
                (found.to_string(), rest.to_string()),
                (price.into(), fee.into())
            );
            let gross = gross_of_size(found, whole).unwrap();
            let share = fee_share_of_size(Some(rest), whole, whole).unwrap();
            assert_eq!(
                gross.checked_add(share),
                Ok(basis_usd),
                "{basis} for {size}"
            );
        }
        let nothing = price_of_basis("1".parse().unwrap(), Size::ZERO);
        assert_eq!(nothing, Err(MoneyError::OutOfRange));
        let negative = price_of_basis("-1".parse().unwrap(), "1".parse().unwrap());
        assert_eq!(negative, Err(MoneyError::OutOfRange));
    }
}
