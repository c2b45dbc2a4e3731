//! The limiter of a store, as wasmtime's documentation recommends it, with a count of what it allowed.

use wasmtime::{ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

use super::LIMIT;

/// Bytes of an element of a table, as the documentation of `ResourceLimiter` has it.
const ELEMENT: usize = size_of::<usize>();

/// Limits each memory to [`LIMIT`]; on request, also the sum of all memories and tables.
pub(super) struct Limiter {
    each: StoreLimits,
    /// Whether the sum is limited too.
    limits_sum: bool,
    /// Bytes that it allowed.
    pub(super) allowed: usize,
    /// Whether it refused a growth.
    pub(super) refused: bool,
}

impl Limiter {
    /// The limits of the example at `Store::limiter`, with as many instances as a component needs here.
    pub(super) fn new(limits_sum: bool) -> Self {
        let each = StoreLimitsBuilder::new().memory_size(LIMIT).instances(8).build();
        Self { each, limits_sum, allowed: 0, refused: false }
    }

    fn decide(&mut self, each_allows: bool, bytes: usize) -> bool {
        let allows = each_allows && (!self.limits_sum || self.allowed + bytes <= LIMIT);
        if allows {
            self.allowed += bytes;
        }
        self.refused |= !allows;
        allows
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let each = self.each.memory_growing(current, desired, maximum)?;
        Ok(self.decide(each, desired - current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let each = self.each.table_growing(current, desired, maximum)?;
        Ok(self.decide(each, (desired - current) * ELEMENT))
    }

    fn instances(&self) -> usize {
        self.each.instances()
    }

    fn tables(&self) -> usize {
        self.each.tables()
    }

    fn memories(&self) -> usize {
        self.each.memories()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_memory_may_reach_the_limit_unless_the_sum_is_limited() {
        for (sum, second) in [(false, true), (true, false)] {
            let mut limiter = Limiter::new(sum);
            assert!(limiter.memory_growing(0, LIMIT, None).expect("decided"));
            assert!(!limiter.refused);
            assert_eq!(limiter.memory_growing(0, LIMIT, None).expect("decided"), second);
            assert_eq!(limiter.table_growing(0, 8192, None).expect("decided"), second);
            assert_eq!(limiter.refused, sum);
        }
    }
}
