//! `explain`: one sell, its lots, and the arithmetic that a pocket calculator can follow.

use serde_json::{Value, json};

use super::read_account;
use crate::cli::Outcome;
use crate::cli::args::ExplainArgs;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, plural, time};
use crate::cli::session::Session;
use crate::engine::{
    Fee, Leg, MORE_COLUMNS, RateOrigin, RatePurpose, Size, Timestamp, Trade, Usd, add_sizes, shown,
    shown_sentence,
};
use crate::pipeline::{self, ExplainedLot, ExplainedRate, ExplainedSlice, Explanation, Step};
use crate::store::model::HistoricalSell;

/// Width of a formula, in characters.
const FORMULA_WIDTH: usize = 58;

/// The sentence after all figures.
const ROUNDING: &str = "\nEach product is rounded to 12 decimals, half to even; a slice of a lot \
     or a sell is the\ndifference of two such amounts, so that all slices add up to the whole.\n";

/// Width of a result, in characters.
const RESULT_WIDTH: usize = 24;

pub async fn run(args: ExplainArgs, session: &Session) -> CliResult<Outcome> {
    let account = read_account(args.account.as_deref())?;
    let store = session.open(false).await?;
    let found =
        pipeline::explain(store.as_ref(), &args.sell, account.as_ref(), args.version).await?;
    let old = pipeline::old_answer(store.as_ref(), &args.sell).await?;
    let legs: Vec<String> = found.iter().map(describe).collect();
    let mut text = format!(
        "Database  {}\n{}{ROUNDING}",
        store.location(),
        legs.join("\n")
    );
    let mut json = found.first().map_or(Value::Null, to_json);
    let others: Vec<Value> = found.iter().skip(1).map(to_json).collect();
    add(&mut json, json!({ "other_legs": others }));
    if let Some((snapshot, sell)) = &old {
        text.push_str(&describe_old(snapshot, sell));
        let old = json!({ "snapshot": snapshot, "parents": sell.parents(),
            "pnl_usd": sell.pnl_usd, "cost_basis_usd": sell.cost_basis });
        add(&mut json, json!({ "historical": old }));
    }
    add(&mut json, json!({ "database": store.location() }));
    Ok(Outcome::answer(Exit::Done, text, json))
}

/// Shows the figures that the earlier system computed for a sell.
fn describe_old(snapshot: &str, sell: &HistoricalSell) -> String {
    let or_none = |text: Option<&str>| shown(text.unwrap_or("none")).to_string();
    let parents = match sell.parents().as_slice() {
        [] => "none".to_owned(),
        ids => shown_sentence(&ids.join(" ")).to_string(),
    };
    let snapshot = shown(snapshot);
    format!(
        "\nBefore, as {snapshot} has it\n  bought with   {parents}\n  cost basis    {}\n  \
         PnL           {}\n",
        or_none(sell.cost_basis.as_deref()),
        or_none(sell.pnl_usd.as_deref())
    )
}

fn describe(found: &Explanation) -> String {
    let version = found.version.version;
    let current = if found.current.version == Some(version) {
        " (current)"
    } else {
        ""
    };
    let leg = match found.sell.entry.leg {
        Leg::Base => "",
        Leg::Quote => ": what the trade was paid with",
        Leg::Fee => ": what its fee was paid with",
    };
    let mut text = format!(
        "Version {version}{current}, account {}, {}{leg}\n\nSell  {}\n",
        found.pool.account,
        found.pool.asset,
        trade_line(&found.sell, found.origin.as_ref(), &found.rates),
    );
    for (index, slice) in found.slices.iter().enumerate() {
        text.push_str(&describe_slice(index + 1, found, slice));
    }
    text.push_str(&describe_totals(found));
    text
}

fn trade_line(
    trade: &Trade,
    origin: Option<&(String, i64, Timestamp)>,
    rates: &[ExplainedRate],
) -> String {
    let fee = trade
        .fee
        .map_or_else(|| "fee unknown".into(), |fee| format!("fee {fee}"));
    let seq = trade
        .trade_seq
        .map(|seq| format!(", sequence {seq}"))
        .unwrap_or_default();
    let origin =
        origin.map(|(file, line, _)| format!("\n      from {}, line {line}", shown_sentence(file)));
    let price = match trade.entry.value {
        Some(value) => format!("worth {value} USD"),
        None => format!("at {}", trade.price),
    };
    let rates: String = rates.iter().map(rate_lines).collect();
    format!(
        "{}\n      {} {price}, {fee}\n      {}{seq}{}{}{rates}",
        trade.order_id,
        trade.size,
        trade.order_time,
        more_line(trade),
        origin.unwrap_or_default()
    )
}

/// Says how a rate gave a value, and where each step of the rate stands.
fn rate_lines(explained: &ExplainedRate) -> String {
    let ExplainedRate { used, files, price } = explained;
    let (asset, rate) = (&used.asset, &used.rate);
    let what = match (used.purpose, price) {
        (RatePurpose::Fee, _) => "fee".to_owned(),
        (RatePurpose::Value, None) => "value".to_owned(),
        (RatePurpose::Value, Some((price, quote))) => format!("price {price} {quote}, value"),
    };
    let mut text = format!(
        "\n      {what} {} {asset} x {} = {} USD\n      rate of {}, by {}",
        used.units,
        rate.value,
        used.usd,
        time(rate.at),
        rate.source
    );
    for (step, file) in rate.steps.iter().zip(files) {
        let place = match &step.origin {
            RateOrigin::Line { import_id, line } => match file {
                Some(file) => format!("{}, line {line}", shown_sentence(file)),
                None => format!("import {import_id}, line {line}"),
            },
            RateOrigin::Trade(id) => format!("trade {}", shown(id.as_str())),
            RateOrigin::Peg => "[pegs]: no rate is known".to_owned(),
        };
        let (asset, currency, value) = (&step.asset, &step.currency, step.value);
        text.push_str(&format!(
            "\n        1 {asset} = {value} {currency}, from {place}"
        ));
    }
    text
}

fn rate_json(explained: &ExplainedRate) -> Value {
    let ExplainedRate { used, files, price } = explained;
    let steps = used.rate.steps.iter().zip(files).map(|(step, file)| {
        let (line, order_id) = match &step.origin {
            RateOrigin::Line { line, .. } => (Some(*line), None),
            RateOrigin::Trade(id) => (None, Some(id.as_str())),
            RateOrigin::Peg => (None, None),
        };
        json!({ "asset": step.asset.as_str(), "currency": step.currency.as_str(),
            "rate": step.value.to_string(), "file": file, "line": line, "order_id": order_id })
    });
    json!({
        "purpose": used.purpose.as_str(),
        "price": price.as_ref().map(|(price, _)| price),
        "quote": price.as_ref().map(|(_, quote)| quote),
        "asset": used.asset.as_str(),
        "units": used.units.to_string(),
        "value_usd": used.usd.to_string(),
        "rate": used.rate.value.to_string(),
        "rate_time": used.rate.at.to_string(),
        "source": used.rate.source.as_str(),
        "steps": steps.collect::<Vec<_>>(),
    })
}

/// Lists the facts that a plain dollar trade does not have.
fn more_line(trade: &Trade) -> String {
    let facts = more_facts(trade);
    let facts = facts
        .iter()
        .map(|(column, text)| format!("{column} {text}"));
    let facts: Vec<String> = facts.collect();
    match facts.is_empty() {
        true => String::new(),
        false => format!("\n      {}", facts.join(", ")),
    }
}

fn more_facts(trade: &Trade) -> Vec<(&'static str, String)> {
    let texts = trade.more.as_ref().map(|facts| facts.texts());
    let texts = MORE_COLUMNS.into_iter().zip(texts.unwrap_or_default());
    texts
        .filter_map(|(column, text)| Some((column, text?)))
        .collect()
}

fn line(label: &str, formula: &str, result: &str) -> String {
    let left = format!("  {label:<14}{formula}");
    if left.chars().count() > FORMULA_WIDTH {
        return format!("{left}\n{:>FORMULA_WIDTH$} = {result:>RESULT_WIDTH$}\n", "");
    }
    format!("{left:<FORMULA_WIDTH$} = {result:>RESULT_WIDTH$}\n")
}

/// Writes `price x after`, or the difference of two such amounts each rounded on its own. A trade
/// with a value has its share instead.
fn gross_formula(trade: &Trade, before: Size, after: Size) -> String {
    let (price, size) = (trade.price, trade.size);
    if let Some(value) = trade.entry.value {
        return match before.is_zero() {
            true if after == size => format!("{value}, the whole value"),
            true => format!("{value} x {after} / {size}"),
            false => format!("{value} x {after} / {size} - {value} x {before} / {size}"),
        };
    }
    if before.is_zero() {
        return format!("{price} x {after}");
    }
    format!("{price} x {after} - {price} x {before}")
}

fn fee_formula(fee: Option<Fee>, before: Size, after: Size, whole: Size) -> String {
    let Some(fee) = fee else {
        return "unknown, counted as 0".into();
    };
    if after == whole && before.is_zero() {
        return format!("{fee}, the whole fee");
    }
    if before.is_zero() {
        return format!("{fee} x {after} / {whole}");
    }
    format!("{fee} x {after} / {whole} - {fee} x {before} / {whole}")
}

fn describe_slice(number: usize, found: &Explanation, slice: &ExplainedSlice) -> String {
    let (row, sell) = (&slice.row, &found.sell);
    let taken = row.allocated_size;
    let sold_after = add_sizes(slice.sold_before, taken).unwrap_or(taken);
    let mut text = String::from("\n");
    match &slice.lot {
        Some(lot) => {
            text.push_str(&format!(
                "Lot {number} {}\n      {} used before, {taken} used here, {} left after\n",
                trade_line(&lot.buy, lot.origin.as_ref(), &lot.rates),
                lot.used_before,
                lot.left_after
            ));
            text.push_str(&describe_cost(lot, taken));
        }
        None => text.push_str(&format!(
            "No lot was left for {taken}: its cost is not known\n"
        )),
    }
    let proceeds = gross_formula(sell, slice.sold_before, sold_after);
    text.push_str(&line("proceeds", &proceeds, &row.proceeds_usd.to_string()));
    let fee = fee_formula(sell.fee, slice.sold_before, sold_after, sell.size);
    text.push_str(&line("- sell fee", &fee, &slice.sell_fee.share.to_string()));
    text.push_str(&line("net proceeds", "", &row.net_proceeds_usd.to_string()));
    if let (Some(cost), Some(pnl)) = (row.cost_basis_usd, row.pnl_usd) {
        let formula = format!("{} - {cost}", row.net_proceeds_usd);
        text.push_str(&line("pnl", &formula, &pnl.to_string()));
    }
    text
}

fn describe_cost(lot: &ExplainedLot, taken: Size) -> String {
    let buy = &lot.buy;
    let after = add_sizes(lot.used_before, taken).unwrap_or(taken);
    let gross = gross_formula(buy, lot.used_before, after);
    let fee = fee_formula(buy.fee, lot.used_before, after, buy.size);
    let cost = lot
        .gross
        .share
        .checked_add(lot.fee.share)
        .unwrap_or_default();
    line("cost", &gross, &lot.gross.share.to_string())
        + &line("+ buy fee", &fee, &lot.fee.share.to_string())
        + &line("cost basis", "", &cost.to_string())
}

fn describe_totals(found: &Explanation) -> String {
    let add = |of: fn(&ExplainedSlice) -> Option<Usd>| {
        let amounts = found.slices.iter().filter_map(of);
        amounts.fold(Usd::ZERO, |sum, amount| {
            sum.checked_add(amount).unwrap_or(sum)
        })
    };
    let matched = found
        .slices
        .iter()
        .filter(|slice| slice.lot.is_some())
        .count();
    let mut text = format!("\nTotal over {}\n", plural(matched as u64, "lot", "lots"));
    let matched_only = |slice: &ExplainedSlice| slice.row.pnl_usd.is_some();
    let net = found.slices.iter().filter(|slice| matched_only(slice));
    let net = net.fold(Usd::ZERO, |sum, slice| {
        sum.checked_add(slice.row.net_proceeds_usd).unwrap_or(sum)
    });
    text.push_str(&line("net proceeds", "", &net.to_string()));
    text.push_str(&line(
        "cost basis",
        "",
        &add(|slice| slice.row.cost_basis_usd).to_string(),
    ));
    text.push_str(&line(
        "pnl",
        "",
        &add(|slice| slice.row.pnl_usd).to_string(),
    ));
    for slice in found.slices.iter().filter(|slice| slice.lot.is_none()) {
        text.push_str(&format!(
            "  unmatched: {} with {} USD of net proceeds is in no total\n",
            slice.row.allocated_size, slice.row.net_proceeds_usd
        ));
    }
    text
}

fn to_json(found: &Explanation) -> Value {
    json!({
        "version": found.version.version,
        "is_current": found.current.version == Some(found.version.version),
        "account": found.pool.account.as_str(),
        "asset": found.pool.asset.as_str(),
        "leg": found.sell.entry.leg.as_str(),
        "sell": trade_json(&found.sell, found.origin.as_ref(), &found.rates),
        "slices": found.slices.iter().map(slice_json).collect::<Vec<_>>(),
    })
}

fn trade_json(
    trade: &Trade,
    origin: Option<&(String, i64, Timestamp)>,
    rates: &[ExplainedRate],
) -> Value {
    let mut json = json!({
        "order_id": trade.order_id.as_str(),
        "size": trade.size.to_string(),
        "price": trade.price.to_string(),
        "total_fees_usd": trade.fee.map(|fee| fee.to_string()),
        "order_time": trade.order_time.to_string(),
        "trade_seq": trade.trade_seq,
        "file": origin.map(|(file, _, _)| file),
        "line": origin.map(|(_, line, _)| line),
    });
    if let Some(json) = json.as_object_mut() {
        let facts = more_facts(trade).into_iter();
        json.extend(facts.map(|(column, text)| (column.to_owned(), text.into())));
        if let Some(value) = trade.entry.value {
            json.insert("value_usd".into(), value.to_string().into());
            json.insert("rates".into(), rates.iter().map(rate_json).collect());
        }
    }
    json
}

fn step_json(step: &Step) -> Value {
    json!({ "before": step.before.to_string(), "after": step.after.to_string(),
        "share": step.share.to_string() })
}

fn slice_json(slice: &ExplainedSlice) -> Value {
    let row = &slice.row;
    let lot = slice.lot.as_ref().map(|lot| {
        json!({
            "buy": trade_json(&lot.buy, lot.origin.as_ref(), &lot.rates),
            "used_before": lot.used_before.to_string(),
            "left_after": lot.left_after.to_string(),
            "gross_usd": step_json(&lot.gross),
            "fee_usd": step_json(&lot.fee),
        })
    });
    json!({
        "allocated_size": row.allocated_size.to_string(),
        "lot": lot,
        "sold_before": slice.sold_before.to_string(),
        "gross_proceeds_usd": step_json(&slice.proceeds),
        "sell_fee_usd": step_json(&slice.sell_fee),
        "cost_basis_usd": row.cost_basis_usd.map(|amount| amount.to_string()),
        "proceeds_usd": row.proceeds_usd.to_string(),
        "net_proceeds_usd": row.net_proceeds_usd.to_string(),
        "pnl_usd": row.pnl_usd.map(|amount| amount.to_string()),
        "notes": row.notes.to_string(),
    })
}
