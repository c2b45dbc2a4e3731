//! The mode and the tolerance of an aspect that no rule of the policy names.

use highwater_model::{Aspect, END_STAGE, Metric, Quantity};

use super::Mode;

/// The precision of a peak. The kernel adds its per-CPU counters of anonymous and of file pages to the high-water mark
/// in batches of 32 pages each (`percpu_counter_batch`).
const PEAK_PRECISION: f64 = (2 * 32 * 4096) as f64;

/// The precision of growth of page tables across builds. A page of them maps 2 MiB of addresses, and the heap starts
/// where the program ends, so the heap of a slightly longer program crosses a 2 MiB boundary a rung earlier or later.
/// Two pages: one for the heap, one for another growing region.
const PAGE_TABLES_PRECISION: f64 = (2 * 4096) as f64;
/// The same for a slope: such a page is spread over the lower rungs of a ladder, far below one per unit.
const PAGE_TABLES_PER_UNIT_PRECISION: f64 = 256.0;

/// How far the heap layout alone moves the growth of heap pages, for baselines whose sampled layouts differ by less.
/// Two pages is the most that eight layouts moved any rung of a ladder of sandbox-scaling and yaml-parse. If layouts
/// move growth further (after a trim, for example), the range of the baseline's workers covers it.
const HEAP_LAYOUT: f64 = (2 * 4096) as f64;
/// The same for malloc's bytes in use. Malloc rounds blocks to 16 bytes and keeps remainders below 32 bytes, depending
/// on the layout. Eight layouts moved growth by at most 1,840 bytes.
const MALLOC_ROUNDING: f64 = 2048.0;

/// The precision of kernel memory and of a cgroup's charge, in either direction. Each CPU charges 64 pages in advance
/// (`MEMCG_CHARGE_BATCH` in `mm/memcontrol.c`), and page tables, VMAs and buffers are freed after a grace period, so what
/// was released may still be charged. Growth of kernel memory of one case differed by up to 6 pages among workers of
/// yaml-parse, 5 of sandbox-scaling, 132 of forced-commit (after it dropped 256 MiB) and 187 of extism-actor (after it
/// closed plugins), and the unexplained rest of the charge by up to 66, on a machine with 14 runnable processes for two
/// CPUs.
const CHARGE_PRECISION: f64 = (256 * 4096) as f64;

/// How far the peak of the heap before the baseline stage depends on what a case does not decide: the worker makes the
/// list of all cases first. 32 cases of the test family `ground-truth`: 32 B to 4 KiB above the level.
const HEAP_BEFORE: f64 = (32 << 10) as f64;

/// Gated by default:
///
/// - growth and slope of anonymous memory outside the heap, of all user memory that is not anonymous memory of the worker,
///   and of live heap bytes, which are exact; and of page tables and VMAs;
/// - growth of heap pages and of malloc's bytes in use, beyond what the layout changes;
/// - growth of the peaks of anonymous memory and of heap bytes, and how far they exceeded the level at the baseline stage
///   before it;
/// - growth of kernel memory, of what the charge of the cgroup contains beside all that is accounted for, and of peaks
///   that only the charge shows, each by more than its precision;
/// - at the stage `end`, where the case has dropped everything: what is exact, and peaks, which show what happened after
///   the last stage of the case. Heap pages, page tables and VMAs that malloc and the kernel keep for reuse are no
///   growth of the case.
///
/// The kinds of memory within `outside_anon` are reported, so that memory that moves from one to another is no finding.
///
/// The level at the baseline stage is the size of the program and its libraries. It changes with any line of code, so
/// it is reported and can have a budget. Other metrics of the process and figures of the worker are reported.
/// Categories are ignored: they only explain a change.
pub(super) fn mode(quantity: Quantity, aspect: &Aspect) -> Mode {
    use Metric::{
        AnonHeap, AnonMapped, HeapInUse, HeapLive, HeapPeak, HeapPeakBefore, HiddenPeak, Kernel, OutsideAnon,
        PageTables, PeakAnon, PeakBefore, Unaccounted, Vmas,
    };
    let Quantity::Process(metric) = quantity else {
        return if matches!(quantity, Quantity::Within(..)) { Mode::Ignore } else { Mode::Report };
    };
    match (metric, aspect) {
        (AnonMapped | OutsideAnon | HeapLive | PeakAnon | HeapPeak, Aspect::Growth(_))
        | (Kernel | Unaccounted | HiddenPeak, Aspect::Growth(_))
        | (AnonMapped | OutsideAnon | HeapLive | PageTables | Vmas, Aspect::Slope(_))
        | (PeakBefore | HeapPeakBefore, Aspect::Level(_)) => Mode::Gate,
        (AnonHeap | HeapInUse | PageTables | Vmas, Aspect::Growth(stage)) if stage.name() != END_STAGE => Mode::Gate,
        _ => Mode::Report,
    }
}

/// 0, except for quantities that are not known to the page or byte.
pub(super) fn tolerance(quantity: Quantity, aspect: &Aspect) -> f64 {
    match (quantity.metric(), aspect) {
        (Some(Metric::Peak | Metric::PeakAnon), _) => PEAK_PRECISION,
        // Two values are imprecise: that of the baseline and that of the run.
        (Some(Metric::PeakBefore | Metric::HeapPeakBefore | Metric::Kernel | Metric::Unaccounted), _)
        | (Some(Metric::HiddenPeak), _) => 2.0 * negligible(quantity),
        (Some(Metric::PageTables), Aspect::Slope(_)) => PAGE_TABLES_PER_UNIT_PRECISION,
        (Some(Metric::PageTables), _) => PAGE_TABLES_PRECISION,
        (Some(Metric::AnonHeap), _) => HEAP_LAYOUT,
        (Some(Metric::HeapInUse), _) => MALLOC_ROUNDING,
        _ => 0.0,
    }
}

/// The largest value that counts as 0 in a baseline, in either direction: the precision of the quantity. The tolerance is
/// twice as large, so the rest of it covers the noise of the run.
pub(super) fn negligible(quantity: Quantity) -> f64 {
    match quantity.metric() {
        Some(Metric::Kernel | Metric::Unaccounted | Metric::HiddenPeak) => CHARGE_PRECISION,
        Some(Metric::PeakBefore) => PEAK_PRECISION,
        Some(Metric::HeapPeakBefore) => HEAP_BEFORE,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_without_rules() {
        let (growth, slope) = (Aspect::Growth("live@1".parse().expect("stage")), Aspect::Slope("live".into()));
        let level = Aspect::Level("loaded".parse().expect("stage"));
        for (quantity, on_growth, on_slope, on_level) in [
            ("anon", Mode::Report, Mode::Report, Mode::Report),
            ("anon_mapped", Mode::Gate, Mode::Gate, Mode::Report),
            ("anon_heap", Mode::Gate, Mode::Report, Mode::Report),
            ("heap_live", Mode::Gate, Mode::Gate, Mode::Report),
            ("heap_peak", Mode::Gate, Mode::Report, Mode::Report),
            ("heap_in_use", Mode::Gate, Mode::Report, Mode::Report),
            ("page_tables", Mode::Gate, Mode::Gate, Mode::Report),
            ("vmas", Mode::Gate, Mode::Gate, Mode::Report),
            ("peak_anon", Mode::Gate, Mode::Report, Mode::Report),
            ("peak", Mode::Report, Mode::Report, Mode::Report),
            ("rss", Mode::Report, Mode::Report, Mode::Report),
            ("outside_anon", Mode::Gate, Mode::Gate, Mode::Report),
            ("total", Mode::Report, Mode::Report, Mode::Report),
            ("shmem_total", Mode::Report, Mode::Report, Mode::Report),
            ("kernel", Mode::Gate, Mode::Report, Mode::Report),
            ("unaccounted", Mode::Gate, Mode::Report, Mode::Report),
            ("hidden_peak", Mode::Gate, Mode::Report, Mode::Report),
            ("cgroup_peak", Mode::Report, Mode::Report, Mode::Report),
            ("cgroup_current", Mode::Report, Mode::Report, Mode::Report),
            ("heap_peak_before", Mode::Report, Mode::Report, Mode::Gate),
            ("peak_before", Mode::Report, Mode::Report, Mode::Gate),
            ("figure.process_sleep_bytes", Mode::Report, Mode::Report, Mode::Report),
            ("anon.host_heap", Mode::Ignore, Mode::Ignore, Mode::Ignore),
        ] {
            let modes = [&growth, &slope, &level].map(|aspect| mode(quantity.parse().expect("quantity"), aspect));
            assert_eq!(modes, [on_growth, on_slope, on_level], "{quantity}");
        }
    }

    #[test]
    fn at_the_end_only_what_the_case_keeps_is_gated() {
        let end = Aspect::Growth(END_STAGE.parse().expect("a stage"));
        let gated: Vec<String> = Metric::ALL
            .iter()
            .filter(|metric| mode((**metric).into(), &end) == Mode::Gate)
            .map(ToString::to_string)
            .collect();
        let of_process = ["anon_mapped", "outside_anon", "peak_anon", "heap_live", "heap_peak"];
        let of_cgroup = ["hidden_peak", "kernel", "unaccounted"];
        assert_eq!(gated, [&of_process[..], &of_cgroup].concat());
    }

    /// One more page of page tables for every unit is far beyond what a boundary explains.
    #[test]
    fn only_imprecise_values_have_a_tolerance() {
        let (growth, slope) = (Aspect::Growth("live@1".parse().expect("stage")), Aspect::Slope("live".into()));
        for (quantity, on_growth, on_slope) in [
            ("anon_mapped", 0.0, 0.0),
            ("heap_live", 0.0, 0.0),
            ("heap_peak", 0.0, 0.0),
            ("anon_heap", 8192.0, 8192.0),
            ("heap_in_use", 2048.0, 2048.0),
            ("vmas", 0.0, 0.0),
            ("page_tables", 8192.0, 256.0),
            ("peak_anon", 262_144.0, 262_144.0),
            ("outside_anon", 0.0, 0.0),
            ("kernel", 2_097_152.0, 2_097_152.0),
            ("unaccounted", 2_097_152.0, 2_097_152.0),
            ("peak_before", 524_288.0, 524_288.0),
            ("heap_peak_before", 65_536.0, 65_536.0),
        ] {
            let tolerances = [&growth, &slope].map(|aspect| tolerance(quantity.parse().expect("quantity"), aspect));
            assert_eq!(tolerances, [on_growth, on_slope], "{quantity}");
        }
    }
}
