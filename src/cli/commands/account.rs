//! `account`: facts of accounts at venues and brokers, and the state of their imports.

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::{AccountAddArgs, AccountCommand};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{count, table, time};
use crate::cli::session::Session;
use crate::engine::{Account, Timestamp, shown, shown_sentence};
use crate::store::Store;
use crate::store::model::{AccountChange, SyncTry, TimeOffset, TradingAccount};

/// Tries that `account show` lists.
const TRIES_SHOWN_MAX: u64 = 10;

/// Longest offset of a clock. Units: seconds.
const OFFSET_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(command: &AccountCommand) -> CliResult<()> {
    match command {
        AccountCommand::Add(args) => {
            read_name(&args.name)?;
            read_class(args)?;
            let mut offsets = args.server_time.iter();
            offsets.try_for_each(|text| read_offset(text).map(drop))
        }
        AccountCommand::List => Ok(()),
        AccountCommand::Show { name } => read_name(name).map(drop),
    }
}

/// Runs the command.
pub(super) async fn run(command: &AccountCommand, session: &Session) -> CliResult<Outcome> {
    match command {
        AccountCommand::Add(args) => add(args, session).await,
        AccountCommand::List => list(session).await,
        AccountCommand::Show { name } => show(&read_name(name)?, session).await,
    }
}

fn read_name(text: &str) -> CliResult<Account> {
    let bad = |error| {
        let what = format!("the account is {}: it {error}", shown(text).quoted());
        CliError::usage(what, "an account is a short name like main")
    };
    text.parse().map_err(bad)
}

fn read_class(args: &AccountAddArgs) -> CliResult<Option<crate::engine::AssetClass>> {
    let read = |text: &String| {
        let bad = |error| {
            let what = format!("--class is {}: it {error}", shown(text).quoted());
            CliError::usage(what, "leave it out if the account trades several classes")
        };
        text.parse().map_err(bad)
    };
    args.class.as_ref().map(read).transpose()
}

/// Reads the offset of a clock, and the instant from which on it counts.
fn read_offset(text: &str) -> CliResult<TimeOffset> {
    let (offset, from) = match text.split_once('@') {
        Some((offset, from)) => (offset, Some(from)),
        None => (text, None),
    };
    let seconds = seconds_of(offset.trim());
    let valid_from = match from {
        None => Some(Timestamp::MIN),
        Some(day) if day.len() == "2025-03-30".len() => format!("{day}T00:00:00Z").parse().ok(),
        Some(instant) => instant.parse().ok(),
    };
    let (Some(seconds), Some(valid_from)) = (seconds, valid_from) else {
        return Err(CliError::usage(
            format!("--server-time is {}", shown(text).quoted()),
            "write it like +02:00, or +03:00@2025-03-30 from that day on, in UTC",
        ));
    };
    Ok(TimeOffset {
        valid_from,
        seconds,
    })
}

/// Reads an offset like `+03:00`. Units: seconds.
fn seconds_of(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<i64>().ok().filter(|_| digits)?;
        (number < below).then_some(number)
    };
    let seconds = number(hours, 24)? * 3_600 + number(minutes, 60)? * 60;
    (seconds < OFFSET_SECONDS_MAX).then_some(sign * seconds)
}

async fn add(args: &AccountAddArgs, session: &Session) -> CliResult<Outcome> {
    let offsets = args.server_time.iter().map(|text| read_offset(text));
    let change = AccountChange {
        account: read_name(&args.name)?,
        platform: args.platform.clone(),
        broker: args.broker.clone(),
        server: args.server.clone(),
        login: args.login.clone(),
        class: read_class(args)?,
        offsets: offsets.collect::<CliResult<_>>()?,
        changed_by: session.context.user.clone(),
        changed_at: session.context.clock.now(),
    };
    let store = session.open(true).await?;
    let is_new = store.change_account(&change).await?;
    let account = stored(store.as_ref(), &change.account).await?;
    let verb = if is_new { "Added  " } else { "Changed" };
    let mut text = format!(
        "Database  {}\n{verb}   account {}\n{}",
        store.location(),
        shown(account.account.as_str()).quoted(),
        facts(&account),
    );
    let of_settings = session.config.rules.accounts.get(&change.account);
    if let (Some(stated), Some(wins)) = (change.class, of_settings)
        && stated != *wins
    {
        text.push_str(&format!("  warning: the settings say {wins}, which wins\n"));
    }
    let json = json!({ "database": store.location(), "is_new": is_new,
        "account": to_json(&account) });
    Ok(Outcome::summary(Exit::Done, text, json))
}

async fn stored(store: &dyn Store, name: &Account) -> CliResult<TradingAccount> {
    let mut all = store.accounts().await?.into_iter();
    all.find(|of| of.account == *name).ok_or_else(|| {
        CliError::usage(
            format!("no account {} is stored", shown(name.as_str()).quoted()),
            "`fifo-pnl account list` shows those that are; `fifo-pnl account add NAME` stores one",
        )
    })
}

/// Returns the stated facts of an account, one on each line.
fn facts(account: &TradingAccount) -> String {
    let class = account.class.map(|class| class.to_string());
    let shorts = account.trades_contracts();
    let shorts = shorts.then(|| "yes, as its platform is MetaTrader".to_owned());
    let of = [
        ("platform", &account.platform),
        ("broker", &account.broker),
        ("server", &account.server),
        ("login", &account.login),
        ("class", &class),
        ("may go short", &shorts),
    ];
    let mut text = String::new();
    for (name, value) in of {
        if let Some(value) = value {
            text.push_str(&format!("  {name}: {}\n", shown_sentence(value)));
        }
    }
    for offset in &account.offsets {
        let from = match offset.valid_from {
            Timestamp::MIN => String::new(),
            from => format!(" from {} on", time(from)),
        };
        let clock = clock(offset.seconds);
        text.push_str(&format!("  server time: {clock}{from}\n"));
    }
    text
}

fn clock(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

async fn list(session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let accounts = store.accounts().await?;
    let mut text = format!("Database  {}\n", store.location());
    let row = |of: &TradingAccount| {
        vec![
            of.account.to_string(),
            of.platform.clone().unwrap_or_default(),
            of.class.map(|class| class.to_string()).unwrap_or_default(),
            of.status.as_str().to_owned(),
            of.last_sync_at.map(time).unwrap_or_default(),
            count(of.failures),
        ]
    };
    if accounts.is_empty() {
        let none =
            "No account is stored yet; an import or `fifo-pnl account add NAME` stores one.\n";
        text.push_str(&session.next.in_text(none));
    } else {
        let header = [
            "Account", "Platform", "Class", "Status", "Last try", "Failures",
        ];
        let rows = accounts.iter().map(row).collect();
        text.push_str(&format!("{}\n", table(&header, &[5], rows)));
    }
    let list: Vec<Value> = accounts.iter().map(to_json).collect();
    let json = json!({ "database": store.location(), "accounts": list });
    Ok(Outcome::answer(Exit::Done, text, json))
}

async fn show(name: &Account, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let account = stored(store.as_ref(), name).await?;
    let tries = store.syncs(name, TRIES_SHOWN_MAX).await?;
    let out = store.imports_out(None).await?;
    let mut text = format!(
        "Database  {}\nAccount   {}\n{}",
        store.location(),
        shown(account.account.as_str()).quoted(),
        facts(&account)
    );
    text.push_str(&state(&account));
    let row = |of: &SyncTry| {
        vec![
            time(of.started_at),
            match of.import_id.is_some_and(|id| out.contains(&id)) {
                true => "undone".into(),
                false => of.status.as_str().to_owned(),
            },
            count(of.counts.trades),
            count(of.counts.movements + of.counts.actions),
            count(of.counts.known),
            count(of.counts.rejected + of.counts.conflicts),
            of.file.clone(),
        ]
    };
    if !tries.is_empty() {
        let header = ["At", "Status", "New", "Beside", "Known", "Rejected", "File"];
        let rows = tries.iter().map(row).collect();
        text.push_str(&format!("{}\n", table(&header, &[2, 3, 4, 5], rows)));
        if tries
            .iter()
            .any(|of| of.counts.movements + of.counts.actions > 0)
        {
            text.push_str("  Beside: new movements and actions\n");
        }
    }
    let list: Vec<Value> = tries.iter().map(try_json).collect();
    let json = json!({ "database": store.location(), "account": to_json(&account),
        "imports": list });
    Ok(Outcome::answer(Exit::Done, text, json))
}

/// Returns the state of an account's imports, one fact on each line.
fn state(account: &TradingAccount) -> String {
    let mut text = format!("  status: {}\n", account.status.as_str());
    if let Some(at) = account.last_successful_sync_at {
        text.push_str(&format!("  last whole import: {}\n", time(at)));
    }
    if account.failures > 0 {
        let failures = count(account.failures);
        text.push_str(&format!("  failed imports since: {failures}\n"));
    }
    if let Some(error) = &account.last_error {
        let first = error.lines().next().unwrap_or_default();
        text.push_str(&format!("  last error: {}\n", shown_sentence(first)));
    }
    text
}

fn to_json(of: &TradingAccount) -> Value {
    let offsets = of.offsets.iter();
    let offsets =
        offsets.map(|it| json!({ "valid_from": it.valid_from.to_string(), "seconds": it.seconds }));
    json!({ "account": of.account.as_str(), "platform": of.platform, "broker": of.broker,
        "server": of.server, "login": of.login, "class": of.class.map(|class| class.as_str()),
        "time_offsets": offsets.collect::<Vec<_>>(), "connection_status": of.status.as_str(),
        "last_sync_at": of.last_sync_at.map(|at| at.to_string()),
        "last_successful_sync_at": of.last_successful_sync_at.map(|at| at.to_string()),
        "last_connection_error": of.last_error, "sync_failure_count": of.failures })
}

fn try_json(of: &SyncTry) -> Value {
    let counts = &of.counts;
    json!({ "at": of.started_at.to_string(), "status": of.status.as_str(), "file": of.file,
        "sha256": of.sha256, "format": of.format, "import_id": of.import_id,
        "rows": counts.rows, "trades": counts.trades, "known": counts.known,
        "corrected": counts.corrected, "movements": counts.movements, "actions": counts.actions,
        "rejected": counts.rejected, "conflicts": counts.conflicts,
        "duration_ms": of.duration_ms, "error": of.error, "details": of.details,
        "triggered_by": of.triggered_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_a_clock_are_read() {
        let read = |text: &str| {
            let offset = read_offset(text).ok()?;
            Some((offset.seconds, offset.valid_from.to_string()))
        };
        let (first, day) = ("0001-01-01T00:00:00.000000Z", "2025-03-30T00:00:00.000000Z");
        assert_eq!(read("+02:00"), Some((7_200, first.into())));
        assert_eq!(read("-05:30@2025-03-30"), Some((-19_800, day.into())));
        let hour = "2025-03-30T01:00:00.000000Z";
        let instant = read("+03:00@2025-03-30T03:00:00+02:00");
        assert_eq!(instant, Some((10_800, hour.into())));
        for text in [
            "2",
            "+2",
            "+24:00",
            "02:00",
            "+02:60",
            "+02:00@",
            "+02:00@monday",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
