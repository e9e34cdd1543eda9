//! Coins moved between accounts take their lots along: dates and costs stay, on both databases. All
//! figures are worked out by hand.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use crate::support::postgres::{Database, apart};

use support::{Done, Folder};

const TRADES: &str = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    a,b1,BTC-USD,buy,10,5,2025-01-01T00:00:00Z,0.10\n\
    b,s1,BTC-USD,sell,4,6,2025-01-05T00:00:00Z,0\n\
    a,b2,ETH-USD,buy,10,5,2025-01-01T00:00:00Z,0\n\
    a,s2,ETH-USD,sell,8,8,2025-01-09T00:00:00Z,0\n\
    a,b3,SOL-USD,buy,3,4,2025-01-01T00:00:00Z,0\n\
    c,s3,SOL-USD,sell,2,6,2025-01-09T00:00:00Z,0\n\
    a,b4,DOT-USD,buy,1,5,2025-01-01T00:00:00Z,0\n\
    b,b5,DOT-USD,buy,2,7,2025-01-02T00:00:00Z,0\n\
    b,s5,DOT-USD,sell,1,9,2025-01-03T00:00:00Z,0\n\
    b,s6,DOT-USD,sell,2,9,2025-01-06T00:00:00Z,0\n";

/// Withdrawals and deposits: account and id, asset, size, day, transaction, fee.
const MOVEMENTS: [(&str, &str, &str, &str, &str, &str); 12] = [
    ("out", "a/w1", "5 BTC", "02", "t1", ""),
    ("in", "b/d1", "5 BTC", "03", "t1", ""),
    ("out", "a/w2", "6 ETH", "02", "t2", ""),
    ("in", "b/d2", "6 ETH", "03", "t2", ""),
    ("out", "b/w3", "4 ETH", "04", "t3", ""),
    ("in", "a/d3", "4 ETH", "05", "t3", ""),
    ("out", "a/w4", "2.5 SOL", "02", "t4", "0.5"),
    ("in", "b/d4", "2.5 SOL", "03", "t4", ""),
    ("out", "b/w5", "2 SOL", "03", "t5", "0.5"),
    ("in", "c/d5", "2 SOL", "03", "t5", ""),
    ("out", "a/w6", "1 DOT", "04", "t6", ""),
    ("in", "b/d6", "1 DOT", "05", "t6", ""),
];

const SQLITE: &str = "sqlite://fifo-pnl.db";

/// A folder, and the database that its programs use.
pub(crate) struct Place {
    pub folder: Folder,
    pub url: String,
}

impl Place {
    pub fn empty(url: &str) -> Self {
        let place = Self {
            folder: Folder::new(),
            url: url.to_owned(),
        };
        if place.url.starts_with("postgres") {
            place.run(&["migrate", "up", "--yes"]).expect(0);
        }
        place
    }

    fn new(url: &str) -> Self {
        let place = Self::empty(url);
        let folder = &place.folder;
        folder.write("trades.csv", TRADES);
        // One SOL has a rate of 5 USD.
        let rates = "snapped_at,price,market_cap,total_volume\n\
                     2025-01-02 00:00:00 UTC,5,1,1\n2025-01-03 00:00:00 UTC,5,1,1\n";
        folder.write("sol-usd-max.csv", rates);
        place.run(&["import", "trades.csv"]).expect(0);
        let of = ["--asset", "SOL", "--currency", "USD"];
        let import = [&["import", "rates", "sol-usd-max.csv"], &of[..]].concat();
        place.run(&import).expect(0);
        for movement in MOVEMENTS {
            place.add(movement);
        }
        place
    }

    pub fn run(&self, args: &[&str]) -> Done {
        self.folder
            .fifo_pnl(&[args, &["--database", &self.url]].concat())
    }

    fn add(&self, (way, key, units, day, tx, fee): (&str, &str, &str, &str, &str, &str)) {
        let (account, id) = key.split_once('/').unwrap();
        let (size, asset) = units.split_once(' ').unwrap();
        let at = format!("2025-01-{day}T00:00:00Z");
        let named = ["--account", account, "--id", id, "--tx", tx, "--at", &at];
        let mut words = [&["transfers", "add", way], &named[..]].concat();
        words.extend(["--asset", asset, "--size", size]);
        if !fee.is_empty() {
            words.extend(["--fee", fee]);
        }
        self.run(&words).expect(0);
    }

    /// The rows of a version: sell, leg, buy, account and deposit of the lot, size, cost, pnl.
    pub fn rows(&self, version: &str) -> Vec<String> {
        let text = self.run(&["versions", "export", version]).expect(0).stdout;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let wanted = [
            "account",
            "sell_order_id",
            "sell_leg",
            "buy_order_id",
            "buy_account",
            "buy_movement",
            "allocated_size",
            "cost_basis_usd",
            "pnl_usd",
        ];
        let places = wanted.map(|name| header.iter().position(|it| *it == name).unwrap());
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            places.map(|place| cells[place]).join(" ")
        };
        lines.map(row).collect()
    }
}

pub(crate) fn places_of(make: fn(&str) -> Place) -> Vec<(Place, Option<Database>)> {
    let mut places = vec![(make(SQLITE), None)];
    if let Some(database) = Database::new() {
        places.push((make(database.url()), Some(database)));
    }
    places
}

fn places() -> Vec<(Place, Option<Database>)> {
    places_of(Place::new)
}

/// Half a lot of BTC moves and is sold there: the 5 cost 25.05, so 4 cost 20.04. ETH comes back:
/// the 4 that stayed go first, then the 4 that came back. SOL moves on, and each network takes 0.5.
/// Of a lot of 3 for 12, the first 2.5 cost 10, and of these the first 2 cost 8. The DOT of a are
/// older than those of b, so they go first once they are there.
const ROWS: [&str; 10] = [
    "a w4 network b3   0.5 2 0.5",
    "a s2  b2   4 20 12",
    "a s2  b2  d3 4 20 12",
    "b s1  b1 a d1 4 20.04 3.96",
    "b s5  b5   1 7 2",
    "b s6  b4 a d6 1 5 4",
    "b s6  b5   1 7 2",
    "b w5 network b3 a d4 0.5 2 0.5",
    "c s3  b3 a d5 2 8 4",
    "",
];

#[test]
fn lots_move_with_their_dates_and_costs() {
    for (place, _database) in places() {
        let computed = place.run(&["compute", "--all-symbols"]).expect(0).stdout;
        let said = "Movements       12 movements are stored: 6 transfers\n";
        assert!(computed.contains(said), "{computed}");
        let mut rows = place.rows("1");
        rows.sort();
        let mut expected: Vec<&str> = ROWS.into_iter().filter(|row| !row.is_empty()).collect();
        expected.sort_unstable();
        assert_eq!(rows, expected, "{}", place.url);
        place
            .run(&["validate", "--version", "1", "--strict"])
            .expect(0);
        check_ways(&place);
        check_same_bytes(&place);
        check_tax(&place);
    }
}

const COINBASE: &str = "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,\
    Price Currency,Price at Transaction,Subtotal,Total (inclusive of fees and/or spread),\
    Fees and/or Spread,Notes\n\
    c1,2023-01-05 10:00:00 UTC,Buy,BTC,1,USD,$17000,$17000,$17100,$100,\
    Bought 1 BTC for $17100 USD\n\
    c2,2024-02-01 09:00:00 UTC,Send,BTC,-0.4,USD,$42000,-$16800,-$16800,$0.00,\
    Sent 0.4 BTC to bc1q\n";

const KRAKEN: &str = "txid,refid,time,type,subtype,aclass,asset,wallet,amount,fee,balance\n\
    L1,D1,2024-02-01 09:40:00,deposit,,currency,XXBT,spot / main,0.3999,0,0.3999\n\
    L2,T1,2024-03-10 12:00:00,trade,,currency,XXBT,spot / main,-0.2,0,0.1999\n\
    L3,T1,2024-03-10 12:00:00,trade,,currency,ZUSD,spot / main,14000,20,13980\n";

/// Account a sends 2 of its 3, so its later sell of 1 finds none. The receiving account sells 5 of
/// the 2. A decision about either is computed beside the transfer.
#[test]
fn a_person_decides_about_sells_beside_transfers() {
    for (place, _database) in places_of(Place::empty) {
        let trades = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                      a,b1,BTC-USD,buy,3,30,2025-01-01T00:00:00Z,0\n\
                      a,s0,BTC-USD,sell,1,30,2025-01-01T10:00:00Z,0\n\
                      b,s1,BTC-USD,sell,5,50,2025-01-05T00:00:00Z,0\n\
                      a,s2,BTC-USD,sell,1,50,2025-01-06T00:00:00Z,0\n";
        place.folder.write("trades.csv", trades);
        place.run(&["import", "trades.csv"]).expect(0);
        place.add(("out", "a/w1", "2 BTC", "02", "t1", ""));
        place.add(("in", "b/d1", "2 BTC", "03", "t1", ""));
        place.run(&["compute", "--all-symbols"]).expect(0);
        let items = place.run(&["review", "list"]).stdout;
        let id_of = |order: &str| {
            let row = items.lines().find(|line| line.ends_with(order)).unwrap();
            row.split_whitespace().next().unwrap().to_owned()
        };
        for order in ["s2", "s1"] {
            let id = id_of(order);
            let decide = [
                "review",
                "resolve",
                &id,
                "--basis",
                "7",
                "--acquired",
                "2024-12-02",
            ];
            let decide = [&decide[..], &["--timezone", "UTC", "--note", "x", "--yes"]].concat();
            place.run(&decide).expect(0);
        }
        place.run(&["compute", "--all-symbols"]).expect(0);
        place.run(&["validate", "--version", "2"]).expect(0);
        // The decided lots are the oldest. So the lot of 3 has one unit left for s2.
        let mut rows = place.rows("2");
        rows.sort();
        let expected = [
            "a s0  review-1-1   1 7 23",
            "a s2  b1   1 30 20",
            "b s1  b1 a d1 2 60 40",
            "b s1  review-2-1   3 7 143",
        ];
        assert_eq!(rows, expected, "{}", place.url);
    }
}

/// A pair that came after the run is in no figure yet: a filing says so, and so does `health`. A
/// withdrawal of more than the account has is named, until the buys are there.
#[test]
fn a_filing_waits_for_new_transfers_and_for_lots_that_are_missing() {
    for (place, _database) in places_of(Place::empty) {
        let trades = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                      a,b1,BTC-USD,buy,3,30,2023-01-01T00:00:00Z,0\n\
                      b,b2,BTC-USD,buy,3,40,2025-01-01T00:00:00Z,0\n\
                      b,s1,BTC-USD,sell,2,50,2025-01-05T00:00:00Z,0\n";
        place.folder.write("trades.csv", trades);
        place.run(&["import", "trades.csv"]).expect(0);
        place.run(&["compute", "--all-symbols"]).expect(0);
        place.add(("out", "a/w1", "3 BTC", "02", "t1", ""));
        place.add(("in", "b/d1", "3 BTC", "03", "t1", ""));
        let health = place.run(&["health"]);
        assert!(
            health.stdout.contains("1 movement or action changed since"),
            "{health:?}"
        );
        let file = [
            "tax",
            "--year",
            "2025",
            "--timezone",
            "UTC",
            "--final",
            "-o",
        ];
        let file = |name: &'static str| place.run(&[&file[..], &[name]].concat());
        let refused = file("early.zip").expect(3);
        let said = "incomplete: 1 movement or action changed since version 1";
        assert!(refused.stderr.contains(said), "{refused:?}");
        place.run(&["compute", "--all-symbols"]).expect(0);
        // The lots of 2023 go first: 2 x (50 - 30).
        assert_eq!(place.rows("2"), ["b s1  b1 a d1 2 60 40"]);
        place.add(("out", "a/w2", "2 BTC", "03", "t2", ""));
        place.add(("in", "b/d2", "2 BTC", "04", "t2", ""));
        let computed = place.run(&["compute", "--all-symbols"]).stdout;
        let said = "Transfers       1 withdrawal found too few lots";
        assert!(computed.contains(said), "{computed}");
        let refused = file("short.zip").expect(3);
        let said = "incomplete: 1 withdrawal found too few lots";
        assert!(refused.stderr.contains(said), "{refused:?}");
        let more = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                    a,b3,BTC-USD,buy,2,30,2023-01-01T00:00:00Z,0\n";
        place.folder.write("more.csv", more);
        place.run(&["import", "more.csv"]).expect(0);
        place.run(&["compute", "--all-symbols"]).expect(0);
        file("filed.zip").expect(0);
    }
}

/// The file states the value of 0.4 BTC: 16,800. So the network's 0.0001 are worth 4.20, and need
/// no rate. They cost 1.71 of 17,100. The 0.2 sold at Kraken cost 3,420 of these, for 13,980.
#[test]
fn a_fee_of_a_network_has_the_value_that_its_file_states() {
    for (place, _database) in places_of(Place::empty) {
        for (account, name, text) in [("cb", "cb.csv", COINBASE), ("kr", "kr.csv", KRAKEN)] {
            place.folder.write(name, text);
            place.run(&["import", "--account", account, name]).expect(0);
        }
        place.run(&["transfers", "apply", "--yes"]).expect(0);
        place.run(&["compute", "--all-symbols"]).expect(0);
        let mut rows = place.rows("1");
        rows.sort();
        let expected = [
            "cb c2 network c1   0.0001 1.71 2.49",
            "kr T1  c1 cb L1 0.2 3420 10560",
        ];
        assert_eq!(rows, expected, "{}", place.url);
        place
            .run(&["validate", "--version", "1", "--strict"])
            .expect(0);
        let text = place.run(&["explain", "--sell", "c2"]).expect(0).stdout;
        assert!(text.contains("0.0001 worth 4.2 USD, fee 0\n"), "{text}");
        // A rate that differs by more than 2 % is named, and changes nothing.
        let rates = "snapped_at,price,market_cap,total_volume\n2024-02-01 00:00:00 UTC,43000,1,1\n";
        place.folder.write("btc-usd-max.csv", rates);
        let of = ["--asset", "BTC", "--currency", "USD"];
        let import = [&["import", "rates", "btc-usd-max.csv"], &of[..]].concat();
        place.run(&import).expect(0);
        let computed = place.run(&["compute", "--all-symbols"]).expect(0).stdout;
        assert!(computed.contains("4.20"), "{computed}");
        let mut rows = place.rows("2");
        rows.sort();
        assert_eq!(rows, expected, "{}", place.url);
    }
}

/// A tax file has the date of the first acquisition. Open lots that came are in the final file.
fn check_tax(place: &Place) {
    let tax = ["tax", "--year", "2025", "--timezone", "UTC", "-o"];
    let lots = [&tax[..], &["lots.csv", "--format", "lots"]].concat();
    place.run(&lots).expect(0);
    let text = place.folder.read("lots.csv");
    let sold_in_b = text
        .lines()
        .find(|line| line.starts_with("b,DOT-USD,DOT,s6,b4,1,"));
    let sold_in_b = sold_in_b.unwrap_or_else(|| panic!("{text}"));
    assert!(sold_in_b.contains(",2025-01-01,2025-01-06,"), "{sold_in_b}");
    place
        .run(&[&tax[..], &["filed.zip", "--final"]].concat())
        .expect(0);
    let done = place.run(&["tax", "verify", "filed.zip"]).expect(0);
    assert!(done.stdout.contains("Equal:"), "{}", done.stdout);
}

/// `explain` shows the whole way of a lot, account by account, down to file and line.
fn check_ways(place: &Place) {
    let text = place.run(&["explain", "--sell", "s3"]).expect(0).stdout;
    for said in [
        "Lot 1 b3\n      3 at 4, fee 0\n      2025-01-01T00:00:00.000000Z\n      \
         from trades.csv, line 6\n",
        "      moved 2.5 from a to b, cost 10\n        \
         out w4 at 2025-01-02T00:00:00.000000Z, by hand, line 1\n        \
         in  d4 at 2025-01-03T00:00:00.000000Z, by hand, line 1\n      \
         moved 2 from b to c, cost 8\n",
        "  cost          8, the whole value",
    ] {
        assert!(text.contains(said), "{said}{text}");
    }
    let text = place.run(&["explain", "--sell", "s2"]).expect(0).stdout;
    for said in [
        "6 used before, 4 used here",
        "moved 6 from a to b, cost 30\n",
        "moved 4 from b to a, cost 20\n",
    ] {
        assert!(text.contains(said), "{said}{text}");
    }
    let text = place.run(&["explain", "--sell", "w5"]).expect(0).stdout;
    let said = "what the network took of this withdrawal";
    assert!(text.contains(said), "{text}");
}

/// The number of threads, the memory and the scope change nothing.
fn check_same_bytes(place: &Place) {
    let hash = |args: &[&str]| {
        let words = [&["compute", "--dry-run", "--json"], args].concat();
        let json = place.run(&words).expect(0).json();
        (json["allocations_hash"].clone(), json["pnl_usd"].clone())
    };
    let all = hash(&["--all-symbols", "--jobs", "1"]);
    assert_eq!(all, hash(&["--all-symbols", "--jobs", "8"]));
    assert_eq!(all, hash(&["--all-symbols", "--memory", "1K"]));
    let (_, pnl) = hash(&["--symbol", "DOT-USD", "--account", "b"]);
    assert_eq!(pnl, "8");
    let validate = ["validate", "--version", "1", "--memory", "1K", "--json"];
    place.run(&validate).expect(0);
}

/// A movement that comes late, a decision and an undone import change lots: the next run sees it.
#[test]
fn what_changes_a_transfer_is_computed_again() {
    for (place, database) in places() {
        place.run(&["compute", "--all-symbols"]).expect(0);
        let again = |what: &str| {
            let done = place.run(&["compute", "--incremental"]).expect(0).stdout;
            assert!(done.contains(what), "{what}: {done}");
            place.run(&["validate", "--version", "current"]).expect(0);
        };
        again("nothing to compute");
        place
            .run(&["transfers", "unpair", "a/w1", "b/d1"])
            .expect(0);
        again("a BTC: its transfers or its income have changed");
        assert!(place.rows("2").contains(&"b s1     4  ".to_owned()));
        let done = place.run(&["compare", "1", "2"]);
        let said = "transfer a/w1 to b/d1 not paired any more";
        assert!(done.stdout.contains(said), "{}", done.stdout);
        place.run(&["transfers", "pair", "a/w1", "b/d1"]).expect(0);
        again("b BTC: its transfers or its income have changed");
        assert_eq!(place.rows("3").len(), place.rows("1").len());
        let late = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                    a,b0,BTC-USD,buy,1,4,2024-12-01T00:00:00Z,0\n";
        place.folder.write("late.csv", late);
        place.run(&["import", "late.csv"]).expect(0);
        // The 5 that move are now the 1 of b0 at 4, and 4 of b1, which cost 20 + 0.04.
        again("a BTC: it has transfers or income, and new trades");
        // Nothing of b changed but what came from a.
        let done = place.run(&["compare", "3", "4"]);
        let said = "trades or transfers of an account that sends lots to this one changed";
        assert!(done.stdout.contains(said), "{}", done.stdout);
        let rows = place.rows("4");
        for row in ["b s1  b0 a d1 1 4 2", "b s1  b1 a d1 3 15.03 2.97"] {
            assert!(rows.contains(&row.to_owned()), "{rows:?}");
        }
        tamper(&place, database.as_ref());
    }
}

/// A changed move is found: its size, its cost, its lot, and one that is missing.
fn tamper(place: &Place, database: Option<&Database>) {
    let of_move = "allocation_version = 4 AND withdrawal_id = 'w6'";
    let newest = "(SELECT max(order_time) FROM trade_records)";
    for (change, found) in [
        (
            format!("UPDATE fifo_lot_moves SET buy_time = {newest} WHERE {of_move}"),
            "I9",
        ),
        (
            format!("UPDATE fifo_lot_moves SET cost_usd = '6' WHERE {of_move}"),
            "I20",
        ),
        (
            format!("UPDATE fifo_lot_moves SET size = '0.5' WHERE {of_move}"),
            "I19",
        ),
        (
            format!("UPDATE fifo_lot_moves SET buy_order_id = 'b9' WHERE {of_move}"),
            "I19",
        ),
        (format!("DELETE FROM fifo_lot_moves WHERE {of_move}"), "I19"),
    ] {
        match database {
            Some(database) => apart(database.run(&change)).unwrap(),
            None => drop(place.folder.sql(&change)),
        }
        let done = place.run(&["validate", "--version", "4"]);
        assert!(done.stdout.contains(found), "{change}: {}", done.stdout);
    }
}

/// An undecided pair stays shown, and moves nothing. A fee without a rate names the rate.
#[test]
fn an_undecided_pair_moves_nothing_and_a_fee_needs_a_rate() {
    let folder = Folder::with_trades(TRADES);
    let place = Place {
        folder,
        url: SQLITE.to_owned(),
    };
    place.add(("out", "a/w1", "5 BTC", "02", "t1", ""));
    place.add(("in", "b/d1", "5 BTC", "03", "t2", ""));
    let done = place.run(&["compute", "--all-symbols"]);
    let said = "Movements       2 movements are stored: 1 pair proposed";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert!(place.rows("1").contains(&"b s1     4  ".to_owned()));
    place.run(&["transfers", "apply", "--yes"]).expect(0);
    // c never bought DOT, so no trade of its own is a rate for what the network took.
    place.add(("out", "a/w4", "1 DOT", "04", "t4", ""));
    place.add(("in", "c/d4", "1 DOT", "05", "t4", ""));
    place.add(("out", "c/w5", "0.5 DOT", "07", "t5", "0.25"));
    place.add(("in", "b/d5", "0.5 DOT", "08", "t5", ""));
    place.run(&["compute", "--all-symbols"]).expect(1);
    let pools = "SELECT account, status, error FROM fifo_pool_summary \
                 WHERE allocation_version = 2 AND asset = 'DOT' ORDER BY account";
    let expected = [
        "a|matched|",
        "b|rejected|lots came from the pool of \"c\", which is rejected",
        "c|rejected|withdrawal \"w5\": the network fee has no value in USD: a rate of DOT at \
         2025-01-07 00:00:00 UTC is missing",
    ];
    assert_eq!(place.folder.sql(pools), expected);
    assert!(
        place
            .rows("2")
            .contains(&"b s1  b1 a d1 4 20.04 3.96".to_owned())
    );
}
