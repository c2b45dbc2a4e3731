//! Statistics on measured values: pure functions without I/O or a clock, and with seeded randomness only.
//!
//! ```text
//!  order_statistics  levels of tied values, median, quantile
//!  theil_sen         slope over a ladder, its confidence interval, linearity
//!  fisher_exact      test of two proportions
//!  sequential        repeated tests with one error rate
//!  envelope          A/A envelope: how much the median varies without a change
//!  mann_kendall      trend test
//!  pelt              change points of a series
//!  false_discovery   significance of many tests that are judged together
//!  leak              a significant trend of at least a page per window
//!  sign_test         sign test of paired values
//!  clopper_pearson   confidence interval of a proportion
//!  pareto            Pareto set of choices with two costs
//!  mann_whitney      null distribution of the U statistic
//!  normal            upper tail of the normal distribution
//!  combinatorics     factorials and binomial coefficients
//!  resample          bootstrap resamples
//! ```
//!
//! Every function takes plain values (bytes, counts, or either per unit) and returns `None` for input without an
//! answer: no values, or values that are not finite.

mod clopper_pearson;
mod combinatorics;
mod envelope;
mod false_discovery;
mod fisher_exact;
#[cfg(test)]
mod fixture;
mod leak;
mod mann_kendall;
mod mann_whitney;
mod normal;
mod order_statistics;
mod pareto;
mod pelt;
mod resample;
mod sequential;
mod sign_test;
mod theil_sen;

pub use clopper_pearson::{ProportionInterval, clopper_pearson};
pub use envelope::envelope;
pub use false_discovery::benjamini_hochberg;
pub use fisher_exact::{Events, fisher_exact};
pub use leak::{Leak, leak};
pub use mann_kendall::{MannKendall, mann_kendall, mann_kendall_two_sided};
pub use order_statistics::{ROUNDING, median};
pub use pareto::pareto;
pub use pelt::change_points;
pub use sequential::SequentialPlan;
pub use sign_test::{SignTest, sign_test};
pub use theil_sen::{LinearFit, Linearity, MedianEstimate, estimate_median, median_slope, theil_sen_fit};
