//! Cases to the page, and what differs from run to run to something that does not.

use super::{Case, Group, Where};
use crate::support::Done;

/// A case as the page shows it.
#[derive(Debug, Clone)]
pub struct Shown {
    text: String,
}

impl Shown {
    /// Shows a case and what the program said.
    pub fn new(case: &Case, done: &Done) -> Self {
        let mut text = format!("### {}\n\n", case.title);
        for (name, bytes) in case.files {
            let language = name.rsplit('.').next().unwrap_or("");
            text.push_str(&format!(
                "`{name}`:\n\n```{language}\n{}\n```\n\n",
                bytes.trim_end()
            ));
        }
        let place = match case.place {
            Where::Folder => "",
            Where::Locked => "While another run is at work:\n\n",
            Where::ReadOnly => "By a user who may not write to the folder:\n\n",
            Where::SmallDisk => "With a disk that holds 1 MiB:\n\n",
        };
        text.push_str(place);
        text.push_str("```console\n");
        for line in case.before {
            text.push_str(&format!("$ {line}\n"));
        }
        text.push_str(&format!("$ {}\n", case.command));
        text.push_str(&steady(&done.stdout));
        text.push_str(&steady(&done.stderr));
        text.push_str("```\n\n");
        text.push_str(&format!("Exit code {}.", case.exit));
        if !case.same.is_empty() {
            let commands: Vec<String> = case.same.iter().map(|line| format!("`{line}`")).collect();
            text.push_str(&format!(" The same: {}.", commands.join(", ")));
        }
        if let Some((last, first)) = case.after.split_last() {
            let mut lines: Vec<String> = first.iter().map(|line| format!("`{line}`")).collect();
            lines.push(format!("`{last}`"));
            text.push_str(&format!(" Afterwards {} works.", lines.join(", then ")));
        }
        Self { text: wrap(&text) }
    }
}

/// Breaks long lines of prose; those of code stay.
fn wrap(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut wrapped = String::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if is_code || line.len() <= WIDTH {
            wrapped.push_str(line);
        } else {
            let mut column = 0;
            for word in line.split(' ') {
                if column > 0 && column + 1 + word.len() > WIDTH {
                    wrapped.push('\n');
                    column = 0;
                } else if column > 0 {
                    wrapped.push(' ');
                    column += 1;
                }
                wrapped.push_str(word);
                column += word.len();
            }
        }
        wrapped.push('\n');
    }
    wrapped
}

/// Takes out instants of today and durations. Times in the cases are of 2025 and before.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((replaced, length)) = instant(rest).or_else(|| duration(rest)) {
            steady.push_str(replaced);
            rest = &rest[length..];
        } else {
            steady.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    steady
}

fn has_form(text: &str, form: &str) -> bool {
    text.len() >= form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                _ => byte == wanted,
            })
}

/// Finds an instant as the program writes it, of a year after the cases'.
fn instant(text: &str) -> Option<(&'static str, usize)> {
    let form = "0000-00-00T00:00:00.000000Z";
    (has_form(text, form) && text > "2026").then_some(("<now>", form.len()))
}

/// Finds a duration such as `(0.02 s)` or `, 0.02 s)`.
fn duration(text: &str) -> Option<(&'static str, usize)> {
    ["0.00 s)", "00.00 s)"]
        .into_iter()
        .find(|form| has_form(text, form))
        .map(|form| ("<time>)", form.len()))
}

const HEAD: &str = "\
# Errors

Messages that need no server, each with a case. A test runs the cases and writes this page, so it
is what the programs say; only instants of today (`<now>`) and durations (`<time>`) differ.
Questions about the data are no errors: see `fifo-pnl review`. Messages about PostgreSQL are in
[OPERATIONS](OPERATIONS.md#at-three-in-the-morning).

An error goes to stderr: the fault and its place, then a hint. If a run failed, the last line says
which run, which version is still current, through which trade it is complete, and the next step.
The [README](../README.md#commands) lists the exit codes. If a case below has a code of 2 or more,
nothing has changed: the test compares the folder and the database. In general, `fifo-pnl run` may
have imported its files before it ends with 3 or 4.

Each case begins in a folder of its own, with the file `ledger.csv`:

```csv
";

/// Makes the page. A case whose place can't be had here stays as it is on the old page.
pub fn render(
    ledger: &str,
    groups: &[Group],
    shown: &mut dyn Iterator<Item = Option<Shown>>,
    old: &str,
) -> String {
    let mut page = format!("{HEAD}{}\n```\n", ledger.trim_end());
    for group in groups {
        page.push_str(&format!("\n## {}\n", group.title));
        if !group.about.is_empty() {
            page.push_str(&format!("\n{}", wrap(group.about)));
        }
        for case in group.cases {
            page.push('\n');
            match shown.next().flatten() {
                Some(shown) => page.push_str(&shown.text),
                None => page.push_str(&section(old, case.title)),
            }
        }
    }
    page
}

/// Returns the section of a page under a title.
fn section(page: &str, title: &str) -> String {
    let head = format!("### {title}\n");
    let Some(start) = page.find(&head) else {
        return head;
    };
    let rest = &page[start + head.len()..];
    let end = ["\n### ", "\n## "]
        .into_iter()
        .filter_map(|next| rest.find(next))
        .min();
    format!("{head}{}", &rest[..end.unwrap_or(rest.len())])
}
