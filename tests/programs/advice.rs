//! The advice of `review show` and `review list` works. The tests make an item of each kind, read
//! the commands and settings from the printed text, and follow them to the letter.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::{Done, Folder};

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n";

/// A way that the text advises: its sentence, and the lines below it.
#[derive(Debug, Clone)]
struct Way {
    when: String,
    lines: Vec<String>,
}

/// Reads the ways from the text of `review show`.
fn ways(text: &str) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    let lines = text.lines().skip_while(|line| !line.starts_with("Next "));
    for line in lines {
        match (line.strip_prefix("            "), ways.last_mut()) {
            (Some(below), Some(way)) => way.lines.push(below.to_owned()),
            _ => ways.push(Way {
                when: line["Next      ".len()..].to_owned(),
                lines: Vec::new(),
            }),
        }
    }
    ways
}

fn shown(folder: &Folder, id: &str) -> Vec<Way> {
    let done = folder.fifo_pnl(&["review", "show", id]).expect(0);
    let ways = ways(&done.stdout);
    assert!(!ways.is_empty(), "{}", done.stdout);
    ways
}

/// Puts what a user knows in place of the words in capitals.
fn filled(line: &str) -> String {
    let file = match line {
        line if line.contains("rates missing") => "missing.csv",
        line if line.contains("import rates") => "rates.csv",
        _ => "mended.csv",
    };
    let words = line.split(' ').map(|word| match word {
        "FILE" => file,
        "TEXT" => "'as asked'",
        "USD" => "70.5",
        "DATE" => "2025-03-01",
        "ZONE" => "Europe/Berlin",
        "BUY_ID" => "b-9",
        word => word,
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.contains("review resolve") {
        // There is no terminal here that could be asked.
        true => line + " --yes",
        false => line,
    }
}

fn is_command(line: &str) -> bool {
    line.starts_with("fifo-pnl ") || line.starts_with("compute_allocations ")
}

/// Goes a way to its end: settings into the configuration, then each command.
fn go(folder: &Folder, way: &Way) {
    let config = folder.join("fifo-pnl.toml");
    let old = std::fs::read_to_string(&config).unwrap_or_default();
    let is_setting = |line: &&String| !is_command(line);
    let settings = way.lines.iter().filter(is_setting).cloned();
    let settings = settings.collect::<Vec<_>>().join("\n");
    folder.write("fifo-pnl.toml", format!("{settings}\n{old}"));
    for line in way.lines.iter().filter(|line| is_command(line)) {
        let done = folder.shell(&filled(line));
        let is_compute = line.starts_with("compute_allocations");
        let is_done = done.code == 0 || (is_compute && done.code == 1);
        assert!(is_done, "{line}\n{}\n{}", done.stdout, done.stderr);
    }
}

fn open_items(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT id || ' ' || issue_type FROM manual_review_queue \
         WHERE status IN ('pending', 'in_progress') ORDER BY id",
    )
}

/// Makes a ledger, and what its rows are to be mended with.
fn folder(rows: &str, mended: &str) -> Folder {
    let folder = Folder::new();
    folder.write("trades.csv", format!("{HEAD}{rows}"));
    folder.write("mended.csv", format!("{HEAD}{mended}"));
    let rate = |asset: &str| format!("{asset},2025-03-04T09:00:00Z,USD,1.05\n");
    let rates: String = ["BUSD", "DAI"].map(rate).concat();
    let head = "asset,time,currency,rate\n";
    folder.write(
        "rates.csv",
        format!("{head}EUR,2025-03-04,USD,1.05\n{rates}"),
    );
    let done = folder.fifo_pnl(&["run", "trades.csv"]);
    assert!(done.code <= 1, "{}{}", done.stdout, done.stderr);
    folder
}

/// Goes every way of item 1 in a ledger of its own; returns the sentences.
fn go_all(make: impl Fn() -> Folder, expected_open: &[&str]) -> Vec<String> {
    let gone = go_each(make).into_iter();
    let sentence = |(way, open): (Way, Vec<String>)| {
        assert_eq!(open, expected_open, "after {way:?}");
        way.when
    };
    gone.map(sentence).collect()
}

/// Goes every way of item 1 in a ledger of its own; returns it with the items that are open then.
fn go_each(make: impl Fn() -> Folder) -> Vec<(Way, Vec<String>)> {
    let count = shown(&make(), "1").len();
    let mut gone = Vec::new();
    for at in 0..count {
        let folder = make();
        let way = shown(&folder, "1").remove(at);
        go(&folder, &way);
        gone.push((way, open_items(&folder)));
    }
    gone
}

/// An unmatched sell of 3 at a time when nothing was held; `b-9` closes what may be a short.
fn unmatched() -> Folder {
    folder(
        "it's 1,QNT-USD,sell,3,40,2025-03-04T10:00:00Z,0.2,main\n\
         b-9,QNT-USD,buy,4,35,2025-03-09T10:00:00Z,0.2,main\n",
        "b-0,QNT-USD,buy,3,30,2025-03-01T10:00:00Z,0.2,main\n",
    )
}

#[test]
fn an_unmatched_sell_is_settled_by_each_way() {
    let sentences = go_all(unmatched, &[]);
    assert_eq!(sentences.len(), 4);
    assert!(sentences[0].starts_with("a buy is missing"));
    assert!(sentences[2].starts_with("or a short sale, which a later buy closes"));
    // A zone that is kept is not asked for again.
    let folder = unmatched();
    let resolve = |folder: &Folder| shown(folder, "1")[1].lines[0].clone();
    assert!(resolve(&folder).contains("--timezone ZONE"));
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"Europe/Berlin\"\n");
    assert!(!resolve(&folder).contains("--timezone"));
}

/// Two short sales between long trades. Long: 2 x (503 - 500) = 6 USD. Short: 2 x (510 - 505) = 10
/// and 3 x (504 - 501) = 9.
#[test]
fn short_sales_are_matched_by_what_is_advised() {
    let folder = folder(
        "b0,MES,buy,2,500,2025-09-10T13:00:00Z,0,main\n\
         s0,MES,sell,2,503,2025-09-10T13:05:00Z,0,main\n\
         s1,MES,sell,2,510,2025-09-10T14:00:00Z,0,main\n\
         b1,MES,buy,2,505,2025-09-10T14:10:00Z,0,main\n\
         s2,MES,sell,3,504,2025-09-10T15:00:00Z,0,main\n\
         b2,MES,buy,3,501,2025-09-10T15:10:00Z,0,main\n",
        "",
    );
    let item = open_items(&folder).remove(0);
    let short = shown(&folder, item.split(' ').next().unwrap()).remove(2);
    assert!(short.when.contains("short sale"), "{short:?}");
    go(&folder, &short);
    assert_eq!(open_items(&folder), Vec::<String>::new());
    let pnl = "SELECT total_pnl FROM v_allocation_health WHERE is_current";
    assert_eq!(folder.value(pnl), "25");
}

#[test]
fn a_row_that_is_no_trade_is_settled_by_each_way() {
    let make = || {
        let folder = folder(
            "b-1,QNT-USD,buy,3,40,2025-03-04T10:00:00Z,0.2,main\n",
            "good,QNT-USD,buy,1,90,2025-03-05T10:00:00Z,0.2,main\n",
        );
        folder.sql(
            "PRAGMA ignore_check_constraints = 1; \
             INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
             VALUES ('main', '-5 $HOME', 'QNT-USD', 'buy', '-1', '90', 1741255200000000)",
        );
        folder.compute(&["--all-symbols"]).expect(1);
        assert_eq!(open_items(&folder), ["1 invalid_trade"]);
        folder
    };
    let sentences = go_all(make, &[]);
    assert_eq!(sentences.len(), 2);
    assert!(sentences[0].starts_with("take the row out of matching"));
    assert!(sentences[1].starts_with("go on without it"));
}

#[test]
fn a_value_that_no_total_can_hold_is_settled_by_each_way() {
    let make = || {
        let folder = Folder::new();
        let row = |fee: &str| {
            format!(
                "order_id,symbol,side,size,price,order_time,fee_amount,fee_currency,account\n\
                 b-1,QNT-USD,buy,3,40,2025-03-04T10:00:00Z,{fee},EUR,main\n"
            )
        };
        let rates = "asset,time,currency,rate\nEUR,2025-03-04,USD,1.1\n";
        folder.write("rates.csv", rates);
        folder.write("trades.csv", row("99999999999999999999999"));
        folder.write("mended.csv", row("0.2"));
        for args in [["rates", "rates.csv"], ["--quiet", "trades.csv"]] {
            folder
                .fifo_pnl(&[&["import"][..], &args].concat())
                .expect(0);
        }
        folder.compute(&["--all-symbols"]).expect(1);
        assert_eq!(open_items(&folder), ["1 invalid_trade"]);
        folder
    };
    let sentences = go_all(make, &[]);
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    assert!(sentences[0].starts_with("the row is wrong"));
    assert!(sentences[1].starts_with("it is no trade"));
    assert!(sentences[2].starts_with("go on without it"));
}

#[test]
fn a_pool_that_no_flag_can_name_is_not_to_be_excluded() {
    let folder = folder("b-1,QNT-USD,buy,3,40,2025-03-04T10:00:00Z,0.2,main\n", "");
    folder.sql(
        "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
         VALUES ('main', 'x', 'Q T', 'buy', '1', '90', 1741255200000000)",
    );
    folder.compute(&["--all-symbols"]).expect(1);
    let ways = shown(&folder, "1");
    assert_eq!(ways.len(), 1, "{ways:?}");
    assert_eq!(ways[0].lines, ["compute_allocations --all-symbols"]);
    go(&folder, &ways[0]);
}

fn priced_in(symbol: &str) -> Folder {
    folder(
        &format!("b-1,{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main\n"),
        "b-1,QNT-USD,buy,3,43.3,2025-03-04T10:00:00Z,0.22,main\n",
    )
}

/// For each symbol: how the sentence of each way begins, and the items that are open after it.
#[test]
fn a_pool_without_dollars_is_settled_by_each_way() {
    // By its rate, the coin that paid is a pool of its own, which sold what nobody bought.
    let by_rate = &["3 unmatched_sell"][..];
    let coin = |coin: &'static str| {
        vec![
            (coin, &[][..]),
            ("a source has", by_rate),
            ("a person knows", by_rate),
            ("the account's statement", &[]),
            ("go on without", &[]),
        ]
    };
    for (symbol, expected) in [
        (
            "QNT-EUR",
            vec![
                ("a source has", &[][..]),
                ("a person knows", &[]),
                ("the account's statement", &[]),
                ("go on without", &[]),
            ],
        ),
        ("QNT-BUSD", coin("BUSD counts as")),
        (
            "GRUB",
            vec![
                (
                    "if GRUB is one asset (security), and its prices are in USD: add these lines",
                    &[],
                ),
                // By then its one trade is of G, and lacks a rate of RUB.
                (
                    "if GRUB is G (crypto), priced in RUB: add these lines",
                    &["2 missing_fx"],
                ),
                (
                    "or the account main holds shares alone, all priced in USD: add these lines",
                    &[],
                ),
                ("or import the trades again", &[]),
                ("go on without", &[]),
            ],
        ),
        (
            "VOD.L",
            vec![
                ("if VOD.L is one asset", &[]),
                ("or the account main holds shares alone", &[]),
                ("or import the trades again", &[]),
                ("go on without", &[]),
            ],
        ),
        ("QNTDAI", coin("DAI counts as")),
    ] {
        let gone = go_each(|| priced_in(symbol));
        assert_eq!(gone.len(), expected.len(), "{symbol}: {gone:?}");
        for ((way, open), (begins, expected)) in gone.iter().zip(expected) {
            assert!(way.when.starts_with(begins), "{symbol}: {way:?}");
            assert_eq!(open, expected, "{symbol}: after {way:?}");
        }
    }
}

/// Columns come before the symbol and all settings: lines of settings would cure nothing.
#[test]
fn a_column_that_contradicts_the_symbol_is_corrected() {
    let folder_of = |symbol: &str, mended: &str| {
        let head = HEAD.replace('\n', ",quote_currency\n");
        let row = |symbol, quote| {
            format!("{head}b-1,{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main,{quote}\n")
        };
        let folder = Folder::new();
        folder.write("trades.csv", row(symbol, "EUR"));
        folder.write("mended.csv", row(mended, "USD"));
        folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
        let list = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
        for said in ["[symbols.", "may be pairs"] {
            assert!(!list.contains(said), "{list}");
        }
        folder
    };
    let contradicts = || folder_of("QNT-USD", "QNT-USD");
    let sentences = go_all(contradicts, &[]);
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    let said = "the column quote_currency comes before the symbol and all settings";
    assert!(sentences[0].starts_with(said), "{sentences:?}");
    let item = contradicts().fifo_pnl(&["review", "show", "1", "--json"]);
    assert_eq!(item.json()["item"]["details"]["column"], "quote_currency");

    // A symbol that is priced in itself has no lines either.
    let sentences = go_all(|| folder_of("EUR-EUR", "QNT-USD"), &[]);
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    assert!(
        sentences[0].starts_with("the symbol is wrong"),
        "{sentences:?}"
    );
}

#[test]
fn a_failed_check_of_the_engine_is_settled_by_each_way() {
    let make = || {
        let folder = folder("b-1,QNT-USD,buy,3,40,2025-03-04T10:00:00Z,0.2,main\n", "");
        // No input makes one: it would be a bug.
        folder.sql(
            "INSERT INTO manual_review_queue (order_id, issue_type, severity, status, description, \
             account, asset, symbol, allocation_version, details, created_at, updated_at) \
             VALUES ('', 'allocation_error', 'high', 'pending', 'shares do not add up', 'main', \
             'QNT', 'QNT-USD', 1, '{}', 1741255200000000, 1741255200000000)",
        );
        folder
    };
    let ways = shown(&make(), "1");
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert!(ways[0].when.starts_with("this is a bug"));
    for way in &ways {
        go(&make(), way);
    }
}

#[test]
fn an_item_of_an_excluded_pool_says_so() {
    let make = || {
        let folder = unmatched();
        let pool = "--account main --asset QNT";
        let line = format!("fifo-pnl review exclude {pool} --reason 'asked them'");
        folder.shell(&line).expect(0);
        folder
    };
    let ways = shown(&make(), "1");
    assert_eq!(ways.len(), 2, "{ways:?}");
    let said = "the pool was taken out of matching (asked them): put it back";
    assert_eq!(ways[0].when, said);
    let folder = make();
    go(&folder, &ways[0]);
    let excluded = folder.fifo_pnl(&["review", "list", "--json"]).json();
    assert_eq!(excluded["excluded"].as_array().unwrap().len(), 0);
    let folder = make();
    go(&folder, &ways[1]);
    assert_eq!(open_items(&folder), [""; 0]);
    // What is settled asks for nothing.
    let text = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(!text.contains("Next"), "{text}");
}

#[test]
fn a_list_has_the_line_for_an_account_of_shares() {
    let row = |symbol: &&str| format!("{symbol},{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main\n");
    let rows: String = ["GRUB", "GBTC", "BF-B"].iter().map(row).collect();
    let text = folder(&rows, "").fifo_pnl(&["review", "list"]).stdout;
    let expected = "If an account has shares alone, all in USD, its class in fifo-pnl.toml \
                    settles\nall its symbols\n\n[accounts.\"main\"]\nclass = \"security\"\n\n\
                    If these are names";
    assert!(text.contains(expected), "{text}");
}

/// Names that end in letters of a currency, among pairs that are priced in one.
#[test]
fn a_list_has_the_settings_for_names_that_are_no_pairs() {
    let symbols = ["GRUB", "GBTC", "BF-B", "FETH", "QNTEUR", "QNT-EUR"];
    let row = |symbol: &&str| format!("{symbol},{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main\n");
    let folder = folder(&symbols.iter().map(row).collect::<String>(), "");
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    // QNT-EUR is a coin: the account has not shares alone.
    assert!(!text.contains("[accounts."), "{text}");
    let (_, text) = text.split_once("If these are names").unwrap();
    let settings: Vec<&str> = text
        .lines()
        .filter(|line| {
            let starts = ["[symbols.", "base = ", "quote = ", "class = "];
            starts.iter().any(|start| line.starts_with(start))
        })
        .collect();
    assert_eq!(settings.len(), 3 * 4, "{text}");
    // The item has its settings for programs, with a comment on each.
    let item = folder.fifo_pnl(&["review", "show", "1", "--json"]).json();
    let of_item = item["item"]["details"]["settings"].as_str().unwrap();
    let expected = "# if it is FETH (security) priced in USD\n[symbols.\"FETH\"]\n";
    assert!(of_item.starts_with(expected), "{of_item}");
    folder.write("fifo-pnl.toml", settings.join("\n"));
    folder.compute(&["--all-symbols"]).expect(1);
    let left = folder
        .sql("SELECT symbol FROM manual_review_queue WHERE status = 'pending' ORDER BY symbol");
    assert_eq!(left, ["QNT-EUR", "QNTEUR"]);
}

/// A contract on a coin, a currency alone and a name that begins with a coin: no guess is offered.
#[test]
fn a_list_leaves_open_what_nothing_tells() {
    let symbols = ["BTC-PERP", "EUR", "GRUB"];
    let row = |symbol: &&str| format!("{symbol},{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main\n");
    let folder = folder(&symbols.iter().map(row).collect::<String>(), "");
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let expected = "Nothing says what these are. In fifo-pnl.toml, write the lines of each \
                    without\nthe #, with the right value\n\n\
                    # [symbols.\"BTC-PERP\"]\n\
                    # base = \"BTC-PERP\" or \"BTC\"\n\
                    # quote = \"USD\" or \"PERP\"\n\
                    # class = \"security\" or \"crypto\" or \"future\"\n\
                    # [symbols.\"EUR\"]\n\
                    # base = \"EUR\"\n\
                    # quote = \"USD\"\n\
                    # class = \"security\" or \"fx\"\n";
    assert!(text.contains(expected), "{text}");
    let offered: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("[symbols."))
        .collect();
    assert_eq!(offered, ["[symbols.\"GRUB\"]"]);
    // One name alone does not make an account of shares.
    assert!(!text.contains("[accounts."), "{text}");
}

/// Each choice of the list is a way: its lines settle the symbol.
#[test]
fn each_choice_of_what_nothing_tells_is_a_way() {
    let row = |symbol: &str| {
        let row = format!("a,{symbol},buy,3,40,2025-03-04T10:00:00Z,0.2,main\n");
        folder(&row, &row.replace(symbol, "BTC-USD"))
    };
    for (symbol, choices) in [
        (
            "BTC-PERP",
            &[
                "if BTC-PERP is one asset (security), and its prices are in USD: add",
                "if BTC-PERP is BTC (crypto), priced in PERP: add",
                "if BTC-PERP is one asset (future), and its prices are in USD: add",
            ][..],
        ),
        (
            "EUR",
            &[
                "if EUR is one asset (security), and its prices are in USD: add",
                "if EUR is one asset (fx), and its prices are in USD: add",
            ],
        ),
    ] {
        let ways = shown(&row(symbol), "1");
        let offered = ways.iter().filter(|way| way.when.starts_with("if "));
        let offered: Vec<&Way> = offered.collect();
        assert_eq!(offered.len(), choices.len(), "{ways:?}");
        for (way, begins) in offered.into_iter().zip(choices) {
            assert!(way.when.starts_with(begins), "{way:?}");
            let folder = row(symbol);
            go(&folder, way);
            // Nobody knows a rate of PERP.
            let is_settled = !way.when.contains("priced in PERP");
            assert_eq!(open_items(&folder).is_empty(), is_settled, "{way:?}");
        }
    }
}

/// TOML takes a table once: lines for one that the file has come without its name.
#[test]
fn a_table_that_the_settings_have_is_not_printed_again() {
    let settings = "[symbols.\"GRUB\"]\ndust_threshold = \"0.01\"\n";
    let folder = folder("a,GRUB,buy,3,40,2025-03-04T10:00:00Z,0.2,main\n", "");
    folder.write("fifo-pnl.toml", settings);
    let way = shown(&folder, "1").remove(0);
    let said = "if GRUB is one asset (security), and its prices are in USD: add these lines to the \
                table [symbols.\"GRUB\"] of fifo-pnl.toml, in place of such lines that it has";
    assert_eq!(way.when, said);
    let lines: Vec<&String> = way.lines.iter().filter(|line| !is_command(line)).collect();
    assert_eq!(
        lines,
        ["base = \"GRUB\"", "quote = \"USD\"", "class = \"security\""]
    );
    let text = folder.fifo_pnl(&["review", "list"]).expect(0).stdout;
    let into = "\n# into [symbols.\"GRUB\"], which is there, in place of such lines that it \
                has:\nbase = \"GRUB\"\n";
    assert!(text.contains(into), "{text}");
    let lines = [
        settings,
        "base = \"GRUB\"\nquote = \"USD\"\nclass = \"security\"\n",
    ];
    folder.write("fifo-pnl.toml", lines.concat());
    folder.compute(&["--all-symbols"]).expect(0);
    assert_eq!(open_items(&folder), [""; 0]);
}

/// A trade with legs in three pools, whose fee has no rate.
fn without_fee_rate() -> Folder {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,fee_amount,fee_currency\n\
         b1,BTC-USD,buy,1,20000,2025-03-03T10:00:00Z,0,,\n\
         x1,ETH-BTC,buy,1,0.05,2025-03-04T09:30:00Z,,1,BNB\n",
    );
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nBTC,2025-03-04T09:00:00Z,USD,20000\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    folder
}

#[test]
fn going_on_without_a_trade_names_all_its_pools() {
    let folder = without_fee_rate();
    let items = open_items(&folder);
    assert_eq!(items.len(), 3, "{items:?}");
    let ways = shown(&folder, "2");
    assert!(
        ways.iter()
            .all(|way| !way.lines.iter().any(|line| line.contains("fifo-pnl void"))),
        "{ways:?}"
    );
    let is_stated = |way: &Way| way.when.ends_with("with it in the column fee_usd_value");
    assert!(ways.iter().any(is_stated), "{ways:?}");
    let way = ways
        .into_iter()
        .find(|way| way.when.starts_with("go on without"))
        .unwrap();
    let said = "go on without it: leave the pool out of matching and of all totals; the trade has \
                legs in default BNB and default ETH, too, which stay rejected until they are left \
                out";
    assert_eq!(way.when, said);
    go(&folder, &way);
    assert_eq!(open_items(&folder), [""; 0]);
}

/// A void takes a whole trade out. So none is offered for a fee leg that finds no lot.
#[test]
fn no_void_is_offered_for_a_leg_without_a_lot() {
    let folder = without_fee_rate();
    folder.write(
        "bnb.csv",
        "asset,time,currency,rate\nBNB,2025-03-04T09:00:00Z,USD,500\n",
    );
    folder.fifo_pnl(&["import", "rates", "bnb.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let open = open_items(&folder);
    let id = open[0].split(' ').next().unwrap();
    assert_eq!(open, [format!("{id} unmatched_sell")]);
    let ways = shown(&folder, id);
    assert_eq!(ways.len(), 3, "{ways:?}");
    assert!(
        ways.iter().all(|way| !way.when.contains("short sale")),
        "{ways:?}"
    );
}

/// Other settings give the pools other names: the printed line leaves out those of the run.
#[test]
fn the_line_of_a_run_excludes_the_pools_that_the_run_rejected() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,BTC-USD,buy,1,20000,2025-03-03T10:00:00Z,0\n\
         x1,ETH-BTC,buy,1,0.05,2025-03-03T11:00:00Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    folder.write("fifo-pnl.toml", "[pools]\nby = \"symbol\"\n");
    let text = folder.compute(&["--all-symbols"]).expect(1).stdout;
    let (_, after) = text.split_once("or go on without them: `").unwrap();
    let command = after.split('`').next().unwrap();
    let expected = "fifo-pnl review exclude --account default --asset ETH-BTC --reason TEXT";
    assert_eq!(command, expected);
    folder.shell(&filled(command)).expect(0);
    let text = folder.compute(&["--all-symbols"]).expect(0).stdout;
    assert!(text.contains("Version 3 is current"), "{text}");
}

/// Pools by symbol have no place for what pays, nor for a fee in a coin. Their way out is named.
#[test]
fn pools_by_symbol_name_the_setting_that_gives_legs_a_place() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd,fee_amount,fee_currency\n\
         n1,BNB-USD,buy,2,300,2025-03-03T09:00:00Z,0,,\n\
         b1,BTC-USD,buy,1,20000,2025-03-03T10:00:00Z,,0.1,BNB\n\
         x1,ETH-BTC,buy,1,0.05,2025-03-03T11:00:00Z,0,,\n",
    );
    folder.write("fifo-pnl.toml", "[pools]\nby = \"symbol\"\n");
    folder.compute(&["--all-symbols"]).expect(1);
    let open = open_items(&folder);
    assert_eq!(open.len(), 2, "{open:?}");
    for item in &open {
        let ways = shown(&folder, item.split(' ').next().unwrap());
        let first = ways.first().unwrap();
        assert!(first.when.contains("the table [pools]"), "{ways:?}");
        assert_eq!(first.lines[0], "by = \"asset\"");
    }
    folder.write("fifo-pnl.toml", "[pools]\nby = \"asset\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    assert!(open_items(&folder).is_empty());
}

/// A basis settles no item but an unmatched sell, by flag or in a sheet.
#[test]
fn a_basis_is_refused_by_the_kind_of_the_item() {
    let folder = priced_in("QNT-EUR");
    let line = "fifo-pnl review resolve 1 --basis 5 --acquired 2025-03-01T00:00:00Z --note x --yes";
    let done: Done = folder.shell(line).expect(2);
    let said = "review item 1 is missing_fx, no unmatched sell: a basis does not settle it";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    folder
        .shell("fifo-pnl review export -o sheet.csv")
        .expect(0);
    let sheet = folder.read("sheet.csv");
    let row = sheet.lines().nth(1).unwrap();
    let filled = format!(
        "{},resolve,3,5,2025-03-01T00:00:00Z,,x",
        row.trim_end_matches(',')
    );
    folder.write("sheet.csv", sheet.replace(row, &filled));
    let done = folder
        .shell("fifo-pnl review apply sheet.csv --yes")
        .expect(2);
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!(open_items(&folder), ["1 missing_fx"]);
}
