//! From the `value` of a line to what was asked or answered, object by object.

use super::event::Event;
use super::json::{Flaw, Json, Node};
use super::object::{Function, Object};
use super::operation::{Asked, Record, Told};
use crate::did_you_mean;
use crate::input::quoted;

/// What an `invoke` line asks.
pub(super) fn asked(record: &mut Record, event: &Event<'_>) -> Result<Asked, Flaw> {
    let function = find_function(record.object, event)?;
    match function {
        Function::Read => nothing(event).map(|()| Asked::Read),
        Function::Get => nothing(event).map(|()| Asked::Get),
        Function::Balances => nothing(event).map(|()| Asked::Balances),
        Function::Dequeue => nothing(event).map(|()| Asked::Dequeue),
        Function::Acquire => nothing(event).map(|()| Asked::Acquire),
        Function::Write => Ok(Asked::Write(record.values.scalar(needed(event)?, "what is written")?)),
        Function::Enqueue => {
            let value = needed(event)?;
            if value.is_null() {
                let message = "null cannot be enqueued: a `dequeue` answers null when the queue is empty";
                return Err(Flaw::new(value.range.clone(), message));
            }
            Ok(Asked::Enqueue(record.values.scalar(value, "what is enqueued")?))
        }
        Function::Cas => {
            let (from, to) = compared(record, needed(event)?)?;
            Ok(Asked::Cas { from, to })
        }
        Function::Put => Ok(Asked::Put(text(record, needed(event)?)?)),
        Function::Append => Ok(Asked::Append(text(record, needed(event)?)?)),
        Function::Transfer => transfer(record, needed(event)?),
        Function::Release => Ok(Asked::Release { token: token(event.value.as_ref())? }),
    }
}

/// What an `ok` line answers to what was asked.
pub(super) fn told(record: &mut Record, asked: &mut Asked, event: &Event<'_>) -> Result<Told, Flaw> {
    let value = event.value.as_ref();
    match asked {
        Asked::Read => Ok(Told::Found(record.values.scalar(seen(event)?, "what is read")?)),
        Asked::Dequeue => Ok(Told::Found(record.values.scalar(seen(event)?, "what is dequeued")?)),
        Asked::Get => {
            let value = seen(event)?;
            // A map does not tell an absent text from an empty one.
            Ok(Told::Text(if value.is_null() { record.texts.text("") } else { text(record, value)? }))
        }
        Asked::Balances => balances(record, seen(event)?),
        Asked::Acquire => Ok(Told::Held { token: token(value)? }),
        Asked::Release { token: asked } => {
            let told = token(value)?;
            if asked.is_some() && told.is_some() && *asked != told {
                return Err(contradiction(event, "another token was released"));
            }
            *asked = asked.or(told);
            Ok(Told::Done)
        }
        Asked::Write(_)
        | Asked::Enqueue(_)
        | Asked::Cas { .. }
        | Asked::Put(_)
        | Asked::Append(_)
        | Asked::Transfer { .. } => {
            let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Told::Done) };
            let repeated = match asked {
                Asked::Write(asked) | Asked::Enqueue(asked) => record.values.scalar(value, "it")? == *asked,
                Asked::Cas { from, to } => compared(record, value)? == (*from, *to),
                Asked::Put(asked) | Asked::Append(asked) => text(record, value)? == *asked,
                _ => transfer(record, value)? == *asked,
            };
            if repeated { Ok(Told::Done) } else { Err(contradiction(event, &record.show_asked(asked))) }
        }
    }
}

fn find_function(object: Object, event: &Event<'_>) -> Result<Function, Flaw> {
    let functions = object.functions();
    if let Some((_, function)) = functions.iter().find(|(name, _)| *name == event.function) {
        return Ok(*function);
    }
    let message = format!("a {object} has no operation {}", quoted(&event.function));
    let flaw = Flaw::new(event.function_range.clone(), message);
    if event.function.contains('/') {
        return Err(
            flaw.with_help("a run of ours wrote this for people: `check` has no model of that machine")
        );
    }
    let has = |object: &Object| object.functions().iter().any(|(name, _)| *name == event.function);
    let names = functions.iter().map(|(name, _)| *name);
    Err(if let Some(other) = Object::ALL.iter().find(|object| has(object)) {
        flaw.with_help(format!("that is one of --model {other}"))
    } else if let Some(meant) = did_you_mean(&event.function, names.clone()) {
        flaw.with_help(format!("did you mean `{meant}`?"))
    } else {
        flaw.with_help(format!("there are {}", names.collect::<Vec<_>>().join(", ")))
    })
}

/// The value of an invocation that cannot do without.
fn needed<'a, 'b>(event: &'a Event<'b>) -> Result<&'a Node<'b>, Flaw> {
    event.value.as_ref().ok_or_else(|| {
        Flaw::new(event.function_range.clone(), format!("{} has no `value`", quoted(&event.function)))
    })
}

/// The value of an answer. A file that leaves out what is null would be read wrongly if some values got lost.
fn seen<'a, 'b>(event: &'a Event<'b>) -> Result<&'a Node<'b>, Flaw> {
    event.value.as_ref().ok_or_else(|| {
        let message = format!("this {} saw nothing: there is no `value`", quoted(&event.function));
        let flaw = Flaw::new(event.function_range.clone(), message);
        flaw.with_help("write \"value\":null if nothing was there")
    })
}

/// What is only answered is not asked.
fn nothing(event: &Event<'_>) -> Result<(), Flaw> {
    match &event.value {
        Some(value) if !value.is_null() => {
            let message = format!("{} asks with a value", quoted(&event.function));
            Err(Flaw::new(value.range.clone(), message).with_help("what it saw stands on its `ok` line"))
        }
        _ => Ok(()),
    }
}

fn contradiction(event: &Event<'_>, asked: &str) -> Flaw {
    let range = event.value.as_ref().map_or(event.function_range.clone(), |value| value.range.clone());
    Flaw::new(range, format!("this contradicts what was asked: {asked}"))
}

fn compared(record: &mut Record, value: &Node<'_>) -> Result<(u32, u32), Flaw> {
    match &value.json {
        Json::List(items) if items.len() == 2 => {
            let from = record.values.scalar(&items[0], "what is compared")?;
            Ok((from, record.values.scalar(&items[1], "what is set")?))
        }
        _ => Err(Flaw::new(value.range.clone(), "the value of `cas` is a list of two: [old, new]")),
    }
}

/// A text. Whole numbers stand for their digits, so that files may leave out the quotes.
fn text(record: &mut Record, value: &Node<'_>) -> Result<u32, Flaw> {
    match &value.json {
        Json::Text(text) => Ok(record.texts.text(text)),
        Json::Number(digits) if !digits.contains(['.', 'e', 'E']) => Ok(record.texts.text(digits)),
        _ => {
            let message = format!("the value of a kv is a string or a whole number, found {}", value.kind());
            Err(Flaw::new(value.range.clone(), message))
        }
    }
}

fn integer(value: &Node<'_>, what: &str) -> Result<i64, Flaw> {
    let Json::Number(digits) = &value.json else {
        return Err(Flaw::new(
            value.range.clone(),
            format!("{what} is a whole number, found {}", value.kind()),
        ));
    };
    digits
        .parse()
        .map_err(|_| Flaw::new(value.range.clone(), format!("{what} is a whole number of at most 64 bits")))
}

fn token(value: Option<&Node<'_>>) -> Result<Option<i64>, Flaw> {
    value.filter(|value| !value.is_null()).map(|value| integer(value, "a token")).transpose()
}

/// An account: `0` and `"0"` are the same one, since the keys of a JSON object are always strings.
fn account(record: &mut Record, value: &Node<'_>) -> Result<u32, Flaw> {
    match &value.json {
        Json::Text(name) => Ok(record.accounts.text(name)),
        Json::Number(digits) if !digits.contains(['.', 'e', 'E']) => Ok(record.accounts.text(digits)),
        _ => {
            let message = format!("an account is a string or a whole number, found {}", value.kind());
            Err(Flaw::new(value.range.clone(), message))
        }
    }
}

fn transfer(record: &mut Record, value: &Node<'_>) -> Result<Asked, Flaw> {
    let shape = "the value of `transfer` is {\"from\": account, \"to\": account, \"amount\": number}";
    let Json::Object(fields) = &value.json else { return Err(Flaw::new(value.range.clone(), shape)) };
    let (mut from, mut to, mut amount) = (None, None, None);
    for field in fields {
        match field.key.as_ref() {
            "from" => from = Some(account(record, &field.value)?),
            "to" => to = Some(account(record, &field.value)?),
            "amount" => {
                let read = integer(&field.value, "an amount")?;
                if read < 0 {
                    return Err(Flaw::new(field.value.range.clone(), "an amount is not negative"));
                }
                amount = Some(read);
            }
            _ => return Err(Flaw::new(field.key_range.clone(), shape)),
        }
    }
    match (from, to, amount) {
        (Some(from), Some(to), Some(amount)) => Ok(Asked::Transfer { from, to, amount }),
        _ => Err(Flaw::new(value.range.clone(), shape)),
    }
}

fn balances(record: &mut Record, value: &Node<'_>) -> Result<Told, Flaw> {
    let Json::Object(fields) = &value.json else {
        let message = format!("a `read` sees {{\"account\": balance, ...}}, found {}", value.kind());
        return Err(Flaw::new(value.range.clone(), message));
    };
    let mut balances = Vec::with_capacity(fields.len());
    for field in fields {
        balances.push((record.accounts.text(&field.key), integer(&field.value, "a balance")?));
    }
    balances.sort_unstable();
    Ok(Told::Balances(balances.into()))
}
