//! Contents that must survive, and dirt that must not: refused commits of memory that was swapped out, and
//! tracked resets beside forks, swap, discards by the host, new mappings and DMA. Every comparison is byte for
//! byte.
//!
//! One thread, since it forks: the tests are functions in a table. What needs swap turns it on itself, for
//! fractions of a second, and is skipped where it may not.

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
    ("a_refused_commit_gives_back_what_had_no_contents", commits::a_refused_commit_gives_back_what_had_no_contents),
    ("a_refused_commit_reports_locked_pages_as_kept", commits::a_refused_commit_reports_locked_pages_as_kept),
    ("a_fork_cannot_reset_what_its_parent_armed", resets::a_fork_cannot_reset_what_its_parent_armed),
    ("a_fork_can_arm_for_itself", resets::a_fork_can_arm_for_itself),
    ("a_reset_can_be_armed_again", resets::a_reset_can_be_armed_again),
    ("pages_that_the_host_discards_are_restored", resets::pages_that_the_host_discards_are_restored),
    ("file_pages_behind_discarded_ones_are_restored", resets::file_pages_behind_discarded_ones_are_restored),
    ("memory_that_is_mapped_anew_is_refused", resets::memory_that_is_mapped_anew_is_refused),
    ("writes_of_system_calls_are_restored", resets::writes_of_system_calls_are_restored),
    ("dma_needs_its_parts_to_be_named", resets::dma_needs_its_parts_to_be_named),
    ("swapped_out_dirt_is_restored", resets::swapped_out_dirt_is_restored),
    ("random_jobs_are_reset_like_by_restoring_all", jobs::random_jobs_are_reset_like_by_restoring_all),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What cargo-nextest asks first; of libtest's other flags none changes anything here.
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
    // On this thread: the compiler's own threads would stay.
    config.parallel_compilation(false).memory_init_cow(file);
    common::instantiate(&config, Declared::exactly(bytes))
}

/// Runs `work` in a fork, and fails where it does.
fn in_a_fork(work: impl FnOnce()) {
    let (child, _) = Child::fork(|_| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => 0,
        Err(_) => 1,
    })
    .expect("forks");
    assert_eq!(child.wait().expect("ends"), Ended::Exited(0), "the fork failed");
}

/// Offset of the first byte that differs.
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
