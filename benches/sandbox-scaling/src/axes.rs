//! The remaining axes: what a call does to a sandbox's memory, and where the code comes from.

/// What a call does to the sandbox's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The guest's default: nothing, or 16 consecutive pages written. Cases without any access are the ladder
    /// `live`, before the call.
    Own,
    /// Writes to this many pages, starting at the first.
    Write(u32),
    /// Reads the whole image.
    ReadAll,
    /// Writes to this many pages, spread evenly over the memory.
    Scatter(u32),
    /// Runs a garbage collection in Python.
    Collect,
}

impl Access {
    /// The value in case ids, which omit the default.
    pub(crate) fn name(self) -> Option<String> {
        match self {
            Self::Own => None,
            Self::Write(pages) => Some(format!("write-{pages}")),
            Self::ReadAll => Some("read-all".to_owned()),
            Self::Scatter(pages) => Some(format!("scatter-{pages}")),
            Self::Collect => Some("collect".to_owned()),
        }
    }
}

/// Where compiled code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// `deserialize_file`: mapped from the precompiled file.
    File,
    /// `deserialize`: copied from the precompiled file's bytes.
    Bytes,
    /// Compiled in the worker.
    Compile,
    /// `deserialize` for each sandbox, so nothing is shared. The control for claims about shared code.
    Each,
}

impl Load {
    /// The value in case ids, which omit the default.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Bytes => Some("bytes"),
            Self::Compile => Some("compile"),
            Self::Each => Some("each"),
        }
    }
}
