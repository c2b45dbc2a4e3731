//! The questions and expected results of the Memory Usage Measurement Plan, as claims that a run decides.
//! Each claim has a control: the same statement about sandboxes for which it is deliberately false. A run
//! that confirms a control shows that the test cannot fail.

mod caused;
mod decide;

use decide::{
    adds_megabytes, code_is_shared, cow_is_on, drop_gives_back, growth_is_linear, has_own_memory, is_small,
    leaks_nothing, memory_is_sparse, of_256_mib, pre_initialisation_saves, python_is_the_cost, reuse_is_cheaper,
};
use highwater_judge::Claim;

const PLAN: &str = "Memory Usage Measurement Plan";
/// The plan with its answers, as it was before the commit that deleted it.
const ANSWERS: &str = "eryx, docs/memory-measurement-plan.md before commit 32d723e";
const CONTROL: &str = "control: must be refuted";

/// A case: its strategy and its parameters.
type Key = (&'static str, &'static [(&'static str, &'static str)]);

/// CPython as it is meant to be run, and its controls.
const CPYTHON_PRE: Key = ("on-demand", &[("cow", "on"), ("guest", "cpython-pre")]);
const CPYTHON_PRE_EACH: Key = ("on-demand", &[("cow", "on"), ("guest", "cpython-pre"), ("load", "each")]);
const CPYTHON_PRE_COPIED: Key = ("on-demand", &[("cow", "off"), ("guest", "cpython-pre")]);
const NUMPY_PRE: Key = ("on-demand", &[("cow", "on"), ("guest", "numpy-pre")]);
const NUMPY_PRE_COPIED: Key = ("on-demand", &[("cow", "off"), ("guest", "numpy-pre")]);
const CPYTHON: Key = ("on-demand", &[("cow", "on"), ("guest", "cpython")]);
const TINY: Key = ("on-demand", &[("cow", "on"), ("guest", "tiny")]);
const TINY_EACH: Key = ("on-demand", &[("cow", "on"), ("guest", "tiny"), ("load", "each")]);
const TINY_COMPILED: Key = ("on-demand", &[("cow", "on"), ("guest", "tiny"), ("load", "compile")]);
const TOUCHER: Key = ("on-demand", &[("cow", "on"), ("guest", "toucher")]);
const TOUCHER_KEPT: Key = ("pooling-keep-64k", &[("cow", "on"), ("guest", "toucher")]);
const IMAGE: Key = ("on-demand", &[("cow", "on"), ("guest", "image")]);
const IMAGE_COPIED: Key = ("on-demand", &[("cow", "off"), ("guest", "image")]);
const DENSE: Key = ("on-demand", &[("cow", "on"), ("guest", "table-dense"), ("access", "read-all")]);
const DENSE_COPIED: Key = ("on-demand", &[("cow", "off"), ("guest", "table-dense"), ("access", "read-all")]);
const DENSE_TIGHT: Key = ("on-demand-64m", &[("cow", "off"), ("guest", "table-dense"), ("access", "read-all")]);
const SPARSE: Key = ("on-demand", &[("cow", "on"), ("guest", "table-sparse")]);
const SPARSE_KEPT: Key = ("on-demand-dense-64m", &[("cow", "on"), ("guest", "table-sparse")]);
const SESSION: Key = ("session", &[("guest", "cpython-pre"), ("code", "check")]);
const SESSION_ERYX06: Key = ("session", &[("guest", "cpython-eryx06-pre"), ("code", "check")]);
const SESSION_ERYX14: Key = ("session", &[("guest", "cpython-eryx14-pre"), ("code", "check")]);
const SESSION_LEAK: Key = ("session", &[("guest", "cpython-pre"), ("code", "leak-4k")]);
const SESSION_HOARD: Key = ("session", &[("guest", "cpython-pre"), ("code", "leak-8192k")]);
/// Runtimes that do not leak; not built everywhere.
const SESSIONS: [Key; 2] = [
    ("session", &[("guest", "numpy-pre"), ("code", "check")]),
    ("session", &[("guest", "js-quickjs"), ("code", "check")]),
];

const fn claim(
    id: &'static str,
    statement: &'static str,
    source: &'static str,
    refuted_if: &'static str,
    decide: fn(&highwater_model::Record) -> highwater_judge::Finding,
) -> Claim {
    Claim { id, statement, source, refuted_if, decide }
}

/// All claims, each before its control.
pub fn all() -> Vec<Claim> {
    let mut claims = of_the_plan();
    claims.extend(caused::all());
    claims
}

fn of_the_plan() -> Vec<Claim> {
    vec![
        claim(
            "code-is-shared",
            "sandboxes share the compiled code of their component",
            PLAN,
            "each sandbox adds a page or more to the PSS of compiled code",
            |record| code_is_shared(record, &[CPYTHON_PRE, TINY]),
        ),
        claim(
            "control-code-is-shared",
            "the same for sandboxes that each load their own copy",
            CONTROL,
            "each sandbox adds a page or more to the PSS of compiled code",
            |record| code_is_shared(record, &[CPYTHON_PRE_EACH, TINY_EACH]),
        ),
        claim(
            "instance-is-small",
            "the host's state of an instance takes about a KB",
            PLAN,
            "a guest that does nothing costs 8 KiB of anonymous memory or more",
            |record| is_small(record, TINY),
        ),
        claim(
            "control-instance-is-small",
            "the same for instances with a copied image of 10 MiB",
            CONTROL,
            "it costs 8 KiB or more",
            |record| is_small(record, IMAGE_COPIED),
        ),
        claim(
            "memory-is-own",
            "each sandbox has its own linear memory",
            PLAN,
            "a sandbox adds no address space, or no anonymous memory when called",
            |record| has_own_memory(record, CPYTHON_PRE, ["live", "called"]),
        ),
        claim(
            "control-memory-is-own",
            "the same for executions in one sandbox",
            CONTROL,
            "an execution adds no address space",
            |record| has_own_memory(record, SESSION, ["executed", "executed"]),
        ),
        claim(
            "memory-is-256-mib",
            "a linear memory takes about 256 MB of address space",
            PLAN,
            "it differs by more than a tenth, on demand and with wasmtime's defaults",
            |record| of_256_mib(record, CPYTHON_PRE),
        ),
        claim(
            "memory-is-sparse",
            "little of the address space is resident",
            PLAN,
            "more than a hundredth is resident after the first call",
            |record| memory_is_sparse(record, CPYTHON_PRE),
        ),
        claim(
            "control-memory-is-sparse",
            "the same for 32 MiB copied into a reservation of 64 MiB",
            CONTROL,
            "more than a hundredth is resident",
            |record| memory_is_sparse(record, DENSE_TIGHT),
        ),
        claim(
            "python-is-the-cost",
            "Python's state in linear memory is most of a sandbox's cost",
            PLAN,
            "it is less than nine tenths of the anonymous memory of a sandbox that initialises Python itself",
            |record| python_is_the_cost(record, CPYTHON),
        ),
        claim(
            "control-python-is-the-cost",
            "the same for sandboxes without Python",
            CONTROL,
            "the guest's state is less than nine tenths",
            |record| python_is_the_cost(record, TINY),
        ),
        claim(
            "growth-is-linear",
            "memory grows linearly with the number of sandboxes",
            PLAN,
            "the two halves of a ladder differ by more than 5 % and a page per sandbox",
            |record| growth_is_linear(record, &[CPYTHON_PRE, TINY, TOUCHER]),
        ),
        claim(
            "control-growth-is-linear",
            "the same for a worker whose compiler left free heap for the first sandboxes (1,000 of them)",
            CONTROL,
            "the two halves of the ladder differ",
            |record| growth_is_linear(record, &[TINY_COMPILED]),
        ),
        claim(
            "cow-is-on",
            "an initial image is mapped copy-on-write",
            PLAN,
            "a sandbox that has run nothing has a hundredth or more of its image as anonymous memory",
            |record| cow_is_on(record, &[(IMAGE, 10), (DENSE, 32)]),
        ),
        claim("control-cow-is-on", "the same with copy-on-write off", CONTROL, "it has at least 1 % of it", |record| {
            cow_is_on(record, &[(IMAGE_COPIED, 10), (DENSE_COPIED, 32)])
        }),
        claim(
            "cow-is-kept",
            "memory_init_cow maps every image copy-on-write, however sparse",
            "a reading of wasmtime's documentation",
            "a table of 8 MiB spread over 32 MiB is copied",
            |record| cow_is_on(record, &[(SPARSE, 8)]),
        ),
        claim(
            "dense-setting-keeps-cow",
            "memory_guaranteed_dense_image_size(64 MiB) keeps copy-on-write for sparse images",
            "this project",
            "the same table is copied",
            |record| cow_is_on(record, &[(SPARSE_KEPT, 8)]),
        ),
        claim(
            "pre-initialisation-saves",
            "a pre-initialised CPython costs less than half of one that initialises itself",
            "this project",
            "it costs half or more after the first call",
            |record| pre_initialisation_saves(record, CPYTHON_PRE),
        ),
        claim(
            "control-pre-initialisation-saves",
            "the same with copy-on-write off",
            CONTROL,
            "it costs half or more",
            |record| pre_initialisation_saves(record, CPYTHON_PRE_COPIED),
        ),
        claim(
            "reuse-is-cheaper",
            "a hundred executions in one sandbox take less memory than a hundred sandboxes",
            PLAN,
            "they take a tenth or more",
            |record| reuse_is_cheaper(record, SESSION),
        ),
        claim(
            "control-reuse-is-cheaper",
            "the same for code that keeps 8 MiB each time",
            CONTROL,
            "they take a tenth or more",
            |record| reuse_is_cheaper(record, SESSION_HOARD),
        ),
        claim(
            "reuse-leaks-nothing",
            "reusing a sandbox does not grow its memory if its runtime frees what it allocates (numpy, QuickJS)",
            PLAN,
            "the leak test finds a leak in one of them within a thousand executions",
            |record| leaks_nothing(record, &SESSIONS),
        ),
        claim(
            "reuse-leaks-nothing-cpython",
            "the same for CPython 3.14 with the runtime of eryx 0.5",
            PLAN,
            "the leak test finds a leak within a thousand executions",
            |record| leaks_nothing(record, &[SESSION]),
        ),
        claim(
            "reuse-leaks-nothing-eryx-0-6",
            "the same with the runtime of eryx 0.6",
            PLAN,
            "the leak test finds a leak within five hundred executions",
            |record| leaks_nothing(record, &[SESSION_ERYX06]),
        ),
        claim(
            "reuse-leaks-nothing-eryx-0-14",
            "the same with the runtime of eryx 0.14",
            PLAN,
            "the leak test finds a leak within five hundred executions",
            |record| leaks_nothing(record, &[SESSION_ERYX14]),
        ),
        claim(
            "control-reuse-leaks-nothing",
            "the same for code that keeps a page each time",
            CONTROL,
            "the leak test finds the leak",
            |record| leaks_nothing(record, &[SESSION_LEAK]),
        ),
        claim(
            "from-bytes-32-mb",
            "a further sandbox whose host loads the compiled component from bytes takes 31.8 MB",
            ANSWERS,
            "its resident memory before it runs anything is not within a third of that",
            |record| adds_megabytes(record, CPYTHON_PRE_EACH, 31.8 / 1.33..=31.8 * 1.33),
        ),
        claim(
            "control-from-bytes-32-mb",
            "the same for sandboxes that share a mapped component",
            CONTROL,
            "it is not within a third of that",
            |record| adds_megabytes(record, CPYTHON_PRE, 31.8 / 1.33..=31.8 * 1.33),
        ),
        claim(
            "mapped-numpy-4-to-10-mb",
            "a sandbox with numpy and a mapped component takes 4.0 to 10.0 MB",
            ANSWERS,
            "its resident memory before it runs anything is less than three quarters of 4, or more than four thirds of 10 MB",
            |record| adds_megabytes(record, NUMPY_PRE, 3.0..=13.3),
        ),
        claim(
            "control-mapped-numpy-4-to-10-mb",
            "the same with copy-on-write off",
            CONTROL,
            "it is outside of that",
            |record| adds_megabytes(record, NUMPY_PRE_COPIED, 3.0..=13.3),
        ),
        claim(
            "drop-gives-back",
            "dropping sandboxes returns their memory",
            "a common assumption",
            "a tenth or more of the memory of called sandboxes remains",
            |record| drop_gives_back(record, TOUCHER),
        ),
        claim(
            "control-drop-gives-back",
            "the same for a pool that keeps 64 KiB of each",
            CONTROL,
            "a tenth or more of it remains",
            |record| drop_gives_back(record, TOUCHER_KEPT),
        ),
    ]
}
