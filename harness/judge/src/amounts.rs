//! Formats quantities and changes for people.

use highwater_model::{Aspect, Metric, Quantity, Unit, bytes, nanoseconds, round_for_baseline, signed_bytes};

/// Two values in their unit, in exact form if the short form does not show their difference.
pub fn amounts(quantity: Quantity, before: f64, after: f64) -> [String; 2] {
    let short = [before, after].map(|value| amount(quantity, value));
    let exact = |value: f64| match quantity.unit() {
        Unit::Bytes => format!("{} B", round_for_baseline(value)),
        Unit::Nanoseconds => format!("{} ns", round_for_baseline(value)),
        Unit::Count => format!("{}", round_for_baseline(value)),
    };
    // `64 KiB` and `64.0 KiB` look like one value too.
    let shown = |text: &str| {
        let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
        (number.parse::<f64>().ok(), unit.to_owned())
    };
    if shown(&short[0]) == shown(&short[1]) && round_for_baseline(before) != round_for_baseline(after) {
        [before, after].map(exact)
    } else {
        short
    }
}

/// A value in its unit: `4.58 KiB`, `1.234 ms`, `2.5`.
pub fn amount(quantity: Quantity, value: f64) -> String {
    match quantity.unit() {
        Unit::Bytes => bytes(value),
        Unit::Nanoseconds => nanoseconds(value),
        Unit::Count => format!("{}", (value * 100.0).round() / 100.0),
    }
}

/// A change in pages, bytes or counts, in total and per unit: `+1.01 pages per sandbox`, `+1008 pages, +1.01
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
    // Two decimals would round a small change to 0.
    let each = |by: f64| match by.abs() {
        small if small > 0.0 && small < 0.005 => format!("{by:+.4}"),
        _ => format!("{by:+.2}"),
    };
    let whole = |by: f64| match word.strip_suffix('s') {
        Some(one) if by.abs() == 1.0 && word != " ns" => format!("{by:+}{one}"),
        _ => format!("{by:+}{word}"),
    };
    match (aspect, aspect.units()) {
        (Aspect::Slope(_), _) => format!("{}{word} per {unit}", each(by)),
        (_, Some(units)) => format!("{}, {} per {unit}", whole(by), each(by / units)),
        (_, None) => whole(by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_values_are_printed_differently() {
        let anon = Quantity::from(Metric::Anon);
        assert_eq!(amounts(anon, 4096.0, 8192.0), ["4 KiB", "8 KiB"]);
        assert_eq!(amounts(anon, 10_485_760.0, 10_485_800.0), ["10485760 B", "10485800 B"]);
        assert_eq!(amounts(anon, 65_536.0, 65_552.0), ["65536 B", "65552 B"]);
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
