use super::*;
use crate::engine::wide::I256;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn gross_rounds_once_half_to_even() {
    let cases = [
        ("0.0000000000005", "1", "0"),
        ("0.0000000000015", "1", "0.000000000002"),
        ("0.0000000000025", "1", "0.000000000002"),
        ("0.00000000000250000001", "1", "0.000000000003"),
        ("30000", "0.5", "15000"),
        (
            "0.1234567890123456789012345678",
            "0.1234567890123456789012345678",
            "0.015241578753",
        ),
    ];
    for (price, size, expected) in cases {
        let (price, size): (Price, Size) = (price.parse().unwrap(), size.parse().unwrap());
        let price = Fact::of_price(price);
        let narrow = i128::try_from_size(size, size.scale())
            .map(|units| gross(price, units, size.scale()).unwrap());
        let wide = I256::try_from_size(size, 28).unwrap();
        assert_eq!(
            gross(price, wide, 28),
            Ok(usd(expected)),
            "{price:?} x {size}"
        );
        assert_eq!(narrow, Some(usd(expected)), "{price:?} x {size}");
    }
}

#[test]
fn every_way_to_divide_gives_the_same() {
    let numerators = [
        0,
        1,
        9_999,
        10_000,
        u128::from(u64::MAX),
        1 << 64,
        (1 << 96) - 1,
        1 << 96,
    ];
    let numerators = numerators
        .into_iter()
        .flat_map(|n| [n, n + 1, n + 4_999, n + 5_000]);
    for numerator in numerators {
        for denominator in [
            1,
            2,
            3,
            10_000,
            u128::from(u32::MAX),
            1 << 32,
            1 << 64,
            10_u128.pow(20),
        ] {
            let (quotient, rest) = (numerator / denominator, numerator % denominator);
            let is_up = rest * 2 > denominator || (rest * 2 == denominator && quotient % 2 == 1);
            let expected = quotient + u128::from(is_up);
            let found = divide_magnitudes(numerator, denominator);
            assert_eq!(found, Some(expected), "{numerator} / {denominator}");
        }
    }
    assert_eq!(divide_magnitudes(1, 0), None);
}

#[test]
fn fee_shares_of_a_rebate_round_like_a_fee() {
    let share = |fee: &str, part: i128, whole: i128| {
        fee_share(Some(Fact::of_fee(fee.parse().unwrap())), part, whole)
            .unwrap()
            .to_string()
    };
    assert_eq!(share("0.10", 1, 3), "0.033333333333");
    assert_eq!(share("0.10", 2, 3), "0.066666666667");
    assert_eq!(share("-0.10", 2, 3), "-0.066666666667");
    assert_eq!(share("0.000000000001", 1, 2), "0");
    assert_eq!(share("0.000000000003", 1, 2), "0.000000000002");
    assert_eq!(share("-0.000000000003", 1, 2), "-0.000000000002");
    assert_eq!(fee_share(None, 1_i64, 2), Ok(Usd::ZERO));
}

#[test]
fn what_is_too_large_is_an_error() {
    let price = Fact::of_price("1e20".parse().unwrap());
    assert_eq!(gross(price, 100_i128, 0), Err(MoneyError::TradeTooLarge));
    assert!(gross(price, 99_i128, 0).is_ok());
    let huge = Usd::try_from_dollars(POOL_USD_LIMIT - 1).unwrap();
    assert_eq!(
        add_to_pool_total(huge, usd("1")),
        Err(MoneyError::PoolTooLarge)
    );
}

#[test]
fn per_unit_fee_that_does_not_fit_is_none() {
    let facts = |fee: &str, size: &str| {
        let (fee, size) = (fee.parse().unwrap(), size.parse().unwrap());
        (Fact::of_fee(fee), Fact::try_of_size(size).unwrap())
    };
    let (fee, size) = facts("0.1", "3");
    assert_eq!(
        fees_per_unit(fee, size).unwrap().to_string(),
        "0.033333333333333333"
    );
    let (fee, size) = facts("1000", "1e-28");
    assert_eq!(fees_per_unit(fee, size), None);
}

#[test]
fn fees_per_unit_by_a_word_are_those_of_long_numbers() {
    let fact = |text: &str| Fact::of_plain_text(text.as_bytes()).unwrap();
    let fees = [
        "0",
        "1",
        "-1",
        "0.1",
        "-0.000000000000000001",
        "1.52282135",
        "-922337203685.4775807",
        "0.5000000000000000005",
        "0.0000000000000000000000000005",
        "9999999999999999999999",
    ];
    let sizes = [
        "1",
        "2",
        "3",
        "0.24556462",
        "622.96996353",
        "0.000000000000000002",
        "42.94967296",
        "18446744073709551615",
        "18446744073709551616",
        "0.0000000000000000000000000001",
    ];
    let mut found = 0;
    for fee in fees {
        for size in sizes {
            let (fee, size) = (fact(fee), fact(size));
            let whole = POWERS[usize::from(size.scale())];
            let expected = share(fee, whole, size.units(), FEES_PER_UNIT_SCALE);
            let per_unit = fees_per_unit(fee, size).map(UsdPerUnit::units);
            assert_eq!(per_unit, expected, "{fee:?} {size:?}");
            found += u32::from(expected.is_some());
        }
    }
    assert!(found > 70, "{found}");
}

#[test]
fn cents_round_half_away_from_zero() {
    let cases = [
        ("0.005", 1),
        ("0.0049999", 0),
        ("-0.005", -1),
        ("-0.0049", 0),
        ("12.345", 1235),
    ];
    for (text, cents) in cases {
        assert_eq!(usd(text).to_cents(), cents, "{text}");
    }
}

#[test]
fn sizes_beyond_both_trades_digits_are_exact() {
    let (large, small): (Size, Size) = ("1e27".parse().unwrap(), "1e-28".parse().unwrap());
    let rest = sub_sizes(large, small).unwrap();
    assert_eq!(
        rest.to_string(),
        "999999999999999999999999999.9999999999999999999999999999"
    );
    assert_eq!(add_sizes(rest, small), Ok(large));
    assert_eq!(sub_sizes(small, large), Err(MoneyError::OutOfRange));
}
