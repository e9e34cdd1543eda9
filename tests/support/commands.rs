//! Finds the commands in a text of the programs, splits them as a shell does, and runs them.

use super::{Done, Folder};

const PROGRAMS: [&str; 3] = ["fifo-pnl", "compute_allocations", "validate_allocations"];

/// If one of these stands before a program's name, the text is no command to type.
const NO_COMMAND: [&str; 6] = [
    "Usage: ",
    "at work: ",
    "waiting for ",
    "iled by ",
    "try '",
    "$ ",
];

/// The commands of a text, and other mentions of a program in it.
#[derive(Debug, Default)]
pub struct Printed {
    pub commands: Vec<String>,
    pub unmarked: Vec<String>,
}

/// Finds the commands: between backticks, after "Next: ", and on lines of their own.
pub fn printed(text: &str) -> Printed {
    let mut printed = Printed::default();
    for line in text.lines() {
        for (nth, part) in line.split('`').enumerate() {
            if nth % 2 == 1 {
                if begins(part) {
                    printed.commands.push(part.to_owned());
                }
                continue;
            }
            let after = |mark| part.split_once(mark).map(|(_, rest): (&str, &str)| rest);
            let own = Some(part.trim_start()).filter(|_| nth == 0);
            let found = [after("Next: "), after("next: "), own];
            match found.into_iter().flatten().find(|rest| begins(rest)) {
                Some(command) => printed.commands.push(command.trim_end().to_owned()),
                None if mentions(part) => printed.unmarked.push(line.to_owned()),
                None => {}
            }
        }
    }
    printed
}

fn begins(text: &str) -> bool {
    let mut words = text.split(' ');
    words.next().is_some_and(|word| PROGRAMS.contains(&word)) && words.next().is_some()
}

fn mentions(text: &str) -> bool {
    let is_one = |(at, program): (usize, &str)| {
        let (before, after) = (&text[..at], &text[at + program.len()..]);
        let stands_alone = !before.ends_with(|c: char| c.is_alphanumeric() || "/_-.\"".contains(c))
            && (after.is_empty() || after.starts_with([' ', ',', ';']));
        stands_alone && !NO_COMMAND.iter().any(|no| before.ends_with(no))
    };
    PROGRAMS
        .iter()
        .any(|program| text.match_indices(program).any(is_one))
}

/// Splits a line into words as a shell does: blanks, single and double quotes, backslashes.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    assert_eq!(quote, None, "a quote is open: {line}");
    words
}

/// Replaces the words in capitals with values that a user would type.
fn filled(words: &[String]) -> Vec<String> {
    let has = |of: &str| words.iter().any(|word| word == of);
    let is_output = |at: usize| at > 0 && words[at - 1] == "--output";
    let fill = |(at, word): (usize, &String)| match word.as_str() {
        "FILE" if is_output(at) => "new.csv".to_owned(),
        "FILE" if has("history") => "old.csv".into(),
        "FILE" if has("lots") => "lots.csv".into(),
        "FILE" => "ledger.csv".into(),
        "ID" => "1".into(),
        "ZIP" => "new.zip".into(),
        "TEXT" => "as asked".into(),
        "USD" => "70.5".into(),
        "DATE" => "2025-01-01".into(),
        "ZONE" => "Europe/Berlin".into(),
        "NAME" => "main".into(),
        "SYMBOL" => "BTC-USD".into(),
        "ASSET" => "BTC".into(),
        asset if at > 0 && words[at - 1] == "--asset" => asset.to_owned(),
        "YEAR" => "2025".into(),
        "BUY_ID" => "B-1".into(),
        "OUT" => "w-1".into(),
        "IN" => "d-1".into(),
        other => {
            let is_word = |c: char| c.is_ascii_uppercase() || c == '_';
            assert!(
                other.len() < 2 || !other.chars().all(is_word),
                "{other} stands for what?"
            );
            other.to_owned()
        }
    };
    words.iter().enumerate().map(fill).collect()
}

/// Runs a printed command.
pub fn run_printed(folder: &Folder, command: &str) -> Done {
    folder.write("old.csv", "order_id,parent_id,pnl_usd\nS-1,B-1,9.79\n");
    folder.write(
        "lots.csv",
        "symbol,size,acquired,basis\nLTC-USD,1,2024-01-02T10:00:00Z,70\n",
    );
    let words = filled(&words(command));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fifo-pnl", args @ ..] => folder.fifo_pnl(args),
        ["compute_allocations", args @ ..] => folder.compute(args),
        ["validate_allocations", args @ ..] => folder.validate(args),
        _ => panic!("no program of ours: {command}"),
    }
}
