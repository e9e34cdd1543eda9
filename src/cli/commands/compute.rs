//! `compute`: a version of allocations, and the summary that a trader understands.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tax::filed_years_changed;
use super::{counts, decided, prune, read_account, read_symbol};
use crate::cli::Outcome;
use crate::cli::args::ComputeArgs;
use crate::cli::config::TABLE_ROWS_MAX;
use crate::cli::duration::parse_since;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{count, dollars, plural, sum, table, time};
use crate::cli::next::{Next, flag};
use crate::cli::session::Session;
use crate::engine::{Pool, PoolStatus, Symbol, Timestamp, Usd, shown_sentence};
use crate::pipeline::{self, ComputeOptions, ComputeReport, Context, PoolLine, Publication};
use crate::store::Store;
use crate::store::model::Scope;

/// Returns what the arguments ask for, and the context to do it in.
pub(super) fn options(
    args: &ComputeArgs,
    session: &Session,
) -> CliResult<(Context, ComputeOptions)> {
    let scope = scope(args)?;
    let options = ComputeOptions {
        origin: if scope.is_all() { "full" } else { "hand" }.into(),
        scope,
        version: args.version,
        force: args.force,
        no_publish: args.no_publish,
        dry_run: args.dry_run,
        jobs: args.jobs.map(usize::from),
        memory: args.memory,
        keep_versions: Some(keep_versions(args.keep_versions, session)),
    };
    let mut context = session.context.clone();
    if let Some(who) = &args.triggered_by {
        context.user.clone_from(who);
    }
    Ok((context, options))
}

/// Runs the command.
pub(super) async fn run(args: ComputeArgs, session: &Session) -> CliResult<Outcome> {
    let (context, options) = options(&args, session)?;
    let store = session.open(false).await?;
    let before = decided::before(store.as_ref()).await?;
    let report = match pipeline::compute(store.as_ref(), &context, &options).await {
        Ok(report) => report,
        Err(error) => return Err(with_state(error.into(), store.as_ref(), &session.next).await),
    };
    let mut text = format!("Database  {}\n", store.location());
    text.push_str(&describe(&report, args.all_rows, &session.next));
    let decided = decided_of(store.as_ref(), &report, &before).await;
    text.push_str(&decided.describe(&session.next));
    text.push_str(
        &filed_years_changed((store.as_ref(), &session.next), report.version, None).await,
    );
    text.push_str(&describe_next(&report, &session.next, false));
    let mut json = session.json(|| to_json(&report));
    decided.add_to(&mut json);
    if let Some(object) = json.as_object_mut() {
        object.insert("database".into(), store.location().into());
    }
    Ok(Outcome {
        text,
        json,
        exit: exit(&report),
        is_summary: true,
    })
}

/// Looks up the lots by decision of a run's version, and what the run brought beside them.
pub(super) async fn decided_of(
    store: &dyn Store,
    report: &ComputeReport,
    before: &decided::Before,
) -> decided::Decided {
    let version = report.run_id.map(|_| report.version);
    decided::of(store, version, &report.scope, before).await
}

/// How many automatic versions a run leaves: the flag, else the setting.
pub(super) fn keep_versions(flag: Option<u16>, session: &Session) -> usize {
    flag.map_or(session.config.keep_versions, usize::from)
}

/// Checks what was typed. Errors: a value that can't be read.
pub(super) fn check(args: &ComputeArgs, now: Timestamp) -> CliResult<()> {
    scope(args)?;
    since(args, now).map(drop)
}

fn scope(args: &ComputeArgs) -> CliResult<Scope> {
    let mut scope = Scope {
        account: read_account(args.account.as_deref())?,
        ..Scope::default()
    };
    for text in &args.symbol {
        scope.symbols.extend(read_symbol(Some(text))?);
    }
    Ok(scope)
}

/// Reads `--since`. Errors: another form; an instant that is not over yet.
pub(super) fn since(args: &ComputeArgs, now: Timestamp) -> CliResult<Option<Timestamp>> {
    let read = |text: &str| {
        parse_since(text, now).map_err(|error| {
            CliError::usage(
                format!("--since is \"{text}\": {error}"),
                "it narrows what is listed; leave it out to list every pool with something new",
            )
        })
    };
    args.since.as_deref().map(read).transpose()
}

/// Adds to an error what still stands: the run, what is current, and the next command. What was
/// refused would be refused again: there the hint says what to do.
pub(super) async fn with_state(mut error: CliError, store: &dyn Store, next: &Next) -> CliError {
    let (Ok(current), Ok(versions)) = (store.current().await, store.versions().await) else {
        return error;
    };
    let run = error
        .state
        .take()
        .unwrap_or_else(|| "no run was begun".into());
    let info = versions
        .into_iter()
        .find(|info| Some(info.version) == current.version);
    let stands = match info {
        None => "no version is current yet".into(),
        Some(info) => {
            let through = info
                .complete_through
                .map(time)
                .unwrap_or_else(|| "no trade".into());
            format!(
                "version {} is still current, complete through {through}",
                info.version
            )
        }
    };
    let then = match error.exit {
        Exit::Failed | Exit::Interrupted => {
            let again = next.command("compute_allocations --all-symbols");
            format!("; next: {again}")
        }
        _ => String::new(),
    };
    error.state = Some(format!("{run}; {stands}{then}"));
    error
}

/// Chooses the exit code.
pub(super) fn exit(report: &ComputeReport) -> Exit {
    let lost = matches!(report.publication, Publication::WouldTakeAway(_));
    match report.counts.pools_rejected {
        0 if !lost => Exit::Done,
        _ => Exit::Findings,
    }
}

/// Says what a run did.
pub(super) fn describe(report: &ComputeReport, all_rows: bool, next: &Next) -> String {
    let mut text = describe_version(report, next);
    text.push('\n');
    text.push_str(&describe_figures(report));
    text.push_str(&describe_symbols(report, all_rows));
    text.push_str(&describe_unknown(report, next));
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

pub(super) fn join(pools: &[Pool]) -> String {
    pools
        .iter()
        .map(Pool::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn total(report: &ComputeReport, of: impl Fn(&PoolLine) -> Usd) -> Usd {
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
    let accounts: std::collections::BTreeSet<_> =
        report.pools.iter().map(|line| &line.pool.account).collect();
    let incomplete = counts.unmatched_sells > 0 || counts.pools_rejected > 0;
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
        (
            "Open lots",
            count(lots),
            format!(
                "cost {} USD",
                dollars(total(report, |line| line.totals.open_cost))
            ),
        ),
        ("Realized PnL", dollars(counts.pnl), format!("USD{remark}")),
    ];
    let width = rows
        .iter()
        .map(|(_, value, _)| value.len())
        .max()
        .unwrap_or(0);
    let line = |(name, value, note): &(&str, String, String)| {
        format!("  {name:<14}{value:>width$}   {note}\n")
    };
    rows.iter().map(line).collect::<String>() + "\n"
}

/// A symbol's figures over all accounts.
#[derive(Default, Clone, Copy)]
struct SymbolFigures {
    sells: u64,
    allocations: u64,
    unmatched: u64,
    proceeds: Usd,
    cost_basis: Usd,
    pnl: Usd,
    open_cost: Usd,
}

fn describe_symbols(report: &ComputeReport, all_rows: bool) -> String {
    let mut figures: BTreeMap<&Symbol, SymbolFigures> = BTreeMap::new();
    for line in report
        .pools
        .iter()
        .filter(|line| line.status == PoolStatus::Matched)
    {
        let (of, totals) = (figures.entry(&line.pool.symbol).or_default(), &line.totals);
        of.sells += totals.sells;
        of.allocations += totals.allocations;
        of.unmatched += totals.sells_unmatched;
        let add = |total: &mut Usd, amount| *total = sum([*total, amount].into_iter());
        add(&mut of.proceeds, totals.net_proceeds);
        add(&mut of.cost_basis, totals.cost_basis);
        add(&mut of.pnl, totals.pnl);
        add(&mut of.open_cost, totals.open_cost);
    }
    if figures.is_empty() {
        return String::new();
    }
    let mut rows: Vec<(&Symbol, SymbolFigures)> = figures.into_iter().collect();
    rows.sort_by_key(|(symbol, of)| (std::cmp::Reverse(of.pnl.units().unsigned_abs()), *symbol));
    let (all, shown) = (
        rows.len(),
        if all_rows { rows.len() } else { TABLE_ROWS_MAX },
    );
    rows.truncate(shown);
    let cells = |(symbol, of): &(&Symbol, SymbolFigures)| {
        vec![
            symbol.to_string(),
            count(of.sells),
            count(of.allocations),
            if of.unmatched > 0 {
                count(of.unmatched)
            } else {
                String::new()
            },
            dollars(of.proceeds),
            dollars(of.cost_basis),
            dollars(of.pnl),
            dollars(of.open_cost),
        ]
    };
    let header = [
        "Symbol",
        "Sells",
        "Allocations",
        "Unmatched",
        "Net proceeds",
        "Cost basis",
        "Realized PnL",
        "Open cost",
    ];
    let mut text = table(
        &header,
        &[1, 2, 3, 4, 5, 6, 7],
        rows.iter().map(cells).collect(),
    ) + "\n";
    if all > rows.len() {
        let rest = (all - rows.len()) as u64;
        text.push_str(&format!(
            "  and {} with smaller amounts: --all-rows\n",
            plural(rest, "symbol", "symbols")
        ));
    }
    text + "\n"
}

/// Room below a name, where its text goes on.
const INDENT: &str = "                ";

/// Says which sells found no buy, and what that means for the totals.
pub(super) fn describe_unmatched(sells: &str, verb: &str, proceeds: Usd, next: &Next) -> String {
    format!(
        "Unmatched       {sells} {verb} no buy: {} USD of net proceeds have no cost basis\n\
         {INDENT}and are in no total. Totals are incomplete until the buys are imported\n\
         {INDENT}(short sales are not matched yet): `{}`\n",
        dollars(proceeds),
        next.command("fifo-pnl review list"),
    )
}

/// Says what is unknown, and what it means for the totals.
fn describe_unknown(report: &ComputeReport, next: &Next) -> String {
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
    for (status, verb) in [
        (PoolStatus::Rejected, "Rejected"),
        (PoolStatus::Excluded, "Excluded"),
    ] {
        for line in report.pools.iter().filter(|line| line.status == status) {
            text.push_str(&format!(
                "{verb:<16}{} ({}): {}\n",
                line.pool,
                plural(line.totals.trades, "trade", "trades"),
                shown_sentence(line.error.as_deref().unwrap_or(""))
            ));
        }
    }
    if counts.fees_unknown > 0 {
        text.push_str(&format!(
            "Fees unknown    {}, counted as 0\n",
            plural(counts.fees_unknown, "trade", "trades")
        ));
    }
    text.push_str(&counts::describe(counts));
    if report.voided > 0 {
        text.push_str(&format!(
            "Voided          {} left out\n",
            plural(report.voided, "trade", "trades")
        ));
    }
    for (reason, rows) in &report.ineligible {
        text.push_str(&format!(
            "Not executions  {}: {}\n",
            plural(*rows, "row", "rows"),
            shown_sentence(reason)
        ));
    }
    text
}

/// Names the next commands. What is validated already is not to be validated next.
pub(super) fn describe_next(report: &ComputeReport, next: &Next, validated: bool) -> String {
    let version = report.version;
    let commands = match &report.publication {
        // Whether this user may write is not known.
        Publication::DryRun => return "Leave out --dry-run to write it.\n".into(),
        Publication::WouldTakeAway(pools) => {
            let pool = pools.first();
            let (account, symbol) = pool
                .map(|pool| (pool.account.to_string(), pool.symbol.to_string()))
                .unwrap_or_default();
            let (account, symbol) = (flag("--account", &account), flag("--symbol", &symbol));
            let exclude = format!("fifo-pnl review exclude {account} {symbol} --reason TEXT");
            format!(
                "correct the trades and compute again; or go on without them: `{}`; or accept \
                 the version as it is: `{}`",
                next.command(&exclude),
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

/// Puts a run's report into JSON; decimals are strings.
pub(super) fn to_json(report: &ComputeReport) -> Value {
    let counts = &report.counts;
    let publication = match &report.publication {
        Publication::Published => "published",
        Publication::NotAsked => "not asked",
        Publication::Scoped => "scoped",
        Publication::Held => "held",
        Publication::WouldTakeAway(_) => "would take away",
        Publication::DryRun => "dry run",
    };
    let lost: Vec<String> = match &report.publication {
        Publication::WouldTakeAway(pools) => pools.iter().map(Pool::to_string).collect(),
        _ => Vec::new(),
    };
    let mut json = json!({
        "run_id": report.run_id,
        "version": report.version,
        "status": report.status.as_str(),
        "publication": publication,
        "pools_lost": lost,
        "current_version": report.current.version,
        "current_held": report.current.held,
        "complete_through": report.complete_through.map(|time| time.to_string()),
        "duration_ms": report.duration_ms,
        "pruned": prune::to_json(&report.pruned),
        "buys": counts.buys, "sells": counts.sells, "allocations": counts.allocations,
        "pnl_usd": counts.pnl.to_string(),
        "totals_complete": counts.unmatched_sells == 0 && counts.pools_rejected == 0,
        "unmatched_sells": counts.unmatched_sells,
        "unmatched_net_proceeds_usd":
            total(report, |line| line.totals.unmatched_net_proceeds).to_string(),
        "fees_unknown": counts.fees_unknown,
        "voided": report.voided,
        "ineligible": report.ineligible,
        "ledger_hash": report.ledger_hash.to_string(),
        "allocations_hash": report.allocations_hash.to_string(),
        "pools": report.pools.iter().map(pool_json).collect::<Vec<_>>(),
    });
    if let Some(object) = json.as_object_mut() {
        object.extend(counts::to_json(counts));
    }
    json
}

fn pool_json(line: &PoolLine) -> Value {
    let totals = &line.totals;
    json!({
        "account": line.pool.account.as_str(), "symbol": line.pool.symbol.as_str(),
        "status": line.status.as_str(), "error": line.error,
        "trades": totals.trades, "buys": totals.buys, "sells": totals.sells,
        "allocations": totals.allocations, "sells_matched": totals.sells_matched,
        "sells_unmatched": totals.sells_unmatched, "buys_used": totals.buys_used,
        "fees_unknown": totals.fees_unknown,
        "sells_by_id": totals.sells_by_id, "buys_by_id": totals.buys_by_id,
        "rebates": totals.rebates, "rebates_usd": totals.rebates_usd.to_string(),
        "matched_size": totals.matched_size.to_string(),
        "cost_basis_usd": totals.cost_basis.to_string(),
        "proceeds_usd": totals.proceeds.to_string(),
        "net_proceeds_usd": totals.net_proceeds.to_string(),
        "pnl_usd": totals.pnl.to_string(),
        "unmatched_size": totals.unmatched_size.to_string(),
        "unmatched_proceeds_usd": totals.unmatched_proceeds.to_string(),
        "unmatched_net_proceeds_usd": totals.unmatched_net_proceeds.to_string(),
        "open_lots": totals.open_lots, "open_size": totals.open_size.to_string(),
        "open_cost_usd": totals.open_cost.to_string(),
    })
}
