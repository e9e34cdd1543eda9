//! Files of two accounts, one of them the file of a tax program.
//!
//! Only such files are read. Of the others, one import is in memory at a time, and what stays of it
//! are the trades of minutes in which a tax program has a trade, too.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::compared::compared;
use super::{
    Brief, CountedTwice, FileOfTrades, TradesOfFile, accounts, is_of_tax_program,
    may_have_same_trades, names_of, that_count,
};
use crate::engine::{Account, Asset, AssetRules, Side};
use crate::pipeline::error::PipelineResult;
use crate::store::Store;

/// A minute with asset and side.
type Minute = (i64, Asset, Side);

/// Finds the trades of tax programs that another account has, too. With an account, one of each two
/// files is of the account.
pub(super) async fn counted_across(
    store: &dyn Store,
    rules: &AssetRules,
    account: Option<&Account>,
) -> PipelineResult<Vec<CountedTwice>> {
    let names = names_of_all(store).await?;
    let is_of_program = |of: &&FileOfTrades| is_of_tax_program(&of.format);
    let mut files = Vec::new();
    for of in names.values().filter(is_of_program) {
        files.extend(read(store, rules, of, None).await?);
    }
    let minutes: HashSet<Minute> = files.iter().flat_map(minutes_of).collect();
    if minutes.is_empty() {
        return Ok(Vec::new());
    }
    for of in names.values().filter(|of| !is_of_program(of)) {
        files.extend(read(store, rules, of, Some(&minutes)).await?);
    }
    let mut groups: BTreeMap<(&Account, &str), Vec<&TradesOfFile>> = BTreeMap::new();
    for file in &files {
        let group = groups.entry((&file.of.account, &file.of.format));
        group.or_default().push(file);
    }
    let mut found = Vec::new();
    for (place, (one, ones)) in groups.iter().enumerate() {
        for (other, others) in groups.iter().skip(place + 1) {
            let is_asked = account.is_none_or(|it| it == one.0 || it == other.0);
            let is_program = is_of_tax_program(one.1) || is_of_tax_program(other.1);
            let is_compared = is_asked && is_program && may_have_same_trades(one.1, other.1);
            if is_compared && one.0 != other.0 {
                found.extend(compared(ones, others));
            }
        }
    }
    Ok(found)
}

/// Returns the files of other accounts that may have the trades of a file. Order: by import.
pub(super) async fn files_elsewhere(
    store: &dyn Store,
    rules: &AssetRules,
    (account, format): (&Account, &str),
) -> PipelineResult<Vec<TradesOfFile>> {
    let mut files = Vec::new();
    let is_program = is_of_tax_program(format);
    for of in names_of_all(store).await?.values() {
        let is_compared = is_program || is_of_tax_program(&of.format);
        if is_compared && of.account != *account && may_have_same_trades(format, &of.format) {
            files.extend(read(store, rules, of, None).await?);
        }
    }
    Ok(files)
}

/// Returns the files of all accounts that count and are compared, by import.
async fn names_of_all(store: &dyn Store) -> PipelineResult<BTreeMap<i64, FileOfTrades>> {
    let mut names = BTreeMap::new();
    for account in accounts(store).await? {
        names.extend(names_of(store, &account).await?);
    }
    that_count(store, names).await
}

/// Reads the trades of a file, or those in some minutes. Rows may name accounts of their own: the
/// trades of each account are a file.
async fn read(
    store: &dyn Store,
    rules: &AssetRules,
    of: &FileOfTrades,
    minutes: Option<&HashSet<Minute>>,
) -> PipelineResult<Vec<TradesOfFile>> {
    let ids: BTreeSet<i64> = of.import_id.into_iter().collect();
    let mut files: BTreeMap<String, TradesOfFile> = BTreeMap::new();
    for trade in store.trades_of_imports(&ids).await? {
        let Ok(account) = trade.account.parse::<Account>() else {
            continue;
        };
        let file = files.entry(trade.account.clone()).or_insert_with(|| {
            let account = account.clone();
            TradesOfFile::new(FileOfTrades {
                account,
                ..of.clone()
            })
        });
        let trade = Brief::of_stored(trade, &account, rules);
        file.count += 1;
        // A tax program may have the pair the other way round.
        let is_in = |minutes: &HashSet<Minute>| {
            let turned = || trade.turned().map(|it| minute_of(&it));
            minutes.contains(&minute_of(&trade)) || turned().is_some_and(|it| minutes.contains(&it))
        };
        if minutes.is_none_or(is_in) {
            file.trades.push(trade);
        }
    }
    Ok(files.into_values().collect())
}

fn minutes_of(file: &TradesOfFile) -> impl Iterator<Item = Minute> {
    file.trades.iter().map(minute_of)
}

fn minute_of(trade: &Brief) -> Minute {
    let (minute, asset, side) = trade.minute();
    (minute, asset.clone(), side)
}
