//! Kinds of memory that are not anonymous pages of the worker: files in memory that are not mapped, System V segments,
//! huge pages, lazily freed pages, descendants, and buffers of the kernel. And moments between the stages: before the
//! baseline stage, after the last one, and while the case drops what it has.
//!
//! ```text
//!   held     write N pages that nothing maps            total N, each by its kind
//!   huge     write N pages of the hugetlb pool          hugetlb N * 512
//!   lazy     write N pages, give them back lazily       anon N, lazy_free N
//!   move     anonymous memory becomes a memfd           total 0
//!   child    N pages in a child or a daemon             total N, descendants N, processes 1
//!   kernel   fill sockets or pipes                      kernel N
//!   passed   N pages between two stages                 the peak of the later stage
//!   kept     N pages that the end does not release      growth at `end`
//! ```

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::net::UnixStream,
};

use highwater_worker::{CaseResult, NotRun, Stages};
use memmap2::{MmapMut, UncheckedAdvice};
use rustix::{fs::MemfdFlags, param::page_size, pipe::PipeFlags};

use crate::{
    IsolatedMapping,
    child::{Child, daemon},
    write_each_page,
};

/// Keeps its file in memory or on the disk without mapping it.
#[derive(Clone, Copy)]
pub(crate) enum Held {
    Memfd,
    Tmpfs,
    Deleted,
}

pub(crate) fn held(stages: &mut Stages, pages: usize, how: Held) -> CaseResult {
    let bytes = vec![1; pages * page_size()];
    let make = |bytes: &[u8]| -> io::Result<File> {
        let mut file = match how {
            Held::Memfd => File::from(rustix::fs::memfd_create("held", MemfdFlags::CLOEXEC)?),
            // The working directory of a worker is on a disk in these tests.
            Held::Tmpfs | Held::Deleted => {
                let folder = if matches!(how, Held::Tmpfs) { "/dev/shm" } else { "." };
                let path = format!("{folder}/ground-truth-{}", std::process::id());
                let file = File::create_new(&path)?;
                fs::remove_file(path)?;
                file
            }
        };
        file.write_all(bytes)?;
        Ok(file)
    };
    make(&bytes[..page_size()])?;
    stages.reached("loaded")?;
    let file = make(&bytes)?;
    stages.reached("written")?;
    drop(file);
    Ok(stages.reached("closed")?)
}

/// A segment that is written and detached.
pub(crate) fn segment(stages: &mut Stages, pages: usize) -> CaseResult {
    Segment::filled(1)?.remove()?;
    stages.reached("loaded")?;
    let segment = Segment::filled(pages)?;
    stages.reached("written")?;
    segment.remove()?;
    Ok(stages.reached("closed")?)
}

struct Segment(i32);

impl Segment {
    fn filled(pages: usize) -> io::Result<Self> {
        let bytes = pages * page_size();
        // SAFETY: no pointers; the result is checked.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, bytes, libc::IPC_CREAT | 0o600) };
        if id == -1 {
            return Err(io::Error::last_os_error());
        }
        let segment = Self(id);
        // SAFETY: the kernel chooses the address of a new mapping of at least `bytes` bytes, which nothing else uses and
        // which is detached before it is used again.
        unsafe {
            let start = libc::shmat(id, std::ptr::null(), 0);
            if start.addr() == usize::MAX {
                return Err(io::Error::last_os_error());
            }
            write_each_page(std::slice::from_raw_parts_mut(start.cast(), bytes));
            libc::shmdt(start);
        }
        Ok(segment)
    }

    fn remove(self) -> io::Result<()> {
        // SAFETY: IPC_RMID ignores the buffer.
        match unsafe { libc::shmctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Pages of the pool for explicit huge pages, which is empty unless somebody filled it.
pub(crate) fn huge(stages: &mut Stages, pages: usize) -> CaseResult {
    const HUGE: usize = 2 << 20;
    stages.reached("loaded")?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), pages * HUGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(NotRun(format!("no huge pages in the pool: {}", io::Error::last_os_error())).into());
    }
    // SAFETY: within the mapping, which is never unmapped.
    write_each_page(unsafe { std::slice::from_raw_parts_mut(start.cast(), pages * HUGE) });
    Ok(stages.reached("live")?)
}

pub(crate) fn lazy(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    stages.reached("loaded")?;
    write_each_page(mapping.pages(pages));
    stages.reached("live")?;
    // SAFETY: nothing reads these pages again.
    unsafe { mapping.map.unchecked_advise(UncheckedAdvice::Free) }?;
    Ok(stages.reached("freed")?)
}

/// The same bytes in another kind of memory.
pub(crate) fn moved(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    write_each_page(mapping.pages(pages));
    let mut file = File::from(rustix::fs::memfd_create("moved", MemfdFlags::CLOEXEC)?);
    stages.reached("loaded")?;
    for page in 0..pages {
        file.write_all(&mapping.pages(pages)[page * page_size()..][..page_size()])?;
    }
    // SAFETY: nothing reads these pages again.
    unsafe { mapping.map.unchecked_advise(UncheckedAdvice::DontNeed) }?;
    Ok(stages.reached("moved")?)
}

/// A child that writes to pages of a mapping, which the worker itself never wrote to.
pub(crate) fn child(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    Child::fork(|| write_each_page(mapping.pages(1)))?.end()?;
    stages.reached("loaded")?;
    let child = Child::fork(|| write_each_page(mapping.pages(pages)))?;
    stages.reached("forked")?;
    child.end()?;
    Ok(stages.reached("alone")?)
}

/// A process in a session of its own, whose parent has exited, that ignores signals and is never ended.
pub(crate) fn daemons(stages: &mut Stages, pages: usize) -> CaseResult {
    let mut mapping = IsolatedMapping::new()?;
    stages.reached("loaded")?;
    daemon(|| write_each_page(mapping.pages(pages)))?;
    Ok(stages.reached("forked")?)
}

/// Buffers of sockets that nobody reads, until each is full.
pub(crate) fn sockets(stages: &mut Stages, count: usize) -> CaseResult {
    let fill = |count: usize| -> io::Result<Vec<(UnixStream, UnixStream)>> {
        let pairs = (0..count).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>()?;
        for (socket, _) in &pairs {
            socket.set_nonblocking(true)?;
            while (&*socket).write(&[1; 4096]).is_ok() {}
        }
        Ok(pairs)
    };
    drop(fill(1)?);
    stages.reached("loaded")?;
    let full = fill(count)?;
    stages.reached("full")?;
    drop(full);
    Ok(stages.reached("closed")?)
}

/// Pipes that nobody reads: 16 pages each.
pub(crate) fn pipes(stages: &mut Stages, count: usize) -> CaseResult {
    let fill = |count: usize| -> io::Result<Vec<_>> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let pipes = (0..count).map(|_| rustix::pipe::pipe_with(flags)).collect::<Result<Vec<_>, _>>()?;
        for (_, end) in &pipes {
            while rustix::io::write(end, &[1; 4096]).is_ok() {}
        }
        Ok(pipes)
    };
    drop(fill(1)?);
    stages.reached("loaded")?;
    let full = fill(count)?;
    stages.reached("full")?;
    drop(full);
    Ok(stages.reached("closed")?)
}

/// Where memory is used and released again before the next stage.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Passed {
    BeforeBaseline,
    InChild,
    InMemfd,
    AfterLastStage,
}

/// `pages` pages, and a block of the heap with as many bytes.
pub(crate) fn passed(stages: &mut Stages, pages: usize, how: Passed) -> CaseResult {
    drop(IsolatedMapping::new()?);
    let use_memory = || -> CaseResult {
        let mut mapping = IsolatedMapping::new()?;
        match how {
            Passed::InChild => return Ok(Child::fork(|| write_each_page(mapping.pages(pages)))?.end()?),
            Passed::InMemfd => {
                let file = File::from(rustix::fs::memfd_create("passed", MemfdFlags::CLOEXEC)?);
                file.set_len((pages * page_size()) as u64)?;
                // SAFETY: only this function has the memfd, and its length does not change.
                write_each_page(&mut unsafe { MmapMut::map_mut(&file) }?);
            }
            Passed::BeforeBaseline | Passed::AfterLastStage => {
                write_each_page(mapping.pages(pages));
                drop(std::hint::black_box(vec![0_u8; pages]));
            }
        }
        Ok(())
    };
    if how == Passed::BeforeBaseline {
        use_memory()?;
    }
    stages.reached("loaded")?;
    if matches!(how, Passed::InChild | Passed::InMemfd) {
        use_memory()?;
    }
    stages.reached("passed")?;
    if how == Passed::AfterLastStage {
        use_memory()?;
    }
    Ok(())
}

/// Memory that is written while it is dropped, and kept.
pub(crate) fn kept(stages: &mut Stages, pages: usize) -> CaseResult {
    struct Grows(IsolatedMapping, usize);
    impl Drop for Grows {
        fn drop(&mut self) {
            write_each_page(self.0.pages(self.1));
            let never_unmapped = IsolatedMapping { map: std::mem::replace(&mut self.0.map, empty()), start: 0 };
            std::mem::forget(never_unmapped);
        }
    }
    let grows = Grows(IsolatedMapping::new()?, pages);
    stages.reached("loaded")?;
    stages.reached("last")?;
    drop(grows);
    Ok(())
}

/// A mapping that takes the place of one that is kept.
fn empty() -> MmapMut {
    MmapMut::map_anon(1).expect("a page of address space")
}
