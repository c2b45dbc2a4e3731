//! The report of a sweep: a table of measurements, the cheapest and the fastest strategy, the Pareto set, and
//! the settings to paste. A strategy that leaks under swap is in the table with a mark, but is never
//! recommended.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use highwater_judge::{Capacity, CaseView, Ceilings, capacity};
use highwater_model::{Bytes, CaseRecord, Metric, Stage, bytes, nanoseconds};
use highwater_probe::ceilings;
use highwater_stats as stats;

use super::{
    case::{CYCLE, CYCLED},
    order::Call,
    strategy::Strategy,
    sweep::{Asked, Tried},
};

/// Strategies whose memory differs by at most a hundredth count as equal, and the fastest of them as the
/// cheapest.
const ALIKE: f64 = 1.01;
/// Memory kept after a drop is mentioned only above this.
const PAGE: f64 = 4096.0;
/// Marks strategies that leak under swap.
const MARK: &str = " \u{2020}";
/// The explanation of the mark.
const FOOTNOTE: &str = "\u{2020} not recommended: where the kernel swaps pages out, a sandbox can read what the \
                        previous one wrote (wasmtime #14357, fixed in 50); see docs/wasmtime-14357.md";

/// The cost of one strategy.
struct Cost<'a> {
    strategy: &'a Strategy,
    outcome: Result<Figures, String>,
}

/// What a sandbox costs.
pub(super) struct Figures {
    /// Marginal memory per sandbox, in bytes.
    pub(super) held: f64,
    /// Marginal mappings per sandbox.
    pub(super) vmas: f64,
    /// Marginal address space per sandbox, including the pool's slots.
    address: f64,
    /// Bytes that a dropped sandbox leaves behind.
    pub(super) kept: f64,
    /// Nanoseconds to instantiate, call and drop one sandbox.
    cycle: f64,
}

/// Formats the report.
#[must_use]
pub(super) fn advice(asked: &Asked, tried: &Tried) -> String {
    let costs: Vec<Cost<'_>> = tried
        .strategies
        .iter()
        .map(|(strategy, case)| Cost { strategy, outcome: figures(case, tried.sandboxes) })
        .collect();
    let measured: Vec<(&Strategy, &Figures)> =
        costs.iter().filter_map(|cost| Some((cost.strategy, cost.outcome.as_ref().ok()?))).collect();
    let (leaking, safe): (Vec<_>, Vec<_>) = measured.into_iter().partition(|(strategy, _)| strategy.leaks_under_swap());
    let fastest = safe.iter().map(|(_, figures)| figures.cycle).fold(f64::INFINITY, f64::min);
    let best = stats::pareto(&safe.iter().map(|(_, figures)| [figures.held, figures.cycle]).collect::<Vec<_>>());
    let pareto: Vec<&Strategy> = safe.iter().zip(best).filter(|(_, best)| *best).map(|((one, _), _)| *one).collect();

    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
        "strategy",
        "memory/sandbox",
        "VMAs/sandbox",
        "address space/sandbox",
        "kept after drop",
        &format!("instantiate + {}drop", if tried.order.call == Call::Nothing { "" } else { "call + " }),
        "x fastest",
        "Pareto",
    ]);
    for cost in &costs {
        table.add_row(row(cost, fastest, pareto.contains(&cost.strategy)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{}, {}, {} live sandboxes\n{table}\n", asked.path.display(), does(tried), tried.sandboxes);
    text.push_str("memory: anon, page tables, kernel memory per mapping; time: median of many in one warm process\n");
    if costs.iter().any(|cost| cost.strategy.leaks_under_swap()) {
        text.push_str(FOOTNOTE);
        text.push('\n');
    }
    text.push('\n');
    recommend(&mut text, &safe, &leaking, &pareto, tried);
    text.push('\n');
    text.push_str(&tried.engines.text());
    text
}

/// What every sandbox executed.
fn does(tried: &Tried) -> String {
    match &tried.order.call {
        Call::Nothing => "instantiated and not called (--invoke NAME calls a function)".to_owned(),
        Call::Command(_) => "run as a command".to_owned(),
        Call::Function { name, args } => format!("`{name}({})` called once", args.join(", ")),
    }
}

fn row(cost: &Cost<'_>, fastest: f64, is_best: bool) -> Vec<String> {
    let label = cost.strategy.label() + if cost.strategy.leaks_under_swap() { MARK } else { "" };
    match &cost.outcome {
        Err(reason) => vec![label, format!("failed: {reason}")],
        Ok(figures) => vec![
            label,
            bytes(figures.held),
            format!("{:.2}", figures.vmas),
            bytes(figures.address),
            bytes(figures.kept),
            nanoseconds(figures.cycle),
            format!("{:.2}", figures.cycle / fastest),
            if is_best { "*" } else { "" }.to_owned(),
        ],
    }
}

/// Recommends strategies that are safe everywhere, and mentions unsafe ones if they are faster.
fn recommend(
    text: &mut String,
    safe: &[(&Strategy, &Figures)],
    leaking: &[(&Strategy, &Figures)],
    pareto: &[&Strategy],
    tried: &Tried,
) {
    let least = safe.iter().map(|(_, figures)| figures.held).fold(f64::INFINITY, f64::min);
    let by_time = |(_, a): &&(&Strategy, &Figures), (_, b): &&(&Strategy, &Figures)| a.cycle.total_cmp(&b.cycle);
    let cheapest = safe.iter().filter(|(_, figures)| figures.held <= least * ALIKE).min_by(by_time);
    let (Some((cheapest, held)), Some((fastest, cycle))) = (cheapest, safe.iter().min_by(by_time)) else {
        text.push_str("no strategy that can be recommended completed\n");
        return;
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "cheapest in memory: {} ({} per sandbox)", cheapest.label(), Bytes(held.held as u64));
    let _ = writeln!(text, "fastest:            {} ({})", fastest.label(), nanoseconds(cycle.cycle));
    let labels: Vec<String> = pareto.iter().map(|one| one.label()).collect();
    let _ = writeln!(
        text,
        "Pareto set:         {} (no other strategy is better in memory or time without being worse in the other)",
        labels.join(", ")
    );
    for (strategy, figures) in safe.iter().filter(|(one, figures)| pareto.contains(one) && figures.kept > PAGE) {
        let kept = Bytes(figures.kept as u64);
        let _ = writeln!(text, "{} keeps {kept} of each slot resident after its sandbox is dropped", strategy.label());
    }
    for (strategy, figures) in leaking.iter().filter(|(_, figures)| figures.cycle < cycle.cycle) {
        let _ = writeln!(
            text,
            "{}: faster ({}), only where no swap can ever be on; see docs/wasmtime-14357.md",
            strategy.label(),
            nanoseconds(figures.cycle)
        );
    }
    let chosen = if cheapest == fastest { vec![cheapest] } else { vec![cheapest, fastest] };
    for strategy in chosen {
        let sandboxes = tried.sandboxes;
        let _ = writeln!(text, "\n{}, for {sandboxes} concurrent sandboxes:\n", strategy.label());
        text.push_str(&strategy.code(&tried.order.needs, sandboxes));
        text.push_str("    let engine = wasmtime::Engine::new(&config)?;\n");
    }
}

/// The figures of a case with this many sandboxes.
///
/// # Errors
/// Why it has none.
pub(super) fn figures(case: &CaseRecord, sandboxes: u32) -> Result<Figures, String> {
    if case.samples == 0 {
        let failure_note = case.notes.get(super::case::FAILURE).and_then(|texts| texts.first().cloned());
        let died = || case.failures.first().map(|failure| format!("{} {}", failure.outcome, failure.place()));
        return Err(failure_note
            .or_else(died)
            .or_else(|| case.not_run.clone())
            .unwrap_or_else(|| "no worker completed".to_owned()));
    }
    let parse = |text: &str| text.parse::<Stage>().map_err(|_| format!("no stage {text}"));
    let (start, loaded) = (parse("start")?, parse("loaded")?);
    let no_limits = Ceilings {
        memory: Bytes(u64::MAX >> 1),
        max_map_count: u64::MAX >> 12,
        address_space: Bytes(u64::MAX >> 1),
        bytes_per_mapping: ceilings::bytes_per_mapping(),
    };
    let Capacity { bytes_per_unit, ladders, .. } =
        capacity(case, &loaded, rustix::param::page_size() as u64, &no_limits)?;
    let view = CaseView::new(case, &loaded);
    let ladders: Vec<&str> = ladders.iter().map(String::as_str).collect();
    let per_sandbox = |metric: Metric| view.slope_sum(metric, &ladders).unwrap_or(0.0);
    let sandboxes = f64::from(sandboxes.max(1));
    // A pool reserves its slots with the engine: the difference to a bare process is spread over them.
    let reserved = view.growth_between(Metric::Vsize, start, loaded.clone()).unwrap_or(0.0);
    Ok(Figures {
        held: bytes_per_unit.value,
        vmas: per_sandbox(Metric::Vmas),
        address: per_sandbox(Metric::Vsize) + reserved / sandboxes,
        kept: view.growth(Metric::Anon, "trimmed").unwrap_or(0.0) / sandboxes,
        cycle: view.figure(CYCLED, CYCLE).ok_or("no time was reported")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            engines::OtherEngines,
            order::{Errand, Order},
            strategy::{ALL, Needs},
        },
        *,
    };

    fn tried() -> Tried {
        let needs = Needs { instances: 1, memories: 1, tables: 1, table_elements: 0, component: false, stacks: false };
        let order = Order {
            component: false,
            wasi: false,
            stub: false,
            call: Call::Nothing,
            needs,
            sandboxes: 100,
            errand: Errand::Measure,
        };
        Tried { strategies: Vec::new(), order, sandboxes: 100, engines: OtherEngines::NotPossible }
    }

    fn figures(held: f64, cycle: f64) -> Figures {
        Figures { held, vmas: 2.0, address: 1e9, kept: 1e6, cycle }
    }

    /// The recommendation if each strategy, in the order of [`ALL`], has these figures.
    fn text(costs: &[Figures]) -> String {
        let measured: Vec<(&Strategy, &Figures)> = ALL.iter().zip(costs).collect();
        let (leaking, safe): (Vec<_>, Vec<_>) = measured.into_iter().partition(|(one, _)| one.leaks_under_swap());
        let pareto: Vec<&Strategy> = safe.iter().map(|(one, _)| *one).collect();
        let mut text = String::new();
        recommend(&mut text, &safe, &leaking, &pareto, &tried());
        text
    }

    #[test]
    fn the_leaking_pool_is_never_recommended() {
        // Each strategy is once the best in memory and once the fastest.
        for cheapest in 0..ALL.len() {
            for fastest in 0..ALL.len() {
                let one = |index| {
                    let held = if index == cheapest { 1e3 } else { 1e6 };
                    figures(held, if index == fastest { 1e3 } else { 1e6 + index as f64 })
                };
                let costs: Vec<Figures> = (0..ALL.len()).map(one).collect();
                let text = text(&costs);
                assert!(text.contains("Engine::new"), "{text}");
                assert!(!text.contains("Enabled::Auto") && !text.contains("Enabled::Yes"), "{text}");
                for line in text.lines().filter(|line| line.contains(&ALL[5].label())) {
                    assert!(line.contains("only where no swap can ever be on; see docs/wasmtime-14357.md"), "{line}");
                }
            }
        }
    }

    #[test]
    fn the_leaking_pool_is_mentioned_only_where_it_is_faster() {
        let mut costs: Vec<Figures> = (0..ALL.len()).map(|_| figures(1e3, 1e6)).collect();
        assert!(!text(&costs).contains("swap"));
        costs[5] = figures(1e3, 1e5);
        assert!(text(&costs).contains("pooling-keep-1m-scan/cow=on: faster (100.000 \u{b5}s), only where no swap"));
    }

    #[test]
    fn nothing_is_recommended_if_only_the_leaking_pool_ran() {
        let mut text = String::new();
        recommend(&mut text, &[], &[(&ALL[5], &figures(1e3, 1e3))], &[], &tried());
        assert_eq!(text, "no strategy that can be recommended completed\n");
    }
}
