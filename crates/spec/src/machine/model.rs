//! The machines as what histories are checked against.

use super::{
    Bank, BankCall, BankOutcome, Call, Kind, Kv, KvCall, KvOutcome, LockCall, LockOutcome, Locks, Machine,
    Membership, MembershipCall, MembershipOutcome, Outcome, Queue, QueueCall, QueueOutcome, Register,
    RegisterCall, RegisterOutcome, Seats, SeatsCall, SeatsOutcome, shadows,
};
use crate::Value;
use crate::linearizability::{Deed, Model, Shown};

/// The part of calls that a machine does not understand: they change none.
const FOREIGN: u64 = u64::MAX;

impl Model for Kind {
    type State = Machine;
    type Call = Call;
    type Answer = Outcome;

    fn initial(&self) -> Machine {
        Machine::new(*self)
    }

    /// A whole machine, for a part as well: nothing is kept for what no call was about, so the other parts cost
    /// nothing and are always equal. But the version of a registry is of all members, and who sees one member sees no
    /// version.
    fn initial_part(&self) -> Machine {
        match self {
            Kind::Membership => Machine::Membership(Membership::without_version()),
            _ => Machine::new(*self),
        }
    }

    fn apply(&self, state: &mut Machine, call: &Call) -> Outcome {
        state.apply(call)
    }

    fn agrees(&self, given: &Outcome, seen: &Outcome) -> bool {
        match (given, seen) {
            (Outcome::Lock(given), Outcome::Lock(seen)) => given.agrees(seen),
            _ => given == seen,
        }
    }

    fn is_read(&self, call: &Call) -> bool {
        call.is_read()
    }

    fn is_inert(&self, call: &Call, seen: &Outcome) -> bool {
        call.is_read() || seen.is_refusal()
    }

    fn needs(&self, call: &Call, seen: &Outcome) -> Option<Machine> {
        match (self, call, seen) {
            (Kind::Register, Call::Register(call), Outcome::Register(seen)) => {
                register_needs(call, seen).map(Machine::Register)
            }
            (Kind::Kv, Call::Kv(KvCall::Get { key }), Outcome::Kv(KvOutcome::Found(text))) => {
                Some(Machine::Kv(Kv::holding(*key, text.clone())))
            }
            (
                Kind::Bank { .. },
                Call::Bank(BankCall::Audit),
                Outcome::Bank(BankOutcome::Balances(balances)),
            ) => Some(Machine::Bank(Bank::holding(balances.clone()))),
            (Kind::Seats { seats }, Call::Seats(call), Outcome::Seats(seen)) => {
                seats_need(*seats, call, seen).map(Machine::Seats)
            }
            (Kind::Lock, Call::Lock(call), Outcome::Lock(seen)) => lock_needs(call, seen).map(Machine::Lock),
            (Kind::Membership, Call::Membership(call), Outcome::Membership(seen)) => {
                membership_needs(call, seen).map(Machine::Membership)
            }
            (Kind::Queue, Call::Queue(_), Outcome::Queue(seen)) => queue_needs(seen).map(Machine::Queue),
            _ => None,
        }
    }

    fn leads_to(&self, call: &Call) -> Option<Machine> {
        match (self, call) {
            (
                Kind::Register,
                Call::Register(RegisterCall::Write(value) | RegisterCall::Cas { to: value, .. }),
            ) => Some(Machine::Register(Register::holding(Some(*value)))),
            (Kind::Kv, Call::Kv(KvCall::Put { key, text })) => {
                Some(Machine::Kv(Kv::holding(*key, text.to_string())))
            }
            (Kind::Seats { seats }, Call::Seats(call)) => {
                let (seat, holder) = match *call {
                    SeatsCall::Reserve { seat, who } => (seat, Some(who)),
                    SeatsCall::Release { seat, .. } => (seat, None),
                    SeatsCall::Holder(_) | SeatsCall::Sold => return None,
                };
                Some(Machine::Seats(Seats::with_holder(*seats, seat, holder)))
            }
            (Kind::Membership, Call::Membership(call)) => {
                let members = match *call {
                    MembershipCall::Join(member) => Some(member),
                    MembershipCall::Leave(_) => None,
                    MembershipCall::IsMember(_) | MembershipCall::Members => return None,
                };
                Some(Machine::Membership(Membership::of_one(members)))
            }
            _ => None,
        }
    }

    fn is_blind(&self, call: &Call) -> bool {
        match (self, call) {
            (Kind::Register, Call::Register(call)) => matches!(call, RegisterCall::Write(_)),
            (Kind::Kv, Call::Kv(call)) => !call.is_read(),
            (Kind::Queue, Call::Queue(call)) => matches!(call, QueueCall::Enqueue(_)),
            _ => false,
        }
    }

    fn overwrites(&self, call: &Call) -> bool {
        match (self, call) {
            (Kind::Register, Call::Register(call)) => matches!(call, RegisterCall::Write(_)),
            (Kind::Kv, Call::Kv(call)) => matches!(call, KvCall::Put { .. }),
            _ => false,
        }
    }

    fn may_become(&self, from: &Machine, to: &Machine) -> bool {
        match (from, to) {
            (Machine::Kv(from), Machine::Kv(to)) => from.may_grow_into(to),
            (Machine::Bank(from), Machine::Bank(to)) => from.may_become(to),
            (Machine::Lock(from), Machine::Lock(to)) => from.may_become(to),
            _ => true,
        }
    }

    /// The balance of each account; the length of a queue; whether a register or a text is empty.
    fn shadows(&self) -> u64 {
        match self {
            Kind::Bank { accounts, .. } => u64::from(*accounts).min(shadows::ACCOUNTS_MAX),
            Kind::Register | Kind::Kv | Kind::Queue => 1,
            Kind::Seats { .. } | Kind::Lock | Kind::Membership => 0,
        }
    }

    fn shadow_of(&self, call: &Call, seen: &Outcome) -> Option<u64> {
        shadows::worth_a_look(call, seen)
    }

    fn shadow_before(&self, shadow: u64) -> u64 {
        match self {
            Kind::Bank { opening, .. } => u64::from(*opening),
            Kind::Register | Kind::Kv => u64::from(shadow == 0),
            Kind::Seats { .. } | Kind::Lock | Kind::Membership | Kind::Queue => 0,
        }
    }

    fn cast(&self, shadow: u64, call: &Call, seen: Option<&Outcome>) -> Option<Deed> {
        shadows::cast(*self, shadow, call, seen)
    }

    fn line(&self, state: &Machine) -> Option<Vec<u64>> {
        match state {
            Machine::Queue(queue) => Some(queue.values().map(|value| value.0).collect()),
            _ => None,
        }
    }

    fn joins(&self, call: &Call) -> Option<u64> {
        match (self, call) {
            (Kind::Queue, Call::Queue(QueueCall::Enqueue(value))) => Some(value.0),
            _ => None,
        }
    }

    fn may_take(&self, call: &Call) -> bool {
        matches!((self, call), (Kind::Queue, Call::Queue(QueueCall::Dequeue)))
    }

    fn shows(&self, call: &Call, seen: &Outcome) -> Option<Shown> {
        let (Kind::Queue, Call::Queue(call), Outcome::Queue(seen)) = (self, call, seen) else { return None };
        let front = |value: &Option<Value>| match value {
            Some(value) => Shown { front: vec![value.0], is_all: false },
            None => Shown { front: Vec::new(), is_all: true },
        };
        match (call, seen) {
            (QueueCall::Dequeue, QueueOutcome::Dequeued(value)) => Some(front(value)),
            (QueueCall::Peek, QueueOutcome::Front(value)) => Some(front(value)),
            (QueueCall::Length, QueueOutcome::Length(0)) => Some(front(&None)),
            (QueueCall::Contents, QueueOutcome::Contents(values)) => {
                Some(Shown { front: values.iter().map(|value| value.0).collect(), is_all: true })
            }
            _ => None,
        }
    }

    /// A key, a seat, a lock or a member. A register and a queue have only one part. Accounts are not independent:
    /// a transfer is about two, and what it finds in one changes the other.
    fn part(&self, call: &Call) -> Option<u64> {
        match (self, call) {
            (Kind::Kv, Call::Kv(call)) => Some(u64::from(call.key().0)),
            (Kind::Seats { .. }, Call::Seats(call)) => call.seat().map(|seat| u64::from(seat.0)),
            (Kind::Lock, Call::Lock(call)) => Some(u64::from(call.lock().0)),
            (Kind::Membership, Call::Membership(call)) => call.member().map(|member| u64::from(member.0)),
            (Kind::Register | Kind::Bank { .. } | Kind::Queue, _) => None,
            (Kind::Kv | Kind::Seats { .. } | Kind::Lock | Kind::Membership, _) => Some(FOREIGN),
        }
    }
}

impl Outcome {
    /// Whether this is only ever answered when nothing changed, and not to reads alone.
    fn is_refusal(&self) -> bool {
        match self {
            Outcome::NotUnderstood => true,
            Outcome::Register(seen) => *seen == RegisterOutcome::Compared(false),
            Outcome::Kv(_) => false,
            Outcome::Bank(seen) => {
                matches!(seen, BankOutcome::NoFunds | BankOutcome::SameAccount | BankOutcome::NoSuchAccount)
            }
            Outcome::Seats(seen) => matches!(
                seen,
                SeatsOutcome::AlreadyYours
                    | SeatsOutcome::Taken(_)
                    | SeatsOutcome::NotYours
                    | SeatsOutcome::NoSuchSeat
            ),
            Outcome::Lock(seen) => {
                matches!(seen, LockOutcome::Held(_) | LockOutcome::NotYours | LockOutcome::Refused)
            }
            Outcome::Membership(seen) => {
                matches!(seen, MembershipOutcome::AlreadyIn | MembershipOutcome::NotIn)
            }
            Outcome::Queue(seen) => *seen == QueueOutcome::Dequeued(None),
        }
    }
}

fn register_needs(call: &RegisterCall<Value>, seen: &RegisterOutcome<Value>) -> Option<Register<Value>> {
    match (*call, *seen) {
        (RegisterCall::Read, RegisterOutcome::Found(value)) => Some(Register::holding(value)),
        (RegisterCall::Cas { from, .. }, RegisterOutcome::Compared(true)) => Some(Register::holding(from)),
        _ => None,
    }
}

/// The seat alone: only histories without [`SeatsCall::Sold`] are taken apart.
fn seats_need(seats: u16, call: &SeatsCall, seen: &SeatsOutcome) -> Option<Seats> {
    let (seat, holder) = match (*call, seen) {
        (SeatsCall::Sold, SeatsOutcome::Sold(sold)) => return Some(Seats::with_sold(seats, sold)),
        (SeatsCall::Reserve { seat, .. }, SeatsOutcome::Reserved) => (seat, None),
        (SeatsCall::Reserve { seat, who }, SeatsOutcome::AlreadyYours) => (seat, Some(who)),
        (SeatsCall::Reserve { seat, .. }, &SeatsOutcome::Taken(holder)) => (seat, Some(holder)),
        (SeatsCall::Release { seat, who }, SeatsOutcome::Released) => (seat, Some(who)),
        (SeatsCall::Holder(seat), &SeatsOutcome::Holder(holder)) => (seat, holder),
        _ => return None,
    };
    Some(Seats::with_holder(seats, seat, holder))
}

/// Only a write tells how many there were before.
fn lock_needs(call: &LockCall, seen: &LockOutcome) -> Option<Locks> {
    match (*call, *seen) {
        (LockCall::Guarded { lock, who }, LockOutcome::Accepted { token, write }) => {
            Some(Locks::of_one(lock, Some(who), token, write.checked_sub(1)?))
        }
        _ => None,
    }
}

fn membership_needs(call: &MembershipCall, seen: &MembershipOutcome) -> Option<Membership> {
    let (member, is_in) = match (*call, seen) {
        (MembershipCall::Members, MembershipOutcome::Members { version, members }) => {
            return Some(Membership::of_all(*version, members));
        }
        (MembershipCall::Join(member), MembershipOutcome::Joined) => (member, false),
        (MembershipCall::Join(member), MembershipOutcome::AlreadyIn) => (member, true),
        (MembershipCall::Leave(member), MembershipOutcome::Left) => (member, true),
        (MembershipCall::Leave(member), MembershipOutcome::NotIn) => (member, false),
        (MembershipCall::IsMember(member), &MembershipOutcome::IsMember(is_in)) => (member, is_in),
        _ => return None,
    };
    Some(Membership::of_one(is_in.then_some(member)))
}

fn queue_needs(seen: &QueueOutcome<Value>) -> Option<Queue<Value>> {
    match seen {
        QueueOutcome::Contents(values) => Some(Queue::holding(values)),
        QueueOutcome::Dequeued(None) | QueueOutcome::Front(None) | QueueOutcome::Length(0) => {
            Some(Queue::holding(&[]))
        }
        _ => None,
    }
}
