//! What is behind the pages of a memory: the `PAGEMAP_SCAN` ioctl of `/proc/self/pagemap` (Linux 6.7).

use std::{
    fs::File,
    io,
    mem::MaybeUninit,
    ops::{ControlFlow, Range},
};

use linux_raw_sys::general::{
    PAGE_IS_FILE, PAGE_IS_HUGE, PAGE_IS_PFNZERO, PAGE_IS_PRESENT, PAGE_IS_SWAPPED, PAGE_IS_WRITTEN,
    PM_SCAN_CHECK_WPASYNC, PM_SCAN_WP_MATCHING, page_region, pm_scan_arg,
};
use rustix::ioctl::{Opcode, ioctl, opcode};

/// `_IOWR('f', 16, struct pm_scan_arg)`, include/uapi/linux/fs.h.
const PAGEMAP_SCAN: Opcode = opcode::read_write::<pm_scan_arg>(b'f', 16);

/// Runs that one call may return: 24 bytes each.
const RUNS: usize = 512;

/// Which pages a scan is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Those that are this memory's own: present, neither the zero page nor a file's.
    Committed,
    /// Those that are not: never touched, only read, or still the file's.
    Uncommitted,
    /// Those written to since they were last write-protected.
    Written,
    /// Those that are part of a huge page.
    Huge,
}

/// This process's page map.
#[derive(Debug)]
pub(crate) struct Pagemap(File);

impl Pagemap {
    /// # Errors
    /// When it cannot be opened (no /proc) or this kernel has no scan.
    pub(crate) fn open() -> io::Result<Self> {
        let path = "/proc/self/pagemap";
        let file = File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        let pagemap = Self(file);
        pagemap.scan(&[], Pages::Committed, |_| ControlFlow::Continue(()))?;
        Ok(pagemap)
    }

    /// Calls `found` with each run of such pages, as offsets into `memory`, ascending.
    pub(crate) fn scan(
        &self,
        memory: &[u8],
        pages: Pages,
        mut found: impl FnMut(Range<usize>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        // An empty slice's address is no page's, which the kernel would refuse.
        let start = if memory.is_empty() { 0 } else { memory.as_ptr().addr() };
        let end = start + memory.len();
        let [present, zero, file, written, swapped] =
            [PAGE_IS_PRESENT, PAGE_IS_PFNZERO, PAGE_IS_FILE, PAGE_IS_WRITTEN, PAGE_IS_SWAPPED].map(u64::from);
        // A page is of interest when, with the inverted categories flipped, it is in all of `all` and,
        // where `any` is not empty, in one of `any`.
        let (inverted, all, any): (u64, u64, u64) = match pages {
            Pages::Committed => (zero | file, present | zero | file, 0),
            Pages::Uncommitted => (present, 0, present | zero | file),
            Pages::Written => (0, written, present | swapped),
            Pages::Huge => (0, PAGE_IS_HUGE.into(), 0),
        };
        let mut regions = [const { MaybeUninit::<page_region>::uninit() }; RUNS];
        let mut from = start;
        loop {
            let mut arg = pm_scan_arg {
                size: size_of::<pm_scan_arg>() as u64,
                flags: 0,
                start: from as u64,
                end: end as u64,
                walk_end: 0,
                vec: regions.as_mut_ptr().addr() as u64,
                vec_len: RUNS as u64,
                max_pages: 0,
                category_inverted: inverted,
                category_mask: all,
                category_anyof_mask: any,
                return_mask: all | any,
            };
            let count = self.call(&mut arg, &mut regions)?;
            for region in &regions[..count] {
                // SAFETY: the kernel says how many regions it wrote, from the first on.
                let region = unsafe { region.assume_init() };
                if found(region.start as usize - start..region.end as usize - start).is_break() {
                    return Ok(());
                }
            }
            from = arg.walk_end as usize;
            if from >= end {
                return Ok(());
            }
        }
    }

    /// Write-protects the pages that were written since they last were, and leaves the others: one pass
    /// over the page tables, where a call for each run would take 0.8 us.
    pub(crate) fn protect_written(&self, memory: &mut [u8]) -> io::Result<()> {
        let start = memory.as_ptr().addr() as u64;
        let mut arg = pm_scan_arg {
            size: size_of::<pm_scan_arg>() as u64,
            flags: u64::from(PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC),
            start,
            end: start + memory.len() as u64,
            walk_end: 0,
            vec: 0,
            vec_len: 0,
            max_pages: 0,
            category_inverted: 0,
            category_mask: PAGE_IS_WRITTEN.into(),
            category_anyof_mask: 0,
            return_mask: 0,
        };
        self.call(&mut arg, &mut []).map(drop)
    }

    /// One call; returns how many regions were written.
    fn call(&self, arg: &mut pm_scan_arg, regions: &mut [MaybeUninit<page_region>]) -> io::Result<usize> {
        debug_assert!(arg.vec_len == regions.len() as u64);
        let scan = Scan(arg);
        // SAFETY: the argument is what this opcode takes; `vec` and `vec_len` are a buffer that is
        // borrowed for writing, or none. The range is only looked at, and at most write-protected in
        // asynchronous mode, which the kernel insists on: it stays readable and writable.
        Ok(unsafe { ioctl(&self.0, scan) }?)
    }
}

/// The argument of one call, which answers with the call's return value: the number of regions.
struct Scan<'a>(&'a mut pm_scan_arg);

// SAFETY: the opcode belongs to `pm_scan_arg`, which `as_ptr` points to for as long as the call takes.
unsafe impl rustix::ioctl::Ioctl for Scan<'_> {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        PAGEMAP_SCAN
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    // SAFETY: called by `ioctl` with what the kernel returned, which is not negative here.
    unsafe fn output_from_ptr(count: i32, _: *mut std::ffi::c_void) -> rustix::io::Result<usize> {
        Ok(count as usize)
    }
}
