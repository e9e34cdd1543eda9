//! Sells without a lot: their known facts, and no cost.

use std::io;
use std::path::{Path, PathBuf};

use super::{Done, TaxFile};
use crate::files::IfThere;
use crate::report::CsvFile;
use crate::tax::Totals;
use crate::tax::formats::ExportFacts;
use crate::tax::row::TaxRow;

const HEADER: [&str; 15] = [
    "account",
    "symbol",
    "asset",
    "sell_order_id",
    "unmatched_size",
    "sell_time_utc",
    "date_sold",
    "sell_price",
    "proceeds_usd",
    "net_proceeds_usd",
    "reason",
    "sell_file",
    "sell_line",
    "sell_source",
    "version",
];

pub(super) struct Unmatched {
    path: PathBuf,
    file: Option<CsvFile>,
    if_there: IfThere,
    version: i64,
}

impl Unmatched {
    pub(super) fn new(path: &Path, facts: &ExportFacts<'_>) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            if_there: facts.if_there,
            version: facts.version.version,
        }
    }
}

impl TaxFile for Unmatched {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        if row.matched.is_some() {
            return Ok(());
        }
        let stored = &row.from.row;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = CsvFile::create(&self.path, self.if_there, &HEADER)?;
                self.file.insert(file)
            }
        };
        let line = file.line();
        line.text(stored.account.as_str())
            .text(stored.symbol.as_str())
            .text(row.asset.as_str());
        line.text(stored.sell_order_id.as_str());
        line.value(stored.allocated_size).value(stored.sell_time);
        line.value(row.sold).optional(stored.sell_price);
        line.value(stored.proceeds_usd)
            .value(stored.net_proceeds_usd);
        line.text("no open lot was left: the cost is unknown, not zero");
        line.text(row.from.sell.file.as_deref().unwrap_or(""));
        line.optional(row.from.sell.line);
        line.text(row.from.sell.source.as_deref().unwrap_or(""));
        line.value(self.version);
        file.end_row()
    }

    fn finish(self: Box<Self>, _totals: &Totals) -> io::Result<Done> {
        let files = match self.file {
            Some(file) => vec![file.finish()?],
            None => Vec::new(),
        };
        Ok(Done {
            files,
            left_out: Vec::new(),
        })
    }
}
