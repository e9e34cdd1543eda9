//! The part of an import's report about a whole file: the zone of its times, its accounts, and the
//! command that imports it with corrections.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::next::{flag, quoted};
use crate::engine::{Account, shown};
use crate::import::{FileTimes, ZoneSource};
use crate::pipeline::{FileRead, ImportRequest};

/// Most accounts that the text shows.
const ACCOUNTS_SHOWN_MAX: usize = 5;

/// Says in which zone the times of a file are read, and where the zone comes from.
pub(super) fn describe_times(times: &FileTimes) -> String {
    let zone = shown(&times.zone);
    let said = match times.from {
        ZoneSource::Rows => "as in the file".to_owned(),
        ZoneSource::FileName => format!("{zone}, from the file's name"),
        ZoneSource::Header => format!("{zone}, from the header"),
        ZoneSource::Before => format!("{zone}, from a line before the header"),
        ZoneSource::Source => format!("{zone}, as the source writes them"),
        ZoneSource::Assumed => format!("{zone}, assumed; --timezone names another"),
        ZoneSource::Table => format!("{zone}, from your table of the format"),
        ZoneSource::TableWithout => format!("{zone}, as your table of the format names no zone"),
        ZoneSource::Person => format!("{zone}, from --timezone"),
        ZoneSource::Clock => "the stored clock of the account".to_owned(),
    };
    let unused = match times.is_other_named {
        true => "; --timezone is not used",
        false => "",
    };
    format!("  times: {said}{unused}\n")
}

/// Puts the zone of a file's times into JSON.
pub(super) fn times_json(times: Option<&FileTimes>) -> Value {
    times.map_or(Value::Null, |times| {
        let zone = Some(&times.zone).filter(|zone| !zone.is_empty());
        json!({ "zone": zone, "from": times.from.as_str(),
            "timezone_unused": times.is_other_named })
    })
}

/// Names the accounts of a file with several: their trades share lots.
pub(super) fn describe_accounts(read: &FileRead, account: &Account) -> String {
    if read.accounts.len() < 2 {
        return String::new();
    }
    let names = read.accounts.iter().map(|name| shown(name).to_string());
    let names: Vec<String> = names.collect();
    let shown_names = names.iter().take(ACCOUNTS_SHOWN_MAX).cloned();
    let listed = shown_names.collect::<Vec<_>>().join(", ");
    let more = match names.len() > ACCOUNTS_SHOWN_MAX {
        true => " and more",
        false => "",
    };
    format!(
        "  accounts in the file: {listed}{more}; all rows go to \"{account}\". If they are \
         separate accounts, split the file\n"
    )
}

/// Returns the command that replaces known trades by those of a file.
pub(super) fn correction(file: &str, request: &ImportRequest) -> String {
    let account = Some(request.account.as_str()).filter(|it| *it != Account::default().as_str());
    let zone = request.timezone.as_ref().map(zone_flag);
    let format = request.format.as_deref();
    let flags = [
        account.map(|it| flag("--account", it)),
        zone.flatten(),
        format.map(|it| flag("--format", it)),
    ];
    let flags: String = flags.iter().flatten().map(|it| format!(" {it}")).collect();
    format!(
        "fifo-pnl import {}{flags} --correct --reason TEXT",
        quoted(file)
    )
}

/// Returns the flag of a zone that a person named.
fn zone_flag(zone: &TimeZone) -> Option<String> {
    let name = match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => {
            let minutes = offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
        (None, Err(_)) => return None,
    };
    Some(flag("--timezone", &name))
}
