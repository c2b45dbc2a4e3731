//! The bench target. All code is in the library.

fn main() -> std::process::ExitCode {
    highwater::main(forced_commit::family)
}
