//! The flags.

use std::path::PathBuf;

pub const USAGE: &str = "usage: scripts/bench [--rows N,N,...] [--pairs K] [--results FILE] \
     [--only postgres|sqlite|kernel|growth|pools|mixed] [--instructions]";

/// Parts that can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Postgres,
    Sqlite,
    Kernel,
    Growth,
    Pools,
    Mixed,
}

/// The flags, checked.
#[derive(Debug)]
pub struct Options {
    /// Sizes of ledgers, ascending.
    pub rows: Vec<u64>,
    pub only: Option<Part>,
    pub pairs: u32,
    /// `None`: a file named after the day.
    pub results: Option<PathBuf>,
    pub instructions: bool,
}

impl Options {
    /// Reads the flags. Errors: an unknown flag, a value that is missing or out of range.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            rows: vec![10_000, 100_000, 1_000_000],
            only: None,
            pairs: 3,
            results: None,
            instructions: false,
        };
        while let Some(flag) = arguments.next() {
            if flag == "--instructions" {
                options.instructions = true;
                continue;
            }
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{flag} needs a value"))
            };
            match flag.as_str() {
                "--rows" => options.rows = sizes(&value()?)?,
                "--pairs" => options.pairs = number(&value()?)?,
                "--results" => options.results = Some(value()?.into()),
                "--only" => options.only = Some(part(&value()?)?),
                _ => return Err(format!("doesn't know \"{flag}\"")),
            }
        }
        Ok(options)
    }
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| format!("\"{text}\" is not a number above zero"))
}

fn sizes(text: &str) -> Result<Vec<u64>, String> {
    let sizes: Result<Vec<u64>, String> = text.split(',').map(number).collect();
    let mut sizes = sizes?;
    sizes.sort_unstable();
    sizes.dedup();
    match sizes.first() {
        Some(least) if *least < 1_000 => Err(format!("{least} rows are too few: 1000 at least")),
        _ => Ok(sizes),
    }
}

fn part(text: &str) -> Result<Part, String> {
    match text {
        "postgres" => Ok(Part::Postgres),
        "sqlite" => Ok(Part::Sqlite),
        "kernel" => Ok(Part::Kernel),
        "growth" => Ok(Part::Growth),
        "pools" => Ok(Part::Pools),
        "mixed" => Ok(Part::Mixed),
        _ => Err(format!("\"{text}\" is no part")),
    }
}
