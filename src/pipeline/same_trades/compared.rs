//! The comparison of two lists of files.
//!
//! In one account, two trades are one if second, asset, side and size are equal. One file may add
//! fills up, so trades are also the same if all of an asset and side add up to the same on a day.
//! With the file of a tax program, the sums of a minute are compared: it may have no seconds, and
//! fewer decimals.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::turned::{SIZE_OFF, is_near, turned_to};
use super::{Brief, Common, CountedTwice, TimeKey, TradesOfFile, decimal, is_of_tax_program};
use crate::engine::{Asset, Side, Size};

/// Trades that two accounts have in common, at least; or all trades of one file.
const ACROSS_MIN: u64 = 3;

/// Most that two prices of a minute differ. A tax program may count the fee into the amount. Units:
/// part of the price.
const PRICE_OFF: Decimal = Decimal::from_parts(5, 0, 0, false, 2);

/// The trades of two lists of files, by what is compared.
#[derive(Default)]
struct Both<'b> {
    equal: HashMap<(i64, &'b Asset, Side, Size), [u64; 2]>,
    minutes: BTreeMap<TimeKey<'b>, [Sum; 2]>,
    days: BTreeMap<TimeKey<'b>, [Sum; 2]>,
    has_program: bool,
    is_across: bool,
}

impl<'b> Both<'b> {
    fn of(sides: [&[&'b TradesOfFile]; 2]) -> Self {
        let mut both = Self::default();
        let mut accounts = sides.iter().copied().flatten().map(|file| &file.of.account);
        let first = accounts.next();
        both.is_across = accounts.any(|account| Some(account) != first);
        for (nth, files) in sides.into_iter().enumerate() {
            for file in files {
                both.has_program |= is_of_tax_program(&file.of.format);
                file.trades.iter().for_each(|trade| both.add(nth, trade));
            }
        }
        both
    }

    fn add(&mut self, nth: usize, trade: &'b Brief) {
        let key = (trade.second(), &trade.asset, trade.side, trade.size);
        if let Some(count) = self.equal.entry(key).or_default().get_mut(nth) {
            *count += 1;
        }
        let days = self.days.entry(trade.day()).or_default().get_mut(nth);
        let minutes = self.minutes.entry(trade.minute()).or_default();
        days.into_iter()
            .chain(minutes.get_mut(nth))
            .for_each(|sum| sum.add(trade));
    }

    fn has(&self, trade: &'b Brief) -> bool {
        let minute = self.minutes.get(&trade.minute());
        if self.has_program && minute.is_some_and(|[one, other]| one.is_rounded(other)) {
            return true;
        }
        let key = (trade.second(), &trade.asset, trade.side, trade.size);
        let is_equal = self.equal.get(&key);
        let is_equal = is_equal.is_some_and(|counts| !counts.contains(&0));
        let sums = self.days.get(&trade.day());
        let is_equal_day = |[one, other]: &[Sum; 2]| one.size.is_some() && one.size == other.size;
        !self.is_across && (is_equal || sums.is_some_and(is_equal_day))
    }

    fn has_common_day(&self) -> bool {
        let mut sums = self.days.values();
        !self.is_across && sums.any(|[one, other]| one.size.is_some() && other.size.is_some())
    }
}

/// Trades of one asset and side, added up.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// `None`: no trade came.
    size: Option<Decimal>,
    /// `None`: no trade came, or the sum has too many digits.
    value: Option<Decimal>,
    trades: u64,
}

impl Sum {
    fn add(&mut self, trade: &Brief) {
        let size = decimal(trade.size);
        self.size = size.and_then(|size| self.size.unwrap_or_default().checked_add(size));
        let value = size.zip(trade.price);
        let value = value.and_then(|(size, price)| size.checked_mul(price));
        self.value = match self.trades {
            0 => value,
            _ => self
                .value
                .zip(value)
                .and_then(|(sum, it)| sum.checked_add(it)),
        };
        self.trades += 1;
    }

    /// Tells whether sizes differ by rounding at most, and prices are close to each other.
    fn is_rounded(&self, other: &Self) -> bool {
        let sizes = self.size.zip(other.size);
        let is_of_size = sizes.is_some_and(|(one, other)| {
            let scale = one.normalize().scale().min(other.normalize().scale());
            is_near(one, other, SIZE_OFF) && (one - other).abs() <= Decimal::new(1, scale)
        });
        let values = self.value.zip(other.value);
        is_of_size && values.is_none_or(|(one, other)| is_near(one, other, PRICE_OFF))
    }
}

/// Compares two lists of files, each of one account and format.
pub(super) fn compared(ones: &[&TradesOfFile], others: &[&TradesOfFile]) -> Option<CountedTwice> {
    let turned = turned_to(ones, others);
    let turned: Option<Vec<&TradesOfFile>> = turned.as_ref().map(|them| them.iter().collect());
    compared_as_stated(ones, turned.as_deref().unwrap_or(others))
}

fn compared_as_stated(ones: &[&TradesOfFile], others: &[&TradesOfFile]) -> Option<CountedTwice> {
    let both = Both::of([ones, others]);
    let common = |file: &TradesOfFile| file.trades.iter().filter(|it| both.has(it)).count() as u64;
    let last = |files: &[&TradesOfFile], is_of: &dyn Fn(&TradesOfFile) -> bool| {
        let files = files.iter().filter(|file| is_of(file));
        files
            .max_by_key(|file| file.place())
            .map(|file| (*file).clone())
    };
    let is_chance = |file: &TradesOfFile| {
        let common = common(file);
        both.is_across && common < ACROSS_MIN && common < file.count
    };
    let is_any_sure = |files: &[&TradesOfFile]| files.iter().any(|file| !is_chance(file));
    let has_common = |file: &TradesOfFile| common(file) > 0;
    let (one, other) = (last(ones, &has_common), last(others, &has_common));
    let (one, other, is_equal) = match (one, other) {
        (Some(one), Some(other)) if is_any_sure(ones) || is_any_sure(others) => (one, other, true),
        _ if both.has_common_day() => (last(ones, &|_| true)?, last(others, &|_| true)?, false),
        _ => return None,
    };
    let (last, other) = match one.place() > other.place() {
        true => (one, other),
        false => (other, one),
    };
    let common = match is_equal {
        true => Common::Trades {
            both: common(&last),
            of: last.count,
        },
        false => Common::Days,
    };
    Some(CountedTwice {
        last: last.of,
        other: other.of,
        common,
    })
}

/// Finds a second with other sums in two files of one format.
pub(super) fn cut_inside(files: &[&TradesOfFile]) -> Option<CountedTwice> {
    let mut seconds: BTreeMap<(i64, &str, Side), (&TradesOfFile, &Brief)> = BTreeMap::new();
    for file in files {
        for trade in &file.trades {
            let key = (trade.second(), trade.pair.as_str(), trade.side);
            let Some((before, sum)) = seconds.insert(key, (file, trade)) else {
                continue;
            };
            if before.of.import_id != file.of.import_id && sum.order_id != trade.order_id {
                let is_smaller = decimal(sum.size) <= decimal(trade.size);
                let smaller = if is_smaller { sum } else { trade };
                return Some(CountedTwice {
                    last: file.of.clone(),
                    other: before.of.clone(),
                    common: Common::Second {
                        at: trade.at,
                        smaller: smaller.order_id.clone(),
                    },
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{FileOfTrades, SECOND_MICROS};
    use super::*;
    use crate::engine::{Account, Timestamp};

    fn file(import_id: i64, format: &str, trades: &[(&str, i64, &str)]) -> TradesOfFile {
        let trade = |(id, seconds, size): &(&str, i64, &str)| Brief {
            order_id: (*id).to_owned(),
            at: Timestamp::try_from_micros(seconds * SECOND_MICROS + 7).unwrap(),
            asset: "BTC".parse().unwrap(),
            quote: "USD".parse().ok(),
            pair: "BTCUSD".into(),
            side: Side::Buy,
            size: size.parse().unwrap(),
            price: Some(Decimal::ONE_HUNDRED),
        };
        TradesOfFile {
            count: trades.len() as u64,
            of: FileOfTrades {
                account: Account::default(),
                import_id: Some(import_id),
                file: format!("{import_id}.csv"),
                format: format.to_owned(),
            },
            trades: trades.iter().map(trade).collect(),
        }
    }

    fn common(one: &TradesOfFile, other: &TradesOfFile) -> Option<(Option<i64>, Common)> {
        let found = compared(&[one], &[other]);
        found.map(|it| (it.last.import_id, it.common))
    }

    const DAY: i64 = 86_400;

    #[test]
    fn trades_of_one_second_and_size_are_the_same() {
        let one = file(2, "a", &[("A", 5, "1"), ("B", 6, "2"), ("C", DAY, "9")]);
        let other = file(1, "b", &[("X", 5, "1.0"), ("Y", 7, "2"), ("Z", 8, "4")]);
        let found = Some((Some(2), Common::Trades { both: 1, of: 3 }));
        assert_eq!(common(&one, &other), found);
        assert_eq!(common(&other, &one), found);
    }

    #[test]
    fn fills_and_their_orders_add_up_to_the_same_on_a_day() {
        let fills = file(1, "a", &[("A", 5, "1"), ("B", 6, "2"), ("C", DAY, "9")]);
        let orders = file(2, "b", &[("X", 4, "3"), ("Z", 2 * DAY, "1")]);
        let found = Some((Some(2), Common::Trades { both: 1, of: 2 }));
        assert_eq!(common(&fills, &orders), found);
        let others = file(2, "b", &[("X", 4, "2.9")]);
        assert_eq!(common(&fills, &others), Some((Some(2), Common::Days)));
        let later = file(2, "b", &[("X", 3 * DAY, "3")]);
        assert_eq!(common(&fills, &later), None);
    }

    #[test]
    fn two_sums_of_a_second_are_a_cut_file() {
        let cut = file(1, "a", &[("A", 5, "1"), ("B", 6, "2")]);
        let whole = file(2, "a", &[("B2", 6, "3"), ("C", 7, "3")]);
        let found = cut_inside(&[&cut, &whole]).unwrap();
        let at = Timestamp::try_from_micros(6 * SECOND_MICROS + 7).unwrap();
        let smaller = "B".to_owned();
        assert_eq!(found.common, Common::Second { at, smaller });
        assert_eq!(found.last.import_id, Some(2));
        // Two sums of one file, with other prices, are two trades.
        let one = file(1, "a", &[("A", 5, "1"), ("B", 5, "2")]);
        assert_eq!(cut_inside(&[&one]), None);
    }

    /// Returns a file of a tax program, in an account of its own.
    fn of_program(trades: &[(&str, i64, &str)]) -> TradesOfFile {
        let mut file = file(9, "koinly", trades);
        file.of.account = "koinly".parse().unwrap();
        file
    }

    #[test]
    fn a_tax_program_has_sums_of_a_minute_and_fewer_digits() {
        // Two fills of one minute are one row of 0.3, and 1.00000004 lost its last digit.
        let fills = [
            ("A", 0, "0.1"),
            ("B", 59, "0.2"),
            ("C", 61, "1.00000004"),
            ("D", 180, "7"),
        ];
        let exchange = file(1, "kraken-trades", &fills);
        let rows = [
            ("X", 0, "0.3"),
            ("Y", 60, "1.0000000"),
            ("Z", 180, "7"),
            ("W", 300, "4"),
        ];
        let program = of_program(&rows);
        let found = Some((Some(9), Common::Trades { both: 3, of: 4 }));
        assert_eq!(common(&exchange, &program), found);
        // The fee is in the amount: 4 % more. A price in another currency is further away.
        let mut with_fees = program.clone();
        let prices = with_fees.trades.iter_mut().map(|it| &mut it.price);
        prices.for_each(|price| *price = Some(Decimal::new(104, 0)));
        assert_eq!(common(&exchange, &with_fees), found);
        let prices = with_fees.trades.iter_mut().map(|it| &mut it.price);
        prices.for_each(|price| *price = Some(Decimal::new(92, 0)));
        assert_eq!(common(&exchange, &with_fees), None);
    }

    #[test]
    fn few_equal_trades_of_two_accounts_are_chance_unless_a_file_has_no_others() {
        let exchange = file(
            1,
            "kraken-trades",
            &[("A", 0, "1"), ("B", 60, "2"), ("C", 120, "3")],
        );
        let two = of_program(&[("X", 0, "1"), ("Y", 60, "2"), ("Z", 600, "5")]);
        assert_eq!(common(&exchange, &two), None);
        let all = of_program(&[("X", 0, "1"), ("Y", 60, "2")]);
        let found = Some((Some(9), Common::Trades { both: 2, of: 2 }));
        assert_eq!(common(&exchange, &all), found);
        // Days and seconds say nothing of two accounts.
        let day = of_program(&[("X", 180, "6")]);
        assert_eq!(common(&exchange, &day), None);
    }
}
