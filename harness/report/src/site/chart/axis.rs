//! Chart axes: range, scale, ticks and tick labels. Values are transformed (for example to logarithms)
//! before they are passed to plotters, so that ticks are whole KiB or MiB and never 5 * 10^5.

use std::ops::Range;

use highwater_model::Unit;
use plotters::coord::ranged1d::{KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter};

use super::super::format::amount;

/// An axis is logarithmic if the ratio of the largest to the smallest value is at least this.
const WIDE: f64 = 30.0;
/// Padding beyond the outermost values, as a fraction of their span.
const MARGIN: f64 = 0.08;
/// Width of a character of a label, and the space between two labels, as fractions of the axis.
const CHARACTER: f64 = 0.024;
const BETWEEN: f64 = 0.02;
/// Maximum number of intervals between ticks.
const INTERVALS: f64 = 5.0;

/// An axis: maps values to positions.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    /// Positions and labels.
    ticks: Vec<(f64, String)>,
    /// The position of 0 on a logarithmic axis; `None` on a linear axis.
    zero: Option<f64>,
    pub(super) is_log: bool,
}

/// Where an axis begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// At 0, so that lengths can be compared.
    Zero,
    /// At the lowest value, so that small changes are visible.
    Lowest,
}

impl Axis {
    /// An axis for amounts. It is logarithmic if the values are far apart and none is negative.
    pub(super) fn of(unit: Unit, values: impl IntoIterator<Item = f64>, origin: Origin) -> Self {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let (low, high) = super::super::format::range(&values);
        let positive = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        if low >= 0.0 && positive.is_finite() && high / positive >= WIDE {
            return Self::log(unit, positive, high, low == 0.0);
        }
        Self::linear(unit, &values, origin)
    }

    /// A linear axis for amounts.
    pub(super) fn linear(unit: Unit, values: &[f64], origin: Origin) -> Self {
        let (low, high) = super::super::format::range(values);
        let (low, high) = if values.is_empty() { (0.0, 0.0) } else { (low, high) };
        let low = if origin == Origin::Zero { low.min(0.0) } else { low };
        if low == high {
            return Self {
                range: low - 1.0..high + 1.0,
                ticks: vec![(low, tick(unit, low))],
                zero: None,
                is_log: false,
            };
        }
        let span = high - low;
        let step = step(unit, span / INTERVALS);
        let first = (low / step).ceil() as i64;
        let places = (first..).map(|n| n as f64 * step).take_while(|place| *place <= high + span * 0.04);
        let ticks = distinct(unit, places.map(|place| (place, tick(unit, place))).collect());
        let below = if low == 0.0 { 0.0 } else { span * MARGIN };
        Self { range: low - below..high + span * MARGIN, ticks, zero: None, is_log: false }
    }

    fn log(unit: Unit, low: f64, high: f64, with_zero: bool) -> Self {
        let (from, to) = (low.ln(), high.ln());
        let span = to - from;
        let mut ticks: Vec<(f64, String)> = powers(unit, low, high)
            .into_iter()
            .map(|value| (value.ln(), tick(unit, value)))
            .filter(|(place, _)| (from - span * 0.05..=to + span * 0.05).contains(place))
            .collect();
        let zero = with_zero.then_some(from - span * 0.16);
        if let Some(zero) = zero {
            ticks.insert(0, (zero, "0".to_owned()));
        }
        let begin = zero.unwrap_or(from) - span * MARGIN;
        Self { range: begin..to + span * MARGIN, ticks, zero: Some(zero.unwrap_or(begin)), is_log: true }
    }

    /// An axis for the scales of a ladder, with a tick at every rung that fits.
    pub(super) fn rungs(scales: &[f64]) -> Self {
        let mut scales: Vec<f64> = scales.to_vec();
        scales.sort_by(f64::total_cmp);
        scales.dedup();
        let (low, high) = super::super::format::range(&scales);
        let is_log = low > 0.0 && high / low >= WIDE / 2.0;
        let place = |scale: f64| if is_log { scale.ln() } else { scale };
        let span = (place(high) - place(low)).max(f64::MIN_POSITIVE);
        let mut ticks: Vec<(f64, String)> = Vec::new();
        // Start at the top: its label matters most.
        for scale in scales.iter().rev() {
            let label = amount(Unit::Count, *scale);
            let room = ticks.last().is_none_or(|(last, text)| {
                let needed = (text.len() + label.len()) as f64 / 2.0 * CHARACTER + BETWEEN;
                last - place(*scale) >= span * needed
            });
            if room {
                ticks.push((place(*scale), label));
            }
        }
        let margin = if scales.len() < 2 { 1.0 } else { span * 0.05 };
        Self {
            range: place(low) - margin..place(high) + margin,
            ticks,
            zero: is_log.then_some(place(low) - margin),
            is_log,
        }
    }

    /// An axis of `count` steps, numbered from 1. `last` is the label of the last one, if given.
    pub(super) fn steps(count: usize, last: Option<&str>) -> Self {
        let every = count.div_ceil(8).max(1);
        let name = |step: usize| match last {
            Some(last) if step + 1 == count => last.to_owned(),
            _ => (step + 1).to_string(),
        };
        let ticks =
            (0..count).filter(|step| step % every == 0 || step + 1 == count).map(|step| (step as f64, name(step)));
        Self { range: -0.4..(count as f64 - 1.0).max(0.0) + 0.4, ticks: ticks.collect(), zero: None, is_log: false }
    }

    /// The position of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.zero {
            Some(zero) if value <= 0.0 => zero,
            Some(_) => value.ln(),
            None => value,
        }
    }

    /// The position of a value as a part of the axis, from 0 to 1.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        self.part(self.place(value))
    }

    /// The ticks as parts of the axis, with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        self.ticks.iter().map(|(place, label)| (self.part(*place), label.clone())).collect()
    }

    fn part(&self, place: f64) -> f64 {
        (place - self.range.start) / (self.range.end - self.range.start)
    }
}

/// Plotters works with positions, and uses these ticks regardless of the number it asks for.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (self.part(*place) * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.iter().map(|(place, _)| *place).collect(),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    /// The label of the tick at a position.
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        let near = |(tick, _): &&(f64, String)| (tick - place).abs() < 1e-9;
        self.ticks.iter().find(near).map_or(String::new(), |(_, text)| text.clone())
    }
}

/// Ticks whose labels differ. Those that look the same are labelled with their distance from the first.
fn distinct(unit: Unit, ticks: Vec<(f64, String)>) -> Vec<(f64, String)> {
    if ticks.windows(2).all(|pair| pair[0].1 != pair[1].1) {
        return ticks;
    }
    let first = ticks[0].0;
    let label = |(place, label): (f64, String)| match place - first {
        0.0 => (place, label),
        beyond => (place, format!("+{}", tick(unit, beyond))),
    };
    ticks.into_iter().map(label).collect()
}

/// A tick label: an amount without trailing zeros.
fn tick(unit: Unit, value: f64) -> String {
    let text = amount(unit, value);
    match text.split_once(' ') {
        Some((number, _)) if number.parse() == Ok(0.0) => "0".to_owned(),
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// Ticks of a logarithmic axis from `low` to `high`: every n-th power of two for bytes, every n-th power of
/// ten otherwise, with 3 or 2 and 5 in between if there is room.
fn powers(unit: Unit, low: f64, high: f64) -> Vec<f64> {
    let base: f64 = if unit == Unit::Bytes { 2.0 } else { 10.0 };
    let (from, to) = (low.log(base), high.log(base));
    let step = ((to - from) / INTERVALS).ceil().max(1.0);
    let between: &[f64] = match to - from {
        _ if unit == Unit::Bytes => &[1.0],
        span if span <= 1.6 => &[1.0, 2.0, 5.0],
        span if span <= 2.6 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let first = (from / step).floor() as i64;
    let exponents = (first..).map(|n| n as f64 * step).take_while(|exponent| *exponent <= to + 1.0);
    exponents.flat_map(|exponent| between.iter().map(move |factor| factor * base.powf(exponent))).collect()
}

/// Rounds a step up: to a power of two for bytes, otherwise to 1, 2 or 5 times a power of ten.
fn step(unit: Unit, rough: f64) -> f64 {
    if unit == Unit::Bytes {
        return 2f64.powf(rough.max(1.0).log2().ceil());
    }
    let power = 10f64.powf(rough.max(1e-3).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|(_, text)| text.clone()).collect()
    }

    #[test]
    fn ticks_of_bytes_are_whole_kib_and_mib() {
        let near = Axis::of(Unit::Bytes, [0.0, 70.0 * 1024.0], Origin::Zero);
        assert_eq!(labels(&near), ["0", "16 KiB", "32 KiB", "48 KiB", "64 KiB"]);
        let far = Axis::of(Unit::Bytes, [4096.0, 1e9], Origin::Zero);
        assert_eq!(labels(&far), ["4 KiB", "64 KiB", "1 MiB", "16 MiB", "256 MiB"]);
    }

    #[test]
    fn logarithmic_axes_can_include_zero() {
        let axis = Axis::of(Unit::Bytes, [0.0, 4096.0, 4e6], Origin::Zero);
        assert!(axis.is_log && axis.range.contains(&axis.place(0.0)));
        assert!(axis.place(0.0) < axis.place(4096.0));
        assert_eq!(labels(&axis)[0], "0");
    }

    #[test]
    fn ticks_that_look_the_same_have_distances() {
        let axis = Axis::of(Unit::Bytes, [268_500_000.0, 268_520_000.0], Origin::Lowest);
        let labels = labels(&axis);
        assert!(labels[0].ends_with("MiB") && labels[1].starts_with('+') && labels[1].ends_with("KiB"), "{labels:?}");
    }

    #[test]
    fn a_single_value_has_an_axis() {
        for values in [vec![], vec![5.0], vec![0.0], vec![-3.0, -3.0]] {
            let axis = Axis::of(Unit::Count, values.clone(), Origin::Lowest);
            assert!(axis.range.start < axis.range.end && !axis.ticks.is_empty(), "{values:?}: {axis:?}");
            assert!(values.iter().all(|value| axis.range.contains(&axis.place(*value))), "{values:?}");
        }
    }

    #[test]
    fn close_rungs_share_a_tick() {
        assert_eq!(labels(&Axis::rungs(&[1.0, 10.0, 50.0, 100.0, 1000.0])), ["1,000", "100", "50", "10", "1"]);
        assert!(Axis::rungs(&(1..=100).map(f64::from).collect::<Vec<_>>()).ticks.len() < 16);
    }
}
