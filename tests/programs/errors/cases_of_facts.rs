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
