//! The `highwater` command.

fn main() -> std::process::ExitCode {
    highwater_cli::main()
}
