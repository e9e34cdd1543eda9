//! `compute`: a version of allocations, and the summary that a trader understands.

mod words;

use serde_json::{Value, json};

use self::words::total;
use super::import::{FilesTogether, worst};
use super::pools::NamedAssets;
use super::tax::filed_years_changed;
use super::{counts, decided, prune, read_account, transfers};
use crate::cli::Outcome;
use crate::cli::args::ComputeArgs;
use crate::cli::duration::parse_since;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, time};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::engine::{ActionKind, AssetAction, Pool, Timestamp, shown};
use crate::pipeline::{self, ComputeOptions, ComputeReport, Context, PoolLine, Publication};
use crate::store::model::{Scope, VersionOrigin};
use crate::store::{Store, VersionStore};

pub(super) use self::words::{
    describe, describe_next, describe_unknown_accounts, describe_unmatched, join,
};

/// Makes a run's options of the arguments, and the context to run in.
pub(super) fn options(
    args: &ComputeArgs,
    scope: Scope,
    session: &Session,
) -> (Context, ComputeOptions) {
    let options = ComputeOptions {
        origin: if scope.is_all() {
            VersionOrigin::Full
        } else {
            VersionOrigin::Hand
        },
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
    (context, options)
}

pub(super) async fn run(args: ComputeArgs, session: &Session) -> CliResult<Outcome> {
    let account = read_account(args.account.as_deref())?;
    let named = named(&args)?;
    let store = session.open(false).await?;
    let resolved = named.resolve(store.as_ref(), account.as_ref(), session);
    let assets = match resolved.await {
        Ok(assets) => assets,
        Err(error) => return Err(with_state(error, store.as_ref(), &session.next).await),
    };
    let scope = Scope {
        account,
        assets,
        ..Scope::default()
    };
    let (context, options) = options(&args, scope, session);
    // After the run, a fault here would end a completed run as a failed one.
    let together = FilesTogether::of_ledger(store.as_ref(), session).await?;
    let moved = transfers::stored(store.as_ref(), session).await?;
    let before = decided::before(store.as_ref()).await?;
    let report = match pipeline::compute(store.as_ref(), &context, &options).await {
        Ok(report) => report,
        Err(error) => return Err(with_state(error.into(), store.as_ref(), &session.next).await),
    };
    let mut text = format!("Database  {}\n", store.location());
    text.push_str(&describe(&report, args.all_rows, &session.next));
    text.push_str(&together.describe(&session.next));
    text.push_str(&describe_unknown_accounts(&report, &session.config.rules));
    text.push_str(&idle_splits(store.as_ref(), &report, session).await);
    text.push_str(&moved);
    let decided = decided_of(store.as_ref(), &report, &before).await;
    text.push_str(&decided.describe(&session.next));
    text.push_str(
        &filed_years_changed((store.as_ref(), &session.next), report.version, None).await,
    );
    text.push_str(&describe_next(&report, &session.next, false));
    let mut json = session.json(|| to_json(&report));
    decided.add_to(&mut json);
    together.add_to(&mut json);
    add(&mut json, json!({ "database": store.location() }));
    let exit = worst([exit(&report), together.exit()]);
    Ok(Outcome::summary(exit, text, json))
}

/// Names the splits that change no pool: their asset or account may be mistyped. A run over a part
/// of the ledger does not know all pools.
pub(super) async fn idle_splits(
    store: &dyn Store,
    report: &ComputeReport,
    session: &Session,
) -> String {
    if !report.scope.is_all() {
        return String::new();
    }
    // The run is done: a fault here is not its fault.
    let actions = store.actions(None).await.unwrap_or_default();
    let rules = session.context.rules.as_rules();
    let is_idle = |action: &&AssetAction| {
        let mut pools = report.pools.iter();
        action.kind == ActionKind::Split && !pools.any(|it| action.concerns(&it.pool, rules))
    };
    let idle = actions.iter().filter(is_idle);
    let line = |action: &AssetAction| {
        let account = action
            .account
            .as_ref()
            .map(|of| format!(" in account {}", shown(of.as_str()).quoted()));
        let account = account.unwrap_or_default();
        let at = action.happened_at.to_string();
        let action = action.to_string().replace(&at, &time(action.happened_at));
        format!("Actions         {action}{account} changes no lots: no trades have this asset\n")
    };
    idle.map(line).collect()
}

/// Looks up the lots by decision of a run's version, and the late buys of the run.
pub(super) async fn decided_of(
    store: &dyn Store,
    report: &ComputeReport,
    before: &decided::Before,
) -> decided::Decided {
    let version = report.run_id.map(|_| report.version);
    decided::of(store, version, &report.scope, before).await
}

/// Returns how many automatic versions a run keeps: the flag, else the setting.
pub(super) fn keep_versions(flag: Option<u16>, session: &Session) -> usize {
    flag.map_or(session.config.keep_versions, usize::from)
}

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &ComputeArgs, now: Timestamp) -> CliResult<()> {
    read_account(args.account.as_deref())?;
    named(args)?;
    since(args, now).map(drop)
}

fn named(args: &ComputeArgs) -> CliResult<NamedAssets> {
    NamedAssets::read(&args.asset, &args.symbol)
}

/// Reads `--since`. Errors: the text is not a time; the time is in the future.
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

/// Adds the present state to an error: the run, the current version, and the next command. A
/// refused command gets no next command: its hint says what to do.
pub(super) async fn with_state(
    mut error: CliError,
    store: &dyn VersionStore,
    next: &Next,
) -> CliError {
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
            let through = match info.complete_through {
                Some(at) => format!("complete through {}", time(at)),
                None => "no trade is matched".into(),
            };
            format!("version {} is still current, {through}", info.version)
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

pub(super) fn exit(report: &ComputeReport) -> Exit {
    let lost = matches!(report.publication, Publication::WouldTakeAway(_));
    match report.counts.pools_rejected {
        0 if !lost => Exit::Done,
        _ => Exit::Findings,
    }
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
        "totals_complete": counts.unmatched_sells == 0 && counts.pools_rejected == 0,
        "unmatched_net_proceeds_usd":
            total(report, |line| line.totals.unmatched_net_proceeds).to_string(),
        "voided": report.voided,
        "ineligible": report.ineligible,
        "rates": counts::rates_json(&report.rates),
        "ledger_hash": report.ledger_hash.to_string(),
        "allocations_hash": report.allocations_hash.to_string(),
        "pools": report.pools.iter().map(pool_json).collect::<Vec<_>>(),
    });
    add(&mut json, counts::to_json(counts));
    json
}

fn pool_json(line: &PoolLine) -> Value {
    let totals = &line.totals;
    json!({
        "account": line.pool.account.as_str(), "asset": line.pool.asset.as_str(),
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
        "open_direction": totals.open_direction.as_str(),
    })
}
