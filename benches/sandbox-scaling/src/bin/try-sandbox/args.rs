//! Parses function arguments from the command line: numbers for core modules, and JSON for components,
//! interpreted by the types of the function.
//!
//! | type | JSON |
//! |---|---|
//! | `string`, `char`, `enum` | `"text"`, or text that is not JSON |
//! | `list`, `tuple`, `flags` | `[1, 2]`, `[1, "a"]`, `["read"]` |
//! | `record` | `{"field": 1}` |
//! | `variant`, `result` | `{"case": payload}`, or `"case"` without one |
//! | `option` | `null`, or the value |

use serde_json::Value;
use wasmtime::{Val, ValType, component};

/// Parses an argument of a core function.
///
/// # Errors
/// A description of the problem.
pub(super) fn core(text: &str, ty: &ValType) -> Result<Val, String> {
    let bad = |what: &str| format!("`{text}` is not a valid {what}");
    Ok(match ty {
        ValType::I32 => {
            let bits = text.parse::<i32>().or_else(|_| text.parse::<u32>().map(u32::cast_signed));
            Val::I32(bits.map_err(|_| bad("i32"))?)
        }
        ValType::I64 => {
            let bits = text.parse::<i64>().or_else(|_| text.parse::<u64>().map(u64::cast_signed));
            Val::I64(bits.map_err(|_| bad("i64"))?)
        }
        ValType::F32 => Val::F32(text.parse::<f32>().map_err(|_| bad("f32"))?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().map_err(|_| bad("f64"))?.to_bits()),
        other => return Err(format!("`{text}`: arguments of type {other} cannot be given on a command line")),
    })
}

/// Parses an argument of a component function.
///
/// # Errors
/// A description of the problem.
pub(super) fn lifted(text: &str, ty: &component::Type) -> Result<component::Val, String> {
    use component::Type::{Char, Enum, String};
    match serde_json::from_str::<Value>(text) {
        // Numeric text is a string where a string is expected.
        Ok(Value::String(_)) | Err(_) if matches!(ty, String | Char | Enum(_)) => {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            value_of(&value, ty)
        }
        Ok(_) if matches!(ty, String | Char | Enum(_)) => value_of(&Value::from(text), ty),
        Ok(value) => value_of(&value, ty),
        Err(_) => Err(format!("`{text}` is not a valid {}", name(ty))),
    }
}

fn value_of(value: &Value, ty: &component::Type) -> Result<component::Val, String> {
    use component::{Type, Val};
    let bad = || format!("`{value}` is not a valid {}", name(ty));
    let signed =
        |bits: u32| value.as_i64().filter(|n| (-(1 << (bits - 1))..1 << (bits - 1)).contains(n)).ok_or_else(bad);
    let unsigned = |bits: u32| value.as_u64().filter(|n| *n < 1 << bits).ok_or_else(bad);
    let list = || value.as_array().ok_or_else(bad);
    let word = || value.as_str().ok_or_else(bad);
    // `"case"`, or `{"case": payload}`.
    let case = || match value {
        Value::String(case) => Ok((case.as_str(), None)),
        Value::Object(fields) if fields.len() == 1 => {
            fields.iter().next().map(|(case, payload)| (case.as_str(), Some(payload))).ok_or_else(bad)
        }
        _ => Err(bad()),
    };
    let payload = |given: Option<&Value>, ty: Option<Type>| match (given, ty) {
        (None, None) => Ok(None),
        (Some(given), Some(ty)) => Ok(Some(Box::new(value_of(given, &ty)?))),
        _ => Err(bad()),
    };
    Ok(match ty {
        Type::Bool => Val::Bool(value.as_bool().ok_or_else(bad)?),
        Type::S8 => Val::S8(signed(8)? as i8),
        Type::S16 => Val::S16(signed(16)? as i16),
        Type::S32 => Val::S32(signed(32)? as i32),
        Type::S64 => Val::S64(value.as_i64().ok_or_else(bad)?),
        Type::U8 => Val::U8(unsigned(8)? as u8),
        Type::U16 => Val::U16(unsigned(16)? as u16),
        Type::U32 => Val::U32(unsigned(32)? as u32),
        Type::U64 => Val::U64(value.as_u64().ok_or_else(bad)?),
        Type::Float32 => Val::Float32(value.as_f64().ok_or_else(bad)? as f32),
        Type::Float64 => Val::Float64(value.as_f64().ok_or_else(bad)?),
        Type::Char => {
            let mut chars = word()?.chars();
            match (chars.next(), chars.next()) {
                (Some(one), None) => Val::Char(one),
                _ => return Err(bad()),
            }
        }
        Type::String => Val::String(word()?.to_owned()),
        Type::List(of) => Val::List(list()?.iter().map(|value| value_of(value, &of.ty())).collect::<Result<_, _>>()?),
        Type::Tuple(of) => {
            let types: Vec<Type> = of.types().collect();
            let values = list()?;
            if values.len() != types.len() {
                return Err(bad());
            }
            Val::Tuple(values.iter().zip(&types).map(|(value, ty)| value_of(value, ty)).collect::<Result<_, _>>()?)
        }
        Type::Record(of) => {
            let given = value.as_object().ok_or_else(bad)?;
            let field = |field: component::types::Field<'_>| {
                let missing = || format!("`{value}` has no field `{}`", field.name);
                Ok::<_, String>((
                    field.name.to_owned(),
                    value_of(given.get(field.name).ok_or_else(missing)?, &field.ty)?,
                ))
            };
            Val::Record(of.fields().map(field).collect::<Result<_, _>>()?)
        }
        Type::Enum(of) => {
            let word = word()?;
            of.names().find(|name| *name == word).ok_or_else(bad)?;
            Val::Enum(word.to_owned())
        }
        Type::Flags(of) => {
            let flag = |value: &Value| {
                let word = value.as_str().ok_or_else(bad)?;
                of.names().find(|name| *name == word).map(str::to_owned).ok_or_else(bad)
            };
            Val::Flags(list()?.iter().map(flag).collect::<Result<_, String>>()?)
        }
        Type::Variant(of) => {
            let (word, given) = case()?;
            let found = of.cases().find(|case| case.name == word).ok_or_else(bad)?;
            Val::Variant(word.to_owned(), payload(given, found.ty)?)
        }
        Type::Result(of) => match case()? {
            ("ok", given) => Val::Result(Ok(payload(given, of.ok())?)),
            ("err", given) => Val::Result(Err(payload(given, of.err())?)),
            _ => return Err(bad()),
        },
        Type::Option(_) if value.is_null() => Val::Option(None),
        Type::Option(of) => Val::Option(Some(Box::new(value_of(value, &of.ty())?))),
        _ => return Err(format!("`{value}`: arguments of type {} cannot be given on a command line", name(ty))),
    })
}

/// The name of a type in WIT.
pub(super) fn name(ty: &component::Type) -> &'static str {
    use component::Type;
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "list",
        Type::Record(_) => "record",
        Type::Tuple(_) => "tuple",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Option(_) => "option",
        Type::Result(_) => "result",
        Type::Flags(_) => "flags",
        _ => "resource, stream or the like",
    }
}

#[cfg(test)]
mod tests {
    use component::{Component, Type, types::ComponentItem};
    use wasmtime::Engine;

    use super::*;

    /// The type with this definition in component text.
    fn ty(text: &str) -> Type {
        let engine = Engine::default();
        let text = format!(
            "(component (type $t {text}) (import \"t\" (type $u (eq $t))) (import \"f\" (func (param \"a\" $u))))"
        );
        let component = Component::new(&engine, wat::parse_str(&text).expect("text")).expect("a component");
        let ty = component.component_type();
        let function = ty.imports(&engine).find_map(|(_, item)| match item.ty {
            ComponentItem::ComponentFunc(function) => Some(function),
            _ => None,
        });
        function.expect("imported").params().next().expect("one").1
    }

    #[test]
    fn numbers_out_of_range_are_rejected() {
        assert!(matches!(core("4294967295", &ValType::I32), Ok(Val::I32(-1))));
        assert!(matches!(core("-1", &ValType::I64), Ok(Val::I64(-1))));
        assert!(matches!(core("0.5", &ValType::F64), Ok(Val::F64(bits)) if bits == 0.5_f64.to_bits()));
        assert_eq!(core("4294967296", &ValType::I32).expect_err("too large"), "`4294967296` is not a valid i32");
        assert_eq!(core("one", &ValType::F32).expect_err("a word"), "`one` is not a valid f32");
    }

    #[test]
    fn json_is_parsed_by_the_declared_type() {
        use component::Val;
        let enumeration = "(enum \"red\" \"green\")";
        let some = |value| Val::Option(Some(Box::new(value)));
        for (text, declared, expected) in [
            ("true", "bool", Val::Bool(true)),
            ("-128", "s8", Val::S8(-128)),
            ("65535", "u16", Val::U16(65_535)),
            ("18446744073709551615", "u64", Val::U64(u64::MAX)),
            ("1.5", "float32", Val::Float32(1.5)),
            ("x", "char", Val::Char('x')),
            ("plain text", "string", Val::String("plain text".into())),
            ("\"quoted\"", "string", Val::String("quoted".into())),
            ("12", "string", Val::String("12".into())),
            ("[1, 2]", "(list u8)", Val::List(vec![Val::U8(1), Val::U8(2)])),
            ("[1, \"a\"]", "(tuple u8 string)", Val::Tuple(vec![Val::U8(1), Val::String("a".into())])),
            ("{\"a\": 1}", "(record (field \"a\" u8))", Val::Record(vec![("a".into(), Val::U8(1))])),
            ("green", enumeration, Val::Enum("green".into())),
            ("[\"b\"]", "(flags \"a\" \"b\")", Val::Flags(vec!["b".into()])),
            ("null", "(option u8)", Val::Option(None)),
            ("3", "(option u8)", some(Val::U8(3))),
            ("{\"ok\": 1}", "(result u8)", Val::Result(Ok(Some(Box::new(Val::U8(1)))))),
            (
                "{\"n\": 1}",
                "(variant (case \"n\" u8) (case \"none\"))",
                Val::Variant("n".into(), Some(Box::new(Val::U8(1)))),
            ),
        ] {
            assert_eq!(lifted(text, &ty(declared)), Ok(expected), "{text} as {declared}");
        }
    }

    #[test]
    fn json_of_another_type_is_rejected() {
        for (text, declared, problem) in [
            ("256", "u8", "`256` is not a valid u8"),
            ("-1", "u32", "`-1` is not a valid u32"),
            ("128", "s8", "`128` is not a valid s8"),
            ("word", "u32", "`word` is not a valid u32"),
            ("[1]", "(tuple u8 u8)", "`[1]` is not a valid tuple"),
            ("{\"b\": 1}", "(record (field \"a\" u8))", "`{\"b\":1}` has no field `a`"),
            ("blue", "(enum \"red\")", "`\"blue\"` is not a valid enum"),
            ("two", "char", "`\"two\"` is not a valid char"),
        ] {
            assert_eq!(lifted(text, &ty(declared)), Err(problem.to_owned()));
        }
    }
}
