//! The colours of what commands print. Texts for people are made with colours; whether they stay is decided where the
//! text is written (see [`super::print`]). Only the 16 standard colours are used, which every theme adapts to its
//! background, and no meaning is in a colour alone.

use std::{fmt::Display, io};

use anstream::{AutoStream, ColorChoice, adapter::strip_str, stream::RawStream};
use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color};

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    /// A result that passes, and an improvement.
    Passed,
    /// A result that fails.
    Failed,
    /// A result that is open.
    Open,
    /// The beginning of a part.
    Heading,
}

impl Emphasis {
    fn style(self) -> Style {
        match self {
            Self::Passed => AnsiColor::Green.on_default(),
            Self::Failed => AnsiColor::Red.on_default().bold(),
            Self::Open => AnsiColor::Yellow.on_default(),
            Self::Heading => Style::new().bold(),
        }
    }

    /// The text in this colour.
    #[must_use]
    pub fn paint(self, text: impl Display) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }

    /// The cell of a table in this colour. The library that lays out tables has colours of its own.
    pub(crate) fn cell(self, cell: Cell) -> Cell {
        match self {
            Self::Passed => cell.fg(Color::DarkGreen),
            Self::Failed => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
            Self::Open => cell.fg(Color::DarkYellow),
            Self::Heading => cell.add_attribute(Attribute::Bold),
        }
    }
}

/// The text without colours.
#[must_use]
pub fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// The text with or without colours, as the stream and the environment want it: `NO_COLOR`, `CLICOLOR_FORCE`,
/// `CLICOLOR`, and `TERM=dumb`.
pub(super) fn adapted<S: RawStream>(text: String, stream: &S) -> String {
    if !text.contains('\u{1b}') || AutoStream::choice(stream) != ColorChoice::Never { text } else { plain(&text) }
}

/// Whether `stream` is a terminal that can redraw a line.
pub(super) fn is_live(stream: &impl io::IsTerminal) -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal.is_empty() || terminal == "dumb");
    stream.is_terminal() && !is_dumb && std::env::var_os("CI").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_of_the_sixteen_and_can_be_removed() {
        for (emphasis, code) in [
            (Emphasis::Passed, "\u{1b}[32m"),
            (Emphasis::Failed, "\u{1b}[1m\u{1b}[31m"),
            (Emphasis::Open, "\u{1b}[33m"),
            (Emphasis::Heading, "\u{1b}[1m"),
        ] {
            assert_eq!(emphasis.paint("text"), format!("{code}text\u{1b}[0m"));
            assert_eq!(plain(&emphasis.paint("text")), "text");
        }
    }
}
