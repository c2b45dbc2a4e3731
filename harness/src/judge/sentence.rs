//! The values of one side of a comparison, the rule that sets two sides against each other, and the
//! one sentence that tells what came of it.

use super::{Applied, Aspect, Kind};
use crate::{
    model::{Category, Quantity, Unit, signed_bytes},
    stats::median,
};

/// The values of one side.
pub(super) struct Spread {
    low: f64,
    pub(super) median: f64,
    high: f64,
    count: usize,
}

/// Slopes are quotients of whole numbers; differences below this are rounding.
const ROUNDING: f64 = 1e-6;

impl Spread {
    pub(super) fn of(values: Vec<f64>) -> Option<Self> {
        let median = median(&values)?;
        let (low, high) =
            values.iter().fold((median, median), |(low, high), value| (low.min(*value), high.max(*value)));
        Some(Self { low, median, high, count: values.len() })
    }

    fn is_exact(&self) -> bool {
        self.high - self.low < ROUNDING
    }

    /// Only a change that parts the two ranges by more than `allowed` counts.
    pub(super) fn judge(&self, now: &Self, allowed: f64) -> Kind {
        if now.low - self.high > allowed + ROUNDING {
            Kind::Regressed
        } else if self.low - now.high > allowed + ROUNDING {
            Kind::Improved
        } else {
            Kind::Same
        }
    }
}

/// What a sentence needs to know.
pub(super) struct Telling<'a> {
    pub(super) quantity: Quantity,
    pub(super) aspect: &'a Aspect,
    pub(super) unit: &'a str,
    pub(super) page: f64,
    pub(super) applied: Applied,
    pub(super) over: Option<f64>,
    pub(super) category: Option<(Category, f64)>,
}

impl Telling<'_> {
    /// `anon per sandbox at live: 4.58 KiB -> 8.63 KiB (+1.01 pages per sandbox, in host_heap); ...`
    pub(super) fn sentence(&self, kind: Kind, then: Option<&Spread>, now: &Spread) -> String {
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
            sureness(then, now),
            self.value(self.applied.allowed(then.median)),
        )
    }

    fn value(&self, value: f64) -> String {
        match self.quantity.metric.unit() {
            Unit::Bytes => signed_bytes(value).trim_start_matches('+').to_owned(),
            Unit::Count => format!("{}", (value * 100.0).round() / 100.0),
        }
    }

    /// The change in pages (or counts), in all and per unit.
    fn change(&self, change: f64) -> String {
        let (grain, word) = match self.quantity.metric.unit() {
            Unit::Bytes => (self.page, " pages"),
            Unit::Count => (1.0, ""),
        };
        // Two decimals, unless nothing would be left of it.
        let each = |change: f64| match change.abs() {
            small if small > 0.0 && small < 0.005 => format!("{change:+.4}"),
            _ => format!("{change:+.2}"),
        };
        match (self.aspect, self.aspect.units()) {
            (Aspect::Slope(_), _) => format!("{}{word} per {}", each(change / grain), self.unit),
            (_, Some(units)) => {
                format!("{:+}{word}, {} per {}", change / grain, each(change / grain / units), self.unit)
            }
            (_, None) => format!("{:+}{word}", change / grain),
        }
    }
}

fn sureness(then: &Spread, now: &Spread) -> String {
    if then.is_exact() && now.is_exact() {
        format!("exact, n = {} against {}", now.count, then.count)
    } else {
        format!("n = {} against {}, judged by whether their ranges part", now.count, then.count)
    }
}
