//! The state of a memory's pages: the `PAGEMAP_SCAN` ioctl of `/proc/self/pagemap` (Linux 6.7).

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

/// Runs that one call can return: 24 bytes each.
const RUNS: usize = 512;

/// The pages that a scan looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Private pages: present, and neither the zero page nor a file's.
    Committed,
    /// All other pages: never touched, only read, or still the file's.
    Uncommitted,
    /// Private pages, in memory or in swap.
    Contents,
    /// Uncommitted pages without contents: neither swapped out nor under migration.
    Blank,
    /// Pages that are not in a private page of this memory: absent, or a file's.
    NotOwn,
    /// Pages that are part of a huge page.
    Huge,
}

/// A change of a page since it was write-protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The page was written to; it is in memory or in swap.
    Written,
    /// The page is absent: it was never touched, or was discarded.
    Absent,
}

/// The page map of the process that opened it, even when used in a fork of that process.
#[derive(Debug)]
pub(crate) struct Pagemap(File);

/// The pages that one walk over the page tables returns. A page matches when, with the inverted categories
/// flipped, it is in all categories of `all` and, unless `any` is empty, in at least one of `any`.
#[derive(Clone, Copy, Default)]
struct Wanted {
    flags: u32,
    inverted: u32,
    all: u32,
    any: u32,
    /// Categories reported with each run.
    returned: u32,
}

impl Pagemap {
    /// # Errors
    /// When it cannot be opened (no /proc) or this kernel lacks `PAGEMAP_SCAN`.
    pub(crate) fn open() -> io::Result<Self> {
        let path = "/proc/self/pagemap";
        let file = File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        let pagemap = Self(file);
        pagemap.scan(&[], Pages::Committed, |_| ControlFlow::Continue(()))?;
        Ok(pagemap)
    }

    /// Calls `found` with each run of matching pages, as offsets into `memory`, ascending.
    pub(crate) fn scan(
        &self,
        memory: &[u8],
        pages: Pages,
        mut found: impl FnMut(Range<usize>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let [present, zero, file, swapped] = [PAGE_IS_PRESENT, PAGE_IS_PFNZERO, PAGE_IS_FILE, PAGE_IS_SWAPPED];
        let (inverted, all, any) = match pages {
            Pages::Committed => (zero | file, present | zero | file, 0),
            Pages::Uncommitted => (present, 0, present | zero | file),
            Pages::Contents => (zero | file, zero | file, present | swapped),
            Pages::Blank => (present | swapped, swapped, present | zero | file),
            Pages::NotOwn => (present, 0, present | file),
            Pages::Huge => (0, PAGE_IS_HUGE, 0),
        };
        let wanted = Wanted { inverted, all, any, returned: all | any, flags: 0 };
        self.walk(memory, wanted, |run, _| found(run))
    }

    /// Calls `found` with each run of pages that may have changed since they were write-protected, as offsets
    /// into `memory`, ascending. A page that was swapped out unwritten has not changed: the kernel keeps the
    /// protection in the swap entry.
    ///
    /// # Errors
    /// `PermissionDenied` where part of the memory is not registered for asynchronous write protection.
    pub(crate) fn scan_changes(
        &self,
        memory: &[u8],
        mut found: impl FnMut(Range<usize>, Change) -> ControlFlow<()>,
    ) -> io::Result<()> {
        // For pages that are present, "written" alone would suffice. Asking for two categories costs the
        // same, and when all pages of a memory are present, none is in the other category.
        let wanted = Wanted {
            flags: PM_SCAN_CHECK_WPASYNC,
            inverted: PAGE_IS_PRESENT,
            all: 0,
            any: PAGE_IS_WRITTEN | PAGE_IS_PRESENT,
            returned: PAGE_IS_WRITTEN | PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        };
        self.walk(memory, wanted, |run, categories| {
            if categories & (PAGE_IS_PRESENT | PAGE_IS_SWAPPED) == 0 {
                // Reported as "written" or not, depending on what is left of the page table.
                found(run, Change::Absent)
            } else if categories & PAGE_IS_WRITTEN != 0 {
                found(run, Change::Written)
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    fn walk(
        &self,
        memory: &[u8],
        wanted: Wanted,
        mut found: impl FnMut(Range<usize>, u32) -> ControlFlow<()>,
    ) -> io::Result<()> {
        // The kernel would reject the address of an empty slice, which is not page-aligned.
        let start = if memory.is_empty() { 0 } else { memory.as_ptr().addr() };
        let end = start + memory.len();
        let mut regions = [const { MaybeUninit::<page_region>::uninit() }; RUNS];
        let mut from = start;
        loop {
            let mut arg = pm_scan_arg {
                size: size_of::<pm_scan_arg>() as u64,
                flags: wanted.flags.into(),
                start: from as u64,
                end: end as u64,
                walk_end: 0,
                vec: regions.as_mut_ptr().addr() as u64,
                vec_len: RUNS as u64,
                max_pages: 0,
                category_inverted: wanted.inverted.into(),
                category_mask: wanted.all.into(),
                category_anyof_mask: wanted.any.into(),
                return_mask: wanted.returned.into(),
            };
            let count = self.call(&mut arg, &mut regions)?;
            for region in &regions[..count] {
                // SAFETY: the kernel reports how many regions it wrote, starting from the first.
                let region = unsafe { region.assume_init() };
                let run = region.start as usize - start..region.end as usize - start;
                if found(run, region.categories as u32).is_break() {
                    return Ok(());
                }
            }
            from = arg.walk_end as usize;
            if from >= end {
                return Ok(());
            }
        }
    }

    /// Write-protects the pages that were written since they were last protected, and no others, in one pass
    /// over the page tables.
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

    /// Makes one call and returns the number of regions that the kernel wrote.
    fn call(&self, arg: &mut pm_scan_arg, regions: &mut [MaybeUninit<page_region>]) -> io::Result<usize> {
        debug_assert!(arg.vec_len == regions.len() as u64);
        let scan = Scan(arg);
        // SAFETY: the argument has the type of this opcode; `vec` and `vec_len` describe a buffer that is
        // borrowed for writing, or none. The range is only examined, and at most write-protected in
        // asynchronous mode, which the kernel requires: it stays readable and writable.
        Ok(unsafe { ioctl(&self.0, scan) }?)
    }
}

/// The argument of one call, whose output is the call's return value: the number of regions.
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

    // SAFETY: called by `ioctl` with the kernel's return value, which is not negative here.
    unsafe fn output_from_ptr(count: i32, _: *mut std::ffi::c_void) -> rustix::io::Result<usize> {
        Ok(count as usize)
    }
}
