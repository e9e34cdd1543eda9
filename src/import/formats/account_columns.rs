//! Columns in which an export names accounts. No format reads them: a report names their texts.

/// Names of such columns, folded.
const NAMES: [&str; 13] = [
    "account name",
    "clientaccountid",
    "exchange",
    "platform",
    "portfolio",
    "received wallet",
    "receiving wallet",
    "sending wallet",
    "sent wallet",
    "uid",
    "user id",
    "user_id",
    "wallet",
];

/// The name of such a column in the files of these sources. In others it is a wallet, or a kind of
/// account.
const ACCOUNT: &str = "account";
const WITH_ACCOUNT: [&str; 2] = ["bitstamp", "ib-"];

/// In the files of these sources, such a column is something else.
const WITHOUT: [&str; 2] = ["kraken-ledgers", "mt"];

/// Returns the places of such columns in a header. `names`: folded.
pub(super) fn account_places(format: &str, names: &[String]) -> Vec<usize> {
    let begins = |starts: &[&str]| starts.iter().any(|start| format.starts_with(start));
    if begins(&WITHOUT) {
        return Vec::new();
    }
    let is_account =
        |name: &str| NAMES.contains(&name) || (name == ACCOUNT && begins(&WITH_ACCOUNT));
    let names = names.iter().enumerate();
    let found = names.filter(|(_, name)| is_account(name));
    found.map(|(place, _)| place).collect()
}
