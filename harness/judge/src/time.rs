//! Judges CPU time. This is possible only between two revisions whose workers ran interleaved in one run, as pairs in
//! random order (`highwater ab`). The CPU time of each stage is measured in the worker and excludes the parent's
//! snapshots.
//!
//! A change is flagged if three criteria agree: the sign test of the pairs is significant, the median of the ratios
//! differs from 1 by more than the noise of the base (its A/A envelope, from the workers of the base alone), and the
//! change is at least [`MIN_CHANGE`]. Fresh pairs then have to show it too.

use highwater_model::{Aspect, CaseRecord, Clock, Quantity, Record, nanoseconds};
use highwater_stats::{self as stats, median};

use super::{CaseView, Kind, Mode, NoiseClass, Policy, Subject, Verdict};

/// The one-sided significance level of the test of a stage.
const ALPHA: f64 = 0.005;
/// The quantile of the A/A envelope that a change must exceed.
const ENVELOPE: f64 = 0.99;
/// The smallest change that is flagged, as a fraction of the base's time.
const MIN_CHANGE: f64 = 0.02;
/// Stages shorter than this, in nanoseconds, mostly measure the clock and the pause.
const MIN_STAGE: f64 = 20_000.0;
/// The seed of the resampling.
const SEED: u64 = 1;

/// Judges the time of every stage of the cases that both revisions have. Worker `i` of `base` and worker `i` of `head`
/// are a pair. `fresh` has new pairs of the cases that were flagged without it.
#[must_use]
pub fn judge_time(pair: (&Record, &Record), fresh: Option<(&Record, &Record)>, policy: &Policy) -> Vec<Verdict> {
    let (base, head) = pair;
    let both = head.cases.iter().filter_map(|head| Some((base.case(head.id.as_str())?, head)));
    let stages = both.flat_map(|(base, head)| {
        let stages = head.stages.iter().map(|columns| Aspect::Level(columns.stage.clone()));
        stages.map(move |aspect| (base, head, aspect))
    });
    let judged = |(base_case, head_case, aspect): (&CaseRecord, &CaseRecord, Aspect)| {
        let first = Pairs::of((base, base_case), (head, head_case), &aspect)?;
        let fresh = fresh.and_then(|(base, head)| {
            let id = head_case.id.as_str();
            Pairs::of((base, base.case(id)?), (head, head.case(id)?), &aspect)
        });
        Some(first.verdict(fresh.as_ref(), head_case, aspect, policy))
    };
    stages.filter_map(judged).collect()
}

/// The CPU time of one stage in both revisions, by worker.
struct Pairs {
    base: Vec<f64>,
    head: Vec<f64>,
    medians: Medians,
}

#[derive(Clone, Copy)]
struct Medians {
    base: f64,
    head: f64,
    ratio: f64,
}

const TIME: Quantity = Quantity::Time(Clock::Cpu);

impl Pairs {
    fn of(base: (&Record, &CaseRecord), head: (&Record, &CaseRecord), aspect: &Aspect) -> Option<Self> {
        let values = |(record, case): (&Record, &CaseRecord)| CaseView::of(record, case).values(TIME, aspect);
        let (mut base, mut head) = (values(base)?, values(head)?);
        let pairs = base.len().min(head.len());
        base.truncate(pairs);
        head.truncate(pairs);
        let ratios: Vec<f64> = head.iter().zip(&base).map(|(head, base)| head / base.max(1.0)).collect();
        let medians = Medians { base: median(&base)?, head: median(&head)?, ratio: median(&ratios)? };
        (medians.base.max(medians.head) >= MIN_STAGE).then_some(Self { base, head, medians })
    }

    /// The result of these pairs alone: 1 is slower, -1 faster, 0 neither.
    fn direction(&self) -> i8 {
        let logarithms: Vec<f64> = self.base.iter().map(|ns| ns.max(1.0).ln()).collect();
        let envelope = stats::envelope(&logarithms, self.head.len(), ENVELOPE, SEED);
        let (Some(sign), Some(envelope)) = (stats::sign_test(&self.base, &self.head), envelope) else { return 0 };
        let shift = self.medians.ratio.ln();
        if shift.abs() <= envelope || (self.medians.ratio - 1.0).abs() < MIN_CHANGE {
            return 0;
        }
        match shift > 0.0 {
            true if sign.p_rise <= ALPHA => 1,
            false if sign.p_fall <= ALPHA => -1,
            _ => 0,
        }
    }

    fn verdict(&self, fresh: Option<&Self>, case: &CaseRecord, aspect: Aspect, policy: &Policy) -> Verdict {
        let kind = match (self.direction(), fresh.map(Self::direction)) {
            (0, _) => Kind::Same,
            (1, Some(1)) => Kind::Regressed,
            (-1, Some(-1)) => Kind::Improved,
            _ => Kind::Unconfirmed,
        };
        let ratio = |pairs: &Self| format!("{:+.1} %", (pairs.medians.ratio - 1.0) * 100.0);
        let confirmed = match (kind, fresh) {
            (Kind::Same, _) | (_, None) => String::new(),
            (Kind::Unconfirmed, Some(fresh)) => {
                format!("; not confirmed by {} fresh pairs ({})", fresh.base.len(), ratio(fresh))
            }
            (_, Some(fresh)) => format!("; confirmed by {} fresh pairs ({})", fresh.base.len(), ratio(fresh)),
        };
        let Aspect::Level(stage) = &aspect else { unreachable!("time is judged by stage") };
        let sentence = format!(
            "CPU time to {stage}: {} -> {} (median {} over {} pairs{confirmed})",
            nanoseconds(self.medians.base),
            nanoseconds(self.medians.head),
            ratio(self),
            self.base.len(),
        );
        let gated = policy.applied(&case.id, TIME, &aspect).mode == Mode::Gate;
        let subject = Subject {
            quantity: TIME,
            aspect,
            baseline: Some(self.medians.base),
            run: self.medians.head,
            confirmation: fresh.map(|fresh| fresh.medians.head),
            class: Some(NoiseClass::Spread),
            noise: 0.0,
            category: None,
        };
        Verdict {
            case: case.id.clone(),
            kind,
            gated,
            subject: Some(subject),
            sentence,
            watched: false,
            explanation: None,
            owner: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(base: impl Fn(usize) -> f64, factor: f64) -> Pairs {
        let base: Vec<f64> = (0..20).map(base).collect();
        let head: Vec<f64> = base.iter().map(|ns| ns * factor).collect();
        let medians =
            Medians { base: median(&base).expect("values"), head: median(&head).expect("values"), ratio: factor };
        Pairs { base, head, medians }
    }

    #[test]
    fn a_fifth_more_is_slower_and_a_fifth_less_faster() {
        let steady = |worker: usize| 1e6 + (worker % 7) as f64 * 1e3;
        assert_eq!(pairs(steady, 1.2).direction(), 1);
        assert_eq!(pairs(steady, 0.8).direction(), -1);
        assert_eq!(pairs(steady, 1.01).direction(), 0, "below the smallest change that is flagged");
    }

    /// Every pair rises by a tenth, but the base varies by more than that between samples.
    #[test]
    fn a_change_within_the_noise_of_the_base_is_not_flagged() {
        let noisy = |worker: usize| 1e6 * (1.0 + (worker % 5) as f64);
        assert_eq!(pairs(noisy, 1.1).direction(), 0);
    }
}
