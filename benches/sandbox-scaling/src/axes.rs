//! The other axes as values: what a sandbox is called to do, and where its code comes from.

/// What a call does to the sandbox's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// What the guest does by itself: nothing, or 16 pages written one after the other. Before the call
    /// nothing was accessed at all: that is the ladder `live`.
    Own,
    /// Writes to the first so many pages.
    Write(u32),
    /// Reads the whole image.
    ReadAll,
    /// Writes to so many pages, spread evenly over the memory.
    Scatter(u32),
    /// Collects garbage, in Python.
    Collect,
}

impl Access {
    /// The value in case ids; what is usual is left out of them.
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
    /// `deserialize` for every sandbox anew: nothing is shared. The control for everything said of shared code.
    Each,
}

impl Load {
    /// The value in case ids; what is usual is left out of them.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Bytes => Some("bytes"),
            Self::Compile => Some("compile"),
            Self::Each => Some("each"),
        }
    }
}
