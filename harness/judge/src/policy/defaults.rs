//! The mode and the tolerance of an aspect that no rule of the policy names.

use highwater_model::{Aspect, Metric, Quantity};

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

/// Gated by default:
///
/// - growth and slope of anonymous memory outside the heap and of live heap bytes, which are exact, and of page tables
///   and VMAs;
/// - growth of heap pages and of malloc's bytes in use, beyond what the layout changes;
/// - growth of the peaks of anonymous memory and of heap bytes.
///
/// The level at the baseline stage is the size of the program and its libraries. It changes with any line of code, so
/// it is reported and can have a budget. Other metrics of the process and figures of the worker are reported.
/// Categories are ignored: they only explain a change.
pub(super) fn mode(quantity: Quantity, aspect: &Aspect) -> Mode {
    use Metric::{AnonHeap, AnonMapped, HeapInUse, HeapLive, HeapPeak, PageTables, PeakAnon, Vmas};
    match (quantity, aspect) {
        (Quantity::Within(..), _) => Mode::Ignore,
        (Quantity::Process(AnonMapped | HeapLive | PageTables | Vmas), Aspect::Growth(_) | Aspect::Slope(_))
        | (Quantity::Process(AnonHeap | HeapInUse | PeakAnon | HeapPeak), Aspect::Growth(_)) => Mode::Gate,
        _ => Mode::Report,
    }
}

/// 0, except for quantities that are not known to the page or byte.
pub(super) fn tolerance(quantity: Quantity, aspect: &Aspect) -> f64 {
    match (quantity.metric(), aspect) {
        (Some(Metric::Peak | Metric::PeakAnon), _) => PEAK_PRECISION,
        (Some(Metric::PageTables), Aspect::Slope(_)) => PAGE_TABLES_PER_UNIT_PRECISION,
        (Some(Metric::PageTables), _) => PAGE_TABLES_PRECISION,
        (Some(Metric::AnonHeap), _) => HEAP_LAYOUT,
        (Some(Metric::HeapInUse), _) => MALLOC_ROUNDING,
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
            ("anon.host_heap", Mode::Ignore, Mode::Ignore, Mode::Ignore),
        ] {
            let modes = [&growth, &slope, &level].map(|aspect| mode(quantity.parse().expect("quantity"), aspect));
            assert_eq!(modes, [on_growth, on_slope, on_level], "{quantity}");
        }
    }

    /// One more page of page tables for every unit is far beyond what a boundary explains.
    #[test]
    fn only_values_that_depend_on_the_layout_have_a_tolerance() {
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
        ] {
            let tolerances = [&growth, &slope].map(|aspect| tolerance(quantity.parse().expect("quantity"), aspect));
            assert_eq!(tolerances, [on_growth, on_slope], "{quantity}");
        }
    }
}
