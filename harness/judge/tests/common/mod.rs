//! A record that is built in memory.

use highwater_model::{CaseRecord, Fingerprint, Record, SCHEMA_VERSION};

/// The run of a family of buffers, with these cases.
pub(crate) fn record(cases: Vec<CaseRecord>) -> Record {
    Record {
        schema: SCHEMA_VERSION,
        family: "toy".into(),
        fingerprint: Fingerprint {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            controls: Default::default(),
            context: Default::default(),
        },
        selection: Default::default(),
        unit: "buffer".into(),
        baseline_stage: "loaded".parse().expect("a stage"),
        cases,
        claims: Vec::new(),
        questions: Vec::new(),
    }
}
