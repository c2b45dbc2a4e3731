//! The modules that the engines run.

/// A module. Only `actor` imports something; it is not instantiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Does nothing: the cost of an instance alone.
    Tiny,
    /// Has 256 zeroed pages and writes to 16 of them when called.
    Toucher,
    /// Has 10 MiB of initialised data and writes to 16 pages of it when called.
    Image,
    /// Adds a wasm page to its memory with each call, writes to it, and keeps it.
    Keeper,
    /// 269 kB of code and data, compiled from Rust.
    Actor,
    /// A module of the user.
    Given,
}

impl Guest {
    /// Its name in case ids and, except for `keeper` and `given`, in `wasm-guests`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Toucher => "toucher",
            Self::Image => "image",
            Self::Keeper => "keeper",
            Self::Actor => "actor",
            Self::Given => "given",
        }
    }
}
