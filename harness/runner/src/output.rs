//! What a worker wrote to stdout and stderr: its last lines, for the report of a failure, and the lines of a program
//! whose output shows its stages.

use highwater_worker::protocol::MAX_LINE;

/// The number of bytes that are kept.
const TAIL: usize = 4096;

/// A buffer with the last bytes of a worker's output.
#[derive(Debug, Default)]
pub(super) struct OutputTail(Vec<u8>);

impl OutputTail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(TAIL);
        self.0.drain(..surplus);
    }

    /// The text. If the beginning was lost, it starts at the first complete line.
    pub(super) fn text(&self) -> String {
        let from = match self.0.iter().position(|byte| *byte == b'\n') {
            Some(newline) if self.0.len() == TAIL => newline + 1,
            _ => 0,
        };
        String::from_utf8_lossy(&self.0[from..]).trim_end().to_owned()
    }
}

/// The lines of a program's output, put together from what is read of it. Of a long line, only the beginning is kept.
#[derive(Debug, Default)]
pub(super) struct OutputLines {
    begun: Vec<u8>,
}

impl OutputLines {
    /// Takes bytes of the output, and passes each line that they complete to `see`, without its newline.
    pub(super) fn push(&mut self, bytes: &[u8], mut see: impl FnMut(&[u8])) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, ends) =
                part.split_last().filter(|(last, _)| **last == b'\n').map_or((part, false), |(_, it)| (it, true));
            let room = MAX_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&line[..line.len().min(room)]);
            if ends {
                see(self.begun.strip_suffix(b"\r").unwrap_or(&self.begun));
                self.begun.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_from_pieces_and_long_ones_shortened() {
        let mut lines = OutputLines::default();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for piece in [&b"rea"[..], b"dy\r\n\nlo", b"ad \xff\nrest"] {
            lines.push(piece, |line| seen.push(line.to_vec()));
        }
        assert_eq!(seen, [&b"ready"[..], b"", b"load \xff"]);
        for _ in 0..100 {
            lines.push(&[b'x'; 1000], |_| panic!("no line"));
        }
        lines.push(b"\n", |line| assert_eq!(line.len(), MAX_LINE));
    }

    #[test]
    fn only_the_last_complete_lines_are_kept() {
        let mut tail = OutputTail::default();
        tail.push(b"first line\n");
        assert_eq!(tail.text(), "first line");
        for _ in 0..1000 {
            tail.push(b"0123456789\n");
        }
        tail.push(b"panicked\n");
        let text = tail.text();
        assert!(text.len() <= TAIL && text.starts_with("0123456789\n") && text.ends_with("panicked"));
    }
}
