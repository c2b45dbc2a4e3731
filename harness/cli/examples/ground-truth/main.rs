//! Ground truth: cases whose effect on memory follows from the documentation of the kernel, to the page, so that the
//! test of the same name can compare Highwater's measurements with it.
//!
//! ```text
//!   dirty    write N new anonymous pages              anon = rss = uss = N
//!   zero     read pages that were never written       faults only
//!   peak     write N pages and unmap them             anon 0, peak about N
//!   file     read a mapped file                       file 64
//!   memfd    fill a memfd, then map and write it      0, then shmem 32
//!   cow      write to a private mapping of a file     anon 10
//!   share    fork, and outlive the child              rss unchanged, pss halved and back
//!   label    label a mapping, then remove the label   linear_memory 5, then other 5
//!   twice    nothing                                  no change
//!   heap     allocate, grow, shrink and free a block  its bytes, to the byte
//! ```
//!
//! `kinds.rs` has the cases for other kinds of memory, for descendants and for moments between stages.
//!
//! All code that runs after `loaded` has run once before, on a small input. Otherwise its first run would add up to 16
//! pages of the program, which the kernel maps around each fault.

mod child;
mod kinds;

use std::{
    fs::File,
    hint::black_box,
    io::{self, Write},
    ops::Range,
    path::PathBuf,
    process::ExitCode,
};

use child::Child;
use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseError, CaseResult, Dirs, Family, Stages};
use kinds::{Held, Passed};
use memmap2::{Advice, Mmap, MmapMut, MmapOptions};
use rustix::{fs::MemfdFlags, param::page_size};

/// Pages of the file that `file` and `cow` map.
const FILE_PAGES: usize = 64;

fn main() -> ExitCode {
    highwater::main(family)
}

fn family() -> Family {
    let cases = [
        GroundTruth("dirty/pages=1", |stages| dirty(stages, 1)),
        GroundTruth("dirty/pages=16", |stages| dirty(stages, 16)),
        GroundTruth("dirty/pages=4096", |stages| dirty(stages, 4096)),
        GroundTruth("zero/pages=100", |stages| zero(stages, 100)),
        GroundTruth("peak/pages=4096,first=nothing", |stages| peak(stages, 4096)),
        GroundTruth("peak/pages=8,first=shrunk", |stages| peak_after_shrinking(stages, 8)),
        GroundTruth("file/pages=64", file),
        GroundTruth("memfd/pages=32", |stages| memfd(stages, 32)),
        GroundTruth("cow/pages=10,first=nothing", |stages| cow(stages, 10, First::Nothing)),
        GroundTruth("cow/pages=10,first=read", |stages| cow(stages, 10, First::Read)),
        GroundTruth("cow/pages=10,first=labelled", |stages| cow(stages, 10, First::Labelled)),
        GroundTruth("share/pages=64", |stages| share(stages, 64)),
        GroundTruth("label/pages=5", |stages| label(stages, 5)),
        GroundTruth("twice/pages=0", |stages| twice(stages, 0)),
        GroundTruth("twice/pages=4096", |stages| twice(stages, 4096)),
        GroundTruth("heap/blocks=1", heap),
        GroundTruth("held/pages=64,kind=memfd", |stages| kinds::held(stages, 64, Held::Memfd)),
        GroundTruth("held/pages=64,kind=tmpfs", |stages| kinds::held(stages, 64, Held::Tmpfs)),
        GroundTruth("held/pages=64,kind=deleted", |stages| kinds::held(stages, 64, Held::Deleted)),
        GroundTruth("held/pages=64,kind=segment", |stages| kinds::segment(stages, 64)),
        GroundTruth("huge/pages=2", |stages| kinds::huge(stages, 2)),
        GroundTruth("lazy/pages=1024", |stages| kinds::lazy(stages, 1024)),
        GroundTruth("move/pages=64", |stages| kinds::moved(stages, 64)),
        GroundTruth("child/pages=64", |stages| kinds::child(stages, 64)),
        GroundTruth("daemon/pages=64", |stages| kinds::daemons(stages, 64)),
        GroundTruth("kernel/sockets=16", |stages| kinds::sockets(stages, 16)),
        GroundTruth("kernel/pipes=64", |stages| kinds::pipes(stages, 64)),
        GroundTruth("passed/pages=4096,at=before", |stages| kinds::passed(stages, 4096, Passed::BeforeBaseline)),
        GroundTruth("passed/pages=4096,at=child", |stages| kinds::passed(stages, 4096, Passed::InChild)),
        GroundTruth("passed/pages=4096,at=memfd", |stages| kinds::passed(stages, 4096, Passed::InMemfd)),
        GroundTruth("passed/pages=4096,at=end", |stages| kinds::passed(stages, 4096, Passed::AfterLastStage)),
        GroundTruth("kept/pages=16", |stages| kinds::kept(stages, 16)),
    ];
    Family {
        name: "ground-truth",
        unit: "page",
        baseline_stage: "loaded",
        cases: cases.into_iter().map(|case| Box::new(case) as Box<dyn Case>).collect(),
    }
}

/// A case: its name within the family, and its code.
struct GroundTruth(&'static str, fn(&mut Stages) -> CaseResult);

impl Case for GroundTruth {
    fn id(&self) -> CaseId {
        format!("ground-truth/{}", self.0).parse().expect("a valid id")
    }

    /// All cases get the file, so that their jobs are alike.
    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let path = dirs.cache.join("ground-truth.bin");
        std::fs::write(&path, vec![7; FILE_PAGES * page_size()])?;
        Ok(vec![path])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        write_each_page(&mut vec![0; page_size()]);
        read_each_page(&vec![0; page_size()]);
        (self.1)(stages)
    }
}

/// Each page that is written for the first time adds one page and one fault.
fn dirty(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    stages.reached("loaded")?;
    write_each_page(mapping.pages(pages));
    Ok(stages.reached("live")?)
}

/// Reading maps the shared zero page, which is not counted for any process.
fn zero(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    stages.reached("loaded")?;
    read_each_page(mapping.pages(pages));
    Ok(stages.reached("live")?)
}

/// Memory that is unmapped before the next stage is visible only in the peak.
fn peak(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    drop(IsolatedMapping::new()?);
    stages.reached("loaded")?;
    write_each_page(mapping.pages(pages));
    drop(mapping);
    Ok(stages.reached("dropped")?)
}

/// Like `dirty`, in a worker that released pages before the baseline stage. The kernel may not have subtracted them
/// yet from the counter to which it resets the peak.
fn peak_after_shrinking(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    let mut released = MmapMut::map_anon(32 * page_size())?;
    write_each_page(&mut released);
    let mut kept = MmapMut::map_anon(64 * page_size())?;
    write_each_page(&mut kept);
    drop(released);
    stages.reached("loaded")?;
    write_each_page(mapping.pages(pages));
    Ok(stages.reached("live")?)
}

/// Reads all pages of a file, because the kernel also maps pages around a fault. Then unmaps it, with two anonymous
/// pages more than before.
fn file(stages: &mut Stages) -> CaseResult {
    let file = File::open(stages.input(0)?)?;
    // SAFETY: `prepare` writes the file while no worker runs. Nothing writes to it or truncates it while it is mapped.
    let map = unsafe { Mmap::map(&file) }?;
    let mut mapping = IsolatedMapping::new()?;
    stages.reached("loaded")?;
    read_each_page(&map);
    stages.reached("live")?;
    write_each_page(mapping.pages(2));
    drop(map);
    Ok(stages.reached("unmapped")?)
}

/// The pages of a memfd do not count as RSS until they are mapped.
fn memfd(stages: &mut Stages, pages: usize) -> CaseResult {
    let page = vec![1; page_size()];
    map_shared(&fill(1, &page)?)?;
    stages.reached("loaded")?;
    let file = fill(pages, &page)?;
    stages.reached("filled")?;
    let map = map_shared(&file)?;
    stages.reached("mapped")?;
    drop(map);
    Ok(())
}

/// Creates a memfd with this many pages, filled with write(2).
fn fill(pages: usize, page: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("ground-truth", MemfdFlags::CLOEXEC)?);
    for _ in 0..pages {
        file.write_all(page)?;
    }
    Ok(file)
}

/// Maps a memfd as shared memory, and writes to each page.
fn map_shared(file: &File) -> io::Result<MmapMut> {
    // SAFETY: only this process has the memfd, its length is final, and it is mapped only here.
    let mut map = unsafe { MmapMut::map_mut(file) }?;
    write_each_page(&mut map);
    Ok(map)
}

/// What happens to a copy-on-write mapping before it is written.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Nothing,
    Read,
    Labelled,
}

/// Each written page is copied. If it was read before, the copy replaces its file page.
fn cow(stages: &mut Stages, pages: usize, first: First) -> CaseResult {
    let file = File::open(stages.input(0)?)?;
    // SAFETY: nothing writes to the file or truncates it while a worker runs, see `file`.
    let mut map = unsafe { MmapOptions::new().map_copy(&file) }?;
    match first {
        First::Nothing => {}
        First::Read => read_each_page(&map),
        First::Labelled => stages.label(Category::LinearMemory, addresses(&map))?,
    }
    stages.reached("loaded")?;
    write_each_page(&mut map[..pages * page_size()]);
    Ok(stages.reached("live")?)
}

/// Shares dirty pages with an idle child until the child exits.
fn share(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    write_each_page(mapping.pages(pages));
    stages.label(Category::LinearMemory, mapping.addresses())?;
    Child::fork(|| ())?.end()?;
    stages.reached("loaded")?;
    let child = Child::fork(|| ())?;
    stages.reached("forked")?;
    child.end()?;
    Ok(stages.reached("alone")?)
}

/// The same pages with and without a label.
fn label(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    stages.forget(Category::LinearMemory)?;
    stages.label(Category::LinearMemory, mapping.addresses())?;
    stages.reached("loaded")?;
    write_each_page(mapping.pages(pages));
    stages.reached("live")?;
    stages.forget(Category::LinearMemory)?;
    Ok(stages.reached("forgotten")?)
}

/// Three snapshots of a worker that does nothing in between.
fn twice(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    write_each_page(mapping.pages(pages));
    for stage in ["loaded", "first", "second"] {
        stages.reached(stage)?;
    }
    Ok(())
}

/// A stage, and what happens to a block before it.
type Step = (&'static str, fn(&mut Vec<u8>));

/// A block that is allocated, grown and shrunk with realloc, and freed; then one that is freed before the snapshot.
fn heap(stages: &mut Stages) -> CaseResult {
    let steps: [Step; 5] = [
        ("allocated", |block| block.reserve_exact(1000)),
        ("grown", |block| block.reserve_exact(3000)),
        ("shrunk", |block| block.shrink_to(500)),
        ("freed", |block| *block = Vec::new()),
        ("passed", |_| drop(black_box(vec![0_u8; 700]))),
    ];
    let mut block = Vec::new();
    steps.iter().for_each(|(_, step)| step(black_box(&mut block)));
    stages.reached("loaded")?;
    for (stage, step) in steps {
        step(black_box(&mut block));
        stages.reached(stage)?;
    }
    Ok(())
}

/// A new private anonymous mapping that shares neither page tables nor VMAs with other mappings.
///
/// ```text
///   | ... up to 1 GiB ... |multiple of 1 GiB: pages() ....... | ... rest |
/// ```
///
/// From a multiple of 1 GiB on, page tables are not shared with other mappings: one page of them per 512 pages touched,
/// and one in the level above. `MADV_DONTDUMP` makes its flags differ from those of all other mappings, so that the
/// kernel never merges it with a neighbour. (`MAP_NORESERVE` is not sufficient: the heap of the arena of the case's
/// thread, which lies directly above, has it, too.) With a length that is not a multiple of a huge page, the kernel
/// does not align the mapping for huge pages; aligned, it could be mistaken for an arena of malloc (aligned to 64 MiB).
struct IsolatedMapping {
    map: MmapMut,
    start: usize,
}

impl IsolatedMapping {
    const ALIGNMENT: usize = 1 << 30;

    fn new() -> Result<Self, CaseError> {
        let length = 2 * Self::ALIGNMENT + page_size();
        let map = MmapOptions::new().len(length).no_reserve_swap().map_anon()?;
        map.advise(Advice::DontDump)?;
        let start = map.as_ptr().align_offset(Self::ALIGNMENT);
        Ok(Self { map, start })
    }

    /// The first `count` pages from the multiple of 1 GiB on.
    fn pages(&mut self, count: usize) -> &mut [u8] {
        &mut self.map[self.start..][..count * page_size()]
    }

    fn addresses(&self) -> Range<usize> {
        addresses(&self.map)
    }
}

fn addresses(map: &[u8]) -> Range<usize> {
    let range = map.as_ptr_range();
    range.start as usize..range.end as usize
}

#[inline(never)]
fn write_each_page(memory: &mut [u8]) {
    for page in memory.chunks_mut(page_size()) {
        *black_box(&mut page[0]) = 1;
    }
}

#[inline(never)]
fn read_each_page(memory: &[u8]) {
    for page in memory.chunks(page_size()) {
        black_box(page[0]);
    }
}
