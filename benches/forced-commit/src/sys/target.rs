//! Compiler settings that wasmtime marks as unsafe.

use wasm_guests::GuestTarget;
use wasmtime::Config;

/// Configures an engine to compile for a target instead of the CPU that it runs on.
pub(crate) fn compile_for(config: &mut Config, target: GuestTarget) -> wasmtime::Result<()> {
    let Some(settings) = target.settings() else { return Ok(()) };
    config.target(settings.triple)?;
    for flag in settings.flags {
        // SAFETY: each flag asserts that the CPU has a feature. Code compiled with it runs nowhere else:
        // engines compare these flags with the host's features before they load it.
        unsafe { config.cranelift_flag_enable(flag) };
    }
    Ok(())
}
