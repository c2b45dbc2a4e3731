//! Formats quantities and changes for people.

use highwater_model::{Aspect, Quantity, Unit, bytes, nanoseconds, round_for_baseline, signed_bytes};

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

/// A change in bytes, times or counts, in total and per unit, and for memory that is read by the page in pages too:
/// `+4.05 KiB per sandbox, 1.01 pages`, `+3.94 MiB, +4.03 KiB per sandbox, 1008 pages`, `+16 B per sandbox`, `+2`.
pub fn change(quantity: Quantity, aspect: &Aspect, unit: &str, page: u64, by: f64) -> String {
    let each = format!("{} per {unit}", signed_amount(quantity, by / aspect.units().unwrap_or(1.0)));
    let change = match (aspect, aspect.units()) {
        (Aspect::Slope(_), _) => format!("{} per {unit}", signed_amount(quantity, by)),
        (_, Some(_)) => format!("{}, {each}", signed_amount(quantity, by)),
        (_, None) => signed_amount(quantity, by),
    };
    match quantity.metric() {
        Some(metric) if metric.unit() == Unit::Bytes && !metric.is_heap_bytes() => {
            format!("{change}, {}", pages(by / quantity.quantum(page)))
        }
        _ => change,
    }
}

/// A change in its unit with its sign: `+4 KiB`, `-2`.
pub fn signed_amount(quantity: Quantity, by: f64) -> String {
    match quantity.unit() {
        Unit::Bytes => signed_bytes(by),
        Unit::Nanoseconds => format!("{}{}", if by > 0.0 { "+" } else { "" }, nanoseconds(by)),
        // Two decimals would round a small change to 0.
        Unit::Count if by != 0.0 && by.abs() < 0.005 => format!("{by:+.4}"),
        Unit::Count if by.fract() == 0.0 => format!("{by:+}"),
        Unit::Count => format!("{by:+.2}"),
    }
}

/// A number of pages, without its sign.
fn pages(by: f64) -> String {
    match by.abs() {
        1.0 => "1 page".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole} pages"),
        small if small < 0.005 => format!("{small:.4} pages"),
        other => format!("{other:.2} pages"),
    }
}

#[cfg(test)]
mod tests {
    use highwater_model::Metric;

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
    }

    #[test]
    fn changes_are_in_bytes_first_and_in_pages_second() {
        let (anon, slope) = (Quantity::from(Metric::Anon), Aspect::Slope("live".into()));
        let rung = Aspect::Growth("live@100".parse().expect("a stage"));
        let dropped = Aspect::Growth("dropped".parse().expect("a stage"));
        for (aspect, by, text) in [
            (&slope, 4096.0, "+4 KiB per sandbox, 1 page"),
            (&slope, 4150.0, "+4.05 KiB per sandbox, 1.01 pages"),
            (&slope, -8.0, "-8 B per sandbox, 0.0020 pages"),
            (&rung, 409_600.0, "+400 KiB, +4 KiB per sandbox, 100 pages"),
            (&dropped, -4096.0, "-4 KiB, 1 page"),
        ] {
            assert_eq!(change(anon, aspect, "sandbox", 4096, by), text);
        }
        assert_eq!(change(Metric::Vmas.into(), &slope, "sandbox", 4096, 1.0), "+1 per sandbox");
        assert_eq!(change(Metric::Vmas.into(), &slope, "sandbox", 4096, 0.25), "+0.25 per sandbox");
        let figure = "figure.reset_ns".parse().expect("a figure");
        assert_eq!(change(figure, &dropped, "sandbox", 4096, 1500.0), "+1.500 µs");
    }
}
