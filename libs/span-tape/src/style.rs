//! The styles of YAML.

/// The style in which a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `text`
    Plain,
    /// `'text'`
    SingleQuoted,
    /// `"text"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A collection written with indentation.
    Block,
    /// A collection in brackets, or a pair within one.
    Flow,
}
