//! The `highwater` command: maps what the subcommands return to exit statuses.

use std::process::ExitCode;

fn main() -> ExitCode {
    match highwater::cli::run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
