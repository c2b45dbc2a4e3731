//! The routes by which a guest makes its host keep memory, as data: the guest, its unit, and how often it is repeated.

use std::fmt::Write;

/// A way to make the host keep memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The linear memory grows: the reference, which every limiter counts.
    Memory,
    /// A module with many memories grows each of them to the limit, which holds for each memory alone.
    Memories,
    /// A table grows.
    Table,
    /// WASI preview 1: the host keeps standard output (`MemoryOutputPipe`).
    Stdout,
    /// WASI preview 1: files that are opened and never closed.
    Descriptors,
    /// WASI preview 2: resources in the host's table (`pollable`) that are never dropped.
    Resources,
    /// Files in the memory of the host, as in a virtual file system.
    Files,
    /// Strings that are passed to a function of the host, which keeps them.
    Strings,
    /// Strings that a function of the guest returns, and that the host keeps.
    Returned,
}

/// Memories of the guest of [`Route::Memories`]. A module may have at most 100.
const MEMORIES: u32 = 32;

/// Units of pages, of files and of strings.
const SOME: &[u32] = &[1, 4, 16, 64, 256];
/// Wasm pages below the limit.
const BELOW: &[u32] = &[1, 2, 4, 8];
/// Memories of 1 MiB.
const FEW: &[u32] = &[1, 4, 16];

impl Route {
    /// All routes, the reference first.
    pub const ALL: [Self; 9] = [
        Self::Memory,
        Self::Memories,
        Self::Table,
        Self::Stdout,
        Self::Descriptors,
        Self::Resources,
        Self::Files,
        Self::Strings,
        Self::Returned,
    ];

    /// Its name in case ids.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Memories => "memories",
            Self::Table => "table",
            Self::Stdout => "stdout",
            Self::Descriptors => "descriptors",
            Self::Resources => "resources",
            Self::Files => "files",
            Self::Strings => "strings",
            Self::Returned => "returned",
        }
    }

    /// What one call of the guest causes.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Memory => "wasm page",
            Self::Memories => "memory of 1 MiB",
            Self::Table => "8,192 elements",
            Self::Stdout => "64 KiB written",
            Self::Descriptors => "open file",
            Self::Resources => "pollable",
            Self::Files => "file of 64 KiB",
            Self::Strings => "16 strings of 4 KiB passed",
            Self::Returned => "16 strings of 4 KiB returned",
        }
    }

    /// Numbers of units after which memory is read.
    pub(super) const fn ladder(self) -> &'static [u32] {
        match self {
            Self::Memory => BELOW,
            Self::Memories => FEW,
            _ => SOME,
        }
    }

    /// The number of units after which nothing is taken to stop the guest: 32 MiB, which is half of a heap of malloc, or
    /// more handles than any table here allows.
    pub(super) const fn most(self) -> u32 {
        match self {
            Self::Memories => MEMORIES,
            Self::Descriptors | Self::Resources => 2_000_000,
            _ => 512,
        }
    }

    /// Whether the guest is a component.
    pub(super) const fn is_component(self) -> bool {
        matches!(self, Self::Resources | Self::Files | Self::Strings | Self::Returned)
    }

    /// The guest, which exports `run` to cause one unit.
    pub(super) fn wat(self) -> String {
        let text = match self {
            Self::Memories => return memories(),
            Self::Memory => include_str!("guests/memory.wat"),
            Self::Table => include_str!("guests/table.wat"),
            Self::Stdout => include_str!("guests/stdout.wat"),
            Self::Descriptors => include_str!("guests/descriptors.wat"),
            Self::Resources => include_str!("guests/resources.wat"),
            Self::Files => include_str!("guests/files.wat"),
            Self::Strings => include_str!("guests/strings.wat"),
            Self::Returned => include_str!("guests/returned.wat"),
        };
        text.to_owned()
    }
}

/// A module with many empty memories. Each call grows the next one to 1 MiB and writes to all of it.
fn memories() -> String {
    let mut text = String::from("(module (global $next (mut i32) (i32.const 0))\n");
    for number in 0..MEMORIES {
        let _ = writeln!(text, "(memory $m{number} (export \"m{number}\") 0)");
    }
    text.push_str("(func (export \"run\") (result i32)\n");
    for number in 0..MEMORIES {
        let _ = writeln!(
            text,
            "(if (i32.eq (global.get $next) (i32.const {number})) (then
               (if (i32.eq (memory.grow $m{number} (i32.const 16)) (i32.const -1)) (then (return (i32.const 1))))
               (memory.fill $m{number} (i32.const 0) (i32.const 1) (i32.const 1048576))
               (global.set $next (i32.const {next}))
               (return (i32.const 0))))",
            next = number + 1
        );
    }
    text.push_str("(i32.const 2)))\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_valid_and_of_the_form_that_the_table_states() {
        for route in Route::ALL {
            let wasm = wat::parse_str(route.wat()).unwrap_or_else(|error| panic!("{}: {error}", route.name()));
            // The layer of a component is 1.
            assert_eq!(wasm[6] == 1, route.is_component(), "{}", route.name());
        }
    }

    #[test]
    fn ladders_end_before_the_guest_is_given_up() {
        assert!(Route::ALL.iter().all(|route| route.ladder().last().is_some_and(|top| *top < route.most())));
    }
}
