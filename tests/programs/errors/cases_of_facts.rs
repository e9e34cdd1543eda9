//! Cases of assets, values and fees in other money, in the columns of a file.

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
