//! `void`: takes a trade out of matching, or puts it back. The ledger's row stays as it is.

use std::collections::BTreeSet;

use serde_json::json;

use super::{check_reason, decided, read_account};
use crate::cli::Outcome;
use crate::cli::args::VoidArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::next::flag;
use crate::cli::session::Session;
use crate::engine::{Account, shown};
use crate::pipeline::known_pools;
use crate::store::model::VoidChange;
use crate::store::{StoreError, TradeStore};

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &VoidArgs) -> CliResult<Account> {
    check_reason(&args.reason)?;
    Ok(read_account(Some(&args.account))?.unwrap_or_default())
}

/// Most accounts that a hint names.
const ACCOUNTS_SHOWN_MAX: usize = 3;

/// Returns the accounts that have a trade, as flags. Returns none if the look-up fails.
async fn accounts_of(store: &dyn TradeStore, order_id: &str) -> Vec<String> {
    let Ok(Some(pools)) = known_pools(store).await else {
        return Vec::new();
    };
    let ids: BTreeSet<(String, String)> = pools
        .iter()
        .map(|pool| (pool.account.to_string(), order_id.to_owned()))
        .collect();
    let found = store.trades_named(&ids, None).await.unwrap_or_default();
    let accounts: BTreeSet<String> = found
        .iter()
        .map(|trade| flag("--account", trade.pool.account.as_str()))
        .collect();
    accounts.into_iter().take(ACCOUNTS_SHOWN_MAX).collect()
}

pub async fn run(args: VoidArgs, session: &Session) -> CliResult<Outcome> {
    let account = check(&args)?;
    let store = session.open(false).await?;
    let change = VoidChange {
        account,
        order_id: args.order_id.clone(),
        reason: args.reason.clone(),
        voided_by: session.context.user.clone(),
        voided_at: session.context.clock.now(),
        undo: args.undo,
    };
    if let Err(error) = store.void(&change).await {
        let elsewhere = match &error {
            StoreError::NoTrade { .. } => accounts_of(store.as_ref(), &args.order_id).await,
            _ => Vec::new(),
        };
        let error = CliError::from(error);
        return Err(match elsewhere.as_slice() {
            [] => error,
            accounts => CliError {
                hint: format!("it is in {}: add that", accounts.join(" and in ")),
                ..error
            },
        });
    }
    let (id, account) = (&args.order_id, &args.account);
    let done = if args.undo {
        "is back in matching"
    } else {
        "is out of matching"
    };
    let decided = decided::warn_without_sell(store.as_ref(), &session.next).await?;
    let text = format!(
        "Database  {}\nTrade {} of account {} {done} from the next version on.\n{decided}\
         Next: {}\n",
        store.location(),
        shown(id).quoted(),
        shown(account).quoted(),
        session.next.command("compute_allocations --all-symbols")
    );
    let json = json!({ "database": store.location(), "account": account, "order_id": id,
        "voided": !args.undo });
    Ok(Outcome::summary(Exit::Done, text, json))
}
