//! Names of columns that may hold the currency of a price or of a fee.

/// Names without blanks and marks, in small letters. "currency" and "ccy" count anywhere in a name.
const NAMES: [&str; 12] = [
    "quote",
    "quoteasset",
    "quotecoin",
    "quoteunit",
    "priceunit",
    "priceasset",
    "pricein",
    "feeasset",
    "feecoin",
    "feeunit",
    "commissionasset",
    "curr",
];

/// Tells whether the name of a column says that it may hold a currency. Such a column is never
/// ignored in silence: its prices would be read as dollars.
pub fn may_name_currency(column: &str) -> bool {
    let name: String = column.chars().filter(|c| c.is_alphanumeric()).collect();
    let name = name.to_lowercase();
    name.contains("currency") || name.contains("ccy") || NAMES.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_currencies_are_known_in_any_spelling() {
        for name in [
            "Currency",
            "settle_ccy",
            "quoteAsset",
            "Fee Coin",
            "price_in",
            "curr",
        ] {
            assert!(may_name_currency(name), "{name}");
        }
        for name in ["quoted_at", "current", "price", "fee", "asset", "coin"] {
            assert!(!may_name_currency(name), "{name}");
        }
    }
}
