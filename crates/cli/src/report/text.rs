//! Lines of at most [`WIDTH`] characters.

/// The widest line of a report.
pub(crate) const WIDTH: usize = 110;

/// Text broken at spaces: the first line behind `first`, the others behind `rest`. Ends with a newline.
pub(crate) fn wrapped(first: &str, rest: &str, text: &str) -> String {
    let mut lines = String::from(first);
    let mut column = first.chars().count();
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !fresh && column + 1 + length > WIDTH {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.push_str(rest);
            column = rest.chars().count();
            fresh = true;
        }
        if !fresh {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
        fresh = false;
    }
    lines.truncate(lines.trim_end().len());
    lines.push('\n');
    lines
}

/// Names with what is said of them, in as many columns as fit.
pub(crate) fn columns(margin: &str, cells: &[(String, String)]) -> String {
    let length = |text: &String| text.chars().count();
    let names = cells.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
    let values = cells.iter().map(|(_, value)| length(value)).max().unwrap_or(0);
    let per_line = ((WIDTH - margin.len() + 4) / (names + values + 2 + 4)).clamp(1, 3);
    let mut text = String::new();
    for line in cells.chunks(per_line) {
        let line = line.iter().map(|(name, value)| format!("{name:names$}  {value:>values$}"));
        text.push_str(&format!("{margin}{}\n", line.collect::<Vec<_>>().join("    ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces() {
        let text = wrapped("one  ", "     ", &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("one  word") && lines[0].len() <= WIDTH);
        assert!(lines[1].starts_with("     word"));
        assert_eq!(wrapped("a  ", "", ""), "a\n");
    }

    #[test]
    fn columns_line_up() {
        let cells =
            [("a", "1"), ("bbb", "22"), ("c", "3"), ("d", "4")].map(|(a, b)| (a.to_string(), b.to_string()));
        assert_eq!(columns("  ", &cells), "  a     1    bbb  22    c     3\n  d     4\n");
    }
}
