//! Rates of assets.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::imports::imports_out;
use super::{Argument, Driver, Rows, SqlStore, Take, arguments, list, rates_used, runs};
use crate::engine::{Account, Asset, Rate, RateUsed};
use crate::store::model::{
    Cursors, ImportFile, ImportMode, RateBatch, RateReceipt, RateScope, StoredRate, Version,
    Watermark,
};
use crate::store::rules::{counting, plan_rates, rates_event};
use crate::store::{RateStore, StoreError, StoreResult, cells};

const APPEND: &str = "append rates";
/// Rows in the order of key and revision.
const ORDER: &str = "ORDER BY asset, currency, source, published_at, revision";

#[async_trait]
impl<D: SqlStore> RateStore for D {
    async fn import_rates(&self, batch: &RateBatch) -> StoreResult<RateReceipt> {
        self.named(async {
            let mut writer = self.ledger_writer().await?;
            let known = known(&mut *writer, batch).await?;
            let out = imports_out(&mut *writer, &Cursors::END).await?;
            let plan = plan_rates(batch, &known, &out);
            let mut receipt = plan.receipt;
            if batch.file.preview || receipt.conflict_count > 0 {
                return Ok(receipt);
            }
            let import_id = begin_import(&mut *writer, &batch.file, plan.rows.len()).await?;
            append(&mut *writer, &batch.file, import_id, plan.rows).await?;
            receipt.import_id = Some(import_id);
            runs::log_event(&mut *writer, &rates_event(batch, &receipt)).await?;
            D::commit(writer).await?;
            Ok(receipt)
        })
        .await
    }

    async fn rates(
        &self,
        scope: &RateScope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<StoredRate>> {
        self.named(async {
            let last = as_of.map_or(&Cursors::END, Watermark::cursors);
            let (from, arguments) = rows_of(scope, last.rate_seq);
            let mut reader = self.reader().await?;
            let out = imports_out(&mut *reader, last).await?;
            let mut rows = Vec::new();
            let take: Take<'_> = &mut |row| {
                let row = cells::rate(row)?;
                if scope.contains(&row.rate) && !out.contains(&row.rate.import_id) {
                    rows.push(row);
                }
                Ok(())
            };
            let (action, selected) = ("read the rates", (cells::RATE, from.as_str()));
            reader.select(action, selected, &arguments, take).await?;
            Ok(counting(rows))
        })
        .await
    }

    async fn rates_used(
        &self,
        version: Version,
        trade: Option<(&Account, &str)>,
    ) -> StoreResult<Vec<RateUsed>> {
        self.named(async {
            let mut reader = self.reader().await?;
            rates_used::list(&mut *reader, version, trade).await
        })
        .await
    }

    async fn currencies_named(&self) -> StoreResult<BTreeSet<(String, String)>> {
        let of = |column: &str| {
            format!(
                "SELECT account, {column} AS currency FROM eligible_trades \
                 WHERE {column} IS NOT NULL"
            )
        };
        let (quote, fee) = (of("quote_currency"), of("fee_currency"));
        let from = format!("({quote} UNION {fee}) named ORDER BY 1, 2");
        self.named(async {
            let mut reader = self.reader().await?;
            let selected = ("account, currency", from.as_str());
            let pairs = list(&mut *reader, "read the currencies", selected, &[], |row| {
                let text = |place| {
                    let text = row.text(place).ok().flatten();
                    text.unwrap_or_default()
                };
                Ok((text(0), text(1)))
            });
            Ok(pairs.await?.into_iter().collect())
        })
        .await
    }
}

/// Assets in a statement, at most; beyond, the database returns the rates of all of them.
const ASSETS_MAX: usize = 1_000;

/// Returns the rows of a scope up to a number, as the text after FROM and its arguments. All
/// revisions of a rate have one instant, so the rows have all or none of them.
fn rows_of(scope: &RateScope, last: i64) -> (String, Vec<Argument<'_>>) {
    let mut arguments = arguments![last].to_vec();
    let mut conditions = vec!["rate_seq <= $1".to_owned()];
    let mut place = |argument: Argument<'static>| {
        arguments.push(argument);
        format!("${}", arguments.len())
    };
    let among = scope.among.as_ref();
    if let Some(assets) = among.filter(|all| (1..=ASSETS_MAX).contains(&all.len())) {
        let assets = assets.iter().map(|asset| Argument::from(asset.to_string()));
        let places = assets.map(&mut place).collect::<Vec<_>>().join(", ");
        conditions.push(format!("asset IN ({places})"));
        conditions.push(format!("currency IN ({places})"));
    }
    let with = scope.with.as_ref();
    if let Some(assets) = with.filter(|all| (1..=ASSETS_MAX).contains(&all.len())) {
        let assets = assets.iter().map(|asset| Argument::from(asset.to_string()));
        let places = assets.map(&mut place).collect::<Vec<_>>().join(", ");
        conditions.push(format!("(asset IN ({places}) OR currency IN ({places}))"));
    }
    for (end, compared) in [(scope.from, ">="), (scope.until, "<=")] {
        if let Some(end) = end {
            let end = place(Argument::from(end));
            conditions.push(format!("published_at {compared} {end}"));
        }
    }
    let from = format!("rates WHERE {} {ORDER}", conditions.join(" AND "));
    (from, arguments)
}

/// Returns the stored rates of the pairs that a file has, in all spellings.
async fn known<C: Driver>(connection: &mut C, batch: &RateBatch) -> StoreResult<Vec<StoredRate>> {
    let spelled = |rate: &Rate| (rate.asset.clone(), rate.currency.clone(), rate.source);
    let pairs: BTreeSet<_> = batch.rates.iter().map(spelled).collect();
    let name = |asset: Asset| batch.rules.asset_named(asset.as_str());
    let pairs = pairs
        .into_iter()
        .map(|(of, in_, source)| (name(of), name(in_), source));
    let pairs: BTreeSet<_> = pairs.collect();
    let from = format!("rates WHERE asset = $1 AND currency = $2 AND source = $3 {ORDER}");
    let (action, selected) = ("look up known rates", (cells::RATE, from.as_str()));
    let mut known = Vec::new();
    for (asset, currency, source) in pairs {
        let spellings = |asset| batch.rules.spellings(&BTreeSet::from([asset]));
        let (assets, currencies) = (spellings(asset), spellings(currency));
        for asset in &assets {
            for currency in &currencies {
                let arguments = arguments![asset.as_str(), currency.as_str(), source.as_str()];
                known.extend(list(connection, action, selected, &arguments, cells::rate).await?);
            }
        }
    }
    Ok(known)
}

/// Writes the row of an import. Returns its number: numbers have no gaps.
///
/// Another program may have used a very large number. Then the first free one comes next.
async fn begin_import<C: Driver>(
    connection: &mut C,
    file: &ImportFile,
    rows: usize,
) -> StoreResult<i64> {
    let next = "CASE WHEN last < 4503599627370496 THEN last + 1 ELSE first_free END";
    let from = "(SELECT (SELECT coalesce(max(id), 0) FROM imports) AS last, \
         (SELECT coalesce(min(i.id) + 1, 1) FROM imports i \
          WHERE NOT EXISTS (SELECT 1 FROM imports j WHERE j.id = i.id + 1)) AS first_free) numbers";
    let number = list(connection, APPEND, (next, from), &[], |row| {
        Ok(row.integer(0).ok().flatten().unwrap_or(1))
    });
    let id = number.await?.pop().unwrap_or(1);
    let (name, sha256) = (&file.name, &file.sha256);
    let row = arguments![id, name, sha256, rows as u64, file.imported_at].into();
    let columns = "id, name, sha256, rows, imported_at";
    let rows = Rows::of("imports", columns, vec![row]);
    connection.insert(APPEND, &rows).await?;
    Ok(id)
}

/// The reason of a rate that a file brings again.
const AFTER_UNDO: &str = "its earlier import is undone";

/// Writes rates, and compares what the database stored with them.
async fn append<C: Driver>(
    connection: &mut C,
    file: &ImportFile,
    import_id: i64,
    mut rows: Vec<StoredRate>,
) -> StoreResult<()> {
    for row in &mut rows {
        row.rate.import_id = import_id;
    }
    let reason = match &file.mode {
        ImportMode::Correct { reason } => reason.as_str(),
        ImportMode::Append => AFTER_UNDO,
    };
    let columns = "asset, currency, source, published_at, revision, rate, reason, import_id, \
         import_line";
    let arguments_of = |row: &StoredRate| -> Vec<Argument<'static>> {
        let rate = &row.rate;
        let text = |text: &str| Argument::from(text.to_owned());
        let reason = (row.revision > 1).then(|| reason.to_owned());
        vec![
            text(rate.asset.as_str()),
            text(rate.currency.as_str()),
            text(rate.source.as_str()),
            Argument::from(rate.at),
            Argument::from(row.revision),
            Argument::Decimal(Some(rate.value.to_string().into())),
            Argument::Text(reason.map(Into::into)),
            Argument::from(import_id),
            Argument::from(rate.import_line),
        ]
    };
    let inserted = Rows {
        id: "rate_seq",
        ..Rows::of("rates", columns, rows.iter().map(arguments_of).collect())
    };
    connection.insert(APPEND, &inserted).await?;
    let from = format!("rates WHERE import_id = $1 {ORDER}");
    let (action, selected) = ("read the rates back", (cells::RATE, from.as_str()));
    let stored = list(
        connection,
        action,
        selected,
        &arguments![import_id],
        cells::rate,
    )
    .await?;
    rows.sort_by(|left, right| {
        let key = |row: &StoredRate| {
            let (asset, currency) = (row.rate.asset.clone(), row.rate.currency.clone());
            (asset, currency, row.rate.source, row.rate.at)
        };
        key(left).cmp(&key(right))
    });
    if stored == rows {
        return Ok(());
    }
    Err(StoreError::StoredOtherwise {
        what: "rates",
        written: rows.len() as u64,
        stored: stored.len() as u64,
    })
}
