//! Rows of brokers: names of categories and shares, ways of money, suffixes, options.

use super::*;

/// Statements of a company of Interactive Brokers say who holds the assets.
#[test]
fn a_category_may_name_the_holder_of_its_assets() {
    let plain = parsed(&sample("ib-activity"));
    for holder in [
        "Interactive Brokers (U.K.) Limited",
        "Interactive Brokers (U.K.) Limited carried by Interactive Brokers LLC",
    ] {
        let text = sample("ib-activity");
        let text = text.replace("Stocks,", &format!("Stocks - Held with {holder},"));
        let text = text.replace("Forex,", &format!("Forex - Held with {holder},"));
        let file = parsed(&text);
        assert_eq!(rejected(&file), [""; 0]);
        assert_eq!(
            (&file.trades, &file.actions),
            (&plain.trades, &plain.actions)
        );
        assert_eq!(
            (&file.movements, &file.ignored),
            (&plain.movements, &plain.ignored)
        );
    }
    let options =
        sample("ib-activity").replace("Trade,Stocks,USD,TUV", "Trade,Funds - Held with X,USD,TUV");
    let said = rejected(&parsed(&options));
    assert!(said[0].contains("Asset Category is \"Funds\""), "{said:?}");
}

/// A class of shares stands after a blank. Splits and trades have one name for it.
#[test]
fn the_split_of_a_class_of_shares_has_the_name_of_its_trades() {
    for (name, from, to) in [
        (
            "ib-activity",
            "WXY(US0000000003) Split",
            "BRK B(US0000000003) Split",
        ),
        (
            "ib-transactions",
            "ABC(US0000000001) Split",
            "BRK B(US0000000001) Split",
        ),
        (
            "schwab",
            "\"Stock Split\",\"DEF\"",
            "\"Stock Split\",\"BRK/B\"",
        ),
        ("robinhood", "\"DEF\",\"Def Corp", "\"BRK B\",\"Def Corp"),
    ] {
        let file = changed(name, &[(from, to)]);
        assert_eq!(rejected(&file), [""; 0], "{name}");
        let split = file.actions.iter().find(|it| it.asset.as_str() == "BRK.B");
        assert!(split.is_some(), "{name}: {:?}", file.actions);
    }
    let file = changed(
        "robinhood",
        &[(
            "\"XYZ\",\"Xyz Corp\nCUSIP: 000000002\",\"ACATI\"",
            "\"BRK B\",\"B\",\"ACATI\"",
        )],
    );
    assert!(file.movements.iter().any(|it| it.asset.as_str() == "BRK.B"));
}

/// Ways, sizes, kinds and assets of the movements of a file, and its rejected rows.
fn moved(text: &str) -> (Vec<String>, Vec<String>) {
    let file = parsed(text);
    let rows = file.movements.iter();
    let rows = rows.map(|it| format!("{} {} {} {}", it.direction, it.size, it.asset, it.kind));
    (rows.collect(), rejected(&file))
}

#[test]
fn money_goes_either_way_at_schwab() {
    let header = sample("schwab");
    let header = header.lines().nth(1).unwrap();
    let row = |action: &str, amount: &str| {
        format!("\"05/02/2023\",\"{action}\",\"\",\"A TEXT\",\"\",\"\",\"\",\"{amount}\"\n")
    };
    let rows = [
        ("Wire Funds", "$3,000.00", "in 3000 USD transfer"),
        ("Wire Funds", "-$40.00", "out 40 USD transfer"),
        ("Wire Funds Received", "$41.00", "in 41 USD deposit"),
        ("Wire Received", "$42.00", "in 42 USD deposit"),
        ("Wire Sent", "-$43.00", "out 43 USD withdrawal"),
        ("MoneyLink Transfer", "-$44.00", "out 44 USD transfer"),
        ("MoneyLink Deposit", "$45.00", "in 45 USD deposit"),
        ("MoneyLink Withdrawal", "-$45.50", "out 45.5 USD withdrawal"),
        // What was sent is given back.
        ("MoneyLink Deposit", "-$46.00", "out 46 USD adjustment"),
        ("Wire Sent", "$47.00", "in 47 USD adjustment"),
        ("Wire Funds Adj", "$48.00", "in 48 USD adjustment"),
        ("MoneyLink Adj", "-$49.00", "out 49 USD adjustment"),
    ];
    let text: String = rows.iter().map(|it| row(it.0, it.1)).collect();
    let (found, rejected) = moved(&format!("{header}\n{text}"));
    assert_eq!(found, rows.map(|it| it.2));
    assert_eq!(rejected, [""; 0]);
    let text = sample("ib-transactions").replacen("500.0,-,500.0", "-500.0,-,-500.0", 1);
    let (found, _) = moved(&text);
    assert!(
        found.contains(&"out 500 USD adjustment".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_quantity_of_robinhood_may_have_a_suffix() {
    let file = changed(
        "robinhood",
        &[
            ("\"Sell\",\"4\"", "\"Sell\",\"4S\""),
            ("\"ACATI\",\"12\"", "\"ACATO\",\"30S\""),
        ],
    );
    assert_eq!(rejected(&file), [""; 0]);
    assert_eq!(file.trades[0].trade.size.to_string(), "4");
    let out = file
        .movements
        .iter()
        .find(|it| it.asset.as_str() == "XYZ")
        .unwrap();
    assert_eq!(
        (out.size.to_string(), out.direction.to_string()),
        ("30".into(), "out".into())
    );
}

/// 100 shares at 0.0005 are 0.05, less a fee of 4.95.
#[test]
fn a_sale_at_schwab_may_cost_money() {
    let sale = |amount: &str| {
        let rest = format!("\"100\",\"$0.0005\",\"$4.95\",\"{amount}\"");
        changed(
            "schwab",
            &[("\"15\",\"$221.345\",\"$0.11\",\"$3,320.07\"", &rest)],
        )
    };
    let file = sale("-$4.90");
    assert_eq!(rejected(&file), [""; 0]);
    let trade = &file.trades[0].trade;
    let value = trade.more.as_ref().and_then(|more| more.quote_value);
    assert_eq!(
        (value.unwrap().to_string(), trade.fee.unwrap().to_string()),
        ("0.05".into(), "4.95".into())
    );
    // A sale that costs more than its fee is a purchase, or reversed.
    assert!(rejected(&sale("-$5.00"))[0].contains("expected a number above zero"));
    assert!(rejected(&sale("-$0.10"))[0].contains("expected about size x price"));
}

/// The option stands in one row, and the shares at the strike price in another one of that day.
#[test]
fn shares_beside_an_option_of_the_same_day_are_refused() {
    let why = "expected a share that was bought or sold for its price: the premium of an exercised \
               or assigned option is a part of its cost";
    let option = "expected a trade of stocks: options are not computed";
    for code in ["OASGN", "OEXCS"] {
        let day = "3/8/2024,3/8/2024,3/12/2024";
        let row = format!("{day},ABC,\"ABC 3/8/2024 Put $1,200.00\",{code},1,,\n");
        let text = sample("robinhood");
        let (head, rows) = text.split_once('\n').unwrap();
        let file = parsed(&format!("{head}\n{row}{rows}"));
        assert_eq!(
            rejected(&file),
            [
                format!("2: Trans Code is \"{code}\", {option}"),
                format!("10: row is a trade of the shares of line 2, {why}"),
            ]
        );
        // Trades of that day only, and of these shares only.
        assert_eq!(file.trades.len(), 3);
        assert!(
            file.rejected[1]
                .text
                .starts_with("\"3/8/2024\",\"3/8/2024\",\"3/12/2024\",\"ABC\"")
        );
    }
    for action in ["Assigned", "Exchange or Exercise"] {
        let day = "05/03/2023 as of 05/02/2023";
        let row = format!("{day},{action},ABC 05/19/2023 220.00 C,CALL,1,,,\n");
        let text = sample("schwab");
        let place = text.find("\"05/02/2023\"").unwrap();
        let (head, rows) = text.split_at(place);
        let file = parsed(&format!("{head}{row}{rows}"));
        let option = "expected a trade of securities: options are not computed";
        assert_eq!(
            rejected(&file),
            [
                format!("3: Action is \"{action}\", {option}"),
                format!("4: row is a trade of the shares of line 3, {why}"),
            ]
        );
        assert_eq!(file.trades.len(), 2);
    }
    // An option that expired brings no shares.
    let file = changed(
        "schwab",
        &[(
            "\"Margin Interest\",\"\"",
            "\"Expired\",\"ABC 05/19/2023 220.00 C\"",
        )],
    );
    assert_eq!(rejected(&file).len(), 1);
}
