//! Pure mathematics on measured numbers: no I/O, no clock, and no randomness but from a seed.

mod slope;

pub use slope::{Bend, Line, fit, median};
