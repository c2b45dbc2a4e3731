//! Time, judged where it can be: between two revisions whose workers ran by turns in one run, as pairs
//! in random order (`highwater ab`). What is judged is the CPU time of each stage, in the worker, with
//! the parent's looks left out.
//!
//! A change is flagged where three things agree: the sign test of the pairs, a median of the ratios
//! further from 1 than the base's own noise makes it (its A/A envelope, from the base's workers alone),
//! and the least change worth a word. Then fresh pairs have to show it too.

use highwater_model::{Aspect, CaseRecord, Clock, Quantity, Record, nanoseconds};
use highwater_stats::{self as stats, median};

use super::{Kind, Mode, NoiseClass, Policy, Subject, Verdict, View};

/// The level of a stage's test, one-sided.
const ALPHA: f64 = 0.005;
/// The quantile of the A/A envelope that a change must leave.
const ENVELOPE: f64 = 0.99;
/// The least change worth a word, as a part of the base's time.
const LEAST: f64 = 0.02;
/// Stages shorter than this, in nanoseconds, are mostly the clock and the pause.
const SHORTEST: f64 = 20_000.0;
/// Seed of the resampling.
const SEED: u64 = 1;

/// The verdicts on the time of every stage of the cases that both revisions have. Worker `i` of `base`
/// and worker `i` of `head` are a pair. `again` holds fresh pairs of the cases flagged without it.
#[must_use]
pub fn judge_time(pair: (&Record, &Record), again: Option<(&Record, &Record)>, policy: &Policy) -> Vec<Verdict> {
    let (base, head) = pair;
    let both = head.cases.iter().filter_map(|head| Some((base.case(head.id.as_str())?, head)));
    let stages = both.flat_map(|(base, head)| {
        let stages = head.stages.iter().map(|columns| Aspect::Level(columns.stage.clone()));
        stages.map(move |aspect| (base, head, aspect))
    });
    let judged = |(base_case, head_case, aspect): (&CaseRecord, &CaseRecord, Aspect)| {
        let first = Pairs::of((base, base_case), (head, head_case), &aspect)?;
        let again = again.and_then(|(base, head)| {
            let id = head_case.id.as_str();
            Pairs::of((base, base.case(id)?), (head, head.case(id)?), &aspect)
        });
        Some(first.verdict(again.as_ref(), head_case, aspect, policy))
    };
    stages.filter_map(judged).collect()
}

/// The CPU time of one stage in both revisions, worker by worker.
struct Pairs {
    base: Vec<f64>,
    head: Vec<f64>,
    /// The medians, and the median of the ratios.
    middle: (f64, f64, f64),
}

const TIME: Quantity = Quantity::Time(Clock::Cpu);

impl Pairs {
    fn of(base: (&Record, &CaseRecord), head: (&Record, &CaseRecord), aspect: &Aspect) -> Option<Self> {
        let values = |(record, case): (&Record, &CaseRecord)| View::new(case, &record.reference).values(TIME, aspect);
        let (mut base, mut head) = (values(base)?, values(head)?);
        let pairs = base.len().min(head.len());
        base.truncate(pairs);
        head.truncate(pairs);
        let ratios: Vec<f64> = head.iter().zip(&base).map(|(head, base)| head / base.max(1.0)).collect();
        let middle = (median(&base)?, median(&head)?, median(&ratios)?);
        (middle.0.max(middle.1) >= SHORTEST).then_some(Self { base, head, middle })
    }

    /// What these pairs alone say: 1 slower, -1 faster, 0 neither.
    fn direction(&self) -> i8 {
        let logarithms: Vec<f64> = self.base.iter().map(|ns| ns.max(1.0).ln()).collect();
        let envelope = stats::envelope(&logarithms, self.head.len(), ENVELOPE, SEED);
        let (Some(sign), Some(envelope)) = (stats::sign_test(&self.base, &self.head), envelope) else { return 0 };
        let shift = self.middle.2.ln();
        if shift.abs() <= envelope || (self.middle.2 - 1.0).abs() < LEAST {
            return 0;
        }
        match shift > 0.0 {
            true if sign.p_rise <= ALPHA => 1,
            false if sign.p_fall <= ALPHA => -1,
            _ => 0,
        }
    }

    fn verdict(&self, again: Option<&Self>, case: &CaseRecord, aspect: Aspect, policy: &Policy) -> Verdict {
        let kind = match (self.direction(), again.map(Self::direction)) {
            (0, _) => Kind::Same,
            (1, Some(1)) => Kind::Regressed,
            (-1, Some(-1)) => Kind::Improved,
            _ => Kind::Unconfirmed,
        };
        let ratio = |pairs: &Self| format!("{:+.1} %", (pairs.middle.2 - 1.0) * 100.0);
        let confirmed = match (kind, again) {
            (Kind::Same, _) | (_, None) => String::new(),
            (Kind::Unconfirmed, Some(again)) => {
                format!("; {} fresh pairs do not show it ({})", again.base.len(), ratio(again))
            }
            (_, Some(again)) => format!("; {} fresh pairs too ({})", again.base.len(), ratio(again)),
        };
        let Aspect::Level(stage) = &aspect else { unreachable!("time is looked at stage by stage") };
        let sentence = format!(
            "CPU time to {stage}: {} -> {} ({} in the middle of {} pairs{confirmed})",
            nanoseconds(self.middle.0),
            nanoseconds(self.middle.1),
            ratio(self),
            self.base.len(),
        );
        let gated = policy.applied(&case.id, TIME, &aspect).mode == Mode::Gate;
        let subject = Subject {
            quantity: TIME,
            aspect,
            baseline: Some(self.middle.0),
            run: self.middle.1,
            again: again.map(|again| again.middle.1),
            class: Some(NoiseClass::Spread),
            category: None,
        };
        Verdict { case: case.id.clone(), kind, gated, subject: Some(subject), sentence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(base: impl Fn(usize) -> f64, factor: f64) -> Pairs {
        let base: Vec<f64> = (0..20).map(base).collect();
        let head: Vec<f64> = base.iter().map(|ns| ns * factor).collect();
        let middle = (median(&base).expect("values"), median(&head).expect("values"), factor);
        Pairs { base, head, middle }
    }

    #[test]
    fn a_fifth_more_is_slower_and_a_fifth_less_is_faster() {
        let steady = |worker: usize| 1e6 + (worker % 7) as f64 * 1e3;
        assert_eq!(pairs(steady, 1.2).direction(), 1);
        assert_eq!(pairs(steady, 0.8).direction(), -1);
        assert_eq!(pairs(steady, 1.01).direction(), 0, "below the least change");
    }

    /// Every pair rises by a tenth, and the base alone moves by more than that from sample to sample.
    #[test]
    fn a_change_within_the_bases_own_noise_is_none() {
        let noisy = |worker: usize| 1e6 * (1.0 + (worker % 5) as f64);
        assert_eq!(pairs(noisy, 1.1).direction(), 0);
    }
}
