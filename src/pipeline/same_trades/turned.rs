//! Pairs that one file states the other way round: EUR for USDT, where another has USDT for EUR.
//!
//! A trade is turned only if the other files have no trade of its asset and side in its minute, and
//! one of the turned pair. Its size is then a product, so it takes the size of a trade of the same
//! second that differs by rounding at most.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use super::{Brief, TradesOfFile, decimal};
use crate::engine::{Asset, Side, Size};

/// Most that two sizes differ by rounding. Units: part of the size.
pub(super) const SIZE_OFF: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// The trades of some files, by minute, asset and side, as whole pairs, and their sizes by second.
#[derive(Default)]
struct Known<'b> {
    minutes: HashSet<(i64, &'b Asset, Side)>,
    pairs: HashSet<(i64, &'b Asset, &'b Asset, Side)>,
    sizes: HashMap<(i64, &'b Asset, Side), Vec<Size>>,
}

impl<'b> Known<'b> {
    fn of(files: &[&'b TradesOfFile]) -> Self {
        let mut known = Self::default();
        for trade in files.iter().flat_map(|file| &file.trades) {
            let (minute, asset, side) = trade.minute();
            known.minutes.insert((minute, asset, side));
            if let Some(quote) = &trade.quote {
                known.pairs.insert((minute, asset, quote, side));
                let second = (trade.second(), asset, side);
                known.sizes.entry(second).or_default().push(trade.size);
            }
        }
        known
    }

    /// Turns a trade whose pair these files have the other way round. `None`: it stays as it is.
    fn turned(&self, trade: &Brief) -> Option<Brief> {
        if self.minutes.contains(&trade.minute()) {
            return None;
        }
        let mut turned = trade.turned()?;
        let (minute, asset, side) = turned.minute();
        let quote = turned.quote.as_ref()?;
        if !self.pairs.contains(&(minute, asset, quote, side)) {
            return None;
        }
        let sizes = self.sizes.get(&(turned.second(), asset, side));
        let mut sizes = sizes.into_iter().flatten();
        if let Some(size) = sizes.find(|size| is_same_size(turned.size, **size)) {
            turned.size = *size;
        }
        Some(turned)
    }
}

/// Returns files with their trades turned to the pairs of others. `None`: none has to be turned.
pub(super) fn turned_to(
    ones: &[&TradesOfFile],
    others: &[&TradesOfFile],
) -> Option<Vec<TradesOfFile>> {
    let known = Known::of(ones);
    let mut trades = others.iter().flat_map(|file| &file.trades);
    trades.find(|trade| known.turned(trade).is_some())?;
    let turned = |trade: &Brief| known.turned(trade).unwrap_or_else(|| trade.clone());
    let file = |file: &&TradesOfFile| TradesOfFile {
        of: file.of.clone(),
        trades: file.trades.iter().map(turned).collect(),
        count: file.count,
    };
    Some(others.iter().map(file).collect())
}

fn is_same_size(one: Size, other: Size) -> bool {
    let sizes = decimal(one).zip(decimal(other));
    sizes.is_some_and(|(one, other)| is_near(one, other, SIZE_OFF))
}

/// Tells whether two amounts differ by no more than a part of the larger one.
pub(super) fn is_near(one: Decimal, other: Decimal, part: Decimal) -> bool {
    let off = one.checked_sub(other).map(|off| off.abs());
    let most = one.max(other).checked_mul(part);
    off.zip(most).is_some_and(|(off, most)| off <= most)
}

impl Brief {
    /// Returns the trade with base and quote exchanged. `None`: the quote is not known, or the
    /// value of the trade has too many digits.
    pub(super) fn turned(&self) -> Option<Self> {
        let (size, price) = (decimal(self.size)?, self.price?);
        let value = size.checked_mul(price)?.normalize();
        Some(Self {
            asset: self.quote.clone()?,
            quote: Some(self.asset.clone()),
            side: match self.side {
                Side::Buy => Side::Sell,
                Side::Sell => Side::Buy,
            },
            size: value.to_string().parse().ok()?,
            price: Decimal::ONE.checked_div(price),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::compared::compared;
    use super::super::{Common, CountedTwice, FileOfTrades, SECOND_MICROS, is_of_tax_program};
    use super::*;
    use crate::engine::{Account, Timestamp};

    /// A trade: second, base, quote, side, size and price.
    type Row<'r> = (i64, &'r str, &'r str, &'r str, &'r str, &'r str);

    fn file(import_id: i64, format: &str, rows: &[Row<'_>]) -> TradesOfFile {
        let trade = |(seconds, base, quote, side, size, price): &Row<'_>| Brief {
            order_id: format!("{import_id}-{seconds}"),
            at: Timestamp::try_from_micros(seconds * SECOND_MICROS).unwrap(),
            asset: base.parse().unwrap(),
            quote: quote.parse().ok(),
            pair: format!("{base}{quote}"),
            side: side.parse().unwrap(),
            size: size.parse().unwrap(),
            price: price.parse().ok(),
        };
        let account = match is_of_tax_program(format) {
            true => "all".parse().unwrap(),
            false => Account::default(),
        };
        TradesOfFile {
            count: rows.len() as u64,
            of: FileOfTrades {
                account,
                import_id: Some(import_id),
                file: format!("{import_id}.csv"),
                format: format.to_owned(),
            },
            trades: rows.iter().map(trade).collect(),
        }
    }

    fn both(one: &TradesOfFile, other: &TradesOfFile) -> [Option<Common>; 2] {
        let common = |it: Option<CountedTwice>| it.map(|it| it.common);
        [compared(&[one], &[other]), compared(&[other], &[one])].map(common)
    }

    /// 100 EUR cost 108.34 USDT, and 50 EUR bring 54 USDT. The other file states the sizes in
    /// USDT, and a rounded price.
    const EUROS: [Row<'_>; 2] = [
        (60, "EUR", "USDT", "buy", "100", "1.0834"),
        (180, "EUR", "USDT", "sell", "50", "1.08"),
    ];
    const DOLLARS: [Row<'_>; 2] = [
        (60, "USDT", "EUR", "sell", "108.34", "0.9230201"),
        (180, "USDT", "EUR", "buy", "54", "0.9259259"),
    ];

    #[test]
    fn a_pair_is_the_same_either_way_round() {
        let found = Some(Common::Trades { both: 2, of: 2 });
        for format in ["binance-trades", "koinly"] {
            let one = file(1, "binance-records", &EUROS);
            let other = file(2, format, &DOLLARS);
            assert_eq!(
                both(&one, &other),
                [found.clone(), found.clone()],
                "{format}"
            );
        }
        // One file may have both ways, and the other one of each.
        let one = file(1, "binance-records", &[EUROS[0], DOLLARS[1]]);
        let other = file(2, "binance-trades", &[DOLLARS[0], EUROS[1]]);
        assert_eq!(both(&one, &other), [found.clone(), found]);
    }

    #[test]
    fn another_size_or_side_is_another_trade() {
        let one = file(1, "binance-records", &EUROS);
        for (from, row) in [
            (1, (60, "USDT", "EUR", "buy", "108.34", "0.9230201")),
            (0, (61, "USDT", "EUR", "buy", "54", "0.9259259")),
            (0, (60, "USDC", "EUR", "sell", "108.34", "0.9230201")),
        ] {
            let other = file(2, "binance-trades", &[row, EUROS[from]]);
            let found = Some(Common::Trades { both: 1, of: 2 });
            assert_eq!(
                compared(&[&one], &[&other]).map(|it| it.common),
                found,
                "{row:?}"
            );
        }
    }
}
