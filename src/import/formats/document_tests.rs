//! Files that are no table of text.

use super::*;

fn rejected(file: &ParsedFile) -> Vec<String> {
    file.rejected.iter().map(ToString::to_string).collect()
}

/// A Flex query as XML gives the trades of the same query as CSV, and cash and splits beside.
#[test]
fn a_flex_query_is_read_as_xml() {
    let text = fs::read_to_string(folder("ib-flex-trades").join("sample.xml")).unwrap();
    let file = parsed(&text);
    assert_eq!(
        (file.format, file.read_as.as_slice()),
        ("ib-flex-trades", &["XML"][..])
    );
    let trades = "\
9001,VT,buy,95,93.78,2023-05-22T14:49:20.000000Z,1,8909.1,,,interactive brokers,6
9002,VT,sell,95,110,2024-12-02T14:30:00.000000Z,1,10450,,,interactive brokers,8
";
    let all = written(&file);
    assert_eq!(all.split_once('\n').unwrap().1, trades);
    let movements = "\
7001,USD,in,41.8,,,,dividend,2024-06-21T00:20:00.000000Z,,,interactive brokers,12
7002,USD,in,500,,,,transfer,2024-01-05T17:00:00.000000Z,,,interactive brokers,13
";
    let all = moved(&file);
    assert_eq!(all.split_once('\n').unwrap().1, movements);
    let action = &file.actions[0];
    let ratio = action.ratio.map(|ratio| (ratio.new, ratio.old));
    let told = (action.asset.as_str(), action.import_line, ratio);
    assert_eq!(told, ("QRS", 17, Some((4, 1))));
    let alone = "9: row cancels the sell of 2 at 10, expected that trade in the same file";
    assert_eq!(rejected(&file), [alone]);
    assert_eq!(
        (file.ignored["ORDER"], file.ignored["Cash: Withholding Tax"]),
        (1, 1)
    );
    // All elements on one line.
    let flat = parsed(&text.replace('\n', " "));
    let ids = |file: &ParsedFile| -> Vec<String> {
        let ids = file.trades.iter();
        ids.map(|row| row.trade.order_id.to_string()).collect()
    };
    assert_eq!((ids(&flat), flat.rows), (ids(&file), file.rows));
    let cut = &text[..text.len() - 5];
    let error = parse_csv(cut.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the file is XML that is broken or cut, expected CSV text";
    assert_eq!(error.to_string(), said);
    // An attribute that nobody has seen may change the meaning of the others.
    let other = text.replacen("ibOrderID=\"301\"", "lotFactor=\"2\"", 1);
    let error = parse_csv(other.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said =
        "the header is nearly that of ib-flex-trades: it has the unknown column \"lotFactor\"";
    assert_eq!(error.to_string(), said);
}

/// Shares that came by a transfer have no buy here, so the summary names such rows.
#[test]
fn moves_of_other_sections_of_a_flex_query_are_counted() {
    let text = fs::read_to_string(folder("ib-flex-trades").join("sample.xml")).unwrap();
    let transfers = "<Transfers><Transfer symbol=\"ABC\" quantity=\"5\" /></Transfers>";
    let text = text
        .replace("<OpenPositions>", &format!("{transfers}<OpenPositions>"))
        .replacen(
            "symbol=\"VT\" tradeID=\"501\"",
            "symbol=\"BRK B\" accruedInt=\"0\"",
            1,
        );
    let file = parsed(&text);
    assert_eq!(file.ignored["Transfer"], 1);
    let symbols: Vec<&str> = file
        .trades
        .iter()
        .map(|row| row.symbol_text.as_str())
        .collect();
    assert_eq!(symbols, ["BRK.B", "VT"]);
}

/// A file with rows that are not read is no file without trades.
#[test]
fn a_flex_query_without_executions_is_refused() {
    for rows in [
        "<TradeConfirms><TradeConfirm symbol=\"VT\" quantity=\"5\" /></TradeConfirms>",
        "<Trades><Order symbol=\"VT\" quantity=\"5\" levelOfDetail=\"ORDER\" /></Trades>",
    ] {
        let text = format!("<FlexQueryResponse>{rows}</FlexQueryResponse>");
        let error = parse_csv(text.as_bytes(), &options(), &mut |_| ()).unwrap_err();
        assert!(matches!(error, FileError::WrongFile { .. }), "{error}");
    }
}

/// The mark of a cancellation stands in `code`. Without its row, the split would count.
#[test]
fn a_cancelled_action_is_refused() {
    let action = |id: &str, more: &str| {
        format!(
            "<CorporateAction symbol=\"QRS\" currency=\"USD\" assetCategory=\"STK\" \
             dateTime=\"20240610;202500\" quantity=\"30\" transactionID=\"{id}\" \
             actionDescription=\"QRS(US0000000001) SPLIT 4 FOR 1 (QRS, QRS CORP, US0000000001)\" \
             {more}/>"
        )
    };
    let rows = action("1", "") + "\n" + &action("2", "code=\"Ca\" ");
    let file = parsed(&format!("<FlexQueryResponse>{rows}</FlexQueryResponse>"));
    let why = "3: row cancels an action, expected an action that stands";
    assert_eq!(rejected(&file), [why]);
    assert!(file.rejected.iter().all(|row| row.takes_back));
}

/// A row of trades without its header is no row that somebody may overlook. A cut file is named.
#[test]
fn rows_of_a_statement_without_a_header_are_refused() {
    let text = sample("ib-activity");
    let whole = parsed(&text);
    assert!(!whole.ends_without_line_end);
    assert!(parsed(text.trim_end()).ends_without_line_end);
    let header = text
        .lines()
        .find(|line| line.starts_with("Trades,Header"))
        .unwrap();
    let file = parsed(&text.replacen(header, "Trade,Header", 1));
    assert!(file.rejected.len() > whole.rejected.len());
    let without_header = |section: &str| {
        let header = format!("{section},Header");
        let lines = text.lines();
        let lines = lines.map(|line| if line.starts_with(&header) { "" } else { line });
        parsed(&lines.map(|line| format!("{line}\n")).collect::<String>())
    };
    for (section, rows) in [
        ("Corporate Actions", 1),
        ("Dividends", 1),
        ("Deposits & Withdrawals", 1),
        ("Fees", 1),
        ("Interest", 1),
        ("Trades", 8),
        ("Withholding Tax", 1),
    ] {
        let file = without_header(section);
        let said = rejected(&file);
        let why = ": Description is \"no header of the section\", expected a row Header above the \
                   rows of the section: download the statement again";
        let are_all = said.len() == rows && said.iter().all(|said| said.ends_with(why));
        assert!(are_all, "{section} {said:?}");
        assert_eq!(file.rows, whole.rows, "{section}");
    }
}

/// A row that lost a cell may have lost the code that it cancels a trade, or its commission.
#[test]
fn rows_of_a_statement_have_the_cells_of_their_header() {
    let path = folder("ib-activity").join("sample.csv");
    let text = fs::read_to_string(path).unwrap();
    let why = "Description is \"other cells than the header\", expected as many cells as the \
               header of the section has: download the statement again";
    for (from, to, line) in [
        (",1000,1,,,,Ca", ",1000,1,,,", 12),
        (",-10500,-5.25,,,,O", ",-10500", 7),
        (",-10500,-5.25,,,,O", ",-10500,-5.25,,,,O,1", 7),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(rejected(&parsed(&changed)), [format!("{line}: {why}")]);
    }
    // The name of a section that is lost, or another one.
    for section in [",Data,Trade,", "Trade,Data,Trade,"] {
        let changed = text.replacen("Trades,Data,Trade,", section, 1);
        let said = rejected(&parsed(&changed));
        assert!(
            said[0].starts_with("7: Description is \"no header of the section\""),
            "{said:?}"
        );
    }
}

/// Orders count if the statement has no fills of them; sections that nobody knows are refused.
#[test]
fn one_level_of_an_activity_statement_counts() {
    let text = sample("ib-activity");
    let orders: String = text
        .lines()
        .filter(|line| !line.starts_with("Trades,Data,Trade,"))
        .map(|line| format!("{line}\n"))
        .collect();
    let file = parsed(&orders);
    let sizes: Vec<String> = file
        .trades
        .iter()
        .map(|row| row.trade.size.to_string())
        .collect();
    assert_eq!(sizes, ["1200"]);
    let other = parsed(
        &text
            .replacen("Dividends,Data,USD", "Grants,Data,USD", 1)
            .replacen("Dividends,Header", "Grants,Header", 1),
    );
    let said = "21: Section is \"Grants\", expected Trades, or another type that the format knows";
    assert_eq!(rejected(&other), [said]);
    let options_row = text.replacen("Trade,Stocks,USD,TUV", "Trade,Futures,USD,TUV", 1);
    let refused = rejected(&parsed(&options_row));
    assert_eq!(refused.len(), 2, "{refused:?}");
}

/// The sample of Gemini as a workbook: dates and times are cells of their own kind, numbers floats.
fn workbook() -> Vec<u8> {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let (day, time) = (
        Format::new().set_num_format("yyyy-mm-dd"),
        Format::new().set_num_format("hh:mm:ss.000"),
    );
    let text = sample("gemini");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    // Two rows are blank before the header.
    for (row, cells) in (2..).zip(reader.records()) {
        for (column, cell) in (0..).zip(&cells.unwrap()) {
            let plain = cell.replace(['$', ',', ')'], "").replace('(', "-");
            let number = plain.split(' ').next().unwrap().parse::<f64>();
            match (column, number) {
                _ if cell.is_empty() => {}
                (0, _) if row > 2 => {
                    let at = ExcelDateTime::parse_from_str(cell).unwrap();
                    sheet.write_with_format(row, column, &at, &day).unwrap();
                }
                (1, _) if row > 2 => {
                    let at = ExcelDateTime::parse_from_str(cell).unwrap();
                    sheet.write_with_format(row, column, &at, &time).unwrap();
                }
                (_, Ok(number)) => drop(sheet.write(row, column, number).unwrap()),
                _ => drop(sheet.write(row, column, cell).unwrap()),
            }
        }
    }
    book.save_to_buffer().unwrap()
}

/// A float has the digits of its shortest decimal, so a workbook gives the trades of the CSV file.
#[test]
fn a_workbook_gives_what_the_same_table_as_text_gives() {
    let bytes = workbook();
    let file = parse_csv(&bytes, &options(), &mut |_| ()).unwrap();
    assert_eq!(rejected(&file), Vec::<String>::new());
    let said = "a workbook, whose numbers may be rounded";
    assert_eq!(
        (file.format, file.read_as.as_slice()),
        ("gemini", &[said][..])
    );
    let without_line = |text: &str| -> Vec<String> {
        let rows = text.lines().skip(1);
        rows.map(|row| row.rsplit_once(',').unwrap().0.to_owned())
            .collect()
    };
    let text = parsed(&sample("gemini"));
    assert_eq!(without_line(&written(&file)), without_line(&written(&text)));
    assert_eq!(without_line(&moved(&file)), without_line(&moved(&text)));
    // Two blank rows, and the header.
    assert_eq!(file.trades[0].import_line, 5);
    assert_eq!(file.balances.unwrap().agreeing, 10);
    for cut in [bytes.len() / 2, 200, 60] {
        let error = parse_csv(&bytes[..cut], &options(), &mut |_| ()).unwrap_err();
        assert!(matches!(error, FileError::OtherFormat(_)), "{error}");
    }
}

#[test]
fn a_report_of_gains_is_refused_by_name() {
    let header = "Transaction ID,Transaction Type,Date & time,Asset Acquired,\"Quantity Acquired \
                  (Bought, Received, etc)\",Cost Basis (incl. fees and/or spread) (USD),Data \
                  Source,\"Asset Disposed (Sold, Sent, etc)\",Quantity Disposed,Proceeds (excl. \
                  fees and/or spread) (USD)\n";
    let error = parse_csv(header.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the file is coinbase-gains: a report of gains has no single trades: export the \
                transactions";
    assert_eq!(error.to_string(), said);
    let lots = "\"Realized Gain/Loss - Lot Details for ...123 as of 01/02/2025\"\n\
                Symbol,Name,Closed Date,Opened Date,Quantity,Proceeds Per Share,Cost Per Share,\
                Gain/Loss ($),Term,Wash Sale?\n";
    let error = parse_csv(lots.as_bytes(), &options(), &mut |_| ()).unwrap_err();
    let said = "the file is schwab-gains: a report of gains has no single trades: export the \
                history of the account";
    assert_eq!(error.to_string(), said);
}

/// A query may spell its columns in other ways.
#[test]
fn other_names_of_columns_are_known() {
    let text = sample("ib-flex-trades");
    let other = text
        .replacen("\"DateTime\"", "\"Date/Time\"", 1)
        .replacen("\"Buy/Sell\"", "\"BuySell\"", 1)
        .replacen("\"Notes/Codes\"", "\"Notes\"", 1);
    assert_eq!(written(&parsed(&other)), written(&parsed(&text)));
    // A fault names the column as the file does.
    let bad = parsed(&other.replacen("20230522;104920", "yesterday", 1));
    let said = "2: Date/Time is \"yesterday\", expected a time like 2025-01-02T03:04:05Z";
    assert_eq!(rejected(&bad), [said]);
    let twice = other.replacen("\"BuySell\"", "\"BuySell\",\"Buy/Sell\"", 1);
    assert!(parse_csv(twice.as_bytes(), &options(), &mut |_| ()).is_err());
}
