//! `review`: questions that only a person can settle, and the pools that a person took out.

mod advice;
mod choices;
mod classes;
mod decide;
mod list;
mod moved;
mod settings;
mod sheet;
mod show;
mod typed;
mod ways;

pub(super) use advice::void as void_command;
use serde_json::{Value, json};

use super::pools::NamedAssets;
use super::{check_reason, read_account};
use crate::cli::Outcome;
use crate::cli::args::{PoolArgs, ReviewCommand};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::time;
use crate::cli::session::Session;
use crate::engine::{Account, Asset, Pool, Timestamp, shown, shown_sentence};
use crate::pipeline::{check_scope, known_pools, unknown};
use crate::store::model::{Exclusion, QueuedItem, ReviewStatus, Scope};
use crate::store::{ReviewStore, Store};

pub async fn run(command: ReviewCommand, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let store = store.as_ref();
    match command {
        ReviewCommand::List {
            all,
            status,
            severity,
            pool,
        } => {
            let named = NamedAssets::of(&pool)?;
            let is_all = named.is_all();
            let assets = named.resolve(store, None, session).await?;
            for asset in &assets {
                check_known(store, asset).await?;
            }
            let wanted = |item: &QueuedItem| {
                (all || status.is_some() || item.status.is_open())
                    && status
                        .as_deref()
                        .is_none_or(|status| item.status.as_str() == status)
                    && severity
                        .as_deref()
                        .is_none_or(|severity| item.severity.as_str() == severity)
                    && (is_all || assets.contains(&item.pool.asset))
            };
            list(store, session, (&wanted, all)).await
        }
        ReviewCommand::Show { id } => show::run(store, session, id).await,
        ReviewCommand::Start(args) => {
            decide::decide(store, session, &args, ReviewStatus::InProgress).await
        }
        ReviewCommand::Resolve(args) => decide::resolve(store, session, &args).await,
        ReviewCommand::Dismiss(args) => {
            decide::decide(store, session, &args, ReviewStatus::Dismissed).await
        }
        ReviewCommand::Reopen(args) => {
            decide::decide(store, session, &args, ReviewStatus::Pending).await
        }
        ReviewCommand::Export { output, overwrite } => {
            sheet::export(store, session, &output, overwrite).await
        }
        ReviewCommand::Apply { file, preview, yes } => {
            sheet::apply(store, session, &file, (preview, yes)).await
        }
        ReviewCommand::Exclude(args) => set(store, session, &args, true).await,
        ReviewCommand::Include(args) => set(store, session, &args, false).await,
    }
}

/// Checks the typed arguments. Errors: a value that can't be read, or that has no effect.
pub(super) fn check(command: &ReviewCommand, now: Timestamp) -> CliResult<()> {
    match command {
        ReviewCommand::List { pool, .. } => NamedAssets::of(pool).map(drop),
        ReviewCommand::Start(args) | ReviewCommand::Dismiss(args) | ReviewCommand::Reopen(args) => {
            typed::check_note(&args.note)
        }
        ReviewCommand::Resolve(args) => typed::check(args, now),
        ReviewCommand::Exclude(args) | ReviewCommand::Include(args) => named(args).map(drop),
        ReviewCommand::Show { .. } | ReviewCommand::Export { .. } | ReviewCommand::Apply { .. } => {
            Ok(())
        }
    }
}

/// Reads the account and the asset of a pool. Errors: a text can be none.
fn named(args: &PoolArgs) -> CliResult<(Account, NamedAssets)> {
    check_reason(&args.reason)?;
    let account = read_account(Some(&args.account))?.unwrap_or_default();
    let named = NamedAssets::read(args.asset.as_slice(), args.symbol.as_slice())?;
    Ok((account, named))
}

/// Returns the pool that the arguments name.
///
/// Errors: the ledger lacks the symbol, or the symbol trades several assets; the store fails.
async fn pool_of(store: &dyn Store, args: &PoolArgs, session: &Session) -> CliResult<Pool> {
    let (account, named) = named(args)?;
    let assets = named.resolve(store, Some(&account), session).await?;
    let mut assets = assets.into_iter();
    match (assets.next(), assets.next()) {
        (Some(asset), None) => Ok(Pool::new(account, asset)),
        _ => Err(CliError::usage(
            "the symbol trades several assets",
            "name the pool with --asset ASSET",
        )),
    }
}

/// Finds an item by its number. Errors: no such item.
async fn find_item(store: &dyn ReviewStore, id: i64) -> CliResult<QueuedItem> {
    let queue = store.review_queue().await?;
    let found = queue.into_iter().find(|item| item.id == id);
    found.ok_or_else(|| {
        CliError::usage(
            format!("there is no review item {id}"),
            "`fifo-pnl review list --all` shows all items",
        )
    })
}

async fn list(
    store: &dyn Store,
    session: &Session,
    (wanted, each): (&dyn Fn(&QueuedItem) -> bool, bool),
) -> CliResult<Outcome> {
    let queue = store.review_queue().await?;
    let items: Vec<&QueuedItem> = queue.iter().filter(|item| wanted(item)).collect();
    let exclusions = store.exclusions().await?;
    let mut text = format!("Database  {}\n", store.location());
    if items.is_empty() {
        text.push_str("Nothing to review.\n");
    } else {
        text.push_str(&list::describe(&items, each, &session.next));
        let config = session.config.tax.path.display().to_string();
        let with_coins = advice::accounts_with_coins(store).await?;
        let around = (&session.config.rules, &with_coins);
        text.push_str(&settings::describe_settings(
            &items,
            around,
            &config,
            &session.next,
        ));
    }
    for exclusion in &exclusions {
        text.push_str(&format!(
            "Excluded  {}: {} (by {}, {})\n",
            exclusion.pool,
            shown_sentence(&exclusion.reason),
            shown(&exclusion.decided_by),
            time(exclusion.decided_at)
        ));
    }
    let excluded = |exclusion: &Exclusion| {
        json!({ "account": exclusion.pool.account.as_str(),
            "asset": exclusion.pool.asset.as_str(), "reason": exclusion.reason,
            "by": exclusion.decided_by, "at": exclusion.decided_at.to_string() })
    };
    let json = session.json(|| {
        json!({
            "database": store.location(),
            "items": items.iter().map(|item| item_json(item)).collect::<Vec<_>>(),
            "excluded": exclusions.iter().map(excluded).collect::<Vec<_>>(),
        })
    });
    Ok(Outcome::answer(Exit::Done, text, json))
}

fn item_json(item: &QueuedItem) -> Value {
    let details: Value = serde_json::from_str(&item.details).unwrap_or_default();
    json!({
        "id": item.id, "issue_type": item.issue.as_str(), "severity": item.severity.as_str(),
        "status": item.status.as_str(), "account": item.pool.account.as_str(),
        "asset": item.pool.asset.as_str(), "symbol": item.symbol, "leg": item.leg.as_str(),
        "order_id": item.order_id,
        "description": item.description, "details": details, "resolution": item.resolution,
        "allocation_version": item.version, "created_at": item.created_at.to_string(),
        "updated_at": item.updated_at.to_string(),
        "resolved_at": item.resolved_at.map(|time| time.to_string()),
        "resolved_by": item.resolved_by,
    })
}

/// Checks that the ledger has an asset, so that a mistyped one does not give "nothing to review".
async fn check_known(store: &dyn Store, asset: &Asset) -> CliResult<()> {
    let queue = store.review_queue().await?;
    if queue.iter().any(|item| item.pool.asset == *asset) {
        return Ok(());
    }
    let Some(pools) = known_pools(store).await? else {
        return Ok(());
    };
    match pools.iter().any(|pool| pool.asset == *asset) {
        true => Ok(()),
        false => {
            let assets = pools.iter().map(|pool| pool.asset.as_str());
            Err(unknown("asset", asset.as_str(), assets).into())
        }
    }
}

async fn set(
    store: &dyn Store,
    session: &Session,
    args: &PoolArgs,
    excluded: bool,
) -> CliResult<Outcome> {
    let pool = pool_of(store, args, session).await?;
    let is_excluded = store.exclusions().await?.iter().any(|e| e.pool == pool);
    if is_excluded == excluded {
        let state = if excluded {
            "excluded already"
        } else {
            "not excluded"
        };
        return Err(CliError::refused(
            format!("{pool} is {state}"),
            "`fifo-pnl review list` shows what is excluded",
        ));
    }
    if excluded {
        // Checks the names first: a wrong name would exclude no pool.
        let scope = Scope {
            account: Some(pool.account.clone()),
            assets: [pool.asset.clone()].into(),
            ..Scope::default()
        };
        check_scope(store, &scope).await?;
    }
    let exclusion = Exclusion {
        pool: pool.clone(),
        reason: args.reason.clone(),
        decided_by: session.context.user.clone(),
        decided_at: session.context.clock.now(),
    };
    store.set_exclusion(&exclusion, excluded).await?;
    let state = if excluded {
        "out of matching"
    } else {
        "back in matching"
    };
    let text = format!(
        "Database  {}\n{pool} is {state} from the next version on.\n\
         Next: {}\n",
        store.location(),
        session.next.command("compute_allocations --all-symbols")
    );
    let json = json!({ "database": store.location(), "account": args.account,
        "asset": pool.asset.as_str(), "excluded": excluded });
    Ok(Outcome::summary(Exit::Done, text, json))
}
