use super::*;

#[test]
fn facts_are_read_exactly_and_written_canonically() {
    let cases = [
        ("1.10", "1.1"),
        ("1e-8", "0.00000001"),
        ("1E3", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("00012.500", "12.5"),
        ("0.000", "0"),
        ("1e-28", "0.0000000000000000000000000001"),
        (
            "1234567890123456789012345678",
            "1234567890123456789012345678",
        ),
        ("123456789.123456789", "123456789.123456789"),
        ("10e-29", "0.0000000000000000000000000001"),
    ];
    for (text, canonical) in cases {
        assert_eq!(
            text.parse::<Price>().unwrap().to_string(),
            canonical,
            "{text}"
        );
        assert_eq!(
            text.parse::<Size>().unwrap().to_string(),
            canonical,
            "{text}"
        );
    }
    assert_eq!("-0.0".parse::<Fee>().unwrap().to_string(), "0");
    assert_eq!("-0.020".parse::<Fee>().unwrap().to_string(), "-0.02");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    use NumberError::{Comma, Empty, Negative, NotANumber, TooManyDecimals, TooManyDigits};
    let cases = [
        ("", Empty),
        ("NaN", NotANumber),
        ("Infinity", NotANumber),
        (" 5", NotANumber),
        ("1_000", NotANumber),
        ("0x10", NotANumber),
        (".", NotANumber),
        ("1.2.3", NotANumber),
        ("--1", NotANumber),
        ("1e", NotANumber),
        ("1,234.5", Comma),
        ("0,5", Comma),
        ("12345678901234567890123456789", TooManyDigits(29)),
        ("1e28", TooManyDigits(29)),
        ("1e-29", TooManyDecimals(29)),
        ("1e999999999", TooManyDigits(999_999_999)),
        ("1e-1001", TooManyDecimals(1001)),
        ("1e-2147483648", TooManyDecimals(2_147_483_648)),
        ("-1", Negative),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Price>(), Err(error.clone()), "{text}");
        assert_eq!(text.parse::<Size>(), Err(error), "{text}");
    }
    assert_eq!(Size::try_from(Decimal::MAX), Err(TooManyDigits(29)));
}

#[test]
fn amounts_keep_every_decimal() {
    assert_eq!("0.000000000001".parse::<Usd>().unwrap().units(), 1);
    assert_eq!(Usd::from_units(-1).to_string(), "-0.000000000001");
    assert_eq!(
        "0.0000000000001".parse::<Usd>(),
        Err(NumberError::TooManyDecimals(13))
    );
    assert_eq!(Usd::from_units(1_000_000_000_000).to_string(), "1");
    assert_eq!(
        format!("{:>8}", Usd::from_units(1_500_000_000_000)),
        "     1.5"
    );
}

#[test]
fn sizes_of_different_scales_compare() {
    let size = |text: &str| Size::try_from_wide_text(text).unwrap();
    assert!(size("0.5") > size("0.49999"));
    assert!(size("1e27") > size("0.0000000000000000000000000001"));
    let sum = crate::engine::add_sizes(size("5e48"), size("1e-28")).unwrap();
    assert!(size("6e48") > sum && sum < size("6e48"));
    assert_eq!(
        size("999999999999999999999999999.9999999999999999999999999999").to_string(),
        "999999999999999999999999999.9999999999999999999999999999"
    );
}
