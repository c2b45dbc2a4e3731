//! The `highwater` command: maps what the subcommands return to exit statuses.

use std::process::ExitCode;

fn main() -> ExitCode {
    // `highwater doctor` starts this program again as a worker.
    if let Some(status) = highwater::doctor::as_worker() {
        return status;
    }
    match highwater::cli::run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
