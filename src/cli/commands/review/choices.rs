//! The choices for a symbol that no rule knows, and the likeliest one.

use crate::engine::{AssetClass, CodeKind, Proposal, UnknownInstrument, UnknownWhy, kind_of_code};

/// Returns the choices for a symbol. No rule proposes a contract, so that class is one more.
pub(super) fn choices(unknown: &UnknownInstrument) -> Vec<Proposal> {
    let mut choices = unknown.proposals.clone();
    let is_name = |proposal: &&Proposal| proposal.base == unknown.symbol.as_str();
    let contract = choices.iter().find(is_name).map(|name| Proposal {
        class: AssetClass::Future,
        ..name.clone()
    });
    choices.extend(contract.filter(|_| may_be_future(unknown)));
    choices
}

/// Tells whether nothing says what a symbol is more likely: a contract on a coin, a currency alone,
/// a share whose code a coin has.
pub(super) fn is_open(unknown: &UnknownInstrument) -> bool {
    let is_known = |code: &str| kind_of_code(code).is_some();
    match &unknown.why {
        UnknownWhy::BareCurrency | UnknownWhy::CoinOrShare => true,
        UnknownWhy::UnknownQuote(_) => unknown.proposals.iter().any(|of| is_known(&of.base)),
        UnknownWhy::Resembles(codes) => {
            let symbol = unknown.symbol.as_str();
            let is_coin = |code: &String| kind_of_code(code) == Some(CodeKind::Coin);
            let mut coins = codes.iter().filter(|code| is_coin(code));
            let ends = |code: &String| symbol.ends_with(code.as_str());
            // GBTC is named for what it holds, and so is FETH; BTCPERP is a contract.
            is_likely_name(unknown)
                && !codes.iter().any(ends)
                && coins.any(|code| symbol.starts_with(code.as_str()))
        }
        _ => false,
    }
}

/// Tells whether a symbol may be a contract, which no rule proposes: `BTC-PERP`.
pub(super) fn may_be_future(unknown: &UnknownInstrument) -> bool {
    is_open(unknown) && matches!(unknown.why, UnknownWhy::UnknownQuote(_))
}

/// Tells whether a symbol is more likely a name than a pair.
pub(super) fn is_likely_name(unknown: &UnknownInstrument) -> bool {
    let first = unknown.proposals.first();
    first.is_some_and(|proposal| proposal.class == AssetClass::Security)
}
