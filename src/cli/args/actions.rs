//! Arguments of `actions`.

use clap::{Args, Subcommand};

use super::transfers::WantedArgs;

/// `actions`
#[derive(Debug, Clone, Args)]
pub struct ActionsArgs {
    /// The action.
    #[command(subcommand)]
    pub command: ActionsCommand,
}

/// The commands of `actions`.
#[derive(Debug, Clone, Subcommand)]
pub enum ActionsCommand {
    /// List splits, mergers, spin-offs and new names
    List {
        /// The actions.
        #[command(flatten)]
        of: WantedArgs,
        /// All rows, also those that are taken out or undone
        #[arg(long)]
        all: bool,
    },
    /// State an action that no file has
    Add(AddActionArgs),
    /// Take an action out: runs no longer use it
    Void {
        /// The action: its ID, or ACCOUNT/ID
        #[arg(value_name = "ID")]
        id: String,
        /// Why, for a later audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `actions add`
#[derive(Debug, Clone, Args)]
pub struct AddActionArgs {
    /// The kind.
    #[command(subcommand)]
    pub kind: AddActionCommand,
}

/// The kinds of `actions add`.
#[derive(Debug, Clone, Subcommand)]
pub enum AddActionCommand {
    /// Each unit becomes more or fewer units of the same asset
    Split {
        /// The asset
        #[arg(value_name = "ASSET")]
        asset: String,
        /// Units after it for units before it: 10:1 is ten for one
        #[arg(value_name = "NEW:OLD")]
        ratio: String,
        /// When, and where.
        #[command(flatten)]
        of: StatedActionArgs,
    },
    /// The asset goes on under another name; applied if [aliases] makes both names one asset
    Rename {
        /// The asset, by its earlier name
        #[arg(value_name = "ASSET")]
        asset: String,
        /// Its new name
        #[arg(value_name = "NAME")]
        other: String,
        /// When, and where.
        #[command(flatten)]
        of: StatedActionArgs,
    },
    /// The units become units of another asset; stored, and not applied yet
    Merger {
        /// The asset that ends
        #[arg(value_name = "ASSET")]
        asset: String,
        /// The asset that comes
        #[arg(value_name = "OTHER")]
        other: String,
        /// Units that come for units held: 1:2 is one for two
        #[arg(value_name = "NEW:OLD")]
        ratio: String,
        /// When, and where.
        #[command(flatten)]
        of: StatedActionArgs,
    },
    /// Units of another asset come beside those held; stored, and not applied yet
    SpinOff {
        /// The asset that is held
        #[arg(value_name = "ASSET")]
        asset: String,
        /// The asset that comes
        #[arg(value_name = "OTHER")]
        other: String,
        /// Units that come for units held: 1:4 is one for four
        #[arg(value_name = "NEW:OLD")]
        ratio: String,
        /// The part of the cost that goes to the other asset, from 0 to 1
        #[arg(long, value_name = "SHARE")]
        basis_share: Option<String>,
        /// When, and where.
        #[command(flatten)]
        of: StatedActionArgs,
    },
}

/// When an action happened, and in which account.
#[derive(Debug, Clone, Args)]
pub struct StatedActionArgs {
    /// The day, like 2024-06-10, or a time with its zone; trades of that instant come after it
    #[arg(long, value_name = "DAY")]
    pub at: String,
    /// Zone in which the day begins [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The account [default: all accounts]
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Id of the action [default: made of its facts]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Why you state it, for a later audit
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}
