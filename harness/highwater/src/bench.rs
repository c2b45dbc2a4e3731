//! A bench binary: a family, and what the parent process adds to it: claims, versions for the record, and the program
//! that its workers execute.

use std::process::ExitCode;

use highwater_judge::Claim;
use highwater_model::{Context, Question};
use highwater_worker::Family;

use crate::{lockfile::locked_versions, parts::Parts, program};

/// The `main` function of a bench binary whose workers are the binary itself.
#[must_use]
pub fn main(family: impl FnOnce() -> Family + 'static) -> ExitCode {
    bench(family).main()
}

/// Starts the description of a bench binary. The same binary runs as the measuring parent, as the criterion benchmark,
/// and, unless it has a [`worker`](Bench::worker), as a worker; each of these processes calls `family`.
pub fn bench(family: impl FnOnce() -> Family + 'static) -> Bench {
    Bench {
        family: Box::new(family),
        context: Context::default(),
        locked: ("", Vec::new()),
        claims: Vec::new(),
        questions: Vec::new(),
        worker: None,
    }
}

/// A bench binary.
#[must_use = "a bench does nothing until `main` is called"]
pub struct Bench {
    family: Box<dyn FnOnce() -> Family>,
    context: Context,
    /// The text of a `Cargo.lock`, and packages.
    locked: (&'static str, Vec<&'static str>),
    claims: Vec<Claim>,
    questions: Vec<Question>,
    worker: Option<&'static str>,
}

impl Bench {
    /// Adds versions and settings that may explain a difference between two runs. A comparison lists what differs.
    pub fn context(mut self, facts: impl IntoIterator<Item = (String, String)>) -> Self {
        self.context.extend(facts);
        self
    }

    /// Adds the versions of these packages to the context, from the text of a `Cargo.lock`. If a package occurs in
    /// several versions, the newest; `wasmtime@43` is the newest 43.x of `wasmtime`.
    pub fn locked_versions(mut self, lock: &'static str, packages: impl IntoIterator<Item = &'static str>) -> Self {
        self.locked = (lock, packages.into_iter().collect());
        self
    }

    /// Adds claims, which a run confirms or refutes.
    pub fn claims(mut self, claims: impl IntoIterator<Item = Claim>) -> Self {
        self.claims.extend(claims);
        self
    }

    /// Adds questions, which the report answers with a chart and a sentence each. The first one is on the front page.
    pub fn questions(mut self, questions: impl IntoIterator<Item = Question>) -> Self {
        self.questions.extend(questions);
        self
    }

    /// The binary target of the same package that workers execute, whose `main` function is [`highwater_worker::run`]
    /// with the same family. The measured process then links neither criterion nor the report nor the command line.
    /// Without it, workers execute the bench binary.
    ///
    /// `binary` is the name of the target, or the path that cargo has in `CARGO_BIN_EXE_<name>` when it compiles a
    /// bench. A binary of this name beside the bench binary is preferred, so that a copied target folder works.
    pub fn worker(mut self, binary: &'static str) -> Self {
        self.worker = Some(binary);
        self
    }

    /// The `main` function.
    #[must_use]
    pub fn main(self) -> ExitCode {
        if highwater_worker::protocol::is_worker() {
            return highwater_worker::run(self.family);
        }
        program::main(|| {
            let worker = self.worker;
            let (lock, packages) = self.locked;
            let mut context = locked_versions(lock, &packages);
            context.extend(self.context);
            Parts { family: (self.family)(), context, claims: self.claims, questions: self.questions, worker }
        })
    }
}
