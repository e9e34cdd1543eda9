//! Notes of Coinbase: `Bought 2 SOL for 410.5 USDC on SOL-USDC at 205 USDC/SOL`, and
//! `Converted 0.5 ETH to 1,250.75 USDC`.

use crate::engine::SignedAmount;

/// An amount of an asset.
pub(super) struct Amount {
    pub amount: SignedAmount,
    pub asset: String,
}

/// The payment or the proceeds of a trade.
pub(super) struct Exchange {
    /// A purchase has the fee in it, and a sale is without it.
    pub amount: SignedAmount,
    pub asset: String,
    /// Units of this asset for one of the row's.
    pub rate: Option<SignedAmount>,
}

/// Reads the note of a purchase or a sale. `None`: it has no amounts.
pub(super) fn read_note(note: &str) -> Option<Exchange> {
    let mut words = note.split_ascii_whitespace();
    if !matches!(words.next()?, "Bought" | "Sold") {
        return None;
    }
    let _ = (number(words.next()?)?, words.next()?);
    if words.next()? != "for" {
        return None;
    }
    let (amount, asset) = (number(words.next()?)?, code(words.next()?)?);
    let pair = match (words.next(), words.next()) {
        (Some("on"), Some(pair)) => Some(pair),
        _ => None,
    };
    let rate = match (words.next(), words.next(), words.next()) {
        (Some("at"), Some(rate), Some(of)) => Some((number(rate)?, of)),
        _ => None,
    };
    // A note may have its amount in the currency of the account, and another pair.
    let quote = pair
        .and_then(|pair| pair.rsplit_once('-'))
        .map(|(_, quote)| quote);
    match (quote, rate) {
        (Some(quote), Some((rate, of))) if quote == asset => {
            let is_in_quote = of.split('/').next() == Some(quote);
            let rate = is_in_quote.then_some(rate);
            Some(Exchange {
                amount,
                asset,
                rate,
            })
        }
        (Some(quote), _) => Some(Exchange {
            amount,
            asset: code(quote)?,
            rate: None,
        }),
        (None, _) => Some(Exchange {
            amount,
            asset,
            rate: None,
        }),
    }
}

/// Reads the note of a conversion: the asset that went, and what came. `None`: it says neither.
pub(super) fn read_conversion(note: &str) -> Option<(String, Amount)> {
    let mut words = note.split_ascii_whitespace();
    if words.next()? != "Converted" {
        return None;
    }
    let _ = number(words.next()?)?;
    let from = code(words.next()?)?;
    if words.next()? != "to" {
        return None;
    }
    let amount = number(words.next()?)?;
    let asset = code(words.next()?)?;
    words
        .next()
        .is_none()
        .then_some((from, Amount { amount, asset }))
}

/// Reads a number, perhaps with the sign of a currency and commas.
fn number(word: &str) -> Option<SignedAmount> {
    let word = super::plain_number(word);
    let number: SignedAmount = word.parse().ok()?;
    (!number.is_negative()).then_some(number)
}

fn code(word: &str) -> Option<String> {
    let is_code = !word.is_empty() && word.chars().all(char::is_alphanumeric);
    is_code.then(|| word.to_ascii_uppercase())
}
