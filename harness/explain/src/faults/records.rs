//! Parses the records of the ring buffers: samples of page faults and system calls, and the number of lost ones.

use perf_event_open_sys::bindings::{PERF_RECORD_LOST, PERF_RECORD_SAMPLE};

use super::sys::Registers;
use crate::bytes::Reader;

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A page fault or a system call.
    Sample(Sample<'a>),
    /// The kernel dropped this number of records, because the ring was full.
    Lost(u64),
}

/// A page fault or a system call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample<'a> {
    /// That of the event.
    pub(super) id: u64,
    pub(super) pid: u32,
    pub(super) tid: u32,
    /// The address whose page was missing.
    pub(super) address: u64,
    /// As [`super::sys`] requests them; `None` if there is no user code, as in a thread of the kernel.
    pub(super) registers: Option<Registers>,
    /// The bytes from the stack pointer upwards.
    pub(super) stack: &'a [u8],
}

/// The records in a copy of a ring. Anything after a damaged record is dropped.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = Reader(bytes);
    std::iter::from_fn(move || {
        loop {
            let kind = rest.u32()?;
            let size = usize::from((rest.u32()? >> 16) as u16);
            let mut body = Reader(rest.take(size.checked_sub(8)?)?);
            match kind {
                PERF_RECORD_SAMPLE => return sample(&mut body).map(Record::Sample),
                PERF_RECORD_LOST => return body.u64().and_then(|_id| body.u64()).map(Record::Lost),
                _ => {}
            }
        }
    })
}

/// `id; pid, tid; address; abi, registers; size, stack, used size`
fn sample<'a>(body: &mut Reader<'a>) -> Option<Sample<'a>> {
    let id = body.u64()?;
    let (pid, tid) = (body.u32()?, body.u32()?);
    let address = body.u64()?;
    let registers = match body.u64()? {
        0 => None,
        _abi => {
            let mut registers = Registers::default();
            for register in &mut registers.0 {
                *register = body.u64()?;
            }
            Some(registers)
        }
    };
    let size = body.u64()? as usize;
    let stack = body.take(size)?;
    let used = if size > 0 { body.u64()? as usize } else { 0 };
    Some(Sample { id, pid, tid, address, registers, stack: &stack[..used.min(size)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn record(kind: u32, body: &[u64]) -> Vec<u8> {
        let size = 8 + 8 * body.len() as u64;
        words(&[[u64::from(kind) | size << 48].as_slice(), body].concat())
    }

    #[test]
    fn samples_and_losses_are_read_and_others_skipped() {
        let registers = Registers([1, 2, 3, 4, 5, 6, 7, 8]);
        let sample = [&[3, 7 | 8 << 32, 0x5000, 2][..], &registers.0, &[16, 0xaa, 0xbb, 8]].concat();
        let bytes = [
            record(PERF_RECORD_SAMPLE, &sample),
            record(3, &[1, 2, 3]),
            record(PERF_RECORD_LOST, &[9, 42]),
            record(PERF_RECORD_SAMPLE, &[4, 7, 0x6000, 0, 0]),
            vec![0; 5],
        ];
        let bytes = bytes.concat();
        let found: Vec<Record<'_>> = records(&bytes).collect();
        let stack = words(&[0xaa]);
        let registers = Some(registers);
        let first = Record::Sample(Sample { id: 3, pid: 7, tid: 8, address: 0x5000, registers, stack: &stack });
        let last = Record::Sample(Sample { id: 4, pid: 7, tid: 0, address: 0x6000, registers: None, stack: &[] });
        assert_eq!(found, [first, Record::Lost(42), last]);
    }

    #[test]
    fn damaged_records_end_the_list() {
        let sample = record(PERF_RECORD_SAMPLE, &[3, 7, 0x5000, 0, 1 << 40]);
        assert_eq!(records(&sample).count(), 0);
        assert_eq!(records(&record(PERF_RECORD_LOST, &[9])).count(), 0);
        assert_eq!(records(&words(&[9 | 4 << 48])).count(), 0, "shorter than its head");
    }
}
