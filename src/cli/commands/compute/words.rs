//! The summary of a run, in words.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::commands::{counts, prune};
use crate::cli::config::TABLE_ROWS_MAX;
use crate::cli::format::{count, dollars, plural, sum, table, time};
use crate::cli::next::{Next, flag};
use crate::engine::{Account, Asset, AssetRules, Pool, PoolStatus, Usd, shown, shown_sentence};
use crate::pipeline::{ComputeReport, PoolLine, Publication};

pub(in crate::cli::commands) fn describe(
    report: &ComputeReport,
    all_rows: bool,
    next: &Next,
) -> String {
    let mut text = describe_version(report, next);
    text.push('\n');
    text.push_str(&describe_figures(report));
    text.push_str(&describe_assets(report, all_rows));
    text.push_str(&describe_unknown(report, all_rows, next));
    text.push_str(&prune::describe_after_run(&report.pruned));
    text
}

fn describe_version(report: &ComputeReport, next: &Next) -> String {
    let version = report.version;
    let seconds = report.duration_ms as u64;
    let duration = format!("{}.{:02} s", seconds / 1000, seconds % 1000 / 10);
    let status = report.status.as_str();
    let publication = match &report.publication {
        Publication::Published => format!("Version {version} is current ({status}, {duration})"),
        Publication::NotAsked => {
            format!("Version {version} is {status} ({duration}); not published, as asked")
        }
        Publication::Scoped => format!(
            "Version {version} is {status} ({duration}); it covers a part of the ledger and is \
             not published"
        ),
        Publication::Held => format!(
            "Version {version} is {status} ({duration}); version {} is held as current until \
             `{}`",
            report.current.version.unwrap_or(0),
            next.command("fifo-pnl versions release")
        ),
        Publication::WouldTakeAway(pools) => format!(
            "Version {version} is {status} ({duration}) and NOT published: it has nothing for \
             {}, which version {} covers",
            join(pools),
            report.current.version.unwrap_or(0)
        ),
        Publication::DryRun => {
            format!("Dry run ({duration}): version {version} would be {status}; nothing written")
        }
    };
    let through = report.complete_through.map_or_else(
        || match report.pools.is_empty() {
            true => "the ledger has no trades to match".into(),
            false => "no trade could be matched, see below".into(),
        },
        |through| format!("complete through {}", time(through)),
    );
    format!("{publication}\n{through}\n")
}

pub(in crate::cli::commands) fn join(pools: &[Pool]) -> String {
    pools
        .iter()
        .map(Pool::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn total(report: &ComputeReport, of: impl Fn(&PoolLine) -> Usd) -> Usd {
    sum(report.pools.iter().map(of))
}

fn describe_figures(report: &ComputeReport) -> String {
    let counts = &report.counts;
    let lots: u64 = report.pools.iter().map(|line| line.totals.open_lots).sum();
    let matched: u64 = report
        .pools
        .iter()
        .map(|line| line.totals.sells_matched)
        .sum();
    let accounts: BTreeSet<_> = report.pools.iter().map(|line| &line.pool.account).collect();
    let incomplete = counts.unmatched_sells > 0 || counts.pools_rejected > 0 || report.lacking > 0;
    let remark = if incomplete {
        "   totals are incomplete, see below"
    } else {
        ""
    };
    let rows = [
        ("Trades", count(counts.trades()), counts::sides(counts)),
        (
            "Pools",
            count(report.pools.len() as u64),
            format!(
                "in {}",
                plural(accounts.len() as u64, "account", "accounts")
            ),
        ),
        (
            "Allocations",
            count(counts.allocations),
            format!(
                "{} matched with {} of proceeds",
                plural(matched, "sell", "sells"),
                dollars(total(report, |line| line.totals.proceeds))
            ),
        ),
        ("Open lots", count(lots), open_words(report)),
        ("Realized PnL", dollars(counts.pnl), format!("USD{remark}")),
    ];
    counts::figures(&rows)
}

/// Describes the worth of open lots: the cost of long ones, the net proceeds of short ones.
fn open_words(report: &ComputeReport) -> String {
    let of = |is_short: bool| {
        total(report, |line| match line.totals.open_direction.is_short() {
            is if is == is_short => line.totals.open_cost,
            _ => Usd::ZERO,
        })
    };
    let is_short = |line: &&PoolLine| line.totals.open_direction.is_short();
    let short = report.pools.iter().filter(is_short);
    let short: u64 = short.map(|line| line.totals.open_lots).sum();
    let long = format!("cost {} USD", dollars(of(false)));
    match short {
        0 => long,
        lots => format!(
            "{long}; {} short, for {} USD",
            count(lots),
            dollars(of(true))
        ),
    }
}

/// An asset's figures over all accounts.
#[derive(Default, Clone, Copy)]
struct AssetFigures {
    sells: u64,
    unmatched: u64,
    proceeds: Usd,
    cost_basis: Usd,
    pnl: Usd,
    open_cost: Usd,
}

fn describe_assets(report: &ComputeReport, all_rows: bool) -> String {
    let mut figures: BTreeMap<&Asset, AssetFigures> = BTreeMap::new();
    for line in report
        .pools
        .iter()
        .filter(|line| line.status == PoolStatus::Matched)
    {
        let (of, totals) = (figures.entry(&line.pool.asset).or_default(), &line.totals);
        of.sells += totals.sells;
        of.unmatched += totals.sells_unmatched;
        let add = |total: &mut Usd, amount| *total = sum([*total, amount].into_iter());
        add(&mut of.proceeds, totals.net_proceeds);
        add(&mut of.cost_basis, totals.cost_basis);
        add(&mut of.pnl, totals.pnl);
        if !totals.open_direction.is_short() {
            add(&mut of.open_cost, totals.open_cost);
        }
    }
    if figures.is_empty() {
        return String::new();
    }
    let mut rows: Vec<(&Asset, AssetFigures)> = figures.into_iter().collect();
    rows.sort_by_key(|(asset, of)| (std::cmp::Reverse(of.pnl.units().unsigned_abs()), *asset));
    let (all, shown) = (
        rows.len(),
        if all_rows { rows.len() } else { TABLE_ROWS_MAX },
    );
    rows.truncate(shown);
    // Only a column that says something: five amounts of millions fit 80 columns.
    let has_unmatched = rows.iter().any(|(_, of)| of.unmatched > 0);
    let cells = |(asset, of): &(&Asset, AssetFigures)| {
        let mut row = vec![
            asset.to_string(),
            count(of.sells),
            dollars(of.proceeds),
            dollars(of.cost_basis),
            dollars(of.pnl),
            dollars(of.open_cost),
        ];
        row.extend(has_unmatched.then(|| counts::unless_zero(of.unmatched)));
        row
    };
    let mut header = vec![
        "Asset",
        "Sells",
        "Net proceeds",
        "Cost basis",
        "Realized PnL",
        "Open cost",
    ];
    header.extend(has_unmatched.then_some("Unmatched"));
    let rows_shown = rows.iter().map(cells).collect();
    let mut text = table(&header, &[1, 2, 3, 4, 5, 6], rows_shown) + "\n";
    if all > rows.len() {
        let rest = (all - rows.len()) as u64;
        text.push_str(&format!(
            "  and {} with smaller amounts: --all-rows\n",
            plural(rest, "asset", "assets")
        ));
    }
    text + "\n"
}

/// Names the accounts of the settings that have no trades: one may be mistyped, and its setting
/// then counts for nothing. A run over a part of the ledger does not know them all.
pub(in crate::cli::commands) fn describe_unknown_accounts(
    report: &ComputeReport,
    rules: &AssetRules,
) -> String {
    if !report.scope.is_all() {
        return String::new();
    }
    let known: BTreeSet<&Account> = report.pools.iter().map(|line| &line.pool.account).collect();
    let named = rules.accounts.keys().chain(rules.short_accounts.keys());
    let unknown: BTreeSet<&Account> = named.filter(|it| !known.contains(it)).collect();
    let line = |account: &Account| {
        let account = shown(account.as_str()).quoted();
        format!("Settings        [accounts.{account}] is of an account without trades\n")
    };
    unknown.into_iter().map(line).collect()
}

const INDENT: &str = "                ";

/// Says which sells found too few buys, and the effect on the totals.
pub(in crate::cli::commands) fn describe_unmatched(
    sells: &str,
    verb: &str,
    proceeds: Usd,
    next: &Next,
) -> String {
    format!(
        "Unmatched       {sells} {verb} too few buys: {} USD of net proceeds have no cost \
         basis and are in no total. Import their buys. `{}` lists the sells, and says what to do \
         if one is a short sale\n",
        dollars(proceeds),
        next.command("fifo-pnl review list"),
    )
}

/// Lists the sells and pools that the totals lack, and facts that limit the totals.
fn describe_unknown(report: &ComputeReport, all_rows: bool, next: &Next) -> String {
    let counts = &report.counts;
    let mut text = String::new();
    if counts.unmatched_sells > 0 {
        let proceeds = total(report, |line| line.totals.unmatched_net_proceeds);
        let verb = match counts.unmatched_sells {
            1 => "finds",
            _ => "find",
        };
        let sells = plural(counts.unmatched_sells, "sell", "sells");
        text.push_str(&describe_unmatched(&sells, verb, proceeds, next));
    }
    if report.lacking > 0 {
        let withdrawals = plural(report.lacking, "withdrawal", "withdrawals");
        text.push_str(&format!(
            "Transfers       {withdrawals} found too few lots: import the buys of the account \
             that sent. `{}` says how many\n",
            next.command("fifo-pnl review list")
        ));
    }
    for (status, verb) in [
        (PoolStatus::Rejected, "Rejected"),
        (PoolStatus::Excluded, "Excluded"),
    ] {
        let lines = report.pools.iter().filter(|line| line.status == status);
        let all = lines.clone().count();
        let shown = if all_rows { all } else { TABLE_ROWS_MAX };
        for line in lines.take(shown) {
            let trades = match line.totals.trades {
                0 => "legs only".to_owned(),
                trades => plural(trades, "trade", "trades"),
            };
            text.push_str(&format!(
                "{verb:<16}{} ({trades}): {}\n",
                line.pool,
                shown_sentence(line.error.as_deref().unwrap_or(""))
            ));
        }
        if all > shown {
            let rest = plural((all - shown) as u64, "more pool", "more pools");
            text.push_str(&format!("{INDENT}and {rest}: --all-rows\n"));
        }
    }
    let rates = counts::describe_rates(&report.rates, "", next);
    text + &rates + &counts::describe_all(counts, ("", report.voided), &report.ineligible)
}

/// Most pools whose exclusion a line proposes.
const EXCLUDES_SHOWN_MAX: usize = 3;

/// Returns the commands that leave out the rejected pools. Other settings may give a pool that the
/// current version covers another name.
fn excludes(report: &ComputeReport, lost: &[Pool], next: &Next) -> String {
    let rejected = report
        .pools
        .iter()
        .filter(|line| line.status == PoolStatus::Rejected);
    let rejected: Vec<&Pool> = rejected.map(|line| &line.pool).collect();
    let mut pools: Vec<&Pool> = lost.iter().filter(|pool| rejected.contains(pool)).collect();
    if pools.len() < lost.len() {
        let is_near = |pool: &&Pool| lost.iter().any(|of| of.account == pool.account);
        pools = rejected.into_iter().filter(is_near).collect();
    }
    let more = pools.len().saturating_sub(EXCLUDES_SHOWN_MAX);
    pools.truncate(EXCLUDES_SHOWN_MAX);
    let command = |pool: &Pool| {
        let account = flag("--account", pool.account.as_str());
        let asset = flag("--asset", pool.asset.as_str());
        let exclude = format!("fifo-pnl review exclude {account} {asset} --reason TEXT");
        format!("`{}`", next.command(&exclude))
    };
    let mut commands: Vec<String> = pools.into_iter().map(command).collect();
    if more > 0 {
        commands.push(format!("the same for {} more", count(more as u64)));
    }
    commands.join(", ")
}

/// Names the next commands. `validated`: leaves out the command that validates.
pub(in crate::cli::commands) fn describe_next(
    report: &ComputeReport,
    next: &Next,
    validated: bool,
) -> String {
    let version = report.version;
    let commands = match &report.publication {
        // No next command: a user who may not write would copy it.
        Publication::DryRun => return "Leave out --dry-run to write it.\n".into(),
        Publication::WouldTakeAway(pools) => {
            let exclude = excludes(report, pools, next);
            let list = next.command("fifo-pnl review list");
            let settle = format!("settle what `{list}` shows");
            let mend = match report.rates.missing {
                0 => settle,
                _ => format!(
                    "import the missing rates (`{}` lists them), or {settle},",
                    next.command("fifo-pnl rates missing -o FILE")
                ),
            };
            format!(
                "{mend} and compute again; or go on without them: {exclude}; or accept \
                 the version as it is: `{}`",
                next.command(&format!("fifo-pnl versions publish {version}"))
            )
        }
        _ if report.counts.unmatched_sells > 0 || report.counts.pools_rejected > 0 => {
            next.command("fifo-pnl review list")
        }
        _ if validated => return String::new(),
        _ => next.command(&format!("validate_allocations --version {version}")),
    };
    format!("Next: {commands}\n")
}
