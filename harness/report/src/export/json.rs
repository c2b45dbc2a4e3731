//! The comparison as one indented JSON object, with its exit status.

use std::io::{self, Write};

use serde_json::json;

use super::{Exporter, Results};
use crate::escape;

#[derive(Debug)]
pub(super) struct Json;

impl Exporter for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn help(&self) -> &'static str {
        "every verdict with its numbers, as one JSON object"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let comparison = results.comparison;
        let document = json!({"exit_status": comparison.exit_status(), "comparison": comparison});
        writeln!(out, "{}", escape::json(&format!("{document:#}")))
    }
}
