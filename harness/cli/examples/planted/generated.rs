//! Planted regressions in code that was generated while the program ran: a function of a few instructions touches more
//! pages of a linear memory. While stacks are recorded, it is listed as just-in-time compilers list theirs.

use std::{fs, process};

use highwater_model::Category;
use highwater_worker::{CaseResult, Stages, records_stacks};
use memmap2::{Mmap, MmapMut};

use crate::pages::{PAGE, range, touched};

/// Pages that are touched per unit.
const PAGES: usize = 4;
const MOST_UNITS: usize = 50;

/// `extern "C" fn(memory: *mut u8, pages: usize)`, which writes one byte to every page of 4 KiB. It keeps a frame
/// pointer, like the code of Cranelift.
#[cfg(target_arch = "x86_64")]
const CODE: &[u8] = &[
    0x55, // push rbp
    0x48, 0x89, 0xe5, // mov rbp, rsp
    0xc6, 0x07, 0x01, // mov byte [rdi], 1
    0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add rdi, 4096
    0x48, 0xff, 0xce, // dec rsi
    0x75, 0xf1, // jnz to the third instruction
    0x5d, // pop rbp
    0xc3, // ret
];
#[cfg(target_arch = "aarch64")]
const CODE: &[u8] = &[
    0xfd, 0x7b, 0xbf, 0xa9, // stp x29, x30, [sp, #-16]!
    0xfd, 0x03, 0x00, 0x91, // mov x29, sp
    0x22, 0x00, 0x80, 0x52, // mov w2, #1
    0x02, 0x00, 0x00, 0x39, // strb w2, [x0]
    0x00, 0x04, 0x40, 0x91, // add x0, x0, #4096
    0x21, 0x04, 0x00, 0xf1, // subs x1, x1, #1
    0xa1, 0xff, 0xff, 0x54, // b.ne to the fourth instruction
    0xfd, 0x7b, 0xc1, 0xa8, // ldp x29, x30, [sp], #16
    0xc0, 0x03, 0x5f, 0xd6, // ret
];

/// A function in memory.
struct Function(Mmap);

impl Function {
    fn generate() -> std::io::Result<Self> {
        let mut code = MmapMut::map_anon(PAGE)?;
        code[..CODE.len()].copy_from_slice(CODE);
        Ok(Self(code.make_exec()?))
    }

    fn call(&self, pages: &mut [u8]) {
        // SAFETY: the code is a function of this type, and writes only to the first byte of every 4 KiB of `pages`.
        unsafe {
            let function: extern "C" fn(*mut u8, usize) = std::mem::transmute(self.0.as_ptr());
            function(pages.as_mut_ptr(), pages.len() / 4096);
        }
    }
}

/// A function of a perf map.
pub(crate) fn perf_map(stages: &mut Stages) -> CaseResult {
    touching(stages, |function| {
        let line = format!("{:x} {:x} generated::culprit\n", function.0.as_ptr().addr(), CODE.len());
        Ok(fs::write(format!("/tmp/perf-{}.map", process::id()), line)?)
    })
}

/// A function of a jitdump file, in the folder of the run and mapped, as compilers do, with the line 7 of a file.
pub(crate) fn jitdump(stages: &mut Stages) -> CaseResult {
    touching(stages, |function| {
        let path = format!("jit-{}.dump", process::id());
        fs::write(&path, dump(function.0.as_ptr().addr() as u64))?;
        // SAFETY: nothing changes the file. It stays mapped until the end, so that it is found.
        std::mem::forget(unsafe { Mmap::map(&fs::File::open(path)?) }?);
        Ok(())
    })
}

fn dump(start: u64) -> Vec<u8> {
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    let record = |kind: u32, body: Vec<u8>| {
        let size = 16 + body.len() as u32;
        [&kind.to_ne_bytes()[..], &size.to_ne_bytes(), &[0; 8], &body].concat()
    };
    let header: Vec<u8> =
        [0x4a69_5444, 1, 40, 0, 0, process::id()].iter().flat_map(|it: &u32| it.to_ne_bytes()).collect();
    let line = [&start.to_ne_bytes()[..], &7_u32.to_ne_bytes(), &[0; 4], b"guest.wat\0"].concat();
    let lines = record(2, [words(&[start, 1]), line].concat());
    let size = CODE.len() as u64;
    let function = record(0, [&words(&[0, start, start, size, 1])[..], b"generated::culprit\0", CODE].concat());
    [header, vec![0; 16], lines, function].concat()
}

fn touching(stages: &mut Stages, list: impl FnOnce(&Function) -> CaseResult) -> CaseResult {
    let mut memory = MmapMut::map_anon(MOST_UNITS * PAGES * PAGE)?;
    stages.label(Category::LinearMemory, range(&memory))?;
    let function = Function::generate()?;
    if records_stacks() {
        list(&function)?;
    }
    stages.reached("loaded")?;
    let mut parts = memory.chunks_exact_mut(PAGES * PAGE);
    touched(stages, || function.call(parts.next().unwrap_or_default()))?;
    stages.forget(Category::LinearMemory)?;
    Ok(())
}
