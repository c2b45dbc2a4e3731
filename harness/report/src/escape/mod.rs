//! Escapes text from outside: what a worker wrote, the name of a file, the reason of a blessing or of a case that was
//! not run, the message of an error. There is one function for each kind of output:
//!
//! | output | function |
//! |---|---|
//! | a line of a terminal or a log | `line` |
//! | several lines of a terminal or a log | `lines` |
//! | Markdown | `markdown`, in a `<pre>` element `markdown_pre` |
//! | a workflow command of GitHub | `workflow_data`, `workflow_property` |
//! | a message of SARIF | `sarif` |
//! | a text cell of a CSV file | `csv_cell` |
//! | JSON | `json` |
//! | HTML and SVG | `page`, for what the templates leave |
//!
//! Characters that are invisible or act on the terminal are shown as `\x1b`, `\u202e` or `\U000e0001`, so that the
//! reader sees them. Text that CI systems would execute when they find it in a log gets its first character escaped in
//! the same way.

mod documents;
#[cfg(feature = "exports")]
mod formats;
mod text;

pub use documents::json;
pub(crate) use documents::page;
#[cfg(feature = "exports")]
pub(crate) use formats::{csv_cell, html, markdown, markdown_pre, sarif, workflow_data, workflow_property};
pub use text::{line, lines};
