//! A problem of one's own: a counter. What clients ask and are told, the object that they believe in, a property that
//! looks inside, and a protocol that solves the problem: n1 counts, and remembers on disk whom it has counted.
//!
//! The mistake: a client that hears nothing asks again, and is counted again. Clients notice that by themselves.
//!
//! `cargo run --release -p quarrel --example counter`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use quarrel::spec::linearizability::Model;
use quarrel::{
    Answer, Asker, ClientId, ClientReply, Cluster, Complaint, Dice, Effects, Flaw, Input, Monitor,
    NoInvariants, NodeId, Nothing, Property, PropertyKind, Protocol, RawOptions, Report, RequestId, Scenario,
    Service, Setting, Subject, Summary,
};

quarrel::data! { pub struct Add {} => "add one" }
quarrel::data! { pub enum Reply { Total { total: u64 } => "{total} so far", Elsewhere => "ask n1" } }
quarrel::data! { pub struct Counted { request: u32 } => "counts op{request}" }
quarrel::message! { pub enum Message {} }
quarrel::timer! { pub enum Timer {} }
quarrel::event! { pub enum Event {} }

const COUNTS: NodeId = NodeId(0);

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match self {
            Reply::Total { .. } => Answer::Done,
            Reply::Elsewhere => Answer::Redirect(Some(COUNTS)),
        }
    }
}

/// What clients believe they talk to: one counter, that adds one at a time and says how many there are.
pub struct Counter;

impl Model for Counter {
    type State = u64;
    type Call = Add;
    type Answer = u64;

    fn initial(&self) -> u64 {
        0
    }

    fn apply(&self, total: &mut u64, _: &Add) -> u64 {
        *total += 1;
        *total
    }
}

/// How requests and replies read as calls of the counter and its answers. That is all clients need to judge a run.
pub struct Clients;

impl Service<Node> for Clients {
    type Model = Counter;

    fn new(_: &Cluster, _: usize) -> Self {
        Self
    }

    fn model(&self) -> &Counter {
        &Counter
    }

    fn call(&self, request: &Add) -> Add {
        request.clone()
    }

    fn answer(&self, reply: &Reply) -> u64 {
        match reply {
            Reply::Total { total } => *total,
            Reply::Elsewhere => unreachable!("a redirection ends no operation"),
        }
    }

    /// A claim that saves the search for an order. It is checked; where it is wrong, the search decides.
    fn position(&self, _: ClientId, _: RequestId, reply: Option<&Reply>) -> Option<u64> {
        reply.map(|reply| Service::<Node>::answer(self, reply))
    }
}

/// What must hold inside, whether or not a client notices.
pub struct Properties {
    counted: Vec<u32>,
}

impl Monitor<Node> for Properties {
    fn properties() -> &'static [Property] {
        &[Property {
            name: "counted-once",
            kind: PropertyKind::Paper,
            statement: "no request is counted twice",
            source: "the problem's own",
        }]
    }

    fn new(_: &Cluster, _: usize) -> Self {
        Self { counted: Vec::new() }
    }

    fn on_output(&mut self, node: NodeId, &Counted { request }: &Counted, report: &mut Report) {
        let is_new = !self.counted.contains(&request);
        report.check(0, is_new, || (format!("{node} counted op{request}, and had counted it before"), ""));
        self.counted.push(request);
    }
}

/// A node. Only n1 counts.
pub struct Node {
    cluster: Cluster,
    id: NodeId,
    counted: Vec<u32>,
}

impl Protocol for Node {
    const NAME: &'static str = "counter";

    type Config = Cluster;
    type Request = Add;
    type Reply = Reply;
    type Output = Counted;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Counted;
    type Event = Event;

    fn recover(cluster: &Cluster, id: NodeId, disk: &[Counted], _: &mut Effects<Self>) -> Self {
        Self { cluster: cluster.clone(), id, counted: disk.iter().map(|record| record.request).collect() }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        // No messages, no timers: nothing else can happen.
        let Input::Request { client, id, .. } = input;
        if self.id != COUNTS {
            return effects.reply(client, id, Reply::Elsewhere);
        }
        let request = id.0;
        let known = self.counted.iter().position(|&counted| counted == request);
        let known = known.filter(|_| !self.cluster.has("count-retries"));
        if known.is_none() {
            self.counted.push(request);
            effects.persist(Counted { request });
            effects.output(Counted { request });
            if self.cluster.has("tell-twice") {
                effects.output(Counted { request });
            }
        }
        let total = known.map_or(self.counted.len(), |position| position + 1) as u64;
        effects.reply(client, id, Reply::Total { total });
    }

    fn assert_invariants(&self) {
        assert!(self.id == COUNTS || self.counted.is_empty(), "only n1 counts");
    }

    fn summary(&self) -> Summary {
        Summary { role: "counter", facts: vec![("total", self.counted.len() as u64)] }
    }
}

impl Subject for Node {
    type Invariants = NoInvariants;
    type Properties = Properties;
    type Service = Clients;
    type Options = ();

    const FLAWS: &'static [Flaw] = &[
        quarrel::flaw("count-retries", "linearizability", "who asks again is counted again"),
        quarrel::flaw("tell-twice", "counted-once", "each request is put out twice, and counted once"),
    ];

    fn options(_: &RawOptions) -> Result<(), Complaint> {
        Ok(())
    }

    fn configure((): &(), setting: Setting<'_>, _: &mut Dice) -> Cluster {
        Cluster::new(setting)
    }

    fn without_flaws(cluster: Cluster) -> Cluster {
        cluster.without_flaws()
    }

    fn fits(cluster: &Cluster, nodes: u8) -> Result<(), String> {
        cluster.fits(nodes)
    }

    fn request(_: &mut Asker<'_>) -> Add {
        Add {}
    }
}

/// The world it is put into.
pub fn weather() -> Scenario {
    Scenario::chaos(3).must_come_back()
}

fn main() {
    let retries = quarrel::campaign::<Node>(weather()).flaw("count-retries").only_clients_judge().run();
    println!("Counting who asks again, as clients see it: {retries}");
    println!("{}", retries.story("linearizability").expect("somebody is told a number too high"));
    let fixed = quarrel::campaign::<Node>(weather()).seeds(0..500).run();
    println!("Remembering who was counted: {fixed}");
}
