//! Claims about the memory of WebAssembly actors, from Reflow's document on memory management and from users of Extism,
//! each confirmed or refuted by the run.

mod cost;
mod habit;
mod leak;
mod limit;
mod view;

use cost::{form_is_free, framework_is_free};
use habit::saves;
use highwater_judge::{Claim, Finding};
use leak::{frees, leaks};
use limit::{bounds_are_checked, default_is_16_mib, limit_holds_messages, limit_is_exact, limit_is_survived};
use view::{guest_sees, monitor_shows};

/// The source of most claims.
const DOCUMENT: &str = "Reflow, \"Memory Management\" of its WebAssembly runtime";

/// All claims.
#[must_use]
pub fn all() -> Vec<Claim> {
    vec![
        Claim {
            id: "limit-is-what-was-asked",
            statement: "limits are enforced at the configured value",
            source: DOCUMENT,
            refuted_if: "an actor can grow by more than its limit, or by less than its limit less one wasm page",
            decide: |record| decided(limit_is_exact(record)),
        },
        Claim {
            id: "limit-holds-a-message",
            statement: "an actor with a limit of N MiB can echo a message of N/2 MiB",
            source: "a common assumption: input and output share the limit",
            refuted_if: "the largest message that is echoed is smaller than half the limit",
            decide: |record| decided(limit_holds_messages(record)),
        },
        Claim {
            id: "default-is-16-mib",
            statement: "the default limit is 16 MiB",
            source: DOCUMENT,
            refuted_if: "a plugin grows by more than 100 MiB if the host sets no limit",
            decide: |record| decided(default_is_16_mib(record)),
        },
        Claim {
            id: "limit-is-survived",
            statement: "a call that exceeds the limit fails, the actor stays usable and its neighbours are unaffected",
            source: DOCUMENT,
            refuted_if: "the call succeeded, a neighbour changed, or the actor failed a small call afterwards",
            decide: |record| decided(limit_is_survived(record)),
        },
        Claim {
            id: "bounds-are-checked",
            statement: "memory is bounds-checked: an out-of-bounds access traps and the host survives",
            source: DOCUMENT,
            refuted_if: "the access did not trap, or a neighbour changed",
            decide: |record| decided(bounds_are_checked(record)),
        },
        Claim {
            id: "reuse-saves",
            statement: "reusing a string saves memory",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with a new string per item, or guest memory is higher",
            decide: |record| decided(saves(record, "string", "string_new", "string_reuse")),
        },
        Claim {
            id: "stack-saves",
            statement: "a buffer on the stack takes less memory than one on the heap",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with the heap, or guest memory is higher",
            decide: |record| decided(saves(record, "buffer", "buffer_heap", "buffer_stack")),
        },
        Claim {
            id: "streaming-saves",
            statement: "processing the input in chunks takes less memory than loading it whole",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with the whole input, or guest memory is higher",
            decide: |record| decided(saves(record, "input", "input_whole", "input_chunks")),
        },
        Claim {
            // The document's `process_in_place` makes a copy.
            id: "in-place-saves",
            statement: "changing binary data in place takes less memory than copying it",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with a copy, or guest memory is higher",
            decide: |record| decided(saves(record, "binary", "binary_copy", "binary_in_place")),
        },
        Claim {
            id: "pre-allocation-saves",
            statement: "a vector with pre-allocated capacity takes less memory than one that grows",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with a vector that grows, or guest memory is higher",
            decide: |record| decided(saves(record, "vec", "vec_push", "vec_capacity")),
        },
        Claim {
            id: "btree-takes-less",
            statement: "BTreeMap takes less memory than HashMap",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with HashMap, or guest memory is higher",
            decide: |record| decided(saves(record, "map", "map_hash", "map_btree")),
        },
        Claim {
            id: "sorted-vec-takes-less",
            statement: "a sorted Vec takes less memory than BTreeMap",
            source: "the third data structure of the Reflow document",
            refuted_if: "host memory is not lower than with BTreeMap, or guest memory is higher",
            decide: |record| decided(saves(record, "map", "map_btree", "map_sorted")),
        },
        Claim {
            id: "compact-state-saves",
            statement: "a compact state saves memory",
            source: DOCUMENT,
            refuted_if: "host memory is not lower than with a verbose state, or guest memory is higher",
            decide: |record| decided(saves(record, "state", "state_verbose", "state_compact")),
        },
        Claim {
            id: "sources-leak",
            statement: "circular references, forgotten handlers and unbounded caches leak",
            source: DOCUMENT,
            refuted_if: "the leak test reports no leak for one of them in 1,000 calls of one actor",
            decide: |record| decided(leaks(record, "called", |leak| leak.keeps, true)),
        },
        Claim {
            id: "cures-hold",
            statement: "weak references, cleared handlers and bounded caches do not leak",
            source: DOCUMENT,
            refuted_if: "the leak test reports a leak for one of them in 1,000 calls of one actor",
            decide: |record| decided(leaks(record, "called", |leak| !leak.keeps, false)),
        },
        Claim {
            id: "drop-frees-leaks",
            statement: "dropping an actor frees all its memory, including what its guest leaked",
            source: "the premise of re-creating actors to stop leaks",
            refuted_if: "the leak test reports a leak over 1,000 actors that are created, called and dropped",
            decide: |record| decided(leaks(record, "cycled", |_| true, false)),
        },
        Claim {
            id: "reset-frees",
            statement: "resetting a plugin frees its memory",
            source: "Extism, `Plugin::reset`: \"this will invalidate all allocated memory\"",
            refuted_if: "after a message of 8 MiB, reset frees less than half of what the message added",
            decide: |record| decided(frees(record, "reset")),
        },
        Claim {
            id: "re-creation-frees",
            statement: "re-creating a plugin frees the memory of the old one",
            source: "the alternative to reset",
            refuted_if: "after a message of 8 MiB, re-creation frees less than half of what the message added",
            decide: |record| decided(frees(record, "recreated")),
        },
        Claim {
            id: "host-monitor-shows-it",
            statement: "the host's monitor (sysinfo, by process name) shows the plugin's memory",
            source: DOCUMENT,
            refuted_if: "it differs by more than 10 % from the plugin's memory, or does not find one process by name",
            decide: |record| decided(monitor_shows(record)),
        },
        Claim {
            id: "guest-view-shows-it",
            statement: "the guest's view (`memory_size`) shows the memory cost of its actor",
            source: DOCUMENT,
            refuted_if: "the guest misses more than 10 % of the host's cost for 16 MiB and a message of 4 MiB",
            decide: |record| decided(guest_sees(record)),
        },
        Claim {
            id: "data-manifest-is-free",
            statement: "the form of the manifest does not affect the cost per actor",
            source: "Extism's documentation shows `Wasm::data` and `Wasm::file` side by side",
            refuted_if: "an actor costs at least a page more with `Wasm::data` than with `Wasm::file`",
            decide: |record| decided(form_is_free(record)),
        },
        Claim {
            id: "framework-is-free",
            statement: "an Extism plugin costs the same as an instance of the same module on wasmtime",
            source: "a common expectation of a plugin framework",
            refuted_if: "an actor that has been called costs at least a page more, or has more mappings",
            decide: |record| decided(framework_is_free(record)),
        },
    ]
}

/// Returns the finding, or an undecided one if the run lacks a case.
fn decided(finding: Option<Finding>) -> Finding {
    finding.unwrap_or_else(|| Finding::undecided("a required case was not selected, could not run or died"))
}
