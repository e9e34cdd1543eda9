//! Splits, spin-offs and new names of files. Splits change the sizes of lots. Pools that another
//! action changes have no result, and say why.
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
/// A spin-off. Nothing applies it.
const SPIN_OFF: &str = "Statement,Header,Field Name,Field Value\n\
    Statement,Data,Title,Transaction History\n\
    Summary,Header,Field Name,Field Value\n\
    Summary,Data,Base Currency,USD\n\
    Transaction History,Header,Date,Account,Description,Transaction Type,Symbol,Quantity,Price,\
    Price Currency,Gross Amount ,Commission,Net Amount\n\
    Transaction History,Data,2022-06-10,U***1,\"ABC(US0000000001) Spinoff  1 for 4 \
    (NEWX, NEWX CORP, US0000000002)\",Corporate Action,NEWX,2.5,-,-,-,-,-\n";
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

/// A file in which 20 of 30 shares came from another broker, then 270 new ones.
fn shares_that_came() -> String {
    let header = "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,\
                  Quantity,Price,Amount\n";
    let row =
        |day: &str, code: &str, rest: &str| format!("{day},{day},{day},NVDA,N,{code},{rest}\n");
    let rows = [
        row("7/2/2024", "Sell", "50,$120.00,\"$6,000.00\""),
        row("6/10/2024", "SPL", "270,,"),
        row("5/1/2024", "Buy", "10,$900.00,\"($9,000.00)\""),
        row("3/4/2024", "ACATI", "20,,"),
    ];
    format!("{header}{}", rows.concat())
}

/// The 20 shares are paired with a withdrawal that had no lots. Then 10 are held, and 270 new units
/// would be 28 for 1.
#[test]
fn new_units_give_no_ratio_if_a_transfer_lacked_lots() {
    let folder = Folder::new();
    folder.write("rh.csv", shares_that_came());
    folder.fifo_pnl(&["import", "rh.csv"]).expect(0);
    let out = [
        "transfers",
        "add",
        "out",
        "--account",
        "other",
        "--asset",
        "NVDA",
    ];
    let units = ["--size", "20", "--at", "2024-03-04T00:00:00Z"];
    folder.fifo_pnl(&[&out[..], &units].concat()).expect(0);
    let applied = folder.fifo_pnl(&["transfers", "apply", "--yes"]).expect(0);
    assert!(
        applied.stdout.contains("Accepted  1 proposed pair"),
        "{applied:?}"
    );
    folder.compute(&["--all-symbols"]).expect(1);
    let why = folder.sql(QUESTIONS).concat();
    assert!(why.contains("expected a stated ratio"), "{why}");
}

/// 20 of 30 shares came from another broker, so 270 new ones are 10 for 1. The 10 with a buy alone
/// would give 28 for 1. The program then sells 50 of the 100 that cost 9,000 for 6,000.
#[test]
fn new_units_give_no_ratio_if_shares_came_without_a_trade() {
    let folder = Folder::new();
    folder.write("rh.csv", shares_that_came());
    folder.fifo_pnl(&["run", "rh.csv"]).expect(1);
    assert_eq!(folder.sql(POOLS), ["NVDA|rejected"]);
    let why = folder.sql(QUESTIONS).concat();
    assert!(why.contains("expected a stated ratio"), "{why}");
    // The stated ratio counts in place of the units, also in an incremental run.
    let stated = "action,asset,happened_at,ratio_new,ratio_old\nsplit,NVDA,2024-06-10,10,1\n";
    folder.write("ratio.csv", stated.replace("NVDA", "NVDIA"));
    let mistyped = folder.fifo_pnl(&["run", "ratio.csv"]).expect(1).stdout;
    let said = "Actions         the split of NVDIA, 10 for 1, at 2024-06-10 00:00:00 UTC in \
                account \"default\" changes no lots: no trades have this asset\n";
    assert!(mistyped.contains(said), "{mistyped}");
    folder.write("ratio.csv", stated);
    folder.fifo_pnl(&["import", "ratio.csv"]).expect(0);
    let rows = "SELECT allocated_size, cost_basis_usd, pnl_usd FROM v_current_allocations";
    for run in ["--incremental", "--all-symbols"] {
        folder.compute(&[run]).expect(0);
        assert_eq!(folder.sql(rows), ["50|4500|1500"], "{run}");
        folder.validate(&["--version", "current"]).expect(0);
    }
}

/// Ten shares at 100, thirty more by the split, twenty sold at 30: (30 - 25) x 20 = 100.
#[test]
fn a_split_changes_the_sizes_of_lots_and_not_their_cost() {
    let folder = Folder::new();
    folder.write("all.csv", file(&[SELL, OTHER, SPLIT, BUY]));
    let done = folder.fifo_pnl(&["run", "all.csv"]).expect(0);
    for said in [
        "all.csv: 5 rows, 4 new, 0 known, 1 action\n",
        "  actions: 1 split; 1 new, 0 known\n",
        "Actions         1 split is stored\n",
    ] {
        assert!(done.stdout.contains(said), "{said}{}", done.stdout);
    }
    assert_eq!(folder.sql(ACTIONS), ["default|split|ABC|30|5"]);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
    let rows = "SELECT asset, allocated_size, buy_price, cost_basis_usd, pnl_usd, buy_time \
                FROM v_current_allocations ORDER BY asset";
    assert_eq!(
        folder.sql(rows),
        [
            "ABC|20|25|500|100|1651507200000000",
            "DEF|5|10|50|10|1651507200000000",
        ]
    );
    let lots = "SELECT asset, remaining_size, remaining_cost_usd FROM fifo_inventory_snapshot";
    assert_eq!(folder.sql(lots), ["ABC|20|500"]);
    folder
        .validate(&["--version", "current", "--strict"])
        .expect(0);
    // The same file again brings nothing.
    let again = folder.fifo_pnl(&["import", "all.csv"]).expect(0).stdout;
    assert!(
        again.contains("actions: 1 split; 0 new, 1 known\n"),
        "{again}"
    );
}

/// The source states the units that came. With the units held they have to give a usual ratio.
#[test]
fn a_split_that_does_not_fit_what_is_held_is_not_applied() {
    let folder = Folder::new();
    let lacking = BUY.replace(",\"10\",", ",\"8\",").replace("1,000", "800");
    folder.write("all.csv", file(&[SELL, OTHER, SPLIT, &lacking]));
    folder.fifo_pnl(&["run", "all.csv"]).expect(1);
    assert_eq!(folder.sql(POOLS), ["ABC|rejected", "DEF|matched"]);
    let question = "ABC|unapplied_action|the split at 2022-06-10T04:00:00.000000Z (30 units came) \
                    makes 38 for 8 held, expected a ratio like 2 for 1 or 3 for 2";
    assert_eq!(folder.sql(QUESTIONS), [question]);
    folder.validate(&["--version", "current"]).expect(0);
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("trades before the split are missing"),
        "{shown}"
    );
    // The missing buy settles it.
    let missing = BUY.replace(",\"10\",", ",\"2\",").replace("1,000", "200");
    folder.write("missing.csv", file(&[&missing]));
    folder.fifo_pnl(&["run", "missing.csv"]).expect(0);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
}

#[test]
fn a_pool_with_a_spin_off_has_no_result_and_the_others_have_theirs() {
    let folder = Folder::new();
    folder.write("all.csv", file(&[SELL, OTHER, BUY]));
    folder.write("spin.csv", SPIN_OFF);
    folder.fifo_pnl(&["import", "spin.csv"]).expect(0);
    let done = folder.fifo_pnl(&["run", "all.csv"]).expect(1);
    let said = "Actions         1 action is stored and not yet used\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert_eq!(folder.sql(POOLS), ["ABC|rejected", "DEF|matched"]);
    let question = "ABC|unapplied_action|the spin-off of ABC, 1 for 4, to NEWX at \
                    2022-06-10T04:00:00.000000Z is stored and not applied yet";
    assert_eq!(folder.sql(QUESTIONS), [question]);
    folder.validate(&["--version", "current"]).expect(0);
    let shown = folder.fifo_pnl(&["review", "show", "1"]).expect(0).stdout;
    assert!(shown.contains("a later release of the program"), "{shown}");
    // Undone, it gives the result back.
    let undo = ["import", "undo", "1", "--reason", "not our account"];
    folder.fifo_pnl(&undo).expect(0);
    folder.compute(&["--incremental"]).expect(0);
    assert_eq!(folder.sql(POOLS), ["ABC|matched", "DEF|matched"]);
    folder.validate(&["--version", "current"]).expect(0);
    let incremental = folder.export("current");
    folder.compute(&["--all-symbols"]).expect(0);
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
    assert_eq!(
        folder.sql(QUESTIONS).len(),
        1,
        "ten sold shares have no lot"
    );
}

/// Interactive Brokers writes the old line of a share that gets another ISIN as `QRS.OLD`.
#[test]
fn a_split_of_the_old_line_of_a_share_is_one_of_the_share() {
    let folder = Folder::new();
    folder.write(
        "ib.csv",
        "Statement,Header,Field Name,Field Value\n\
         Account Information,Header,Field Name,Field Value\n\
         Account Information,Data,Base Currency,USD\n\
         Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,\
         T. Price,C. Price,Proceeds,Comm/Fee,Basis,Realized P/L,MTM P/L,Code\n\
         Trades,Data,Order,Stocks,USD,QRS,\"2024-01-02, 10:00:00\",100,1,1,-100,0,100,0,0,O\n\
         Trades,Data,Order,Stocks,USD,QRS,\"2024-07-02, 10:00:00\",-10,12,12,120,0,-100,20,0,C\n\
         Corporate Actions,Header,Asset Category,Currency,Report Date,Date/Time,Description,\
         Quantity,Proceeds,Value,Realized P/L,Code\n\
         Corporate Actions,Data,Stocks,USD,2024-06-10,\"2024-06-07, 20:25:00\",\
         \"QRS.OLD(US0000000001) Split 1 for 10 (QRS, QRS CORP, US0000000002)\",10,0,0,0,\n\
         Corporate Actions,Data,Stocks,USD,2024-06-10,\"2024-06-07, 20:25:00\",\
         \"QRS.OLD(US0000000001) Split 1 for 10 (QRS.OLD, QRS CORP, US0000000001)\",-100,0,0,0,\n",
    );
    let done = folder.fifo_pnl(&["run", "ib.csv"]).expect(0);
    assert!(done.stdout.contains("1 split is stored"), "{}", done.stdout);
    // A hundred at 1 are ten at 10, which are sold at 12.
    let rows = "SELECT asset, allocated_size, cost_basis_usd, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(rows), ["QRS|10|100|20"]);
    assert_eq!(
        folder.sql("SELECT count(*) FROM fifo_inventory_snapshot"),
        ["0"]
    );
}

/// A person writes down the ratio that a ledger without old trades can't give.
#[test]
fn a_split_is_written_down_in_a_file_and_taken_back() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         b1,NVDA,buy,3,1000,2024-01-02T15:00:00Z,0,main\n\
         b2,NVDA,buy,3,1000,2024-01-02T15:00:00Z,0,other\n\
         s1,NVDA,sell,6,120,2024-07-02T15:00:00Z,0,main\n",
    );
    folder.write(
        "fifo-pnl.toml",
        "[accounts.main]\nclass = \"security\"\n[accounts.other]\nclass = \"security\"\n",
    );
    folder.write(
        "splits.csv",
        "action,asset,happened_at,ratio_new,ratio_old,account,note\n\
         split,NVDA,2024-06-10,10,1,main,ten for one\n",
    );
    let done = folder.fifo_pnl(&["import", "splits.csv"]).expect(0).stdout;
    assert!(done.contains("actions: 1 split; 1 new, 0 known"), "{done}");
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    // Six of thirty at 100: 720 less 600. The other account has its three shares.
    let rows = "SELECT account, cost_basis_usd, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(rows), ["main|600|120"]);
    let lots = "SELECT account, remaining_size FROM fifo_inventory_snapshot ORDER BY account";
    assert_eq!(folder.sql(lots), ["main|24", "other|3"]);
    let again = folder.fifo_pnl(&["import", "splits.csv"]).expect(0).stdout;
    assert!(again.contains("1 split; 0 new, 1 known"), "{again}");
    folder
        .fifo_pnl(&["import", "undo", "1", "--reason", "test"])
        .expect(0);
    folder.compute(&["--incremental"]).expect(0);
    let pnl = "SELECT pnl_usd FROM v_current_allocations WHERE pnl_usd IS NOT NULL";
    assert_eq!(folder.sql(pnl), ["-2640"]);
}

/// Ten shares at 1,000, a split of 10 for 1, and 50 of the 100 are sold at 120: 6,000 less 5,000.
#[test]
fn a_person_states_a_split_and_takes_it_out_again() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,NVDA,buy,10,1000,2024-01-02T15:00:00Z,0\n\
         s1,NVDA,sell,50,120,2024-07-02T15:00:00Z,0\n",
    );
    folder.write(
        "fifo-pnl.toml",
        "[accounts.default]\nclass = \"security\"\n",
    );
    let add = ["actions", "add", "split", "NVDA", "10:1", "--at"];
    let stated = folder.fifo_pnl(&[&add[..], &["2024-06-10"]].concat());
    let said = stated.expect(0).stdout;
    let line = "Added     the split of NVDA, 10 for 1, at 2024-06-10 00:00:00 UTC, all accounts";
    assert!(said.contains(line), "{said}");
    let again = folder.fifo_pnl(&[&add[..], &["2024-06-10"]].concat());
    assert!(again.expect(0).stdout.contains("Known     the split"));
    let idle = folder.fifo_pnl(&["actions", "list"]).expect(0).stdout;
    assert!(idle.contains("changes no lots: no trades"), "{idle}");
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let rows = "SELECT allocated_size, cost_basis_usd, pnl_usd FROM v_current_allocations \
                WHERE buy_order_id IS NOT NULL";
    assert_eq!(folder.sql(rows), ["50|5000|1000"]);
    folder.validate(&["--version", "current"]).expect(0);
    // A second one a day later may be the same: the pool has no result until one is taken out.
    let zone = ["2024-06-11", "--timezone", "America/New_York"];
    let id = ["--id", "twice", "--account", "default"];
    folder.fifo_pnl(&[&add[..], &zone, &id].concat()).expect(0);
    folder.compute(&["--incremental"]).expect(1);
    assert_eq!(folder.sql(POOLS), ["NVDA|rejected"]);
    let listed = folder.fifo_pnl(&["actions", "list"]).expect(0).stdout;
    for said in [
        "2024-06-10 00:00:00  split  NVDA   10 for 1  (all)    hand-",
        "2024-06-11 04:00:00  split  NVDA   10 for 1  default  twice",
        "not applied: another split is less than 7 days apart",
        "2 actions\n",
    ] {
        assert!(listed.contains(said), "{said}\n{listed}");
    }
    let void = [
        "actions",
        "void",
        "default/twice",
        "--reason",
        "is the same",
    ];
    let said = folder.fifo_pnl(&void).expect(0).stdout;
    assert!(said.contains("Taken out the split of NVDA"), "{said}");
    assert_eq!(folder.sql(ACTIONS), ["|split|NVDA||1"]);
    let twice = folder.fifo_pnl(&void).expect(3).stderr;
    assert!(twice.contains("is taken out already"), "{twice}");
    folder.compute(&["--incremental"]).expect(0);
    assert_eq!(folder.sql(rows), ["50|5000|1000"]);
    let listed = folder.fifo_pnl(&["actions", "list"]).expect(0).stdout;
    assert!(
        listed.contains("1 action; 1 taken out or undone with --all\n"),
        "{listed}"
    );
    let all = folder.fifo_pnl(&["actions", "list", "--all"]).expect(0);
    assert!(all.stdout.contains("is the same"), "{all:?}");
    let unknown = ["actions", "void", "other", "--reason", "x"];
    let unknown = folder.fifo_pnl(&unknown).expect(2).stderr;
    assert!(unknown.contains("no action is \"other\""), "{unknown}");
}

/// FB became META: bought as FB at 100, sold as META at 150. With both names for one asset, the
/// lot is there, and the pool has a result.
#[test]
fn a_new_name_is_applied_if_settings_make_both_names_one_asset() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,FB,buy,10,100,2022-01-03T15:00:00Z,0\n\
         s1,META,sell,10,150,2022-07-01T15:00:00Z,0\n",
    );
    let class = "[accounts.default]\nclass = \"security\"\n";
    folder.write("fifo-pnl.toml", class);
    let add = [
        "actions",
        "add",
        "rename",
        "FB",
        "META",
        "--at",
        "2022-06-09",
    ];
    folder.fifo_pnl(&add).expect(0);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    assert!(folder.sql(POOLS).contains(&"META|rejected".to_owned()));
    let listed = folder.fifo_pnl(&["actions", "list"]).expect(0).stdout;
    assert!(listed.contains("not applied yet"), "{listed}");
    folder.write(
        "fifo-pnl.toml",
        format!("[aliases]\nFB = \"META\"\n{class}"),
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let rows = "SELECT asset, allocated_size, cost_basis_usd, pnl_usd FROM v_current_allocations";
    assert_eq!(folder.sql(rows), ["META|10|1000|500"]);
    folder.validate(&["--version", "current"]).expect(0);
    let listed = folder.fifo_pnl(&["actions", "list"]).expect(0).stdout;
    assert!(
        listed.contains("applied: both names are one asset"),
        "{listed}"
    );
}

#[test]
fn an_action_that_can_not_be_is_refused_by_its_words() {
    let folder = Folder::new();
    let at = ["--at", "2024-06-10"];
    let cases: [(&[&str], &str); 6] = [
        (&["split", "ABC", "10"], "the ratio is \"10\""),
        (&["split", "ABC", "0:1"], "the ratio is \"0:1\""),
        (&["split", "ABC", "2:2"], "changes nothing"),
        (&["rename", "ABC", "ABC"], "both names are \"ABC\""),
        (
            &["spin-off", "ABC", "DEF", "1:4", "--basis-share", "1.5"],
            "--basis-share is \"1.5\"",
        ),
        (&["merger", "ABC", "D EF", "1:2"], "the other name is"),
    ];
    for (words, said) in cases {
        let refused = folder.fifo_pnl(&[&["actions", "add"], words, &at].concat());
        let refused = refused.expect(2).stderr;
        assert!(refused.contains(said), "{words:?}\n{refused}");
    }
    let late = [
        "actions",
        "add",
        "split",
        "ABC",
        "2:1",
        "--at",
        "9999-01-01",
    ];
    let late = folder.fifo_pnl(&late).expect(2).stderr;
    assert!(late.contains("is in the future"), "{late}");
}

/// 38 of 76 shares came from another account, so 38 new ones are 3 for 2. The 38 with a buy alone
/// would give 2 for 1.
#[test]
fn shares_of_another_account_leave_the_ratio_of_a_split_open() {
    let folder = Folder::new();
    let row = |day: &str, action: &str, units: &str, price: &str, amount: &str| {
        let cells = [day, action, "DEF", "DEF CORP", units, price, "", amount];
        let cells = cells.map(|cell| format!("\"{cell}\""));
        cells.join(",") + "\n"
    };
    let rows = [
        row("03/01/2024", "Sell", "30", "$25.00", "$750.00"),
        row("02/28/2024", "Stock Split", "38", "", ""),
        row("02/27/2024", "Journaled Shares", "38", "", ""),
        row("02/01/2024", "Buy", "38", "$30.00", "-$1,140.00"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    folder.write("all.csv", file(&rows));
    folder.fifo_pnl(&["run", "all.csv"]).expect(1);
    assert_eq!(folder.sql(POOLS), ["DEF|rejected"]);
    let why = folder.sql(QUESTIONS).concat();
    assert!(why.contains("expected a stated ratio"), "{why}");
}
