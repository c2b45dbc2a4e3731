//! Bootstrap resamples, from a seeded generator: the same values give the same interval on every machine.

use fastrand::Rng;

/// Fills `into` with values drawn from `values` with replacement. `values` must not be empty.
pub(crate) fn resample(random: &mut Rng, values: &[f64], into: &mut [f64]) {
    into.fill_with(|| values[random.usize(..values.len())]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_cover_all_values_about_equally_and_repeat_with_the_seed() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let drawn = || {
            let mut into = vec![0.0; 7000];
            resample(&mut Rng::with_seed(1), &values, &mut into);
            into
        };
        for value in values {
            // 1000 are expected, with a standard deviation of 29.
            let count = drawn().into_iter().filter(|it| *it == value).count();
            assert!((850..1150).contains(&count), "{value}: {count}");
        }
        assert_eq!(drawn(), drawn());
    }
}
