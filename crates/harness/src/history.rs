//! What clients saw, in the format of `quarrel check`.

use std::collections::BTreeMap;

use quarrel_formats::history::{Kind, Line, Process};
use quarrel_spec::consensus::{Decided, Propose};
use quarrel_spec::machine::{
    BankCall, BankOutcome, Call, KvCall, KvOutcome, Outcome, QueueCall, QueueOutcome, RegisterCall,
    RegisterOutcome,
};
use serde_json::{Value, json};

use crate::subject::Subject;
use crate::truth::{Ended, Seen};

/// A call as a history spells it, and its answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Spelled {
    /// What is asked: `read`.
    pub f: String,
    /// Of which object.
    pub key: Option<Value>,
    /// With which value.
    pub asked: Value,
    /// What was answered; `None` for an operation that is known to have changed nothing and whose answer a history has
    /// no word for.
    pub seen: Option<Value>,
}

impl Spelled {
    /// A proposal, and what was chosen.
    #[must_use]
    pub fn of_proposal(&Propose(value): &Propose, answer: Option<&Decided>) -> Option<Self> {
        let seen = answer.map_or(Value::Null, |Decided(chosen)| json!(chosen.0));
        Some(Self { f: "propose".to_string(), key: None, asked: json!(value.0), seen: Some(seen) })
    }

    /// A call on a state machine, and its answer. What `quarrel check` has a model for is in the words of that model; the
    /// rest is in our own words, with the machine's name in front. The reads of a queue are left out: its model has none.
    #[must_use]
    pub fn of_call(call: &Call, answer: Option<&Outcome>) -> Option<Self> {
        Some(match (call, answer) {
            (Call::Register(call), answer) => of_register(call, answer),
            (Call::Kv(call), answer) => of_kv(call, answer),
            (Call::Bank(call), answer) => of_bank(call, answer),
            (Call::Queue(QueueCall::Enqueue(value)), _) => {
                Self::new("enqueue", None, json!(value.0), Some(json!(value.0)))
            }
            (Call::Queue(QueueCall::Dequeue), answer) => {
                let seen = match answer {
                    Some(Outcome::Queue(QueueOutcome::Dequeued(Some(value)))) => json!(value.0),
                    _ => Value::Null,
                };
                Self::new("dequeue", None, Value::Null, Some(seen))
            }
            (Call::Queue(QueueCall::Peek | QueueCall::Length | QueueCall::Contents), _) => return None,
            (call, answer) => of_other(call, answer),
        })
    }

    fn new(f: &str, key: Option<Value>, asked: Value, seen: Option<Value>) -> Self {
        Self { f: f.to_string(), key, asked, seen }
    }
}

fn of_register(call: &RegisterCall<quarrel_spec::Value>, answer: Option<&Outcome>) -> Spelled {
    let text = |value: &Option<quarrel_spec::Value>| value.map_or(Value::Null, |value| json!(value.0));
    match call {
        RegisterCall::Read => {
            let seen = match answer {
                Some(Outcome::Register(RegisterOutcome::Found(value))) => text(value),
                _ => Value::Null,
            };
            Spelled::new("read", None, Value::Null, Some(seen))
        }
        RegisterCall::Write(value) => Spelled::new("write", None, json!(value.0), Some(json!(value.0))),
        RegisterCall::Cas { from, to } => {
            let asked = json!([text(from), to.0]);
            let set = !matches!(answer, Some(Outcome::Register(RegisterOutcome::Compared(false))));
            Spelled::new("cas", None, asked.clone(), set.then_some(asked))
        }
    }
}

fn of_kv(call: &KvCall<quarrel_spec::Value>, answer: Option<&Outcome>) -> Spelled {
    match call {
        KvCall::Get { key } => {
            let seen = match answer {
                Some(Outcome::Kv(KvOutcome::Found(text))) => json!(text),
                _ => Value::Null,
            };
            Spelled::new("get", Some(json!(key.to_string())), Value::Null, Some(seen))
        }
        KvCall::Put { key, text } => {
            let text = json!(text.to_string());
            Spelled::new("put", Some(json!(key.to_string())), text.clone(), Some(text))
        }
        KvCall::Append { key, text } => {
            let text = json!(text.to_string());
            Spelled::new("append", Some(json!(key.to_string())), text.clone(), Some(text))
        }
    }
}

fn of_bank(call: &BankCall, answer: Option<&Outcome>) -> Spelled {
    match (call, answer) {
        (BankCall::Transfer { from, to, amount }, answer) => {
            let asked = json!({ "from": from.0, "to": to.0, "amount": amount });
            let moved = matches!(answer, None | Some(Outcome::Bank(BankOutcome::Transferred)));
            Spelled::new("transfer", None, asked.clone(), moved.then_some(asked))
        }
        (BankCall::Balance(account), answer) => {
            let seen = match answer {
                Some(Outcome::Bank(BankOutcome::Balance(balance))) => {
                    json!({ account.0.to_string(): balance })
                }
                _ => json!({}),
            };
            Spelled::new("read", None, Value::Null, Some(seen))
        }
        (BankCall::Audit, answer) => {
            let seen: BTreeMap<String, u64> = match answer {
                Some(Outcome::Bank(BankOutcome::Balances(balances))) => {
                    (0u64..).map(|account| account.to_string()).zip(balances.iter().copied()).collect()
                }
                _ => BTreeMap::new(),
            };
            Spelled::new("read", None, Value::Null, Some(json!(seen)))
        }
    }
}

/// In our own words: `{"lock": {"acquire": {...}}}` is `lock/acquire` of `{...}`.
fn of_other(call: &Call, answer: Option<&Outcome>) -> Spelled {
    let only = |value: &Value| {
        let entry = value.as_object().and_then(|object| object.iter().next());
        entry.map_or_else(|| (String::new(), value.clone()), |(name, inner)| (name.clone(), inner.clone()))
    };
    let (machine, call) = only(&json!(call));
    let (verb, asked) = match &call {
        Value::String(verb) => (verb.clone(), Value::Null),
        call => only(call),
    };
    let seen = answer.map_or(Value::Null, |answer| only(&json!(answer)).1);
    Spelled::new(&format!("{machine}/{verb}"), None, asked, Some(seen))
}

/// The lines of a history, in the order in which things happened.
///
/// A process has one operation at a time, and none after one of unknown outcome: a client that asks for several things
/// at once is several processes.
pub fn lines<P: Subject>(seen: &[Seen<P>]) -> Vec<Line> {
    let mut moments: Vec<(u64, u64, usize, bool)> = Vec::new();
    for (number, one) in seen.iter().enumerate().filter(|(_, one)| P::spell(&one.call, None).is_some()) {
        moments.push((one.called.0, one.called.1, number, true));
        if let Some(((position, at_ns), _)) = one.ended {
            moments.push((position, at_ns, number, false));
        }
    }
    moments.sort_unstable();
    let mut free: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    let mut process_of: Vec<u64> = vec![0; seen.len()];
    let mut processes = 0;
    let mut lines = Vec::with_capacity(moments.len());
    for (index, (_, time, number, is_call)) in (0u64..).zip(moments) {
        let one = &seen[number];
        let idle = free.entry(one.client.0).or_default();
        if is_call {
            process_of[number] = idle.pop().unwrap_or_else(|| {
                processes += 1;
                processes - 1
            });
        }
        let process = process_of[number];
        let answer = one.answer().filter(|_| !is_call);
        let Some(spelled) = P::spell(&one.call, answer) else { continue };
        let kind = if is_call { Kind::Invoke } else { end_of(one, &spelled) };
        if !is_call && kind != Kind::Info {
            idle.push(process);
        }
        let value = match kind {
            Kind::Ok => spelled.seen.unwrap_or(Value::Null),
            _ => spelled.asked,
        };
        let (f, key) = (spelled.f, spelled.key);
        let (index, time, process) = (Some(index), Some(time), Process::Number(process));
        lines.push(Line { index, time, process, kind, f, key, value });
    }
    lines
}

/// How many operations a history on file has no word for.
pub fn left_out<P: Subject>(seen: &[Seen<P>]) -> usize {
    seen.iter().filter(|one| P::spell(&one.call, None).is_none()).count()
}

/// How an operation ended. One that changed nothing and whose answer has no word has failed, as files have it.
fn end_of<P: Subject>(one: &Seen<P>, spelled: &Spelled) -> Kind {
    match &one.ended {
        Some((_, Ended::Ok(_))) if spelled.seen.is_some() => Kind::Ok,
        Some((_, Ended::Ok(_) | Ended::Failed)) => Kind::Fail,
        Some((_, Ended::Unknown)) | None => Kind::Info,
    }
}
