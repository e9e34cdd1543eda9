//! The trades of a source until the import, and their way to the store.

use super::csv_file::TradeFile;
use super::elsewhere::FIRST_MAX;
use super::error::PipelineResult;
use super::job::Context;
use crate::engine::{AssetAction, LedgerTrade, Movement};
use crate::store::Store;
use crate::store::model::{ImportBatch, ImportFile, ImportReceipt, Reject};
use crate::store::trades::TradeSource;

/// Place of a source's trades until the import.
#[derive(Debug, Clone)]
pub(super) enum SourceTrades {
    /// In memory, if the source can't be read twice. Opening lots, too: they are few.
    Listed(
        Vec<LedgerTrade>,
        (Vec<Movement>, Vec<AssetAction>),
        Vec<Reject>,
    ),
    /// In the file, which the import reads again.
    InFile(TradeFile),
}

/// Returns the first trades of a source.
pub(super) async fn first_trades(
    trades: &SourceTrades,
    context: &Context,
) -> PipelineResult<Vec<LedgerTrade>> {
    match trades {
        SourceTrades::Listed(trades, ..) => Ok(trades.iter().take(FIRST_MAX).cloned().collect()),
        SourceTrades::InFile(csv) => {
            let mut source = csv.clone().trades(context);
            let first = source.next_batch().await;
            let mut first = source.why_stopped(first)?.unwrap_or_default();
            first.truncate(FIRST_MAX);
            Ok(first)
        }
    }
}

/// Gives the rows of a source to the store.
pub(super) async fn write(
    store: &dyn Store,
    file: &ImportFile,
    trades: SourceTrades,
    context: &Context,
) -> PipelineResult<ImportReceipt> {
    match trades {
        SourceTrades::Listed(trades, (movements, actions), rejects) => {
            let batch = ImportBatch {
                file: file.clone(),
                trades,
                movements,
                actions,
                rejects,
            };
            Ok(store.import(&batch).await?)
        }
        SourceTrades::InFile(csv) => {
            let mut trades = csv.trades(context);
            let done = store.import_file(file, &mut trades).await;
            trades.why_stopped(done)
        }
    }
}
