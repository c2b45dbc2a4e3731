//! The system calls by which a process fills pages without a fault, or gives them back. Their tracepoints say who called
//! them. Only root can read the numbers of tracepoints, so that other users do not know who filled such pages.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::fs::{Mode, OFlags, openat};

use super::{mount::detached_tracefs, sys::Registers};

/// A system call, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `madvise` that fills pages or drops them.
    Madvise,
    /// `mlock` and `mlock2` that fill pages.
    Mlock,
    Mlock2,
    /// The begin of an `mmap` that fills its pages.
    MmapPopulate,
    /// The end of any `mmap`, which has the address.
    MmapEnd,
    Munmap,
}

/// What a call does to pages. Addresses are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Fills those that have no content.
    Fill(Range<u64>),
    /// The mapping whose address the end of the call has is to be filled.
    WillFill,
    /// There is a new mapping, perhaps an empty one, which is filled if [`Effect::WillFill`] came before.
    New(Range<u64>),
    /// They have no content any more.
    Drop(Range<u64>),
    /// None that matters.
    Nothing,
}

/// `MADV_DONTNEED` and `MADV_POPULATE_WRITE`, the same on all architectures that are supported.
const DONTNEED: u64 = 4;
const POPULATE_WRITE: u64 = 23;
/// Errors are the last addresses.
const FIRST_ERROR: u64 = u64::MAX - 4094;

impl Call {
    pub(super) const ALL: [Self; 6] =
        [Self::Madvise, Self::Mlock, Self::Mlock2, Self::MmapPopulate, Self::MmapEnd, Self::Munmap];

    fn tracepoint(self) -> &'static str {
        match self {
            Self::Madvise => "sys_enter_madvise",
            Self::Mlock => "sys_enter_mlock",
            Self::Mlock2 => "sys_enter_mlock2",
            Self::MmapPopulate => "sys_enter_mmap",
            Self::MmapEnd => "sys_exit_mmap",
            Self::Munmap => "sys_enter_munmap",
        }
    }

    /// Which calls have an event, in the language of tracepoints.
    pub(super) fn filter(self) -> Option<&'static str> {
        match self {
            Self::Madvise => Some("behavior == 4 || behavior == 23"),
            // Not `MLOCK_ONFAULT`.
            Self::Mlock2 => Some("flags == 0"),
            // `MAP_POPULATE` or `MAP_LOCKED`.
            Self::MmapPopulate => Some("flags & 0xa000"),
            Self::Mlock | Self::MmapEnd | Self::Munmap => None,
        }
    }

    /// Whether its events have the stack of the caller.
    pub(super) fn has_stack(self) -> bool {
        !matches!(self, Self::MmapEnd | Self::Munmap)
    }

    /// What it does, by the registers of its event.
    pub(super) fn effect(self, registers: Registers) -> Effect {
        let range = |start: u64, length: u64| start..start.saturating_add(length);
        let [start, length, advice] = registers.arguments();
        match self {
            Self::Madvise if advice == POPULATE_WRITE => Effect::Fill(range(start, length)),
            Self::Madvise if advice == DONTNEED => Effect::Drop(range(start, length)),
            Self::Madvise => Effect::Nothing,
            Self::Mlock | Self::Mlock2 => Effect::Fill(range(start, length)),
            Self::MmapPopulate => Effect::WillFill,
            Self::MmapEnd => match registers.result() {
                (FIRST_ERROR.., _) => Effect::New(0..0),
                (start, length) => Effect::New(range(start, length)),
            },
            Self::Munmap => Effect::Drop(range(start, length)),
        }
    }
}

/// The folders in which the file system of tracepoints is usually mounted.
const MOUNTED: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The number of the tracepoint of every call.
///
/// # Errors
/// If this user may not read them, or the kernel has no tracepoints of system calls.
pub(super) fn tracepoints() -> io::Result<Vec<(Call, u64)>> {
    let mounted = MOUNTED.iter().find(|path| Path::new(path).join("events").is_dir());
    let root: OwnedFd = match mounted {
        Some(path) => File::open(path)?.into(),
        None => detached_tracefs()?,
    };
    Call::ALL.into_iter().map(|call| Ok((call, number(root.as_fd(), call.tracepoint())?))).collect()
}

fn number(root: BorrowedFd<'_>, tracepoint: &str) -> io::Result<u64> {
    let path = format!("events/syscalls/{tracepoint}/id");
    let file = openat(root, &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registers of a call with these arguments, and its result.
    fn registers(arguments: [u64; 3], result: Option<u64>) -> Registers {
        #[cfg(target_arch = "x86_64")]
        return Registers([result.unwrap_or(0), arguments[2], arguments[1], arguments[0], 0, 0, 0, 0]);
        #[cfg(target_arch = "aarch64")]
        return Registers([result.unwrap_or(arguments[0]), arguments[1], arguments[2], 0, 0, 0, 0, 0]);
    }

    #[test]
    fn calls_that_fill_pages_say_which() {
        let begins = |call: Call, arguments| call.effect(registers(arguments, None));
        assert_eq!(begins(Call::Madvise, [0x5000, 0x2000, 23]), Effect::Fill(0x5000..0x7000));
        assert_eq!(begins(Call::Madvise, [0x5000, 0x2000, 4]), Effect::Drop(0x5000..0x7000));
        assert_eq!(begins(Call::Madvise, [0x5000, 0x2000, 14]), Effect::Nothing);
        assert_eq!(begins(Call::Mlock, [0x5000, u64::MAX, 0]), Effect::Fill(0x5000..u64::MAX));
        assert_eq!(begins(Call::Munmap, [0x5000, 0x1000, 0]), Effect::Drop(0x5000..0x6000));
        let ends = |result| Call::MmapEnd.effect(registers([0, 0x3000, 3], Some(result)));
        assert_eq!(ends(0x9000), Effect::New(0x9000..0xc000));
        // ENOMEM.
        assert_eq!(ends(-12_i64 as u64), Effect::New(0..0), "nothing was mapped");
    }
}
