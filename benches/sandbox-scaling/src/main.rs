//! The family as a standalone program, identical to the bench target, for tests, profilers and debuggers.

fn main() -> std::process::ExitCode {
    highwater::main(sandbox_scaling::family)
}
