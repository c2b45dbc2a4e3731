//! The raw system calls that rustix does not provide.

/// Whether two processes share one address space, as after `vfork` or `clone(CLONE_VM)`. `false` if the kernel cannot
/// compare them. [kcmp(2)](https://man7.org/linux/man-pages/man2/kcmp.2.html)
pub(super) fn share_memory(a: u32, b: u32) -> bool {
    /// `KCMP_VM` in `linux/kcmp.h`.
    const KCMP_VM: libc::c_long = 1;
    // SAFETY: kcmp takes five numbers and no pointers.
    let order = unsafe {
        libc::syscall(libc::SYS_kcmp, libc::c_long::from(a), libc::c_long::from(b), KCMP_VM, 0 as libc::c_long, 0)
    };
    order == 0
}
