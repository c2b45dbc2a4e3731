//! Known ground: cases whose effect on memory can be told from a manual page, to the page, so that
//! `tests/known_ground.rs` can hold what Highwater reads against what must be there.
//!
//! ```text
//!   dirty    write N fresh anonymous pages            anon = rss = uss = N
//!   zero     read pages that were never written       faults, and nothing else
//!   peak     write N pages and give them back         anon 0, peak about N
//!   file     read a mapped file                       file 64
//!   memfd    fill a memfd, then map and write it      0, then shmem 32
//!   cow      write to a private mapping of a file     anon 10
//!   share    fork, and outlive the child              rss stays, pss halves and comes back
//!   label    label a mapping, then forget it          linear_memory 5, then other 5
//!   twice    nothing                                  nothing
//!   heap     allocate, grow, shrink and free a block  its bytes, to the byte
//! ```
//!
//! All code that runs after `loaded` was run once before it, on something small. Otherwise its own
//! first run counts too: up to 16 pages of the program, which the kernel maps around each fault.

use std::{
    fs::File,
    hint::black_box,
    io::{self, Write},
    ops::Range,
    path::PathBuf,
    process::ExitCode,
};

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseError, CaseResult, Dirs, Family, Stages};
use memmap2::{Advice, Mmap, MmapMut, MmapOptions};
use rustix::{fs::MemfdFlags, param::page_size, pipe::PipeFlags};

/// Pages of the file that `file` and `cow` map.
const FILE_PAGES: usize = 64;

fn main() -> ExitCode {
    highwater::main(family)
}

fn family() -> Family {
    let cases = [
        Line("dirty/pages=1", |stages| dirty(stages, 1)),
        Line("dirty/pages=16", |stages| dirty(stages, 16)),
        Line("dirty/pages=4096", |stages| dirty(stages, 4096)),
        Line("zero/pages=100", |stages| zero(stages, 100)),
        Line("peak/pages=4096,first=nothing", |stages| peak(stages, 4096)),
        Line("peak/pages=8,first=shrunk", |stages| peak_after_shrinking(stages, 8)),
        Line("file/pages=64", file),
        Line("memfd/pages=32", |stages| memfd(stages, 32)),
        Line("cow/pages=10,first=nothing", |stages| cow(stages, 10, First::Nothing)),
        Line("cow/pages=10,first=read", |stages| cow(stages, 10, First::Read)),
        Line("cow/pages=10,first=labelled", |stages| cow(stages, 10, First::Labelled)),
        Line("share/pages=64", |stages| share(stages, 64)),
        Line("label/pages=5", |stages| label(stages, 5)),
        Line("twice/pages=0", |stages| twice(stages, 0)),
        Line("twice/pages=4096", |stages| twice(stages, 4096)),
        Line("heap/blocks=1", heap),
    ];
    Family {
        name: "known-ground",
        unit: "page",
        reference: "loaded",
        context: Default::default(),
        cases: cases.into_iter().map(|line| Box::new(line) as Box<dyn Case>).collect(),
        claims: Vec::new(),
    }
}

/// A case: its name within the family and what it does.
struct Line(&'static str, fn(&mut Stages) -> CaseResult);

impl Case for Line {
    fn id(&self) -> CaseId {
        format!("known-ground/{}", self.0).parse().expect("names are written in the form of ids")
    }

    /// The file, for all cases alike: those that do not map it only have its path in their job.
    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let path = dirs.cache.join("known-ground.bin");
        std::fs::write(&path, vec![7; FILE_PAGES * page_size()])?;
        Ok(vec![path])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        write_each_page(&mut vec![0; page_size()]);
        read_each_page(&vec![0; page_size()]);
        (self.1)(stages)
    }
}

/// Every page written to for the first time is one page more, and one fault.
fn dirty(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    stages.reached("loaded")?;
    write_each_page(ground.pages(pages));
    Ok(stages.reached("live")?)
}

/// Reading maps the one zero page again and again; it belongs to nobody.
fn zero(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    stages.reached("loaded")?;
    read_each_page(ground.pages(pages));
    Ok(stages.reached("live")?)
}

/// What is gone again by the next stage, and is seen by the peak alone.
fn peak(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    drop(Ground::new()?);
    stages.reached("loaded")?;
    write_each_page(ground.pages(pages));
    drop(ground);
    Ok(stages.reached("dropped")?)
}

/// As `dirty`, in a worker that gave pages back while it was setting up: the kernel may not have
/// taken them off the sum from which it resets the peak.
fn peak_after_shrinking(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    let mut given_back = MmapMut::map_anon(32 * page_size())?;
    write_each_page(&mut given_back);
    let mut kept = MmapMut::map_anon(64 * page_size())?;
    write_each_page(&mut kept);
    drop(given_back);
    stages.reached("loaded")?;
    write_each_page(ground.pages(pages));
    Ok(stages.reached("live")?)
}

/// Every page of the file is read: the kernel maps pages around a fault too, so a part would not do. Then it is
/// unmapped, with two pages of anonymous memory more than before.
fn file(stages: &mut Stages) -> CaseResult {
    let file = File::open(stages.input(0)?)?;
    // SAFETY: the file is made by `prepare`, which runs while no worker does; nobody writes to it
    // or cuts it short while it is mapped.
    let map = unsafe { Mmap::map(&file) }?;
    let mut ground = Ground::new()?;
    stages.reached("loaded")?;
    read_each_page(&map);
    stages.reached("live")?;
    write_each_page(ground.pages(2));
    drop(map);
    Ok(stages.reached("unmapped")?)
}

/// A memfd's pages are nobody's RSS until they are mapped.
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

/// A memfd of so many pages, filled by write(2).
fn fill(pages: usize, page: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("known-ground", MemfdFlags::CLOEXEC)?);
    for _ in 0..pages {
        file.write_all(page)?;
    }
    Ok(file)
}

/// Maps a memfd for all to see, and writes to each page.
fn map_shared(file: &File) -> io::Result<MmapMut> {
    // SAFETY: the memfd is this process's own, has its final length, and is mapped here only.
    let mut map = unsafe { MmapMut::map_mut(file) }?;
    write_each_page(&mut map);
    Ok(map)
}

/// What happens to a copy-on-write mapping before it is written to.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Nothing,
    Read,
    Labelled,
}

/// Each page written to is copied. One that was read before gives its file page back for it.
fn cow(stages: &mut Stages, pages: usize, first: First) -> CaseResult {
    let file = File::open(stages.input(0)?)?;
    // SAFETY: nobody writes to the file or cuts it short while a worker runs, see `file`.
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

/// Dirty pages shared with a child that does nothing, and then had alone again.
fn share(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    write_each_page(ground.pages(pages));
    stages.label(Category::LinearMemory, ground.addresses())?;
    Child::fork()?.end()?;
    stages.reached("loaded")?;
    let child = Child::fork()?;
    stages.reached("forked")?;
    child.end()?;
    Ok(stages.reached("alone")?)
}

/// A forked child that holds this process's memory and waits for its end.
struct Child {
    pid: libc::pid_t,
    /// The child lives as long as this end of its pipe is open here.
    hold: File,
}

impl Child {
    fn fork() -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let (wait, hold) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        // SAFETY: the worker's only other thread waits for this one to end; the child calls only
        // async-signal-safe functions and leaves by _exit, running no destructor twice.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let mut byte = 0_u8;
                // SAFETY: both descriptors are open and this process's own copies; `byte` has room
                // for the one byte asked for. `read` returns when the parent closes its `hold`.
                unsafe {
                    libc::close(hold.as_raw_fd());
                    libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1);
                    libc::_exit(0)
                }
            }
            pid => Ok(Self { pid, hold: hold.into() }),
        }
    }

    /// Returns once the child and its memory are gone.
    fn end(self) -> io::Result<()> {
        drop(self.hold);
        // SAFETY: `pid` is an unreaped child of this process; no status is asked for.
        match unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// The same pages under a label and without.
fn label(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    stages.forget(Category::LinearMemory)?;
    stages.label(Category::LinearMemory, ground.addresses())?;
    stages.reached("loaded")?;
    write_each_page(ground.pages(pages));
    stages.reached("live")?;
    stages.forget(Category::LinearMemory)?;
    Ok(stages.reached("forgotten")?)
}

/// Three looks at a worker that does nothing in between.
fn twice(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut ground = Ground::new()?;
    write_each_page(ground.pages(pages));
    for stage in ["loaded", "first", "second"] {
        stages.reached(stage)?;
    }
    Ok(())
}

/// What is done to a block before a stage.
type Step = (&'static str, fn(&mut Vec<u8>));

/// A block that is allocated, grown and shrunk by realloc, and freed; then one that is gone at the look.
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

/// A fresh private anonymous mapping with nothing of anybody else's near it.
///
/// ```text
///   | ... up to 1 GiB ... |1 GiB border: pages() ............ | ... rest |
/// ```
///
/// From a multiple of 1 GiB on, the page tables of 4 KiB pages are its own: one page of them per
/// 512 pages touched, and one above those. Left out of core files it differs in its flags from every
/// other mapping, so the kernel never merges it with a neighbour. (Without a swap reservation alone it would not: the
/// heap of the arena of the case's thread has none either, and lies right above it.) An odd length keeps the
/// kernel from placing it for huge pages, where it may look like an arena of malloc (64 MiB borders).
struct Ground {
    map: MmapMut,
    start: usize,
}

impl Ground {
    const BORDER: usize = 1 << 30;

    fn new() -> Result<Self, CaseError> {
        let odd = 2 * Self::BORDER + page_size();
        let map = MmapOptions::new().len(odd).no_reserve_swap().map_anon()?;
        map.advise(Advice::DontDump)?;
        let start = map.as_ptr().align_offset(Self::BORDER);
        Ok(Self { map, start })
    }

    /// The first `count` pages after the border.
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
