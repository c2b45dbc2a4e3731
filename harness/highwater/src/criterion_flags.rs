//! The flags of criterion that a bench binary accepts, with criterion's meaning. Values are checked here, because
//! criterion would panic on an invalid one after the memory was measured.

use std::time::Duration;

/// The settings that this program gives to criterion, unless a flag changes them.
pub(super) const WARM_UP_TIME: Duration = Duration::from_millis(500);
pub(super) const MEASUREMENT_TIME: Duration = Duration::from_secs(1);
pub(super) const SAMPLES: usize = 30;
/// Criterion's own threshold, relative to the time before.
const NOISE_THRESHOLD: f64 = 0.01;

/// The flags of criterion 0.8. Highwater uses some of them and forwards all of them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Criterion")]
pub(super) struct CriterionFlags {
    /// List the cases and routines
    #[arg(long, conflicts_with_all = ["test", "profile_time"])]
    pub(super) list: bool,
    /// Run everything once as a test, without measuring
    #[arg(long, conflicts_with_all = ["list", "profile_time"])]
    pub(super) test: bool,
    /// Use 5 workers per case and criterion's quick mode
    #[arg(long, conflicts_with = "sample_size")]
    pub(super) quick: bool,
    /// Match the filter exactly
    #[arg(long)]
    pub(super) exact: bool,
    /// Save the results, including memory, under a name
    #[arg(short, long, value_name = "NAME")]
    pub(super) save_baseline: Option<String>,
    /// Compare with named results; fail if they do not exist
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["save_baseline", "baseline_lenient"])]
    pub(super) baseline: Option<String>,
    /// Compare with named results if they exist
    #[arg(long, value_name = "NAME", conflicts_with_all = ["save_baseline", "baseline"])]
    pub(super) baseline_lenient: Option<String>,
    /// Discard criterion's results
    #[arg(long, conflicts_with_all = ["save_baseline", "baseline", "baseline_lenient"])]
    discard_baseline: bool,
    /// Load criterion's results instead of measuring time
    #[arg(long, value_name = "NAME", conflicts_with = "profile_time")]
    pub(super) load_baseline: Option<String>,
    /// Disable plots
    #[arg(short, long)]
    noplot: bool,
    /// Coloring of criterion's output
    #[arg(short, long, value_parser = ["auto", "always", "never"])]
    color: Option<String>,
    /// Print criterion's own output with more statistics, and tables, figures and claims in full
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Print results only
    #[arg(long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Format of --list
    #[arg(long, value_parser = ["pretty", "terse"])]
    format: Option<String>,
    /// Run only ignored benchmarks; no benchmark is ignored
    #[arg(long)]
    pub(super) ignored: bool,
    /// Run each routine for this many seconds, for a profiler, without measuring memory
    #[arg(long, value_name = "SECONDS")]
    pub(super) profile_time: Option<f64>,
    /// Criterion's sample size
    #[arg(long, value_parser = sample_size)]
    sample_size: Option<usize>,
    /// Criterion's warm-up time in seconds
    #[arg(long, value_parser = seconds)]
    warm_up_time: Option<f64>,
    /// Criterion's measurement time in seconds
    #[arg(long, value_parser = seconds)]
    measurement_time: Option<f64>,
    /// Criterion's number of resamples
    #[arg(long, value_parser = at_least_one)]
    nresamples: Option<usize>,
    /// Criterion's noise threshold
    #[arg(long, value_parser = above_zero)]
    noise_threshold: Option<f64>,
    /// Criterion's confidence level
    #[arg(long, value_parser = fraction)]
    confidence_level: Option<f64>,
    /// Criterion's significance level
    #[arg(long, value_parser = fraction)]
    significance_level: Option<f64>,
    /// Criterion's plotting backend
    #[arg(long, value_parser = ["gnuplot", "plotters"])]
    plotting_backend: Option<String>,
    /// Criterion's output format
    #[arg(long, value_parser = ["criterion", "bencher"])]
    pub(super) output_format: Option<String>,
    #[arg(long, hide = true)]
    pub(super) bench: bool,
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
}

impl CriterionFlags {
    /// Whether criterion prints its own output: on request, and if it is for a program that reads a format of it.
    pub(super) fn shows_criterion(&self) -> bool {
        self.verbose || self.output_format.is_some()
    }

    /// The changes of times that criterion counts as noise, relative to the time before.
    pub(super) fn noise(&self) -> f64 {
        self.noise_threshold.unwrap_or(NOISE_THRESHOLD)
    }

    /// The run that criterion compares its times with.
    pub(super) fn compared_with(&self) -> String {
        match (&self.baseline, &self.baseline_lenient, &self.save_baseline) {
            (Some(name), ..) | (_, Some(name), _) => saved_as(name),
            (.., Some(name)) => format!("what was saved as `{name}` before"),
            _ => "the previous run".to_owned(),
        }
    }

    /// Whether routines are measured whose number of samples no flag decides.
    pub(super) fn chooses_samples(&self) -> bool {
        let measures = !self.list && !self.test && self.profile_time.is_none() && self.load_baseline.is_none();
        measures && !self.quick && self.sample_size.is_none() && self.measurement_time.is_none()
    }

    /// The flags that decide how long a routine takes.
    pub(super) fn of_duration(&self) -> String {
        let switches = [("quick", self.quick), ("noplot", self.noplot)];
        let switches = switches.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name.to_owned());
        let numbers = [
            ("sample-size", self.sample_size.map(|size| size.to_string())),
            ("warm-up-time", self.warm_up_time.map(|seconds| seconds.to_string())),
            ("measurement-time", self.measurement_time.map(|seconds| seconds.to_string())),
            ("nresamples", self.nresamples.map(|count| count.to_string())),
        ];
        let numbers = numbers.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        switches.chain(numbers).collect::<Vec<_>>().join(" ")
    }

    /// The time for which criterion runs a routine that was never measured, without its analysis.
    pub(super) fn configured_time(&self) -> Duration {
        let given = |seconds: Option<f64>, default| seconds.map_or(default, Duration::from_secs_f64);
        match self.quick {
            // Criterion stops as soon as two measurements agree.
            true => MEASUREMENT_TIME / 4,
            false => given(self.warm_up_time, WARM_UP_TIME) + given(self.measurement_time, MEASUREMENT_TIME),
        }
    }
}

/// The run that was saved under a name.
pub(super) fn saved_as(name: &str) -> String {
    format!("the run saved as `{name}`")
}

/// Parses a number within the limits of criterion.
fn number<T: std::str::FromStr>(text: &str, is_valid: impl Fn(&T) -> bool, limits: &str) -> Result<T, String> {
    text.parse().ok().filter(is_valid).ok_or_else(|| format!("it must be {limits}"))
}

fn sample_size(text: &str) -> Result<usize, String> {
    number(text, |size| *size >= 10, "at least 10")
}

fn at_least_one(text: &str) -> Result<usize, String> {
    number(text, |count| *count > 0, "at least 1")
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, |seconds| (1e-9..=1e9).contains(seconds), "a number of seconds above 0")
}

fn above_zero(text: &str) -> Result<f64, String> {
    number(text, |value: &f64| *value > 0.0 && value.is_finite(), "above 0")
}

fn fraction(text: &str) -> Result<f64, String> {
    number(text, |value| *value > 0.0 && *value < 1.0, "between 0 and 1")
}
