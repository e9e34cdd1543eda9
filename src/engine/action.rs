//! An action: a split, a merger, a spin-off or a new name, which changes what lots hold.
//!
//! Matching applies splits (see `splits.rs`). It does not apply the other kinds yet. A pool with
//! trades at or after one of these is rejected by name: its lots belong to another asset, or have
//! another cost, and no result would be right.

use std::collections::BTreeSet;
use std::fmt;

use super::assets::{AssetRules, PoolsBy};
use super::canonical::{next, text, value};
use super::hash::RowsHash;
use super::ids::{Account, Asset, OrderId, Pool};
use super::issue::words;
use super::movement::Movement;
use super::number::{Size, Worth};
use super::policy::SPLITS_APART_MICROS_MIN;
use super::text::shown;
use super::time::Timestamp;

words! {
    /// The kind of an action.
    ActionKind {
        /// Each unit becomes more or fewer units of the same asset.
        Split = "split",
        /// The asset goes on under another name.
        Rename = "rename",
        /// Units of another asset come beside those that are held.
        SpinOff = "spin_off",
        /// The units become units of another asset.
        Merger = "merger",
    }
}

/// How many units come for how many units held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionRatio {
    /// Units after the action.
    pub new: u64,
    /// Units before it.
    pub old: u64,
}

impl ActionRatio {
    /// Reads a ratio. `None`: one of the texts is no whole number above zero.
    pub fn try_read(new: &str, old: &str) -> Option<Self> {
        let whole = |text: &str| {
            let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number: i64 = is_digits.then(|| text.parse().ok()).flatten()?;
            u64::try_from(number).ok().filter(|number| *number > 0)
        };
        let (new, old) = (whole(new)?, whole(old)?);
        Some(Self { new, old })
    }
}

impl fmt::Display for ActionRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.new, self.old)
    }
}

/// An action to store beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetAction {
    /// The account whose units change. `None`: all accounts.
    pub account: Option<Account>,
    /// Id of the action.
    pub action_id: OrderId,
    /// The kind.
    pub kind: ActionKind,
    /// The asset whose units change, as the source spells it.
    pub asset: Asset,
    /// When it happened. Trades of that instant come after it.
    pub happened_at: Timestamp,
    /// Units after it for units before it, as the source states them.
    pub ratio: Option<ActionRatio>,
    /// The units that came by a split, if the source states these instead of a ratio.
    pub units: Option<Size>,
    /// The asset that comes, if it is another one.
    pub other_asset: Option<Asset>,
    /// The part of the cost that goes to the other asset, from 0 to 1.
    pub basis_share: Option<Worth>,
    /// The action that this one takes out, by its id. All other facts are those of that action.
    pub voids: Option<OrderId>,
    /// Why a person states the action, or takes it out.
    pub note: Option<String>,
    /// The venue.
    pub exchange: Option<String>,
    /// Line of the imported file, from 1.
    pub import_line: u64,
    /// When units last came to the account or left it before a split by [`units`](Self::units), and
    /// were no trade. No column has it: [`note_movements`] finds it.
    pub moved_at: Option<Timestamp>,
}

impl AssetAction {
    /// Checks that the action says what its kind needs, and says no more.
    ///
    /// Errors: the column at fault, and what is expected.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let has = (
            self.ratio.is_some(),
            self.units.is_some(),
            self.other_asset.is_some(),
        );
        match (self.kind, has) {
            (ActionKind::Split, (true, false, false) | (false, true, false)) => {}
            (ActionKind::Split, _) => {
                let expected = "expected either a ratio of whole numbers or the units that came";
                return Err(("ratio_new", expected));
            }
            (ActionKind::Rename, (false, false, true)) => {}
            (ActionKind::Rename, _) => {
                return Err(("other_asset", "expected the new name, and no ratio"));
            }
            (ActionKind::SpinOff | ActionKind::Merger, (true, false, true)) => {}
            (ActionKind::SpinOff | ActionKind::Merger, (_, _, false)) => {
                return Err(("other_asset", "expected the asset that came"));
            }
            (ActionKind::SpinOff | ActionKind::Merger, _) => {
                return Err(("ratio_new", "expected a ratio of whole numbers"));
            }
        }
        if self.other_asset.as_ref() == Some(&self.asset) {
            return Err(("other_asset", "expected another asset"));
        }
        let one: Option<Worth> = "1".parse().ok();
        let is_part = |share: Worth| one.is_some_and(|one| share <= one);
        let is_spin_off = self.kind == ActionKind::SpinOff;
        match self.basis_share {
            Some(share) if !is_spin_off || !is_part(share) => Err((
                "basis_share",
                "expected a number from 0 to 1, for a spin-off",
            )),
            _ => Ok(()),
        }
    }

    /// Returns the first fact in which two actions of one id differ: its column and both values.
    pub fn fact_that_differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        fn or_null(text: Option<String>) -> String {
            text.unwrap_or_else(|| "NULL".into())
        }
        let facts = |row: &Self| {
            [
                ("kind", row.kind.to_string()),
                ("asset", row.asset.to_string()),
                ("happened_at", row.happened_at.to_string()),
                ("ratio_new", or_null(row.ratio.map(|it| it.new.to_string()))),
                ("ratio_old", or_null(row.ratio.map(|it| it.old.to_string()))),
                ("units", or_null(row.units.map(|it| it.to_string()))),
                (
                    "other_asset",
                    or_null(row.other_asset.as_ref().map(ToString::to_string)),
                ),
                (
                    "basis_share",
                    or_null(row.basis_share.map(|it| it.to_string())),
                ),
                (
                    "voids",
                    or_null(row.voids.as_ref().map(ToString::to_string)),
                ),
            ]
        };
        let mut pairs = facts(self).into_iter().zip(facts(other));
        let ((column, mine), (_, theirs)) =
            pairs.find(|((_, mine), (_, theirs))| mine != theirs)?;
        Some((column, mine, theirs))
    }

    /// Tells whether the action gives an asset a new name, and settings make both names one asset.
    pub fn is_only_a_name(&self, rules: &AssetRules) -> bool {
        let other = self.other_asset.as_ref();
        let is_one = other.is_some_and(|other| {
            rules.asset_named(other.as_str()) == rules.asset_named(self.asset.as_str())
        });
        self.kind == ActionKind::Rename && is_one
    }

    /// Tells whether the action changes lots of a pool, by the names that settings give.
    pub fn concerns(&self, pool: &Pool, rules: &AssetRules) -> bool {
        if self.is_only_a_name(rules) {
            return false;
        }
        let of_symbol = match rules.pools {
            PoolsBy::Asset => None,
            PoolsBy::Symbol => {
                let found = rules.instrument(&pool.account, &pool.as_symbol(), None, None, None);
                found.ok().map(|found| found.base)
            }
        };
        let is_asset = |asset: &Asset| {
            let named = rules.asset_named(asset.as_str());
            named == pool.asset || Some(named) == of_symbol
        };
        let is_account = self.account.as_ref();
        is_account.is_none_or(|account| *account == pool.account)
            && (is_asset(&self.asset) || self.other_asset.as_ref().is_some_and(is_asset))
    }
}

impl fmt::Display for AssetAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ActionKind::Split => "split",
            ActionKind::Rename => "new name",
            ActionKind::SpinOff => "spin-off",
            ActionKind::Merger => "merger",
        };
        write!(f, "the {what} of {}", shown(self.asset.as_str()))?;
        if let Some(ratio) = self.ratio {
            write!(f, ", {ratio},")?;
        }
        if let Some(other) = &self.other_asset {
            write!(f, " to {}", shown(other.as_str()))?;
        }
        write!(f, " at {}", self.happened_at)
    }
}

/// A split, as it changes the lots of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// When it happened. Trades of that instant come after it.
    pub happened_at: Timestamp,
    /// How many units come.
    pub change: SplitChange,
}

/// The change of a split, as its source states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitChange {
    /// Units after it for units before it.
    Ratio(ActionRatio),
    /// The units that came to those that the account held. Units: base units.
    Came(Size),
}

impl Split {
    /// Reads a split that has passed its check. `None`: another kind of action.
    fn of(action: &AssetAction) -> Option<Self> {
        if action.kind != ActionKind::Split {
            return None;
        }
        let ratio = action.ratio.map(SplitChange::Ratio);
        Some(Self {
            happened_at: action.happened_at,
            change: ratio.or(action.units.map(SplitChange::Came))?,
        })
    }

    /// Adds the facts of the split to the hash of a pool's facts.
    pub(super) fn add_to(&self, pool: &Pool, hash: &mut RowsHash) {
        let mut line = b"split".to_vec();
        next(&mut line, |line| text(line, pool.account.as_str()));
        next(&mut line, |line| text(line, pool.asset.as_str()));
        next(&mut line, |line| value(line, Some(self.happened_at)));
        match self.change {
            SplitChange::Ratio(ratio) => {
                line.extend_from_slice(format!(",{},{},\n", ratio.new, ratio.old).as_bytes());
            }
            SplitChange::Came(units) => {
                line.extend_from_slice(b",,,");
                value(&mut line, Some(units));
                line.push(b'\n');
            }
        }
        hash.add_row(&line);
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the split at {} ({})", self.happened_at, self.change)
    }
}

impl fmt::Display for SplitChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(ratio) => ratio.fmt(f),
            Self::Came(units) => write!(f, "{units} units came"),
        }
    }
}

/// An action that would change lots of a pool, and that the program does not apply. Later trades
/// leave it the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// The first such action.
    pub action: AssetAction,
    /// Another split so near to it that both may be the same. `None`: the program does not apply
    /// actions of this kind yet.
    pub again_at: Option<Timestamp>,
}

impl fmt::Display for Unapplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = &self.action;
        if let Some(moved_at) = action.moved_at {
            return write!(
                f,
                "{action} has no certain ratio: units came or left at {moved_at} without a trade, \
                 expected a stated ratio"
            );
        }
        match self.again_at {
            None => write!(f, "{action} is stored and not applied yet"),
            Some(again_at) => write!(
                f,
                "{action} may be stored twice: another split of these units is at {again_at}, \
                 expected 7 days or more between two"
            ),
        }
    }
}

/// Returns the first action that keeps a pool from being matched, up to its last trade. `None`: the
/// pool can be matched.
///
/// Two splits that are less than 7 days apart keep it from being matched at any time.
pub fn unapplied(
    actions: &[AssetAction],
    rules: &AssetRules,
    (pool, until): (&Pool, Option<Timestamp>),
) -> Option<Unapplied> {
    let mut of_pool = actions_of(actions, rules, pool);
    let splits = of_pool.extract_if(.., |it| it.kind == ActionKind::Split);
    let splits: Vec<&AssetAction> = splits.collect();
    let near = splits.windows(2).find_map(|pair| {
        let [first, second] = pair else { return None };
        let from = first.happened_at.as_micros();
        let apart = second.happened_at.as_micros().saturating_sub(from);
        (apart < SPLITS_APART_MICROS_MIN).then(|| Unapplied {
            action: (*first).clone(),
            again_at: Some(second.happened_at),
        })
    });
    // The units that came are those of the whole account, and a pool by symbol has a part of it.
    let is_part = rules.pools == PoolsBy::Symbol;
    let is_of_account =
        |it: &&&AssetAction| it.moved_at.is_some() || (is_part && it.units.is_some());
    let of_account = splits.iter().find(is_of_account);
    let of_account = of_account.map(|action| Unapplied {
        action: (*action).clone(),
        again_at: None,
    });
    let mut first = of_pool.into_iter();
    let first = first.find(|it| until.is_some_and(|until| it.happened_at <= until));
    let first = first.map(|action| Unapplied {
        action: action.clone(),
        again_at: None,
    });
    near.or(of_account).or(first)
}

/// Returns the splits that change lots of a pool, in the order of time.
pub(super) fn splits_of(actions: &[AssetAction], rules: &AssetRules, pool: &Pool) -> Box<[Split]> {
    let of_pool = actions_of(actions, rules, pool).into_iter();
    of_pool.filter_map(Split::of).collect()
}

/// Returns the actions that change lots of a pool, in the order of time.
pub fn actions_of<'a>(
    actions: &'a [AssetAction],
    rules: &AssetRules,
    pool: &Pool,
) -> Vec<&'a AssetAction> {
    let of_pool = actions.iter().filter(|it| it.concerns(pool, rules));
    let mut of_pool: Vec<&AssetAction> = of_pool.collect();
    of_pool.sort_by_key(|it| (it.happened_at, it.kind, &it.action_id));
    // A stated ratio says more than the units that came by the same split.
    let stated = of_pool
        .iter()
        .filter(|it| it.kind == ActionKind::Split && it.ratio.is_some());
    let stated: Vec<i64> = stated.map(|it| it.happened_at.as_micros()).collect();
    of_pool.retain(|it| {
        let at = it.happened_at.as_micros();
        let is_near = |of: &i64| of.abs_diff(at) < SPLITS_APART_MICROS_MIN.unsigned_abs();
        it.kind != ActionKind::Split || it.units.is_none() || !stated.iter().any(is_near)
    });
    of_pool
}

/// Keeps the actions that nobody took out.
pub fn actions_in_effect(mut actions: Vec<AssetAction>) -> Vec<AssetAction> {
    let key = |row: &AssetAction, id: &OrderId| (row.account.clone(), id.clone());
    let voided = actions.iter().filter_map(|row| {
        let id = row.voids.as_ref()?;
        Some(key(row, id))
    });
    let voided: BTreeSet<(Option<Account>, OrderId)> = voided.collect();
    actions.retain(|row| row.voids.is_none() && !voided.contains(&key(row, &row.action_id)));
    actions
}

/// Notes in each split whose source states the units that came, when other units moved before it:
/// the units held are then not those of the ledger alone.
pub fn note_movements(actions: &mut [AssetAction], movements: &[Movement], rules: &AssetRules) {
    for action in actions.iter_mut().filter(|it| it.units.is_some()) {
        let asset = rules.asset_named(action.asset.as_str());
        let moved = movements.iter().filter(|it| {
            action.account.as_ref().is_none_or(|of| *of == it.account)
                && it.moved_at <= action.happened_at
                && rules.asset_named(it.asset.as_str()) == asset
        });
        action.moved_at = moved.map(|it| it.moved_at).max();
    }
}

#[cfg(test)]
mod tests;
