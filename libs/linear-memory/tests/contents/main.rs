//! Tests that contents survive and dirt does not: refused commits of swapped-out memory, and tracked resets
//! combined with forks, swap, discards by the host, remapping and DMA. Every comparison is byte for byte.
//!
//! The program forks, so it has a single thread and the tests are functions in a table. Tests that need swap
//! turn it on themselves, for fractions of a second, and are skipped without the right to do so.

mod commits;
#[path = "../common/mod.rs"]
mod common;
mod holds;
mod jobs;
mod resets;

use std::{io::Write, panic::catch_unwind, process::ExitCode};

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
    ("what_was_changed_before_arming_is_restored", resets::what_was_changed_before_arming_is_restored),
    (
        "a_file_that_differs_from_the_image_is_restored_when_armed",
        resets::a_file_that_differs_from_the_image_is_restored_when_armed,
    ),
    ("pages_that_the_host_discards_are_restored", resets::pages_that_the_host_discards_are_restored),
    ("discarded_pages_of_a_file_mapping_are_restored", resets::discarded_pages_of_a_file_mapping_are_restored),
    ("remapped_memory_is_rejected", resets::remapped_memory_is_rejected),
    ("writes_of_system_calls_are_restored", resets::writes_of_system_calls_are_restored),
    ("dma_buffers_need_always_restoring", resets::dma_buffers_need_always_restoring),
    ("swapped_out_dirt_is_restored", resets::swapped_out_dirt_is_restored),
    ("held_memory_is_not_swapped_out", holds::held_memory_is_not_swapped_out),
    ("without_the_right_to_lock_nothing_is_committed", holds::without_the_right_to_lock_nothing_is_committed),
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

fn needs<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("needs {what}: {error}"))
}
