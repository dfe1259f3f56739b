//! A protocol that promises to live with more than it can: n1 decides, and the others ask it. As long as all nodes come
//! back, all is well; when n1 stays away, nobody ever learns anything.

use quarrel::spec::consensus::{Decided, Propose};
use quarrel::{
    Campaign, Cluster, Effects, Input, Lasting, NodeId, NodeSet, Nothing, Protocol, Scenario, Setting,
    Subject, Summary, Value, Wait,
};

quarrel::message! {
    enum Message {
        Ask { value: Value } => "Ask {value}",
        Tell { value: Value } => "Tell {value}",
    }
}
quarrel::timer! { enum Timer {} }
quarrel::data! { enum Record { Decided { value: Value } => "decided {value}" } }
quarrel::event! { enum Event { Decided { value: Value } => "decides {value}" } }

const DECIDES: NodeId = NodeId(0);
const ROUND_NS: u64 = 50_000_000;

struct Dictator {
    id: NodeId,
    decided: Option<Value>,
}

quarrel::subject!(Dictator solves consensus, lives_with &[Lasting::Crashed, Lasting::Mute], round_ns ROUND_NS);

impl Dictator {
    fn learn(&mut self, value: Value, effects: &mut Effects<Self>) -> Value {
        if self.decided.is_none() {
            self.decided = Some(value);
            effects.persist(Record::Decided { value });
            effects.announce(Event::Decided { value });
            effects.output(Decided(value));
        }
        self.decided.unwrap_or(value)
    }
}

impl Protocol for Dictator {
    const NAME: &'static str = "dictator";

    type Config = Cluster;
    type Request = Propose;
    type Reply = Decided;
    type Output = Decided;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(_: &Cluster, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        let decided = disk.first().map(|Record::Decided { value }| *value);
        decided.into_iter().for_each(|value| effects.output(Decided(value)));
        Self { id, decided }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { request: Propose(value), .. }
                if self.id != DECIDES && self.decided.is_none() =>
            {
                // The client asks again; by then it is known.
                effects.send(DECIDES, Message::Ask { value });
            }
            Input::Request { client, id, request: Propose(value), .. } => {
                let value = self.learn(value, effects);
                effects.reply(client, id, Decided(value));
            }
            Input::Message { from, message: Message::Ask { value } } => {
                let value = self.learn(value, effects);
                effects.send(from, Message::Tell { value });
            }
            Input::Message { message: Message::Tell { value }, .. } => drop(self.learn(value, effects)),
            Input::Admin(nothing) => match nothing {},
            Input::Timer(timer) => match timer {},
        }
    }

    fn assert_invariants(&self) {}

    fn summary(&self) -> Summary {
        Summary { role: "subject", facts: vec![("decided", u64::from(self.decided.is_some()))] }
    }

    fn waits(&self) -> Vec<Wait> {
        let wait = Wait { on: NodeSet::only(DECIDES), what: "its decision".to_string() };
        if self.decided.is_none() { vec![wait] } else { Vec::new() }
    }
}

fn dictators(scenario: Scenario) -> Campaign<Dictator> {
    quarrel::campaign(scenario.without("clock").set("clock.drift", "0")).seeds(0..200)
}

#[test]
fn what_the_macro_promises_is_the_contract() {
    let setting = Setting { nodes: 5, flaws: &[], machine: Default::default() };
    let cluster = Cluster::new(setting);
    assert_eq!(Dictator::lasting(&cluster), [Lasting::Crashed, Lasting::Mute]);
    assert_eq!((Dictator::core_min(&cluster, 5), Dictator::round_ns(&cluster)), (3, ROUND_NS));
}

#[test]
fn a_promise_that_is_not_kept_is_a_violation_that_says_who_waits_for_whom() {
    let conclusion = dictators(Scenario::chaos(3).must_come_back()).assert_violates("liveness");
    let Some(conclusion) = conclusion else { return };
    assert_eq!(conclusion.findings.failures.len(), 1, "{conclusion}");
    let story = conclusion.story("liveness").expect("it was violated");
    assert!(story.contains("n2, n3 had healed, and nothing moved for"), "{story}");
    assert!(story.replace("\n    ", " ").contains("(subject) waits for n1: its decision"), "{story}");
}

#[test]
fn without_that_promise_it_holds() {
    dictators(Scenario::chaos(3).must_come_back().set("liveness.outsiders", "0")).assert_holds();
    // Nobody is asked to come back: that n1 may stay away does not matter.
    dictators(Scenario::chaos(3)).assert_holds();
}
