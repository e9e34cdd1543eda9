//! Imports that can't be undone or put back, and accounts.

use super::Case;

const RUN: &str = "fifo-pnl run --quiet --account main trades.csv";
const UNDO: &str = "fifo-pnl import undo 1 --reason 'the wrong account' --quiet";

const TRADES: (&str, &str) = (
    "trades.csv",
    "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
     B-1,BTC-USD,buy,1,100,2025-01-02T00:00:00Z,0\n",
);

/// The same row in a file with other bytes.
const AS_BEFORE: (&str, &str) = (
    "as-before.csv",
    "symbol,order_id,side,size,price,order_time,total_fees_usd\n\
     BTC-USD,B-1,buy,1,100,2025-01-02T00:00:00Z,0\n",
);

/// A file of Binance, whose rows have no ids. A name may have the zone.
const ONE_SECOND: &str = "Time,Pair,Side,Price,Executed,Amount,Fee\n\
                          2024-03-04 05:06:09,ETHUSDT,BUY,130,0.5ETH,65USDT,0.065USDT\n";

const NEXT_SECOND: &str = "Time,Pair,Side,Price,Executed,Amount,Fee\n\
                           2024-03-04 05:06:10,ETHUSDT,BUY,130,0.5ETH,65USDT,0.065USDT\n";

const OTHER: (&str, &str) = (
    "other.csv",
    "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
     B-1,BTC-USD,buy,1,101,2025-01-02T00:00:00Z,0\n",
);

const MOVED: (&str, &str) = (
    "bitstamp.csv",
    "ID,Account,Type,Subtype,Datetime,Amount,Amount currency,Value,Value currency,Rate,\
     Rate currency,Fee,Fee currency,Order ID\n\
     B-1,Main Account,Deposit,,2025-01-01T09:00:00Z,1,BTC,,,,,,,\n",
);

/// Rows of a Flex query: a purchase, and the row that cancels it.
const BOUGHT: &str = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,IBCommission,\
                      IBCommissionCurrency,Buy/Sell,TransactionID\n\
                      USD,STK,QRS,20250305;100000,40,12.5,-1,USD,BUY,11\n";
const CANCELLED: &str = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,\
                         IBCommission,IBCommissionCurrency,Buy/Sell,TransactionID\n\
                         USD,STK,QRS,20250305;100000,40,12.5,-1,USD,BUY,11\n\
                         USD,STK,QRS,20250306;100000,-40,12.5,1,USD,BUY (Ca.),12\n\
                         USD,STK,QRS,20250307;100000,40,12.5,-1,USD,BUY,13\n";
const VOID: &str = "fifo-pnl void 11 --account main --reason 'cancelled by the broker'";

pub const IMPORTS: &[Case] = &[
    Case {
        title: "A file cancels a trade of the ledger",
        files: &[("early.csv", BOUGHT), ("late.csv", CANCELLED)],
        before: &["fifo-pnl import --quiet --account main early.csv"],
        command: "fifo-pnl import --account main late.csv",
        after: &[VOID, "fifo-pnl import --account main late.csv"],
        ..Case::NONE
    },
    Case {
        title: "A file has a trade that an earlier file cancels",
        files: &[("early.csv", BOUGHT), ("late.csv", CANCELLED)],
        before: &["fifo-pnl import --quiet --account main late.csv"],
        command: "fifo-pnl import --account main early.csv",
        ..Case::NONE
    },
    Case {
        title: "A file is imported for another account",
        files: &[TRADES],
        before: &[RUN],
        command: "fifo-pnl import --account second trades.csv",
        after: &["fifo-pnl import --account second --again trades.csv"],
        ..Case::NONE
    },
    Case {
        title: "A file is imported twice, with another time zone",
        files: &[
            ("trades(UTC+8).csv", ONE_SECOND),
            ("renamed.csv", ONE_SECOND),
        ],
        before: &["fifo-pnl import --quiet --account main 'trades(UTC+8).csv'"],
        command: "fifo-pnl import --account main renamed.csv",
        after: &[
            "fifo-pnl import undo 1 --reason 'the name lost its zone'",
            "fifo-pnl import --account main renamed.csv",
        ],
        ..Case::NONE
    },
    Case {
        title: "A file of a source whose earlier file was read in another zone",
        files: &[("trades(UTC+8).csv", ONE_SECOND), ("next.csv", NEXT_SECOND)],
        before: &["fifo-pnl import --quiet --account main 'trades(UTC+8).csv'"],
        command: "fifo-pnl import --account main next.csv",
        after: &["fifo-pnl import --account main --timezone +08:00 next.csv"],
        ..Case::NONE
    },
    Case {
        title: "A deposit has the id of a trade",
        files: &[TRADES, MOVED],
        before: &[RUN],
        command: "fifo-pnl import --account main bitstamp.csv",
        exit: 3,
        after: &["fifo-pnl import --account bitstamp bitstamp.csv"],
        ..Case::NONE
    },
    Case {
        title: "An import that is not there is undone",
        files: &[TRADES],
        before: &[RUN],
        command: "fifo-pnl import undo 7 --reason 'the wrong account'",
        after: &["fifo-pnl import list"],
        ..Case::NONE
    },
    Case {
        title: "An import is undone twice",
        files: &[TRADES],
        before: &[RUN, UNDO],
        command: "fifo-pnl import undo 1 --reason again",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An import that was not undone is put back",
        files: &[TRADES],
        before: &[RUN],
        command: "fifo-pnl import undo 1 --reason again --undo",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An import is put back whose trade was corrected meanwhile",
        files: &[TRADES, OTHER],
        before: &[
            RUN,
            UNDO,
            "fifo-pnl import --quiet --account main --correct --reason 'sent again' other.csv",
        ],
        command: "fifo-pnl import undo 1 --reason again --undo",
        exit: 3,
        after: &[
            "fifo-pnl import undo 2 --reason 'sent by mistake'",
            "fifo-pnl import undo 1 --reason again --undo",
        ],
        ..Case::NONE
    },
    Case {
        title: "Rows that are imported for another account",
        files: &[TRADES, AS_BEFORE],
        before: &[RUN],
        command: "fifo-pnl import --account second as-before.csv",
        after: &["fifo-pnl import --account second --again as-before.csv"],
        ..Case::NONE
    },
    Case {
        title: "A trade is explained whose import is undone",
        files: &[TRADES],
        before: &[RUN, UNDO, "compute_allocations --quiet --all-symbols"],
        command: "fifo-pnl explain --sell B-1",
        after: &["fifo-pnl import undo 1 --reason 'it was right' --undo"],
        ..Case::NONE
    },
    Case {
        title: "An account that is not stored",
        files: &[TRADES],
        before: &[RUN],
        command: "fifo-pnl account show bot",
        after: &["fifo-pnl account list", "fifo-pnl account add bot"],
        ..Case::NONE
    },
    Case {
        title: "One login under two accounts",
        files: &[TRADES],
        before: &[
            RUN,
            "fifo-pnl account add main --platform mt5 --server Live-3 --login 4711",
        ],
        command: "fifo-pnl account add bot --platform mt5 --server Live-3 --login 4711",
        after: &["fifo-pnl account list"],
        ..Case::NONE
    },
    Case {
        title: "An unknown class",
        command: "fifo-pnl account add bot --class share",
        after: &["fifo-pnl account add bot --class security"],
        ..Case::NONE
    },
    Case {
        title: "The clock of a server that can't be read",
        command: "fifo-pnl account add bot --server-time +3",
        after: &["fifo-pnl account add bot --server-time +03:00"],
        ..Case::NONE
    },
    Case {
        title: "A report without a contract size",
        files: &[REPORT],
        command: "fifo-pnl import --timezone UTC report.csv",
        after: &[
            "printf '[symbols.\"EURUSD\"]\\ncontract_size = \"100000\"\\n' > fifo-pnl.toml",
            "printf '[symbols.\"DAX.x\"]\\ncontract_size = \"1\"\\nbase = \"DAX\"\\nquote = \
             \"EUR\"\\n' >> fifo-pnl.toml",
            "fifo-pnl import --quiet --timezone UTC report.csv",
        ],
        ..Case::NONE
    },
    Case {
        title: "A short position in a report",
        files: &[SHORT],
        command: "fifo-pnl import --timezone UTC short.csv",
        ..Case::NONE
    },
];

/// A report of MetaTrader with two symbols.
const REPORT: (&str, &str) = (
    "report.csv",
    "Account:,\"5001 (EUR, Example-Live, real, Hedge)\"\n\
     Deals\n\
     Time,Deal,Symbol,Type,Direction,Volume,Price,Order,Commission,Swap,Profit,Balance,Comment\n\
     2025.03.03 09:00:00,1,,balance,,,,,0,0,100,100,\n\
     2025.03.03 10:00:00,2,EURUSD,buy,in,0.1,1.05,11,-1,0,0,99,\n\
     2025.03.03 11:00:00,3,DAX.x,buy,in,0.1,22 000.0,12,0,0,0,99,\n",
);

/// A report of MetaTrader with a position that was sold first.
const SHORT: (&str, &str) = (
    "short.csv",
    "Account:,\"5001 (EUR, Example-Live, real, Hedge)\"\n\
     Deals\n\
     Time,Deal,Symbol,Type,Direction,Volume,Price,Order,Commission,Swap,Profit,Balance,Comment\n\
     2025.03.03 09:00:00,1,,balance,,,,,0,0,100,100,\n\
     2025.03.03 10:00:00,2,EURUSD,sell,in,0.01,1.05,11,-1,0,0,99,\n\
     2025.03.03 11:00:00,3,EURUSD,buy,out,0.01,1.06,12,-1,0,-9.43,88.57,\n",
);
