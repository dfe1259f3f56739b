//! Machines that read a clock: a lease that is safe as long as clocks drift no more than its margin allows.

use quarrel::{
    After, Asker, ClientReply, Clocked, Cluster, Complaint, Dice, Effects, Input, LocalTime, Monitor,
    NoInvariants, NoService, NodeId, Nothing, Property, PropertyKind, Protocol, RawOptions, Report, Scenario,
    Setting, Subject, Summary,
};
use quarrel_formats::trace::{Outcome, Trace, compare};
use quarrel_harness::case::Flaws;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::Registry;
use quarrel_sim::decision::Endpoint;

quarrel::data! { struct Nod {} => "nods" }
quarrel::data! { struct Lent { to: NodeId, until: LocalTime } => "lent to {to} until {until}" }
quarrel::message! {
    enum Message {
        Ask { at: LocalTime } => "Ask at {at}",
        Grant { asked: LocalTime } => "Grant of what was asked at {asked}",
    }
}
quarrel::timer! { enum Timer { Want => "want", Use => "use" } }
quarrel::event! {
    enum Event {
        Lends { to: NodeId } => "lends to {to}",
        Uses => "uses what it was lent",
        Wakes { at: u64 } => "wakes at {at}",
    }
}

impl ClientReply for Nod {
    fn answer(&self) -> quarrel::Answer {
        quarrel::Answer::Done
    }
}

const MS: u64 = 1_000_000;
const LENDER: NodeId = NodeId(0);
/// How long the lender lends, by its clock, and how long others believe it, by theirs: a tenth less. That is enough
/// while (1 - 0.1) / (1 - drift) < 1 / (1 + drift): for a drift of up to 5.2 percent either way.
const LEASE_NS: u64 = 200 * MS;
const BELIEVED_NS: u64 = 180 * MS;

/// The first node lends something to one of the others at a time.
struct Lease {
    id: NodeId,
    lent: Option<(NodeId, LocalTime)>,
    until: LocalTime,
}

impl Clocked for Lease {
    const NAME: &'static str = "lease";
    type Config = Cluster;
    type Request = Nod;
    type Reply = Nod;
    type Output = Nod;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Lent;
    type Event = Event;

    fn recover_at(
        now: LocalTime,
        _: &Cluster,
        id: NodeId,
        disk: &[Lent],
        effects: &mut Effects<Self>,
    ) -> Self {
        effects.set_timer(Timer::Want, After::between(10 * MS, 60 * MS));
        effects.announce(Event::Wakes { at: now.0 });
        let lent = disk.last().map(|lent| (lent.to, lent.until));
        Self { id, lent, until: LocalTime::default() }
    }

    fn step_at(&mut self, now: LocalTime, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Message { from, message: Message::Ask { at } } if self.id == LENDER => {
                if self.lent.is_none_or(|(to, until)| to == from || until <= now) {
                    let until = now.plus(LEASE_NS);
                    self.lent = Some((from, until));
                    effects.persist(Lent { to: from, until });
                    effects.announce(Event::Lends { to: from });
                    effects.send(from, Message::Grant { asked: at });
                }
            }
            Input::Message { message: Message::Grant { asked }, .. } => {
                self.until = self.until.max(asked.plus(BELIEVED_NS));
                effects.set_timer(Timer::Use, After::exactly(MS));
            }
            Input::Timer(Timer::Use) if now < self.until => {
                effects.announce(Event::Uses);
                effects.set_timer(Timer::Use, After::exactly(MS));
            }
            Input::Timer(Timer::Want) => {
                effects.send(LENDER, Message::Ask { at: now });
                effects.set_timer(Timer::Want, After::between(100 * MS, 800 * MS));
            }
            Input::Request { client, id, .. } => effects.reply(client, id, Nod {}),
            Input::Message { .. } | Input::Timer(Timer::Use) => {}
        }
    }

    fn assert_invariants(&self) {}

    fn summary(&self) -> Summary {
        Summary { role: "borrower", facts: vec![] }
    }
}

struct Properties {
    lent: Option<NodeId>,
    woke: Vec<u64>,
}

const PROPERTIES: [Property; 2] = [
    Property {
        name: "one-borrower",
        kind: PropertyKind::Paper,
        statement: "only the node that it was lent to last uses it",
        source: "Gray and Cheriton, SOSP 1989",
    },
    Property {
        name: "clocks-go-on",
        kind: PropertyKind::Paper,
        statement: "the clock of a node that restarts has not gone back",
        source: "what a clock is",
    },
];

impl Monitor<Lease> for Properties {
    fn properties() -> &'static [Property] {
        &PROPERTIES
    }

    fn new(_: &Cluster, nodes: usize) -> Self {
        Self { lent: None, woke: vec![0; nodes] }
    }

    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match event {
            Event::Lends { to } => self.lent = Some(*to),
            Event::Uses => {
                let lent = self.lent;
                report.check(0, lent == Some(node), || (format!("{node} uses what is lent to {lent:?}"), ""));
            }
            Event::Wakes { at } => {
                let before = std::mem::replace(&mut self.woke[node.index()], *at);
                report.check(1, *at >= before, || (format!("{node} woke at {before} and at {at}"), ""));
            }
        }
    }
}

impl Subject for Lease {
    type Invariants = NoInvariants;
    type Properties = Properties;
    type Service = NoService;
    type Options = ();

    fn options(_: &RawOptions) -> Result<(), Complaint> {
        Ok(())
    }

    fn configure((): &(), setting: Setting<'_>, _: &mut Dice) -> Cluster {
        Cluster::new(setting)
    }

    fn request(_: &mut Asker<'_>) -> Nod {
        Nod {}
    }
}

/// Clocks begin anywhere; everything else goes wrong as well.
fn drifting(drift: &str) -> Scenario {
    Scenario::chaos(4).without("clock").set("clock.offset", "1h").set("clock.drift", drift)
}

#[test]
fn a_lease_holds_while_clocks_drift_within_its_margin() {
    quarrel::campaign::<Lease>(drifting("0.05")).seeds(0..150).assert_holds();
}

#[test]
fn a_lease_breaks_when_clocks_drift_beyond_its_margin() {
    quarrel::campaign::<Lease>(drifting("[0.1, 0.3]")).seeds(0..150).assert_violates("one-borrower");
}

/// A rate that changes for a while counts for that while.
#[test]
fn a_fault_of_one_clock_is_enough() {
    let slow = |ppm: i32| {
        let text = format!(
            "# n2 asks, and its clock runs slow meanwhile.\nprotocol = \"lease\"\nnodes = 3\nduration = \"2s\"\n\
             [clock]\ntimer-spread = 1.0\n[[fault]]\nat = \"500ms\"\nlasting = \"1s\"\nclock = {{ node = \"n2\", ppm = {ppm} }}\n"
        );
        quarrel::campaign::<Lease>(Scenario::toml(text)).seeds(0..40)
    };
    slow(-500_000).assert_violates("one-borrower");
    slow(-50_000).assert_holds();
}

const _: () = assert!(<Lease as Protocol>::READS_CLOCK);

#[test]
fn what_clocks_say_is_filed_digested_and_replayed() {
    let registry = Registry::default().with::<Lease>();
    let trial = |offset: &str| {
        let text = format!(
            "# Four nodes.\nprotocol = \"lease\"\nnodes = 4\nduration = \"2s\"\n[clock]\noffset = {offset:?}\n\
             drift = 0.1\n[faults]\ncrash = {{ every = \"300ms\", lasting = \"50ms\" }}\n"
        );
        let scenario = quarrel_formats::Scenario::parse("lease/test", "test.toml", text.as_bytes());
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        registry.trial(scenario, &[], Judges::default()).unwrap_or_else(|error| panic!("{error}"))
    };
    let (wrong, right) = (trial("1h"), trial("0s"));
    for seed in 0..10 {
        let trace = wrong.record(seed);
        let offsets = &trace.header.world.clock_offset_ns;
        assert!(offsets.len() == 4 && offsets.iter().any(|&offset| offset > 0), "{offsets:?}");
        for event in &trace.events {
            let steps = matches!(&*event.kind, "boot" | "restart" | "deliver" | "timer" | "request");
            assert_eq!(event.clock.is_some(), steps, "{event:?}");
            let Some(Endpoint::Node(node)) = event.who.filter(|_| event.n <= 4) else { continue };
            assert_eq!(event.clock, Some(offsets[node.index()]), "clocks begin where the world says");
        }
        let read = Trace::parse("test.jsonl", &trace.to_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let case = registry.open("test.jsonl", &read).unwrap_or_else(|error| panic!("{error}"));
        let again = case.replay(Flaws::Kept).trace;
        assert_eq!((compare(&read, &again), again.to_bytes()), (Outcome::Reproduced, trace.to_bytes()));
        assert_ne!(right.record(seed).verdict.digest, trace.verdict.digest, "a clock is part of the input");
        assert!(quarrel::story::full(&trace).contains(", its clock at "));
    }
}
