//! Triggers: `n1 elected term=4`, `any elected #2`.

use quarrel_sim::world::When;

use super::check::{Mention, What};
use super::nodes::parse_node;
use super::raw::Raw;
use super::source::Complaint;
use crate::input::quoted;

/// Reads a trigger: whose announcement (`any` or absent: anybody's), the event, fields with the values they must
/// have, and which match, from 1 (absent: every one).
pub(super) fn read_trigger(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<When, Complaint> {
    let text = raw.text()?;
    let mut words = words(text).peekable();
    let complain = |word: (usize, &str), message: String| {
        Complaint::new(raw.place.part(text, word.0..word.0 + word.1.len()), message)
    };
    let node = match words.peek().copied() {
        Some((_, "any")) => words.next().and(None),
        Some(word) if is_node(word.1) => {
            words.next();
            Some(parse_node(word.1, nodes).map_err(|message| complain(word, message))?)
        }
        _ => None,
    };
    let Some(event) = words.next().filter(|word| is_name(word.1)) else {
        return Err(raw
            .complain("a trigger names an event")
            .with_help("write \"n1 elected\" or \"any elected term=4\""));
    };
    mentions.push(Mention::new(What::Event, event.1, raw.place.part(text, event.0..event.0 + event.1.len())));
    let mut when = When { node, event: event.1.to_string(), fields: Vec::new(), nth: None };
    while let Some(word) = words.next() {
        if let Some(number) = word.1.strip_prefix('#') {
            let nth = whole(number).and_then(|nth| u32::try_from(nth).ok()).filter(|&nth| nth > 0);
            when.nth = Some(nth.ok_or_else(|| complain(word, "matches count from #1".to_string()))?);
            if let Some(more) = words.next() {
                return Err(complain(more, "nothing may follow the number of the match".to_string()));
            }
        } else {
            let field = word.1.split_once('=').filter(|(name, _)| is_name(name));
            let (name, value) = field.ok_or_else(|| {
                complain(word, format!("expected field=number or #number, found {}", quoted(word.1)))
            })?;
            let value = whole(value)
                .ok_or_else(|| complain(word, "the value of a field is a whole number".to_string()))?;
            if when.fields.iter().any(|(seen, _)| seen == name) {
                return Err(complain(word, format!("{} is there twice", quoted(name))));
            }
            let place = raw.place.part(text, word.0..word.0 + name.len());
            mentions.push(Mention::new(What::Field { event: when.event.clone() }, name, place));
            when.fields.push((name.to_string(), value));
        }
    }
    Ok(when)
}

/// The words of a text, each with the byte it starts at.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = text.as_ptr() as usize;
    text.split_ascii_whitespace().map(move |word| (word.as_ptr() as usize - base, word))
}

fn is_node(word: &str) -> bool {
    word.strip_prefix('n')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

fn whole(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}
