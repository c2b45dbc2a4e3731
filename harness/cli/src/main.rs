//! The `highwater` command. Maps results of subcommands to exit statuses.

use std::process::ExitCode;

fn main() -> ExitCode {
    // `highwater doctor` starts this program as a worker.
    if let Some(status) = highwater_cli::as_doctor_worker() {
        return status;
    }
    match highwater_cli::run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            highwater_report::terminal::note(format_args!("error: {error}"));
            error.print_hint();
            ExitCode::from(error.exit_status())
        }
    }
}
