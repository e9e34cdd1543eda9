//! Values that a row states, and coins that the settings peg to the dollar.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";

fn folder(rates: &str, columns: &str, rows: &str) -> Folder {
    let folder = Folder::with_trades(&format!("{HEAD}{columns}\n{rows}"));
    folder.write("rates.csv", format!("asset,time,currency,rate\n{rates}"));
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder
}

#[test]
fn a_stated_value_far_from_its_rate_counts_and_is_named() {
    // The rate gives 110 for a trade: 112.2 is 2 % more, and 112.3 and 107 are further. It gives
    // 1.1 for a fee of 1 euro.
    let folder = folder(
        "EUR,2025-03-03,USD,1.1\n",
        ",usd_value,fee_amount,fee_currency,fee_usd_value",
        "a,BTC-EUR,buy,1,100,2025-03-03T10:00:00Z,0,112.2,,,\n\
         b,BTC-EUR,buy,1,100,2025-03-03T10:00:00Z,0,112.3,,,\n\
         c,BTC-EUR,sell,1,100,2025-03-03T11:00:00Z,0,107,,,\n\
         d,BTC-EUR,buy,1,100,2025-03-03T12:00:00Z,,110,1,EUR,1.2\n\
         e,BTC-USD,buy,2,50,2025-03-03T12:00:00Z,0,103,,,\n",
    );
    let done = folder.compute(&["--all-symbols"]).expect(0);
    let expected = "Stated values   4 values counted as stated, over 2 % off price or rate\n\
        \x20               default b: 112.30 USD, by price or rate 110.00\n\
        \x20               default c: 107.00 USD, by price or rate 110.00\n\
        \x20               default d: fee 1.20 USD, by price or rate 1.10\n\
        \x20               default e: 103.00 USD, by price or rate 100.00\n";
    assert!(done.stdout.contains(expected), "{}", done.stdout);
    // Each buy at its stated value, d with its fee; a was sold.
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE allocation_version = 1";
    assert_eq!(folder.value(cost), "326.5");
    let used = "SELECT count(*) FROM fifo_rates_used";
    assert_eq!(folder.value(used), "0");
    let json = folder.compute(&["--all-symbols", "--json"]).json();
    let unlike = &json["rates"]["stated_values_unlike"];
    assert_eq!(unlike["count"], 4);
    assert_eq!(unlike["first"][2]["purpose"], "fee");
    assert_eq!(unlike["first"][2]["by_rate_usd"], "1.1");
}

#[test]
fn a_quote_value_far_from_price_times_size_counts_and_is_named() {
    // Price times size is 100: 102 is 2 % more, 103 is further. Without a price, nothing is.
    let folder = folder(
        "EUR,2025-03-03,USD,1.1\n",
        ",quote_value",
        "a,BTC-USD,buy,2,50,2025-03-03T10:00:00Z,0,102\n\
         b,BTC-USD,buy,2,50,2025-03-03T10:00:00Z,0,103\n\
         c,BTC-EUR,buy,2,50,2025-03-03T10:00:00Z,0,1000\n\
         d,BTC-USD,buy,2,0,2025-03-03T10:00:00Z,0,100\n",
    );
    let done = folder.compute(&["--all-symbols"]).expect(0);
    let expected = "Stated values   2 values counted as stated, over 2 % off price or rate\n\
        \x20               default b: 103.00 USD, by price or rate 100.00\n\
        \x20               default c: 1,100.00 USD, by price or rate 110.00\n";
    assert!(done.stdout.contains(expected), "{}", done.stdout);
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE allocation_version = 1";
    assert_eq!(folder.value(cost), "1405");
    // Only the rate of c is used, and once.
    assert_eq!(folder.value("SELECT count(*) FROM fifo_rates_used"), "1");
}

#[test]
fn a_summary_names_ten_stated_values_and_counts_all() {
    let row = |nth: u32| format!("t{nth:02},BTC-EUR,buy,1,100,2025-03-03T10:00:00Z,0,300\n");
    let rows: Vec<String> = (0..12).map(row).collect();
    let folder = folder("EUR,2025-03-03,USD,1.1\n", ",usd_value", &rows.concat());
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    assert!(text.contains("Stated values   12 values counted"), "{text}");
    assert!(text.contains("default t09: 300.00 USD"), "{text}");
    assert!(!text.contains("default t10: 300.00 USD"), "{text}");
    assert!(text.contains("\n                ...\n"), "{text}");
}

#[test]
fn a_pegged_coin_counts_as_one_dollar_only_where_no_rate_is_known() {
    let rows = "b1,BTC-USDC,buy,1,100,2025-03-03T10:00:00Z,0\n\
                b2,BTC-USDC,buy,1,100,2025-04-03T10:00:00Z,0\n";
    let folder = folder("USDC,2025-03-03,USD,0.95\n", "", rows);
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary JOIN current_version \
                ON allocation_version = version WHERE asset = 'BTC'";
    folder.compute(&["--all-symbols"]).expect(0);
    assert_eq!(folder.value(cost), "200");
    folder.write("fifo-pnl.toml", "[pegs]\nUSDC = \"pool\"\n");
    // USDC is sold without a buy, which a person has to look at.
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    assert_eq!(folder.value(cost), "195");
    for line in [
        "Rates           2 trades have a value by rates; 1 value by a rate over an hour old\n",
        "Rates at par    1 value is one dollar a coin: pegged, and no rate is near enough\n",
        "Rates off par   1 value of dollar coins by rates over 1 % off a dollar\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    folder.validate(&["--version", "current"]).expect(0);
    folder.write(
        "sell.csv",
        format!("{HEAD}\ns1,BTC-USD,sell,2,300,2025-05-01T10:00:00Z,0\n"),
    );
    folder.fifo_pnl(&["import", "sell.csv"]).expect(0);
    folder.compute(&["--incremental"]).expect(0);
    let explained = folder.fifo_pnl(&["explain", "--sell", "s1"]).expect(0);
    let text = explained.stdout;
    assert!(
        text.contains("from [pegs]: no rate is near enough"),
        "{text}"
    );
    let version = folder.value("SELECT version FROM current_version");
    folder.compute(&["--all-symbols"]).expect(0);
    let next = folder.value("SELECT version FROM current_version");
    assert_eq!(folder.export(&version), folder.export(&next));
}

#[test]
fn a_summary_lists_fifteen_rejected_pools_and_counts_the_rest() {
    let row = |nth: u32| format!("t{nth:02},X{nth:02}-EUR,buy,1,100,2025-03-03T10:00:00Z,0\n");
    let rows: Vec<String> = (0..17).map(row).collect();
    let folder = Folder::with_trades(&format!("{HEAD}\n{}", rows.concat()));
    let text = folder.compute(&["--all-symbols"]).expect(1).stdout;
    assert_eq!(text.matches("Rejected  ").count(), 15, "{text}");
    assert!(
        text.contains("\n                and 2 more pools: --all-rows\n"),
        "{text}"
    );
    let text = folder.compute(&["--all-symbols", "--all-rows"]).stdout;
    assert_eq!(text.matches("Rejected  ").count(), 17, "{text}");
}

#[test]
fn a_rejected_pool_without_a_trade_of_its_own_has_legs_only() {
    let row = "t1,ETH-BTC,buy,1,0.05,2025-03-03T10:00:00Z,0";
    let folder = Folder::with_trades(&format!("{HEAD}\n{row}\n"));
    let text = folder.compute(&["--all-symbols"]).expect(1).stdout;
    for pool in ["BTC (legs only)", "ETH (1 trade)"] {
        let line = format!("Rejected        default {pool}: order \"t1\": ");
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

#[test]
fn a_price_in_dollars_is_a_rate_whatever_paid_its_fee() {
    // a3 is a minute before s1, and its fee is in BNB. It is the price of 3 ETH: 9,000.
    let folder = folder(
        "",
        ",fee_amount,fee_currency",
        "a1,ETH-USD,buy,10,2000,2025-03-04T00:00:00Z,1,,\n\
         a2,BNB-USD,buy,10,600,2025-03-04T22:30:00Z,1,,\n\
         a3,ETH-USD,buy,1,3000,2025-03-04T22:59:00Z,,0.01,BNB\n\
         s1,BTC-ETH,buy,0.1,30,2025-03-04T23:00:00Z,0,,\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE asset = 'BTC'";
    assert_eq!(folder.value(cost), "9000");
    folder.validate(&["--version", "current"]).expect(0);
}

#[test]
fn of_own_prices_at_one_instant_the_last_in_the_order_of_the_pool_counts() {
    // 9 comes before 10, and both have a sequence: 0.3 ETH at 3,300 are 990.
    let folder = folder(
        "",
        ",trade_seq",
        "10,ETH-USD,buy,1,3300,2025-03-04T10:00:00Z,0,2\n\
         9,ETH-USD,buy,1,3000,2025-03-04T10:00:00Z,0,1\n\
         s1,BTC-ETH,buy,0.01,30,2025-03-04T11:00:00Z,0,\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE asset = 'BTC'";
    assert_eq!(folder.value(cost), "990");
    folder.validate(&["--version", "current"]).expect(0);
}

/// Exchanges export `quote_value` beside the price. The own price counts if it is price x size.
#[test]
fn an_own_trade_with_its_value_beside_its_price_is_a_rate() {
    for (value, code) in [("100.00", 0), ("100.01", 1)] {
        let rows = format!(
            "d1,DOT-USD,buy,1,100,2025-03-08T10:00:00Z,0,{value},\n\
             x1,XRP-DOT,buy,1,1,2025-03-08T10:00:01Z,0,,\n"
        );
        let folder = folder("", ",quote_value,usd_value", &rows);
        folder.compute(&["--all-symbols"]).expect(code);
        folder.validate(&["--version", "current"]).expect(0);
        if code == 0 {
            let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE asset = 'XRP'";
            assert_eq!(folder.value(cost), "100");
        }
    }
}

/// No coin was paid, so the value is 0: a row that says 5 dollars contradicts itself.
#[test]
fn a_trade_for_no_coin_has_no_value() {
    for (stated, code) in [("", 0), ("0", 0), ("5", 1)] {
        let rows = format!("a1,ADA-BTC,buy,1,1,2025-03-08T10:00:00Z,0,0,{stated}\n");
        let folder = folder("", ",quote_value,usd_value", &rows);
        let text = folder.compute(&["--all-symbols"]).expect(code).stdout;
        let said = "usd_value is not 0, and the value in the quote is";
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.contains(said), code == 1, "{text}");
        folder.validate(&["--version", "current"]).expect(0);
    }
}

/// An incremental run makes the buys of lots from the snapshot, so a validation looks at all of it.
#[test]
fn a_changed_value_or_fee_of_an_open_lot_is_found() {
    let folder = folder(
        "",
        ",fee_amount,fee_currency",
        "n1,BNB-USD,buy,1,300,2025-03-04T09:00:00Z,0,,\n\
         b1,BTC-USD,buy,1,8000,2025-03-04T10:00:00Z,,0.1,BNB\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    folder.validate(&["--version", "current"]).expect(0);
    // Value and fee change by one dollar, so the cost of the lot is the same.
    folder.sql(
        "UPDATE fifo_inventory_snapshot SET lot_value_usd = '8001', lot_fee_usd = '29' \
         WHERE buy_order_id = 'b1'",
    );
    let text = folder.validate(&["--version", "current"]).expect(1).stdout;
    let said =
        "the snapshot's whole lot is \"1 worth 8001, fee 29\", expected \"1 worth 8000, fee 30\"";
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(said), "{text}");

    folder.sql(
        "UPDATE fifo_inventory_snapshot SET lot_value_usd = '8000', lot_fee_usd = '30', \
         symbol = 'BTC-EUR' WHERE buy_order_id = 'b1'",
    );
    let text = folder.validate(&["--version", "current"]).expect(1).stdout;
    let said = "the snapshot's symbol is \"BTC-EUR\", expected \"BTC-USD\"";
    assert!(text.contains(said), "{text}");
}

/// Reports by symbol read the sums in the summary of a pool.
#[test]
fn a_changed_sum_of_a_symbol_is_found() {
    let folder = folder(
        "",
        "",
        "b1,BTC-USD,buy,2,8000,2025-03-04T10:00:00Z,0\n\
         s1,BTC-USD,sell,1,8100,2025-03-05T10:00:00Z,0\n\
         s2,BTC-USDC,sell,1,8200,2025-03-06T10:00:00Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    folder.validate(&["--version", "current"]).expect(0);
    folder.sql("UPDATE fifo_pool_summary SET symbols = replace(symbols, '200', '900')");
    let text = folder.validate(&["--version", "current"]).expect(1).stdout;
    let said = "the summary has of BTC-USDC \"pairs 1, size 1, pnl 900\", expected \
                \"pairs 1, size 1, pnl 200\"";
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(said), "{text}");
}

#[test]
fn the_stated_value_of_a_fee_in_a_dollar_coin_counts() {
    // 1 BTC for 80,000 and a fee that the row states as 88 dollars: not 100.
    let folder = folder(
        "",
        ",fee_amount,fee_currency,fee_usd_value",
        "b1,BTC-USDC,buy,1,80000,2025-03-04T10:00:00Z,,100,USDC,88\n",
    );
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary WHERE asset = 'BTC'";
    assert_eq!(folder.value(cost), "80088");
    assert!(
        text.contains("default b1: fee 88.00 USD, by price or rate 100.00"),
        "{text}"
    );
    folder.validate(&["--version", "current"]).expect(0);
}

#[test]
fn a_table_of_another_base_is_no_file_of_the_ecb() {
    for header in ["Date,EUR,USD,", "Date,USD,EUR,"] {
        let folder = Folder::new();
        folder.write("rates.csv", format!("{header}\n2025-03-03,1,1.05,\n"));
        let done = folder.fifo_pnl(&["import", "rates", "rates.csv"]);
        assert!(done.stderr.contains("a column is EUR"), "{done:?}");
    }
}

#[test]
fn a_price_in_dollars_by_a_column_alone_is_no_rate_with_any_fee() {
    for fee in [",0.01,BNB", "0,,"] {
        let rows = format!(
            "n1,BNB-USD,buy,10,600,2025-03-04T22:00:00Z,1,,,\n\
             a1,ABNB,buy,10,100,2025-03-04T22:59:00Z,{fee},USD\n\
             b1,BTC-USD,buy,1,1000,2025-03-04T23:00:00Z,,0.1,ABNB,\n"
        );
        let folder = folder("", ",fee_amount,fee_currency,quote_currency", &rows);
        let text = folder.compute(&["--all-symbols"]).expect(1).stdout;
        assert!(
            text.contains("a rate of ABNB at 2025-03-04 23:00:00 UTC"),
            "{fee}: {text}"
        );
    }
}

/// A row has the price in euros and the fee in BNB that its dollars come from.
#[test]
fn tax_files_of_lots_have_the_currency_and_the_rate_of_converted_trades() {
    let folder = folder(
        "EUR,2025-03-03,USD,1.1\nEUR,2025-03-04,USD,1.2\nBNB,2025-03-04,USD,500\n",
        ",fee_amount,fee_currency",
        "a,BTC-EUR,buy,2,100,2025-03-03T17:00:00Z,,-1,EUR\n\
         b,BTC-EUR,sell,1,150,2025-03-04T17:00:00Z,,0.01,BNB\n\
         c,BTC-USD,sell,1,200,2025-03-04T18:00:00Z,2,,\n\
         d,BNB-USD,buy,1,400,2025-03-01T18:00:00Z,0,,\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let tax = ["tax", "--year", "2025", "--timezone", "UTC"];
    let tax = [&tax[..], &["--format", "lots", "-o", "lots.csv"]].concat();
    folder.fifo_pnl(&tax).expect(0);
    let text = folder.read("lots.csv");
    let head: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!(head.len(), 56);
    let expected = "sell_currency,sell_value,sell_rate,sell_fee_currency,sell_fee,sell_fee_rate,\
                    buy_currency,buy_value,buy_rate,buy_fee_currency,buy_fee,buy_fee_rate";
    assert_eq!(head[44..].join(","), expected);
    let row = |sell: &str, asset: &str| {
        let is_it = |line: &&str| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[3], cells[2]) == (sell, asset)
        };
        let line = text.lines().find(is_it).unwrap();
        line.split(',').skip(44).collect::<Vec<_>>().join(",")
    };
    // A rebate is a number, and no text that begins like a formula.
    let bought = "EUR,200,1.1,EUR,-1,1.1";
    assert_eq!(
        row("b", "BTC"),
        format!("EUR,150,1.2,BNB,0.01,500,{bought}")
    );
    assert_eq!(row("c", "BTC"), format!(",,,,,,{bought}"));
    // The fee leg of b, from a lot that dollars bought.
    assert_eq!(row("b", "BNB"), "EUR,150,1.2,BNB,0.01,500,,,,,,");
}

#[test]
fn an_incremental_summary_says_that_it_counts_new_trades() {
    let row = |id: u32| format!("t{id},BTC-EUR,buy,1,100,2025-03-0{id}T10:00:00Z,,,\n");
    let rebate = |id: u32| format!("r{id},BTC-EUR,buy,1,100,2025-03-0{id}T11:00:00Z,,-1,EUR\n");
    let rows = [row(3), row(4), rebate(3), rebate(4)].concat();
    let columns = ",fee_amount,fee_currency";
    let folder = folder("EUR,2025-03-03,USD,1.1\n", columns, &rows);
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    for line in [
        "Rates           4 trades have a value by rates",
        "Fees unknown    2 trades, counted as 0\n",
        "Rebates         2 trades, 2.20 USD\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let more = [row(5), rebate(5)].concat();
    folder.write("more.csv", format!("{HEAD}{columns}\n{more}"));
    folder.fifo_pnl(&["import", "more.csv"]).expect(0);
    let text = folder.compute(&["--incremental"]).expect(0).stdout;
    for line in [
        "Rates           2 more trades have a value by rates",
        "Fees unknown    1 new trade, counted as 0\n",
        "Rebates         1 new trade, 1.10 USD\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
