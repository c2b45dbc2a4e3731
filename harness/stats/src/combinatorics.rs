//! Logarithms of factorials and binomial coefficients. The sign test and the Clopper-Pearson interval use them to
//! compute probabilities without overflow.
//!
//! Source: Stirling's series, NIST Digital Library of Mathematical Functions, 5.11.1, truncated after its fourth
//! term. For n >= 20 the first omitted term is below 1e-16.

/// Up to here factorials are computed as products: 20! is the largest that fits in a `u64`.
const MAX_EXACT: u64 = 20;

/// ln(n!), accurate to about 16 digits.
pub(super) fn ln_factorial(n: usize) -> f64 {
    if n as u64 <= MAX_EXACT {
        return ((1..=n as u64).product::<u64>() as f64).ln();
    }
    let n = n as f64;
    let series = 1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / (n * n)) / (n * n)) / (n * n);
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + series / n
}

/// The logarithm of the binomial coefficient "n choose k"; negative infinity if `k > n`.
pub(super) fn ln_choose(n: usize, k: usize) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factorials_match_the_sum_of_logarithms() {
        let mut sum = 0.0;
        for n in 1..400_usize {
            sum += (n as f64).ln();
            assert!((ln_factorial(n) - sum).abs() < 1e-12 * sum.max(1.0), "{n}: {} {sum}", ln_factorial(n));
        }
        assert_eq!(ln_factorial(0), 0.0);
    }

    #[test]
    fn coefficients_match_pascals_triangle() {
        for (k, ways) in [1.0, 5.0, 10.0, 10.0, 5.0, 1.0, 0.0].into_iter().enumerate() {
            assert!((ln_choose(5, k).exp() - ways).abs() < 1e-12, "{k}");
        }
        assert!((ln_choose(40, 20).exp() / 137_846_528_820.0 - 1.0).abs() < 1e-12);
    }
}
