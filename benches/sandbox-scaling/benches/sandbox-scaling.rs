//! The bench target. All code is in the library.

fn main() -> std::process::ExitCode {
    highwater::main(sandbox_scaling::family)
}
