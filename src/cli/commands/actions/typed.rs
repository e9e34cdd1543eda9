//! The action that a person types.

use jiff::tz::TimeZone;

use crate::cli::args::{AddActionCommand, StatedActionArgs};
use crate::cli::commands::read_account;
use crate::cli::commands::wanted::read_value;
use crate::cli::error::{CliError, CliResult};
use crate::engine::{
    ActionKind, ActionRatio, Asset, AssetAction, OrderId, Timestamp, Worth, shown,
};
use crate::import::{parse_acquired, parse_timezone};

/// Reads an action that a person states, and its id.
pub(super) fn read_action(
    args: &AddActionCommand,
    now: Timestamp,
) -> CliResult<(AssetAction, Option<OrderId>)> {
    let words = TypedAction::of(args);
    let of = words.of;
    let id = of
        .id
        .as_deref()
        .map(|it| read_value("--id", it))
        .transpose()?;
    if of.note.as_deref().is_some_and(|it| it.trim().is_empty()) {
        return Err(CliError::usage(
            "--note is empty",
            "say where you know it from, or leave it out",
        ));
    }
    let share = |it: &str| read_value::<Worth>("--basis-share", it);
    let other = |it: &str| read_value::<Asset>("the other name", it);
    let action = AssetAction {
        account: read_account(of.account.as_deref())?,
        action_id: OrderId::unreadable(""),
        kind: words.kind,
        asset: read_value("the asset", words.asset)?,
        happened_at: read_time(of, now)?,
        ratio: words.ratio.map(read_ratio).transpose()?,
        units: None,
        other_asset: words.other.map(other).transpose()?,
        basis_share: words.basis_share.map(share).transpose()?,
        exchange: None,
        import_line: 1,
        voids: None,
        note: of.note.clone(),
        moved_at: None,
    };
    check_facts(&action, &words)?;
    Ok((action, id))
}

/// Checks that an action changes something, and can be. Errors: the words at fault.
fn check_facts(action: &AssetAction, words: &TypedAction<'_>) -> CliResult<()> {
    let is_idle = |ratio: ActionRatio| ratio.new == ratio.old;
    if action.kind == ActionKind::Split && action.ratio.is_some_and(is_idle) {
        return Err(CliError::usage(
            "a split of one unit for each changes nothing",
            "write units after it for units before it: 10:1",
        ));
    }
    let quoted = |text: &str| shown(text).quoted().to_string();
    action.check().map_err(|(column, expected)| match column {
        "basis_share" => {
            let share = quoted(words.basis_share.unwrap_or_default());
            CliError::usage(format!("--basis-share is {share}"), expected)
        }
        _ => {
            let name = quoted(words.asset);
            CliError::usage(format!("both names are {name}"), expected)
        }
    })
}

/// The words of an action, as they were typed.
struct TypedAction<'a> {
    kind: ActionKind,
    asset: &'a str,
    other: Option<&'a str>,
    ratio: Option<&'a str>,
    basis_share: Option<&'a str>,
    of: &'a StatedActionArgs,
}

impl<'a> TypedAction<'a> {
    fn of(args: &'a AddActionCommand) -> Self {
        let words = |kind, asset, of| Self {
            kind,
            asset,
            other: None,
            ratio: None,
            basis_share: None,
            of,
        };
        match args {
            AddActionCommand::Split { asset, ratio, of } => Self {
                ratio: Some(ratio),
                ..words(ActionKind::Split, asset, of)
            },
            AddActionCommand::Rename { asset, other, of } => Self {
                other: Some(other),
                ..words(ActionKind::Rename, asset, of)
            },
            AddActionCommand::Merger {
                asset,
                other,
                ratio,
                of,
            } => Self {
                other: Some(other),
                ratio: Some(ratio),
                ..words(ActionKind::Merger, asset, of)
            },
            AddActionCommand::SpinOff {
                asset,
                other,
                ratio,
                basis_share,
                of,
            } => Self {
                other: Some(other),
                ratio: Some(ratio),
                basis_share: basis_share.as_deref(),
                ..words(ActionKind::SpinOff, asset, of)
            },
        }
    }
}

/// Reads units after an action for units before it.
fn read_ratio(text: &str) -> CliResult<ActionRatio> {
    let ratio = text.split_once(':');
    let ratio = ratio.and_then(|(new, old)| ActionRatio::try_read(new.trim(), old.trim()));
    let Some(ratio) = ratio else {
        return Err(CliError::usage(
            format!("the ratio is {}", shown(text).quoted()),
            "write units after it for units before it, as whole numbers: 10:1, 3:2, or 1:10",
        ));
    };
    Ok(ratio)
}

/// Reads when an action happened: a time, or the start of a day in the stated zone.
fn read_time(of: &StatedActionArgs, now: Timestamp) -> CliResult<Timestamp> {
    let is_time = of.at.parse::<Timestamp>().is_ok();
    let zone = match of.timezone.as_deref() {
        Some(_) if is_time => {
            return Err(CliError::usage(
                "--timezone has no effect: --at is a time with an offset",
                "leave it out, or name a day, like --at 2024-06-10",
            ));
        }
        Some(name) => parse_timezone(name).map_err(|error| {
            let hint = error.similar.as_ref();
            let hint = hint.map(|it| format!("did you mean {it}?"));
            CliError::usage(error.to_string(), hint.unwrap_or_default())
        })?,
        None => TimeZone::UTC,
    };
    parse_acquired(&of.at, Some(&zone), now)
        .map_err(|why| CliError::usage(format!("--at is {}, {why}", shown(&of.at).quoted()), ""))
}
