//! The suite builder: a family in a few lines, with a closure for each case.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     highwater::suite("buffers")
//!         .unit("buffer")
//!         .case("vec/size=64k", [1, 10, 100], |cx| {
//!             let mut live = cx.units();
//!             cx.ladder("live", |n| live.resize_with(n, || vec![1_u8; 65_536]))?;
//!             drop(live);
//!             cx.stage("dropped")
//!         })
//!         .main()
//! }
//! ```

use std::{
    ops::{Deref, DerefMut},
    process::ExitCode,
};

use highwater_judge::Claim;
use highwater_model::{CaseId, Context, Question, Scale};
use highwater_worker::{Case, CaseError, CaseResult, Family, Stages};

/// The stage from which growth is measured: everything shared is allocated, and no unit.
const BASELINE_STAGE: &str = "loaded";

/// Starts a suite. Its name is the first part of every case id, and the name of its record and baseline.
pub fn suite(name: &'static str) -> Suite {
    Suite {
        family: Family { name, unit: "unit", baseline_stage: BASELINE_STAGE, cases: Vec::new() },
        context: Context::default(),
        claims: Vec::new(),
        questions: Vec::new(),
    }
}

/// A family of cases that are closures. [`Case`] is for those that need more: files made in advance, limits, routines
/// for criterion.
#[must_use = "a suite does nothing until `main` is called"]
pub struct Suite {
    family: Family,
    context: Context,
    claims: Vec<Claim>,
    questions: Vec<Question>,
}

impl Suite {
    /// What one unit of a ladder is, in the singular: `sandbox`.
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.family.unit = unit;
        self
    }

    /// Adds a version or setting to the record. A comparison lists what differs.
    pub fn context(mut self, name: &str, value: impl Into<String>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a claim, which a run confirms or refutes.
    pub fn claim(mut self, claim: Claim) -> Self {
        self.claims.push(claim);
        self
    }

    /// Adds a question that the report answers with a chart and a sentence. The first one is on the front page. Without
    /// any, the report compares the marginal cost per unit of all cases.
    pub fn question(mut self, question: Question) -> Self {
        self.questions.push(question);
        self
    }

    /// Adds a case: its id below the suite's name (`strategy/key=value,key=value`), the numbers of units to measure
    /// at (none for a case without units), and what it does in a worker process.
    ///
    /// # Panics
    /// If the id is malformed.
    pub fn case(
        mut self,
        id: &str,
        ladder: impl IntoIterator<Item = u32>,
        run: impl Fn(&mut Cx<'_>) -> CaseResult + Send + Sync + 'static,
    ) -> Self {
        let id = format!("{}/{id}", self.family.name).parse().unwrap_or_else(|error| panic!("{error}"));
        self.family.cases.push(Box::new(Closure { id, ladder: ladder.into_iter().map(Scale).collect(), run }));
        self
    }

    /// Adds any other case.
    pub fn with(mut self, case: impl Case + 'static) -> Self {
        self.family.cases.push(Box::new(case));
        self
    }

    /// The `main` function of a bench binary: see [`crate::main`].
    #[must_use]
    pub fn main(self) -> ExitCode {
        let Self { family, context, claims, questions } = self;
        crate::bench(|| family).context(context).claims(claims).questions(questions).main()
    }
}

struct Closure<F> {
    id: CaseId,
    ladder: Vec<Scale>,
    run: F,
}

impl<F: Fn(&mut Cx<'_>) -> CaseResult + Send + Sync> Case for Closure<F> {
    fn id(&self) -> CaseId {
        self.id.clone()
    }

    fn ladder(&self) -> Vec<Scale> {
        self.ladder.clone()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        (self.run)(&mut Cx { stages, is_loaded: false })
    }
}

/// What a case's closure gets: the way through its stages. Everything else that [`Stages`] has (labels, figures,
/// notes) is there too.
pub struct Cx<'a> {
    stages: &'a mut Stages,
    is_loaded: bool,
}

impl Cx<'_> {
    /// An empty list with room for all units of the ladder, so that the list itself does not grow while they are
    /// measured.
    #[must_use]
    pub fn units<T>(&self) -> Vec<T> {
        Vec::with_capacity(self.stages.ladder().last().map_or(0, |top| top.0 as usize))
    }

    /// Pauses at a stage, until its memory has been read.
    ///
    /// # Errors
    /// If the harness is gone.
    pub fn stage(&mut self, name: &str) -> CaseResult {
        self.is_loaded |= name == BASELINE_STAGE;
        Ok(self.stages.reached(name)?)
    }

    /// Calls `grow` with each number of units of the ladder, ascending, and pauses at `name@N` after each. Growth is
    /// measured from the stage `loaded`, which is reached first unless the case has reached it.
    ///
    /// # Errors
    /// If the harness is gone, or with the error of `grow`.
    pub fn ladder<R: IntoCaseResult>(&mut self, name: &str, mut grow: impl FnMut(usize) -> R) -> CaseResult {
        if !self.is_loaded {
            self.stage(BASELINE_STAGE)?;
        }
        for scale in self.stages.ladder() {
            grow(scale.0 as usize).into_case_result()?;
            self.stages.reached_at(name, scale)?;
        }
        Ok(())
    }
}

impl Deref for Cx<'_> {
    type Target = Stages;

    fn deref(&self) -> &Stages {
        self.stages
    }
}

impl DerefMut for Cx<'_> {
    fn deref_mut(&mut self) -> &mut Stages {
        self.stages
    }
}

/// What a step of a ladder may return: nothing, or a result.
pub trait IntoCaseResult {
    /// The step's error, if any.
    ///
    /// # Errors
    /// The step's own.
    fn into_case_result(self) -> CaseResult;
}

impl IntoCaseResult for () {
    fn into_case_result(self) -> CaseResult {
        Ok(())
    }
}

impl<E: Into<CaseError>> IntoCaseResult for Result<(), E> {
    fn into_case_result(self) -> CaseResult {
        self.map_err(Into::into)
    }
}
