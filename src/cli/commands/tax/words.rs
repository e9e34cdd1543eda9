//! Describes a tax export on the screen.

use std::collections::BTreeSet;

use crate::cli::format::{count, plural, table};
use crate::engine::{Asset, shown};
use crate::store::model::NamedTrade;
use crate::tax::{
    Amounts, AssetKind, BoxTotal, Exported, IncomeOfYear, IncomeTotal, Rounding, SECTION_988,
    TaxRules, Totals,
};

/// Says which sells and pools the figures lack. `None`: the figures are complete.
///
/// Rounding: the sum is rounded once, like a row of the files. The manifest has the exact sum.
pub(super) fn incomplete(exported: &Exported, rounding: Rounding) -> Option<String> {
    let without = exported.income_without_value();
    let income = (without > 0).then(|| income_unknown(exported, without));
    let sales = exported
        .lacks_sales()
        .then(|| sales_missing(exported, rounding));
    let undecided = undecided_words(exported);
    let parts: Vec<String> = sales.into_iter().chain(undecided).chain(income).collect();
    (!parts.is_empty()).then(|| format!("incomplete: {}", parts.join("; ")))
}

/// Says how many rows of income have no value, and names the first.
fn income_unknown(exported: &Exported, without: u64) -> String {
    let rows = plural(without, "row", "rows");
    let first = exported.income.as_ref();
    let first = first.and_then(|income| income.first_without_value());
    let first = first.map(|row| {
        let asset = row.of.income.pool.asset.as_str();
        format!(": {} of {}", shown(asset), row.received)
    });
    format!(
        "{rows} of income without a value{}",
        first.unwrap_or_default()
    )
}

/// Says how many movements nobody has decided, and names the first. `None`: it has none such.
fn undecided_words(exported: &Exported) -> Option<String> {
    let first = exported.undecided.first()?;
    let number = exported.undecided.len() as u64;
    let is = if number == 1 { "is" } else { "are" };
    let movements = plural(number, "movement", "movements");
    let first = first.key.to_string();
    let rows = exported.totals.provisional_rows();
    let rows = plural(rows, "row is", "rows are");
    Some(format!(
        "{movements} {is} undecided, first {}: {rows} provisional",
        shown(&first)
    ))
}

fn sales_missing(exported: &Exported, rounding: Rounding) -> String {
    let totals = &exported.totals;
    let sells = plural(totals.unmatched_rows, "sell", "sells");
    let proceeds = rounding.text(rounding.round(totals.unmatched_proceeds));
    let mut text = format!("{sells}, USD {proceeds} proceeds");
    let mut by_status: Vec<(&str, Vec<String>)> = Vec::new();
    for pool in &exported.pools {
        let status = pool.status.as_str();
        match by_status.iter_mut().find(|(of, _)| *of == status) {
            Some((_, pools)) => pools.push(pool.pool.to_string()),
            None => by_status.push((status, vec![pool.pool.to_string()])),
        }
    }
    for (status, pools) in by_status {
        let number = plural(pools.len() as u64, "pool", "pools");
        text.push_str(&format!("; {number} {status}: {}", pools.join(", ")));
    }
    text
}

/// Sums up what an export has: sales, and income.
pub(super) fn describe_sums(exported: &Exported, rules: &TaxRules) -> String {
    let sales = exported.has_sales;
    let mut text = match sales {
        true => describe_totals(&exported.totals, rules),
        false => String::new(),
    };
    if let Some(income) = &exported.income {
        text.push_str(&describe_income(income, rules, sales));
    }
    text
}

/// Sums income up by kind. `has_more`: other sums stand beside it.
fn describe_income(income: &IncomeOfYear, rules: &TaxRules, has_more: bool) -> String {
    let mut text = String::new();
    if income.rows.is_empty() && !has_more {
        text.push_str(&format!("No income in {}: headers only.\n", rules.year));
    }
    let row = |name: &str, total: &IncomeTotal| {
        let unknown = match total.without_value {
            0 => String::new(),
            some => count(some),
        };
        let printed = rules.rounding.text(total.printed);
        vec![name.to_owned(), count(total.rows), unknown, printed]
    };
    let kinds = income.by_kind();
    let mut rows: Vec<Vec<String>> = kinds
        .iter()
        .map(|(kind, total)| row(kind.as_str(), total))
        .collect();
    if !rows.is_empty() {
        rows.push(row("Total", &income.total()));
        let header = ["Income", "Rows", "Without value", "USD"];
        text.push_str(&(table(&header, &[1, 2, 3], rows) + "\n"));
    }
    if let Some(first) = income.taken_back.first() {
        let number = income.taken_back.len() as u64;
        let moved = plural(number, "movement", "movements");
        let first = first.to_string();
        text.push_str(&format!(
            "Note      {moved} may take income back, and no sum has it: {}\n",
            shown(&first)
        ));
    }
    let fees = income
        .rows
        .iter()
        .filter(|row| row.fee_beside(rules).is_some());
    if let fees @ 1.. = fees.count() as u64 {
        let rows = plural(fees, "row has", "rows have");
        text.push_str(&format!(
            "Note      {rows} a fee in another asset, which no sum has: see the column note\n"
        ));
    }
    text
}

fn describe_totals(totals: &Totals, rules: &TaxRules) -> String {
    let others = describe_others(totals, rules.rounding);
    if totals.boxes.is_empty() {
        let year = rules.year;
        return match others.as_str() {
            "" => format!("No sales with a cost in {year}: headers only.\n"),
            _ => format!("No rows for Form 8949 in {year}.\n{others}"),
        };
    }
    let text = |amount| rules.rounding.text(amount);
    let row = |name: &str, line: &str, total: &BoxTotal| {
        vec![
            name.to_owned(),
            line.to_owned(),
            count(total.rows),
            text(total.printed.proceeds),
            text(total.printed.cost),
            text(total.printed.gain()),
        ]
    };
    let mut rows: Vec<Vec<String>> = totals
        .boxes
        .iter()
        .map(|(of, total)| {
            let name = format!("Part {}, box {}", of.part().as_str(), of.letter);
            row(&name, of.schedule_d_line(), total)
        })
        .collect();
    rows.push(row("Total", "", &totals.of(None)));
    let header = ["Form 8949", "Line", "Rows", "Proceeds", "Cost", "Gain"];
    table(&header, &[2, 3, 4, 5], rows) + "\n" + &others
}

/// Sums up the sales that other forms take.
fn describe_others(totals: &Totals, rounding: Rounding) -> String {
    let line = |(kind, total): (&AssetKind, &BoxTotal)| {
        let (class, why) = kind.not_on_form()?;
        let rows = plural(total.rows, "row", "rows");
        let Amounts { proceeds, cost } = total.printed;
        let [proceeds, cost, gain] =
            [proceeds, cost, total.printed.gain()].map(|amount| rounding.text(amount));
        Some(format!(
            "Apart     {rows} of class {class}, not on Form 8949: proceeds {proceeds}, \
             cost {cost}, gain {gain}\n          {why}\n"
        ))
    };
    totals.not_on_form.iter().filter_map(line).collect()
}

/// Most voided sells that a note names. The manifest has all.
const VOIDED_SHOWN: usize = 5;

/// Says which sells of the year no file has, because a person voided them.
fn describe_voided(sells: &[NamedTrade], year: i16) -> String {
    if sells.is_empty() {
        return String::new();
    }
    let (number, verb) = match sells.len() {
        1 => ("1 sale".to_owned(), "was voided and is"),
        some => (
            format!("{} sales", count(some as u64)),
            "were voided and are",
        ),
    };
    let ids = sells.iter().take(VOIDED_SHOWN);
    let name = |sell: &NamedTrade| {
        let account = shown(sell.pool.account.as_str());
        format!("{} of {account}", shown(&sell.order_id))
    };
    let mut ids = ids.map(name).collect::<Vec<_>>().join(", ");
    if let more @ 1.. = sells.len().saturating_sub(VOIDED_SHOWN) {
        ids.push_str(&format!(" and {} more", count(more as u64)));
    }
    format!("Note      {number} of {year} {verb} in no file: {ids}\n")
}

/// Most assets that a note names.
const ASSETS_SHOWN: usize = 8;

/// Names the assets that are digital by the spelling of their pairs alone: one may be a share.
fn describe_by_pair(assets: &BTreeSet<Asset>) -> String {
    if assets.is_empty() {
        return String::new();
    }
    let names = assets.iter().take(ASSETS_SHOWN);
    let names: Vec<String> = names
        .map(|asset| shown(asset.as_str()).to_string())
        .collect();
    let more = match assets.len().saturating_sub(ASSETS_SHOWN) {
        0 => String::new(),
        more => format!(" and {} more", count(more as u64)),
    };
    let counts = match assets.len() {
        1 => "counts as a digital asset, because it",
        _ => "count as digital assets, because each",
    };
    format!(
        "Note      {}{more} {counts} is traded as a pair. A share belongs in the list securities \
         below [tax]\n",
        names.join(", ")
    )
}

pub(super) fn describe_warnings(exported: &Exported, year: i16) -> String {
    let mut text = String::new();
    for several in &exported.several_dollars {
        let (asset, account) = (shown(&several.asset), shown(&several.account));
        text.push_str(&format!(
            "Note      {asset} of account {account} was traded as {}: each has lots of its own\n",
            several.symbols.join(", ")
        ));
    }
    text.push_str(&describe_by_pair(&exported.digital_by_pair));
    if !exported.currencies.is_empty() {
        let names = exported.currencies.iter();
        let names: Vec<String> = names.map(|it| shown(it.as_str()).to_string()).collect();
        let names = names.join(", ");
        text.push_str(&format!(
            "Note      trades are priced in {names}: {SECTION_988}\n"
        ));
    }
    for (format, left) in &exported.left_out {
        let rows = plural(left.rows, "row", "rows");
        let (what, why) = (&left.what, left.why);
        text.push_str(&format!(
            "Left out  {rows} of {what} from {}: {why}\n",
            format.as_str()
        ));
    }
    let marked = exported.totals.marked_rows;
    if marked > 0 {
        let rows = plural(marked, "row has", "rows have");
        text.push_str(&format!(
            "Note      {rows} a cost by decision or of an opening lot\n"
        ));
    }
    text.push_str(&describe_voided(&exported.voided_sells, year));
    let unknown = exported.totals.fee_unknown_rows;
    if unknown > 0 {
        let rows = plural(unknown, "row has", "rows have");
        text.push_str(&format!(
            "Note      {rows} a fee that is unknown and counts zero\n"
        ));
    }
    text
}
