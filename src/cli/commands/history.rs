//! `history`: stores figures of an earlier system, to compare with ours.

use std::path::Path;

use serde_json::{Value, json};

use super::migrate::snapshot_date;
use crate::cli::Outcome;
use crate::cli::args::HistoryCommand;
use crate::cli::error::{CliError, CliResult, file_hint};
use crate::cli::exit::Exit;
use crate::cli::format::{count, dollars, plural, table};
use crate::cli::session::Session;
use crate::engine::shown;
use crate::files::open_text;
use crate::import::{BlockError, LIST_BYTES_MAX, TableFile, gain_claims, read_whole};
use crate::pipeline::{HistoryLine, HistoryReport, HistoryStatus, HistorySum};
use crate::store::model::{HistoricalSell, SNAPSHOT_PREFIX};

/// Most differences that are shown without `--report`.
const LINES_SHOWN: usize = 10;

pub async fn run(command: HistoryCommand, session: &Session) -> CliResult<Outcome> {
    match command {
        HistoryCommand::List => list(session).await,
        HistoryCommand::Import {
            file,
            snapshot_date,
        } => import(session, &file, snapshot_date.as_deref()).await,
    }
}

async fn list(session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let (mut text, mut all) = (format!("Database  {}\n", store.location()), Vec::new());
    for name in store.snapshots().await? {
        let rows = store.snapshot(&name).await?.len();
        text.push_str(&format!(
            "{}  {}\n",
            shown(&name),
            plural(rows as u64, "sell", "sells")
        ));
        all.push(json!({ "name": name, "rows_preserved": rows }));
    }
    if all.is_empty() {
        let none = "No figures are kept; `fifo-pnl history import FILE` keeps those of a file.\n";
        text.push_str(&session.next.in_text(none));
    }
    let json = json!({ "database": store.location(), "snapshots": all });
    Ok(Outcome::answer(Exit::Done, text, json))
}

async fn import(session: &Session, file: &Path, date: Option<&str>) -> CliResult<Outcome> {
    let at = session.context.clock.now();
    let today = at.to_string().get(..10).unwrap_or_default().to_owned();
    let name = format!(
        "{SNAPSHOT_PREFIX}{}",
        snapshot_date(date.unwrap_or(&today))?
    );
    let (sells, others) = read(file)?;
    let store = session.open(false).await?;
    store.add_snapshot(&name, &sells, at).await?;
    let (rows, shown) = (sells.len(), count(sells.len() as u64));
    let others = match others {
        0 => String::new(),
        others => format!(
            "  Not used: {} without a gain in dollars\n",
            plural(others, "sell", "sells")
        ),
    };
    let text = format!(
        "Database  {}\nHistory   {name}\n  Rows preserved: {shown}\n{others}\
         Next: {}\n",
        store.location(),
        session.next.command(&format!(
            "validate_allocations --version current --snapshot {name}"
        ))
    );
    let json = json!({ "database": store.location(), "snapshot": name, "rows_preserved": rows });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Names of each column: ours, then that of the earlier system.
const COLUMNS: [(&str, &str); 10] = [
    ("order_id", "order_id"),
    ("old_parent_id", "parent_id"),
    ("old_parent_ids", "parent_ids"),
    ("old_pnl_usd", "pnl_usd"),
    ("old_cost_basis", "cost_basis_usd"),
    ("old_sale_proceeds", "sale_proceeds_usd"),
    ("old_net_sale_proceeds", "net_sale_proceeds_usd"),
    ("old_realized_profit", "realized_profit"),
    ("old_remaining_size", "remaining_size"),
    ("note", "note"),
];

/// The columns of [`COLUMNS`] that are numbers.
const NUMBERS: std::ops::Range<usize> = 3..9;

pub(super) fn bytes_of(file: &Path) -> CliResult<Vec<u8>> {
    let opened = open_text(file).map_err(BlockError::from);
    let bytes = opened.and_then(|opened| read_whole(opened, LIST_BYTES_MAX));
    bytes.map_err(|error| {
        let (what, hint) = match &error {
            BlockError::Io(error) => (format!(": can't be read: {error}"), String::new()),
            BlockError::File(error) => (error.in_file(), file_hint(error)),
        };
        CliError::usage(format!("{}{what}", file.display()), hint)
    })
}

/// Reads a file with figures for each sell, of an earlier system or of a broker. Returns the number
/// of other sells, too.
fn read(file: &Path) -> CliResult<(Vec<HistoricalSell>, u64)> {
    let shown = file.display();
    let failed = |what: String| CliError::usage(format!("{shown}{what}"), "nothing was written");
    let bytes = bytes_of(file)?;
    let claims = gain_claims(&bytes).map_err(|error| failed(error.in_file()))?;
    match claims {
        None => read_earlier(file, &bytes).map(|sells| (sells, 0)),
        Some(found) => {
            let claims = found.claims.into_iter();
            let sell = claims.map(|claim| HistoricalSell {
                order_id: claim.order_id,
                pnl_usd: Some(claim.pnl_usd),
                ..HistoricalSell::default()
            });
            Ok((sell.collect(), found.others))
        }
    }
}

/// Reads a file with the figures that an earlier system gave for each sell.
fn read_earlier(file: &Path, bytes: &[u8]) -> CliResult<Vec<HistoricalSell>> {
    let shown = file.display();
    let failed = |what: String| CliError::usage(format!("{shown}{what}"), "nothing was written");
    let file = TableFile::try_new(bytes).map_err(|error| failed(error.in_file()))?;
    let mut table = file.table().map_err(|error| failed(error.in_file()))?;
    for (ours, theirs) in COLUMNS {
        let twice = table.check_once(&[ours, theirs]);
        twice.map_err(|error| failed(error.in_file()))?;
    }
    let header = table.header.clone();
    let place = |(ours, theirs): (&str, &str)| {
        let mut names = header.cells.iter();
        names.position(|name| name == ours || name == theirs)
    };
    let places = COLUMNS.map(place);
    let has = |column: usize| places.get(column).is_some_and(Option::is_some);
    if !has(0) || !(has(1) || has(2) || has(3)) {
        return Err(CliError::usage(
            format!(
                "{shown}:{}: the header lacks order_id, or both parents and pnl_usd",
                header.line
            ),
            "the first line is like order_id,parent_id,pnl_usd",
        ));
    }
    let mut sells = Vec::new();
    while let Some(row) = table.next_row().map_err(|error| failed(error.in_file()))? {
        let line = row.line;
        if let Some(fault) = row.fault {
            return Err(failed(format!(":{line}: row {fault}")));
        }
        let cell = |column: usize| {
            let place = places.get(column).copied().flatten();
            let text = place.map(|place| row.cell(place));
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        if let Some((name, text)) = no_number(cell) {
            let what = format!(":{line}: {name} is \"{text}\", expected a number");
            return Err(failed(what));
        }
        let Some(order_id) = cell(0) else {
            return Err(failed(format!(":{line}: order_id is empty")));
        };
        let several = cell(2).unwrap_or_default();
        let several = several
            .split(';')
            .map(str::trim)
            .filter(|id| !id.is_empty());
        sells.push(HistoricalSell {
            order_id,
            parent_id: cell(1),
            parent_ids: several.map(str::to_owned).collect(),
            pnl_usd: cell(3),
            cost_basis: cell(4),
            sale_proceeds: cell(5),
            net_sale_proceeds: cell(6),
            realized_profit: cell(7),
            remaining_size: cell(8),
            note: cell(9),
        });
    }
    Ok(sells)
}

/// Returns the first cell that should be a number but is not, with its column's name.
fn no_number(cell: impl Fn(usize) -> Option<String>) -> Option<(&'static str, String)> {
    let mut numbers = NUMBERS;
    numbers.find_map(|column| {
        let (_, name) = COLUMNS.get(column)?;
        Some((*name, cell(column).filter(|text| !is_number(text))?))
    })
}

/// Tells whether a text is a plain decimal number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole) && is_digits(fraction) && text.len() <= 40
}

/// Describes the comparison with a snapshot: all of it, or the largest differences.
pub(super) fn describe(history: &HistoryReport, all: bool, strict: bool) -> String {
    let differs = history.count(HistoryStatus::Differs);
    let missing = history.count(HistoryStatus::Missing);
    let word = if strict && differs + missing > 0 {
        "Finding "
    } else {
        "History "
    };
    let mut text = format!(
        "{word}        {}: {} equal, {} differ, {} missing\n",
        shown(&history.snapshot),
        count(history.count(HistoryStatus::Equal)),
        count(differs),
        count(missing),
    );
    for violation in &history.violations {
        text.push_str(&format!("  {violation}\n"));
    }
    text.push_str(&format!(
        "  PnL then {}, now {}, difference {}; of it {} from sells now unmatched\n",
        dollars(history.total.old_pnl),
        dollars(history.total.new_pnl),
        dollars(history.total.difference()),
        dollars(history.unmatched.difference()),
    ));
    let unlike = |line: &&HistoryLine| line.status != HistoryStatus::Equal;
    let shown = if all { usize::MAX } else { LINES_SHOWN };
    let lines: Vec<Vec<String>> = history
        .lines
        .iter()
        .filter(unlike)
        .take(shown)
        .map(cells)
        .collect();
    if !lines.is_empty() {
        let header = [
            "Sell",
            "Asset",
            "Is",
            "Old buy",
            "Lots",
            "Old PnL",
            "PnL",
            "Difference",
        ];
        text.push_str(&format!("\n{}\n", table(&header, &[5, 6, 7], lines)));
    }
    if !all && differs + missing > LINES_SHOWN as u64 {
        text.push_str("The largest differences; --report prints all.\n");
    }
    let month = |((symbol, month), sum): (&(String, String), &HistorySum)| {
        vec![
            symbol.clone(),
            month.clone(),
            count(sum.sells),
            dollars(sum.old_pnl),
            dollars(sum.new_pnl),
            dollars(sum.difference()),
        ]
    };
    let changed = history.months.iter();
    let changed = changed.filter(|(_, sum)| all || sum.difference().units() != 0);
    let months: Vec<Vec<String>> = changed.map(month).collect();
    if !months.is_empty() {
        let header = ["Asset", "Month", "Sells", "Old PnL", "PnL", "Difference"];
        text.push_str(&format!("\n{}\n", table(&header, &[2, 3, 4, 5], months)));
    }
    text
}

fn cells(line: &HistoryLine) -> Vec<String> {
    let list = |ids: &[String]| match ids {
        [] => "(none)".to_owned(),
        ids => ids.join(" "),
    };
    let lots = match (line.is_unmatched, line.new_lots.as_slice()) {
        (true, []) => "(unmatched)".to_owned(),
        (true, lots) => format!("{} (rest unmatched)", lots.join(" ")),
        (false, lots) => list(lots),
    };
    vec![
        line.order_id.clone(),
        line.pool
            .as_ref()
            .map_or_else(|| "?".into(), |pool| pool.asset.to_string()),
        line.status.as_str().to_owned(),
        list(&line.old_parents),
        lots,
        line.old_pnl.clone().unwrap_or_else(|| "none".into()),
        line.new_pnl
            .map_or_else(|| "none".into(), |pnl| pnl.to_string()),
        line.difference.to_string(),
    ]
}

pub(super) fn to_json(history: &HistoryReport) -> Value {
    let sum = |sum: &HistorySum| {
        json!({ "sells": sum.sells, "old_pnl_usd": sum.old_pnl.to_string(),
            "pnl_usd": sum.new_pnl.to_string(), "difference_usd": sum.difference().to_string() })
    };
    let line = |line: &HistoryLine| {
        json!({
            "order_id": line.order_id,
            "account": line.pool.as_ref().map(|pool| pool.account.as_str()),
            "asset": line.pool.as_ref().map(|pool| pool.asset.as_str()),
            "status": line.status.as_str(),
            "old_parents": line.old_parents,
            "lots": line.new_lots,
            "old_pnl_usd": line.old_pnl,
            "pnl_usd": line.new_pnl.map(|pnl| pnl.to_string()),
            "unmatched": line.is_unmatched,
            "difference_usd": line.difference.to_string(),
        })
    };
    let month = |(name, of_month): (&(String, String), &HistorySum)| {
        let sum = sum(of_month);
        json!({ "asset": name.0, "month": name.1, "sum": sum })
    };
    json!({
        "snapshot": history.snapshot,
        "equal": history.count(HistoryStatus::Equal),
        "differs": history.count(HistoryStatus::Differs),
        "missing": history.count(HistoryStatus::Missing),
        "I12": history.violations.len(),
        "total": sum(&history.total),
        "unmatched": sum(&history.unmatched),
        "months": history.months.iter().map(month).collect::<Vec<_>>(),
        "sells": history.lines.iter().map(line).collect::<Vec<_>>(),
    })
}
