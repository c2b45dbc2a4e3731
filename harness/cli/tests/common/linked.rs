//! What a program links, by the names of crates in its symbols.

use std::{fs, path::Path};

/// Crates that a measured process must not contain: the command line, the report, and what times it.
const NOT_MEASURED: [&str; 6] = ["clap_builder", "criterion", "askama", "plotters", "highwater_report", "highwater"];

/// Whether a symbol of the program belongs to a crate: its name follows its length in a mangled symbol.
fn links(program: &[u8], crate_name: &str) -> bool {
    let mangled = format!("{}{crate_name}", crate_name.len());
    program.windows(mangled.len()).any(|window| window == mangled.as_bytes())
}

/// Asserts that a worker links the worker's library and nothing of the parent. The bench program is the control.
pub(crate) fn assert_measured_only(worker: &Path, bench: &Path) {
    let [worker, bench] = [worker, bench].map(|path| fs::read(path).expect("readable"));
    assert!(links(&worker, "highwater_worker"), "no symbols");
    for name in NOT_MEASURED {
        assert!(!links(&worker, name), "the worker links {name}");
        assert!(links(&bench, name), "the bench does not link {name}, so this test shows nothing");
    }
}
