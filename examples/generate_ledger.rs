//! Writes a ledger of made-up trades as CSV, the same bytes for the same flags on every machine.
//!
//! ```text
//! cargo run --example generate_ledger -- --trades 5000 --seed 42 --shape demo > trades.csv
//! ```
//!
//! Real ledgers are private, and a random one without structure hides what matters here: deep
//! inventories, executions of one microsecond, orders in many fills, prices with seven zeros, sells
//! whose buys were lost. The shapes differ in what they stress:
//!
//! | shape | makes | for |
//! |---|---|---|
//! | `demo` | three accounts and 24 symbols by name, 2024-01 to 2025-10 | a first look |
//! | `zipf` | pool k gets a share of 1/k, 52 % buys | a ledger as it usually is |
//! | `uniform` | pools of one size | many small pools |
//! | `one-big` | half of all rows in one pool | the limits of working in parallel |
//! | `deep` | 65 % buys, so that lots pile up | the cost of a large inventory |
//!
//! All arithmetic is in integers, so that no rounding of a machine shows in the file. Rows are
//! written as they are made, in the order of their times; memory does not grow with `--trades`.
//! The prices of `demo` follow the market loosely; they are no quotations.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: generate_ledger [--trades N] [--seed S] [--symbols N] \
                     [--shape demo|zipf|uniform|one-big|deep]";
const HEADER: &[u8] = b"account,order_id,symbol,side,size,price,order_time,total_fees_usd,\
                        trade_seq,status,source\n";

/// 2024-01-02T00:00:00Z in microseconds.
const START_MICROS: i64 = 1_704_153_600_000_000;
/// 2024-01-02 to 2025-10-30.
const SPAN_MICROS: i64 = 667 * DAY_MICROS;
const DAY_MICROS: i64 = 86_400_000_000;
const SYMBOLS_MAX: usize = 1_000_000;
const SYMBOLS_DEFAULT: usize = 200;

/// One row in so many has an unknown fee.
const UNKNOWN_FEE_EVERY: u64 = 811;
/// In `demo`, a sell after so many rows sells more than was bought.
const MISSING_BUY_EVERY: u64 = 600;
/// In `demo`, a trade after so many rows has a negative fee.
const REBATE_EVERY: u64 = 3_000;

fn main() -> ExitCode {
    let options = match parse_options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match write_ledger(
        &options,
        BufWriter::with_capacity(1 << 20, io::stdout().lock()),
    ) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough, as in `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write the ledger: {error}");
            ExitCode::from(4)
        }
    }
}

/// What a ledger looks like; the table at the head says what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Demo,
    Zipf,
    Uniform,
    OneBig,
    Deep,
}

/// The flags, checked.
#[derive(Clone, Copy, Debug)]
struct Options {
    trades: u64,
    seed: u64,
    symbols: usize,
    shape: Shape,
}

/// Reads the flags.
///
/// Errors: an unknown flag, a missing value, a value that is no number or out of range.
fn parse_options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut trades, mut seed, mut symbols, mut shape) = (5_000, 42, None, Shape::Zipf);
    while let Some(flag) = args.next() {
        if !["--trades", "--seed", "--symbols", "--shape"].contains(&flag.as_str()) {
            return Err(format!("unknown flag \"{flag}\""));
        }
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{flag} is \"{value}\", not a number"))
        };
        match flag.as_str() {
            "--trades" => trades = number()?,
            "--seed" => seed = number()?,
            "--symbols" => symbols = Some(number()?),
            _ => shape = parse_shape(&value)?,
        }
    }
    let (symbols_max, symbols_default) = match shape {
        Shape::Demo => (MARKETS.len(), MARKETS.len()),
        _ => (SYMBOLS_MAX, SYMBOLS_DEFAULT),
    };
    let symbols = match symbols.map(usize::try_from) {
        None => symbols_default,
        Some(Ok(count)) if (1..=symbols_max).contains(&count) => count,
        Some(_) => {
            return Err(format!(
                "--symbols must be 1 to {symbols_max} for this shape"
            ));
        }
    };
    Ok(Options {
        trades,
        seed,
        symbols,
        shape,
    })
}

fn parse_shape(value: &str) -> Result<Shape, String> {
    match value {
        "demo" => Ok(Shape::Demo),
        "zipf" => Ok(Shape::Zipf),
        "uniform" => Ok(Shape::Uniform),
        "one-big" => Ok(Shape::OneBig),
        "deep" => Ok(Shape::Deep),
        _ => Err(format!("unknown shape \"{value}\"")),
    }
}

/// Writes the whole ledger, header first.
///
/// Errors: those of `out`.
fn write_ledger<W: Write>(options: &Options, out: W) -> io::Result<()> {
    let mut ledger = Ledger::try_new(options.trades, out)?;
    let mut random = Random(options.seed);
    match options.shape {
        Shape::Demo => write_demo(options, &mut random, &mut ledger)?,
        _ => write_load(options, &mut random, &mut ledger)?,
    }
    ledger.out.flush()
}

// ---------------------------------------------------------------------------------------------
// Rows
// ---------------------------------------------------------------------------------------------

/// A decimal number: `units` divided by ten to the power of `decimals`.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    units: i128,
    decimals: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Buy,
    Sell,
}

/// One execution, as an exchange would list it.
#[derive(Debug)]
struct Row<'a> {
    account: &'a str,
    order: [u8; 36],
    /// Number of the fill in its order; `None` for an order of one row.
    fill: Option<u64>,
    symbol: &'a str,
    side: Side,
    size: Decimal,
    price: Decimal,
    micros: i64,
    fee: Option<Decimal>,
    trade_seq: Option<u64>,
    status: &'a str,
    source: &'a str,
}

/// The file being written: it knows how many rows there are and what time it is.
struct Ledger<W> {
    out: W,
    line: Vec<u8>,
    rows: u64,
    rows_max: u64,
    last_micros: i64,
    /// The start of the day of the last row and its date, since most rows share it.
    day: (i64, [u8; 10]),
}

impl<W: Write> Ledger<W> {
    fn try_new(rows_max: u64, mut out: W) -> io::Result<Self> {
        out.write_all(HEADER)?;
        let day = (i64::MIN, *b"0000-00-00");
        let line = Vec::with_capacity(256);
        Ok(Self {
            out,
            line,
            rows: 0,
            rows_max,
            last_micros: START_MICROS,
            day,
        })
    }

    fn is_full(&self) -> bool {
        self.rows >= self.rows_max
    }

    /// Returns a time for the next order, never before the last row.
    ///
    /// It depends on the share of rows written, so every ledger spans the same months.
    fn next_micros(&mut self, random: &mut Random) -> i64 {
        let share = i128::from(SPAN_MICROS) * i128::from(self.rows) / i128::from(self.rows_max);
        let step = SPAN_MICROS.unsigned_abs() / self.rows_max;
        let base = START_MICROS + i64::try_from(share).unwrap_or(SPAN_MICROS);
        self.last_micros = self.last_micros.max(base + random.offset(step.max(1)));
        self.last_micros
    }

    /// Writes one row, unless the ledger is full.
    fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        if self.is_full() {
            return Ok(());
        }
        self.rows += 1;
        self.last_micros = self.last_micros.max(row.micros);
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        push_field(&mut line, row.account.as_bytes());
        line.extend_from_slice(&row.order);
        if let Some(fill) = row.fill {
            line.extend_from_slice(b"-FILL-");
            push_digits(&mut line, fill, 1);
        }
        line.push(b',');
        push_field(&mut line, row.symbol.as_bytes());
        push_field(
            &mut line,
            if row.side == Side::Buy {
                b"buy"
            } else {
                b"sell"
            },
        );
        push_decimal(&mut line, row.size);
        line.push(b',');
        push_decimal(&mut line, row.price);
        line.push(b',');
        self.push_time(&mut line, row.micros);
        line.push(b',');
        if let Some(fee) = row.fee {
            push_decimal(&mut line, fee);
        }
        line.push(b',');
        if let Some(trade_seq) = row.trade_seq {
            push_digits(&mut line, trade_seq, 1);
        }
        line.push(b',');
        push_field(&mut line, row.status.as_bytes());
        line.extend_from_slice(row.source.as_bytes());
        line.push(b'\n');
        let written = self.out.write_all(&line);
        self.line = line;
        written
    }

    /// Appends an instant in RFC 3339, with as many digits of a second as it needs.
    fn push_time(&mut self, line: &mut Vec<u8>, micros: i64) {
        let (day, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
        if self.day.0 != day {
            self.day = (day, date_of(day));
        }
        line.extend_from_slice(&self.day.1);
        let (seconds, fraction) = (rest.unsigned_abs() / 1_000_000, rest % 1_000_000);
        let parts = [
            (b'T', seconds / 3_600),
            (b':', seconds / 60 % 60),
            (b':', seconds % 60),
        ];
        for (mark, part) in parts {
            line.push(mark);
            push_digits(line, part, 2);
        }
        if fraction != 0 {
            line.push(b'.');
            push_digits(line, fraction.unsigned_abs(), 6);
            while line.last() == Some(&b'0') {
                line.pop();
            }
        }
        line.push(b'Z');
    }
}

/// Returns the date of a day counted from 1970-01-01, as `2025-01-31`.
///
/// Source: the usual conversion over eras of 400 years that begin in March.
fn date_of(day: i64) -> [u8; 10] {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = Vec::with_capacity(10);
    push_digits(&mut text, year.unsigned_abs(), 4);
    text.push(b'-');
    push_digits(&mut text, month.unsigned_abs(), 2);
    text.push(b'-');
    push_digits(&mut text, day_of_month.unsigned_abs(), 2);
    text.try_into().unwrap_or(*b"0000-00-00")
}

fn push_field(line: &mut Vec<u8>, field: &[u8]) {
    line.extend_from_slice(field);
    line.push(b',');
}

/// Appends a number with at least `width` digits.
fn push_digits(line: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while number > 0 || digits.len() - start < width {
        start -= 1;
        digits[start] = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
    line.extend_from_slice(&digits[start..]);
}

/// Appends a decimal without exponent and without trailing zeros.
fn push_decimal(line: &mut Vec<u8>, value: Decimal) {
    if value.units < 0 {
        line.push(b'-');
    }
    let units = value.units.unsigned_abs();
    let one = 10_u128.pow(value.decimals);
    // Both parts fit: `one` is at most 10^18, and no number here has 19 digits before the point.
    push_digits(line, u64::try_from(units / one).unwrap_or(u64::MAX), 1);
    let fraction = u64::try_from(units % one).unwrap_or(u64::MAX);
    if fraction != 0 {
        line.push(b'.');
        push_digits(line, fraction, value.decimals as usize);
        while line.last() == Some(&b'0') {
            line.pop();
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Chance
// ---------------------------------------------------------------------------------------------

/// The generator splitmix64: small, fast, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to `bound - 1`, and 0 for a bound of 0.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// As `below`, for the arithmetic of times and amounts.
    fn offset(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap_or(0)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Returns an id that looks like a UUID of version 4.
    fn order_id(&mut self) -> [u8; 36] {
        let mut bits = [self.next(), self.next()];
        let mut id = *b"xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
        for (place, byte) in id.iter_mut().enumerate() {
            if *byte == b'x' {
                let word = &mut bits[place % 2];
                *byte = b"0123456789abcdef"[(*word & 15) as usize];
                *word = (*word >> 4) | (*word << 60);
            }
        }
        id
    }

    /// Splits a size into fills of different sizes, none of them zero.
    fn split(&mut self, size: i128, fills: u64) -> Vec<i128> {
        let mut rest = size;
        let mut parts = Vec::with_capacity(8);
        for left in (2..=fills).rev() {
            let part = rest * i128::from(40 + self.below(120)) / (100 * i128::from(left));
            if part > 0 && part < rest {
                parts.push(part);
                rest -= part;
            }
        }
        parts.push(rest);
        parts
    }
}

// ---------------------------------------------------------------------------------------------
// Shapes for load: many pools, 8 decimals, one account
// ---------------------------------------------------------------------------------------------

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
    symbol: String,
    open: i128,
    price: u64,
}

fn write_load<W: Write>(
    options: &Options,
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let weights = cumulative_weights(options);
    let mut pools: Vec<LoadPool> = (0..options.symbols)
        .map(|pool| LoadPool {
            symbol: format!("T{pool:04}-USD"),
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
        let is_known = ledger.rows % UNKNOWN_FEE_EVERY != 400;
        ledger.write(&Row {
            account: "main",
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

// ---------------------------------------------------------------------------------------------
// Shape for people: a trader, a bot and a savings account
// ---------------------------------------------------------------------------------------------

/// One traded pair: its digits, and its price at five dates of equal distance, in units of
/// `price_decimals`.
struct Market {
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
const MARKETS: [Market; 24] = [
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

/// What an account holds of one symbol.
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

fn write_demo<W: Write>(
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

fn write_demo_order<W: Write>(
    demo: &mut Demo,
    (trader_at, market_at): (usize, usize),
    random: &mut Random,
    ledger: &mut Ledger<W>,
) -> io::Result<()> {
    let (trader, market) = (&TRADERS[trader_at], &MARKETS[market_at]);
    let mut micros = ledger.next_micros(random);
    let mood = &mut demo.moods[market_at];
    *mood = *mood * 15 / 16 + random.offset(501) - 250;
    let price = price_at(market, micros) * (10_000 + *mood) / 10_000;

    let holding = demo.holdings[trader_at * MARKETS.len() + market_at];
    let is_missing_buy =
        holding.open > 0 && ledger.rows >= MISSING_BUY_EVERY * (demo.missing_buys + 1);
    let (side, size) = if is_missing_buy {
        demo.missing_buys += 1;
        (
            Side::Sell,
            holding.open * i128::from(120 + random.below(30)) / 100 + 1,
        )
    } else {
        decide(trader, market, holding, price, random)
    };
    let fills = match trader.fills_max {
        _ if is_missing_buy => 1,
        most if random.percent(40) => 1 + random.below(most),
        _ => 1,
    };
    let parts = random.split(size, fills);
    let (order, is_filled_at_once) = (random.order_id(), random.percent(60));
    let (status, source) = (
        trader.statuses[random.index(4)],
        trader.sources[random.index(4)],
    );
    let rate = i128::from(trader.fee_rate.0 + random.below(trader.fee_rate.1));
    let has_fill_ids = parts.len() > 1 || source == "websocket";
    for (part, number) in parts.into_iter().zip(1_u64..) {
        let is_rebate = trader.has_trade_seq
            && side == Side::Buy
            && ledger.rows >= REBATE_EVERY * (demo.rebates + 1);
        demo.rebates += u64::from(is_rebate);
        demo.trade_seq += 1 + random.below(40);
        let rate = if is_rebate { -1 } else { rate };
        let is_known = ledger.rows % UNKNOWN_FEE_EVERY != 400;
        ledger.write(&Row {
            account: trader.account,
            order,
            fill: has_fill_ids.then_some(number),
            symbol: market.symbol,
            side,
            size: Decimal {
                units: part,
                decimals: market.size_decimals,
            },
            price: Decimal {
                units: i128::from(price),
                decimals: market.price_decimals,
            },
            micros,
            fee: is_known.then_some(fee_of(trader, market, part * i128::from(price), rate)),
            trade_seq: (source == "websocket").then_some(demo.trade_seq),
            status,
            source,
        })?;
        let holding = &mut demo.holdings[trader_at * MARKETS.len() + market_at];
        *holding = holding_after(*holding, side, part, value_cents(market, part, price));
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

/// Decides what an account does: it likes to take gains, and cuts some of its losses.
fn decide(
    trader: &Trader,
    market: &Market,
    holding: Holding,
    price: i64,
    random: &mut Random,
) -> (Side, i128) {
    let value = value_cents(market, holding.open, price);
    let chance = match value * 1_000 / holding.cost_cents.max(1) {
        _ if holding.open == 0 => 0,
        1_020.. => 75,
        ..900 => 35,
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
