//! Short names of functions, of which the innermost part matters most.

/// The last two names of a path, without type parameters: `Cache::insert` of `<app::cache::Cache<K> as
/// app::Store>::insert`. Names in brackets and names of other languages are unchanged.
pub(super) fn short(function: &str) -> String {
    if function.starts_with('[') || !function.contains("::") {
        return function.to_owned();
    }
    let plain = match function.strip_prefix('<').and_then(of_method) {
        Some((of_type, method)) => format!("{}::{}", without_parameters(of_type), without_parameters(method)),
        None => without_parameters(function),
    };
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    // `f::{{closure}}` is a closure of `f`.
    let closures = parts.iter().rev().take_while(|part| part.starts_with('{')).count();
    let first = parts.len().saturating_sub(2.max(closures + 1));
    match parts[first..].join("::") {
        empty if empty.is_empty() => function.to_owned(),
        name => name,
    }
}

/// The type and the method of `Type as Trait>::method` or `Type>::method`.
fn of_method(inner: &str) -> Option<(&str, &str)> {
    let mut depth = 1_usize;
    for (index, character) in inner.char_indices() {
        match character {
            '<' => depth += 1,
            // An arrow is no bracket.
            '>' if !inner[..index].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let of_type = &inner[..index];
            let of_type = of_type.split(" as ").next().unwrap_or(of_type);
            return Some((of_type, inner[index + 1..].strip_prefix("::")?));
        }
    }
    None
}

/// The name without what is in angle brackets.
fn without_parameters(name: &str) -> String {
    let mut depth = 0_usize;
    let mut before = ' ';
    let kept = name.chars().filter(|character| {
        let is_arrow = before == '-';
        before = *character;
        match character {
            '<' => depth += 1,
            '>' if !is_arrow => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_names_are_kept() {
        for (function, name) in [
            ("main", "main"),
            ("planted::pages::linear_memory::culprit", "linear_memory::culprit"),
            ("planted::closure::culprit::{{closure}}", "culprit::{{closure}}"),
            ("a::f::{{closure}}::{{closure}}", "f::{{closure}}::{{closure}}"),
            ("<app::cache::Cache<K,V> as app::Store>::insert", "Cache::insert"),
            ("<app::cache::Cache>::insert::<u8>", "Cache::insert"),
            ("per_unit<alloc::vec::Vec<u8>, fn() -> u8>", "per_unit"),
            ("<F as cache::Callback<fn(u8) -> u8>>::call", "F::call"),
            ("wasm[0]::function[3]::touch", "function[3]::touch"),
            ("[pages of linear memory]", "[pages of linear memory]"),
            ("py::main:/app.py", "py::main:/app.py"),
            ("::", "::"),
            ("<<<::", "<<<::"),
        ] {
            assert_eq!(short(function), name, "{function}");
        }
    }
}
