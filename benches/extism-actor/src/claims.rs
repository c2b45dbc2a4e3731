//! Claims about the memory of WebAssembly actors, from Reflow's document on memory management and from users of Extism,
//! each confirmed or refuted by the run.

use highwater_judge::{Claim, Finding};
use highwater_model::{Metric, Record, nanoseconds, signed_bytes};

use crate::{
    Asked, Habit, Leak, Limits,
    habits::{AGAIN, stage},
    reading::Reading,
    recommend::bytes,
};

/// The source of most claims.
const DOCUMENT: &str = "Reflow, \"Memory Management\" of its WebAssembly runtime";

/// Number of windows that the leak test leaves out. The bounded cache takes two windows to fill.
pub(crate) const WARM_UP: usize = 4;

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

/// Returns the cases with a limit that are in this run, each with its configured limit in bytes, or `None` if there are
/// none.
pub(crate) fn limited(record: &Record) -> Option<Vec<(Reading<'_>, f64)>> {
    let readings = Asked::ALL.into_iter().filter_map(|asked| Reading::of(record, &Limits(asked).short_id()));
    let limited: Vec<_> =
        readings.filter_map(|reading| Some((reading, reading.figure("full", "asked_bytes")?))).collect();
    (!limited.is_empty()).then_some(limited)
}

fn limit_is_exact(record: &Record) -> Option<Finding> {
    let page = 65_536.0;
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (reading, asked) in limited(record)? {
        let grown = reading.figure("full", "growth_bytes")?;
        holds &= (asked - page..=asked).contains(&grown);
        descriptions.push(format!(
            "{}: grew by {} to {}",
            bytes(asked),
            bytes(grown),
            bytes(reading.figure("full", "guest_bytes")?)
        ));
        ids.push(reading.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

fn limit_holds_messages(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (reading, asked) in limited(record)? {
        let echoed = reading.figure("full", "message_bytes")?;
        holds &= echoed >= asked / 2.0;
        descriptions.push(format!("{}: {}", bytes(asked), bytes(echoed)));
        ids.push(reading.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

fn default_is_16_mib(record: &Record) -> Option<Finding> {
    let reading = Reading::of(record, "limits/limit=none")?;
    let descriptions = reading.note("growth_beyond_100_mib")?;
    let figures = format!(
        "result of growing by 100 MiB and a page: {descriptions}; the actor host of this family sets 16 MiB itself"
    );
    Some(Finding::holds(descriptions != "answered", figures).on([reading.id()]))
}

fn limit_is_survived(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (reading, asked) in limited(record)? {
        let growth = (reading.note("growth_over")?, reading.note("after_growth_over")?);
        let message = (reading.note("message_over")?, reading.note("after_message_over")?);
        let neighbours = reading.note("neighbours")?;
        holds &= growth.1 == "usable" && message.1 == "usable" && neighbours == "untouched";
        holds &= growth.0 != "answered" && message.0 != "answered";
        descriptions.push(format!(
            "{}: after growth {}, after a message {}, neighbours {neighbours}",
            bytes(asked),
            growth.1,
            message.1
        ));
        ids.push(reading.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

fn bounds_are_checked(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for allocation in ["on-demand", "small-reservation"] {
        let reading = Reading::of(record, &format!("bounds/alloc={allocation}"))?;
        let (seen, after) = (reading.note("access")?, reading.note("after_access")?);
        let neighbours = reading.note("neighbours")?;
        holds &= seen.contains("trap") && neighbours == "untouched";
        descriptions.push(format!("{allocation}: {seen}; afterwards {after}, neighbours {neighbours}"));
        ids.push(reading.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

/// Decides whether the advised habit takes less memory than the usual one: in the host by at least a page and by more
/// than the effect of the run order, without taking more memory in the guest.
fn saves(record: &Record, choice: &str, usual: &str, advised: &str) -> Option<Finding> {
    let reading = Reading::of(record, &format!("habits/choice={choice}"))?;
    let functions = Habit::ALL.iter().find(|habit| habit.name == choice)?.functions;
    let turns: Vec<String> = functions.iter().map(|function| stage(function)).chain([AGAIN.to_owned()]).collect();
    let host = |turn: &str| {
        let index = turns.iter().position(|other| other == turn)?;
        // Count heap bytes instead of heap pages, because the touched pages differ from run to run.
        let part = |metric| match index.checked_sub(1) {
            Some(before) => reading.between(metric, &turns[before], turn),
            None => reading.growth(metric, turn),
        };
        Some(part(Metric::AnonMapped)? + part(Metric::HeapLive)?)
    };
    let guest = |function: &str| reading.figure(&stage(function), "guest_growth_bytes");
    let order = (host(&turns[0])? - host(AGAIN)?).abs();
    let (usual_host, advised_host) = (host(&stage(usual))?, host(&stage(advised))?);
    let (usual_guest, advised_guest) = (guest(usual)?, guest(advised)?);
    let page = record.fingerprint.class.page_size as f64;
    let saved = usual_host - advised_host;
    let holds = saved >= page && saved > order && advised_guest <= usual_guest;
    let mut figures = format!(
        "host {} against {} (effect of order: {}), guest growth {} against {}",
        bytes(advised_host),
        bytes(usual_host),
        bytes(order),
        bytes(advised_guest),
        bytes(usual_guest)
    );
    if let (Some(advised), Some(usual)) = (reading.time(advised), reading.time(usual)) {
        figures.push_str(&format!(", {} against {} per call", nanoseconds(advised), nanoseconds(usual)));
    }
    Some(Finding::holds(holds, figures).on([reading.id()]))
}

/// Decides whether the leak test reports a leak for all chosen functions, or, if `expected` is false, for none of them.
fn leaks(record: &Record, ladder: &str, chosen: fn(&Leak) -> bool, expected: bool) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for leak in Leak::ALL.iter().filter(|leak| chosen(leak)) {
        let name = stage(leak.function);
        let reading = Reading::of(record, &format!("leaks/function={name}"))?;
        let found = reading.leak(ladder, WARM_UP)?;
        holds &= found.is_some() == expected;
        descriptions.push(match found {
            Some(leak) => format!("{name} {} per window of {}", bytes(leak.slope), crate::WINDOW),
            None => format!("{name} none"),
        });
        ids.push(reading.id());
    }
    Some(Finding::holds(holds, descriptions.join(", ")).on(ids))
}

fn frees(record: &Record, stage: &str) -> Option<Finding> {
    let reading = Reading::of(record, "messages/format=raw,size=8m")?;
    let added = reading.between(Metric::Anon, "ready", "large")?;
    let given_back = -reading.between(Metric::Anon, "large", stage)?;
    let figures = format!("a message of 8 MiB added {}; {} was freed", bytes(added), bytes(given_back));
    Some(Finding::holds(given_back >= added / 2.0, figures).on([reading.id()]))
}

fn monitor_shows(record: &Record) -> Option<Finding> {
    let reading = Reading::of(record, MONITORING)?;
    let paid = reading.growth(Metric::Anon, "echoed")?;
    let shown = reading.figure("monitored", "sysinfo_bytes")?;
    let found = reading.figure("monitored", "found_by_name")?;
    let cost = reading.between(Metric::Anon, "echoed", "monitored")?;
    let figures = format!(
        "the plugin costs {}; sysinfo shows {} for the process, finds {found:.0} by name ({}), and itself retains {}",
        bytes(paid),
        bytes(shown),
        reading.note("first_by_name").unwrap_or("differs between workers"),
        bytes(cost)
    );
    let near = (shown - paid).abs() <= paid / 10.0;
    Some(Finding::holds(near && found == 1.0, figures).on([reading.id()]))
}

/// The id of the one case of `monitoring`, without the family.
const MONITORING: &str = "monitoring/grown=16m,echoed=4m";

fn guest_sees(record: &Record) -> Option<Finding> {
    let reading = Reading::of(record, MONITORING)?;
    let paid = |stage| reading.growth(Metric::Anon, stage);
    let seen = |stage| reading.figure(stage, "guest_growth_bytes");
    let figures = format!(
        "the guest sees {} of {} after growing by 16 MiB, and {} of {} after a message of 4 MiB",
        bytes(seen("grown")?),
        bytes(paid("grown")?),
        bytes(seen("echoed")?),
        bytes(paid("echoed")?)
    );
    Some(Finding::holds(seen("echoed")? >= 0.9 * paid("echoed")?, figures).on([reading.id()]))
}

/// The id of a case of `scaling` with one component, without the family.
pub(crate) fn scaling(maker: &str, source: &str, allocation: &str) -> String {
    format!("scaling/maker={maker},source={source},alloc={allocation},components=1")
}

fn form_is_free(record: &Record) -> Option<Finding> {
    let of = |source| Reading::of(record, &scaling("extism", source, "on-demand"));
    let (plain, data, file) = (of("bytes")?, of("data")?, of("file")?);
    let cost = |reading: Reading<'_>| reading.slope(Metric::Anon, "live");
    let page = record.fingerprint.class.page_size as f64;
    let figures =
        format!("per actor: bytes {}, data {}, file {}", bytes(cost(plain)?), bytes(cost(data)?), bytes(cost(file)?));
    Some(Finding::holds(cost(data)? < cost(file)? + page, figures).on([plain, data, file].map(Reading::id)))
}

fn framework_is_free(record: &Record) -> Option<Finding> {
    let (extism, control) = (
        Reading::of(record, &scaling("extism", "bytes", "on-demand"))?,
        Reading::of(record, &scaling("wasmtime", "bytes", "on-demand"))?,
    );
    let more = |metric| {
        let whole = |reading: Reading<'_>| Some(reading.slope(metric, "live")? + reading.slope(metric, "called")?);
        Some(whole(extism)? - whole(control)?)
    };
    let (memory, mappings) = (more(Metric::Anon)?, more(Metric::Vmas)?);
    let mut figures = format!(
        "Extism minus wasmtime: {} anon, {} page tables, {mappings:+.2} VMAs",
        signed_bytes(memory),
        signed_bytes(more(Metric::PageTables)?)
    );
    let page = record.fingerprint.class.page_size as f64;
    for routine in ["create-drop", "call"] {
        if let (Some(extism), Some(control)) = (extism.time(routine), control.time(routine)) {
            figures.push_str(&format!(", {routine} {:+.1} us", (extism - control) / 1e3));
        }
    }
    Some(Finding::holds(memory < page && mappings < 0.5, figures).on([extism, control].map(Reading::id)))
}
