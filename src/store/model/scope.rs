//! The pools that a run takes, and that a version covers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::{Account, Asset, Pool, Timestamp};

/// The pools that a run takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// `None`: every account.
    pub account: Option<Account>,
    /// Empty: every asset.
    pub assets: BTreeSet<Asset>,
    /// The pools to read now: a ledger larger than memory is read in parts. The pools of the scope
    /// stay the same.
    pub part: Option<Arc<BTreeSet<Pool>>>,
    /// The symbols of the executions with a leg in these pools; `None`: a store reads all symbols.
    pub symbols: Option<Arc<BTreeSet<String>>>,
    /// The time to read now of a pool that is larger than memory.
    pub slice: Option<Slice>,
}

/// Trades after an instant, up to and with another. An unreadable time is in the first slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slice {
    /// Exclusive lower bound; `None` for the first slice.
    pub after: Option<Timestamp>,
    /// `None`: there is no slice behind.
    pub until: Option<Timestamp>,
}

impl Scope {
    /// Tells whether every pool is taken.
    pub fn is_all(&self) -> bool {
        self.account.is_none() && self.assets.is_empty()
    }

    /// Tells whether a pool is taken.
    pub fn contains(&self, pool: &Pool) -> bool {
        self.account
            .as_ref()
            .is_none_or(|account| *account == pool.account)
            && (self.assets.is_empty() || self.assets.contains(&pool.asset))
            && self.part.as_ref().is_none_or(|part| part.contains(pool))
    }

    /// Tells whether an instant lies in the slice, if the pool is read in slices.
    pub fn has_time(&self, at: Timestamp) -> bool {
        self.slice.is_none_or(|slice| {
            slice.after.is_none_or(|after| after < at)
                && slice.until.is_none_or(|until| at <= until)
        })
    }

    /// Tells whether this is the first slice of a pool, or all of it.
    pub fn is_first_slice(&self) -> bool {
        self.slice.is_none_or(|slice| slice.after.is_none())
    }
}

/// Text of a scope without limits.
const ALL: &str = "all";

/// The pools that a version covers, as text: `all`, or account and assets as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionScope(String);

impl VersionScope {
    /// Spells a scope; the same text for equal scopes.
    pub fn of(scope: &Scope) -> Self {
        if scope.is_all() {
            return Self(ALL.into());
        }
        let assets: Vec<&str> = scope.assets.iter().map(|asset| asset.as_str()).collect();
        let account = scope.account.as_ref().map(|account| account.as_str());
        Self(json!({ "account": account, "assets": assets }).to_string())
    }

    /// Takes a text of the registry as it is.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether every pool is covered.
    pub fn is_all(&self) -> bool {
        self.0 == ALL
    }

    /// Returns the account, if all assets of one account are covered.
    pub fn whole_account(&self) -> Option<String> {
        let (account, assets) = self.parsed();
        account.filter(|_| assets.is_empty())
    }

    /// Tells whether a pool is covered.
    pub fn covers(&self, pool: &Pool) -> bool {
        let (account, assets) = self.parsed();
        account.is_none_or(|account| account == pool.account.as_str())
            && (assets.is_empty() || assets.iter().any(|of| of == pool.asset.as_str()))
    }

    fn parsed(&self) -> (Option<String>, Vec<String>) {
        let scope: Value = serde_json::from_str(&self.0).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let assets = scope.get("assets").and_then(Value::as_array);
        let assets = assets.into_iter().flatten().filter_map(text).collect();
        (scope.get("account").and_then(text), assets)
    }
}

/// Names the pools in a sentence.
impl fmt::Display for VersionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, assets) = self.parsed();
        match assets.as_slice() {
            [] => f.write_str("all symbols")?,
            assets => write!(f, "only {}", assets.join(", "))?,
        }
        match account {
            Some(account) => write!(f, " of account \"{account}\""),
            None => Ok(()),
        }
    }
}
