//! Measures the cases of this bench binary's family, or runs each once as a test.

use std::path::Path;

use highwater_judge::exact_where_gated;
use highwater_model::{CaseId, Record, Selection};
use highwater_report::{escape, terminal::ProgressLine};
use highwater_runner::{Interrupt, Plan, RunError, RunnerError, Sampling, Step, StepListener, measure_all};
use highwater_worker::Dirs;

use crate::{
    matcher::Matcher,
    options::{Mode, Options, Switch},
    outlook::{Outlook, Watcher},
    parts::Parts,
    plan,
};

/// Measures the selected cases of this bench binary's family. After an interrupt, the record has what was measured so
/// far, and the other cases as not run.
pub(super) fn measure(
    bench: &Parts,
    options: &Options,
    matcher: &Matcher,
    dirs: Dirs<'_>,
    folder: &Path,
    interrupt: &Interrupt,
    (progress, watch): (&ProgressLine, &StepListener<'_>),
) -> Result<Record, RunError> {
    let plan = plan::make(bench, options, matcher, dirs, folder, Some(progress))?;
    let (measuring, cases) = measure_all(&plan, folder, interrupt, options.jobs.0, sampling(options), watch)?;
    // Written late, so that a run that fails keeps the plan of the record that it keeps.
    if options.mode() == Mode::Measure {
        plan.write(&Plan::path_of_run(folder, bench.family.name))?;
    }
    let selection = Selection { part: matcher.part(&bench.family, sampling(options)), ..options.selection() };
    let record = measuring.record(plan, selection, options.aslr == Switch::Off, cases);
    Ok(Record { questions: bench.questions.clone(), ..record })
}

/// Runs each selected case once and reports failures.
pub(super) fn test(
    bench: &Parts,
    options: &Options,
    matcher: &Matcher,
    dirs: Dirs<'_>,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<(), RunError> {
    let once = Options { samples: Some(1), ..options.clone() };
    let outlook = Outlook::new(&bench.family, &once, sampling(&once), matcher, folder);
    let progress = ProgressLine::new(bench.family.name, &outlook.forecast);
    let watcher = Watcher::new(&progress);
    let watch = |step: Step<'_>| watcher.see(step);
    let record = measure(bench, &once, matcher, dirs, folder, interrupt, (&progress, &watch))?;
    drop(progress);
    if interrupt.raised() {
        return Err(RunnerError::Interrupted.into());
    }
    let mut failed: Vec<&CaseId> = Vec::new();
    for case in &record.cases {
        match (&case.not_run, case.failures.first()) {
            (Some(reason), _) => println!("Testing memory of {}: not run: {}", case.id, escape::line(reason)),
            (None, None) => println!("Testing memory of {}: ok", case.id),
            (None, Some(failure)) => {
                failed.push(&case.id);
                let (outcome, output) = (failure.outcome.to_string(), escape::lines(&failure.output_tail));
                println!("Testing memory of {}: {}\n{output}", case.id, escape::line(&outcome));
            }
        }
    }
    match failed.first() {
        Some(first) => Err(RunError::TestsFailed { count: failed.len(), first: (*first).clone() }),
        None => Ok(()),
    }
}

/// The number of workers per case.
pub(super) fn sampling(options: &Options) -> Sampling {
    match options.samples {
        Some(count) => Sampling::exactly(count as usize),
        None if options.until_decided => Sampling { stop_rule: Some(exact_where_gated), ..Sampling::default() },
        None if options.criterion.quick => Sampling::minimal(),
        None => Sampling::default(),
    }
}
