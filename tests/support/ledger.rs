//! Makes up histories with ties, rebates, unknown fees, sizes of many decimals, and unmatched
//! sells.

/// The header of these ledgers, which are in the native format.
pub const HEADER: &str =
    "account,order_id,symbol,side,size,price,order_time,total_fees_usd,trade_seq";

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// Properties of a history.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub trades: usize,
    pub accounts: usize,
    pub symbols: usize,
    /// The number of seconds in which all trades happen; with few seconds, many trades tie.
    pub seconds: u64,
}

/// Returns the id of a trade: a whole number, one with leading zeros, one of a correction, or
/// another text. No two ids are of one execution.
pub fn id_of(number: usize) -> String {
    match number % 6 {
        0 => format!("{number}"),
        1 => format!("{}{number}", "0".repeat(1 + number % 3)),
        2 => format!("{number}~{}", 2 + number % 10),
        3 => format!("t{number}~{}", 2 + number % 10),
        4 => format!("{}-{number}", ["B", "a", "9"][number % 3]),
        _ => format!("t{number}"),
    }
}

/// Makes the rows of a history, without the header.
pub fn rows(shape: Shape, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let accounts = ["main", "bot", "ira"];
    (0..shape.trades)
        .map(|number| {
            let account = accounts[random.below(shape.accounts as u64) as usize];
            let symbol = random.below(shape.symbols as u64);
            // Buys outnumber sells a little, and some sells still find no lot.
            let side = ["buy", "sell"][usize::from(random.below(100) >= 54)];
            let at = random.below(shape.seconds);
            let time = format!(
                "2025-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                1 + at / (28 * 86_400) % 10,
                1 + at / 86_400 % 28,
                at / 3_600 % 24,
                at / 60 % 60,
                at % 60
            );
            let size = match random.below(4) {
                0 => format!("{}", 1 + random.below(9)),
                1 => format!("{}.{:03}", random.below(9), 1 + random.below(999)),
                2 => format!("0.{:018}", 1 + random.below(999_999_999_999_999_999)),
                _ => format!("{}.{:08}", random.below(99), 1 + random.below(99_999_999)),
            };
            let price = format!("{}.{:06}", random.below(3_000), random.below(1_000_000));
            let fee = match random.below(10) {
                0 => String::new(),
                1 => format!("-0.{:04}", 1 + random.below(9_999)),
                _ => format!("0.{:015}", random.below(999_999_999_999_999)),
            };
            let seq = match random.below(3) {
                0 => String::new(),
                _ => random.below(1_000).to_string(),
            };
            let id = id_of(number);
            format!("{account},{id},C{symbol}-USD,{side},{size},{price},{time},{fee},{seq}")
        })
        .collect()
}

/// Joins rows to a file.
pub fn csv(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}
