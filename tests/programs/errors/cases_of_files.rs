//! Files that an import does not read.

use super::Case;
use super::cases::IMPORT;

pub const FILES: &[Case] = &[
    Case {
        title: "A column that names another currency",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,Price Currency\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,USD\n\
             A-2,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,EUR\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A column that names another currency, beside a format of your own",
        files: &[
            (
                "trades.csv",
                "When,Ticker,Action,Qty,Price,Currency\n\
                 2025-01-02T10:00:00Z,AAPL,buy,10,180.50,EUR\n",
            ),
            (
                "fifo-pnl.toml",
                "[formats.my-broker]\nexchange = \"my-broker\"\nids = \"my-broker\"\n\
                 tickers = true\n\n\
                 [[formats.my-broker.headers]]\n\
                 columns = [\"When\", \"Ticker\", \"Action\", \"Qty\", \"Price\", \"Currency\"]\n\n\
                 [formats.my-broker.trade]\nsymbol = \"{Ticker}\"\nside = \"{Action}\"\n\
                 size = \"{Qty}\"\nprice = \"{Price}\"\norder_time = \"{When}\"\n",
            ),
        ],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A column under a name that no import reads",
        command: "fifo-pnl import --rename-column Ticker=smybol ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A column is missing",
        files: &[(
            "trades.csv",
            "order_id,pair,side,size,price,order_time\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z\n",
        )],
        command: IMPORT,
        same: &["fifo-pnl run trades.csv"],
        ..Case::NONE
    },
    Case {
        title: "A column that stands twice",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,price\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "The file is empty",
        before: &["touch trades.csv"],
        command: IMPORT,
        same: &["fifo-pnl run trades.csv"],
        ..Case::NONE
    },
    Case {
        title: "No header",
        files: &[(
            "trades.csv",
            "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A number that can be read in two ways",
        files: &[(
            "trades.csv",
            "order_id;symbol;side;size;price;order_time;total_fees_usd\n\
             A-1;BTC-USD;buy;1,234;100;2025-01-02T10:00:00Z;0\n",
        )],
        command: IMPORT,
        after: &["fifo-pnl import trades.csv --decimal-mark comma"],
        ..Case::NONE
    },
    Case {
        title: "Balances that do not add up",
        files: &[(
            "trades.csv",
            "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n\
             L-1,Q-1,2025-01-02 10:00:00,deposit,,currency,ZEUR,1000,0,1000\n\
             L-2,T-1,2025-01-03 10:00:00,trade,,currency,ZEUR,-400,1,600\n\
             L-3,T-1,2025-01-03 10:00:00,trade,,currency,XXBT,0.01,0,0.01\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A balance below zero",
        files: &[(
            "trades.csv",
            "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n\
             L-1,Q-1,2025-01-02 10:00:00,deposit,,currency,XXBT,0.5,0,0.5\n\
             L-2,A-1,2025-01-03 10:00:00,withdrawal,,currency,XXBT,-0.75,0,-0.25\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Trades of several coins in one second",
        files: &[(
            "trades.csv",
            "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n\
             1,2025-01-02 10:00:00,Spot,Transaction Buy,BTC,0.01,\n\
             1,2025-01-02 10:00:00,Spot,Transaction Buy,ETH,0.5,\n\
             1,2025-01-02 10:00:00,Spot,Transaction Spend,USDT,-2000,\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A file without a table",
        files: &[("trades.csv", "My broker\nAccount 17, 2025\n\nNo trades.\n")],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A file in another language",
        files: &[(
            "trades.csv",
            "Datum;Typ;Menge;Kurs;Gebühr;Rate\n02.01.2025;Kauf;1;100;0;1\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A damaged workbook",
        before: &["printf 'PK\\003\\004....xl/workbook.xml' > trades.xlsx"],
        command: "fifo-pnl import trades.xlsx",
        ..Case::NONE
    },
    Case {
        title: "A binary file",
        before: &["printf 'order_id,symbol\\nA-1,\\000\\001\\002' > trades.csv"],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Two encodings in one file",
        before: &["printf 'order_id,symbol\\nM\\303\\274ller\\nM\\374ller' > trades.csv"],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A folder",
        before: &["mkdir trades"],
        command: "fifo-pnl import trades",
        ..Case::NONE
    },
    Case {
        title: "A device, which never ends",
        command: "fifo-pnl import /dev/zero",
        same: &[
            "fifo-pnl import --preview /dev/zero",
            "fifo-pnl run /dev/zero",
        ],
        ..Case::NONE
    },
    Case {
        title: "A file that is not there",
        command: "fifo-pnl import ledgr.csv",
        ..Case::NONE
    },
    Case {
        title: "One file of two is not there",
        command: "fifo-pnl import ledger.csv more.csv",
        same: &["fifo-pnl run ledger.csv more.csv"],
        ..Case::NONE
    },
];
