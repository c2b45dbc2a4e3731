//! The matrix of cases, with the purpose of each row. Axes are crossed only where a combination shows
//! something that neither axis shows alone.

use wasm_programs::Table;

use crate::{Access, Allocation, Guest, Load, Sandbox, Strategy};

/// For sandboxes that cost a few pages.
const MANY: &[u32] = &[1, 10, 50, 100, 1000];
/// For sandboxes that may cost 10 MiB, and for programs.
const SOME: &[u32] = &[1, 10, 50, 100];
/// For sandboxes of 20 MiB and more.
const FEW: &[u32] = &[1, 5, 10];
/// For programs that take half a second to initialise themselves.
const SLOW: &[u32] = &[1, 2, 4];
/// For two threads: on every rung both threads get some sandboxes.
const PAIRS: &[u32] = &[2, 10, 50, 100];
/// Five times as many as in any other ladder, to see whether growth stays linear.
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

/// A row with copy-on-write on and everything else at its default.
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
    // The cost of the host (tiny), of the guest's pages (toucher) and of the image, by allocation and
    // copy-on-write.
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
    // Less address space per sandbox, for the same memory.
    up_to(row(ON_DEMAND_64M, TINY), SOME),
    // What a pool keeps after 1,000 sandboxes were dropped: the first 16 pages of each, all pages that were
    // written to, or the last few slots whole. Pools that scan leak under swap (docs/wasmtime-14357.md): they
    // are measured, but never recommended.
    row(KEEP_64K, TOUCHER),
    row(KEEP_1M_SCAN, TOUCHER),
    row(BATCH_16, TOUCHER),
    // More pages than a pool that keeps 64 KiB retains, and as many as one that keeps 1 MiB.
    calling(up_to(row(KEEP_64K, TOUCHER), SOME), Access::Write(256)),
    calling(up_to(row(KEEP_1M_SCAN, TOUCHER), SOME), Access::Write(256)),
    // Pages of an image: 16 are the row above; 256; all of them read, which shares them; and 64 pages far
    // apart, which need more page tables, and more regions than a scan returns.
    calling(row(ON_DEMAND, IMAGE), Access::Write(256)),
    calling(row(ON_DEMAND, IMAGE), Access::ReadAll),
    calling(row(ON_DEMAND, IMAGE), Access::Scatter(64)),
    calling(row(KEEP_1M_SCAN, IMAGE), Access::Scatter(64)),
    // Where code comes from: bytes are copied into the process, and a worker that compiled has free heap,
    // from which the first sandboxes are allocated at no cost.
    up_to(loading(row(ON_DEMAND, TINY), Load::Bytes), SOME),
    loading(row(ON_DEMAND, TINY), Load::Compile),
    // The control for claims about shared code: each sandbox has its own copy.
    up_to(loading(row(ON_DEMAND, TINY), Load::Each), SOME),
    // Two threads: how well do such workers agree?
    on_two_threads(row(ON_DEMAND, TINY)),
    on_two_threads(row(ON_DEMAND, TOUCHER)),
    on_two_threads(row(POOLING, TINY)),
    on_two_threads(row(POOLING, TOUCHER)),
    // Linearity up to 5,000, and the cost of slots for them.
    heavy(up_to(row(ON_DEMAND, TINY), LONG)),
    heavy(up_to(row(POOLING_5000, TINY), LONG)),
    // A snapshot of 32 MiB, all of it read. Dense, it is shared; sparse, copy-on-write is silently lost, and
    // a setting restores it.
    calling(row(ON_DEMAND, DENSE), Access::ReadAll),
    calling(without_cow(row(ON_DEMAND, DENSE)), Access::ReadAll),
    row(ON_DEMAND, SPARSE),
    row(ON_DEMAND_DENSE, SPARSE),
    // The control for "little of the address space is resident".
    up_to(calling(without_cow(row(ON_DEMAND_64M, DENSE)), Access::ReadAll), SLOW),
    // CPython: pre-initialised, and initialising itself.
    row(ON_DEMAND, Guest::Program("cpython-pre")),
    up_to(row(ON_DEMAND, Guest::Program("cpython")), SLOW),
    heavy(row(POOLING, Guest::Program("cpython-pre"))),
    up_to(without_cow(row(ON_DEMAND, Guest::Program("cpython-pre"))), FEW),
    // Its compiled code is 37 MB: copied into the process once, or once for each sandbox.
    heavy(up_to(loading(row(ON_DEMAND, Guest::Program("cpython-pre")), Load::Bytes), FEW)),
    up_to(loading(row(ON_DEMAND, Guest::Program("cpython-pre")), Load::Each), SLOW),
    // CPython with numpy; the same CPython without numpy is its control.
    row(ON_DEMAND, Guest::Program("numpy-pre")),
    heavy(row(ON_DEMAND, Guest::Program("cpython312-pre"))),
    heavy(up_to(row(ON_DEMAND, Guest::Program("numpy")), SLOW)),
    heavy(up_to(row(ON_DEMAND, Guest::Program("cpython312")), SLOW)),
    heavy(row(POOLING, Guest::Program("numpy-pre"))),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("numpy-pre"))), FEW)),
    // A large heap. A garbage collection writes to every object in it, unless the objects were frozen before
    // the snapshot.
    heavy(up_to(row(ON_DEMAND, Guest::Program("sympy-pre")), FEW)),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("sympy-pre"))), FEW)),
    heavy(up_to(calling(row(ON_DEMAND, Guest::Program("sympy-pre")), Access::Collect), FEW)),
    heavy(up_to(calling(row(ON_DEMAND, Guest::Program("sympy-frozen-pre")), Access::Collect), FEW)),
    // Another language.
    row(ON_DEMAND, Guest::Program("js-quickjs")),
    heavy(row(ON_DEMAND, Guest::Program("js-starling"))),
    heavy(up_to(without_cow(row(ON_DEMAND, Guest::Program("js-starling"))), FEW)),
];
