//! The WebAssembly guests that the families run: their sources are in `guests/`, their built modules are committed
//! compressed in `artefacts/` and embedded here, and `manifest.toml` ties the two together with SHA-256.
//!
//! ```text
//! guests/NAME/ --build-guests.sh--> NAME.wasm --guests pack--> artefacts/NAME.wasm.gz + manifest.toml
//!                                                                       |
//!                family: guest("NAME")?.wasm()? <-----------------------+
//!                        Cache::at(dir).precompiled(&guest, engine, compile)? --> dir/NAME-<key>.cwasm
//! ```
//!
//! The crate knows no engine: families use different versions of wasmtime, so each hands in its own compiler and a
//! key that says which engine, version and settings that is. [`GuestTarget`] says for which CPU they compile.

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
