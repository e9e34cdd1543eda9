//! Why a person's word about an action is refused.

use crate::engine::shown;

/// Why a person's word about an action is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionRefusal {
    /// No action has that name.
    #[error("no action is {}", shown(.0).quoted())]
    Unknown(String),
    /// Actions of several accounts have that id.
    #[error("{} is in accounts {}", shown(.0).quoted(), .1.join(", "))]
    Several(String, Vec<String>),
    /// The import of the action is undone.
    #[error("{} is of import {}, which is undone", shown(.0).quoted(), .1)]
    Undone(String, i64),
    /// Somebody took it out before, by that import.
    #[error("{} is taken out already, by import {}", shown(.0).quoted(), .1)]
    Voided(String, i64),
}
