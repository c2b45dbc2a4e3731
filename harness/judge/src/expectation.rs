//! What a baseline expects of a value. A quantity that is gated by default and has no line in the baseline was 0 when it
//! was blessed, so a kind of memory that is new in a case fails at once, and baselines contain no lines of zeros.

use std::{borrow::Cow, collections::BTreeSet};

use highwater_model::{Aspect, BaselineCase, Metric, Quantity, Stage, Summary};

use super::policy::{is_gated_by_default, negligible};

/// The summary of a value in the baseline: its line, or 0. `None` if the baseline does not know it.
#[must_use]
pub fn expected<'a>(case: &'a BaselineCase, quantity: Quantity, aspect: &Aspect) -> Option<Cow<'a, Summary>> {
    let line = case.values.get(&(quantity, aspect.clone())).map(Cow::Borrowed);
    line.or_else(|| is_zero_without_line(case, quantity, aspect).then(|| Cow::Owned(Summary::zero())))
}

/// Whether a value of zero has no line.
fn is_zero_without_line(case: &BaselineCase, quantity: Quantity, aspect: &Aspect) -> bool {
    let is_known = |metric: &Metric| is_gated_by_default(quantity, aspect) && !case.without.contains(metric);
    let is_reached = || match aspect {
        Aspect::Level(stage) | Aspect::Growth(stage) => case.stages.contains(stage),
        Aspect::Slope(ladder) => case.stages.iter().filter(|stage| is_rung(stage, ladder)).count() >= 2,
    };
    matches!(quantity, Quantity::Process(metric) if is_known(&metric)) && is_reached()
}

fn is_rung(stage: &Stage, ladder: &str) -> bool {
    stage.name() == ladder && stage.scale().is_some()
}

/// Whether a summary needs no line: it is 0, within the precision of the quantity.
pub(super) fn is_implied(quantity: Quantity, aspect: &Aspect, summary: &Summary) -> bool {
    let precision = negligible(quantity);
    let is_zero = summary.is_zero() || (summary.low >= -precision && summary.high <= precision && precision > 0.0);
    matches!(quantity, Quantity::Process(_)) && is_gated_by_default(quantity, aspect) && is_zero
}

/// Every value that a baseline expects: those with a line, and those that are gated by default, as metrics may be in the
/// aspects of its stages.
pub(super) fn all_expected(case: &BaselineCase, baseline_stage: &Stage) -> Vec<(Quantity, Aspect)> {
    let mut all: BTreeSet<(Quantity, Aspect)> = case.values.keys().cloned().collect();
    for aspect in aspects(case, baseline_stage) {
        let metrics = Metric::ALL.iter().map(|metric| Quantity::from(*metric));
        let zero = metrics.filter(|quantity| is_zero_without_line(case, *quantity, &aspect));
        all.extend(zero.map(|quantity| (quantity, aspect.clone())));
    }
    all.into_iter().collect()
}

/// The aspects of the stages from the baseline stage on.
fn aspects(case: &BaselineCase, baseline_stage: &Stage) -> Vec<Aspect> {
    let Some(index) = case.stages.iter().position(|stage| stage == baseline_stage) else { return Vec::new() };
    let later = &case.stages[index + 1..];
    let ladders: BTreeSet<&str> = later.iter().filter(|stage| stage.scale().is_some()).map(Stage::name).collect();
    let slopes = ladders.into_iter().map(|name| Aspect::Slope(name.to_owned()));
    let growth = later.iter().cloned().map(Aspect::Growth);
    std::iter::once(Aspect::Level(baseline_stage.clone())).chain(slopes).chain(growth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> BaselineCase {
        let stages = ["start", "loaded", "live@10", "live@20", "once@1", "end"];
        BaselineCase {
            samples: 5,
            stages: stages.iter().map(|stage| stage.parse().expect("a stage")).collect(),
            without: [Metric::HeapLive].into(),
            ..BaselineCase::default()
        }
    }

    fn value(case: &BaselineCase, quantity: &str, word: &str, place: &str) -> Option<f64> {
        let aspect = Aspect::parse(word, place).expect("an aspect");
        expected(case, quantity.parse().expect("a quantity"), &aspect).map(|summary| summary.median)
    }

    #[test]
    fn a_gated_quantity_without_a_line_is_expected_to_be_zero() {
        let case = case();
        for (quantity, word, place, median) in [
            ("outside_anon", "growth", "live@10", Some(0.0)),
            ("outside_anon", "slope", "live", Some(0.0)),
            ("outside_anon", "growth", "end", Some(0.0)),
            // One rung has no slope.
            ("outside_anon", "slope", "once", None),
            // Stages that the baseline does not have.
            ("outside_anon", "growth", "live@30", None),
            // Not gated by default, not read, and not metrics.
            ("total", "growth", "live@10", None),
            ("heap_live", "growth", "live@10", None),
            ("anon.other", "growth", "live@10", None),
            ("figure.kept_bytes", "level", "loaded", None),
        ] {
            assert_eq!(value(&case, quantity, word, place), median, "{word} {place} {quantity}");
        }
        let old = BaselineCase { stages: Vec::new(), ..case };
        assert_eq!(value(&old, "outside_anon", "growth", "live@10"), None);
    }

    #[test]
    fn values_within_their_precision_need_no_line() {
        let growth = Aspect::parse("growth", "live@10").expect("an aspect");
        let implied = |quantity: &str, low: f64, high: f64| {
            let summary = Summary::new(low, low, high, std::collections::BTreeMap::new());
            is_implied(quantity.parse().expect("a quantity"), &growth, &summary)
        };
        assert!(implied("kernel", -20_480.0, 1_048_576.0) && !implied("kernel", 0.0, 1_048_577.0));
        assert!(implied("vmas", 0.0, 0.0) && !implied("vmas", 0.0, 1.0) && !implied("rss", 0.0, 0.0));
    }

    #[test]
    fn a_line_takes_precedence_over_zero() {
        let mut case = case();
        let key = ("vmas".parse().expect("a quantity"), Aspect::parse("growth", "live@10").expect("an aspect"));
        case.values.insert(key, Summary::new(3.0, 3.0, 3.0, std::collections::BTreeMap::new()));
        assert_eq!(value(&case, "vmas", "growth", "live@10"), Some(3.0));
        let all = all_expected(&case, &"loaded".parse().expect("a stage"));
        let of = |quantity: &str| all.iter().filter(|(other, _)| other.to_string() == quantity).count();
        // live@10, live@20, once@1, the slope of `live`, and `end`, where mappings are not gated.
        assert_eq!((of("vmas"), of("outside_anon"), of("heap_live")), (4, 5, 0));
    }
}
