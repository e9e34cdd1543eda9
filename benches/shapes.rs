//! Ledgers for the kernel's benches: the same trades for a seed, on any machine.

use fifo_pnl::engine::{Fact, Leg, Pool, Side, Timestamp, TradeRef, Trades};

/// How trades are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A hundred pools of one size.
    Uniform,
    /// A hundred pools; the n-th has an n-th of the first one's trades.
    Zipf,
    /// One pool has half of all trades.
    OneBig,
    /// One pool, in which 65 of 100 trades are buys: lots pile up.
    Deep,
}

impl Shape {
    pub const ALL: [Self; 4] = [Self::Uniform, Self::Zipf, Self::OneBig, Self::Deep];

    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
            Self::OneBig => "one-big",
            Self::Deep => "deep",
        }
    }

    /// Returns how many of `trades` each pool has.
    fn pools(self, trades: usize) -> Vec<usize> {
        match self {
            Self::Uniform => vec![trades / 100; 100],
            Self::Zipf => {
                // The first hundred terms of the harmonic series sum up to 5.187.
                let first = trades * 1_000 / 5_187;
                (1..=100).map(|rank| (first / rank).max(1)).collect()
            }
            Self::OneBig => [trades / 2]
                .into_iter()
                .chain([trades / 200; 100])
                .collect(),
            Self::Deep => vec![trades],
        }
    }

    /// Makes the pools: facts of 8 decimals, ids of 36 bytes, a tenth of the times tied.
    pub fn make(self, trades: usize) -> Vec<(Pool, Trades)> {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let buys = if self == Self::Deep { 65 } else { 52 };
        let mut pools = Vec::new();
        for (nth, size) in self.pools(trades).into_iter().enumerate() {
            let symbol = format!("T{nth:04}-USD").parse().expect("a symbol");
            let mut pool = Trades::new();
            let mut micros = 1_700_000_000_000_000;
            for trade in 0..size {
                micros += if next(10) == 0 { 0 } else { 1_000_000 };
                let id = format!(
                    "{:08x}-{nth:04x}-{trade:012x}-{:08x}",
                    next(1 << 32),
                    next(1 << 32)
                );
                let fact = |units: u64| Fact::try_new(units.into(), 8).expect("a fact");
                let trade = TradeRef {
                    order_id: &id,
                    side: if next(100) < buys {
                        Side::Buy
                    } else {
                        Side::Sell
                    },
                    size: fact(next(1_000_000_000) + 1),
                    price: fact(next(5_000_000_000_000)),
                    fee: Some(fact(next(1_000_000_000))),
                    order_time: Timestamp::try_from_micros(micros).expect("a time"),
                    trade_seq: None,
                    more: None,
                    symbol: None,
                    leg: Leg::Base,
                    value: None,
                    moved: None,
                };
                pool.push(&trade).expect("room");
            }
            pools.push((
                Pool::new("default".parse().expect("an account"), symbol),
                pool,
            ));
        }
        pools
    }
}
