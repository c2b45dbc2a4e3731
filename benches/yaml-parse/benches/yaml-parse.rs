//! The bench target: everything is in the library.

fn main() -> std::process::ExitCode {
    yaml_parse::main()
}
