//! The same picture in fewer bytes. Plotters writes an element for every tick and every part of a bar,
//! each with all its attributes (58 bytes a part); here neighbours that look alike become one path or one
//! group (about 9 bytes a part). Texts come last: they lie on top, and those of one look are together.

use std::fmt::Write as _;

/// An element as plotters wrote it. It escapes every quotation mark and bracket in values and texts, so
/// that brackets and `="` are markup wherever they stand.
struct Element<'a> {
    tag: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    text: &'a str,
}

impl<'a> Element<'a> {
    fn get(&self, name: &str) -> &'a str {
        self.attributes.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap_or(0.0)
    }

    /// An attribute as it is written: not at all where it says what holds anyway.
    fn unless(&self, name: &str, default: &str) -> String {
        match self.get(name) {
            value if value == default || value.is_empty() => String::new(),
            value => format!(" {name}=\"{value}\""),
        }
    }
}

fn elements(svg: &str) -> impl Iterator<Item = Element<'_>> {
    svg.split('<').filter_map(|part| {
        let (head, text) = part.split_once('>')?;
        let (tag, mut rest) = head.trim_end_matches('/').split_once(' ')?;
        let mut attributes = Vec::new();
        while let Some((name, tail)) = rest.split_once("=\"") {
            let (value, tail) = tail.split_once('"')?;
            attributes.push((name.trim(), value.trim()));
            rest = tail;
        }
        (tag != "svg").then_some(Element { tag, attributes, text: text.trim() })
    })
}

/// How elements of one look are written together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// One path: what they add is path data.
    Path,
    /// A group around them.
    Group,
    /// Not at all: a line of data stays an element that can be counted.
    Alone,
}

/// Neighbours of one look.
struct Run {
    how: Together,
    /// The attributes that they share.
    look: String,
    pieces: String,
}

/// What belongs between `<svg fill="none">` and `</svg>`.
pub(super) fn compact(svg: &str) -> String {
    let mut shapes: Vec<Run> = Vec::new();
    let mut texts: Vec<Run> = Vec::new();
    for element in elements(svg) {
        let run = run(&element);
        let before = match element.tag {
            "text" => texts.iter_mut().find(|other| other.look == run.look),
            _ => shapes.last_mut().filter(|last| last.look == run.look && last.how == run.how),
        };
        match before.filter(|_| run.how != Together::Alone) {
            Some(before) => before.pieces.push_str(&run.pieces),
            None if element.tag == "text" => texts.push(run),
            None => shapes.push(run),
        }
    }
    let mut written = String::new();
    for Run { how, look, pieces } in shapes.into_iter().chain(texts) {
        let done = match how {
            Together::Path => write!(written, "<path{look} d=\"{pieces}\"/>"),
            Together::Group => write!(written, "<g{look}>{pieces}</g>"),
            Together::Alone => write!(written, "<polyline{look} points=\"{pieces}\"/>"),
        };
        done.expect("a string takes all");
    }
    written
}

fn run(element: &Element<'_>) -> Run {
    let Element { tag, text, .. } = element;
    let get = |name| element.get(name);
    let opacity = element.unless("opacity", "1");
    let fill = element.unless("fill", "none");
    let stroke = element.unless("stroke", "none") + &element.unless("stroke-width", "1");
    let (how, look, pieces) = match *tag {
        "line" => {
            (Together::Path, stroke + &opacity, format!("M{} {} {} {}", get("x1"), get("y1"), get("x2"), get("y2")))
        }
        "polyline" if get("stroke-width") == "1" => (Together::Path, stroke + &opacity, format!("M{}", get("points"))),
        "polyline" => (Together::Alone, stroke + &opacity, get("points").to_owned()),
        "polygon" => (Together::Path, fill + &opacity, format!("M{}z", steps(get("points")))),
        // A filled rectangle is a broad line, and a filled circle a line of no length with round ends.
        "rect" => {
            let width =
                if get("height") == "1" { String::new() } else { format!(" stroke-width=\"{}\"", get("height")) };
            let look = format!(" stroke=\"{}\"{width}{opacity}", get("fill"));
            let middle = element.number("y") + element.number("height") / 2.0;
            (Together::Path, look, format!("M{} {middle}h{}", get("x"), get("width")))
        }
        "circle" if opacity.is_empty() && !fill.is_empty() => {
            let width = 2.0 * element.number("r");
            let look = format!(" stroke=\"{}\" stroke-width=\"{width}\" stroke-linecap=\"round\"", get("fill"));
            (Together::Path, look, format!("M{} {}h0", get("cx"), get("cy")))
        }
        "circle" => {
            // Of each by itself, so that dots on dots are darker.
            let look = fill + &element.unless("stroke", "none") + &opacity.replace("opacity", "fill-opacity");
            (Together::Group, look, format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>", get("cx"), get("cy"), get("r")))
        }
        _ => {
            // Plotters' shifts of the baseline, at 12 units to the em.
            let shift = match get("dy") {
                "0.76em" => 9.0,
                "0.5ex" => 4.0,
                _ => -3.0,
            };
            let look = element.unless("text-anchor", "start") + &fill + &opacity;
            let piece = format!("<text x={} y={}>{text}</text>", element.number("x"), element.number("y") + shift);
            (Together::Group, look, piece)
        }
    };
    Run { how, look, pieces }
}

/// Points as the first and the steps from each to the next, which have fewer digits.
fn steps(points: &str) -> String {
    let place = |point: &str| {
        let (x, y) = point.split_once(',')?;
        Some((x.parse::<i32>().ok()?, y.parse::<i32>().ok()?))
    };
    let places: Vec<(i32, i32)> = points.split(' ').filter_map(place).collect();
    let mut written = places.first().map_or(String::new(), |(x, y)| format!("{x} {y}l"));
    for pair in places.windows(2) {
        let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        // A minus sign parts numbers as well as a space does.
        let parted = if written.ends_with('l') || dx < 0 { "" } else { " " };
        let between = if dy < 0 { "" } else { " " };
        let done = write!(written, "{parted}{dx}{between}{dy}");
        done.expect("a string takes all");
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_look_alike_are_one_path_and_texts_one_group() {
        let drawn = "<svg width=\"9\">\n\
            <text x=\"2\" y=\"6\" dy=\"0.76em\" text-anchor=\"start\" opacity=\"1\" fill=\"#1\">\na &lt; b\n</text>\n\
            <rect x=\"2\" y=\"20\" width=\"3\" height=\"10\" opacity=\"1\" fill=\"#2\" stroke=\"none\"/>\n\
            <text x=\"2\" y=\"36\" dy=\"0.76em\" text-anchor=\"start\" opacity=\"1\" fill=\"#1\">\nc\n</text>\n\
            <rect x=\"2\" y=\"50\" width=\"5\" height=\"10\" opacity=\"1\" fill=\"#2\" stroke=\"none\"/>\n</svg>\n";
        assert_eq!(
            compact(drawn),
            "<path stroke=\"#2\" stroke-width=\"10\" d=\"M2 25h3M2 55h5\"/>\
             <g fill=\"#1\"><text x=2 y=15>a &lt; b</text><text x=2 y=45>c</text></g>"
        );
    }

    #[test]
    fn a_polygon_is_a_place_and_steps() {
        assert_eq!(steps("71,121 79,121 79,129 71,129"), "71 121l8 0 0 8-8 0");
    }

    #[test]
    fn what_looks_different_keeps_its_order_and_lines_of_data_stay_lines() {
        let circle = |x: u8, fill: &str| {
            format!(
                "<circle cx=\"{x}\" cy=\"1\" r=\"4\" opacity=\"1\" fill=\"{fill}\" stroke=\"none\" stroke-width=\"1\"/>\n"
            )
        };
        let line = "<polyline fill=\"none\" opacity=\"1\" stroke=\"#2\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n";
        let drawn = compact(&[line, line, &circle(1, "#1"), &circle(2, "#1"), &circle(3, "#2")].concat());
        assert_eq!(drawn.matches("<polyline stroke=\"#2\" stroke-width=\"2\" points=\"1,2 3,4\"/>").count(), 2);
        assert!(drawn.contains("d=\"M1 1h0M2 1h0\"/><path stroke=\"#2\""), "{drawn}");
    }
}
