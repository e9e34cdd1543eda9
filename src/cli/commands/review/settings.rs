//! The settings that a list of review items proposes for symbols that no rule knows.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::COMPUTE;
use crate::cli::next::Next;
use crate::engine::{
    Account, AssetClass, AssetRules, IssueType, NotInUsd, Pool, Symbol, UnknownInstrument, shown,
    shown_sentence, ticker_settings,
};
use crate::store::model::QueuedItem;

/// Most symbols whose settings a list proposes.
const SETTINGS_SHOWN_MAX: usize = 20;

/// Lists the configuration lines for symbols that are more likely a name than a pair.
pub(super) fn describe_settings(
    items: &[&QueuedItem],
    (rules, with_coins): (&AssetRules, &BTreeSet<Account>),
    config: &str,
    next: &Next,
) -> String {
    let is_asked =
        |item: &&&QueuedItem| item.issue == IssueType::MissingFx && item.status.is_open();
    let asked = items.iter().filter(is_asked);
    let asked = asked.filter(|item| item.column_of_pool().is_none());
    let asked = asked.map(|item| &item.pool);
    let unknown = asked.filter_map(|pool| match rules.check_pool_in_usd(pool) {
        Err(NotInUsd::Unknown(unknown)) if !unknown.proposals.is_empty() => Some((pool, unknown)),
        _ => None,
    });
    let unknown: Vec<(&Pool, UnknownInstrument)> = unknown.collect();
    let of_accounts = describe_accounts(&unknown, with_coins, config);
    let unknown = unknown.into_iter().map(|(_, of)| (of.symbol.clone(), of));
    // A symbol that several accounts have is asked once: its settings are the same.
    let unknown: BTreeMap<Symbol, UnknownInstrument> = unknown.collect();
    let first = |unknown: &UnknownInstrument| unknown.proposals.first().cloned();
    let is_name = |of: &&UnknownInstrument| is_likely_name(of);
    let (names, pairs): (Vec<&UnknownInstrument>, Vec<_>) = unknown.values().partition(is_name);
    let lines = names
        .iter()
        .filter_map(|of| Some(first(of)?.settings(&of.symbol)));
    let lines: Vec<Vec<String>> = lines.collect();
    let of_pairs = describe_pairs(&pairs, next);
    if lines.is_empty() {
        return of_pairs;
    }
    let config = shown_sentence(config);
    let more = lines.len().saturating_sub(SETTINGS_SHOWN_MAX);
    let rest = match more {
        0 => String::new(),
        more => format!("and the same for {more} more\n"),
    };
    let lines: Vec<String> = lines
        .into_iter()
        .take(SETTINGS_SHOWN_MAX)
        .flatten()
        .collect();
    format!(
        "{of_accounts}\n\
         If these are names and no pairs, and their prices are in dollars, these lines in\n\
         {config} say so; then `{}`\n\n{}\n{rest}{of_pairs}",
        next.command(COMPUTE),
        lines.join("\n")
    )
}

fn is_likely_name(unknown: &UnknownInstrument) -> bool {
    let first = unknown.proposals.first();
    first.is_some_and(|proposal| proposal.class == AssetClass::Security)
}

/// Fewest names of an account for which its class is proposed.
const NAMES_OF_ACCOUNT_MIN: usize = 2;

/// Lists the configuration lines for accounts that may hold shares alone.
fn describe_accounts(
    unknown: &[(&Pool, UnknownInstrument)],
    with_coins: &BTreeSet<Account>,
    config: &str,
) -> String {
    let mut accounts: BTreeMap<&Account, usize> = BTreeMap::new();
    for (pool, _) in unknown.iter().filter(|(_, of)| is_likely_name(of)) {
        let names = accounts.entry(&pool.account).or_default();
        *names = names.saturating_add(1);
    }
    accounts.retain(|account, names| {
        *names >= NAMES_OF_ACCOUNT_MIN
            && !with_coins.contains(*account)
            && account.as_str().parse::<Account>().is_ok()
    });
    let lines = accounts.into_keys().flat_map(ticker_settings);
    let lines: Vec<String> = lines.take(2 * SETTINGS_SHOWN_MAX).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "\nIf an account has shares alone, all in USD, its class in {} settles\n\
         all its symbols\n\n{}\n",
        shown_sentence(config),
        lines.join("\n")
    )
}

/// Most symbols that a sentence names.
const PAIRS_SHOWN_MAX: usize = 5;

/// Names the command that shows the configuration lines of symbols that look like pairs.
fn describe_pairs(pairs: &[&UnknownInstrument], next: &Next) -> String {
    let mut shown: Vec<String> = pairs.iter().map(|of| shown_symbol(&of.symbol)).collect();
    let more = shown.len().saturating_sub(PAIRS_SHOWN_MAX);
    shown.truncate(PAIRS_SHOWN_MAX);
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    if shown.is_empty() {
        return String::new();
    }
    format!(
        "\nThese may be pairs: {}. `{}` shows the lines of each.\n",
        shown.join(", "),
        next.command("fifo-pnl review show ID")
    )
}

fn shown_symbol(symbol: &Symbol) -> String {
    shown(symbol.as_str()).to_string()
}
