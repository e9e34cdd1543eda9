//! Splits, spin-offs and new names of files: stored, and said. Until they are applied, the pools
//! that they change have no result.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEADER: &str = concat!(
    r#""Date","Action","Symbol","Description","Quantity","#,
    r#""Price","Fees & Comm","Amount""#,
    "\n"
);
const SPLIT: &str = r#""06/10/2022","Stock Split","ABC","ABC CORP","30","","",""
"#;
const SELL: &str = r#""07/01/2022","Sell","ABC","ABC CORP","20","$30.00","","$600.00"
"#;
const BUY: &str = r#""05/02/2022","Buy","ABC","ABC CORP","10","$100.00","","-$1,000.00"
"#;
const OTHER: &str = r#""07/01/2022","Sell","DEF","DEF CORP","5","$12.00","","$60.00"
"05/02/2022","Buy","DEF","DEF CORP","5","$10.00","","-$50.00"
"#;

/// The pools of the newest version. A version that takes a result away is not published.
const POOLS: &str = "SELECT asset, status FROM fifo_pool_summary WHERE allocation_version = \
                     (SELECT max(version) FROM allocation_versions) ORDER BY asset";
const ACTIONS: &str = "SELECT account, kind, asset, units, import_line FROM eligible_actions";
const QUESTIONS: &str = "SELECT asset, issue_type, description FROM manual_review_queue \
                         WHERE status = 'pending'";

fn file(rows: &[&str]) -> String {
    format!("{HEADER}{}", rows.concat())
}

/// Ten shares at 100, thirty more by the split, twenty sold at 30. With the split the gain is 100;
/// without it the first ten would lose 700, and ten would have no lot.
#[test]
fn a_pool_with_a_split_has_no_result_and_the_others_have_theirs() {
    let folder = Folder::new();
    folder.write("all.csv", file(&[SELL, OTHER, SPLIT, BUY]));
    let done = folder.fifo_pnl(&["run", "all.csv"]).expect(1);
    for said in [
        "all.csv: 5 rows, 4 new, 0 known, 1 action\n",
        "  actions: 1 split; 1 new, 0 known\n",
        "Actions         1 action is stored and not yet used\n",
    ] {
        assert!(done.stdout.contains(said), "{said}{}", done.stdout);
    }
    assert_eq!(folder.sql(ACTIONS), ["default|split|ABC|30|5"]);
    assert_eq!(folder.sql(POOLS), ["ABC|rejected", "DEF|matched"]);
    let pnl = "SELECT asset, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(pnl), ["DEF|10"]);
    let question = "ABC|unapplied_action|the split of ABC at 2022-06-10T04:00:00.000000Z is stored \
                    and not applied yet";
    assert_eq!(folder.sql(QUESTIONS), [question]);
    folder.validate(&["--version", "current"]).expect(0);
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(shown.contains("a later version of the program"), "{shown}");
    // The same file again brings nothing.
    let again = folder.fifo_pnl(&["import", "all.csv"]).expect(0).stdout;
    assert!(
        again.contains("actions: 1 split; 0 new, 1 known\n"),
        "{again}"
    );
}

#[test]
fn a_late_split_computes_its_pool_anew_and_an_undone_one_gives_the_result_back() {
    let folder = Folder::new();
    folder.write("buys.csv", file(&[OTHER, BUY]));
    folder.write("sell.csv", file(&[SELL]));
    folder.write("split.csv", file(&[SPLIT]));
    folder.fifo_pnl(&["run", "buys.csv"]).expect(0);
    // After the last trade of its pool, an action changes no result.
    folder.fifo_pnl(&["import", "split.csv"]).expect(0);
    folder.compute(&["--incremental"]).expect(0);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
    folder.validate(&["--version", "current"]).expect(0);
    folder.fifo_pnl(&["import", "sell.csv"]).expect(0);
    let done = folder.compute(&["--incremental"]).expect(1).stdout;
    assert!(done.contains("the split of ABC at 2022-06-10"), "{done}");
    assert_eq!(folder.sql(POOLS), ["ABC|rejected", "DEF|matched"]);
    folder.validate(&["--version", "current"]).expect(0);

    let undo = ["import", "undo", "2", "--reason", "not our account"];
    let said = folder.fifo_pnl(&undo).expect(0).stdout;
    assert!(said.contains("1 action is out of"), "{said}");
    folder.compute(&["--incremental"]).expect(0);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
    assert_eq!(
        folder.sql(QUESTIONS).len(),
        1,
        "ten sold shares have no lot"
    );
    folder.validate(&["--version", "current"]).expect(0);
    // Put back, it comes late: behind trades that are matched by now.
    folder
        .fifo_pnl(&[&undo[..], &["--undo"]].concat())
        .expect(0);
    folder.compute(&["--incremental"]).expect(1);
    assert_eq!(folder.sql(POOLS), ["ABC|rejected", "DEF|matched"]);
    let incremental = folder.export("current");
    folder.compute(&["--all-symbols"]).expect(1);
    assert_eq!(folder.export("current"), incremental);
}

#[test]
fn an_action_of_another_account_or_asset_changes_nothing() {
    let folder = Folder::new();
    folder.write("all.csv", file(&[SELL, OTHER, BUY]));
    folder.write("split.csv", file(&[SPLIT]));
    folder
        .fifo_pnl(&["import", "split.csv", "--account", "two"])
        .expect(0);
    folder.fifo_pnl(&["run", "all.csv"]).expect(0);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
}
