//! Other kinds of memory than pages of the worker, descendants, and moments between the stages.

use highwater_model::{CaseRecord, Control, Metric, Quantity, Record};

use super::growth::{Growth, folders, runs, value};

/// Each CPU charges 64 pages in advance to a cgroup: that of the worker, and that on which its parent starts it. What
/// was charged before and what is charged now can both be too high.
pub(super) const CHARGE: i32 = 2 * 64;
/// Objects of the kernel that are charged in whole pages, cached per CPU, or freed later, such as the page tables of a
/// mapping that was removed: measured -12 to 22 pages.
pub(super) const OBJECTS: i32 = 32;

pub(super) fn has_cgroup(record: &Record) -> bool {
    record.fingerprint.controls[&Control::MemoryCgroup].is_granted()
}

/// Whether the kernel reports the peak of a cgroup since the last stage: version 2 does so since Linux 6.12.
pub(super) fn has_cgroup_peaks(record: &Record) -> bool {
    let is_peak = |quantity: &Quantity| *quantity == Metric::CgroupPeak.into();
    let stages = || record.cases.iter().flat_map(|case| &case.stages);
    has_cgroup(record) && stages().any(|columns| columns.memory.keys().any(is_peak))
}

fn case<'a>(record: &'a Record, id: &str) -> &'a CaseRecord {
    record.cases.iter().find(|case| case.id.as_str() == format!("ground-truth/{id}")).expect("the case")
}

#[test]
fn a_memfd_is_counted_although_nothing_maps_it() {
    for kind in ["memfd", "tmpfs"] {
        let case = format!("held/pages=64,kind={kind}");
        Growth::of(&case, "written").is(&["shmem_total"], 64).small_heap().uss(0).and_nothing_else();
        Growth::of(&case, "closed").small_heap().uss(0).and_nothing_else();
    }
}

#[test]
fn a_deleted_file_is_counted_until_it_is_closed() {
    // The file system may need blocks of its own for a file.
    let grown = Growth::of("held/pages=64,kind=deleted", "written").within("deleted_files", 64..=66);
    grown.within("total", 64..=66).small_heap().uss(0).and_nothing_else();
    Growth::of("held/pages=64,kind=deleted", "closed").small_heap().uss(0).and_nothing_else();
}

#[test]
fn a_detached_system_v_segment_is_counted() {
    let case = "held/pages=64,kind=segment";
    // It was mapped meanwhile, which only the peak can show.
    let own = |stage| Growth::of(case, stage).within("peak", 0..=64).is(&["minor_faults"], 64).uss(0);
    own("written").is(&["shmem_total"], 64).within("peak_anon", 0..=64).and_nothing_else();
    own("closed").and_nothing_else();
}

/// Two pages of 2 MiB, if the pool of the machine has them.
#[test]
fn pages_of_the_hugetlb_pool_are_counted() {
    for record in runs() {
        let case = case(record, "huge/pages=2");
        if let Some(reason) = &case.not_run {
            assert!(reason.contains("no huge pages in the pool"), "{reason}");
            return;
        }
    }
    Growth::of("huge/pages=2", "live")
        .is(&["hugetlb"], 2 * 512)
        .is(&["vmas"], 1)
        .within("vmas.other", 0..=1)
        .within("vmas.mapped_input", 0..=1)
        .is(&["vsize"], 2 * 512)
        .within("minor_faults", 2..=3)
        .any_page_tables()
        .uss(0)
        .and_nothing_else();
}

/// The kernel marks pages in batches, so the last ones may not be marked yet.
#[test]
fn lazily_freed_pages_are_still_memory_and_shown() {
    Growth::of("lazy/pages=1024", "live")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak", "peak_anon", "minor_faults"], 1024)
        .own_page_tables(3)
        .uss(1024)
        .and_nothing_else();
    Growth::of("lazy/pages=1024", "freed")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak", "peak_anon", "minor_faults"], 1024)
        .within("lazy_free", 1024 - 64..=1024)
        .own_page_tables(3)
        .uss(1024)
        .and_nothing_else();
}

#[test]
fn memory_that_becomes_a_memfd_is_no_change_of_the_total() {
    Growth::of("move/pages=64", "moved")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other"], -64)
        .is(&["shmem_total"], 64)
        .is(&["total"], 0)
        // A page table without entries may be freed.
        .within("page_tables", -1..=0)
        .uss(-64)
        .and_nothing_else();
}

/// Beside the 64 pages, each process has copies of the pages of stack and heap that it wrote to after the fork.
fn descendants(case: &str, stage: &str) -> Growth {
    let copies = 24;
    Growth::of(case, stage)
        .is(&["processes"], 1)
        .within("total", 64..=64 + copies)
        .within("descendants", 64..=64 + copies)
        .within("minor_faults", 0..=64)
        .within("uss", -1024..=0)
        .with_code()
        .within("pss.host_heap", -64..=0)
        .within("pss.arenas", -64..=0)
        .within("pss.stacks", -128..=0)
        .within("pss.other", -64..=0)
        // Page tables, VMAs, the task and its stack, less what an earlier child had and is only released now: measured
        // 12 to 28 pages.
        .within("kernel", -OBJECTS..=160)
        .within("cgroup_peak", 64 - CHARGE..=64 + copies + 160 + CHARGE)
}

#[test]
fn the_memory_of_a_child_is_counted_until_it_exits() {
    descendants("child/pages=64", "forked").and_nothing_else();
    let after = Growth::of("child/pages=64", "alone").within("minor_faults", 0..=128).uss(0);
    after.within("cgroup_peak", -CHARGE..=400).and_nothing_else();
}

#[test]
fn the_memory_of_a_daemon_is_counted() {
    descendants("daemon/pages=64", "forked").and_nothing_else();
}

#[test]
fn a_daemon_ends_with_its_worker_and_is_named() {
    for record in runs() {
        let case = case(record, "daemon/pages=64");
        assert_eq!(case.notes["outlived_its_worker"], ["case"], "the name of the thread that forked");
        let unaffected = record.cases.iter().filter(|other| other.id != case.id);
        unaffected.for_each(|case| assert!(case.notes.is_empty(), "{}: {:?}", case.id, case.notes));
    }
    // A process of these tests has their folder as its working directory.
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let leftover = processes.filter(|process| {
        let folder = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        folders().iter().any(|own| folder.starts_with(own))
    });
    assert_eq!(leftover.count(), 0);
}

/// A socket holds at most `net.core.wmem_default` bytes, 212,992 by default, in buffers of a page and its overhead.
#[test]
fn buffers_of_sockets_are_kernel_memory() {
    let full = Growth::of("kernel/sockets=16", "full").within("kernel", 16 * 20..=16 * 120);
    full.within("cgroup_peak", 16 * 20 - CHARGE..=16 * 120 + CHARGE).small_heap().uss(0).and_nothing_else();
    Growth::of("kernel/sockets=16", "closed")
        .within("cgroup_peak", -CHARGE..=16 * 120 + CHARGE)
        .small_heap()
        .uss(0)
        .and_nothing_else();
}

/// A pipe holds 16 pages.
#[test]
fn buffers_of_pipes_are_kernel_memory() {
    let full = Growth::of("kernel/pipes=64", "full").within("kernel", 64 * 16..=64 * 18 + OBJECTS);
    full.within("cgroup_peak", 64 * 16 - CHARGE..=64 * 18 + OBJECTS + CHARGE).small_heap().uss(0).and_nothing_else();
    Growth::of("kernel/pipes=64", "closed")
        .within("cgroup_peak", -CHARGE..=64 * 18 + OBJECTS + CHARGE)
        .small_heap()
        .uss(0)
        .and_nothing_else();
}

#[test]
fn a_peak_in_a_child_is_in_the_charge_of_its_stage() {
    let passed = Growth::of("passed/pages=4096,at=child", "passed").within("minor_faults", 0..=64).with_code();
    passed.within("cgroup_peak", 4096 - CHARGE..=4096 + 256 + CHARGE).and_nothing_else();
}

#[test]
fn a_peak_in_a_memfd_is_in_the_charge_of_its_stage() {
    Growth::of("passed/pages=4096,at=memfd", "passed")
        .within("cgroup_peak", 4096 - CHARGE..=4096 + 32 + CHARGE)
        // The memfd was mapped. Without the precision of the counters: exactly 4096.
        .within("peak", 4096 - 256..=4096 + 64)
        .within("peak_anon", 4096 - 256..=4096 + 64)
        .within("minor_faults", 4096..=4104)
        .any_page_tables()
        .and_nothing_else();
}

#[test]
fn a_peak_before_the_baseline_stage_is_known_there() {
    for record in runs() {
        for other in record.cases.iter().filter(|case| case.not_run.is_none()) {
            let at_baseline = |metric: Metric| value(record, other, &record.baseline_stage, metric);
            let expected = if other.id.as_str().ends_with("at=before") { 4096 } else { 0 };
            let within = |metric: Metric, error: i32| {
                let pages = at_baseline(metric);
                let range = f64::from(expected - error)..=f64::from(expected + error);
                assert!(pages.iter().all(|pages| range.contains(pages)), "{} {metric}: {pages:?}", other.id);
            };
            within(Metric::PeakBefore, 96);
            if has_cgroup_peaks(record) {
                within(Metric::CgroupPeakBefore, 2 * CHARGE);
            }
        }
    }
}

#[test]
fn a_peak_and_a_block_after_the_last_stage_are_known_at_the_end() {
    Growth::of("passed/pages=4096,at=end", "end")
        .is(&["heap_peak", "heap_allocated"], 4096)
        .within("heap_in_use", -4096..=4096)
        .within("peak", 4096 - 128..=4096 + 64)
        .within("peak_anon", 4096 - 128..=4096 + 64)
        .within("cgroup_peak", 4096 - CHARGE..=4096 + 32 + CHARGE)
        .is(&["minor_faults"], 4096)
        .uss(0)
        .and_nothing_else();
}

#[test]
fn memory_that_is_kept_while_dropping_is_growth_at_the_end() {
    Growth::of("kept/pages=16", "end")
        .is(&["anon", "anon.other", "rss", "rss.other", "pss.other", "peak", "peak_anon", "minor_faults"], 16)
        .own_page_tables(2)
        .uss(16)
        .and_nothing_else();
}

#[test]
fn every_worker_reaches_the_end() {
    for record in runs() {
        for case in record.cases.iter().filter(|case| case.not_run.is_none()) {
            let last = case.stages.last().map(|columns| columns.stage.to_string());
            assert_eq!(last.as_deref(), Some("end"), "{}", case.id);
        }
    }
}

impl Growth {
    /// Names and lists of a few bytes, in places where the case cannot avoid them.
    fn small_heap(self) -> Self {
        let names = ["heap_live", "heap_blocks", "heap_peak", "heap_allocated"];
        let grown = self.within("heap_in_use", -4096..=4096);
        names.into_iter().fold(grown, |grown, name| grown.within(name, 0..=1024))
    }

    /// Code that did not run before the baseline stage: the kernel maps 16 pages around a fault.
    fn with_code(self) -> Self {
        ["rss", "rss.executable", "file", "peak"].into_iter().fold(self, |grown, name| grown.within(name, 0..=32))
    }
}
