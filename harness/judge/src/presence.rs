//! Verdicts on a whole case: it was not run, its workers failed, or it lacks stages or values. Nothing passes that the
//! baseline has and the run has not.

use std::collections::BTreeSet;

use highwater_model::{Aspect, BaselineCase, CaseId, CaseRecord, Control, ControlState, Failure, Metric, Quantity};
use highwater_stats::{Events, fisher_exact};

use super::{
    CaseView, Kind, Mode, Verdict,
    compare_case::{FamilyJudge, gated},
    confirmation::{ALPHA, FRESH_WORKERS, State},
    expectation::{all_expected, expected},
};

/// Workers that fail more often than in the baseline are flagged up to this probability without a change. It decides
/// only whether fresh workers are drawn.
const SUSPICIOUS: f64 = 0.1;

pub(super) fn whole_case(case: &CaseId, kind: Kind, sentence: String) -> Verdict {
    Verdict {
        case: case.clone(),
        kind,
        gated: true,
        subject: None,
        sentence,
        watched: false,
        explanation: None,
        owner: None,
    }
}

impl FamilyJudge<'_> {
    /// A case that could not run. It fails if the baseline has it, unless the policy allows the reason.
    pub(super) fn not_run(&self, case: &CaseRecord, reason: &str, baseline: Option<&BaselineCase>) -> Verdict {
        let (gated, remark) = match baseline {
            None => (false, ""),
            Some(_) if case.left_out => (false, ""),
            Some(_) if self.policy.allows_not_run(&case.id, reason) => (false, "; allowed by the policy"),
            Some(_) => (true, "; it ran in the baseline"),
        };
        Verdict { gated, ..whole_case(&case.id, Kind::NotRun, format!("{reason}{remark}")) }
    }

    /// Workers that failed. It fails the gate if the baseline has no such failure, if they are more frequent than in
    /// the baseline, or if no worker completed where some did in the baseline.
    pub(super) fn failures(
        &self,
        case: &CaseRecord,
        fresh: Option<&CaseRecord>,
        baseline: Option<&BaselineCase>,
    ) -> Option<(Verdict, State)> {
        let all: Vec<&Failure> =
            case.failures.iter().chain(fresh.into_iter().flat_map(|fresh| &fresh.failures)).collect();
        let completed = case.samples + fresh.map_or(0, |fresh| fresh.samples);
        let failed = Events { events: all.len(), of: all.len() + completed };
        let is_known = |failure: &Failure| {
            baseline.is_some_and(|baseline| baseline.failures.contains(&failure.outcome.to_string()))
        };
        let unknown = all.iter().find(|failure| !is_known(failure));
        let shown = *unknown.or(all.first())?;
        let mut sentence =
            format!("{} of {} workers failed: {} {}", failed.events, failed.of, shown.outcome, shown.place());
        let verdict = |kind, gated, sentence| Verdict { gated, ..whole_case(&case.id, kind, sentence) };
        let (None, Some(baseline)) = (unknown, baseline) else {
            return Some((verdict(Kind::Failed, true, sentence), State::Settled));
        };
        let before = Events { events: baseline.failed, of: baseline.failed + baseline.samples };
        sentence.push_str(&format!("; {} of {} in the baseline", before.events, before.of));
        let probability = fisher_exact(failed, before);
        let level = fresh.map_or(ALPHA, |fresh| FRESH_WORKERS.level(fresh.samples + fresh.failures.len()));
        let none_completed = completed == 0 && baseline.samples > 0;
        let drawn = fresh.map_or(0, |fresh| fresh.samples + fresh.failures.len());
        Some(if probability <= level {
            (verdict(Kind::Failed, true, sentence), State::Confirmed)
        } else if none_completed {
            (verdict(Kind::Failed, true, sentence), State::unconfirmed(drawn, failed.events))
        } else if probability <= SUSPICIOUS {
            (verdict(Kind::Unconfirmed, true, sentence), State::unconfirmed(drawn, failed.events))
        } else {
            // As often as in the baseline.
            (verdict(Kind::Failed, false, sentence), State::Settled)
        })
    }

    /// The case has no baseline, or one without values.
    pub(super) fn new_case(&self, case: &CaseRecord, baseline: Option<&BaselineCase>) -> Option<Verdict> {
        let sentence = match baseline {
            None => "no baseline yet; bless to accept",
            Some(baseline) if baseline.samples == 0 && case.samples > 0 => {
                "the baseline has no completed worker of this case; bless to accept"
            }
            Some(_) => return None,
        };
        Some(whole_case(&case.id, Kind::New, sentence.to_owned()))
    }

    /// Gated values of the baseline that the run lacks: a stage is no longer reached or was renamed, or a metric is no
    /// longer read. A ladder given on the command line leaves rungs out on purpose.
    pub(super) fn missing_from_run(
        &self,
        case: &CaseRecord,
        view: CaseView<'_>,
        baseline: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        if case.samples == 0 {
            return None;
        }
        let present: BTreeSet<Aspect> = view.aspects().into_iter().collect();
        if present.is_empty() {
            let sentence = format!("no worker reached {}, so nothing can be judged", self.run.baseline_stage);
            return Some(whole_case(&case.id, Kind::Failed, sentence));
        }
        if self.run.selection.ladder.is_some() {
            return None;
        }
        let mut missing: Vec<String> = Vec::new();
        for (quantity, aspect) in &all_expected(baseline?, &self.run.baseline_stage) {
            let is_figure = matches!(quantity, Quantity::Figure(_));
            let is_gated = || self.policy.applied(&case.id, *quantity, aspect).mode == Mode::Gate;
            // Not every system permits a cgroup; the comparison prints that this control differs.
            if quantity.metric().is_some_and(Metric::needs_cgroup) && !self.has_cgroups() {
                continue;
            }
            let name = match () {
                () if view.values(*quantity, aspect).is_some() || !is_gated() => continue,
                () if is_figure || present.contains(aspect) => format!("{quantity}, {aspect}"),
                // The whole stage is missing: name it once.
                () => aspect.to_string(),
            };
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        (!missing.is_empty()).then(|| {
            let sentence = format!("in the baseline but not in the run: {}; bless to accept", missing.join("; "));
            whole_case(&case.id, Kind::Missing, sentence)
        })
    }

    /// Whether the workers of the run had a memory cgroup each.
    fn has_cgroups(&self) -> bool {
        self.run.fingerprint.controls.get(&Control::MemoryCgroup).is_some_and(ControlState::is_granted)
    }

    /// Gated values of the run that the baseline lacks: the policy gates more than when it was blessed, or the case has
    /// more stages.
    pub(super) fn missing_from_baseline(
        &self,
        case: &CaseRecord,
        view: CaseView<'_>,
        baseline: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        let baseline = baseline.filter(|baseline| baseline.samples > 0 && case.samples > 0)?;
        let needs_cgroup = |quantity: Quantity| quantity.metric().is_some_and(Metric::needs_cgroup);
        let has_cgroup = baseline.values.keys().any(|(quantity, _)| needs_cgroup(*quantity))
            || !baseline.without.iter().any(|metric| metric.needs_cgroup());
        let missing = gated(view, case, self.policy).filter(|(quantity, aspect, _)| {
            (has_cgroup || !needs_cgroup(*quantity))
                && expected(baseline, *quantity, aspect).is_none()
                && view.values(*quantity, aspect).is_some()
        });
        let names: Vec<String> = missing.map(|(quantity, aspect, _)| format!("{quantity}, {aspect}")).collect();
        let (first, more) = (names.first()?, names.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let sentence = format!("the baseline has no value for {first}{more}; bless to accept");
        // A baseline of another class lacks values that are not comparable anyway.
        self.is_same_class().then(|| whole_case(&case.id, Kind::New, sentence))
    }
}
