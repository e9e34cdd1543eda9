//! Imports undone and put back, as a user does it.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
const BUYS: &str = "b1,BTC-USD,buy,1,100,2025-01-02T00:00:00Z,0\n\
                    b2,BTC-USD,buy,1,150,2025-01-03T00:00:00Z,0\n";
const SELLS: &str = "s1,BTC-USD,sell,1,180,2025-02-02T00:00:00Z,0\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("buys.csv", format!("{HEADER}{BUYS}"));
    folder.write("sells.csv", format!("{HEADER}{SELLS}"));
    folder
}

/// Returns the rows of the current version: sell, buy, cost and pnl.
fn version_rows(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT sell_order_id, buy_order_id, cost_basis_usd, pnl_usd FROM v_current_allocations \
         ORDER BY id",
    )
}

#[test]
fn an_import_is_undone_and_put_back_in_one_step() {
    let folder = folder();
    folder.fifo_pnl(&["run", "buys.csv", "sells.csv"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1|100|80"]);
    let undo = ["import", "undo", "1", "--reason", "another account's"];
    let done = folder.fifo_pnl(&undo).expect(0);
    let said = "Undone    import 1 of buys.csv: 2 trades are out of matching from the next version \
                on\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let health = folder.fifo_pnl(&["health"]).expect(0).stdout;
    assert!(
        health.contains("2 trades left the ledger since"),
        "{health}"
    );
    let shown = folder.fifo_pnl(&["account", "show", "default"]).expect(0);
    let statuses = ["  undone ", "  success "].map(|it| shown.stdout.matches(it).count());
    assert_eq!(statuses, [1, 1], "{}", shown.stdout);
    // The version stays valid: its trades were not out when it was made.
    folder.fifo_pnl(&["validate", "--version", "1"]).expect(0);
    // A recent run sees it, and makes a new version.
    let recent = folder.fifo_pnl(&["compute", "--incremental"]).expect(0);
    assert!(
        recent
            .stdout
            .contains("order \"b1\" and 1 more was voided or put back"),
        "{}",
        recent.stdout
    );
    assert_eq!(version_rows(&folder), ["s1|||"]);
    folder
        .fifo_pnl(&["validate", "--version", "current"])
        .expect(0);
    let views = "SELECT status, count(*) FROM v_allocation_discrepancies GROUP BY status";
    assert_eq!(folder.sql(views), ["OK|1"]);
    // The file again: its trades come in as if they were new, and import 1 stays out.
    let again = folder.fifo_pnl(&["import", "buys.csv"]).expect(0).stdout;
    let said = "2 rows, 2 new, 0 known\n  2 new rows were in imports before, which are undone\n";
    assert!(again.contains(said), "{again}");
    let put_back = [&undo[..], &["--undo"]].concat();
    let refused = folder.fifo_pnl(&put_back).expect(3).stderr;
    let said = "error: import 1 has a trade that would count twice: \"b1\" of account \"default\" \
                is \"b1~2\" of import 3\n\
                hint: `fifo-pnl import undo 3 --reason TEXT` takes import 3 out; then put import 1 \
                back\n";
    assert_eq!(refused, said);
    let undo_again = ["import", "undo", "3", "--reason", "import 1 was right"];
    folder.fifo_pnl(&undo_again).expect(0);
    let list = folder.fifo_pnl(&["import", "list", "--json"]).expect(0);
    assert_eq!(list.json()["imports"][2]["undone"], true);
    let done = folder.fifo_pnl(&put_back).expect(0);
    assert!(
        done.stdout.contains("2 trades are back in matching"),
        "{}",
        done.stdout
    );
    folder.fifo_pnl(&["compute", "--incremental"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1|100|80"]);
    let list = folder.fifo_pnl(&["import", "list"]).expect(0).stdout;
    let of_file = |line: &&str| line.contains("2 trades  default  native  buys.csv");
    assert_eq!(list.lines().filter(of_file).count(), 2, "{list}");
    assert_eq!(list.matches("buys.csv (undone)").count(), 1, "{list}");
    // A file that brings nothing new is no import.
    let again = folder.fifo_pnl(&["import", "buys.csv"]).expect(0).stdout;
    assert!(again.contains("2 rows, 0 new, 2 known\n"), "{again}");
}

#[test]
fn an_undone_correction_gives_the_original_back() {
    let folder = folder();
    folder.fifo_pnl(&["run", "buys.csv", "sells.csv"]).expect(0);
    folder.write(
        "buys.csv",
        format!("{HEADER}{}", BUYS.replace(",100,", ",110,")),
    );
    let correct = ["import", "--correct", "--reason", "sent again", "buys.csv"];
    folder.fifo_pnl(&correct).expect(0);
    folder.fifo_pnl(&["compute", "--incremental"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1~2|110|70"]);
    let undo = ["import", "undo", "3", "--reason", "it was right"];
    let done = folder.fifo_pnl(&undo).expect(0);
    let said = "  as before this import corrected it: 1 trade\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    folder.fifo_pnl(&["compute", "--incremental"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1|100|80"]);
    folder
        .fifo_pnl(&["validate", "--version", "current"])
        .expect(0);
}

#[test]
fn undone_rates_give_values_no_more() {
    let folder = folder();
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nEUR,2025-01-01T00:00:00Z,USD,1.25\n",
    );
    let euros = "b1,BTC-EUR,buy,1,100,2025-01-02T00:00:00Z,0\n\
                 s1,BTC-EUR,sell,1,120,2025-01-02T01:00:00Z,0\n";
    folder.write("euros.csv", format!("{HEADER}{euros}"));
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.fifo_pnl(&["run", "euros.csv"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1|125|25"]);
    let undo = ["import", "undo", "1", "--reason", "a test"];
    let done = folder.fifo_pnl(&undo).expect(0);
    assert!(done.stdout.contains("1 rate is out of"), "{}", done.stdout);
    let missing = folder.fifo_pnl(&["rates", "missing"]).expect(0).stdout;
    assert!(missing.contains("EUR"), "{missing}");
    let recent = folder.fifo_pnl(&["compute", "--incremental"]);
    assert_eq!(recent.code, 1, "{recent:?}");
    folder
        .fifo_pnl(&["import", "undo", "1", "--reason", "a test", "--undo"])
        .expect(0);
    folder.fifo_pnl(&["compute", "--incremental"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1|125|25"]);
}

#[test]
fn rows_of_another_account_are_refused() {
    let folder = folder();
    let to = |account, file| ["import", "--account", account, file];
    folder.fifo_pnl(&to("k", "buys.csv")).expect(0);
    // Another file, with two of three rows of import 1.
    folder.write("more.csv", format!("{HEADER}{BUYS}{SELLS}"));
    let refused = folder.fifo_pnl(&to("other", "more.csv")).expect(2).stderr;
    let said =
        "more.csv: 2 of the 3 rows compared are already in import 1 (buys.csv), of account \"k\"";
    assert!(refused.contains(said), "{refused}");
    assert!(
        refused.contains("`fifo-pnl import undo 1 --reason TEXT`"),
        "{refused}"
    );
    assert_eq!(folder.value("SELECT count(*) FROM trade_records"), "2");
    // Less than most of the rows is chance. So is an equal id of a trade at another time.
    folder.write(
        "one.csv",
        format!(
            "{HEADER}{}{SELLS}",
            BUYS.replace("2025-01-03", "2025-01-04")
        ),
    );
    folder.fifo_pnl(&to("other", "one.csv")).expect(0);
    // A longer file of the same source has many new rows. Three known ones are no chance.
    let row = |nth: i32| format!("n{nth},ETH-USD,buy,1,{nth},2025-03-{nth:02}T00:00:00Z,0\n");
    let rows = |until| (1..=until).map(row).collect::<String>();
    folder.write("year.csv", format!("{HEADER}{}", rows(3)));
    folder.write("years.csv", format!("{HEADER}{}", rows(20)));
    folder.fifo_pnl(&to("y", "year.csv")).expect(0);
    let refused = folder.fifo_pnl(&to("z", "years.csv")).expect(2).stderr;
    let said = "years.csv: 3 of the 20 rows compared are already in import";
    assert!(refused.contains(said), "{refused}");
    // For its own account the file is no question.
    folder.fifo_pnl(&to("k", "more.csv")).expect(0);
    let again = [&to("third", "more.csv")[..], &["--again"]].concat();
    folder.fifo_pnl(&again).expect(0);
    // More.csv has rows that import 1 holds alone.
    let undo = ["import", "undo", "1", "--reason", "the wrong account"];
    let refused = folder.fifo_pnl(&undo).expect(3).stderr;
    for said in [
        "error: more.csv has 2 rows that the ledger knew before, perhaps of import 1\n",
        "`fifo-pnl import undo 1 --reason TEXT --yes`",
    ] {
        assert!(refused.contains(said), "{refused}");
    }
    for undone in ["1", "2", "3", "4", "5"] {
        let undo = [
            "import",
            "undo",
            undone,
            "--reason",
            "the wrong account",
            "--yes",
        ];
        folder.fifo_pnl(&undo).expect(0);
    }
    // Rows of undone imports count nowhere.
    folder.fifo_pnl(&to("fourth", "more.csv")).expect(0);
}

#[test]
fn explain_says_that_the_import_of_a_sell_is_undone() {
    let folder = folder();
    folder.fifo_pnl(&["run", "buys.csv", "sells.csv"]).expect(0);
    let undo = ["import", "undo", "2", "--reason", "a test"];
    folder.fifo_pnl(&undo).expect(0);
    // Version 1 has it still.
    folder.fifo_pnl(&["explain", "--sell", "s1"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    for account in [&[][..], &["--account", "default"]] {
        let explain = [&["explain", "--sell", "s1"][..], account].concat();
        let said = folder.fifo_pnl(&explain).expect(2).stderr;
        let expected = "error: \"s1\" came with import 2 of sells.csv, which is undone\n\
                        hint: `fifo-pnl import undo 2 --reason TEXT --undo` puts its rows back\n";
        assert_eq!(said, expected);
    }
    folder
        .fifo_pnl(&[&undo[..], &["--undo"]].concat())
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    folder.fifo_pnl(&["explain", "--sell", "s1"]).expect(0);
}

/// Two equal trades of one second, and files that end between them.
#[test]
fn a_cut_inside_an_instant_is_named_by_the_next_file() {
    let folder = Folder::new();
    let header = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n";
    let first = "2024-08-24 22:40:05,BTCUSDT,BUY,60000,0.01BTC,600USDT,0.6USDT\n";
    let twice = first.replace("22:40:05", "22:40:06");
    let last = first.replace("22:40:05", "22:40:07");
    folder.write("cut.csv", format!("{header}{first}{twice}"));
    folder.write("next.csv", format!("{header}{twice}{twice}{last}"));
    folder.fifo_pnl(&["import", "cut.csv"]).expect(0);
    let import = ["import", "next.csv"];
    let said = folder.fifo_pnl(&import).expect(0).stdout;
    let warning = "  warning: of equal rows of 2024-08-24 22:40:06 UTC some are known and some are \
                   new: a file ends or begins between them.\n";
    assert!(said.contains("3 rows, 2 new, 1 known"), "{said}");
    assert!(said.contains(warning), "{said}");
    // All rows are in, so that no cut is left.
    let said = folder.fifo_pnl(&import).expect(0).stdout;
    assert!(
        said.contains("0 new, 3 known") && !said.contains("warning"),
        "{said}"
    );
}

/// A file that came back under another account counts twice once its first import is put back.
#[test]
fn a_file_that_is_put_back_beside_itself_is_named() {
    let folder = folder();
    folder.fifo_pnl(&["import", "buys.csv"]).expect(0);
    let undo = ["import", "undo", "1", "--reason", "another account's"];
    folder.fifo_pnl(&undo).expect(0);
    let other = ["import", "buys.csv", "--account", "kraken", "--again"];
    folder.fifo_pnl(&other).expect(0);
    let back = ["import", "undo", "1", "--undo", "--reason", "no"];
    let done = folder.fifo_pnl(&back).expect(0);
    let said = "warning: import 2 is of the same file, so its trades count twice";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    // The command that it names ends that.
    let undo = ["import", "undo", "2", "--reason", "twice"];
    folder.fifo_pnl(&undo).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let count = "SELECT sum(trades) FROM fifo_pool_summary WHERE allocation_version = 1";
    assert_eq!(folder.value(count), "2");
}

/// A split is of the file that brought it first: to undo that file takes it from the others, too.
#[test]
fn an_import_whose_split_a_later_file_has_is_not_undone_in_silence() {
    let folder = folder();
    let split = "split,BTC,2025-01-10,2,1\n";
    let header = "action,asset,happened_at,ratio_new,ratio_old\n";
    folder.write("one.csv", format!("{header}{split}"));
    folder.write(
        "two.csv",
        format!("{header}{split}split,ETH,2025-01-10,3,1\n"),
    );
    folder.fifo_pnl(&["import", "one.csv"]).expect(0);
    folder.fifo_pnl(&["import", "two.csv"]).expect(0);
    let list = folder.fifo_pnl(&["import", "list"]).expect(0).stdout;
    assert_eq!(list.matches("1 action ").count(), 2, "{list}");
    let undo = ["import", "undo", "1", "--reason", "wrong file"];
    let said = folder.fifo_pnl(&undo).expect(3).stderr;
    let why = "two.csv has 1 row that the ledger knew before, perhaps of import 1";
    assert!(said.contains(why), "{said}");
    folder.fifo_pnl(&[&undo[..], &["--yes"]].concat()).expect(0);
    let again = folder.fifo_pnl(&["import", "two.csv"]).expect(0).stdout;
    assert!(
        again.contains("actions: 2 splits; 1 new, 1 known"),
        "{again}"
    );
}

/// A lot by decision stays when its sell leaves: another sell would use it without a word.
#[test]
fn a_decided_lot_without_its_sell_is_named() {
    let folder = folder();
    folder.fifo_pnl(&["run", "sells.csv"]).expect(0);
    let resolve = [
        "review",
        "resolve",
        "1",
        "--basis",
        "90",
        "--acquired",
        "2024-05-31",
        "--timezone",
        "UTC",
        "--note",
        "a gift",
        "--yes",
    ];
    folder.fifo_pnl(&resolve).expect(0);
    let undo = ["import", "undo", "1", "--reason", "wrong"];
    let said = folder.fifo_pnl(&undo).expect(0).stdout;
    let warning = "\"review-1-1\" was decided for \"s1\", which is out of matching";
    assert!(said.contains(warning), "{said}");
    let way = said.split('`').nth(1).unwrap().replace("TEXT", "wrong");
    folder.shell(&way).expect(0);
    let back = ["import", "undo", "1", "--undo", "--reason", "right"];
    let said = folder.fifo_pnl(&back).expect(0).stdout;
    assert!(!said.contains("was decided"), "{said}");
}

/// A file with rows of an undone import, some of them with other facts, stands in for it: all its
/// rows count, each once. The same holds for a file whose trades have no ids.
#[test]
fn a_file_that_stands_in_for_an_undone_import_comes_in_whole() {
    let folder = folder();
    folder.write(
        "kraken.csv",
        "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n\
         L1,D1,2025-01-02 00:00:00,deposit,,currency,ZUSD,100,0,100\n\
         L2,D2,2025-01-03 00:00:00,deposit,,currency,ZUSD,50,0,150\n",
    );
    folder.fifo_pnl(&["import", "buys.csv"]).expect(0);
    folder.fifo_pnl(&["import", "kraken.csv"]).expect(0);
    for id in ["1", "2"] {
        folder
            .fifo_pnl(&["import", "undo", id, "--reason", "x"])
            .expect(0);
    }
    folder.write(
        "buys.csv",
        format!("{HEADER}{}", BUYS.replace(",150,", ",155,")),
    );
    let preview = folder
        .fifo_pnl(&["import", "buys.csv", "--preview"])
        .expect(0)
        .stdout;
    assert!(preview.contains("2 rows, 2 new, 0 known"), "{preview}");
    let said = folder.fifo_pnl(&["import", "buys.csv"]).expect(0).stdout;
    assert!(said.contains("2 rows, 2 new, 0 known"), "{said}");
    let again = folder.fifo_pnl(&["import", "buys.csv"]).expect(0).stdout;
    assert!(again.contains("2 rows, 0 new, 2 known\n"), "{again}");
    folder.fifo_pnl(&["run", "sells.csv"]).expect(0);
    assert_eq!(version_rows(&folder), ["s1|b1~2|100|80"]);
    // Movements, too: 100 and 55 are what came.
    let kraken = std::fs::read_to_string(folder.path().join("kraken.csv")).unwrap();
    folder.write(
        "kraken.csv",
        kraken.replace("ZUSD,50,0,150", "ZUSD,55,0,155"),
    );
    let said = folder.fifo_pnl(&["import", "kraken.csv"]).expect(0).stdout;
    assert!(
        said.contains("movements: 2 deposits; 2 new, 0 known"),
        "{said}"
    );
    let ids = "SELECT movement_id FROM asset_movements WHERE import_id NOT IN \
               (SELECT import_id FROM active_import_voids) ORDER BY movement_id";
    assert_eq!(folder.sql(ids), ["L1~2", "L2~2"]);
    // Equal fills of one second are no cut file.
    let header = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n";
    let fill = "2024-08-24 22:40:05,BTCUSDT,BUY,60000,0.01BTC,600USDT,0.6USDT\n";
    folder.write("fills.csv", format!("{header}{fill}{fill}{fill}"));
    let import = ["import", "fills.csv", "--account", "binance"];
    folder.fifo_pnl(&import).expect(0);
    let last = "SELECT max(id) FROM imports";
    let undo = ["import", "undo", &folder.value(last), "--reason", "x"];
    folder.fifo_pnl(&undo).expect(0);
    let corrected = fill.replace("60000", "61000").replace("600USDT", "610USDT");
    folder.write("fills.csv", format!("{header}{fill}{corrected}{fill}"));
    let said = folder.fifo_pnl(&import).expect(0).stdout;
    assert!(said.contains("3 rows, 3 new, 0 known\n"), "{said}");
    assert!(said.contains("2 new rows were in imports before"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

/// An export with new row numbers has the same trades under other ids.
#[test]
fn trades_that_differ_by_their_ids_alone_count_twice() {
    let folder = Folder::new();
    let rows = |ids: &str, more: &str| {
        let row = |nth: usize, row: &str| format!("{ids}{nth},BTC-USD,{row},0\n");
        let rows = [
            "buy,1,30000,2024-03-01T10:00:00Z",
            "sell,0.25,31000,2024-03-02T10:00:00Z",
        ];
        let rows = rows.iter().chain(Some(&more).filter(|it| !it.is_empty()));
        let rows = rows.enumerate().map(|(nth, it)| row(nth, it));
        format!("{HEADER}{}", rows.collect::<String>())
    };
    folder.write("old.csv", rows("a", ""));
    folder.write("new.csv", rows("b", "sell,0.25,32000,2024-04-02T10:00:00Z"));
    folder.fifo_pnl(&["run", "old.csv"]).expect(0);
    let done = folder.fifo_pnl(&["run", "new.csv"]).expect(1).stdout;
    let both = "2 of 3 trades of import 2 (new.csv, native) are in import 1 (old.csv, native), too";
    assert!(done.contains(both), "{done}");
    folder.fifo_pnl(&["health"]).expect(1);
    // The file comes again: all its rows are known, and are no rows of the other import.
    folder.fifo_pnl(&["run", "new.csv"]).expect(1);
    let undo = ["import", "undo", "1", "--reason", "new row numbers"];
    folder.fifo_pnl(&undo).expect(0);
    folder.fifo_pnl(&["compute", "--all-symbols"]).expect(0);
    assert_eq!(version_rows(&folder), ["b1|b0|7500|250", "b2|b0|7500|500"]);
    folder.fifo_pnl(&["health"]).expect(0);
    // One equal trade of two files with others is perhaps another fill.
    let folder = Folder::new();
    folder.write("one.csv", rows("a", ""));
    let fills = rows("b", "").replace(",0.25,31000,", ",0.5,31000,");
    folder.write("two.csv", fills);
    folder.fifo_pnl(&["run", "one.csv", "two.csv"]).expect(0);
}
