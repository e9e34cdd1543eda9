//! Places of files, refusals, and that the same call gives the same bytes.

use std::fs;

use crate::tax::{column, folder_with, tax};

/// Lists a folder's files that an export could have written.
fn listed(folder: &crate::support::Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("fifo-pnl.") && name != "trades.csv")
        .collect();
    names.sort();
    names
}

#[test]
fn the_same_call_gives_the_same_bytes() {
    let folder = folder_with("missing-buy/trades.csv");
    for (format, name) in [("lots", "a.csv"), ("form8949", "b.csv"), ("txf", "c.txf")] {
        tax(&folder, "2025", format, name, &["--allow-incomplete"]).expect(0);
    }
    let names = listed(&folder);
    let before: Vec<Vec<u8>> = names
        .iter()
        .map(|n| fs::read(folder.join(n)).unwrap())
        .collect();
    let again = ["--allow-incomplete", "--overwrite"];
    for (format, name) in [("lots", "a.csv"), ("form8949", "b.csv"), ("txf", "c.txf")] {
        tax(&folder, "2025", format, name, &again).expect(0);
    }
    assert_eq!(listed(&folder), names);
    for (name, bytes) in names.iter().zip(before) {
        assert_eq!(fs::read(folder.join(name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_manifest_has_the_sums_of_its_files() {
    let folder = folder_with("missing-buy/trades.csv");
    tax(&folder, "2025", "lots", "a.csv", &["--allow-incomplete"]).expect(0);
    let manifest: serde_json::Value =
        serde_json::from_str(&folder.read("a.manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    for file in files {
        let name = file["name"].as_str().unwrap();
        let shown = folder.shell(&format!("sha256sum {name}")).expect(0).stdout;
        assert!(
            shown.starts_with(file["sha256"].as_str().unwrap()),
            "{name}"
        );
    }
    assert_eq!(manifest["version"]["number"], 1);
    assert_eq!(manifest["unmatched"]["net_proceeds_usd"], "32.967");
    let details = folder.value("SELECT details FROM event_log WHERE event_type = 'export'");
    assert!(details.contains("\"year\":2025"), "{details}");
}

#[test]
fn the_zone_is_asked_for_once() {
    let folder = folder_with("fees-and-dates/trades.csv");
    fs::remove_file(folder.join("fifo-pnl.toml")).unwrap();
    let done = tax(&folder, "2025", "lots", "a.csv", &[]).expect(2);
    assert!(
        done.stderr.contains("no time zone is set"),
        "{}",
        done.stderr
    );
    let done = tax(
        &folder,
        "2025",
        "lots",
        "a.csv",
        &["--timezone", "america/new_york"],
    )
    .expect(0);
    assert!(
        done.stderr.contains("is kept in fifo-pnl.toml"),
        "{}",
        done.stderr
    );
    let kept = folder.read("fifo-pnl.toml");
    assert_eq!(kept, "[tax]\ntimezone = \"America/New_York\"\n");
    tax(&folder, "2025", "lots", "b.csv", &[]).expect(0);
    assert_eq!(folder.read("a.csv"), folder.read("b.csv"));
}

#[test]
fn a_year_without_sales_has_headers_only() {
    let folder = folder_with("fees-and-dates/trades.csv");
    let done = tax(&folder, "2019", "form8949", "a.csv", &[]).expect(0);
    assert!(
        done.stdout.contains("No sales with a cost in 2019"),
        "{}",
        done.stdout
    );
    assert_eq!(folder.read("a.csv").lines().count(), 1);
    assert_eq!(listed(&folder), ["a.csv", "a.manifest.json"]);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let folder = folder_with("fees-and-dates/trades.csv");
    folder.write("there.csv", "mine");
    let done = tax(&folder, "2025", "lots", "there.csv", &[]).expect(3);
    assert!(done.stderr.contains("there.csv exists"), "{}", done.stderr);
    assert_eq!(folder.read("there.csv"), "mine");
    let done = tax(&folder, "2025", "lots", "nowhere/a.csv", &[]).expect(3);
    assert!(
        done.stderr.contains("can't write nowhere/a.csv"),
        "{}",
        done.stderr
    );
    let done = tax(
        &folder,
        "2025",
        "lots",
        "a.csv",
        &["--timezone", "Mars/Base"],
    )
    .expect(2);
    assert!(
        done.stderr.contains("time zone is \"Mars/Base\""),
        "{}",
        done.stderr
    );
    let done = tax(&folder, "2025", "lots", "a.csv", &["--account", "bot"]).expect(2);
    assert!(
        done.stderr.contains("no pools of account \"bot\""),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("its accounts are: main"),
        "{}",
        done.stderr
    );
    assert_eq!(listed(&folder), ["there.csv"]);
}

#[test]
fn an_unpublished_partial_version_has_to_be_named() {
    let folder = folder_with("missing-buy/trades.csv");
    // A row that is not a valid trade: no import lets it in, and its pool is rejected.
    folder.sql(
        "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
         VALUES ('main', 'x-1', 'HBAR-EUR', 'buy', '1', '1', 0)",
    );
    folder.compute(&["--all-symbols", "--no-publish"]).expect(1);
    let done = tax(&folder, "2025", "lots", "a.csv", &["--allow-incomplete"]).expect(0);
    let said = "version 2 is newer, partial and not published: --version 2";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let done = tax(&folder, "2025", "lots", "b.csv", &["--version", "2"]).expect(1);
    assert!(
        done.stdout.contains("version 2 (never published, partial)"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("1 pool rejected: main HBAR"),
        "{}",
        done.stdout
    );
    let pools = folder.read("b.pools-left-out.csv");
    assert_eq!(column(&pools, "status"), ["rejected"]);
    folder.sql("UPDATE current_version SET version = NULL");
    let done = tax(&folder, "2025", "lots", "c.csv", &[]).expect(2);
    let said = "no version is current; version 2 is partial and was not published";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(done.stderr.contains("--version 2"), "{}", done.stderr);
}
