//! All `unsafe` code of this crate: settings and files that wasmtime marks as unsafe, memories that the host
//! creates, and a forked child. System calls that act on a linear memory are in the library.

mod fresh;
mod host_memory;
mod process;
mod target;

pub(crate) use fresh::Fresh;
pub(crate) use host_memory::HostMemory;
pub use process::{Child, Ended};
pub(crate) use process::{load_module, thread_cpu};
pub(crate) use target::compile_for;
