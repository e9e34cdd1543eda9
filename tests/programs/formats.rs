//! Files of exchanges, imported as they are.
#![cfg(all(feature = "cli", unix))]

use std::fs;

use crate::support;

use support::{Folder, repository};

/// Returns the name and the text of each sample.
fn samples() -> Vec<(String, String)> {
    let folder = repository().join("fixtures/formats");
    let formats = fs::read_dir(&folder).unwrap();
    let mut samples = Vec::new();
    for format in formats {
        let format = format.unwrap();
        if !format.path().join("expected.csv").exists() {
            continue;
        }
        let text = fs::read_to_string(format.path().join("sample.csv")).unwrap();
        samples.push((format.file_name().into_string().unwrap(), text));
    }
    samples.sort();
    assert!(samples.len() >= 5, "{folder:?}");
    samples
}

/// Makes a folder with the settings that a sample needs.
fn folder_of(name: &str) -> Folder {
    let folder = Folder::new();
    let settings = repository().join(format!("fixtures/formats/{name}/fifo-pnl.toml"));
    if let Ok(settings) = fs::read_to_string(settings) {
        folder.write("fifo-pnl.toml", settings);
    }
    folder
}

/// Lists the facts of the ledger, without the lines of files.
fn ledger(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT account, order_id, symbol, side, size, price, order_time, total_fees_usd, \
         quote_value, fee_amount, fee_currency, exchange FROM trade_records ORDER BY 1, 2",
    )
}

#[test]
fn each_sample_is_imported_once_and_named() {
    for (name, text) in samples() {
        let folder = folder_of(&name);
        folder.write("export.csv", &text);
        let first = folder
            .fifo_pnl(&["import", "--timezone", "UTC", "export.csv"])
            .expect(0)
            .stdout;
        assert!(first.contains(&format!("  format: {name}\n")), "{first}");
        let whole = ledger(&folder);
        let second = folder
            .fifo_pnl(&["import", "--timezone", "UTC", "--json", "export.csv"])
            .expect(0);
        let file = second.json()["files"][0].clone();
        assert_eq!(
            (&file["appended"], &file["format"]),
            (&0.into(), &name.into()),
            "{file}"
        );
        assert_eq!(ledger(&folder), whole);
    }
}

/// Returns the lines of trades before which a file may begin or end: not between rows of one
/// instant.
fn cuts(name: &str) -> Vec<usize> {
    let expected = repository().join(format!("fixtures/formats/{name}/expected.csv"));
    let expected = fs::read_to_string(expected).unwrap();
    let trades = expected.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let line: usize = cells.last().unwrap().parse().unwrap();
        (line, cells[5].to_owned())
    });
    let trades: Vec<(usize, String)> = trades.collect();
    let first = trades.first().map(|(line, _)| *line);
    let beside = ["movements.csv", "actions.csv"].into_iter();
    let beside = beside.filter_map(|file| first_beside(name, file));
    let first = first.into_iter().chain(beside).min();
    let later = trades.windows(2).filter_map(|pair| match pair {
        [(_, before), (line, time)] if before != time => Some(*line),
        _ => None,
    });
    let mut cuts: Vec<usize> = first.into_iter().chain(later).collect();
    // A closed position is two trades of one line.
    cuts.dedup();
    cuts
}

/// Returns the line of the first movement or action of a sample.
fn first_beside(name: &str, file: &str) -> Option<usize> {
    let beside = repository().join(format!("fixtures/formats/{name}/{file}"));
    let beside = fs::read_to_string(beside).ok()?;
    let (_, line) = beside.lines().nth(1)?.rsplit_once(',')?;
    line.parse().ok()
}

#[test]
fn files_that_overlap_give_what_the_whole_file_gives() {
    for (name, text) in samples() {
        let folder = folder_of(&name);
        folder.write("whole.csv", &text);
        folder
            .fifo_pnl(&["import", "--timezone", "UTC", "whole.csv"])
            .expect(0);
        let whole = ledger(&folder);
        let lines: Vec<&str> = text.lines().collect();
        let mut cuts = cuts(&name);
        let head = lines[..cuts[0] - 1].join("\n");
        cuts.push(lines.len() + 1);
        for at in cuts.windows(3) {
            // The rows between two cuts are in both files.
            let (early, late) = (&lines[cuts[0] - 1..at[2] - 1], &lines[at[1] - 1..]);
            for order in [[early, late], [late, early]] {
                let folder = folder_of(&name);
                for (nth, rows) in order.iter().enumerate() {
                    let rows = rows.join("\n");
                    folder.write(&format!("{nth}.csv"), format!("{head}\n{rows}\n"));
                }
                // Each file is an import of its own, in the order of their names.
                folder
                    .fifo_pnl(&["import", "--timezone", "UTC", "0.csv", "1.csv"])
                    .expect(0);
                assert_eq!(ledger(&folder), whole, "{name} at {at:?}");
            }
        }
    }
}

#[test]
fn a_list_of_orders_is_refused_by_name() {
    let folder = Folder::new();
    let sample = repository().join("fixtures/formats/binance-orders/sample.csv");
    folder.write("export.csv", fs::read_to_string(sample).unwrap());
    let said = folder.fifo_pnl(&["import", "export.csv"]).expect(2).stderr;
    let why = "export.csv:1: the file is binance-orders: a list of orders has no fees; export the \
               spot trade history";
    assert!(said.contains(why), "{said}");
}

/// The same wall time in a zone two hours ahead is two hours earlier.
#[test]
fn the_name_of_a_file_says_the_zone_of_its_times() {
    let folder = Folder::new();
    let sample = repository().join("fixtures/formats/binance-trades/sample.csv");
    let name = "Binance-Spot-Trade-History-202408250000(UTC+2).csv";
    let text = fs::read_to_string(sample).unwrap();
    // The header says UTC, and the name another zone.
    folder.write(name, &text);
    let refused = folder.fifo_pnl(&["import", name]).expect(2).stderr;
    assert!(refused.contains("--timezone"), "{refused}");
    folder.write(name, text.replacen("Date(UTC)", "Time", 1));
    let said = folder.fifo_pnl(&["import", name]).expect(0).stdout;
    let zone = "  times: UTC+2, from the file's name\n";
    assert!(said.contains(zone), "{said}");
    // 2024-08-24T20:40:05Z, in microseconds.
    let last = folder.value("SELECT max(order_time) FROM trade_records");
    assert_eq!(last, "1724532005000000");
}

/// Bought 0.4 ETH for 2,500 each, less 0.0016 withheld: 0.3984 for 1,000. Sold 0.2 for 520 less
/// 0.52. Cost: round12(1000 x 0.2 / 0.3984) = 502.008032128514.
#[test]
fn an_export_gives_a_result_in_one_step() {
    let folder = Folder::new();
    let (_, text) = samples()
        .into_iter()
        .find(|(name, _)| name == "crypto-com-exchange")
        .unwrap();
    folder.write("export.csv", text);
    folder.fifo_pnl(&["run", "export.csv"]).expect(0);
    let row = "SELECT cost_basis_usd || ' ' || net_proceeds_usd || ' ' || pnl_usd \
               FROM v_current_allocations";
    assert_eq!(folder.value(row), "502.008032128514 519.48 17.471967871486");
}

/// Each row says its currencies. A fund without a pair is what the row or the settings say.
#[test]
fn a_table_of_ones_own_reads_currencies_of_prices_and_fees() {
    let folder = Folder::new();
    folder.write(
        "mine.csv",
        "When,Name,Way,Units,Price,Currency,Fee,Commission Currency\n\
         2025-03-07 09:00:00,VWCE,buy,2,100,EUR,1,EUR\n\
         2025-03-07 10:00:00,ETHBTC,buy,2,0.03,BTC,0.001,ETH\n",
    );
    let table = "[formats.mine]\nexchange = \"mine\"\nids = \"mine\"\n\
                 [[formats.mine.headers]]\ncolumns = [\"When\", \"Name\", \"Way\", \"Units\", \
                 \"Price\", \"Currency\", \"Fee\", \"Commission Currency\"]\n\
                 [formats.mine.trade]\nsymbol = \"{Name}\"\nside = \"{Way}\"\nsize = \"{Units}\"\n\
                 price = \"{Price}\"\norder_time = \"{When}\"\nfee_amount = \"{Fee}\"\n\
                 fee_currency = \"{Commission Currency}\"\n";
    let quote = "quote_currency = \"{Currency}\"\n";
    folder.write("fifo-pnl.toml", format!("{table}{quote}"));
    folder.fifo_pnl(&["import", "mine.csv"]).expect(0);
    let facts = "SELECT base_asset, symbol, quote_currency, fee_amount, fee_currency FROM \
                 trade_records ORDER BY order_time";
    let expected = ["|VWCE|EUR|1|EUR", "|ETHBTC|BTC|0.001|ETH"];
    assert_eq!(folder.sql(facts), expected);
    // Without a column of currencies, the settings say what a name is.
    folder.write(
        "fund.csv",
        "When,Name,Way,Units,Price\n2025-03-07 09:00:00,VWCE,buy,2,100\n",
    );
    let table = table
        .replace("mine", "fund")
        .replace(", \"Currency\", \"Fee\", \"Commission Currency\"", "");
    let table: String = table
        .lines()
        .filter(|it| !it.contains("fee_"))
        .map(|it| format!("{it}\n"))
        .collect();
    folder.write("fifo-pnl.toml", &table);
    let said = folder.fifo_pnl(&["import", "fund.csv"]).expect(2).stderr;
    assert!(said.contains("under [symbols.\"PAIR\"]"), "{said}");
    let settings = "[symbols.\"VWCE\"]\nbase = \"VWCE\"\nquote = \"EUR\"\nclass = \"security\"\n";
    folder.write("fifo-pnl.toml", format!("{table}{settings}"));
    folder.fifo_pnl(&["import", "fund.csv"]).expect(0);
}

/// Two files of one account may have the same trades under other ids, or be cut inside a second.
#[test]
fn files_that_count_twice_are_findings_until_a_person_settles_them() {
    let folder = Folder::new();
    for (name, text) in samples() {
        if name.starts_with("binance-") || name.starts_with("bybit-") {
            folder.write(&format!("{name}.csv"), text);
        }
    }
    let import = |file: &str, account: &str, more: &[&str]| {
        folder.fifo_pnl(&[&["import", file, "--account", account], more].concat())
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    import("bybit-account.csv", "bybit", &[]).expect(0);
    let said = import("bybit-log.csv", "bybit", &["--preview"]).expect(1);
    let both = "3 of 3 trades of bybit-log.csv (bybit-log) are in import 1 (bybit-account.csv, \
                bybit-account), too: totals would count them twice.";
    assert!(words(&said.stdout).contains(both), "{}", said.stdout);
    let run = ["run", "bybit-log.csv", "--account", "bybit", "-q"];
    folder.fifo_pnl(&run).expect(1);
    let said = folder.fifo_pnl(&["health"]).expect(1).stdout;
    let undo = "take one out: `fifo-pnl import undo 2 --reason TEXT`";
    let keep = "fifo-pnl import keep 2 --reason TEXT";
    assert!(said.starts_with("Database") && said.contains("counted-twice   3 of 3 trades"));
    assert!(words(&said).contains(undo) && said.contains(keep), "{said}");
    folder.shell(keep).expect(0);
    folder.fifo_pnl(&["health"]).expect(0);
    folder
        .fifo_pnl(&["import", "keep", "9", "--reason", "x"])
        .expect(2);

    // A file of records that ends inside a second, and the whole file.
    let records = samples().into_iter().find(|it| it.0 == "binance-records");
    let records = records.unwrap().1;
    let cut: String = records
        .lines()
        .take(10)
        .map(|it| format!("{it}\n"))
        .collect();
    folder.write("cut.csv", cut);
    import("cut.csv", "cut", &[]).expect(0);
    let said = import("binance-records.csv", "cut", &[]).expect(1).stdout;
    let other = "have other sums of one pair at 2024-05-03 09:00:00 UTC";
    assert!(words(&said).contains(other), "{said}");
    let void = "fifo-pnl void binance-records-6d1b113ee2fdad14dcaf-1 --account cut --reason TEXT";
    assert!(words(&said).contains(void), "{said}");
    folder.shell(void).expect(0);

    // Files of other days have nothing in common. Other sizes of one day may be the same trades.
    let said = import("binance-trades.csv", "cut", &[]).expect(0);
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    let trades = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n\
                  2024-05-03 09:00:00,ETHUSDT,BUY,2000,0.1000000000ETH,200.0000000000USDT,\
                  0.1USDT\n";
    folder.write("day.csv", trades);
    let said = import("day.csv", "cut", &[]).expect(0).stderr;
    assert!(words(&said).contains("None is in both"), "{said}");
    // Both are right, says a person.
    let said = import("bybit-log.csv", "other", &["--again"]).expect(0);
    assert!(!said.stdout.contains("Counted twice"), "{}", said.stdout);
    let said = import("bybit-account.csv", "other", &["--again"]).expect(0);
    assert!(!said.stdout.contains("Counted twice"), "{}", said.stdout);
}

/// The hint has lines to paste. With them, the report is imported, and lots of one unit count.
#[test]
fn a_report_of_lots_says_which_settings_it_needs() {
    let folder = Folder::new();
    let page = repository().join("fixtures/formats/mt5-report/sample.html");
    let page = fs::read_to_string(page).unwrap();
    let units = page.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    folder.write("report.html", bytes);
    let command = ["import", "--timezone", "Europe/Athens", "report.html"];
    let said = folder.fifo_pnl(&command).expect(2).stderr;
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("      "))
        .collect();
    let settings = lines.join("\n");
    for symbol in ["BTCUSD", "EURUSD", "XAUUSD"] {
        let line = format!("      [symbols.\"{symbol}\"]\n      contract_size = \"UNITS\"");
        assert!(settings.contains(&line), "{said}");
    }
    folder.write("fifo-pnl.toml", &settings);
    let refused = folder.fifo_pnl(&command).expect(2).stderr;
    assert!(
        refused.contains("contract_size is \"UNITS\": it"),
        "{refused}"
    );
    // The profits of the broker say that a lot of EURUSD has more units.
    folder.write("fifo-pnl.toml", settings.replace("UNITS", "1"));
    let refused = folder.fifo_pnl(&command).expect(2).stderr;
    let fits = "      [symbols.\"EURUSD\"]\n      contract_size = \"100000\"\n";
    assert!(refused.contains(fits), "{refused}");
    folder.write("fifo-pnl.toml", settings.replace("UNITS", "100000"));
    let said = folder.fifo_pnl(&command).expect(0).stdout;
    for part in [
        "14 rows, 6 new, 0 known, 7 movements, 1 not used",
        "  format: mt5-report\n  read as: HTML\n  times: Europe/Athens, from --timezone\n",
        "  balances: agree in 13 of 13 rows\n",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // 10:15:30 in Athens, two hours ahead.
    let first = folder.value("SELECT min(order_time) FROM trade_records");
    assert_eq!(first, "1740989730000000");
    // Rows of contracts are right: the only step leaves their pool out.
    let run = ["run", "--timezone", "Europe/Athens", "report.html"];
    let said = folder.fifo_pnl(&run).expect(1).stdout;
    assert!(
        said.contains("trades of contracts are not computed yet"),
        "{said}"
    );
    let item = "SELECT id FROM manual_review_queue WHERE description LIKE '%100000 units%' LIMIT 1";
    let shown = folder.fifo_pnl(&["review", "show", &folder.value(item)]);
    let shown = shown.expect(0).stdout.replace("\n", " ");
    for part in [
        "contracts of 100000 units are not computed yet",
        "fifo-pnl review exclude",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    for part in ["--correct", "void", "import"] {
        assert!(!shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_header_that_is_nearly_known_is_refused_with_what_differs() {
    let folder = Folder::new();
    let (_, text) = samples()
        .into_iter()
        .find(|(name, _)| name == "kraken-trades")
        .unwrap();
    folder.write("export.csv", text.replacen("\"costusd\"", "\"feeccy\"", 1));
    let said = folder.fifo_pnl(&["import", "export.csv"]).expect(2).stderr;
    let why = "export.csv:1: the header is nearly that of kraken-trades: it has the unknown \
               column \"feeccy\"";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("--ignore-column \"feeccy\""), "{said}");
}

#[test]
fn a_drafted_format_reads_the_file_that_it_was_drafted_from() {
    let folder = Folder::new();
    let text = "My broker\nDate,Pair,Action,Qty,Price,Fee,Fee Currency\n\
                2025-01-02 10:00:00,BTC-EUR,buy,1,100,1,EUR\n\
                2025-01-02 10:00:00,BTC-EUR,buy,1,100,1,EUR\n";
    folder.write("export.csv", text);
    folder.fifo_pnl(&["import", "export.csv"]).expect(2);
    let draft = folder
        .fifo_pnl(&["formats", "draft", "export.csv"])
        .expect(0)
        .stdout;
    folder.write("fifo-pnl.toml", &draft);
    let listed = folder.fifo_pnl(&["formats", "list"]).expect(0).stdout;
    assert!(listed.contains("\nkraken-trades\n"), "{listed}");
    assert!(
        listed.ends_with("\nexport                  yours\n"),
        "{listed}"
    );
    let said = folder
        .fifo_pnl(&["import", "--format", "export", "export.csv"])
        .expect(0)
        .stdout;
    assert!(said.contains("2 rows, 2 new"), "{said}");
    let other = ["import", "--format", "kraken-trades", "export.csv"];
    let said = folder.fifo_pnl(&other).expect(2).stderr;
    assert!(said.contains("nearly that of kraken-trades"), "{said}");
    let said = folder.fifo_pnl(&["import", "--format", "x", "export.csv"]);
    let said = said.expect(2).stderr;
    assert!(said.contains("no format has the name \"x\""), "{said}");
    // A name of the program's own formats is taken.
    folder.write(
        "fifo-pnl.toml",
        draft.replace("formats.export", "formats.schwab"),
    );
    let said = folder.fifo_pnl(&["formats", "list"]).expect(2).stderr;
    let why = "fifo-pnl.toml: [formats.schwab] another format has this name";
    assert!(said.contains(why), "{said}");
    // A table with a fault stops no command that reads no file.
    for command in [
        &["versions", "list"][..],
        &["formats", "draft", "export.csv"],
    ] {
        folder.fifo_pnl(command).expect(0);
    }
}

/// The blocks of code after a heading of a page.
fn blocks_after(page: &str, heading: &str) -> Vec<String> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("\n```").skip(1).step_by(2);
    let bodies = blocks.map(|block| block.split_once('\n').unwrap().1.to_owned() + "\n");
    bodies.collect()
}

/// The example of the page is a file, the table for it, and the lines of its import.
#[test]
fn the_page_of_formats_shows_a_table_that_works() {
    let page = fs::read_to_string(repository().join("docs/FORMATS.md")).unwrap();
    let blocks = blocks_after(&page, "## A format of your own");
    let [file, table, said] = &blocks[..] else {
        panic!("{blocks:?}");
    };
    let folder = Folder::new();
    folder.write("broker.csv", file);
    let draft = folder.fifo_pnl(&["formats", "draft", "broker.csv"]);
    let draft = draft.expect(0).stdout;
    // The table is the draft with its questions answered.
    for line in table.lines().filter(|line| !line.is_empty()) {
        let answered = ["tickers = true", "zone = \"America/New_York\""];
        let is_drafted = draft.lines().any(|it| it.trim_start_matches("# ") == line);
        assert!(is_drafted || answered.contains(&line), "{line}\n{draft}");
    }
    folder.write("fifo-pnl.toml", table);
    let shown = folder.fifo_pnl(&["run", "broker.csv", "--account", "broker"]);
    let shown = shown.expect(0).stdout;
    assert!(shown.contains(said.as_str()), "{shown}");
    // A table of the program can be pasted, too.
    let copied = folder.fifo_pnl(&["formats", "show", "schwab"]).expect(0);
    folder.write("fifo-pnl.toml", copied.stdout);
    let listed = folder.fifo_pnl(&["formats", "list"]).expect(0).stdout;
    assert!(
        listed.ends_with("\nmy-schwab               yours\n"),
        "{listed}"
    );
    assert!(
        listed.contains("\nbinance-orders          refused\n"),
        "{listed}"
    );
}

/// Returns a folder with a sample of ledgers, and the fills of two of their trades.
fn kraken() -> Folder {
    let folder = Folder::new();
    let (_, ledgers) = samples()
        .into_iter()
        .find(|(name, _)| name == "kraken-ledgers")
        .unwrap();
    folder.write("ledgers.csv", ledgers);
    let trades = "\"txid\",\"ordertxid\",\"pair\",\"time\",\"type\",\"ordertype\",\"price\",\
                  \"cost\",\"fee\",\"vol\",\"margin\",\"misc\",\"ledgers\"\n\
                  \"TAAAAA-00001-AAAAAA\",\"O1\",\"XXBTZEUR\",\"2025-01-03 09:00:00.1234\",\"buy\",\
                  \"limit\",80000,1000,2.6,0.0125,0,\"\",\"\"\n\
                  \"TAAAAA-00004-AAAAAA\",\"O2\",\"ETH/EUR\",\"2025-01-06 12:00:00.5\",\"sell\",\
                  \"limit\",2800,420,0.84,0.15,0,\"\",\"\"\n";
    folder.write("trades.csv", trades);
    folder
}

const LIVE: &str = "SELECT count(*) FROM eligible_trades WHERE void_seq IS NULL";

/// Ledgers and trades of one account have the same ids: no trade counts twice.
#[test]
fn trades_of_kraken_count_once_in_either_file() {
    let folder = kraken();
    let first = folder.fifo_pnl(&["import", "ledgers.csv"]).expect(0).stdout;
    for said in [
        "ledgers.csv: 30 rows, 6 new, 0 known, 11 movements, 5 not used\n",
        "  format: kraken-ledgers\n",
        "  trades of several rows: 14 rows make 6 trades\n",
        "  balances: agree in 29 of 29 rows\n",
        "1 pending",
    ] {
        assert!(first.contains(said), "{said}{first}");
    }
    let known = folder.fifo_pnl(&["import", "trades.csv"]).expect(2).stderr;
    let said = "order_id is \"TAAAAA-00001-AAAAAA\", which the ledger has with symbol";
    assert!(known.contains(said), "{known}");
    assert_eq!(folder.value(LIVE), "6");
    // The other way round, the ledgers replace the trades.
    let folder = kraken();
    folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
    folder.fifo_pnl(&["import", "ledgers.csv"]).expect(2);
    assert_eq!(folder.value(LIVE), "2");
    let correct = [
        "import",
        "ledgers.csv",
        "--correct",
        "--reason",
        "ledgers have the fees",
    ];
    let done = folder.fifo_pnl(&correct).expect(0).stdout;
    assert!(done.contains("4 new, 0 known, 2 corrected"), "{done}");
    assert_eq!(folder.value(LIVE), "6");
}

/// The account has the ids and the facts of the fills: each trade counts once, in any order.
#[test]
fn fills_and_account_of_coinbase_add_nothing_twice() {
    let text = |name: &str| {
        let mut samples = samples().into_iter();
        samples.find(|(known, _)| known == name).unwrap().1
    };
    // Two of the fills are in the account, too.
    for (first, second) in [
        ("coinbase-account", "coinbase-fills"),
        ("coinbase-fills", "coinbase-account"),
    ] {
        let folder = Folder::new();
        folder.write("first.csv", text(first));
        folder.write("second.csv", text(second));
        folder.fifo_pnl(&["import", "first.csv"]).expect(0);
        let done = folder.fifo_pnl(&["import", "second.csv"]).expect(0).stdout;
        assert!(done.contains(" 2 known"), "{done}");
        // Four of the account, and the third fill.
        assert_eq!(folder.value(LIVE), "5");
    }
}

#[test]
fn a_ledger_with_a_missing_row_is_refused_with_the_row_that_shows_it() {
    let folder = kraken();
    let text = folder.read("ledgers.csv");
    let rows = text.lines().filter(|row| !row.contains("TAAAAA-00008"));
    let rows: String = rows.map(|row| format!("{row}\n")).collect();
    folder.write("cut.csv", rows);
    let said = folder.fifo_pnl(&["import", "cut.csv"]).expect(2).stderr;
    for part in [
        "Refused   cut.csv: 28 rows",
        "  balances: agree in 26 of 27 rows\n",
        "  held before the first row: 998.4 DOGE (spot / main)\n",
        "  cut.csv:22: the balance of USD (spot / main) is 100.5, but the rows add up to 400.5\n",
        "    hint: rows are missing or changed\n",
        "Nothing was imported. Export the file again, or import it as it is with --skip-invalid.",
    ] {
        assert!(said.contains(part), "{part}{said}");
    }
    // A user who takes the file as it is needs no advice to do so. Kinds are counted in words.
    let taken = ["import", "cut.csv", "--skip-invalid", "--preview"];
    let taken = folder.fifo_pnl(&taken).expect(1).stdout;
    assert!(!taken.contains("hint: "), "{taken}");
    assert!(taken.contains("  movements: 1 deposit, "), "{taken}");
    assert!(taken.contains(" adjustments; "), "{taken}");
    folder.write("header.csv", format!("{}\n", text.lines().next().unwrap()));
    let empty = folder.fifo_pnl(&["import", "header.csv"]).expect(0).stdout;
    let said = "header.csv: 0 rows, 0 new, 0 known\n  the file has a header and no rows\n";
    assert!(empty.contains(said), "{empty}");
    let done = folder.fifo_pnl(&["import", "cut.csv", "--skip-invalid", "--json"]);
    let file = done.expect(1).json()["files"][0].clone();
    assert_eq!(
        (&file["appended"], &file["rows_joined"]),
        (&5.into(), &7.into())
    );
    assert_eq!(file["balances"]["differs"]["line"], 22);
    assert_eq!(
        file["balances"]["held_before"]["DOGE (spot / main)"],
        "998.4"
    );
    // A balance below zero is named at its first instant.
    let below = text.replace("0.0024000000,196.80", "-0.0024000000,196.80");
    folder.write("below.csv", below);
    let said = folder.fifo_pnl(&["import", "below.csv"]).expect(2).stderr;
    let part = "below.csv:20: the balance of BTC (spot / main) is -0.0024 at 2025-01-10 \
                10:00:00 UTC, expected zero or more\n";
    assert!(said.contains(part), "{said}");
}

/// 15 and 85 shares at 20, with the fee of 4.50 on the first fill; 15 are sold at 30.
#[test]
fn an_order_with_its_commission_on_one_fill_is_named() {
    let folder = Folder::new();
    let rows = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,IBCommission,\
                IBCommissionCurrency,Buy/Sell,TransactionID,IBOrderID,LevelOfDetail\n\
                USD,STK,AAA,20240115;100001,15,20,-4.5,USD,BUY,1,7,EXECUTION\n\
                USD,STK,AAA,20240115;100002,85,20,0,USD,BUY,2,7,EXECUTION\n\
                USD,STK,AAA,20240215;100000,-15,30,0,USD,SELL,3,8,EXECUTION\n";
    folder.write("trades.csv", rows);
    let done = folder.fifo_pnl(&["run", "trades.csv"]).expect(0).stdout;
    let said = "  fees: 1 order has its fee on one fill; it is not shared among the others\n";
    assert!(done.contains(said), "{done}");
    let pnl = "SELECT cost_basis_usd, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(pnl), ["304.5|145.5"]);
}

const FLEX: &str = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,IBCommission,\
                    IBCommissionCurrency,Buy/Sell,TransactionID,Notes/Codes,LevelOfDetail\n";

/// Writes a row of a Flex query.
fn flex((time, size, price): (&str, &str, &str), fee: &str, (side, id): (&str, &str)) -> String {
    let note = if side.contains("(Ca.)") { "Ca" } else { "" };
    format!("USD,STK,ABC,{time},{size},{price},{fee},USD,{side},{id},{note},EXECUTION\n")
}

/// A purchase is cancelled and booked again; its commission of 6 was paid once, and another for the
/// sale: 5,000 x 0.40 - 6 - (5,000 x 0.32 + 6) = 388.
#[test]
fn a_cancelled_trade_and_its_cancellation_leave_nothing() {
    let first = ("20250701;100000", "5000", "0.32");
    let bought = flex(first, "-6", ("BUY", "1001"));
    let cancels = flex(
        ("20250701;100000", "-5000", "0.32"),
        "0",
        ("BUY (Ca.)", "1002"),
    );
    let again = flex(first, "0", ("BUY", "1003"));
    let sold = flex(("20250710;100000", "-5000", "0.40"), "-6", ("SELL", "2002"));
    let folder = Folder::new();
    folder.write("all.csv", format!("{FLEX}{bought}{cancels}{again}{sold}"));
    let done = folder.fifo_pnl(&["run", "all.csv"]).expect(0).stdout;
    for said in [
        "all.csv: 4 rows, 2 new, 0 known, 2 not used\n",
        "  not used: 1 cancellation, 1 cancelled trade\n",
        "  cancelled: line 4 by line 3\n",
    ] {
        assert!(done.contains(said), "{said}{done}");
    }
    let rows = "SELECT cost_basis_usd, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(rows), ["1606|388"]);
}

/// The trade is in one file, and in the next one with its cancellation; or the other way round.
#[test]
fn a_trade_that_another_file_cancels_never_counts_in_silence() {
    let bought = flex(("20250701;100000", "5000", "0.32"), "-6", ("BUY", "1001"));
    let cancels = flex(
        ("20250702;100000", "-5000", "0.32"),
        "6",
        ("BUY (Ca.)", "1002"),
    );
    let other = flex(("20250703;100000", "10", "2"), "-1", ("BUY", "1004"));
    let folder = Folder::new();
    folder.write("early.csv", format!("{FLEX}{bought}"));
    folder.write("late.csv", format!("{FLEX}{cancels}{other}"));
    folder.write("whole.csv", format!("{FLEX}{bought}{cancels}{other}"));
    folder.fifo_pnl(&["import", "early.csv"]).expect(0);
    let alone = ["import", "--skip-invalid", "late.csv"];
    let said = folder.fifo_pnl(&alone).expect(2).stderr;
    assert!(
        said.contains("expected that trade in the same file"),
        "{said}"
    );
    // The row names no trade, and one trade of the ledger has its facts.
    let void = "fifo-pnl void 1001 --account default --reason TEXT";
    let flat: Vec<&str> = said.split_whitespace().collect();
    assert!(flat.join(" ").contains(void), "{said}");
    let said = folder.fifo_pnl(&["import", "whole.csv"]).expect(2).stderr;
    let part = "whole.csv:3: cancels trade \"1001\" of account \"default\", which the ledger has";
    assert!(said.contains(part), "{said}");
    let void = ["void", "1001", "--reason", "cancelled"];
    folder.fifo_pnl(&void).expect(0);
    folder.fifo_pnl(&["import", "whole.csv"]).expect(0);
    assert_eq!(folder.value(LIVE), "1");
    // The trade is known, and voided.
    folder.fifo_pnl(&["import", "early.csv"]).expect(0);
    assert_eq!(folder.value(LIVE), "1");
    let folder = Folder::new();
    folder.write("early.csv", format!("{FLEX}{bought}"));
    folder.write("whole.csv", format!("{FLEX}{bought}{cancels}{other}"));
    folder.fifo_pnl(&["import", "whole.csv"]).expect(0);
    let said = folder.fifo_pnl(&["import", "early.csv"]).expect(2).stderr;
    let part = "early.csv:2: has trade \"1001\", which an earlier file cancels";
    assert!(said.contains(part), "{said}");
    let undo = |id| {
        let undo = ["import", "undo", id, "--reason", "the wrong file"];
        folder.fifo_pnl(&undo).expect(0)
    };
    let import = |file, code| folder.fifo_pnl(&["import", file]).expect(code).stderr;
    undo("1");
    import("early.csv", 0);
    // A trade of an undone import is as if it had never come; under another id it counts.
    undo("2");
    import("whole.csv", 0);
    assert!(import("early.csv", 2).contains(part));
    undo("3");
    import("early.csv", 0);
    let said = import("whole.csv", 2);
    assert!(said.contains("cancels trade \"1001~2\""), "{said}");
}

/// Bought 40 at 12.50 for a fee of 1; sold 20 at 15 for 1, then 20 at 16 for 1. Gains: 300 - 1 -
/// 250.50 = 48.50 and 320 - 1 - 250.50 = 68.50. The broker states 48.50 and 69.
#[test]
fn gains_that_a_broker_states_are_compared_with_ours() {
    let trade = |time: &str, quantity: &str, price: &str, side: &str, rest: &str| {
        format!(
            "<Trade currency=\"USD\" assetCategory=\"STK\" symbol=\"QRS\" dateTime=\"{time}\" \
             quantity=\"{quantity}\" tradePrice=\"{price}\" ibCommission=\"-1\" \
             ibCommissionCurrency=\"USD\" buySell=\"{side}\" {rest}/>\n"
        )
    };
    let id = |id: &str, gain: &str| format!("transactionID=\"{id}\" fifoPnlRealized=\"{gain}\" ");
    let rows = [
        trade("20250305;100000", "40", "12.5", "BUY", &id("1", "0")),
        trade("20250405;100000", "-20", "15", "SELL", &id("2", "48.5")),
        trade("20250505;100000", "-20", "16", "SELL", &id("3", "69")),
    ];
    let rows = rows.concat();
    let folder = Folder::new();
    folder.write(
        "flex.xml",
        format!("<FlexQueryResponse><Trades>\n{rows}</Trades></FlexQueryResponse>\n"),
    );
    let done = folder.fifo_pnl(&["run", "flex.xml"]).expect(0).stdout;
    assert!(done.contains("flex.xml: 3 rows, 3 new"), "{done}");
    assert!(done.contains("  read as: XML\n"), "{done}");
    let history = [
        "history",
        "import",
        "flex.xml",
        "--snapshot-date",
        "2025-12-31",
    ];
    let done = folder.fifo_pnl(&history).expect(0).stdout;
    assert!(done.contains("Rows preserved: 2\n"), "{done}");
    let name = "historical_pnl_snapshot_20251231";
    let validate = ["validate", "--version", "current", "--snapshot", name];
    let done = folder.fifo_pnl(&validate).expect(0).stdout;
    assert!(done.contains("1 equal, 1 differ, 0 missing"), "{done}");
}

#[test]
fn files_of_several_venues_in_one_account_are_named() {
    let folder = Folder::new();
    let mut files = Vec::new();
    for format in ["coinbase-fills", "kraken-trades", "coinbase-account"] {
        let name = format!("{format}.csv");
        let sample = repository().join(format!("fixtures/formats/{format}/sample.csv"));
        folder.write(&name, fs::read(sample).unwrap());
        files.push(name);
    }
    let import = |more: &[&'static str]| {
        let files = files.iter().map(String::as_str);
        let args: Vec<&str> = ["import", "--preview"].into_iter().chain(files).collect();
        let done = folder.fifo_pnl(&[&args[..], more].concat());
        assert!(done.code <= 1, "{done:?}");
        done.stdout
    };
    let note = |account| {
        format!("files of coinbase, kraken go into account \"{account}\" and share its lots")
    };
    let text = import(&[]);
    assert!(text.contains(&note("default")), "{text}");
    // A name may be that of one of the venues.
    let text = import(&["--account", "kraken"]);
    assert!(text.contains(&note("kraken")), "{text}");
}
