//! Turns the columns of a case into the values that are judged: one per worker for each quantity and aspect.

use highwater_model::{Aspect, CaseRecord, Quantity, Scale, Stage, StageColumns};
use highwater_stats::{self as stats, LinearFit};

/// The columns of a case, viewed by aspect.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    case: &'a CaseRecord,
    baseline_stage: &'a Stage,
}

impl<'a> View<'a> {
    /// A view of `case` in which growth is measured from the stage `baseline_stage`.
    #[must_use]
    pub fn new(case: &'a CaseRecord, baseline_stage: &'a Stage) -> Self {
        Self { case, baseline_stage }
    }

    /// The aspects that the stages of this case have: the level, the slopes, then the growths.
    #[must_use]
    pub fn aspects(&self) -> Vec<Aspect> {
        let Some(index) = self.case.stages.iter().position(|columns| columns.stage == *self.baseline_stage) else {
            return Vec::new();
        };
        let later = &self.case.stages[index + 1..];
        let mut names: Vec<&str> = Vec::new();
        for columns in later.iter().filter(|columns| columns.stage.scale().is_some()) {
            if !names.contains(&columns.stage.name()) {
                names.push(columns.stage.name());
            }
        }
        let slopes = names.into_iter().filter(|name| self.rungs(name).len() >= 2).map(str::to_owned).map(Aspect::Slope);
        std::iter::once(Aspect::Level(self.baseline_stage.clone()))
            .chain(slopes)
            .chain(later.iter().map(|columns| Aspect::Growth(columns.stage.clone())))
            .collect()
    }

    /// The figures that the workers reported, each with the stage at which it was reported. A figure is judged by its
    /// level at that stage.
    #[must_use]
    pub fn figures(&self) -> Vec<(Quantity, Aspect)> {
        let figures_of = |columns: &'a StageColumns| {
            let figures = columns.memory.keys().filter(|quantity| matches!(quantity, Quantity::Figure(_)));
            figures.map(|quantity| (*quantity, Aspect::Level(columns.stage.clone())))
        };
        self.case.stages.iter().flat_map(figures_of).collect()
    }

    /// The quantity in this aspect, one value per completed worker. `None` if it was not read.
    #[must_use]
    pub fn values(&self, quantity: Quantity, aspect: &Aspect) -> Option<Vec<f64>> {
        match aspect {
            Aspect::Level(stage) => self.column(quantity, stage),
            Aspect::Growth(stage) => self.growth(quantity, stage),
            Aspect::Slope(name) => {
                let (scales, workers) = self.ladder(quantity, name)?;
                let slope =
                    |rungs: &Vec<f64>| Some(stats::theil_sen_fit(&scales, std::slice::from_ref(rungs), 1.0)?.slope);
                workers.iter().map(slope).collect()
            }
        }
    }

    /// The maximum of a quantity over all workers and stages.
    pub(super) fn max(&self, quantity: Quantity) -> Option<f64> {
        let stages = self.case.stages.iter().filter_map(|columns| self.column(quantity, &columns.stage));
        stages.flatten().max_by(f64::total_cmp)
    }

    /// The line fitted to the rungs of a ladder, given by its stage name. `quantum` is that of [`stats::theil_sen_fit`].
    #[must_use]
    pub fn line(&self, quantity: Quantity, name: &str, quantum: f64) -> Option<LinearFit> {
        let (scales, workers) = self.ladder(quantity, name)?;
        stats::theil_sen_fit(&scales, &workers, quantum)
    }

    /// Growth at every rung of a ladder: the scales, and the values of each worker.
    fn ladder(&self, quantity: Quantity, name: &str) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let rungs = self.rungs(name);
        let columns: Option<Vec<Vec<f64>>> = rungs.iter().map(|(stage, _)| self.growth(quantity, stage)).collect();
        let columns = columns?;
        let workers =
            (0..self.case.samples).map(|worker| columns.iter().map(|column| column[worker]).collect()).collect();
        Some((rungs.into_iter().map(|(_, scale)| f64::from(scale.0)).collect(), workers))
    }

    fn rungs(&self, name: &str) -> Vec<(&'a Stage, Scale)> {
        let rung = |stage: &'a Stage| (stage.name() == name).then(|| Some((stage, stage.scale()?))).flatten();
        self.case.stages.iter().filter_map(|columns| rung(&columns.stage)).collect()
    }

    fn growth(&self, quantity: Quantity, stage: &Stage) -> Option<Vec<f64>> {
        let (now, before) = (self.column(quantity, stage)?, self.column(quantity, self.baseline_stage)?);
        Some(now.iter().zip(before).map(|(now, before)| now - before).collect())
    }

    /// Bytes and counts are below 2^53, so `f64` represents them exactly.
    fn column(&self, quantity: Quantity, stage: &Stage) -> Option<Vec<f64>> {
        let values = self.case.stage(stage)?.values(quantity, self.case.samples)?;
        (!values.is_empty()).then(|| values.into_iter().map(|value| value as f64).collect())
    }
}
