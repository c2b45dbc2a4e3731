//! The matrix: every row with what it is there to show. No axis is crossed with another unless the pair
//! shows something that neither does alone.

use wasm_programs::Table;

use crate::{Access, Allocation, Guest, Load, Sandbox, Strategy};

/// For sandboxes that cost pages.
const MANY: &[u32] = &[1, 10, 50, 100, 1000];
/// For those that may cost 10 MiB, and for programs.
const SOME: &[u32] = &[1, 10, 50, 100];
/// For those of 20 MiB and more.
const FEW: &[u32] = &[1, 5, 10];
/// For programs that take half a second to initialise themselves.
const SLOW: &[u32] = &[1, 2, 4];
/// Where sandboxes share what they work on, both threads get some on every rung.
const PAIRS: &[u32] = &[2, 10, 50, 100];
/// Five times as many as anywhere else: is it still the same line?
pub(crate) const LONG: &[u32] = &[1000, 2500, 5000];

const TINY: Guest = Guest::Tiny;
const TOUCHER: Guest = Guest::Toucher;
const IMAGE: Guest = Guest::Image;
const DENSE: Guest = Guest::Table(Table::Dense);
const SPARSE: Guest = Guest::Table(Table::Sparse);

const ON_DEMAND: Allocation = Allocation::ON_DEMAND;
const ON_DEMAND_64M: Allocation = Allocation::ON_DEMAND_64M;
const ON_DEMAND_DENSE: Allocation = Allocation::ON_DEMAND_DENSE;
const POOLING: Allocation = Allocation::POOLING;
const KEEP_64K: Allocation = Allocation::POOLING_KEEP_64K;
const KEEP_1M_SCAN: Allocation = Allocation::POOLING_KEEP_1M_SCAN;
const BATCH_16: Allocation = Allocation::POOLING_BATCH_16;
const POOLING_5000: Allocation = Allocation::POOLING_5000;

/// A row with copy-on-write on and everything else as usual.
const fn row(allocation: Allocation, guest: Guest) -> Sandbox {
    let ladder = match guest {
        Guest::Tiny | Guest::Toucher => MANY,
        Guest::Image | Guest::Program(_) => SOME,
        Guest::Table(_) => FEW,
    };
    let strategy = Strategy { allocation, cow: true };
    Sandbox { strategy, guest, access: Access::Own, load: Load::File, threads: 1, ladder, heavy: false }
}

const fn without_cow(row: Sandbox) -> Sandbox {
    Sandbox { strategy: Strategy { cow: false, ..row.strategy }, ..row }
}

const fn calling(row: Sandbox, access: Access) -> Sandbox {
    Sandbox { access, ..row }
}

const fn loading(row: Sandbox, load: Load) -> Sandbox {
    Sandbox { load, ..row }
}

const fn on_two_threads(row: Sandbox) -> Sandbox {
    Sandbox { threads: 2, ladder: PAIRS, ..row }
}

const fn up_to(row: Sandbox, ladder: &'static [u32]) -> Sandbox {
    Sandbox { ladder, ..row }
}

const fn heavy(row: Sandbox) -> Sandbox {
    Sandbox { heavy: true, ..row }
}

/// All rows.
pub const ROWS: &[Sandbox] = &[
    // What is the host's (tiny), the guest's pages' (toucher), the image's: by allocation and copy-on-write.
    row(ON_DEMAND, TINY),
    row(ON_DEMAND, TOUCHER),
    row(ON_DEMAND, IMAGE),
    without_cow(row(ON_DEMAND, TINY)),
    without_cow(row(ON_DEMAND, TOUCHER)),
    without_cow(row(ON_DEMAND, IMAGE)),
    row(POOLING, TINY),
    row(POOLING, TOUCHER),
    row(POOLING, IMAGE),
    without_cow(row(POOLING, TINY)),
    without_cow(row(POOLING, TOUCHER)),
    without_cow(row(POOLING, IMAGE)),
    // Less address space each, for the same memory.
    up_to(row(ON_DEMAND_64M, TINY), SOME),
    // What a pool keeps after 1,000 sandboxes were dropped: the first 16 pages of each, all that were
    // written to, or the last few slots whole. Pools that scan leak under swap (docs/wasmtime-14357.md): they are
    // measured, and recommended nowhere.
    row(KEEP_64K, TOUCHER),
    row(KEEP_1M_SCAN, TOUCHER),
    row(BATCH_16, TOUCHER),
    // More pages than 64 KiB keep, and as many as 1 MiB does.
    calling(up_to(row(KEEP_64K, TOUCHER), SOME), Access::Write(256)),
    calling(up_to(row(KEEP_1M_SCAN, TOUCHER), SOME), Access::Write(256)),
    // Pages of an image: 16 are the row above; 256; all of them read, which shares; and as few as 64 but
    // far apart, which takes more page tables, and more regions than a scan looks at.
    calling(row(ON_DEMAND, IMAGE), Access::Write(256)),
    calling(row(ON_DEMAND, IMAGE), Access::ReadAll),
    calling(row(ON_DEMAND, IMAGE), Access::Scatter(64)),
    calling(row(KEEP_1M_SCAN, IMAGE), Access::Scatter(64)),
    // Where code comes from: bytes are copied into the process, and a worker that compiled has free heap,
    // in which the first sandboxes cost nothing.
    up_to(loading(row(ON_DEMAND, TINY), Load::Bytes), SOME),
    loading(row(ON_DEMAND, TINY), Load::Compile),
    // The control of what is said of shared code: each sandbox has a copy of its own.
    up_to(loading(row(ON_DEMAND, TINY), Load::Each), SOME),
    // Two threads: how far do such workers agree?
    on_two_threads(row(ON_DEMAND, TINY)),
    on_two_threads(row(ON_DEMAND, TOUCHER)),
    on_two_threads(row(POOLING, TINY)),
    on_two_threads(row(POOLING, TOUCHER)),
    // The same line at 5,000, and what slots for them cost.
    heavy(up_to(row(ON_DEMAND, TINY), LONG)),
    heavy(up_to(row(POOLING_5000, TINY), LONG)),
    // A snapshot of 32 MiB, all of it read: dense, it is shared; sparse, copy-on-write is lost without a
    // word, and a setting brings it back.
    calling(row(ON_DEMAND, DENSE), Access::ReadAll),
    calling(without_cow(row(ON_DEMAND, DENSE)), Access::ReadAll),
    row(ON_DEMAND, SPARSE),
    row(ON_DEMAND_DENSE, SPARSE),
    // The control of "little of the address space is resident".
    up_to(calling(without_cow(row(ON_DEMAND_64M, DENSE)), Access::ReadAll), SLOW),
    // Scenario A, CPython: initialised beforehand, and initialising itself.
    row(ON_DEMAND, Guest::Program("cpython-pre")),
    up_to(row(ON_DEMAND, Guest::Program("cpython")), SLOW),
    heavy(row(POOLING, Guest::Program("cpython-pre"))),
    up_to(without_cow(row(ON_DEMAND, Guest::Program("cpython-pre"))), FEW),
    // Its compiled code is 37 MB: copied into the process once, and once for each sandbox.
    heavy(up_to(loading(row(ON_DEMAND, Guest::Program("cpython-pre")), Load::Bytes), FEW)),
    up_to(loading(row(ON_DEMAND, Guest::Program("cpython-pre")), Load::Each), SLOW),
    // Scenario B, CPython with numpy; the same CPython without is its control.
    row(ON_DEMAND, Guest::Program("numpy-pre")),
    heavy(row(ON_DEMAND, Guest::Program("cpython312-pre"))),
    heavy(up_to(row(ON_DEMAND, Guest::Program("numpy")), SLOW)),
    heavy(up_to(row(ON_DEMAND, Guest::Program("cpython312")), SLOW)),
    heavy(row(POOLING, Guest::Program("numpy-pre"))),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("numpy-pre"))), FEW)),
    // A large heap; a garbage collection writes to every object of it, unless they were frozen before the
    // snapshot.
    heavy(up_to(row(ON_DEMAND, Guest::Program("sympy-pre")), FEW)),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("sympy-pre"))), FEW)),
    heavy(up_to(calling(row(ON_DEMAND, Guest::Program("sympy-pre")), Access::Collect), FEW)),
    heavy(up_to(calling(row(ON_DEMAND, Guest::Program("sympy-frozen-pre")), Access::Collect), FEW)),
    // Another language.
    row(ON_DEMAND, Guest::Program("js-quickjs")),
    heavy(row(ON_DEMAND, Guest::Program("js-starling"))),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("js-starling"))), FEW)),
];
