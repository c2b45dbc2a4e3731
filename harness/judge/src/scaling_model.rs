//! The memory of a case as a linear function of its number of units, from the ladders that it climbs.
//!
//! A case that takes all its units through one ladder and then through the next (`live`, then `called`) has a slope
//! for each. The marginal cost of a unit that went through both is the sum of the slopes.

use highwater_model::{CaseRecord, Scale, Stage, StageColumns};
use highwater_stats::{self as stats, Linearity};

/// Units are gone from this stage on.
const DROPPED: &str = "dropped";

/// The ladders of a case that add up to the cost of a unit.
pub(super) struct ScalingModel<'a> {
    case: &'a CaseRecord,
    pub(super) ladders: Vec<Ladder>,
}

/// One ladder of a case.
pub(super) struct Ladder {
    pub(super) name: String,
    /// The indices of the rungs among the stages of the case.
    rungs: Vec<usize>,
    scales: Vec<f64>,
}

impl Ladder {
    pub(super) fn top(&self) -> u64 {
        self.scales.last().map_or(0, |top| *top as u64)
    }

    fn last_rung(&self) -> usize {
        self.rungs.last().copied().unwrap_or(0)
    }
}

/// The usage of one worker: `fixed + slope * units`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearUsage {
    pub(super) slope: f64,
    pub(super) fixed: f64,
}

impl LinearUsage {
    /// The largest number of units whose usage does not exceed `max`; `None` if usage does not grow with units.
    pub(super) fn units(self, max: u64) -> Option<f64> {
        let left = max as f64 - self.fixed;
        match self.slope {
            _ if left < 0.0 => Some(0.0),
            slope if slope > 0.0 => Some((left / slope).floor()),
            _ => None,
        }
    }
}

impl<'a> ScalingModel<'a> {
    /// `None` if the case has no ladder of two scales or more after the stage `baseline_stage`.
    pub(super) fn new(case: &'a CaseRecord, baseline_stage: &Stage) -> Option<Self> {
        let ladders = successive(ladders(case, baseline_stage));
        (!ladders.is_empty()).then_some(Self { case, ladders })
    }

    /// The usage of each worker; `None` if `read` has no value at some rung.
    pub(super) fn usage(&self, read: impl Fn(&StageColumns, usize) -> Option<f64>) -> Option<Vec<LinearUsage>> {
        let usage = |worker| {
            let mut slope = 0.0;
            let mut fixed = read(&self.case.stages[self.ladders.last()?.last_rung()], worker)?;
            for ladder in &self.ladders {
                let rungs = self.rungs(ladder, worker, &read)?;
                let ladder_slope = stats::theil_sen_fit(&ladder.scales, &[rungs], 1.0)?.slope;
                slope += ladder_slope;
                fixed -= ladder_slope * ladder.top() as f64;
            }
            Some(LinearUsage { slope, fixed })
        };
        (0..self.case.samples).map(usage).collect()
    }

    /// Whether every ladder is linear. `page` is the resolution of the values.
    pub(super) fn is_linear(&self, read: impl Fn(&StageColumns, usize) -> Option<f64>, page: u64) -> bool {
        self.ladders.iter().all(|ladder| {
            let workers: Option<Vec<_>> = (0..self.case.samples).map(|w| self.rungs(ladder, w, &read)).collect();
            let line = workers.and_then(|workers| stats::theil_sen_fit(&ladder.scales, &workers, page as f64));
            line.is_some_and(|line| line.linearity == Linearity::Linear)
        })
    }

    fn rungs(
        &self,
        ladder: &Ladder,
        worker: usize,
        read: impl Fn(&StageColumns, usize) -> Option<f64>,
    ) -> Option<Vec<f64>> {
        ladder.rungs.iter().map(|rung| read(&self.case.stages[*rung], worker)).collect()
    }
}

/// The ladders between `baseline_stage` and `dropped`.
fn ladders(case: &CaseRecord, baseline_stage: &Stage) -> Vec<Ladder> {
    let begin = case.stages.iter().position(|columns| columns.stage == *baseline_stage).map_or(0, |index| index + 1);
    let stages = case.stages.iter().enumerate().skip(begin).take_while(|(_, columns)| columns.stage.name() != DROPPED);
    let mut ladders: Vec<Ladder> = Vec::new();
    for (index, columns) in stages {
        let Some(Scale(scale)) = columns.stage.scale() else { continue };
        let ladder = match ladders.iter().position(|ladder| ladder.name == columns.stage.name()) {
            Some(known) => &mut ladders[known],
            None => {
                ladders.push(Ladder { name: columns.stage.name().to_owned(), rungs: Vec::new(), scales: Vec::new() });
                let last = ladders.len() - 1;
                &mut ladders[last]
            }
        };
        ladder.rungs.push(index);
        ladder.scales.push(f64::from(scale));
    }
    ladders.retain(|ladder| ladder.rungs.len() >= 2);
    ladders
}

/// The ladders whose slopes add up. Of ladders that are climbed together, rung by rung, only the one that ends last
/// counts: its values include the cost of the others.
fn successive(ladders: Vec<Ladder>) -> Vec<Ladder> {
    let mut successive: Vec<Ladder> = Vec::new();
    for ladder in ladders {
        match successive.last_mut() {
            Some(before) if ladder.rungs[0] < before.last_rung() => {
                if ladder.last_rung() > before.last_rung() {
                    *before = ladder;
                }
            }
            _ => successive.push(ladder),
        }
    }
    successive
}
