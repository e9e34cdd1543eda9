//! Fits text into the columns of a terminal. A file or another program gets whole lines.

/// The programs that a printed command may begin with.
const PROGRAMS: [&str; 3] = ["fifo-pnl", "compute_allocations", "validate_allocations"];

/// The columns of a terminal that does not tell its width.
const COLUMNS: usize = 80;

/// Further indent of the rest of an indented line.
const REST_INDENT: usize = 2;

/// Deepest indent of the lines that a long line goes on in. A label ends before it.
const INDENT_MAX: usize = 40;

/// Returns the columns of the terminal that stdout is. `None`: stdout is no terminal.
pub fn columns() -> Option<usize> {
    columns_told().or_else(|| columns_of_terminal(&std::io::stdout()))
}

/// Returns the columns of the terminal that stderr is. `None`: stderr is no terminal.
pub fn columns_of_errors() -> Option<usize> {
    columns_told().or_else(|| columns_of_terminal(&std::io::stderr()))
}

/// Returns the width that a test sets in `FIFO_PNL_COLUMNS`: its output is no terminal.
///
/// A build without debug assertions does not read the variable: its name is not in the program.
#[cfg(debug_assertions)]
fn columns_told() -> Option<usize> {
    let told = std::env::var_os("FIFO_PNL_COLUMNS")?;
    told.to_str()?.parse().ok()
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn columns_told() -> Option<usize> {
    None
}

#[cfg(unix)]
fn columns_of_terminal(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(match usize::from(size.ws_col) {
        0 => COLUMNS,
        columns => columns,
    })
}

#[cfg(not(unix))]
fn columns_of_terminal<T>(_: &T) -> Option<usize> {
    None
}

/// Breaks lines that are longer than `columns` at spaces. A line goes on below its text, right of
/// its label. An indented line without a label goes on further to the right, so that its rest is no
/// line of its own. A command stays whole, so that it can be copied, and so does a line of a table
/// of settings that begins with `#`.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        match line.chars().count() <= columns || line.starts_with('#') {
            true => out.push_str(line),
            false => wrap(&mut out, line, columns),
        }
    }
    out
}

fn wrap(out: &mut String, line: &str, columns: usize) {
    let (indent, mut used) = (indent_of_rest(line), 0);
    for (nth, word) in words(line).into_iter().enumerate() {
        let length = word.chars().count();
        if nth > 0 && used + 1 + length > columns {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if nth > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
}

/// Splits a line at the spaces at which it may be broken. Its beginning up to the indent is one
/// word with what follows.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut start) = (Vec::new(), 0);
    let (mut is_code, command) = (false, command_at(line).unwrap_or(line.len()));
    let label = line.char_indices().nth(indent_of(line));
    let label = label.map_or(line.len(), |(at, _)| at);
    for (at, character) in line.char_indices() {
        match character {
            '`' => is_code = !is_code,
            ' ' if !is_code && at >= label && at < command => {
                words.extend(line.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    words.extend(line.get(start..));
    words
}

/// Returns the place at which a line's text begins, after its label.
fn indent_of(line: &str) -> usize {
    let head: Vec<char> = line.chars().take(INDENT_MAX).collect();
    let gap = head.windows(2).rposition(|pair| pair == [' ', ' ']);
    let text = |gap: usize| gap + head.get(gap..).map_or(0, blanks);
    gap.map_or(0, text).min(head.len().saturating_sub(1))
}

/// Returns the indent of what goes on below a line.
fn indent_of_rest(line: &str) -> usize {
    let (indent, leading) = (
        indent_of(line),
        line.len() - line.trim_start_matches(' ').len(),
    );
    match leading > 0 && indent == leading {
        true => indent + REST_INDENT,
        false => indent,
    }
}

fn blanks(characters: &[char]) -> usize {
    characters.iter().take_while(|it| **it == ' ').count()
}

/// Returns the place of a command that ends with its line. Backticks do not mark such a command.
fn command_at(line: &str) -> Option<usize> {
    let starts = line.match_indices(' ').map(|(at, _)| at.saturating_add(1));
    let mut starts = std::iter::once(0).chain(starts);
    let is_command = |at: &usize| {
        let (before, after) = (line.get(..*at), line.get(*at..).unwrap_or_default());
        begins_with_program(after) && before.is_some_and(|it| it.matches('`').count() % 2 == 0)
    };
    starts.find(is_command)
}

/// Tells whether a text begins with a program's name.
pub fn begins_with_program(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    PROGRAMS.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_its_text() {
        let text = "Rejected        main BTC (1 trade): the price of a1 is not known\nshort\n";
        let expected = "Rejected        main BTC (1 trade): the\n\
            \x20               price of a1 is not known\nshort\n";
        assert_eq!(wrapped(text, 40), expected);
        assert_eq!(wrapped(text, 100), text);
        let plain = "one two three four";
        assert_eq!(wrapped(plain, 9), "one two\nthree\nfour");
    }

    #[test]
    fn the_rest_of_an_indented_line_is_no_line_of_its_own() {
        let text = "  movements: 1 deposit, 2 staking\n  rows: 3";
        let expected = "  movements: 1\n    deposit, 2\n    staking\n  rows: 3";
        assert_eq!(wrapped(text, 14), expected);
        // A comment of TOML, cut in two, is no comment any more.
        let comment = "# open: are times in UTC?\nids = \"a\"";
        assert_eq!(wrapped(comment, 12), comment);
    }

    #[test]
    fn a_command_stays_whole() {
        let text = "or go on: `fifo-pnl review list` says more of it";
        let expected = "or go on:\n`fifo-pnl review list`\nsays more of\nit";
        assert_eq!(wrapped(text, 14), expected);
        let text = "Next: fifo-pnl review list --asset BTC --database sqlite://a.db";
        assert_eq!(wrapped(text, 20), text.replace("Next: ", "Next:\n"));
        let text = "2 trades changed; next: compute_allocations --all-symbols --config a.toml";
        assert!(wrapped(text, 30).ends_with("\ncompute_allocations --all-symbols --config a.toml"));
    }
}
