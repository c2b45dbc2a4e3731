//! The measured process: runs one case of the family. The bench starts it.

fn main() -> std::process::ExitCode {
    highwater_worker::run(sandbox_scaling::family)
}
