//! Words: times without noise, one verb for many, what two sentences have in common.

use std::collections::BTreeSet;

use quarrel_sim::decision::Endpoint;
use quarrel_sim::time::{MILLISECOND, SECOND, Span};

/// The widest line of any view.
pub(super) const COLUMNS: usize = 110;

/// Times of one story: all in one unit, with three decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    unit: u64,
    name: &'static str,
}

impl Clock {
    /// For a run that ends then.
    pub(super) const fn until(end: u64) -> Self {
        if end < SECOND { Self { unit: MILLISECOND, name: "ms" } } else { Self { unit: SECOND, name: "s" } }
    }

    /// A time of the run.
    pub(super) fn stamp(self, ns: u64) -> String {
        format!("{}.{:03}{}", ns / self.unit, ns % self.unit / (self.unit / 1_000), self.name)
    }
}

/// A count as people read it: `1,050`.
pub(super) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut told = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// Letters that are not seen but change what is: they end lines, move cursors or turn the direction of writing.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A time as people say it: at most three decimals.
pub(super) fn time(ns: u64) -> String {
    tidy(&Span(ns).to_string())
}

/// The text with every span of time cut to three decimals, and nothing in it that moves a cursor.
#[must_use]
pub fn tidy(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if is_unseen(letter) { ' ' } else { letter }).collect();
    let (mut tidied, mut rest) = (String::with_capacity(plain.len()), plain.as_str());
    while let Some(dot) = rest.find('.') {
        let (before, after) = (&rest[..dot], &rest[dot + 1..]);
        tidied.push_str(before);
        let decimals = after.bytes().take_while(u8::is_ascii_digit).count();
        let ends = |unit: &&str| {
            after[decimals..].strip_prefix(*unit).is_some_and(|tail| !tail.starts_with(char::is_alphanumeric))
        };
        let is_span = before.ends_with(|letter: char| letter.is_ascii_digit())
            && decimals > 0
            && ["ns", "us", "ms", "s"].iter().any(ends);
        let kept = if is_span { after[..decimals.min(3)].trim_end_matches('0') } else { "" };
        if !is_span || !kept.is_empty() {
            tidied.push('.');
        }
        tidied.push_str(kept);
        rest = if is_span { &after[decimals..] } else { after };
    }
    tidied + rest
}

/// How wide a text is.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text cut to so many columns.
pub(super) fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let kept: String = text.chars().take(columns.saturating_sub(3)).collect();
    let marks = ".".repeat(columns.min(3));
    format!("{}{marks}", kept.trim_end())
}

/// The text in so many columns: shorter names first, then cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns { text.to_string() } else { clip(&squeeze(text), columns) }
}

/// The text with every row of neighbours by its ends: `n1, n2, n3, n4` is `n1-n4`.
fn squeeze(text: &str) -> String {
    let (mut squeezed, mut row): (Vec<String>, Vec<Endpoint>) = (Vec::new(), Vec::new());
    let end = |row: &mut Vec<Endpoint>, squeezed: &mut Vec<String>| {
        if !row.is_empty() {
            squeezed.push(ranges(&std::mem::take(row)));
        }
    };
    for word in text.split(' ') {
        let name = word.strip_suffix(',').unwrap_or(word).parse::<Endpoint>();
        match name {
            Ok(name) => {
                row.push(name);
                if !word.ends_with(',') {
                    end(&mut row, &mut squeezed);
                }
            }
            Err(_) if row.is_empty() => squeezed.push(word.to_string()),
            // A comma that ends a clause, and no list.
            Err(_) => {
                end(&mut row, &mut squeezed);
                if let Some(last) = squeezed.last_mut() {
                    last.push(',');
                }
                squeezed.push(word.to_string());
            }
        }
    }
    end(&mut row, &mut squeezed);
    squeezed.join(" ")
}

/// The lines as a text; nothing stands at the end of a line.
pub(super) fn page(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The text broken between words into lines of at most so many columns; a longer word is broken anywhere.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word: Vec<char> = word.chars().collect();
        let space = usize::from(!line.is_empty());
        if width(&line) + space + word.len() > columns && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > columns {
            lines.push(word.drain(..columns).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Who does it, and does what: `n2, n3 vote for n1`. The predicate is in the third person singular.
pub(super) fn sentence(subjects: &BTreeSet<Endpoint>, predicate: &str) -> String {
    match subjects.len() {
        0 => predicate.to_string(),
        1 => format!("{} {predicate}", names(subjects)),
        _ => match plural(predicate) {
            Some(predicate) => format!("{} {predicate}", names(subjects)),
            None => format!("{}: {predicate}", names(subjects)),
        },
    }
}

/// Names in order; of many, each row of neighbours by its ends: `n1-n5, n7`.
pub(super) fn names(endpoints: &BTreeSet<Endpoint>) -> String {
    let all: Vec<Endpoint> = endpoints.iter().copied().collect();
    if all.len() <= 4 {
        return all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    ranges(&all)
}

/// Names with every row of more than two neighbours by its ends.
fn ranges(names: &[Endpoint]) -> String {
    let follows = |one: &Endpoint, next: &Endpoint| match (one, next) {
        (Endpoint::Node(one), Endpoint::Node(next)) => one.index() + 1 == next.index(),
        (Endpoint::Client(one), Endpoint::Client(next)) => u32::from(one.0) + 1 == u32::from(next.0),
        _ => false,
    };
    let rows = names.chunk_by(follows).map(|row| match row {
        [] => String::new(),
        [one] => one.to_string(),
        [one, other] => format!("{one}, {other}"),
        [one, .., last] => format!("{one}-{last}"),
    });
    rows.collect::<Vec<_>>().join(", ")
}

/// `votes for n1` of several: `vote for n1`. Nothing where the first word is no verb in the singular.
fn plural(predicate: &str) -> Option<String> {
    let end = predicate.find(' ').unwrap_or(predicate.len());
    let (verb, rest) = predicate.split_at(end);
    let stem = |suffix: &str| verb.strip_suffix(suffix).filter(|stem| !stem.is_empty());
    let plural = match verb {
        "is" => "are".to_string(),
        "has" => "have".to_string(),
        "does" | "goes" => verb.replace("es", ""),
        _ if verb.ends_with("ss") || !verb.bytes().all(|byte| byte.is_ascii_lowercase()) => return None,
        _ => match (
            stem("ies"),
            ["ches", "shes", "sses", "xes", "zzes"].iter().find(|end| verb.ends_with(**end)),
        ) {
            (Some(stem), _) => format!("{stem}y"),
            (None, Some(_)) => stem("es")?.to_string(),
            (None, None) => stem("s")?.to_string(),
        },
    };
    let rest = rest.replace(" its ", " their ");
    // Who is something does something as well: `is prepared and votes yes`.
    if verb == "is"
        && let Some((is, does)) = rest.split_once(" and ")
        && let Some(does) = self::plural(does)
    {
        return Some(format!("{plural}{is} and {does}"));
    }
    Some(plural + &rest)
}

/// What a text is about: names and numbers whole and in parts, longer words by their first four letters, so that
/// `committed` finds `commits`.
pub(super) fn tokens(text: &str) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    let ends = |letter: char| !letter.is_alphanumeric();
    for word in text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '@' | '.' | '-')) {
        let word = word.trim_matches(ends).to_lowercase();
        for part in std::iter::once(word.as_str()).chain(word.split(['@', '.', '-'])) {
            if part.contains(|letter: char| letter.is_ascii_digit()) {
                tokens.insert(part.to_string());
            } else if part.chars().count() >= 4 {
                tokens.insert(part.chars().take(4).collect());
            }
        }
    }
    tokens
}

/// Whether a token names one thing of a protocol, as `103@2`, `v17` and `1.n1` do; `n1` and `7` are everywhere, and `op5`
/// is the client's name for what has another one.
pub(super) fn is_telling(token: &str) -> bool {
    let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
    let digits = token.contains(|letter: char| letter.is_ascii_digit());
    let of_client =
        token.strip_prefix("op").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    digits && !is_number && !of_client && token.parse::<Endpoint>().is_err()
}

/// The text without its names and numbers: sentences of one shape say the same about different things.
pub(super) fn shape(text: &str) -> String {
    let mut shape = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !word.contains(|letter: char| letter.is_ascii_digit()) {
            shape.push_str(word);
            shape.push(' ');
        } else if !shape.ends_with("# ") {
            shape.push_str("# ");
        }
    }
    shape
}

/// Many sentences of one shape as one: what differs, from the first to the last.
pub(super) fn span_of(first: &str, last: &str, count: usize) -> String {
    let (one, other): (Vec<&str>, Vec<&str>) = (first.split(' ').collect(), last.split(' ').collect());
    if first == last || one.len() != other.len() {
        return format!("{first} ({} times)", thousands(count));
    }
    let differs = |position: &usize| one[*position] != other[*position];
    let from = (0..one.len()).find(differs).unwrap_or(0);
    let to = (0..one.len()).rev().find(differs).unwrap_or(0) + 1;
    let (early, late) = (one[from..to].join(" "), other[from..to].join(" "));
    let early = early.trim_end_matches([',', ':', ';']);
    let told = [&one[..from], &[early, "...", &late], &one[to..]].concat().join(" ");
    format!("{told} ({} times)", thousands(count))
}

#[cfg(test)]
mod tests {
    use quarrel_protocol::NodeId;

    use super::*;

    fn nodes(count: u8) -> BTreeSet<Endpoint> {
        (0..count).map(|node| Endpoint::Node(NodeId(node))).collect()
    }

    #[test]
    fn times_have_no_noise() {
        for (ns, text) in
            [(0, "0ns"), (12_500_000, "12.5ms"), (1_234_567_890, "1.234s"), (1_000_000_001, "1s")]
        {
            assert_eq!(time(ns), text);
        }
        assert_eq!(tidy("for 133.459227ms; 1.n1 and 0.30000"), "for 133.459ms; 1.n1 and 0.30000");
        assert_eq!(tidy("a\nb\u{1b}[2J é.5s"), "a b [2J é.5s");
        assert_eq!(tidy("v1\u{202e}2\u{200b}3\u{2066}4\u{feff}5"), "v1 2 3 4 5");
        let told = |end: u64, ns: u64| Clock::until(end).stamp(ns);
        assert_eq!(told(85_064_000, 58_940_000), "58.940ms");
        assert_eq!(told(1_000_000_000, 58_940_000), "0.058s");
        assert_eq!([0, 999, 1_050, 1_234_567].map(thousands), ["0", "999", "1,050", "1,234,567"]);
    }

    #[test]
    fn one_verb_serves_many() {
        let check = |count, predicate: &str, told: &str| assert_eq!(sentence(&nodes(count), predicate), told);
        check(1, "votes for n3", "n1 votes for n3");
        check(2, "votes for n3", "n1, n2 vote for n3");
        check(2, "is elected leader", "n1, n2 are elected leader");
        check(2, "crashes", "n1, n2 crash");
        check(2, "promises ballot 1.n1", "n1, n2 promise ballot 1.n1");
        check(6, "applies v3", "n1-n6 apply v3");
        check(2, "is prepared and votes yes on t0", "n1, n2 are prepared and vote yes on t0");
        check(2, "is cut off and alone", "n1, n2 are cut off and alone");
        check(2, "Down", "n1, n2: Down");
        check(0, "everything heals", "everything heals");
    }

    #[test]
    fn runs_of_one_shape_are_one_sentence() {
        let [first, last] = ["appends v3 at 3 as leader of term 2", "appends v17 at 17 as leader of term 2"];
        assert_eq!(shape(first), shape(last));
        assert_eq!(span_of(first, last, 15), "appends v3 at 3 ... v17 at 17 as leader of term 2 (15 times)");
        assert_eq!(span_of("waits", "waits", 2), "waits (2 times)");
    }

    #[test]
    fn lines_keep_their_width() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(clip("abcdefgh", 6), "abc...");
        assert_eq!(fit("n1, n2, n3 accepted v1, and n1, n3, but", 38), "n1-n3 accepted v1, and n1, n3, but");
        assert_eq!(fit("n1, n2, n3, with v1", 18), "n1-n3, with v1");
    }
}
