//! Measures the error rates of the judge on real workers. In comparisons of a program with itself every finding is a
//! false alarm; in comparisons with the same program made to dirty more memory, every comparison without a finding is a
//! miss. Samples are drawn from batches of workers, the baseline's from one batch and the run's from another, and pass
//! through both stages of the judge.

use std::collections::BTreeMap;

use fastrand::Rng;
use highwater_model::{CaseId, CaseRecord, Quantity, Record};
use serde::{Deserialize, Serialize};

use super::{
    FRESH_WORKERS, Keep, Kind, NoiseClass, Policy, baselines, compare_family, confirm_family, exact_where_gated,
};

/// The number of workers of the baseline, and of a run whose workers disagree.
const FULL: usize = 20;
/// The number of workers of a run whose workers agree.
const MINIMUM: usize = 5;

/// How much memory the workers of a batch were made to dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Nothing: a comparison with itself.
    Same,
    /// One page, once in a worker.
    Page,
    /// 64 KiB, once in a worker.
    Large,
    /// 1 % of the growth of the case up to its last stage with units, once in a worker.
    Percent,
}

impl Arm {
    /// Every arm.
    pub const ALL: [Self; 4] = [Self::Same, Self::Page, Self::Large, Self::Percent];

    /// The number of bytes to dirty in a case that grows by `growth` bytes, with pages of `page` bytes.
    #[must_use]
    pub fn bytes(self, growth: u64, page: u64) -> u64 {
        match self {
            Self::Same => 0,
            Self::Page => page,
            Self::Large => 64 << 10,
            Self::Percent => growth / 100,
        }
    }

    /// The name used in file names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Page => "page",
            Self::Large => "64k",
            Self::Percent => "percent",
        }
    }
}

/// The batches of a family: records of the same cases, measured at different times.
pub type Batches = BTreeMap<Arm, Vec<Record>>;

/// The number of findings in a number of comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Comparisons that found a regression.
    pub found: usize,
    /// All comparisons.
    pub of: usize,
}

impl Tally {
    fn count(&mut self, found: bool) {
        self.found += usize::from(found);
        self.of += 1;
    }
}

/// The tallies of one case by arm. A comparison has a finding if any gated aspect of the case has one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaseTally {
    /// Comparisons that found a regression.
    pub regressed: BTreeMap<Arm, Tally>,
    /// Comparisons with an unconfirmed finding.
    pub unconfirmed: BTreeMap<Arm, Tally>,
}

/// A kind of aspect: the noise class of the baseline, the quantity, and `growth`, `slope` or `level`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AspectKind {
    /// The noise class of the baseline.
    pub class: NoiseClass,
    /// The quantity.
    pub quantity: Quantity,
    /// `growth`, `slope` or `level`.
    pub word: &'static str,
}

/// The result of calibrating a family.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    /// By case.
    pub cases: BTreeMap<CaseId, CaseTally>,
    /// By kind of aspect.
    pub aspects: BTreeMap<AspectKind, BTreeMap<Arm, Tally>>,
    /// The number of workers that the comparisons draw from.
    pub workers: usize,
}

/// Makes about `comparisons` comparisons of every arm, distributed evenly over the cases.
#[must_use]
pub fn calibrate(batches: &Batches, policy: &Policy, comparisons: usize, seed: u64) -> Calibration {
    let policy = policy.clone().only_gated();
    let empty = Vec::new();
    let same = batches.get(&Arm::Same).unwrap_or(&empty);
    let workers = batches.values().flatten().flat_map(|batch| &batch.cases).map(|case| case.samples).sum();
    let mut result = Calibration { workers, ..Calibration::default() };
    let Some(first) = same.first() else { return result };
    let ids: Vec<&CaseId> = first.cases.iter().filter(|case| case.samples > 0).map(|case| &case.id).collect();
    let mut random = Rng::with_seed(seed);
    for (&arm, of_arm) in batches {
        for id in &ids {
            let draws = Draws { id, same, arm, of_arm };
            for _ in 0..comparisons.div_ceil(ids.len()) {
                draws.compare(&policy, &mut random, &mut result);
            }
        }
    }
    result
}

/// One case under one arm.
struct Draws<'a> {
    id: &'a CaseId,
    same: &'a [Record],
    arm: Arm,
    of_arm: &'a [Record],
}

impl Draws<'_> {
    fn compare(&self, policy: &Policy, random: &mut Rng, result: &mut Calibration) -> Option<()> {
        let from = random.usize(..self.same.len());
        // A batch other than the baseline's, if there is one.
        let others: Vec<&Record> = self
            .of_arm
            .iter()
            .enumerate()
            .filter(|(other, _)| self.of_arm.len() == 1 || *other != from)
            .map(|(_, batch)| batch)
            .collect();
        let run_batch = random.choice(others)?;
        let baseline_case = case_of(&self.same[from], self.id)?;
        let run_case = case_of(run_batch, self.id)?;

        let mut workers: Vec<usize> = (0..baseline_case.samples).collect();
        random.shuffle(&mut workers);
        let baseline = with_only(&self.same[from], baseline_case.of_workers(&workers[..FULL.min(workers.len())]));
        let baseline = baselines::of_run(&baseline, policy, Keep::Gated);

        let mut workers: Vec<usize> = (0..run_case.samples).collect();
        random.shuffle(&mut workers);
        let few = run_case.of_workers(&workers[..MINIMUM.min(workers.len())]);
        let count = if exact_where_gated(&few, &run_batch.baseline_stage) { MINIMUM } else { FULL };
        let count = count.min(workers.len());
        let run = with_only(run_batch, run_case.of_workers(&workers[..count]));
        let mut comparison = compare_family(&baseline, &run, policy);
        let rest = &workers[count..];
        let groups = FRESH_WORKERS.looks().iter().filter(|look| **look <= rest.len());
        for look in groups {
            if comparison.flagged().is_empty() {
                break;
            }
            let fresh = with_only(run_batch, run_case.of_workers(&rest[..*look]));
            comparison = confirm_family(&baseline, &run, &fresh, policy);
        }

        let gated = comparison.verdicts.iter().filter(|verdict| verdict.gated);
        let tally = result.cases.entry(self.id.clone()).or_default();
        let any = |kind| comparison.verdicts.iter().any(|verdict| verdict.gated && verdict.kind == kind);
        tally.regressed.entry(self.arm).or_default().count(any(Kind::Regressed));
        tally.unconfirmed.entry(self.arm).or_default().count(any(Kind::Unconfirmed));
        for verdict in gated {
            let Some(subject) = &verdict.subject else { continue };
            let class = subject.class.unwrap_or(NoiseClass::Spread);
            let kind = AspectKind { class, quantity: subject.quantity, word: subject.aspect.word() };
            let tallies = result.aspects.entry(kind).or_default();
            tallies.entry(self.arm).or_default().count(verdict.kind == Kind::Regressed);
        }
        Some(())
    }
}

fn case_of<'a>(record: &'a Record, id: &CaseId) -> Option<&'a CaseRecord> {
    record.cases.iter().find(|case| case.id == *id && case.samples > 0)
}

/// A copy of the record with this case only.
fn with_only(record: &Record, case: CaseRecord) -> Record {
    let mut selection = record.selection.clone();
    selection.filter = Some(case.id.to_string());
    Record {
        schema: record.schema,
        family: record.family.clone(),
        fingerprint: record.fingerprint.clone(),
        selection,
        unit: record.unit.clone(),
        baseline_stage: record.baseline_stage.clone(),
        cases: vec![case],
        claims: Vec::new(),
        questions: Vec::new(),
    }
}
