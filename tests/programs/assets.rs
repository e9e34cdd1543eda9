//! Ledgers in which one asset has several names, quotes or currencies, as a user runs them.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use serde_json::Value;
use support::{Done, Folder};

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";

fn folder(rows: &str) -> Folder {
    let folder = Folder::new();
    folder.write("trades.csv", format!("{HEAD}{rows}"));
    folder
}

fn run(folder: &Folder) -> Done {
    folder.fifo_pnl(&["run", "trades.csv"])
}

/// Returns the names of the pools, and their part of the run's report.
fn pools(done: &Done) -> (Vec<String>, Value) {
    let pools = done.json()["compute"]["pools"].clone();
    let names = pools.as_array().unwrap().iter();
    let names = names.map(|pool| pool["asset"].as_str().unwrap().to_owned());
    (names.collect(), pools)
}

fn pnl(folder: &Folder, which: &str) -> String {
    folder.value(&format!(
        "SELECT decimal_sum(pnl_usd) FROM v_current_allocations WHERE {which}"
    ))
}

#[test]
fn bought_with_one_dollar_and_sold_for_another_is_one_pool() {
    // The sell takes the two units of the oldest buy: 2 x 20,000 - 12 less 2 x 10,000 + 8.
    let folder = folder(
        "u1,BTC-USDC,buy,2,10000,2022-03-01T12:00:00Z,8\n\
         u2,BTC-USD,buy,1,15000,2022-09-01T12:00:00Z,6\n\
         u3,BTC-USD,sell,2,20000,2023-06-01T12:00:00Z,12\n",
    );
    let done = folder.fifo_pnl(&["run", "trades.csv", "--json"]).expect(0);
    let (names, pools) = pools(&done);
    assert_eq!(names, ["BTC"]);
    assert_eq!(pools[0]["pnl_usd"], "19980");
    assert_eq!(pools[0]["open_cost_usd"], "15006");
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    assert!(text.contains("  Asset  Sells"), "{text}");
    // The sale was two units for dollars, held longer than a year.
    let tax = [
        "tax",
        "--year",
        "2023",
        "--timezone",
        "UTC",
        "--format",
        "form8949",
        "-o",
        "2023.csv",
    ];
    let text = folder.fifo_pnl(&tax).expect(0).stdout;
    let line = "Part II, box F  10       1  39988.00  20008.00  19980.00";
    assert!(text.contains(line), "{text}");
    assert!(folder.read("2023.csv").contains("2 BTC,"));
    // A symbol stands for its asset, and the program says so.
    let done = folder.compute(&["--symbol", "btc/usdc"]).expect(0);
    let said = "--symbol BTC-USDC stands for all of BTC: pools are by asset\n";
    assert_eq!(done.stderr, said);
    assert_eq!(folder.export("3"), folder.export("1"));
    let done = folder.compute(&["--symbol", "BTC-USDC", "--quiet"]);
    assert_eq!(done.expect(0).stderr, "");
    let done = folder.compute(&["--asset", "BTC-USD"]).expect(2);
    let said = "error: the ledger has no trades of asset \"BTC-USD\"\n\
                hint: did you mean \"BTC\"?\n";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    let done = folder.compute(&["--symbol", "BTC-USDT"]).expect(2);
    let said = "error: the ledger has no trades of symbol \"BTC-USDT\"\n\
                hint: did you mean \"BTC-USD\"?\n";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
}

#[test]
fn one_coin_in_six_spellings_is_one_pool() {
    // 0.25 of k1: 7,500 - 5,000. Then 0.75 of k1 and 0.25 of k3: 32,000 - 15,000 - 6,500. Then
    // 0.5 and 0.25 of k3: 18,000 - 13,000 and 10,000 - 6,500.
    let folder = folder(
        "k1,XXBTZUSD,buy,1,20000,2021-01-05T10:00:00Z,0\n\
         k2,XBT/USD,sell,0.25,30000,2021-03-01T10:00:00Z,0\n\
         k3,BTCUSD,buy,1,26000,2021-07-01T10:00:00Z,0\n\
         k4,BTC_USD,sell,1,32000,2021-08-02T10:00:00Z,0\n\
         k5,BTC.USD,sell,0.5,36000,2021-09-02T10:00:00Z,0\n\
         k6,BTC/USDT,sell,0.25,40000,2021-10-02T10:00:00Z,0\n",
    );
    let done = folder.fifo_pnl(&["run", "trades.csv", "--json"]).expect(0);
    let (names, pools) = pools(&done);
    assert_eq!(names, ["BTC"]);
    assert_eq!(pools[0]["sells_unmatched"], 0);
    assert_eq!(pools[0]["pnl_usd"], "21500");
    assert_eq!(pools[0]["open_lots"], 0);
    assert_eq!(pnl(&folder, "sell_order_id = 'k4'"), "10500");
    // Every row has the symbol of its sell, as the file spells it.
    let symbols = "SELECT group_concat(symbol, ' ') FROM \
                   (SELECT DISTINCT symbol FROM v_current_allocations ORDER BY sell_time)";
    assert_eq!(folder.value(symbols), "XBT-USD BTC_USD BTC.USD BTC-USDT");
}

#[test]
fn a_coin_for_a_coin_waits_for_a_rate() {
    // 4 ETH of 250 dollars each go for 0.2 BTC, worth 1,900 at the rate. These are sold for 3,200.
    let folder = folder(
        "c1,ETH-USD,buy,8,250,2020-03-02T12:00:00Z,0\n\
         c2,ETH-BTC,sell,4,0.05,2020-06-15T12:00:00Z,0\n\
         c3,BTC-USD,sell,0.2,16000,2020-11-16T12:00:00Z,0\n",
    );
    let text = run(&folder).expect(1).stdout;
    for pool in ["BTC (1 trade)", "ETH (2 trades)"] {
        let line = format!("Rejected        default {pool}: ");
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(
        text.contains("a rate of BTC at 2020-06-15 12:00:00 UTC"),
        "{text}"
    );
    let rates = "asset,time,currency,rate\nBTC,2020-06-15T00:00:00Z,USD,9500\n";
    folder.write("rates.csv", rates);
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    let done = folder.compute(&["--all-symbols"]).expect(0);
    assert!(done.stdout.contains("Realized PnL  2,200.00"), "{done:?}");
    assert_eq!(pnl(&folder, "asset = 'ETH'"), "900");
    assert_eq!(pnl(&folder, "asset = 'BTC'"), "1300");
    let row = "default,BTC-USD,c3,c2,0.2,9500,16000,0,0,1900,3200,3200,1300,";
    assert!(folder.export("2").contains(row), "{}", folder.export("2"));
    folder.validate(&["--version", "2", "--strict"]).expect(0);
    // The pair is a trade of ETH: its other leg is no reason to compute BTC.
    let done = folder.compute(&["--symbol", "ETH-BTC"]).expect(0);
    let said = "--symbol ETH-BTC stands for all of ETH: pools are by asset\n";
    assert_eq!(done.stderr, said);
    assert_eq!(folder.export("3").lines().count(), 2);
}

#[test]
fn an_own_trade_is_a_rate() {
    // The buy a minute before says 9,400: the 4 ETH bring 1,880, and cost 1,000.
    let folder = folder(
        "c1,ETH-USD,buy,8,250,2020-03-02T12:00:00Z,0\n\
         c0,BTC-USD,buy,0.01,9400,2020-06-15T11:59:00Z,0\n\
         c2,ETH-BTC,sell,4,0.05,2020-06-15T12:00:00Z,0\n",
    );
    run(&folder).expect(0);
    assert_eq!(pnl(&folder, "asset = 'ETH'"), "880");
    let open = "SELECT group_concat(remaining_size || ' ' || remaining_cost_usd, ', ') FROM \
                (SELECT * FROM v_open_inventory WHERE asset = 'BTC' ORDER BY remaining_size)";
    assert_eq!(folder.value(open), "0.01 94, 0.2 1880");
}

#[test]
fn the_class_of_a_pool_decides_the_box() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,asset_class\n\
         x1,BTC,buy,1,80000,2025-02-03T10:00:00Z,0,\n\
         x2,BTC,sell,1,81500,2025-04-03T10:00:00Z,0,\n\
         x3,SOL,buy,10,150,2025-02-03T10:00:00Z,0,\n\
         x4,SOL,sell,10,160,2025-04-03T10:00:00Z,0,\n\
         x5,AAPL,buy,2,200,2025-02-03T10:00:00Z,0,\n\
         x6,AAPL,sell,2,230,2025-04-03T10:00:00Z,0,\n\
         x7,GLDX-USD,buy,1,100,2025-02-03T10:00:00Z,0,security\n\
         x8,GLDX-USD,sell,1,110,2025-04-03T10:00:00Z,0,security\n",
    );
    run(&folder).expect(0);
    let tax = |format: &str, output: &str| {
        let name = ["--format", format, "-o", output];
        let all = ["tax", "--year", "2025", "--timezone", "UTC"];
        folder
            .fifo_pnl(&[&all[..], &name].concat())
            .expect(0)
            .stdout
    };
    let text = tax("form8949", "form.csv");
    // The coins: 81,500 + 1,600 less 80,000 + 1,500. The others: 460 + 110 less 400 + 100.
    for line in [
        "Part I, box C  3        2    570.00    500.00    70.00",
        "Part I, box I  3        2  83100.00  81500.00  1600.00",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let text = tax("txf", "form.txf");
    assert!(
        text.contains("Left out  2 rows of box I from txf"),
        "{text}"
    );
    assert!(folder.read("form.txf").contains("2 AAPL"));
    assert!(!folder.read("form.txf").contains("BTC"));
}

#[test]
fn tickers_that_end_like_a_coin_are_asked_about_once() {
    let folder = folder(
        "t1,ABNB,buy,3,120,2025-01-02T15:00:00Z,0\n\
         t2,ABNB,sell,3,130,2025-03-03T15:00:00Z,0\n\
         t3,GRUB,buy,5,10,2025-01-04T15:00:00Z,0\n\
         t4,GRUB,sell,5,12,2025-03-05T15:00:00Z,0\n\
         t5,AAPL,buy,1,200,2025-01-06T15:00:00Z,0\n\
         t6,AAPL,sell,1,205,2025-03-07T15:00:00Z,0\n",
    );
    let text = run(&folder).expect(1).stdout;
    assert!(
        text.contains("Rejected        default ABNB (2 trades)"),
        "{text}"
    );
    assert!(
        text.contains("Rejected        default GRUB (2 trades)"),
        "{text}"
    );
    assert!(text.contains("Realized PnL  5.00"), "{text}");
    let listed = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let setting = "[accounts.\"default\"]\nclass = \"security\"\n";
    assert!(listed.contains(setting), "{listed}");
    folder.write("fifo-pnl.toml", setting);
    // 3 x 10, 5 x 2 and 5.
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    assert!(text.contains("Realized PnL  45.00"), "{text}");
}

#[test]
fn a_setting_that_refuses_a_symbol_takes_no_result_away() {
    let folder = folder(
        "n1,ETH-USD,buy,1,1000,2024-01-02T15:00:00Z,0\n\
         n2,ETH-USD,sell,1,1100,2024-03-03T15:00:00Z,0\n",
    );
    run(&folder).expect(0);
    // Its price is in euros by now, and nobody has a rate of them.
    folder.write("fifo-pnl.toml", "[symbols.\"ETH-USD\"]\nquote = \"EUR\"\n");
    let done = folder.compute(&["--all-symbols"]).expect(1);
    let said = "NOT published: it has nothing for default ETH, which version 1 covers";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert_eq!(pnl(&folder, "asset = 'ETH'"), "100");
}

#[test]
fn a_column_with_a_currency_is_read_or_refused() {
    let folder = Folder::new();
    folder.write(
        "eur.csv",
        "order_id,order_time,side,symbol,size,Spot Price Currency,price,total_fees_usd\n\
         e1,2021-09-21T10:00:53Z,Buy,BTC,0.02,EUR,40000.00,4\n\
         e2,2022-01-21T10:00:53Z,Sell,BTC,0.02,EUR,35000.00,0\n",
    );
    let done = folder.fifo_pnl(&["run", "eur.csv"]).expect(2);
    assert!(
        done.stderr.contains("Spot Price Currency"),
        "{}",
        done.stderr
    );
    assert!(!folder.join("fifo-pnl.db").exists());
    folder.write(
        "fees.csv",
        "order_id,order_time,side,symbol,size,price,total_fees_usd,commission_ccy\n\
         e1,2021-09-21T10:00:53Z,Buy,BTC,0.02,40000.00,4,EUR\n",
    );
    let done = folder.fifo_pnl(&["run", "fees.csv"]).expect(2);
    let hint = "--rename-column \"commission_ccy=fee_currency\"";
    assert!(done.stderr.contains(hint), "{}", done.stderr);
    let rates = "asset,time,currency,rate\nEUR,2021-09-20T00:00:00Z,USD,1.17\n\
                 EUR,2022-01-20T00:00:00Z,USD,1.13\n";
    folder.write("rates.csv", rates);
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    let rename = ["--rename-column", "Spot Price Currency=quote_currency"];
    folder
        .fifo_pnl(&[&["run", "eur.csv"], &rename[..]].concat())
        .expect(0);
    // 700 euros at 1.13 less 800 euros at 1.17 and the fee: 791 - 940.
    let row = "default,BTC,e2,e1,0.02,46800,39550,200,0,940,791,791,-149,";
    let export = folder.export("1");
    assert!(export.contains(row), "{export}");
    // Only the column says that it was in euros: so does the rate that was used.
    let tax = "tax --year 2022 --timezone UTC --format form8949 -o 2022.csv";
    let done = folder.fifo_pnl(&tax.split(' ').collect::<Vec<_>>());
    let text = done.expect(0).stdout;
    assert!(
        text.contains("Note      trades are priced in EUR: "),
        "{text}"
    );
}

#[test]
fn a_value_is_the_truth_and_its_price_is_for_reading() {
    // A broker cuts the price of a reinvested dividend. The amounts moved were 24.62 and 35.15.
    // The fee of the second is 0.1.
    let rows = |value: bool| {
        let of = |text: &'static str| if value { text } else { "" };
        format!(
            "order_id,symbol,side,size,price,order_time,total_fees_usd,quote_value\n\
             d1,FND,buy,10,40,2025-01-02T15:00:00Z,0,\n\
             d2,FND,buy,0.5123,48.05,2025-03-02T15:00:00Z,0,{}\n\
             d3,FND,buy,0.7301,48.15,2025-06-02T15:00:00Z,0.1,{}\n\
             d4,FND,sell,11.2424,50,2025-12-02T15:00:00Z,0,\n",
            of("24.62"),
            of("35.15")
        )
    };
    // 562.12 less 400, 24.62, 35.15 and 0.1; or less 400, 24.616015, 35.154315 and 0.1.
    for (value, cost, gain) in [
        (true, "459.87", "102.25"),
        (false, "459.87033", "102.24967"),
    ] {
        let folder = Folder::new();
        folder.write("trades.csv", rows(value));
        let done = folder.fifo_pnl(&["run", "trades.csv", "--json"]).expect(0);
        let (names, pools) = pools(&done);
        assert_eq!(names, ["FND"]);
        assert_eq!(pools[0]["cost_basis_usd"], cost);
        assert_eq!(pools[0]["pnl_usd"], gain);
        folder.validate(&["--version", "1", "--strict"]).expect(0);
        let tax = "tax --year 2025 --timezone UTC --format lots -o lots.csv";
        folder
            .fifo_pnl(&tax.split(' ').collect::<Vec<_>>())
            .expect(0);
        // A price that is a value divided by units may be cut: it says nothing about a fee.
        let lots = folder.read("lots.csv");
        let fees: Vec<&str> = lots
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(16).unwrap())
            .collect();
        let expected = if value {
            ["0", "", ""]
        } else {
            ["0", "0", "0.1"]
        };
        assert_eq!(fees, expected, "{lots}");
    }
}

#[test]
fn a_tax_file_says_which_gains_of_currencies_it_lacks() {
    // 100 euros of cost at 1.10, 150 of proceeds at 1.20: 180 - 110.
    let folder = folder(
        "p1,LTC-EUR,buy,1,100,2025-02-03T12:00:00Z,0\n\
         p2,LTC-EUR,sell,1,150,2025-03-03T12:00:00Z,0\n",
    );
    let rates = "asset,time,currency,rate\nEUR,2025-02-03T00:00:00Z,USD,1.1\n\
                 EUR,2025-03-03T00:00:00Z,USD,1.2\n";
    folder.write("rates.csv", rates);
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    run(&folder).expect(0);
    let tax = "tax --year 2025 --timezone UTC --format form8949 -o 2025.csv";
    let done = folder.fifo_pnl(&tax.split(' ').collect::<Vec<_>>());
    let text = done.expect(0).stdout;
    let line = "Part I, box I  3        1    180.00  110.00  70.00";
    assert!(text.contains(line), "{text}");
    let said = "Note      trades are priced in EUR: gains of the national currencies themselves \
                (section 988) are not computed\n";
    assert!(text.contains(said), "{text}");
    let manifest: Value = serde_json::from_str(&folder.read("2025.manifest.json")).unwrap();
    assert_eq!(manifest["national_currencies"], serde_json::json!(["EUR"]));
    assert!(manifest["section_988"].as_str().unwrap().contains("988"));
    assert!(folder.read("2025.csv").contains("1 LTC,"));
}

#[test]
fn a_currency_that_a_column_alone_names_is_in_the_tax_file() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,usd_value,quote_currency,fee_amount,\
         fee_currency,fee_usd_value\n\
         p1,LTC,buy,1,100,2025-02-03T12:00:00Z,110,eur,0,USD,\n\
         p2,LTC,sell,1,170,2025-03-03T12:00:00Z,,USD,2,GBP,2.6\n",
    );
    run(&folder).expect(0);
    let tax = "tax --year 2025 --timezone UTC --format form8949 -o 2025.csv";
    let text = folder.fifo_pnl(&tax.split(' ').collect::<Vec<_>>()).stdout;
    assert!(text.contains("57.40"), "{text}");
    assert!(
        text.contains("Note      trades are priced in EUR, GBP: gains of"),
        "{text}"
    );
    let manifest: Value = serde_json::from_str(&folder.read("2025.manifest.json")).unwrap();
    assert_eq!(
        manifest["national_currencies"],
        serde_json::json!(["EUR", "GBP"])
    );
}

#[test]
fn a_corrected_trade_with_several_legs_counts_once() {
    // One fee is in a third coin, and one in the coin that is given.
    let head = "order_id,symbol,side,size,price,order_time,usd_value,fee_amount,fee_currency,\
                fee_usd_value\n";
    let folder = Folder::new();
    let buys = "b1,BTC-USD,buy,1,1000,2024-01-01T00:00:00Z,,0,USD,\n\
                b2,BNB-USD,buy,1,300,2024-01-01T00:00:00Z,,0,USD,\n";
    let swap = |price, value| {
        format!(
            "a,ETH-BTC,buy,2,{price},2024-02-01T00:00:00Z,{value},0.01,BNB,3\n\
             p,ETH-BTC,buy,1,{price},2024-02-02T00:00:00Z,{value},0.01,BTC,6\n"
        )
    };
    folder.write("trades.csv", format!("{head}{buys}{}", swap("0.05", "100")));
    folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
    folder.write("right.csv", format!("{head}{}", swap("0.045", "90")));
    let correct = ["import", "right.csv", "--correct", "--reason", "mistyped"];
    folder.fifo_pnl(&correct).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    // Each swap has two legs besides its base, of BTC and BNB, and both of BTC.
    let legs = "SELECT group_concat(asset || ' ' || legs, ', ') FROM fifo_pool_summary";
    assert_eq!(folder.value(legs), "BNB 1, BTC 3, ETH 0");
    folder.validate(&["--version", "1", "--strict"]).expect(0);
}

#[test]
fn pence_are_no_pounds() {
    let folder = Folder::new();
    let quoted = HEAD.replace('\n', ",quote_currency\n");
    folder.write(
        "pence.csv",
        format!(
            "{quoted}p1,VOD,buy,1,70.5,2025-02-03T12:00:00Z,0,GBp\n\
             p2,VOD-GBp,buy,1,70.5,2025-02-03T12:00:00Z,0,\n"
        ),
    );
    let text = folder.fifo_pnl(&["import", "pence.csv"]).expect(2).stderr;
    let said = "expected GBP, and prices in pounds: GBp are pence";
    assert_eq!(text.matches(said).count(), 2, "{text}");
}

#[test]
fn an_account_with_coins_is_not_offered_to_be_one_of_shares() {
    let rows = "p1,BTC-USD,buy,1,1000,2025-02-03T12:00:00Z,0\n\
                p2,ABNB,buy,1,100,2025-02-03T12:00:00Z,0\n\
                p3,GBTC,buy,1,100,2025-02-03T12:00:00Z,0\n";
    let folder = folder(rows);
    run(&folder).expect(1);
    for command in [["review", "list"].as_slice(), &["review", "show", "1"]] {
        let text = folder.fifo_pnl(command).expect(0).stdout;
        assert!(text.contains("[symbols."), "{text}");
        assert!(!text.contains("[accounts."), "{text}");
    }
}

#[test]
fn a_ticker_that_is_two_known_codes_is_no_share_in_dollars() {
    let folder = folder(
        "p1,BTCEUR,buy,1,1000,2025-02-03T12:00:00Z,0\n\
         p2,ABNB,buy,1,100,2025-02-03T12:00:00Z,0\n",
    );
    folder.write(
        "fifo-pnl.toml",
        "[accounts.default]\nclass = \"security\"\n",
    );
    let done = folder.fifo_pnl(&["run", "trades.csv", "--json"]);
    let (names, pools) = pools(&done);
    assert_eq!(names, ["ABNB", "BTCEUR"]);
    assert_eq!(pools[0]["status"], "matched");
    assert_eq!(pools[1]["status"], "rejected");
    let error = pools[1]["error"].as_str().unwrap();
    assert_eq!(
        error,
        "BTCEUR begins or ends with BTC, EUR, and may be a pair"
    );
}

/// A fund named BTC that a broker sold, and the coin. Nobody may sell the coin out of the fund.
#[test]
fn a_share_and_a_coin_of_one_name_share_no_lots() {
    let folder = Folder::new();
    folder.write(
        "broker.csv",
        "\"Date\",\"Action\",\"Symbol\",\"Description\",\"Quantity\",\"Price\",\"Fees & Comm\",\
         \"Amount\"\n\
         \"05/02/2022\",\"Buy\",\"BTC\",\"A FUND\",\"10\",\"$40.00\",\"\",\"-$400.00\"\n",
    );
    folder.write(
        "coins.csv",
        format!("{HEAD}c1,BTC-USD,sell,1,90000,2025-01-01T00:00:00Z,0\n"),
    );
    folder.fifo_pnl(&["run", "broker.csv"]).expect(0);
    let said = "\"BTC\" is a share in some rows and a coin in others";
    // An incremental run keeps what was matched.
    folder.fifo_pnl(&["import", "coins.csv"]).expect(0);
    let done = folder.compute(&["--incremental"]).expect(1);
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let status = "SELECT status FROM fifo_pool_summary ORDER BY allocation_version DESC LIMIT 1";
    assert_eq!(folder.value(status), "stale");
    folder.validate(&["--version", "current"]).expect(0);
    let done = folder.compute(&["--all-symbols"]).expect(1);
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert_eq!(folder.value(status), "rejected");
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    for way in [
        "fifo-pnl run FILE --account NAME",
        "base = \"BTC.SHARE\"",
        "the column asset_class comes before",
    ] {
        assert!(shown.contains(way), "{way} in:\n{shown}");
    }
    // The broker's file in an account of its own settles it.
    folder
        .fifo_pnl(&["import", "undo", "1", "--reason", "test"])
        .expect(0);
    folder
        .fifo_pnl(&["run", "broker.csv", "--account", "broker"])
        .expect(0);
    let matched = "SELECT count(*) FROM v_current_allocations WHERE pnl_usd IS NOT NULL";
    assert_eq!(folder.value(matched), "0");
    folder.validate(&["--version", "current"]).expect(0);
}

/// One file of one broker has both.
#[test]
fn a_file_with_a_share_and_a_coin_of_one_name_needs_a_setting() {
    let folder = Folder::new();
    folder.write(
        "alpaca.csv",
        "activity_type,cum_qty,id,leaves_qty,price,qty,side,symbol,transaction_time,order_id,type\n\
         FILL,10,20240521133001123::a,0,2,10,buy,SOL,2024-05-21T13:30:01Z,ord-a,fill\n\
         FILL,10,20240521133001123::b,0,170,10,sell,SOL/USD,2024-05-22T13:30:01Z,ord-b,fill\n",
    );
    let done = folder.fifo_pnl(&["run", "alpaca.csv"]).expect(1);
    let said = "\"SOL\" is a share in some rows and a coin in others";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    folder.write(
        "fifo-pnl.toml",
        "[symbols.\"SOL\"]\nbase = \"SOL.SHARE\"\nquote = \"USD\"\nclass = \"security\"\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let lots = "SELECT asset || ' ' || remaining_size FROM fifo_inventory_snapshot";
    assert_eq!(folder.value(lots), "SOL.SHARE 10");
}
