//! The upper tail of the normal distribution, which the standard library has no function for.
//!
//! Sources: below 3, the series of G. Marsaglia, "Evaluating the normal distribution", Journal of
//! Statistical Software 11 (2004); from there on, Laplace's continued fraction, M. Abramowitz
//! and I. Stegun, "Handbook of Mathematical Functions" (1964), 26.2.14, cut after 100 steps.

/// Where the continued fraction takes over.
const FAR: f64 = 3.0;

/// The chance that a standard normal value exceeds `z`.
pub(super) fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z >= FAR {
        return density / (1..=100).rev().fold(z, |below, step| z + f64::from(step) / below);
    }
    // z + z^3/3 + z^5/(3*5) + ...
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * f64::EPSILON {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_agrees_with_the_published_table() {
        // Abramowitz and Stegun, tables 26.1 and 26.2.
        let table = [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (2.326_347_874_040_84, 0.01),
            (3.0, 0.001_349_898_031_630),
            (5.0, 2.866_515_718_791_94e-7),
        ];
        for (z, p) in table {
            assert!((upper_tail(z) / p - 1.0).abs() < 1e-11, "{z}: {}", upper_tail(z));
            assert!((upper_tail(-z) - (1.0 - p)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_two_methods_meet() {
        assert!((upper_tail(FAR) / upper_tail(FAR - 1e-12) - 1.0).abs() < 1e-9);
        assert_eq!(upper_tail(f64::INFINITY), 0.0);
    }
}
