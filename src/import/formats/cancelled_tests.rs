//! Rows that cancel a trade: which trade they cancel, and what is refused.

use super::*;

const HEAD: &str = "CurrencyPrimary,AssetClass,Symbol,DateTime,Quantity,TradePrice,IBCommission,\
                    IBCommissionCurrency,Buy/Sell,TransactionID,TransactionType,OrigTransactionID,\
                    LevelOfDetail\n";

/// Writes a file of rows: time of day, size, commission, side, id, type, id of another trade.
fn flex(rows: &[[&str; 7]]) -> String {
    let row = |[time, size, fee, side, id, kind, of]: &[&str; 7]| {
        format!(
            "USD,STK,QRS,20240305;{time},{size},12.5,{fee},USD,{side},{id},{kind},{of},EXECUTION\n"
        )
    };
    HEAD.to_owned() + &rows.iter().map(row).collect::<String>()
}

/// Returns the ids of the trades, the ids of the cancelled ones, and the rejected rows.
fn outcome(rows: &[[&str; 7]]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let file = parsed(&flex(rows));
    let trades = file.trades.iter().map(|row| row.trade.order_id.to_string());
    let cancelled = file.cancelled.iter().map(|it| it.order_id.to_string());
    assert!(file.rejected.iter().all(|row| row.takes_back));
    let rejected = file.rejected.iter().map(ToString::to_string);
    (trades.collect(), cancelled.collect(), rejected.collect())
}

const FIRST: [&str; 7] = ["100000", "40", "-1", "BUY", "1", "ExchTrade", ""];
const LAST: [&str; 7] = ["100000", "40", "-1", "BUY", "3", "ExchTrade", ""];
const CANCEL: [&str; 7] = ["100000", "-40", "1", "BUY (Ca.)", "2", "TradeCancel", "0"];

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn the_trade_that_a_row_names_is_cancelled() {
    let names = |of: &'static str| {
        let mut row = CANCEL;
        row[6] = of;
        outcome(&[FIRST, row, LAST])
    };
    assert_eq!(names("1"), (texts(&["3"]), texts(&["1"]), vec![]));
    assert_eq!(names("3"), (texts(&["1"]), texts(&["3"]), vec![]));
    let alone = "3: row cancels the buy \"7\" of 40 at 12.5, expected that trade in the same file";
    assert_eq!(names("7"), (texts(&["1", "3"]), vec![], texts(&[alone])));
}

/// The fees that were paid stay: of equal trades, the one goes whose commission came back.
#[test]
fn what_is_left_has_the_commission_that_was_paid() {
    let nothing_back = ["100000", "-40", "0", "BUY (Ca.)", "2", "TradeCancel", "1"];
    let free = ["100000", "40", "0", "BUY", "3", "ExchTrade", ""];
    let left = outcome(&[FIRST, nothing_back, free]);
    assert_eq!(left, (texts(&["1"]), texts(&["3"]), vec![]));
    let other = "3: row cancels a trade and gives back a commission of 0 USD, expected the \
                 commission of that trade";
    let left = outcome(&[FIRST, nothing_back]);
    assert_eq!(left, (texts(&["1"]), vec![], texts(&[other])));
}

#[test]
fn a_row_that_names_no_trade_cancels_the_only_one_of_a_week() {
    let at = |time: &'static str, id: &'static str| [time, "40", "-1", "BUY", id, "ExchTrade", ""];
    let later = ["160000", "-40", "1", "SELL", "2", "TradeCancel", ""];
    let done = outcome(&[at("100000", "1"), later]);
    assert_eq!(done, (vec![], texts(&["1"]), vec![]));
    let several = "4: row cancels one of several equal trades, expected the id of the trade that \
                   it cancels";
    let done = outcome(&[at("100000", "1"), at("110000", "3"), later]);
    assert_eq!(done, (texts(&["1", "3"]), vec![], texts(&[several])));
    // One of the same second is certain, and so is any before the row.
    let same = ["110000", "-40", "1", "BUY (Ca.)", "2", "TradeCancel", ""];
    let done = outcome(&[at("100000", "1"), at("110000", "3"), same]);
    assert_eq!(done, (texts(&["1"]), texts(&["3"]), vec![]));
    let done = outcome(&[at("170000", "1"), later]);
    let alone = "3: row cancels the buy of 40 at 12.5, expected that trade in the same file";
    assert_eq!(done, (texts(&["1"]), vec![], texts(&[alone])));
}

/// The cancelled trade is in an earlier file. This one has it as it was booked again, without a
/// commission: who removed that row would lose what is held.
#[test]
fn a_trade_that_was_booked_again_is_not_the_cancelled_one() {
    let again = ["100000", "40", "0", "BUY", "3", "ExchTrade", ""];
    let alone = "2: row cancels the buy of 40 at 12.5 with a commission of 1 USD, expected that \
                 trade in the same file";
    let done = outcome(&[CANCEL, again]);
    assert_eq!(done, (texts(&["3"]), vec![], texts(&[alone])));
    // A trade of the week before has that commission.
    let before = ["090000", "40", "-1", "BUY", "1", "ExchTrade", ""];
    let done = outcome(&[before, CANCEL, again]);
    assert_eq!(done, (texts(&["3"]), texts(&["1"]), vec![]));
}

#[test]
fn each_row_cancels_one_trade() {
    // Twice in the file: one row. With an id of its own: another row.
    let done = parsed(&flex(&[FIRST, CANCEL, CANCEL, LAST]));
    assert_eq!((done.trades.len(), done.duplicates), (1, 1));
    assert_eq!(
        (
            done.ignored["cancellation"],
            done.ignored["cancelled trade"]
        ),
        (1, 1)
    );
    let mut second = CANCEL;
    second[4] = "4";
    let done = parsed(&flex(&[FIRST, CANCEL, second, LAST]));
    assert_eq!((done.trades.len(), done.cancelled.len()), (0, 2));
    let sold = ["100000", "-40", "-1", "SELL", "1", "ExchTrade", ""];
    let cancel = ["100000", "40", "1", "SELL (Ca.)", "2", "TradeCancel", ""];
    let done = outcome(&[sold, cancel]);
    assert_eq!(done, (vec![], texts(&["1"]), vec![]));
}

#[test]
fn a_sign_against_the_side_is_no_trade() {
    let at = |size: &'static str, side: &'static str| {
        ["100000", size, "-1", side, "1", "TradeCorrect", ""]
    };
    for (size, side, expected) in [
        ("-7", "BUY", "above zero on this side of a trade"),
        ("7", "SELL", "below zero on this side of a trade"),
    ] {
        let why = format!("2: Quantity is \"{size}\", expected a number {expected}");
        assert_eq!(outcome(&[at(size, side)]), (vec![], vec![], vec![why]));
    }
    let done = outcome(&[at("-7", "SELL")]);
    assert_eq!(done, (texts(&["1"]), vec![], vec![]));
}

/// A short sale and its cover are no trades of what is held.
#[test]
fn trades_of_short_positions_are_refused() {
    let head = HEAD.replace("LevelOfDetail", "LevelOfDetail,Open/CloseIndicator");
    let row = |size: &str, side: &str, code: &str| {
        format!("USD,STK,QRS,20240305;100000,{size},12.5,-1,USD,{side},1,,,EXECUTION,{code}\n")
    };
    for (size, side, code, refused) in [
        ("-7", "SELL", "O", 1),
        ("7", "BUY", "C", 1),
        ("7", "BUY", "C;O", 1),
        ("-7", "SELL", "C", 0),
        ("7", "BUY", "O", 0),
    ] {
        let file = parsed(&format!("{head}{}", row(size, side, code)));
        let rejected: Vec<String> = file.rejected.iter().map(ToString::to_string).collect();
        assert_eq!(rejected.len(), refused, "{side} {code}: {rejected:?}");
        let is_named = |it: &String| it.starts_with("2: Open/CloseIndicator is ");
        assert!(rejected.iter().all(is_named), "{rejected:?}");
    }
}

/// A broker may book thousands of equal trades. Each row that cancels takes one of them.
#[test]
fn thousands_of_equal_trades_are_cancelled_one_by_one() {
    let count = 2_000_u64;
    let rows = |kind: &str, back: bool, first: u64| -> String {
        let (size, fee) = if back { ("-40", "1") } else { ("40", "-1") };
        let row = |nth: u64| {
            let (id, of) = (first + nth, if back { nth } else { 0 });
            format!(
                "USD,STK,QRS,20240305;100000,{size},12.5,{fee},USD,{kind},{id},,{of},EXECUTION\n"
            )
        };
        (1..=count).map(row).collect()
    };
    // One trade is not cancelled.
    let cancelling = rows("BUY (Ca.)", true, 20_000);
    let text = format!(
        "{HEAD}{}{}{cancelling}",
        rows("BUY", false, 0),
        rows("BUY", false, 10_000)
            .lines()
            .next()
            .unwrap()
            .to_owned()
            + "\n"
    );
    let file = parsed(&text);
    let left: Vec<&str> = file
        .trades
        .iter()
        .map(|row| row.trade.order_id.as_str())
        .collect();
    assert_eq!((left, file.cancelled.len()), (vec!["10001"], 2_000));
    assert_eq!(rejected(&file), [""; 0]);
    // The Transaction History has no ids: rows of one day, some of them cancelled by number.
    let header = sample("ib-transactions");
    let header: Vec<&str> = header.lines().take(5).collect();
    let day = "Transaction History,Data,2023-06-12,U***1,A FUND";
    let row = format!("{day},Buy,VT,20.0,96.5,USD,-1930.0,-1.0,-1931.0\n");
    let back = format!("{day},Buy (Ca.),VT,-20.0,96.5,USD,1930.0,1.0,1931.0\n");
    let text = format!(
        "{}\n{}{}",
        header.join("\n"),
        row.repeat(2_001),
        back.repeat(2_000)
    );
    let file = parsed(&text);
    assert_eq!((file.trades.len(), file.cancelled.len()), (1, 2_000));
    // The ids of equal rows are numbered: the first one stays.
    assert!(file.trades[0].trade.order_id.as_str().ends_with("-1"));
}
