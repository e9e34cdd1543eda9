//! Lines that all summaries of a run have: counts of trades, trades ordered by id, rebates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::format::{count, dollars, plural};
use crate::cli::next::Next;
use crate::engine::policy::STATED_VALUE_PERCENT;
use crate::engine::{RatePurpose, UnlikeValue, shown, shown_sentence};
use crate::pipeline::RateCounts;
use crate::rates::PAR_PERCENT;
use crate::store::model::RunCounts;

const INDENT: &str = "                ";

/// Counts the trades: buys, sells, and those of pools that were not matched. The sum of these is
/// the number of trades and of legs.
pub(super) fn sides(counts: &RunCounts) -> String {
    let mut matched = format!(
        "{}, {}",
        plural(counts.buys, "buy", "buys"),
        plural(counts.sells, "sell", "sells")
    );
    if counts.legs > 0 {
        let legs = plural(counts.legs, "leg", "legs");
        matched = format!("and {legs}: {matched}");
    }
    match counts.not_matched {
        0 => matched,
        not_matched => format!("{matched}, {} left out", count(not_matched)),
    }
}

/// Writes a count; 0 is an empty cell.
pub(super) fn unless_zero(number: u64) -> String {
    match number {
        0 => String::new(),
        number => count(number),
    }
}

/// Aligns figures in columns. Each has a name, a value and a note.
pub(super) fn figures(rows: &[(&str, String, String)]) -> String {
    let width = rows.iter().map(|row| row.1.len()).max().unwrap_or(0);
    let line = |(name, value, note): &(&str, String, String)| {
        let line = format!("  {name:<14}{value:>width$}   {note}");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect::<String>() + "\n"
}

/// Lists facts that limit the totals, like unknown fees and voided trades. `new`: a word put before
/// what is counted, if that is only a part of the version.
pub(super) fn describe_all(
    counts: &RunCounts,
    (new, voided): (&str, u64),
    ineligible: &BTreeMap<String, u64>,
) -> String {
    let of = |count, one: &str| counted(count, new, one);
    let mut text = String::new();
    if counts.fees_unknown > 0 {
        let trades = of(counts.fees_unknown, "trade");
        text.push_str(&format!("Fees unknown    {trades}, counted as 0\n"));
    }
    text.push_str(&describe(counts, new));
    if voided > 0 {
        let trades = of(voided, "trade");
        text.push_str(&format!("Voided          {trades} left out\n"));
    }
    for (reason, rows) in ineligible {
        let (rows, reason) = (of(*rows, "row"), shown_sentence(reason));
        text.push_str(&format!("Not executions  {rows}: {reason}\n"));
    }
    text
}

fn counted(number: u64, new: &str, one: &str) -> String {
    plural(number, &format!("{new}{one}"), &format!("{new}{one}s"))
}

/// Says how many trades a rate valued, and which rates are old or missing. `more`: a word put
/// before the trades, if the version has others.
pub(super) fn describe_rates(rates: &RateCounts, more: &str, next: &Next) -> String {
    let mut text = String::new();
    if rates.trades > 0 {
        let (one, many) = (format!("{more}trade has"), format!("{more}trades have"));
        let trades = plural(rates.trades, &one, &many);
        let old = match rates.old {
            0 => String::new(),
            old => format!(
                "; {} by a rate over an hour old",
                plural(old, "value", "values")
            ),
        };
        text.push_str(&format!("Rates           {trades} a value by rates{old}\n"));
    }
    if rates.provisional > 0 {
        let values = plural(rates.provisional, "value is", "values are");
        text.push_str(&format!(
            "Rates at par    {values} one dollar a coin: pegged, and no rate is near enough\n"
        ));
    }
    if rates.off_par > 0 {
        let values = plural(rates.off_par, "value", "values");
        text.push_str(&format!(
            "Rates off par   {values} of dollar coins by rates over {PAR_PERCENT} % off a dollar\n"
        ));
    }
    text.push_str(&describe_unlike(&rates.unlike));
    if rates.missing > 0 {
        let days = plural(rates.missing, "rate", "rates");
        let list = next.command("fifo-pnl rates missing -o FILE");
        text.push_str(&format!("Rates missing   {days}: `{list}` lists them\n"));
    }
    text
}

/// Most stated values that a report names.
const UNLIKE_SHOWN_MAX: usize = 10;

/// Names stated values that are far from their prices or rates.
fn describe_unlike(unlike: &BTreeSet<UnlikeValue>) -> String {
    let mut text = String::new();
    if !unlike.is_empty() {
        let values = plural(unlike.len() as u64, "value", "values");
        text.push_str(&format!(
            "Stated values   {values} counted as stated, over {STATED_VALUE_PERCENT} % off price \
             or rate\n"
        ));
    }
    for value in unlike.iter().take(UNLIKE_SHOWN_MAX) {
        let what = match value.purpose {
            RatePurpose::Value => "",
            RatePurpose::Fee => "fee ",
        };
        let (stated, by_rate) = (dollars(value.stated), dollars(value.by_rate));
        text.push_str(&format!(
            "{INDENT}{} {}: {what}{stated} USD, by price or rate {by_rate}\n",
            shown(value.account.as_str()),
            shown(value.order_id.as_str())
        ));
    }
    if unlike.len() > UNLIKE_SHOWN_MAX {
        text.push_str(&format!("{INDENT}...\n"));
    }
    text
}

pub(super) fn rates_json(rates: &RateCounts) -> Value {
    let unlike = rates.unlike.iter().take(UNLIKE_SHOWN_MAX).map(|value| {
        json!({ "account": value.account.as_str(), "order_id": value.order_id.as_str(),
            "purpose": value.purpose.as_str(), "stated_usd": value.stated.to_string(),
            "by_rate_usd": value.by_rate.to_string() })
    });
    json!({ "trades_valued": rates.trades, "older_than_an_hour": rates.old,
        "at_par": rates.provisional, "off_par": rates.off_par, "missing": rates.missing,
        "stated_values_unlike": { "count": rates.unlike.len(),
            "first": unlike.collect::<Vec<_>>() } })
}

/// Lists facts that look like mistakes, or that a user has to know before filing.
fn describe(counts: &RunCounts, new: &str) -> String {
    let mut text = String::new();
    if counts.rebates > 0 {
        text.push_str(&format!(
            "Rebates         {}, {} USD\n",
            counted(counts.rebates, new, "trade"),
            dollars(counts.rebates_usd)
        ));
    }
    let by_id = [(counts.sells_by_id, "sell"), (counts.buys_by_id, "buy")];
    let by_id = by_id.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = by_id
        .map(|(count, one)| counted(*count, new, one))
        .collect();
    if !words.is_empty() {
        let verb = match counts.sells_by_id + counts.buys_by_id {
            1 => "has",
            _ => "have",
        };
        text.push_str(&format!(
            "Order of ids    {} {verb} the same time as other trades, and no `trade_seq`: their \
             ids decide the order\n",
            words.join(" and ")
        ));
    }
    text
}

/// Returns the counts as JSON; decimals are strings.
pub(super) fn to_json(counts: &RunCounts) -> Value {
    json!({
        "trades": counts.trades(), "trades_not_matched": counts.not_matched,
        "buys": counts.buys, "sells": counts.sells,
        "legs": counts.legs, "allocations": counts.allocations,
        "pnl_usd": counts.pnl.to_string(), "unmatched_sells": counts.unmatched_sells,
        "fees_unknown": counts.fees_unknown,
        "sells_by_id": counts.sells_by_id, "buys_by_id": counts.buys_by_id,
        "rebates": counts.rebates, "rebates_usd": counts.rebates_usd.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trade_and_several_have_their_own_words() {
        let said = |sells_by_id, buys_by_id| {
            describe(
                &RunCounts {
                    sells_by_id,
                    buys_by_id,
                    ..RunCounts::default()
                },
                "",
            )
        };
        assert!(
            said(0, 1).contains(" 1 buy has the same time as other trades, and no `trade_seq`: ")
        );
        assert!(
            said(1, 1).contains(" 1 sell and 1 buy have the same time as other trades, and no ")
        );
        assert_eq!(said(0, 0), "");
    }
}
