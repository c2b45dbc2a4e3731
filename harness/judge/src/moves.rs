//! Memory that moved from one kind to another: anonymous memory that became a memfd, huge pages of the pool, or swap. The
//! kinds are gated one by one, so each kind that rose is flagged and each that fell looks improved. Their sum decides
//! instead.
//!
//! ```text
//!   sum       kinds that rose    kinds that fell
//!   same      moved              moved
//!   fell      moved              improved
//!   rose      as judged          moved
//! ```

use highwater_model::{Aspect, Metric, Quantity, signed_bytes};
use highwater_stats::ROUNDING;

use super::{Kind, Policy, Verdict, confirmation::State};

/// The parts of the metric `total`.
const PARTS: [Metric; 3] = [Metric::AnonMapped, Metric::AnonHeap, Metric::OutsideAnon];

/// Metrics that fall with anonymous memory, wherever it went.
const FOLLOWING: [Metric; 7] =
    [Metric::Anon, Metric::Rss, Metric::Pss, Metric::Uss, Metric::Peak, Metric::PeakAnon, Metric::PageTables];

/// A change of one metric in one aspect.
struct Change {
    index: usize,
    metric: Metric,
    aspect: Aspect,
    by: f64,
}

/// Changes the verdicts on kinds of memory in which one rose and another fell at the same stage.
pub(super) fn recognise(judged: &mut [(Verdict, State)], policy: &Policy) {
    let all: Vec<Change> =
        judged.iter().enumerate().filter_map(|(index, (verdict, _))| change(index, verdict)).collect();
    let fell = all.iter().filter(|it| PARTS.contains(&it.metric) && judged[it.index].0.kind == Kind::Improved);
    let mut aspects: Vec<Aspect> = fell.map(|it| it.aspect.clone()).collect();
    aspects.dedup();
    for aspect in aspects {
        let here = || all.iter().filter(|it| it.aspect == aspect);
        let parts: Vec<&Change> = here().filter(|it| PARTS.contains(&it.metric)).collect();
        let rose = |it: &Change| matches!(judged[it.index].0.kind, Kind::Regressed | Kind::Unconfirmed);
        let risen: Vec<&&Change> = parts.iter().filter(|it| rose(it)).collect();
        if risen.is_empty() {
            continue;
        }
        let sum: f64 = parts.iter().map(|it| it.by).sum();
        let allowed = risen.iter().map(|it| tolerance(&judged[it.index].0, policy)).fold(0.0, f64::max) + ROUNDING;
        let amounts: Vec<String> =
            parts.iter().filter(|it| it.by != 0.0).map(|it| format!("{} {}", it.metric, signed_bytes(it.by))).collect();
        let sentence = format!(
            "memory moved between kinds, {} at {}: {}; their sum {}",
            aspect.word(),
            aspect.place(),
            amounts.join(", "),
            if sum > allowed {
                format!("rose by {}", signed_bytes(sum))
            } else {
                format!("changed by {}", signed_bytes(sum))
            },
        );
        for it in here() {
            let is_part = PARTS.contains(&it.metric);
            let (verdict, state) = &mut judged[it.index];
            let is_finding = match verdict.kind {
                Kind::Regressed | Kind::Unconfirmed => is_part,
                Kind::Improved => is_part || FOLLOWING.contains(&it.metric),
                _ => false,
            };
            let decides = if it.by > 0.0 { sum > allowed } else { sum < -ROUNDING && is_part };
            if is_finding && decides {
                verdict.sentence = format!("{}; {sentence}", verdict.sentence);
            } else if is_finding {
                verdict.kind = Kind::Moved;
                verdict.sentence.clone_from(&sentence);
                *state = State::Settled;
            }
        }
    }
}

fn change(index: usize, verdict: &Verdict) -> Option<Change> {
    let subject = verdict.subject.as_ref()?;
    let Quantity::Process(metric) = subject.quantity else { return None };
    Some(Change { index, metric, aspect: subject.aspect.clone(), by: subject.run - subject.baseline? })
}

/// The largest rise of the subject that the policy tolerates.
fn tolerance(verdict: &Verdict, policy: &Policy) -> f64 {
    let Some(subject) = &verdict.subject else { return 0.0 };
    let applied = policy.applied(&verdict.case, subject.quantity, &subject.aspect);
    applied.allowed(subject.baseline.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;

    /// A verdict on growth at `live` from 1 MiB to a value in KiB.
    fn verdict(quantity: &str, kind: Kind, kib: i32) -> (Verdict, State) {
        let subject = Subject {
            quantity: quantity.parse().expect("a quantity"),
            aspect: Aspect::Growth("live".parse().expect("a stage")),
            baseline: Some(1_048_576.0),
            run: f64::from(kib) * 1024.0,
            confirmation: None,
            class: None,
            noise: 0.0,
            category: None,
        };
        let case = "toy/mapped".parse().expect("an id");
        let sentence = format!("{quantity} changed");
        let state = if kind.is_flagged() { State::Open } else { State::Settled };
        (
            Verdict {
                case,
                kind,
                gated: true,
                subject: Some(subject),
                sentence,
                watched: false,
                explanation: None,
                owner: None,
            },
            state,
        )
    }

    fn kinds(judged: &[(&str, Kind, i32)]) -> Vec<(Kind, State)> {
        let mut judged: Vec<_> = judged.iter().map(|(name, kind, kib)| verdict(name, *kind, *kib)).collect();
        recognise(&mut judged, &Policy::default());
        judged.iter().for_each(|(verdict, _)| {
            let explained = verdict.sentence.contains("memory moved between kinds, growth at live: anon_mapped -");
            assert!(explained || matches!(verdict.kind, Kind::Same | Kind::Regressed), "{}", verdict.sentence);
        });
        judged.into_iter().map(|(verdict, state)| (verdict.kind, state)).collect()
    }

    #[test]
    fn memory_of_another_kind_is_moved_and_not_improved() {
        use Kind::{Improved, Moved, Regressed};
        let judged = [("anon_mapped", Improved, 768), ("outside_anon", Regressed, 1280), ("peak_anon", Improved, 768)];
        assert_eq!(kinds(&judged), [(Moved, State::Settled); 3]);
    }

    #[test]
    fn one_page_more_of_the_sum_is_a_regression() {
        use Kind::{Improved, Moved, Regressed};
        let judged = [("anon_mapped", Improved, 768), ("outside_anon", Regressed, 1284)];
        assert_eq!(kinds(&judged), [(Moved, State::Settled), (Regressed, State::Open)]);
    }

    #[test]
    fn a_sum_that_fell_is_an_improvement() {
        use Kind::{Improved, Moved, Unconfirmed};
        let judged = [("anon_mapped", Improved, 512), ("outside_anon", Unconfirmed, 1280)];
        assert_eq!(kinds(&judged), [(Improved, State::Settled), (Moved, State::Settled)]);
    }

    /// A heap that shrinks within its tolerance hides nothing.
    #[test]
    fn a_rise_alone_is_judged_as_before() {
        use Kind::{Regressed, Same};
        let judged = [("anon_heap", Same, 1020), ("outside_anon", Regressed, 1028)];
        assert_eq!(kinds(&judged), [(Same, State::Settled), (Regressed, State::Open)]);
    }
}
