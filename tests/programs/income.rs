//! Rewards are lots of their own, for their value at that time, on both databases. All figures are
//! worked out by hand.
#![cfg(all(feature = "cli", unix))]

use crate::moved_lots::{Place, places_of};

const HEADER: &str = "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,\
    Price at Transaction,Subtotal,Total (inclusive of fees and/or spread),Fees and/or Spread,\
    Notes\n";
const TRADES: &str = "\
    c1,2025-01-01 10:00:00 UTC,Buy,ETH,1,USD,$2000,$2000,$2000,$0.00,Bought 1 ETH for $2000 USD\n\
    c3,2025-01-05 10:00:00 UTC,Sell,ETH,-1.05,USD,$3000,$3150,$3150,$0.00,\
    Sold 1.05 ETH for $3150 USD\n";
const REWARD: &str =
    "c2,2025-01-02 10:00:00 UTC,Staking Income,ETH,0.1,USD,$2500,$250,$250,$0.00,\n";
/// A reward in dollars of a coin. It leaves no lot.
const IN_DOLLARS: &str = "c4,2025-01-03 10:00:00 UTC,Reward Income,USDC,2,USD,$1,$2,$2,$0.00,\n";

/// One ETH for 2,000, and a reward of 0.1 worth 250. The sell takes the whole first lot, and a half
/// of the reward: 3,000 - 2,000, and 150 - 125.
const ROWS: [&str; 2] = [
    "default c3  c1   1 2000 1000",
    "default c3  c2   0.05 125 25",
];

fn import(place: &Place, name: &str, rows: &[&str]) {
    place
        .folder
        .write(name, format!("{HEADER}{}", rows.concat()));
    place.run(&["import", name]).expect(0);
}

/// Computes a full run. Returns its rows.
fn full(place: &Place) -> String {
    place.run(&["compute", "--all-symbols"]);
    place
        .run(&["versions", "export", "current"])
        .expect(0)
        .stdout
}

#[test]
fn a_reward_is_a_lot_for_its_value() {
    for (place, _database) in places_of(Place::empty) {
        import(&place, "trades.csv", &[TRADES]);
        place.run(&["compute", "--all-symbols"]).expect(0);
        // The reward comes later, and is older than the sell.
        import(&place, "rewards.csv", &[REWARD, IN_DOLLARS]);
        let health = place.run(&["health", "--max-age", "30d"]).stdout;
        assert!(
            health.contains("2 movements or actions changed since"),
            "{health}"
        );
        let said = place.run(&["compute", "--incremental"]).expect(0).stdout;
        let why = "default ETH: its transfers or its income have changed";
        assert!(said.contains(why), "{said}");
        let stored = "Movements       2 movements are stored: 1 income, 1 not used\n";
        assert!(said.contains(stored), "{said}");
        let mut rows = place.rows("current");
        rows.sort();
        assert_eq!(rows, ROWS, "{}", place.url);
        let incremental = place.run(&["versions", "export", "current"]).expect(0);
        assert_eq!(full(&place), incremental.stdout);
        place
            .run(&["validate", "--version", "current", "--strict"])
            .expect(0);
        let explained = place.run(&["explain", "--sell", "c3"]).expect(0).stdout;
        for said in [
            "c2, income\n",
            "from rewards.csv, line 2",
            "250 x 0.05 / 0.1",
        ] {
            assert!(explained.contains(said), "{said}\n{explained}");
        }
        let listed = place.run(&["transfers", "list", "--all"]).expect(0).stdout;
        assert!(listed.contains("income: a lot of its own"), "{listed}");
        // Without the import, the sell lacks the part again.
        let undo = ["import", "undo", "2", "--reason", "test"];
        place.run(&undo).expect(0);
        place.run(&["compute", "--incremental"]).expect(0);
        let without = place.run(&["versions", "export", "current"]).expect(0);
        assert!(!without.stdout.contains(",c2,"), "{}", without.stdout);
        assert_eq!(full(&place), without.stdout);
    }
}

/// Without a stated value, a reward waits for a rate. No cost of 0 is taken for it.
#[test]
fn a_reward_without_a_value_needs_a_rate() {
    let place = Place::empty("sqlite://fifo-pnl.db");
    let kraken = "txid,refid,time,type,subtype,aclass,asset,wallet,amount,fee,balance\n\
         L1,R1,2025-01-02 09:40:00,staking,,currency,DOT,spot / main,2.5,0.5,2\n";
    place.folder.write("kraken-ledgers.csv", kraken);
    place.run(&["run", "kraken-ledgers.csv"]).expect(1);
    let pools =
        "SELECT asset, status FROM fifo_pool_summary ORDER BY allocation_version DESC LIMIT 1";
    assert_eq!(place.folder.sql(pools), ["DOT|rejected"]);
    let why = "SELECT issue_type FROM manual_review_queue WHERE status = 'pending'";
    assert_eq!(place.folder.sql(why), ["missing_fx"]);
    // A file of trades corrects no reward, so no way says so.
    let shown = place.run(&["review", "show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("From      kraken-ledgers.csv:2\n"),
        "{shown}"
    );
    assert!(shown.contains("import rates FILE"), "{shown}");
    assert!(!shown.contains("--correct"), "{shown}");
    // The way out that the question names works for a pool without trades, too.
    let pool = ["--account", "default", "--asset", "DOT", "--reason", "x"];
    for verb in ["exclude", "include"] {
        place
            .run(&[&["review", verb], &pool[..]].concat())
            .expect(0);
    }
    place.folder.write(
        "dot-usd-max.csv",
        "snapped_at,price,market_cap,total_volume\n2025-01-02 00:00:00 UTC,7,1,1\n",
    );
    let rates = ["import", "rates", "dot-usd-max.csv", "--asset", "DOT"];
    place
        .run(&[&rates[..], &["--currency", "USD"]].concat())
        .expect(0);
    place.run(&["compute", "--all-symbols"]).expect(0);
    // Two of the 2.5 are left after the fee, at 7.
    let lots = "SELECT asset, remaining_size, remaining_cost_usd, buy_leg FROM \
                fifo_inventory_snapshot";
    assert_eq!(place.folder.sql(lots), ["DOT|2|14|income"]);
    place
        .run(&["validate", "--version", "current", "--strict"])
        .expect(0);
    let health = place.run(&["health"]).stdout;
    assert!(!health.contains("changed since"), "{health}");
}

pub const FINAL: [&str; 8] = [
    "tax",
    "--year",
    "2025",
    "--timezone",
    "UTC",
    "--final",
    "-o",
    "filed.zip",
];

/// A version with an open reward is filed. A split that came after the run stops the filing, and so
/// does a value that somebody changed.
#[test]
fn a_reward_is_filed_as_it_was_computed() {
    for (place, _database) in places_of(Place::empty) {
        import(&place, "cb.csv", &[TRADES, REWARD]);
        place.run(&["compute", "--all-symbols"]).expect(0);
        let split = ["actions", "add", "split", "ETH", "2:1", "--id", "s"];
        place
            .run(&[&split[..], &["--at", "2025-01-03"]].concat())
            .expect(0);
        let refused = place.run(&FINAL).expect(3).stderr;
        let said = "incomplete: 1 movement or action changed since version 1";
        assert!(refused.contains(said), "{refused}");
        let health = place.run(&["health", "--max-age", "30d"]).stdout;
        assert!(
            health.contains("1 movement or action changed since"),
            "{health}"
        );
        place
            .run(&["actions", "void", "s", "--reason", "mistaken"])
            .expect(0);
        let again = place.run(&[&split[..], &["--at", "2025-01-03"]].concat());
        let again = again.expect(3).stderr;
        assert!(
            again.contains("action s is stored, and taken out"),
            "{again}"
        );
        place.run(&FINAL).expect(0);
        let lots = [
            "tax",
            "--year",
            "2025",
            "--timezone",
            "UTC",
            "-o",
            "lots.csv",
        ];
        place
            .run(&[&lots[..], &["--format", "lots"]].concat())
            .expect(0);
        let lots = place.folder.read("lots.csv");
        assert!(lots.contains("2025-01-02"), "{lots}");
        // The reward stands in the fourth line of its file.
        assert!(lots.contains(",cb.csv,4,"), "{lots}");
    }
}

/// A fee in another asset is no sale of that asset, and is named.
#[test]
fn a_fee_of_a_reward_in_another_asset_is_named() {
    let place = Place::empty("sqlite://fifo-pnl.db");
    let koinly = "Date,Sent Amount,Sent Currency,Received Amount,Received Currency,Fee Amount,\
         Fee Currency,Net Worth Amount,Net Worth Currency,Label,Description,TxHash\n\
         2025-01-02 10:00 UTC,,,0.1,ETH,0.01,BNB,250,USD,reward,,\n";
    place.folder.write("koinly.csv", koinly);
    let said = place.run(&["run", "koinly.csv"]).expect(0).stdout;
    let fee = "Fees not used   1 fee of a deposit or reward is in another asset";
    assert!(said.contains(fee), "{said}");
    let income = ["tax", "--year", "2025", "--timezone", "UTC", "-o", "i.csv"];
    let said = place
        .run(&[&income[..], &["--format", "income"]].concat())
        .expect(0)
        .stdout;
    assert!(said.contains("1 row has a fee in another asset"), "{said}");
    let rows = place.folder.read("i.csv");
    assert!(rows.contains("a fee of 0.01 BNB is in no figure"), "{rows}");
}

#[test]
fn a_changed_value_of_a_reward_is_seen() {
    let place = Place::empty("sqlite://fifo-pnl.db");
    import(&place, "cb.csv", &[TRADES, REWARD]);
    place.run(&["compute", "--all-symbols"]).expect(0);
    let folder = &place.folder;
    let view = "SELECT buy_order_id, buy_time FROM v_open_inventory";
    assert_eq!(folder.sql(view), ["c2|2025-01-02T10:00:00.000000Z"]);
    let trigger = "SELECT sql || ';' FROM sqlite_master WHERE name = 'asset_movements_no_update'";
    let trigger = folder.sql(trigger).join("\n");
    folder.sql(&format!(
        "DROP TRIGGER asset_movements_no_update; \
         UPDATE asset_movements SET usd_value = '25'; {trigger}"
    ));
    place.run(&FINAL).expect(3);
    place.run(&["explain", "--sell", "c3"]).expect(3);
    place.run(&["validate", "--version", "1"]).expect(1);
}

/// The units of a reward less its fee may have more digits than a size. The reward is named, and
/// all other pools have their result.
#[test]
fn a_reward_with_too_many_digits_stops_no_other_pool() {
    let place = Place::empty("sqlite://fifo-pnl.db");
    import(&place, "cb.csv", &[TRADES, REWARD]);
    let kraken = "txid,refid,time,type,subtype,aclass,asset,wallet,amount,fee,balance\n\
         L1,R1,2025-01-02 09:40:00,staking,,currency,DOT,spot / main,12345678901,\
         0.000000000000000001,12345678900.999999999999999999\n";
    place.folder.write("kraken-ledgers.csv", kraken);
    place.run(&["import", "kraken-ledgers.csv"]).expect(0);
    place.run(&["compute", "--all-symbols"]).expect(0);
    let mut rows = place.rows("current");
    rows.sort();
    assert_eq!(rows, ROWS);
    let listed = place.run(&["transfers", "list", "--all"]).expect(0).stdout;
    assert!(listed.contains("has too many digits"), "{listed}");
}
