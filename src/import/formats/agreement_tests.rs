//! Columns of a row that have to agree: totals, values, fees, profits.

use super::*;
use crate::import::rejected::Hint;

fn rejected(file: &ParsedFile) -> Vec<String> {
    file.rejected.iter().map(ToString::to_string).collect()
}

/// Reads a sample with some texts replaced.
fn changed(name: &str, changes: &[(&str, &str)]) -> ParsedFile {
    let mut text = sample(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replacen(from, to, 1);
    }
    parsed(&text)
}

/// The fills state what was paid: size x price and the fee. A cent is rounding, in currencies only.
#[test]
fn a_total_is_size_and_price_and_the_fee() {
    let said = |found: &str, line: u64| {
        format!(
            "{line}: total is \"{found}\", expected size x price and the fee together, below zero \
             for a purchase"
        )
    };
    for (from, to, line) in [
        ("-20010,USD", "-20000,USD", 2),
        ("-20010,USD", "20010,USD", 2),
        ("5993.5,EUR", "5993.52,EUR", 3),
        ("-0.0501,BTC", "-0.0511,BTC", 4),
    ] {
        let found = to.split(',').next().unwrap();
        assert_eq!(fault_of("coinbase-fills", from, to), said(found, line));
    }
    for (from, to) in [("5993.5,EUR", "5993.51,EUR"), ("-0.0501,BTC", ",BTC")] {
        assert_eq!(rejected(&changed("coinbase-fills", &[(from, to)])), [""; 0]);
    }
}

/// A value in the quote is about size x price in each table.
#[test]
fn a_value_is_about_size_and_price() {
    for (name, from, to, column) in [
        ("kraken-trades", "4000.02500", "400.02500", "cost"),
        ("binance-older", "0.5,65,", "0.5,650,", "Total"),
        ("binance-trades", "1,285.01", "12,850.10", "Amount"),
        ("bitstamp", "900.00,EUR,9", "1900.00,EUR,9", "Value"),
        ("bybit-spot", "950,95000", "95,95000", "Filled Value"),
        (
            "kucoin-fills",
            "0.01,600,600",
            "0.01,6000,600",
            "Filled Volume",
        ),
        ("kucoin-older", "0.00004", "0.4", "funds"),
        ("okx-oldest", "-180 USDT", "-1800 USDT", "Total"),
    ] {
        let said = fault_of(name, from, to);
        assert!(said.contains(&format!(": {column} is ")), "{name}: {said}");
        assert!(
            said.ends_with(", expected about size x price"),
            "{name}: {said}"
        );
    }
}

/// Lots of a loan are not those that were bought.
#[test]
fn trades_of_margin_accounts_are_refused() {
    for (name, kind) in [
        ("kucoin-fills", "marginAccount"),
        ("kucoin-orders", "Isolated Margin"),
    ] {
        let said = fault_of(name, "mainAccount", kind);
        let why = format!(
            "2: Account Type is \"{kind}\", expected an account without loans: trades on margin \
             are not computed"
        );
        assert_eq!(said, why);
    }
}

/// The wallets before 2019 state what a bank paid or received.
#[test]
fn the_totals_of_old_wallets_agree() {
    let of = |from, to| rejected(&changed("coinbase-oldest", &[(from, to)]));
    let fee = "4: Transfer Fee Currency is \"EUR\", expected the currency of the total";
    assert_eq!(of("11.25,USD", "11.25,EUR"), [fee]);
    let left = "4: Transfer Total is \"11.25\", expected more than the fee";
    assert_eq!(of("770.25", "11.25"), [left]);
    let note = "4: Transfer Total is \"770.25\", expected the amount of the note";
    assert_eq!(
        of("Bought 0.5 BTC", "Bought 0.5 BTC for $707.25 USD."),
        [note]
    );
    assert_eq!(
        of("Bought 0.5 BTC", "Bought 0.5 BTC for $770.25 USD."),
        [""; 0]
    );
    // A row of a transfer to the same wallet.
    let deposit = "0.03,BTC,Ann,,false,,,,,,";
    let paid = |total: &str| format!("0.03,BTC,Ann,,false,{total},BTC,0.001,BTC,,");
    let other =
        "6: Transfer Total is \"0.3\", expected the amount of the row, give or take the fee";
    assert_eq!(of(deposit, &paid("0.3")), [other]);
    let file = changed("coinbase-oldest", &[(deposit, &paid("0.031"))]);
    let fee = |it: &crate::engine::Movement| it.fee.as_ref().map(|it| it.0.to_string());
    assert_eq!(
        file.movements.iter().filter_map(fee).next_back().unwrap(),
        "0.001"
    );
}

/// The reports of a coin state value, fee, total and price.
#[test]
fn the_sums_of_old_reports_agree() {
    let text = fs::read_to_string(folder("coinbase-oldest").join("older.csv")).unwrap();
    let of = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        rejected(&parsed(&text.replacen(from, to, 1)))
    };
    let sum = |line: u64, found: &str| {
        format!(
            "{line}: Total is \"{found}\", expected the sum of value and fee, or their difference \
             in a sale"
        )
    };
    assert_eq!(of("336.52", "346.68"), [sum(4, "346.68")]);
    assert_eq!(of("770.25", "770.20"), [sum(5, "770.20")]);
    assert_eq!(of("0.00,100.00", "1.00,100.00"), [sum(6, "100.00")]);
    let price = "4: Subtotal is \"341.60\", expected about the quantity x the price";
    assert_eq!(of("1708.00", "17.08"), [price]);
}

/// Without the codes of a statement, nobody knows which rows cancel a trade.
#[test]
fn shares_without_codes_are_refused() {
    let file = changed("ib-activity", &[("MTM P/L,Code", "MTM P/L,Kode")]);
    let said = rejected(&file);
    assert_eq!(said.len(), 7, "{said:#?}");
    let first = "6: Code is \"no column of the section\", expected a column Code in the section \
                 Trades: without it, a cancelled trade would count";
    assert_eq!((said[0].as_str(), file.trades.len()), (first, 0));
}

fn with_size(name: &str, symbol: &str, size: &str, changes: &[(&str, &str)]) -> ParsedFile {
    let mut text = sample(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replacen(from, to, 1);
    }
    let mut options = with_zone();
    let size = size.parse().unwrap();
    options.contract_sizes.insert(symbol.parse().unwrap(), size);
    parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap()
}

/// The broker's profits say how many units a lot has. (1.087 - 1.085) x 1 x 100,000 is 200.
#[test]
fn a_size_of_lots_that_gives_another_profit_is_refused() {
    let file = with_size("mt4-report", "EURUSD", "1000", &[]);
    let said = "5: Item is \"eurusd\", expected a contract size of 100000: the profit of line 5 is \
                200, and a size of 1000 gives another one";
    assert_eq!(rejected(&file), [said]);
    let settings = "[symbols.\"EURUSD\"]\ncontract_size = \"100000\"".to_owned();
    let hint = Hint::OtherLots([settings].into());
    assert_eq!(file.rejected[0].hint.as_ref(), Some(&hint));
    // Of a sale at a loss, too: (2,896 - 2,901.5) x 0.2 x 100 is -110.
    let changes = [("0.30,xauusd", "0.30,btcusd"), ("300.00", "3.00")];
    let file = with_size("mt4-report", "XAUUSD", "10", &changes);
    let said = "8: Item is \"xauusd\", expected a contract size of 100: the profit of line 8 is \
                -110, and a size of 10 gives another one";
    assert_eq!(rejected(&file), [said]);
}

/// The deals of MetaTrader 5 do not say which one opened a position.
#[test]
fn a_profit_is_held_against_each_price_that_the_position_may_have() {
    // The account is in EUR, and so the profit is that in USD over the price.
    let said = |line: u64| {
        format!(
            "{line}: Symbol is \"EURUSD\", expected a contract size of 100000: the profit of line \
             20 is 76.27, and a size of 10000 gives another one"
        )
    };
    let file = with_size("mt5-report", "EURUSD", "10000", &[]);
    assert_eq!(rejected(&file), [18, 20, 21].map(said));
    // Bought at two prices: any profit between both is right, and none outside of them is.
    let second = (
        "7003,XAUUSD,buy,in,0.02,2 901.50",
        "7003,EURUSD,buy,in,0.02,1.06100",
    );
    assert_eq!(
        rejected(&with_size("mt5-report", "EURUSD", "100000", &[second])),
        [""; 0]
    );
    let file = with_size("mt5-report", "EURUSD", "1000", &[second]);
    let said = "18: Symbol is \"EURUSD\", expected a contract size: the profit of line 20 is \
                76.27, and a size of 1000 gives another one";
    assert_eq!(rejected(&file)[0], said);
    // A report of some weeks: the sale may close a position that was opened before.
    let deposit =
        "2025.03.03 09:00:00,7001,,balance,,,,,0.00,0.00,0.00,1 000.00,1 000.00,Deposit\n";
    let changes = [(deposit, ""), (",76.27,", ",61.13,")];
    assert_eq!(
        rejected(&with_size("mt5-report", "EURUSD", "100000", &changes)),
        [""; 0]
    );
    let file = with_size("mt5-report", "EURUSD", "10000", &[(deposit, "")]);
    assert_eq!(rejected(&file).len(), 3);
}
