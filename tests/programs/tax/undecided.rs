//! Deposits and withdrawals that nobody has decided, on both databases.

use super::column;
use crate::moved_lots::{Place, places_of};

/// BTC is sold after a deposit, ETH before a withdrawal, and DOT has neither.
const TRADES: &str = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    a,b1,BTC-USD,buy,2,10,2025-01-01T00:00:00Z,0\n\
    a,s1,BTC-USD,sell,1,15,2025-01-02T00:00:00Z,0\n\
    a,s2,BTC-USD,sell,1,16,2025-01-05T00:00:00Z,0\n\
    a,b3,ETH-USD,buy,3,10,2025-01-01T00:00:00Z,0\n\
    a,s3,ETH-USD,sell,1,12,2025-01-02T00:00:00Z,0\n\
    a,b4,DOT-USD,buy,1,5,2025-01-01T00:00:00Z,0\n\
    a,s4,DOT-USD,sell,1,6,2025-01-06T00:00:00Z,0\n";

fn place(url: &str) -> Place {
    let place = Place::empty(url);
    place.folder.write("trades.csv", TRADES);
    place.run(&["import", "trades.csv"]).expect(0);
    for (way, id, asset, at) in [
        ("in", "d1", "BTC", "2025-01-03T00:00:00Z"),
        ("out", "w1", "ETH", "2025-01-04T00:00:00Z"),
        ("out", "w2", "DOT", "2026-01-04T00:00:00Z"),
    ] {
        let of = ["--account", "a", "--asset", asset, "--size", "1"];
        let add = ["transfers", "add", way, "--at", at, "--id", id];
        place.run(&[&add[..], &of].concat()).expect(0);
    }
    place.run(&["compute", "--all-symbols"]).expect(0);
    place
}

fn tax(place: &Place, more: &[&str], code: i32) -> String {
    let args = ["tax", "--year", "2025", "--timezone", "UTC", "--overwrite"];
    let done = place.run(&[&args[..], more].concat()).expect(code);
    done.stdout + &done.stderr
}

const LOTS: [&str; 4] = ["--format", "lots", "-o", "lots.csv"];
const FINAL: [&str; 3] = ["--final", "-o", "filed.zip"];

/// The deposit may be a lot that s2 takes first. The withdrawal may be a sale of 2025. That of 2026
/// changes nothing of 2025.
const UNDECIDED: &str = "2 movements are undecided, first a/d1: 1 row is provisional";

fn decide(place: &Place, id: &str, kind: &str, code: i32) -> String {
    let args = ["transfers", "decide", id, "--kind", kind, "--reason", "x"];
    let done = place.run(&args).expect(code);
    done.stdout + &done.stderr
}

#[test]
fn what_nobody_has_decided_makes_later_sells_provisional() {
    for (place, _database) in places_of(place) {
        let said = tax(&place, &LOTS, 1);
        assert!(said.contains(&format!("incomplete: {UNDECIDED}")), "{said}");
        let lots = place.folder.read("lots.csv");
        let sells = column(&lots, "sell_order_id");
        let flags = sells.iter().zip(column(&lots, "flags"));
        let mut flags: Vec<String> = flags.map(|(id, it)| format!("{id} {it}")).collect();
        flags.sort();
        assert_eq!(flags, ["s1 ", "s2 provisional", "s3 ", "s4 "]);
        let manifest = place.folder.read("lots.manifest.json");
        assert!(manifest.contains("\"provisional_rows\": 1"), "{manifest}");
        let refused = tax(&place, &FINAL, 3);
        assert!(refused.contains(UNDECIDED), "{refused}");
        let listed = place.run(&["transfers", "list"]).expect(0).stdout;
        assert!(
            listed.contains("transfers decide ID --kind booked"),
            "{listed}"
        );
        // A person says that trades have both. The version does not know it yet.
        let said = decide(&place, "a/d1", "booked", 0);
        assert!(
            said.contains("Booked    deposit a/d1 of 1 BTC, in, at"),
            "{said}"
        );
        decide(&place, "w1", "booked", 0);
        let again = decide(&place, "w1", "booked", 3);
        assert!(again.contains("a/w1 is booked already"), "{again}");
        let refused = tax(&place, &FINAL, 3);
        let late = "2 undecided movements came, or are decided, since version 1";
        assert!(refused.contains(late), "{refused}");
        place.run(&["compute", "--all-symbols"]).expect(0);
        tax(&place, &LOTS, 0);
        tax(&place, &FINAL, 0);
        place.run(&["tax", "verify", "filed.zip"]).expect(0);
        let listed = place.run(&["transfers", "list", "--all"]).expect(0).stdout;
        assert!(
            listed.contains("booked: trades or lots of the ledger"),
            "{listed}"
        );
        place
            .run(&["validate", "--version", "current", "--strict"])
            .expect(0);
        // After another word, it is undecided again.
        decide(&place, "a/d1", "undecided", 0);
        place.run(&["compute", "--all-symbols"]).expect(0);
        let said = tax(&place, &LOTS, 1);
        let one = "incomplete: 1 movement is undecided, first a/d1: 1 row is provisional";
        assert!(said.contains(one), "{said}");
    }
}

/// A transfer that counts is no question, and a booked movement is in no pair.
#[test]
fn a_booked_movement_is_in_no_transfer() {
    let place = place("sqlite://fifo-pnl.db");
    let other = [
        "--account",
        "b",
        "--asset",
        "ETH",
        "--size",
        "1",
        "--id",
        "d9",
    ];
    let add = ["transfers", "add", "in", "--at", "2025-01-04T01:00:00Z"];
    place.run(&[&add[..], &other].concat()).expect(0);
    let proposed = place.run(&["transfers", "list"]).expect(0).stdout;
    assert!(proposed.contains("proposed: one size"), "{proposed}");
    decide(&place, "b/d9", "booked", 0);
    let listed = place.run(&["transfers", "list"]).expect(0).stdout;
    assert!(!listed.contains("proposed: one size"), "{listed}");
    // The latest word counts: a pair wins over an older word about one movement.
    place.run(&["transfers", "pair", "a/w1", "b/d9"]).expect(0);
    let refused = decide(&place, "b/d9", "booked", 3);
    assert!(refused.contains("b/d9 is paired with a/w1"), "{refused}");
}

/// A deposit that was income is a lot for its value, and it is in the income of its year.
#[test]
fn a_deposit_is_income_if_a_person_says_so() {
    for (place, _database) in places_of(place) {
        let income = ["transfers", "decide", "d1", "--kind", "income"];
        let valued = ["--value", "12.5", "--reason", "a bonus"];
        place.run(&[&income[..], &valued].concat()).expect(0);
        decide(&place, "a/w1", "booked", 0);
        // It goes out, so it is no income.
        decide(&place, "a/w2", "income", 2);
        let said = place.run(&["compute", "--incremental"]).expect(0).stdout;
        let why = "a BTC: its transfers or its income have changed";
        assert!(said.contains(why), "{said}");
        let format = ["--format", "income", "-o", "income.csv"];
        tax(&place, &format, 0);
        let file = place.folder.read("income.csv");
        let cells = ["asset", "quantity", "kind", "value_usd", "value_from"];
        let cells = cells.map(|name| column(&file, name).join(","));
        assert_eq!(cells.join("|"), "BTC|1|reward|12.50|file");
        // The sell of the 2nd takes one unit of the buy, and that of the 5th the other one. The
        // lot of the deposit is left, at 12.50.
        let mut rows = place.rows("current");
        rows.retain(|row| row.contains(" s2 "));
        assert_eq!(rows, ["a s2  b1   1 10 6"]);
        tax(&place, &FINAL, 0);
        place.run(&["tax", "verify", "filed.zip"]).expect(0);
        place
            .run(&["validate", "--version", "current", "--strict"])
            .expect(0);
        // After another word, it is no lot.
        decide(&place, "a/d1", "undecided", 0);
        place.run(&["compute", "--all-symbols"]).expect(0);
        tax(&place, &format, 0);
        assert!(column(&place.folder.read("income.csv"), "asset").is_empty());
    }
}
