//! The Highwater family that measures committing a WebAssembly linear memory at start-up and resetting it
//! between jobs: the strategies of the library [`linear_memory`], the published ones, and wasmtime's own.
//!
//! ```text
//!  family     the Highwater benchmark cases
//!  commit     commit strategies that need more than a memory     live     wasmtime as a target
//!  reset      reset strategies that need more than a memory      guest    the guest module
//!  sys        all unsafe code
//! ```

pub mod commit;
mod family;
pub mod guest;
mod live;
pub mod questions;
pub mod reset;
mod sys;

pub use commit::GuestCommit;
pub use family::{claims, family};
pub use linear_memory::{Headroom, pin_thread, touch};
pub use live::{Left, Live};
pub use reset::GuestReset;
pub use sys::{Child, Ended};
