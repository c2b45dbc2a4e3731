//! The finding that a search follows: one aspect of one quantity of one case, and whether a comparison shows it.

use highwater_judge::{Aspect, Kind, Verdict};
use highwater_model::{CaseId, Quantity};
use highwater_report::of_noise;

use super::search::State;

/// A value that differs between the ends of a search.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) case: CaseId,
    pub(crate) quantity: Quantity,
    aspect: Aspect,
    kind: Kind,
    /// By how much it changed from the first to the last candidate.
    change: f64,
}

impl Followed {
    /// The finding that says most: a regression before an improvement, a gated value before one that is only reported,
    /// the cost per unit before a level, then the largest change relative to its noise floor. `None` if nothing changed.
    pub(crate) fn choose<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, page: u64) -> Option<Self> {
        let changed = verdicts.into_iter().filter_map(|verdict| Some((verdict, Self::of(verdict)?)));
        let key = |verdict: &Verdict, followed: &Self| {
            let is_slope = matches!(followed.aspect, Aspect::Slope(_));
            (is_rise(followed.kind), verdict.gated, is_slope, of_noise(verdict, page))
        };
        let greater = |a: &(&Verdict, Self), b: &(&Verdict, Self)| {
            key(a.0, &a.1).partial_cmp(&key(b.0, &b.1)).unwrap_or(std::cmp::Ordering::Equal)
        };
        changed.max_by(greater).map(|(_, followed)| followed)
    }

    fn of(verdict: &Verdict) -> Option<Self> {
        let subject = verdict.subject.as_ref()?;
        let change = subject.run - subject.baseline?;
        let is_found = if is_rise(verdict.kind) { change > 0.0 } else { verdict.kind == Kind::Improved };
        is_found.then(|| Self {
            case: verdict.case.clone(),
            quantity: subject.quantity,
            aspect: subject.aspect.clone(),
            kind: verdict.kind,
            change,
        })
    }

    /// Its verdict in another comparison.
    pub(crate) fn verdict<'a>(&self, verdicts: impl IntoIterator<Item = &'a Verdict>) -> Option<&'a Verdict> {
        let is_it = |verdict: &&Verdict| {
            let subject = verdict.subject.as_ref();
            verdict.case == self.case
                && subject.is_some_and(|it| it.quantity == self.quantity && it.aspect == self.aspect)
        };
        verdicts.into_iter().find(is_it)
    }

    /// Where a candidate belongs, by its verdict against the first candidate: to the changed ones if at least half of the
    /// change is confirmed. An unconfirmed half says neither.
    pub(crate) fn state(&self, verdict: Option<&Verdict>) -> State {
        let Some((verdict, subject)) = verdict.and_then(|verdict| Some((verdict, verdict.subject.as_ref()?))) else {
            return State::Skipped;
        };
        let Some(baseline) = subject.baseline else { return State::Skipped };
        let is_half = (subject.run - baseline) / self.change >= 0.5;
        match (is_half, verdict.kind) {
            (false, _) => State::Unchanged,
            (true, kind) if kind == self.kind || is_rise(kind) && is_rise(self.kind) => State::Changed,
            (true, _) => State::Skipped,
        }
    }

    /// The part of the change that a verdict shows.
    pub(crate) fn share(&self, verdict: &Verdict) -> f64 {
        let change = verdict.subject.as_ref().and_then(|subject| Some(subject.run - subject.baseline?));
        change.unwrap_or(0.0) / self.change
    }
}

fn is_rise(kind: Kind) -> bool {
    matches!(kind, Kind::Regressed | Kind::OverBudget)
}

#[cfg(test)]
mod tests {
    use highwater_judge::Subject;
    use highwater_model::{Metric, Stage};

    use super::*;

    const SLOPE: &str = "slope";

    fn verdict(kind: Kind, aspect: &str, baseline: f64, run: f64) -> Verdict {
        let stage: Stage = "live@1".parse().expect("a stage");
        let aspect = if aspect == SLOPE { Aspect::Slope("live".into()) } else { Aspect::Level(stage) };
        let subject = Subject {
            quantity: Metric::Anon.into(),
            aspect,
            baseline: Some(baseline),
            run,
            confirmation: None,
            class: None,
            noise: 0.0,
            category: None,
        };
        Verdict {
            case: "f/case".parse().expect("an id"),
            kind,
            gated: true,
            watched: false,
            subject: Some(subject),
            sentence: String::new(),
            explanation: None,
            owner: None,
        }
    }

    #[test]
    fn a_regression_of_the_cost_per_unit_is_followed_first() {
        let verdicts = [
            verdict(Kind::Improved, SLOPE, 99_000.0, 0.0),
            verdict(Kind::Regressed, SLOPE, 0.0, 4096.0),
            verdict(Kind::Regressed, "level", 0.0, 90_000.0),
            verdict(Kind::Same, SLOPE, 0.0, 0.0),
        ];
        let followed = Followed::choose(&verdicts, 4096).expect("a finding");
        assert_eq!((followed.kind, followed.change), (Kind::Regressed, 4096.0));
        assert!(followed.verdict(&verdicts[2..3]).is_none(), "another aspect");
        assert!(Followed::choose(&verdicts[3..], 4096).is_none());
        let improved = Followed::choose(&verdicts[..1], 4096).expect("a finding");
        assert_eq!((improved.kind, improved.change), (Kind::Improved, -99_000.0));
    }

    #[test]
    fn half_of_the_change_decides_if_it_is_confirmed() {
        let rise = Followed::choose([&verdict(Kind::Regressed, SLOPE, 100.0, 200.0)], 4096).expect("a finding");
        let state = |kind, run| rise.state(Some(&verdict(kind, SLOPE, 100.0, run)));
        assert_eq!(state(Kind::Same, 100.0), State::Unchanged);
        assert_eq!(state(Kind::Regressed, 149.0), State::Unchanged);
        assert_eq!(state(Kind::Regressed, 150.0), State::Changed);
        assert_eq!(state(Kind::OverBudget, 200.0), State::Changed);
        assert_eq!(state(Kind::Unconfirmed, 200.0), State::Skipped);
        assert_eq!(rise.state(None), State::Skipped);
        let fall = Followed::choose([&verdict(Kind::Improved, SLOPE, 200.0, 100.0)], 4096).expect("a finding");
        assert_eq!(fall.state(Some(&verdict(Kind::Improved, SLOPE, 200.0, 120.0))), State::Changed);
        assert_eq!(fall.state(Some(&verdict(Kind::Same, SLOPE, 200.0, 199.0))), State::Unchanged);
    }
}
