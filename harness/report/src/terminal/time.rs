//! Durations in words, as precise as an estimate is.

use std::time::Duration;

/// A duration in words: `8 s`, `1 min 50 s`, `12 min`, `1 h 5 min`.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let to_next = |step: f64| ((seconds / step).round() * step) as u64;
    let parts = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        _ if seconds < 20.0 => format!("{} s", to_next(1.0).max(1)),
        _ if seconds < 57.5 => format!("{} s", to_next(5.0)),
        _ if seconds < 595.0 => {
            let rounded = to_next(10.0);
            parts(rounded / 60, "min", rounded % 60, "s")
        }
        _ if seconds < 3570.0 => format!("{} min", to_next(60.0) / 60),
        _ => {
            let minutes = to_next(300.0) / 60;
            parts(minutes / 60, "h", minutes % 60, "min")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_what_an_estimate_knows() {
        for (seconds, words) in [
            (0.0, "1 s"),
            (8.4, "8 s"),
            (43.0, "45 s"),
            (57.5, "1 min"),
            (109.0, "1 min 50 s"),
            (594.0, "9 min 50 s"),
            (596.0, "10 min"),
            (3569.0, "59 min"),
            (3570.0, "1 h"),
            (3900.0, "1 h 5 min"),
        ] {
            assert_eq!(in_words(Duration::from_secs_f64(seconds)), words, "{seconds}");
        }
    }
}
