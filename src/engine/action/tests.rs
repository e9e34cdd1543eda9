//! Actions, and what movements and other actions leave of them.

use super::super::movement::{Direction, MovementKind};
use super::*;

fn split() -> AssetAction {
    AssetAction {
        account: Some(Account::default()),
        action_id: "s-1".parse().unwrap(),
        kind: ActionKind::Split,
        asset: "ABC".parse().unwrap(),
        happened_at: Timestamp::EPOCH,
        ratio: ActionRatio::try_read("4", "1"),
        units: None,
        other_asset: None,
        basis_share: None,
        exchange: None,
        import_line: 2,
        voids: None,
        note: None,
        moved_at: None,
    }
}

#[test]
fn a_kind_says_what_it_needs() {
    assert_eq!(split().check(), Ok(()));
    let units = AssetAction {
        ratio: None,
        units: "3".parse().ok(),
        ..split()
    };
    assert_eq!(units.check(), Ok(()));
    let spin_off = AssetAction {
        kind: ActionKind::SpinOff,
        other_asset: "NEW".parse().ok(),
        basis_share: "0.25".parse().ok(),
        ..split()
    };
    assert_eq!(spin_off.check(), Ok(()));
    let rename = AssetAction {
        kind: ActionKind::Rename,
        ratio: None,
        other_asset: "NEW".parse().ok(),
        ..split()
    };
    assert_eq!(rename.check(), Ok(()));
    type Change = (&'static str, AssetAction, fn(&mut AssetAction));
    let changes: [Change; 7] = [
        ("ratio_new", split(), |it| it.ratio = None),
        ("ratio_new", split(), |it| it.units = "3".parse().ok()),
        ("ratio_new", spin_off.clone(), |it| it.ratio = None),
        ("other_asset", spin_off.clone(), |it| it.other_asset = None),
        ("other_asset", rename.clone(), |it| it.ratio = split().ratio),
        ("other_asset", rename, |it| {
            it.other_asset = "ABC".parse().ok()
        }),
        ("basis_share", spin_off, |it| {
            it.basis_share = "1.5".parse().ok()
        }),
    ];
    for (column, good, change) in changes {
        let mut bad = good;
        change(&mut bad);
        assert_eq!(bad.check().unwrap_err().0, column);
    }
}

#[test]
fn a_ratio_is_two_whole_numbers_above_zero() {
    let ratio = ActionRatio::try_read("124079", "1000000").unwrap();
    assert_eq!(ratio.to_string(), "124079 for 1000000");
    for (new, old) in [("0", "1"), ("1", "0"), ("1.5", "1"), ("-1", "1"), ("", "1")] {
        assert_eq!(ActionRatio::try_read(new, old), None, "{new} {old}");
    }
}

#[test]
fn an_action_concerns_its_asset_and_the_one_that_comes_in_its_account() {
    let rules = AssetRules::default();
    let merger = AssetAction {
        kind: ActionKind::Merger,
        other_asset: "NEW".parse().ok(),
        ..split()
    };
    let until = Timestamp::EPOCH;
    let found = |action: &AssetAction, account: &str, asset: &str| {
        let pool = Pool::new(account.parse().unwrap(), asset.parse().unwrap());
        unapplied(std::slice::from_ref(action), &rules, (&pool, Some(until))).is_some()
    };
    assert!(found(&merger, "default", "ABC") && found(&merger, "default", "NEW"));
    assert!(!found(&merger, "default", "OLD") && !found(&merger, "two", "ABC"));
    let of_all = AssetAction {
        account: None,
        ..merger.clone()
    };
    assert!(found(&of_all, "two", "ABC"));
    let later = AssetAction {
        happened_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        ..merger
    };
    assert!(!found(&later, "default", "ABC"));
    assert!(!found(&split(), "default", "ABC"), "splits are applied");
}

#[test]
fn the_reason_names_the_first_action() {
    let rename = AssetAction {
        kind: ActionKind::Rename,
        ratio: None,
        other_asset: "NEW".parse().ok(),
        ..split()
    };
    let later = AssetAction {
        action_id: "s-2".parse().unwrap(),
        happened_at: "1999-01-01T00:00:00Z".parse().unwrap(),
        ..rename.clone()
    };
    let pool = Pool::new(Account::default(), "ABC".parse().unwrap());
    let until = "2025-01-01T00:00:00Z".parse().ok();
    let all = [later, rename];
    let found = unapplied(&all, &AssetRules::default(), (&pool, until)).unwrap();
    assert_eq!(
        found.to_string(),
        "the new name of ABC to NEW at 1970-01-01T00:00:00.000000Z is stored and not applied \
         yet"
    );
}

#[test]
fn units_that_moved_leave_no_ratio_and_a_stated_ratio_gives_one() {
    let (rules, pool) = (
        AssetRules::default(),
        Pool::new(Account::default(), split().asset),
    );
    let came = AssetAction {
        action_id: "s-2".parse().unwrap(),
        happened_at: "2024-06-10T00:00:00Z".parse().unwrap(),
        ratio: None,
        units: "270".parse().ok(),
        ..split()
    };
    let moved = |asset: &str, at: &str| Movement {
        account: Account::default(),
        movement_id: "m-1".parse().unwrap(),
        asset: asset.parse().unwrap(),
        direction: Direction::In,
        size: "20".parse().unwrap(),
        fee: None,
        usd_value: None,
        kind: MovementKind::Transfer,
        moved_at: at.parse().unwrap(),
        settled_at: None,
        tx_id: None,
        exchange: None,
        import_line: 2,
    };
    let why = |movement: Movement, more: &[AssetAction]| {
        let mut actions = [std::slice::from_ref(&came), more].concat();
        note_movements(&mut actions, &[movement], &rules);
        let found = unapplied(&actions, &rules, (&pool, None)).map(|it| it.to_string());
        (found, splits_of(&actions, &rules, &pool).len())
    };
    let before = || moved("ABC", "2024-03-04T00:00:00Z");
    let said = "the split of ABC at 2024-06-10T00:00:00.000000Z has no certain \
                ratio: units came or left at 2024-03-04T00:00:00.000000Z without a trade, \
                expected a stated ratio";
    assert_eq!(why(before(), &[]), (Some(said.into()), 1));
    assert_eq!(why(moved("ABC", "2024-06-11T00:00:00Z"), &[]), (None, 1));
    assert_eq!(why(moved("XYZ", "2024-03-04T00:00:00Z"), &[]), (None, 1));
    // The same split with its ratio, a day apart as another source dates it.
    let stated = AssetAction {
        happened_at: "2024-06-09T04:00:00Z".parse().unwrap(),
        ..split()
    };
    assert_eq!(why(before(), &[stated]), (None, 1));
}

#[test]
fn two_splits_within_a_week_may_be_one() {
    let pool = Pool::new(Account::default(), "ABC".parse().unwrap());
    let found = |second: &str| {
        let second = AssetAction {
            account: None,
            action_id: "s-2".parse().unwrap(),
            happened_at: second.parse().unwrap(),
            ..split()
        };
        let all = [second, split()];
        let splits = splits_of(&all, &AssetRules::default(), &pool);
        assert_eq!(splits.len(), 2);
        unapplied(&all, &AssetRules::default(), (&pool, None)).map(|it| it.to_string())
    };
    assert_eq!(found("1970-01-08T00:00:00Z"), None);
    assert_eq!(
        found("1970-01-07T23:59:59Z").unwrap(),
        "the split of ABC, 4 for 1, at 1970-01-01T00:00:00.000000Z may be stored twice: \
         another split of these units is at 1970-01-07T23:59:59.000000Z, expected 7 days or \
         more between two"
    );
}
