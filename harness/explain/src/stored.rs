//! Profiles in the form in which they are stored for the report.

use highwater_model::{BaseStacks, StageStacks};

use crate::profile::Profile;

/// The stacks of a profile, and of the same stage in another revision.
#[must_use]
pub fn stage_stacks(head: Profile, base: Option<(&str, Profile)>) -> StageStacks {
    let base = base.map(|(revision, base)| BaseStacks { revision: revision.to_owned(), stacks: base.rows });
    StageStacks { stage: head.stage, moment: head.moment, head: head.rows, base }
}
