//! Columns of a row that have to agree: totals, values, fees, profits.

use super::*;
use crate::engine::MovementKind;
use crate::import::rejected::Hint;

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

/// Rounding moves a value by a unit of the last digits, and no further.
#[test]
fn a_value_is_off_by_rounding_only() {
    for (name, from, to) in [
        ("kraken-trades", "4000.02500", "4000.05000"),
        ("binance-older", "0.5,65,", "0.5,65.5,"),
        ("bitstamp", "900.00,EUR,9", "900.10,EUR,9"),
        ("bybit-spot", "0.0055,", "0.00595,"),
        ("kucoin-oldest", "0.015,2", "0.0154,2"),
        ("okx-oldest", "0.022 BTC", "0.0242 BTC"),
        ("ib-flex-trades", "8909.1", "8999.1"),
        ("ib-transactions", "10450.0,-1.0", "10560.0,-1.0"),
        ("robinhood", "$5,000.36", "$5,040.36"),
        ("schwab", "-$3,324.95", "-$3,344.95"),
    ] {
        let said = fault_of(name, from, to);
        assert!(
            said.ends_with(", expected about size x price"),
            "{name}: {said}"
        );
    }
    for (name, from, to) in [
        ("kraken-trades", "4000.02500", "4000.02480"),
        ("bitstamp", "900.00,EUR,9", "900.01,EUR,9"),
        // A price with cents alone, and a size of many decimals.
        (
            "bitstamp-older",
            "0.10000000 BTC,3700.00 USD",
            "0.10000027 BTC,3700.01 USD",
        ),
        ("robinhood", "$5,000.36", "$4,990.36"),
    ] {
        assert_eq!(rejected(&changed(name, &[(from, to)])), [""; 0], "{name}");
    }
}

/// A spreadsheet with decimal commas reads 0.035 as 35, and leaves 0.07 alone.
#[test]
fn numbers_that_a_spreadsheet_changed_are_refused() {
    let file = changed(
        "binance-older",
        &[("0.035,2,0.07,0.002", "35,2,0.07,2"), ("0.065", "65")],
    );
    let said = [
        "2: Fee is \"65\", expected less than the trade",
        "3: Total is \"0.07\", expected about size x price",
    ];
    assert_eq!(rejected(&file), said);
}

/// A fee is a part of its trade. A broker or a shop may have a least fee, and a chain has its own.
#[test]
fn a_fee_as_large_as_the_trade_is_refused() {
    let why = "expected less than the trade";
    for (name, from, to, column) in [
        (
            "kraken-trades",
            "1000.00000,2.60000",
            "1000.00000,2600.00000",
            "fee",
        ),
        ("bitstamp", "2.00,USD", "2000.00,USD", "Fee"),
        ("kucoin-fills", "0.00011,0", "0.11,0", "Fee"),
        ("bybit-spot", "5.5E-7", "5.5E-3", "ExecFeeV2"),
        ("crypto-com-exchange", "0.52,USDT", "520,USDT", "fee"),
        ("ib-flex-trades", "\"-1.25\"", "\"-1250\"", "IBCommission"),
    ] {
        let said = fault_of(name, from, to);
        let ends = format!(", {why}");
        assert!(said.contains(&format!(": {column} is ")), "{name}: {said}");
        assert!(said.ends_with(&ends), "{name}: {said}");
    }
    for (name, from, to, more) in [
        ("okx-account", "-0.6,USDT,0,0,599.4", "-600,USDT,0,0,0", 2),
        ("bybit-log", "-2.50000", "-2500.00000", 0),
        (
            "gemini",
            "($4.10),\"$7,621.90 \"",
            "($1640.10),\"$7,621.90 \"",
            1,
        ),
        ("koinly", "450,2.25,USD", "450,450,USD", 1),
    ] {
        let file = changed(name, &[(from, to)]);
        let said = rejected(&file);
        let is_said = |it: &String| it.ends_with(&format!("for the fees together: {why}"));
        assert_eq!(
            said.iter().filter(|it| is_said(it)).count(),
            more,
            "{said:#?}"
        );
    }
    // Rounding up to the last digit, a least commission, and a fee of the chain.
    for (name, from, to) in [
        (
            "kraken-trades",
            "1000.00000,2.60000,0.5",
            "0.01,0.01,0.000005",
        ),
        (
            "ib-flex-trades",
            "\"10\",\"80\",\"800\"",
            "\"10\",\"0.01\",\"0.1\"",
        ),
        ("koinly", "0.0001,BNB", "0.003,BTC"),
    ] {
        assert_eq!(rejected(&changed(name, &[(from, to)])), [""; 0], "{name}");
    }
}

/// Rows that make a trade together may state its price.
#[test]
fn amounts_fit_the_price_of_their_rows() {
    let why = "expected what was paid and what was received to fit the price of the rows";
    for (name, changes, lines) in [
        (
            "okx-account",
            [("Buy,0.3,ETH,2000", "Buy,0.3,ETH,2")].as_slice(),
            2,
        ),
        (
            "bybit-log",
            &[(
                "-0.05000000000000000000,0.00000000000000000000,50000",
                "-0.05000000000000000000,0.00000000000000000000,50500",
            )],
            2,
        ),
    ] {
        let file = changed(name, changes);
        let said = rejected(&file);
        assert_eq!(said.len(), lines, "{said:#?}");
        assert!(said.iter().all(|it| it.ends_with(why)), "{said:#?}");
    }
    let said = |column: &str, found: &str| {
        format!("2: {column} is \"{found}\", expected the price of what was sold and bought")
    };
    let of = |from, to| fault_of("binance-convert", from, to);
    assert_eq!(
        of("0.25 ETH", "25 ETH"),
        said("Price", "1 USDT = 0.00025 ETH")
    );
    assert_eq!(
        of("1 ETH = 4000 USDT", "1 ETH = 4 USDT"),
        said("Inverse Price", "1 ETH = 4 USDT")
    );
    // The price may have a spread in it, and may be rounded to nothing.
    let file = changed("coinbase", &[("SOL,-4,USD,$210.00", "SOL,-4,USD,$2.10")]);
    let why = "30: Subtotal is \"-$840.00\", expected about the quantity x the price";
    assert_eq!(rejected(&file), [why]);
    for price in ["$205.00", "$0.00"] {
        let to = format!("SOL,-4,USD,{price}");
        let file = changed("coinbase", &[("SOL,-4,USD,$210.00", &to)]);
        assert_eq!(rejected(&file), [""; 0], "{price}");
    }
}

/// Without the currency of the price, the money in the base currency is the value.
#[test]
fn prices_without_a_currency_are_held_against_the_money() {
    let file = |column: &str, cell: &str, row: &str| {
        parsed(&format!(
            "Statement,Header,Field Name,Field Value\n\
             Statement,Data,Title,Transaction History\n\
             Summary,Header,Field Name,Field Value\n\
             Summary,Data,Base Currency,EUR\n\
             Transaction History,Header,Date,Account,Description,Transaction Type,Symbol,\
             Quantity,Price,{column}Gross Amount ,Commission,Net Amount\n\
             Transaction History,Data,2024-03-20,U***1,QRS CORP,Buy,QRS,10.0,100.0,{cell}{row}\n"
        ))
    };
    let dollars = "-920.0,-0.92,-920.92";
    let said = "6: Gross Amount is \"-920.0\", expected size x price: the price is in another \
                currency than the base, or no price of one share: export with Price Currency";
    for (column, cell) in [("", ""), ("Price Currency,", "-,")] {
        assert_eq!(rejected(&file(column, cell, dollars)), [said], "{column}");
        // The money is exact, and the price is rounded.
        let near = file(column, cell, "-1000.3,-0.92,-1001.22");
        assert_eq!(rejected(&near), [""; 0]);
        let facts = near.trades[0].trade.more.as_deref().unwrap();
        let value = facts.quote_value.unwrap().to_string();
        assert_eq!(
            (
                value.as_str(),
                facts.quote_currency.as_ref().unwrap().as_str()
            ),
            ("1000.3", "EUR")
        );
        let exact = file(column, cell, "-1000.0,-0.92,-1000.92");
        let facts = exact.trades[0].trade.more.as_deref().unwrap();
        assert_eq!(facts.quote_value, None);
    }
    // With it, money in another currency is not compared.
    let file = file("Price Currency,", "USD,", dollars);
    let facts = file.trades[0].trade.more.as_deref().unwrap();
    let quote = facts
        .quote_currency
        .as_ref()
        .map(crate::engine::Asset::as_str);
    assert_eq!(
        (rejected(&file).len(), facts.quote_value, quote),
        (0, None, Some("USD"))
    );
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

/// A venue takes a part of the trade. A fee as large as the trade is a number in another column, or
/// one without its decimal mark.
#[test]
fn a_fee_is_less_than_its_trade() {
    for (name, from, to, said) in [
        (
            "bybit-spot",
            "BUY,BTC,0.00001",
            "BUY,USDT,950",
            "2: ExecFeeV2 is \"950\"",
        ),
        (
            "bybit-spot",
            "5.5E-7",
            "0.0055",
            "3: ExecFeeV2 is \"0.0055\"",
        ),
        ("binance-older", "0.065,USDT", "65,USDT", "2: Fee is \"65\""),
        ("kucoin-older", "0.000002", "2", "4: fee is \"2\""),
    ] {
        let expected = format!("{said}, expected less than the trade");
        assert_eq!(fault_of(name, from, to), expected);
    }
}

/// A currency beside a blank amount: half of the row is missing.
#[test]
fn an_amount_stands_beside_each_currency() {
    for (name, from, to, column) in [
        ("koinly", "Main,450,USD", "Main,,USD", "Sent Amount"),
        ("koinly", "450,2.25,USD", "450,,USD", "Fee Amount"),
        ("cointracking", "\"300.00\",\"USD\"", "\"\",\"USD\"", "Buy"),
    ] {
        let said = fault_of(name, from, to);
        let expected = "is empty, expected an amount beside its currency or coin";
        assert!(said.ends_with(&format!(": {column} {expected}")), "{said}");
    }
}

/// A fee in a third coin counts once, with the trade. A row of the fee alone is another fee if the
/// trade states another amount.
#[test]
fn a_fee_in_a_third_coin_counts_once() {
    let row = "\"Other Fee\",\"\",\"\",\"0.00100000\",\"BNB\",\"\",\"\",\"Binance\",\"\",\"\",\
               \"03.02.2025 12:00\",\"\"\n";
    let double = row.replace("0.00100000", "0.00200000");
    for (to, fees_alone, ignored) in [(row, 0, 1), ("", 0, 0), (&double, 1, 0)] {
        let file = changed("cointracking", &[(row, to)]);
        let more = file.trades[2].trade.more.as_deref();
        let fee = more.and_then(|more| more.fee.as_ref()).unwrap();
        assert_eq!(format!("{} {}", fee.amount, fee.currency), "0.001 BNB");
        let alone = file.movements.iter();
        let alone = alone.filter(|it| it.kind == MovementKind::Fee).count();
        let unused = file.ignored.get("fee that another row states");
        let found = (rejected(&file), alone, unused.copied().unwrap_or(0));
        assert_eq!(found, (vec![], fees_alone, ignored), "{to}");
    }
}

/// A file may end between a trade and its fee, and a later file has both: the trade keeps its id,
/// so the import finds that the fee differs.
#[test]
fn a_row_of_a_fee_changes_no_id() {
    for (name, words) in [
        ("binance-records", &[",Fee,", ",Transaction Fee,"][..]),
        ("cointracking", &["\"Other Fee\""]),
        ("coinbase-account", &["default,fee,"]),
        ("coinledger", &["Platform Fee"]),
        ("crypto-com-journal", &["TRADE_FEE"]),
    ] {
        let text = sample(name);
        let is_fee = |line: &&str| words.iter().any(|word| line.contains(word));
        let without = text.lines().filter(|line| !is_fee(line));
        let without: String = without.map(|line| format!("{line}\n")).collect();
        assert!(without.len() < text.len(), "{name}");
        let ids = |text: &str| {
            let file = parsed(text);
            let ids = file.trades.iter().map(|row| row.trade.order_id.to_string());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&without), ids(&text), "{name}");
    }
}

/// A person gives a row its label later, and it stays the same row.
#[test]
fn a_label_is_no_part_of_an_id() {
    let ids = |file: &ParsedFile| -> Vec<String> {
        file.movements
            .iter()
            .map(|it| it.movement_id.to_string())
            .collect()
    };
    let file = changed("koinly", &[("crypto_deposit,airdrop", "crypto_deposit,")]);
    assert_eq!(ids(&file), ids(&parsed(&sample("koinly"))));
    assert_ne!(file.movements, parsed(&sample("koinly")).movements);
}

/// A position closes after it opened, and the holder's name is no currency.
#[test]
fn a_report_of_metatrader_has_times_in_order_and_one_currency() {
    let file = changed(
        "mt4-report",
        &[("2025.03.05 11:40:31", "2025.03.03 09:15:01")],
    );
    let said =
        "5: Close Time is \"2025.03.03 09:15:01\", expected a time after that of the opening";
    assert_eq!(rejected(&file), [said]);
    let file = changed("mt5-report", &[("Ann Example", "\"77 (USD, Ltd)\"")]);
    let more = file.trades[0].trade.more.as_deref();
    let fee = more.and_then(|more| more.fee.as_ref()).unwrap();
    assert_eq!(fee.currency.as_str(), "EUR");
}

/// Excel keeps 15 digits. Two fills with one cut id may be two trades.
#[test]
fn an_id_that_a_spreadsheet_cut_is_never_one_trade() {
    let text = "Spot Pairs,Order Type,Direction,Filled Value,Filled Price,Filled Quantity,Fees,\
                Transaction ID,Order No.,Timestamp (UTC+0)\n";
    let row = "ETHUSDT,LIMIT,BUY,3000,3000,1,0.001,2290000000000000000,61,2022-03-04 05:06:07\n";
    let file = parsed(&format!("{text}{row}{row}"));
    let said = "3: Transaction ID is \"2290000000000000000\", which line 2 has, too, expected an \
                id of its own";
    assert_eq!(rejected(&file), [said]);
    assert_eq!(file.rejected[0].hint, Some(Hint::RoundedId));
    let whole = row.replace("2290000000000000000", "2290000000000000001");
    assert_eq!(parsed(&format!("{text}{whole}{whole}")).duplicates, 1);
}

/// Writes a workbook of a table: numbers as numbers, and times as times.
fn workbook(text: &str, far: Option<(u32, u16, &str)>) -> Vec<u8> {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let of_time = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    for (row, line) in (0..).zip(text.lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            let time = cell.strip_prefix('@');
            match (time, cell.parse::<f64>()) {
                (Some(time), _) => {
                    let time = ExcelDateTime::parse_from_str(time).unwrap();
                    sheet
                        .write_with_format(row, column, &time, &of_time)
                        .unwrap();
                }
                (None, Ok(number)) => drop(sheet.write(row, column, number).unwrap()),
                (None, Err(_)) => drop(sheet.write(row, column, cell).unwrap()),
            }
        }
    }
    if let Some((row, column, text)) = far {
        sheet.write(row, column, text).unwrap();
    }
    book.save_to_buffer().unwrap()
}

const FILLS: &str = "Spot Pairs,Order Type,Direction,Filled Value,Filled Price,Filled Quantity,\
                     Fees,Transaction ID,Order No.,Timestamp (UTC+0)\n\
                     ETHUSDT,LIMIT,BUY,3000,3000,1,0.001,A51,61,@2022-03-04T00:00:00\n\
                     ETHUSDT,LIMIT,BUY,3000,3000,1,0.001,A52,61,@2022-03-04T05:06:07\n";

/// A number of more than 15 digits has lost the others, and midnight is a time.
#[test]
fn a_workbook_has_the_ids_and_the_times_that_its_cells_can_hold() {
    let parsed = |bytes: &[u8]| parse_csv(bytes, &with_zone(), &mut |_| ());
    let file = parsed(&workbook(FILLS, None)).unwrap();
    let at = |nth: usize| file.trades[nth].trade.order_time.to_string();
    assert_eq!(
        (rejected(&file), at(0)),
        (vec![], "2022-03-04T00:00:00.000000Z".into())
    );
    let cut = FILLS
        .replace("A51", "2290000000000000001")
        .replace("A52", "2290000000000000002");
    let file = parsed(&workbook(&cut, None)).unwrap();
    assert_eq!((file.trades.len(), file.rejected.len()), (0, 2));
    assert_eq!(file.rejected[0].hint, Some(Hint::RoundedId));
}

/// A spreadsheet turns the days of brokers into dates.
#[test]
fn days_may_be_dates_of_a_workbook() {
    let schwab = "Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount\n\
                  @2023-03-01T00:00:00,Buy,ABC,ABC INC,20,166,4.95,-3324.95\n\
                  @2023-02-28T00:00:00,MoneyLink Transfer,,Tfr BANK,,,,5000\n";
    let robinhood = "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,\
                     Quantity,Price,Amount\n@2023-03-01T00:00:00,@2023-03-01T00:00:00,\
                     @2023-03-03T00:00:00,ABC,Abc,Buy,2,100,-200\n";
    for text in [schwab, robinhood] {
        let file = parse_csv(&workbook(text, None), &options(), &mut |_| ()).unwrap();
        assert_eq!(rejected(&file), [""; 0]);
        // Noon in New York.
        let at = file.trades[0].trade.order_time.to_string();
        assert_eq!(at, "2023-03-01T17:00:00.000000Z");
    }
}

/// One cell far away makes no table of a million rows by 16,384 columns.
#[test]
fn a_far_cell_of_a_workbook_costs_nothing() {
    let parsed = |far| parse_csv(&workbook(FILLS, Some(far)), &with_zone(), &mut |_| ());
    assert_eq!(parsed((1_048_575, 16_383, " ")).unwrap().trades.len(), 2);
    let said = parsed((1_048_575, 16_383, "x")).unwrap_err().to_string();
    assert_eq!(
        said,
        "the header has 16,383 columns, expected at most 1,000"
    );
}

/// Spreadsheets leave commas at the end of a header. Each name is compared once.
#[test]
fn a_wide_header_is_read_in_time() {
    let wide = |text: &str| -> String {
        let lines = text
            .lines()
            .map(|line| format!("{line}{}\n", ",".repeat(20_000)));
        lines.collect()
    };
    let file = parsed(&wide(&sample("bybit-spot")));
    assert_eq!(
        file.trades.len(),
        parsed(&sample("bybit-spot")).trades.len()
    );
    let names: String = (0..1_001).map(|nth| format!("a{nth},")).collect();
    let error = parse_csv(names.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the header has 1,001 columns, expected at most 1,000";
    assert_eq!(error.to_string(), said);
}

/// An unused column may say in what money the amounts are. Its name does not matter.
#[test]
fn an_unused_column_of_currencies_ends_the_import() {
    let native = |name: &str, codes: [&str; 2]| {
        let [one, other] = codes;
        let text = format!(
            "order_id,symbol,side,size,price,order_time,total_fees_usd,{name}\n\
             A1,SAP,buy,1,100,2025-01-02T00:00:00Z,0,{one}\n\
             A2,SAP,buy,1,100,2025-01-03T00:00:00Z,0,{other}\n"
        );
        parse_csv(text.as_bytes(), &options(), &mut |_| ()).map_err(|error| error.in_file())
    };
    let said = ":3: Währung is \"EUR\", expected USD: prices and fees are read as dollars";
    assert_eq!(native("Währung", ["USD", "EUR"]).unwrap_err(), said);
    assert_eq!(
        native("Devise", ["", "CHF"]).unwrap_err().len(),
        said.len() - 2
    );
    for codes in [["USD", "USD"], ["EUR", "a note"], ["", ""]] {
        assert!(native("Währung", codes).is_ok(), "{codes:?}");
    }
    let table = r#"
        exchange = "own"
        [[headers]]
        columns = ["Nr", "Papier", "Art", "Stk", "Kurs", "Zeit", "Valuta"]
        [trade]
        order_id = "{Nr}"
        symbol = "{Papier}"
        side = "{Art}"
        size = "{Stk}"
        price = "{Kurs}"
        order_time = "{Zeit}"
    "#;
    let mut own = options();
    own.own_formats
        .try_add("own-broker", toml::from_str(table).unwrap())
        .unwrap();
    let text = "Nr,Papier,Art,Stk,Kurs,Zeit,Valuta\nA1,SAP,buy,1,100,2025-01-02T00:00:00Z,EUR\n";
    let error = parse_csv(text.as_bytes(), &own, &mut |_| ()).unwrap_err();
    let said = ":2: Valuta is \"EUR\", expected USD: the table of own-broker does not read the \
                currency of the prices";
    assert_eq!(error.in_file(), said);
}

fn at(bytes: &str, options: &ImportOptions) -> String {
    let file = parse_csv(bytes.as_bytes(), options, &mut |_| ()).unwrap();
    match file.trades.first() {
        Some(row) => row.trade.order_time.to_string()[..16].to_owned(),
        None => file.rejected[0].reason.clone(),
    }
}

/// The zone that a person names wins over one that is taken for granted, and never over one that
/// the file states. A zone that nobody can read is asked for.
#[test]
fn a_zone_is_stated_or_named_or_asked_for() {
    let named = |zone: Option<&str>, file_name: &str| ImportOptions {
        timezone: zone.map(|zone| TimeZone::get(zone).unwrap()),
        file_name: file_name.to_owned(),
        ..options()
    };
    let row = "2025-01-02 00:30:00,ETHUSDT,BUY,130,0.5ETH,65USDT,0.065USDT\n";
    let of = |column: &str| format!("{column},Pair,Side,Price,Executed,Amount,Fee\n{row}");
    let (berlin, asked) = (
        Some("Europe/Berlin"),
        "expected a time with an offset from UTC",
    );
    for (column, zone, name, expected) in [
        ("Time", None, "a.csv", "2025-01-02T00:30"),
        ("Time", berlin, "a.csv", "2025-01-01T23:30"),
        ("Time", None, "a(UTC+3).csv", "2025-01-01T21:30"),
        ("Time", berlin, "a(UTC+3).csv", "2025-01-01T21:30"),
        ("Date(UTC)", berlin, "a.csv", "2025-01-02T00:30"),
        ("Date(UTC)", None, "a(UTC+0).csv", "2025-01-02T00:30"),
        ("Date(UTC)", None, "a(UTC+3).csv", asked),
        ("Time", None, "a(UTC 3).csv", asked),
        ("Time", berlin, "a(UTC 3).csv", "2025-01-01T23:30"),
    ] {
        let found = at(&of(column), &named(zone, name));
        assert_eq!(found, expected, "{column} {zone:?} {name}");
    }
    let kucoin = sample("kucoin-fills");
    for (zone, expected) in [
        ("UTC+02:00", "2024-07-01T10:00"),
        ("UTC+0200", "2024-07-01T10:00"),
        ("Europe/Berlin", asked),
        ("", asked),
    ] {
        let text = kucoin.replace("UTC+02:00", zone);
        assert_eq!(at(&text, &options()), expected, "{zone}");
    }
    let okx = sample("okx-account");
    let clear = at(&okx, &options());
    assert!(clear.starts_with("2025-"), "{clear}");
    for zone in ["UTC8", "CST"] {
        let text = okx.replacen("Time Zone:UTC+8", &format!("Time Zone:{zone}"), 1);
        assert_eq!(at(&text, &options()), asked, "{zone}");
    }
    // Shares of another market than New York.
    let flex = sample("ib-flex-trades");
    let (york, berlin) = (at(&flex, &options()), at(&flex, &named(berlin, "")));
    assert_ne!(york, berlin);
}

/// Two trades with one id that a spreadsheet cut are not one trade of both.
#[test]
fn the_rows_of_one_trade_are_of_one_time() {
    let text = sample("kraken-ledgers");
    let line = text.lines().nth(3).unwrap();
    let time = line.split(',').nth(2).unwrap().trim_matches('"');
    let later = line.replace(time, "2025-12-30 10:00:00");
    let file = parsed(&text.replacen(line, &later, 1));
    let why = "expected rows of one time: the rows with one id are far apart";
    let far = file.rejected.iter().filter(|row| row.reason == why);
    assert_eq!(far.count(), 2, "{:?}", rejected(&file));
}

/// A hidden sheet is not the one that a person sees, and further sheets are mentioned.
#[test]
fn the_first_sheet_that_is_seen_is_read() {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, is_hidden) in [("old", true), ("2023", false), ("2024", false)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.set_hidden(is_hidden);
        for (row, line) in (0..).zip(FILLS.replace('@', "").lines()) {
            for (column, cell) in (0..).zip(line.split(',')) {
                let cell = cell.replace("A51", name);
                sheet.write(row, column, cell).unwrap();
            }
        }
        if !is_hidden {
            sheet.set_active(true);
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let file = parse_csv(&bytes, &options(), &mut |_| ()).unwrap();
    assert_eq!(file.trades[0].trade.order_id.as_str(), "2023");
    let said = file
        .read_as
        .iter()
        .any(|said| said.starts_with("the first sheet of several"));
    assert!(said, "{:?}", file.read_as);
}

/// Price times quantity is the same if the two have changed places. The sign of money is not.
#[test]
fn a_size_is_no_money() {
    let header = "\"Quantity\",\"Price\"";
    let said = rejected(&changed("schwab", &[(header, "\"Price\",\"Quantity\"")]));
    let why = "expected units, not money: two columns may have changed places";
    for (line, found) in [(3, "$221.345"), (4, "$48.80"), (7, "$166.00")] {
        let line = format!("{line}: Quantity is \"{found}\", {why}");
        assert!(said.contains(&line), "{line}: {said:?}");
    }
}
