//! Movements: assets that enter or leave accounts and are no trades. And what a person decided
//! about the transfers that they make.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::model::{Version, Watermark};
use crate::engine::{
    Account, AssetRules, LotMove, Movement, MovementKey, OrderId, Pairing, Timestamp,
    TransferDecision, pair, with_decided_income,
};
use crate::store::StoreResult;

/// The name of the file of each movement, and its line there, from 1.
pub type MovementFiles = BTreeMap<MovementKey, (Arc<str>, i64)>;

/// Keeps movements, which imports bring, and decisions about transfers.
#[async_trait]
pub trait MovementStore: Send + Sync {
    /// Returns the movements whose imports are not undone, as of an instant; `None` is the present.
    ///
    /// Order: by account, time and id.
    async fn movements(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<Movement>>;

    /// Counts the movements whose imports are not undone.
    async fn movement_count(&self) -> StoreResult<u64>;

    /// Returns the file and line of a movement, and the instant of their import.
    async fn movement_origin(
        &self,
        account: &Account,
        movement_id: &OrderId,
    ) -> StoreResult<Option<(String, i64, Timestamp)>>;

    /// Returns the file and line of each movement.
    async fn movement_files(&self) -> StoreResult<MovementFiles>;

    /// Returns the decisions about transfers as of an instant; `None` is the present.
    ///
    /// Order: by their arrival.
    async fn transfer_decisions(
        &self,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<TransferDecision>>;

    /// Returns the units of lots that transfers moved in a version.
    ///
    /// Order: by asset, account and withdrawal, then the oldest lot first.
    async fn lot_moves(&self, version: Version) -> StoreResult<Vec<LotMove>>;

    /// Appends decisions about transfers, all or none, with an event for each.
    async fn decide_transfers(&self, decisions: &[TransferDecision]) -> StoreResult<()>;
}

/// Returns which movements make transfers as of an instant; `None` is the present.
///
/// Errors: as of the store.
pub async fn transfers(
    store: &(impl MovementStore + ?Sized),
    rules: &AssetRules,
    as_of: Option<&Watermark>,
) -> StoreResult<Pairing> {
    let movements = store.movements(as_of).await?;
    if movements.is_empty() {
        return Ok(Pairing::default());
    }
    let decisions = store.transfer_decisions(as_of).await?;
    let movements = with_decided_income(movements, &decisions);
    Ok(pair(&movements, &decisions, rules))
}
