//! The values of one side of a comparison, the rule that sets two sides against each other, and the
//! one sentence that tells what came of it.

use super::{Aspect, Kind};
use crate::{
    model::{Category, NoiseClass, Quantity, Unit, nanoseconds, signed_bytes},
    stats::{self, Class, ROUNDING, median},
};

/// The values of one side.
pub(super) struct Spread {
    low: f64,
    pub(super) median: f64,
    high: f64,
    values: Vec<f64>,
}

/// The level of stage 1, one-sided (design §4), split evenly between its two tests.
const ALPHA: f64 = 0.01 / 2.0;
/// The part of a quantum that a change must reach to be one.
const CHANGE: f64 = 0.75;
/// The quantile of the A/A envelope that a change must leave.
const ENVELOPE: f64 = 0.99;
/// Seed of the resampling: the same values always get the same verdict.
const SEED: u64 = 1;

impl Spread {
    pub(super) fn of(values: Vec<f64>) -> Option<Self> {
        let median = median(&values)?;
        let (low, high) =
            values.iter().fold((median, median), |(low, high), value| (low.min(*value), high.max(*value)));
        Some(Self { low, median, high, values })
    }

    /// From the lowest to the highest.
    pub(super) fn width(&self) -> f64 {
        self.high - self.low
    }

    fn is_exact(&self) -> bool {
        self.width() < ROUNDING
    }

    /// What the values look like.
    pub(super) fn class(&self) -> NoiseClass {
        match stats::classify(&self.values) {
            Some(Class::Exact) => NoiseClass::Exact,
            Some(Class::Lattice { .. }) => NoiseClass::Lattice,
            Some(Class::Spread) | None => NoiseClass::Spread,
        }
    }

    /// A change that parts the two ranges by more than `allowed` counts; one that does not, and that
    /// chance hardly makes, is unconfirmed. `quantum` is the grain of the values, where they have one.
    pub(super) fn judge(&self, now: &Self, allowed: f64, quantum: Option<f64>) -> Kind {
        if now.low - self.high > allowed + ROUNDING {
            Kind::Regressed
        } else if self.low - now.high > allowed + ROUNDING {
            Kind::Improved
        } else if quantum.is_some_and(|quantum| self.is_suspect(now, allowed, quantum)) {
            Kind::Unconfirmed
        } else {
            Kind::Same
        }
    }

    /// Stage 1 of design §4: the floor test and the location test, each with the least change that is
    /// worth a word.
    fn is_suspect(&self, now: &Self, allowed: f64, quantum: f64) -> bool {
        if self.is_exact() && now.is_exact() {
            return false;
        }
        let least = (CHANGE * quantum).max(allowed + ROUNDING);
        let floor = stats::floor(&self.values, &now.values, quantum);
        if floor.is_some_and(|floor| floor.p <= ALPHA && floor.rise >= least) {
            return true;
        }
        let location = stats::location(&self.values, &now.values, SEED);
        // Last, since it is drawn two thousand times.
        location.filter(|location| location.p <= ALPHA && location.shift >= least).is_some_and(|location| {
            let envelope = stats::envelope(&self.values, now.values.len(), ENVELOPE, SEED);
            envelope.is_some_and(|envelope| location.shift > envelope)
        })
    }
}

/// What a sentence needs to know.
pub(super) struct Telling<'a> {
    pub(super) quantity: Quantity,
    pub(super) aspect: &'a Aspect,
    pub(super) unit: &'a str,
    pub(super) page: u64,
    /// The largest rise that is none: by the policy, or by the baseline's own noise.
    pub(super) allowed: f64,
    pub(super) over: Option<f64>,
    pub(super) category: Option<(Category, f64)>,
    pub(super) class: Option<NoiseClass>,
}

impl Telling<'_> {
    /// `anon per sandbox at live: 4.58 KiB -> 8.63 KiB (+1.01 pages per sandbox, in host_heap); ...`
    pub(super) fn sentence(&self, kind: Kind, then: Option<&Spread>, now: &Spread, again: Option<&Spread>) -> String {
        let what = match self.aspect {
            Aspect::Slope(name) => format!("{} per {} at {name}", self.quantity, self.unit),
            Aspect::Growth(stage) => format!("growth of {} at {stage}", self.quantity),
            Aspect::Level(stage) => format!("{} at {stage}", self.quantity),
        };
        let over = self.over.map(|budget| format!("over its budget of {}; ", self.value(budget))).unwrap_or_default();
        let Some(then) = then else { return format!("{what} is {}; {over}no baseline", self.value(now.median)) };
        if kind == Kind::NotComparable {
            return format!("{what} does not compare between runs with and without ASLR");
        }
        let change = now.median - then.median;
        let place = self.category.map_or(String::new(), |(category, _)| format!(", in {category}"));
        format!(
            "{what}: {} -> {} ({}{place}); {over}{}; tolerance {}",
            self.value(then.median),
            self.value(now.median),
            self.change(change),
            self.sureness(kind, then, now, again),
            self.value(self.allowed),
        )
    }

    fn value(&self, value: f64) -> String {
        amount(self.quantity, value)
    }

    fn change(&self, by: f64) -> String {
        change(self.quantity, self.aspect, self.unit, self.page, by)
    }

    /// How the numbers speak, and how many there are.
    fn sureness(&self, kind: Kind, then: &Spread, now: &Spread, again: Option<&Spread>) -> String {
        let numbers = format!("n = {} against {}", now.values.len(), then.values.len());
        let both_exact = then.is_exact() && now.is_exact();
        let class = self.class.filter(|_| !both_exact).map_or("exact".to_owned(), |class| class.to_string());
        let parted = now.low > then.high || now.high < then.low;
        let how = match (kind, again) {
            (_, Some(again)) if kind == Kind::Unconfirmed => {
                format!(", and {} fresh workers do not show it ({})", again.values.len(), self.value(again.median))
            }
            (_, Some(again)) => format!(", confirmed by {} fresh workers", again.values.len()),
            (Kind::Unconfirmed, None) => ", hardly by chance, but their ranges overlap".to_owned(),
            (Kind::Regressed | Kind::Improved, None) if !both_exact && parted => ", their ranges part".to_owned(),
            _ => String::new(),
        };
        format!("{class}, {numbers}{how}")
    }
}

/// A value in its unit: `4.58 KiB`, `1.234 ms`, `2.5`.
pub(crate) fn amount(quantity: Quantity, value: f64) -> String {
    match quantity.unit() {
        Unit::Bytes => signed_bytes(value).trim_start_matches('+').to_owned(),
        Unit::Nanoseconds => nanoseconds(value),
        Unit::Count => format!("{}", (value * 100.0).round() / 100.0),
    }
}

/// A change in pages (or counts), in all and per unit: `+1.01 pages per sandbox`, `+1008 pages, +1.01
/// per sandbox`, `+2` (mappings).
pub(crate) fn change(quantity: Quantity, aspect: &Aspect, unit: &str, page: u64, by: f64) -> String {
    let by = by / quantity.quantum(page);
    let word = match (quantity.metric(), quantity.unit()) {
        (Some(_), Unit::Bytes) => " pages",
        (None, Unit::Bytes) => " bytes",
        (_, Unit::Nanoseconds) => " ns",
        (_, Unit::Count) => "",
    };
    // Two decimals, unless nothing would be left of it.
    let each = |by: f64| match by.abs() {
        small if small > 0.0 && small < 0.005 => format!("{by:+.4}"),
        _ => format!("{by:+.2}"),
    };
    match (aspect, aspect.units()) {
        (Aspect::Slope(_), _) => format!("{}{word} per {unit}", each(by)),
        (_, Some(units)) => format!("{by:+}{word}, {} per {unit}", each(by / units)),
        (_, None) => format!("{by:+}{word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: f64 = 4096.0;

    fn judge(baseline: &[f64], run: &[f64], allowed: f64) -> Kind {
        let pages = |values: &[f64]| Spread::of(values.iter().map(|value| value * PAGE).collect()).expect("values");
        pages(baseline).judge(&pages(run), allowed * PAGE, Some(PAGE))
    }

    #[test]
    fn exact_values_need_no_test() {
        assert_eq!(judge(&[10.0; 5], &[10.0; 5], 0.0), Kind::Same);
        assert_eq!(judge(&[10.0; 5], &[11.0; 5], 0.0), Kind::Regressed);
        assert_eq!(judge(&[10.0; 5], &[11.0; 5], 1.0), Kind::Same);
        assert_eq!(judge(&[10.0; 5], &[9.0; 5], 0.0), Kind::Improved);
    }

    #[test]
    fn one_worker_that_strays_is_no_finding_and_most_of_them_are_unconfirmed() {
        let mut run = [10.0; 20];
        run[7] = 11.0;
        assert_eq!(judge(&[10.0; 20], &run, 0.0), Kind::Same);
        let mut run = [11.0; 20];
        run[7] = 10.0;
        assert_eq!(judge(&[10.0; 20], &run, 0.0), Kind::Unconfirmed);
        assert_eq!(judge(&[10.0; 20], &run, 1.0), Kind::Same);
    }

    /// Three levels a page apart, as the level of anon has with ASLR on; all of them one page higher.
    #[test]
    fn a_lattice_that_rises_by_a_page_is_unconfirmed_and_itself_again_is_the_same() {
        let lattice: Vec<f64> = (0..20).map(|worker| 10.0 + f64::from(worker % 3)).collect();
        let higher: Vec<f64> = lattice.iter().map(|value| value + 1.0).collect();
        assert_eq!(judge(&lattice, &lattice, 0.0), Kind::Same);
        assert_eq!(judge(&lattice, &higher, 0.0), Kind::Unconfirmed);
    }
}
