//! The last lines that a worker wrote to stdout and stderr, for the report of a failure.

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

#[cfg(test)]
mod tests {
    use super::*;

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
