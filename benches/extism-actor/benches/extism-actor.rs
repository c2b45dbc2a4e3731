//! The bench target. The implementation is in the library.

fn main() -> std::process::ExitCode {
    highwater::main(extism_actor::family)
}
