//! Measures what the recording of call stacks finds and costs, for the table in docs/explain.md:
//!
//! ```console
//! $ cargo run --release -p highwater-cli --example attribution-cost -- BENCH-PROGRAM FILTER
//! ```
//!
//! For each case that matches the regular expression, three workers run with attribution and three without, and the
//! shortest times are compared.

use std::{env, path::Path, process::ExitCode};

use highwater_explain::{Coverage, Profile, attribute};
use highwater_model::{Metric, Moment, Outcome, Sample, Selection};
use highwater_runner::{Interrupt, Job, Measuring, Observed, Plan, Planned};

const WORKERS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [program, filter] = arguments.as_slice() else {
        eprintln!("usage: attribution-cost BENCH-PROGRAM FILTER");
        return ExitCode::from(2);
    };
    match measure(Path::new(program), filter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(program: &Path, filter: &str) -> Result<(), Box<dyn std::error::Error>> {
    let target = highwater_runner::target_dir()?;
    let folder = target.join("highwater");
    std::fs::create_dir_all(&folder)?;
    let selection = Selection { filter: Some(filter.to_owned()), ..Selection::default() };
    let plan = Plan::request(program, &target, &selection, true)?;
    let mut measuring = Measuring::new(&plan.worker, &folder, &Interrupt::install()?)?;
    println!("| case | stage | heap | anonymous memory | time | memory |");
    println!("|---|---|---|---|---|---|");
    for planned in &plan.cases {
        let Planned::Job(job) = planned else { continue };
        let plain = (0..WORKERS).map(|_| worker(&mut measuring, job)).collect::<Result<Vec<_>, _>>()?;
        let attributed = (0..WORKERS).map(|_| attribute(&mut measuring, &plan, job, Path::new("/"), None));
        let attributed = attributed.collect::<Result<Vec<_>, _>>()?;
        let profile = Profile::new(&attributed[0], None, Moment::Reached)?;
        let shortest = |samples: &mut dyn Iterator<Item = &Sample>| {
            samples.map(|it| it.lifetime_ns).min().unwrap_or(0) as f64 / 1e6
        };
        let (before, after) =
            (shortest(&mut plain.iter()), shortest(&mut attributed.iter().map(highwater_explain::Attributed::sample)));
        let more = most(attributed[0].sample()).saturating_sub(most(&plain[0])) as f64 / f64::from(1 << 20);
        println!(
            "| `{}` | {} | {} | {} | {before:.0} → {after:.0} ms ({:.1} x) | +{more:.1} MiB |",
            profile.case,
            profile.stage,
            share(profile.heap),
            share(profile.anonymous),
            after / before,
        );
    }
    Ok(())
}

/// The attributed share of what was measured.
fn share(coverage: Option<Coverage>) -> String {
    let Some(Coverage { measured, attributed }) = coverage else { return "–".to_owned() };
    let kib = measured as f64 / 1024.0;
    match measured {
        0 => format!("{attributed} of 0 B"),
        _ => format!("{:.2} % of {kib:.0} KiB", attributed as f64 / measured as f64 * 100.0),
    }
}

/// The most memory that a worker had at a stage, in bytes.
fn most(sample: &Sample) -> u64 {
    sample.readings.iter().filter_map(|reading| reading.snapshot.get(Metric::Uss)).max().unwrap_or(0)
}

fn worker(measuring: &mut Measuring, job: &Job) -> Result<Sample, Box<dyn std::error::Error>> {
    match measuring.worker(job, 0)? {
        Observed::Sample(sample) if sample.outcome == Outcome::Completed => Ok(sample),
        other => Err(format!("{}: {other:?}", job.case).into()),
    }
}
