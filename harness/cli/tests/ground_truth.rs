//! Compares measurements with ground truth: runs the example `ground-truth` like a user, with ASLR off and on, and
//! checks the growth of every quantity in every worker. Quantities that a test does not name must not change.
//! `ground_truth/kinds.rs` has the tests of other kinds of memory, and `ground_truth/verdicts.rs` their verdicts.
//!
//! Two quantities also depend on other processes, so they cannot be exact. A page of a library counts as private or
//! shared depending on which other processes map it: on a busy machine, `pss.executable` (and therefore `pss`)
//! changed by up to 14 pages and `uss` by up to 10. Both totals come from one read of one file, so `uss` must be
//! exact if `pss` is. If `pss` changed in every worker, `uss` is not checked, and the test prints a note. The `pss`
//! of every other category must be exact in all workers.
//!
//! Page tables and address space assume pages of 4 KiB.

#[path = "common/example.rs"]
mod example;
#[path = "ground_truth/growth.rs"]
mod growth;
#[path = "ground_truth/kinds.rs"]
mod kinds;
#[path = "ground_truth/verdicts.rs"]
mod verdicts;

use std::fs;

use growth::{Growth, runs};
use highwater_model::Quantity;

#[test]
fn one_dirtied_page_is_one_page_of_anon_rss_and_uss() {
    // One page table for the entry and one at the level above.
    dirtied("dirty/pages=1", 1, 2);
}

#[test]
fn sixteen_dirtied_pages_are_sixteen_pages_of_anon_and_rss() {
    dirtied("dirty/pages=16", 16, 2);
}

#[test]
fn dirtying_16_mib_needs_nine_pages_of_page_tables() {
    // A page table has 512 entries: 4096 / 512, and one at the level above.
    dirtied("dirty/pages=4096", 4096, 9);
}

fn dirtied(case: &str, pages: i32, page_tables: i32) {
    Growth::of(case, "live")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak", "peak_anon", "minor_faults"], pages)
        .uss(pages)
        .own_page_tables(page_tables)
        .and_nothing_else();
}

#[test]
fn reading_untouched_pages_needs_only_faults_and_page_tables() {
    Growth::of("zero/pages=100", "live").is(&["minor_faults"], 100).uss(0).own_page_tables(2).and_nothing_else();
}

/// Each of the kernel's page counters has per-CPU parts that the peak does not include, of up to
/// `percpu_counter_batch` pages (Linux 6.2 and newer). A worker runs on one CPU and has pages in two counters:
/// anonymous pages and file pages.
fn peak_error() -> i32 {
    let cpus = fs::read_to_string("/proc/cpuinfo").expect("Linux").matches("processor\t").count();
    2 * i32::try_from(cpus * 2).expect("few").max(32)
}

/// The peak is exact while memory only grows, as all tests with `dirty` show. A peak that is over before the snapshot
/// was recorded from inexact counters: measured 6 to 25 pages too low.
#[test]
fn a_peak_between_stages_is_accurate_to_the_counter_batches() {
    let error = peak_error();
    Growth::of("peak/pages=4096,first=nothing", "dropped")
        .is(&["minor_faults"], 4096)
        .is(&["vmas", "vmas.other"], -1)
        .is(&["vsize"], -524_289)
        .within("peak", 4096 - 2 * error..=4096 + error)
        .within("peak_anon", 4096 - 2 * error..=4096 + error)
        // The cgroup's counter is batched too, by 64 pages per CPU.
        .within("cgroup_peak", 4096 - kinds::CHARGE..=4096 + kinds::CHARGE)
        .uss(0)
        .and_nothing_else();
}

/// A reset sets the peak to the sum of the inexact counters. If memory was freed before, this exceeds the RSS, and
/// growth below it is not visible: measured 0 or 1 of 8 pages.
#[test]
fn a_peak_after_memory_was_freed_is_never_too_high() {
    Growth::of("peak/pages=8,first=shrunk", "live")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak_anon", "minor_faults"], 8)
        .within("peak", 0..=8)
        .uss(8)
        .own_page_tables(2)
        .and_nothing_else();
}

#[test]
fn reading_a_mapped_file_is_not_anonymous() {
    Growth::of("file/pages=64", "live")
        .is(&["file", "rss", "rss.mapped_input", "pss.mapped_input", "peak"], 64)
        // On a fault, the kernel also maps surrounding pages from the page cache: measured 4 to 6 faults.
        .within("minor_faults", 1..=64)
        .uss(64)
        .any_page_tables()
        .and_nothing_else();
}

/// The peak includes the file although it is unmapped; its anonymous part does not.
#[test]
fn an_unmapped_file_is_in_the_peak_but_not_in_peak_anon() {
    Growth::of("file/pages=64", "unmapped")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak_anon"], 2)
        .is(&["vmas", "vmas.mapped_input"], -1)
        .is(&["vsize"], -64)
        .within("peak", 64..=66)
        .within("minor_faults", 3..=66)
        .uss(2)
        .any_page_tables()
        .and_nothing_else();
}

#[test]
fn a_memfd_filled_by_write_is_not_resident() {
    Growth::of("memfd/pages=32", "filled").is(&["shmem_total"], 32).uss(0).and_nothing_else();
}

/// `Anonymous` in smaps does not include these pages although there is no file on disk. They count as private because
/// only one process maps them, although the mapping is shared.
#[test]
fn a_mapped_and_written_memfd_is_shmem_and_not_anon() {
    Growth::of("memfd/pages=32", "mapped")
        .is(&["shmem", "shmem_total", "rss", "rss.mapped_input", "pss.mapped_input"], 32)
        .is(&["peak", "peak_anon", "minor_faults", "vsize"], 32)
        .is(&["vmas", "vmas.mapped_input"], 1)
        .uss(32)
        .any_page_tables()
        .and_nothing_else();
}

#[test]
fn writing_to_a_private_file_mapping_is_anon() {
    Growth::of("cow/pages=10,first=nothing", "live")
        .is(&["anon", "anon.mapped_input", "rss", "rss.mapped_input", "pss.mapped_input"], 10)
        .is(&["peak", "peak_anon", "minor_faults"], 10)
        .uss(10)
        .any_page_tables()
        .and_nothing_else();
}

/// The copy replaces the file page, so RSS does not change.
#[test]
fn writing_to_a_page_read_before_turns_file_into_anon() {
    Growth::of("cow/pages=10,first=read", "live")
        .is(&["anon", "anon.mapped_input", "peak_anon", "minor_faults"], 10)
        .is(&["file"], -10)
        .uss(0)
        .and_nothing_else();
}

#[test]
fn a_file_in_a_linear_memory_is_a_copy_on_write_image() {
    Growth::of("cow/pages=10,first=labelled", "live")
        .is(
            &["anon", "anon.cow_image", "rss", "rss.cow_image", "pss.cow_image", "peak", "peak_anon", "minor_faults"],
            10,
        )
        .uss(10)
        .any_page_tables()
        .and_nothing_else();
}

/// Only the PSS of the test pages is exact. Parent and child share other pages until one of them writes to them (a
/// few pages of stack and heap, before or after the snapshot).
#[test]
fn a_forked_child_halves_the_pss_and_keeps_the_rss() {
    let few = -32..=0;
    Growth::of("share/pages=64", "forked")
        .is(&["pss.linear_memory"], -32)
        .within("pss.host_heap", few.clone())
        // The thread of the case has a separate arena. There are two stacks and a signal stack, with 64 written pages each.
        .within("pss.arenas", few.clone())
        .within("pss.stacks", -104..=0)
        .within("pss.other", few)
        .within("minor_faults", 0..=32)
        .within("uss", -1024..=-64)
        .is(&["processes"], 1)
        .within("total", 0..=32)
        .within("descendants", 0..=32)
        .within("kernel", 16 - kinds::OBJECTS..=160)
        .within("cgroup_peak", -kinds::CHARGE..=400)
        .and_nothing_else();
}

#[test]
fn after_the_child_exits_all_pages_are_private_again() {
    let alone = Growth::of("share/pages=64", "alone").within("minor_faults", 0..=64).uss(0);
    alone.within("cgroup_peak", -kinds::CHARGE..=400).and_nothing_else();
}

#[test]
fn a_labelled_mapping_has_the_category_of_its_label() {
    Growth::of("label/pages=5", "live")
        .is(&["anon", "anon.linear_memory", "rss", "rss.linear_memory", "pss.linear_memory"], 5)
        .is(&["peak", "peak_anon", "minor_faults"], 5)
        .uss(5)
        .own_page_tables(2)
        .and_nothing_else();
}

#[test]
fn after_its_label_is_removed_a_mapping_is_other() {
    Growth::of("label/pages=5", "forgotten")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak", "peak_anon", "minor_faults"], 5)
        .is(&["vmas.linear_memory"], -1)
        .is(&["vmas.other"], 1)
        .uss(5)
        .own_page_tables(2)
        .and_nothing_else();
}

/// The pages were touched before.
#[test]
fn the_allocator_counts_bytes_exactly() {
    let counts = [
        ("allocated", 1000, 1, 1000, 1000),
        ("grown", 3000, 1, 3000, 3000),
        ("shrunk", 500, 1, 3000, 3000),
        ("freed", 0, 0, 500, 3000),
        ("passed", 0, 0, 700, 3700),
    ];
    for (stage, live, blocks, peak, allocated) in counts {
        Growth::of("heap/blocks=1", stage)
            .is(&["heap_live"], live)
            .is(&["heap_blocks"], blocks)
            .is(&["heap_peak"], peak)
            .is(&["heap_allocated"], allocated)
            // From malloc, which counts blocks in thread caches as in use.
            .within("heap_in_use", -4096..=4096)
            .uss(0)
            .and_nothing_else();
    }
}

/// The case runs on a separate thread.
#[test]
fn the_stack_and_the_arena_of_the_case_thread_are_identified() {
    for record in runs() {
        for case in record.cases.iter().filter(|case| case.not_run.is_none()) {
            let loaded = case.stage(&record.baseline_stage).expect("reached");
            let pages = |name: &str| {
                let quantity: Quantity = name.parse().expect("a quantity");
                let values = loaded.values(quantity, case.samples).expect("a category");
                values.into_iter().min().expect("samples")
            };
            // 256 KiB of the stacks of both threads are written before the case runs.
            assert!(pages("anon.stacks") >= (2 * 256) << 10, "{}: {}", case.id, pages("anon.stacks"));
            assert!(pages("vmas.stacks") >= 2, "{}: {}", case.id, pages("vmas.stacks"));
            assert!(pages("anon.arenas") > 0, "{}", case.id);
            let heaps = pages("anon.host_heap") + pages("anon.arenas");
            assert!(pages("anon_heap") >= heaps && pages("anon_mapped") >= pages("anon.stacks"), "{}", case.id);
        }
    }
}

/// This includes faults and heap.
#[test]
fn repeated_snapshots_change_nothing() {
    for case in ["twice/pages=0", "twice/pages=4096"] {
        for stage in ["first", "second"] {
            Growth::of(case, stage).uss(0).and_nothing_else();
        }
    }
}
