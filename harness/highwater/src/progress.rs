//! The progress bar of a run. It is only shown on a terminal, not in a pipe or in CI.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with `cases` steps, hidden unless stderr is a terminal.
pub(super) fn bar(cases: usize) -> ProgressBar {
    let visible = stderr().is_terminal() && std::env::var_os("CI").is_none();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg} {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(cases as u64), target).with_style(style)
}
