//! Samples: one run of one program each, in memory and in a file of comma-separated values.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::Outcome;
use crate::machine::Machine;
use crate::process::Used;

/// The columns of the file.
pub const COLUMNS: [&str; 18] = [
    "date",
    "cpu",
    "cores",
    "memory_mb",
    "kernel",
    "rustc",
    "postgres",
    "sqlite",
    "commit",
    "row",
    "database",
    "rows",
    "shape",
    "what",
    "run",
    "wall_s",
    "cpu_s",
    "peak_kb",
];

/// The measured thing: equal for all runs whose times may be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Like `full run` or `import`.
    pub row: String,
    /// `postgres`, `sqlite` or `none`.
    pub database: String,
    /// Trades in the ledger.
    pub rows: u64,
    /// The ledger's shape.
    pub shape: String,
    /// `tool`, a `floor` or a `peer`.
    pub what: String,
}

impl Subject {
    /// Names a subject.
    pub fn new(row: &str, database: &str, rows: u64, shape: &str, what: &str) -> Self {
        let [row, database, shape, what] = [row, database, shape, what].map(String::from);
        Self {
            row,
            database,
            rows,
            shape,
            what,
        }
    }
}

/// One run.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The measured thing.
    pub subject: Subject,
    /// When the session began: a file may hold several.
    pub session: String,
    /// Number of the run in the session: equal numbers were measured one after the other.
    pub run: u32,
    /// Time and memory used.
    pub used: Used,
}

/// The smallest, the middle and the largest of some numbers.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The middle one; of an even number the upper of the two.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Returns `None` of nothing.
    pub fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_unstable_by(f64::total_cmp);
        Some(Self {
            min: *numbers.first()?,
            median: *numbers.get(numbers.len() / 2)?,
            max: *numbers.last()?,
        })
    }

    /// Writes the three, with so many decimals.
    pub fn show(&self, decimals: usize) -> String {
        let Self { min, median, max } = self;
        format!("{median:.decimals$} [{min:.decimals$}-{max:.decimals$}]")
    }
}

/// The file to which a session adds each sample at once: what a session had measured when it broke
/// off stays.
pub struct Results {
    file: File,
    machine: Machine,
}

impl Results {
    /// Opens or makes the file. Errors: those of the file.
    pub fn open(path: &Path, machine: Machine) -> Outcome<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if file.metadata()?.len() == 0 {
            writeln!(file, "{}", COLUMNS.join(","))?;
        }
        Ok(Self { file, machine })
    }

    /// Adds a line. Errors: those of the file.
    pub fn add(&mut self, sample: &Sample) -> Outcome<()> {
        let Machine {
            date,
            cpu,
            cores,
            memory_mb,
            kernel,
            rustc,
            postgres,
            sqlite,
            commit,
        } = &self.machine;
        let Subject {
            row,
            database,
            rows,
            shape,
            what,
        } = &sample.subject;
        let used = sample.used;
        let (wall, cpu_s) = (format!("{:.6}", used.wall_s), format!("{:.6}", used.cpu_s));
        let (rows, run) = (rows.to_string(), sample.run.to_string());
        let peak = used.peak_kb.to_string();
        let cells = [
            date, cpu, cores, memory_mb, kernel, rustc, postgres, sqlite, commit, row, database,
            &rows, shape, what, &run, &wall, &cpu_s, &peak,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        writeln!(self.file, "{}", cells.join(","))?;
        Ok(())
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Reads the samples of a file, and where the last of them was measured.
///
/// Errors: no such file, another headline, a line of another form.
pub fn read(path: &Path) -> Outcome<(Machine, Vec<Sample>)> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut lines = (1..).zip(text.lines());
    if lines.next().map(|(_, line)| line.to_owned()) != Some(COLUMNS.join(",")) {
        return Err(format!("{}: not a file of results", path.display()).into());
    }
    let (mut machine, mut samples) = (Machine::default(), Vec::new());
    for (number, line) in lines {
        let (of, sample) = parse(line)
            .ok_or_else(|| format!("{}:{number}: not a line of results", path.display()))?;
        machine = of;
        samples.push(sample);
    }
    Ok((machine, samples))
}

fn parse(line: &str) -> Option<(Machine, Sample)> {
    let mut cells = cells(line).into_iter();
    let mut next = || cells.next();
    let machine = Machine {
        date: next()?,
        cpu: next()?,
        cores: next()?,
        memory_mb: next()?,
        kernel: next()?,
        rustc: next()?,
        postgres: next()?,
        sqlite: next()?,
        commit: next()?,
    };
    let subject = Subject {
        row: next()?,
        database: next()?,
        rows: next()?.parse().ok()?,
        shape: next()?,
        what: next()?,
    };
    let sample = Sample {
        subject,
        session: machine.date.clone(),
        run: next()?.parse().ok()?,
        used: Used {
            wall_s: next()?.parse().ok()?,
            cpu_s: next()?.parse().ok()?,
            peak_kb: next()?.parse().ok()?,
        },
    };
    Some((machine, sample))
}

/// Splits a line at the commas outside quotes.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut inside) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if inside && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' => inside = !inside,
            ',' if !inside => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_comes_back_from_its_line() {
        let path = std::env::temp_dir().join(format!("peers-{}.csv", std::process::id()));
        let machine = Machine {
            cpu: "Some \"fast\" CPU, 2 GHz".into(),
            ..Machine::default()
        };
        let sample = Sample {
            subject: Subject::new("full run", "postgres", 10, "zipf", "tool"),
            session: String::new(),
            run: 2,
            used: Used {
                wall_s: 1.5,
                cpu_s: 0.25,
                peak_kb: 7,
            },
        };
        Results::open(&path, machine.clone())
            .unwrap()
            .add(&sample)
            .unwrap();
        let (found, samples) = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found, machine);
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].subject, sample.subject);
        assert_eq!((samples[0].run, samples[0].used.peak_kb), (2, 7));
    }

    #[test]
    fn a_spread_has_the_middle_one() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread.show(1), "2.0 [1.0-3.0]");
        assert!(Spread::of(Vec::new()).is_none());
    }
}
