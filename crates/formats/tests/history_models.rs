//! The models forget what nobody can see, and the bank guesses nothing: with plain objects that forget nothing, and
//! with every opening balance tried, the verdicts are the same.

use std::cell::Cell;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use quarrel_formats::history::{Kind, Line, Object, Process, Reuse, Verdict, check};
use quarrel_spec::linearizability::{self, Model, Span};
use quarrel_spec::machine::{Kv, KvCall, KvOutcome, Register, RegisterCall, RegisterOutcome};
use serde_json::{Value, json};

const BUDGET: u64 = 10_000_000;
const PROCESSES: usize = 4;

/// An object that is asked and answers in the words of a file.
trait Plain: Model<Call: Clone, Answer: Clone> {
    const OBJECT: Object;
    /// The call that a drawn number stands for.
    fn call(number: u8) -> Self::Call;
    /// Another answer than the right one.
    fn wrong(answer: &Self::Answer, number: u8) -> Self::Answer;
    /// The operation, its key and its value.
    fn write(call: &Self::Call) -> (&'static str, Option<Value>, Value);
    /// The value of an answer.
    fn told(call: &Self::Call, answer: &Self::Answer) -> Value;
    /// Whether this answer means that nothing happened, which a file calls `fail`.
    fn is_failure(_answer: &Self::Answer) -> bool {
        false
    }
}

/// A step: which process goes on, what it asks if it is idle, how its operation ends if it is not.
type Step = (usize, u8, u8);

/// What a history says: as a file, and as spans.
struct Told<M: Model> {
    text: String,
    spans: Vec<Span<M::Call, M::Answer>>,
}

/// Operations take effect when they end, so the history is linearizable until an answer is changed.
fn tell<M: Plain>(model: &M, steps: &[Step], lies: u8) -> Told<M> {
    let mut told: Told<M> = Told { text: String::new(), spans: Vec::new() };
    let mut state = model.initial();
    let mut pending: [Option<usize>; PROCESSES] = [None; PROCESSES];
    let mut process: [u64; PROCESSES] = std::array::from_fn(|slot| slot as u64);
    for (position, &(slot, asked, ending)) in (0_u64..).zip(steps) {
        let say = |process: u64, kind: Kind, call: &M::Call, value: Value| {
            let (f, key, _) = M::write(call);
            let process = Process::Number(process);
            let line =
                Line { index: Some(position), time: None, process, kind, f: f.to_string(), key, value };
            line.to_text()
        };
        let Some(index) = pending[slot].take() else {
            let call = M::call(asked);
            told.text.push_str(&say(process[slot], Kind::Invoke, &call, M::write(&call).2));
            pending[slot] = Some(told.spans.len());
            told.spans.push(Span { process: process[slot], call, called: position, returned: None });
            continue;
        };
        let call = told.spans[index].call.clone();
        if ending < 40 {
            // Unknown: half of them take effect.
            if ending < 20 {
                model.apply(&mut state, &call);
            }
            told.text.push_str(&say(process[slot], Kind::Info, &call, Value::Null));
            process[slot] += PROCESSES as u64;
            continue;
        }
        let right = model.apply(&mut state, &call);
        let answer = if ending % 10 < lies { M::wrong(&right, asked) } else { right };
        if M::is_failure(&answer) {
            told.text.push_str(&say(process[slot], Kind::Fail, &call, Value::Null));
            // It constrains nothing: to spans, it never was.
            told.spans[index].returned = None;
            told.spans[index].call = M::call(0);
        } else {
            told.text.push_str(&say(process[slot], Kind::Ok, &call, M::told(&call, &answer)));
            told.spans[index].returned = Some((position, answer));
        }
    }
    told
}

fn verdict(object: Object, text: &str) -> bool {
    let finding = check("h", text.as_bytes(), object, Reuse::Refused, BUDGET);
    match finding.unwrap_or_else(|error| panic!("{error}\n{text}")).verdict {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::Unknown { .. } => panic!("a small history is decided:\n{text}"),
    }
}

fn is_linearizable<M: Model>(model: &M, spans: &[Span<M::Call, M::Answer>]) -> bool {
    matches!(linearizability::check(model, spans, BUDGET), linearizability::Verdict::Linearizable { .. })
}

/// Draws histories and compares; both verdicts must be frequent, or the comparison shows nothing.
fn compare<M: Plain + Debug>(
    model: &M,
    cases: u32,
    lies: u8,
    explained: impl Fn(&[Span<M::Call, M::Answer>]) -> bool,
) {
    let good = Cell::new(0);
    let steps = prop::collection::vec((0..PROCESSES, any::<u8>(), any::<u8>()), 0..28);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let compared = runner.run(&(steps, 0..=lies), |(steps, lies)| {
        let told = tell(model, &steps, lies);
        let expected = explained(&told.spans);
        prop_assert_eq!(verdict(M::OBJECT, &told.text), expected, "{}", told.text);
        good.set(good.get() + u32::from(expected));
        Ok(())
    });
    compared.unwrap_or_else(|error| panic!("{error}"));
    let good = good.get();
    assert!(good > cases / 5 && good < cases * 4 / 5, "{good} of {cases} are linearizable");
}

/// A register that forgets nothing.
#[derive(Debug)]
struct PlainRegister;

type Number = u8;

impl Model for PlainRegister {
    type State = Register<Number>;
    type Call = RegisterCall<Number>;
    type Answer = RegisterOutcome<Number>;

    fn initial(&self) -> Register<Number> {
        Register::default()
    }

    fn apply(&self, state: &mut Register<Number>, call: &RegisterCall<Number>) -> RegisterOutcome<Number> {
        state.apply(call)
    }
}

impl Plain for PlainRegister {
    const OBJECT: Object = Object::Register;

    fn call(number: u8) -> RegisterCall<Number> {
        let (first, second) = (number / 4 % 5, number / 20 % 4);
        match number % 4 {
            0 | 1 => RegisterCall::Read,
            2 => RegisterCall::Write(first),
            _ => RegisterCall::Cas { from: first.checked_sub(1), to: second },
        }
    }

    fn wrong(answer: &RegisterOutcome<Number>, number: u8) -> RegisterOutcome<Number> {
        match answer {
            RegisterOutcome::Found(_) => RegisterOutcome::Found((number % 5).checked_sub(1)),
            RegisterOutcome::Written => RegisterOutcome::Written,
            RegisterOutcome::Compared(_) => RegisterOutcome::Compared(true),
        }
    }

    fn write(call: &RegisterCall<Number>) -> (&'static str, Option<Value>, Value) {
        match call {
            RegisterCall::Read => ("read", None, Value::Null),
            RegisterCall::Write(to) => ("write", None, json!(to)),
            RegisterCall::Cas { from, to } => ("cas", None, json!([from, to])),
        }
    }

    fn told(call: &RegisterCall<Number>, answer: &RegisterOutcome<Number>) -> Value {
        match answer {
            RegisterOutcome::Found(found) => json!(found),
            _ => Self::write(call).2,
        }
    }

    fn is_failure(answer: &RegisterOutcome<Number>) -> bool {
        *answer == RegisterOutcome::Compared(false)
    }
}

#[test]
fn a_register_is_judged_like_one_that_forgets_nothing() {
    compare(&PlainRegister, 3_000, 3, |spans| is_linearizable(&PlainRegister, spans));
}

/// A map that forgets nothing.
#[derive(Debug)]
struct PlainKv;

impl Model for PlainKv {
    type State = Kv<u8>;
    type Call = KvCall<String, u8>;
    type Answer = KvOutcome;

    fn initial(&self) -> Kv<u8> {
        Kv::default()
    }

    fn apply(&self, state: &mut Kv<u8>, call: &Self::Call) -> KvOutcome {
        state.apply(call)
    }
}

impl Plain for PlainKv {
    const OBJECT: Object = Object::Kv;

    fn call(number: u8) -> Self::Call {
        let key = number / 64 % 2;
        let text = ["a", "b", "ab", "ba", "", "a"][usize::from(number / 8) % 6].to_string();
        match number % 8 {
            0..=3 => KvCall::Get { key },
            4..=6 => KvCall::Append { key, text },
            _ => KvCall::Put { key, text },
        }
    }

    fn wrong(answer: &KvOutcome, number: u8) -> KvOutcome {
        match answer {
            KvOutcome::Found(text) => KvOutcome::Found(match number % 4 {
                0 => text.chars().rev().collect(),
                1 => format!("{text}a"),
                2 => text.chars().skip(1).collect(),
                _ => text.chars().take(1).collect(),
            }),
            KvOutcome::Stored => KvOutcome::Stored,
        }
    }

    fn write(call: &Self::Call) -> (&'static str, Option<Value>, Value) {
        match call {
            KvCall::Get { key } => ("get", Some(json!(key)), Value::Null),
            KvCall::Put { key, text } => ("put", Some(json!(key)), json!(text)),
            KvCall::Append { key, text } => ("append", Some(json!(key)), json!(text)),
        }
    }

    fn told(call: &Self::Call, answer: &KvOutcome) -> Value {
        match answer {
            KvOutcome::Found(text) => json!(text),
            KvOutcome::Stored => Self::write(call).2,
        }
    }
}

#[test]
fn a_map_is_judged_like_one_that_forgets_nothing() {
    compare(&PlainKv, 3_000, 9, |spans| is_linearizable(&PlainKv, spans));
}

/// Two accounts whose opening balances are known.
#[derive(Clone, Copy, Debug)]
struct PlainBank([i64; 2]);

#[derive(Clone, PartialEq, Eq, Debug)]
enum BankCall {
    Read { only: Option<usize> },
    Transfer { from: usize, to: usize, amount: i64 },
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum BankAnswer {
    Saw([Option<i64>; 2]),
    Done,
    Refused,
}

/// Balances, as the search stores them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Balances([i64; 2]);

impl std::fmt::Display for BankCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::fmt::Display for BankAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl quarrel_protocol::Fingerprint for BankCall {
    fn fingerprint(&self, into: &mut quarrel_protocol::Fingerprinter) {
        format!("{self:?}").fingerprint(into);
    }
}

impl quarrel_protocol::Fingerprint for Balances {
    fn fingerprint(&self, into: &mut quarrel_protocol::Fingerprinter) {
        self.0.iter().for_each(|balance| into.word(balance.cast_unsigned()));
    }
}

impl Model for PlainBank {
    type State = Balances;
    type Call = BankCall;
    type Answer = BankAnswer;

    fn initial(&self) -> Balances {
        Balances(self.0)
    }

    fn apply(&self, Balances(state): &mut Balances, call: &BankCall) -> BankAnswer {
        match *call {
            BankCall::Read { only } => BankAnswer::Saw(std::array::from_fn(|account| {
                (only.is_none() || only == Some(account)).then_some(state[account])
            })),
            BankCall::Transfer { from, amount, .. } if state[from] < amount => BankAnswer::Refused,
            BankCall::Transfer { from, to, amount } => {
                state[from] -= amount;
                state[to] += amount;
                BankAnswer::Done
            }
        }
    }
}

impl Plain for PlainBank {
    const OBJECT: Object = Object::Bank;

    fn call(number: u8) -> BankCall {
        match number % 4 {
            0 => BankCall::Read { only: None },
            1 => BankCall::Read { only: [None, Some(0), Some(1)][usize::from(number / 4 % 3)] },
            _ => {
                let from = usize::from(number / 4 % 2);
                let to = if (number / 8).is_multiple_of(8) { from } else { 1 - from };
                BankCall::Transfer { from, to, amount: i64::from(number / 64) }
            }
        }
    }

    fn wrong(answer: &BankAnswer, number: u8) -> BankAnswer {
        match answer {
            BankAnswer::Saw(saw) => {
                let shift = if number.is_multiple_of(2) { 1 } else { -1 };
                BankAnswer::Saw(saw.map(|balance| balance.map(|balance| balance + shift)))
            }
            BankAnswer::Done | BankAnswer::Refused => BankAnswer::Done,
        }
    }

    fn write(call: &BankCall) -> (&'static str, Option<Value>, Value) {
        match call {
            BankCall::Read { .. } => ("read", None, Value::Null),
            BankCall::Transfer { from, to, amount } => {
                ("transfer", None, json!({"from": from, "to": to, "amount": amount}))
            }
        }
    }

    fn told(call: &BankCall, answer: &BankAnswer) -> Value {
        match answer {
            BankAnswer::Saw(saw) => {
                let listed = saw.iter().enumerate().filter_map(|(account, balance)| {
                    balance.map(|balance| (account.to_string(), json!(balance)))
                });
                Value::Object(listed.collect())
            }
            BankAnswer::Done | BankAnswer::Refused => Self::write(call).2,
        }
    }

    fn is_failure(answer: &BankAnswer) -> bool {
        *answer == BankAnswer::Refused
    }
}

#[test]
fn a_bank_is_judged_like_all_its_opening_balances_together() {
    // No history of this length moves more than this out of an account, or sees more in one.
    const OPENING_MAX: i64 = 14 * 3 + 4;
    let explained = |spans: &[Span<BankCall, BankAnswer>]| {
        let is_seen = |account: usize| {
            let saw = |span: &Span<BankCall, BankAnswer>| matches!(&span.returned, Some((_, BankAnswer::Saw(saw))) if saw[account].is_some());
            spans.iter().any(saw)
        };
        // Of an account that nobody saw, the most there can have been is as good as any.
        let openings =
            |account: usize| if is_seen(account) { 0..=OPENING_MAX } else { OPENING_MAX..=OPENING_MAX };
        openings(0).any(|first| openings(1).any(|second| is_linearizable(&PlainBank([first, second]), spans)))
    };
    compare(&PlainBank([3, 1]), 400, 3, explained);
}
