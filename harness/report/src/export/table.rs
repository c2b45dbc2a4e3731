//! Text for the terminal.

use std::io::{self, Write};

use super::{Exporter, FOR_PEOPLE, Results};
use crate::{comparison_text, terminal::plain};

#[derive(Debug)]
pub(super) struct Table;

impl Exporter for Table {
    fn name(&self) -> &'static str {
        FOR_PEOPLE
    }

    fn help(&self) -> &'static str {
        "text for a terminal"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", plain(&comparison_text(results.comparison, true)))
    }
}
