//! Formats numbers with their unit and their precision (`exact, n = 20`).

use highwater_judge::amounts;
use highwater_model::{Failure, Quantity, Unit, bytes, nanoseconds};
use highwater_stats::Linearity;

use crate::counted::grouped;

/// An amount in its unit: `4.58 KiB`, `2.00`, `1.234 ms`.
pub(super) fn amount(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => minus(&bytes(value)),
        Unit::Nanoseconds => minus(&time(value)),
        Unit::Count => minus(&count(value)),
    }
}

/// Two amounts of a quantity, in exact form if the short form does not show their difference.
pub(super) fn both(quantity: impl Into<Quantity>, before: f64, after: f64) -> [String; 2] {
    let quantity = quantity.into();
    let short = [before, after].map(|value| amount(quantity.unit(), value));
    match before != after && short[0] == short[1] {
        true => amounts(quantity, before, after).map(|text| minus(&text)),
        false => short,
    }
}

/// A difference with its sign: `+4 KiB`, `−1`, `±0`.
pub(super) fn change(unit: Unit, value: f64) -> String {
    match value {
        0.0 => "±0".to_owned(),
        v if v > 0.0 => format!("+{}", amount(unit, v)),
        v => amount(unit, v),
    }
}

/// A change relative to the value before: `+3.2 %`. Empty if there is no change or the value was 0.
pub(super) fn relative(before: f64, change: f64) -> String {
    if before == 0.0 || change == 0.0 {
        return String::new();
    }
    let percent = change / before.abs() * 100.0;
    let sign = if percent > 0.0 { "+" } else { "−" };
    match percent.abs() {
        p if p >= 1000.0 => format!("× {:.0}", change / before + 1.0),
        p if p >= 10.0 => format!("{sign}{p:.0} %"),
        p => format!("{sign}{p:.2} %"),
    }
}

/// The precision of a set of values, one per worker: `exact, n = 20`, or their range.
pub(super) fn precision(unit: Unit, values: &[f64]) -> String {
    let n = values.len();
    let (low, high) = range(values);
    match n {
        0 => "no value".to_owned(),
        1 => "n = 1".to_owned(),
        _ if low == high => format!("exact, n = {n}"),
        _ => format!("{} to {}, n = {n}", amount(unit, low), amount(unit, high)),
    }
}

/// An interval. The unit is printed once if both ends have the same: `466–627 µs`. Ends that look the same are printed
/// once.
pub(super) fn between(unit: Unit, low: f64, high: f64) -> String {
    let (low, high) = (amount(unit, low), amount(unit, high));
    if low == high {
        return low;
    }
    match low.split_once(' ').zip(high.split_once(' ')) {
        Some(((number, a), (_, b))) if a == b => format!("{number}–{high}"),
        _ => format!("{low}–{high}"),
    }
}

/// Joins texts and counts consecutive repetitions: `±0 ×3 · +4 KiB`.
pub(super) fn run_lengths(texts: &[String]) -> String {
    let counted = |run: &[String]| match run.len() {
        1 => run[0].clone(),
        times => format!("{} ×{times}", run[0]),
    };
    texts.chunk_by(|a, b| a == b).map(counted).collect::<Vec<_>>().join(" · ")
}

/// The lowest and the highest value.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// How a line deviates from linear, with `before` as a prefix. Empty for a linear one.
pub(super) fn nonlinearity(before: &str, linearity: Linearity) -> String {
    if linearity == Linearity::Linear { String::new() } else { format!("{before}{linearity}") }
}

/// How a worker failed and at which stage: `killed by signal 9 (SIGKILL), after live@10`.
pub(super) fn failure(failure: &Failure) -> String {
    format!("{}, {}", failure.outcome, failure.place())
}

/// Nanoseconds with three significant digits: `2.35 µs`, `51.2 µs`, `4.48 ms`.
fn time(ns: f64) -> String {
    let full = nanoseconds(ns);
    let Some((number, unit)) = full.split_once(' ') else { return full };
    let digits = number.trim_start_matches('-').find('.').unwrap_or(3);
    let value: f64 = number.parse().unwrap_or(0.0);
    let decimals = 3_usize.saturating_sub(digits);
    format!("{value:.decimals$} {unit}")
}

fn count(value: f64) -> String {
    // Decimals of large numbers are noise.
    let rounded = if value.abs() >= 1000.0 { value.round() } else { (value * 100.0).round() / 100.0 };
    match rounded {
        whole if whole.fract() == 0.0 => {
            let text = grouped(whole.abs() as usize);
            if whole < 0.0 { format!("-{text}") } else { text }
        }
        other => format!("{other}"),
    }
}

/// Replaces the hyphen with a minus sign.
pub(super) fn minus(text: &str) -> String {
    text.replacen('-', "−", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit_and_few_digits() {
        for (unit, value, text) in [
            (Unit::Bytes, 4690.0, "4.58 KiB"),
            (Unit::Bytes, -4096.0, "−4 KiB"),
            (Unit::Count, 2.0, "2"),
            (Unit::Count, 12_345.0, "12,345"),
            (Unit::Count, 2.504, "2.5"),
            (Unit::Count, 289_312.5, "289,313"),
            (Unit::Nanoseconds, 2353.0, "2.35 µs"),
            (Unit::Nanoseconds, 4_477_000.0, "4.48 ms"),
            (Unit::Nanoseconds, 51_214.0, "51.2 µs"),
        ] {
            assert_eq!(amount(unit, value), text);
        }
    }

    #[test]
    fn precision_shows_whether_workers_agree() {
        assert_eq!(precision(Unit::Bytes, &[4096.0; 20]), "exact, n = 20");
        assert_eq!(precision(Unit::Bytes, &[4096.0, 8192.0]), "4 KiB to 8 KiB, n = 2");
    }

    #[test]
    fn intervals_and_repetitions_are_compact() {
        assert_eq!(between(Unit::Nanoseconds, 466_000.0, 627_000.0), "466–627 µs");
        assert_eq!(between(Unit::Bytes, 0.0, 4096.0), "0 B–4 KiB");
        assert_eq!(run_lengths(&["±0", "±0", "+4 KiB", "±0"].map(str::to_owned)), "±0 ×2 · +4 KiB · ±0");
    }

    #[test]
    fn changes_are_relative_to_the_value_before() {
        assert_eq!(relative(4.58, 4.05), "+88 %");
        assert_eq!(relative(100.0, -1.0), "−1.00 %");
        assert_eq!(relative(0.0, 5.0), "");
        assert_eq!(change(Unit::Count, 0.0), "±0");
    }
}
