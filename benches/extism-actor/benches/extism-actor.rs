//! The bench target: everything is in the library.

fn main() -> std::process::ExitCode {
    highwater::main(extism_actor::family)
}
