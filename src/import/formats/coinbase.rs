//! Coinbase, the app: the history of transactions. A row is a trade or a movement; a conversion may
//! be two rows of one id.
//!
//! A trade against a coin has amounts in the account's currency, and the coin only in its note. So
//! notes are read, and a trade whose note leaves the coin open is refused.

mod conversion;
mod notes;
mod oldest;
mod sums;

use self::notes::{Exchange, read_note};
pub(super) use self::oldest::CoinbaseOldest;
use self::sums::{amount, is_about, is_sum, plain_number};
use super::amounts::FeeKind;
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::{Fault, Hint};

const QUANTITY: &str = "Quantity Transacted";
const NOTES: &str = "Notes";

const NO_PAIR: &str = "expected the amounts and the pair of the trade: take the fills of Advanced \
                       Trade for such trades";
const NO_VALUE: &str = "expected about the quantity x the price";
const NO_SUM: &str = "expected fees that are the difference of subtotal and total";
const CHANGES: &str = "expected no reverse split, spin-off, merger or new name: the row does not \
                       state the new units";
const OTHER_QUOTE: &str = "expected the currency of the price: the file does not \
                           say the fee of such a trade";

/// The history since 2024: each row has an id.
#[derive(Debug)]
pub(super) struct Coinbase;

/// The history before that: rows have no ids.
#[derive(Debug)]
pub(super) struct CoinbaseOlder;

/// Columns of the sums, in the generations of the header.
const SUBTOTALS: [&str; 2] = ["Subtotal", "* Subtotal"];
const TOTALS: [&str; 4] = [
    "Total (inclusive of fees and/or spread)",
    "Total (inclusive of fees)",
    "Total",
    "* Total (inclusive of fees)",
];
const FEES: [&str; 3] = ["Fees and/or Spread", "Fees", "* Fees"];
const PRICES: [&str; 3] = [
    "Price at Transaction",
    "Spot Price at Transaction",
    "* Spot Price at Transaction",
];
const CURRENCIES: [&str; 2] = ["Price Currency", "Spot Price Currency"];

static SOURCE: JoinedSource = JoinedSource {
    name: "coinbase",
    exchange: "coinbase",
    assumes: ASSUMES,
    headers: &[
        (
            &[
                "ID",
                "Timestamp",
                "Transaction Type",
                "Asset",
                QUANTITY,
                "Price Currency",
                "Price at Transaction",
                "Subtotal",
                "Total (inclusive of fees and/or spread)",
                "Fees and/or Spread",
                NOTES,
            ],
            &["Sender Address", "Recipient Address"],
        ),
        (
            &[
                "ID",
                "Timestamp",
                "Transaction Type",
                "Asset",
                QUANTITY,
                "Price Currency",
                "Price at Transaction",
                "Subtotal",
                "Total",
                "Fees and/or Spread",
                NOTES,
            ],
            &["Sender Address", "Recipient Address"],
        ),
    ],
    time: "Timestamp",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

static OLDER: JoinedSource = JoinedSource {
    name: "coinbase-older",
    ids: Some("coinbase"),
    headers: &[
        (
            &[
                "Timestamp",
                "Transaction Type",
                "Asset",
                QUANTITY,
                "Price Currency",
                "Price at Transaction",
                "Subtotal",
                "Fees and/or Spread",
                NOTES,
            ],
            &["Total (inclusive of fees and/or spread)", "Total"],
        ),
        (
            &[
                "Timestamp",
                "Transaction Type",
                "Asset",
                QUANTITY,
                "Spot Price Currency",
                "Spot Price at Transaction",
                "Subtotal",
                NOTES,
            ],
            &[
                "Total (inclusive of fees and/or spread)",
                "Fees and/or Spread",
                "Total (inclusive of fees)",
                "Fees",
            ],
        ),
        (
            &[
                "Timestamp",
                "Transaction Type",
                "Asset",
                QUANTITY,
                "* Spot Price at Transaction",
                "* Subtotal",
                "* Total (inclusive of fees)",
                "* Fees",
                NOTES,
            ],
            &[],
        ),
    ],
    ..SOURCE
};

impl JoinedFormat for Coinbase {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn time(&self, text: &str) -> String {
        text.trim_end_matches(" UTC").to_owned()
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Flat
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let id = cells.text("ID");
        let id = Some(id).filter(|id| !id.is_empty());
        id.map(str::to_owned).into_iter().collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("ID");
        if id.is_empty() {
            return Err(("ID", Fault::new("expected the id of the transaction")));
        }
        read(cells, id)
    }
}

impl JoinedFormat for CoinbaseOlder {
    fn source(&self) -> &'static JoinedSource {
        &OLDER
    }

    fn time(&self, text: &str) -> String {
        text.trim_end_matches(" UTC").to_owned()
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Flat
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        read(cells, "")
    }
}

/// Reads a row. `id`: empty if the file has none.
fn read(cells: &NamedCells<'_>, id: &str) -> Result<RowSays, CellFault> {
    let asset = asset_of(cells.text("Asset"));
    if asset.is_empty() {
        return Err(("Asset", Fault::new("expected the code of an asset")));
    }
    let row = Transaction {
        cells,
        id,
        asset: &asset,
        quantity: amount(cells, QUANTITY)?.unwrap_or(SignedAmount::ZERO),
    };
    match cells.text("Transaction Type").to_ascii_lowercase().as_str() {
        "buy" => row.trade(false, true),
        "sell" => row.trade(false, false),
        "advanced trade buy" | "advance trade buy" => row.trade(true, true),
        "advanced trade sell" | "advance trade sell" => row.trade(true, false),
        "convert" | "retail simple dust" => row.conversion(),
        "retail staking transfer" => Ok(ignored("Retail Staking Transfer")),
        "retail unstaking transfer" => Ok(ignored("Retail Unstaking Transfer")),
        "retail eth2 deprecation" => Ok(ignored("Retail Eth2 Deprecation")),
        "vault withdrawal" => Ok(ignored("Vault Withdrawal")),
        "cash to savings" => Ok(ignored("Cash to Savings")),
        "asset migration" => {
            let fault = Fault::new(CHANGES).with_hint(Hint::StateAction);
            Err(("Transaction Type", fault))
        }
        kind => match movement_kind(kind) {
            Some((kind, is_out)) => row.movement(kind, is_out),
            None => Err(unknown_type("Transaction Type")),
        },
    }
}

/// Returns the kind of a movement, and whether it goes out.
fn movement_kind(kind: &str) -> Option<(MovementKind, bool)> {
    use MovementKind::{
        Adjustment, Deposit, Fee, Gift, Interest, Reward, Staking, Transfer, Withdrawal,
    };
    let (came, went) = (false, true);
    Some(match kind {
        "receive" | "deposit" => (Deposit, came),
        "send" | "withdrawal" | "card spend" | "order" => (Withdrawal, went),
        "exchange deposit" | "pro deposit" | "prime deposit" => (Transfer, went),
        "exchange withdrawal" | "pro withdrawal" | "prime withdrawal" => (Transfer, came),
        "rewards income"
        | "reward income"
        | "learning reward"
        | "coinbase earn"
        | "inflation reward"
        | "credit card reward"
        | "incentives rewards payout"
        | "subscription rebate"
        | "subscription rebates (24 hours)" => (Reward, came),
        "staking income" => (Staking, came),
        "interest payout" => (Interest, came),
        "subscription" => (Fee, went),
        "donation" => (Gift, went),
        "admin debit" => (Adjustment, went),
        "credit" => (Adjustment, came),
        _ => return None,
    })
}

/// Returns an amount with the sign of its way.
fn signed(amount: SignedAmount, is_out: bool) -> SignedAmount {
    let amount = SignedAmount::of_size(amount.size());
    if is_out { amount.negated() } else { amount }
}

/// The same trade has another id in each kind of file.
const ASSUMES: &str =
    "this account has no other file of Coinbase with the same trades, as ids differ";

/// The dollar, and the coins that count as one dollar each.
const DOLLARS: [&str; 3] = ["USD", "USDC", "USDT"];

/// ETH2 was the name of staked ETH.
fn asset_of(text: &str) -> String {
    match text {
        "ETH2" => "ETH".to_owned(),
        text => text.to_ascii_uppercase(),
    }
}

fn ignored(name: &'static str) -> RowSays {
    RowSays {
        id: String::new(),
        meaning: RowMeaning::Ignored(name),
        postings: Vec::new(),
    }
}

/// A row.
struct Transaction<'r> {
    cells: &'r NamedCells<'r>,
    id: &'r str,
    asset: &'r str,
    quantity: SignedAmount,
}

impl Transaction<'_> {
    fn trade_id(&self) -> TradeId {
        match self.id {
            "" => TradeId::Made,
            id => TradeId::Own(id.to_owned()),
        }
    }

    /// Returns the quantity with the sign of its way.
    fn moved(&self, is_out: bool) -> SignedAmount {
        signed(self.quantity, is_out)
    }

    /// Returns the currency of the sums.
    fn currency(&self) -> String {
        let named = CURRENCIES.iter().map(|it| self.cells.text(it));
        let mut named = named.filter(|it| !it.is_empty());
        match named.next() {
            Some(code) => code.to_ascii_uppercase(),
            None => {
                let column = self.cells.name_of("* Subtotal");
                let code = column.split(' ').next().unwrap_or_default();
                code.to_ascii_uppercase()
            }
        }
    }

    /// Returns a sum without its sign, of the column that the file has.
    fn sum(&self, names: &[&'static str]) -> Result<Option<SignedAmount>, CellFault> {
        let mut names = names.iter().filter(|name| self.cells.has(name));
        let Some(name) = names.next() else {
            return Ok(None);
        };
        Ok(amount(self.cells, name)?.map(|sum| SignedAmount::of_size(sum.size())))
    }

    /// Returns the price without marks, if the row has it.
    fn price(&self) -> Option<String> {
        let prices = PRICES.iter().map(|it| self.cells.text(it));
        prices.filter(|it| !it.is_empty()).map(plain_number).next()
    }

    /// Checks that the quantity x the price is the subtotal, or the total.
    fn check_value(&self) -> Result<(), CellFault> {
        let values = [self.sum(&SUBTOTALS)?, self.sum(&TOTALS)?];
        let mut values = values.into_iter().flatten().filter(|it| !it.is_zero());
        let Some(price) = self.price() else {
            return Ok(());
        };
        let is_off = |value: SignedAmount| !is_about(self.quantity, &price, value);
        match values.clone().count() > 0 && values.all(is_off) {
            true => Err(("Subtotal", Fault::new(NO_VALUE))),
            false => Ok(()),
        }
    }

    /// Tells whether a sum is below zero.
    fn sign(&self, names: &[&'static str]) -> bool {
        let name = names.iter().find(|name| self.cells.has(name));
        let sum = name.and_then(|name| amount(self.cells, name).ok().flatten());
        sum.is_some_and(SignedAmount::is_negative)
    }

    /// Reads a purchase or a sale. `is_advanced`: it may be against a coin.
    fn trade(&self, is_advanced: bool, is_buy: bool) -> Result<RowSays, CellFault> {
        let currency = self.currency();
        let exchange = read_note(self.cells.text(NOTES));
        if let Some(exchange) = &exchange {
            exchange.check(is_buy, self.asset, self.quantity)?;
        }
        match exchange {
            Some(exchange) if exchange.asset != currency => self.against(&exchange, is_buy),
            None if is_advanced => Err((NOTES, Fault::new(NO_PAIR))),
            exchange => {
                let (value, fee) = self.value_and_fee(is_buy)?;
                exchange.map_or(Ok(()), |note| note.check_amount((value, fee)))?;
                Ok(self.whole((value, fee), &currency, is_buy, None))
            }
        }
    }

    /// Returns value and fee, as subtotal and fees have them. Errors: the total is another.
    fn value_and_fee(&self, is_buy: bool) -> Result<(SignedAmount, SignedAmount), CellFault> {
        let column = "Subtotal";
        let value = self.sum(&SUBTOTALS)?;
        let value = value.ok_or((column, Fault::new("expected the value of the trade")))?;
        if self
            .price()
            .is_some_and(|price| !is_about(self.quantity, &price, value))
        {
            return Err((column, Fault::new(NO_VALUE)));
        }
        let fee = self.sum(&FEES)?.unwrap_or(SignedAmount::ZERO);
        let Some(total) = self.sum(&TOTALS)? else {
            return Ok((value, fee));
        };
        let cost = signed(fee, !is_buy);
        // A fee above the proceeds of a sale makes a total of the other sign.
        let is_turned = !is_buy && self.sign(&SUBTOTALS) != self.sign(&TOTALS);
        let is_sum =
            is_sum(value, cost, total) || (is_turned && is_sum(value, cost, total.negated()));
        match is_sum {
            true => Ok((value, fee)),
            false => Err((column, Fault::new(NO_SUM))),
        }
    }

    /// Reads a trade against another asset than the currency of the sums, as its note says.
    fn against(&self, exchange: &Exchange, is_buy: bool) -> Result<RowSays, CellFault> {
        let Some(rate) = exchange.rate else {
            return Err((NOTES, Fault::new(OTHER_QUOTE)));
        };
        let (value, fee) = exchange.value_and_fee(rate, self.quantity, is_buy)?;
        let usd = self.usd_value()?;
        // A price of a dollar coin is about the price in dollars.
        let price = self.price().filter(|_| usd.is_some());
        let is_dollar = DOLLARS.contains(&&*exchange.asset);
        if is_dollar && price.is_some_and(|price| !is_about(self.quantity, &price, value)) {
            return Err((NOTES, Fault::new(NO_VALUE)));
        }
        Ok(self.whole((value, fee), &exchange.asset, is_buy, usd))
    }

    /// Returns the value in dollars, if the row has it.
    fn usd_value(&self) -> Result<Option<SignedAmount>, CellFault> {
        let sum = self.sum(&SUBTOTALS)?.filter(|it| !it.is_zero());
        Ok(sum.filter(|_| self.currency() == "USD"))
    }

    fn whole(
        &self,
        (value, fee): (SignedAmount, SignedAmount),
        quote: &str,
        is_buy: bool,
        usd: Option<SignedAmount>,
    ) -> RowSays {
        let amount = signed(value, is_buy);
        let quote = Posting {
            fee,
            usd_value: usd.map(SignedAmount::size),
            // A bank or a card may pay for it.
            booked: SignedAmount::ZERO,
            ..Posting::of(&asset_of(quote), amount)
        };
        RowSays {
            id: String::new(),
            meaning: RowMeaning::Whole(self.trade_id()),
            postings: vec![Posting::of(self.asset, self.moved(!is_buy)), quote],
        }
    }

    fn movement(&self, kind: MovementKind, is_out: bool) -> Result<RowSays, CellFault> {
        // What comes in has no sign in any file: a row with one says something else.
        let amount = match is_out {
            true => self.moved(true),
            false => self.quantity,
        };
        self.check_value()?;
        let usd_value = self.usd_value()?.filter(|_| self.asset != "USD");
        let posting = match self.sum(&FEES)?.filter(|fee| !fee.is_zero()) {
            None => Posting::of(self.asset, amount),
            Some(fee) => Posting {
                fee,
                fee_asset: asset_of(&self.currency()),
                ..Posting::of(self.asset, amount)
            },
        };
        Ok(RowSays {
            id: String::new(),
            meaning: RowMeaning::Movement {
                kind,
                id: self.id.to_owned(),
                tx_id: String::new(),
                usd_value: usd_value.map_or_else(String::new, |it| it.to_string()),
            },
            postings: vec![posting],
        })
    }
}
