//! The family as a program of its own, the same as the bench target: for tests, profilers and debuggers.

fn main() -> std::process::ExitCode {
    yaml_parse::main()
}
