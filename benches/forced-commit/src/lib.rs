//! Committing a WebAssembly linear memory at start-up, and resetting it between jobs.
//!
//! For hosts that need a guest's memory to be resident before the first job and clean before every other:
//!
//! ```
//! use forced_commit::{Image, Target, best, best_reset};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let engine = wasmtime::Engine::default();
//! # let module = wasmtime::Module::new(&engine, wat::parse_str(r#"(module (memory (export "memory") 512))"#)?)?;
//! # let mut live = forced_commit::Live::new(&engine, &module, 0)?;
//! // With too little memory this is an error with the bytes needed and available, not an OOM kill.
//! best().commit(&mut live)?;
//! let image = Image::of(live.memory());
//! let mut reset = best_reset();
//! reset.arm(&mut live, &image)?;
//! # for _job in 0..2 {
//! live.memory()[4711] = 1; // a job
//! reset.reset(&mut live, &image)?;
//! # }
//! assert!(image.dirt(live.memory()).is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! A host implements [`Target`]. [`Live`] implements it for wasmtime, and `&mut [u8]` is a target too.
//!
//! ```text
//!  commit     commit strategies, behind one trait      headroom   memory available before an OOM kill
//!  reset      reset strategies, behind one trait       image      the initial image, and differences from it
//!  oracle     which pages are really committed         sys        all unsafe code
//!  live       wasmtime as a target                     swap       swapping pages out, to test resets
//!  family     the Highwater benchmark cases
//! ```

pub mod commit;
mod error;
mod family;
pub mod guest;
pub mod headroom;
mod image;
mod live;
pub mod oracle;
pub mod reset;
pub mod swap;
mod sys;
mod target;

pub use commit::{Commit, best};
pub use error::{Error, NoHeadroom, Source};
pub use family::{claims, family};
pub use headroom::Headroom;
pub use image::{Dirt, Image};
pub use live::{Left, Live};
pub use reset::{Reset, best_reset};
pub use sys::{Child, Ended, pin_thread, touch};
pub use target::Target;
