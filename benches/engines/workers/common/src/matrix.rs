//! The matrix of cases, with the purpose of each group. Axes are crossed only where a combination shows something that
//! neither axis shows alone.

use crate::{Guest, Kind, Load, Row, SETUPS, Setup};

/// For instances that cost some pages.
const MANY: &[u32] = &[1, 10, 100, 1000];
/// For instances that have written to memory, and for calls.
const SOME: &[u32] = &[1, 10, 100];
/// For instances of 10 MiB, and for engines.
const FEW: &[u32] = &[1, 5, 10];

const fn row(kind: Kind, setup: Setup, guest: Guest) -> Row {
    let ladder = match (kind, guest) {
        (Kind::Instance, Guest::Tiny) => MANY,
        (Kind::Module, _) | (_, Guest::Image) => FEW,
        _ => SOME,
    };
    Row { kind, setup, load: setup.load, guest, drops: true, ladder }
}

const fn compiling(row: Row) -> Row {
    Row { load: Load::Compile, ..row }
}

const fn never_dropping(row: Row) -> Row {
    Row { drops: false, ..row }
}

/// All rows.
#[must_use]
pub fn rows() -> Vec<Row> {
    SETUPS.iter().flat_map(|setup| of(*setup)).collect()
}

/// The case that runs a module of the user with an engine. It is not one of [`rows`].
#[must_use]
pub fn given_row(setup: Setup) -> Row {
    row(Kind::Given, setup, Guest::Given)
}

fn of(setup: Setup) -> Vec<Row> {
    let mut rows = vec![
        // The cost of the engine's state (tiny), of written pages (toucher) and of initialised data (image).
        row(Kind::Instance, setup, Guest::Tiny),
        row(Kind::Instance, setup, Guest::Toucher),
        row(Kind::Instance, setup, Guest::Image),
        // The control for claims about dropping.
        never_dropping(row(Kind::Instance, setup, Guest::Toucher)),
        // Calls that keep nothing, and their control.
        row(Kind::Call, setup, Guest::Toucher),
        row(Kind::Call, setup, Guest::Keeper),
        // A module with code. It is also the control for claims about shared code, since each has its own copy.
        row(Kind::Module, setup, Guest::Actor),
    ];
    if setup.load == Load::Precompiled {
        // The same in processes that compile, as embedders do that keep no files.
        rows.push(compiling(row(Kind::Instance, setup, Guest::Tiny)));
        rows.push(compiling(row(Kind::Module, setup, Guest::Actor)));
    }
    rows
}
