#![doc = include_str!("../README.md")]

pub mod commit;
mod error;
pub mod headroom;
pub mod hold;
mod image;
pub mod oracle;
pub mod reset;
pub mod swap;
mod sys;
mod target;

pub use commit::{Commit, best};
pub use error::{Error, NoHeadroom, NotHeld, Source};
pub use headroom::Headroom;
pub use image::{Dirt, Image};
pub use reset::{Reset, best_reset};
pub use sys::{pin_thread, touch};
pub use target::Target;
