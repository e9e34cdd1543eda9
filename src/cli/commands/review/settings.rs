//! The settings that a list of review items proposes for symbols that no rule knows.

use std::collections::{BTreeMap, BTreeSet};

use super::choices::{is_likely_name, is_open, may_be_future};
use super::ways::COMPUTE;
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
    // Of a trade that lacks a rate, each asset is known: a coin may be named like a security.
    let asked = asked.filter(|item| item.column_of_pool().is_none() && !item.lacks_rate());
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
    let (open, others): (Vec<&UnknownInstrument>, Vec<_>) =
        unknown.values().partition(|of| is_open(of));
    let (names, pairs): (Vec<&UnknownInstrument>, Vec<_>) =
        others.into_iter().partition(|of| is_likely_name(of));
    let lines = names.iter().filter_map(|of| {
        let mut lines = of.proposals.first()?.settings(&of.symbol);
        if rules.symbols.contains_key(&of.symbol) {
            mark_table_there(&mut lines);
        }
        Some(lines)
    });
    let lines: Vec<Vec<String>> = lines.collect();
    let of_pairs = describe_open(&open, rules, config) + &describe_pairs(&pairs, next);
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

/// Lists the settings of symbols as comments: each line with the values that it may have.
fn describe_open(open: &[&UnknownInstrument], rules: &AssetRules, config: &str) -> String {
    if open.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nNothing says what these are. In {}, write the lines of each without\n\
         the #, with the right value\n\n",
        shown_sentence(config)
    );
    for of in open.iter().take(SETTINGS_SHOWN_MAX) {
        for line in choice(of, rules.symbols.contains_key(&of.symbol)) {
            text.push_str(&format!("# {}\n", shown_sentence(&line)));
        }
    }
    let more = open.len().saturating_sub(SETTINGS_SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!("and the same for {more} more\n"));
    }
    text
}

/// Returns the lines of settings of a symbol, each with all values that are proposed. No proposal
/// is a contract, so that class is one more choice.
fn choice(unknown: &UnknownInstrument, is_there: bool) -> Vec<String> {
    let all: Vec<Vec<String>> = unknown
        .proposals
        .iter()
        .map(|of| of.settings(&unknown.symbol))
        .collect();
    let mut lines: Vec<String> = Vec::new();
    for nth in 0..all.first().map_or(0, Vec::len) {
        let mut values: Vec<&str> = Vec::new();
        for line in all.iter().filter_map(|lines| lines.get(nth)) {
            let value = line
                .split_once(" = ")
                .map_or(line.as_str(), |(_, value)| value);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let first = all.first().and_then(|lines| lines.get(nth));
        let name = first.and_then(|line| Some(line.split_once(" = ")?.0));
        let Some(name) = name else {
            lines.extend(first.cloned());
            continue;
        };
        let future = format!("\"{}\"", AssetClass::Future);
        if name == "class" && may_be_future(unknown) {
            values.push(&future);
        }
        lines.push(format!("{name} = {}", values.join(" or ")));
    }
    if is_there {
        mark_table_there(&mut lines);
    }
    lines
}

/// Says that the file has the table of some lines: TOML takes a table only once.
fn mark_table_there(lines: &mut [String]) {
    if let Some(table) = lines.first_mut() {
        *table = format!("# into {table}, which is there, in place of such lines that it has:");
    }
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
    let is_name = |of: &UnknownInstrument| is_likely_name(of) && !is_open(of);
    for (pool, _) in unknown.iter().filter(|(_, of)| is_name(of)) {
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
