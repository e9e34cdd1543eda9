//! Plain English, as far as a machine can tell: words and turns that readers stumbled over, doc
//! comments that begin with a fragment, and sentences that are too long.
//!
//! Each list has a budget: the number of matches that are left. Rewrite a sentence that a list
//! finds, and never raise a budget. Text in backticks is code, and no list reads it. The aim is a
//! subject, a verb and an object in at most 20 words; these lists find only the worst.

use super::{Source, sources};

/// No sentence may have more words.
const SENTENCE_WORDS_MAX: usize = 30;

/// A line that begins so is a text of its own.
const BEGINNINGS: &str = "- |* |1. |2. |3. |4. |5. |6. |7. |--|usage: |exit codes: |\
    Errors: |Units: |Order: |Rounding: |Source: ";

/// A text in quotes with one of these is no English.
const SQL_WORDS: &str = "SELECT INSERT UPDATE DELETE CREATE ALTER FROM WHERE";

/// Shorter texts in quotes are names and keys.
const STRING_SPACES_MIN: usize = 2;

/// A list of offences and how many of them are left.
struct List {
    name: &'static str,
    left: usize,
    find: fn(&Text) -> Vec<String>,
}

const LISTS: [List; 5] = [
    List {
        name: "private words",
        left: 0,
        find: |text| phrases(text, PRIVATE_WORDS),
    },
    List {
        name: "turns",
        left: 0,
        find: |text| phrases(text, TURNS),
    },
    List {
        name: "double negatives",
        left: 0,
        find: |text| phrases(text, DOUBLE_NEGATIVES),
    },
    List {
        name: "fragments",
        left: 0,
        find: fragment,
    },
    List {
        name: "long sentences", // lists of links, numbers and columns, and one message
        left: 5,
        find: long_sentences,
    },
];

/// All budgets together may not be more.
const LEFT_MAX: usize = 20;

/// Words of this project alone that docs/GLOSSARY.md does not have.
const PRIVATE_WORDS: &str = "\
    gate, gates, gated, pointer, pointers, writings, carried column, carried columns, is \
    carried, are carried, taken back, takes back, take back, taking back, took back";

/// Turns that read like a translation. "If", not "where"; "no X", not "none that is there".
const TURNS: &str = "\
    of which, of whose, is none, are none, none that, none of those, that is no, what \
    nothing, that nothing, which nothing, nothing that, is told, are told, be told, was \
    told, were told, is said, are said, be said, was said, in front of, by itself, by \
    themselves, of itself, so far as, as far as the, whatever, whoever, wherever, but for, \
    where there is, where there are, where there was, where that, where nothing, where none, \
    where one, where no, where it is, where they are, where it has, where it can, where they \
    can, as it stands, as they stand, held against, anew, is worth, against each other, came \
    of, comes of, come of, became of, becomes of, become of, behind the, behind a, behind \
    it, behind them, behind all, behind that, behind one, behind another, behind its, stands \
    behind, stand behind, come behind, comes behind";

/// Two negations in one clause.
const DOUBLE_NEGATIVES: &str = "\
    not without, never without, nothing without, no more without, nothing is not, none is \
    not, nothing but, none but, no other but, not unlike, never not, nobody but";

/// First words of a doc comment that names no actor and does nothing.
const FRAGMENTS: &str = "\
    what, where, whose, which, of, whoever, whatever, so, who, by, returns what, says what, \
    names what, reads what, tells what, takes what, writes what, keeps what";

/// A piece of prose: a paragraph, a cell of a table, a comment, a text in quotes.
struct Text {
    line: usize,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Prose of a document.
    Page,
    /// `///`
    Item,
    /// `//!`
    Module,
    /// Any other comment.
    Comment,
    /// A text in quotes.
    Quoted,
}

#[test]
fn english_is_plain() {
    let texts: Vec<(Source, Vec<Text>)> = sources()
        .into_iter()
        .map(|source| {
            let texts = texts(&source);
            (source, texts)
        })
        .collect();
    assert!(texts.iter().map(|(_, texts)| texts.len()).sum::<usize>() > 5_000);
    let mut report = String::new();
    for list in &LISTS {
        let mut found = Vec::new();
        for (source, texts) in &texts {
            for text in texts {
                let offences = (list.find)(text);
                found.extend(offences.iter().map(|what| source.at(text.line, what)));
            }
        }
        if found.len() > list.left {
            let (name, count, left) = (list.name, found.len(), list.left);
            report += &format!("{name}: {count} found, the budget is {left}\n");
            report += &(found.join("\n") + "\n");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn the_budget_of_english_stays_small() {
    let left: usize = LISTS.iter().map(|list| list.left).sum();
    assert!(left <= LEFT_MAX, "{left} are left, at most {LEFT_MAX}");
}

/// Returns the prose of a file.
fn texts(source: &Source) -> Vec<Text> {
    if source.path == "tests/pure/tidy/english.rs" {
        Vec::new() // it lists what it refuses
    } else if source.has_extension("md") {
        page(source)
    } else if source.has_extension("rs") {
        rust_texts(source)
    } else if source.has_extension("sql") {
        marked(source, "--")
    } else if source.is_in("scripts/") {
        marked(source, "#")
    } else {
        Vec::new()
    }
}

/// Collects lines into paragraphs.
#[derive(Default)]
struct Paragraphs {
    done: Vec<Text>,
    open: Option<Text>,
}

impl Paragraphs {
    fn end(&mut self) {
        self.done.extend(self.open.take());
    }

    /// Adds a line: to the paragraph that is open, or as a new one.
    fn add(&mut self, line: usize, kind: Kind, text: &str) {
        let is_item = BEGINNINGS.split('|').any(|mark| text.starts_with(mark));
        if is_item || self.open.as_ref().is_some_and(|open| open.kind != kind) {
            self.end();
        }
        match &mut self.open {
            Some(open) => {
                open.text.push(' ');
                open.text.push_str(text);
            }
            None => {
                let text = text.trim_start_matches(['-', '*', ' ']).to_owned();
                self.open = Some(Text { line, kind, text });
            }
        }
    }

    /// Adds each cell of a table's row as a text of its own.
    fn add_cells(&mut self, line: usize, kind: Kind, row: &str) {
        self.end();
        let cells = row.split(" | ").map(|cell| cell.trim_matches(['|', ' ']));
        for cell in cells.filter(|cell| cell.contains(' ')) {
            self.add(line, kind, cell);
            self.end();
        }
    }
}

/// Returns the prose of a document: no code, no headings' marks.
fn page(source: &Source) -> Vec<Text> {
    let mut found = Paragraphs::default();
    let mut in_code = false;
    for (number, line) in source.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            in_code = !in_code;
            found.end();
        } else if in_code {
        } else if line.starts_with('|') {
            found.add_cells(number, Kind::Page, line);
        } else if line.is_empty() {
            found.end();
        } else if line.starts_with('#') {
            found.end();
            found.add(number, Kind::Page, line.trim_start_matches(['#', ' ']));
            found.end();
        } else {
            found.add(number, Kind::Page, line);
        }
    }
    found.end();
    found.done
}

/// Returns the comments after a mark, and texts in double quotes of scripts.
fn marked(source: &Source, mark: &str) -> Vec<Text> {
    let mut found = Paragraphs::default();
    for (number, line) in source.lines() {
        let line = line.trim();
        match line.strip_prefix(mark) {
            Some(rest) if !rest.starts_with('!') && !rest.trim().is_empty() => {
                found.add(number, Kind::Comment, rest.trim_matches(['#', ' ']));
            }
            _ => found.end(),
        }
        let quoted = line.split('"').skip(1).step_by(2);
        for text in quoted.filter(|_| mark == "#" && !line.starts_with('#')) {
            if text.matches(' ').count() >= STRING_SPACES_MIN {
                found.add(number, Kind::Quoted, text);
                found.end();
            }
        }
    }
    found.end();
    found.done
}

/// Returns comments of Rust code, and texts in quotes that no test contains.
fn rust_texts(source: &Source) -> Vec<Text> {
    let mut found = Paragraphs::default();
    let mut in_code = false;
    for (number, line) in source.lines() {
        let line = line.trim();
        let kinds = [
            ("///", Kind::Item),
            ("//!", Kind::Module),
            ("//", Kind::Comment),
        ];
        let kind = kinds.iter().find(|(mark, _)| line.starts_with(mark));
        let Some((mark, kind)) = kind else {
            found.end();
            in_code = false;
            continue;
        };
        let text = line[mark.len()..].trim();
        if text.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || text.is_empty() || text.starts_with("```") {
            found.end();
        } else if text.starts_with('|') {
            found.add_cells(number, *kind, text);
        } else {
            found.add(number, *kind, text);
        }
    }
    found.end();
    found.done.extend(quoted(source));
    found.done
}

/// Returns the words of the programs: texts in quotes of `src`, without tests and SQL.
fn quoted(source: &Source) -> Vec<Text> {
    if !source.is_in("src/") || source.path.contains("tests") {
        return Vec::new();
    }
    let lines = source.lines().map(|(_, line)| line);
    let code: Vec<&str> = lines
        .take_while(|line| line.trim() != "mod tests {")
        .map(|line| {
            if line.trim().starts_with("//") {
                ""
            } else {
                line
            }
        })
        .collect();
    let mut found = Vec::new();
    for (line, text) in strings(&code.join("\n")) {
        let is_sql = SQL_WORDS
            .split(' ')
            .any(|word| super::has_word(&text, word));
        for text in text.split('\n').filter(|_| !is_sql) {
            if text.matches(' ').count() >= STRING_SPACES_MIN {
                let (kind, text) = (Kind::Quoted, text.to_owned());
                found.push(Text { line, kind, text });
            }
        }
    }
    found
}

/// Returns the texts in quotes of Rust code, each with the line that it begins on.
fn strings(code: &str) -> Vec<(usize, String)> {
    let (mut found, mut line) = (Vec::new(), 1);
    let (mut open, mut before): (Option<(usize, String)>, char) = (None, ' ');
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match (&mut open, character) {
            (Some(_), '"') => found.extend(open.take()),
            (Some((_, text)), '\\') => match characters.next() {
                Some('n') => text.push('\n'),
                Some('\n') => {
                    line += 1;
                    while characters.next_if(|next| next.is_whitespace()).is_some() {}
                }
                other => text.extend(other),
            },
            (Some((_, text)), other) => text.push(other),
            // A quote in quotes, `'"'`, begins no text.
            (None, '"') if before == '\'' && characters.peek() == Some(&'\'') => {}
            (None, '"') => open = Some((line, String::new())),
            (None, _) => {}
        }
        before = character;
    }
    found
}

/// Returns a text without its code and without the targets of links.
fn without_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let words = parts.map(|(at, part)| if at % 2 == 0 { part } else { "X" });
    let text = words.collect::<String>();
    let mut parts = text.split("](");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    kept
}

/// Returns phrases of a list that a text has, as whole words, in any case.
fn phrases(text: &Text, list: &str) -> Vec<String> {
    // A comma or a full stop between two words makes them no phrase.
    let spaced = |c: char| match c {
        c if super::is_word(c) || c == '\'' => c.to_string(),
        '.' | ',' | ';' | ':' | '?' | '!' | '(' | ')' | '"' => " | ".to_owned(),
        _ => " ".to_owned(),
    };
    let plain = without_code(&text.text).to_lowercase();
    let spaced: String = plain.chars().map(spaced).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let spaced = format!(" {} ", words.join(" "));
    let has = |phrase: &&str| spaced.contains(&format!(" {phrase} "));
    let found = list.split(", ").filter(has);
    found
        .map(|phrase| format!("\"{phrase}\" in: {}", text.text))
        .collect()
}

/// Returns a doc comment of an item that begins with a fragment.
fn fragment(text: &Text) -> Vec<String> {
    let plain = text.text.to_lowercase().replace(['.', ',', ';', ':'], "");
    let mut words = plain.split_whitespace();
    let first = words.next().unwrap_or_default();
    let both = format!("{first} {}", words.next().unwrap_or_default());
    let sentences = sentences(&text.text);
    let is_question = sentences.first().is_some_and(|first| first.ends_with('?'));
    let is_doc = matches!(text.kind, Kind::Item | Kind::Module);
    let is_fragment = is_doc
        && !is_question
        && FRAGMENTS
            .split(", ")
            .any(|start| start == first || start == both);
    is_fragment.then(|| text.text.clone()).into_iter().collect()
}

fn long_sentences(text: &Text) -> Vec<String> {
    let sentences = sentences(&text.text);
    let is_word = |word: &&str| word.contains(char::is_alphanumeric);
    let words = |sentence: &String| sentence.split_whitespace().filter(is_word).count();
    let long = sentences.iter().filter(|s| words(s) > SENTENCE_WORDS_MAX);
    long.map(|s| format!("{} words: {s}", words(s))).collect()
}

/// Cuts a text after its full stops.
fn sentences(text: &str) -> Vec<String> {
    let text = without_code(text);
    let mut found = vec![String::new()];
    for word in text.split_whitespace() {
        let begins = word.starts_with(|c: char| !c.is_lowercase());
        let last = found.last_mut().unwrap();
        let ended = last.trim_end_matches(['"', ')', '*', '\'']);
        let is_end = ended.ends_with(['.', '?', '!']) && begins;
        if is_end {
            found.push(word.to_owned());
        } else if last.is_empty() {
            last.push_str(word);
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    found
}

#[test]
fn each_list_finds_its_kind() {
    let text = |kind, text: &str| Text {
        line: 1,
        kind,
        text: text.to_owned(),
    };
    let counts = |text: &Text| LISTS.map(|list| (list.find)(text).len());
    let item = |words: &str| counts(&text(Kind::Item, words));
    assert_eq!(item("Returns the open lots, oldest first."), [0; 5]);
    assert_eq!(item("Moves the pointer."), [1, 0, 0, 0, 0]);
    assert_eq!(item("Moves the `pointer`, which points."), [0; 5]);
    assert_eq!(item("Reads a row, whatever it holds."), [0, 1, 0, 0, 0]);
    assert_eq!(item("Returns rows, none. That is all."), [0; 5]);
    assert_eq!(item("Reads nothing but rows."), [0, 0, 1, 0, 0]);
    assert_eq!(item("Whose."), [0, 0, 0, 1, 0]);
    assert_eq!(item("What is wrong with it?"), [0; 5]);
    let long = "a ".repeat(SENTENCE_WORDS_MAX - 1);
    assert_eq!(item(&format!("It has {long}")), [0, 0, 0, 0, 1]);
    assert_eq!(item(&format!("It is. A {long}")), [0; 5]);
    let source = Source {
        path: "src/a.rs".into(),
        text:
            "/// One\n/// two.\n///\n/// Three.\nfn f() {\n    g(\"a b c \\\n       d\"); // e\n}\n\
               #[cfg(test)]\nmod tests {\n    // Four.\n    h(\"x y z\");\n}\n"
                .into(),
    };
    let found = texts(&source);
    let found: Vec<(usize, &str)> = found.iter().map(|t| (t.line, t.text.trim())).collect();
    assert_eq!(found[..3], [(1, "One two."), (4, "Three."), (11, "Four.")]);
    assert!(found[3].1.starts_with("a b c") && found.len() == 4);
}
