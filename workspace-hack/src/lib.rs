//! Nothing: this crate's dependencies unify features across the workspace, so that `cargo bench` and
//! `cargo bench -p FAMILY` build the same units. `.ci/same-features` checks it.
