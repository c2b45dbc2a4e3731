//! The WebAssembly guests that the families run. Their sources are in `guests/`. Their built modules are committed,
//! compressed, in `artefacts/` and embedded here. `manifest.toml` links sources and modules by SHA-256.
//!
//! ```text
//! guests/NAME/ --build-guests.sh--> NAME.wasm --guests pack--> artefacts/NAME.wasm.gz + manifest.toml
//!                                                                       |
//!                family: guest("NAME")?.wasm()? <-----------------------+
//!                        Cache::at(dir).precompiled(&guest, engine, compile)? --> dir/NAME-<key>.cwasm
//! ```
//!
//! The crate does not depend on an engine. Families use different versions of wasmtime, so each passes its own compiler
//! and a key that identifies engine, version and settings. [`GuestTarget`] is the CPU that they compile for.

mod artefact;
mod cache;
pub mod check;
mod error;
mod files;
mod guest;
mod manifest;
pub mod pack;
mod shape;
mod source;
pub mod target;

pub use cache::{Cache, Made};
pub use error::Error;
pub use guest::{Guest, guest, guests};
pub use manifest::Entry;
pub use shape::Shape;
pub use target::GuestTarget;

use manifest::Manifest;
