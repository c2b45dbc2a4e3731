//! The deserializer of a node.

use serde::de::{Error as _, Expected, Unexpected, Visitor};

use super::{
    access::{Child, Fields, Items, Named, Tagged},
    context::{Context, DEPTH, Lender},
    error::{Error, Kind},
    value::{Value, visit_text},
};
use crate::{Entries, Layout, Node, NodeKind, Scalar, Source, style::Style};

/// Deserializes a node, or an empty document.
pub(super) struct Deserializer<'c, 't, S, W, L> {
    node: Option<Node<'t, S, W>>,
    context: &'c Context<L>,
    depth: u32,
    /// Whether the tag of the node was already used as the name of a variant.
    is_content: bool,
}

impl<S, W, L> Clone for Deserializer<'_, '_, S, W, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, W, L> Copy for Deserializer<'_, '_, S, W, L> {}

impl<'c, 't, S: Source, W: Layout, L> Deserializer<'c, 't, S, W, L> {
    pub(super) fn new(node: Option<Node<'t, S, W>>, context: &'c Context<L>) -> Self {
        Self { node, context, depth: 0, is_content: false }
    }

    fn deeper(&self) -> Result<Self, Error> {
        if self.depth >= DEPTH {
            return Err(Error::from(Kind::Depth { most: DEPTH }).at(self.node.as_ref()));
        }
        Ok(Self { depth: self.depth + 1, ..*self })
    }

    /// Replaces an alias by its target. The size of the target counts towards the limit of repeated nodes.
    fn resolved(mut self) -> Result<Self, Error> {
        let Some(node) = self.node.filter(|node| node.kind() == NodeKind::Alias) else { return Ok(self) };
        let target = node.resolve();
        let size = target.tape.end(target.at as usize) as u64 - u64::from(target.at);
        match self.context.left.get().checked_sub(size) {
            Some(left) => self.context.left.set(left),
            None => return Err(Error::from(Kind::Aliases { most: self.context.most }).at(Some(&node))),
        }
        self.node = Some(target);
        Ok(self)
    }

    /// Returns the name of a variant that a tag gives, such as `name` for `!name`.
    fn variant(&self) -> Result<Option<String>, Error> {
        let Some(node) = self.node.filter(|_| !self.is_content) else { return Ok(None) };
        let tag = node.tag().map_err(Kind::Tape)?;
        Ok(tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.is_empty()).map(str::to_owned))
    }

    /// Returns the value of a scalar. An application-specific tag is ignored.
    fn value(&self, node: &Node<'t, S, W>) -> Result<Value<'t>, Error> {
        let mut scalar = node.scalar().map_err(Kind::Tape)?;
        if let Scalar::Str(text) = scalar {
            let tag = node.tag().map_err(Kind::Tape)?;
            let is_local = tag.is_some_and(|tag| tag.len() > 1 && tag.starts_with('!'));
            let is_plain = is_local && node.style().map_err(Kind::Tape)? == Some(Style::Plain);
            scalar = if is_plain { Scalar::plain(text) } else { Scalar::Str(text) };
        }
        Ok(Value::new(scalar, || node.text().ok()))
    }

    /// Returns whether the node is a plain scalar without text, or missing.
    fn is_omitted(&self) -> Result<bool, Error> {
        let Some(node) = self.node else { return Ok(true) };
        Ok(node.kind() == NodeKind::Scalar
            && node.text().map_err(Kind::Tape)?.is_empty()
            && node.style().map_err(Kind::Tape)? == Some(Style::Plain))
    }

    /// Returns the error of a node of an unexpected kind.
    fn unexpected(&self, expected: &dyn Expected) -> Error {
        let Some(node) = self.node else { return Kind::NoDocument.into() };
        match node.kind() {
            NodeKind::Sequence => Error::invalid_type(Unexpected::Seq, expected),
            NodeKind::Mapping => Error::invalid_type(Unexpected::Map, expected),
            _ => self.value(&node).map_or_else(|error| error, |value| value.unexpected(expected)),
        }
    }
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> Deserializer<'_, 't, S, W, L> {
    /// Calls `visit` with the target of an alias or the node itself, and adds the position to its error.
    fn with<T>(self, visit: impl FnOnce(Self) -> Result<T, Error>) -> Result<T, Error> {
        let resolved = self.resolved()?;
        visit(resolved).map_err(|error| error.at(resolved.node.as_ref()))
    }

    fn visit_items<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let children = self.node.map(|node| node.children());
        let count = self.node.map_or(0, |node| node.children().count());
        let mut items = Items { parent: self.deeper()?, children, count, visited: 0 };
        let value = visitor.visit_seq(&mut items)?;
        let visited = items.visited;
        if visited == count {
            Ok(value)
        } else {
            Err(Error::invalid_length(count, &format!("{visited} items").as_str()))
        }
    }

    fn visit_fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let pairs = self.node.map(|node| node.entries()).transpose().map_err(Kind::Tape)?;
        let count = pairs.as_ref().map_or(0, Entries::remaining);
        let mut fields = Fields { parent: self.deeper()?, pairs, current: None, count, visited: 0 };
        let value = visitor.visit_map(&mut fields)?;
        let visited = fields.visited;
        if visited == count {
            Ok(value)
        } else {
            Err(Error::invalid_length(count, &format!("{visited} pairs").as_str()))
        }
    }

    /// Visits an omitted value as an empty collection.
    fn visit_nothing<V: Visitor<'de>>(self, visitor: V, is_mapping: bool) -> Result<V::Value, Error> {
        if !self.is_omitted()? {
            return Err(self.unexpected(&visitor));
        }
        let parent = Self { node: None, ..self };
        if is_mapping { parent.visit_fields(visitor) } else { parent.visit_items(visitor) }
    }

    fn visit_scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| match this.node {
            Some(node) if node.kind() == NodeKind::Scalar => this.value(&node)?.visit(this.context, visitor),
            _ => Err(this.unexpected(&visitor)),
        })
    }

    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| match this.node {
            Some(node) if node.kind() == NodeKind::Scalar => {
                visit_text(node.text().map_err(Kind::Tape)?, this.context, visitor)
            }
            _ => Err(this.unexpected(&visitor)),
        })
    }

    fn visit_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let is_sequence = self.node.is_some_and(|node| node.resolve().kind() == NodeKind::Sequence);
        if is_sequence { serde::Deserializer::deserialize_seq(self, visitor) } else { self.visit_text(visitor) }
    }

    fn visit_variant<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(tag) = self.variant()? {
            let content = Self { is_content: true, ..self.deeper()? };
            return visitor.visit_enum(Tagged { tag, content });
        }
        let mut pairs = self.node.map(|node| node.pairs()).into_iter().flatten();
        match (self.node.map(|node| node.kind()), pairs.next(), pairs.next()) {
            (Some(NodeKind::Mapping), Some((key, value)), None) => {
                let content = Some(self.deeper()?.below(value));
                visitor.visit_enum(Named { name: self.below(key), key: Some(key), content })
            }
            (Some(NodeKind::Scalar), ..) => visitor.visit_enum(Named { name: self, key: None, content: None }),
            _ => Err(self.unexpected(&"a variant: a text, `!Variant`, or a mapping of one pair")),
        }
    }
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> Child<'de> for Deserializer<'_, 't, S, W, L> {
    type Node = Node<'t, S, W>;

    fn below(&self, node: Self::Node) -> Self {
        Self { node: Some(node), is_content: false, ..*self }
    }

    fn in_value(error: Error, key: &Self::Node) -> Error {
        error.in_value(key)
    }
}

/// Defines methods by the way they visit.
macro_rules! visit {
    ($($way:ident: $($method:ident)*;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$way(visitor)
        }
    )*)*};
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> serde::Deserializer<'de> for Deserializer<'_, 't, S, W, L> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| {
            let Some(node) = this.node else { return visitor.visit_none() };
            if this.variant()?.is_some() {
                return this.visit_variant(visitor);
            }
            match node.kind() {
                NodeKind::Sequence => this.visit_items(visitor),
                NodeKind::Mapping => this.visit_fields(visitor),
                _ => this.value(&node)?.visit(this.context, visitor),
            }
        })
    }

    visit! {
        visit_scalar: deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
            deserialize_f64;
        visit_text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        visit_bytes: deserialize_bytes deserialize_byte_buf;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| {
            let is_none = match this.node {
                Some(node) if node.kind() == NodeKind::Scalar => {
                    this.value(&node)?.is_null() && this.variant()?.is_none()
                }
                other => other.is_none(),
            };
            if is_none { visitor.visit_none() } else { visitor.visit_some(this) }
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| match this.node {
            None => visitor.visit_unit(),
            Some(node) if node.kind() == NodeKind::Scalar && this.value(&node)?.is_null() => visitor.visit_unit(),
            Some(_) => Err(this.unexpected(&visitor)),
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| match this.node.map(|node| node.kind()) {
            Some(NodeKind::Sequence) => this.visit_items(visitor),
            _ => this.visit_nothing(visitor, false),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.with(|this| match this.node.map(|node| node.kind()) {
            Some(NodeKind::Mapping) => this.visit_fields(visitor),
            _ => this.visit_nothing(visitor, true),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.with(|this| this.visit_variant(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}
