//! Cases of files of rates.

use super::Case;

const ECB: (&str, &str) = (
    "eurofxref-hist.csv",
    "Date,USD,JPY,\n2025-03-07,1.0857,159.80,\n2025-03-06,1.0800,N/A,\n",
);
const IMPORT: &str = "fifo-pnl import rates rates.csv";
const PRICES: (&str, &str) = (
    "btc-usd-max.csv",
    "snapped_at,price,market_cap,total_volume\n2025-03-07 00:00:00 UTC,90624.1,1,1\n",
);
const CANDLES: (&str, &str) = (
    "bitcoin.csv",
    "1741305600,90600,91100,84700,86740,5321,70000\n",
);
/// Loses the labels of one of its columns.
const H10: &str = "\"Series Description\",\"EURO AREA\"\n\"Unit:\",\"Currency:_Per_USD\"\n\
    \"Multiplier:\",\"1\"\n\"Currency:\",\"EUR\"\n\"Unique Identifier: \",\"H10/X\"\n\
    \"Time Period\",\"RXI$US_N.B.EU\"\n2025-03-07,1.0850\n";

macro_rules! rate {
    ($title:literal, $($row:literal),+) => {
        Case {
            title: $title,
            files: &[("rates.csv", concat!("asset,time,currency,rate\n", $($row, "\n"),+))],
            command: IMPORT,
            ..Case::NONE
        }
    };
}

pub const RATES: &[Case] = &[
    rate!("A rate of zero", "EUR,2025-03-07,USD,0"),
    rate!("A row of rates that was cut", "EUR,2025-03-07,USD"),
    Case {
        title: "A rate with a comma, at the end of its line",
        files: &[("rates.csv", "Date,JPY,USD,\n2025-03-07,159.80,1,0857\n")],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A header of release H.10 that was cut",
        files: &[(
            "rates.csv",
            "Series Description,EURO AREA,JAPAN\nUnit:,Currency:_Per_EUR\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    rate!("A negative rate", "EUR,2025-03-07,USD,-1.0857"),
    rate!("A rate that is not a number", "EUR,2025-03-07,USD,NaN"),
    rate!(
        "A rate with a decimal comma",
        "EUR,2025-03-07,USD,\"1,0857\""
    ),
    rate!("A rate of a day in the future", "EUR,2999-03-07,USD,1.0857"),
    rate!("A rate of an asset in itself", "XBT,2025-03-07,BTC,1"),
    rate!(
        "Two rates for one instant in one file",
        "EUR,2025-03-07,USD,1.0857",
        "EUR,2025-03-07T00:00:00Z,USD,1.0858"
    ),
    Case {
        title: "Two rates for one instant in two files",
        files: &[
            ECB,
            ("later.csv", "Date,USD,JPY,\n2025-03-07,1.0858,159.80,\n"),
        ],
        before: &["fifo-pnl import rates --quiet eurofxref-hist.csv"],
        command: "fifo-pnl import rates later.csv",
        after: &["fifo-pnl import rates --correct --reason 'a misprint' later.csv"],
        ..Case::NONE
    },
    Case {
        title: "Two rates for one instant that an alias makes",
        files: &[
            (
                "rates.csv",
                "asset,time,currency,rate\nETH,2025-03-07,USD,2140\nETHX,2025-03-07,USD,2150\n",
            ),
            (
                "trades.csv",
                "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                 b1,BTC-ETH,buy,1,40,0,2025-03-07T09:00:00Z\n",
            ),
            (
                "right.csv",
                "asset,time,currency,rate\nETH,2025-03-07,USD,2140\n",
            ),
            ("fifo-pnl.toml", "[aliases]\nETHX = \"ETH\"\n"),
        ],
        before: &[
            "fifo-pnl import rates --config /dev/null --quiet rates.csv",
            "fifo-pnl import --quiet trades.csv",
        ],
        command: "fifo-pnl rates missing",
        exit: 3,
        after: &["fifo-pnl import rates --correct --reason 'ETHX was wrong' right.csv"],
        ..Case::NONE
    },
    Case {
        title: "A correction of rates without a reason",
        files: &[ECB],
        command: "fifo-pnl import rates --correct eurofxref-hist.csv",
        ..Case::NONE
    },
    Case {
        title: "A file of trades among the rates",
        command: "fifo-pnl import rates ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A file of rates that is empty",
        files: &[("rates.csv", "")],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A file of rates of another kind",
        files: &[ECB],
        command: "fifo-pnl import rates --kind h10 eurofxref-hist.csv",
        ..Case::NONE
    },
    Case {
        title: "A plain file of rates without a column",
        files: &[("rates.csv", "asset,time,rate\nEUR,2025-03-07,1.0857\n")],
        command: "fifo-pnl import rates --kind plain rates.csv",
        ..Case::NONE
    },
    Case {
        title: "A currency with two names",
        files: &[(
            "rates.csv",
            "Date,USD,XBT,BTC,\n2025-03-07,1.0857,0.00001,0.00001,\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Columns of release H.10 that contradict themselves",
        files: &[("rates.csv", H10)],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Prices of an unnamed asset",
        files: &[PRICES],
        command: "fifo-pnl import rates btc-usd-max.csv",
        after: &["fifo-pnl import rates --asset BTC --currency USD btc-usd-max.csv"],
        ..Case::NONE
    },
    Case {
        title: "Prices of an unnamed asset in a file with another name",
        files: &[("prices.csv", PRICES.1)],
        command: "fifo-pnl import rates prices.csv",
        ..Case::NONE
    },
    Case {
        title: "An asset without a currency",
        files: &[PRICES],
        command: "fifo-pnl import rates --asset BTC btc-usd-max.csv",
        ..Case::NONE
    },
    Case {
        title: "Prices of an asset in itself",
        files: &[PRICES],
        command: "fifo-pnl import rates --asset BTC --currency XBT btc-usd-max.csv",
        ..Case::NONE
    },
    Case {
        title: "An asset for a file that names its own",
        files: &[ECB],
        command: "fifo-pnl import rates --asset EUR --currency USD eurofxref-hist.csv",
        ..Case::NONE
    },
    Case {
        title: "Prices of another asset than the file's name says",
        files: &[("XBTEUR_60.csv", CANDLES.1)],
        command: "fifo-pnl import rates --asset ETH --currency EUR XBTEUR_60.csv",
        after: &["fifo-pnl import rates --asset XBT --currency EUR XBTEUR_60.csv"],
        ..Case::NONE
    },
    Case {
        title: "Prices in pounds",
        files: &[("XBTGBP_60.csv", CANDLES.1)],
        command: "fifo-pnl import rates --asset BTC --currency GBP XBTGBP_60.csv",
        ..Case::NONE
    },
    rate!(
        "A rate of a coin in another coin",
        "ETH,2025-03-07,BTC,0.03"
    ),
    Case {
        title: "Prices of intervals that nobody names",
        files: &[CANDLES],
        command: "fifo-pnl import rates --asset BTC --currency USD bitcoin.csv",
        ..Case::NONE
    },
    Case {
        title: "A name that no asset has",
        files: &[PRICES],
        command: "fifo-pnl import rates --asset 'B TC' --currency USD btc-usd-max.csv",
        ..Case::NONE
    },
];
