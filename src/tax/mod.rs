//! A version's allocations as tax files: the files to file, and the proof of them.
//!
//! Every figure here is made from a stored allocation and a date in a named time zone. Only this
//! layer rounds. It rounds each printed row; a printed gain is printed proceeds less printed cost,
//! and a printed total is the sum of printed rows. The same version gives the same bytes: this
//! layer reads no clock. An unknown (a sell without a lot, a rejected pool) goes into a file of its
//! own and never gets a cost. Rules and their sources: docs/TAX.md. Read next: `term.rs`,
//! `boxes.rs`, `row.rs`.

mod amend;
mod amount;
mod archive;
mod boxes;
mod converted;
mod error;
mod export;
mod exported;
mod formats;
mod income;
mod manifest;
mod near_misses;
mod not_computed;
mod review;
mod row;
mod slices;
mod term;
mod totals;
mod undecided;
mod unpack;
mod verify;
mod voided;

pub use amend::{Amended, Amendment, FiledYear, PrintedLine, amend, filed};
pub use amount::{Amounts, Rounding};
pub use archive::{Filed, archive};
pub use boxes::{AssetKind, BoxRules, DIGITAL_BOXES_FROM, FormBox, FormPart, Reported, base_asset};
pub use error::{DecisionError, SheetFull, TaxError, TaxResult};
pub use export::{ExportRequest, Stop, export};
pub use exported::{Exported, SeveralDollars};
pub use formats::{ExportFacts, Format, LOTS_HEADER, LeftOut, TAXACT_ROWS_MAX, is_panic_caught};
pub use income::{IncomeOfYear, IncomeRow, IncomeTotal};
pub use manifest::{MANIFEST_FORMAT, SECTION_988, Sealing, rules_of};
pub use near_misses::{NearMiss, near_misses};
pub use not_computed::{NotComputed, not_computed};
pub use review::{
    BasisLot, Preview, SellFigures, basis_trades, import_batch, next_numbers, preview,
    unmatched_size,
};
pub use row::{Mark, MatchedRow, RowMaker, SliceNumber, TaxRow, TaxRules};
pub use term::{Term, days_held, term_of};
pub use totals::{BoxTotal, Totals};
pub use undecided::{Undecided, UndecidedMovement};
pub use unpack::{
    MANIFEST_NAME, Opened, ZIP_FILES_MAX, ZIP_FREE_BYTES, ZIP_LIST_BYTES_MAX,
    ZIP_MANIFEST_BYTES_MAX, ZIP_NAME_BYTES_MAX, ZIP_RATIO_MAX, ZIP_TOTAL_BYTES_MAX, open,
};
pub use verify::{Verdict, Verified};
