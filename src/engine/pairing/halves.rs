//! The movements that can be a part of a transfer, and the transfer that two of them make.

use crate::engine::assets::{AssetRules, PoolsBy};
use crate::engine::class::AssetClass;
use crate::engine::fact::Fact;
use crate::engine::ids::Asset;
use crate::engine::issue::words;
use crate::engine::money::{add_sizes, sub_sizes};
use crate::engine::movement::{Direction, Movement, MovementKind};
use crate::engine::number::{Fee, Size};
use crate::engine::transfer::Transfer;

words! {
    /// Why a movement can't be a part of a transfer.
    NoPart {
        /// It is a fee, a gift or the like.
        Kind = "kind",
        /// It is income, which is a lot of its own.
        Income = "income",
        /// It is dollars, or the money of a state: what pays with it leaves no lots.
        Currency = "currency",
        /// Its fee takes all of it.
        Fee = "fee",
        /// Its units less its fee have too many digits.
        Digits = "digits",
        /// The account may go short: units that leave it may be borrowed.
        Short = "short",
        /// It is a future: no account sends one.
        Future = "future",
        /// Pools are by symbol, so that no one pool has the units.
        SymbolPools = "symbol_pools",
    }
}

words! {
    /// Why two movements can't make a transfer.
    NoPair {
        /// Both go in, or both go out.
        SameWay = "same_way",
        /// Both are of one account.
        SameAccount = "same_account",
        /// They are of two assets.
        TwoAssets = "two_assets",
        /// More arrived than left.
        Larger = "larger",
        /// The fee of the network has more digits than a size may have.
        Digits = "digits",
    }
}

/// A movement that may be a part of a transfer.
#[derive(Debug)]
pub(super) struct Half<'m> {
    pub(super) row: &'m Movement,
    /// Its asset, by the names that settings give.
    pub(super) asset: Asset,
    /// Units that left, without the fee; or those that arrived, after a fee in the asset.
    pub(super) units: Size,
    /// The fee of a withdrawal, its asset by the names that settings give.
    fee: Option<(Size, Asset)>,
    /// The transaction in its one spelling.
    pub(super) tx: Option<String>,
}

impl<'m> Half<'m> {
    /// Reads a movement. Errors: it can't be a part of a transfer.
    pub(super) fn of(row: &'m Movement, rules: &AssetRules) -> Result<Self, NoPart> {
        use MovementKind::{Deposit, Transfer, Withdrawal};
        match row.kind {
            Deposit | Withdrawal | Transfer => Self::of_units(row, rules),
            _ if row.is_income() => {
                let income = Self::of_units(row, rules)?;
                match Fact::try_of_size(income.units) {
                    Ok(_) => Err(NoPart::Income),
                    Err(_) => Err(NoPart::Digits),
                }
            }
            _ => Err(NoPart::Kind),
        }
    }

    /// Reads a movement of any kind. Errors: its units are in no pool of a spot account.
    fn of_units(row: &'m Movement, rules: &AssetRules) -> Result<Self, NoPart> {
        let asset = rules.asset_named(row.asset.as_str());
        if rules.is_currency(&asset) || rules.is_usd(&asset) {
            return Err(NoPart::Currency);
        }
        if rules.class_of_leg(&row.account, &asset).class == Some(AssetClass::Future) {
            return Err(NoPart::Future);
        }
        if rules.pools == PoolsBy::Symbol {
            return Err(NoPart::SymbolPools);
        }
        if rules.may_go_short(&row.account) {
            return Err(NoPart::Short);
        }
        Self::read(row, asset, rules)
    }

    /// Reads the units of a movement. Errors: its fee takes all that came in.
    fn read(row: &'m Movement, asset: Asset, rules: &AssetRules) -> Result<Self, NoPart> {
        // A rebate is no fee.
        let paid = |fee: Fee| fee.to_string().parse::<Size>().ok();
        let fee = row.fee.as_ref().and_then(|(fee, of)| {
            let paid = paid(*fee).filter(|paid| !paid.is_zero())?;
            Some((paid, rules.asset_named(of.as_str())))
        });
        let mut part = Self {
            row,
            units: row.size,
            fee,
            asset,
            tx: row.tx_id.as_deref().and_then(plain_tx),
        };
        if !part.is_out() {
            part.units = part.less_fee().ok_or(NoPart::Fee)?;
            part.fee = None;
        }
        Ok(part)
    }

    pub(super) fn is_out(&self) -> bool {
        self.row.direction == Direction::Out
    }

    /// Returns the fee if it is in the asset that moves.
    fn own_fee(&self) -> Size {
        match &self.fee {
            Some((fee, of)) if *of == self.asset => *fee,
            _ => Size::ZERO,
        }
    }

    /// Returns the units without a fee in the asset. `None`: nothing is left.
    pub(super) fn less_fee(&self) -> Option<Size> {
        let units = sub_sizes(self.units, self.own_fee()).ok();
        units.filter(|units| !units.is_zero())
    }

    /// Returns the units that left with the fee.
    pub(super) fn left(&self) -> Size {
        add_sizes(self.units, self.own_fee()).unwrap_or(self.units)
    }

    /// Returns the transfer that this withdrawal and a deposit make.
    ///
    /// If the size without the fee arrived, the source had counted the fee into the size.
    /// Errors: they can't make one.
    pub(super) fn transfer_to(&self, into: &Half<'_>) -> Result<Transfer, NoPair> {
        let (out, to) = (self.row, into.row);
        if !self.is_out() || into.is_out() {
            return Err(NoPair::SameWay);
        }
        if out.account == to.account {
            return Err(NoPair::SameAccount);
        }
        if self.asset != into.asset {
            return Err(NoPair::TwoAssets);
        }
        if into.units > self.left() {
            return Err(NoPair::Larger);
        }
        let has_fee_inside = self.less_fee() == Some(into.units);
        let transfer = Transfer {
            asset: self.asset.clone(),
            from: out.account.clone(),
            withdrawal: out.movement_id.clone(),
            sent_at: out.moved_at,
            sent: if has_fee_inside {
                into.units
            } else {
                self.units
            },
            to: to.account.clone(),
            deposit: to.movement_id.clone(),
            received_at: to.moved_at.max(out.moved_at),
            received: into.units,
            fee: self.fee.clone(),
            usd_value: out.usd_value.map(|value| (value, out.size)),
        };
        let is_size = |fees: Vec<(Asset, Size)>| {
            let mut sizes = fees.into_iter().map(|(_, units)| units);
            sizes.all(|units| Fact::try_of_size(units).is_ok())
        };
        match transfer.network_fees().is_ok_and(is_size) {
            true => Ok(transfer),
            false => Err(NoPair::Digits),
        }
    }
}

/// Returns the asset and the units of a movement that came in, after a fee in the asset.
///
/// Errors: its units are in no pool of a spot account.
pub fn units_moved(row: &Movement, rules: &AssetRules) -> Result<(Asset, Size), NoPart> {
    let half = Half::of_units(row, rules)?;
    Ok((half.asset, half.units))
}

/// Returns the asset and the units of a movement that came in, after a fee in the asset. The units
/// may be in no pool.
///
/// Errors: its fee takes all of it.
pub fn units_received(row: &Movement, rules: &AssetRules) -> Result<(Asset, Size), NoPart> {
    let asset = rules.asset_named(row.asset.as_str());
    let half = Half::read(row, asset, rules)?;
    Ok((half.asset, half.units))
}

/// Why a person can't pair two movements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTransfer {
    /// The withdrawal can't be a part of a transfer.
    Withdrawal(NoPart),
    /// The deposit can't.
    Deposit(NoPart),
    /// The two can't make one.
    Pair(NoPair),
}

/// Returns the transfer that a withdrawal and a deposit make. Errors: they can't make one.
pub fn transfer_of(
    withdrawal: &Movement,
    deposit: &Movement,
    rules: &AssetRules,
) -> Result<Transfer, NoTransfer> {
    let out = Half::of(withdrawal, rules).map_err(NoTransfer::Withdrawal)?;
    let into = Half::of(deposit, rules).map_err(NoTransfer::Deposit)?;
    out.transfer_to(&into).map_err(NoTransfer::Pair)
}

/// Returns a transaction's id in its one spelling: hexadecimal digits without `0x` in lower case.
/// In other ids capitals count. `None`: it is empty.
pub(super) fn plain_tx(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = digits.unwrap_or(text);
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = match is_hex {
        true => digits.to_ascii_lowercase(),
        false => text.to_owned(),
    };
    (!plain.is_empty()).then_some(plain)
}

/// Counts the significant digits of a size.
pub(super) fn digits(size: Size) -> usize {
    let digits = size.to_string().replace('.', "");
    digits.trim_matches('0').len()
}
