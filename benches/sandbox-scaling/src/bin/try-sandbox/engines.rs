//! The same module with other WebAssembly engines: a trial and a ladder for each that is built, and their table with the
//! Pareto set over memory, time to instantiate and time to call.

use comfy_table::{CellAlignment, Table, presets};
use engine_worker::{Compiler, Setup};
use engines::given::{Module, build_command, setups};
use highwater_judge::CaseView;
use highwater_model::{self as model, CaseRecord, Scale, bytes, nanoseconds};
use highwater_runner::{Observed, Planned, Sampling};
use highwater_stats as stats;
use highwater_worker::Limits;

use super::{
    advice::{Figures, figures},
    case::CYCLED,
    given::Given,
    refusal::Refusal,
    sweep::{Asked, LONGEST, Workers, ladder, run_error},
};

/// The number of instances of an engine and their record, or the reason why there is no record.
type Outcome = Result<(u32, CaseRecord), String>;

/// What came of measuring other engines.
pub(super) enum OtherEngines {
    /// The file is a component, or imports something.
    NotPossible,
    /// No worker program is built.
    NotBuilt,
    /// The engines.
    Measured(Vec<(Setup, Outcome)>),
}

/// Measures the module with each engine that is built.
///
/// # Errors
/// If the harness fails, or the user interrupts it. An engine that fails is in the result.
pub(super) fn sweep(
    asked: &Asked,
    file: &Given,
    given: &engine_worker::Given,
    workers: &mut Workers<'_>,
    progress: &dyn Fn(&str),
) -> Result<OtherEngines, Refusal> {
    let sha256 = file.sha256();
    let module = Module { wasm: file.wasm(), sha256: &sha256, given };
    let mut measured = Vec::new();
    for setup in setups() {
        progress(&format!("{}: {} workers", label(setup), asked.samples));
        measured.push((setup, one(asked, file, module, setup, workers)?));
    }
    Ok(if measured.is_empty() { OtherEngines::NotBuilt } else { OtherEngines::Measured(measured) })
}

fn one(
    asked: &Asked,
    file: &Given,
    module: Module<'_>,
    setup: Setup,
    workers: &mut Workers<'_>,
) -> Result<Outcome, Refusal> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let job = |ladder: &[Scale], time| {
        let limits = Limits { time, memory: None };
        module.job(setup, ladder, limits, workers.folder).map_err(|error| first_line(error.to_string()))
    };
    let (trial, full) = match job(&[Scale(1)], asked.limit) {
        Ok(trial) => (trial, |ladder: &[Scale]| job(ladder, LONGEST)),
        Err(reason) => return Ok(Err(reason)),
    };
    let sample = match workers.measuring.worker(&trial, 0).map_err(run_error)? {
        Observed::NotRun(reason) => return Ok(Err(reason)),
        Observed::Sample(sample) => sample,
    };
    if sample.outcome != model::Outcome::Completed {
        let last = sample.output_tail.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        return Ok(Err(format!("{}: {last}", sample.outcome)));
    }
    let ladder = ladder(&sample, file.size());
    let top = ladder.last().map_or(1, |top| top.0);
    let job = match full(&ladder) {
        Ok(job) => Planned::Job(Box::new(job)),
        Err(reason) => return Ok(Err(reason)),
    };
    let record = workers.measuring.case(&job, Sampling::exactly(asked.samples)).map_err(run_error)?;
    Ok(Ok((top, record)))
}

/// `wasmtime 48 (cranelift)`.
fn label(setup: Setup) -> String {
    let compiler = setup.compiler.map(|compiler| format!(" ({})", Compiler::name(compiler)));
    setup.build.label() + &compiler.unwrap_or_default()
}

/// An engine's costs.
struct Cost {
    memory: Figures,
    instances: u32,
    instantiate: f64,
    call: f64,
}

fn cost(instances: u32, case: &CaseRecord) -> Result<Cost, String> {
    let memory = figures(case, instances)?;
    let loaded = "loaded".parse().map_err(|_| "no stage `loaded`")?;
    let view = CaseView::new(case, &loaded);
    let time = |figure| view.figure(CYCLED, figure).ok_or("no time was reported");
    Ok(Cost { memory, instances, instantiate: time("instantiate_ns")?, call: time("call_ns")? })
}

impl OtherEngines {
    /// The table and its Pareto set, or why there is no table.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotPossible => {
                "other engines: not measured, which is only possible with a core module that imports nothing\n"
                    .to_owned()
            }
            Self::NotBuilt => {
                format!("other engines: not measured, because they are not built; run `{}`\n", build_command())
            }
            Self::Measured(engines) => table(engines),
        }
    }
}

fn table(engines: &[(Setup, Outcome)]) -> String {
    let cost = |outcome: &Outcome| match outcome {
        Ok((instances, case)) => cost(*instances, case),
        Err(reason) => Err(reason.clone()),
    };
    let costs: Vec<(String, Result<Cost, String>)> =
        engines.iter().map(|(setup, outcome)| (label(*setup), cost(outcome))).collect();
    let of_pareto = |(_, cost): &(String, Result<Cost, String>)| match cost {
        Ok(cost) => [cost.memory.held, cost.instantiate, cost.call],
        Err(_) => [f64::NAN; 3],
    };
    let best = stats::pareto(&costs.iter().map(of_pareto).collect::<Vec<_>>());
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
        "engine",
        "memory/instance",
        "VMAs/instance",
        "kept after drop",
        "instances",
        "instantiate",
        "call",
        "Pareto",
    ]);
    for ((label, cost), is_best) in costs.iter().zip(&best) {
        table.add_row(match cost {
            Err(reason) => vec![label.clone(), format!("failed: {reason}")],
            Ok(cost) => vec![
                label.clone(),
                bytes(cost.memory.held),
                format!("{:.2}", cost.memory.vmas),
                bytes(cost.memory.kept),
                cost.instances.to_string(),
                nanoseconds(cost.instantiate),
                nanoseconds(cost.call),
                if *is_best { "*" } else { "" }.to_owned(),
            ],
        });
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let best: Vec<&str> =
        costs.iter().zip(best).filter(|(_, best)| *best).map(|((label, _), _)| label.as_str()).collect();
    format!(
        "the same module with other engines, each with its default settings\n{table}\n\
         Pareto set:         {} (no other engine is better in memory, instantiation or call without being worse in another)\n",
        best.join(", ")
    )
}
