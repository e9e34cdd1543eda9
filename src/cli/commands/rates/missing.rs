//! `rates missing`: the assets and days of trades that lack a rate, as a file to fill in.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{plural, table};
use crate::cli::next::quoted;
use crate::cli::session::Session;
use crate::engine::policy::USD;
use crate::engine::shown_sentence;
use crate::files::{IfThere, WriteError, check_place};
use crate::pipeline::{MissingDay, missing_rates};
use crate::rates::PLAIN_COLUMNS;
use crate::report::{CsvLine, PartFile};
use crate::store::Store;

/// The line end of files of rates: a script that fills cells in looks for the end of a line.
const LINE_END: &[u8] = b"\n";

pub(super) async fn run(
    store: &dyn Store,
    session: &Session,
    (output, if_there): (Option<&Path>, IfThere),
) -> CliResult<Outcome> {
    if let Some(path) = output {
        check_place(path, if_there)?;
    }
    let missing = missing_rates(store, &session.context).await?;
    let location = store.location();
    let days = match missing.len() as u64 {
        0 => "no rate is".to_owned(),
        number => plural(number, "rate is", "rates are"),
    };
    let mut text = format!("Database  {location}\nMissing   {days} missing\n");
    // A file without rows would be no file of rates.
    let output = output.filter(|_| !missing.is_empty());
    match output {
        Some(path) => {
            let written = write(path, if_there, &missing);
            written.map_err(|error| WriteError::of(error, path))?;
            let file = path.display().to_string();
            let import = format!("fifo-pnl import rates {}", quoted(&file));
            let (shown, import) = (shown_sentence(&file), session.next.command(&import));
            let fill = format!("Wrote     {shown}\nFill in rate, the USD for one unit; then\n");
            text.push_str(&format!("{fill}{import}\n"));
        }
        None => text.push_str(&listed(&missing)),
    }
    let each = |it: &MissingDay| json!({ "asset": it.asset.as_str(), "day": it.day });
    let list: Vec<Value> = missing.iter().map(each).collect();
    let file = output.map(|path| path.display().to_string());
    let json = json!({ "database": location, "missing": list, "file": file });
    Ok(Outcome::answer(Exit::Done, text, json))
}

fn listed(missing: &BTreeSet<MissingDay>) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let rows = missing.iter();
    let rows = rows.map(|it| vec![it.asset.to_string(), it.day.clone()]);
    table(&["asset", "day"], &[], rows.collect()) + "\n"
}

/// Writes a plain file of rates without the rates. A day counts from its first instant, UTC.
fn write(path: &Path, if_there: IfThere, missing: &BTreeSet<MissingDay>) -> std::io::Result<()> {
    let (mut file, mut line) = (PartFile::create(path, if_there)?, CsvLine::default());
    file.head(line.texts(PLAIN_COLUMNS).end_with(LINE_END))?;
    for MissingDay { asset, day } in missing {
        line.texts([asset.as_str(), day.as_str(), USD, ""]);
        file.row(line.end_with(LINE_END))?;
    }
    file.finish()?.publish()
}
