//! Ways to settle a review item, by its kind, each with its commands.
//!
//! A command is printed as a user types it. The user replaces words in capitals. The test
//! tests/programs/advice.rs makes an item of each kind, reads the commands from the text and runs
//! them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::choices::choices;
use super::classes::share_and_coin;
use super::moved::{is_lacking_lots, lacking_lots, transfer_ways};
use super::ways::{
    Around, COMPUTE, IMPORT_CORRECT, Way, can_be_named, dismissal, lines_for, other_column,
};
use crate::cli::error::{CliResult, columns_words, proposal_words, tickers_words};
use crate::cli::next::{flag, quoted};
use crate::engine::{
    Account, AssetClass, CLASS_COLUMN, IssueType, Leg, NotInUsd, Pool, PoolsBy, Proposal,
    RatePurpose, UnknownInstrument, is_dollar_coin, short_settings, shown, shown_sentence,
    ticker_settings,
};
use crate::pipeline::DecidedLot;
use crate::store::Store;
use crate::store::model::{PoolSummary, QueuedItem};

/// Columns at fault only beside others: each fact of such a row can be read, and corrected.
const COLUMNS_OF_LEGS: [&str; 5] = [
    "fee_amount",
    "fee_usd_value",
    "quote_value",
    "usd_value",
    "contract_size",
];

/// Returns the ways to settle an open item, the likeliest first; none for a settled one.
pub(super) fn ways(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let mut ways = plain_ways(item, around);
    for command in ways.iter_mut().flat_map(|way| &mut way.commands) {
        *command = around.next.command(&in_account(command, &item.pool));
    }
    ways
}

/// Names the account in a command that imports trades: without it they go to the default account.
fn in_account(command: &str, pool: &Pool) -> String {
    let imports = [IMPORT_CORRECT, "fifo-pnl import FILE", "fifo-pnl run FILE"];
    let is_other = pool.account != Account::default() && can_be_named(pool);
    match is_other && imports.contains(&command) {
        true => format!("{command} {}", flag("--account", pool.account.as_str())),
        false => command.to_owned(),
    }
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
    let is_lacking = is_lacking_lots(item);
    let mut ways = match item.issue {
        IssueType::UnmatchedSell => unmatched(item, around),
        IssueType::InvalidTrade => invalid(item, around),
        IssueType::MissingFx if item.lacks_rate() => lacking_rate(item, around),
        IssueType::MissingFx => match item.column_of_pool() {
            Some(column) if column == CLASS_COLUMN => share_and_coin(pool, around, &column),
            Some(column) => vec![other_column(&column)],
            None => not_in_dollars(pool, around),
        },
        IssueType::UnappliedAction => action_ways(pool),
        IssueType::UnappliedTransfer if is_lacking => lacking_lots(item),
        IssueType::UnappliedTransfer => transfer_ways(),
        IssueType::AllocationError => vec![Way::new(
            "this is a bug: report what this command says, and the version of the program",
            [format!("fifo-pnl review show {} --json", item.id)],
        )],
    };
    let has_result = item.issue == IssueType::UnmatchedSell || is_lacking;
    if !has_result && can_be_named(pool) {
        let why = match item.is_not_computed() {
            true => {
                "the row is right: a later release of the program computes such contracts. \
                     Until then"
            }
            false => "go on without it:",
        };
        ways.push(going_on(why, pool, around.other_pools));
    }
    ways.extend(taken_back);
    ways
}

/// Returns the way to leave out a pool. The other pools of its trade stay rejected without that.
fn going_on(why: &str, pool: &Pool, others: &BTreeSet<Pool>) -> Way {
    let others = others.iter().filter(|other| can_be_named(other));
    let others: Vec<&Pool> = others.collect();
    let mut when = format!("{why} leave the pool out of matching and of all totals");
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|pool| shown_pool(pool)).collect();
        let names = names.join(" and ");
        when.push_str(&format!(
            "; the trade has legs in {names}, too, which stay rejected until they are left out"
        ));
    }
    let commands = std::iter::once(pool).chain(others);
    let commands = commands.map(|pool| of_pool("exclude", pool));
    Way::new(when, commands.chain([COMPUTE.to_owned()]))
}

fn shown_pool(pool: &Pool) -> String {
    shown(&pool.to_string()).to_string()
}

/// Returns the way to undo a decision; `None` without a decision.
fn take_back(decided: &[DecidedLot]) -> Option<Way> {
    let voids = decided.iter().map(void_lot);
    (!decided.is_empty()).then(|| {
        Way::new(
            "the decision was wrong, or its buy was imported: undo it",
            voids.chain([COMPUTE.into()]),
        )
    })
}

fn void_lot(lot: &DecidedLot) -> String {
    void(&lot.order_id, lot.pool.account.as_str())
}

fn unmatched(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let id = item.id;
    let zone = match around.has_zone {
        true => "",
        false => " --timezone ZONE",
    };
    let mut ways = vec![
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
    ];
    if around.has_deposits && can_be_named(&item.pool) {
        let account = flag("--account", item.pool.account.as_str());
        let asset = flag("--asset", item.pool.asset.as_str());
        ways.push(Way::new(
            "the units came by a deposit: see what withdrawal fits, and import its file",
            [format!("fifo-pnl transfers list {account} {asset}")],
        ));
    }
    let may_go_short = around.rules.may_go_short(&item.pool.account);
    if item.leg == Leg::Base && can_be_named(&item.pool) && !may_go_short {
        ways.push(going_short(&item.pool.account, around));
    }
    ways.push(dismissal(item, "it needs no lot: leave it as it is"));
    ways
}

/// The way for a short sale: its account may go short.
fn going_short(account: &Account, around: &Around<'_>) -> Way {
    let rules = around.rules;
    let is_there =
        rules.accounts.contains_key(account) || rules.short_accounts.contains_key(account);
    let (lines, place) = lines_for(short_settings(account), is_there, around.config);
    Way {
        when: format!(
            "or a short sale, which a later buy closes: let the account go short. Add to {place}"
        ),
        settings: lines,
        commands: vec![COMPUTE.into()],
    }
}

fn invalid(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    if item.is_not_computed() && can_be_named(&item.pool) {
        return Vec::new();
    }
    let account = item.pool.account.as_str();
    if item.order_id.is_empty() || account.parse::<Account>().is_err() {
        return vec![Way::new(
            "correct the rows in the table that they come from; a void needs an id and an account",
            [COMPUTE.into()],
        )];
    }
    let is_coin_fee = item.column().as_deref() == Some("fee_currency");
    let by_symbol = around.rules.pools == PoolsBy::Symbol;
    let mut ways = Vec::new();
    if is_coin_fee && by_symbol {
        ways.push(by_asset(around));
    }
    let of_legs = item.column();
    let of_legs = of_legs.is_some_and(|column| COLUMNS_OF_LEGS.contains(&column.as_str()));
    match of_legs {
        true => ways.extend([
            Way::new(
                "the row is wrong: write it as it should be, with the same id, and import it again",
                [IMPORT_CORRECT.into(), COMPUTE.into()],
            ),
            Way::new(
                "it is no trade: take it out of matching",
                [void(&item.order_id, account), COMPUTE.into()],
            ),
        ]),
        // A correction compares the row with what is stored, which can't be read.
        false => ways.push(Way::new(
            "take the row out of matching, and import it as it should be, under another id",
            [
                void(&item.order_id, account),
                "fifo-pnl import FILE".into(),
                COMPUTE.into(),
            ],
        )),
    }
    ways
}

fn lacking_rate(item: &QueuedItem, around: &Around<'_>) -> Vec<Way> {
    let symbol = item.symbol.parse().ok();
    let of_symbol = symbol.map(|symbol| Pool::new(item.pool.account.clone(), symbol));
    let found = of_symbol.map(|pool| around.rules.check_pool_in_usd(&pool));
    let mut ways = match found {
        Some(Err(NotInUsd::OtherQuote { quote, .. })) if is_dollar_coin(quote.as_str()) => {
            vec![as_dollar(quote.as_str(), around)]
        }
        _ => Vec::new(),
    };
    ways.extend([
        Way::new(
            "a source has the rate: import its file of rates",
            ["fifo-pnl import rates FILE".into(), COMPUTE.into()],
        ),
        Way::new(
            "a person knows the rates: list those that are missing, fill the file, and import it",
            [
                "fifo-pnl rates missing -o FILE".into(),
                "fifo-pnl import rates FILE".into(),
                COMPUTE.into(),
            ],
        ),
    ]);
    if !around.is_movement {
        ways.push(stated(item));
    }
    ways
}

/// Returns the way to state values in columns of the trade.
fn stated(item: &QueuedItem) -> Way {
    let lacks = |purpose| item.lacks_value_of(purpose);
    let what = match (lacks(RatePurpose::Value), lacks(RatePurpose::Fee)) {
        (true, true) => {
            "the values of trade and fee in USD: import the trade again, with both in the columns \
             usd_value and fee_usd_value"
        }
        (false, true) => {
            "the value of the fee in USD: import the trade again, with it in the column \
             fee_usd_value"
        }
        (_, false) => {
            "the value in USD: import the trade again, with the value in the column usd_value"
        }
    };
    Way::new(
        format!("the account's statement has {what}"),
        [IMPORT_CORRECT.into(), COMPUTE.into()],
    )
}

fn in_dollars() -> Way {
    Way::new(
        "convert prices and fees to dollars, with the same order ids and a symbol in USD",
        [IMPORT_CORRECT.into(), COMPUTE.into()],
    )
}

fn not_in_dollars(pool: &Pool, around: &Around<'_>) -> Vec<Way> {
    let mut ways = match around.rules.check_pool_in_usd(pool) {
        Ok(_) => {
            return vec![Way::new(
                "the settings say by now what its symbol is: compute",
                [COMPUTE.into()],
            )];
        }
        Err(NotInUsd::Unknown(unknown)) => return unknown_asset(pool, &unknown, around),
        Err(NotInUsd::OtherQuote { quote, .. }) if is_dollar_coin(quote.as_str()) => {
            vec![as_dollar(quote.as_str(), around)]
        }
        Err(NotInUsd::OtherQuote { .. }) => Vec::new(),
    };
    if around.rules.pools == PoolsBy::Symbol {
        ways.push(by_asset(around));
    }
    ways.push(in_dollars());
    ways
}

/// Returns the way out of pools by symbol, which have no legs in other assets.
fn by_asset(around: &Around<'_>) -> Way {
    let lines = ["[pools]", "by = \"asset\""].map(str::to_owned).to_vec();
    let (settings, place) = lines_for(lines, true, around.config);
    Way {
        when: format!("pools by asset have a place for what pays: put this line into {place}"),
        settings,
        commands: vec![COMPUTE.into()],
    }
}

fn as_dollar(quote: &str, around: &Around<'_>) -> Way {
    let quotes = around.rules.usd_quotes.iter().map(String::as_str);
    let quotes: Vec<String> = quotes
        .chain([quote])
        .map(|code| format!("\"{code}\""))
        .collect();
    Way {
        when: format!(
            "{quote} counts as the dollar: put this line at the top of {}, in place of one that is \
             there",
            around.config
        ),
        settings: vec![format!("usd_quotes = [{}]", quotes.join(", "))],
        commands: vec![COMPUTE.into()],
    }
}

/// Returns a way for each choice, then the account's class and the columns.
fn unknown_asset(pool: &Pool, unknown: &UnknownInstrument, around: &Around<'_>) -> Vec<Way> {
    let config = around.config;
    let choices = match can_be_named(pool) {
        true => choices(unknown),
        false => Vec::new(),
    };
    let is_there = around.rules.symbols.contains_key(&unknown.symbol);
    let of = |proposal: &Proposal| {
        let (lines, place) = lines_for(proposal.settings(&unknown.symbol), is_there, config);
        Way {
            when: proposal_words(unknown, proposal, &place),
            settings: lines,
            commands: vec![COMPUTE.into()],
        }
    };
    let mut ways: Vec<Way> = choices.iter().map(of).collect();
    let is_security = |proposal: &Proposal| proposal.class == AssetClass::Security;
    let may_be_shares = !around.with_coins.contains(&pool.account);
    if may_be_shares && !ways.is_empty() && unknown.proposals.iter().any(is_security) {
        let is_there = around.rules.accounts.contains_key(&pool.account);
        let (lines, place) = lines_for(ticker_settings(&pool.account), is_there, config);
        ways.push(Way {
            when: tickers_words(pool.account.as_str(), &place),
            settings: lines,
            commands: vec![COMPUTE.into()],
        });
    }
    let or = if ways.is_empty() { "" } else { "or " };
    ways.push(Way::new(
        format!("{or}{}", columns_words(unknown)),
        [IMPORT_CORRECT.into(), COMPUTE.into()],
    ));
    ways
}

/// Returns the accounts with pools of coins or currencies in the current version.
pub(super) async fn accounts_with_coins(store: &dyn Store) -> CliResult<BTreeSet<Account>> {
    let Some(version) = store.current().await?.version else {
        return Ok(BTreeSet::new());
    };
    let is_no_share = |it: &PoolSummary| {
        it.class
            .is_some_and(|of| of.class != Some(AssetClass::Security))
    };
    let summaries = store.pool_summaries(version).await?.into_iter();
    let summaries = summaries.filter(is_no_share);
    Ok(summaries.map(|it| it.pool.account).collect())
}

/// Returns the ways for a pool that an action keeps from a result.
fn action_ways(pool: &Pool) -> Vec<Way> {
    let asset = quoted(pool.asset.as_str());
    let account = flag("--account", pool.account.as_str());
    let list = flag("fifo-pnl actions list --asset", pool.asset.as_str());
    vec![
        Way::new(
            "a split does not fit what is held: trades before the split are missing, import \
             their file",
            ["fifo-pnl run FILE".to_owned()],
        ),
        Way::new(
            "nothing is missing, or the units are of a transfer: state the ratio of the split, \
             as units after it for units before it",
            [
                format!("fifo-pnl actions add split {asset} NEW:OLD --at DAY {account}"),
                COMPUTE.into(),
            ],
        ),
        Way::new(
            "a split is stored twice, or is wrong: take it out",
            [
                list,
                "fifo-pnl actions void ID --reason TEXT".to_owned(),
                COMPUTE.into(),
            ],
        ),
        Way::new(
            "it is a new name, and both names are one asset at all times: say so below [aliases] \
             in fifo-pnl.toml, as OLD = \"NEW\"",
            [COMPUTE.to_owned()],
        ),
        Way::new(
            "it is a merger or a spin-off: a later release of the program applies it; until then \
             its sales have no result",
            [],
        ),
    ]
}

fn of_pool(verb: &str, pool: &Pool) -> String {
    let account = flag("--account", pool.account.as_str());
    let asset = flag("--asset", pool.asset.as_str());
    format!("fifo-pnl review {verb} {account} {asset} --reason TEXT")
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
}
