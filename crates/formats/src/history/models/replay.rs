//! A part of the object as people know it, with nothing forgotten: for telling what it would have answered.

use quarrel_spec::machine::{
    Kv as KvMachine, KvCall, KvOutcome, Queue, QueueCall, QueueOutcome, Register, RegisterCall,
    RegisterOutcome,
};

use super::bank::{self, Account, Accounts};
use super::lock::{self, Held};
use crate::history::names::quoted;
use crate::history::object::Object;
use crate::history::operation::{Asked, Operation, Record, crop};

/// One key of an object, or a whole bank.
pub(in crate::history) struct Replay<'a> {
    record: &'a Record,
    state: State,
}

enum State {
    Register(Register<u32>),
    Kv(KvMachine<u32>),
    Bank(Accounts),
    Lock(Held),
    Queue(Queue<u32>),
}

impl<'a> Replay<'a> {
    pub(in crate::history) fn new(record: &'a Record) -> Self {
        let state = match record.object {
            Object::Register => {
                let mut register = Register::default();
                // Null is a value like any other, if the file has it.
                if let Some(null) = record.values.find_null() {
                    register.apply(&RegisterCall::Write(null));
                }
                State::Register(register)
            }
            Object::Kv => State::Kv(KvMachine::default()),
            Object::Bank => State::Bank(Accounts::new(record.accounts.len())),
            Object::Lock => State::Lock(Held::default()),
            Object::Queue => State::Queue(Queue::default()),
        };
        Self { record, state }
    }

    /// Applies an operation of this part, and says what is answered; empty when there is nothing to say.
    pub(in crate::history) fn apply(&mut self, operation: &Operation) -> String {
        let record = self.record;
        let value = |value: Option<u32>| value.map_or("null".to_string(), |it| crop(record.values.show(it)));
        match (&mut self.state, operation.asked) {
            (State::Register(register), asked) => {
                let call = match asked {
                    Asked::Write(to) => RegisterCall::Write(to),
                    Asked::Cas { from, to } => RegisterCall::Cas { from: Some(from), to },
                    _ => RegisterCall::Read,
                };
                let RegisterOutcome::Found(there) = register.apply(&RegisterCall::Read) else {
                    unreachable!("a read finds something")
                };
                match register.apply(&call) {
                    RegisterOutcome::Found(there) => value(there),
                    RegisterOutcome::Compared(false) => format!("not set, for {} was there", value(there)),
                    RegisterOutcome::Compared(true) | RegisterOutcome::Written => String::new(),
                }
            }
            (State::Kv(map), asked) => {
                let key = operation.key.unwrap_or(0);
                let text = |number: u32| record.texts.show(number).to_string();
                let call = match asked {
                    Asked::Put(to) => KvCall::Put { key, text: text(to) },
                    Asked::Append(more) => KvCall::Append { key, text: text(more) },
                    _ => KvCall::Get { key },
                };
                match map.apply(&call) {
                    KvOutcome::Found(text) => crop(&quoted(&text)),
                    KvOutcome::Stored => String::new(),
                }
            }
            (State::Queue(queue), Asked::Enqueue(what)) => {
                queue.apply(&QueueCall::Enqueue(what));
                String::new()
            }
            (State::Queue(queue), _) => match queue.apply(&QueueCall::Dequeue) {
                QueueOutcome::Dequeued(front) => value(front),
                _ => String::new(),
            },
            (State::Bank(accounts), _) => transact(record, accounts, operation),
            (State::Lock(lock), _) => turn(record, lock, operation),
        }
    }
}

fn transact(record: &Record, accounts: &mut Accounts, operation: &Operation) -> String {
    let show = |account: u32| match accounts.0[account as usize] {
        Account::Holds(balance) => format!("{}: {balance}", crop(record.accounts.show(account))),
        Account::Since { more, opening_min } => {
            format!("{}: {} or more", crop(record.accounts.show(account)), opening_min + more)
        }
    };
    let Some(call) = bank::call_of(operation, &[]) else { return String::new() };
    let told = match &call {
        bank::Call::Transfer { from, .. } => format!("refused, for there was {}", show(*from)),
        bank::Call::Read { saw, .. } => {
            const SHOWN_MAX: usize = 8;
            let mut shown: Vec<String> =
                saw.iter().take(SHOWN_MAX).map(|&(account, _)| show(account)).collect();
            if saw.len() > SHOWN_MAX {
                shown.push(format!("and {} more", saw.len() - SHOWN_MAX));
            }
            format!("{{{}}}", shown.join(", "))
        }
    };
    match accounts.apply(&call) {
        bank::Answer::Done => String::new(),
        bank::Answer::Refused => told,
    }
}

fn turn(record: &Record, lock: &mut Held, operation: &Operation) -> String {
    let before = *lock;
    let call = lock::call_of(operation);
    if lock.apply(&call) == lock::Answer::Done {
        return String::new();
    }
    match (before.holder, call) {
        (None, lock::Call::Release { .. }) => "refused, for nobody held the lock".to_string(),
        (None, lock::Call::Acquire { .. }) => {
            let highest =
                before.highest.map_or(String::new(), |token| format!(": token {token} was given out"));
            format!("a higher token{highest}")
        }
        (Some((who, token)), _) => {
            let token = token.map_or(String::new(), |token| format!(" with token {token}"));
            format!("refused, for process {} held the lock{token}", record.processes.show(who))
        }
    }
}
