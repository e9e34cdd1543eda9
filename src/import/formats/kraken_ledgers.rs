//! Kraken: ledgers. A trade is all rows of one `refid`, also over wallets.
//!
//! A coin has other names while it is staked or locked (`ETH.S`, `DOT28.S`, `USDC.M`): a balance
//! of its own, and the same coin.

use std::sync::LazyLock;

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use crate::engine::{AssetRules, MovementKind, SignedAmount};
use crate::import::rejected::Fault;

#[derive(Debug)]
pub(super) struct KrakenLedgers;

static SOURCE: JoinedSource = JoinedSource {
    name: "kraken-ledgers",
    exchange: "kraken",
    assumes: "",
    headers: &[(
        &[
            "txid", "refid", "time", "type", "subtype", "aclass", "asset", "amount", "fee",
            "balance",
        ],
        &[
            "subclass",
            "wallet",
            "amountusd",
            "feeusd",
            "balanceusd",
            "feecurrency",
        ],
    )],
    time: "time",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

/// Suffixes of a coin that is staked, locked, held or lent.
const SUFFIXES: [&str; 6] = ["S", "M", "F", "B", "P", "HOLD"];

/// Credits for fees, worth a cent each.
const FEE_CREDIT: &str = "KFEE";

/// Transfers between wallets of the account.
const INSIDE: [&str; 8] = [
    "spottostaking",
    "stakingfromspot",
    "stakingtospot",
    "spotfromstaking",
    "allocation",
    "autoallocation",
    "deallocation",
    "migration",
];

/// The names of codes, without the settings of a person.
static NAMES: LazyLock<AssetRules> = LazyLock::new(AssetRules::default);

impl JoinedFormat for KrakenLedgers {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let key = cells.text("refid");
        let is_key = !key.is_empty() && !key.eq_ignore_ascii_case("unknown");
        is_key.then(|| key.to_owned()).into_iter().collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("txid");
        if id.is_empty() {
            return unbooked(cells);
        }
        let posting = posting(cells)?;
        Ok(RowSays {
            id: id.to_owned(),
            meaning: meaning(cells, &posting)?,
            postings: vec![posting],
        })
    }
}

/// Reads a row without an id. A deposit or withdrawal that is not booked yet has no balance, and
/// comes again with its id. Errors: any other row is booked, so its id was removed.
fn unbooked(cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
    let is_pending = matches!(cells.text("type"), "deposit" | "withdrawal");
    if !is_pending || cells.balance("balance")?.is_some() {
        let why = "expected an id: only a pending deposit or withdrawal, without a balance, has \
                   none";
        return Err(("txid", Fault::new(why)));
    }
    Ok(RowSays {
        id: String::new(),
        meaning: RowMeaning::Ignored("pending"),
        postings: Vec::new(),
    })
}

fn meaning(cells: &NamedCells<'_>, posting: &Posting) -> Result<RowMeaning, CellFault> {
    let is_out = posting.amount.is_negative();
    let movement = |kind| RowMeaning::Movement {
        kind,
        id: cells.text("txid").to_owned(),
        tx_id: String::new(),
        usd_value: String::new(),
    };
    Ok(match (cells.text("type"), cells.text("subtype")) {
        ("trade" | "spend" | "receive", _) | ("earn", "delistingconversion") => part(cells)?,
        ("margin" | "rollover" | "settled", _) => {
            let why = "expected no margin: such trades open and close positions, which are not \
                       computed";
            return Err(("type", Fault::new(why)));
        }
        // A deposit below zero, or a withdrawal above it, was reversed.
        ("deposit", _) if is_out => movement(MovementKind::Adjustment),
        ("deposit", _) => movement(MovementKind::Deposit),
        ("withdrawal", _) if is_out => movement(MovementKind::Withdrawal),
        ("withdrawal" | "adjustment", _) => movement(MovementKind::Adjustment),
        ("earn" | "transfer", subtype) if INSIDE.contains(&subtype) => {
            RowMeaning::Ignored("moves between wallets")
        }
        ("transfer", "" | "spottofutures" | "spotfromfutures") => movement(MovementKind::Transfer),
        ("earn", "airdrop") | ("airdrop", _) => movement(given(MovementKind::Airdrop, is_out)),
        ("earn", "reward") | ("staking", _) => movement(given(MovementKind::Staking, is_out)),
        ("dividend", _) => movement(given(MovementKind::Dividend, is_out)),
        ("reward", _) => movement(given(MovementKind::Reward, is_out)),
        ("earn" | "transfer", _) => return Err(unknown_type("subtype")),
        _ => return Err(unknown_type("type")),
    })
}

/// Returns the kind of what was given, or its reversal.
fn given(kind: MovementKind, is_out: bool) -> MovementKind {
    match is_out {
        true => MovementKind::Adjustment,
        false => kind,
    }
}

fn part(cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let key = cells.text("refid");
    if key.is_empty() || key.eq_ignore_ascii_case("unknown") {
        let fault = Fault::new("expected the id that all rows of the trade have");
        return Err(("refid", fault));
    }
    Ok(RowMeaning::Part {
        key: key.to_owned(),
        id: TradeId::Own(key.to_owned()),
    })
}

fn posting(cells: &NamedCells<'_>) -> Result<Posting, CellFault> {
    let (code, wallet) = (cells.text("asset"), cells.text("wallet"));
    let asset = coin_of(code);
    if asset.is_empty() {
        return Err(("asset", Fault::new("expected the code of an asset")));
    }
    let place = match wallet {
        "" => code.to_owned(),
        wallet => format!("{code} ({wallet})"),
    };
    let (amount, mut fee) = (cells.stated("amount")?, cells.amount("fee")?);
    let mut fee_asset = match cells.text("feecurrency") {
        "" => asset.clone(),
        code => coin_of(code),
    };
    let mut booked = amount;
    if fee_asset == asset {
        booked = amount.checked_sub(fee).map_err(|_| too_long("fee"))?;
    }
    if fee_asset == FEE_CREDIT {
        let cents: Result<SignedAmount, _> = format!("{fee}e-2").parse();
        fee = cents.map_err(|_| too_long("fee"))?;
        "USD".clone_into(&mut fee_asset);
    }
    Ok(Posting {
        place,
        asset,
        amount,
        fee,
        fee_asset,
        booked,
        balance: cells.balance("balance")?,
        usd_value: None,
        price: None,
    })
}

/// Returns the coin of a code: `ETH` of `XETH`, of `ETH.S` and of `ETH.F`.
fn coin_of(code: &str) -> String {
    let (coin, suffix) = code.split_once('.').unwrap_or((code, ""));
    let is_known = SUFFIXES.contains(&suffix);
    let coin = match is_known {
        // A bonded coin has the days of its lock: `DOT28.S`.
        true if suffix == BONDED => without_days(coin),
        true => coin,
        false => code,
    };
    match coin {
        // Staked before the merge; since then it is ETH, one for one.
        "ETH2" => "ETH".to_owned(),
        coin => NAMES.asset_named(coin).as_str().to_owned(),
    }
}

/// The suffix of a bonded coin.
const BONDED: &str = "S";

/// Fewest letters of a coin with days of a lock. `C98` is a coin.
const BONDED_LETTERS_MIN: usize = 2;

fn without_days(coin: &str) -> &str {
    let (name, days) = coin
        .split_at_checked(coin.len().saturating_sub(2))
        .unwrap_or((coin, ""));
    let is_days = days.len() == 2 && days.bytes().all(|byte| byte.is_ascii_digit());
    match is_days && name.len() >= BONDED_LETTERS_MIN {
        true => name,
        false => coin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_has_one_name() {
        for (code, coin) in [
            ("XXBT", "BTC"),
            ("XBT.M", "BTC"),
            ("ZEUR", "EUR"),
            ("EUR.HOLD", "EUR"),
            ("XXDG", "DOGE"),
            ("DOT28.S", "DOT"),
            ("ETH.F", "ETH"),
            ("ETH2.S", "ETH"),
            ("C98.F", "C98"),
            ("C98.S", "C98"),
            ("USDC.M", "USDC"),
            ("KFEE", "KFEE"),
            ("BRK.Z", "BRK.Z"),
        ] {
            assert_eq!(coin_of(code), coin, "{code}");
        }
    }
}
