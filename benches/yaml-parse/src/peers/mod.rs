//! Third-party parsers, with default settings except for limits that would reject a large file.

use std::hint::black_box;

use highwater_worker::CaseResult;

use crate::subject::{Document, Loaded, Subject, While, refused};

/// A peer from crates.io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// saphyr's `Yaml`, which can borrow from the input.
    Saphyr,
    /// yaml-rust2's `Yaml`.
    YamlRust2,
    /// serde_yaml's `Value`.
    SerdeYaml,
    /// serde_norway's `Value`.
    SerdeNorway,
    /// serde-saphyr with serde_json's `Value`, since it has no value type.
    SerdeSaphyr,
    /// noyalib's `Value`.
    Noyalib,
    /// libyaml-safer's `Document`.
    LibyamlSafer,
    /// rlsp-yaml-parser's `Document`, which keeps aliases.
    Rlsp,
}

impl Peer {
    /// All peers.
    pub const ALL: [Self; 8] = [
        Self::Saphyr,
        Self::YamlRust2,
        Self::SerdeYaml,
        Self::SerdeNorway,
        Self::SerdeSaphyr,
        Self::Noyalib,
        Self::LibyamlSafer,
        Self::Rlsp,
    ];

    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saphyr => "saphyr",
            Self::YamlRust2 => "yaml-rust2",
            Self::SerdeYaml => "serde-yaml",
            Self::SerdeNorway => "serde-norway",
            Self::SerdeSaphyr => "serde-saphyr",
            Self::Noyalib => "noyalib",
            Self::LibyamlSafer => "libyaml-safer",
            Self::Rlsp => "rlsp",
        }
    }

    /// The name of the package in `Cargo.lock`.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::SerdeYaml => "serde_yaml",
            Self::SerdeNorway => "serde_norway",
            Self::Rlsp => "rlsp-yaml-parser",
            other => other.name(),
        }
    }
}

/// Returns serde-saphyr's options without its budget, which rejects files of this size. Its alias limits stay enabled.
pub(crate) fn serde_saphyr_options() -> serde_saphyr::Options {
    serde_saphyr::options! { budget: None }
}

/// Returns noyalib's configuration without the limits that reject files of this size, one of which
/// rejects eleven aliases of one anchor. Its depth limit stays enabled.
fn noyalib_config() -> noyalib::ParserConfig {
    noyalib::ParserConfig::new()
        .max_document_length(usize::MAX)
        .max_stream_bytes(usize::MAX)
        .max_events(usize::MAX)
        .max_nodes(usize::MAX)
        .max_mapping_keys(usize::MAX)
        .max_sequence_length(usize::MAX)
        .max_total_scalar_bytes(usize::MAX)
        .max_documents(usize::MAX)
        .max_alias_expansions(usize::MAX)
        .alias_anchor_ratio(None)
}

impl Subject for Peer {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        use saphyr::LoadableYamlNode;
        let text = input.text()?;
        match self {
            Self::Saphyr => {
                let tree = saphyr::Yaml::load_from_str(text).map_err(refused)?;
                then(&Walk(tree.len(), || tree.iter().map(saphyr_scalars).sum()))
            }
            Self::YamlRust2 => {
                let tree = yaml_rust2::YamlLoader::load_from_str(text).map_err(refused)?;
                drop(input);
                then(&Walk(tree.len(), || tree.iter().map(yaml_rust2_scalars).sum()))
            }
            Self::SerdeYaml => {
                let tree: serde_yaml::Value = serde_yaml::from_str(text).map_err(refused)?;
                drop(input);
                then(&Walk(1, || serde_yaml_scalars(&tree)))
            }
            Self::SerdeNorway => {
                let tree: serde_norway::Value = serde_norway::from_str(text).map_err(refused)?;
                drop(input);
                then(&Walk(1, || serde_norway_scalars(&tree)))
            }
            Self::SerdeSaphyr => {
                let options = serde_saphyr_options();
                let tree: serde_json::Value = serde_saphyr::from_str_with_options(text, options).map_err(refused)?;
                drop(input);
                then(&Walk(1, || serde_json_scalars(&tree)))
            }
            Self::Noyalib => {
                let tree: noyalib::Value = noyalib::from_str_with_config(text, &noyalib_config()).map_err(refused)?;
                drop(input);
                then(&Walk(1, || noyalib_scalars(&tree)))
            }
            Self::LibyamlSafer => {
                let mut bytes = text.as_bytes();
                let mut parser = libyaml_safer::Parser::new();
                parser.set_input_string(&mut bytes);
                let tree = libyaml_safer::Document::load(&mut parser).map_err(refused)?;
                drop(parser);
                drop(input);
                then(&Walk(1, || {
                    let is_scalar = |node: &&libyaml_safer::Node| matches!(&node.data, libyaml_safer::NodeData::Scalar { value, .. } if { black_box(value); true });
                    tree.nodes.iter().filter(is_scalar).count() as u64
                }))
            }
            Self::Rlsp => {
                let loader = rlsp_yaml_parser::loader::LoaderBuilder::new().max_anchors(usize::MAX).build();
                let tree = loader.load(text).map_err(refused)?;
                drop(input);
                then(&Walk(tree.len(), || tree.iter().map(|document| rlsp_scalars(&document.root)).sum()))
            }
        }
    }
}

/// The number of documents, and a function that counts their scalars.
struct Walk<F>(usize, F);

impl<F: Fn() -> u64> Document for Walk<F> {
    fn walk(&self) -> CaseResult<u64> {
        Ok((self.1)())
    }

    fn documents(&self) -> Option<u64> {
        Some(self.0 as u64)
    }
}

fn saphyr_scalars(node: &saphyr::Yaml<'_>) -> u64 {
    match node {
        saphyr::Yaml::Sequence(items) => items.iter().map(saphyr_scalars).sum(),
        saphyr::Yaml::Mapping(pairs) => pairs.iter().map(|(k, v)| saphyr_scalars(k) + saphyr_scalars(v)).sum(),
        saphyr::Yaml::Tagged(_, inner) => saphyr_scalars(inner),
        scalar => {
            black_box(scalar);
            1
        }
    }
}

fn yaml_rust2_scalars(node: &yaml_rust2::Yaml) -> u64 {
    match node {
        yaml_rust2::Yaml::Array(items) => items.iter().map(yaml_rust2_scalars).sum(),
        yaml_rust2::Yaml::Hash(pairs) => pairs.iter().map(|(k, v)| yaml_rust2_scalars(k) + yaml_rust2_scalars(v)).sum(),
        scalar => {
            black_box(scalar);
            1
        }
    }
}

/// Counts the scalars of serde values that have the same variant names.
macro_rules! value_scalars {
    ($name:ident, $value:path, $tagged:pat => $inner:expr) => {
        fn $name(node: &$value) -> u64 {
            use $value as Value;
            match node {
                Value::Sequence(items) => items.iter().map($name).sum(),
                Value::Mapping(pairs) => pairs.iter().map(|(k, v)| $name(k) + $name(v)).sum(),
                $tagged => $inner,
                scalar => {
                    black_box(scalar);
                    1
                }
            }
        }
    };
}

value_scalars!(serde_yaml_scalars, serde_yaml::Value, Value::Tagged(tagged) => serde_yaml_scalars(&tagged.value));
value_scalars!(serde_norway_scalars, serde_norway::Value, Value::Tagged(tagged) => serde_norway_scalars(&tagged.value));

fn noyalib_scalars(node: &noyalib::Value) -> u64 {
    match node {
        noyalib::Value::Sequence(items) => items.iter().map(noyalib_scalars).sum(),
        noyalib::Value::Mapping(pairs) => pairs.iter().map(|(_, v)| 1 + noyalib_scalars(v)).sum(),
        scalar => {
            black_box(scalar);
            1
        }
    }
}

fn serde_json_scalars(node: &serde_json::Value) -> u64 {
    match node {
        serde_json::Value::Array(items) => items.iter().map(serde_json_scalars).sum(),
        serde_json::Value::Object(pairs) => pairs.iter().map(|(_, v)| 1 + serde_json_scalars(v)).sum(),
        scalar => {
            black_box(scalar);
            1
        }
    }
}

fn rlsp_scalars(node: &rlsp_yaml_parser::Node) -> u64 {
    match node {
        rlsp_yaml_parser::Node::Sequence { items, .. } => items.iter().map(rlsp_scalars).sum(),
        rlsp_yaml_parser::Node::Mapping { entries, .. } => {
            entries.iter().map(|(k, v)| rlsp_scalars(k) + rlsp_scalars(v)).sum()
        }
        scalar => {
            black_box(scalar);
            1
        }
    }
}
