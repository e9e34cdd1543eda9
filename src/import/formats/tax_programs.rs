//! Files of tax programs: one row has what was sent, what was received, and the fee.
//!
//! A row with both legs is a trade, a row with one of them a movement. Its label says the kind.

use std::collections::BTreeMap;

use super::amounts::FeeKind;
use super::joined::{
    CellFault, JoinedFormat, JoinedRow, JoinedSource, NamedCells, Posting, RowMeaning, RowSays,
    TradeId, too_long, unknown_type,
};
use crate::engine::{MovementKind, SignedAmount, Size, Timestamp};
use crate::import::rejected::Fault;

const NO_MARGIN: &str = "expected no margin and no futures: such trades are not computed";
const NO_NAME: &str = "expected a currency or coin beside each amount of the row";
const NO_NUMBER: &str = "expected an amount beside its currency or coin";
const NO_AMOUNT: &str = "expected an amount that was sent or received";

const SAME_AMOUNT: &str = "expected a transfer of one amount: what was sent is not what was \
                           received, and the row does not say why";

/// Returns the name of a coin: ETH2 was the name of staked ETH.
pub(super) fn without_eth2(asset: &str) -> &str {
    match asset.eq_ignore_ascii_case("ETH2") {
        true => "ETH",
        false => asset,
    }
}

/// The parts of a row.
pub(super) struct Legs<'r> {
    pub sent: (SignedAmount, &'r str),
    pub received: (SignedAmount, &'r str),
    pub fee: (SignedAmount, &'r str),
    pub tx_id: &'r str,
    pub usd_value: &'r str,
    /// The value of a trade and that of its fee in dollars, if the file states them.
    pub values: [Option<Size>; 2],
}

impl Legs<'_> {
    /// Makes a row of its legs. `label`: its column, and the kinds that it may say.
    pub fn row(&self, (column, kinds): (&'static str, &Kinds)) -> Result<RowSays, CellFault> {
        let of = |(amount, asset)| (amount, without_eth2(asset));
        let legs = Legs {
            sent: of(self.sent),
            received: of(self.received),
            fee: of(self.fee),
            ..*self
        };
        legs.row_of((column, kinds))
    }

    fn row_of(&self, (column, kinds): (&'static str, &Kinds)) -> Result<RowSays, CellFault> {
        let ((sent, sent_asset), (received, received_asset)) = (self.sent, self.received);
        let (fee, fee_asset) = self.fee;
        let is_nameless = |amount: SignedAmount, asset: &str| !amount.is_zero() && asset.is_empty();
        if is_nameless(sent, sent_asset)
            || is_nameless(received, received_asset)
            || is_nameless(fee, fee_asset)
        {
            return Err((column, Fault::new(NO_NAME)));
        }
        let is_same = sent_asset.eq_ignore_ascii_case(received_asset);
        let meaning = match (sent.is_zero(), received.is_zero()) {
            (false, false) if is_same && sent != received => {
                return Err((column, Fault::new(SAME_AMOUNT)));
            }
            (false, false) if is_same => return self.fee_alone("transfer between wallets", column),
            (false, false) => {
                let postings = self.trade_postings();
                return Ok(RowSays {
                    id: String::new(),
                    meaning: RowMeaning::Whole(TradeId::Made),
                    postings,
                });
            }
            (true, false) => (kinds.received, (received, received_asset)),
            (false, true) => (kinds.sent, (sent.negated(), sent_asset)),
            (true, true) => return self.fee_alone("no amount", column),
        };
        let (kind, amount) = meaning;
        let kind = kind.ok_or_else(|| unknown_type(column))?;
        Ok(self.movement(kind, self.posting(amount, true), self.usd_value))
    }

    /// Returns the amounts of a trade, with the values that the file states.
    fn trade_postings(&self) -> Vec<Posting> {
        let ((sent, sent_asset), (received, received_asset)) = (self.sent, self.received);
        let (fee, fee_asset) = self.fee;
        let [value, fee_value] = self.values;
        let is_leg = [sent_asset, received_asset]
            .iter()
            .any(|asset| asset.eq_ignore_ascii_case(fee_asset));
        let is_alone = fee_value.is_some() && !is_leg && !fee.is_zero();
        let mut postings = vec![
            self.posting((sent.negated(), sent_asset), !is_alone),
            self.posting((received, received_asset), false),
        ];
        for posting in &mut postings {
            posting.usd_value = value;
        }
        if is_alone {
            let asset = fee_asset.to_ascii_uppercase();
            postings.push(Posting {
                usd_value: fee_value,
                ..Posting::of_fee(&asset, fee.negated())
            });
        }
        postings
    }

    fn movement(&self, kind: MovementKind, posting: Posting, usd_value: &str) -> RowSays {
        RowSays {
            id: String::new(),
            meaning: RowMeaning::Movement {
                kind,
                id: String::new(),
                tx_id: self.tx_id.to_owned(),
                usd_value: usd_value.to_owned(),
            },
            postings: vec![posting],
        }
    }

    /// Reads a row without an amount: its fee is the movement.
    fn fee_alone(&self, name: &'static str, column: &'static str) -> Result<RowSays, CellFault> {
        let (fee, asset) = self.fee;
        if !fee.is_zero() {
            let nothing = (SignedAmount::ZERO, asset);
            let posting = self.posting(nothing, true);
            return Ok(self.movement(MovementKind::Fee, posting, ""));
        }
        if self.sent.0.is_zero() {
            return Err((column, Fault::new(NO_AMOUNT)));
        }
        Ok(RowSays {
            id: String::new(),
            meaning: RowMeaning::Ignored(name),
            postings: Vec::new(),
        })
    }

    fn posting(&self, (amount, asset): (SignedAmount, &str), has_fee: bool) -> Posting {
        let (fee, fee_asset) = match has_fee && !self.fee.0.is_zero() {
            true => self.fee,
            false => (SignedAmount::ZERO, asset),
        };
        Posting {
            place: asset.to_ascii_uppercase(),
            asset: asset.to_ascii_uppercase(),
            amount,
            fee,
            fee_asset: fee_asset.to_ascii_uppercase(),
            booked: match fee_asset.eq_ignore_ascii_case(asset) {
                true => amount.checked_add(fee.negated()).unwrap_or(amount),
                false => amount,
            },
            balance: None,
            usd_value: None,
            price: None,
        }
    }
}

/// Returns the number in a column, beside its currency. Errors: it is no number; the currency
/// stands alone.
pub(super) fn beside(
    cells: &NamedCells<'_>,
    column: &'static str,
    asset: &str,
) -> Result<SignedAmount, CellFault> {
    match cells.balance(column)? {
        None if !asset.is_empty() => Err((column, Fault::new(NO_NUMBER))),
        amount => Ok(amount.unwrap_or(SignedAmount::ZERO)),
    }
}

/// The kinds of a label: of what was received, and of what was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kinds {
    pub received: Option<MovementKind>,
    pub sent: Option<MovementKind>,
}

pub(super) const fn received(kind: MovementKind) -> Kinds {
    Kinds {
        received: Some(kind),
        sent: None,
    }
}

pub(super) const fn sent(kind: MovementKind) -> Kinds {
    Kinds {
        received: None,
        sent: Some(kind),
    }
}

pub(super) const fn both(received: MovementKind, sent: MovementKind) -> Kinds {
    Kinds {
        received: Some(received),
        sent: Some(sent),
    }
}

fn with_seconds(text: &str) -> String {
    let text = text.trim_end_matches(" UTC");
    match text.split_once([' ', 'T']) {
        Some((_, time)) if time.matches(':').count() == 1 => format!("{text}:00"),
        _ => text.to_owned(),
    }
}

/// Koinly: the export of transactions, and its universal template.
#[derive(Debug)]
pub(super) struct Koinly;

static KOINLY: JoinedSource = JoinedSource {
    name: "koinly",
    exchange: "koinly",
    assumes: "",
    headers: &[
        (
            &[
                "Date",
                "Type",
                "Sending Wallet",
                "Sent Amount",
                "Sent Currency",
                "Receiving Wallet",
                "Received Amount",
                "Received Currency",
                "Fee Amount",
                "Fee Currency",
                "TxHash",
            ],
            &[
                "Label",
                "Tag",
                "Sent Cost Basis",
                "Received Cost Basis",
                "Gain (*)",
                "Net Value (*)",
                "Fee Value (*)",
                "TxSrc",
                "TxDest",
                "Description",
            ],
        ),
        (
            &[
                "Date",
                "Sent Amount",
                "Sent Currency",
                "Received Amount",
                "Received Currency",
                "Fee Amount",
                "Fee Currency",
                "Net Worth Amount",
                "Net Worth Currency",
                "Label",
                "Description",
                "TxHash",
            ],
            &[],
        ),
    ],
    time: "Date",
    zone: None,
    zone_from: None,
    ids: Some("koinly"),
    has_labels: true,
    is_of_server: false,
    is_one_way: false,
};

impl JoinedFormat for Koinly {
    fn source(&self) -> &'static JoinedSource {
        &KOINLY
    }

    /// Times are in UTC, also without the word.
    fn time(&self, text: &str) -> String {
        with_seconds(text)
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Chain
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let column = ["label", "tag"].into_iter().find(|it| cells.has(it));
        let column = column.unwrap_or("label");
        let label = cells.text(column).to_ascii_lowercase();
        if KOINLY_MARGIN.contains(&label.as_str()) {
            return Err((column, Fault::new(NO_MARGIN)));
        }
        let in_usd = cells.text("net worth currency").eq_ignore_ascii_case("USD");
        let worth = cells.text("net worth amount");
        let (column_of_value, usd_value) = match in_usd {
            true => ("net worth amount", worth),
            false => ("net value (usd)", cells.text("net value (usd)")),
        };
        let value = |column| -> Result<Option<Size>, CellFault> {
            let value = cells.balance(column)?.filter(|value| !value.is_zero());
            Ok(value.map(SignedAmount::size))
        };
        let leg = |amount, asset| {
            let asset = cells.text(asset);
            beside(cells, amount, asset).map(|amount| (amount, asset))
        };
        let legs = Legs {
            sent: leg("sent amount", "sent currency")?,
            received: leg("received amount", "received currency")?,
            fee: leg("fee amount", "fee currency")?,
            tx_id: cells.text("txhash"),
            usd_value,
            values: [value(column_of_value)?, value("fee value (usd)")?],
        };
        let is_pair = !legs.sent.0.is_zero() && !legs.received.0.is_zero();
        // Labels of such rows say that they are no plain trade: liquidity, swaps, ignored ones.
        match is_pair && !label.is_empty() {
            true => Err(unknown_type(column)),
            false => legs.row((column, &koinly_kinds(&label))),
        }
    }
}

const KOINLY_MARGIN: [&str; 4] = ["realized gain", "realized p&l", "margin fee", "futures"];

fn koinly_kinds(label: &str) -> Kinds {
    use MovementKind::{
        Airdrop, Deposit, Fee, Fork, Gift, Interest, Mining, Reward, Staking, Withdrawal,
    };
    match label {
        "" => both(Deposit, Withdrawal),
        "airdrop" => received(Airdrop),
        "fork" => received(Fork),
        "mining" => received(Mining),
        "staking" | "staking reward" => received(Staking),
        "reward" | "other income" | "income" | "cashback" => received(Reward),
        "loan interest" | "lending interest" | "interest" => received(Interest),
        "gift" => both(Gift, Gift),
        "donation" => sent(Gift),
        "lost" | "stolen" | "spend" => sent(Withdrawal),
        "cost" | "fee" => sent(Fee),
        _ => Kinds::default(),
    }
}

/// CoinTracking: the trade table. Amounts have the fee in them, if it is in one of their assets.
#[derive(Debug)]
pub(super) struct CoinTracking;

static COIN_TRACKING: JoinedSource = JoinedSource {
    name: "cointracking",
    exchange: "cointracking",
    assumes: "",
    headers: &[(
        &[
            "Type", "Buy", "Cur.", "Sell", "Cur.", "Fee", "Cur.", "Exchange", "Group", "Comment",
            "Date",
        ],
        &["Tx-ID"],
    )],
    time: "Date",
    zone: Some("asked"),
    zone_from: None,
    ids: Some("cointracking"),
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

impl JoinedFormat for CoinTracking {
    fn source(&self) -> &'static JoinedSource {
        &COIN_TRACKING
    }

    fn time(&self, text: &str) -> String {
        let turned = text.get(..10).and_then(|day| {
            let mut parts = day.split('.');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!("{year}-{month}-{day}{}", text.get(10..)?))
        });
        with_seconds(turned.as_deref().unwrap_or(text))
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Chain
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let kind = cells.text("type").to_ascii_lowercase();
        if kind.starts_with("margin") || kind.starts_with("derivatives") {
            return Err(("type", Fault::new(NO_MARGIN)));
        }
        let asset = |nth| cells.nth("cur.", nth);
        let (mut bought, mut sold) = (
            beside(cells, "buy", asset(0))?,
            beside(cells, "sell", asset(1))?,
        );
        let (fee, fee_asset) = (beside(cells, "fee", asset(2))?, asset(2));
        let too_long = |_| too_long("fee");
        if !fee.is_zero() && fee_asset.is_empty() {
            return Err(("fee", Fault::new(NO_NAME)));
        }
        let is = |other: &str| fee_asset.eq_ignore_ascii_case(other);
        if is(asset(1)) && !sold.is_zero() {
            sold = sold.checked_add(fee.negated()).map_err(too_long)?;
        } else if is(asset(0)) && !bought.is_zero() {
            bought = bought.checked_add(fee).map_err(too_long)?;
        }
        let legs = Legs {
            sent: (sold, asset(1)),
            received: (bought, asset(0)),
            fee: (fee, fee_asset),
            tx_id: cells.text("tx-id"),
            usd_value: "",
            values: [None; 2],
        };
        let is_trade = !sold.is_zero() && !bought.is_zero();
        if is_trade != (kind == "trade") {
            let why = "expected the type Trade of a row with two amounts, and of no other";
            return Err(("type", Fault::new(why)));
        }
        legs.row(("type", &cointracking_kinds(&kind)))
    }

    /// A fee in a third coin may have a row of its own, of the same time. The row of the trade has
    /// the fee, too, and that one counts: a file may lack the other row.
    fn settle(&self, rows: &mut [JoinedRow<'_>]) {
        let key = |at: Timestamp, asset: &str, size: String| (at, asset.to_owned(), size);
        let mut stated: BTreeMap<(Timestamp, String, String), u64> = BTreeMap::new();
        for row in rows.iter() {
            let postings = &row.says.postings;
            let is_leg = |asset: &str| postings.iter().any(|it| it.asset == asset);
            let fees = postings.iter();
            let third = fees.filter(|it| !it.fee.is_zero() && !is_leg(&it.fee_asset));
            for fee in third {
                let size = fee.fee.size().to_string();
                *stated.entry(key(row.at, &fee.fee_asset, size)).or_default() += 1;
            }
        }
        for row in rows {
            let RowMeaning::Movement { kind, .. } = &row.says.meaning else {
                continue;
            };
            let ([posting], MovementKind::Fee) = (row.says.postings.as_slice(), *kind) else {
                continue;
            };
            let size = posting.amount.size().to_string();
            let left = stated.get_mut(&key(row.at, &posting.asset, size));
            if let Some(left) = left.filter(|left| **left > 0) {
                *left -= 1;
                row.says.meaning = RowMeaning::Ignored("fee that another row states");
            }
        }
    }
}

fn cointracking_kinds(kind: &str) -> Kinds {
    use MovementKind::{
        Airdrop, Deposit, Fee, Gift, Interest, Mining, Reward, Staking, Withdrawal,
    };
    match kind {
        "deposit" => received(Deposit),
        "withdrawal" => sent(Withdrawal),
        "income" | "reward / bonus" | "other income" => received(Reward),
        "mining" => received(Mining),
        "staking" => received(Staking),
        "airdrop" => received(Airdrop),
        "interest income" | "lending income" => received(Interest),
        "gift/tip" => received(Gift),
        "gift" | "donation" => sent(Gift),
        "spend" | "lost" | "stolen" => sent(Withdrawal),
        "other fee" => sent(Fee),
        _ => Kinds::default(),
    }
}
