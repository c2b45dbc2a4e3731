//! Pure mathematics on measured numbers: no I/O, no clock, and no randomness but from a seed.
//!
//! ```text
//!  order      values in order: levels, median, quantile
//!  random     the one seeded generator
//!  counting   factorials and binomial coefficients
//!  normal     the tail of the normal distribution
//!  pairs      how many pairs of two samples stand in order by chance
//!  slope      what one more unit costs
//!  envelope   how far the median moves by itself
//!  trend      does a series go on rising?
//!  leak       does memory, by a page per window?
//!  sign       do pairs rise?
//!  rates      a share with its limits
//!  pareto     which of several choices no other betters
//! ```
//!
//! Every function takes plain values in bytes, counts, or either per unit, and gives `None` for
//! what has no answer: no values, or values that are not finite.

mod counting;
mod envelope;
mod leak;
mod normal;
mod order;
mod pairs;
mod pareto;
mod random;
mod rates;
mod sign;
mod slope;
mod trend;

pub use envelope::envelope;
pub use leak::{Leak, leak};
pub use order::{ROUNDING, median};
pub use pareto::pareto;
pub use random::Random;
pub use rates::{Rate, rate};
pub use sign::{Sign, sign};
pub use slope::{Bend, Line, Middle, fit, middle};
pub use trend::{Trend, trend};
