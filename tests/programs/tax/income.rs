//! The income of a year, on both databases. All figures are worked out by hand.

use std::fs;

use super::filing::{packed, unpacked};
use super::{column, rows};
use crate::income::FINAL;
use crate::moved_lots::{Place, places_of};
use crate::support::Done;

/// Rewards with their value. The last one is of 2025 in New York and of 2026 in UTC.
const COINBASE: &str = "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,\
    Price at Transaction,Subtotal,Total (inclusive of fees and/or spread),Fees and/or Spread,\
    Notes\n\
    c1,2025-01-01 10:00:00 UTC,Buy,ETH,1,USD,$2000,$2000,$2000,$0.00,Bought 1 ETH for $2000 USD\n\
    c2,2025-01-02 10:00:00 UTC,Staking Income,ETH,0.1,USD,$2500,$250,$250,$0.00,\n\
    c4,2025-01-03 10:00:00 UTC,Reward Income,USDC,2,USD,$1,$2,$2,$0.00,\n\
    c5,2026-01-01 03:00:00 UTC,Staking Income,ETH,0.02,USD,$2500.25,$50.005,$50.005,$0.00,\n";

/// Rewards without a value: a coin and euros, which need a rate, and a dollar coin. The last row
/// takes a reward back.
const KRAKEN: &str = "txid,refid,time,type,subtype,aclass,asset,wallet,amount,fee,balance\n\
    L1,R1,2025-01-02 09:40:00,staking,,currency,DOT,spot / main,2.5,0.5,2\n\
    L2,R2,2025-01-03 09:40:00,staking,,currency,EUR,spot / main,10,0,10\n\
    L3,R3,2025-01-04 09:40:00,reward,,currency,USDC,spot / main,3,1,2\n\
    L4,R4,2025-01-05 09:40:00,reward,,currency,DOT,spot / main,-0.25,0,1.75\n";

const RATES: &str = "asset,time,currency,rate\nDOT,2025-01-02T09:00:00Z,USD,7\n\
    EUR,2025-01-02T15:00:00Z,USD,1.04\n";

fn imported(place: &Place) {
    place.folder.write("cb.csv", COINBASE);
    place.folder.write("kraken-ledgers.csv", KRAKEN);
    place.run(&["import", "cb.csv"]).expect(0);
    let kraken = ["import", "kraken-ledgers.csv", "--account", "k"];
    place.run(&kraken).expect(0);
    // The row that takes a reward back would stop a filing.
    let decide = ["transfers", "decide", "k/L4", "--kind", "booked"];
    place
        .run(&[&decide[..], &["--reason", "x"]].concat())
        .expect(0);
}

fn valued(place: &Place) {
    place.folder.write("rates.csv", RATES);
    place.run(&["import", "rates", "rates.csv"]).expect(0);
    place.run(&["compute", "--all-symbols"]).expect(0);
}

fn income(place: &Place, zone: &str, more: &[&str]) -> Done {
    let args = ["tax", "--year", "2025", "--format", "income", "--timezone"];
    let output = [zone, "-o", "income.csv", "--overwrite"];
    place.run(&[&args[..], &output, more].concat())
}

/// Returns the cells of some columns, joined.
fn columns(text: &str, names: &[&str]) -> Vec<String> {
    let columns: Vec<Vec<String>> = names.iter().map(|name| column(text, name)).collect();
    let row = |at: usize| columns.iter().map(move |column| column[at].clone());
    (0..columns[0].len())
        .map(|at| row(at).collect::<Vec<_>>().join("|"))
        .collect()
}

#[test]
fn income_has_its_value_and_its_kind() {
    for (place, _database) in places_of(Place::empty) {
        imported(&place);
        valued(&place);
        let said = income(&place, "America/New_York", &[]).expect(0).stdout;
        let text = place.folder.read("income.csv");
        let facts = ["date_received", "asset", "quantity", "kind", "value_usd"];
        // 2 DOT at 7, 10 EUR at 1.04; 50.005 is rounded to 50.01.
        let expected = [
            "2025-01-02|DOT|2|staking|14.00",
            "2025-01-02|ETH|0.1|staking|250.00",
            "2025-01-03|EUR|10|staking|10.40",
            "2025-01-03|USDC|2|reward|2.00",
            "2025-01-04|USDC|2|reward|2.00",
            "2025-12-31|ETH|0.02|staking|50.01",
        ];
        assert_eq!(columns(&text, &facts), expected, "{}", place.url);
        let proof = ["exact_value_usd", "value_from", "rate", "rate_source"];
        let expected = [
            "14|rate|7|plain",
            "250|file||",
            "10.4|rate|1.04|plain",
            "2|file||",
            "2|dollars||",
            "50.005|file||",
        ];
        assert_eq!(columns(&text, &proof), expected);
        let place_of = columns(&text, &["account", "movement_id", "file", "line"]);
        assert_eq!(place_of[0], "k|L1|kraken-ledgers.csv|2");
        assert_eq!(place_of[1], "default|c2|cb.csv|3");
        // 14 + 250 + 10.40 + 50.01, and 2 + 2.
        for line in [
            "reward      2                   4.00",
            "staking     4                 324.41",
            "Total       6                 328.41",
            "Note      1 movement may take income back, and no sum has it: k/L4\n",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
        let manifest = place.folder.read("income.manifest.json");
        assert!(manifest.contains("\"exact\": \"328.405\""), "{manifest}");
        // In UTC, the last one is of the next year. One account has the dollars alone.
        let said = income(&place, "UTC", &["--account", "k"]).expect(0).stdout;
        assert!(
            said.contains("Total       3                 26.40"),
            "{said}"
        );
        // The same version gives the same figures after the rates have changed.
        let correction = RATES.replace("1.04", "2.08").replace(",7\n", ",9\n");
        place.folder.write("rates.csv", correction);
        let again = ["import", "rates", "rates.csv", "--correct", "--reason", "x"];
        place.run(&again).expect(0);
        income(&place, "America/New_York", &[]).expect(0);
        assert_eq!(place.folder.read("income.csv"), text);
    }
}

#[test]
fn income_without_a_value_is_named_and_not_filed() {
    for (place, _database) in places_of(Place::empty) {
        imported(&place);
        place.run(&["compute", "--all-symbols"]);
        let done = income(&place, "UTC", &[]).expect(1);
        let missing = "incomplete: 2 rows of income without a value: DOT of 2025-01-02";
        assert!(done.stdout.contains(missing), "{}", done.stdout);
        let text = place.folder.read("income.csv");
        let cells = columns(&text, &["value_usd", "exact_value_usd", "value_from"]);
        assert_eq!(cells[0], "||");
        income(&place, "UTC", &["--allow-incomplete"]).expect(0);
        let refused = place.run(&FINAL).expect(3).stderr;
        let missing = "2 rows of income without a value: DOT of 2025-01-02";
        assert!(refused.contains(missing), "{refused}");
        valued(&place);
        // Dollars that come later are in no pool. The version lacks them, and so would its file.
        let later = "cb2.csv";
        let row = COINBASE.lines().next().unwrap().to_owned()
            + "\nc6,2025-02-03 10:00:00 UTC,Reward Income,USDC,5,USD,$1,$5,$5,$0.00,\n";
        place.folder.write(later, row);
        place.run(&["import", later]).expect(0);
        let refused = place.run(&FINAL).expect(3).stderr;
        assert!(
            refused.contains("1 movement or action changed"),
            "{refused}"
        );
        let said = place.run(&["compute", "--incremental"]).expect(0).stdout;
        let why = "default USDC: its transfers or its income have changed";
        assert!(said.contains(why), "{said}");
        let said = place.run(&FINAL).expect(0).stdout;
        // 250 + 2 + 14 + 10.40 + 2 + 5
        assert!(
            said.contains("Total       6                 283.40"),
            "{said}"
        );
        place.run(&["tax", "verify", "filed.zip"]).expect(0);
        let files = unpacked(fs::read(place.folder.join("filed.zip")).unwrap());
        let text = files.iter().find(|(name, _)| name == "income.csv");
        let text = String::from_utf8(text.unwrap().1.clone()).unwrap();
        assert_eq!(rows(&text).len(), 7);
    }
}

/// Programs before this format filed zips without it. They can be made again.
#[test]
fn a_zip_that_was_filed_without_income_verifies() {
    let place = Place::empty("sqlite://fifo-pnl.db");
    imported(&place);
    valued(&place);
    place.run(&FINAL).expect(0);
    let mut files = unpacked(fs::read(place.folder.join("filed.zip")).unwrap());
    files.retain(|(name, _)| name != "income.csv");
    let manifest = files
        .iter_mut()
        .find(|(name, _)| name == "tax.manifest.json")
        .unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&manifest.1).unwrap();
    json.as_object_mut().unwrap().remove("income").unwrap();
    let names = json["files"].as_array_mut().unwrap();
    names.retain(|file| file["name"] != "income.csv");
    manifest.1 = format!("{json:#}\n").into_bytes();
    place.folder.write("old.zip", packed(&files));
    // The audit trail knows the other zip, so the exit code is 1.
    let said = place.run(&["tax", "verify", "old.zip"]).expect(1).stdout;
    assert!(said.contains("equal     tax.manifest.json"), "{said}");
    assert!(!said.contains("income.csv"), "{said}");
}
