//! Measures how well `highwater trend` finds changes in synthetic histories, and how long it takes:
//! `cargo run --release -p highwater-judge --example history-accuracy -- [COMMITS] [SERIES] [UNCHANGED] [FILE]`.
//!
//! One history has known changes, and `UNCHANGED` others have none. With a file, the history with changes is written to
//! it, for another program to judge: one series per line, the truth and the noise floor before its values.

#[path = "../tests/common/synthetic.rs"]
mod synthetic;

use std::{env, error::Error, fmt::Write, fs, time::Instant};

use highwater_judge::{Series, judge_history};
use synthetic::{Change, STEPS, Score, Synthetic, history};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize, default: usize| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let (commits, count, unchanged) = (number(0, 1000)?, number(1, 2000)?, number(2, 100)?);
    let changed = history(1, commits, count, 0.1);
    if let Some(path) = arguments.get(3) {
        fs::write(path, text(&changed))?;
    }
    let series: Vec<Series> = changed.iter().map(|it| it.series.clone()).collect();
    let begun = Instant::now();
    let trends = judge_history(&series);
    let took = begun.elapsed();
    let mut score = Score::default();
    score.add(&changed, &trends);
    println!("{commits} commits x {count} series: {:.1} s, peak {}", took.as_secs_f64(), peak());
    println!("findings {}, real {}: precision {:.1} %", score.findings, score.real, 100.0 * score.precision());
    for (size, (found, all)) in STEPS.iter().zip(score.steps) {
        println!("steps of {size} x the noise floor: {found} of {all} found");
    }
    println!("ramps of 3 x the noise floor: {} of {} found", score.ramps.0, score.ramps.1);
    let with_alarm = (0..unchanged as u64).filter(|seed| {
        let series: Vec<Series> = history(1000 + seed, commits, count, 0.0).into_iter().map(|it| it.series).collect();
        judge_history(&series).iter().any(|trend| !trend.is_empty())
    });
    println!("unchanged histories with a finding: {} of {unchanged}", with_alarm.count());
    Ok(())
}

fn text(history: &[Synthetic]) -> String {
    let mut text = String::new();
    for Synthetic { series, change } in history {
        let truth = match change {
            Change::None => "none".to_owned(),
            Change::Step { at, by } => format!("step {at} {by}"),
            Change::Ramp { from, to } => format!("ramp {from} {to}"),
        };
        let values: Vec<String> = series.values.iter().map(f64::to_string).collect();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{truth};{};{}", series.noise, values.join(" "));
    }
    text
}

/// The peak of the resident memory of this process.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown", str::trim).to_owned()
}
