//! Files of rates: imported once, corrected by name, listed, looked over.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const ECB: &str = "Date,USD,JPY,GBP,CYP,\n2025-03-07,1.0857,159.80,0.8328,N/A,\n\
                   2025-03-06,1.0800,160.10,0.8400,N/A,\n";
const MARCH: &str = "snapped_at,price,market_cap,total_volume\n\
                     2025-03-07 00:00:00 UTC,90624.1,1,1\n2025-03-08 00:00:00 UTC,86740.5,1,1\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("eurofxref-hist.csv", ECB);
    folder.write("btc-usd-max.csv", MARCH);
    folder
}

#[test]
fn a_file_is_imported_once_and_leads_back_to_its_lines() {
    let folder = folder();
    let import = ["import", "rates", "eurofxref-hist.csv"];
    let done = folder.fifo_pnl(&import).expect(0);
    // There are no trades yet, so no command comes next.
    let lines = "Imported  eurofxref-hist.csv: 2 rows of the kind ecb, 6 new, 0 known\n  \
                 without a rate: 2 cells N/A\n";
    assert!(done.stdout.ends_with(lines), "{}", done.stdout);
    let again = folder.fifo_pnl(&import).expect(0);
    assert!(
        again
            .stdout
            .contains(": 2 rows of the kind ecb, 0 new, 6 known"),
        "{again:?}"
    );
    let rates = "SELECT asset, currency, source, rate, revision, import_id, import_line, \
                 datetime(published_at / 1000000, 'unixepoch') FROM rates WHERE currency = 'GBP'";
    let expected = [
        "EUR|GBP|ecb|0.84|1|1|3|2025-03-06 15:00:00",
        "EUR|GBP|ecb|0.8328|1|1|2|2025-03-07 15:00:00",
    ];
    assert_eq!(folder.sql(rates), expected);
    let listed = folder
        .fifo_pnl(&["rates", "list", "--asset", "gbp", "--json"])
        .expect(0);
    let listed = listed.json()["rates"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["rate"], "0.8328");
    assert_eq!(listed[1]["import_line"], 2);
    let series = folder
        .fifo_pnl(&["rates", "list", "--json"])
        .expect(0)
        .json();
    assert_eq!(series["series"].as_array().unwrap().len(), 3);
    assert_eq!(series["series"][1]["last"], "159.8");
    let text = folder.fifo_pnl(&["rates", "list"]).expect(0).stdout;
    assert!(text.contains("EUR    JPY  ecb"), "{text}");
    let each = ["rates", "list", "--asset", "gbp"];
    let each = folder.fifo_pnl(&each).expect(0).stdout;
    let row = "EUR    GBP  2025-03-06 15:00:00    0.84  ecb        3  eurofxref-hist.csv";
    assert!(each.contains(row), "{each}");
    for line in text.lines().chain(each.lines()) {
        assert!(line.len() <= 80, "{line}");
    }
}

#[test]
fn a_file_without_names_asks_for_them_and_proposes_some() {
    let folder = folder();
    let done = folder
        .fifo_pnl(&["import", "rates", "btc-usd-max.csv"])
        .expect(2);
    let said = "error: btc-usd-max.csv: a file of the kind coingecko names no asset and no \
                currency\nhint: if its name is right, add --asset BTC --currency USD\n";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let named = [
        "import",
        "rates",
        "btc-usd-max.csv",
        "--asset",
        "xbt",
        "--currency",
        "usd",
    ];
    folder.fifo_pnl(&named).expect(0);
    // The database has the name that was given; reading applies the settings of the day.
    let stored = "SELECT DISTINCT asset, currency, source FROM rates";
    assert_eq!(folder.sql(stored), ["XBT|USD|coingecko"]);
    // Both names of the coin find its rates.
    let listed = folder
        .fifo_pnl(&["rates", "list", "--asset", "XBT", "--json"])
        .expect(0);
    assert_eq!(listed.json()["rates"].as_array().unwrap().len(), 2);
}

#[test]
fn another_rate_for_an_instant_is_a_conflict_until_it_is_corrected() {
    let folder = folder();
    folder
        .fifo_pnl(&["import", "rates", "eurofxref-hist.csv"])
        .expect(0);
    folder.write("later.csv", ECB.replace("1.0857", "1.0858"));
    let done = folder.fifo_pnl(&["import", "rates", "later.csv"]).expect(2);
    let said = "  later.csv:2: EUR in USD at 2025-03-07T15:00:00.000000Z is 1.0858, which is \
                stored as 1.0857\n    hint: if the file is right, import it with --correct \
                --reason TEXT\nNothing was imported.\n";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    folder
        .fifo_pnl(&["import", "rates", "--correct", "later.csv"])
        .expect(2);
    let correct = [
        "import",
        "rates",
        "later.csv",
        "--correct",
        "--reason",
        "misprint",
    ];
    let preview: Vec<&str> = correct.iter().copied().chain(["--preview"]).collect();
    let previewed = folder.fifo_pnl(&preview).expect(0);
    assert!(
        previewed.stdout.contains("Preview   later.csv"),
        "{}",
        previewed.stdout
    );
    assert_eq!(folder.sql("SELECT max(revision) FROM rates"), ["1"]);
    let done = folder.fifo_pnl(&correct).expect(0);
    assert!(
        done.stdout.contains("0 new, 5 known, 1 corrected"),
        "{}",
        done.stdout
    );
    let rows = "SELECT rate, revision, reason FROM rates WHERE revision > 1";
    assert_eq!(folder.sql(rows), ["1.0858|2|misprint"]);
    // The first file is known as it is.
    folder
        .fifo_pnl(&["import", "rates", "eurofxref-hist.csv"])
        .expect(0);
    let usd = folder
        .fifo_pnl(&["rates", "list", "--asset", "USD", "--json"])
        .expect(0);
    assert_eq!(usd.json()["rates"][1]["rate"], "1.0858");
}

#[test]
fn a_fault_keeps_all_files_out() {
    let folder = folder();
    folder.write(
        "bad.csv",
        ECB.replace("159.80", "0").replace("0.8400", "-0.84"),
    );
    let done = folder
        .fifo_pnl(&["import", "rates", "eurofxref-hist.csv", "bad.csv"])
        .expect(2);
    for said in [
        "Kept out  eurofxref-hist.csv: 2 rows of the kind ecb",
        "  bad.csv:2: JPY is \"0\", expected a number above zero",
        "  bad.csv:3: GBP is \"-0.84\", expected a number above zero without a sign",
        "Nothing was imported.",
    ] {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    assert!(!folder.path().join("fifo-pnl.db").exists());
}

#[test]
fn a_file_that_may_have_been_cut_is_imported_with_a_question() {
    let folder = folder();
    folder.write("cut.csv", ECB.trim_end());
    let done = folder.fifo_pnl(&["import", "rates", "cut.csv"]).expect(0);
    let said = "  the last line has no line end: was the file cut?\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
}

#[test]
fn what_looks_odd_is_found() {
    let folder = folder();
    folder.write(
        "coins.csv",
        "asset,time,currency,rate\nUSDC,2025-03-07,USD,0.97\nBTC,2025-03-07,USD,95000\n",
    );
    let named = [
        "import",
        "rates",
        "btc-usd-max.csv",
        "--asset",
        "BTC",
        "--currency",
        "USD",
    ];
    folder.fifo_pnl(&named).expect(0);
    let fine = folder.fifo_pnl(&["rates", "check"]).expect(0);
    assert!(
        fine.stdout
            .contains("Rates     2 rates of 1 series\nNo gap"),
        "{}",
        fine.stdout
    );
    folder.fifo_pnl(&["import", "rates", "coins.csv"]).expect(0);
    let done = folder.fifo_pnl(&["rates", "check"]).expect(1);
    for said in [
        "  a dollar coin is more than 1 % away from a dollar: 1\n    USDC in USD: 0.97 at \
         2025-03-07 00:00:00 UTC (plain)\n",
        "  two sources differ: by over 2 %; of a coin, at two times, by over 100 %: 1\n    BTC in \
         USD: 90624.1 at 2025-03-07 00:00:00 UTC (coingecko), then 95000 at 2025-03-07 00:00:00 \
         UTC (plain)\n",
    ] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    let json = folder
        .fifo_pnl(&["rates", "check", "--json"])
        .expect(1)
        .json();
    assert_eq!(
        (&json["rates"], json["findings"].as_array().unwrap().len()),
        (&4.into(), 2)
    );
}

#[test]
fn missing_rates_are_listed_filled_in_and_imported() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                  b1,BTC-EUR,buy,1,100,0,2025-03-07T09:00:00Z\n\
                  b2,BTC-EUR,buy,1,100,0,2025-03-07T23:00:00Z\n\
                  b3,ETH-XMR,buy,1,2,0,2025-03-08T09:00:00Z\n\
                  b4,LTC-USD,buy,1,100,0,2025-03-08T09:00:00Z\n";
    folder.write("trades.csv", trades);
    let done = folder.fifo_pnl(&["run", "trades.csv"]).expect(1).stdout;
    let said = "Rates missing   2 rates: `fifo-pnl rates missing -o FILE` lists them\n";
    assert!(done.contains(said), "{done}");
    let item = "price has no value in USD: a rate of EUR on 2025-03-07 is missing";
    assert!(done.contains(item), "{done}");
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    for command in [
        "fifo-pnl import rates FILE",
        "fifo-pnl rates missing -o FILE",
    ] {
        assert!(shown.contains(command), "{shown}");
    }
    let listed = folder.fifo_pnl(&["rates", "missing"]).expect(0).stdout;
    assert!(
        listed.contains("Missing   2 rates are missing\n"),
        "{listed}"
    );
    assert!(listed.contains("EUR    2025-03-07"), "{listed}");
    let write = ["rates", "missing", "-o", "missing.csv"];
    let json = folder.fifo_pnl(&[&write[..], &["--json"]].concat());
    assert_eq!(json.expect(0).json()["missing"][1]["asset"], "XMR");
    let file = folder.read("missing.csv");
    let rows = "asset,time,currency,rate\nEUR,2025-03-07,USD,\nXMR,2025-03-08,USD,\n";
    assert_eq!(file, rows);
    folder.fifo_pnl(&write).expect(3);
    folder
        .fifo_pnl(&[&write[..], &["--overwrite"]].concat())
        .expect(0);

    // One cell is filled in: the other one stays missing.
    folder.write("missing.csv", rows.replace("07,USD,", "07,USD,1.0857"));
    let done = folder.fifo_pnl(&["import", "rates", "missing.csv"]);
    let next = "Next: compute_allocations --incremental\n";
    assert!(done.stdout.ends_with(next), "{done:?}");
    done.expect(0);
    let again = folder.compute(&["--incremental"]).expect(1).stdout;
    assert!(
        again.contains(
            "Rates           2 more trades have a value by rates; 2 values by a rate over an \
             hour old\n"
        ),
        "{again}"
    );
    folder.write("missing.csv", rows.replace("08,USD,", "08,USD,230.5"));
    folder
        .fifo_pnl(&["import", "rates", "missing.csv"])
        .expect(0);
    let whole = folder
        .compute(&["--incremental", "--json"])
        .expect(0)
        .json();
    assert_eq!(whole["rates"]["trades_valued"], 1);
    assert_eq!(whole["rates"]["missing"], 0);
    let used = "SELECT order_id, purpose, asset, units, value_usd, source, import_line \
                FROM fifo_rates_used ORDER BY order_id";
    let expected = [
        "b1|value|EUR|100|108.57|plain|2",
        "b2|value|EUR|100|108.57|plain|2",
        "b3|value|XMR|2|461|plain|3",
    ];
    assert_eq!(folder.sql(used), expected);
}

/// ETH is bought for BTC. A version of the pool BTC alone has the rate that gave its sell a value.
#[test]
fn a_version_of_some_pools_has_the_rates_of_all_their_legs() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                  b1,BTC-USD,buy,1,80000,0,2025-03-01T09:00:00Z\n\
                  x1,ETH-BTC,buy,10,0.025,0,2025-03-07T09:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nBTC,2025-03-07,USD,90000\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
    folder.compute(&["--asset", "BTC"]).expect(0);
    let used = "SELECT order_id, asset, units, value_usd FROM fifo_rates_used";
    // 0.25 BTC at 90000.
    assert_eq!(folder.sql(used), ["x1|BTC|0.25|22500"]);
    let explain = ["explain", "--sell", "x1", "--version", "1"];
    let explained = folder.fifo_pnl(&explain).expect(0).stdout;
    let line = "1 BTC = 90000 USD, from rates.csv, line 2";
    assert!(explained.contains(line), "{explained}");
    let validate = ["validate", "--version", "1"];
    folder.fifo_pnl(&validate).expect(0);

    // Both pools have a leg of x1: a run in parts records its rate once.
    folder
        .compute(&["--all-symbols", "--memory", "1"])
        .expect(0);
    let both = "SELECT allocation_version, count(*) FROM fifo_rates_used GROUP BY 1";
    assert_eq!(folder.sql(both), ["1|1", "2|1"]);
    folder
        .fifo_pnl(&["validate", "--version", "2", "--strict"])
        .expect(0);

    let record = "value 0.25 BTC = 22500 USD at 90000";
    folder.sql("UPDATE fifo_rates_used SET value_usd = '1' WHERE allocation_version = 1");
    let explained = folder.fifo_pnl(&explain).expect(3).stderr;
    assert!(explained.contains("version 1 was changed"), "{explained}");
    let found = folder.fifo_pnl(&validate).expect(1).stdout;
    assert!(
        found.contains(&format!("a look-up gives {record}")),
        "{found}"
    );
    folder.sql(
        "PRAGMA ignore_check_constraints = 1; \
         UPDATE fifo_rates_used SET rate = 'x' WHERE allocation_version = 1",
    );
    let found = folder.fifo_pnl(&validate).expect(1).stdout;
    let unreadable = "I18: unreadable value in fifo_rates_used.rate: \"x\"";
    assert!(found.contains(unreadable), "{found}");
    folder.sql("DELETE FROM fifo_rates_used WHERE allocation_version = 1");
    let found = folder.fifo_pnl(&validate).expect(1).stdout;
    assert!(found.contains(&format!("no record of {record}")), "{found}");
}

/// A coin whose name a spreadsheet takes for a formula: the file has a mark before it.
#[test]
fn a_missing_rate_of_a_name_like_a_formula_comes_back() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,fee_amount,fee_currency,order_time\n\
                  b1,BTC-USD,buy,1,100,3,=COIN,2025-03-07T09:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    folder
        .fifo_pnl(&["rates", "missing", "-o", "missing.csv"])
        .expect(0);
    let rows = "asset,time,currency,rate\n'=COIN,2025-03-07,USD,\n";
    assert_eq!(folder.read("missing.csv"), rows);
    folder.write("missing.csv", rows.replace("USD,", "USD,2.5"));
    folder
        .fifo_pnl(&["import", "rates", "missing.csv"])
        .expect(0);
    assert_eq!(folder.sql("SELECT asset FROM rates"), ["=COIN"]);
    let missing = folder.fifo_pnl(&["rates", "missing"]).expect(0).stdout;
    assert!(missing.contains("no rate is missing"), "{missing}");
}

/// The fee is 3 coins at 2.5 USD: 7.5 USD. The alias comes after the import of the rate.
#[test]
fn an_alias_names_rates_that_were_imported_before_it() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,total_fees_usd,fee_amount,fee_currency,\
                  order_time\nb0,OLDC-USD,buy,10,2,0,,,2025-03-01T09:00:00Z\n\
                  b1,BTC-USD,buy,1,100,,3,NEWC,2025-03-07T09:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nOLDC,2025-03-07,USD,2.5\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let missing = folder.fifo_pnl(&["rates", "missing"]).expect(0).stdout;
    assert!(missing.contains("NEWC   2025-03-07"), "{missing}");

    folder.write("fifo-pnl.toml", "[aliases]\nOLDC = \"NEWC\"\n");
    let missing = folder.fifo_pnl(&["rates", "missing"]).expect(0).stdout;
    assert!(missing.contains("no rate is missing"), "{missing}");
    for asset in ["OLDC", "NEWC"] {
        let list = ["rates", "list", "--asset", asset, "--json"];
        let listed = folder.fifo_pnl(&list).expect(0).json();
        assert_eq!(listed["rates"][0]["asset"], "NEWC", "{asset}");
    }
    folder.compute(&["--all-symbols"]).expect(0);
    let used = "SELECT asset, step_asset, value_usd, import_id, import_line FROM fifo_rates_used";
    assert_eq!(folder.sql(used), ["NEWC|NEWC|7.5|1|2"]);
    // The fee leaves the lot of the first name: 3 at 2 USD, for 7.5 USD.
    let pnl = "SELECT pnl_usd FROM fifo_allocations WHERE sell_leg = 'fee'";
    assert_eq!(folder.sql(pnl), ["1.5"]);
    let validate = ["--version", "current", "--strict"];
    folder.validate(&validate).expect(0);
    let again = folder.compute(&["--incremental"]).expect(0).stdout;
    assert!(!again.contains("otherwise"), "{again}");

    // The other name is the same rate: another value is a conflict, and a correction mends it.
    folder.write(
        "other.csv",
        "asset,time,currency,rate\nNEWC,2025-03-07,USD,2.6\n",
    );
    let other = ["import", "rates", "other.csv"];
    let refused = folder.fifo_pnl(&other).expect(2);
    assert!(
        refused.stderr.contains("is 2.6, which is stored as 2.5"),
        "{}",
        refused.stderr
    );
    let correct = [&other[..], &["--correct", "--reason", "misprint"]].concat();
    folder.fifo_pnl(&correct).expect(0);
    let found = folder.fifo_pnl(&["rates", "check"]).expect(0).stdout;
    assert!(found.contains("No gap"), "{found}");
    folder.compute(&["--incremental"]).expect(0);
    let last = format!("{used} ORDER BY allocation_version DESC LIMIT 1");
    assert_eq!(folder.sql(&last), ["NEWC|NEWC|7.8|3|2"]);
    folder.validate(&validate).expect(0);

    // Without the alias, the older name says nothing about the coin any more.
    folder.write("fifo-pnl.toml", "");
    let list = ["rates", "list", "--asset", "OLDC", "--json"];
    let listed = folder.fifo_pnl(&list).expect(0).json();
    assert_eq!(listed["rates"].as_array().unwrap().len(), 1);
    assert_eq!(listed["rates"][0]["rate"], "2.5");
}

/// Two coins become one, and their rates differ: none of them counts until a person decides.
#[test]
fn rates_that_an_alias_makes_contradict_each_other_are_decided_by_a_correction() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,fee_amount,fee_currency,order_time\n\
                  b0,NEWC-USD,buy,10,2,,,2025-03-01T09:00:00Z\n\
                  b1,BTC-USD,buy,1,100,3,NEWC,2025-03-07T09:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nOLDC,2025-03-07,USD,2.5\nNEWC,2025-03-07,USD,2.6\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    folder.write("fifo-pnl.toml", "[aliases]\nOLDC = \"NEWC\"\n");
    let failed = folder.compute(&["--all-symbols"]).expect(3).stderr;
    let said = "plain has two rates for NEWC in USD at 2025-03-07T00:00:00.000000Z: 2.5 and 2.6";
    assert!(failed.contains(said), "{failed}");
    let hint = "with --correct --reason TEXT, or mend [aliases]";
    assert!(failed.contains(hint), "{failed}");
    let found = folder.fifo_pnl(&["rates", "check"]).expect(1).stdout;
    let said = "two names of one asset have different rates: 1\n    \
                OLDC and NEWC in USD at 2025-03-07 00:00:00 UTC: 2.5 and 2.6 (plain)\n";
    assert!(found.contains(said), "{found}");
    folder.write(
        "right.csv",
        "asset,time,currency,rate\nNEWC,2025-03-07,USD,2.6\n",
    );
    let correct = ["import", "rates", "right.csv", "--correct", "--reason", "x"];
    let done = folder.fifo_pnl(&correct).expect(0).stdout;
    assert!(done.contains("1 corrected"), "{done}");
    folder.fifo_pnl(&["rates", "check"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let used = "SELECT value_usd FROM fifo_rates_used ORDER BY allocation_version DESC LIMIT 1";
    assert_eq!(folder.sql(used), ["7.8"]);
}

/// 100 EUR are 108.57 USD by the first file, and 109 USD after the correction.
#[test]
fn a_corrected_rate_is_found_by_health_and_named_by_compare() {
    let folder = folder();
    folder
        .fifo_pnl(&["import", "rates", "eurofxref-hist.csv"])
        .expect(0);
    let head = "order_id,symbol,side,size,price,total_fees_usd,order_time\n";
    let trades = "b1,BTC-EUR,buy,1,100,0,2025-03-07T16:00:00Z\n\
                  s1,BTC-USD,sell,1,200,0,2025-03-09T23:00:00Z\n\
                  b2,ETH-USD,buy,1,100,0,2025-03-07T16:00:00Z\n\
                  s2,ETH-USD,sell,1,200,0,2025-03-09T23:00:00Z\n";
    folder.write("trades.csv", format!("{head}{trades}"));
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    folder.fifo_pnl(&["health"]).expect(0);
    // A rate that no trade of the version uses changes nothing.
    folder.write("later.csv", "Date,JPY,\n2025-03-05,150,\n");
    folder.fifo_pnl(&["import", "rates", "later.csv"]).expect(0);
    folder.fifo_pnl(&["health"]).expect(0);
    folder.write("later.csv", "Date,USD,\n2025-03-07,1.0900,\n");
    let correct = ["import", "rates", "--correct", "--reason", "test"];
    folder
        .fifo_pnl(&[&correct[..], &["later.csv"]].concat())
        .expect(0);
    let found = folder.fifo_pnl(&["health"]).expect(1).stdout;
    let said = "rates-changed   1 rate differs from the version's since an import, the first of \
                EUR at 2025-03-07 16:00:00 UTC for \"b1\"; next: compute_allocations \
                --all-symbols\n";
    assert!(found.contains(said), "{found}");
    folder.compute(&["--all-symbols"]).expect(0);
    folder.fifo_pnl(&["health"]).expect(0);
    let json = folder
        .fifo_pnl(&["compare", "1", "2", "--json"])
        .expect(0)
        .json();
    assert_eq!(json["notes"][0], "1 trade has a value by other rates");
    let sells = json["sells"].as_array().unwrap();
    assert_eq!(sells.len(), 1, "{json}");
    let why = "rate of EUR for \"b1\": 1.0857 (ecb), then 1.09 (ecb)";
    assert_eq!(
        (&sells[0]["why"], &sells[0]["sell_order_id"]),
        (&why.into(), &"s1".into())
    );
    assert_eq!(sells[0]["difference_usd"], "-0.43");
    let text = folder.fifo_pnl(&["compare", "1", "2"]).expect(0).stdout;
    let sell = "\nSell s1 of default BTC\n    PnL     91.43 -> 91, difference -0.43\n    lots    \
                b1:1\n    why     rate of EUR for \"b1\": 1.0857 (ecb), then 1.09 (ecb)\n";
    assert!(text.contains(sell), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");

    let lacking = "n1,XMR-GBP,buy,1,100,0,2025-03-01T16:00:00Z\n";
    folder.write("lacking.csv", format!("{head}{lacking}"));
    folder.fifo_pnl(&["run", "lacking.csv"]).expect(1);
    let found = folder.fifo_pnl(&["health"]).expect(1).stdout;
    let said = "rates-missing   1 trade has no value, as a rate is missing; next: fifo-pnl rates \
                missing\n";
    assert!(found.contains(said), "{found}");
    folder.write(
        "gbp.csv",
        "asset,time,currency,rate\nGBP,2025-03-01,USD,1.3\n",
    );
    folder.fifo_pnl(&["import", "rates", "gbp.csv"]).expect(0);
    let found = folder.fifo_pnl(&["health"]).expect(1).stdout;
    let said = "as a rate is missing; rates were imported since the run; next: compute_allocations \
                --all-symbols\n";
    assert!(found.contains(said), "{found}");
    folder.compute(&["--all-symbols"]).expect(0);
    folder.fifo_pnl(&["health"]).expect(0);
}

/// Without rows there is nothing to fill in, and an import would refuse the file.
#[test]
fn no_file_is_written_if_no_rate_is_missing() {
    let folder = folder();
    let import = ["import", "rates", "eurofxref-hist.csv"];
    folder.fifo_pnl(&import).expect(0);
    let write = ["rates", "missing", "-o", "nothing.csv"];
    let done = folder.fifo_pnl(&write).expect(0).stdout;
    assert!(done.ends_with("Missing   no rate is missing\n"), "{done}");
    let json = folder.fifo_pnl(&[&write[..], &["--json"]].concat());
    assert!(json.expect(0).json()["file"].is_null());
    assert!(!folder.path().join("nothing.csv").exists());
}

/// A trade in euros with a fee in BNB lacks two rates. Then only the rate of its fee is missing.
#[test]
fn both_rates_that_a_trade_lacks_are_named() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,order_time,fee_amount,fee_currency\n\
                  b1,BTC-EUR,buy,1,100,2025-03-07T09:00:00Z,0.1,BNB\n\
                  b2,LTC-USD,buy,1,100,2025-03-08T09:00:00Z,,\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let said = "price has no value in USD: a rate of EUR on 2025-03-07 is missing; fee_amount \
                lacks a rate of BNB at 2025-03-07 09:00:00 UTC\n";
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(shown.contains(said), "{shown}");
    let missing = |id: &str| {
        let json = folder.fifo_pnl(&["review", "show", id, "--json"]).json();
        let missing = json["item"]["details"]["missing_rates"].as_array().cloned();
        let text = |rate: &serde_json::Value| {
            ["asset", "day", "at", "purpose"]
                .map(|name| rate[name].as_str().unwrap().to_owned())
                .join(" ")
        };
        missing.iter().flatten().map(text).collect::<Vec<_>>()
    };
    let bnb = "BNB 2025-03-07 2025-03-07T09:00:00.000000Z fee";
    let eur = "EUR 2025-03-07 2025-03-07T09:00:00.000000Z value";
    assert_eq!(missing("1"), [eur, bnb]);
    let list = folder.fifo_pnl(&["rates", "missing", "--json"]).json();
    let assets = |list: &serde_json::Value| {
        let list = list["missing"].as_array().cloned().unwrap_or_default();
        let asset = |it: &serde_json::Value| it["asset"].as_str().unwrap().to_owned();
        list.iter().map(asset).collect::<Vec<_>>()
    };
    assert_eq!(assets(&list), ["BNB", "EUR"]);
    let listed = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let footer = "A run closes an item about a missing rate once the rate is imported.\n";
    assert!(listed.ends_with(footer), "{listed}");

    let eur = "asset,time,currency,rate\nEUR,2025-03-07,USD,1.0857\n";
    folder.write("eur.csv", eur);
    folder.fifo_pnl(&["import", "rates", "eur.csv"]).expect(0);
    let again = folder.compute(&["--all-symbols"]).expect(1).stdout;
    assert!(again.contains("Rates missing   1 rate:"), "{again}");
    assert_eq!(missing("1"), [bnb]);
    let said =
        "fee_amount has no value in USD: a rate of BNB at 2025-03-07 09:00:00 UTC is missing\n";
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(shown.contains(said), "{shown}");
}

#[test]
fn a_sell_is_explained_with_its_rates() {
    let folder = folder();
    folder
        .fifo_pnl(&["import", "rates", "eurofxref-hist.csv"])
        .expect(0);
    let trades = "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                  b1,BTC-GBP,buy,2,100,0,2025-03-06T16:00:00Z\n\
                  s1,BTC-EUR,sell,1,200,0,2025-03-09T23:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let text = folder
        .fifo_pnl(&["explain", "--sell", "s1"])
        .expect(0)
        .stdout;
    // The sell: 200 EUR at the rate of Friday. The buy: 200 GBP at 1.08 / 0.84, rounded at 18
    // digits; 200 times that is 257.142857142857142, at 12 decimals 257.142857142857.
    for said in [
        "1 worth 217.14 USD, fee 0\n",
        "row: sell 1 BTC-EUR at 200 EUR\n      value 200 EUR x 1.0857 = 217.14 USD\n",
        "rate of 2025-03-07 15:00:00 UTC, by ecb\n        \
         1 EUR = 1.0857 USD, from eurofxref-hist.csv, line 2\n",
        "row: buy 2 BTC-GBP at 100 GBP\n      value 200 GBP x 1.28571428571428571 = \
         257.142857142857 USD\n",
        "rate of 2025-03-06 15:00:00 UTC, by ecb\n        \
         1 EUR = 1.08 USD, from eurofxref-hist.csv, line 3\n        \
         1 EUR = 0.84 GBP, from eurofxref-hist.csv, line 3\n",
        "217.14, the whole value",
        "257.142857142857 x 1 / 2",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let json = folder
        .fifo_pnl(&["explain", "--sell", "s1", "--json"])
        .expect(0)
        .json();
    let rate = &json["sell"]["rates"][0];
    assert_eq!(rate["value_usd"], "217.14");
    assert_eq!(rate["steps"][0]["line"], 2);
    let buy = &json["slices"][0]["lot"]["buy"];
    assert_eq!(
        (&buy["row"]["price"], &buy["row"]["quote"]),
        (&"100".into(), &"GBP".into())
    );
    assert_eq!(buy["rates"][0]["steps"][1]["rate"], "0.84");

    // A version whose rates something else changed is not exported.
    folder.sql("UPDATE fifo_rates_used SET source = 'plain' WHERE order_id = 's1'");
    let refused = folder
        .fifo_pnl(&["versions", "export", "1", "-o", "v.csv"])
        .expect(3);
    assert!(
        refused.stderr.contains("the hash of its rates is"),
        "{}",
        refused.stderr
    );
}

#[test]
fn validation_looks_the_used_rates_up_again() {
    let folder = folder();
    let import = ["import", "rates", "eurofxref-hist.csv"];
    folder.fifo_pnl(&import).expect(0);
    let trades = "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                  b1,BTC-EUR,buy,2,100,0,2025-03-07T16:00:00Z\n\
                  s1,BTC-EUR,sell,1,200,0,2025-03-09T23:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let found = |exit, said: &[&str]| {
        let text = folder
            .fifo_pnl(&["validate", "--version", "current"])
            .expect(exit)
            .stdout;
        for said in said {
            assert!(text.contains(said), "{said}: {text}");
        }
    };
    // The version keeps a rate that was corrected since.
    let rates = folder.read("eurofxref-hist.csv");
    folder.write("eurofxref-hist.csv", rates.replace("1.0857", "1.09"));
    let correct = ["--correct", "--reason", "misprint"];
    folder.fifo_pnl(&[&import[..], &correct].concat()).expect(0);
    let corrected = "Rates           2 used rates differ by now; the version keeps its own\n";
    let first = "first: EUR of 2025-03-07 15:00:00 UTC, ecb, for order \"b1\"\n";
    found(0, &["every invariant holds", corrected, first]);
    let json = folder
        .fifo_pnl(&["validate", "--version", "1", "--json"])
        .expect(0)
        .json();
    assert_eq!(json["rates_otherwise"], 2);

    // A record that was changed, and one that is gone.
    let record = "value 200 EUR = 217.14 USD at 1.0857 (ecb, 2025-03-07T15:00:00.000000Z: \
                  EUR in USD 1.0857 by import 1, line 2)";
    folder.sql("UPDATE fifo_rates_used SET value_usd = '300' WHERE order_id = 's1'");
    let changed = record.replace("217.14", "300");
    let other = format!("account \"default\" has {changed}, a look-up gives {record}");
    found(
        1,
        &[
            "NOT VALID       2 violations",
            "rates hash of the version",
            &other,
        ],
    );
    folder.sql("DELETE FROM fifo_rates_used WHERE order_id = 's1'");
    found(
        1,
        &[
            "NOT VALID       2 violations",
            &format!("no record of {record}"),
        ],
    );
}

#[test]
fn a_file_of_rates_given_as_trades_is_told_its_command() {
    let folder = Folder::new();
    folder.write(
        "eurofxref-hist.csv",
        "Date,USD,GBP,\n2025-03-07,1.08,0.84,\n",
    );
    for command in ["import", "run"] {
        let done = folder.fifo_pnl(&[command, "eurofxref-hist.csv"]).expect(2);
        let hint = "hint: `fifo-pnl import rates FILE` imports rates; `fifo-pnl formats draft \
                    FILE` proposes a table for another export; of a file of trades, the header \
                    needs order_id,";
        assert!(done.stderr.contains(hint), "{}", done.stderr);
    }
    // A header that has some of the columns is one of trades.
    folder.write("trades.csv", "order_id,symbol,side,size,price\n");
    let done = folder.fifo_pnl(&["import", "trades.csv"]).expect(2);
    assert!(!done.stderr.contains("import rates"), "{}", done.stderr);
}
