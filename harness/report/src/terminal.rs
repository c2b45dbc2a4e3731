//! Lines for the standard error of a command: errors, warnings, notes and progress, escaped for the terminal.

use std::{
    fmt::Display,
    io::{self, Write},
};

use super::escape;

/// Writes one line to stderr. A stderr that is closed is not an error.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", escape::line(&line.to_string()));
}

/// Writes a message that may have several lines, such as that of an invalid regular expression, to stderr.
pub fn message(lines: impl Display) {
    let _ = writeln!(io::stderr(), "{}", escape::lines(&lines.to_string()));
}
