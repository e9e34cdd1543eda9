//! Two pictures: bars of ratios, and curves over logarithmic axes. Plain text, no script, no font
//! of their own; a background, so that they show on dark pages too.

use std::fmt::Write as _;

use fifo_pnl_peers::samples::Spread;
use fifo_pnl_peers::targets::{Bar, short};

const WIDTH: f64 = 720.0;
const INK: &str = "#24292f";
const PALE: &str = "#d0d7de";
const BLUE: &str = "#3572b0";
const RED: &str = "#b3261e";
const COLORS: [&str; 3] = [BLUE, "#c2650a", "#2b8a57"];

/// Draws a bar for each ratio, its smallest and largest as a line, and the target as a mark.
pub fn ratios(bars: &[Bar]) -> String {
    const LEFT: f64 = 250.0;
    const RIGHT: f64 = 60.0;
    const TOP: f64 = 48.0;
    const STEP: f64 = 28.0;
    let height = TOP + STEP * bars.len() as f64 + 44.0;
    let most = bars
        .iter()
        .map(|bar| bar.ratios.max.max(bar.max))
        .fold(1.0, f64::max);
    let unit = (WIDTH - LEFT - RIGHT) / (most * 1.05);
    let x = |ratio: f64| LEFT + ratio * unit;
    let mut out = begin(height, "Time beside the floor, 1 = the database alone");
    let bottom = TOP + STEP * bars.len() as f64;
    let grid = if most > 4.0 { 1.0 } else { 0.5 };
    let mut tick = 0.0;
    while tick <= most * 1.05 {
        let (at, color) = (x(tick), if tick == 1.0 { INK } else { PALE });
        line(&mut out, (at, TOP - 4.0), (at, bottom + 4.0), color, "");
        text(
            &mut out,
            at,
            bottom + 20.0,
            "middle",
            INK,
            &format!("{tick}"),
        );
        tick += grid;
    }
    for (bar, place) in bars.iter().zip(0_u32..) {
        let y = TOP + STEP * f64::from(place);
        let middle = y + STEP / 2.0;
        let Spread { min, median, max } = bar.ratios;
        text(&mut out, LEFT - 10.0, middle + 4.0, "end", INK, &bar.name);
        let color = if median <= bar.max { BLUE } else { "#c2650a" };
        let _ = writeln!(
            out,
            "<rect x='{LEFT:.1}' y='{:.1}' width='{:.1}' height='{:.1}' fill='{color}'/>",
            y + 5.0,
            median * unit,
            STEP - 10.0
        );
        line(&mut out, (x(min), middle), (x(max), middle), INK, "");
        line(
            &mut out,
            (x(bar.max), y + 2.0),
            (x(bar.max), y + STEP - 2.0),
            RED,
            "3 2",
        );
        let beside = x(max.max(bar.max)) + 6.0;
        text(
            &mut out,
            beside,
            middle + 4.0,
            "start",
            INK,
            &format!("{median:.2}"),
        );
    }
    let note = "thin line: all pairs; red: the target at 1M trades";
    text(&mut out, WIDTH - 12.0, height - 6.0, "end", INK, note);
    out + "</svg>\n"
}

/// Logarithmic axes over whole powers of ten.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 48.0;
    const HEIGHT: f64 = 420.0;
    const BOTTOM: f64 = Self::HEIGHT - 56.0;
    const RIGHT: f64 = WIDTH - 110.0;

    fn of(curves: &[(&str, Vec<(u64, Spread)>)]) -> Self {
        let points = || curves.iter().flat_map(|(_, points)| points);
        let powers = |values: Vec<f64>| {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(0.0, f64::max);
            let least = least.log10().floor();
            (least, most.log10().ceil().max(least + 1.0))
        };
        Self {
            x: powers(points().map(|(rows, _)| *rows as f64).collect()),
            y: powers(points().map(|(_, cpu)| cpu.median).collect()),
        }
    }

    fn at(&self, trades: f64, seconds: f64) -> (f64, f64) {
        let share = |value: f64, (from, to): (f64, f64)| (value.log10() - from) / (to - from);
        (
            Self::LEFT + share(trades, self.x) * (Self::RIGHT - Self::LEFT),
            Self::BOTTOM - share(seconds, self.y) * (Self::BOTTOM - Self::TOP),
        )
    }

    fn draw(&self, out: &mut String) {
        let (left, top, bottom, right) = (Self::LEFT, Self::TOP, Self::BOTTOM, Self::RIGHT);
        for power in self.x.0 as i32..=self.x.1 as i32 {
            let (x, _) = self.at(10_f64.powi(power), 1.0);
            line(out, (x, top), (x, bottom), PALE, "");
            let trades = short(10_u64.pow(power.unsigned_abs()));
            text(out, x, bottom + 18.0, "middle", INK, &trades);
        }
        for power in self.y.0 as i32..=self.y.1 as i32 {
            let seconds = 10_f64.powi(power);
            let (_, y) = self.at(1.0, seconds);
            line(out, (left, y), (right, y), PALE, "");
            text(out, left - 8.0, y + 4.0, "end", INK, &format!("{seconds}"));
        }
        let note = "trades; dotted: time in proportion to trades";
        text(
            out,
            (left + right) / 2.0,
            bottom + 40.0,
            "middle",
            INK,
            note,
        );
    }
}

/// Draws a curve for each shape: processor seconds over trades.
pub fn growth(curves: &[(&str, Vec<(u64, Spread)>)]) -> String {
    let axes = Axes::of(curves);
    let mut out = begin(
        Axes::HEIGHT,
        "Processor time of a full run, PostgreSQL, seconds",
    );
    axes.draw(&mut out);
    for ((shape, points), (color, place)) in curves.iter().zip(COLORS.iter().zip(0_u32..)) {
        let at = |(rows, cpu): &(u64, Spread)| axes.at(*rows as f64, cpu.median);
        for pair in points.windows(2) {
            line(&mut out, at(&pair[0]), at(&pair[1]), color, "");
        }
        for point in points {
            let (x, y) = at(point);
            let _ = writeln!(
                out,
                "<circle cx='{x:.1}' cy='{y:.1}' r='3.5' fill='{color}'/>"
            );
        }
        if !points.is_empty() {
            let y = Axes::TOP + 14.0 + 18.0 * f64::from(place);
            text(&mut out, Axes::RIGHT + 12.0, y, "start", color, shape);
        }
    }
    let first = curves
        .iter()
        .flat_map(|(_, points)| points)
        .min_by_key(|(rows, _)| *rows);
    if let Some((rows, cpu)) = first {
        let (from, least) = (*rows as f64, cpu.median);
        let (x_most, y_most) = (10_f64.powf(axes.x.1), 10_f64.powf(axes.y.1));
        let to = x_most.min(from * y_most / least);
        let (start, end) = (axes.at(from, least), axes.at(to, least * to / from));
        line(&mut out, start, end, INK, "2 4");
    }
    out + "</svg>\n"
}

fn begin(height: f64, title: &str) -> String {
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' \
         viewBox='0 0 {WIDTH} {height}' font-family='sans-serif' font-size='12'>\n\
         <title>{title}</title>\n<rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    let _ = writeln!(
        out,
        "<text x='16' y='26' font-size='15' font-weight='bold' fill='{INK}'>{title}</text>"
    );
    out
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), color: &str, dashes: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let width = if color == PALE { 1.0 } else { 1.6 };
    let dashes = match dashes {
        "" => String::new(),
        dashes => format!(" stroke-dasharray='{dashes}'"),
    };
    let _ = writeln!(
        out,
        "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' stroke='{color}' \
         stroke-width='{width}'{dashes}/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, color: &str, words: &str) {
    let _ = writeln!(
        out,
        "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' fill='{color}'>{words}</text>"
    );
}
