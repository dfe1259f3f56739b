//! What can be looked at alone in a machine ([`crate::linearizability::shadow`]): shadow 0 of a register, a text or a
//! queue is the whole of it, shadow `n + 1` the value `n`; shadow `n` of a bank is its account `n`.

use super::{
    BankCall, BankOutcome, Call, Kind, KvCall, KvOutcome, Outcome, QueueCall, QueueOutcome, RegisterCall,
    RegisterOutcome,
};
use crate::Value;
use crate::linearizability::Deed;

/// How many accounts are looked at alone.
pub(super) const ACCOUNTS_MAX: u64 = 64;

/// The shadow of what somebody saw or, where texts and queues keep it for others to see, wrote. Of a text, the last
/// value that is in it: its write may be of unknown outcome.
pub(super) fn worth_a_look(call: &Call, seen: &Outcome) -> Option<u64> {
    match (call, seen) {
        (Call::Register(_), Outcome::Register(RegisterOutcome::Found(value))) => of(*value),
        (Call::Register(RegisterCall::Cas { from, .. }), Outcome::Register(_)) => of(*from),
        (Call::Kv(_), Outcome::Kv(KvOutcome::Found(text))) => {
            let (_, last) = text.rsplit_once('v')?;
            of(Some(Value(last.parse().ok()?)))
        }
        (Call::Kv(KvCall::Put { text: value, .. } | KvCall::Append { text: value, .. }), _)
        | (Call::Queue(QueueCall::Enqueue(value)), _) => of(Some(*value)),
        _ => None,
    }
}

/// The shadow of a value; that of nothing is shadow 0.
fn of(value: Option<Value>) -> Option<u64> {
    value.map_or(Some(0), |value| value.0.checked_add(1))
}

/// What a call does to a shadow.
pub(super) fn cast(kind: Kind, shadow: u64, call: &Call, seen: Option<&Outcome>) -> Option<Deed> {
    match (kind, call, seen) {
        (Kind::Register, Call::Register(call), None) => register(shadow, call, None),
        (Kind::Register, Call::Register(call), Some(Outcome::Register(seen))) => {
            register(shadow, call, Some(seen))
        }
        (Kind::Kv, Call::Kv(call), None) => kv(shadow, call, None),
        (Kind::Kv, Call::Kv(call), Some(Outcome::Kv(seen))) => kv(shadow, call, Some(seen)),
        (Kind::Bank { accounts, .. }, Call::Bank(call), None) => account(accounts, shadow, call, None),
        (Kind::Bank { accounts, .. }, Call::Bank(call), Some(Outcome::Bank(seen))) => {
            account(accounts, shadow, call, Some(seen))
        }
        (Kind::Queue, Call::Queue(call), seen) => {
            let seen = match seen {
                None => None,
                Some(Outcome::Queue(seen)) => Some(seen),
                Some(_) => return None,
            };
            if shadow == 0 { length(call, seen) } else { waiting(Value(shadow - 1), call, seen) }
        }
        _ => None,
    }
}

/// Whether a register holds one value.
fn register(shadow: u64, call: &RegisterCall<Value>, seen: Option<&RegisterOutcome<Value>>) -> Option<Deed> {
    let is_it = |value| of(value) == Some(shadow);
    match (*call, seen) {
        (RegisterCall::Read, Some(&RegisterOutcome::Found(value))) => Some(Deed::Is(is_it(value).into())),
        (RegisterCall::Write(value), None | Some(RegisterOutcome::Written)) => {
            Some(Deed::Become(is_it(Some(value)).into()))
        }
        (RegisterCall::Cas { from, .. }, Some(RegisterOutcome::Compared(false))) => {
            is_it(from).then_some(Deed::Is(0))
        }
        (RegisterCall::Cas { from, to }, None | Some(RegisterOutcome::Compared(true))) => {
            Some(Deed::Turn(is_it(from).into(), is_it(Some(to)).into()))
        }
        _ => None,
    }
}

/// How often a text holds one value: a doubled append shows.
fn kv(shadow: u64, call: &KvCall<Value>, seen: Option<&KvOutcome>) -> Option<Deed> {
    let is_it = |value| of(Some(value)) == Some(shadow);
    match (call, seen) {
        (KvCall::Get { .. }, Some(KvOutcome::Found(text))) => {
            let count = shadow.checked_sub(1).map_or(usize::from(text.is_empty()), |value| {
                let shown = value.to_string();
                text.split('v').filter(|digits| *digits == shown).count()
            });
            Some(Deed::Is(count as u64))
        }
        (KvCall::Put { text, .. }, None | Some(KvOutcome::Stored)) => Some(Deed::Become(is_it(*text).into())),
        (KvCall::Append { text, .. }, None | Some(KvOutcome::Stored)) => {
            if shadow == 0 {
                return Some(Deed::Become(0));
            }
            is_it(*text).then_some(Deed::Add(1))
        }
        _ => None,
    }
}

/// What happens to one account.
fn account(accounts: u16, shadow: u64, call: &BankCall, seen: Option<&BankOutcome>) -> Option<Deed> {
    match (*call, seen) {
        (BankCall::Transfer { from, to, .. }, _) if from == to || from.0.max(to.0) >= accounts => None,
        (BankCall::Transfer { from, to, amount }, None | Some(BankOutcome::Transferred)) => {
            let amount = u64::from(amount);
            match (u64::from(from.0) == shadow, u64::from(to.0) == shadow) {
                (true, _) => Some(Deed::Take(amount)),
                (_, true) => Some(Deed::Add(amount)),
                _ => None,
            }
        }
        (BankCall::Transfer { from, amount, .. }, Some(BankOutcome::NoFunds)) => {
            (u64::from(from.0) == shadow).then_some(Deed::Below(amount.into()))
        }
        (BankCall::Balance(account), Some(&BankOutcome::Balance(balance))) => {
            (u64::from(account.0) == shadow).then_some(Deed::Is(balance))
        }
        (BankCall::Audit, Some(BankOutcome::Balances(balances))) => {
            balances.get(usize::try_from(shadow).ok()?).copied().map(Deed::Is)
        }
        _ => None,
    }
}

/// What happens to the length of a queue.
fn length(call: &QueueCall<Value>, seen: Option<&QueueOutcome<Value>>) -> Option<Deed> {
    match (call, seen) {
        (QueueCall::Enqueue(_), None | Some(QueueOutcome::Enqueued)) => Some(Deed::Add(1)),
        (QueueCall::Dequeue, None | Some(QueueOutcome::Dequeued(Some(_)))) => Some(Deed::Take(1)),
        (QueueCall::Dequeue, Some(QueueOutcome::Dequeued(None)))
        | (QueueCall::Peek, Some(QueueOutcome::Front(None))) => Some(Deed::Is(0)),
        (QueueCall::Peek, Some(QueueOutcome::Front(Some(_)))) => Some(Deed::AtLeast(1)),
        (QueueCall::Length, Some(&QueueOutcome::Length(length))) => Some(Deed::Is(length)),
        (QueueCall::Contents, Some(QueueOutcome::Contents(values))) => Some(Deed::Is(values.len() as u64)),
        _ => None,
    }
}

/// How often a value waits in a queue.
fn waiting(value: Value, call: &QueueCall<Value>, seen: Option<&QueueOutcome<Value>>) -> Option<Deed> {
    match (call, seen) {
        (QueueCall::Enqueue(it), None | Some(QueueOutcome::Enqueued)) => {
            (*it == value).then_some(Deed::Add(1))
        }
        (QueueCall::Dequeue, None) => Some(Deed::Take(1)),
        (QueueCall::Dequeue, Some(QueueOutcome::Dequeued(Some(it)))) => {
            (*it == value).then_some(Deed::Take(1))
        }
        (QueueCall::Peek, Some(QueueOutcome::Front(Some(it)))) => (*it == value).then_some(Deed::AtLeast(1)),
        (QueueCall::Dequeue, Some(QueueOutcome::Dequeued(None)))
        | (QueueCall::Peek, Some(QueueOutcome::Front(None)))
        | (QueueCall::Length, Some(QueueOutcome::Length(0))) => Some(Deed::Is(0)),
        (QueueCall::Contents, Some(QueueOutcome::Contents(values))) => {
            Some(Deed::Is(values.iter().filter(|it| **it == value).count() as u64))
        }
        _ => None,
    }
}
