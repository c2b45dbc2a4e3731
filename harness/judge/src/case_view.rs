//! One case of a run as the judge, the reports and the claims read it: values by worker, medians, the fullest stage,
//! ladders and their slopes, figures, notes and times. Columns of a record are turned into such values only here.

use highwater_model::{Aspect, CaseId, CaseRecord, Metric, Quantity, Record, Scale, Stage, StageColumns};
use highwater_stats::{self as stats, Leak, LinearFit, Linearity};

/// The leak test needs this many windows after the warm-up. With fewer it would find no leak in any program.
const MIN_WINDOWS: usize = 5;

/// The columns of a case, in which growth is measured from a baseline stage.
///
/// Methods that return one number return the median over the completed workers, and `None` if the case did not reach
/// the stage or did not read the quantity. A stage is given as `"loaded"`, `("live", 100)`, or a [`Stage`].
#[derive(Clone, Copy, Debug)]
pub struct CaseView<'a> {
    /// The case.
    pub case: &'a CaseRecord,
    /// The stage that growth is measured from.
    pub baseline_stage: &'a Stage,
    /// The size of a page in bytes: the resolution of memory in tests of linearity and of leaks.
    page: u64,
}

impl<'a> CaseView<'a> {
    /// A view of a case of `record`.
    #[must_use]
    pub fn of(record: &'a Record, case: &'a CaseRecord) -> Self {
        Self { case, baseline_stage: &record.baseline_stage, page: record.fingerprint.class.page_size }
    }

    /// A view of a case without its record, so without the page size: linearity and leaks are tested to the byte.
    #[must_use]
    pub fn new(case: &'a CaseRecord, baseline_stage: &'a Stage) -> Self {
        Self { case, baseline_stage, page: 1 }
    }

    /// The case of a run with this id. `None` if the run does not have it, or if none of its workers completed.
    #[must_use]
    pub fn get(record: &'a Record, id: &CaseId) -> Option<Self> {
        record.case(id.as_str()).filter(|case| case.samples > 0).map(|case| Self::of(record, case))
    }

    /// The case of a run with this strategy and exactly these parameters, in any order. `None` if the run does not have
    /// it, or if none of its workers completed.
    #[must_use]
    pub fn find(record: &'a Record, strategy: &str, parameters: &[(&str, &str)]) -> Option<Self> {
        let all = Self::select(record, strategy, parameters);
        all.into_iter().find(|view| view.case.id.parameters().count() == parameters.len())
    }

    /// The cases of a run with this strategy and at least these parameters of which some worker completed.
    #[must_use]
    pub fn select(record: &'a Record, strategy: &str, parameters: &[(&str, &str)]) -> Vec<Self> {
        let is_selected = |case: &&CaseRecord| {
            let has = |(name, value): &(&str, &str)| case.id.parameter(name) == Some(value);
            case.samples > 0 && case.id.strategy() == strategy && parameters.iter().all(has)
        };
        record.cases.iter().filter(is_selected).map(|case| Self::of(record, case)).collect()
    }

    /// The id of the case.
    #[must_use]
    pub fn id(self) -> &'a CaseId {
        &self.case.id
    }

    /// The value of a parameter of the case: `tiny` for `guest`.
    #[must_use]
    pub fn parameter(self, name: &str) -> Option<&'a str> {
        self.case.id.parameter(name)
    }

    /// The size of a page in bytes.
    #[must_use]
    pub fn page(self) -> f64 {
        self.page as f64
    }
}

/// Stages and ladders.
impl<'a> CaseView<'a> {
    /// The aspects that the stages of this case have: the level, the slopes, then the growths.
    #[must_use]
    pub fn aspects(self) -> Vec<Aspect> {
        let Some(later) = self.later_stages() else { return Vec::new() };
        let slopes = self.ladders().into_iter().map(|name| Aspect::Slope(name.to_owned()));
        std::iter::once(Aspect::Level(self.baseline_stage.clone()))
            .chain(slopes)
            .chain(later.iter().map(|columns| Aspect::Growth(columns.stage.clone())))
            .collect()
    }

    /// The names of the ladders of at least two scales, in the order in which workers climb them.
    #[must_use]
    pub fn ladders(self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        let later = self.later_stages().unwrap_or_default();
        for columns in later.iter().filter(|columns| columns.stage.scale().is_some()) {
            if !names.contains(&columns.stage.name()) {
                names.push(columns.stage.name());
            }
        }
        names.retain(|name| self.ladder(name).len() >= 2);
        names
    }

    /// The stages of a ladder with their scales, in the order in which workers reach them.
    #[must_use]
    pub fn ladder(self, name: &str) -> Vec<(&'a StageColumns, Scale)> {
        let rung = |columns: &'a StageColumns| Some((columns, columns.stage.scale()?));
        self.case.stages.iter().filter(|columns| columns.stage.name() == name).filter_map(rung).collect()
    }

    /// The scales of a ladder.
    #[must_use]
    pub fn rungs(self, name: &str) -> Vec<u32> {
        self.ladder(name).into_iter().map(|(_, scale)| scale.0).collect()
    }

    /// The stages after the baseline stage; `None` if the case did not reach that.
    #[must_use]
    pub fn later_stages(self) -> Option<&'a [StageColumns]> {
        let index = self.case.stages.iter().position(|columns| columns.stage == *self.baseline_stage)?;
        Some(&self.case.stages[index + 1..])
    }

    /// The fullest stage: the last rung of the last ladder, or without a ladder the first stage with the most anon.
    #[must_use]
    pub fn fullest(self) -> Option<&'a StageColumns> {
        let stages = &self.case.stages;
        let anon =
            |columns: &&StageColumns| self.level(Metric::Anon, columns.stage.clone()).map_or(0, |anon| anon as u64);
        // `max_by_key` returns the last maximum; reverse to get the first.
        stages.iter().rfind(|columns| columns.stage.scale().is_some()).or_else(|| stages.iter().rev().max_by_key(anon))
    }
}

/// Values, one per completed worker.
impl<'a> CaseView<'a> {
    /// The quantity in this aspect; `None` if it was not read.
    #[must_use]
    pub fn values(self, quantity: impl Into<Quantity>, aspect: &Aspect) -> Option<Vec<f64>> {
        let quantity = quantity.into();
        match aspect {
            Aspect::Level(stage) => self.column(quantity, self.case.stage(stage)?),
            Aspect::Growth(stage) => self.differences(quantity, self.baseline_stage, stage),
            Aspect::Slope(name) => {
                let (scales, workers) = self.series(quantity, name)?;
                let slope =
                    |rungs: &Vec<f64>| Some(stats::theil_sen_fit(&scales, std::slice::from_ref(rungs), 1.0)?.slope);
                workers.iter().map(slope).collect::<Option<Vec<f64>>>().filter(|slopes| !slopes.is_empty())
            }
        }
    }

    /// The quantity at one of the stages. Bytes and counts are below 2^53, so `f64` represents them exactly.
    #[must_use]
    pub fn column(self, quantity: impl Into<Quantity>, columns: &StageColumns) -> Option<Vec<f64>> {
        let values = columns.values(quantity, self.case.samples)?;
        (!values.is_empty()).then(|| values.into_iter().map(|value| value as f64).collect())
    }

    /// The growth of a quantity between two stages, in the same worker.
    #[must_use]
    pub fn differences(self, quantity: impl Into<Quantity>, from: &Stage, to: &Stage) -> Option<Vec<f64>> {
        let quantity = quantity.into();
        let column = |stage: &Stage| self.column(quantity, self.case.stage(stage)?);
        let (before, now) = (column(from)?, column(to)?);
        Some(now.iter().zip(before).map(|(now, before)| now - before).collect())
    }

    /// The maximum of a quantity over all workers and stages.
    #[must_use]
    pub fn max(self, quantity: impl Into<Quantity>) -> Option<f64> {
        let quantity = quantity.into();
        self.case.stages.iter().filter_map(|columns| self.column(quantity, columns)).flatten().max_by(f64::total_cmp)
    }

    /// Growth at every rung of a ladder: the scales, and the values of each worker.
    fn series(self, quantity: Quantity, name: &str) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let (stages, scales): (Vec<_>, Vec<_>) = self.ladder(name).into_iter().unzip();
        let base = self.column(quantity, self.case.stage(self.baseline_stage)?)?;
        let since_base = |now: Vec<f64>| now.iter().zip(&base).map(|(now, base)| now - base).collect();
        let growth = |columns: &StageColumns| self.column(quantity, columns).map(since_base);
        let columns: Vec<Vec<f64>> = stages.into_iter().map(growth).collect::<Option<_>>()?;
        let worker = |worker: usize| columns.iter().map(|column| column[worker]).collect();
        let scales = scales.into_iter().map(|scale| f64::from(scale.0)).collect();
        Some((scales, (0..self.case.samples).map(worker).collect()))
    }
}

/// One number per case.
impl<'a> CaseView<'a> {
    /// The median of a quantity in an aspect.
    #[must_use]
    pub fn median(self, quantity: impl Into<Quantity>, aspect: &Aspect) -> Option<f64> {
        stats::median(&self.values(quantity, aspect)?)
    }

    /// The minimum of a quantity in an aspect.
    #[must_use]
    pub fn min(self, quantity: impl Into<Quantity>, aspect: &Aspect) -> Option<f64> {
        self.values(quantity, aspect)?.into_iter().min_by(f64::total_cmp)
    }

    /// The quantity at a stage.
    #[must_use]
    pub fn level(self, quantity: impl Into<Quantity>, stage: impl TryInto<Stage>) -> Option<f64> {
        self.median(quantity, &Aspect::Level(stage.try_into().ok()?))
    }

    /// The growth since the baseline stage.
    #[must_use]
    pub fn growth(self, quantity: impl Into<Quantity>, stage: impl TryInto<Stage>) -> Option<f64> {
        self.median(quantity, &Aspect::Growth(stage.try_into().ok()?))
    }

    /// The growth from one stage to another.
    #[must_use]
    pub fn growth_between(
        self,
        quantity: impl Into<Quantity>,
        from: impl TryInto<Stage>,
        to: impl TryInto<Stage>,
    ) -> Option<f64> {
        stats::median(&self.differences(quantity, &from.try_into().ok()?, &to.try_into().ok()?)?)
    }

    /// The growth up to the fullest stage, per unit if that stage is a rung of a ladder.
    #[must_use]
    pub fn growth_per_unit(self, quantity: impl Into<Quantity>) -> Option<f64> {
        let fullest = &self.fullest()?.stage;
        let units = fullest.scale().map_or(1.0, |scale| f64::from(scale.0.max(1)));
        Some(self.growth(quantity, fullest.clone())? / units)
    }

    /// The marginal cost of a unit on a ladder.
    #[must_use]
    pub fn slope(self, quantity: impl Into<Quantity>, ladder: &str) -> Option<f64> {
        self.median(quantity, &Aspect::Slope(ladder.to_owned()))
    }

    /// The marginal cost of a unit, summed over those of `ladders` that the case climbs. `None` if it climbs none.
    #[must_use]
    pub fn slope_sum(self, quantity: impl Into<Quantity>, ladders: &[&str]) -> Option<f64> {
        let quantity = quantity.into();
        let climbed = ladders.iter().filter(|ladder| !self.ladder(ladder).is_empty());
        let slopes: Vec<f64> = climbed.map(|ladder| self.slope(quantity, ladder)).collect::<Option<_>>()?;
        (!slopes.is_empty()).then(|| slopes.iter().sum())
    }

    /// The line fitted to the growth at the rungs of a ladder, over all workers.
    #[must_use]
    pub fn line(self, quantity: impl Into<Quantity>, ladder: &str) -> Option<LinearFit> {
        let quantity = quantity.into();
        let (scales, workers) = self.series(quantity, ladder)?;
        stats::theil_sen_fit(&scales, &workers, quantity.quantum(self.page))
    }

    /// Whether growth along a ladder is linear, or how it deviates.
    #[must_use]
    pub fn linearity(self, quantity: impl Into<Quantity>, ladder: &str) -> Option<Linearity> {
        Some(self.line(quantity, ladder)?.linearity)
    }

    /// The leak test on a quantity, read every `window` units of a ladder, without the first `warm_up` windows, in
    /// which caches fill. `None` if there are too few windows, `Some(None)` without a leak.
    #[must_use]
    pub fn leak(
        self,
        quantity: impl Into<Quantity>,
        ladder: &str,
        window: u32,
        warm_up: usize,
    ) -> Option<Option<Leak>> {
        let quantity = quantity.into();
        let windows = self.ladder(ladder).into_iter().filter(|(_, scale)| scale.0.is_multiple_of(window));
        let growths: Vec<f64> =
            windows.map(|(columns, _)| self.growth(quantity, columns.stage.clone())).collect::<Option<_>>()?;
        (growths.len() >= warm_up + MIN_WINDOWS).then(|| stats::leak(&growths, warm_up, quantity.quantum(self.page)))
    }

    /// Nanoseconds of wall time from the baseline stage to the fullest stage, without pauses.
    #[must_use]
    pub fn wall_time(self) -> Option<f64> {
        let (later, fullest) = (self.later_stages()?, self.fullest()?);
        let stages = &later[..=later.iter().position(|columns| columns.stage == fullest.stage)?];
        let total = |worker| stages.iter().map(|columns| Some(columns.wall_ns.at(worker)? as f64)).sum::<Option<f64>>();
        stats::median(&(0..self.case.samples).map(total).collect::<Option<Vec<f64>>>()?)
    }
}

/// What workers and criterion reported.
impl<'a> CaseView<'a> {
    /// The figures that the workers reported, each with the stage at which it was reported. A figure is judged by its
    /// level at that stage.
    #[must_use]
    pub fn figures(self) -> Vec<(Quantity, Aspect)> {
        let figures_of = |columns: &'a StageColumns| {
            let figures = columns.memory.keys().filter(|quantity| matches!(quantity, Quantity::Figure(_)));
            figures.map(|quantity| (*quantity, Aspect::Level(columns.stage.clone())))
        };
        self.case.stages.iter().flat_map(figures_of).collect()
    }

    /// A figure at a stage.
    #[must_use]
    pub fn figure(self, stage: impl TryInto<Stage>, name: &str) -> Option<f64> {
        self.level(Quantity::Figure(name.parse().ok()?), stage)
    }

    /// The smallest value of a figure at a stage. For times of the same work: other load only adds to them.
    #[must_use]
    pub fn min_figure(self, stage: impl TryInto<Stage>, name: &str) -> Option<f64> {
        self.min(Quantity::Figure(name.parse().ok()?), &Aspect::Level(stage.try_into().ok()?))
    }

    /// The distinct texts that workers reported under a name.
    #[must_use]
    pub fn notes(self, name: &str) -> &'a [String] {
        self.case.notes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The text of a note, if all workers reported the same.
    #[must_use]
    pub fn note(self, name: &str) -> Option<&'a str> {
        match self.notes(name) {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Criterion's estimate of a routine, in nanoseconds.
    #[must_use]
    pub fn time(self, routine: &str) -> Option<f64> {
        self.case.time.get(routine).map(|time| time.ns)
    }
}

/// The names of the ladders of several cases, in order of first appearance.
#[must_use]
pub fn ladders<'a>(cases: impl IntoIterator<Item = CaseView<'a>>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in cases.into_iter().flat_map(CaseView::ladders) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
