//! The format of a made-up venue. It shows that another format needs one file, and one line in a
//! list.
//!
//! It has the parts of real files: lines before the header that name the account, two generations
//! of the header, a row that stands for two trades. Some rows are not trades.

use super::{CodedFormat, FormatHeader, HeaderRow, Record, RowFormat, RowOutcome};
use crate::engine::{Account, Carried, LedgerTrade, Timestamp, Trade, TradeText};
use crate::import::error::FileError;
use crate::import::parse_csv;
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, RejectedRow};

/// The older and the newer header of the venue's files. Only the newer one has a fee.
const HEADERS: [&[&str]; 2] = [
    &["Id", "When", "Pair", "Kind", "Amount", "Rate"],
    &["Id", "When", "Pair", "Kind", "Amount", "Rate", "Fee"],
];

#[derive(Debug)]
pub(super) struct Toy {
    account: Option<Account>,
}

impl CodedFormat for Toy {
    fn recognises(header: &HeaderRow<'_>) -> Option<Self> {
        let is_one = HEADERS
            .iter()
            .any(|names| header.cells.iter().eq(names.iter().copied()));
        let mut named = header
            .before
            .iter()
            .filter_map(|row| row.get(0)?.strip_prefix("Account: "));
        let account = named.next().and_then(|name| name.parse().ok());
        is_one.then_some(Self { account })
    }
}

impl FormatHeader for Toy {
    fn width(&self) -> usize {
        6
    }
}

impl RowFormat for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn read(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        each: &mut dyn FnMut(RowOutcome),
    ) -> Result<(), FileError> {
        let cell = |place| record.cells.get(place).unwrap_or_default();
        let mut trade = |side, suffix| match self.trade(record, reading, side, suffix) {
            Ok(trade) => each(RowOutcome::Trade(trade)),
            Err(reason) => each(rejected(record, "Amount", cell(4), reason)),
        };
        match cell(3) {
            "Buy" => trade("buy", ""),
            "Sell" => trade("sell", ""),
            "Turn" => ["buy", "sell"]
                .into_iter()
                .for_each(|side| trade(side, side)),
            "Deposit" => each(RowOutcome::Ignored("Deposit")),
            kind => each(rejected(
                record,
                "Kind",
                kind,
                "expected a known kind".into(),
            )),
        }
        Ok(())
    }
}

impl Toy {
    fn trade(
        &self,
        record: &Record<'_, '_>,
        reading: &mut Reading<'_>,
        side: &str,
        suffix: &str,
    ) -> Result<LedgerTrade, String> {
        let cell = |place| record.cells.get(place).unwrap_or_default();
        let account = match &self.account {
            Some(account) => account.clone(),
            None => reading.account("").map_err(|error| error.to_string())?,
        };
        let trade = Trade::try_from_text(&TradeText {
            order_id: &format!("toy-{}{suffix}", cell(0)),
            side,
            size: cell(4),
            price: cell(5),
            fee: Some(cell(6)).filter(|fee| !fee.is_empty()),
            order_time_micros: cell(1).parse().ok().map(Timestamp::as_micros),
            trade_seq: None,
            more: None,
        });
        Ok(LedgerTrade {
            account,
            symbol: reading.symbol(cell(2)).map_err(|error| error.to_string())?,
            symbol_text: cell(2).to_owned(),
            trade: trade.map_err(|error| error.to_string())?,
            status: None,
            carried: Carried::default(),
            import_line: record.row.line,
        })
    }
}

fn rejected(record: &Record<'_, '_>, column: &str, found: &str, reason: String) -> RowOutcome {
    let (line, text) = (record.row.line, record.row.text);
    let row = RejectedRow::new((line, text), column, found.to_owned(), Fault::new(reason));
    RowOutcome::Rejected(Box::new(row))
}

#[test]
fn a_second_format_is_a_file_and_a_line() {
    let file = "Toy Exchange\n\nAccount: main\nId,When,Pair,Kind,Amount,Rate,Fee\n\
        1,2025-01-02T03:04:05Z,BTC/USD,Buy,2,100,0.5\n\
        2,2025-01-02T03:04:06Z,BTC/USD,Turn,1,110,\n\
        3,2025-01-02T03:04:07Z,USD,Deposit,1000,,\n\
        4,2025-01-02T03:04:08Z,BTC/USD,Bought,1,100,\n\
        5,2025-01-02T03:04:09Z,BTC/USD,Sell,0,100,\n";
    let options = crate::import::test_options::options();
    let parsed = parse_csv(file.as_bytes(), &options, &mut |_| ()).unwrap();
    let trades = parsed.trades.iter().map(|row| {
        let (account, trade) = (row.account.as_str(), &row.trade);
        (account, trade.order_id.as_str(), row.import_line)
    });
    let expected = [
        ("main", "toy-1", 5),
        ("main", "toy-2buy", 6),
        ("main", "toy-2sell", 6),
    ];
    assert_eq!(trades.collect::<Vec<_>>(), expected);
    assert_eq!(parsed.trades[0].trade.fee.unwrap().to_string(), "0.5");
    assert_eq!((parsed.rows, parsed.ignored["Deposit"]), (5, 1));
    let rejected: Vec<String> = parsed.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(rejected[0], "8: Kind is \"Bought\", expected a known kind");
    assert!(
        rejected[1].starts_with("9: Amount is \"0\", "),
        "{rejected:?}"
    );
    assert_eq!(rejected.len(), 2);
    // The older header, without lines before it; the account is that of the import.
    let older = file.split_once("main\n").unwrap().1.replace(",Fee", "");
    let older = older.replace(",0.5\n", "\n").replace(",\n", "\n");
    let parsed = parse_csv(older.as_bytes(), &options, &mut |_| ()).unwrap();
    assert_eq!(parsed.trades[2].account, options.account_default);
    assert_eq!((parsed.trades.len(), parsed.trades[0].trade.fee), (3, None));
}
