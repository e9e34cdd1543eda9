//! Exit code and hint of each error of a tax command.

use std::collections::BTreeSet;

use super::{CliError, see_what_differs};
use crate::cli::exit::Exit;
use crate::engine::Pool;
use crate::tax::{DecisionError, TaxError};

impl From<TaxError> for CliError {
    fn from(error: TaxError) -> Self {
        let message = error.to_string();
        let usage = |hint: &str| Self::usage(message.clone(), hint);
        let refused = |hint: &str| Self::refused(message.clone(), hint);
        match error {
            TaxError::Store(error) => error.into(),
            TaxError::NoYear(_) => usage("a year is written with four digits, like 2025"),
            TaxError::BadAccount(..) => usage("an account is a short name like main"),
            TaxError::NoPools(_, known) => {
                usage(&format!("its accounts are: {}", known.join(", ")))
            }
            TaxError::SeveralClasses(pools) => refused(&several_classes(&pools)),
            TaxError::Zip(..) | TaxError::Manifest(_) => {
                usage("name a zip that was filed: tax --final writes it")
            }
            TaxError::FiledRowsGone(_) => refused("restore a backup that has them"),
            TaxError::Moved(_) => refused("run the same command again when no run is at work"),
            TaxError::LotsDiffer(version, _) => refused(&see_what_differs(version)),
            TaxError::Decision(why) => {
                let (exit, hint) = decision_advice(&why);
                Self {
                    exit,
                    ..usage(hint)
                }
            }
            TaxError::Stopped => Self {
                exit: Exit::Interrupted,
                ..Self::failed(message)
            },
            TaxError::Write(error) => error.into(),
        }
    }
}

/// Returns the settings that name the kind of each asset.
fn several_classes(pools: &[Pool]) -> String {
    let assets: BTreeSet<String> = pools
        .iter()
        .map(|it| format!("{:?}", it.asset.as_str()))
        .collect();
    let assets = Vec::from_iter(assets).join(", ");
    format!(
        "in the settings, below a line `[tax]`, add the line `securities = [{assets}]`, or the \
         line `digital_assets = [{assets}]`"
    )
}

fn decision_advice(why: &DecisionError) -> (Exit, &'static str) {
    match why {
        DecisionError::NoUnmatchedSell(..) => (Exit::Usage, "a basis settles unmatched sells only"),
        DecisionError::AcquiredLater(..) => (Exit::Usage, "what is sold was acquired before"),
        DecisionError::SplitBetween(..) => (
            Exit::Usage,
            "import the lot with the units that it had then: `fifo-pnl import lots FILE`",
        ),
        DecisionError::MoreThanUnmatched(..) => (
            Exit::Usage,
            "a basis settles what is unmatched; import other lots with `fifo-pnl import lots FILE`",
        ),
        DecisionError::Sizes(_) | DecisionError::Basis(..) | DecisionError::OrderId(..) => {
            (Exit::Usage, "")
        }
        DecisionError::SellGone(..)
        | DecisionError::NothingOpen(..)
        | DecisionError::MoreThanOpen { .. } => (
            Exit::Refused,
            "`compute_allocations --all-symbols` brings the item up to date; void a trade that was \
             appended by mistake",
        ),
        DecisionError::Unmatchable(..) => (
            Exit::Refused,
            "`fifo-pnl review list` says what is wrong with it",
        ),
    }
}
