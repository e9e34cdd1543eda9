//! `explain`: one sell, its lots, and the arithmetic that a pocket calculator can follow.

mod trade;

use serde_json::{Value, json};

use self::trade::{trade_json, trade_line};
use super::read_account;
use crate::cli::Outcome;
use crate::cli::args::ExplainArgs;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, plural};
use crate::cli::session::Session;
use crate::engine::{
    Account, Fee, Leg, LotDirection, OrderId, Side, Size, Split, Trade, Usd, add_sizes, shown,
    shown_sentence,
};
use crate::pipeline::{
    self, ExplainedLot, ExplainedMove, ExplainedSlice, Explanation, MovementPlace, Step,
};
use crate::store::model::HistoricalSell;

/// Width of a formula, in characters.
const FORMULA_WIDTH: usize = 54;

/// The sentence after all figures.
const ROUNDING: &str = "\nEach product is rounded to 12 decimals, half to even; a slice of a lot \
     or a\nsell is the difference of two such amounts, so that all slices add up to the\nwhole.\n";

/// Width of a result, in characters.
const RESULT_WIDTH: usize = 23;

pub async fn run(args: ExplainArgs, session: &Session) -> CliResult<Outcome> {
    let account = read_account(args.account.as_deref())?;
    let store = session.open(false).await?;
    let found =
        pipeline::explain(store.as_ref(), &args.sell, account.as_ref(), args.version).await?;
    let old = pipeline::old_answer(store.as_ref(), &args.sell).await?;
    let legs: Vec<String> = found.legs.iter().map(describe).collect();
    let mut text = format!("Database  {}\n{}", store.location(), legs.join("\n"));
    for leg in &found.without_rows {
        text.push_str(&format!(
            "\nAnother leg: {}\n",
            shown_sentence(&leg.to_string())
        ));
    }
    text.push_str(ROUNDING);
    let mut json = found.legs.first().map_or(Value::Null, to_json);
    let others: Vec<Value> = found.legs.iter().skip(1).map(to_json).collect();
    let without: Vec<String> = found.without_rows.iter().map(ToString::to_string).collect();
    add(
        &mut json,
        json!({ "other_legs": others, "legs_without_rows": without }),
    );
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
    let leg = match found.sell.entry.entry.leg {
        Leg::Base => "",
        Leg::Quote => ": what the trade was paid with",
        Leg::Fee => ": what its fee was paid with",
        Leg::Network => ": what the network took of this withdrawal",
        Leg::Income => ": income",
    };
    let mut text = format!(
        "Version {version}{current}, account {}, {}{leg}\n\nSell  {}\n",
        found.pool.account,
        found.pool.asset,
        trade_line(&found.sell),
    );
    for (index, slice) in found.slices.iter().enumerate() {
        text.push_str(&describe_slice(index + 1, found, slice));
    }
    text.push_str(&describe_totals(found));
    text
}

fn line(label: &str, formula: &str, result: &str) -> String {
    let left = format!("  {label:<14}{formula}");
    if left.chars().count() > FORMULA_WIDTH {
        // A difference of two amounts takes a line for each. The label may have a minus, too.
        let formula = formula.replacen(" - ", &format!("\n{:>14}- ", ""), 1);
        return format!(
            "  {label:<14}{formula}\n{:>FORMULA_WIDTH$} = {result:>RESULT_WIDTH$}\n",
            ""
        );
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
    let row = &slice.row;
    let sell = slice.splits.last();
    let sell = sell.map_or(&found.sell.entry, |(_, lot)| lot);
    let label = match row.direction {
        LotDirection::Long => "Lot",
        LotDirection::Short => "Closed by buy",
    };
    let taken = row.allocated_size;
    let sold_after = add_sizes(slice.sold_before, taken).unwrap_or(taken);
    let mut text = String::from("\n");
    match &slice.lot {
        Some(lot) => {
            text.push_str(&format!(
                "{label} {number} {}\n{}{}      {} used before, {taken} used here, {} left after\n",
                trade_line(&lot.buy),
                way_lines(&lot.way),
                split_lines(&lot.splits) + &split_lines(&slice.splits),
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

/// Writes three lines for each move of a lot: the accounts, then both movements and their files.
fn way_lines(way: &[ExplainedMove]) -> String {
    let end = |id: &OrderId, place: Option<&MovementPlace>| {
        let id = shown_sentence(id.as_str());
        let at = place.map(|it| format!(" at {}", it.at)).unwrap_or_default();
        let origin = place.and_then(|it| it.origin.as_ref());
        let file = origin.map(|(file, line)| format!(", {}, line {line}", shown_sentence(file)));
        format!("{id}{at}{}", file.unwrap_or_default())
    };
    let lines = way.iter().map(|it| {
        let moved = &it.moved;
        format!(
            "      moved {} from {} to {}, cost {}\n        out {}\n        in  {}\n",
            moved.size,
            moved.from,
            moved.to,
            moved.cost_usd,
            end(&moved.withdrawal, it.sent.as_ref()),
            end(&moved.deposit, it.received.as_ref())
        )
    });
    lines.collect()
}

/// Writes a line for each split of a lot: the size and the cost that it left; of a short lot the
/// proceeds.
fn split_lines(splits: &[(Split, Trade)]) -> String {
    let lines = splits.iter().map(|(split, lot)| {
        let worth = lot.entry.value.unwrap_or_default();
        let (size, change) = (lot.size, split.change);
        let what = match lot.side {
            Side::Buy => "cost",
            Side::Sell => "sold for",
        };
        format!(
            "      {} split, {change}: {size} left, {what} {worth}\n",
            split.happened_at
        )
    });
    lines.collect()
}

/// Describes the cost of units. The cost of a lot after a split has the fee in it.
fn describe_cost(lot: &ExplainedLot, taken: Size) -> String {
    let buy = lot.splits.last();
    let buy = buy.map_or(&lot.arrived, |(_, after)| after);
    let after = add_sizes(lot.used_before, taken).unwrap_or(taken);
    let gross = gross_formula(buy, lot.used_before, after);
    let fee = fee_formula(buy.fee, lot.used_before, after, buy.size);
    let cost = lot
        .gross
        .share
        .checked_add(lot.fee.share)
        .unwrap_or_default();
    let is_of_buy = lot.splits.is_empty() && lot.way.is_empty();
    let fee = match is_of_buy || buy.fee.is_none() {
        true => line("+ buy fee", &fee, &lot.fee.share.to_string()),
        false => String::new(),
    };
    line("cost", &gross, &lot.gross.share.to_string())
        + &fee
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
    if let Some(lot) = &found.open {
        text.push_str(&format!(
            "  still short: {} with {} USD of net proceeds is in no total\n",
            lot.remaining_size, lot.remaining_cost_usd
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
        "leg": found.sell.entry.entry.leg.as_str(),
        "sell": trade_json(&found.sell),
        "slices": found.slices.iter().map(slice_json).collect::<Vec<_>>(),
        "open_short": found.open.as_ref().map(|lot| json!({
            "size": lot.remaining_size.to_string(),
            "net_proceeds_usd": lot.remaining_cost_usd.to_string(),
        })),
    })
}

fn step_json(step: &Step) -> Value {
    json!({ "before": step.before.to_string(), "after": step.after.to_string(),
        "share": step.share.to_string() })
}

fn split_json((split, lot): &(Split, Trade)) -> Value {
    json!({ "happened_at": split.happened_at.to_string(), "change": split.change.to_string(),
        "size": lot.size.to_string(),
        "cost_usd": lot.entry.value.map(|cost| cost.to_string()) })
}

fn move_json(it: &ExplainedMove) -> Value {
    let moved = &it.moved;
    let end = |account: &Account, id: &OrderId, place: Option<&MovementPlace>| {
        let origin = place.and_then(|it| it.origin.as_ref());
        json!({ "account": account.as_str(), "movement_id": id.as_str(),
            "at": place.map(|it| it.at.to_string()),
            "file": origin.map(|(file, _)| file), "line": origin.map(|(_, line)| line) })
    };
    json!({ "size": moved.size.to_string(), "cost_usd": moved.cost_usd.to_string(),
        "out": end(&moved.from, &moved.withdrawal, it.sent.as_ref()),
        "in": end(&moved.to, &moved.deposit, it.received.as_ref()) })
}

fn slice_json(slice: &ExplainedSlice) -> Value {
    let row = &slice.row;
    let lot = slice.lot.as_ref().map(|lot| {
        json!({
            "buy": trade_json(&lot.buy),
            "way": lot.way.iter().map(move_json).collect::<Vec<_>>(),
            "splits": lot.splits.iter().map(split_json).collect::<Vec<_>>(),
            "used_before": lot.used_before.to_string(),
            "left_after": lot.left_after.to_string(),
            "gross_usd": step_json(&lot.gross),
            "fee_usd": step_json(&lot.fee),
        })
    });
    json!({
        "allocated_size": row.allocated_size.to_string(),
        "direction": row.direction.as_str(),
        "lot": lot,
        "splits_of_sell": slice.splits.iter().map(split_json).collect::<Vec<_>>(),
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
