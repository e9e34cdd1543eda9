//! Shapes for load: many pools, numbers of 8 decimals, one account or one for each pool.

use std::io::{self, Write};

use crate::ledger::{Decimal, Ledger, Row, Side};
use crate::random::Random;
use crate::{Options, Shape};

/// Prices at which the pools begin, in 10^-8 USD.
const LOAD_PRICES: [u64; 6] = [
    4_300_000_000_000,
    230_000_000_000,
    9_800_000_000,
    62_000_000,
    8_100_000,
    42_370,
];

/// One pool of a load ledger; sizes and prices in units of 10^-8.
struct LoadPool {
    account: String,
    symbol: String,
    open: i128,
    price: u64,
}

/// Writes a ledger of any shape but `demo`.
///
/// Errors: those of the file.
pub(crate) fn write_load<W: Write>(
    options: &Options,
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let weights = cumulative_weights(options);
    let mut pools: Vec<LoadPool> = (0..options.symbols)
        .map(|pool| LoadPool {
            account: match options.shape {
                Shape::Accounts => format!("account-{pool:06}"),
                _ => "main".to_owned(),
            },
            symbol: match options.shape {
                Shape::Accounts => "BTC-USD".to_owned(),
                _ => format!("T{pool:04}-USD"),
            },
            open: 0,
            price: LOAD_PRICES[pool % LOAD_PRICES.len()],
        })
        .collect();
    while !ledger.is_full() {
        let ticket = random.below(weights.last().copied().unwrap_or(0));
        let at = weights.partition_point(|&weight| weight <= ticket);
        if let Some(pool) = pools.get_mut(at) {
            write_load_order(options.shape, pool, random, ledger)?;
        }
    }
    Ok(())
}

/// Returns the sums of the pools' weights up to and with each pool.
fn cumulative_weights(options: &Options) -> Vec<u64> {
    let mut sum = 0;
    let others = options.symbols.saturating_sub(1).max(1) as u64;
    (0..options.symbols as u64)
        .map(|pool| {
            sum += match options.shape {
                Shape::Zipf => (1 << 40) / (pool + 1),
                Shape::OneBig if pool == 0 => others,
                _ => 1,
            };
            sum
        })
        .collect()
}

/// Writes one order: 85 % have one fill, the others two to four.
fn write_load_order<W: Write>(
    shape: Shape,
    pool: &mut LoadPool,
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    pool.price = (pool.price * (9_980 + random.below(41)) / 10_000).clamp(1_000, 1 << 47);
    let value = i128::from(10 + random.below(1_990)) * 10_i128.pow(16);
    let mut size = value / i128::from(pool.price) + i128::from(1 + random.below(1_000));
    let buys = if shape == Shape::Deep { 65 } else { 52 };
    let mut side = if random.percent(buys) {
        Side::Buy
    } else {
        Side::Sell
    };
    // One sell in a hundred may find too little: ledgers have gaps.
    if side == Side::Sell && size > pool.open && !random.percent(1) {
        size = if pool.open > 0 { pool.open } else { size };
        side = if pool.open > 0 { Side::Sell } else { Side::Buy };
    }
    pool.open = match side {
        Side::Buy => pool.open + size,
        Side::Sell => (pool.open - size).max(0),
    };
    let fills = if random.percent(15) {
        2 + random.below(3)
    } else {
        1
    };
    let order = random.order_id();
    let rate = i128::from(10 + random.below(51));
    let mut micros = ledger.next_micros(random);
    for (part, number) in random.split(size, fills).into_iter().zip(1_u64..) {
        let fee = part * i128::from(pool.price) * rate / 10_i128.pow(12);
        let is_known = !ledger.is_fee_unknown();
        ledger.write(&Row {
            account: &pool.account,
            order,
            fill: (fills > 1).then_some(number),
            symbol: &pool.symbol,
            side,
            size: Decimal {
                units: part,
                decimals: 8,
            },
            price: Decimal {
                units: i128::from(pool.price),
                decimals: 8,
            },
            micros,
            fee: is_known.then_some(Decimal {
                units: fee,
                decimals: 8,
            }),
            trade_seq: (fills > 1).then_some(number),
            status: "filled",
            source: "websocket",
        })?;
        // A third of the later fills share the microsecond: about 8 % of all rows are ties.
        micros += if random.percent(33) {
            0
        } else {
            1 + random.offset(2_000)
        };
    }
    Ok(())
}
