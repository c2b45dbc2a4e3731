//! System calls of the tests: their only unsafe code, each call one short function.

use std::{
    ffi::{CString, c_int, c_void},
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    os::unix::{ffi::OsStrExt, fs::FileExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munlock},
};

pub(crate) const PAGE: usize = 4096;

fn advise(memory: &mut [u8], advice: Advice) -> io::Result<()> {
    assert!(memory.as_ptr().addr().is_multiple_of(PAGE) && memory.len().is_multiple_of(PAGE));
    // SAFETY: whole pages of a slice that is borrowed for writing stay readable and writable.
    Ok(unsafe { madvise(memory.as_mut_ptr().cast(), memory.len(), advice) }?)
}

/// Maps a file of whole pages over the start of a memory, privately.
pub(crate) fn map_file_over(file: &File, memory: &mut [u8]) {
    let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
    // SAFETY: whole pages of a slice that is borrowed for writing become the same number of readable and
    // writable bytes of a file that nothing shortens.
    unsafe { mmap(memory.as_mut_ptr().cast(), memory.len(), rights, flags, file, 0) }.expect("maps");
}

/// Runs `work` in a forked child and panics if the child fails. The process must have a single thread.
pub(crate) fn in_a_fork(work: impl FnOnce()) {
    assert_eq!(std::fs::read_dir("/proc/self/task").expect("Linux").count(), 1);
    // SAFETY: no other thread is running, so the child starts with consistent state. It leaves by `_exit`, so
    // no destructor or exit handler runs twice.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let failed = catch_unwind(AssertUnwindSafe(work)).is_err();
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(failed.into()) }
    }
    let mut status = 0;
    // SAFETY: an unreaped child of this process; `status` has room for the one number.
    let waited = result(unsafe { libc::waitpid(pid, &raw mut status, 0) });
    assert_eq!((waited.expect("forks"), status), (pid, 0), "the fork failed");
}

/// `MADV_DONTNEED`.
pub(crate) fn discard(memory: &mut [u8]) {
    advise(memory, Advice::LinuxDontNeed).expect("discards");
}

/// `MADV_COLLAPSE`. Whether the kernel could collapse the pages is not the point of a test.
pub(crate) fn collapse(memory: &mut [u8]) {
    // SAFETY: copies whole pages of a slice that is borrowed for writing; no byte changes.
    let _ = unsafe { libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_COLLAPSE) };
}

/// mprotect(2) to read-only and back, as a host does that moves a guest's boundary.
pub(crate) fn toggle_protection(memory: &mut [u8]) {
    for rights in [MprotectFlags::READ, MprotectFlags::READ | MprotectFlags::WRITE] {
        // SAFETY: whole pages of a slice that is borrowed for writing, and that is writable again afterwards.
        unsafe { mprotect(memory.as_mut_ptr().cast(), memory.len(), rights) }.expect("protects");
    }
}

/// `MADV_HUGEPAGE`.
pub(crate) fn allow_huge_pages(memory: &mut [u8]) {
    advise(memory, Advice::LinuxHugepage).expect("allowed");
}

/// munlock(2).
pub(crate) fn unlock(memory: &mut [u8]) {
    // SAFETY: changes no byte.
    unsafe { munlock(memory.as_mut_ptr().cast(), memory.len()) }.expect("unlocks");
}

/// Maps fresh zeros over a part of a memory.
pub(crate) fn map_over(memory: &mut [u8]) {
    let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
    // SAFETY: whole pages of a slice that is borrowed for writing become the same number of readable and
    // writable bytes.
    unsafe { mmap_anonymous(memory.as_mut_ptr().cast(), memory.len(), rights, flags) }.expect("maps");
}

/// Swaps out as many pages as the kernel allows and returns how many are in swap now.
pub(crate) fn swap_out(memory: &mut [u8]) -> usize {
    for _ in 0..20 {
        // `MADV_PAGEOUT`, which libc and rustix call by different names.
        advise(memory, Advice::LinuxPageOut).expect("pages out");
        if swapped(memory) == memory.len() / PAGE {
            break;
        }
    }
    swapped(memory)
}

/// Lowers `RLIMIT_MEMLOCK` and drops the capability that overrides it, for this process and for good: as root by
/// becoming another user.
pub(crate) fn drop_the_right_to_lock(limit: u64) {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the calls change limits and users of this process; the limit is read during the call.
    let results = unsafe {
        let other = if libc::geteuid() == 0 { 65_534 } else { libc::geteuid() };
        [libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit), libc::setuid(other)]
    };
    for returned in results {
        result(returned).expect("lowers");
    }
}

/// Number of pages that are in memory, by mincore(2). Counts pages that were only read.
pub(crate) fn resident(memory: &mut [u8]) -> usize {
    let mut pages = vec![0_u8; memory.len() / PAGE];
    // SAFETY: whole pages, and room for a byte for each.
    result(unsafe { libc::mincore(memory.as_mut_ptr().cast(), memory.len(), pages.as_mut_ptr()) }).expect("known");
    pages.iter().filter(|page| **page & 1 == 1).count()
}

/// Number of pages in swap, from bit 62 of the page map entries.
pub(crate) fn swapped(memory: &[u8]) -> usize {
    let mut entries = vec![0; memory.len() / PAGE * 8];
    let pagemap = File::open("/proc/self/pagemap").expect("a page map");
    pagemap.read_exact_at(&mut entries, (memory.as_ptr().addr() / PAGE * 8) as u64).expect("entries");
    let entries = entries.as_chunks::<8>().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
    entries.filter(|entry| entry & 1 << 62 != 0).count()
}

/// Swap that is on while the value lives: a swap file, turned on under a lock that all such tests on the
/// machine share.
pub(crate) struct Swap {
    path: PathBuf,
    is_on: bool,
    _lock: File,
}

impl Swap {
    const BYTES: usize = 64 << 20;

    /// # Errors
    /// When this process may not turn swap on, or the file system cannot hold it.
    pub(crate) fn on() -> io::Result<Self> {
        // With no file: fails first for lack of rights, and then leaves nothing behind.
        if let Err(error) = swapoff(Path::new(""))
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return Err(error);
        }
        let lock = std::env::temp_dir().join("highwater-swap.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("highwater.swap");
        // Left by a run that was killed.
        let _ = swapoff(&path);
        let _ = std::fs::remove_file(&path);
        let mut swap = Self { path, is_on: false, _lock: lock };
        swap.make()?;
        swapon(&swap.path)?;
        swap.is_on = true;
        Ok(swap)
    }

    /// A file without holes, with the header that swapon(8) expects.
    fn make(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.create_new(true).write(true).open(&self.path)?;
        for _ in 0..Self::BYTES >> 20 {
            file.write_all(&[0; 1 << 20])?;
        }
        let last_page = (Self::BYTES / PAGE - 1) as u32;
        file.write_all_at(&1_u32.to_ne_bytes(), 1024)?;
        file.write_all_at(&last_page.to_ne_bytes(), 1028)?;
        file.write_all_at(b"SWAPSPACE2", PAGE as u64 - 10)?;
        file.sync_all()
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let off = if self.is_on { swapoff(&self.path) } else { Ok(()) };
        let removed = std::fs::remove_file(&self.path);
        if !std::thread::panicking() {
            off.and(removed).expect("swap is turned off again");
        }
    }
}

fn swapon(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a NUL-terminated string, which the call only reads.
    result(unsafe { libc::swapon(path.as_ptr(), 0) }).map(drop)
}

fn swapoff(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: as in `swapon`.
    result(unsafe { libc::swapoff(path.as_ptr()) }).map(drop)
}

fn result(returned: c_int) -> io::Result<c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// An io_uring with a memory registered as its only buffer.
pub(crate) struct Ring {
    fd: OwnedFd,
    /// The submission queue: its ring of indexes, and the entries.
    ring: *mut u8,
    entries: *mut u8,
    tail: u32,
    array: u32,
}

impl Ring {
    const RING_BYTES: usize = PAGE;

    /// Pins the pages of `buffer`, which must outlive the use of the ring.
    ///
    /// # Errors
    /// When the kernel lacks io_uring or a policy forbids it.
    pub(crate) fn with_buffer(buffer: &mut [u8]) -> io::Result<Self> {
        const SETUP: libc::c_long = libc::SYS_io_uring_setup;
        const REGISTER: libc::c_long = libc::SYS_io_uring_register;
        // `struct io_uring_params`, 120 bytes: `sq_off.tail` is its 11th number, `sq_off.array` its 16th.
        let mut params = [0_u32; 30];
        // SAFETY: the kernel fills the 120 bytes.
        let fd = unsafe { libc::syscall(SETUP, 1, params.as_mut_ptr()) };
        let fd = result(fd as c_int)?;
        // SAFETY: a new descriptor that nothing else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let map = |offset| {
            let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
            // SAFETY: the kernel chooses the address.
            let at =
                unsafe { libc::mmap(std::ptr::null_mut(), Self::RING_BYTES, rights, flags, fd.as_raw_fd(), offset) };
            if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast::<u8>()) }
        };
        let (ring, entries) = (map(0)?, map(0x1000_0000)?);
        let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast::<c_void>(), iov_len: buffer.len() };
        // SAFETY: opcode 0 registers the buffers of one vector, which is read during the call.
        let registered = unsafe { libc::syscall(REGISTER, fd.as_raw_fd(), 0, &raw const vector, 1) };
        result(registered as c_int)?;
        Ok(Self { fd, ring, entries, tail: params[11], array: params[16] })
    }

    /// `READ_FIXED`: reads from the start of the file into the registered buffer.
    pub(crate) fn read(&self, file: &File, into: &mut [u8]) -> io::Result<()> {
        let mut entry = [0_u8; 64];
        entry[0] = 4;
        entry[4..8].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        entry[16..24].copy_from_slice(&(into.as_mut_ptr().addr() as u64).to_ne_bytes());
        entry[24..28].copy_from_slice(&(into.len() as u32).to_ne_bytes());
        // SAFETY: one entry and its index, in the mapped rings that the kernel reads in the call below.
        unsafe {
            self.entries.copy_from_nonoverlapping(entry.as_ptr(), entry.len());
            self.ring.add(self.array as usize).cast::<u32>().write(0);
            let tail = self.ring.add(self.tail as usize).cast::<u32>();
            tail.write_volatile(tail.read_volatile() + 1);
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        // SAFETY: submits one entry and waits for it (IORING_ENTER_GETEVENTS); the buffer is borrowed meanwhile.
        let done = unsafe { libc::syscall(libc::SYS_io_uring_enter, self.fd.as_raw_fd(), 1, 1, 1, 0, 0) };
        result(done as c_int).map(drop)
    }
}
