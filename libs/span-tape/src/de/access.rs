//! Access to the items of a sequence, the pairs of a mapping and the content of a variant.

use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor, value::StrDeserializer,
};

use super::{Error, Lender, node::Deserializer};
use crate::{Children, Entries, Layout, Node, Source};

/// The items of a sequence that were not visited yet.
pub(super) struct Items<'c, 't, S, W, L> {
    pub(super) parent: Deserializer<'c, 't, S, W, L>,
    /// None of an omitted value.
    pub(super) children: Option<Children<'t, S, W>>,
    /// The number of items, and of those that were visited.
    pub(super) count: usize,
    pub(super) visited: usize,
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> SeqAccess<'de> for Items<'_, 't, S, W, L> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.children.as_mut().and_then(Iterator::next) else { return Ok(None) };
        let index = self.visited;
        self.visited += 1;
        seed.deserialize(self.parent.below(item)).map(Some).map_err(|error| error.in_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.visited)
    }
}

/// The pairs of a mapping that were not visited yet.
pub(super) struct Fields<'c, 't, S, W, L> {
    pub(super) parent: Deserializer<'c, 't, S, W, L>,
    /// None of an omitted value.
    pub(super) pairs: Option<Entries<'t, S, W>>,
    /// The key and value whose key was visited.
    pub(super) current: Option<(Node<'t, S, W>, Node<'t, S, W>)>,
    /// The number of pairs, and of those that were visited.
    pub(super) count: usize,
    pub(super) visited: usize,
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> MapAccess<'de> for Fields<'_, 't, S, W, L> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.pairs.as_mut().and_then(Iterator::next) else { return Ok(None) };
        self.current = Some((key, value));
        self.visited += 1;
        seed.deserialize(self.parent.below(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, value)) = self.current.take() else {
            return Err(Error::custom("the value was requested before its key"));
        };
        seed.deserialize(self.parent.below(value)).map_err(|error| error.in_value(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.visited)
    }
}

/// A variant that a tag names, with the node as its content.
pub(super) struct Tagged<'c, 't, S, W, L> {
    pub(super) tag: String,
    pub(super) content: Deserializer<'c, 't, S, W, L>,
}

impl<'c, 't, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> EnumAccess<'de> for Tagged<'c, 't, S, W, L> {
    type Error = Error;
    type Variant = Content<'c, 't, S, W, L>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize(StrDeserializer::<Error>::new(&self.tag))?;
        Ok((variant, Content(Some(self.content), None)))
    }
}

/// A variant that a scalar or the key of a mapping's only pair names.
pub(super) struct Named<'c, 't, S, W, L> {
    pub(super) name: Deserializer<'c, 't, S, W, L>,
    /// The key and its value, unless a scalar names the variant.
    pub(super) key: Option<Node<'t, S, W>>,
    pub(super) content: Option<Deserializer<'c, 't, S, W, L>>,
}

impl<'c, 't, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> EnumAccess<'de> for Named<'c, 't, S, W, L> {
    type Error = Error;
    type Variant = Content<'c, 't, S, W, L>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize(self.name)?;
        Ok((variant, Content(self.content, self.key)))
    }
}

/// The content of a variant, if it has any, and the key that names it.
pub(super) struct Content<'c, 't, S, W, L>(Option<Deserializer<'c, 't, S, W, L>>, Option<Node<'t, S, W>>);

impl<'c, 't, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> Content<'c, 't, S, W, L> {
    fn read<T>(
        self,
        expected: &str,
        read: impl FnOnce(Deserializer<'c, 't, S, W, L>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(content) = self.0 else { return Err(Error::invalid_type(Unexpected::UnitVariant, &expected)) };
        read(content).map_err(|error| match &self.1 {
            Some(key) => error.in_value(key),
            None => error,
        })
    }
}

impl<'t, 'de, S: Source, W: Layout, L: Lender<'t, 'de>> VariantAccess<'de> for Content<'_, 't, S, W, L> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.0.is_none() {
            return Ok(());
        }
        self.read("unit variant", serde::Deserialize::deserialize)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.read("newtype variant", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.read("tuple variant", |content| content.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.read("struct variant", |content| content.deserialize_map(visitor))
    }
}
