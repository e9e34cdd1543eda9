//! `formats`: the formats of files, and a draft of a new one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::json;

use crate::cli::Outcome;
use crate::cli::args::FormatsCommand;
use crate::cli::error::{CliError, CliResult, file_hint};
use crate::cli::session::Session;
use crate::files::check_text;
use crate::import::{FileError, OwnFormats, PIPE_BYTES_MAX, draft_format, is_document, quoted};

/// Most bytes of a file that a draft looks at.
const DRAFT_BYTES_MAX: u64 = 64 * 1024;

/// Runs the command. No database is opened.
pub fn run(command: &FormatsCommand, session: &Session) -> CliResult<Outcome> {
    let own = || session.config.formats.read();
    let (text, json) = match command {
        FormatsCommand::List => {
            let own = own()?;
            let mut names: Vec<&str> = own.names().collect();
            names.sort_by_key(|name| (own.is_own(name), *name));
            let lines = names.iter().map(|name| match name {
                name if own.is_own(name) => format!("{name:<24}yours\n"),
                name if own.is_refused(name) => format!("{name:<24}refused\n"),
                name => format!("{name}\n"),
            });
            (lines.collect(), json!({ "formats": names }))
        }
        FormatsCommand::Show { name } => {
            let own = own()?;
            check_name(&own, name)?;
            let text = match own.table(name) {
                Some(table) => format!(
                    "# A copy of {name} to change. --format my-{name} reads a file in it.\n{table}"
                ),
                None if session.config.formats.has(name) => {
                    format!("# This format is yours: see [formats.{name}] in the settings.\n")
                }
                None if name == "native" => NATIVE.to_owned(),
                None => NO_TABLE.to_owned(),
            };
            (text.clone(), json!({ "table": text }))
        }
        FormatsCommand::Draft { file } => {
            let text = draft(file)?;
            (text.clone(), json!({ "table": text }))
        }
    };
    Ok(Outcome::pasted(text, json))
}

/// The answers about files with several rows a trade, and about the native format.
const NO_TABLE: &str = "# This format has no table: docs/FORMATS.md says how its rows are read.\n";
const NATIVE: &str = "# The native format has no table: README.md lists its columns.\n";

/// Checks the name of a format. Errors: there is no such format.
pub(super) fn check_name(own: &OwnFormats, name: &str) -> CliResult<()> {
    if own.names().any(|known| known == name) {
        return Ok(());
    }
    let what = format!("no format has the name {}", quoted(name));
    Err(CliError::usage(what, "`fifo-pnl formats list` names them"))
}

fn draft(file: &Path) -> CliResult<String> {
    let fault = |why: String, hint: &str| {
        let what = format!("{}: {why}", file.display());
        CliError::usage(what, hint)
    };
    let any = "name an export as CSV or xlsx, with a header of four columns or more";
    let unread = |why: String| fault(why, any);
    let undrafted = |error: FileError| match error {
        FileError::WrongFile { .. } => fault(error.to_string(), &file_hint(&error)),
        error => unread(error.to_string()),
    };
    check_text(file).map_err(|error| unread(error.to_string()))?;
    let opened = File::open(file).map_err(|error| unread(error.to_string()))?;
    let mut head = Vec::new();
    let mut opened = opened.take(DRAFT_BYTES_MAX);
    let read = opened.read_to_end(&mut head);
    read.map_err(|error| unread(error.to_string()))?;
    // Such a file is read whole: its beginning alone has no table.
    if is_document(&head) {
        opened.set_limit(PIPE_BYTES_MAX as u64);
        let read = opened.read_to_end(&mut head);
        read.map_err(|error| unread(error.to_string()))?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        return draft_format(&head, &stem).map_err(undrafted);
    }
    // The last line may be cut, also inside a character. In UTF-16 a line end has two bytes.
    let is_utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let whole = head.iter().rposition(|byte| *byte == b'\n');
    if !is_utf16 {
        head.truncate(whole.map_or(head.len(), |at| at + 1));
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    draft_format(&head, &stem).map_err(undrafted)
}
