//! A node is a deserializer: `T::deserialize(node)`.

use serde::de::Visitor;

use super::{
    context::{Context, FromTape},
    error::Error,
    node::Deserializer,
};
use crate::{Layout, Node, Source};

/// Defines methods that call those of the deserializer of a node. The names and types before the visitor are arguments.
macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'t>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            let context = Context::new(self.tape, FromTape);
            Deserializer::new(Some(self), &context).$method($($name,)* visitor)
        }
    )*};
}

/// Borrows texts from the tape.
impl<'t, S: Source, W: Layout> serde::Deserializer<'t> for Node<'t, S, W> {
    type Error = Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
