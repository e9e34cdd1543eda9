//! Numbers, times and tables for people. Exact values are printed by their own `Display`.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value;

use crate::engine::{Timestamp, Usd, shown_sentence, thousands};

/// Writes a count with thousands separated.
pub fn count(value: u64) -> String {
    thousands(value)
}

/// Writes an amount in dollars and cents, for reading. Rounding: half away from zero.
pub fn dollars(amount: Usd) -> String {
    let cents = amount.to_cents();
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    let whole = thousands(cents / 100);
    format!("{sign}{whole}.{:02}", cents % 100)
}

/// Adds amounts for reading. A sum beyond 128 bits would need a hundred pools at their limit.
pub fn sum(amounts: impl Iterator<Item = Usd>) -> Usd {
    Usd::from_units(amounts.fold(0, |sum, amount| sum.saturating_add(amount.units())))
}

/// Writes an instant to the second, for reading.
pub fn time(time: Timestamp) -> String {
    let text = time.to_string();
    let second = text.split('.').next().unwrap_or(&text);
    format!("{} UTC", second.replace('T', " "))
}

pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Adds facts to a JSON document, if the document is wanted.
pub fn add(document: &mut Value, facts: Value) {
    if let (Some(object), Value::Object(facts)) = (document.as_object_mut(), facts) {
        object.extend(facts);
    }
}

/// Makes a table without lines. The columns in `right` are aligned to the right, all others to the
/// left.
pub fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(Cell::new).collect::<Vec<_>>());
    let shown = |cell: String| shown_sentence(&cell).to_string();
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(shown)));
    for (index, column) in table.column_iter_mut().enumerate() {
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| format!(" {}", line.trim_end()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(dollars("-1234.565".parse().unwrap()), "-1,234.57");
        assert_eq!(dollars("-0.001".parse().unwrap()), "0.00");
        assert_eq!(dollars("1000000".parse().unwrap()), "1,000,000.00");
        assert_eq!(plural(1, "sell", "sells"), "1 sell");
        assert_eq!(time(Timestamp::EPOCH), "1970-01-01 00:00:00 UTC");
    }
}
