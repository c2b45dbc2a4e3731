//! The sentence that explains a verdict.

use highwater_model::{
    Aspect, Category, Metric, Quantity, Summary, Unit, nanoseconds, round_for_baseline, signed_bytes,
};
use highwater_stats::ROUNDING;

use super::{Kind, values::Values};

/// What a sentence needs to know.
pub(super) struct Wording<'a> {
    pub(super) quantity: Quantity,
    pub(super) aspect: &'a Aspect,
    pub(super) unit: &'a str,
    pub(super) page: u64,
    /// The largest rise that the policy tolerates.
    pub(super) allowed: f64,
    pub(super) over: Option<f64>,
    pub(super) category: Option<(Category, f64)>,
}

/// The baseline's side.
#[derive(Clone, Copy)]
pub(super) struct Against<'a> {
    pub(super) summary: &'a Summary,
    pub(super) workers: usize,
}

impl Wording<'_> {
    /// `anon per sandbox at live: 4.58 KiB -> 8.63 KiB (+1.01 pages per sandbox, in host_heap); ...`
    pub(super) fn sentence(
        &self,
        kind: Kind,
        then: Option<Against<'_>>,
        now: &Values,
        again: Option<&Values>,
    ) -> String {
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
        // Where the middle is the same, what moved is the workers above it.
        let is_above = matches!(kind, Kind::Regressed | Kind::Unconfirmed) && now.median <= then.summary.median;
        let (up_to, value) = if is_above { ("up to ", now.high) } else { ("", now.median) };
        let change = value - then.summary.median;
        let place = self.category.map_or(String::new(), |(category, _)| format!(", in {category}"));
        let [before, after] = amounts(self.quantity, then.summary.median, value);
        format!(
            "{what}: {before} -> {up_to}{after} ({}{place}); {over}{}; tolerance {}",
            self.change(change),
            self.certainty(kind, then, now, again),
            self.value(self.allowed),
        )
    }

    fn value(&self, value: f64) -> String {
        amount(self.quantity, value)
    }

    fn change(&self, by: f64) -> String {
        change(self.quantity, self.aspect, self.unit, self.page, by)
    }

    /// How many values there are, how far they agree, and what fresh workers show.
    fn certainty(&self, kind: Kind, then: Against<'_>, now: &Values, again: Option<&Values>) -> String {
        let numbers = format!("n = {} against {}", now.count(), then.workers);
        let all_equal = |width: f64| width < ROUNDING;
        let spread = match (all_equal(then.summary.width()), all_equal(now.width())) {
            (true, true) => "exact, ".to_owned(),
            (_, false) => {
                let [low, high] = amounts(self.quantity, now.low, now.high);
                format!("{low} to {high}, ")
            }
            (false, true) => String::new(),
        };
        let above = now.above(then.summary, self.allowed);
        let some = match kind {
            Kind::Regressed | Kind::Unconfirmed if above > 0 && above < now.count() => {
                format!(", {above} of {} above the baseline's range", now.count())
            }
            _ => String::new(),
        };
        let fresh = match (kind, again) {
            (Kind::Unconfirmed, Some(again)) => {
                format!(", not confirmed by {} fresh workers ({})", again.count(), self.value(again.median))
            }
            (_, Some(again)) => format!(", confirmed by {} fresh workers", again.count()),
            (Kind::Unconfirmed, None) => ", not significant".to_owned(),
            (_, None) => String::new(),
        };
        format!("{spread}{numbers}{some}{fresh}")
    }
}

/// Two values in their unit, with as many digits as it takes to tell them apart.
pub fn amounts(quantity: Quantity, before: f64, after: f64) -> [String; 2] {
    let short = [before, after].map(|value| amount(quantity, value));
    let exact = |value: f64| match quantity.unit() {
        Unit::Bytes => format!("{} B", round_for_baseline(value)),
        Unit::Nanoseconds => format!("{} ns", round_for_baseline(value)),
        Unit::Count => format!("{}", round_for_baseline(value)),
    };
    if short[0] == short[1] && round_for_baseline(before) != round_for_baseline(after) {
        [before, after].map(exact)
    } else {
        short
    }
}

/// A value in its unit: `4.58 KiB`, `1.234 ms`, `2.5`.
pub fn amount(quantity: Quantity, value: f64) -> String {
    match quantity.unit() {
        Unit::Bytes => signed_bytes(value).trim_start_matches('+').to_owned(),
        Unit::Nanoseconds => nanoseconds(value),
        Unit::Count => format!("{}", (value * 100.0).round() / 100.0),
    }
}

/// A change in pages, bytes or counts, in all and per unit: `+1.01 pages per sandbox`, `+1008 pages, +1.01
/// per sandbox`, `+16 B per sandbox`, `+2` (mappings).
pub fn change(quantity: Quantity, aspect: &Aspect, unit: &str, page: u64, by: f64) -> String {
    if quantity.metric().is_some_and(Metric::is_heap_bytes) {
        return match (aspect, aspect.units()) {
            (Aspect::Slope(_), _) => format!("{} per {unit}", signed_bytes(by)),
            (_, Some(units)) => format!("{}, {} per {unit}", signed_bytes(by), signed_bytes(by / units)),
            (_, None) => signed_bytes(by),
        };
    }
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

    #[test]
    fn values_that_differ_are_printed_with_digits_that_differ() {
        let anon = Quantity::from(Metric::Anon);
        assert_eq!(amounts(anon, 4096.0, 8192.0), ["4 KiB", "8 KiB"]);
        assert_eq!(amounts(anon, 10_485_760.0, 10_485_800.0), ["10485760 B", "10485800 B"]);
    }

    #[test]
    fn heap_bytes_are_printed_in_bytes_per_unit() {
        let (live, slope) = (Quantity::from(Metric::HeapLive), Aspect::Slope("live".into()));
        assert_eq!(change(live, &slope, "sandbox", 4096, 16.0), "+16 B per sandbox");
        let growth = Aspect::Growth("live@100".parse().expect("a stage"));
        assert_eq!(change(live, &growth, "sandbox", 4096, 1600.0), "+1.56 KiB, +16 B per sandbox");
        assert_eq!(change(Metric::Anon.into(), &slope, "sandbox", 4096, 4096.0), "+1.00 pages per sandbox");
    }
}
