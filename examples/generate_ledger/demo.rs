//! The shape for people: a trader, a bot and a savings account in 24 markets.

use std::io::{self, Write};

use crate::Options;
use crate::ledger::{DAY_MICROS, Decimal, Ledger, Row, SPAN_MICROS, START_MICROS, Side};
use crate::random::Random;

/// A sell after so many rows sells more than was bought.
const MISSING_BUY_EVERY: u64 = 600;
/// A trade after so many rows has a negative fee.
const REBATE_EVERY: u64 = 3_000;

/// One traded pair: its digits, and its price at five dates of equal distance, in units of
/// `price_decimals`.
pub(crate) struct Market {
    symbol: &'static str,
    size_decimals: u32,
    price_decimals: u32,
    prices: [i64; 5],
}

const fn market(
    symbol: &'static str,
    size_decimals: u32,
    price_decimals: u32,
    prices: [i64; 5],
) -> Market {
    Market {
        symbol,
        size_decimals,
        price_decimals,
        prices,
    }
}

/// January 2024, June 2024, December 2024, May 2025, October 2025.
pub(crate) const MARKETS: [Market; 24] = [
    market(
        "BTC-USD",
        8,
        2,
        [4_420_000, 6_750_000, 9_730_000, 9_940_000, 11_180_000],
    ),
    market(
        "ETH-USD",
        8,
        2,
        [231_000, 358_000, 346_000, 218_000, 402_000],
    ),
    market(
        "SOL-USD",
        8,
        3,
        [101_000, 152_000, 208_000, 158_000, 195_000],
    ),
    market(
        "PEPE-USD",
        1,
        10,
        [13_100, 118_000, 187_000, 103_000, 69_800],
    ),
    market("XRP-USD", 6, 4, [6_180, 5_020, 23_100, 22_400, 25_600]),
    market("DOGE-USD", 1, 5, [9_010, 14_120, 33_400, 19_300, 19_800]),
    market("SHIB-USD", 0, 9, [10_300, 21_400, 22_900, 13_800, 10_050]),
    market("SUI-USD", 1, 4, [8_230, 9_950, 43_100, 36_200, 25_400]),
    market("LINK-USD", 2, 3, [15_100, 15_800, 23_400, 14_900, 18_300]),
    market("AVAX-USD", 8, 2, [3_990, 3_120, 4_080, 2_140, 1_990]),
    market("ADA-USD", 8, 4, [6_060, 4_230, 9_320, 7_440, 6_510]),
    market(
        "MOG-USD",
        9,
        13,
        [4_237_000, 17_640_000, 21_070_000, 9_820_000, 6_110_000],
    ),
    market("DOT-USD", 8, 3, [8_210, 6_240, 7_390, 4_310, 3_080]),
    market("LTC-USD", 8, 2, [7_310, 7_640, 10_480, 9_020, 9_760]),
    market("UNI-USD", 6, 3, [7_260, 9_910, 14_100, 5_480, 6_320]),
    market("ATOM-USD", 2, 3, [10_600, 7_080, 6_890, 4_520, 3_210]),
    market(
        "XLM-USD",
        6,
        6,
        [129_300, 98_700, 371_000, 273_500, 318_200],
    ),
    market("NEAR-USD", 3, 3, [3_680, 5_410, 5_320, 2_710, 2_260]),
    market("AAVE-USD", 3, 2, [10_900, 9_320, 32_800, 18_900, 22_700]),
    market("ARB-USD", 2, 4, [16_900, 8_940, 8_120, 3_630, 3_170]),
    market("OP-USD", 2, 4, [36_800, 19_300, 20_400, 7_210, 4_420]),
    market(
        "BONK-USD",
        0,
        10,
        [146_000, 247_000, 318_000, 201_000, 148_000],
    ),
    market("HBAR-USD", 1, 5, [8_690, 8_210, 28_300, 18_400, 19_100]),
    market("FIL-USD", 3, 3, [7_020, 4_610, 5_240, 2_730, 1_580]),
];

/// How one account trades.
struct Trader {
    account: &'static str,
    /// It trades the first so many markets.
    markets_max: usize,
    /// Value of an order in cents: from the first number, with a spread of the second.
    value_cents: (u64, u64),
    /// Fee in hundredths of a percent: from the first number, with a spread of the second.
    fee_rate: (u64, u64),
    fee_decimals: u32,
    fills_max: u64,
    /// Eagerness to sell, in percent of the usual.
    selling: u64,
    has_trade_seq: bool,
    statuses: [&'static str; 4],
    sources: [&'static str; 4],
}

const TRADERS: [Trader; 3] = [
    Trader {
        account: "main",
        markets_max: 24,
        value_cents: (4_000, 160_000),
        fee_rate: (15, 31),
        fee_decimals: 12,
        fills_max: 3,
        selling: 100,
        has_trade_seq: false,
        statuses: ["filled", "filled", "filled", ""],
        sources: ["coinbase", "coinbase", "coinbase", "coinbase-csv"],
    },
    Trader {
        account: "bot",
        markets_max: 12,
        value_cents: (1_500, 60_000),
        fee_rate: (10, 16),
        fee_decimals: 15,
        fills_max: 6,
        selling: 120,
        has_trade_seq: true,
        statuses: ["filled", "filled", "done", "done"],
        sources: ["websocket", "websocket", "websocket", "reconcile"],
    },
    Trader {
        account: "ira",
        markets_max: 3,
        value_cents: (20_000, 180_000),
        fee_rate: (35, 16),
        fee_decimals: 2,
        fills_max: 1,
        selling: 40,
        has_trade_seq: false,
        statuses: [""; 4],
        sources: ["csv-import"; 4],
    },
];

/// An account's holding of one symbol.
#[derive(Clone, Copy, Default)]
struct Holding {
    open: i128,
    cost_cents: i128,
}

/// The state of a demo ledger: holdings by trader and market, and each market's mood.
struct Demo {
    holdings: Vec<Holding>,
    /// Distance of the price from its course, in hundredths of a percent, by market.
    moods: Vec<i64>,
    trade_seq: u64,
    missing_buys: u64,
    rebates: u64,
}

/// Writes the ledger of shape `demo`.
///
/// Errors: those of the file.
pub(crate) fn write_demo<W: Write>(
    options: &Options,
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let mut demo = Demo {
        holdings: vec![Holding::default(); TRADERS.len() * MARKETS.len()],
        moods: vec![0; MARKETS.len()],
        trade_seq: 71_204_118,
        missing_buys: 0,
        rebates: 0,
    };
    while !ledger.is_full() {
        // Of ten orders, the trader gives five, the bot four, the savings account one.
        let trader = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2][random.index(10)];
        let markets = TRADERS[trader].markets_max.min(options.symbols);
        // Half the time the smaller of two draws: the first markets are traded more.
        let limit = if random.percent(50) {
            markets
        } else {
            random.index(markets) + 1
        };
        let market = random.index(limit);
        write_demo_order(&mut demo, (trader, market), random, ledger)?;
    }
    Ok(())
}

/// Lets one account look at one market: it trades there, or leaves a falling market alone.
fn write_demo_order<W: Write>(
    demo: &mut Demo,
    (trader_at, market_at): (usize, usize),
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let (trader, market) = (&TRADERS[trader_at], &MARKETS[market_at]);
    let micros = ledger.next_micros(random);
    let mood = &mut demo.moods[market_at];
    *mood = *mood * 15 / 16 + random.offset(501) - 250;
    let price = price_at(market, micros) * (10_000 + *mood) / 10_000;

    let holding_at = trader_at * MARKETS.len() + market_at;
    let holding = demo.holdings[holding_at];
    let is_falling = price_at(market, micros - 20 * DAY_MICROS) > price_at(market, micros);
    if is_falling && holding.open == 0 && random.percent(80) {
        return Ok(());
    }
    let is_missing_buy =
        holding.open > 0 && ledger.rows() >= MISSING_BUY_EVERY * (demo.missing_buys + 1);
    let (side, size) = if is_missing_buy {
        demo.missing_buys += 1;
        let percent = i128::from(120 + random.below(30));
        (Side::Sell, holding.open * percent / 100 + 1)
    } else {
        decide(trader, market, holding, (price, is_falling), random)
    };
    let fills = match trader.fills_max {
        _ if is_missing_buy => 1,
        most if random.percent(40) => 1 + random.below(most),
        _ => 1,
    };
    let order = Order {
        trader,
        market,
        holding_at,
        side,
        price,
        micros,
    };
    let parts = random.split(size, fills);
    write_fills(demo, &order, parts, random, ledger)
}

/// Facts that the fills of one order share.
struct Order<'a> {
    trader: &'a Trader,
    market: &'a Market,
    holding_at: usize,
    side: Side,
    price: i64,
    micros: i64,
}

/// Writes the fills of one order, at one microsecond or within some seconds.
fn write_fills<W: Write>(
    demo: &mut Demo,
    order: &Order<'_>,
    parts: Vec<i128>,
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let Order {
        trader,
        market,
        holding_at,
        side,
        price,
        mut micros,
    } = *order;
    let (order_id, is_filled_at_once) = (random.order_id(), random.percent(60));
    let status = trader.statuses[random.index(4)];
    let source = trader.sources[random.index(4)];
    let rate = i128::from(trader.fee_rate.0 + random.below(trader.fee_rate.1));
    let has_fill_ids = parts.len() > 1 || source == "websocket";
    for (size, number) in parts.into_iter().zip(1_u64..) {
        let is_rebate = trader.has_trade_seq
            && side == Side::Buy
            && ledger.rows() >= REBATE_EVERY * (demo.rebates + 1);
        demo.rebates += u64::from(is_rebate);
        demo.trade_seq += 1 + random.below(40);
        let rate = if is_rebate { -1 } else { rate };
        let fee = fee_of(trader, market, size * i128::from(price), rate);
        ledger.write(&Row {
            account: trader.account,
            order: order_id,
            fill: has_fill_ids.then_some(number),
            symbol: market.symbol,
            side,
            size: Decimal {
                units: size,
                decimals: market.size_decimals,
            },
            price: Decimal {
                units: i128::from(price),
                decimals: market.price_decimals,
            },
            micros,
            fee: (!ledger.is_fee_unknown()).then_some(fee),
            trade_seq: (source == "websocket").then_some(demo.trade_seq),
            status,
            source,
        })?;
        let holding = &mut demo.holdings[holding_at];
        *holding = holding_after(*holding, side, size, value_cents(market, size, price));
        micros += if is_filled_at_once {
            0
        } else {
            1 + random.offset(900_000)
        };
    }
    Ok(())
}

/// Returns the course of a market at an instant, between the two dates around it.
fn price_at(market: &Market, micros: i64) -> i64 {
    let quarter = SPAN_MICROS / 4;
    let past = (micros - START_MICROS).clamp(0, SPAN_MICROS - 1);
    let at = usize::try_from(past / quarter).unwrap_or(0).min(3);
    let (from, to) = (market.prices[at], market.prices[at + 1]);
    // In seconds the product stays far below 2^63.
    from + (to - from) * (past % quarter / 1_000_000) / (quarter / 1_000_000)
}

/// Decides what an account does: it takes gains, cuts some losses and leaves falling markets.
fn decide(
    trader: &Trader,
    market: &Market,
    holding: Holding,
    (price, is_falling): (i64, bool),
    random: &mut Random,
) -> (Side, i128) {
    let value = value_cents(market, holding.open, price);
    let chance = match value * 1_000 / holding.cost_cents.max(1) {
        _ if holding.open == 0 => 0,
        1_020.. => 75,
        _ if is_falling => 60,
        ..900 => 30,
        _ => 24,
    };
    let most = i128::from(trader.value_cents.1) * 5;
    let chance = if value > most {
        80
    } else {
        chance * trader.selling / 100
    };
    if random.percent(chance) {
        let share = [1, 2, 4, 4][random.index(4)];
        return (Side::Sell, (holding.open * share / 4).max(1));
    }
    let (least, spread) = trader.value_cents;
    // A draw below a draw: most orders are small.
    let limit = random.below(spread);
    let cents = least + random.below(limit);
    let scale = 10_i128.pow(market.size_decimals + market.price_decimals - 2);
    (
        Side::Buy,
        (i128::from(cents) * scale / i128::from(price)).max(1),
    )
}

fn value_cents(market: &Market, size: i128, price: i64) -> i128 {
    let decimals = (market.size_decimals + market.price_decimals).saturating_sub(2);
    size * i128::from(price) / 10_i128.pow(decimals)
}

fn holding_after(before: Holding, side: Side, size: i128, cents: i128) -> Holding {
    match side {
        Side::Buy => Holding {
            open: before.open + size,
            cost_cents: before.cost_cents + cents,
        },
        Side::Sell if size >= before.open => Holding::default(),
        Side::Sell => Holding {
            open: before.open - size,
            cost_cents: before.cost_cents - before.cost_cents * size / before.open,
        },
    }
}

/// Returns the fee on `value`, in units of both scales of the market, cut to the trader's digits.
fn fee_of(trader: &Trader, market: &Market, value: i128, rate: i128) -> Decimal {
    let decimals = market.size_decimals + market.price_decimals + 4;
    let cut = decimals.saturating_sub(trader.fee_decimals);
    Decimal {
        units: value * rate / 10_i128.pow(cut),
        decimals: decimals - cut,
    }
}
