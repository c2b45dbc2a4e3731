//! Planted regressions outside the heap that the counting allocator sees: mappings, stacks of threads, memory of C
//! code, and a program in another language.

use std::{hint::black_box, io::Write, sync::mpsc, thread};

use highwater_model::Category;
use highwater_worker::{CaseResult, Program, Stages};
use memmap2::{MmapMut, MmapOptions};

/// The size of a page that is touched: more than the smallest, so that every platform touches each page.
pub(crate) const PAGE: usize = 4096;
const MOST_UNITS: usize = 50;

/// Four pages of one large linear memory per unit.
pub(crate) fn linear_memory(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit(part: &mut [u8]) {
        for byte in part.iter_mut().step_by(PAGE) {
            *byte = 1;
        }
    }
    four_pages_per_unit(stages, culprit)
}

/// A page of an image that is shared until it is written to, per unit.
pub(crate) fn copy_on_write(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit(page: &mut [u8]) {
        page.fill(2);
        // Without this, the call of `memset` is the last one, and replaces this function on the stack.
        black_box(page);
    }
    let mut image = tempfile::tempfile()?;
    image.write_all(&vec![7; MOST_UNITS * PAGE])?;
    // SAFETY: nothing else has the file, so it is neither changed nor truncated.
    let mut memory = unsafe { MmapOptions::new().map_copy(&image) }?;
    stages.label(Category::LinearMemory, range(&memory))?;
    black_box(memory.iter().step_by(PAGE).map(|byte| usize::from(*byte)).sum::<usize>());
    stages.reached("loaded")?;
    let mut pages = memory.chunks_exact_mut(PAGE);
    touched(stages, || culprit(pages.next().unwrap_or_default()))?;
    stages.forget(Category::LinearMemory)?;
    Ok(())
}

/// Four pages of one large mapping per unit, which the kernel fills on request without a fault.
pub(crate) fn populated(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit(memory: &mut [u8]) {
        // SAFETY: the pages are mapped, private and writable, and the call does not change their content.
        let filled = unsafe { libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_POPULATE_WRITE) };
        // Also keeps this function on the stack during the call.
        assert_eq!(black_box(filled), 0, "a kernel from version 5.14 on");
    }
    four_pages_per_unit(stages, culprit)
}

/// Calls `culprit` with the next four pages of one linear memory, once per unit.
fn four_pages_per_unit(stages: &mut Stages, culprit: impl Fn(&mut [u8])) -> CaseResult {
    let mut memory = MmapMut::map_anon(MOST_UNITS * 4 * PAGE)?;
    stages.label(Category::LinearMemory, range(&memory))?;
    stages.reached("loaded")?;
    let mut parts = memory.chunks_exact_mut(4 * PAGE);
    touched(stages, || culprit(parts.next().unwrap_or_default()))?;
    stages.forget(Category::LinearMemory)?;
    Ok(())
}

/// One more mapping per unit.
pub(crate) fn mapping(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit() -> std::io::Result<MmapMut> {
        let mut memory = MmapMut::map_anon(2 * PAGE)?;
        memory[0] = 3;
        Ok(memory)
    }
    let mut kept = Vec::with_capacity(MOST_UNITS);
    stages.reached("loaded")?;
    touched(stages, || kept.push(culprit()))?;
    drop(black_box(kept));
    Ok(())
}

/// Threads that use 64 KiB of their stacks and stay.
pub(crate) fn thread_stack(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit() -> usize {
        black_box([4_u8; 64 << 10]).len()
    }
    let mut kept = Vec::with_capacity(MOST_UNITS);
    stages.reached("loaded")?;
    touched(stages, || {
        let ((done, is_done), (end, ended)) = (mpsc::sync_channel::<()>(1), mpsc::sync_channel::<()>(1));
        let thread = thread::spawn(move || {
            black_box(culprit());
            let _ = done.send(());
            let _ = ended.recv();
        });
        let _ = is_done.recv();
        kept.push((end, thread));
    })?;
    for (end, thread) in kept {
        drop(end);
        thread.join().map_err(|_| "the thread panicked")?;
    }
    Ok(())
}

/// 64 KiB per unit from `malloc`, which the counting allocator does not see.
pub(crate) fn c_heap(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit() {
        let size = 64 << 10;
        // SAFETY: the block is that long, and its address is not used afterwards.
        unsafe {
            let block = libc::malloc(size);
            if !block.is_null() {
                libc::memset(block, 5, size);
            }
            black_box(block);
        }
    }
    stages.reached("loaded")?;
    touched(stages, culprit)
}

/// A worker in Python that keeps a list per unit.
pub(crate) fn python() -> Program {
    const SCRIPT: &str = r#"
import socket
parent = socket.socket(fileno=3).makefile("rw")
job = dict(line.partition(" ")[::2] for line in iter(lambda: parent.readline().strip(), "go"))
def reached(stage):
    parent.write(f"reached {stage}\n"); parent.flush(); parent.readline()
reached("loaded")
kept = []
for n in map(int, job["ladder"].split()):
    while len(kept) < n:
        kept.append(bytearray(b"x") * 65536)
    reached(f"live@{n}")
parent.write("end\n"); parent.flush()
"#;
    Program::Other { path: "/usr/bin/python3".into(), args: ["-I", "-S", "-c", SCRIPT].map(Into::into).to_vec() }
}

/// Calls `touch` once per unit of the ladder.
pub(crate) fn touched(stages: &mut Stages, mut touch: impl FnMut()) -> CaseResult {
    let mut units = 0;
    for scale in stages.ladder() {
        (units..scale.0).for_each(|_| touch());
        units = scale.0;
        stages.reached_at("live", scale)?;
    }
    Ok(())
}

pub(crate) fn range(memory: &[u8]) -> std::ops::Range<usize> {
    let start = memory.as_ptr().addr();
    start..start + memory.len()
}
