//! Completes printed commands, so that a user who pastes one works on the same database.
//!
//! Only this file adds their options. Backticks mark a command in a sentence, so that a reader sees
//! its end. `printed_commands.rs` and `errors.rs` of tests/programs read all commands from the
//! output, and run them. The user replaces words in capitals.

use super::config::Config;
use super::width::begins_with_program;
use crate::engine::is_plain;

/// The options that a printed command needs to use the same database and settings.
#[derive(Debug, Clone, Default)]
pub struct Next {
    options: String,
}

impl Next {
    /// Returns the options that a printed command needs: `--database` if it would otherwise open
    /// another database, and `--config` if the user named a file.
    pub fn of(config: &Config) -> Self {
        let mut options = String::new();
        if let Some(url) = &config.database_option {
            options.push_str(&format!(" --database {}", quoted(url)));
        }
        if let Some(path) = &config.config_option {
            options.push_str(&format!(
                " --config {}",
                quoted(&path.display().to_string())
            ));
        }
        Self { options }
    }

    /// Adds the options to a command.
    pub fn command(&self, command: &str) -> String {
        let (before, after) = command.split_at(end_of_options(command));
        format!("{before}{}{after}", self.options)
    }

    /// Adds the options to each command between backticks in a text.
    pub fn in_text(&self, text: &str) -> String {
        let mut done = String::new();
        for (nth, part) in text.split('`').enumerate() {
            if nth > 0 {
                done.push('`');
            }
            let is_command = nth % 2 == 1 && begins_with_program(part);
            match is_command {
                true => done.push_str(&self.command(part)),
                false => done.push_str(part),
            }
        }
        done
    }
}

/// Returns where a command's options end: before the word `--`, or at its end.
fn end_of_options(command: &str) -> usize {
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, character) in command.char_indices() {
        let rest = command.get(at..).unwrap_or_default();
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if !is_quoted => is_escaped = true,
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted && rest.starts_with(" -- ") => return at,
            _ => {}
        }
    }
    command.len()
}

/// Returns a flag with its value. The value may begin like a flag.
pub fn flag(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { "=" } else { " " };
    format!("{name}{between}{}", quoted(value))
}

/// Returns a word in one piece for a shell. An invisible character is written as an escape. So the
/// word stays on its line, and bash, zsh and ksh can read it.
pub fn quoted(word: &str) -> String {
    let is_unseen = |character: char| !is_plain(character);
    if word.chars().any(is_unseen) {
        let spelled = word.chars().map(|character| match character {
            '\'' | '\\' => format!("\\{character}"),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            unseen if is_unseen(unseen) => format!("\\U{:08x}", u32::from(unseen)),
            plain => plain.to_string(),
        });
        return format!("$'{}'", spelled.collect::<String>());
    }
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let cases = [
            ("BTC-USD", "BTC-USD"),
            ("two words", "'two words'"),
            ("it's", "'it'\\''s'"),
            ("$(rm)", "'$(rm)'"),
            ("", "''"),
            (
                "it's\na\u{1b}\u{2028}",
                "$'it\\'s\\na\\U0000001b\\U00002028'",
            ),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
        assert_eq!(flag("--account", "-x"), "--account=-x");
    }

    #[test]
    fn options_come_before_the_ids() {
        let next = Next {
            options: " --database sqlite://a.db".into(),
        };
        for (command, expected) in [
            (
                "fifo-pnl review list",
                "fifo-pnl review list --database sqlite://a.db",
            ),
            (
                "fifo-pnl void -- -5",
                "fifo-pnl void --database sqlite://a.db -- -5",
            ),
            (
                "fifo-pnl void 'it'\\''s -- b'",
                "fifo-pnl void 'it'\\''s -- b' --database sqlite://a.db",
            ),
        ] {
            assert_eq!(next.command(command), expected);
        }
        let text = "`fifo-pnl health` says more; `ls` does not";
        let expected = "`fifo-pnl health --database sqlite://a.db` says more; `ls` does not";
        assert_eq!(next.in_text(text), expected);
        assert_eq!(Next::default().in_text(text), text);
    }
}
