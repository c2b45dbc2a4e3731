//! The bench target. The implementation is in the library.

fn main() -> std::process::ExitCode {
    yaml_parse::main()
}
