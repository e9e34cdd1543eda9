//! Rows of the Coinbase app: the note beside the row, and sales that bring less than their fee.

use super::*;

const NOTE: &str = "Sold 4 SOL for 834.96 USD on SOL-USD at 210 USD/SOL";

/// A note has the price of a trade against a coin: it has to be the note of this row.
#[test]
fn a_note_of_coinbase_is_that_of_its_row() {
    let why = "expected the asset and the quantity of the row";
    for other in [
        "Sold 2 SOL for 834.96 USD on SOL-USD at 210 USD/SOL",
        "Sold 4 ETH for 834.96 USD on SOL-USD at 210 USD/SOL",
        "Sold 4 SOL for 834.96 USD on ETH-USD at 210 USD/SOL",
        "Sold 4.1 SOL for 834.96 USDC on SOL-USDC at 210 USDC/SOL",
    ] {
        let said = fault_of("coinbase", NOTE, other);
        assert!(
            said.contains(": Notes is ") && said.ends_with(why),
            "{said}"
        );
    }
    // Some notes have fewer decimals than their row.
    let short = [
        ("SOL,-4,USD", "SOL,-4.004,USD"),
        (NOTE, "Sold 4.00 SOL for 834.96 USD"),
    ];
    assert_eq!(rejected(&changed("coinbase", &short)), [""; 0]);
}

/// Three trades at a rate that is rounded: 0.333 x 2000.01 = 666.0033, and 666 was paid.
#[test]
fn the_rate_of_a_note_may_be_rounded() {
    let header = sample("coinbase");
    let header = header.lines().find(|line| line.starts_with("ID,")).unwrap();
    let row = |paid: &str, rate: &str| {
        let note = format!("Bought 0.333 ETH for {paid} USDC on ETH-USDC at {rate} USDC/ETH");
        let sums = "0.333,USD,$2000.00,$666.00,$666.00,$0.00";
        parsed(&format!(
            "{header}\na1,2025-01-02 10:00:00 UTC,Advanced Trade Buy,ETH,{sums},{note},,\n"
        ))
    };
    let price_and_fee = |file: &ParsedFile| {
        let trade = &file.trades[0].trade;
        let fee = trade.more.as_ref().and_then(|more| more.fee.as_ref());
        (
            trade.price.to_string(),
            fee.map(|fee| fee.amount.to_string()),
        )
    };
    // 666 / 0.333 = 2000.
    let expected = ("2000".to_owned(), Some("0".to_owned()));
    assert_eq!(price_and_fee(&row("666.00", "2000.01")), expected);
    // Of a rate below, the rest is the fee: 666 - 0.333 x 1990 = 3.33.
    let fee = Some("3.33".to_owned());
    assert_eq!(price_and_fee(&row("666.00", "1990.00")).1, fee);
    // 0.333 x 2000.10 = 666.0333, and rounding moves it by 0.00333 and a cent.
    let said = rejected(&row("666.00", "2000.10"));
    assert!(
        said[0].contains("expected the amounts and the pair"),
        "{said:?}"
    );
}

/// 0.0001 x 2000 = 0.20, and the fee is 0.99.
#[test]
fn a_sale_may_bring_less_than_its_fee() {
    let header = sample("coinbase");
    let header = header.lines().find(|line| line.starts_with("ID,")).unwrap();
    let sale = |quantity: &str, subtotal: &str, total: &str| {
        let sums = format!("{quantity},USD,$2000.00,{subtotal},{total},$0.99");
        parsed(&format!(
            "{header}\na1,2025-01-02 10:00:00 UTC,Sell,ETH,{sums},,,\n"
        ))
    };
    for (quantity, subtotal, total) in [
        ("-0.0001", "-$0.20", "$0.79"),
        ("0.0001", "$0.20", "-$0.79"),
    ] {
        let file = sale(quantity, subtotal, total);
        assert_eq!(rejected(&file), [""; 0]);
        let trade = &file.trades[0].trade;
        let facts = (trade.size.to_string(), trade.price.to_string(), trade.fee);
        assert_eq!(facts.2.unwrap().to_string(), "0.99");
        assert_eq!((facts.0.as_str(), facts.1.as_str()), ("0.0001", "2000"));
    }
    // The total has the wrong sign, or the wrong size.
    for (subtotal, total) in [
        ("-$0.20", "-$0.79"),
        ("-$0.20", "$0.60"),
        ("$0.20", "$0.79"),
    ] {
        let said = rejected(&sale("-0.0001", subtotal, total));
        let why = "expected fees that are the difference of subtotal and total";
        assert!(said.len() == 1 && said[0].ends_with(why), "{said:?}");
    }
    // The report of a coin, before 2019, and the wallet, whose rows have no price.
    let text = fs::read_to_string(folder("coinbase-oldest").join("older.csv")).unwrap();
    let of = |sums: &str| {
        let changed = text.replacen("0.2,341.60,5.08,336.52,USD,1708.00", sums, 1);
        assert_ne!(changed, text);
        rejected(&parsed(&changed))
    };
    assert_eq!(of("0.0001,0.17,0.99,-0.82,USD,1708.00"), [""; 0]);
    let why = "expected the sum of value and fee, or their difference in a sale";
    assert!(of("0.0001,0.17,0.99,0.82,USD,1708.00")[0].ends_with(why));
    let said = fault_of("coinbase-oldest", "false,336.52,USD", "false,-0.82,USD");
    assert!(said.ends_with("expected more than the fee"), "{said}");
}

/// A conversion states its quantity in the row and in the note, and its value by price and by sums.
#[test]
fn the_numbers_of_a_conversion_agree() {
    let note = "Converted 0.01 BTC to 1,010.5 USDC";
    let row = format!("BTC,-0.01,USD,\"$101,500.00\",\"$1,015.00\",\"$1,015.00\",$0.00,\"{note}\"");
    let of = |from: &str, to: &str| {
        let changed_row = row.replacen(from, to, 1);
        assert!(changed_row != row || from == to, "{from}");
        rejected(&changed("coinbase", &[(&row, &changed_row)]))
    };
    assert_eq!(of(note, note), [""; 0]);
    for (from, to, column, why) in [
        (
            "-0.01,",
            "-1,",
            "Subtotal",
            "expected about the quantity x the price",
        ),
        (
            "0.01 BTC",
            "0.1 BTC",
            "Notes",
            "expected the asset and the quantity of the row",
        ),
        (
            "0.01 BTC",
            "0.01 ETH",
            "Notes",
            "expected the asset and the quantity of the row",
        ),
        (
            "\"$1,015.00\",\"$1,015.00\"",
            "\"$10,150.00\",\"$10,150.00\"",
            "Subtotal",
            "expected about the quantity x the price",
        ),
        (
            "\"$1,015.00\",$0.00",
            "\"$1,015.00\",$10.00",
            "Subtotal",
            "expected the sum of subtotal and fees, or their difference",
        ),
    ] {
        let said = of(from, to);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains(&format!(": {column} is ")) && said[0].ends_with(why),
            "{said:?}"
        );
    }
    // Quantity and total changed places.
    let row = "0.5,USD,1850.00,925.00,934.25,9.25";
    let said = fault_of("coinbase-older", row, "934.25,USD,1850.00,925.00,0.5,9.25");
    assert!(
        said.ends_with("expected about the quantity x the price"),
        "{said}"
    );
    // The price may be that of the total, and the fee may be stated as a part of it.
    for sums in [
        "0.5,USD,1850.00,915.75,925.00,9.25",
        "0.5,USD,1850.00,925.00,915.75,-9.25",
    ] {
        assert_eq!(
            rejected(&changed("coinbase-older", &[(row, sums)])),
            [""; 0],
            "{sums}"
        );
    }
}

/// The value of income is its subtotal: it has to be about the quantity x the price.
#[test]
fn the_value_of_income_agrees_with_its_price() {
    let header = sample("coinbase");
    let header = header.lines().find(|line| line.starts_with("ID,")).unwrap();
    let row = |sums: &str| {
        let row = format!("a1,2025-01-02 10:00:00 UTC,Staking Income,ETH,{sums},,,");
        rejected(&parsed(&format!("{header}\n{row}\n")))
    };
    for fine in [
        "0.01,USD,$3000.00,$30.00,$30.00,$0.00",
        "0.01,USD,$3000.00,,,",
        "0.01,USD,,$30.00,$30.00,$0.00",
        "0.00000001,USD,$3000.00,$0.00,$0.00,$0.00",
        "500,USD,$0.00,$0.12,$0.12,$0.00",
    ] {
        assert_eq!(row(fine), [""; 0], "{fine}");
    }
    let said = row("0.01,USD,$3000.00,$300.00,$300.00,$0.00");
    let why = "Subtotal is \"$300.00\", expected about the quantity x the price";
    assert!(said.len() == 1 && said[0].ends_with(why), "{said:?}");
}
