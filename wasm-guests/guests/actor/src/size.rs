//! The memory as the guest sees it. It does not see Extism's own memory, where input and output lie.

use core::arch::wasm32;

use extism_pdk::{Error, FnResult, plugin_fn};

/// The most pages that `grow` may be asked for: 4 GiB, all that 32 bits can address.
const MOST_PAGES: usize = 65_536;

/// The size of the memory in wasm pages of 64 KiB.
pub(crate) fn pages() -> u32 {
    wasm32::memory_size::<0>() as u32
}

/// The guest's own view of its memory, in bytes, as decimal text.
#[plugin_fn]
pub fn memory_pages(_: Vec<u8>) -> FnResult<String> {
    Ok(pages().to_string())
}

/// Grows by so many pages (decimal text), writes a byte into each 4 KiB of them, and answers the new size.
#[plugin_fn]
pub fn grow(input: String) -> FnResult<String> {
    let wanted = input.trim().parse::<usize>().ok().filter(|pages| (1..=MOST_PAGES).contains(pages));
    let Some(wanted) = wanted else {
        return Err(Error::msg(format!("`{input}` is no number of pages from 1 to {MOST_PAGES}")).into());
    };
    let before = wasm32::memory_grow::<0>(wanted);
    if before == usize::MAX {
        return Err(Error::msg(format!("the memory cannot grow by {wanted} pages")).into());
    }
    for page in (before * 65_536..(before + wanted) * 65_536).step_by(4096) {
        // SAFETY: `memory_grow` has just added these bytes, and nothing else knows of them.
        unsafe { (page as *mut u8).write_volatile(1) };
    }
    Ok(pages().to_string())
}

/// Reads the byte behind the last one: a trap.
#[plugin_fn]
pub fn out_of_bounds(_: Vec<u8>) -> FnResult<String> {
    let end = wasm32::memory_size::<0>() * 65_536;
    // SAFETY: none: this is what WebAssembly's bounds check is for, and it ends the call.
    let byte = unsafe { (end as *const u8).read_volatile() };
    Ok(byte.to_string())
}
