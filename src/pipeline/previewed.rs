//! Files of a preview, compared with those in the ledger and with each other.

use super::error::PipelineResult;
use super::same_trades::{CountedTwice, TradesOfFile, files_beside, twice_with};
use crate::engine::{Account, AssetRules};
use crate::import::{adds_up_a_second, may_have_same_trades};
use crate::store::Store;

/// The files that were previewed so far.
#[derive(Default)]
pub(super) struct Previewed {
    files: Vec<TradesOfFile>,
}

impl Previewed {
    /// Returns the files that may have trades of a file. `None`: no other has its trades.
    /// `formats`: those of all files of the preview. Errors: the store fails.
    pub(super) async fn others(
        &self,
        store: &dyn Store,
        rules: &AssetRules,
        (account, format): (&Account, &str),
        formats: &[String],
    ) -> PipelineResult<Option<Vec<TradesOfFile>>> {
        let mut others = files_beside(store, rules, (account, format)).await?;
        others.extend(self.files.iter().cloned());
        let same = |other: &str| may_have_same_trades(format, other);
        let of_others = others.iter().map(|file| file.of.format.as_str());
        let is_compared = formats.iter().any(|other| same(other)) || of_others.clone().any(same);
        Ok((is_compared || adds_up_a_second(format)).then_some(others))
    }

    /// Finds the files that have the trades of a file.
    pub(super) fn compare(
        &mut self,
        file: TradesOfFile,
        others: &[TradesOfFile],
    ) -> Vec<CountedTwice> {
        let found = twice_with(&file, others);
        self.files.push(file);
        found
    }
}
