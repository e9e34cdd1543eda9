//! Amounts as they are printed: cents or whole dollars, each row rounded once.

use crate::engine::Usd;

/// Units of an exact amount in a dollar.
const DOLLAR_UNITS: i128 = 1_000_000_000_000;

/// The unit that printed amounts are rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Two decimals.
    #[default]
    Cents,
    /// No decimals, in every row alike.
    WholeDollars,
}

impl Rounding {
    /// Returns the word that the manifest shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cents => "cents",
            Self::WholeDollars => "whole dollars",
        }
    }

    /// Reads the word.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Cents, Self::WholeDollars]
            .into_iter()
            .find(|rounding| rounding.as_str() == text)
    }

    /// Returns how many exact units make one printed unit: 10^10 a cent, 10^12 a dollar.
    pub fn unit(self) -> i128 {
        match self {
            Self::Cents => DOLLAR_UNITS / 100,
            Self::WholeDollars => DOLLAR_UNITS,
        }
    }

    /// Returns an amount in printed units. Rounding: half away from zero.
    pub fn round(self, amount: Usd) -> i128 {
        let (unit, exact) = (self.unit(), amount.units());
        let (whole, rest) = (exact / unit, exact % unit);
        if rest.unsigned_abs().saturating_mul(2) < unit.unsigned_abs() {
            whole
        } else {
            whole.saturating_add(rest.signum())
        }
    }

    /// Writes printed units as a number.
    pub fn text(self, printed: i128) -> String {
        match self {
            Self::WholeDollars => printed.to_string(),
            Self::Cents => {
                let sign = if printed < 0 { "-" } else { "" };
                let cents = printed.unsigned_abs();
                // Division and text of 128 bits take several times as long.
                match u64::try_from(cents) {
                    Ok(cents) => format!("{sign}{}.{:02}", cents / 100, cents % 100),
                    Err(_) => format!("{sign}{}.{:02}", cents / 100, cents % 100),
                }
            }
        }
    }
}

/// Proceeds and cost of a row or of a total, in printed units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Proceeds less the sell's fee.
    pub proceeds: i128,
    /// Cost, with the buy's fee.
    pub cost: i128,
}

impl Amounts {
    /// Returns the printed gain: printed proceeds less printed cost.
    pub fn gain(self) -> i128 {
        self.proceeds.saturating_sub(self.cost)
    }

    /// Adds a row to a total.
    pub fn add(&mut self, other: Self) {
        self.proceeds = self.proceeds.saturating_add(other.proceeds);
        self.cost = self.cost.saturating_add(other.cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn halves_go_away_from_zero() {
        let cases = [
            ("0.005", "0.01", "0"),
            ("-0.005", "-0.01", "0"),
            ("0.004999999999", "0.00", "0"),
            ("1.495", "1.50", "1"),
            ("1.5", "1.50", "2"),
            ("-1.5", "-1.50", "-2"),
            ("-0.494", "-0.49", "0"),
            ("1234567.891", "1234567.89", "1234568"),
        ];
        for (exact, cents, dollars) in cases {
            let shown = |rounding: Rounding| rounding.text(rounding.round(usd(exact)));
            assert_eq!(shown(Rounding::Cents), cents, "{exact}");
            assert_eq!(shown(Rounding::WholeDollars), dollars, "{exact}");
        }
    }

    #[test]
    fn cents_are_those_of_the_engine() {
        for text in ["0.005", "-2.675", "99.994999", "-0.000000000001"] {
            assert_eq!(Rounding::Cents.round(usd(text)), usd(text).to_cents());
        }
    }

    #[test]
    fn a_printed_gain_is_the_difference_of_what_is_printed() {
        // Exact gain 0.008, which alone would be printed as 0.01.
        let (proceeds, cost) = (usd("10.004"), usd("9.996"));
        let amounts = Amounts {
            proceeds: Rounding::Cents.round(proceeds),
            cost: Rounding::Cents.round(cost),
        };
        assert_eq!(Rounding::Cents.text(amounts.gain()), "0.00");
    }
}
