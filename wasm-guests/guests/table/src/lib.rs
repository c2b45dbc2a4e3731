//! The guest whose large table is computed, not shipped: snapshots taken after `init_dense` or `init_sparse` start
//! with it. Engines map a dense image copy-on-write and may silently copy a sparse one instead (wasmtime does from
//! 16 MiB on, where at most half is data).
//!
//! ```text
//! 0        64 KiB                                             32,832 KiB
//! | stack  | table: 8,192 OS pages of 4 KiB, zero at first    |
//!   unused   dense: every page has words; sparse: the first of every four
//! ```

#![no_std]

/// The words of one OS page of 4 KiB.
const PAGE_WORDS: usize = 1024;
/// How many pages the table has.
const PAGES: i32 = 8192;
/// How many of them `run` dirties.
const RUN_PAGES: i32 = 16;

#[repr(C, align(4096))]
struct Table([[u32; PAGE_WORDS]; PAGES as usize]);

static mut TABLE: Table = Table([[0; PAGE_WORDS]; PAGES as usize]);

/// The first word of a page.
fn page(number: i32) -> *mut u32 {
    // SAFETY: the callers stay below PAGES, so the pointer is inside TABLE.
    unsafe { (&raw mut TABLE).cast::<u32>().add(number as usize * PAGE_WORDS) }
}

/// Fills every page with pseudo-random words, none of them zero.
#[unsafe(no_mangle)]
pub extern "C" fn init_dense() {
    fill(1);
}

/// The same, but only the first of every four pages: 8 MiB of data over the same 32.
#[unsafe(no_mangle)]
pub extern "C" fn init_sparse() {
    fill(4);
}

fn fill(stride: usize) {
    // Xorshift (Marsaglia 2003): any words will do that are not alike.
    let mut word = 0x9E37_79B9_u32;
    for number in (0..PAGES).step_by(stride) {
        for offset in 0..PAGE_WORDS {
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            // SAFETY: `offset` is inside the page; one thread, and no reference to TABLE is ever made.
            unsafe { page(number).add(offset).write_volatile(word | 1) };
        }
    }
}

/// Adds the first word of every page, and so reads them all.
#[unsafe(no_mangle)]
pub extern "C" fn sum() -> u32 {
    // SAFETY: as in `fill`. Volatile, or the reads might be dropped where the sum is not used.
    (0..PAGES).fold(0, |sum: u32, number| sum.wrapping_add(unsafe { page(number).read_volatile() }))
}

/// Dirties one byte in each of the first `k` pages (0 to 8,192, else the nearer of them), and says how many.
#[unsafe(no_mangle)]
pub extern "C" fn touch(k: i32) -> i32 {
    let k = k.clamp(0, PAGES);
    for number in 0..k {
        // SAFETY: as in `fill`.
        unsafe { page(number).write_volatile(1) };
    }
    k
}

/// Dirties 16 pages.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    touch(RUN_PAGES);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
