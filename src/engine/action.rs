//! An action: a split, a merger, a spin-off or a new name, which changes what lots hold.
//!
//! Matching applies splits (see `splits.rs`). It does not apply the other kinds yet. A pool with
//! trades at or after one of these is rejected by name: its lots belong to another asset, or have
//! another cost, and no result would be right.

use std::fmt;

use super::assets::{AssetRules, PoolsBy};
use super::canonical::{next, text, value};
use super::hash::RowsHash;
use super::ids::{Account, Asset, OrderId, Pool};
use super::issue::words;
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
    /// The venue.
    pub exchange: Option<String>,
    /// Line of the imported file, from 1.
    pub import_line: u64,
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
            ]
        };
        let mut pairs = facts(self).into_iter().zip(facts(other));
        let ((column, mine), (_, theirs)) =
            pairs.find(|((_, mine), (_, theirs))| mine != theirs)?;
        Some((column, mine, theirs))
    }

    /// Tells whether the action changes lots of a pool, by the names that settings give.
    pub(super) fn concerns(&self, pool: &Pool, rules: &AssetRules) -> bool {
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
    let is_of_account = |it: &&&AssetAction| rules.pools == PoolsBy::Symbol && it.units.is_some();
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
    of_pool
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> AssetAction {
        AssetAction {
            account: Some(Account::default()),
            action_id: "s-1".parse().unwrap(),
            kind: ActionKind::Split,
            asset: "ABC".parse().unwrap(),
            happened_at: Timestamp::EPOCH,
            ratio: ActionRatio::try_read("4", "1"),
            units: None,
            other_asset: None,
            basis_share: None,
            exchange: None,
            import_line: 2,
        }
    }

    #[test]
    fn a_kind_says_what_it_needs() {
        assert_eq!(split().check(), Ok(()));
        let units = AssetAction {
            ratio: None,
            units: "3".parse().ok(),
            ..split()
        };
        assert_eq!(units.check(), Ok(()));
        let spin_off = AssetAction {
            kind: ActionKind::SpinOff,
            other_asset: "NEW".parse().ok(),
            basis_share: "0.25".parse().ok(),
            ..split()
        };
        assert_eq!(spin_off.check(), Ok(()));
        let rename = AssetAction {
            kind: ActionKind::Rename,
            ratio: None,
            other_asset: "NEW".parse().ok(),
            ..split()
        };
        assert_eq!(rename.check(), Ok(()));
        type Change = (&'static str, AssetAction, fn(&mut AssetAction));
        let changes: [Change; 7] = [
            ("ratio_new", split(), |it| it.ratio = None),
            ("ratio_new", split(), |it| it.units = "3".parse().ok()),
            ("ratio_new", spin_off.clone(), |it| it.ratio = None),
            ("other_asset", spin_off.clone(), |it| it.other_asset = None),
            ("other_asset", rename.clone(), |it| it.ratio = split().ratio),
            ("other_asset", rename, |it| {
                it.other_asset = "ABC".parse().ok()
            }),
            ("basis_share", spin_off, |it| {
                it.basis_share = "1.5".parse().ok()
            }),
        ];
        for (column, good, change) in changes {
            let mut bad = good;
            change(&mut bad);
            assert_eq!(bad.check().unwrap_err().0, column);
        }
    }

    #[test]
    fn a_ratio_is_two_whole_numbers_above_zero() {
        let ratio = ActionRatio::try_read("124079", "1000000").unwrap();
        assert_eq!(ratio.to_string(), "124079 for 1000000");
        for (new, old) in [("0", "1"), ("1", "0"), ("1.5", "1"), ("-1", "1"), ("", "1")] {
            assert_eq!(ActionRatio::try_read(new, old), None, "{new} {old}");
        }
    }

    #[test]
    fn an_action_concerns_its_asset_and_the_one_that_comes_in_its_account() {
        let rules = AssetRules::default();
        let merger = AssetAction {
            kind: ActionKind::Merger,
            other_asset: "NEW".parse().ok(),
            ..split()
        };
        let until = Timestamp::EPOCH;
        let found = |action: &AssetAction, account: &str, asset: &str| {
            let pool = Pool::new(account.parse().unwrap(), asset.parse().unwrap());
            unapplied(std::slice::from_ref(action), &rules, (&pool, Some(until))).is_some()
        };
        assert!(found(&merger, "default", "ABC") && found(&merger, "default", "NEW"));
        assert!(!found(&merger, "default", "OLD") && !found(&merger, "two", "ABC"));
        let of_all = AssetAction {
            account: None,
            ..merger.clone()
        };
        assert!(found(&of_all, "two", "ABC"));
        let later = AssetAction {
            happened_at: "2025-01-01T00:00:00Z".parse().unwrap(),
            ..merger
        };
        assert!(!found(&later, "default", "ABC"));
        assert!(!found(&split(), "default", "ABC"), "splits are applied");
    }

    #[test]
    fn the_reason_names_the_first_action() {
        let rename = AssetAction {
            kind: ActionKind::Rename,
            ratio: None,
            other_asset: "NEW".parse().ok(),
            ..split()
        };
        let later = AssetAction {
            action_id: "s-2".parse().unwrap(),
            happened_at: "1999-01-01T00:00:00Z".parse().unwrap(),
            ..rename.clone()
        };
        let pool = Pool::new(Account::default(), "ABC".parse().unwrap());
        let until = "2025-01-01T00:00:00Z".parse().ok();
        let all = [later, rename];
        let found = unapplied(&all, &AssetRules::default(), (&pool, until)).unwrap();
        assert_eq!(
            found.to_string(),
            "the new name of ABC to NEW at 1970-01-01T00:00:00.000000Z is stored and not applied \
             yet"
        );
    }

    #[test]
    fn two_splits_within_a_week_may_be_one() {
        let pool = Pool::new(Account::default(), "ABC".parse().unwrap());
        let found = |second: &str| {
            let second = AssetAction {
                account: None,
                action_id: "s-2".parse().unwrap(),
                happened_at: second.parse().unwrap(),
                ..split()
            };
            let all = [second, split()];
            let splits = splits_of(&all, &AssetRules::default(), &pool);
            assert_eq!(splits.len(), 2);
            unapplied(&all, &AssetRules::default(), (&pool, None)).map(|it| it.to_string())
        };
        assert_eq!(found("1970-01-08T00:00:00Z"), None);
        assert_eq!(
            found("1970-01-07T23:59:59Z").unwrap(),
            "the split of ABC, 4 for 1, at 1970-01-01T00:00:00.000000Z may be stored twice: \
             another split of these units is at 1970-01-07T23:59:59.000000Z, expected 7 days or \
             more between two"
        );
    }
}
