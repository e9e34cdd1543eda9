//! `compare`: shows the sells that differ between two versions.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::parse_version;
use super::pools::NamedAssets;
use crate::cli::Outcome;
use crate::cli::args::CompareArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, dollars, plural, table};
use crate::cli::session::Session;
use crate::engine::{Size, Usd, shown, shown_sentence};
use crate::files::{IfThere, WriteError, check_place};
use crate::pipeline::{
    self, CompareOptions, CompareReport, ComparedSell, ComparedSum, SellDifference, VersionRef,
};
use crate::report::CsvFile;

/// Most sells that the text shows; `--output` writes all.
const LINES_SHOWN: usize = 20;

pub async fn run(args: CompareArgs, session: &Session) -> CliResult<Outcome> {
    let named_assets = NamedAssets::of(&args.pool)?;
    let versions = (named(&args.left)?, named(&args.right)?);
    if let Some(path) = &args.output {
        check_place(path, IfThere::of_overwrite(args.overwrite))?;
    }
    let store = session.open(false).await?;
    let store = store.as_ref();
    let options = CompareOptions {
        assets: named_assets.resolve(store, None, session).await?,
        year: args.year,
    };
    let report = pipeline::compare(store, &session.context, versions, &options).await?;
    let mut text = format!("Database  {}\n{}", store.location(), describe(&report));
    if let Some(path) = &args.output {
        let written = write(path, IfThere::of_overwrite(args.overwrite), &report);
        written.map_err(|error| WriteError::of(error, path))?;
        let sells = plural(report.sells.len() as u64, "sell", "sells");
        let path = path.display().to_string();
        text.push_str(&format!("{}: {sells}\n", shown_sentence(&path)));
    }
    let mut json = session.json(|| to_json(&report));
    add(&mut json, json!({ "database": store.location() }));
    Ok(Outcome::answer(Exit::Done, text, json))
}

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &CompareArgs) -> CliResult<()> {
    NamedAssets::of(&args.pool)?;
    named(&args.left)?;
    named(&args.right).map(drop)
}

/// Reads a version: a number, `current`, or `legacy:N` of the earlier system.
pub(super) fn named(text: &str) -> CliResult<VersionRef> {
    if let Some(number) = text.strip_prefix("legacy:") {
        let number = parse_version(number)?.ok_or_else(|| {
            CliError::usage("the version is \"legacy:current\", expected a number", "")
        })?;
        return Ok(VersionRef::Legacy(number));
    }
    Ok(parse_version(text)?.map_or(VersionRef::Current, VersionRef::Ours))
}

fn describe(report: &CompareReport) -> String {
    let total = &report.total;
    let mut text = format!(
        "Compared  {} with {}\n{}; realized PnL {} and {}, difference {}\n",
        report.left,
        report.right,
        plural(total.sells_differ, "sell differs", "sells differ"),
        dollars(total.left_pnl),
        dollars(total.right_pnl),
        dollars(total.difference()),
    );
    for note in &report.notes {
        text.push_str(&format!("Note      {}\n", shown_sentence(note)));
    }
    let asset = |(asset, sum): (&String, &ComparedSum)| {
        vec![
            asset.clone(),
            count(sum.sells_differ),
            dollars(sum.left_pnl),
            dollars(sum.right_pnl),
            dollars(sum.difference()),
        ]
    };
    let rows = report.assets.iter().map(asset).collect();
    let header = [
        "Asset",
        "Sells differ",
        "First PnL",
        "Second PnL",
        "Difference",
    ];
    text.push_str(&format!("\n{}\n", table(&header, &[1, 2, 3, 4], rows)));
    text.extend(report.sells.iter().take(LINES_SHOWN).map(describe_sell));
    if !report.sells.is_empty() {
        text.push('\n');
    }
    if report.sells.len() > LINES_SHOWN {
        text.push_str("The largest differences; -o FILE writes all.\n");
    }
    text
}

fn lots(sell: Option<&ComparedSell>) -> String {
    let Some(sell) = sell else {
        return "(no rows)".into();
    };
    let mut lots: Vec<String> = sell
        .lots
        .iter()
        .map(|(buy, size)| format!("{buy}:{size}"))
        .collect();
    lots.extend(sell.unmatched.map(|size| format!("(unmatched):{size}")));
    lots.join(" ")
}

fn pnl(sell: Option<&ComparedSell>) -> String {
    let pnl = sell.and_then(|sell| sell.pnl);
    pnl.map_or_else(|| "none".into(), |pnl| pnl.to_string())
}

/// Describes a sell in lines that fit a narrow terminal: its columns would not.
fn describe_sell(it: &SellDifference) -> String {
    let (left, right) = (it.left.as_ref(), it.right.as_ref());
    let order = shown(&it.sell_order_id);
    let (of_left, of_right) = (lots(left), lots(right));
    let lots = match of_left == of_right {
        true => of_left,
        false => format!("{of_left}\n    then    {of_right}"),
    };
    let figures = format!(
        "{} -> {}, difference {}",
        pnl(left),
        pnl(right),
        it.difference()
    );
    format!(
        "\nSell {order} of {}\n    PnL     {figures}\n    lots    {lots}\n    why     {}\n",
        it.pool,
        shown_sentence(&it.why)
    )
}

fn write(path: &Path, if_there: IfThere, report: &CompareReport) -> io::Result<()> {
    let header = [
        "account",
        "asset",
        "sell_order_id",
        "sell_time",
        "first_lots",
        "second_lots",
        "first_cost_basis_usd",
        "second_cost_basis_usd",
        "first_pnl_usd",
        "second_pnl_usd",
        "difference_usd",
        "why",
    ];
    let mut file = CsvFile::create(path, if_there, &header)?;
    for it in &report.sells {
        let line = file.line();
        let amount = |sell: &Option<ComparedSell>, part: fn(&ComparedSell) -> Option<Usd>| {
            sell.as_ref().and_then(part)
        };
        line.text(it.pool.account.as_str())
            .text(it.pool.asset.as_str());
        line.text(&it.sell_order_id).value(it.sell_time);
        line.text(&lots(it.left.as_ref()))
            .text(&lots(it.right.as_ref()));
        line.optional(amount(&it.left, |sell| sell.cost_basis))
            .optional(amount(&it.right, |sell| sell.cost_basis));
        line.optional(amount(&it.left, |sell| sell.pnl))
            .optional(amount(&it.right, |sell| sell.pnl));
        line.value(it.difference()).text(&it.why);
        file.end_row()?;
    }
    file.finish()?.publish()
}

fn to_json(report: &CompareReport) -> Value {
    let side = |sell: &Option<ComparedSell>| {
        sell.as_ref().map(|sell| {
            let lot = |(buy, size): &(String, Size)| {
                json!({ "buy_order_id": buy, "size": size.to_string() })
            };
            json!({
                "lots": sell.lots.iter().map(lot).collect::<Vec<_>>(),
                "unmatched_size": sell.unmatched.map(|size| size.to_string()),
                "cost_basis_usd": sell.cost_basis.map(|amount| amount.to_string()),
                "pnl_usd": sell.pnl.map(|amount| amount.to_string()),
            })
        })
    };
    let sell = |it: &SellDifference| {
        json!({
            "account": it.pool.account.as_str(),
            "asset": it.pool.asset.as_str(),
            "sell_order_id": it.sell_order_id,
            "sell_time": it.sell_time.to_string(),
            "first": side(&it.left),
            "second": side(&it.right),
            "difference_usd": it.difference().to_string(),
            "why": it.why,
        })
    };
    let sum = |sum: &ComparedSum| {
        json!({ "sells_differ": sum.sells_differ, "first_pnl_usd": sum.left_pnl.to_string(),
            "second_pnl_usd": sum.right_pnl.to_string(),
            "difference_usd": sum.difference().to_string() })
    };
    let assets: serde_json::Map<String, Value> = report
        .assets
        .iter()
        .map(|(asset, of_asset)| (asset.clone(), sum(of_asset)))
        .collect();
    json!({
        "first": report.left,
        "second": report.right,
        "notes": report.notes,
        "total": sum(&report.total),
        "assets": assets,
        "sells": report.sells.iter().map(sell).collect::<Vec<_>>(),
    })
}
