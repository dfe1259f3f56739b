//! The neighbourhood of an operation that cannot be placed, drawn as intervals: a row for each process, time from left
//! to right, the lines of the file at both ends of each operation.
//!
//! ```text
//!   0   4|-- write 2 --|9
//!   1      6|== read -> 1 ==|12   fits nowhere
//!   2   5|-- write 3 ·······
//! ```

use quarrel_formats::history::{Shown, Violation};

use super::check::deed;
use super::numbers::counted;

/// The widest line.
const WIDTH: usize = 100;
/// The most rows.
const ROWS_MAX: usize = 16;
/// The longest name of a process that is shown whole.
const NAME_MAX: usize = 14;
const MARK: &str = "   fits nowhere";

/// Draws as many of the operations around the stuck one as fit.
pub(super) fn draw(violation: &Violation) -> String {
    let stuck = &violation.stuck;
    // The last ones before it say most, then those that go on beside it.
    let candidates: Vec<&Shown> = violation.last.iter().rev().chain(&violation.overlapping).collect();
    let mut chosen = vec![stuck];
    for candidate in &candidates {
        chosen.push(candidate);
        if !Picture::new(&chosen, stuck).fits() {
            chosen.pop();
        }
    }
    let mut text = Picture::new(&chosen, stuck).render();
    let overlapping = violation.overlapping.iter().filter(|it| !chosen.contains(it)).count();
    let drawn = violation.last.iter().filter(|it| chosen.contains(it)).count();
    let earlier = violation.order.len() - drawn;
    let mut left_out = Vec::new();
    if earlier > 0 {
        left_out.push(format!("{} of the order", counted(earlier as u64, "operation")));
    }
    if overlapping > 0 {
        left_out.push(format!("{} beside the stuck one", counted(overlapping as u64, "operation")));
    }
    if !left_out.is_empty() {
        text.push_str(&format!("  not drawn: {}\n", left_out.join(", ")));
    }
    text
}

/// Where everything goes.
struct Picture<'a> {
    rows: Vec<Row<'a>>,
    names: usize,
    /// How far to the right intervals reach.
    end: usize,
}

struct Row<'a> {
    process: &'a str,
    bars: Vec<Bar<'a>>,
}

struct Bar<'a> {
    operation: &'a Shown,
    is_stuck: bool,
    label: String,
    /// Columns of the ends; without an answer there is none.
    start: usize,
    end: Option<usize>,
}

impl<'a> Picture<'a> {
    fn new(chosen: &[&'a Shown], stuck: &Shown) -> Self {
        let mut operations: Vec<&Shown> = chosen.to_vec();
        operations.sort_by_key(|operation| operation.called);
        let mut rows: Vec<Row<'a>> = Vec::new();
        for operation in operations {
            let is_stuck = operation.called == stuck.called;
            let bar =
                Bar { operation, is_stuck, label: format!(" {} ", deed(operation)), start: 0, end: None };
            // A process that goes on although it never had an answer gets another row.
            let free = |row: &&mut Row<'a>| {
                let last = row.bars.last().and_then(|bar| bar.operation.returned);
                row.process == operation.process && last.is_some_and(|returned| returned < operation.called)
            };
            match rows.iter_mut().find(free) {
                Some(row) => row.bars.push(bar),
                None => rows.push(Row { process: &operation.process, bars: vec![bar] }),
            }
        }
        let names = rows.iter().map(|row| row.process.chars().count().min(NAME_MAX)).max().unwrap_or(0);
        let mut picture = Self { rows, names, end: 0 };
        picture.lay_out();
        picture
    }

    /// Gives every event the leftmost column that is right of all earlier events and leaves room for the labels.
    fn lay_out(&mut self) {
        let mut events: Vec<(u32, usize, usize, bool)> = Vec::new();
        for (row, bars) in self.rows.iter().enumerate() {
            for (place, bar) in bars.bars.iter().enumerate() {
                events.push((bar.operation.called, row, place, true));
                events.extend(bar.operation.returned.map(|line| (line, row, place, false)));
            }
        }
        events.sort_unstable();
        let mut column = 0;
        for (line, row, place, is_call) in events {
            let bars = &mut self.rows[row].bars;
            if is_call {
                let before = place.checked_sub(1).map(|before| &bars[before]);
                let taken = before.and_then(|bar| Some(bar.end? + 1 + digits(bar.operation.returned?) + 1));
                column = (column + 1).max(taken.unwrap_or(0) + digits(line));
                bars[place].start = column;
            } else {
                column = (column + 1).max(bars[place].start + bars[place].label.chars().count() + 5);
                bars[place].end = Some(column);
            }
        }
        for bar in self.rows.iter().flat_map(|row| &row.bars) {
            let reach = match (bar.end, bar.operation.returned) {
                (Some(end), Some(line)) => end + digits(line) + 1,
                _ => bar.start + bar.label.chars().count() + 6,
            };
            self.end = self.end.max(reach);
        }
    }

    fn fits(&self) -> bool {
        self.rows.len() <= ROWS_MAX && 4 + self.names + self.end + MARK.len() <= WIDTH
    }

    fn render(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let name: String = row.process.chars().take(NAME_MAX).collect();
            let mut line = format!("  {name:<names$}  ", names = self.names);
            let margin = 4 + self.names;
            for bar in &row.bars {
                let called = bar.operation.called.to_string();
                pad(&mut line, margin + bar.start - called.len());
                line.push_str(&called);
                line.push('|');
                line.push_str(&self.body(bar));
                if let (Some(_), Some(returned)) = (bar.end, bar.operation.returned) {
                    line.push('|');
                    line.push_str(&returned.to_string());
                }
            }
            if row.bars.iter().any(|bar| bar.is_stuck) {
                pad(&mut line, margin + self.end);
                line.push_str(MARK);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// What stands between the ends of an interval; of one without an answer, up to the right margin.
    fn body(&self, bar: &Bar<'_>) -> String {
        let stroke = if bar.is_stuck { '=' } else { '-' };
        let label = bar.label.chars().count();
        match bar.end {
            Some(end) => {
                let room = end - bar.start - 1 - label;
                let left = room / 2;
                format!("{}{}{}", repeat(stroke, left), bar.label, repeat(stroke, room - left))
            }
            None => {
                format!("{}{}{}", repeat('-', 2), bar.label, repeat('·', self.end - bar.start - label - 3))
            }
        }
    }
}

fn digits(line: u32) -> usize {
    line.to_string().len()
}

fn repeat(character: char, times: usize) -> String {
    std::iter::repeat_n(character, times).collect()
}

/// Blanks up to a column.
fn pad(line: &mut String, column: usize) {
    let length = line.chars().count();
    line.push_str(&" ".repeat(column.saturating_sub(length)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(process: &str, asked: &str, told: &str, called: u32, returned: Option<u32>) -> Shown {
        let [process, asked, told] = [process, asked, told].map(ToString::to_string);
        Shown { process, asked, told, called, returned }
    }

    fn violation(last: Vec<Shown>, stuck: Shown, overlapping: Vec<Shown>) -> Violation {
        let order = last.iter().map(|it| it.called).collect();
        Violation { key: None, order, last, stuck, instead: Vec::new(), overlapping, is_longest: true }
    }

    #[test]
    fn time_runs_from_left_to_right() {
        let last = vec![shown("0", "write 1", "", 1, Some(2)), shown("0", "write 2", "", 4, Some(9))];
        let lost = shown("2", "write 3", "", 5, None);
        let drawn = draw(&violation(last, shown("1", "read", "1", 10, Some(12)), vec![lost]));
        let expected = "  \
  0  1|-- write 1 --|2 4|-- write 2 --|9
  2                     5|-- write 3 ·····················
  1                                  10|== read -> 1 ==|12   fits nowhere
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn whatever_there_is_fits_a_terminal() {
        for count in [0_u32, 1, 5, 30, 300] {
            let many = |process: &str, start: u32| -> Vec<Shown> {
                let one = |number: u32| {
                    let line = start + 3 * number;
                    let returned = (!number.is_multiple_of(3)).then_some(line + 200_000);
                    shown(
                        &format!("{process}{number}"),
                        "append \"xxxxxxxxxxxxxxxxxxxx\"",
                        "",
                        line,
                        returned,
                    )
                };
                (0..count).map(one).collect()
            };
            let stuck = shown("s", "get", "\"xxxxxxxxxxxxxxxxxxxxxxx\"", 2_000_000, Some(2_000_001));
            let drawn = draw(&violation(many("a", 1), stuck, many("b", 1_000_000)));
            assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH), "{drawn}");
            assert!(drawn.lines().count() <= ROWS_MAX + 1, "{drawn}");
            assert!(drawn.contains("fits nowhere"), "{drawn}");
            assert_eq!(drawn.contains("not drawn"), count > 1, "{drawn}");
        }
    }
}
