//! The job: import, read, match, check, write; the run log; publishing; validation.
//!
//! The flow of a run is in `compute.rs`, from the lock to the last word of its report. The only
//! place with rayon. Nothing here prints or reads a clock: progress, cancellation and time come
//! in through [`Context`]. Read next: `compute.rs`, `import.rs`, `validate.rs`, `publish.rs`.

mod acted;
mod action_refusal;
mod actions;
mod append;
mod batches;
mod block_file;
mod cancelled;
mod changed;
mod compare;
mod compute;
mod csv_file;
mod decided;
mod earlier;
mod elsewhere;
mod error;
mod explain;
mod explained_lots;
mod explained_moves;
mod explained_rates;
mod explained_slices;
mod file_read;
mod forms;
mod health;
mod history;
mod import;
mod incremental;
mod job;
mod late_rates;
mod lock;
mod make;
mod names;
mod order_fees;
mod other_zone;
mod previewed;
mod prune;
mod publish;
mod rates;
mod rows_missing;
mod run_log;
mod same_trades;
mod slices;
mod source_trades;
mod stale;
mod stated;
mod sync_log;
#[cfg(test)]
mod test_context;
mod transfer_refusal;
mod transfers;
mod twice;
mod unguarded;
mod validate;
mod valued;

pub use acted::ActionCause;
pub use action_refusal::ActionRefusal;
pub use actions::{add_action, void_action, voided_by};
pub use append::{AppendLine, AppendReport, Forced};
pub use batches::MEMORY_DEFAULT;
pub use changed::ChangedPool;
pub use compare::{
    CompareOptions, CompareReport, ComparedSell, ComparedSum, SellDifference, VersionRef, compare,
};
pub use compute::{ComputeOptions, ComputeReport, PoolLine, Publication, compute};
pub use decided::{
    DecidedLot, LateBuy, current_watermark, decided_lots, decided_without_sell, late_buys,
    watermark_of,
};
pub use earlier::{ImportedAs, KnownRows, OtherZone};
pub use error::{ExplainError, NoRows, PipelineError, PipelineResult, PointerError, ReplaceError};
pub use explain::{ExplainedSell, Explanation, explain};
pub use explained_moves::{ExplainedMove, MovementPlace};
pub use explained_rates::ExplainedRate;
pub use explained_slices::{ExplainedLot, ExplainedSlice, ExplainedTrade, Step};
pub use file_read::{FileRead, FileReport};
pub use health::{Finding, HealthLimits, HealthReport, health};
pub use history::{HistoryLine, HistoryReport, HistoryStatus, HistorySum, history, old_answer};
pub use import::{ImportRequest, Source, import_files, parse_source};
pub use incremental::{Incremental, NothingNew, compute_incremental};
pub use job::{Cancel, Clock, Context, Progress, SettledRules, Silent, Stage, Wait};
pub use lock::when_free;
pub use names::{assets_of_symbol, check_scope, known_pools, unknown};
pub use prune::{PruneReport, PruneRule, prune};
pub use publish::{drop_version, publish, release, seal};
pub use rates::{
    RateFileRead, RateFileReport, RateRequest, RateSourceFile, import_rate_files, parse_rate_file,
};
pub use rows_missing::{RowsMissing, rows_missing};
pub use same_trades::{Common, CountedTwice, FileOfTrades, counted_twice, keep_import};
pub use sync_log::{Tried, known_rows, log_unread};
pub use transfer_refusal::{TransferRefusal, no_pair, no_part};
pub use transfers::{
    Transfers, accept_transfers, add_movement, decide_movement, decide_transfer, read_transfers,
};
pub use validate::{ValidateReport, changed_since_version, validate, validate_within};
pub use valued::{LateRates, MissingDay, RateCounts, missing_rates};
