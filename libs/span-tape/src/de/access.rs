//! Access to the items of a sequence, the pairs of a mapping and the content of a variant. It knows the deserializer of a
//! node only as a [`Child`].

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
    value::StrDeserializer,
};

use super::error::Error;

/// A deserializer of a node that makes those of its children.
pub(super) trait Child<'de>: Deserializer<'de, Error = Error> + Copy {
    type Node;

    /// Returns the deserializer of a child.
    fn below(&self, node: Self::Node) -> Self;

    /// Adds the step to the value of a key to an error.
    fn in_value(error: Error, key: &Self::Node) -> Error;
}

/// The items of a sequence that were not visited yet.
pub(super) struct Items<D, I> {
    pub(super) parent: D,
    /// None of an omitted value.
    pub(super) children: Option<I>,
    /// The number of items, and of those that were visited.
    pub(super) count: usize,
    pub(super) visited: usize,
}

impl<'de, D: Child<'de>, I: Iterator<Item = D::Node>> SeqAccess<'de> for Items<D, I> {
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
pub(super) struct Fields<D, I, N> {
    pub(super) parent: D,
    /// None of an omitted value.
    pub(super) pairs: Option<I>,
    /// The key and value whose key was visited.
    pub(super) current: Option<(N, N)>,
    /// The number of pairs, and of those that were visited.
    pub(super) count: usize,
    pub(super) visited: usize,
}

impl<'de, N: Copy, D: Child<'de, Node = N>, I: Iterator<Item = (N, N)>> MapAccess<'de> for Fields<D, I, N> {
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
        seed.deserialize(self.parent.below(value)).map_err(|error| D::in_value(error, &key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.visited)
    }
}

/// A variant that a tag names, with the node as its content.
pub(super) struct Tagged<D> {
    pub(super) tag: String,
    pub(super) content: D,
}

impl<'de, D: Child<'de>> EnumAccess<'de> for Tagged<D> {
    type Error = Error;
    type Variant = Content<D, D::Node>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize(StrDeserializer::<Error>::new(&self.tag))?;
        Ok((variant, Content(Some(self.content), None)))
    }
}

/// A variant that a scalar or the key of a mapping's only pair names.
pub(super) struct Named<D, N> {
    pub(super) name: D,
    /// The key and its value, unless a scalar names the variant.
    pub(super) key: Option<N>,
    pub(super) content: Option<D>,
}

impl<'de, D: Child<'de>> EnumAccess<'de> for Named<D, D::Node> {
    type Error = Error;
    type Variant = Content<D, D::Node>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize(self.name)?;
        Ok((variant, Content(self.content, self.key)))
    }
}

/// The content of a variant, if it has any, and the key that names it.
pub(super) struct Content<D, N>(Option<D>, Option<N>);

impl<'de, D: Child<'de>> Content<D, D::Node> {
    fn read<T>(self, expected: &str, read: impl FnOnce(D) -> Result<T, Error>) -> Result<T, Error> {
        let Some(content) = self.0 else { return Err(Error::invalid_type(Unexpected::UnitVariant, &expected)) };
        read(content).map_err(|error| match &self.1 {
            Some(key) => D::in_value(error, key),
            None => error,
        })
    }
}

impl<'de, D: Child<'de>> VariantAccess<'de> for Content<D, D::Node> {
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
