//! A protocol that does what it is told: requests, messages and timers carry the script that handling them runs.
//!
//! `V` tells two vocabularies apart: in the second one the message kinds stand in another order, with others between.

use std::fmt::{self, Display};

use quarrel_protocol::{
    After, Announcement, Answer, ClientId, ClientReply, Effects, Fingerprint, Fingerprinter, Input, Kinded,
    NodeId, Protocol, RequestId, Summary, Wait,
};
use serde::{Deserialize, Serialize};

/// One order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Op {
    Persist(u64),
    Compact(Vec<u64>),
    Barrier,
    /// To a node, by index; the receiver runs the script.
    Send(u8, Kind, u64, Vec<Op>),
    Unsynced(u8, Kind, u64),
    /// To everybody else, in order.
    ToAll(Kind, u64),
    Reply(Reply),
    Output(u64),
    Announce(Topic, u64),
    /// A timer and its range, in nanoseconds.
    Set(Timer, u64, u64),
    Cancel(Timer),
    /// Only at this node.
    On(u8, Vec<Op>),
    /// Only when the disk held nothing at the start.
    IfBlank(Vec<Op>),
    /// Only when it held something.
    IfUsed(Vec<Op>),
    /// Sends the message that is being handled on to that node.
    Forward(u8),
    Panic(String),
    /// From now on the node's invariants do not hold.
    Break,
    /// Puts out the least request that the client still waits for, as the request says.
    Oldest,
    /// From now on the node waits for these nodes; for nobody if there are none.
    WaitFor(Vec<u8>),
    /// From now on this is all that the node's summary says.
    Sum(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    Ask,
    Tell,
    Note,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Topic {
    Started,
    Voted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum TimerKind {
    Tick,
    Tock,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Script(pub(crate) Vec<Op>);

/// What an operator can ask for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Chore {
    pub(crate) kind: ChoreKind,
    pub(crate) number: u64,
    pub(crate) then: Vec<Op>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum ChoreKind {
    Sweep,
    Dust,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Message<const V: u8> {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) then: Vec<Op>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Timer {
    pub(crate) kind: TimerKind,
    pub(crate) number: u64,
    pub(crate) then: Vec<Op>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) topic: Topic,
    pub(crate) number: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Number(pub(crate) u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done(u64),
    Failed,
    Redirect(Option<u8>),
}

/// What every node does when it starts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) boot: Vec<Op>,
}

/// A node that does what it is told.
pub(crate) struct Toy<const V: u8> {
    id: NodeId,
    nodes_seen: u8,
    /// What its disk held at the start.
    pub(crate) recovered: Vec<u64>,
    /// The numbers of the messages that it has got since.
    pub(crate) heard: Vec<u64>,
    broken: bool,
    waits: Vec<Wait>,
    sum: u64,
}

// What a script will do is not part of what is said: digests must notice the effects themselves.
impl Fingerprint for Script {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(1);
    }
}

impl<const V: u8> Fingerprint for Message<V> {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind as u64);
        into.word(self.number);
    }
}

impl Fingerprint for Chore {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind as u64);
        into.word(self.number);
    }
}

impl Fingerprint for Timer {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind as u64);
        into.word(self.number);
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.topic as u64);
        into.word(self.number);
    }
}

impl Fingerprint for Number {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Done(number) => into.pair(*number, 1),
            Reply::Failed => into.mark(2),
            Reply::Redirect(hint) => hint.fingerprint(into),
        }
    }
}

impl Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders", self.0.len())
    }
}

impl<const V: u8> Display for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind_name(), self.number)
    }
}

impl Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind_name(), self.number)
    }
}

impl Kinded for Chore {
    const KINDS: &'static [&'static str] = &["sweep", "dust"];

    fn kind(&self) -> usize {
        self.kind as usize
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind_name(), self.number)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind_name(), self.number)
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Done(number) => write!(f, "done {number}"),
            Reply::Failed => f.write_str("failed"),
            Reply::Redirect(Some(node)) => write!(f, "ask {}", NodeId(*node)),
            Reply::Redirect(None) => f.write_str("ask elsewhere"),
        }
    }
}

impl<const V: u8> Kinded for Message<V> {
    const KINDS: &'static [&'static str] =
        if V == 0 { &["ask", "tell", "note"] } else { &["zebra", "note", "aardvark", "tell", "ask"] };

    fn kind(&self) -> usize {
        match (V, self.kind) {
            (0, Kind::Ask) => 0,
            (0, Kind::Tell) => 1,
            (0, Kind::Note) => 2,
            (_, Kind::Ask) => 4,
            (_, Kind::Tell) => 3,
            (_, Kind::Note) => 1,
        }
    }
}

impl<const V: u8> quarrel_protocol::Message for Message<V> {}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["tick", "tock"];

    fn kind(&self) -> usize {
        self.kind as usize
    }
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &["started", "voted"];

    fn kind(&self) -> usize {
        self.topic as usize
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[&[], &["number", "half"]];

    fn field(&self, position: usize) -> u64 {
        if position == 0 { self.number } else { self.number / 2 }
    }

    fn is_milestone(&self) -> bool {
        false
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match self {
            Reply::Done(_) => Answer::Done,
            Reply::Failed => Answer::Failed,
            Reply::Redirect(hint) => Answer::Redirect(hint.map(NodeId)),
        }
    }
}

/// What a script is part of.
#[derive(Default)]
struct Occasion<'a, const V: u8> {
    request: Option<(ClientId, RequestId)>,
    oldest: RequestId,
    message: Option<&'a Message<V>>,
}

impl<const V: u8> Toy<V> {
    fn obey(&mut self, orders: &[Op], occasion: &Occasion<'_, V>, effects: &mut Effects<Self>) {
        for order in orders {
            self.obey_one(order, occasion, effects);
        }
    }

    fn obey_one(&mut self, order: &Op, occasion: &Occasion<'_, V>, effects: &mut Effects<Self>) {
        let message = |kind, number, then| Message { kind, number, then };
        match order {
            Op::Persist(record) => effects.persist(Number(*record)),
            Op::Compact(records) => effects.compact(records.iter().copied().map(Number).collect()),
            Op::Barrier => effects.barrier(),
            Op::Send(to, kind, number, then) => {
                effects.send(NodeId(*to), message(*kind, *number, then.clone()));
            }
            Op::Unsynced(to, kind, number) => {
                effects.send(NodeId(*to), message(*kind, *number, Vec::new())).unsynced();
            }
            Op::ToAll(kind, number) => {
                for to in NodeId::all(usize::from(self.nodes_seen)).filter(|&to| to != self.id) {
                    effects.send(to, message(*kind, *number, Vec::new()));
                }
            }
            Op::Reply(reply) => {
                if let Some((client, id)) = occasion.request {
                    effects.reply(client, id, *reply);
                }
            }
            Op::Output(number) => effects.output(Number(*number)),
            Op::Announce(topic, number) => effects.announce(Event { topic: *topic, number: *number }),
            Op::Set(timer, min_ns, max_ns) => {
                effects.set_timer(timer.clone(), After { min_ns: *min_ns, max_ns: *max_ns });
            }
            Op::Cancel(timer) => effects.cancel_timer(timer.clone()),
            Op::On(node, then) if NodeId(*node) == self.id => self.obey(then, occasion, effects),
            Op::IfBlank(then) if self.recovered.is_empty() => self.obey(then, occasion, effects),
            Op::IfUsed(then) if !self.recovered.is_empty() => self.obey(then, occasion, effects),
            Op::On(..) | Op::IfBlank(_) | Op::IfUsed(_) => {}
            Op::Forward(to) => {
                if let Some(message) = occasion.message {
                    effects.send(NodeId(*to), message.clone());
                }
            }
            Op::Panic(words) => panic!("{words}"),
            Op::Break => self.broken = true,
            Op::Oldest => effects.output(Number(u64::from(occasion.oldest.0))),
            Op::WaitFor(nodes) => {
                let on = nodes.iter().copied().map(NodeId).collect();
                self.waits = vec![Wait { on, what: "an answer".to_string() }];
            }
            Op::Sum(number) => self.sum = *number,
        }
    }
}

impl<const V: u8> Protocol for Toy<V> {
    const NAME: &'static str = "toy";
    const LIES: &'static [&'static str] = &["exaggerate", "stammer", "swallow-asks", "flatter"];

    type Config = (u8, Config);
    type Request = Script;
    type Reply = Reply;
    type Output = Number;
    type Admin = Chore;
    type Message = Message<V>;
    type Timer = Timer;
    type Record = Number;
    type Event = Event;

    fn recover(
        (nodes, config): &Self::Config,
        id: NodeId,
        disk: &[Self::Record],
        effects: &mut Effects<Self>,
    ) -> Self {
        let recovered = disk.iter().map(|record| record.0).collect();
        let mut node = Self {
            id,
            nodes_seen: *nodes,
            recovered,
            heard: Vec::new(),
            broken: false,
            waits: Vec::new(),
            sum: 0,
        };
        node.obey(&config.boot, &Occasion::default(), effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, oldest, request } => {
                let occasion = Occasion { request: Some((client, id)), oldest, message: None };
                self.obey(&request.0, &occasion, effects);
            }
            Input::Message { message, .. } => {
                self.heard.push(message.number);
                self.obey(
                    &message.then,
                    &Occasion { message: Some(&message), ..Occasion::default() },
                    effects,
                );
            }
            Input::Timer(timer) => self.obey(&timer.then, &Occasion::default(), effects),
            Input::Admin(chore) => self.obey(&chore.then, &Occasion::default(), effects),
        }
    }

    fn assert_invariants(&self) {
        assert!(!self.broken, "{} is broken after {} messages", self.id, self.heard.len());
    }

    /// Says a hundred more; says all twice; says nothing that is asked.
    fn lie(&self, lie: usize, to: NodeId, message: &Message<V>) -> Vec<Message<V>> {
        match lie {
            0 => vec![Message { number: message.number + 100 * u64::from(to.0), ..message.clone() }],
            1 => vec![message.clone(); 2],
            2 if message.kind == Kind::Ask => Vec::new(),
            _ => vec![message.clone()],
        }
    }

    fn lie_in_reply(&self, lie: usize, client: ClientId, _: RequestId, reply: &Reply) -> Reply {
        match *reply {
            Reply::Done(number) if lie == 3 => Reply::Done(number + 100 + u64::from(client.0)),
            _ => *reply,
        }
    }

    fn summary(&self) -> Summary {
        Summary { role: "toy", facts: vec![("sum", self.sum)] }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits.clone()
    }
}
