//! Ways to settle a review item, by its kind, each with its commands.
//!
//! A command is printed as a user types it. The user replaces words in capitals. The test
//! tests/programs/advice.rs makes an item of each kind, reads the commands from the text and runs
//! them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::next::{Next, flag, quoted};
use crate::engine::policy::DOLLAR_COINS;
use crate::engine::{Account, IssueType, Pool, Symbol, SymbolRules, shown, shown_sentence};
use crate::pipeline::DecidedLot;
use crate::store::model::{Exclusion, QueuedItem};

/// A way to settle an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// In which case this way is the right one.
    pub(super) when: String,
    /// Lines for the configuration file.
    pub(super) settings: Vec<String>,
    /// Commands, one after the other.
    pub(super) commands: Vec<String>,
}

/// Facts around an item.
pub(super) struct Around<'a> {
    pub(super) rules: &'a SymbolRules,
    /// How commands are printed.
    pub(super) next: &'a Next,
    /// The exclusion of the item's pool, if a person excluded it.
    pub(super) exclusion: Option<&'a Exclusion>,
    /// Lots that a person decided about the item, without undone ones.
    pub(super) decided: &'a [DecidedLot],
    /// The buy that may have closed a short sale.
    pub(super) cover: Option<&'a str>,
    /// The configuration file.
    pub(super) config: &'a str,
    /// Whether the configuration has the time zone for days.
    pub(super) has_zone: bool,
}

/// Fewest bytes of an asset's code in a symbol without a separator. A shorter code before the
/// quote is more likely the beginning of a name (`ABNB`, `OPEN`).
const PAIR_BASE_BYTES_MIN: usize = 3;

/// Most lines of settings that a list proposes. A symbol needs two.
const SETTINGS_LINES_MAX: usize = 40;

const COMPUTE: &str = "compute_allocations --all-symbols";

/// Returns the ways to settle an open item, the likeliest first; none for a settled one.
pub(super) fn ways(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let mut ways = plain_ways(item, around);
    for command in ways.iter_mut().flat_map(|way| &mut way.commands) {
        *command = around.next.command(command);
    }
    ways
}

fn plain_ways(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let taken_back = take_back(around.decided);
    if !item.status.is_open() {
        return taken_back.into_iter().collect();
    }
    let pool = &item.pool;
    if let Some(exclusion) = around.exclusion {
        let taken_out = &exclusion.reason;
        return vec![
            Way::new(
                format!("the pool was taken out of matching ({taken_out}): put it back"),
                [of_pool("include", pool), COMPUTE.into()],
            ),
            dismissal(item, "the pool stays out: nothing is to be done"),
        ];
    }
    let mut ways = match item.issue {
        IssueType::UnmatchedSell => unmatched(item, around),
        IssueType::InvalidTrade => invalid(item),
        IssueType::MissingFx => not_in_dollars(pool, around),
        IssueType::AllocationError => vec![Way::new(
            "this is a bug: report what this command says, and the version of the program",
            [format!("fifo-pnl review show {} --json", item.id)],
        )],
    };
    if item.issue != IssueType::UnmatchedSell && can_be_named(pool) {
        ways.push(Way::new(
            "go on without it: leave the pool out of matching and of all totals",
            [of_pool("exclude", pool), COMPUTE.into()],
        ));
    }
    ways.extend(taken_back);
    ways
}

/// Returns the way to undo a decision; `None` without a decision.
fn take_back(decided: &[DecidedLot]) -> Option<Way> {
    let voids = decided.iter().map(void_lot);
    (!decided.is_empty()).then(|| {
        Way::new(
            "the decision was wrong, or its buy was imported: take it back",
            voids.chain([COMPUTE.into()]),
        )
    })
}

fn void_lot(lot: &DecidedLot) -> String {
    void(&lot.order_id, lot.pool.account.as_str())
}

impl Way {
    fn new(when: impl Into<String>, commands: impl IntoIterator<Item = String>) -> Self {
        Self {
            when: when.into(),
            settings: Vec::new(),
            commands: commands.into_iter().collect(),
        }
    }
}

fn unmatched(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let id = item.id;
    let zone = match around.has_zone {
        true => "",
        false => " --timezone ZONE",
    };
    let cover = around.cover.unwrap_or("BUY_ID");
    vec![
        Way::new(
            "a buy is missing: import the file that has it",
            ["fifo-pnl import FILE".into(), COMPUTE.into()],
        ),
        Way::new(
            "no file has the buy: name what it cost in all, and when it was acquired",
            [
                format!(
                    "fifo-pnl review resolve {id} --basis USD --acquired DATE{zone} --note TEXT"
                ),
                COMPUTE.into(),
            ],
        ),
        Way::new(
            "or a short sale; these are not matched yet: take it and the buy that closed it out \
             of matching (their result is then in no total)",
            [
                void(&item.order_id, item.pool.account.as_str()),
                void(cover, item.pool.account.as_str()),
                COMPUTE.into(),
            ],
        ),
        dismissal(item, "it needs no lot: leave it as it is"),
    ]
}

fn dismissal(item: &QueuedItem, when: &str) -> Way {
    let command = format!("fifo-pnl review dismiss {} --note TEXT", item.id);
    Way::new(when, [command])
}

fn invalid(item: &QueuedItem) -> Vec<Way> {
    let account = item.pool.account.as_str();
    if item.order_id.is_empty() || account.parse::<Account>().is_err() {
        return vec![Way::new(
            "correct the rows in the table that they come from; a void needs an id and an account",
            [COMPUTE.into()],
        )];
    }
    vec![Way::new(
        "take the row out of matching, and import it as it should be, under another id",
        [
            void(&item.order_id, account),
            "fifo-pnl import FILE".into(),
            COMPUTE.into(),
        ],
    )]
}

fn not_in_dollars(pool: &Pool, around: &Around<'_>) -> Vec<Way> {
    let (rules, config) = (around.rules, around.config);
    let Err(missing) = rules.check_priced_in_usd(&pool.symbol) else {
        return vec![Way::new(
            "the settings say by now that it is priced in dollars: compute",
            [COMPUTE.into()],
        )];
    };
    let quote = missing.quote.as_str();
    let mut ways = Vec::new();
    if DOLLAR_COINS.contains(&quote) {
        let quotes = rules.usd_quotes.iter().map(String::as_str).chain([quote]);
        let quotes: Vec<String> = quotes.map(|code| format!("\"{code}\"")).collect();
        ways.push(Way {
            when: format!(
                "{quote} counts as the dollar: put this line at the top of {config}, in place of \
                 one that is there"
            ),
            settings: vec![format!("usd_quotes = [{}]", quotes.join(", "))],
            commands: vec![COMPUTE.into()],
        });
    }
    if let Some(settings) = settings_of(&pool.symbol, rules) {
        ways.push(Way {
            when: format!(
                "{} is one name, not a pair with {quote}, and its prices are in dollars: \
                 add these lines to {config}",
                pool.symbol
            ),
            settings,
            commands: vec![COMPUTE.into()],
        });
    }
    ways.push(Way::new(
        "convert prices and fees to dollars, with the same order ids and a symbol in USD",
        [
            "fifo-pnl import --correct --reason TEXT FILE".into(),
            COMPUTE.into(),
        ],
    ));
    ways
}

/// Returns the configuration lines that price a symbol in dollars. `None`: it is priced in dollars
/// already, is certainly a pair, or can't be written.
pub(super) fn settings_of(symbol: &Symbol, rules: &SymbolRules) -> Option<Vec<String>> {
    let quote = rules.check_priced_in_usd(symbol).err()?.quote;
    let is_pair = symbol.as_str().contains('-') && rules.is_known_code(&quote);
    let can_be_written = symbol.as_str().parse::<Symbol>().is_ok();
    (!is_pair && can_be_written).then(|| {
        let name = symbol.as_str().replace('\\', "\\\\").replace('"', "\\\"");
        vec![format!("[symbols.\"{name}\"]"), "quote = \"USD\"".into()]
    })
}

/// Lists the configuration lines for symbols that are more likely a name than a pair.
pub(super) fn describe_settings(
    items: &[&QueuedItem],
    rules: &SymbolRules,
    config: &str,
    next: &Next,
) -> String {
    let is_asked =
        |item: &&&QueuedItem| item.issue == IssueType::MissingFx && item.status.is_open();
    let is_name = |symbol: &&Symbol| {
        let missing = rules.check_priced_in_usd(symbol);
        missing.is_err_and(|missing| {
            let base = symbol.as_str().len().saturating_sub(missing.quote.len());
            base < PAIR_BASE_BYTES_MIN || !rules.is_known_code(&missing.quote)
        })
    };
    let symbols = items.iter().filter(is_asked).map(|item| &item.pool.symbol);
    let symbols: BTreeSet<&Symbol> = symbols.collect();
    let (names, pairs): (Vec<&Symbol>, Vec<&Symbol>) = symbols.into_iter().partition(is_name);
    let settings = names.iter().filter_map(|symbol| settings_of(symbol, rules));
    let mut lines: Vec<String> = settings.flatten().collect();
    let of_pairs = describe_pairs(&pairs, rules, next);
    if lines.is_empty() {
        return of_pairs;
    }
    let config = shown_sentence(config);
    let more = lines.len().saturating_sub(SETTINGS_LINES_MAX);
    lines.truncate(SETTINGS_LINES_MAX);
    let rest = match more / 2 {
        0 => String::new(),
        more => format!("and the same for {more} more\n"),
    };
    format!(
        "\nIf these are names and no pairs, and their prices are in dollars, these lines in\n\
         {config} say so; then `{}`\n\n{}\n{rest}{of_pairs}",
        next.command(COMPUTE),
        lines.join("\n")
    )
}

/// Most symbols that a sentence names.
const PAIRS_SHOWN_MAX: usize = 5;

/// Names the command that shows the configuration lines of symbols that look like pairs.
fn describe_pairs(pairs: &[&Symbol], rules: &SymbolRules, next: &Next) -> String {
    let may_be_names = pairs
        .iter()
        .filter(|symbol| settings_of(symbol, rules).is_some());
    let mut shown: Vec<String> = may_be_names.map(|symbol| shown_symbol(symbol)).collect();
    let more = shown.len().saturating_sub(PAIRS_SHOWN_MAX);
    shown.truncate(PAIRS_SHOWN_MAX);
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    if shown.is_empty() {
        return String::new();
    }
    format!(
        "\nThese look like pairs: {}. If one is a name, `{}` has its lines.\n",
        shown.join(", "),
        next.command("fifo-pnl review show ID")
    )
}

fn shown_symbol(symbol: &Symbol) -> String {
    shown(symbol.as_str()).to_string()
}

/// Tells whether flags can name a pool. A ledger may have names that an import would refuse.
fn can_be_named(pool: &Pool) -> bool {
    let account: Result<Account, _> = pool.account.as_str().parse();
    let symbol: Result<Symbol, _> = pool.symbol.as_str().parse();
    account.is_ok_and(|account| account == pool.account)
        && symbol.is_ok_and(|symbol| symbol == pool.symbol)
}

fn of_pool(verb: &str, pool: &Pool) -> String {
    let account = flag("--account", pool.account.as_str());
    let symbol = flag("--symbol", pool.symbol.as_str());
    format!("fifo-pnl review {verb} {account} {symbol} --reason TEXT")
}

/// Returns the command `void` for a trade.
pub(in crate::cli::commands) fn void(order_id: &str, account: &str) -> String {
    let account = flag("--account", account);
    let id = quoted(order_id);
    match order_id.starts_with('-') {
        true => format!("fifo-pnl void {account} --reason TEXT -- {id}"),
        false => format!("fifo-pnl void {id} {account} --reason TEXT"),
    }
}

pub(super) fn describe(ways: &[Way]) -> String {
    let mut text = String::new();
    for (at, way) in ways.iter().enumerate() {
        let head = if at == 0 { "Next      " } else { "          " };
        text.push_str(&format!("{head}{}\n", shown_sentence(&way.when)));
        for line in way.settings.iter().chain(&way.commands) {
            text.push_str(&format!("            {}\n", shown_sentence(line)));
        }
    }
    text
}

pub(super) fn to_json(ways: &[Way]) -> Value {
    let of =
        |way: &Way| json!({ "when": way.when, "settings": way.settings, "commands": way.commands });
    ways.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_looks_like_a_flag() {
        assert_eq!(
            void("-5", "main"),
            "fifo-pnl void --account main --reason TEXT -- -5"
        );
    }

    #[test]
    fn a_pair_is_never_said_to_be_in_dollars() {
        let rules = SymbolRules::default();
        let of = |symbol: &str| settings_of(&symbol.parse().unwrap(), &rules);
        assert_eq!(of("BTC-EUR"), None);
        assert_eq!(of("ETH-BTC"), None);
        assert_eq!(of("AAPL"), None, "it is in dollars already");
        let lines = |symbol: &str| of(symbol).unwrap().join("\n");
        assert_eq!(lines("ABNB"), "[symbols.\"ABNB\"]\nquote = \"USD\"");
        assert_eq!(lines("BRK-B"), "[symbols.\"BRK-B\"]\nquote = \"USD\"");
    }
}
