//! The line that shows how far a run is, on a terminal; nothing where nobody looks (a pipe, CI).

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `cases`, hidden unless a person is watching stderr.
pub(super) fn bar(cases: usize) -> ProgressBar {
    let watched = stderr().is_terminal() && std::env::var_os("CI").is_none();
    let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg} {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(cases as u64), target).with_style(style)
}
