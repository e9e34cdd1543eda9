//! The review queue, decisions about its items, and the excluded pools.

use async_trait::async_trait;

use super::{Driver, Rows, SqlStore, arguments, list, queue, runs};
use crate::store::model::{Exclusion, QueuedItem, ReviewDecision};
use crate::store::rules::{check_decision, decision_event, exclusion_event};
use crate::store::{ReviewStore, StoreResult, cells};

#[async_trait]
impl<D: SqlStore> ReviewStore for D {
    async fn review_queue(&self) -> StoreResult<Vec<QueuedItem>> {
        self.named(async { queue::read(&mut *self.reader().await?).await })
            .await
    }

    async fn decide_review(&self, decision: &ReviewDecision) -> StoreResult<()> {
        self.named(async {
            let mut writer = self.writer().await?;
            writer.look_up().await?;
            let found = queue::item(&mut *writer, decision.id).await?;
            check_decision(decision, found.as_ref())?;
            let Some(item) = found else { return Ok(()) };
            let is_settled = !decision.status.is_open();
            let sql = "UPDATE manual_review_queue SET status = $1, updated_at = $2, \
                 resolution = $3, resolved_at = $4, resolved_by = $5 WHERE id = $6";
            let arguments = arguments![
                decision.status.as_str(),
                decision.at,
                is_settled.then_some(&decision.note),
                is_settled.then_some(decision.at),
                is_settled.then_some(&decision.by),
                decision.id,
            ];
            let action = "decide about a review item";
            writer.execute(action, sql, &arguments).await?;
            runs::log_event(&mut *writer, &decision_event(decision, &item)).await?;
            D::commit(writer).await
        })
        .await
    }

    async fn exclusions(&self) -> StoreResult<Vec<Exclusion>> {
        let from = "review_exclusions e WHERE excluded AND NOT EXISTS \
             (SELECT 1 FROM review_exclusions f WHERE f.account = e.account \
             AND f.asset = e.asset AND f.id > e.id) ORDER BY account, asset";
        let (action, selected) = ("read the excluded pools", (cells::EXCLUSION, from));
        self.named(async {
            let mut reader = self.reader().await?;
            list(&mut *reader, action, selected, &[], cells::exclusion).await
        })
        .await
    }

    async fn set_exclusion(&self, exclusion: &Exclusion, excluded: bool) -> StoreResult<()> {
        let row = arguments![
            exclusion.pool.account.as_str(),
            exclusion.pool.asset.as_str(),
            excluded,
            &exclusion.reason,
            &exclusion.decided_by,
            exclusion.decided_at,
        ];
        let columns = "account, asset, excluded, reason, decided_by, decided_at";
        let rows = Rows::of("review_exclusions", columns, vec![row.into()]);
        self.named(async {
            let mut writer = self.writer().await?;
            writer.insert("exclude a pool", &rows).await?;
            runs::log_event(&mut *writer, &exclusion_event(exclusion, excluded)).await?;
            D::commit(writer).await
        })
        .await
    }
}
