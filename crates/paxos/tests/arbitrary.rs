//! Remote input is filtered: whatever arrives, a node neither panics nor floods the network, and what it has written
//! restores what it knew.

use proptest::prelude::*;
use quarrel_paxos::{
    Accept, Accepted, Ballot, Config, FlawSet, Learn, Message, Paxos, PaxosFlaw, Prepare, Promise, Proposal,
    Record, Reject, Timer,
};
use quarrel_protocol::{ClientId, Effect, Effects, Input, NodeId, Protocol, RequestId};
use quarrel_spec::Value;
use quarrel_spec::consensus::Propose;

const NODES: usize = 3;

/// With these a restart does not restore what the node knew.
const FORGETFUL: [PaxosFlaw; 6] = [
    PaxosFlaw::AcceptorAmnesiaPromise,
    PaxosFlaw::AcceptorAmnesiaVote,
    PaxosFlaw::AcceptorRejoinEmpty,
    PaxosFlaw::AcceptNoPromiseUpdate,
    PaxosFlaw::BallotReuseAfterCrash,
    PaxosFlaw::NoPromiseCheck,
];

fn any_node() -> impl Strategy<Value = NodeId> {
    prop_oneof![9 => 0..NODES as u8, 1 => any::<u8>()].prop_map(NodeId)
}

fn any_ballot() -> impl Strategy<Value = Ballot> {
    let round = prop_oneof![9 => 0..5u64, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    (round, any_node()).prop_map(|(round, node)| Ballot { round, node })
}

fn any_proposal() -> impl Strategy<Value = Proposal> {
    (any_ballot(), 0..3u64).prop_map(|(ballot, value)| Proposal { ballot, value: Value(value) })
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        any_ballot().prop_map(|ballot| Message::Prepare(Prepare { ballot })),
        (any_ballot(), proptest::option::of(any_proposal()))
            .prop_map(|(ballot, accepted)| Message::Promise(Promise { ballot, accepted })),
        any_proposal().prop_map(|proposal| Message::Accept(Accept { proposal })),
        any_proposal().prop_map(|proposal| Message::Accepted(Accepted { proposal })),
        (any_ballot(), any_ballot())
            .prop_map(|(ballot, promised)| Message::Reject(Reject { ballot, promised })),
        (0..3u64).prop_map(|value| Message::Learn(Learn { value: Value(value) })),
    ]
}

/// What a node is handed: [`Input`] without the request's numbers.
#[derive(Clone, Debug)]
enum Step {
    Request(u64),
    Message(NodeId, Message),
    Timer(Timer),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3u64).prop_map(Step::Request),
        20 => (any_node(), any_message()).prop_map(|(from, message)| Step::Message(from, message)),
        3 => prop_oneof![Just(Timer::Attempt), Just(Timer::Retry), Just(Timer::Inquiry)].prop_map(Step::Timer),
        1 => Just(Step::Restart),
    ]
}

fn any_flaws() -> impl Strategy<Value = FlawSet> {
    let one = proptest::sample::select(PaxosFlaw::ALL.to_vec()).prop_map(FlawSet::only);
    prop_oneof![1 => Just(FlawSet::default()), 4 => one]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics_a_node_or_makes_it_flood(
        flaws in any_flaws(),
        steps in proptest::collection::vec(any_step(), 0..60),
    ) {
        let config = Config { flaws, ..Config::new(NODES) };
        let mut effects = Effects::default();
        let mut disk: Vec<Record> = Vec::new();
        let mut node = Paxos::recover(&config, NodeId(0), &disk, &mut effects);
        for step in steps {
            effects.clear();
            match step {
                Step::Request(value) => {
                    let (client, id) = (ClientId(0), RequestId(value as u32));
                    node.step(Input::Request { client, id, oldest: id, request: Propose(Value(value)) }, &mut effects);
                }
                Step::Message(from, message) => node.step(Input::Message { from, message }, &mut effects),
                Step::Timer(timer) => node.step(Input::Timer(timer), &mut effects),
                Step::Restart => {
                    let restored = Paxos::recover(&config, NodeId(0), &disk, &mut effects);
                    if !FORGETFUL.into_iter().any(|flaw| flaws.contains(flaw)) {
                        prop_assert_eq!(restored.durable(), node.durable());
                    }
                    node = restored;
                }
            }
            node.assert_invariants();
            let sends = effects.as_slice().iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
            prop_assert!(sends <= NODES, "{sends} sends in one step");
            for effect in effects.drain() {
                match effect {
                    Effect::Persist(record) => disk.push(record),
                    Effect::Send { to, .. } => prop_assert!(to.index() < NODES, "{to} is no member"),
                    _ => {}
                }
            }
        }
    }
}
