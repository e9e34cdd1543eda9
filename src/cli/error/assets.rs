//! The words for a symbol that no rule knows: what it may be, and the settings that say so.

use crate::engine::{Proposal, UnknownInstrument, UnknownWhy};

/// Returns the case in which a proposal is the right one.
pub fn proposal_words(unknown: &UnknownInstrument, proposal: &Proposal, config: &str) -> String {
    let (symbol, Proposal { base, quote, class }) = (&unknown.symbol, proposal);
    let what = match base == symbol.as_str() {
        true => format!("{symbol} is one asset ({class}), and its prices are in {quote}"),
        false => format!("{symbol} is {base} ({class}), priced in {quote}"),
    };
    format!("if {what}: add these lines to {config}")
}

/// Returns the case in which the trade's own columns say it best.
pub fn columns_words(unknown: &UnknownInstrument) -> &'static str {
    match unknown.why {
        UnknownWhy::SameAsset(_) => {
            "the symbol is wrong: import the trades again, with the symbol that is traded"
        }
        _ => {
            "import the trades again, with the columns base_asset and quote_currency: they come \
             before any setting"
        }
    }
}

/// Returns the case in which an account holds shares alone.
pub fn tickers_words(account: &str, config: &str) -> String {
    format!(
        "or the account {account} holds shares alone, all priced in USD: add these lines to \
         {config}"
    )
}
