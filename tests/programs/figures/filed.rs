//! A filing is whole, and says what it lacks.

use crate::figures::{Place, has};

/// Sales of two symbols in 2025, and version 2 of one of them alone.
fn trade(place: &Place) {
    place
        .folder
        .write("fifo-pnl.toml", "[tax]\ntimezone = \"UTC\"\n");
    place.write(
        "t.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n\
         e1,ETH-USD,buy,1,10,2025-01-01T00:00:00Z,0,main\n\
         x1,ETH-USD,buy,1,10,2025-01-01T00:00:00Z,0,other\n\
         s1,BTC-USD,sell,1,150,2025-03-01T00:00:00Z,0,main\n\
         s2,ETH-USD,sell,1,15,2025-03-01T00:00:00Z,0,main\n\
         x2,ETH-USD,sell,1,15,2025-03-01T00:00:00Z,0,other\n",
    );
    place.run("fifo-pnl run t.csv --quiet").expect(0);
}

fn of_symbol(place: &Place) {
    trade(place);
    place.run("compute_allocations --asset BTC").expect(0);
}

pub fn a_version_of_one_symbol_is_neither_advised_nor_filed(place: &Place) {
    of_symbol(place);
    let done = place
        .run("fifo-pnl tax --year 2025 --format lots -o l.csv")
        .expect(0);
    assert!(!done.stdout.contains("--version 2"), "{}", done.stdout);
    let draft = "fifo-pnl tax --year 2025 --version 2 --format lots -o d.csv";
    let done = place.run(draft).expect(0);
    let words = "the version has only BTC; other sales are in no file";
    has(&done.stdout, &["never published, only BTC", words]);
    assert!(!done.stdout.contains('{'), "{}", done.stdout);
    let file = "fifo-pnl tax --year 2025 --version 2 --final -o f.zip --allow-incomplete";
    let done = place.run(file).expect(3);
    has(
        &done.stderr,
        &["version 2 has only BTC: what is filed has every sale"],
    );
    assert!(!place.folder.join("f.zip").exists());
    let sealed = place.run("fifo-pnl versions list --json").expect(0).stdout;
    assert!(!sealed.contains("filed for"), "{sealed}");
}

pub fn trades_that_no_run_took_up_are_not_left_out_in_silence(place: &Place) {
    trade(place);
    let later = "s9,ETH-USD,sell,0.5,15,2026-03-01T00:00:00Z,0,main\n";
    place.write("later.csv", later);
    place.run("fifo-pnl import later.csv --quiet").expect(0);
    // A trade of a later year changes no figure of this one.
    let file = "fifo-pnl tax --year 2025 --final";
    place.run(&format!("{file} -o before.zip")).expect(0);
    place
        .run("compute_allocations --all-symbols --quiet")
        .expect(0);
    let missed = "s3,ETH-USD,sell,0.5,15,2025-04-01T00:00:00Z,0,other\n";
    place.write("missed.csv", missed);
    place.run("fifo-pnl import missed.csv --quiet").expect(0);
    place
        .run("fifo-pnl void s1 --account main --reason wrong")
        .expect(0);
    let done = place.run(&format!("{file} -o f.zip")).expect(3);
    let words = "incomplete: 2 new trades are not in version 2";
    has(
        &done.stderr,
        &[words, "`compute_allocations --incremental`"],
    );
    assert!(!place.folder.join("f.zip").exists());
    let of_main = place
        .run(&format!("{file} --account main -o m.zip"))
        .expect(3);
    has(&of_main.stderr, &["1 new trade is not in version 2"]);
    let done = place
        .run(&format!("{file} -o g.zip --allow-incomplete"))
        .expect(0);
    has(&format!("{}{}", done.stdout, done.stderr), &[words]);
    place
        .run("compute_allocations --all-symbols --quiet")
        .expect(0);
    let done = place
        .run(&format!("{file} -o h.zip --allow-incomplete"))
        .expect(0);
    assert!(!format!("{}{}", done.stdout, done.stderr).contains("new trade"));
}

pub fn a_version_of_one_account_is_filed_for_that_account(place: &Place) {
    trade(place);
    place
        .run("compute_allocations --all-symbols --account main")
        .expect(0);
    let file = "fifo-pnl tax --year 2025 --version 2 --final -o f.zip";
    let done = place.run(file).expect(3);
    has(
        &done.stderr,
        &["version 2 has all symbols of account", "--account main"],
    );
    place.run(&format!("{file} --account other")).expect(3);
    place.run(&format!("{file} --account main")).expect(0);
}

pub fn where_no_version_is_current_a_part_is_not_advised(place: &Place) {
    place.write(
        "t.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl import t.csv").expect(0);
    place.run("compute_allocations --asset BTC").expect(0);
    let done = place.run("fifo-pnl tax --year 2025 --format lots -o l.csv --timezone UTC");
    let stderr = done.expect(2).stderr;
    assert!(!stderr.contains("--version"), "{stderr}");
}

pub fn a_year_that_was_filed_before_is_named(place: &Place) {
    trade(place);
    let file = |name: &str| {
        let line = format!("fifo-pnl tax --year 2025 --final -o {name}");
        place.run(&line).expect(0).stdout
    };
    assert!(!file("a.zip").contains("filed before"));
    has(
        &file("b.zip"),
        &["the year was filed before: a.zip, version 1, on 20"],
    );
    has(
        &file("c.zip"),
        &["b.zip, version 1, on 20", "and 1 time before that"],
    );
    let done = place.run("fifo-pnl tax --year 2025 --final -o d.zip --json");
    let before = &done.expect(0).json()["filed_before"][0];
    assert_eq!(
        (&before["file"], &before["earlier"]),
        (&"c.zip".into(), &2.into())
    );
    let done = place.run("fifo-pnl tax amend --year 2025").expect(0);
    has(
        &done.stdout,
        &["(d.zip)", "3 filings of the year came before that one"],
    );
    // Another year was not.
    let done = place
        .run("fifo-pnl tax --year 2024 --final -o e.zip")
        .expect(0);
    assert!(!done.stdout.contains("filed before"), "{}", done.stdout);
}

pub fn voided_sales_of_the_year_are_named(place: &Place) {
    trade(place);
    let export = "fifo-pnl tax --year 2025 --format lots --overwrite -o l.csv";
    let said = |line: &str| place.run(line).expect(0).stdout;
    assert!(!said(export).contains("voided"));
    assert!(
        !place
            .folder
            .read("l.manifest.json")
            .contains("voided_sells")
    );
    place
        .run("fifo-pnl tax --year 2025 --final -o before.zip")
        .expect(0);
    for id in ["s1", "b1"] {
        place
            .run(&format!("fifo-pnl void {id} --account main --reason short"))
            .expect(0);
    }
    // A corrected sale is no voided one.
    place.write(
        "c.csv",
        "s2,ETH-USD,sell,1,16,2025-03-01T00:00:00Z,0,main\n",
    );
    place
        .run("fifo-pnl import --correct --reason price c.csv")
        .expect(0);
    // The version does not know it yet.
    assert!(!said(export).contains("voided"));
    place.run("compute_allocations --all-symbols").expect(0);
    let note = "1 sale of 2025 was voided and is in no file: s1 of main\n";
    has(&said(export), &[note]);
    has(
        &said("fifo-pnl tax --year 2025 --final -o after.zip"),
        &[note],
    );
    let manifest = place.folder.read("l.manifest.json");
    has(&manifest, &["\"voided_sells\": [", "\"order_id\": \"s1\""]);
    assert!(!said(&export.replace("2025", "2024")).contains("voided"));
    assert!(!said(&format!("{export} --account other")).contains("voided"));
    for zip in ["before.zip", "after.zip"] {
        has(&said(&format!("fifo-pnl tax verify {zip}")), &["Equal"]);
    }
    // Both forms of a corrected sale.
    place
        .run("fifo-pnl void s2~2 --account main --reason short")
        .expect(0);
    place.run("compute_allocations --all-symbols").expect(0);
    has(
        &said(export),
        &["2 sales of 2025 were voided and are in no file: s1 of main, s2~2 of main\n"],
    );
}
