//! Numbers, times and tables for people. Exact values are printed by their own `Display`.

use std::ops::Range;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value;

use super::width::{columns, wrapped};
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
    format!("{} UTC", time_in_utc(time))
}

/// Writes an instant for a column that names the zone.
pub fn time_in_utc(time: Timestamp) -> String {
    let text = time.to_string();
    let second = text.split('.').next().unwrap_or(&text);
    second.replace('T', " ")
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

/// Blanks between two columns of a table, and before the first one.
const COLUMN_GAP: usize = 2;

/// Indent of the further lines of a row.
const ROW_INDENT: usize = 4;

/// Least room for texts of the last column. A table without it takes several lines a row.
const LAST_COLUMN_MIN: usize = 14;

/// Makes a table without lines. The columns in `right` are aligned to the right, all others to the
/// left. If it is wider than the terminal, each row takes several lines.
pub fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    table_within(columns(), header, right, rows)
}

fn table_within(
    columns: Option<usize>,
    header: &[&str],
    right: &[usize],
    rows: Vec<Vec<String>>,
) -> String {
    let shown = |cell: String| shown_sentence(&cell).to_string();
    let shown = |row: Vec<String>| row.into_iter().map(shown).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(shown).collect();
    let widths = made(header, right, &rows, 0..header.len()).column_max_content_widths();
    let room = room_of_last(&widths, columns).filter(|_| !right.contains(&(header.len() - 1)));
    if let Some(lower) = room.and_then(|room| with_last_within(room, &rows)) {
        return table_within(None, header, right, lower);
    }
    let parts = parts(&widths, columns).into_iter().enumerate();
    let parts = parts.map(|(nth, part)| {
        let indent = if nth == 0 { 0 } else { ROW_INDENT };
        let table = made(header, right, &rows, part);
        let line = |line: String| format!("{:indent$} {}", "", line.trim_end());
        table.lines().map(line).collect::<Vec<_>>()
    });
    let parts: Vec<Vec<String>> = parts.collect();
    let mut lines: Vec<&str> = Vec::new();
    for row in 0..=rows.len() {
        let of_row = parts.iter().filter_map(|part| part.get(row));
        // A part whose cells are empty needs no line.
        let of_row = of_row.map(String::as_str).enumerate();
        lines.extend(
            of_row.filter_map(|(nth, it)| (nth == 0 || !it.trim().is_empty()).then_some(it)),
        );
    }
    lines.join("\n")
}

/// Returns the room for the last column. `None`: the table fits, or the others take too much.
fn room_of_last(widths: &[u16], columns: Option<usize>) -> Option<usize> {
    let others = widths.split_last()?.1.iter();
    let others: usize = others.map(|width| usize::from(*width) + COLUMN_GAP).sum();
    let room = columns?.checked_sub(others + COLUMN_GAP)?;
    let last = usize::from(*widths.last()?);
    (others > 0 && last > room && room >= LAST_COLUMN_MIN).then_some(room)
}

/// Breaks the texts of the last column, which go on in rows of their own. `None`: a word is too
/// long.
fn with_last_within(room: usize, rows: &[Vec<String>]) -> Option<Vec<Vec<String>>> {
    let mut lower = Vec::new();
    for row in rows {
        let (last, others) = row.split_last()?;
        let text = wrapped(last, room);
        for (nth, line) in text.split('\n').enumerate() {
            if line.chars().count() > room {
                return None;
            }
            let mut row = match nth {
                0 => others.to_vec(),
                _ => vec![String::new(); others.len()],
            };
            row.push(line.trim_start().to_owned());
            lower.push(row);
        }
    }
    Some(lower)
}

/// Makes the table of some columns.
fn made(header: &[&str], right: &[usize], rows: &[Vec<String>], part: Range<usize>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let titles = header.get(part.clone()).unwrap_or_default();
    table.set_header(titles.iter().map(Cell::new).collect::<Vec<_>>());
    table.add_rows(
        rows.iter()
            .map(|row| row.get(part.clone()).unwrap_or_default()),
    );
    for (column, index) in table.column_iter_mut().zip(part) {
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Divides columns of some widths into lines that fit the terminal.
fn parts(widths: &[u16], columns: Option<usize>) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut used) = (Vec::new(), 0, 0);
    for (index, width) in widths.iter().enumerate() {
        let width = usize::from(*width) + COLUMN_GAP;
        if index > start && columns.is_some_and(|columns| used + width > columns) {
            parts.push(start..index);
            (start, used) = (index, ROW_INDENT);
        }
        used += width;
    }
    parts.push(start..widths.len());
    parts
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

    #[test]
    fn a_wide_table_takes_several_lines_a_row() {
        let rows = [
            ["main", "BTC", "12", "1,000.00"],
            ["other", "1000SHIB", "3", ""],
        ];
        let rows = || rows.map(|row| row.map(str::to_owned).to_vec()).to_vec();
        let header = ["Account", "Asset", "Sells", "PnL"];
        let whole = "  Account  Asset     Sells       PnL\n  \
                     main     BTC          12  1,000.00\n  \
                     other    1000SHIB      3";
        assert_eq!(table_within(None, &header, &[2, 3], rows()), whole);
        assert_eq!(table_within(Some(36), &header, &[2, 3], rows()), whole);
        let folded = "  Account  Asset     Sells\n           PnL\n  \
                      main     BTC          12\n      1,000.00\n  \
                      other    1000SHIB      3";
        assert_eq!(table_within(Some(35), &header, &[2, 3], rows()), folded);
        let texts = || vec![vec!["I1".to_owned(), "one two three four".to_owned()]];
        let lower = "  Check  What\n  I1     one two three\n         four";
        assert_eq!(
            table_within(Some(23), &["Check", "What"], &[], texts()),
            lower
        );
    }
}
