//! Tests that contents survive and dirt does not: refused commits of swapped-out memory, and tracked resets
//! combined with forks, swap, discards by the host, remapping and DMA. Every comparison is byte for byte.
//!
//! The program forks, so it has a single thread and the tests are functions in a table. Tests that need swap
//! turn it on themselves, for fractions of a second, and are skipped without the right to do so.

mod commits;
#[path = "../common/mod.rs"]
mod common;
mod jobs;
mod resets;
mod sys;

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use common::initial;
use forced_commit::{Child, Ended, Live, guest::Declared};

/// Why a test did not run.
type Outcome = Result<(), String>;

type Test = fn() -> Outcome;

const TESTS: &[(&str, Test)] = &[
    ("a_refused_commit_keeps_data_segments_in_swap", commits::a_refused_commit_keeps_data_segments_in_swap),
    ("a_refused_commit_keeps_16_mib_in_swap", commits::a_refused_commit_keeps_16_mib_in_swap),
    ("a_refused_commit_releases_pages_without_contents", commits::a_refused_commit_releases_pages_without_contents),
    ("a_refused_commit_reports_locked_pages_as_kept", commits::a_refused_commit_reports_locked_pages_as_kept),
    ("a_fork_cannot_reset_what_its_parent_armed", resets::a_fork_cannot_reset_what_its_parent_armed),
    ("a_fork_can_arm_for_itself", resets::a_fork_can_arm_for_itself),
    ("a_reset_can_be_armed_again", resets::a_reset_can_be_armed_again),
    ("pages_that_the_host_discards_are_restored", resets::pages_that_the_host_discards_are_restored),
    ("discarded_pages_of_a_file_mapping_are_restored", resets::discarded_pages_of_a_file_mapping_are_restored),
    ("remapped_memory_is_rejected", resets::remapped_memory_is_rejected),
    ("writes_of_system_calls_are_restored", resets::writes_of_system_calls_are_restored),
    ("dma_buffers_need_always_restoring", resets::dma_buffers_need_always_restoring),
    ("swapped_out_dirt_is_restored", resets::swapped_out_dirt_is_restored),
    ("tracked_resets_match_full_restores_for_random_jobs", jobs::tracked_resets_match_full_restores_for_random_jobs),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // cargo-nextest lists the tests first. No other flag of libtest changes anything here.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let selected = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let [mut passed, mut skipped, mut failed] = [0; 3];
    for (name, test) in TESTS.iter().filter(|(name, _)| selected(name)) {
        print!("test {name} ... ");
        let _ = std::io::stdout().flush();
        let (count, outcome) = match catch_unwind(test) {
            Ok(Ok(())) => (&mut passed, "ok".to_owned()),
            Ok(Err(reason)) => (&mut skipped, format!("skipped: {reason}")),
            Err(_) => (&mut failed, "FAILED".to_owned()),
        };
        *count += 1;
        println!("{outcome}");
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {skipped} ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A guest whose data segments are in anonymous memory, or in a private mapping of a file.
fn instantiate(bytes: u64, file: bool) -> Live {
    let mut config = wasmtime::Config::new();
    // Compiles on this thread, since the compiler's threads would not exit.
    config.parallel_compilation(false).memory_init_cow(file);
    common::instantiate(&config, Declared::exactly(bytes))
}

/// Runs `work` in a forked child and panics if the child fails.
fn in_a_fork(work: impl FnOnce()) {
    let (child, _) = Child::fork(|_| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => 0,
        Err(_) => 1,
    })
    .expect("forks");
    assert_eq!(child.wait().expect("ends"), Ended::Exited(0), "the fork failed");
}

/// The offset of the first byte that differs.
fn first_difference(memory: &[u8], expected: &[u8]) -> Option<usize> {
    assert_eq!(memory.len(), expected.len());
    if memory == expected { None } else { memory.iter().zip(expected).position(|(a, b)| a != b) }
}

#[track_caller]
fn assert_initial(memory: &[u8]) {
    assert_eq!(first_difference(memory, &initial(memory.len() as u64)), None);
}

fn needs<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("needs {what}: {error}"))
}
