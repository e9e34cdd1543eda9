//! Cases of assets, values and fees in other money, in the columns of a file; and of exports.

use super::Case;
use super::cases::IMPORT;

pub const FACTS: &[Case] = &[
    Case {
        title: "A fee in two forms, or in half of one",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,fee_amount,fee_currency\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,1,0.001,BNB\n\
             A-2,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,,,BNB\n\
             A-3,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,,0.001,\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A class, a value and a contract size at fault",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,asset_class,quote_value,\
             contract_size\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,coin,,\n\
             A-2,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,,-100,\n\
             A-3,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,,much,\n\
             A-4,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,,,0\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
];

macro_rules! kraken {
    ($title:literal, $header:literal, $($row:literal),+) => {
        Case {
            title: $title,
            files: &[("trades.csv", concat!(
                "txid,ordertxid,pair,time,type,ordertype,price,cost,fee,vol,", $header,
                ",misc,ledgers\n", $($row, "\n"),+
            ))],
            command: IMPORT,
            ..Case::NONE
        }
    };
}

pub const EXPORTS: &[Case] = &[
    Case {
        title: "A list of orders in place of trades",
        files: &[(
            "trades.csv",
            "Date(UTC),OrderNo,Pair,Type,Side,Status\n\
             2024-08-24 22:40:05,700000001,BTCUSDT,LIMIT,SELL,FILLED\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A unit of another pair",
        files: &[(
            "trades.csv",
            "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n\
             2024-08-24 22:40:05,BTCUSDT,BUY,60000,0.01BTC,600USDT,0.1XYZ\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    kraken!(
        "A header that is nearly that of a format",
        "leverage",
        "T1,O1,XXBTZEUR,2025-03-29 17:11:24.1139,buy,limit,80000,4000,10.4,0.05,0,,L1"
    ),
    kraken!(
        "A pair that no rule splits",
        "margin",
        "T1,O1,XYZQQQ,2025-03-29 17:11:24.1139,buy,limit,80000,4000,10.4,0.05,0,,L1"
    ),
    kraken!(
        "A trade on margin",
        "margin",
        "T1,O1,XXBTZEUR,2025-03-29 17:11:24.1139,buy,limit,80000,4000,10.4,0.05,900.1,,L1"
    ),
    kraken!(
        "An id that comes twice",
        "margin",
        "T1,O1,XXBTZEUR,2025-03-29 17:11:24.1139,buy,limit,80000,4000,10.4,0.05,0,,L1",
        "T1,O2,XETHZEUR,2025-03-29 18:11:24.1139,buy,limit,2000,1000,2.6,0.5,0,,L2"
    ),
    Case {
        title: "A header that two formats know",
        files: &[
            (
                "fifo-pnl.toml",
                "[formats.mine]\nexchange = \"mine\"\n[[formats.mine.headers]]\n\
                 columns = [\"No\", \"Pair\", \"Side\", \"Qty\", \"Price\", \"Time\"]\n\
                 [formats.mine.trade]\norder_id = \"{No}\"\nsymbol = \"{Pair}\"\n\
                 side = \"{Side}\"\nsize = \"{Qty}\"\nprice = \"{Price}\"\n\
                 order_time = \"{Time}\"\n\
                 [formats.other]\nexchange = \"other\"\n[[formats.other.headers]]\n\
                 columns = [\"No\", \"Pair\", \"Side\", \"Qty\", \"Price\"]\n\
                 optional = [\"Time\"]\n\
                 [formats.other.trade]\norder_id = \"{No}\"\nsymbol = \"{Pair}\"\n\
                 side = \"{Side}\"\nsize = \"{Qty}\"\nprice = \"{Price}\"\n\
                 order_time = \"{Time}\"\n",
            ),
            (
                "trades.csv",
                "No,Pair,Side,Qty,Price,Time\n1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z\n",
            ),
        ],
        command: IMPORT,
        after: &["fifo-pnl import trades.csv --format mine"],
        ..Case::NONE
    },
    Case {
        title: "Options among the trades of stocks",
        files: &[(
            "trades.csv",
            "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,Quantity,\
             Price,Amount\n\
             3/15/2024,3/15/2024,3/18/2024,ABC,ABC 4/19/2024 Call $130.00,BTO,1,$2.10,($210.04)\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Times without a zone",
        files: &[
            (
                "fifo-pnl.toml",
                "[formats.mine]\nexchange = \"mine\"\nzone = \"asked\"\n\
                 [[formats.mine.headers]]\n\
                 columns = [\"No\", \"Pair\", \"Side\", \"Qty\", \"Price\", \"Time\"]\n\
                 [formats.mine.trade]\norder_id = \"{No}\"\nsymbol = \"{Pair}\"\n\
                 side = \"{Side}\"\nsize = \"{Qty}\"\nprice = \"{Price}\"\n\
                 order_time = \"{Time}\"\n",
            ),
            (
                "trades.csv",
                "No,Pair,Side,Qty,Price,Time\n1,BTC-USD,buy,1,100,2025-01-02 10:00:00\n",
            ),
        ],
        command: IMPORT,
        after: &["fifo-pnl import trades.csv --timezone Europe/Berlin"],
        ..Case::NONE
    },
    Case {
        title: "Trades of perpetual futures",
        files: &[(
            "trades.csv",
            "Order ID,Trade ID,Trade Time,Pairs,Amount,Price,Total,taker/maker,Fee,unit\n\
             7,8,2020-01-02 10:00:00,BTC-USDT-SWAP,0.1,7000,-700 USDT,taker,-0.7 USDT,BTC\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A row of an unknown type",
        files: &[(
            "trades.csv",
            "ID,Account,Type,Subtype,Datetime,Amount,Amount currency,Value,Value currency,Rate,\
             Rate currency,Fee,Fee currency,Order ID\n\
             9001,Main Account,Card purchase,Buy,2025-02-01T10:00:00Z,0.01,BTC,900,EUR,90000,\
             EUR,3.6,EUR,17\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
];
