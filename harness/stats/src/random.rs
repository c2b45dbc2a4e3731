//! The random number generator: SplitMix64, which gives the same sequence for the same seed on every machine.
//!
//! Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Bounded values
//! are the high half of a product (D. Lemire, "Fast random integer generation in an interval", 2019, without the
//! rejection step: for bounds of a few hundred the bias is below 2^-50).

/// A seeded generator for resampling. It is not cryptographically secure.
pub struct Random(u64);

impl Random {
    /// Creates a generator from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `0` to `bound - 1`; `0` if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Fills `into` with values drawn from `values` with replacement: a bootstrap resample.
    pub fn resample(&mut self, values: &[f64], into: &mut [f64]) {
        into.fill_with(|| values[self.below(values.len())]);
    }

    /// Moves `count` randomly chosen items to the front; every choice is equally likely. These are the first steps of a
    /// Fisher-Yates shuffle (D. Knuth, TAOCP 2, §3.4.2, algorithm P).
    pub fn choose<T>(&mut self, items: &mut [T], count: usize) {
        for i in 0..count.min(items.len()) {
            let rest = items.len() - i;
            items.swap(i, i + self.below(rest));
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_matches_the_reference_implementation() {
        // The first outputs of S. Vigna's splitmix64.c for this seed.
        let mut random = Random::seeded(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_below_the_bound_and_cover_the_range() {
        let mut random = Random::seeded(1);
        let mut seen = [0_usize; 7];
        (0..7000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn all_choices_are_about_equally_frequent() {
        let mut random = Random::seeded(2);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2, 3];
            random.choose(&mut items, 2);
            let mut front = [items[0], items[1]];
            front.sort_unstable();
            *seen.entry(front).or_insert(0_usize) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|count| (880..1120).contains(count)), "{seen:?}");
    }
}
