//! The family as a standalone program for tests, profilers and debuggers. It does the same as the bench target.

fn main() -> std::process::ExitCode {
    yaml_parse::main()
}
