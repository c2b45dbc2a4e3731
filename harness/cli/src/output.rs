//! The options `--format` and `--export` of subcommands that compare: print the result in a format, and write it
//! to files in others.

use std::{collections::BTreeSet, ffi::OsStr, io, os::unix::ffi::OsStrExt, path::PathBuf};

use clap::{
    Arg, Command,
    builder::{PossibleValue, TypedValueParser},
    error::{Error, ErrorKind},
};
use highwater_report::{
    comparison_text,
    export::{EXPORTERS, Exporter, FOR_PEOPLE, Results, exporter},
    terminal::print_as_it_is,
};
use highwater_store::write_atomically;

use super::{CliError, print};

/// Output options.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Format of the output
    #[arg(long, value_name = "NAME", value_parser = Formats, default_value = FOR_PEOPLE)]
    format: &'static dyn Exporter,
    /// Show all findings of each kind, and the command that explains each
    #[arg(long)]
    verbose: bool,
    /// Also write the result to a file in any of these formats; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = Exports)]
    export: Vec<Export>,
}

/// One `--export`.
#[derive(Clone, Debug)]
struct Export {
    exporter: &'static dyn Exporter,
    path: PathBuf,
}

impl Output {
    /// Checks the files of `--export` before anything is compared.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] if a file is given twice or is a folder.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let mut seen = BTreeSet::new();
        for Export { path, .. } in &self.export {
            let file = path.display();
            if path.is_dir() {
                return Err(CliError::Usage(format!("--export: {file} is a folder; specify a file")));
            }
            if !seen.insert(path) {
                return Err(CliError::Usage(format!(
                    "--export: {file} is used twice; use a different file for each format"
                )));
            }
        }
        Ok(())
    }

    /// Whether a person reads the output.
    pub(super) fn is_for_people(&self) -> bool {
        self.format.name() == FOR_PEOPLE
    }

    /// Prints the result, then writes each file atomically.
    ///
    /// # Errors
    /// Returns the first error, with the path of its file.
    pub(super) fn deliver(&self, results: &Results<'_>) -> Result<(), CliError> {
        if self.is_for_people() {
            print(&comparison_text(results.comparison, self.verbose));
        } else {
            let text =
                rendered(self.format, results).map_err(|source| CliError::Io { path: "stdout".into(), source })?;
            let text = String::from_utf8_lossy(&text);
            print_as_it_is(text.strip_suffix('\n').unwrap_or(&text));
        }
        for Export { exporter, path } in &self.export {
            let content = rendered(*exporter, results).map_err(|source| CliError::Io { path: path.clone(), source })?;
            write_atomically(path, &content)?;
        }
        Ok(())
    }
}

fn rendered(exporter: &dyn Exporter, results: &Results<'_>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    exporter.write(results, &mut text)?;
    Ok(text)
}

/// Parses the name of a format.
#[derive(Clone, Debug)]
struct Formats;

impl TypedValueParser for Formats {
    type Value = &'static dyn Exporter;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<Self::Value, Error> {
        named(&value.to_string_lossy()).map_err(|problem| usage("--format", &problem))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(EXPORTERS.iter().map(|exporter| PossibleValue::new(exporter.name()).help(exporter.help()))))
    }
}

/// Parses `NAME=FILE`.
#[derive(Clone, Debug)]
struct Exports;

impl TypedValueParser for Exports {
    type Value = Export;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<Export, Error> {
        let text = value.to_string_lossy();
        let no_file = || format!("`{text}` has no file: use NAME=FILE, for example junit=target/highwater.xml");
        let export = || {
            let (name, _) = text.split_once('=').ok_or_else(no_file)?;
            let exporter = named(name)?;
            // Take the path from the bytes: it need not be UTF-8.
            let path = OsStr::from_bytes(&value.as_bytes()[name.len() + 1..]);
            if path.is_empty() || path == "-" {
                return Err(format!("{}; to print it, use --format {name}", no_file()));
            }
            Ok(Export { exporter, path: path.into() })
        };
        export().map_err(|problem: String| usage("--export", &problem))
    }
}

fn named(name: &str) -> Result<&'static dyn Exporter, String> {
    let known = || EXPORTERS.map(Exporter::name).join(", ");
    exporter(name).ok_or_else(|| format!("`{name}` is not a format; possible values: {}", known()))
}

/// An error of one line; clap's default has four.
fn usage(flag: &str, problem: &str) -> Error {
    Error::raw(ErrorKind::ValueValidation, format!("{flag}: {problem}\n"))
}
