//! `explain` of trades that are no plain dollar trades, and of sells without rows.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,fee_amount,\
                      fee_currency,fee_usd_value";

fn folder(rows: &str) -> Folder {
    let folder = Folder::new();
    folder.write("trades.csv", format!("{HEADER}\n{rows}"));
    folder
}

/// Checks that a text fits a terminal of 80 columns.
#[track_caller]
fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

fn explained(folder: &Folder, sell: &str) -> String {
    folder
        .fifo_pnl(&["explain", "--sell", sell])
        .expect(0)
        .stdout
}

/// x1 buys 4 ETH for 0.4 BTC. By the price of b0, that is 0.4 x 120 = 48 USD. The fee of 0.4 ETH is
/// 4.8 USD. So 3.6 ETH come in, at 43.2 USD. The first 0.4 of 0.99 BTC cost 100 x 0.4 / 0.99.
#[test]
fn a_withheld_fee_and_the_price_of_an_own_trade_can_be_followed() {
    let folder = folder(
        "b1,BTC-USD,buy,1,100,2025-01-01T10:00:00Z,,0.01,BTC,\n\
         b0,BTC-USD,buy,1,120,2025-01-01T20:00:00Z,0,,,\n\
         x1,ETH-BTC,buy,4,0.1,2025-01-02T10:00:00Z,,0.4,ETH,4.8\n\
         s1,ETH-USD,sell,3.6,20,2025-01-03T10:00:00Z,0,,,\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let text = explained(&folder, "s1");
    for line in [
        "      3.6 worth 43.2 USD, fee 0\n",
        "      row: buy 4 ETH-BTC at 0.1 BTC\n",
        "      fee_amount 0.4, fee_currency ETH, fee_usd_value 4.8\n",
        "      value 0.4 BTC x 120 = 48 USD\n",
        "        1 BTC = 120 USD, from trade b0, trades.csv, line 3\n",
        "      units 4 - 0.4 ETH of fee = 3.6\n      worth 48 - 4.8 of fee = 43.2 USD\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_fits(&text);
    let paid = explained(&folder, "x1");
    assert_fits(&paid);
    // It was withheld from the ETH that came in.
    assert!(!paid.contains("leaves the pool"), "{paid}");
    for line in [
        "      0.4 worth 48 USD, fee 4.8\n",
        "      row: buy 1 BTC-USD at 100 USD\n",
        "      units 1 - 0.01 BTC of fee = 0.99\n",
        "40.40404040404\n",
    ] {
        assert!(paid.contains(line), "{line}: {paid}");
    }
    let json = folder.fifo_pnl(&["explain", "--sell", "s1", "--json"]);
    let json = json.expect(0).json();
    assert_eq!(json["sell"]["price"], "20");
    assert!(json["sell"]["row"].is_null());
    let buy = &json["slices"][0]["lot"]["buy"];
    assert!(buy["price"].is_null());
    assert_eq!(
        (&buy["row"]["price"], &buy["row"]["quote"]),
        (&"0.1".into(), &"BTC".into())
    );
    assert_eq!(buy["withheld"]["units_before"], "4");
    assert_eq!(buy["withheld"]["value_before_usd"], "48");
    assert_eq!(buy["withheld"]["fee_usd"], "4.8");
    let step = &buy["rates"][0]["steps"][0];
    assert_eq!(
        (&step["file"], &step["line"]),
        (&"trades.csv".into(), &3.into())
    );
}

/// The sell gives 3 ETH for 30 USD, and 0.1 BNB of fee at 300 USD: 30 USD of fee.
#[test]
fn a_fee_in_a_coin_names_the_pool_that_it_leaves_and_long_formulas_break_at_their_minus() {
    let folder = folder(
        "n1,BNB-USD,buy,1,300,2025-01-01T10:00:00Z,0,,,\n\
         b1,ETH-USD,buy,1.000000001,10.123456789,2025-01-01T10:00:00Z,0,,,\n\
         b2,ETH-USD,buy,2,10,2025-01-01T11:00:00Z,0,,,\n\
         s1,ETH-USD,sell,3,10.987654321,2025-01-01T12:00:00Z,,0.100000001,BNB,\n\
         b3,ETH-USD,buy,1,10,2025-01-01T13:00:00Z,0,,,\n\
         s2,ETH-USD,sell,1,11,2025-01-01T14:00:00Z,,-0.01,BNB,\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let rebate = explained(&folder, "s2");
    let said = "\n      the rebate is a lot in the pool of BNB\n";
    assert!(rebate.contains(said), "{rebate}");
    let text = explained(&folder, "s1");
    assert_fits(&text);
    let fee = "\n      the fee of 0.100000001 BNB leaves the pool of BNB\n";
    assert!(text.contains(fee), "{text}");
    let lines =
        ["\n  - sell fee    30.0000003 x 3 / 3\n              - 30.0000003 x 1.000000001 / 3\n"];
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_sell_of_a_rejected_pool_says_which_rate_is_missing() {
    let folder = folder(
        "b1,BTC-EUR,buy,2,100,2025-03-07T10:00:00Z,0,,,\n\
         s1,BTC-USD,sell,1,200,2025-03-08T10:00:00Z,0,,,\n\
         s2,BTC-EUR,sell,1,200,2025-03-09T10:00:00Z,0,,,\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    for sell in ["s1", "s2"] {
        let done = folder.fifo_pnl(&["explain", "--sell", sell]).expect(2);
        let said = format!("error: version 1 has no rows of \"{sell}\": default BTC is rejected: ");
        assert!(done.stderr.contains(&said), "{}", done.stderr);
        for part in [
            "a rate of EUR on 2025-03-07 is missing",
            "`fifo-pnl rates missing -o FILE` lists all missing rates",
        ] {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
    }
}

#[test]
fn an_excluded_pool_and_a_rejected_leg_say_so() {
    let folder = folder(
        "b1,ETH-USD,buy,1,10,2025-01-01T10:00:00Z,0,,,\n\
         n1,BNB-EUR,buy,1,5,2025-01-01T10:00:00Z,0,,,\n\
         s1,ETH-USD,sell,1,12,2025-01-02T10:00:00Z,,0.1,BNB,1\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let text = explained(&folder, "s1");
    let said =
        "\nAnother leg: version 1 has no rows of \"s1\": default BNB is rejected: order \"n1\"";
    assert!(text.contains("cost          10 x 1 "), "{text}");
    assert!(text.contains(said), "{text}");
    let exclude = [
        "review",
        "exclude",
        "--account",
        "default",
        "--asset",
        "ETH",
    ];
    folder
        .fifo_pnl(&[&exclude[..], &["--reason", "a test"]].concat())
        .expect(0);
    folder.compute(&["--all-symbols"]);
    let done = folder.fifo_pnl(&["explain", "--sell", "s1", "--version", "2"]);
    let done = done.expect(2);
    for part in [
        "version 2 has no rows of \"s1\": default ETH is excluded: a test\n",
        "`fifo-pnl review include --account NAME --asset ASSET` ends the exclusion",
    ] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
}

#[test]
fn a_difference_of_two_amounts_takes_two_lines() {
    let folder = folder(
        "b1,BTC-USD,buy,3,100000.123456,2025-01-01T10:00:00Z,0.123456789,,,\n\
         s1,BTC-USD,sell,1.123456789,200,2025-01-02T10:00:00Z,0,,,\n\
         s2,BTC-USD,sell,1.123456789,200,2025-01-03T10:00:00Z,0,,,\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let text = explained(&folder, "s2");
    let lines = "  cost          100000.123456 x 2.246913578\n              \
                 - 100000.123456 x 1.123456789\n";
    assert!(text.contains(lines), "{text}");
    assert_fits(&text);
}

/// One rate is missing for all trades: each of them is an item, and the list has one line.
#[test]
fn a_list_groups_the_items_of_a_missing_rate() {
    let rows: String = (100..160)
        .map(|id| format!("b{id},BTC-EUR,buy,1,5,2025-01-01T10:00:00Z,0,,,\n"))
        .collect();
    let folder = folder(&rows);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let said = "  No rate of  Day (UTC)   Items  First id\n\
                \x20 EUR         2025-01-01     60         1\n\n\
                Import a file that has these rates; or `fifo-pnl rates missing -o FILE` writes a \
                file to fill in and import. `fifo-pnl review list --all` lists each item.\n\n\
                60 items. `fifo-pnl review show ID` says what settles one.\n";
    assert!(text.contains(said), "{text}");
    assert_eq!(text.matches(" a rate of EUR on ").count(), 0, "{text}");
    let text = folder
        .fifo_pnl(&["review", "list", "--all"])
        .expect(0)
        .stdout;
    assert_eq!(text.matches(" a rate of EUR on ").count(), 60, "{text}");
    let json = folder.fifo_pnl(&["review", "list", "--json"]).expect(0);
    assert_eq!(json.json()["items"].as_array().unwrap().len(), 60);
    assert_eq!(json.json()["items"][0]["order_id"], "b100");
}

#[test]
fn a_long_list_of_items_is_cut_and_says_so() {
    let rows: String = (100..160)
        .map(|id| format!("s{id},BTC-USD,sell,1,5,2025-01-01T10:00:00Z,0,,,\n"))
        .collect();
    let folder = folder(&rows);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let said = "\n60 items; 10 of them not shown. --all and --json have all, and `fifo-pnl review \
                export -o FILE` writes all open ones. `fifo-pnl review show ID` says what settles \
                one.\n";
    assert!(text.contains(said), "{text}");
    assert_eq!(
        text.matches(" no open lot for 1 BTC of").count(),
        50,
        "{text}"
    );
    let text = folder
        .fifo_pnl(&["review", "list", "--all"])
        .expect(0)
        .stdout;
    assert_eq!(
        text.matches(" no open lot for 1 BTC of").count(),
        60,
        "{text}"
    );
}

#[test]
fn an_item_says_which_part_of_a_trade_found_no_lot() {
    // x1 pays 4 BTC at 100 USD; only 1 BTC has a lot. The fee of 0.5 BNB and 1 of 41 ETH have none.
    let folder = folder(
        "b1,BTC-USD,buy,1,100,2025-01-01T10:00:00Z,0,,,\n\
         x1,ETH-BTC,buy,40,0.1,2025-01-01T11:00:00Z,,0.5,BNB,3\n\
         s1,ETH-USD,sell,41,10,2025-01-03T10:00:00Z,0,,,\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let json = folder.fifo_pnl(&["review", "list", "--json"]).expect(0);
    let json = json.json();
    let items = json["items"].as_array().unwrap();
    let texts: Vec<&str> = items
        .iter()
        .map(|item| item["description"].as_str().unwrap())
        .collect();
    for expected in [
        "no open lot for 3 BTC that this trade paid: 300 USD of proceeds have no cost basis",
        "no open lot for 0.5 BNB of this trade's fee: 3 USD of proceeds have no cost basis",
        "no open lot for 1 ETH of this sell: 10 USD of proceeds have no cost basis",
    ] {
        assert!(texts.contains(&expected), "{expected}\n{texts:#?}");
    }
    assert_eq!(texts.len(), 3);
}

#[test]
fn a_trade_that_lacks_a_rate_is_no_faulty_row_beside_one() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,contract_size\n\
         a1,BTC-EUR,buy,1,100,2025-03-03T10:00:00Z,0,\n\
         a2,BTC-EUR,buy,1,100,2025-03-04T10:00:00Z,0,\n\
         b1,BTC-USD,buy,1,100,2025-03-03T10:00:00Z,0,2\n",
    );
    let text = folder.fifo_pnl(&["run", "trades.csv"]).expect(1).stdout;
    let said = "1 trade of contracts is not computed yet, and 2 trades have no value in USD; the \
                first: order \"b1\"";
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one_line.contains(said), "{text}");
    let json = folder.fifo_pnl(&["review", "list", "--json"]).expect(0);
    let json = json.json();
    let items = json["items"].as_array().unwrap().iter();
    let mut kinds: Vec<(&str, &str)> = items
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            (text("order_id"), text("issue_type"))
        })
        .collect();
    kinds.sort_unstable();
    let expected = [
        ("a1", "missing_fx"),
        ("a2", "missing_fx"),
        ("b1", "invalid_trade"),
    ];
    assert_eq!(kinds, expected);
    // To void the good row would cure nothing.
    let shown = |id: &str| {
        let items = json["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["order_id"] == id).unwrap();
        let number = item["id"].to_string();
        folder
            .fifo_pnl(&["review", "show", &number])
            .expect(0)
            .stdout
    };
    assert!(shown("a1").contains("import rates"), "{}", shown("a1"));
    assert!(!shown("a1").contains("void a1"), "{}", shown("a1"));
    // A trade of contracts is no faulty row either: only its pool can be left out.
    assert!(shown("b1").contains("review exclude"), "{}", shown("b1"));
    assert!(!shown("b1").contains("void b1"), "{}", shown("b1"));
}

#[test]
fn no_settings_are_proposed_for_a_coin_that_only_lacks_a_rate() {
    let folder = folder("t1,BTCIDRT,buy,1,9,2025-03-03T10:00:00Z,0,,,\n");
    let settings = "[symbols.\"BTCIDRT\"]\nbase = \"BTC\"\nquote = \"IDRT\"\n";
    folder.write("fifo-pnl.toml", settings);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    assert!(text.contains("  IDRT        2025-03-03      2 "), "{text}");
    assert!(!text.contains("[symbols."), "{text}");
}
