//! An earlier system's answers, kept to compare with: never a fact, never changed.

/// An earlier system's answer about one sell. Numbers are its own texts: the store rounds none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoricalSell {
    /// The sell.
    pub order_id: String,
    /// The buy that it was taken to close.
    pub parent_id: Option<String>,
    /// The buys, where there were several.
    pub parent_ids: Vec<String>,
    /// Units: USD.
    pub pnl_usd: Option<String>,
    /// Units: USD.
    pub cost_basis: Option<String>,
    /// Units: USD.
    pub sale_proceeds: Option<String>,
    /// Units: USD.
    pub net_sale_proceeds: Option<String>,
    /// Units: USD.
    pub realized_profit: Option<String>,
    /// Units: base units.
    pub remaining_size: Option<String>,
    /// A person's note about it.
    pub note: Option<String>,
}

impl HistoricalSell {
    /// Returns the buys that the sell was taken to close.
    pub fn parents(&self) -> Vec<&str> {
        match self.parent_ids.as_slice() {
            [] => self.parent_id.iter().map(String::as_str).collect(),
            ids => ids.iter().map(String::as_str).collect(),
        }
    }
}

/// A row of a version that an earlier system computed. Numbers are its own texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRow {
    /// As it spelled it.
    pub symbol: String,
    /// The sell.
    pub sell_order_id: String,
    /// The buy; `None` where it found none.
    pub buy_order_id: Option<String>,
    /// Units: base units.
    pub size: String,
    /// Units: USD.
    pub cost_basis: Option<String>,
    /// Units: USD.
    pub pnl: Option<String>,
    /// When the sell was executed.
    pub sell_time_micros: i64,
}

/// Prefix of the names of all snapshots of history; a date follows, like `20251120`.
pub const SNAPSHOT_PREFIX: &str = "historical_pnl_snapshot_";

/// The columns of a snapshot, in order.
pub const SNAPSHOT_COLUMNS: [&str; 11] = [
    "order_id",
    "old_parent_id",
    "old_parent_ids",
    "old_pnl_usd",
    "old_cost_basis",
    "old_sale_proceeds",
    "old_net_sale_proceeds",
    "old_realized_profit",
    "old_remaining_size",
    "note",
    "snapshot_time",
];

/// Tells whether a text is the name of a snapshot: only such a name may stand in a statement.
pub fn is_snapshot_name(name: &str) -> bool {
    let date = name.strip_prefix(SNAPSHOT_PREFIX);
    date.is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the list of parents as it is stored: a JSON list, or one name alone.
pub fn parents_of_json(text: Option<&str>) -> Vec<String> {
    let Some(text) = text else { return Vec::new() };
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(ids) => ids,
        Err(_) => vec![text.to_owned()],
    }
}
