//! Rejected rows, and the trades that they are a part of.

use super::*;

/// The rest of a trade would be one that is not in the file: of half the money, or without its fee.
#[test]
fn a_rejected_row_takes_its_trade_with_it() {
    for (name, from, to, lost, others) in [
        // A fee of a trade, and its fee is not zero.
        (
            "coinbase-account",
            "-10,9990,USD,,101",
            "-1x,9990,USD,,101",
            6,
            &[4, 5][..],
        ),
        // Its key can't be read: all trades of its second.
        (
            "coinbase-account",
            "-10,9990,USD,,101",
            "-10,9990,USD,,",
            6,
            &[4, 5],
        ),
        // Nor its time: the trades of the rows beside it.
        (
            "binance-records",
            "2024-05-02 09:00:00,Spot,Fee",
            "soon,Spot,Fee",
            7,
            &[5, 6, 8, 9, 10, 11, 12],
        ),
        (
            "binance-records",
            "Spot,Fee,BNB",
            "Spot,Levy,BNB",
            7,
            &[5, 6],
        ),
        (
            "binance-records",
            "Transaction Spend,USDT,-750",
            "Transaction Spend,USDT,-7.5.0",
            11,
            &[8, 9, 10, 12],
        ),
        (
            "crypto-com-journal",
            "TRADE_FEE,BTC",
            "TRADE_TAX,BTC",
            8,
            &[6, 7],
        ),
        ("coinledger", "Platform Fee", "Exchange Fee", 5, &[3, 4]),
    ] {
        let file = changed(name, &[(from, to)]);
        let said: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
        let lines: Vec<u64> = file.rejected.iter().map(|row| row.line).collect();
        let mut expected: Vec<u64> = others.iter().copied().chain([lost]).collect();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{name} {to}: {said:#?}");
        let why = format!("expected all rows of the trade, and line {lost} is rejected");
        let with_why = said.iter().filter(|it| it.ends_with(&why)).count();
        assert_eq!(with_why, others.len(), "{name} {to}: {said:#?}");
    }
}

/// Half of what was paid, and an order of two fills.
#[test]
fn half_a_trade_is_no_trade() {
    let head = "\"txid\",\"refid\",\"time\",\"type\",\"subtype\",\"aclass\",\"asset\",\
                \"amount\",\"fee\",\"balance\"\n";
    let row = |id: &str, key: &str, asset: &str, amount: &str| {
        format!("{id},{key},2025-01-02 00:00:00,trade,,currency,{asset},{amount},0,\n")
    };
    let rows = [
        row("L1", "T1", "ZEUR", "-500"),
        row("L2", "T1", "ZEUR", "-5x0"),
        row("L3", "T1", "XXBT", "0.01"),
        // Another trade of the same second, with a key of its own.
        row("L4", "T2", "ZEUR", "-500"),
        row("L5", "T2", "XXBT", "0.01"),
    ];
    let file = parsed(&(head.to_owned() + &rows.concat()));
    let lines: Vec<u64> = file.rejected.iter().map(|row| row.line).collect();
    assert_eq!(
        (lines.as_slice(), file.trades.len()),
        ([2, 3, 4].as_slice(), 1)
    );
    let cut = row("L2", "T1", "ZEUR", "-500").replace(",0,", "");
    let rows = [rows[0].clone(), cut, rows[2].clone()];
    let file = parsed(&(head.to_owned() + &rows.concat()));
    assert_eq!((file.rejected.len(), file.trades.len()), (3, 0));
}

/// Only a deposit or withdrawal that is not booked yet has no id, and no balance.
#[test]
fn a_row_of_kraken_without_an_id_is_pending_or_refused() {
    let head = "\"txid\",\"refid\",\"time\",\"type\",\"subtype\",\"aclass\",\"asset\",\
                \"amount\",\"fee\",\"balance\"\n";
    let row = |id: &str, kind: &str, amount: &str, balance: &str| {
        format!("{id},T1,2025-01-02 00:00:00,{kind},,currency,ZEUR,{amount},0,{balance}\n")
    };
    let received = "L3,T1,2025-01-02 00:00:00,trade,,currency,XXBT,0.01,0,\n";
    let trade = row("L1", "trade", "-500", "") + &row("", "trade", "-500", "") + received;
    let file = parsed(&(head.to_owned() + &trade));
    let why = "expected an id: only a pending deposit or withdrawal, without a balance, has none";
    let said: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert_eq!(said[1], format!("3: txid is empty, {why}"));
    assert!(file.trades.is_empty());

    let booked = row("", "deposit", "5", "5") + &row("", "withdrawal", "-5", "");
    let file = parsed(&(head.to_owned() + &booked));
    assert_eq!((file.rejected.len(), file.ignored["pending"]), (1, 1));
    assert_eq!(file.rejected[0].line, 2);

    // Somebody emptied the ids.
    let mut lines = Vec::new();
    for line in sample("kraken-ledgers").lines() {
        let (_, rest) = line.split_once(',').unwrap();
        let id = if lines.is_empty() { "\"txid\"" } else { "" };
        lines.push(format!("{id},{rest}\n"));
    }
    let file = parsed(&lines.concat());
    assert_eq!((file.rejected.len(), file.trades.len()), (29, 0));
}

/// An empty amount is no zero: the trade would be another one, or without its fee.
#[test]
fn a_row_without_its_amount_takes_its_trade_with_it() {
    for (name, from, to, said) in [
        (
            "binance-records",
            "Transaction Buy,ETH,0.50000000,",
            "Transaction Buy,ETH,,",
            "8: Change is empty, expected a number",
        ),
        (
            "binance-records",
            "Transaction Fee,ETH,-0.00075000,",
            "Transaction Fee,ETH,,",
            "12: Change is empty, expected a number",
        ),
        (
            "crypto-com-journal",
            "TAKER,,-0.0001,0",
            "TAKER,,,0",
            "8: Transaction Quantity is empty, expected a number",
        ),
        (
            "coinledger",
            "Platform Fee,EUR,-6.4,",
            "Platform Fee,EUR,,",
            "5: Amount is empty, expected a number",
        ),
        (
            "coinbase-account",
            ",-10,9990,USD,,101",
            ",,9990,USD,,101",
            "6: amount is empty, expected a number",
        ),
        (
            "kraken-ledgers",
            "-500.0000,-515.00",
            ",-515.00",
            "6: amount is empty, expected a number",
        ),
    ] {
        let whole = parsed(&sample(name)).trades.len();
        let file = changed(name, &[(from, to)]);
        let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
        let is_named = rejected.contains(&said.to_owned()) && rejected.len() > 1;
        assert!(is_named, "{name}: {rejected:?}");
        assert_eq!(file.trades.len() + 1, whole, "{name}");
    }
}
