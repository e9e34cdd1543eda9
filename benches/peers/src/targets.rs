//! The targets, and their judgement by samples.
//!
//! A target for a million trades is judged at a million; where a session had no such ledger, at
//! its largest below, and the line says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::samples::{Sample, Spread, Subject};

/// The size that most targets are about.
pub const MILLION: u64 = 1_000_000;
const RUN_RATIO_MAX: f64 = 1.10;
const FLOAT_RATIO_MAX: f64 = 1.15;
const IMPORT_RATIO_MAX: f64 = 1.3;
const VALIDATE_RATIO_MAX: f64 = 1.0;
const SQLITE_RATIO_MAX: f64 = 1.15;
/// A run beside the yardstick: the tables and indexes of 2026-11-26, written as their floor was.
const RUN_YARDSTICK_MAX: f64 = 0.68;
const SQLITE_YARDSTICK_MAX: [f64; 2] = [0.50, 0.70];
/// A full run over a ledger in plain dollars, and one with rates and coin fees.
pub const MIXED_ROWS: [&str; 2] = ["full run, plain", "full run, mixed"];
const MIXED_RATIO_MAX: f64 = 1.30;
const MIXED_PEAK_MB_MAX: f64 = 160.0;
const PEAK_MB_MAX: f64 = 150.0;
const PEAK_GIB_MAX: f64 = 1.1;
const EXPONENT_MAX: f64 = 1.05;
const RATIO_DRIFT_MAX: f64 = 0.05;
const INCREMENTAL_SHARE_MAX: f64 = 0.03;
const FLOAT_INCREMENTAL_SHARE_MAX: f64 = 0.10;
const NOTHING_NEW_CPU_MS_MAX: f64 = 50.0;
const TAX_LINES_MIN: f64 = 200_000.0;
const KERNEL_NS_MAX: f64 = 60.0;
const COINBASIS_RATIO_MIN: f64 = 30.0;
/// The line of the kernel's bench that its target is about.
const KERNEL_ROW: &str = "the same, all columns of a row";
/// Shapes whose growth is judged.
pub const GROWTH_SHAPES: [&str; 3] = ["zipf", "one-big", "deep"];

/// Shapes of many pools: one account with many symbols, and one symbol in many accounts.
pub const POOL_SHAPES: [&str; 2] = ["uniform", "accounts"];
const POOLS_EXPONENT_MAX: f64 = 1.10;
/// Rows measured over pools. A run over new trades goes over the summaries of all pools.
const POOL_ROWS: [&str; 5] = ["import", "full run", "validate", "tax lots", "incremental"];

/// Whether a target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was.
    Pass,
    /// It was not.
    Fail,
    /// Nobody looked.
    NotMeasured,
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::NotMeasured => "NOT MEASURED",
        })
    }
}

/// A target beside what was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The target, and the size at which it is judged.
    pub target: String,
    /// The limit.
    pub limit: String,
    /// Median, minimum and maximum; empty if nothing was measured.
    pub found: String,
    /// The judgement, by the median.
    pub state: State,
}

/// Judges all targets, in the order of the page.
pub fn judge(samples: &[Sample]) -> Vec<Verdict> {
    let all = Samples(samples);
    let run = Run::of("full run", "postgres");
    let floats = Run::of("full run, float8", "postgres");
    let mut verdicts = vec![
        all.ratio("full run beside psql", &run, &run.floor(), RUN_RATIO_MAX),
        all.ratio(
            "full run beside the yardstick",
            &run,
            &run.yardstick(),
            RUN_YARDSTICK_MAX,
        ),
        all.ratio(
            "full run over a ledger of float8 beside psql",
            &floats,
            &floats.floor(),
            FLOAT_RATIO_MAX,
        ),
        all.import_ratio(),
        all.ratio(
            "validation beside the run",
            &Run::of("validate", "postgres"),
            &run,
            VALIDATE_RATIO_MAX,
        ),
    ];
    let rows = ["full run, version 1", "full run, version 10"];
    for (row, yardstick_max) in rows.into_iter().zip(SQLITE_YARDSTICK_MAX) {
        let run = Run::of(row, "sqlite");
        for (beside, floor, max) in [
            ("the raw handle", run.floor(), SQLITE_RATIO_MAX),
            ("the yardstick", run.yardstick(), yardstick_max),
        ] {
            let what = format!("{row}, beside {beside}");
            verdicts.push(all.ratio(&what, &run, &floor, max));
        }
    }
    verdicts.push(all.ratio(
        "validation beside the run",
        &Run::of("validate", "sqlite"),
        &Run::of("full run, version 1", "sqlite"),
        VALIDATE_RATIO_MAX,
    ));
    for database in ["postgres", "sqlite"] {
        let [plain, mixed] = MIXED_ROWS.map(|row| Run::of(row, database));
        let what = "rates and coin fees beside plain dollars";
        verdicts.push(all.ratio(what, &mixed, &plain, MIXED_RATIO_MAX));
        verdicts.push(all.peak("rates and coin fees", &mixed, MIXED_PEAK_MB_MAX));
    }
    verdicts.extend(all.memory());
    verdicts.extend(GROWTH_SHAPES.map(|shape| all.growth(shape)));
    for store in ["postgres", "sqlite"] {
        verdicts.extend(POOL_SHAPES.map(|shape| all.pools(store, shape)));
    }
    verdicts.push(all.drift());
    let share = INCREMENTAL_SHARE_MAX;
    verdicts.push(all.incremental("postgres", ["incremental", "full run"], share));
    let rows = ["incremental, float8", "full run, float8"];
    verdicts.push(all.incremental("postgres", rows, FLOAT_INCREMENTAL_SHARE_MAX));
    let rows = ["incremental", "full run, version 1"];
    verdicts.push(all.incremental("sqlite", rows, share));
    verdicts.push(all.nothing_new("postgres"));
    verdicts.push(all.nothing_new("sqlite"));
    verdicts.push(all.tax_lots("postgres"));
    verdicts.push(all.tax_lots("sqlite"));
    verdicts.push(all.kernel());
    verdicts.push(all.coinbasis());
    verdicts
}

/// A program's runs over all sizes.
#[derive(Clone)]
struct Run {
    row: &'static str,
    database: &'static str,
    shape: &'static str,
    what: &'static str,
}

impl Run {
    fn of(row: &'static str, database: &'static str) -> Self {
        Self {
            row,
            database,
            shape: "zipf",
            what: "tool",
        }
    }

    fn floor(&self) -> Self {
        Self {
            what: "floor",
            ..self.clone()
        }
    }

    /// The floor in the tables of 2026-11-26.
    fn yardstick(&self) -> Self {
        Self {
            what: "yardstick",
            ..self.clone()
        }
    }

    /// A floor may have been measured in more than one manner: `floor`, `floor, ...`.
    fn is(&self, subject: &Subject) -> bool {
        subject.row == self.row
            && subject.database == self.database
            && subject.shape == self.shape
            && subject.what.split(',').next() == Some(self.what)
    }
}

struct Samples<'s>(&'s [Sample]);

impl Samples<'_> {
    fn of<'a>(&'a self, run: &'a Run, rows: u64) -> impl Iterator<Item = &'a Sample> {
        let found = self.0.iter();
        found.filter(move |one| one.subject.rows == rows && run.is(&one.subject))
    }

    /// Returns the size at which a target for a million is judged.
    fn size(&self, run: &Run) -> Option<u64> {
        let sizes = self.0.iter().filter(|one| run.is(&one.subject));
        let sizes = sizes.map(|one| one.subject.rows);
        sizes.filter(|rows| *rows <= MILLION).max()
    }

    /// Returns the seconds of each run; the quickest, where a run was done in several manners.
    fn seconds(&self, run: &Run, rows: u64) -> BTreeMap<(String, u32), f64> {
        let mut seconds = BTreeMap::new();
        for sample in self.of(run, rows) {
            let best = seconds
                .entry((sample.session.clone(), sample.run))
                .or_insert(f64::INFINITY);
            *best = sample.used.wall_s.min(*best);
        }
        seconds
    }

    /// Returns the ratios of runs that stand beside each other in time.
    fn ratios(&self, run: &Run, beside: &Run, rows: u64) -> Option<Spread> {
        let beside = self.seconds(beside, rows);
        let pairs = self.seconds(run, rows).into_iter();
        let pairs = pairs.filter_map(|(pair, wall)| Some(wall / beside.get(&pair)?));
        Spread::of(pairs.collect())
    }

    fn ratio(&self, what: &str, run: &Run, beside: &Run, max: f64) -> Verdict {
        let size = self.size(run);
        let found = size.and_then(|rows| self.ratios(run, beside, rows));
        let target = format!("{}: {what}{}", database(run), at(size));
        at_most(target, max, found, 2)
    }

    fn import_ratio(&self) -> Verdict {
        let run = Run::of("import", "postgres");
        self.ratio("import beside \\copy", &run, &run.floor(), IMPORT_RATIO_MAX)
    }

    fn memory(&self) -> [Verdict; 2] {
        let run = Run::of("full run", "postgres");
        let large = self.peaks(&run, 10 * MILLION, 1_073_741_824.0);
        let target_large = "PostgreSQL: peak memory of a full run, 10M trades, GiB";
        [
            self.peak("a full run", &run, PEAK_MB_MAX),
            at_most(target_large.into(), PEAK_GIB_MAX, large, 2),
        ]
    }

    /// Judges the peak memory at the size of most targets.
    fn peak(&self, what: &str, run: &Run, max: f64) -> Verdict {
        let size = self.size(run);
        let found = size.and_then(|rows| self.peaks(run, rows, 1e6));
        let database = database(run);
        let target = format!("{database}: peak memory of {what}{}, MB", at(size));
        at_most(target, max, found, 0)
    }

    fn peaks(&self, run: &Run, rows: u64, unit: f64) -> Option<Spread> {
        let peaks = self.of(run, rows);
        let peaks = peaks.map(|one| one.used.peak_kb as f64 * 1_024.0 / unit);
        Spread::of(peaks.collect())
    }

    /// Judges the exponent of the processor time between two ledgers: the smallest of at least
    /// 100,000 trades, and the largest. Without two such, it takes the smallest and the largest of
    /// all.
    fn growth(&self, shape: &'static str) -> Verdict {
        let run = Run {
            shape,
            ..Run::of("full run", "postgres")
        };
        let sizes = self.0.iter().filter(|one| run.is(&one.subject));
        let mut sizes: BTreeSet<u64> = sizes.map(|one| one.subject.rows).collect();
        let judged: BTreeSet<u64> = sizes.iter().copied().filter(|n| *n >= 100_000).collect();
        if judged.len() > 1 {
            sizes = judged;
        }
        let (Some(&from), Some(&to)) = (sizes.first(), sizes.last()) else {
            return at_most(growth_title(shape, None), EXPONENT_MAX, None, 3);
        };
        let cpu = |rows| Spread::of(self.of(&run, rows).map(|one| one.used.cpu_s).collect());
        let found = match (cpu(from), cpu(to)) {
            (Some(small), Some(large)) if from < to => {
                let steps = (to as f64 / from as f64).ln();
                let exponent = |large: f64, small: f64| (large / small).ln() / steps;
                Some(Spread {
                    min: exponent(large.min, small.max),
                    median: exponent(large.median, small.median),
                    max: exponent(large.max, small.min),
                })
            }
            _ => None,
        };
        let ends = (from < to).then_some((from, to));
        at_most(growth_title(shape, ends), EXPONENT_MAX, found, 3)
    }

    /// Judges the command whose time grows most from the fewest pools to the most.
    fn pools(&self, store: &'static str, shape: &'static str) -> Verdict {
        let mut worst: Option<(&str, f64)> = None;
        for row in POOL_ROWS {
            let of = |one: &&Sample| {
                let subject = &one.subject;
                (subject.row.as_str(), subject.database.as_str()) == (row, store)
                    && subject.shape == shape
            };
            let mut walls: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
            for one in self.0.iter().filter(of) {
                let walls = walls.entry(one.subject.rows).or_default();
                walls.push(one.used.wall_s);
            }
            let walls: Vec<(u64, f64)> = walls
                .into_iter()
                .filter_map(|(rows, wall)| Some((rows, Spread::of(wall)?.median)))
                .collect();
            let (Some(few), Some(many)) = (walls.first(), walls.last()) else {
                continue;
            };
            if few.0 < many.0 {
                let exponent = (many.1 / few.1).ln() / (many.0 as f64 / few.0 as f64).ln();
                if worst.is_none_or(|(_, other)| other < exponent) {
                    worst = Some((row, exponent));
                }
            }
        }
        let found = worst.map(|(_, exponent)| Spread {
            min: exponent,
            median: exponent,
            max: exponent,
        });
        let row = worst.map_or("no command", |(row, _)| row);
        let name = match store {
            "postgres" => "PostgreSQL",
            _ => "SQLite",
        };
        let target = format!("{name}: growth with pools, shape {shape}, most of all {row}");
        at_most(target, POOLS_EXPONENT_MAX, found, 3)
    }

    fn drift(&self) -> Verdict {
        let run = Run::of("full run", "postgres");
        let at = |rows| self.ratios(&run, &run.floor(), rows);
        let found = match (at(MILLION), at(10 * MILLION)) {
            (Some(small), Some(large)) => Some(Spread {
                min: large.min - small.max,
                median: large.median - small.median,
                max: large.max - small.min,
            }),
            _ => None,
        };
        let target = "PostgreSQL: the ratio to psql at 10M trades less that at 1M";
        at_most(target.into(), RATIO_DRIFT_MAX, found, 2)
    }

    fn incremental(&self, store: &'static str, rows: [&'static str; 2], max: f64) -> Verdict {
        let [run, whole] = rows.map(|row| Run::of(row, store));
        let size = self.size(&run);
        let found = size.and_then(|rows| self.ratios(&run, &whole, rows));
        let beside = format!("{}, 1,000 new trades, beside a {}", run.row, whole.row);
        let target = format!("{}: {beside}{}", database(&run), at(size));
        at_most(target, max, found, 3)
    }

    fn nothing_new(&self, store: &'static str) -> Verdict {
        let run = Run::of("nothing new", store);
        let size = self.size(&run);
        let found = size.and_then(|rows| {
            let cpu = self.of(&run, rows).map(|one| one.used.cpu_s * 1_000.0);
            Spread::of(cpu.collect())
        });
        let what = "the tool's own CPU where nothing is new";
        let target = format!("{}: {what}{}, ms", database(&run), at(size));
        at_most(target, NOTHING_NEW_CPU_MS_MAX, found, 0)
    }

    /// Judges the lines a second of the tax file `lots`; how many lines it has stands in `what`.
    fn tax_lots(&self, store: &'static str) -> Verdict {
        let run = Run::of("tax lots", store);
        let size = self.size(&run);
        let samples: Vec<&Sample> = match size {
            Some(rows) => self.of(&run, rows).collect(),
            None => Vec::new(),
        };
        let each = samples.iter().filter_map(|one| {
            let lines: f64 = lines_of(&one.subject.what)? as f64;
            Some(lines / one.used.wall_s)
        });
        let found = Spread::of(each.collect());
        let peak = samples.iter().map(|one| one.used.peak_kb).max();
        let peak = peak.unwrap_or(0) * 1_024 / 1_000_000;
        Verdict {
            target: format!("{}: lines a second of tax lots{}", database(&run), at(size)),
            limit: format!(">= {TAX_LINES_MIN}"),
            state: state(found, |median| median >= TAX_LINES_MIN),
            found: found.map_or(String::new(), |spread| {
                format!("{}, peak {peak} MB", spread.show(0))
            }),
        }
    }

    /// Judges the worst shape.
    fn kernel(&self) -> Verdict {
        let mut worst: Option<(u64, Spread)> = None;
        for (subject, spread) in nanoseconds(self.0, KERNEL_ROW, "tool") {
            if worst
                .as_ref()
                .is_none_or(|(_, other)| other.median < spread.median)
            {
                worst = Some((subject.rows, spread));
            }
        }
        let size = worst.as_ref().map(|(rows, _)| *rows);
        let found = worst.map(|(_, spread)| spread);
        let target = format!(
            "kernel: ns a trade, all columns of a row, worst shape{}",
            at(size)
        );
        at_most(target, KERNEL_NS_MAX, found, 0)
    }

    fn coinbasis(&self) -> Verdict {
        let median = |what| {
            let all = nanoseconds(self.0, "coinbasis", what);
            let usual = all
                .into_iter()
                .filter(|(subject, _)| subject.shape == "zipf");
            usual.max_by_key(|(subject, _)| subject.rows)
        };
        let found = match (median("peer"), median("kernel")) {
            (Some((subject, peer)), Some((_, tool))) => Some((
                subject.rows,
                Spread {
                    min: peer.min / tool.max,
                    median: peer.median / tool.median,
                    max: peer.max / tool.min,
                },
            )),
            _ => None,
        };
        let size = found.as_ref().map(|(rows, _)| *rows);
        let found = found.map(|(_, spread)| spread);
        Verdict {
            target: format!(
                "kernel: times as fast as coinbasis, all columns of a row, zipf{}",
                at(size)
            ),
            limit: format!(">= {COINBASIS_RATIO_MIN}"),
            state: state(found, |median| median >= COINBASIS_RATIO_MIN),
            found: found.map_or(String::new(), |spread| spread.show(1)),
        }
    }
}

/// A bar of the page: what stands beside a floor, at which size, and the ratios.
pub struct Bar {
    /// Database, what was measured, and the size.
    pub name: String,
    /// Ratios of the pairs of runs.
    pub ratios: Spread,
    /// The target at a million trades.
    pub max: f64,
}

/// Returns the ratios to the floors, at all sizes of 100,000 trades and more; smaller ones only
/// without a larger one.
pub fn bars(samples: &[Sample]) -> Vec<Bar> {
    let all = Samples(samples);
    let measured = [
        (Run::of("full run", "postgres"), RUN_RATIO_MAX),
        (Run::of("full run, float8", "postgres"), FLOAT_RATIO_MAX),
        (Run::of("import", "postgres"), IMPORT_RATIO_MAX),
        (Run::of("full run, version 1", "sqlite"), SQLITE_RATIO_MAX),
        (Run::of("full run, version 10", "sqlite"), SQLITE_RATIO_MAX),
    ];
    let mut bars = Vec::new();
    for (run, max) in measured {
        let sizes = samples.iter().filter(|one| run.is(&one.subject));
        let sizes: BTreeSet<u64> = sizes.map(|one| one.subject.rows).collect();
        let least = sizes.last().map_or(0, |most| 100_000.min(*most));
        for rows in sizes.into_iter().filter(|rows| *rows >= least) {
            if let Some(ratios) = all.ratios(&run, &run.floor(), rows) {
                let name = format!("{}, {}, {}", database(&run), run.row, short(rows));
                bars.push(Bar { name, ratios, max });
            }
        }
    }
    bars
}

/// Returns the processor seconds of full runs by shape and size, for the curves of the page.
pub fn curves(samples: &[Sample]) -> Vec<(&'static str, Vec<(u64, Spread)>)> {
    let curve = |shape: &'static str| {
        let run = Run {
            shape,
            ..Run::of("full run", "postgres")
        };
        let mut points: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for one in samples.iter().filter(|one| run.is(&one.subject)) {
            points
                .entry(one.subject.rows)
                .or_default()
                .push(one.used.cpu_s);
        }
        let points = points.into_iter();
        let points = points.filter_map(|(rows, cpu)| Some((rows, Spread::of(cpu)?)));
        (shape, points.collect())
    };
    GROWTH_SHAPES.map(curve).into()
}

/// Returns nanoseconds a trade of the rows that have no database.
pub fn nanoseconds(samples: &[Sample], row: &str, what: &str) -> BTreeMap<Subject, Spread> {
    let mut found: BTreeMap<Subject, Vec<f64>> = BTreeMap::new();
    for Sample { subject, used, .. } in samples {
        if subject.database == "none" && subject.row == row && subject.what == what {
            let each = used.wall_s * 1e9 / subject.rows.max(1) as f64;
            found.entry(subject.clone()).or_default().push(each);
        }
    }
    let spreads = found.into_iter();
    spreads
        .filter_map(|(subject, all)| Some((subject, Spread::of(all)?)))
        .collect()
}

/// Names who made a file of so many lines; [`lines_of`] reads it back.
pub fn with_lines(what: &str, lines: u64) -> String {
    format!("{what}, {lines} lines")
}

fn lines_of(what: &str) -> Option<u64> {
    let (_, lines) = what.split_once(", ")?;
    lines.strip_suffix(" lines")?.parse().ok()
}

fn database(run: &Run) -> &'static str {
    if run.database == "postgres" {
        "PostgreSQL"
    } else {
        "SQLite"
    }
}

fn growth_title(shape: &str, ends: Option<(u64, u64)>) -> String {
    let ends = ends.map(|(from, to)| format!(", {} to {} trades", short(from), short(to)));
    let ends = ends.unwrap_or_default();
    format!("PostgreSQL: growth of the tool's own CPU, shape {shape}{ends}")
}

fn at(size: Option<u64>) -> String {
    size.map_or(String::new(), |rows| format!(", {} trades", short(rows)))
}

/// Writes 1000000 as 1M.
pub fn short(rows: u64) -> String {
    match rows {
        _ if rows >= MILLION && rows.is_multiple_of(MILLION) => format!("{}M", rows / MILLION),
        _ if rows >= 1_000 && rows.is_multiple_of(1_000) => format!("{}k", rows / 1_000),
        _ => rows.to_string(),
    }
}

fn at_most(target: String, max: f64, found: Option<Spread>, decimals: usize) -> Verdict {
    Verdict {
        target,
        limit: format!("<= {max}"),
        state: state(found, |median| median <= max),
        found: found.map_or(String::new(), |spread| spread.show(decimals)),
    }
}

fn state(found: Option<Spread>, is_reached: impl Fn(f64) -> bool) -> State {
    match found {
        None => State::NotMeasured,
        Some(spread) if is_reached(spread.median) => State::Pass,
        Some(_) => State::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Used;

    fn sample(row: &str, what: &str, rows: u64, run: u32, wall_s: f64) -> Sample {
        Sample {
            subject: Subject::new(row, "postgres", rows, "zipf", what),
            session: "one".into(),
            run,
            used: Used {
                wall_s,
                cpu_s: wall_s,
                peak_kb: 100_000,
            },
        }
    }

    fn verdict<'v>(verdicts: &'v [Verdict], start: &str) -> &'v Verdict {
        verdicts
            .iter()
            .find(|one| one.target.starts_with(start))
            .unwrap()
    }

    #[test]
    fn nothing_measured_is_neither_pass_nor_fail() {
        let verdicts = judge(&[]);
        assert_eq!(verdicts.len(), 33);
        assert!(verdicts.iter().all(|one| one.state == State::NotMeasured));
    }

    #[test]
    fn a_run_is_judged_beside_the_best_floor_of_its_pair() {
        let mut samples = vec![
            sample("full run", "tool", 1_000_000, 1, 11.0),
            sample("full run", "floor", 1_000_000, 1, 10.0),
        ];
        let found = judge(&samples);
        let run = verdict(&found, "PostgreSQL: full run beside psql, 1M trades");
        assert_eq!(
            (run.state, run.found.as_str()),
            (State::Pass, "1.10 [1.10-1.10]")
        );
        samples.push(sample(
            "full run",
            "floor, another manner",
            1_000_000,
            1,
            9.0,
        ));
        let found = judge(&samples);
        let run = verdict(&found, "PostgreSQL: full run beside psql");
        assert_eq!(
            (run.state, run.found.as_str()),
            (State::Fail, "1.22 [1.22-1.22]")
        );
    }

    #[test]
    fn a_tax_file_is_judged_by_its_lines_a_second() {
        let run = |lines, wall_s| {
            let what = with_lines("tool", lines);
            [sample("tax lots", &what, 1_000_000, 1, wall_s)]
        };
        let title = "PostgreSQL: lines a second of tax lots, 1M trades";
        let found = judge(&run(500_000, 2.0));
        let quick = verdict(&found, title);
        let shown = "250000 [250000-250000], peak 102 MB";
        assert_eq!((quick.state, quick.found.as_str()), (State::Pass, shown));
        let found = judge(&run(500_000, 2.6));
        assert_eq!(verdict(&found, title).state, State::Fail);
    }

    #[test]
    fn growth_is_the_exponent_of_the_processor_time() {
        let samples = [
            sample("full run", "tool", 100_000, 1, 1.0),
            sample("full run", "tool", 1_000_000, 1, 10.0),
        ];
        let found = judge(&samples);
        let growth = verdict(
            &found,
            "PostgreSQL: growth of the tool's own CPU, shape zipf",
        );
        assert_eq!(
            (growth.state, growth.found.as_str()),
            (State::Pass, "1.000 [1.000-1.000]")
        );
        let quadratic = [
            samples[0].clone(),
            sample("full run", "tool", 1_000_000, 1, 100.0),
        ];
        let found = judge(&quadratic);
        let growth = verdict(
            &found,
            "PostgreSQL: growth of the tool's own CPU, shape zipf",
        );
        assert_eq!(growth.state, State::Fail);
    }
}
