//! Compares ways to monitor an actor's memory with the ground truth: the guest's view, the host's view through procfs
//! (which the harness reads at every stage), and sysinfo as used in Reflow's "Memory Management" document.

use std::{ffi::OsStr, path::PathBuf, time::Instant};

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, Stages};
use sysinfo::System;
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, Source, id,
    inputs::{self, COMMON, Format, files_of},
    messages::guest_bytes,
    settle,
};

/// An actor that grows by 16 MiB and writes to every page, then echoes a message of 4 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitoring;

/// Number of wasm pages to grow by: 16 MiB.
const PAGES: u64 = 256;

impl Case for Monitoring {
    fn id(&self) -> CaseId {
        id("monitoring", &[("grown", "16m"), ("echoed", "4m")])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut files = inputs::common(dirs, &[Allocation::OnDemand])?;
        files.push(inputs::message(dirs, Format::Raw, 4 << 20)?);
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let message = std::fs::read(stages.input(COMMON)?)?;
        let compiled = files_of(stages)?.compile(Source::File, None, Allocation::OnDemand)?;
        let mut watched = Actor::new(&compiled, None, AfterCall::Keep)?;
        let before = guest_bytes(&mut watched)?;
        settle();
        stages.trim();
        stages.reached("loaded")?;
        watched.call("grow", PAGES.to_string().as_bytes())?;
        stages.figure("written_bytes", PAGES << 16)?;
        stages.figure("guest_growth_bytes", guest_bytes(&mut watched)? - before)?;
        settle();
        stages.trim();
        stages.reached("grown")?;
        drop(watched.call("echo", &message)?);
        stages.figure("guest_growth_bytes", guest_bytes(&mut watched)? - before)?;
        settle();
        stages.trim();
        stages.reached("echoed")?;

        // The document's code, with the method names of the current sysinfo.
        let started = Instant::now();
        let mut system = System::new_all()?;
        system.refresh_all();
        stages.figure("monitor_ns", started.elapsed().as_nanos() as u64)?;
        let own = std::process::id();
        let found: Vec<_> = system.processes_by_name(OsStr::new("extism-actor")).collect();
        let first =
            found.first().map_or("none", |process| if process.pid().as_u32() == own { "this" } else { "another" });
        stages.note("first_by_name", &format!("{first} process"))?;
        stages.figure("found_by_name", found.len() as u64)?;
        let by_pid = system.process(sysinfo::Pid::from_u32(own)).map_or(0, sysinfo::Process::memory);
        stages.figure("sysinfo_bytes", by_pid)?;
        stages.reached("monitored")?;
        drop((system, watched));
        settle();
        stages.trim();
        Ok(stages.reached("dropped")?)
    }
}
