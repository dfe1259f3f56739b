//! Sessions: however often and in whatever order commands reach the log, each takes effect at most once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use quarrel_protocol::{ClientId, RequestId};
use quarrel_spec::Value;
use quarrel_spec::machine::{
    Account, BankCall, Call, Key, Kind, KvCall, KvOutcome, LockCall, LockId, Machine, Outcome, QueueCall,
    RegisterCall, Who,
};
use quarrel_spec::session::{Command, Memory, Receipt, Replica, Session};

use crate::config;

const CLIENTS: u8 = 3;
const KEYS: u16 = 2;

/// What happens next between clients and the log. Numbers pick among what is there.
#[derive(Clone, Debug)]
enum Act {
    /// A client makes a new call: it appends its number to a key, or reads the key.
    Ask { client: u8, key: u16, reads: bool },
    /// A client asks again for a call that it still waits for.
    Retry { client: u8, which: usize },
    /// A command on its way reaches the log: this one, so commands overtake each other.
    Arrive { which: usize, copied: Copied, answered: Answered },
    /// A client stops waiting for a call, not knowing what came of it.
    GiveUp { client: u8, which: usize },
}

/// Whether a copy of a command is still on its way when the first has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Copied {
    Once,
    Again,
}

/// Whether the client hears what came of its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answered {
    Heard,
    Lost,
}

fn act() -> impl Strategy<Value = Act> {
    let copied = prop_oneof![Just(Copied::Once), Just(Copied::Again)];
    let answered = prop_oneof![Just(Answered::Heard), Just(Answered::Lost)];
    prop_oneof![
        3 => (0..CLIENTS, 0..KEYS, prop::bool::weighted(0.3))
            .prop_map(|(client, key, reads)| Act::Ask { client, key, reads }),
        2 => (0..CLIENTS, any::<usize>()).prop_map(|(client, which)| Act::Retry { client, which }),
        5 => (any::<usize>(), copied, answered)
            .prop_map(|(which, copied, answered)| Act::Arrive { which, copied, answered }),
        1 => (0..CLIENTS, any::<usize>()).prop_map(|(client, which)| Act::GiveUp { client, which }),
    ]
}

/// Clients, the network between them and the log, and the log.
#[derive(Default)]
struct Scene {
    /// What each client waits for, by its number.
    waiting: BTreeMap<(u8, u32), Call>,
    numbers: u32,
    on_the_way: Vec<Command>,
    log: Vec<Command>,
}

/// A command that has reached the log.
struct Arrival {
    command: Command,
    answered: Answered,
}

impl Scene {
    fn send(&mut self, client: u8, number: u32) {
        let call = self.waiting[&(client, number)];
        let oldest = self.waiting_of(client).next().expect("it waits for this one at least");
        let session =
            Session { client: ClientId(client), serial: RequestId(number), oldest: RequestId(oldest) };
        self.on_the_way.push(Command { session, call });
    }

    fn waiting_of(&self, client: u8) -> impl Iterator<Item = u32> {
        self.waiting.range((client, 0)..=(client, u32::MAX)).map(|(&(_, number), _)| number)
    }

    fn pick(&self, client: u8, which: usize) -> Option<u32> {
        let waiting = self.waiting_of(client).collect::<Vec<_>>();
        (!waiting.is_empty()).then(|| waiting[which % waiting.len()])
    }

    fn act(&mut self, act: &Act) -> Option<Arrival> {
        match *act {
            Act::Ask { client, key, reads } => {
                let (key, number) = (Key(key), self.numbers);
                self.numbers += 1;
                let text = Value(u64::from(number));
                let call = if reads { KvCall::Get { key } } else { KvCall::Append { key, text } };
                self.waiting.insert((client, number), Call::Kv(call));
                self.send(client, number);
            }
            Act::Retry { client, which } => {
                if let Some(number) = self.pick(client, which) {
                    self.send(client, number);
                }
            }
            Act::GiveUp { client, which } => {
                if let Some(number) = self.pick(client, which) {
                    self.waiting.remove(&(client, number));
                }
            }
            Act::Arrive { which, copied, answered } => {
                if self.on_the_way.is_empty() {
                    return None;
                }
                let which = which % self.on_the_way.len();
                let command = match copied {
                    Copied::Once => self.on_the_way.swap_remove(which),
                    Copied::Again => self.on_the_way[which],
                };
                self.log.push(command);
                return Some(Arrival { command, answered });
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_command_takes_effect_at_most_once(acts in vec(act(), 1..120)) {
        let mut scene = Scene::default();
        let mut replica = Replica::new(Kind::Kv, Memory::Kept);
        // The reference: a machine that hears each command that counts, once.
        let mut machine = Machine::new(Kind::Kv);
        let mut receipts: BTreeMap<(u8, u32), Receipt> = BTreeMap::new();
        let mut oldest = [0; CLIENTS as usize];
        for act in &acts {
            let Some(Arrival { command, answered }) = scene.act(act) else { continue };
            let index = scene.log.len() as u64;
            let Session { client, serial, oldest: floor } = command.session;
            let name = (client.0, serial.0);
            let oldest = &mut oldest[usize::from(client.0)];
            *oldest = floor.0.max(*oldest);
            let receipt = replica.apply(index, &command);
            if scene.waiting.contains_key(&name) {
                prop_assert!(receipt.is_some(), "{} still waits for {}", client, serial);
            }
            let Some(receipt) = receipt else {
                prop_assert!(serial.0 < *oldest, "only what nobody waits for is passed over");
                prop_assert_eq!(replica.applied(client, serial), None);
                continue;
            };
            prop_assert!(serial.0 >= *oldest, "what was forgotten is never applied again");
            let first = receipts
                .entry(name)
                .or_insert_with(|| Receipt { index, outcome: machine.apply(&command.call) });
            prop_assert_eq!(&receipt, first, "a retry is told what the first was told");
            prop_assert_eq!(replica.applied(client, serial), Some(&receipt));
            if answered == Answered::Heard {
                scene.waiting.remove(&name);
            }
        }
        for key in (0..KEYS).map(Key) {
            let get = Call::Kv(KvCall::Get { key });
            let found = replica.peek(&get);
            prop_assert_eq!(machine.peek(&get), Some(found.clone()));
            let Outcome::Kv(KvOutcome::Found(text)) = found else { panic!("a get finds a text") };
            let numbers = text.split('v').skip(1).collect::<Vec<_>>();
            prop_assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{} repeats", text);
        }
        for (&(client, serial), receipt) in &receipts {
            let remembered = replica.applied(ClientId(client), RequestId(serial));
            let wanted = serial >= oldest[usize::from(client)];
            prop_assert_eq!(remembered, wanted.then_some(receipt), "no more is kept than is asked for");
        }
        let mut second = Replica::new(Kind::Kv, Memory::Kept);
        for (command, index) in scene.log.iter().zip(1..) {
            second.apply(index, command);
        }
        prop_assert_eq!(second, replica, "the log alone decides");
    }

    /// Sessions may be nonsense: a serial below its own oldest, clients that never asked before.
    #[test]
    fn any_session_is_survived(
        sessions in vec((any::<u8>(), prop_oneof![0..5u32, any::<u32>()], prop_oneof![0..5u32, any::<u32>()]), 0..40),
    ) {
        let mut replica = Replica::new(Kind::Queue, Memory::Kept);
        let mut effects = BTreeSet::new();
        for (&(client, serial, oldest), index) in sessions.iter().zip(1..) {
            let call = Call::Queue(QueueCall::Enqueue(Value(index)));
            let receipt = replica.apply(index, &command(client, serial, oldest, call));
            prop_assert!(serial >= oldest || receipt.is_none(), "it said that it does not wait for it");
            if receipt.is_some_and(|receipt| receipt.index == index) {
                prop_assert!(effects.insert((client, serial)), "applied twice");
            }
        }
        let length = replica.peek(&Call::Queue(QueueCall::Length));
        prop_assert_eq!(length.to_string(), effects.len().to_string());
    }
}

fn command(client: u8, serial: u32, oldest: u32, call: Call) -> Command {
    let (serial, oldest) = (RequestId(serial), RequestId(oldest));
    Command { session: Session { client: ClientId(client), serial, oldest }, call }
}

/// For each machine a call whose second application does harm, and the read that shows it.
fn harmful() -> Vec<(Kind, Vec<Call>, Call, [&'static str; 2])> {
    let (from, to, key, lock, who) = (Account(0), Account(1), Key(0), LockId(0), Who(0));
    let transfer = Call::Bank(BankCall::Transfer { from, to, amount: 3 });
    let append = Call::Kv(KvCall::Append { key, text: Value(1) });
    let enqueue = Call::Queue(QueueCall::Enqueue(Value(1)));
    let acquire = Call::Lock(LockCall::Acquire { lock, who });
    let guarded = Call::Lock(LockCall::Guarded { lock, who });
    let bank = Kind::Bank { accounts: 2, opening: 10 };
    vec![
        (bank, vec![transfer], Call::Bank(BankCall::Audit), ["[a0: 7, a1: 13]", "[a0: 4, a1: 16]"]),
        (Kind::Kv, vec![append], Call::Kv(KvCall::Get { key }), ["v1", "v1v1"]),
        (Kind::Queue, vec![enqueue], Call::Queue(QueueCall::Contents), ["[v1]", "[v1, v1]"]),
        (Kind::Lock, vec![acquire, guarded], guarded, ["write 2 with token t1", "write 3 with token t1"]),
    ]
}

#[test]
fn a_replica_that_forgets_applies_a_retry_again() {
    for (kind, calls, look, [once, twice]) in harmful() {
        for (memory, expected) in [(Memory::Kept, once), (Memory::Forgotten, twice)] {
            let mut replica = Replica::new(kind, memory);
            for (&call, serial) in calls.iter().zip(0..) {
                replica.apply(1 + u64::from(serial), &command(0, serial, 0, call));
            }
            let last = calls.len() as u32 - 1;
            let retried =
                replica.apply(9, &command(0, last, 0, calls[last as usize])).expect("it still waits");
            let index = if memory == Memory::Kept { u64::from(last) + 1 } else { 9 };
            assert_eq!(retried.index, index, "{kind}: where it took effect");
            let seen = replica.apply(10, &command(0, last + 1, 0, look)).expect("it is new");
            assert_eq!(seen.outcome.to_string(), expected, "{kind}");
        }
    }
}

/// A numbered interleaving, in the order of the log:
/// 1. The client writes 1 (op0) and is answered; a copy of the command is still on its way.
/// 2. It writes 2 (op1), and says that it waits for nothing older than op1.
/// 3. The copy of op0 arrives. If it were applied, the 2 would be undone.
#[test]
fn a_late_copy_of_what_was_forgotten_has_no_effect() {
    let write = |value| Call::Register(RegisterCall::Write(Value(value)));
    let mut replica = Replica::new(Kind::Register, Memory::Kept);
    assert!(replica.apply(1, &command(0, 0, 0, write(1))).is_some());
    assert!(replica.apply(2, &command(0, 1, 1, write(2))).is_some());
    assert_eq!(replica.apply(3, &command(0, 0, 0, write(1))), None);
    assert_eq!(replica.peek(&Call::Register(RegisterCall::Read)).to_string(), "v2");
    assert_eq!(replica.applied(ClientId(0), RequestId(0)), None);
    assert_eq!(replica.applied(ClientId(0), RequestId(1)).map(|receipt| receipt.index), Some(2));
    assert_eq!(replica.applied(ClientId(9), RequestId(0)), None, "a client that never asked");
}

/// One client with two calls at a time: the later one may be applied first, and the earlier one still counts.
#[test]
fn a_later_command_that_overtakes_shuts_nothing_out() {
    let append = |value| Call::Kv(KvCall::Append { key: Key(0), text: Value(value) });
    let mut replica = Replica::new(Kind::Kv, Memory::Kept);
    let first = replica.apply(1, &command(0, 8, 7, append(8)));
    assert!(replica.apply(2, &command(0, 7, 7, append(7))).is_some());
    assert_eq!(replica.apply(3, &command(0, 8, 7, append(8))), first);
    assert_eq!(replica.peek(&Call::Kv(KvCall::Get { key: Key(0) })).to_string(), "v8v7");
}
