//! Settings that differ between the policies of two versions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ComparedVersion;
use crate::engine::Pool;
use crate::store::model::VersionInfo;

/// Most settings that a text names.
const SETTINGS_NAMED: usize = 5;

/// The name of each setting in a policy, and in the settings file.
const SETTINGS: [(&str, &str); 10] = [
    ("usd_quotes", "usd_quotes"),
    ("aliases", "aliases"),
    ("symbols", "symbols"),
    ("accounts", "accounts"),
    ("short_accounts", "accounts.shorts"),
    ("pools_by", "pools.by"),
    ("rate_sources", "rates.sources"),
    ("own_trades_are_rates", "rates.own_trades"),
    ("pegs", "pegs"),
    ("codes_sha256", "known codes"),
];

/// A setting that differs.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    name: &'static str,
    /// The code, symbol or account whose entry differs.
    entry: Option<String>,
    /// The code that an alias stands for, in either version.
    stands_for: Vec<String>,
}

/// The settings that differ between two versions.
#[derive(Debug, Default)]
pub(super) struct ChangedSettings {
    settings: Vec<Setting>,
    /// Other rules of the policy differ: those of the program, or of changed views.
    others: bool,
    /// The excluded pools differ.
    exclusions: bool,
    /// A dust threshold differs: it changes no figure of a sell.
    dust: bool,
}

impl ChangedSettings {
    /// Compares the policies of two versions.
    pub(super) fn of(left: &VersionInfo, right: &VersionInfo) -> Self {
        if left.policy == right.policy {
            return Self::default();
        }
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (left, right) = (read(&left.policy), read(&right.policy));
        let differs = |name: &str| left.get(name) != right.get(name);
        let mut changed = Self {
            exclusions: differs("exclusions"),
            ..Self::default()
        };
        let names = [&left, &right].map(|it| it.as_object().into_iter().flat_map(|it| it.keys()));
        let names: BTreeSet<&String> = names.into_iter().flatten().collect();
        changed.others = names
            .into_iter()
            .any(|name| name != "assets" && name != "exclusions" && differs(name));
        for (key, name) in SETTINGS {
            let of = |policy: &'_ Value| policy.get("assets").and_then(|it| it.get(key)).cloned();
            let (left, right) = (of(&left), of(&right));
            if left != right {
                changed.add(name, left.unwrap_or_default(), right.unwrap_or_default());
            }
        }
        changed
    }

    fn add(&mut self, name: &'static str, left: Value, right: Value) {
        let (Value::Object(left), Value::Object(right)) = (left, right) else {
            return self.settings.push(Setting {
                name,
                entry: None,
                stands_for: Vec::new(),
            });
        };
        let entries: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for entry in entries {
            let values = [left.get(entry), right.get(entry)];
            if values[0] == values[1] {
                continue;
            }
            let is_same = |key: &str| {
                let of = |value: Option<&Value>| value.and_then(|it| it.get(key)).cloned();
                of(values[0]) == of(values[1])
            };
            if name == "symbols" && ["base", "quote", "class"].into_iter().all(is_same) {
                self.dust = true;
                continue;
            }
            let texts = values.into_iter().flatten().filter_map(Value::as_str);
            self.settings.push(Setting {
                name,
                entry: Some(entry.clone()),
                stands_for: texts.map(str::to_owned).collect(),
            });
        }
    }

    /// Returns notes about the whole versions.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = named(self.settings.iter()).into_iter().collect();
        if self.dust {
            notes.push("their dust thresholds differ, which changes no figure of a sell".into());
        }
        if self.others {
            notes.push("their policies differ in other rules".into());
        }
        if self.exclusions {
            notes.push("their excluded pools differ".into());
        }
        notes
    }

    /// Says which settings differ that may concern a pool. `None`: no such setting differs.
    pub(super) fn of_pool(&self, pool: &Pool, sides: [&ComparedVersion; 2]) -> Option<String> {
        let summaries = sides.into_iter().filter_map(|side| side.pools.get(pool));
        let symbols: BTreeSet<&str> = summaries
            .flat_map(|it| it.symbols.iter().map(|of| of.symbol.as_str()))
            .collect();
        let concerns = |setting: &&Setting| match (setting.name, setting.entry.as_deref()) {
            ("aliases", Some(code)) => {
                let mut names = setting.stands_for.iter().map(String::as_str);
                let is_own = |name: &str| name == pool.asset.as_str();
                is_own(code) || names.any(is_own)
            }
            ("symbols", Some(symbol)) => symbols.contains(symbol),
            ("accounts", Some(account)) => account == pool.account.as_str(),
            _ => true,
        };
        named(self.settings.iter().filter(concerns))
    }
}

/// Names some settings. `None`: the list is empty.
fn named<'s>(settings: impl Iterator<Item = &'s Setting>) -> Option<String> {
    let mut names: Vec<String> = settings
        .map(|setting| match &setting.entry {
            Some(entry) => format!("{}.{entry}", setting.name),
            None => setting.name.to_owned(),
        })
        .collect();
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(SETTINGS_NAMED);
    names.truncate(SETTINGS_NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    Some(format!("their settings differ: {}", names.join(", ")))
}
