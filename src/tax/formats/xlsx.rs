//! One workbook: summary, short term, long term, lots, unmatched, open lots.
//!
//! A spreadsheet's numbers are floats, so exact values stand as text beside the printed ones.
//! Sheets are written row by row into temporary files without a name, in the workbook's own folder;
//! none is held in memory.

mod sheet;

use std::io;
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook};

use self::sheet::{Looks, Sheet, caught, failed};
use super::{Done, TaxFile, one};
use crate::engine::policy::PROGRAM;
use crate::engine::{Asset, InventoryLot, Pool};
use crate::files::{Draft, WriteError};
use crate::report::WrittenFile;
use crate::tax::boxes::FormPart;
use crate::tax::formats::ExportFacts;
use crate::tax::row::{TaxRow, TaxRules};
use crate::tax::{Rounding, SECTION_988, Totals};

pub use self::sheet::is_panic_caught;

const FORM: &[&str] = &[
    "Box",
    "(a) Description",
    "(b) Acquired",
    "(c) Sold",
    "(d) Proceeds",
    "(e) Cost",
    "(f) Code",
    "(g) Adjustment",
    "(h) Gain or loss",
    "Exact proceeds",
    "Exact cost",
    "Exact gain",
    "Account",
    "Sell order",
    "Buy order",
    "Note",
];

const LOTS: &[&str] = &[
    "Account",
    "Symbol",
    "Asset",
    "Sell order",
    "Buy order",
    "Size",
    "Bought (UTC)",
    "Sold (UTC)",
    "Acquired",
    "Sold",
    "Days held",
    "Term",
    "Box",
    "Buy price",
    "Sell price",
    "Exact cost",
    "Exact proceeds",
    "Exact net proceeds",
    "Exact gain",
    "Slice of sell",
    "Slice of lot",
    "Sell file",
    "Sell line",
    "Buy file",
    "Buy line",
    "Flags",
    "Note",
    "Sell currency",
    "Sell value in it",
    "Sell rate",
    "Sell fee currency",
    "Sell fee in it",
    "Sell fee rate",
    "Buy currency",
    "Buy value in it",
    "Buy rate",
    "Buy fee currency",
    "Buy fee in it",
    "Buy fee rate",
];

const UNMATCHED: &[&str] = &[
    "Account",
    "Symbol",
    "Asset",
    "Sell order",
    "Size without a lot",
    "Sold (UTC)",
    "Sold",
    "Exact net proceeds",
    "File",
    "Line",
    "Reason",
];

const OPEN_LOTS: &[&str] = &[
    "Account",
    "Asset",
    "Buy order",
    "Bought (UTC)",
    "Acquired",
    "Size left",
    "Exact cost of it",
    "Short",
];

/// A lot that the version leaves open.
#[derive(Debug, Clone)]
pub struct OpenLotLine {
    /// Account and asset.
    pub pool: Pool,
    /// The lot.
    pub lot: InventoryLot,
}

pub(super) struct Xlsx {
    path: PathBuf,
    draft: Draft,
    book: Workbook,
    looks: Looks,
    rules: TaxRules,
    about: Vec<(String, String)>,
    summary: Sheet,
    short: Sheet,
    long: Sheet,
    lots: Sheet,
    unmatched: Sheet,
    open: Sheet,
}

/// Returns the summary's facts about the export.
fn about(facts: &ExportFacts<'_>) -> Vec<(String, String)> {
    let (rules, version) = (facts.rules, facts.version);
    let hash = |hash: Option<crate::engine::RowsHash>| hash.map(|hash| hash.to_string());
    let account = rules.account.clone();
    let currencies = facts.currencies.iter().map(Asset::as_str);
    let currencies: Vec<&str> = currencies.collect();
    let national = (!currencies.is_empty()).then(|| {
        let names = currencies.join(", ");
        (
            "National currencies".to_owned(),
            format!("{names}: {SECTION_988}"),
        )
    });
    let facts = [
        ("Tax year", rules.year.to_string()),
        ("Time zone", rules.zone_name.clone()),
        ("Account", account.unwrap_or_else(|| "all".into())),
        ("Rounding", rules.rounding.as_str().into()),
        ("Version", version.version.to_string()),
        ("Status", version.status.as_str().into()),
        ("Ledger hash", hash(version.ledger_hash).unwrap_or_default()),
        (
            "Allocations hash",
            hash(version.allocations_hash).unwrap_or_default(),
        ),
        ("Program", format!("{PROGRAM} {}", facts.program_version)),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    facts.into_iter().chain(national).collect()
}

impl Xlsx {
    pub(super) fn create(path: &Path, facts: &ExportFacts<'_>) -> io::Result<Self> {
        // Creates the file first, so that a bad path is refused before all rows are read.
        let draft = Draft::create(path, facts.if_there)?;
        let mut book = Workbook::new();
        let folder = draft.path().parent().map(Path::to_owned);
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| ".".into());
        book.set_tempdir(folder).map_err(failed)?;
        let made = ExcelDateTime::from_ymd(2000, 1, 1).map_err(failed)?;
        let properties = DocProperties::new().set_creation_datetime(&made);
        book.set_properties(&properties);
        let money = match facts.rules.rounding {
            Rounding::Cents => "#,##0.00",
            Rounding::WholeDollars => "#,##0",
        };
        let looks = Looks {
            head: Format::new().set_bold().set_text_wrap(),
            date: Format::new().set_num_format("yyyy-mm-dd"),
            money: Format::new().set_num_format(money),
        };
        let summary = &[
            "What",
            "Line",
            "Rows",
            "Proceeds",
            "Cost",
            "Gain",
            "Exact gain",
        ];
        let mut begin = |name: &str, head: &[&str]| Sheet::begin(&mut book, name, head, &looks);
        let summary = begin("Summary", summary)?;
        let (short, long) = (begin("Short term", FORM)?, begin("Long term", FORM)?);
        let (lots, unmatched) = (begin("Lots", LOTS)?, begin("Unmatched", UNMATCHED)?);
        let open = begin("Open lots", OPEN_LOTS)?;
        Ok(Self {
            path: path.to_owned(),
            draft,
            book,
            looks,
            rules: facts.rules.clone(),
            about: about(facts),
            summary,
            short,
            long,
            lots,
            unmatched,
            open,
        })
    }

    fn form_row(&mut self, row: &TaxRow) -> io::Result<()> {
        let Some((matched, form_box)) = row.matched.zip(row.form_box()) else {
            return Ok(());
        };
        let looks = &self.looks;
        let sheet = match form_box.part() {
            FormPart::One => &mut self.short,
            FormPart::Two => &mut self.long,
        };
        let (stored, printed) = (&row.from.row, matched.printed);
        let rounding = self.rules.rounding;
        sheet.next()?;
        sheet.text(form_box.letter)?.text(row.description())?;
        sheet
            .date(row.acquired, looks)?
            .date(Some(row.sold), looks)?;
        sheet.money(printed.proceeds, rounding, looks)?;
        sheet
            .money(printed.cost, rounding, looks)?
            .text("")?
            .text("")?;
        sheet.money(printed.gain(), rounding, looks)?;
        sheet.text(stored.net_proceeds_usd)?.text(matched.cost)?;
        sheet.text(matched.pnl)?.text(&stored.account)?;
        sheet.text(&stored.sell_order_id)?;
        sheet.optional(stored.buy_order_id.as_ref())?;
        sheet.text(row.flags())?;
        Ok(())
    }

    fn lots_row(&mut self, row: &TaxRow) -> io::Result<()> {
        let (sheet, looks, stored) = (&mut self.lots, &self.looks, &row.from.row);
        let matched = row.matched.as_ref();
        let slice = |slice: crate::tax::SliceNumber| format!("{} of {}", slice.number, slice.of);
        sheet.next()?;
        sheet.text(&stored.account)?.text(&stored.symbol)?;
        sheet.text(&row.asset)?.text(&stored.sell_order_id)?;
        sheet.optional(stored.buy_order_id.as_ref())?;
        sheet.text(stored.allocated_size)?;
        sheet.optional(stored.buy_time)?.text(stored.sell_time)?;
        sheet
            .date(row.acquired, looks)?
            .date(Some(row.sold), looks)?;
        sheet.optional(matched.map(|matched| matched.days))?;
        sheet.optional(matched.map(|matched| matched.term.as_str()))?;
        sheet.optional(row.form_box().map(|of| of.letter))?;
        sheet
            .optional(stored.buy_price)?
            .optional(stored.sell_price)?;
        sheet
            .optional(stored.cost_basis_usd)?
            .text(stored.proceeds_usd)?;
        sheet
            .text(stored.net_proceeds_usd)?
            .optional(stored.pnl_usd)?;
        sheet.text(slice(row.sell_slice))?;
        sheet.optional(matched.map(|_| slice(row.lot_slice)))?;
        for origin in [&row.from.sell, &row.from.buy] {
            sheet
                .optional(origin.file.as_ref())?
                .optional(origin.line)?;
        }
        let marks = row.codes();
        sheet.text(marks.join(";"))?.text(stored.notes)?;
        for rates in [&row.sell_rates, &row.buy_rates] {
            for cell in rates.cells() {
                sheet.text(cell)?;
            }
        }
        Ok(())
    }

    fn unmatched_row(&mut self, row: &TaxRow) -> io::Result<()> {
        let (sheet, stored) = (&mut self.unmatched, &row.from.row);
        sheet.next()?;
        sheet.text(&stored.account)?.text(&stored.symbol)?;
        sheet.text(&row.asset)?.text(&stored.sell_order_id)?;
        sheet.text(stored.allocated_size)?;
        sheet
            .text(stored.sell_time)?
            .date(Some(row.sold), &self.looks)?;
        sheet.text(stored.net_proceeds_usd)?;
        sheet.optional(row.from.sell.file.as_ref())?;
        sheet.optional(row.from.sell.line)?;
        sheet.text("no open lot was left: the cost is unknown, not zero")?;
        Ok(())
    }

    fn summarize(&mut self, totals: &Totals) -> io::Result<()> {
        let (sheet, looks, rounding) = (&mut self.summary, &self.looks, self.rules.rounding);
        let boxes = totals.boxes.iter().map(|(of, total)| {
            let name = format!("Part {}, box {}", of.part().as_str(), of.letter);
            (name, of.schedule_d_line(), *total)
        });
        let all = std::iter::once(("Total".to_owned(), "", totals.of(None)));
        let others = totals.not_on_form.iter().filter_map(|(kind, total)| {
            let (class, why) = kind.not_on_form()?;
            let name = format!("Class {class}, not on Form 8949: {why}");
            Some((name, "", *total))
        });
        for (name, line, total) in boxes.chain(all).chain(others) {
            sheet.next()?.text(name)?.text(line)?.text(total.rows)?;
            sheet.money(total.printed.proceeds, rounding, looks)?;
            sheet.money(total.printed.cost, rounding, looks)?;
            sheet.money(total.printed.gain(), rounding, looks)?;
            sheet.text(total.gain())?;
        }
        sheet
            .next()?
            .text("Sells without a lot, in no total")?
            .text("")?;
        sheet.text(totals.unmatched_rows)?;
        sheet.text(format!("{} exact", totals.unmatched_proceeds))?;
        sheet.next()?;
        for (name, value) in &self.about {
            sheet.next()?.text(name)?.text(value)?;
        }
        Ok(())
    }
}

impl TaxFile for Xlsx {
    fn row(&mut self, row: &TaxRow) -> io::Result<()> {
        let written = caught(|| {
            self.form_row(row)?;
            self.lots_row(row)?;
            match row.matched {
                None => self.unmatched_row(row),
                Some(_) => Ok(()),
            }
        });
        written.map_err(|error| WriteError::of(error, &self.path).into())
    }

    fn open_lot(&mut self, line: &OpenLotLine) -> io::Result<()> {
        let written = caught(|| self.open_lot_row(line));
        written.map_err(|error| WriteError::of(error, &self.path).into())
    }

    fn finish(mut self: Box<Self>, totals: &Totals) -> io::Result<Done> {
        let rows = totals.of(None).rows + totals.unmatched_rows;
        let path = self.path.clone();
        let draft = caught(|| {
            self.summarize(totals)?;
            self.save()
        });
        let draft = draft.map_err(|error| WriteError::of(error, &path))?;
        Ok(one(WrittenFile::of_draft(draft, &path, rows)?))
    }
}

impl Xlsx {
    fn open_lot_row(&mut self, line: &OpenLotLine) -> io::Result<()> {
        let (sheet, lot) = (&mut self.open, &line.lot);
        let acquired = self.rules.date(lot.buy.order_time);
        sheet.next()?;
        sheet.text(&line.pool.account)?.text(&line.pool.asset)?;
        sheet.text(&lot.buy.order_id)?.text(lot.buy.order_time)?;
        sheet.date(Some(acquired), &self.looks)?;
        sheet.text(lot.remaining_size)?.text(lot.remaining_cost)?;
        sheet.text(lot.buy.side.opens().stored().unwrap_or_default())?;
        Ok(())
    }

    fn save(mut self) -> io::Result<Draft> {
        let sheets = [self.summary, self.short, self.long, self.lots];
        for sheet in sheets.into_iter().chain([self.unmatched, self.open]) {
            self.book.push_worksheet(sheet.sheet);
        }
        self.book.save_to_writer(&mut self.draft).map_err(failed)?;
        Ok(self.draft)
    }
}
