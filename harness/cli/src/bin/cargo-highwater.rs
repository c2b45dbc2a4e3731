//! The same command for cargo: `cargo highwater`.

fn main() -> std::process::ExitCode {
    highwater_cli::main()
}
