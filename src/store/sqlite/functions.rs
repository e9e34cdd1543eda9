//! Exact decimals in SQL: the functions of SQLite's own decimal extension, by the same names.
//!
//! SQLite's `sum` of text is a float. The views use `decimal_sum` and `decimal_sub`; the sqlite3
//! shell has them built in, this registers them for our connections. Unlike the shell's they refuse
//! a text that is not a number instead of taking it for zero, and they write canonical text.

use num_bigint::BigInt;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

/// A decimal of any length: `units` x 10^-`scale`.
#[derive(Debug, Clone, Default)]
struct Number {
    units: BigInt,
    scale: usize,
}

impl Number {
    fn parse(text: &str) -> Result<Self> {
        let bad = || Error::UserFunctionError(format!("\"{text}\" is not a decimal").into());
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(bad());
        }
        let sign = if digits.len() < text.len() { "-" } else { "" };
        let units = format!("{sign}{whole}{fraction}")
            .parse()
            .map_err(|_| bad())?;
        Ok(Self {
            units,
            scale: fraction.len(),
        })
    }

    fn at_scale(&self, scale: usize) -> BigInt {
        let missing = u32::try_from(scale.saturating_sub(self.scale)).unwrap_or(u32::MAX);
        &self.units * BigInt::from(10).pow(missing)
    }

    fn plus(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self {
            units: self.at_scale(scale) + other.at_scale(scale),
            scale,
        }
    }

    fn minus(&self, other: &Self) -> Self {
        let negated = Self {
            units: -&other.units,
            scale: other.scale,
        };
        self.plus(&negated)
    }

    fn to_text(&self) -> String {
        let text = self.units.to_string();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.as_str()),
        };
        let padded = format!("{digits:0>width$}", width = self.scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - self.scale);
        match fraction.trim_end_matches('0') {
            "" if whole == "0" => "0".into(),
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

/// Reads an argument: text, an integer, or NULL. A float would not be exact: refused.
fn argument(context: &Context<'_>, index: usize) -> Result<Option<Number>> {
    match context.get_raw(index) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(value) => Ok(Some(Number {
            units: value.into(),
            scale: 0,
        })),
        ValueRef::Text(text) => Number::parse(&String::from_utf8_lossy(text)).map(Some),
        _ => Err(Error::UserFunctionError(
            "a decimal is text, not a float".into(),
        )),
    }
}

struct DecimalSum;

impl Aggregate<Option<Number>, Option<String>> for DecimalSum {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Number>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<Number>) -> Result<()> {
        if let Some(number) = argument(context, 0)? {
            *sum = Some(sum.take().unwrap_or_default().plus(&number));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Option<Number>>) -> Result<Option<String>> {
        Ok(sum.flatten().map(|sum| sum.to_text()))
    }
}

/// Registers the functions with a connection.
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_aggregate_function("decimal_sum", 1, flags, DecimalSum)?;
    connection.create_scalar_function("decimal_sub", 2, flags, |context| {
        let pair = argument(context, 0)?.zip(argument(context, 1)?);
        Ok(pair.map(|(left, right)| left.minus(&right).to_text()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(sql: &str) -> Result<Option<String>> {
        let connection = Connection::open_in_memory()?;
        register(&connection)?;
        connection.query_row(sql, [], |row| row.get(0))
    }

    #[test]
    fn sums_are_exact_and_canonical() {
        let sum = "select decimal_sum(column1) from (values \
            ('0.1'), ('0.2'), ('-0.3'), ('1e'||''), (null))";
        assert!(one(sum).is_err(), "a text that is no decimal is refused");
        let sum = "select decimal_sum(column1) from (values ('0.1'), ('0.2'), ('-0.3'), (null), \
            ('100000000000000000000000000000'), ('0.000000000000000000000000000001'))";
        let expected = "100000000000000000000000000000.000000000000000000000000000001";
        assert_eq!(one(sum).unwrap().as_deref(), Some(expected));
        assert_eq!(
            one("select decimal_sum(x) from (select 1 x where 0)").unwrap(),
            None
        );
        let zero = one("select decimal_sum(column1) from (values ('1.50'), ('-1.5'))");
        assert_eq!(zero.unwrap().as_deref(), Some("0"));
        assert!(
            one("select decimal_sum(1.5)").is_err(),
            "a float is refused"
        );
    }

    #[test]
    fn differences() {
        let of = |sql: &str| one(sql).unwrap().unwrap();
        assert_eq!(of("select decimal_sub('1', '1.25')"), "-0.25");
        assert_eq!(of("select decimal_sub('1.50', '1.5')"), "0");
    }
}
