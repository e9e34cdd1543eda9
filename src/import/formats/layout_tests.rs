//! Tables of formats, and tables with a fault.

use super::*;

#[test]
fn every_layout_of_the_program_is_one() {
    for (name, text) in TEXTS {
        if let Err(why) = Layout::try_read(name, text) {
            panic!("{name}: {why}");
        }
    }
    assert!(TEXTS.is_sorted_by_key(|(name, _)| *name));
}

#[test]
fn movements_need_their_columns_and_a_known_kind() {
    let (_, good) = TEXTS.iter().find(|(name, _)| *name == "bitstamp").unwrap();
    let cases = [
        (
            "Deposit = \"deposit\"",
            "Deposit = \"sent\"",
            "Deposit: \"sent\" is no kind of movement",
        ),
        (
            "Deposit = \"deposit\"",
            "Deposit = \"gift\"",
            "[movement] lacks direction, which Deposit needs",
        ),
        (
            "moved_at = \"{Datetime}\"\n",
            "",
            "[movement] lacks moved_at, which Card deposit needs",
        ),
        (
            "fee_asset = ",
            "fee_coin = ",
            "[movement] has no key \"fee_coin\"",
        ),
        (
            "\nfee = \"{Fee}\"",
            "\nfee = \"{Fees}\"",
            "fee: no header has \"fees\"",
        ),
    ];
    for (from, to, why) in cases {
        assert!(good.contains(from), "{from}");
        let bad = good.replace(from, to);
        assert_eq!(Layout::try_read("x", &bad), Err(why.to_owned()));
    }
}

#[test]
fn a_layout_with_a_fault_is_refused_by_name() {
    let good = include_str!("coinbase-fills.toml");
    let cases = [
        (
            "{product}-{trade id}",
            "{product}-{trade",
            "\"{product}-{trade\" has an open brace",
        ),
        (
            "{product}-{trade id}",
            "{product}-{trade number}",
            "order_id: no header has \"trade number\"",
        ),
        ("price = ", "prize = ", "[trade] has no key \"prize\""),
        ("price = \"{price}\"\n", "", "[trade] lacks price"),
    ];
    for (from, to, why) in cases {
        assert!(good.contains(from), "{from}");
        let bad = good.replace(from, to);
        assert_eq!(Layout::try_read("x", &bad), Err(why.to_owned()));
    }
}
