//! What commands write: results to stdout, and errors, warnings, notes and progress, escaped for the terminal, to
//! stderr. Lines fit the terminal, and colours are left out where they are not wanted. The reader of a pipe may have
//! gone (`highwater ... | head`), which is not an error. The crates with commands shadow `println!`, because that of the
//! standard library panics.

mod forecast;
mod hint;
mod progress;
mod style;
mod time;
mod wrap;

use std::{
    env,
    fmt::{Arguments, Display},
    io::{self, ErrorKind, IsTerminal, Write},
    os::fd::AsFd,
    process,
};

use anstream::stream::RawStream;
use highwater_model::exit;

pub use forecast::Forecast;
pub use hint::{bench_command, highwater_command, quoted};
pub use progress::ProgressLine;
pub use style::{Emphasis, plain};
pub use time::in_words;
pub use wrap::{columns, wrapped};

use super::escape;

/// Prints text for people to stdout. If the reader of the pipe has gone, the command continues: its files are complete,
/// and its exit status is that of its result. Any other error ends the process with one line on stderr and an internal
/// error.
pub fn print(text: Arguments<'_>) {
    let text = fitted(&text.to_string(), &io::stdout());
    print_as_it_is(&text);
}

/// Prints text for programs to stdout, or text to copy: its lines are not broken. Errors are those of [`print()`].
pub fn print_as_it_is(text: &str) {
    if let Err(error) = progress::above(|| line(io::stdout(), text)) {
        note(format_args!("error: stdout: {error}"));
        process::exit(exit::INTERNAL.into());
    }
}

/// The width of lines on stdout: that of the terminal, else `COLUMNS`, else 100 characters.
#[must_use]
pub fn width() -> usize {
    let variable = || env::var("COLUMNS").ok()?.parse().ok();
    terminal_width(&io::stdout()).or_else(variable).filter(|width| *width > 0).unwrap_or(100)
}

/// Whether stdout is a terminal.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes one line to stderr. If that fails, there is nowhere to report it.
pub fn note(text: impl Display) {
    message(escape::line(&text.to_string()));
}

/// Writes a message that may have several lines, such as that of an invalid regular expression, to stderr.
pub fn message(lines: impl Display) {
    let text = escape::lines(&lines.to_string());
    let kinds = [("error:", Emphasis::Failed), ("warning:", Emphasis::Open), ("note:", Emphasis::Heading)];
    let painted = kinds.into_iter().find_map(|(kind, emphasis)| {
        let rest = text.strip_prefix(kind)?;
        Some(format!("{}{rest}", emphasis.paint(kind)))
    });
    write_to_stderr(&painted.unwrap_or(text));
}

/// Writes a command that the user may want to run next, and what for, to stderr.
pub fn next(command: &str, purpose: &str) {
    let text = hint::lines(command, purpose, terminal_width(&io::stderr()));
    let (kind, rest) = text.split_at("next:".len());
    let _ = progress::above(|| {
        let text = style::adapted(format!("{}{rest}", Emphasis::Heading.paint(kind)), &io::stderr());
        line(io::stderr(), &text)
    });
}

fn write_to_stderr(text: &str) {
    let _ = progress::above(|| line(io::stderr(), &fitted(text, &io::stderr())));
}

/// The text for a stream: its lines are broken at the width of a terminal, and it has the colours that are wanted.
fn fitted<S: RawStream + AsFd>(text: &str, stream: &S) -> String {
    style::adapted(wrapped(text, terminal_width(stream)), stream)
}

fn terminal_width(stream: &impl AsFd) -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(stream)?;
    Some(usize::from(width)).filter(|width| *width > 0)
}

fn line(mut out: impl Write, text: &str) -> io::Result<()> {
    // One write, so that lines of several processes do not mix.
    match out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_reader_is_no_error() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        line(writer, "a line").expect("quiet");
        let mut text = Vec::new();
        line(&mut text, "1").expect("memory");
        assert_eq!(text, b"1\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
        assert!(line(full, "a line").is_err());
    }
}
