//! The guest that does nothing, for what one more instance costs before its program costs anything.
//! Its memory: one wasm page (64 KiB), all of it shadow stack, no data; `run` touches none of it.

#![no_std]

/// Returns at once.
#[unsafe(no_mangle)]
pub extern "C" fn run() {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
