//! The trades of an import, on their way into the ledger by binary COPY.

use sqlx::PgConnection;

use super::adoption::mapping::Ledger;
use super::binary::{push_bytes, push_decimal, push_i64, push_null, push_size, push_time};
use super::copy::BinaryCopy;
use super::readback::{MORE_COUNT, PostgresReadback, TRADE_COLUMNS, TRADE_COLUMNS_COUNT};
use crate::engine::{Asset, Fee, LedgerTrade, MORE_COLUMNS, Worth};
use crate::store::phase::{self, Phase};
use crate::store::rules::ImportPlan;
use crate::store::trades::TradeSource;
use crate::store::{StoreResult, corrections, more};

/// Names the writing of trades in errors.
pub(super) const APPEND: &str = "append trades";

/// The rows of an import, on their way into the ledger.
pub(super) struct TradeRows<'r, 'm> {
    pub(super) trades: &'r mut dyn TradeSource,
    pub(super) plan: Option<&'r ImportPlan<'m>>,
    /// Place in the file of the next batch's first trade.
    pub(super) first: usize,
    pub(super) names_corrections: bool,
    /// The number of the import, as the server takes it.
    pub(super) tail: Vec<u8>,
    pub(super) written: PostgresReadback,
    /// Rows that need other columns than the COPY before had.
    pub(super) waiting: Vec<LedgerTrade>,
}

impl TradeRows<'_, '_> {
    /// Returns the next rows to append; `None` after the last.
    async fn next(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        if !self.waiting.is_empty() {
            return Ok(Some(std::mem::take(&mut self.waiting)));
        }
        let Some(batch) = self.trades.next_batch().await? else {
            return Ok(None);
        };
        let taken = batch.len();
        self.names_corrections |= batch.iter().any(corrections::is_named_as_one);
        let rows = match self.plan {
            Some(plan) => plan.rows_of(self.first, batch),
            None => batch,
        };
        self.first += taken;
        Ok(Some(rows))
    }
}

/// The columns of a COPY.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyColumns {
    Plain,
    /// Also those of more facts.
    More,
}

/// The outcome of a COPY of trades.
pub(super) enum Copied {
    All,
    /// An id is in the ledger already.
    Taken,
    /// The waiting rows have more facts.
    NeedsMore,
}

/// Copies rows into the ledger, until one needs other columns.
pub(super) async fn copy_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    rows: &mut TradeRows<'_, '_>,
    columns: CopyColumns,
) -> StoreResult<Copied> {
    let names = match columns {
        CopyColumns::Plain => TRADE_COLUMNS.to_owned(),
        CopyColumns::More => format!("{TRADE_COLUMNS}, {}", more::columns("")),
    };
    let mut copy = BinaryCopy::new(connection, APPEND, (ledger.additions(), &names));
    let mut bytes = Vec::new();
    loop {
        let batch = match rows.next().await {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => {
                copy.abort().await;
                return Err(error);
            }
        };
        let has_more = batch.iter().any(|row| row.trade.more.is_some());
        if has_more && columns == CopyColumns::Plain {
            rows.waiting = batch;
            break;
        }
        for (nth, row) in batch.iter().enumerate() {
            let start = bytes.len();
            push_trade(&mut bytes, row, &rows.tail);
            rows.written.add(bytes.get(start..).unwrap_or_default());
            if columns == CopyColumns::More {
                push_more(&mut bytes, start, row, &mut rows.written);
            }
            if bytes.len() >= CHUNK_BYTES || nth + 1 == batch.len() {
                copy.send(&bytes).await?;
                bytes.clear();
            }
        }
        phase::reached(Phase::Batch);
    }
    Ok(match copy.finish_unless_taken().await? {
        false => Copied::Taken,
        true if rows.waiting.is_empty() => Copied::All,
        true => Copied::NeedsMore,
    })
}

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Encodes a trade for binary COPY, in the order of [`TRADE_COLUMNS`].
fn push_trade(out: &mut Vec<u8>, row: &LedgerTrade, import: &[u8]) {
    let (trade, carried) = (&row.trade, &row.carried);
    out.extend_from_slice(&(TRADE_COLUMNS_COUNT as i16).to_be_bytes());
    push_bytes(out, row.account.as_str().as_bytes());
    push_bytes(out, trade.order_id.as_str().as_bytes());
    push_bytes(out, row.symbol_text.as_bytes());
    push_bytes(out, trade.side.as_str().as_bytes());
    push_size(out, trade.size);
    push_decimal(out, trade.price.as_decimal());
    push_time(out, trade.order_time);
    match trade.fee {
        Some(fee) => push_decimal(out, fee.as_decimal()),
        None => push_null(out),
    }
    match trade.trade_seq {
        Some(sequence) => push_i64(out, sequence),
        None => push_null(out),
    }
    let texts = [
        &row.status,
        &carried.order_type,
        &carried.source,
        &carried.ingest_via,
        &carried.exchange,
        &carried.exchange_order_id,
        &carried.linked_order_id,
    ];
    for text in texts {
        match text {
            Some(text) => push_bytes(out, text.as_bytes()),
            None => push_null(out),
        }
    }
    out.extend_from_slice(import);
    push_i64(out, i64::try_from(row.import_line).unwrap_or(i64::MAX));
}

/// Adds the columns of more facts to a row that begins at `start`.
fn push_more(out: &mut Vec<u8>, start: usize, row: &LedgerTrade, written: &mut PostgresReadback) {
    let count = TRADE_COLUMNS_COUNT + MORE_COLUMNS.len();
    let head = (count as i16).to_be_bytes();
    out.splice(start..start + head.len(), head);
    let more_start = out.len();
    let Some(facts) = row.trade.more.as_deref() else {
        MORE_COLUMNS.iter().for_each(|_| push_null(out));
        return;
    };
    let code = |out: &mut Vec<u8>, code: Option<&Asset>| match code {
        Some(code) => push_bytes(out, code.as_str().as_bytes()),
        None => push_null(out),
    };
    let number = |out: &mut Vec<u8>, number| match number {
        Some(number) => push_decimal(out, number),
        None => push_null(out),
    };
    let fee = facts.fee.as_ref();
    code(out, facts.base_asset.as_ref());
    code(out, facts.quote_currency.as_ref());
    match facts.asset_class {
        Some(class) => push_bytes(out, class.as_str().as_bytes()),
        None => push_null(out),
    }
    number(out, facts.quote_value.map(Worth::as_decimal));
    number(out, facts.usd_value.map(Worth::as_decimal));
    number(out, fee.map(|fee| fee.amount.as_decimal()));
    code(out, fee.map(|fee| &fee.currency));
    number(out, fee.and_then(|fee| fee.usd_value).map(Fee::as_decimal));
    match facts.contract_size {
        Some(size) => push_size(out, size),
        None => push_null(out),
    }
    let mut keyed = (MORE_COUNT as i16).to_be_bytes().to_vec();
    push_bytes(&mut keyed, row.account.as_str().as_bytes());
    push_bytes(&mut keyed, row.trade.order_id.as_str().as_bytes());
    keyed.extend_from_slice(out.get(more_start..).unwrap_or_default());
    written.add_more(&keyed);
}
