//! Names that the ledger does not have: refused before anything is written, with the nearest one.

use serde_json::Value;

use super::context::{PipelineError, PipelineResult};
use crate::engine::Pool;
use crate::store::Store;
use crate::store::model::Scope;

/// One letter in so many may be wrong, missing, too many or swapped.
const LETTERS_A_SLIP: usize = 4;

/// Names in a hint; a ledger may have thousands.
const NAMES_SHOWN: usize = 5;

/// Lists the pools of the ledger. `None`: this one is not counted without being read whole.
///
/// Errors: the store fails.
pub async fn known_pools(store: &dyn Store) -> PipelineResult<Option<Vec<Pool>>> {
    let sizes = store.pool_sizes(&Scope::default()).await?;
    Ok(sizes.map(|sizes| sizes.rows.into_keys().collect()))
}

/// Checks that the ledger has the account and the symbols of a scope: another one is a typing
/// error, not an empty result.
///
/// Errors: it lacks one; the store fails.
pub async fn check_scope(store: &dyn Store, scope: &Scope) -> PipelineResult<()> {
    if scope.is_all() {
        return Ok(());
    }
    let known = match known_pools(store).await? {
        Some(known) => known,
        None => {
            let read = store.read_ledger(&Scope::default(), None).await?;
            read.pools.into_keys().collect()
        }
    };
    if let Some(account) = &scope.account
        && !known.iter().any(|pool| pool.account == *account)
    {
        let accounts = known.iter().map(|pool| pool.account.as_str());
        return Err(unknown("account", account.as_str(), accounts));
    }
    let in_account = |pool: &&Pool| scope.account.as_ref().is_none_or(|it| *it == pool.account);
    let known: Vec<&Pool> = known.iter().filter(in_account).collect();
    for symbol in &scope.symbols {
        if !known.iter().any(|pool| pool.symbol == *symbol) {
            let symbols = known.iter().map(|pool| pool.symbol.as_str());
            return Err(unknown("symbol", symbol.as_str(), symbols));
        }
    }
    Ok(())
}

/// Returns the error of a name that is not among the known ones.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> PipelineError {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    PipelineError::Usage {
        message: format!("the ledger has no trades of {what} \"{name}\""),
        hint: nearest(name, &known),
    }
}

/// Says which name may be meant, or which there are.
fn nearest(name: &str, known: &[&str]) -> String {
    let folded = name.to_lowercase();
    let slips = |other: &str| strsim::damerau_levenshtein(&folded, &other.to_lowercase());
    let slips_max = folded.chars().count().div_ceil(LETTERS_A_SLIP);
    let is_begun = |other: &str| other.to_lowercase().starts_with(&folded);
    let near = known.iter().map(|other| (slips(other), other));
    let near = near.filter(|(slips, other)| *slips <= slips_max || is_begun(other));
    if let Some((_, other)) = near.min() {
        return format!("did you mean \"{other}\"?");
    }
    let shown: Vec<&str> = known.iter().take(NAMES_SHOWN).copied().collect();
    match (shown.is_empty(), known.len() - shown.len()) {
        (true, _) => "the ledger is empty".into(),
        (false, 0) => format!("there are: {}", shown.join(", ")),
        (false, more) => format!("there are: {}, and {more} more", shown.join(", ")),
    }
}

/// Returns the account of a scope that has all symbols of one, from its text.
pub fn whole_account(scope: &str) -> Option<String> {
    let scope = parsed_scope(scope);
    let symbols = scope.get("symbols").and_then(Value::as_array);
    let account = scope.get("account").and_then(Value::as_str);
    let account = account.filter(|_| symbols.is_none_or(Vec::is_empty));
    account.map(str::to_owned)
}

/// Says which pools a scope has, from its text.
pub fn scope_words(scope: &str) -> String {
    let scope = parsed_scope(scope);
    let symbols = scope.get("symbols").and_then(Value::as_array);
    let symbols: Vec<&str> = symbols
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let symbols = match symbols.as_slice() {
        [] => "all symbols".to_owned(),
        symbols => format!("only {}", symbols.join(", ")),
    };
    match scope.get("account").and_then(Value::as_str) {
        None => symbols,
        Some(account) => format!("{symbols} of account \"{account}\""),
    }
}

fn parsed_scope(scope: &str) -> Value {
    serde_json::from_str(scope).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_or_those_there_are() {
        let known = ["BTC-USD", "ETH-USD", "SOL-USD"];
        for (typed, meant) in [
            ("BTC-USDT", "BTC-USD"),
            ("BTCUSD", "BTC-USD"),
            ("EHT-USD", "ETH-USD"),
            ("sol", "SOL-USD"),
        ] {
            assert_eq!(nearest(typed, &known), format!("did you mean \"{meant}\"?"));
        }
        let all = "there are: BTC-USD, ETH-USD, SOL-USD";
        assert_eq!(nearest("AAPL", &known), all);
        assert_eq!(nearest("AAPL", &[]), "the ledger is empty");
        let many = ["a1", "b2", "c3", "d4", "e5", "f6"];
        assert_eq!(
            nearest("zzz", &many),
            "there are: a1, b2, c3, d4, e5, and 1 more"
        );
    }
}
