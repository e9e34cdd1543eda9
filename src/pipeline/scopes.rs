//! Reads the text of a stored scope.

use serde_json::Value;

/// Returns the account of a scope that covers one account whole.
pub fn whole_account(scope: &str) -> Option<String> {
    let scope = parsed_scope(scope);
    let symbols = scope.get("symbols").and_then(Value::as_array);
    let account = scope.get("account").and_then(Value::as_str);
    let account = account.filter(|_| symbols.is_none_or(Vec::is_empty));
    account.map(str::to_owned)
}

/// Returns the words that name the pools of a scope.
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
