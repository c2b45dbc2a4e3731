//! Text for the terminal.

use std::io::{self, Write};

use super::{Exporter, Results};
use crate::comparison_text;

#[derive(Debug)]
pub(super) struct Table;

impl Exporter for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn help(&self) -> &'static str {
        "text for a terminal"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", comparison_text(results.comparison))
    }
}
