//! Watches a worker that is not judged, beside the measurement of its stages.

use highwater_model::Stage;
use highwater_probe::{Labels, Probe};

/// Watches one worker. The worker waits during each call.
pub trait Observer {
    /// The program was started. It has one thread, and waits for its job.
    fn started(&mut self, pid: u32);

    /// The worker reached a stage and was measured. The labels are those of its mappings.
    fn at_stage(&mut self, stage: &Stage, probe: &mut Probe, labels: &Labels);
}

/// Watches nothing.
pub(super) struct Nobody;

impl Observer for Nobody {
    fn started(&mut self, _: u32) {}

    fn at_stage(&mut self, _: &Stage, _: &mut Probe, _: &Labels) {}
}
