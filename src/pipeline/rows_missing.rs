//! Rows that are missing between two files: one begins with other balances than the one before it
//! ends with.
//!
//! Each import keeps its first and last balances in the log of imports. The files of one account
//! and format are compared in the order of their rows, so they may come in any order. Files that
//! overlap are not compared: their rows are the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::error::PipelineResult;
use super::file_read::FileRead;
use super::same_trades::{FileOfTrades, TRIES_MAX, accounts, that_count};
use crate::engine::{Account, SignedAmount, Timestamp};
use crate::import::{BalanceEnds, Balances};
use crate::store::Store;
use crate::store::model::{SyncStatus, SyncTry};

/// The detail of a try that has the first and last balances of its file.
pub(super) const ENDS: &str = "balances";

/// Two files between which rows are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsMissing {
    /// The file with the earlier rows.
    pub before: FileOfTrades,
    /// The file with the later rows.
    pub after: FileOfTrades,
    /// The asset, and its wallet if the files name wallets.
    pub asset: String,
    /// The last balance of the file before, and its time.
    pub ended: (Timestamp, SignedAmount),
    /// The balance before the first row of the file after, and the time of that row.
    pub begins: (Timestamp, SignedAmount),
    /// Other assets of the two files whose balances differ, too.
    pub others: u64,
}

/// A file, and its balances by asset.
#[derive(Debug, Clone)]
pub(super) struct FileEnds {
    of: FileOfTrades,
    ends: Vec<BalanceEnds>,
}

impl FileEnds {
    /// Takes the balances of a file that is not imported. `None`: no balances of the file count.
    pub(super) fn of_preview(account: &Account, read: &FileRead) -> Option<Self> {
        let of = FileOfTrades {
            account: account.clone(),
            import_id: None,
            file: read.name.clone(),
            format: read.format.clone(),
        };
        let ends = counting(read)?.ends.clone();
        Some(Self { of, ends })
    }

    fn of_try(account: &Account, sync: SyncTry) -> Option<(i64, Self)> {
        let ends = ends_of(&sync.details[ENDS])?;
        let (SyncStatus::Success | SyncStatus::Partial) = sync.status else {
            return None;
        };
        let of = FileOfTrades {
            account: account.clone(),
            import_id: sync.import_id,
            file: sync.file,
            format: sync.format?,
        };
        Some((sync.import_id?, Self { of, ends }))
    }
}

/// Returns the stated balances of a file that add up.
fn counting(read: &FileRead) -> Option<&Balances> {
    let balances = read.balances.as_ref().filter(|it| it.are_stated);
    balances.filter(|it| !it.are_at_fault() && read.rejected.is_empty())
}

/// Returns the balances as the log keeps them. `None`: no balances of the file count.
pub(super) fn ends_detail(read: &FileRead) -> Option<Value> {
    let ends = counting(read)?.ends.iter().map(|it| {
        let (from, to) = (it.from.as_micros(), it.to.as_micros());
        json!([
            it.asset,
            from,
            it.opening.to_string(),
            to,
            it.closing.to_string()
        ])
    });
    Some(ends.collect())
}

fn ends_of(detail: &Value) -> Option<Vec<BalanceEnds>> {
    type KeptEnds = (String, i64, String, i64, String);
    let ends = serde_json::from_value::<Vec<KeptEnds>>(detail.clone()).ok()?;
    let read = |(asset, from, opening, to, closing): KeptEnds| {
        Some(BalanceEnds {
            asset,
            from: Timestamp::try_from_micros(from).ok()?,
            opening: opening.parse().ok()?,
            to: Timestamp::try_from_micros(to).ok()?,
            closing: closing.parse().ok()?,
        })
    };
    ends.into_iter().map(read).collect()
}

/// Finds files between which rows are missing, in one account or in all. `previewed`: files that
/// are not imported. An import that a person kept is not compared.
///
/// Errors: the store fails.
pub async fn rows_missing(
    store: &dyn Store,
    account: Option<&Account>,
    previewed: &[(&Account, &FileRead)],
) -> PipelineResult<Vec<RowsMissing>> {
    let accounts = match account {
        Some(account) => vec![account.clone()],
        None => accounts(store).await?,
    };
    let mut found = Vec::new();
    for account in &accounts {
        let mut files = BTreeMap::new();
        for sync in store.syncs(account, TRIES_MAX).await? {
            files.extend(FileEnds::of_try(account, sync));
        }
        let names = files.iter().map(|(id, file)| (*id, file.of.clone()));
        let counting = that_count(store, names.collect()).await?;
        files.retain(|id, _| counting.contains_key(id));
        let mut by_format: BTreeMap<String, Vec<FileEnds>> = BTreeMap::new();
        let previewed = previewed.iter().filter(|(of, _)| *of == account);
        let previewed = previewed.filter_map(|(of, read)| FileEnds::of_preview(of, read));
        for file in files.into_values().chain(previewed) {
            by_format
                .entry(file.of.format.clone())
                .or_default()
                .push(file);
        }
        for files in by_format.values() {
            for gap in gaps(files) {
                if !has_rows_between(store, account, &gap).await? {
                    found.push(gap.missing);
                }
            }
        }
    }
    Ok(found)
}

/// A gap, and the time that neither file covers.
#[derive(Debug)]
struct Gap {
    missing: RowsMissing,
    from: Timestamp,
    to: Timestamp,
}

/// Compares the files of one account and format.
fn gaps(files: &[FileEnds]) -> Vec<Gap> {
    let mut by_asset: BTreeMap<&str, Vec<(&BalanceEnds, &FileEnds)>> = BTreeMap::new();
    for file in files {
        for ends in &file.ends {
            by_asset.entry(&ends.asset).or_default().push((ends, file));
        }
    }
    let mut found: BTreeMap<[usize; 2], Gap> = BTreeMap::new();
    let place = |file: &FileEnds| files.iter().position(|of| of.of == file.of);
    for (asset, mut all) in by_asset {
        all.sort_by_key(|(ends, _)| (ends.from, ends.to));
        let mut all = all.into_iter();
        let Some(mut last) = all.next() else { continue };
        for next in all {
            let ((ended, before), (begins, after)) = (last, next);
            let is_gap = begins.from > ended.to && !is_same(begins.opening, ended.closing);
            if begins.to > ended.to {
                last = next;
            }
            let (true, Some(one), Some(other)) = (is_gap, place(before), place(after)) else {
                continue;
            };
            let gap = || Gap {
                missing: RowsMissing {
                    before: before.of.clone(),
                    after: after.of.clone(),
                    asset: asset.to_owned(),
                    ended: (ended.to, ended.closing),
                    begins: (begins.from, begins.opening),
                    others: 0,
                },
                from: before.ends.iter().map(|it| it.to).max().unwrap_or(ended.to),
                to: after
                    .ends
                    .iter()
                    .map(|it| it.from)
                    .min()
                    .unwrap_or(begins.from),
            };
            let known = found.entry([one, other]);
            known
                .and_modify(|gap| gap.missing.others += 1)
                .or_insert_with(gap);
        }
    }
    found.into_values().collect()
}

/// Digits that a workbook keeps of a number.
const WORKBOOK_DIGITS: usize = 15;

/// Tells whether two balances are one. A balance with more digits than a workbook keeps may be
/// rounded: then the digits that it keeps decide, give or take one unit of the last one.
fn is_same(one: SignedAmount, other: SignedAmount) -> bool {
    let has_more = |of: SignedAmount| {
        let text = of.size().to_string();
        let digits = text.trim_start_matches(['0', '.']).bytes();
        digits.filter(u8::is_ascii_digit).count() > WORKBOOK_DIGITS
    };
    if one == other || !(has_more(one) || has_more(other)) {
        return one == other;
    }
    let part = "1e-15".parse::<SignedAmount>();
    part.is_ok_and(|part| {
        let larger = SignedAmount::of_size(one.size().max(other.size()));
        let off = one.checked_sub(other).map(SignedAmount::size);
        let allowed = larger.checked_mul(part).map(SignedAmount::size);
        off.is_ok_and(|off| allowed.is_ok_and(|allowed| off <= allowed))
    })
}

/// Tells whether another format has rows in a gap: the balances between them are not known.
async fn has_rows_between(store: &dyn Store, account: &Account, gap: &Gap) -> PipelineResult<bool> {
    let is_between = |at: Timestamp| gap.from < at && at < gap.to;
    let movements = store.movements(None).await?;
    let mut of_account = movements.iter().filter(|it| it.account == *account);
    if of_account.any(|it| is_between(it.moved_at)) {
        return Ok(true);
    }
    let format = gap.missing.after.format.as_str();
    let tries = store.syncs(account, TRIES_MAX).await?.into_iter();
    let others = tries.filter(|sync| sync.format.as_deref() != Some(format));
    for id in others
        .filter_map(|sync| sync.import_id)
        .collect::<BTreeSet<i64>>()
    {
        let trades = store.trades_of_imports(&BTreeSet::from([id])).await?;
        if trades.iter().any(|trade| is_between(trade.order_time)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a file of (asset, from, opening, to, closing).
    fn file(id: i64, ends: &[(&str, i64, &str, i64, &str)]) -> FileEnds {
        let at = |second: i64| Timestamp::try_from_micros(second * 1_000_000).unwrap();
        let ends = ends
            .iter()
            .map(|(asset, from, opening, to, closing)| BalanceEnds {
                asset: (*asset).to_owned(),
                from: at(*from),
                opening: opening.parse().unwrap(),
                to: at(*to),
                closing: closing.parse().unwrap(),
            });
        FileEnds {
            of: FileOfTrades {
                account: Account::default(),
                import_id: Some(id),
                file: format!("{id}.csv"),
                format: "kraken-ledgers".to_owned(),
            },
            ends: ends.collect(),
        }
    }

    /// Returns both imports, the asset, both amounts, and how many other assets.
    fn found(files: &[&FileEnds]) -> Vec<String> {
        let files: Vec<FileEnds> = files.iter().map(|file| (*file).clone()).collect();
        let text = |gap: &Gap| {
            let it = &gap.missing;
            let ids = [&it.before, &it.after].map(|of| of.import_id.unwrap());
            let [one, other] = ids;
            format!(
                "{one}-{other} {} {} {} +{}",
                it.asset, it.ended.1, it.begins.1, it.others
            )
        };
        gaps(&files).iter().map(text).collect()
    }

    #[test]
    fn a_year_that_is_missing_is_found_until_its_file_comes_in_any_order() {
        let one = file(1, &[("BTC", 10, "0", 19, "5"), ("EUR", 10, "0", 18, "7")]);
        let three = file(2, &[("BTC", 30, "4", 39, "1"), ("EUR", 31, "8", 38, "0")]);
        for files in [[&one, &three], [&three, &one]] {
            let found = found(&files);
            assert!(found == ["1-2 BTC 5 4 +1"], "{found:?}");
        }
        let two = file(3, &[("BTC", 20, "5", 29, "4"), ("EUR", 20, "7", 29, "8")]);
        assert_eq!(found(&[&one, &three, &two]), [""; 0]);
        assert_eq!(found(&[&two, &three, &one]), [""; 0]);
        // The file of the year lacks rows of one asset.
        let two = file(3, &[("BTC", 20, "5", 29, "4")]);
        assert_eq!(found(&[&one, &three, &two]), ["1-2 EUR 7 8 +0"]);
    }

    #[test]
    fn files_that_overlap_are_not_compared_and_the_later_end_goes_on() {
        let long = file(1, &[("BTC", 10, "0", 30, "5")]);
        let inside = file(2, &[("BTC", 12, "1", 20, "3")]);
        let same_end = file(3, &[("BTC", 30, "4", 30, "5")]);
        let next = file(4, &[("BTC", 31, "5", 40, "2"), ("ETH", 31, "9", 40, "9")]);
        assert_eq!(found(&[&long, &inside, &same_end, &next]), [""; 0]);
        let next = file(4, &[("BTC", 31, "3", 40, "2")]);
        assert_eq!(found(&[&long, &inside, &next]), ["1-4 BTC 5 3 +0"]);
    }

    /// A workbook rounds a number of more than 15 digits.
    #[test]
    fn a_balance_that_a_workbook_rounded_is_no_gap() {
        let between = |closing, opening| {
            let one = file(1, &[("ETH", 10, "0", 19, closing)]);
            let two = file(2, &[("ETH", 20, opening, 29, "0")]);
            found(&[&one, &two]).len()
        };
        assert_eq!(between("97076.20985812238", "97076.209858122385"), 0);
        assert_eq!(between("97076.20985812238", "97076.2098581225"), 1);
        assert_eq!(between("1.00000000000001", "1.00000000000002"), 1);
    }
}
