//! Rates of assets: appended once, corrected by a revision, read as of any instant.

use std::collections::BTreeSet;

use fifo_pnl::engine::{
    Account, AssetRules, Entered, FoundRate, LedgerTrade, Rate, RateOrigin, RatePurpose,
    RateSource, RateStep, RateUsed, rates_hash,
};
use fifo_pnl::store::model::{
    ImportMode, RateBatch, RateReceipt, RateScope, RatesLocked, Scope, StoredRate, VersionPlan,
    Watermark,
};
use fifo_pnl::store::{Store, values};

use super::more::with;
use crate::subject::{Run, Subject, append, at, event, lock, of, rate, rates as file, trade};

fn correcting(rates: Vec<Rate>) -> RateBatch {
    let mut batch = file(rates);
    batch.file.mode = ImportMode::Correct {
        reason: "the source corrected it".into(),
    };
    batch
}

async fn import(store: &dyn Store, batch: RateBatch) -> RateReceipt {
    store.import_rates(&batch).await.unwrap()
}

async fn watermark(store: &dyn Store) -> Watermark {
    let read = store.read_ledger(&Scope::default(), None).await;
    read.unwrap().watermark
}

/// Returns the rates that count, as `CURRENCY VALUE SECONDS IMPORT:LINE`.
async fn held(store: &dyn Store, as_of: Option<&Watermark>) -> Vec<String> {
    held_in(store, &RateScope::default(), as_of).await
}

async fn held_in(store: &dyn Store, scope: &RateScope, as_of: Option<&Watermark>) -> Vec<String> {
    let rates = store.rates(scope, as_of).await.unwrap();
    let shown = rates.iter().map(|StoredRate { rate, .. }| {
        let seconds = (rate.at.as_micros() - at(0).as_micros()) / 1_000_000;
        let place = format!("{}:{}", rate.import_id, rate.import_line);
        format!("{} {} {seconds} {place}", rate.currency, rate.value)
    });
    shown.collect()
}

pub async fn rates_are_appended_once(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(held(store, None).await, Vec::<String>::new());
    let digits = "123456789012.3456789012345678";
    let rates = vec![
        rate("USD", 2, "1.08"),
        rate("JPY", 1, digits),
        rate("USD", 1, "1.07"),
    ];
    let receipt = import(store, file(rates.clone())).await;
    assert_eq!(
        (receipt.import_id, receipt.appended, receipt.known),
        (Some(1), 3, 0)
    );
    let expected = [
        format!("JPY {digits} 1 1:3"),
        "USD 1.07 1 1:3".to_owned(),
        "USD 1.08 2 1:4".to_owned(),
    ];
    assert_eq!(held(store, None).await, expected);
    let again = import(store, file(rates)).await;
    assert_eq!(
        (again.import_id, again.appended, again.known),
        (Some(2), 0, 3)
    );
    assert_eq!(held(store, None).await, expected);
    let more = vec![rate("USD", 2, "1.08"), rate("USD", 3, "1.09")];
    let more = import(store, file(more)).await;
    assert_eq!((more.appended, more.known), (1, 1));
    let files = store.imports().await.unwrap();
    let rows: Vec<i64> = files.iter().map(|file| file.rows).collect();
    assert_eq!((files[0].name.as_str(), rows), ("rates.csv", vec![3, 0, 1]));
    let events = subject.events().await;
    assert!(events[0].starts_with("import"), "{events:?}");
    assert_eq!(events.len(), 3);
}

pub async fn a_scope_takes_its_rates_only(subject: &dyn Subject) {
    let store = subject.store();
    let rates = vec![
        rate("USD", 1, "1.07"),
        rate("USD", 2, "1.08"),
        rate("GBP", 2, "0.84"),
        rate("JPY", 3, "160"),
    ];
    import(store, file(rates)).await;
    let before = watermark(store).await;
    import(store, correcting(vec![rate("USD", 2, "1.09")])).await;
    let all = ["GBP 0.84 2", "JPY 160 3", "USD 1.07 1", "USD 1.09 2"];
    let among = |assets: &[&str]| RateScope {
        among: Some(assets.iter().map(|it| it.parse().unwrap()).collect()),
        ..RateScope::default()
    };
    let with = |asset: &str| RateScope {
        with: Some([asset.parse().unwrap()].into()),
        ..RateScope::default()
    };
    let times = |from: Option<i64>, until: Option<i64>| RateScope {
        from: from.map(at),
        until: until.map(at),
        ..RateScope::default()
    };
    let cases = [
        (RateScope::default(), &all[..]),
        (among(&["EUR", "USD"]), &all[2..]),
        (among(&["EUR", "USD", "JPY", "CHF"]), &all[1..]),
        // Both sides must be among them.
        (among(&["USD", "GBP"]), &[]),
        (among(&[]), &[]),
        (with("GBP"), &all[..1]),
        (with("EUR"), &all[..]),
        (with("CHF"), &[]),
        (times(Some(3), None), &all[1..2]),
        (times(None, Some(1)), &all[2..3]),
        (times(Some(4), Some(9)), &[]),
    ];
    for (scope, expected) in cases {
        let held = held_in(store, &scope, None).await;
        let held: Vec<&str> = held
            .iter()
            .filter_map(|it| Some(it.rsplit_once(' ')?.0))
            .collect();
        assert_eq!(held, expected, "{scope:?}");
    }
    let second = times(Some(2), Some(2));
    let scope = RateScope {
        among: among(&["EUR", "USD"]).among,
        ..second
    };
    assert_eq!(held_in(store, &scope, None).await, ["USD 1.09 2 2:4"]);
    assert_eq!(
        held_in(store, &scope, Some(&before)).await,
        ["USD 1.08 2 1:4"]
    );
}

/// `EURO` becomes another name of `EUR` after its rates were imported.
pub async fn rates_of_two_spellings_are_one(subject: &dyn Subject) {
    let store = subject.store();
    let euro = |rate: Rate| Rate {
        asset: "EURO".parse().unwrap(),
        ..rate
    };
    let rates = vec![
        euro(rate("USD", 1, "1.07")),
        euro(rate("USD", 2, "1.08")),
        rate("USD", 2, "1.09"),
    ];
    import(store, file(rates.clone())).await;
    let mut rules = AssetRules::default();
    let named = async |rules: &AssetRules, of: &str| {
        let scope = RateScope {
            with: Some([of.parse().unwrap()].into()),
            ..RateScope::default()
        };
        let rates = values::rates_named(store, rules, scope, None)
            .await
            .unwrap();
        let shown = rates.iter().map(|rate| {
            let place = format!("{}:{}", rate.import_id, rate.import_line);
            format!("{} {} {place}", rate.asset, rate.value)
        });
        shown.collect::<Vec<String>>()
    };
    assert_eq!(named(&rules, "EUR").await, ["EUR 1.09 1:4"]);
    let of_euro = ["EURO 1.07 1:3", "EURO 1.08 1:4"];
    assert_eq!(named(&rules, "EURO").await, of_euro);
    rules.aliases = [("EURO".to_owned(), "EUR".parse().unwrap())].into();
    // Two rates for one instant: a look-up refuses them.
    let both = ["EUR 1.07 1:3", "EUR 1.09 1:4", "EUR 1.08 1:4"];
    let mut found = named(&rules, "EUR").await;
    found[1..].sort();
    found[1..].reverse();
    assert_eq!(found, both);

    let of = |rates: Vec<Rate>| RateBatch {
        rules: rules.clone(),
        ..file(rates)
    };
    let mend = |rates: Vec<Rate>| RateBatch {
        rules: rules.clone(),
        ..correcting(rates)
    };
    let again = import(store, of(rates)).await;
    assert_eq!((again.known, again.conflict_count), (3, 0));
    let other = vec![rate("USD", 1, "1.06")];
    let stopped = import(store, of(other)).await;
    assert_eq!((stopped.import_id, stopped.conflict_count), (None, 1));
    let mended = import(store, mend(vec![rate("USD", 2, "1.09")])).await;
    assert_eq!((mended.corrected, mended.known), (1, 0));
    let expected = ["EUR 1.07 1:3", "EUR 1.09 3:4"];
    assert_eq!(named(&rules, "EUR").await, expected);
    // The older spelling can correct the same rate.
    let mended = import(store, mend(vec![euro(rate("USD", 2, "1.1"))])).await;
    assert_eq!((mended.corrected, mended.known), (1, 0));
    let expected = ["EUR 1.07 1:3", "EUR 1.1 4:4"];
    assert_eq!(named(&rules, "EUR").await, expected);
    // Without the alias, each name has its own rates again.
    rules.aliases.clear();
    assert_eq!(named(&rules, "EUR").await, ["EUR 1.09 3:4"]);
    let of_euro = ["EURO 1.07 1:3", "EURO 1.1 4:4"];
    assert_eq!(named(&rules, "EURO").await, of_euro);
}

pub async fn another_rate_is_a_conflict_that_a_correction_mends(subject: &dyn Subject) {
    let store = subject.store();
    let old = file(vec![rate("USD", 1, "1.07"), rate("USD", 2, "1.08")]);
    import(store, old.clone()).await;
    let before = watermark(store).await;
    let new = vec![rate("USD", 2, "1.09"), rate("USD", 3, "1.10")];
    let stopped = import(store, file(new.clone())).await;
    assert_eq!((stopped.import_id, stopped.conflict_count), (None, 1));
    let conflict = &stopped.conflicts[0];
    assert_eq!(
        (conflict.line, conflict.at, conflict.source),
        (4, at(2), RateSource::Ecb)
    );
    let values = (conflict.in_file.to_string(), conflict.in_store.to_string());
    assert_eq!(values, ("1.09".into(), "1.08".into()));
    assert_eq!(
        held(store, None).await,
        ["USD 1.07 1 1:3", "USD 1.08 2 1:4"]
    );
    assert_eq!(subject.events().await.len(), 1);

    let mended = import(store, correcting(new.clone())).await;
    assert_eq!(
        (mended.import_id, mended.appended, mended.corrected),
        (Some(2), 1, 1)
    );
    let after = ["USD 1.07 1 1:3", "USD 1.09 2 2:4", "USD 1.1 3 2:5"];
    assert_eq!(held(store, None).await, after);
    // An older version reads what it was made with.
    assert_eq!(
        held(store, Some(&before)).await,
        ["USD 1.07 1 1:3", "USD 1.08 2 1:4"]
    );
    // Both files are known now: neither adds anything, nor takes the correction back.
    for batch in [old.clone(), file(new.clone()), correcting(new)] {
        let receipt = import(store, batch).await;
        assert_eq!(
            (receipt.appended, receipt.corrected, receipt.known),
            (0, 0, 2)
        );
        assert_eq!(held(store, None).await, after);
    }
    // A person may go back to the older value.
    let back = import(store, correcting(old.rates)).await;
    assert_eq!((back.corrected, back.known), (1, 1));
    assert_eq!(held(store, None).await[1], "USD 1.08 2 6:4");
}

pub async fn a_preview_or_a_broken_import_leaves_no_rates(subject: &dyn Subject) {
    let store = subject.store();
    let mut preview = file(vec![rate("USD", 1, "1.07")]);
    preview.file.preview = true;
    let receipt = import(store, preview).await;
    assert_eq!((receipt.import_id, receipt.appended), (None, 1));
    let mut broken = file(vec![rate("USD", 1, "1.07")]);
    broken.file.sha256 = "short".into();
    assert!(store.import_rates(&broken).await.is_err());
    let broken = file(vec![rate("USD", 1, "1.07"), rate("EUR", 1, "1")]);
    assert!(store.import_rates(&broken).await.is_err());
    assert_eq!(held(store, None).await, Vec::<String>::new());
    assert_eq!(store.imports().await.unwrap(), []);
    assert_eq!(watermark(store).await.cursors().rate_seq, 0);
    assert_eq!(subject.events().await, Vec::<String>::new());
}

pub async fn a_watermark_knows_its_rates(subject: &dyn Subject) {
    let store = subject.store();
    let mut seen = vec![watermark(store).await];
    for seconds in 1..=3 {
        import(store, file(vec![rate("USD", seconds, "1.07")])).await;
        seen.push(watermark(store).await);
    }
    let facts = store.health_facts(None).await.unwrap();
    assert_eq!(seen.last().map(Watermark::cursors), Some(&facts.cursors));
    for (count, watermark) in seen.iter().enumerate() {
        assert_eq!(held(store, Some(watermark)).await.len(), count);
        let text = watermark.to_json();
        assert_eq!(
            Watermark::from_json(&text).as_ref(),
            Some(watermark),
            "{text}"
        );
        // Reading the ledger as of an instant keeps that instant.
        let read = store.read_ledger(&Scope::default(), Some(watermark)).await;
        assert_eq!(read.unwrap().watermark.cursors(), watermark.cursors());
        let came = store.arrivals(&Scope::default(), watermark).await.unwrap();
        assert_eq!(came.watermark.cursors(), seen[3].cursors());
    }
}

/// A rate that gave a fee its value. Its steps are of file 1, or the one step is an own trade or a
/// peg.
fn used(order_id: &str, purpose: RatePurpose, steps: &[&str]) -> RateUsed {
    let step = |(line, text): (u64, &&str)| {
        let words: Vec<&str> = text.split(' ').collect();
        RateStep {
            asset: words[0].parse().unwrap(),
            currency: words[1].parse().unwrap(),
            value: words[2].parse().unwrap(),
            origin: match words.get(3) {
                Some(&"peg") => RateOrigin::Peg,
                Some(own) => RateOrigin::Trade(own.parse().unwrap()),
                None => RateOrigin::Line { import_id: 1, line },
            },
        }
    };
    RateUsed {
        account: Account::default(),
        order_id: order_id.into(),
        purpose,
        asset: "GBP".parse().unwrap(),
        units: "-0.0000000000000000000000000001".parse().unwrap(),
        usd: "-1234567890123456789.123456789012".parse().unwrap(),
        traded_at: at(9),
        rate: FoundRate {
            value: "1.28571428571428571".parse().unwrap(),
            at: at(1),
            source: match steps {
                [step] if step.ends_with(" peg") => RateSource::Peg,
                _ => RateSource::Ecb,
            },
            steps: (3..).zip(steps).map(step).collect(),
        },
    }
}

async fn write(store: &dyn Store, run: &Run, rates: RatesLocked) -> VersionPlan {
    let lock = lock(store).await;
    let (plan, outcomes) = run.prepare(store).await.unwrap();
    let mut writer = store.begin_version(&plan).await.unwrap();
    for outcome in &outcomes {
        writer.load(outcome, 7).await.unwrap();
    }
    let mut completion = run.completion(&outcomes);
    completion.rates = rates;
    writer.finish(&completion).await.unwrap();
    lock.release().await;
    plan
}

fn locked(added: &[RateUsed], all: &[RateUsed]) -> RatesLocked {
    RatesLocked {
        added: added.iter().cloned().collect(),
        hash: rates_hash(all),
    }
}

pub async fn a_version_keeps_the_rates_that_it_used(subject: &dyn Subject) {
    let store = subject.store();
    import(
        store,
        file(vec![rate("USD", 1, "1.08"), rate("GBP", 1, "0.84")]),
    )
    .await;
    append(store, vec![trade("B-1", "buy", "1", "100", 1)]).await;
    let all = [
        used("B-1", RatePurpose::Value, &["EUR USD 1.08", "EUR GBP 0.84"]),
        used(
            "B-1",
            RatePurpose::Fee,
            &["GBP USD 1.000000000000000000000000001 B-0"],
        ),
        used("B-2", RatePurpose::Value, &["USD GBP 0.77"]),
        used("B-2", RatePurpose::Fee, &["USDC USD 1 peg"]),
    ];
    write(store, &Run::default(), locked(&all, &all)).await;
    assert_eq!(store.rates_used(1, None).await.unwrap(), all);
    let account = Account::default();
    let of_trade = store.rates_used(1, Some((&account, "B-2"))).await.unwrap();
    assert_eq!(of_trade, all[2..]);
    let other = "other".parse().unwrap();
    let none = store.rates_used(1, Some((&other, "B-2"))).await.unwrap();
    assert_eq!(none, []);
    let infos = store.versions().await.unwrap();
    assert_eq!(infos[0].rates_hash, Some(rates_hash(&all)));

    // A second version has its own. One that is replaced keeps none of its old ones.
    let second = Run {
        seconds: 10,
        ..Run::unpublished()
    };
    write(store, &second, locked(&all[..1], &all[..1])).await;
    let again = Run {
        version: Some(2),
        replaces: true,
        ..second
    };
    let plan = write(store, &again, locked(&all[1..2], &all[1..2])).await;
    assert_eq!(store.rates_used(2, None).await.unwrap(), all[1..2]);

    // An append adds some.
    let lock = lock(store).await;
    let plan = VersionPlan {
        run_id: store.begin_run(&again.start(2)).await.unwrap(),
        replaces: false,
        ..plan
    };
    let mut completion = again.completion(&[]);
    completion.rates = locked(&all[2..], &all[1..]);
    store.append(&plan, &[], &completion).await.unwrap();
    lock.release().await;
    assert_eq!(store.rates_used(2, None).await.unwrap(), all[1..]);
    assert_eq!(store.rates_used(1, None).await.unwrap(), all);
    store.drop_version(2, &event("drop", 3)).await.unwrap();
    assert_eq!(store.rates_used(2, None).await.unwrap(), []);
    assert_eq!(store.rates_used(1, None).await.unwrap(), all);
}

/// A purchase of ether for dollars with a fee of 0.1 BNB.
fn with_coin_fee(id: &str, seconds: i64) -> LedgerTrade {
    let fee = [("fee_amount", "0.1"), ("fee_currency", "BNB")];
    let row = with(&fee, trade(id, "buy", "1", "100", seconds));
    of("default", "ETH-USD", row)
}

/// Returns the fees' values and rates, as `ORDER VALUE TRADE`; and the times without a rate.
fn fees(entered: &Entered) -> (Vec<String>, Vec<i64>) {
    let used = entered.used.iter().map(|used| {
        let RateOrigin::Trade(own) = &used.rate.steps[0].origin else {
            panic!("{used:?}");
        };
        format!("{} {} {own}", used.order_id, used.usd)
    });
    let missing = entered.missing.iter();
    let missing = missing.map(|it| (it.at.as_micros() - at(0).as_micros()) / 1_000_000);
    (used.collect(), missing.collect())
}

/// Own trades give rates for 24 hours. The cost that a person stated for a lot is no price.
pub async fn own_trades_are_rates_and_stated_lots_are_none(subject: &dyn Subject) {
    const DAY: i64 = 24 * 3_600;
    let store = subject.store();
    store.use_rules(&AssetRules::default());
    let coin = |id: &str, price, seconds| {
        let row = trade(id, "buy", "50", price, seconds);
        of("default", "BNB-USD", row)
    };
    let trades = vec![
        coin("N-0", "500", 900),
        coin("N-1", "600", 1_000),
        coin("opening-0123456789abcdef", "1", 2_000),
        coin("review-7-1", "2", 3_000),
        with_coin_fee("E-1", 4_000),
    ];
    append(store, trades).await;
    let read = values::read(store, &Scope::default(), None).await.unwrap();
    // 0.1 x 600.
    assert_eq!(fees(&read.rates), (vec!["E-1 60 N-1".into()], vec![]));
    let new = vec![
        with_coin_fee("E-2", 950),
        with_coin_fee("E-3", 1_000 + DAY),
        with_coin_fee("E-4", 1_001 + DAY),
    ];
    append(store, new).await;
    let found = values::arrivals(store, &Scope::default(), &read.watermark).await;
    let expected = vec!["E-2 50 N-0".to_owned(), "E-3 60 N-1".to_owned()];
    assert_eq!(fees(&found.unwrap().rates), (expected, vec![1_001 + DAY]));
    // Reading one pool reads the prices of the other.
    let pools = read
        .pools
        .keys()
        .filter(|pool| pool.asset.as_str() == "ETH");
    let of_ether = Scope {
        part: Some(std::sync::Arc::new(pools.cloned().collect())),
        ..Scope::default()
    };
    let read = values::read(store, &of_ether, None).await.unwrap();
    let expected = ["E-1 60 N-1", "E-2 50 N-0", "E-3 60 N-1"];
    let expected = expected.map(str::to_owned).to_vec();
    assert_eq!(fees(&read.rates), (expected, vec![1_001 + DAY]));
}

/// Columns name currencies that no symbol and no rate names.
pub async fn the_currencies_that_columns_name_are_listed(subject: &dyn Subject) {
    let store = subject.store();
    let named = async || store.currencies_named().await.unwrap();
    assert_eq!(named().await, BTreeSet::new());
    let quote = [("quote_currency", "eur")];
    let fee = [("fee_amount", "1"), ("fee_currency", "GBP")];
    let trades = vec![
        trade("B-1", "buy", "1", "100", 1),
        with(&quote, trade("B-2", "buy", "1", "100", 2)),
        with(&quote, of("bot", "BTC", trade("B-1", "buy", "1", "100", 3))),
        with(&fee, of("bot", "BTC", trade("B-2", "buy", "1", "100", 4))),
    ];
    append(store, trades).await;
    let expected = [("bot", "EUR"), ("bot", "GBP"), ("default", "EUR")];
    let expected = expected.map(|(account, code)| (account.to_owned(), code.to_owned()));
    assert_eq!(named().await, expected.into());
}
