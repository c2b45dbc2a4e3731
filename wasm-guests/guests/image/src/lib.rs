//! The guest that carries 10 MiB of initialised data, for what copy-on-write images save and what they cost.
//! Its memory: 161 wasm pages, of which 160 are the image; a fresh instance shares every page of it.
//!
//! ```text
//! 0        64 KiB                                        10,304 KiB
//! | stack  | image: 2,560 OS pages of 4 KiB, none zero   |
//!   unused   touch(k) dirties the first k, sum(k) reads them
//! ```
//!
//! The image is dense, for engines give up copy-on-write on sparse ones, and no two of its pages are alike, so
//! that a host which merges equal pages cannot flatter it. It compresses to a five-hundredth.
//! No function here spills to the shadow stack.

#![no_std]

/// The size of an OS page, and so the distance from one touched byte to the next.
const OS_PAGE: usize = 4096;
/// How many pages the image has.
const PAGES: i32 = (10 << 20) / OS_PAGE as i32;
/// How many of them `run` dirties.
const RUN_PAGES: i32 = 16;
/// What `touch` writes; no page begins with it.
const TOUCHED: u8 = 0xff;

#[repr(C, align(4096))]
struct Image([[u8; OS_PAGE]; PAGES as usize]);

static mut IMAGE: Image = Image(pattern());

/// Page `i` is filled with `1 + i % 254`, and its second byte is `1 + i / 254`: never zero, all pages distinct.
/// Whole pages are copied because the compiler evaluates this, and ten million steps would take it a minute.
const fn pattern() -> [[u8; OS_PAGE]; PAGES as usize] {
    let mut pages = [[0; OS_PAGE]; PAGES as usize];
    let mut i = 0;
    while i < pages.len() {
        pages[i] = [(1 + i % 254) as u8; OS_PAGE];
        pages[i][1] = (1 + i / 254) as u8;
        i += 1;
    }
    pages
}

/// Dirties 16 pages.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    touch(RUN_PAGES);
}

/// Dirties one byte in each of the first `k` pages (0 to 2,560, else the nearer of them), and says how many.
#[unsafe(no_mangle)]
pub extern "C" fn touch(k: i32) -> i32 {
    let k = k.clamp(0, PAGES);
    let image = (&raw mut IMAGE).cast::<u8>();
    for page in 0..k as usize {
        // SAFETY: `page` is below PAGES, so the byte is inside IMAGE; the guest has one thread and makes no
        // reference to IMAGE. Volatile, or the compiler might drop the write.
        unsafe { image.add(page * OS_PAGE).write_volatile(TOUCHED) };
    }
    k
}

/// Reads one byte of each of the first `k` pages (clamped as in `touch`) and returns their sum.
#[unsafe(no_mangle)]
pub extern "C" fn sum(k: i32) -> i32 {
    let image = (&raw const IMAGE).cast::<u8>();
    let mut sum = 0;
    for page in 0..k.clamp(0, PAGES) as usize {
        // SAFETY: as in `touch`. Volatile, so that the compiler cannot answer from the pattern.
        sum += i32::from(unsafe { image.add(page * OS_PAGE).read_volatile() });
    }
    sum
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
