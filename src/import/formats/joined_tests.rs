//! Files whose rows make trades together: what is refused, and what balances prove.

use proptest::prelude::*;

use super::*;

/// A format, changes of its sample, and the rejected rows.
type RejectCase = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const REJECTED: &[RejectCase] = &[
    (
        "kraken-ledgers",
        &[("\"trade\",\"tradespot\"", "\"margin\",\"\"")],
        &[
            "4: type is \"margin\", expected no margin: such trades open and close positions, \
             which are not computed",
            "5: row is the only one of \"TAAAAA-00001-AAAAAA\", expected all rows \
             of the trade, and line 4 is rejected",
        ],
    ),
    (
        "kraken-ledgers",
        &[("\"dividend\",\"\"", "\"nftrebate\",\"\"")],
        &["24: type is \"nftrebate\", expected a type of rows that is known"],
    ),
    (
        "kraken-ledgers",
        &[("\"earn\",\"airdrop\"", "\"earn\",\"bonus\"")],
        &["25: subtype is \"bonus\", expected a type of rows that is known"],
    ),
    (
        // Its fee would be in two assets.
        "kraken-ledgers",
        &[("0.0125000000,1030.00,0,0", "0.0125000000,1030.00,0.0001,0")],
        &[
            "4: row is one of the lines 4, 5 of \"TAAAAA-00001-AAAAAA\", expected fees in one \
             asset",
            "5: row is one of the lines 4, 5 of \"TAAAAA-00001-AAAAAA\", expected fees in one \
             asset",
        ],
    ),
    (
        "kraken-ledgers",
        &[("LAAAAA-00005-AAAAAA", "LAAAAA-00004-AAAAAA")],
        &[
            "6: row is the only one of \"TSAAAA-00002-AAAAAA\", expected all rows \
             of the trade, and line 7 is rejected",
            "7: row has the id \"LAAAAA-00004-AAAAAA\" of line 6, expected an id of its own",
        ],
    ),
    (
        "kraken-ledgers",
        &[
            ("TSAAAA-00002-AAAAAA", "Unknown"),
            ("TSAAAA-00002-AAAAAA", ""),
        ],
        &[
            "6: refid is \"Unknown\", expected the id that all rows of the trade have",
            "7: refid is empty, expected the id that all rows of the trade have",
        ],
    ),
    (
        "kraken-ledgers",
        &[("-500.0000,-515.00", "half,-515.00")],
        &[
            "6: amount is \"half\", expected a number",
            "7: row is the only one of \"TSAAAA-00002-AAAAAA\", expected all rows \
             of the trade, and line 6 is rejected",
        ],
    ),
    (
        "coinbase-account",
        &[("default,rebate", "default,bonus")],
        &["14: type is \"bonus\", expected a type of rows that is known"],
    ),
    (
        // The fee of another trade.
        "coinbase-account",
        &[("-10,9990,USD,,101", "-10,9990,USD,,102")],
        &[
            "6: row is the only one of \"102\", expected one asset paid \
             and one received",
        ],
    ),
    (
        "coinbase-account",
        &[("0.5,0.5,BTC,,101", "0.5,0.5,BTC,,")],
        &[
            "4: row is one of the lines 4, 6 of \"101\", expected all rows \
             of the trade, and line 5 is rejected",
            "5: trade id is empty, expected the id of a trade",
            "6: row is one of the lines 4, 6 of \"101\", expected all rows \
             of the trade, and line 5 is rejected",
        ],
    ),
    (
        "bybit-account",
        &[("--,2025-03-02", "CLOSE,2025-03-02")],
        &[
            "6: Action is \"CLOSE\", expected a spot trade: futures are not computed",
            "7: row is the only one, expected all rows of the trade, and line 6 is rejected",
        ],
    ),
    (
        "bybit-account",
        &[("TRANSFER_OUT", "SETTLEMENT")],
        &["3: Type is \"SETTLEMENT\", expected a spot trade: futures are not computed"],
    ),
    (
        "bybit-account",
        &[("TRANSFER_OUT", "BONUS")],
        &["3: Type is \"BONUS\", expected a type of rows that is known"],
    ),
    (
        // The rows of a sale say the way of a purchase, too.
        "bybit-account",
        &[(
            "50100.00000000000000000000,0.00000000000000000000,-0.00002",
            "50000.00000000000000000000,0.00000000000000000000,-0.00002",
        )],
        &[
            "6: row is one of the lines 6, 8, 9, expected what was paid and what was received to \
             fit the price of the rows",
            "7: row is the only one, expected one asset paid and one received",
            "8: row is one of the lines 6, 8, 9, expected what was paid and what was received to \
             fit the price of the rows",
            "9: row is one of the lines 6, 8, 9, expected what was paid and what was received to \
             fit the price of the rows",
        ],
    ),
    (
        "okx-account",
        &[(
            "700003,2025-04-03 09:00:00,Spot",
            "700003,2025-04-03 09:00:00,Perpetual",
        )],
        &[
            "4: Trade Type is \"Perpetual\", expected Spot: futures are not computed",
            "5: row is the only one of \"900006\", expected all rows \
             of the trade, and line 4 is rejected",
        ],
    ),
    (
        "okx-account",
        &[("900008", "9.00008E+17")],
        &["3: id is \"9.00008E+17\", expected the id of the row, not a rounded number"],
    ),
    (
        // Two coins were bought in one second.
        "binance-records",
        &[("Transaction Buy,ETH,0.25", "Transaction Buy,SOL,5")],
        &[
            "8: row is one of the lines 8, 9, 10, 11, 12, expected one asset paid \
             and one received",
            "9: row is one of the lines 8, 9, 10, 11, 12, expected one asset paid \
             and one received",
            "10: row is one of the lines 8, 9, 10, 11, 12, expected one asset paid \
             and one received",
            "11: row is one of the lines 8, 9, 10, 11, 12, expected one asset paid \
             and one received",
            "12: row is one of the lines 8, 9, 10, 11, 12, expected one asset paid \
             and one received",
        ],
    ),
    (
        // A purchase and a sale of one second.
        "binance-records",
        &[
            ("Transaction Sold,BTC,-0.01", "Transaction Sold,BTC,0.01"),
            (
                "2024-05-04 09:00:00,Spot,Transaction Fee",
                "2024-05-04 09:00:00,Spot,Sell",
            ),
        ],
        &[
            "13: row is one of the lines 13, 14, 15, expected one trade: the file does not say \
             which rows belong together",
            "14: row is one of the lines 13, 14, 15, expected one trade: the file does not say \
             which rows belong together",
            "15: row is one of the lines 13, 14, 15, expected one trade: the file does not say \
             which rows belong together",
        ],
    ),
    (
        "binance-records",
        &[("Earn,Staking Rewards", "USD-M Futures,Funding Fee")],
        &[
            "28: Account is \"USD-M Futures\", expected a spot account: futures are not \
             computed",
        ],
    ),
    (
        "binance-records",
        &[("Airdrop Assets", "Token Swap")],
        &["29: Operation is \"Token Swap\", expected a type of rows that is known"],
    ),
    (
        "binance-convert",
        &[("Expired", "Pending"), ("0.25 ETH", "0.25 SOL")],
        &[
            "2: Buy is \"0.25 SOL\", expected a number above zero, and after it a coin of the pair",
            "4: Status is \"Pending\", expected a status that is known",
        ],
    ),
    (
        "binance-us",
        &[
            ("BTC,0.1,4010", "BTC,-0.1,4010"),
            ("Referral Commission", "Lottery"),
        ],
        &[
            "3: Realized_Amount_For_Base_Asset is \"-0.1\", expected the sign of what came in",
            "8: Operation is \"Lottery\", expected a type of rows that is known",
        ],
    ),
    (
        "crypto-com-journal",
        &[
            ("DEPOSIT,USD_Stable_Coin", "DEPOSIT,BTCUSD-PERP"),
            ("WITHDRAW,", "FUNDING,"),
        ],
        &[
            "5: Instrument is \"BTCUSD-PERP\", expected a coin or a currency: contracts are not \
             computed",
            "12: Journal Type is \"FUNDING\", expected no contracts and no funding: they are not \
             computed",
        ],
    ),
    (
        "crypto-com-app",
        &[("reimbursement", "nft_payout"), ("CRO,20,", "CRO,-20,")],
        &[
            "7: row is one of the lines 7, 8, expected one asset paid \
             and one received",
            "8: row is one of the lines 7, 8, expected one asset paid \
             and one received",
            "15: Transaction Kind is \"nft_payout\", expected a type of rows that is known",
        ],
    ),
    (
        "coinbase",
        &[("Sold 4 SOL for 834.96 USD on SOL-USD at 210 USD/SOL", "")],
        &[
            "30: Notes is empty, expected the amounts and the pair of the trade: take the fills of \
             Advanced Trade for such trades",
        ],
    ),
    (
        // The amount is in dollars, and the pair is another one.
        "coinbase",
        &[
            (
                "2,012 USDC on SOL-USDC at 200 USDC/SOL",
                "2,000.10 USD on SOL-USDT",
            ),
            ("$140.00", "$140.03"),
        ],
        &[
            "31: Notes is \"Bought 10 SOL for 2,000.10 USD on SOL-USDT\", expected the currency of \
             the price: the file does not say the fee of such a trade",
            "34: Subtotal is \"$9,500.00\", expected fees that are the difference of subtotal and \
             total",
        ],
    ),
    (
        "coinbase",
        &[
            ("Retail Staking Transfer", "Asset Migration"),
            ("Card Spend", "Retail MGX DEX Buy"),
            ("Convert,USDC,-960.5", "Convert,USDC,960.5"),
        ],
        &[
            "14: Transaction Type is \"Retail MGX DEX Buy\", expected a type of rows that is known",
            "19: Transaction Type is \"Asset Migration\", expected no reverse split, \
             spin-off, merger or new name: the row does not state the new units",
            "28: row is one of the lines 28, 29 of \"a07\", expected one asset paid \
             and one received",
            "29: row is one of the lines 28, 29 of \"a07\", expected one asset paid \
             and one received",
        ],
    ),
    (
        "bybit-log",
        &[
            ("--,o3,x3", "CLOSE,o3,x3"),
            ("o3,x3", "o3,--"),
            ("TRANSFER_IN", "SETTLEMENT"),
        ],
        &[
            "3: Action is \"CLOSE\", expected a spot trade: futures are not computed",
            "4: row is the only one of \"x3\", expected all rows \
             of the trade, and line 3 is rejected",
            "9: Type is \"SETTLEMENT\", expected a spot trade: futures are not computed",
        ],
    ),
    (
        "gemini",
        &[
            ("0.05 BTC ,,0.05 BTC", "half BTC ,,0.05 BTC"),
            ("Credit,ETH,Interest", "Custody Fee,ETH,Interest"),
            ("502,402", ",402"),
        ],
        &[
            "3: USD Amount USD is \"($4,000.00)\", expected a number, perhaps with the coin of its \
             column",
            "4: Trade ID is empty, expected the id of the trade",
            "7: Type is \"Custody Fee\", expected a type of rows that is known",
        ],
    ),
    (
        "okx-funding",
        &[("Fee rebate", "Lottery"), ("-0.04,0.05", "-0.03,0.05")],
        &[
            "3: Type is \"Lottery\", expected a type of rows that is known",
            "5: Amount is \"-0.03\", expected the change of the balance, with the fee or without \
             it",
        ],
    ),
    (
        "koinly",
        &[
            ("exchange,,Main", "exchange,Liquidity in,Main"),
            ("sell,,Main", "sell,ignored,Main"),
            ("Cold,0.001,BTC,,Main,0.001", "Cold,0.001,BTC,,Main,0.0009"),
        ],
        &[
            "4: Label is \"Liquidity in\", expected a type of rows that is known",
            "5: Label is \"ignored\", expected a type of rows that is known",
            "10: Label is empty, expected a transfer of one amount: what was sent is not what was \
             received, and the row does not say why",
        ],
    ),
    (
        "cointracker",
        &[("5,SOL,165,A wallet", "4.9,SOL,165,A wallet")],
        &[
            "7: Type is \"TRANSFER\", expected a transfer of one amount: what was sent is not what \
             was received, and the row does not say why",
        ],
    ),
    (
        "cointracking",
        &[("\"300.00\",\"USD\"", "\"0.09\",\"ETH\"")],
        &[
            "6: Type is \"Trade\", expected a transfer of one amount: what was sent is not what \
             was received, and the row does not say why",
        ],
    ),
    (
        "coinbase-older",
        &[("Converted 0.5 ETH to", "Swapped 0.5 ETH for")],
        &[
            "12: Notes is \"Swapped 0.5 ETH for 7,250.125 XLM\", expected what was converted to \
             what",
        ],
    ),
    (
        "kraken-ledgers",
        &[("2025-01-14 10:00:00", "14.01.2025 10:00")],
        &["25: time is \"14.01.2025 10:00\", expected a time like 2025-01-02T03:04:05Z"],
    ),
];

#[test]
fn rows_that_make_no_trade_are_rejected_with_their_lines() {
    for (name, changes, expected) in REJECTED {
        let file = changed(name, changes);
        let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
        assert_eq!(rejected, *expected, "{name} {changes:?}");
    }
}

/// The names of columns changed four times before rows had ids.
#[test]
fn each_header_of_coinbase_gives_the_same_trades() {
    let text = sample("coinbase-older");
    let spot = [
        ("Price Currency", "Spot Price Currency"),
        (",Price at", ",Spot Price at"),
    ];
    let fees = [
        (
            "Total (inclusive of fees and/or spread)",
            "Total (inclusive of fees)",
        ),
        ("Fees and/or Spread", "Fees"),
    ];
    let total = [("Total (inclusive of fees and/or spread)", "Total")];
    for changes in [spot.to_vec(), [spot, fees].concat(), total.to_vec()] {
        let file = changed("coinbase-older", &changes);
        assert_eq!(file.format, "coinbase-older");
        assert_eq!(written(&file), written(&parsed(&text)), "{changes:?}");
    }
}

/// Returns the rows of a file whose balances agree, and all of them.
fn agreeing(file: &ParsedFile) -> (u64, u64) {
    let balances = file.balances.as_ref().unwrap();
    (balances.agreeing, balances.rows)
}

#[test]
fn balances_of_ledgers_agree_to_the_last_row() {
    let file = parsed(&sample("kraken-ledgers"));
    // All rows but the pending one.
    assert_eq!(agreeing(&file), (29, 29));
    assert_eq!(file.balances.unwrap().before, []);
    assert_eq!(file.ignored["pending"], 1);
    assert_eq!(file.ignored["moves between wallets"], 4);
    let older = fs::read_to_string(folder("kraken-ledgers").join("older.csv")).unwrap();
    let file = parsed(&older);
    assert_eq!(agreeing(&file), (8, 8));
    let before = [("XXBT".to_owned(), "0.25".to_owned())];
    assert_eq!(file.balances.unwrap().before, before);
}

#[test]
fn balances_of_accounts_agree_to_the_last_row() {
    // The rows of Bybit's second purchase stand before those of the first one.
    for (name, rows) in [
        ("bybit-account", 8),
        ("bybit-log", 8),
        ("coinbase-account", 17),
        ("coinbase-oldest", 4),
        ("gemini", 10),
        ("okx-account", 7),
        ("okx-funding", 6),
    ] {
        let file = parsed(&sample(name));
        assert_eq!(agreeing(&file), (rows, rows), "{name}");
        assert!(!file.balances.unwrap().are_at_fault());
    }
}

/// Values of a coin in dollars, and of a fee in a coin, as Binance.US states them.
#[test]
fn values_in_dollars_are_those_of_the_file() {
    let file = parsed(&sample("binance-us"));
    let more = |nth: usize| file.trades[nth].trade.more.as_deref().unwrap();
    let value = |worth: Option<Worth>| worth.map(|worth| worth.to_string());
    let fee = |nth: usize| {
        more(nth)
            .fee
            .as_ref()
            .unwrap()
            .usd_value
            .unwrap()
            .to_string()
    };
    assert_eq!((value(more(0).usd_value), fee(0)), (None, "4".into()));
    assert_eq!(
        (value(more(1).usd_value), fee(1)),
        (Some("8010".into()), "8.01".into())
    );
}

/// Such a file needs no rates. A value of what is dollars itself is left out.
#[test]
fn values_of_exchanges_are_those_of_the_file() {
    let values = |name: &str| -> Vec<[String; 2]> {
        let or_empty = |worth: Option<Worth>| worth.map_or("".into(), |it| it.to_string());
        let file = parsed(&sample(name));
        let values = file.trades.iter().map(|row| {
            let more = row.trade.more.as_deref();
            let fee = more.and_then(|more| more.fee.as_ref());
            let of_fee = fee.and_then(|fee| fee.usd_value);
            let of_fee = of_fee.map_or("".into(), |fee: Fee| fee.to_string());
            [or_empty(more.and_then(|more| more.usd_value)), of_fee]
        });
        values.collect()
    };
    let none = ["", ""];
    assert_eq!(values("koinly"), [none, ["184", "0.06"], none, none]);
    let expected = ["450", "330", "176", "220", "50", ""].map(|value| [value, ""]);
    assert_eq!(values("crypto-com-app"), expected);
}

/// The value of a conversion is that of what was received; the spread is no proceeds.
#[test]
fn a_conversion_has_the_value_of_what_was_received() {
    let head = "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at \
                Transaction,Subtotal,Total (inclusive of fees and/or spread),Fees and/or \
                Spread,Notes\n";
    let row = |asset: &str, units: &str, [price, value]: [&str; 2], note: &str| {
        format!(
            "c1,2025-01-05 07:00:00 UTC,Convert,{asset},{units},USD,${price},${value},${value},\
             $0.00,{note}\n"
        )
    };
    let value = |rows: &[String]| {
        let file = parsed(&format!("{head}{}", rows.concat()));
        assert_eq!((file.trades.len(), file.rejected.len()), (1, 0));
        let more = file.trades[0].trade.more.as_deref();
        let value = more.and_then(|more| more.usd_value);
        value.map(|worth| worth.to_string())
    };
    let note = "Converted 2 ETH to 4985 USDC";
    let sold = row("ETH", "-2", ["2500.00", "5000.00"], note);
    let received = row("USDC", "4985", ["1.00", "4985.00"], note);
    let stated = Some("4985".to_owned());
    assert_eq!(value(&[sold.clone(), received.clone()]), stated);
    assert_eq!(value(&[received, sold.clone()]), stated);
    // Alone, the row does not say the value of what was received: a dollar coin is its value.
    assert_eq!(value(&[sold]), None);
    // Of two coins, what was sold is the quote.
    let note = "Converted 2 ETH to 30 SOL";
    let sold = row("ETH", "-2", ["2500.00", "5000.00"], note);
    let received = row("SOL", "30", ["165.67", "4970.00"], note);
    assert_eq!(value(&[sold, received]), Some("4970".to_owned()));
}

/// Persons write notes: a laptop that was bought is no trade.
#[test]
fn a_note_alone_makes_no_row_the_side_of_a_trade() {
    let file = changed(
        "coinbase-oldest",
        &[
            ("an address,,", "a shop,Bought a new laptop,"),
            ("0.03,BTC,Ann,,", "0.03,BTC,Ann,Sold my bike,"),
        ],
    );
    let kinds: Vec<&str> = file.movements.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["withdrawal", "deposit"]);
    assert_eq!(file.ignored.values().sum::<u64>(), 0);
    let file = changed("coinbase-oldest", &[("a bank,t01", "a bank,")]);
    let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
    let said = "4: Transfer ID is empty, expected the id of the trade";
    assert_eq!(rejected, [said]);
}

/// A fill of OKX states its amount, its fee and the change of the balance.
#[test]
fn the_balance_of_okx_changes_by_the_amount_and_the_fee() {
    for (file, from, to, said) in [
        (
            "sample.csv",
            "90000,0,-0.00001,BTC",
            "90000,0,0.00001,BTC",
            "7: Balance Change is \"0.00999\", expected the amount and the fee together",
        ),
        (
            "older.csv",
            "USDT,0,-0.8,",
            "USDT,0,0.8,",
            "5: Balance Change is \"899.2\", expected the amount and the fee together",
        ),
    ] {
        let text = fs::read_to_string(folder("okx-account").join(file)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let rejected: Vec<String> = parsed(&changed)
            .rejected
            .iter()
            .map(ToString::to_string)
            .collect();
        // The other row of the trade is rejected with it.
        assert_eq!(rejected.len(), 2, "{rejected:?}");
        assert!(rejected.contains(&said.to_owned()), "{rejected:?}");
    }
}

/// Without a zone before the header, only a person knows it.
#[test]
fn a_file_without_a_zone_asks_for_one() {
    let text = sample("okx-account").replacen(",Time Zone:UTC+8", "", 1);
    let file = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap();
    assert_eq!((file.trades.len(), file.rejected.len()), (0, 7));
    let said = "3: Time is \"2025-04-04 08:00:00\", expected a time with an offset from UTC";
    assert_eq!(file.rejected[0].to_string(), said);
    let options = ImportOptions {
        timezone: Some(crate::import::parse_timezone("Asia/Singapore").unwrap()),
        ..options()
    };
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    assert_eq!(written(&file), written(&parsed(&sample("okx-account"))));
}

#[test]
fn changes_without_balances_show_where_earlier_rows_are_missing() {
    let file = changed("binance-records", &[("Deposit,BNB,1.0", "Deposit,SOL,1.0")]);
    let balances = file.balances.unwrap();
    assert!(!balances.are_at_fault());
    let missing = balances.negative.unwrap();
    assert_eq!((missing.line, missing.found.as_str()), (7, "-0.001"));
    assert_eq!(
        parsed(&sample("binance-records"))
            .balances
            .unwrap()
            .negative,
        None
    );
}

#[test]
fn a_ledger_that_lacks_a_row_is_found_out() {
    // Line 18, the purchase of 1,000 DOGE, is missing with the dollars that paid for it.
    let lines = sample("kraken-ledgers");
    let text: String = (1..)
        .zip(lines.lines())
        .filter(|(line, _)| ![18, 19].contains(line))
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    let balances = parsed(&text).balances.unwrap();
    assert_eq!((balances.agreeing, balances.rows), (26, 27));
    let fault = balances.differs.clone().unwrap();
    // 400 dollars, and 0.5 of dividends.
    let found = (fault.line, fault.found.as_str(), fault.expected.as_str());
    assert_eq!(found, (22, "100.5", "400.5"));
    assert_eq!(fault.asset, "USD (spot / main)");
    let before = [("DOGE (spot / main)".to_owned(), "998.4".to_owned())];
    assert_eq!(balances.before, before);
}

#[test]
fn a_balance_below_zero_has_its_line_and_its_size() {
    let file = changed(
        "kraken-ledgers",
        &[(
            "-0.0050000000,-410.00,0.0001000000,8.20,\"BTC\",0.0024",
            "-0.0080000000,-410.00,0.0001000000,8.20,\"BTC\",-0.0006",
        )],
    );
    let fault = file.balances.unwrap().negative.unwrap();
    assert_eq!((fault.line, fault.found.as_str()), (20, "-0.0006"));
    assert_eq!(fault.at.to_string(), "2025-01-10T10:00:00.000000Z");
}

/// Rows that are repeated in all cells count once.
#[test]
fn a_row_that_comes_twice_counts_once() {
    let text = sample("kraken-ledgers");
    let last = text.lines().last().unwrap();
    let file = parsed(&format!("{text}{last}\n"));
    assert_eq!((file.duplicates, file.rejected.len()), (1, 0));
    assert_eq!(written(&file), written(&parsed(&text)));
}

/// A change of a file's rows.
#[derive(Debug, Clone)]
enum RowChange {
    Repeat(usize),
    Swap(usize, usize),
}

fn row_change() -> impl Strategy<Value = RowChange> {
    let place = 0..1_000_usize;
    prop_oneof![
        place.clone().prop_map(RowChange::Repeat),
        (place.clone(), place).prop_map(|(one, other)| RowChange::Swap(one, other)),
    ]
}

proptest! {
    /// A file with balances that lacks a row gives trades of the whole file only, or the balances
    /// say that a row is missing. They can't say that of the last row of an asset, so no such row
    /// of a sample is in a trade of more than two rows.
    #[test]
    fn a_row_that_is_missing_makes_no_other_trade(
        layout in prop::sample::select(with_balances()),
        missing in any::<Option<prop::sample::Index>>(),
        changes in prop::collection::vec(row_change(), 0..4),
    ) {
        let text = table(layout);
        let facts = |file: &ParsedFile| {
            let rows = written(file);
            let rows = rows.lines().skip(1).map(|row| row.rsplit_once(',').unwrap().0.to_owned());
            rows.collect::<std::collections::BTreeSet<String>>()
        };
        let whole = parsed(&text);
        let first = head_lines(&text);
        let mut rows: Vec<&str> = text.lines().skip(first).collect();
        if let Some(missing) = missing {
            rows.remove(missing.index(rows.len()));
        }
        for change in changes {
            let rows_max = rows.len().max(1);
            match change {
                RowChange::Repeat(at) => {
                    rows.insert(at % rows_max, rows[(at / 3) % rows_max]);
                }
                RowChange::Swap(one, other) => {
                    rows.swap(one % rows_max, other % rows_max);
                }
            }
        }
        let head: Vec<&str> = text.lines().take(first).collect();
        let file = parsed(&[head, rows].concat().join("\n"));
        let are_at_fault = file.balances.as_ref().is_some_and(Balances::are_at_fault);
        prop_assert!(are_at_fault || facts(&file).is_subset(&facts(&whole)));
    }
}

/// Returns the formats whose files state balances.
fn with_balances() -> Vec<&'static str> {
    let joined = readable().into_iter().filter(|format| format.joins_rows);
    let names = joined.map(|format| format.name);
    names
        .filter(|name| {
            let balances = parsed(&sample(name)).balances;
            balances.is_some_and(|balances| balances.are_stated)
        })
        .collect()
}

/// Returns the number of lines up to the header.
fn head_lines(text: &str) -> usize {
    let mut rows = crate::import::rows::RowReader::new(text, 1);
    let found = crate::import::formats::recognise(&mut rows, &options()).unwrap();
    usize::try_from(found.unwrap().1).unwrap()
}

/// An empty name of a currency would be an asset of its own.
#[test]
fn an_amount_without_a_currency_is_refused() {
    for (name, from, to) in [
        ("koinly", "0.005,BTC,450", "0.005,,450"),
        ("koinly", "Main,450,USD", "Main,450,"),
        ("cointracker", ",USD,", ",,"),
    ] {
        let text = sample(name);
        assert!(text.contains(from), "{name}: {from}");
        let file = parsed(&text.replacen(from, to, 1));
        let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
        let said = "expected a currency or coin beside each amount of the row";
        assert!(
            rejected.len() == 1 && rejected[0].contains(said),
            "{name}: {rejected:?}"
        );
    }
}
