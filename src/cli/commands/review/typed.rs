//! Values that a person types to settle a review item: a basis, a size, a day, a name, a note.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::args::ResolveArgs;
use crate::cli::commands::tax::{check_zone, zone_of};
use crate::cli::error::{CliError, CliResult, dollars_hint};
use crate::cli::session::Session;
use crate::engine::{Size, Timestamp, Usd};
use crate::import::parse_acquired;
use crate::store::model::QueuedItem;
use crate::tax::{BasisLot, unmatched_size};

/// A decision about an item's basis as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedLot {
    pub(super) size: Option<String>,
    pub(super) basis: String,
    pub(super) acquired: String,
    pub(super) signed_by: Option<String>,
}

/// The place where a lot was typed, so that messages name the flag or the cell to change.
#[derive(Debug, Clone, Copy)]
pub(super) enum TypedAs<'a> {
    Flags {
        zone: Option<&'a str>,
    },
    /// In the cells of a sheet.
    Cells,
}

impl TypedAs<'_> {
    fn name(self, name: &str) -> String {
        match self {
            Self::Flags { .. } => format!("--{name}"),
            Self::Cells => name.to_owned(),
        }
    }
}

pub(super) fn check_note(note: &str) -> CliResult<()> {
    if !note.trim().is_empty() {
        return Ok(());
    }
    Err(CliError::usage(
        "--note is empty",
        "say why, for a later audit",
    ))
}

/// Checks the typed arguments. Errors: a value that can't be read, or that has no effect.
pub(super) fn check(args: &ResolveArgs, now: Timestamp) -> CliResult<()> {
    check_note(&args.item.note)?;
    args.timezone.as_deref().map(check_zone).transpose()?;
    let typed_as = TypedAs::Flags { zone: None };
    for lot in typed_lots(args)? {
        read_basis(&lot, typed_as)?;
        let read_size = |size: &String| read_size(size, typed_as);
        lot.size.as_ref().map(read_size).transpose()?;
        // Checks a day in UTC. Its real time zone, which `read_lot` uses, decides which instants it
        // has.
        if let Err(why) = parse_acquired(&lot.acquired, Some(&TimeZone::UTC), now)
            && (lot.acquired.len() != 10 || lot.acquired.parse::<Date>().is_err())
        {
            return Err(unreadable_day(&lot.acquired, &why, typed_as));
        }
    }
    let is_day = |text: &String| text.parse::<Timestamp>().is_err();
    if args.timezone.is_some() && !args.acquired.iter().any(is_day) {
        return Err(CliError::usage(
            "--timezone has no effect: each --acquired is a time with an offset",
            "leave it out, or name a day, like --acquired 2024-05-31",
        ));
    }
    if args.signed_by.is_some() && !args.basis.iter().any(|basis| is_zero(basis)) {
        return Err(CliError::usage(
            "--signed-by has no effect: no --basis is zero",
            "leave it out: only a basis of zero needs somebody who stands for it",
        ));
    }
    Ok(())
}

/// Reads a lot as it was typed. Errors: an unreadable value; a basis of zero without a signature.
pub(super) fn read_lot(
    typed: &TypedLot,
    item: &QueuedItem,
    typed_as: TypedAs<'_>,
    session: &Session,
) -> CliResult<BasisLot> {
    let basis = read_basis(typed, typed_as)?;
    let size = match &typed.size {
        None => unmatched_size(item).unwrap_or(Size::ZERO).to_string(),
        Some(text) => text.clone(),
    };
    let size = read_size(&size, typed_as)?;
    // Refuses an impossible day before it asks for a zone.
    let is_day = typed.acquired.len() == 10 && typed.acquired.parse::<Date>().is_ok();
    let zone = is_day.then(|| zone_for(typed_as, session)).transpose()?;
    let acquired = parse_acquired(&typed.acquired, zone.as_ref(), session.context.clock.now());
    let acquired = acquired.map_err(|why| unreadable_day(&typed.acquired, &why, typed_as))?;
    Ok(BasisLot {
        size,
        basis,
        acquired,
    })
}

/// Adds to a note the name of the person who signed for a basis of zero.
pub(super) fn signed<'t>(note: &str, typed: impl Iterator<Item = &'t TypedLot>) -> String {
    let mut note = note.to_owned();
    for lot in typed {
        if let Some(name) = lot.signed_by.as_ref().filter(|_| is_zero(&lot.basis)) {
            note.push_str(&format!(" (zero basis signed by {name})"));
        }
    }
    note
}

pub(super) fn typed_lots(args: &ResolveArgs) -> CliResult<Vec<TypedLot>> {
    let (count, sizes) = (args.basis.len(), args.size.len());
    if args.acquired.len() != count || (sizes != count && !(sizes == 0 && count == 1)) {
        return Err(CliError::usage(
            format!(
                "{count} --basis, {} --acquired and {sizes} --size do not make whole lots",
                args.acquired.len()
            ),
            "name all three for each lot; with one lot --size may be left out",
        ));
    }
    let lot = |(at, (basis, acquired)): (usize, (&String, &String))| TypedLot {
        size: args.size.get(at).cloned(),
        basis: basis.clone(),
        acquired: acquired.clone(),
        signed_by: args.signed_by.clone(),
    };
    let pairs = args.basis.iter().zip(&args.acquired);
    Ok(pairs.enumerate().map(lot).collect())
}

/// Reads a basis. Errors: not an amount; below zero; zero, and no person signed for it.
fn read_basis(typed: &TypedLot, typed_as: TypedAs<'_>) -> CliResult<Usd> {
    let basis = typed.basis.parse().ok();
    let basis = basis.filter(|basis: &Usd| !basis.is_negative());
    let Some(basis) = basis else {
        let name = typed_as.name("basis");
        let total = "the basis is the total cost of the lot, fees included";
        let hint = match dollars_hint(&typed.basis) {
            Some(in_the_way) => format!("{in_the_way}; {total}"),
            None => total.into(),
        };
        return Err(CliError::usage(
            format!("{name} is \"{}\", expected USD, zero or more", typed.basis),
            hint,
        ));
    };
    let signed_by = typed.signed_by.as_deref().unwrap_or_default();
    if basis == Usd::ZERO && signed_by.trim().is_empty() {
        return Err(CliError::usage(
            "a basis of zero makes the whole proceeds a gain: somebody has to stand for it",
            match typed_as {
                TypedAs::Flags { .. } => "name who does: --signed-by NAME",
                TypedAs::Cells => "name who does in the column signed_by",
            },
        ));
    }
    Ok(basis)
}

fn read_size(text: &str, typed_as: TypedAs<'_>) -> CliResult<Size> {
    let name = typed_as.name("size");
    let bad = |error| CliError::usage(format!("{name} is \"{text}\": it {error}"), "");
    let size: Size = text.parse().map_err(bad)?;
    match size.is_zero() {
        false => Ok(size),
        true => {
            let message = format!("{name} is zero, expected a number above it");
            Err(CliError::usage(message, ""))
        }
    }
}

fn unreadable_day(text: &str, why: &str, typed_as: TypedAs<'_>) -> CliError {
    let name = typed_as.name("acquired");
    let is_other_form = text.contains(['/', '.', ' ']) || text.len() < 10;
    let hint = match is_other_form && text.parse::<Timestamp>().is_err() {
        true => "write the year, the month and the day, in this order and with all digits",
        false => "",
    };
    CliError::usage(format!("{name} is \"{text}\", {why}"), hint)
}

/// Returns the time zone of days.
fn zone_for(typed_as: TypedAs<'_>, session: &Session) -> CliResult<jiff::tz::TimeZone> {
    match typed_as {
        TypedAs::Flags { zone } => zone_of(zone, session),
        TypedAs::Cells => zone_of(None, session).map_err(|error| CliError {
            hint: format!(
                "write a time with an offset like 2024-05-31T12:00:00Z, or name the zone in {}: \
                 timezone = \"America/New_York\" below [tax]",
                session.config.tax.path.display()
            ),
            ..error
        }),
    }
}

fn is_zero(basis: &str) -> bool {
    basis.parse::<Usd>().is_ok_and(|basis| basis == Usd::ZERO)
}
