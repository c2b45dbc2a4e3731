//! Reads the reference values that tests compare with: one set per line, fields of numbers between semicolons. Their
//! origin is in the first line of each file, and in `fixtures/reference.py`.

/// The lines of a fixture, each with `N` fields.
pub(crate) fn fixture<const N: usize>(text: &str) -> impl Iterator<Item = [Vec<f64>; N]> {
    let numbers = |field: &str| -> Vec<f64> {
        field.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    let fields = move |line: &str| -> [Vec<f64>; N] {
        let fields: Vec<Vec<f64>> = line.split(';').map(numbers).collect();
        fields.try_into().expect("the number of fields")
    };
    text.lines().filter(|line| !line.starts_with('#')).map(fields)
}
