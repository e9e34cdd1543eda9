//! A trade of an explained sell: its figures, its row, its place in a file, its rates.

use serde_json::{Value, json};

use crate::cli::format::time;
use crate::engine::{
    CodeKind, Leg, MORE_COLUMNS, RateOrigin, RatePurpose, RateUsed, Side, Trade, Withheld,
    kind_of_code, shown, shown_sentence, withheld,
};
use crate::pipeline::{ExplainedRate, ExplainedTrade};

/// Begins each line below the first one.
const NEXT_LINE: &str = "\n      ";

/// Describes a trade in several lines.
pub(super) fn trade_line(explained: &ExplainedTrade) -> String {
    let trade = &explained.entry;
    let fee = trade
        .fee
        .map_or_else(|| "fee unknown".into(), |fee| format!("fee {fee}"));
    let seq = trade
        .trade_seq
        .map(|seq| format!(", sequence {seq}"))
        .unwrap_or_default();
    let origin = explained.origin.as_ref();
    let origin = origin
        .map(|(file, line, _)| format!("{NEXT_LINE}from {}, line {line}", shown_sentence(file)));
    let price = match trade.entry.value {
        Some(value) => format!("worth {value} USD"),
        None => format!("at {}", trade.price),
    };
    let what = match trade.entry.leg {
        Leg::Income => ", income",
        _ => "",
    };
    let mut text = format!(
        "{}{what}{NEXT_LINE}{} {price}, {fee}{NEXT_LINE}{}{seq}{}{}",
        trade.order_id,
        trade.size,
        trade.order_time,
        origin.unwrap_or_default(),
        row_lines(explained),
    );
    text.extend(explained.rates.iter().map(rate_lines));
    match withheld_of(explained) {
        Some(withheld) => text.push_str(&withheld_lines(trade, &withheld)),
        None => {
            let lines = explained.rates.iter();
            text.extend(lines.filter_map(|rate| paid_fee_line(explained, &rate.used)));
        }
    }
    text
}

/// Says which pool a fee in an asset was taken from. `None`: it is money, it was withheld from what
/// the trade brought in, or the rate is of another amount.
fn paid_fee_line(explained: &ExplainedTrade, used: &RateUsed) -> Option<String> {
    let row = explained.row.as_ref()?;
    let of = row.of.instrument.as_ref().ok()?;
    let received = match row.trade.side {
        Side::Buy => &of.base,
        Side::Sell => &of.quote,
    };
    let (units, asset) = (used.units, &used.asset);
    let is_rebate = units.units() < 0;
    let is_money = kind_of_code(asset.as_str()) == Some(CodeKind::Currency);
    let is_withheld = received == asset && !is_rebate;
    let is_fee = used.purpose == RatePurpose::Fee && !is_money && !is_withheld;
    is_fee.then(|| match is_rebate {
        true => format!("{NEXT_LINE}the rebate is a lot in the pool of {asset}"),
        false => format!("{NEXT_LINE}the fee of {units} {asset} leaves the pool of {asset}"),
    })
}

/// Shows the row of a trade with a value, and the facts that a plain dollar trade lacks.
fn row_lines(explained: &ExplainedTrade) -> String {
    let mut text = String::new();
    if let Some(row) = &explained.row {
        let (trade, symbol) = (&row.trade, &row.of.symbol);
        let quote = row.of.instrument.as_ref();
        let quote = quote.map_or("", |of| of.quote.as_str());
        text.push_str(&format!(
            "{NEXT_LINE}row: {} {} {symbol} at {} {quote}",
            trade.side, trade.size, trade.price
        ));
    }
    let facts = more_facts(explained).into_iter();
    let facts: Vec<String> = facts
        .map(|(column, fact)| format!("{column} {fact}"))
        .collect();
    for line in facts.chunks(FACTS_OF_LINE) {
        text.push_str(&format!("{NEXT_LINE}{}", line.join(", ")));
    }
    text
}

/// Facts of a row in a line, so that it fits a narrow terminal.
const FACTS_OF_LINE: usize = 3;

fn withheld_of(explained: &ExplainedTrade) -> Option<Withheld> {
    let rates: Vec<RateUsed> = explained
        .rates
        .iter()
        .map(|rate| rate.used.clone())
        .collect();
    withheld(explained.row.as_ref()?, &explained.entry, &rates)
}

/// Says how a withheld fee lessened the units, and the value of what came in.
fn withheld_lines(trade: &Trade, withheld: &Withheld) -> String {
    let (fee, currency) = (withheld.fee.amount, &withheld.fee.currency);
    let mut text = format!(
        "{NEXT_LINE}units {} - {fee} {currency} of fee = {}",
        withheld.units_before, trade.size
    );
    if let (Some((before, fee)), Some(value)) = (withheld.value_before, trade.entry.value) {
        text.push_str(&format!(
            "{NEXT_LINE}worth {before} - {fee} of fee = {value} USD"
        ));
    }
    text
}

/// Says how a rate gave a value, and where each step of the rate stands.
fn rate_lines(explained: &ExplainedRate) -> String {
    let ExplainedRate { used, places } = explained;
    let (asset, rate) = (&used.asset, &used.rate);
    let what = match used.purpose {
        RatePurpose::Fee => "fee",
        RatePurpose::Value => "value",
    };
    let mut text = format!(
        "{NEXT_LINE}{what} {} {asset} x {} = {} USD{NEXT_LINE}rate of {}, by {}",
        used.units,
        rate.value,
        used.usd,
        time(rate.at),
        rate.source
    );
    for (step, place) in rate.steps.iter().zip(places) {
        let place = place
            .as_ref()
            .map(|(file, line)| format!("{}, line {line}", shown_sentence(file)));
        let place = match (&step.origin, place) {
            (RateOrigin::Line { .. }, Some(place)) => place,
            (RateOrigin::Line { import_id, line }, None) => {
                format!("import {import_id}, line {line}")
            }
            (RateOrigin::Peg, _) => "[pegs]: no rate is near enough".to_owned(),
            (RateOrigin::Trade(id), place) => {
                let place = place.map(|place| format!(", {place}"));
                format!("trade {}{}", shown(id.as_str()), place.unwrap_or_default())
            }
        };
        let (asset, currency, value) = (&step.asset, &step.currency, step.value);
        text.push_str(&format!(
            "\n        1 {asset} = {value} {currency}, from {place}"
        ));
    }
    text
}

fn rate_json(explained: &ExplainedRate) -> Value {
    let ExplainedRate { used, places } = explained;
    let steps = used.rate.steps.iter().zip(places).map(|(step, place)| {
        let order_id = match &step.origin {
            RateOrigin::Line { .. } | RateOrigin::Peg => None,
            RateOrigin::Trade(id) => Some(id.as_str()),
        };
        let (file, line) = place.as_ref().map(|(file, line)| (file, line)).unzip();
        json!({ "asset": step.asset.as_str(), "currency": step.currency.as_str(),
            "rate": step.value.to_string(), "file": file, "line": line, "order_id": order_id })
    });
    json!({
        "purpose": used.purpose.as_str(),
        "asset": used.asset.as_str(),
        "units": used.units.to_string(),
        "value_usd": used.usd.to_string(),
        "rate": used.rate.value.to_string(),
        "rate_time": used.rate.at.to_string(),
        "source": used.rate.source.as_str(),
        "steps": steps.collect::<Vec<_>>(),
    })
}

/// Returns the facts that a plain dollar trade does not have.
fn more_facts(explained: &ExplainedTrade) -> Vec<(&'static str, String)> {
    let row = explained.row.as_ref();
    let trade = row.map_or(&explained.entry, |row| &row.trade);
    let texts = trade.more.as_ref().map(|facts| facts.texts());
    let texts = MORE_COLUMNS.into_iter().zip(texts.unwrap_or_default());
    texts
        .filter_map(|(column, text)| Some((column, text?)))
        .collect()
}

/// Returns a trade as JSON. One with a value has no price in dollars: its row has one in its quote.
pub(super) fn trade_json(explained: &ExplainedTrade) -> Value {
    let (trade, origin) = (&explained.entry, explained.origin.as_ref());
    let is_plain = trade.entry.value.is_none();
    let mut json = json!({
        "order_id": trade.order_id.as_str(),
        "size": trade.size.to_string(),
        "price": is_plain.then(|| trade.price.to_string()),
        "total_fees_usd": trade.fee.map(|fee| fee.to_string()),
        "order_time": trade.order_time.to_string(),
        "trade_seq": trade.trade_seq,
        "file": origin.map(|(file, _, _)| file),
        "line": origin.map(|(_, line, _)| line),
    });
    let Some(object) = json.as_object_mut() else {
        return json;
    };
    let facts = more_facts(explained).into_iter();
    object.extend(facts.map(|(column, text)| (column.to_owned(), text.into())));
    if let Some(value) = trade.entry.value {
        object.insert("value_usd".into(), value.to_string().into());
        object.insert(
            "rates".into(),
            explained.rates.iter().map(rate_json).collect(),
        );
    }
    if let Some(row) = &explained.row {
        let of = row.of.instrument.as_ref().ok();
        let row = json!({ "symbol": row.of.symbol.as_str(), "side": row.trade.side.as_str(),
            "size": row.trade.size.to_string(), "price": row.trade.price.to_string(),
            "quote": of.map(|of| of.quote.as_str()) });
        object.insert("row".into(), row);
    }
    if let Some(withheld) = withheld_of(explained) {
        let value = withheld.value_before;
        let fee = json!({ "fee_amount": withheld.fee.amount.to_string(),
            "fee_currency": withheld.fee.currency.as_str(),
            "units_before": withheld.units_before.to_string(),
            "value_before_usd": value.map(|(before, _)| before.to_string()),
            "fee_usd": value.map(|(_, fee)| fee.to_string()) });
        object.insert("withheld".into(), fee);
    }
    json
}
