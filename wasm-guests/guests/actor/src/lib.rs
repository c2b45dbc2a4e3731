//! The actor of the family `extism-actor`: an Extism plugin whose functions have the memory habits, good and bad,
//! that people write about. Every function takes bytes, JSON or MessagePack, and answers what it cannot use with an
//! error value; only `out_of_bounds` traps, on purpose.
//!
//! ```text
//!  message   process, process_msgpack, echo: what an actor is for
//!  habit     pairs that do the same work by two habits, and say how large the memory is afterwards
//!  keep      sources of leaks, each beside its cure
//!  size      memory_pages, grow, out_of_bounds: the memory as the guest sees it
//!  raw       process and echo without Extism, for the control on bare wasmtime
//! ```

mod habit;
mod keep;
mod message;
mod raw;
mod size;
mod work;
