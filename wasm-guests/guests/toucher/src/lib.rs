//! The guest that dirties an exact number of zeroed pages, for what touched memory costs an instance.
//! Its memory: 17 wasm pages, none of them initialised, so a fresh instance has no page of its own.
//!
//! ```text
//! 0        64 KiB                                        1,088 KiB
//! | stack  | buffer: 256 OS pages of 4 KiB, all zero     |
//!   unused   byte 0 of each of the first k is set to 1
//! ```
//!
//! No function here spills to the shadow stack, so the pages of the buffer are the only ones dirtied. A second
//! call writes the same bytes of the same pages: it dirties nothing more.

#![no_std]

/// The size of an OS page, and so the distance from one touched byte to the next.
const OS_PAGE: usize = 4096;
/// How many pages there are to touch.
const PAGES: i32 = 256;
/// How many of them `run` touches.
const RUN_PAGES: i32 = 16;

#[repr(C, align(4096))]
struct Buffer([[u8; OS_PAGE]; PAGES as usize]);

static mut BUFFER: Buffer = Buffer([[0; OS_PAGE]; PAGES as usize]);

/// Dirties 16 pages.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    touch(RUN_PAGES);
}

/// Dirties one byte in each of the first `k` pages (0 to 256, else the nearer of them), and says how many.
#[unsafe(no_mangle)]
pub extern "C" fn touch(k: i32) -> i32 {
    let k = k.clamp(0, PAGES);
    let buffer = (&raw mut BUFFER).cast::<u8>();
    for page in 0..k as usize {
        // SAFETY: `page` is below PAGES, so the byte is inside BUFFER; the guest has one thread and makes no
        // reference to BUFFER. Volatile, or the compiler might drop a write that nothing reads.
        unsafe { buffer.add(page * OS_PAGE).write_volatile(1) };
    }
    k
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
