//! Names in hints: the known one that a user may have meant, and those of a command.

use crate::cli::format::count;

/// Letters of a name for each slip that it may have. A slip is a wrong, missing, extra or swapped
/// letter.
const LETTERS_A_SLIP: usize = 4;

/// Most names in a hint; a ledger may have thousands.
const NAMES_SHOWN: usize = 5;

/// Returns the command that takes a trade out. A shell takes a plain name as it is; any other is
/// left to the reader.
pub(super) fn void_command(account: &str, order_id: &str) -> String {
    let plain = |name: &str, other: &str| {
        let is_plain = |of: char| of.is_ascii_alphanumeric() || matches!(of, '-' | '_' | '.');
        let is_plain = name.chars().all(is_plain) && !name.starts_with('-');
        if is_plain { name } else { other }.to_owned()
    };
    let (id, name) = (plain(order_id, "ID"), plain(account, "NAME"));
    format!("`fifo-pnl void {id} --account {name} --reason TEXT`")
}

/// Returns a hint with the known name that the user may have meant, or with a list of known names.
pub(super) fn nearest(name: &str, known: &[String]) -> String {
    let folded = name.to_lowercase();
    let slips = |other: &str| strsim::damerau_levenshtein(&folded, &other.to_lowercase());
    let slips_max = folded.chars().count().div_ceil(LETTERS_A_SLIP);
    let is_begun = |other: &str| {
        let other = other.to_lowercase();
        // `BTC-USD` begins with the asset `BTC`.
        let rest = folded.strip_prefix(&other);
        other.starts_with(&folded) || rest.is_some_and(|rest| rest.starts_with('-'))
    };
    let near = known.iter().map(|other| (slips(other), other));
    let near = near.filter(|(slips, other)| *slips <= slips_max || is_begun(other));
    if let Some((_, other)) = near.min() {
        return format!("did you mean \"{other}\"?");
    }
    let shown = known.get(..NAMES_SHOWN).unwrap_or(known);
    match (shown.is_empty(), known.len() - shown.len()) {
        (true, _) => "the ledger is empty".into(),
        (false, 0) => format!("there are: {}", shown.join(", ")),
        (false, more) => {
            let more = count(more as u64);
            format!("there are: {}, and {more} more", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_or_those_there_are() {
        let known = ["BTC-USD", "ETH-USD", "SOL-USD"].map(String::from);
        for (typed, meant) in [
            ("BTC-USDT", "BTC-USD"),
            ("BTCUSD", "BTC-USD"),
            ("EHT-USD", "ETH-USD"),
            ("sol", "SOL-USD"),
        ] {
            assert_eq!(nearest(typed, &known), format!("did you mean \"{meant}\"?"));
        }
        let assets = ["BTC", "ETH"].map(String::from);
        assert_eq!(nearest("BTC-USD", &assets), "did you mean \"BTC\"?");
        let all = "there are: BTC-USD, ETH-USD, SOL-USD";
        assert_eq!(nearest("AAPL", &known), all);
        assert_eq!(nearest("AAPL", &[]), "the ledger is empty");
        let many = ["a1", "b2", "c3", "d4", "e5", "f6"].map(String::from);
        assert_eq!(
            nearest("zzz", &many),
            "there are: a1, b2, c3, d4, e5, and 1 more"
        );
    }
}
