//! `void`: a trade out of matching, or back in. The ledger's row stays as it is.

use serde_json::json;

use super::{check_reason, read_account};
use crate::cli::Outcome;
use crate::cli::args::VoidArgs;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::engine::{Account, shown};
use crate::store::model::VoidChange;

/// Checks what was typed. Errors: a value that can't be read.
pub(super) fn check(args: &VoidArgs) -> CliResult<Account> {
    check_reason(&args.reason)?;
    Ok(read_account(Some(&args.account))?.unwrap_or_default())
}

/// Runs the command.
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
    store.void(&change).await?;
    let (id, account) = (&args.order_id, &args.account);
    let done = if args.undo {
        "is back in matching"
    } else {
        "is out of matching"
    };
    let text = format!(
        "Database  {}\nTrade {} of account {} {done} from the next version on.\nNext: {}\n",
        store.location(),
        shown(id).quoted(),
        shown(account).quoted(),
        session.next.command("compute_allocations --all-symbols")
    );
    let json = json!({ "database": store.location(), "account": account, "order_id": id,
        "voided": !args.undo });
    Ok(Outcome {
        text,
        json,
        exit: Exit::Done,
        is_summary: true,
    })
}
