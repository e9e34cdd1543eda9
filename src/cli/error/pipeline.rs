//! Exit code and hint of each error of the pipeline.

use super::names::{nearest, void_command};
use super::rates::rate_file_hint;
use super::{CliError, file_hint, see_what_differs};
use crate::cli::exit::Exit;
use crate::engine::{NoPair, PoolStatus};
use crate::pipeline::{
    ActionRefusal, ExplainError, NoRows, OtherZone, PipelineError, PointerError, ReplaceError,
    TransferRefusal,
};

const NEXT_NUMBER: &str = "leave --version out: the next number is free";

/// Returns the remedy of a file that is imported for another account.
fn again_hint(import_id: i64) -> String {
    format!(
        "each trade would count in both accounts. If that account is wrong, undo its import first: \
         `fifo-pnl import undo {import_id} --reason TEXT`. If both are right, add --again"
    )
}

/// Returns the remedy of a file that is read in another way than before.
fn reread_hint(import_id: i64) -> String {
    format!(
        "its name, its settings or its flags say another time zone or format than before, so each \
         row would count twice. If the earlier rows are wrong, undo that import first: `fifo-pnl \
         import undo {import_id} --reason TEXT`. Otherwise read the file as before"
    )
}

/// Returns the remedy of a file of a source whose earlier file was read in another zone.
fn zone_hint(zone: &OtherZone) -> String {
    let id = zone.earlier.import_id;
    format!(
        "rows that both files have would count twice. If the earlier zone is right, add it: \
         --timezone ZONE. If the new one is, undo that import first: `fifo-pnl import undo {id} \
         --reason TEXT`. If both are, add --again"
    )
}

/// Returns the remedy of a trade of the ledger that a file cancels.
fn void_hint(account: &str, order_id: &str) -> String {
    let void = void_command(account, order_id);
    format!("take it out, and import the file again: {void}")
}

/// The remedy of a missing current version.
const NONE_CURRENT: &str = "`compute_allocations --all-symbols` makes and publishes one";

/// The remedy of a file that can't be opened.
const NO_FILE: &str = "check the name and the permissions of the file";

/// The remedy of a trade that an earlier file cancels.
const CANCELLED: &str = "remove the row; or export a file that also has the row that cancels it";

impl From<PipelineError> for CliError {
    fn from(error: PipelineError) -> Self {
        let message = error.to_string();
        let usage = |hint: String| Self::usage(message.clone(), hint);
        let refused = |hint: &str| Self::refused(message.clone(), hint);
        match error {
            PipelineError::Store(error) => error.into(),
            PipelineError::File { file, error } => {
                Self::usage(format!("{file}{}", error.in_file()), file_hint(&error))
            }
            PipelineError::Rates { file, error } => {
                Self::usage(format!("{file}{}", error.in_file()), rate_file_hint(&error))
            }
            PipelineError::Unreadable { .. } => usage(NO_FILE.into()),
            PipelineError::ImportedAs { other, .. } => usage(again_hint(other.import_id)),
            PipelineError::KnownElsewhere { known, .. } => usage(again_hint(known.other.import_id)),
            PipelineError::ReadOtherwise { earlier, .. } => usage(reread_hint(earlier.import_id)),
            PipelineError::OtherZone { zone, .. } => usage(zone_hint(&zone)),
            PipelineError::CancelledCounts { of, .. } => usage(void_hint(&of.0, &of.1)),
            PipelineError::CancelledBefore { .. } => usage(CANCELLED.into()),
            PipelineError::Changed { .. } => Self {
                hint: "import it again when its writer is done".into(),
                ..Self::failed(message)
            },
            PipelineError::WaitedInVain(..) => refused("try again when it is done, or wait longer"),
            PipelineError::UnknownName { name, known, .. } => usage(nearest(&name, &known)),
            PipelineError::NoSnapshot(_, known) if known.is_empty() => usage(
                "there is no snapshot; `fifo-pnl history import FILE` makes one of a file".into(),
            ),
            PipelineError::NoSnapshot(_, known) => usage(format!("there is {}", known.join(", "))),
            PipelineError::NoLegacyVersion(_) => {
                usage("SELECT DISTINCT allocation_version FROM fifo_legacy.fifo_allocations".into())
            }
            PipelineError::NoneCurrent => usage(NONE_CURRENT.into()),
            PipelineError::NoResult(..) => {
                usage("`fifo-pnl versions list` shows the others".into())
            }
            PipelineError::Extended(_) => refused("validate it again when no run is at work"),
            PipelineError::Replace(why) => refused(replace_hint(&why)),
            PipelineError::Pointer(why) => advised(message, pointer_advice(&why)),
            PipelineError::Explain(why) => advised(message, explain_advice(&why)),
            PipelineError::Interrupted => Self {
                exit: Exit::Interrupted,
                ..Self::failed("interrupted: nothing was published")
            },
            PipelineError::SomeImported { files, error } => Self {
                state: Some(match files.is_empty() {
                    true => "no file was imported".into(),
                    false => format!("imported before that: {}", files.join(", ")),
                }),
                ..Self::from(*error)
            },
            PipelineError::Run { run_id, error } => Self {
                state: Some(format!("run {run_id} failed")),
                ..Self::from(*error)
            },
            PipelineError::Worker(_) => Self::failed(message),
            PipelineError::Transfer(why) => advised(message, transfer_advice(&why)),
            PipelineError::Action(why) => advised(message, action_advice(&why)),
        }
    }
}

/// Makes an error with its exit code and remedy.
fn advised(message: String, (exit, hint): (Exit, impl Into<String>)) -> CliError {
    CliError {
        exit,
        ..CliError::refused(message, hint)
    }
}

/// Returns exit code and remedy of a refused word about a transfer.
fn transfer_advice(why: &TransferRefusal) -> (Exit, &'static str) {
    let usage = |hint| (Exit::Usage, hint);
    let refused = |hint| (Exit::Refused, hint);
    match why {
        TransferRefusal::Unknown(_) => usage("`fifo-pnl transfers list --all` names them"),
        TransferRefusal::Several(..) => usage("name the account, too: ACCOUNT/ID"),
        TransferRefusal::OtherWay(..) => usage("the withdrawal comes first, then the deposit"),
        TransferRefusal::GoesOut(_) => usage("bring its sale in as a trade, and say --kind booked"),
        TransferRefusal::Undone(_) => refused(
            "`fifo-pnl import list` has the number of its import; `import undo` puts it back",
        ),
        TransferRefusal::Paired(..) => {
            refused("if that pair is wrong, end it first: `fifo-pnl transfers unpair OUT IN`")
        }
        TransferRefusal::NoPair(_, _, NoPair::Larger) => {
            refused("name the withdrawal that the deposit belongs to")
        }
        TransferRefusal::NoPair(_, _, NoPair::TwoAssets) => {
            refused("if both names are of one asset, say so in [aliases] of the settings")
        }
        TransferRefusal::NoPair(..) => refused("name movements of two accounts"),
        TransferRefusal::NoPart(..) => refused("name a deposit and a withdrawal of an asset"),
        TransferRefusal::Decided(..) | TransferRefusal::Settled(..) => {
            refused("there is nothing to change")
        }
    }
}

/// Returns exit code and remedy of a refused word about an action.
fn action_advice(why: &ActionRefusal) -> (Exit, String) {
    match why {
        ActionRefusal::Unknown(_) => (
            Exit::Usage,
            "`fifo-pnl actions list --all` names them".into(),
        ),
        ActionRefusal::Several(..) => (Exit::Usage, "name the account, too: ACCOUNT/ID".into()),
        ActionRefusal::Undone(..) => (Exit::Refused, "there is nothing to take out".into()),
        ActionRefusal::Voided(_, import) => (
            Exit::Refused,
            format!("`fifo-pnl import undo {import} --reason TEXT` brings it back"),
        ),
    }
}

fn replace_hint(why: &ReplaceError) -> &'static str {
    match why {
        ReplaceError::Sealed(..) | ReplaceError::Dropped(_) => NEXT_NUMBER,
        ReplaceError::Exists(_) => {
            "leave --version out for the next number, or replace it with --force"
        }
        ReplaceError::OtherScope(..) => "--force replaces a version by one of the same scope only",
        ReplaceError::TakesAway(..) => {
            "correct the trades, or exclude the pools with `fifo-pnl review exclude --account NAME \
             --asset ASSET --reason TEXT`"
        }
    }
}

fn pointer_advice(why: &PointerError) -> (Exit, &'static str) {
    match why {
        PointerError::NotHeld => (
            Exit::Usage,
            "`fifo-pnl versions list` shows which version is current",
        ),
        PointerError::NoResult(..) => (Exit::Refused, "`fifo-pnl versions list` shows the others"),
        PointerError::OfScope(..) => (
            Exit::Refused,
            "`compute_allocations --all-symbols` makes one that can be",
        ),
    }
}

/// Says how the pool of a sell gets allocations.
fn no_rows_advice(no_rows: &NoRows) -> &'static str {
    match &no_rows.status {
        None => "leave --version out for the current version",
        Some((PoolStatus::Rejected, _)) if no_rows.lacks_rate => {
            "`fifo-pnl rates missing -o FILE` lists all missing rates: fill in the file, import it \
             with `fifo-pnl import rates FILE`, and run `compute_allocations --all-symbols`"
        }
        Some((PoolStatus::Excluded, _)) => {
            "`fifo-pnl review include --account NAME --asset ASSET` ends the exclusion"
        }
        Some((PoolStatus::Rejected, _)) => {
            "`fifo-pnl review list` shows what to settle in the pool"
        }
        Some((PoolStatus::Matched, _)) => "it has a row once a later buy closes it",
        Some((PoolStatus::Stale, _)) => {
            "it came after the trades that the version matched in the pool"
        }
    }
}

fn explain_advice(why: &ExplainError) -> (Exit, String) {
    let usage = |hint: &str| (Exit::Usage, hint.to_owned());
    match why {
        ExplainError::Figures(_, version, _) => {
            let hint = format!("`fifo-pnl validate --version {version}` says what is wrong");
            (Exit::Refused, hint)
        }
        ExplainError::NoRows(no_rows) => usage(no_rows_advice(no_rows)),
        ExplainError::LedgerChanged {
            is_unguarded: true, ..
        } => (
            Exit::Refused,
            "`compute_allocations --all-symbols` makes a version of what is there".into(),
        ),
        ExplainError::LedgerChanged { version, .. } => (Exit::Refused, see_what_differs(*version)),
        ExplainError::Corrected(sell, _, number) => {
            usage(&format!("name it: --sell '{sell}~{number}'"))
        }
        ExplainError::NoTrade(_, version) => {
            let hint = format!(
                "`fifo-pnl versions export {version}` writes the ids of its sells. The trade may \
                 be voided, not eligible, or newer than the version"
            );
            (Exit::Usage, hint)
        }
        ExplainError::ImportUndone(_, import_id, _) => {
            let hint = format!(
                "`fifo-pnl import undo {import_id} --reason TEXT --undo` puts its rows back"
            );
            (Exit::Usage, hint)
        }
        ExplainError::IsBuy(_) => usage("explain shows the lots that a sell used"),
        ExplainError::SeveralAccounts(..) => usage("name one with --account"),
    }
}
