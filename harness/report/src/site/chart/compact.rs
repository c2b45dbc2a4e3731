//! Reduces the size of SVG. Plotters writes one element with all attributes for every tick and every part of a
//! bar (58 bytes per part). Consecutive elements with the same style are merged into one path or group (about
//! 9 bytes per part). Texts are moved to the end, where they are drawn on top, and grouped by style.

use std::fmt::Write as _;

/// An element written by plotters. Plotters escapes quotation marks and angle brackets in values and texts,
/// so brackets and `="` are always markup.
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

    /// An attribute as markup; empty if it has its default value.
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

/// How consecutive elements with the same style are merged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// As one path whose data is concatenated.
    Path,
    /// As a group element.
    Group,
    /// Not merged: series stay separate elements, so that tests can count them.
    Alone,
}

/// Consecutive elements with the same style.
struct Run {
    how: Merge,
    /// The shared attributes.
    style: String,
    pieces: String,
}

/// Returns the content of `<svg fill="none">`.
pub(super) fn compact(svg: &str) -> String {
    let mut shapes: Vec<Run> = Vec::new();
    let mut texts: Vec<Run> = Vec::new();
    for element in elements(svg) {
        let run = run(&element);
        let before = match element.tag {
            "text" => texts.iter_mut().find(|other| other.style == run.style),
            _ => shapes.last_mut().filter(|last| last.style == run.style && last.how == run.how),
        };
        match before.filter(|_| run.how != Merge::Alone) {
            Some(before) => before.pieces.push_str(&run.pieces),
            None if element.tag == "text" => texts.push(run),
            None => shapes.push(run),
        }
    }
    let mut written = String::new();
    for Run { how, style, pieces } in shapes.into_iter().chain(texts) {
        let done = match how {
            Merge::Path => write!(written, "<path{style} d=\"{pieces}\"/>"),
            Merge::Group => write!(written, "<g{style}>{pieces}</g>"),
            Merge::Alone => write!(written, "<polyline{style} points=\"{pieces}\"/>"),
        };
        done.expect("writing to a string cannot fail");
    }
    written
}

fn run(element: &Element<'_>) -> Run {
    let Element { tag, text, .. } = element;
    let get = |name| element.get(name);
    let opacity = element.unless("opacity", "1");
    let fill = element.unless("fill", "none");
    let stroke = element.unless("stroke", "none") + &element.unless("stroke-width", "1");
    let (how, style, pieces) = match *tag {
        "line" => (Merge::Path, stroke + &opacity, format!("M{} {} {} {}", get("x1"), get("y1"), get("x2"), get("y2"))),
        "polyline" if get("stroke-width") == "1" => (Merge::Path, stroke + &opacity, format!("M{}", get("points"))),
        "polyline" => (Merge::Alone, stroke + &opacity, get("points").to_owned()),
        "polygon" => (Merge::Path, fill + &opacity, format!("M{}z", steps(get("points")))),
        // A filled rectangle is a thick line, and a filled circle is a line of length 0 with round caps.
        "rect" => {
            let width =
                if get("height") == "1" { String::new() } else { format!(" stroke-width=\"{}\"", get("height")) };
            let style = format!(" stroke=\"{}\"{width}{opacity}", get("fill"));
            let center = element.number("y") + element.number("height") / 2.0;
            (Merge::Path, style, format!("M{} {center}h{}", get("x"), get("width")))
        }
        "circle" if opacity.is_empty() && !fill.is_empty() => {
            let width = 2.0 * element.number("r");
            let style = format!(" stroke=\"{}\" stroke-width=\"{width}\" stroke-linecap=\"round\"", get("fill"));
            (Merge::Path, style, format!("M{} {}h0", get("cx"), get("cy")))
        }
        "circle" => {
            // Keep circles separate, so that overlapping translucent dots are darker.
            let style = fill + &element.unless("stroke", "none") + &opacity.replace("opacity", "fill-opacity");
            (Merge::Group, style, format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>", get("cx"), get("cy"), get("r")))
        }
        _ => {
            // Plotters' baseline shifts, at 12 units per em.
            let shift = match get("dy") {
                "0.76em" => 9.0,
                "0.5ex" => 4.0,
                _ => -3.0,
            };
            let style = element.unless("text-anchor", "start") + &fill + &opacity;
            let piece = format!("<text x={} y={}>{text}</text>", element.number("x"), element.number("y") + shift);
            (Merge::Group, style, piece)
        }
    };
    Run { how, style, pieces }
}

/// Converts absolute points to a first point and relative steps, which have fewer digits.
fn steps(points: &str) -> String {
    let place = |point: &str| {
        let (x, y) = point.split_once(',')?;
        Some((x.parse::<i32>().ok()?, y.parse::<i32>().ok()?))
    };
    let places: Vec<(i32, i32)> = points.split(' ').filter_map(place).collect();
    let mut written = places.first().map_or(String::new(), |(x, y)| format!("{x} {y}l"));
    for pair in places.windows(2) {
        let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        // A minus sign also separates numbers.
        let parted = if written.ends_with('l') || dx < 0 { "" } else { " " };
        let between = if dy < 0 { "" } else { " " };
        let done = write!(written, "{parted}{dx}{between}{dy}");
        done.expect("writing to a string cannot fail");
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_elements_of_one_style_are_merged() {
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
    fn polygons_use_relative_steps() {
        assert_eq!(steps("71,121 79,121 79,129 71,129"), "71 121l8 0 0 8-8 0");
    }

    #[test]
    fn order_and_series_are_preserved() {
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
