//! Any call, about few things, so that calls meet; now and then about something far away.

use proptest::prelude::*;
use quarrel_spec::Value;
use quarrel_spec::machine::{
    Account, BankCall, Call, Key, Kind, KvCall, LockCall, LockId, Member, MembershipCall, QueueCall,
    RegisterCall, Seat, SeatsCall, Who,
};

/// How many accounts and seats the machines of these tests have.
pub(crate) const PARTS: u16 = 4;
/// What the accounts of these tests open with.
pub(crate) const OPENING: u32 = 10;

/// Every kind, in a small size.
pub(crate) const KINDS: [Kind; 7] = [
    Kind::Register,
    Kind::Kv,
    Kind::Bank { accounts: PARTS, opening: OPENING },
    Kind::Seats { seats: PARTS },
    Kind::Lock,
    Kind::Membership,
    Kind::Queue,
];

/// One of a few things that exist, rarely one that does not.
fn part() -> impl Strategy<Value = u16> {
    prop_oneof![9 => 0..PARTS, 1 => PARTS..=u16::MAX]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![9 => (0..3u32).prop_map(Who), 1 => any::<u32>().prop_map(Who)]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![9 => (0..5u64).prop_map(Value), 1 => any::<u64>().prop_map(Value)]
}

pub(crate) fn register() -> impl Strategy<Value = RegisterCall<Value>> {
    prop_oneof![
        Just(RegisterCall::Read),
        value().prop_map(RegisterCall::Write),
        (proptest::option::of(value()), value()).prop_map(|(from, to)| RegisterCall::Cas { from, to }),
    ]
}

pub(crate) fn kv() -> impl Strategy<Value = KvCall<Value>> {
    (0..3u8, part().prop_map(Key), value()).prop_map(|(variant, key, text)| match variant {
        0 => KvCall::Get { key },
        1 => KvCall::Put { key, text },
        _ => KvCall::Append { key, text },
    })
}

pub(crate) fn bank() -> impl Strategy<Value = BankCall> {
    let account = || part().prop_map(Account);
    let amount = prop_oneof![9 => 0..=OPENING + 5, 1 => any::<u32>()];
    prop_oneof![
        6 => (account(), account(), amount)
            .prop_map(|(from, to, amount)| BankCall::Transfer { from, to, amount }),
        1 => account().prop_map(BankCall::Balance),
        1 => Just(BankCall::Audit),
    ]
}

pub(crate) fn seats() -> impl Strategy<Value = SeatsCall> {
    (0..8u8, part().prop_map(Seat), who()).prop_map(|(variant, seat, who)| match variant {
        0..=3 => SeatsCall::Reserve { seat, who },
        4 | 5 => SeatsCall::Release { seat, who },
        6 => SeatsCall::Holder(seat),
        _ => SeatsCall::Sold,
    })
}

pub(crate) fn lock() -> impl Strategy<Value = LockCall> {
    (0..4u8, part().prop_map(LockId), who()).prop_map(|(variant, lock, who)| match variant {
        0 => LockCall::Acquire { lock, who },
        1 => LockCall::Release { lock, who },
        2 => LockCall::Guarded { lock, who },
        _ => LockCall::Holder(lock),
    })
}

pub(crate) fn membership() -> impl Strategy<Value = MembershipCall> {
    (0..4u8, part().prop_map(Member)).prop_map(|(variant, member)| match variant {
        0 => MembershipCall::Join(member),
        1 => MembershipCall::Leave(member),
        2 => MembershipCall::IsMember(member),
        _ => MembershipCall::Members,
    })
}

pub(crate) fn queue() -> impl Strategy<Value = QueueCall<Value>> {
    prop_oneof![
        3 => value().prop_map(QueueCall::Enqueue),
        2 => Just(QueueCall::Dequeue),
        1 => Just(QueueCall::Peek),
        1 => Just(QueueCall::Length),
        1 => Just(QueueCall::Contents),
    ]
}

/// A call of any machine.
pub(crate) fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        register().prop_map(Call::Register),
        kv().prop_map(Call::Kv),
        bank().prop_map(Call::Bank),
        seats().prop_map(Call::Seats),
        lock().prop_map(Call::Lock),
        membership().prop_map(Call::Membership),
        queue().prop_map(Call::Queue),
    ]
}

/// A machine, and calls that are mostly of that machine.
pub(crate) fn kind_and_calls() -> impl Strategy<Value = (Kind, Vec<Call>)> {
    (0..KINDS.len()).prop_flat_map(|kind| {
        let own = match kind {
            0 => register().prop_map(Call::Register).boxed(),
            1 => kv().prop_map(Call::Kv).boxed(),
            2 => bank().prop_map(Call::Bank).boxed(),
            3 => seats().prop_map(Call::Seats).boxed(),
            4 => lock().prop_map(Call::Lock).boxed(),
            5 => membership().prop_map(Call::Membership).boxed(),
            _ => queue().prop_map(Call::Queue).boxed(),
        };
        let calls = proptest::collection::vec(prop_oneof![9 => own, 1 => call()], 0..60);
        (Just(KINDS[kind]), calls)
    })
}
