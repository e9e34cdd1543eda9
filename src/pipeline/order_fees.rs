//! Orders whose fee stands on one of their fills: some brokers charge the first fill with it.
//!
//! The sum is right. But each fill keeps its own fee, so fills that are sold in different years
//! have other shares of it than by their sizes.

use std::collections::BTreeMap;

use crate::engine::{Account, Fee, LedgerTrade};

/// Formats of brokers that may charge one fill with the fee of an order. Of other formats nothing
/// is kept: a file of an exchange has millions of orders, and each takes some 70 bytes.
const CHARGE_ONE_FILL: [&str; 1] = ["ib-flex-trades"];

/// The fills of each order of a broker, and those of them with a fee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFees(BTreeMap<(Account, String), (u64, u64)>);

impl OrderFees {
    /// Counts the fills of some trades that name their order.
    pub(super) fn of(format: &str, trades: &[LedgerTrade]) -> Self {
        let mut orders = Self::default();
        let has_some = CHARGE_ONE_FILL.contains(&format);
        for row in trades.iter().filter(|_| has_some) {
            let Some(order) = &row.carried.exchange_order_id else {
                continue;
            };
            let more = row.trade.more.as_deref();
            let fee = more.and_then(|more| more.fee.as_ref());
            let fee = fee.map_or(row.trade.fee, |fee| Some(fee.amount));
            let has_fee = fee.is_some_and(|fee| fee != Fee::ZERO);
            let key = (row.account.clone(), order.clone());
            orders.add(key, (1, u64::from(has_fee)));
        }
        orders
    }

    /// Adds the fills of another part of the file.
    pub(super) fn merge(&mut self, other: Self) {
        for (order, fills) in other.0 {
            self.add(order, fills);
        }
    }

    /// Counts the orders of several fills that have their fee on one fill.
    pub fn with_one_fee(&self) -> u64 {
        let orders = self.0.values();
        orders
            .filter(|(fills, fees)| *fills > 1 && *fees == 1)
            .count() as u64
    }

    fn add(&mut self, order: (Account, String), (fills, fees): (u64, u64)) {
        let known = self.0.entry(order).or_default();
        *known = (known.0.saturating_add(fills), known.1.saturating_add(fees));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::parse_csv;
    use crate::import::test_options::options;

    const HEADER: &str = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,\
                          IBCommission,IBCommissionCurrency,Buy/Sell,TransactionID,IBOrderID,\
                          LevelOfDetail\n";

    fn fill(symbol: &str, second: u8, size: &str, fee: &str, ids: (u16, u16)) -> String {
        let (id, order) = ids;
        format!(
            "USD,STK,{symbol},20240115;1000{second:02},{size},20,{fee},USD,BUY,{id},{order},\
             EXECUTION\n"
        )
    }

    fn read(rows: &[String]) -> Vec<LedgerTrade> {
        let text = format!("{HEADER}{}", rows.concat());
        let file = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap();
        assert_eq!(file.rejected, []);
        file.trades
    }

    /// One order of three fills, two of them alike: each counts. A negative commission is a cost.
    #[test]
    fn an_order_with_its_fee_on_one_fill_is_counted() {
        let trades = read(&[
            fill("AAA", 1, "15", "-4.5", (1, 7)),
            fill("AAA", 2, "85", "0", (2, 7)),
            fill("AAA", 2, "85", "0", (3, 7)),
            fill("BBB", 3, "10", "-1", (4, 8)),
            fill("CCC", 4, "10", "-1", (5, 9)),
            fill("CCC", 4, "10", "-1", (6, 9)),
        ]);
        let fees: Vec<String> = trades
            .iter()
            .map(|row| row.trade.fee.unwrap().to_string())
            .collect();
        assert_eq!(fees, ["4.5", "0", "0", "1", "1", "1"]);
        let (first, rest) = trades.split_at(1);
        let mut orders = OrderFees::of("ib-flex-trades", first);
        assert_eq!(orders.with_one_fee(), 0);
        orders.merge(OrderFees::of("ib-flex-trades", rest));
        assert_eq!(orders.with_one_fee(), 1);
        for format in ["native", "kraken-trades"] {
            assert_eq!(OrderFees::of(format, &trades), OrderFees::default());
        }
    }
}
