//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use engines::{claims, family, questions, versions};

pub(crate) fn main() -> ExitCode {
    highwater::bench(family).context(versions::context()).claims(claims::all()).questions(questions::all()).main()
}
