//! Remote input is filtered: whatever arrives, no node panics or floods the network, and what it has written restores
//! what it knew.

use proptest::prelude::*;
use quarrel_protocol::{ClientId, Effect, Effects, FlawSet, Input, NodeId, NodeSet, Protocol, RequestId};
use quarrel_spec::Value;
use quarrel_spec::atomic_commit::{Decision, Refusal, Seen, Step, Transaction, TransactionId};
use quarrel_spec::machine::{Account, ListId, Seat, Who};
use quarrel_two_phase_commit::{
    Ballot, Cast, CommitFlaw, Config, Decide, Message, Orphan, Presumption, Record, Standing, Status, Timer,
    TwoPhaseCommit, VoteRequest,
};

const PARTICIPANTS: u8 = 2;
const NODES: u8 = PARTICIPANTS + 2;

fn any_node() -> impl Strategy<Value = NodeId> {
    prop_oneof![9 => 0..NODES, 1 => 0..64u8].prop_map(NodeId)
}

fn any_nodes() -> impl Strategy<Value = NodeSet> {
    prop_oneof![3 => Just(NodeSet(0b110)), 3 => (0..16u64).prop_map(NodeSet), 1 => any::<u64>().prop_map(NodeSet)]
}

fn any_transaction() -> impl Strategy<Value = TransactionId> {
    (0..3u32).prop_map(TransactionId)
}

fn any_step() -> impl Strategy<Value = Step> {
    (0..6u8, 0..4u16, 0..150u32).prop_map(|(kind, item, amount)| {
        let (account, seat, list) = (Account(item), Seat(item), ListId(item));
        match kind {
            0 => Step::Balance(account),
            1 => Step::Withdraw { account, amount },
            2 => Step::Deposit { account, amount },
            3 => Step::Take { seat, who: Who(amount) },
            4 => Step::Read(list),
            _ => Step::Append { list, value: Value(u64::from(amount)) },
        }
    })
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any_step(), 0..4)
}

/// Steps of one participant only.
fn any_part() -> impl Strategy<Value = Vec<Step>> {
    (any_steps(), 0..3u8).prop_map(|(steps, home)| match home {
        2 => steps,
        home => steps.into_iter().filter(|step| step.item().home(PARTICIPANTS) == home).collect(),
    })
}

fn any_seen() -> impl Strategy<Value = Vec<Seen>> {
    proptest::collection::vec(
        prop_oneof![Just(Seen::Done), Just(Seen::Balance(7)), Just(Seen::Holder(None))],
        0..4,
    )
}

fn any_decision() -> impl Strategy<Value = Decision> {
    prop_oneof![Just(Decision::Commit), Just(Decision::Abort)]
}

fn any_message() -> impl Strategy<Value = Message> {
    let ballot = prop_oneof![
        3 => any_seen().prop_map(Ballot::Yes),
        1 => any_seen().prop_map(Ballot::Read),
        1 => Just(Ballot::No(Refusal::Failure)),
    ];
    let standing = prop_oneof![
        Just(Standing::Unvoted),
        Just(Standing::Prepared),
        any_decision().prop_map(Standing::Decided),
    ];
    prop_oneof![
        4 => (any_transaction(), any_part(), any_nodes()).prop_map(|(transaction, steps, participants)| {
            Message::VoteRequest(VoteRequest { transaction, steps, participants })
        }),
        4 => (any_transaction(), ballot)
            .prop_map(|(transaction, ballot)| Message::Vote(Cast { transaction, ballot })),
        3 => (any_transaction(), any_decision())
            .prop_map(|(transaction, decision)| Message::Decide(Decide { transaction, decision })),
        2 => any_transaction().prop_map(Message::Acknowledge),
        2 => any_transaction().prop_map(Message::Inquire),
        1 => (any_transaction(), any_nodes())
            .prop_map(|(transaction, participants)| Message::Orphan(Orphan { transaction, participants })),
        1 => any_transaction().prop_map(Message::Check),
        2 => (any_transaction(), standing)
            .prop_map(|(transaction, standing)| Message::Status(Status { transaction, standing })),
    ]
}

fn any_timer() -> impl Strategy<Value = Timer> {
    (0..5u8, any_transaction()).prop_map(|(kind, transaction)| match kind {
        0 => Timer::Votes(transaction),
        1 => Timer::Retry(transaction),
        2 => Timer::Inquiry(transaction),
        3 => Timer::Orphan(transaction),
        _ => Timer::Check(transaction),
    })
}

/// What a node is handed.
#[derive(Clone, Debug)]
enum Handed {
    Request(u32, Vec<Step>),
    Message(NodeId, Message),
    Timer(Timer),
    Restart,
}

fn any_handed() -> impl Strategy<Value = Handed> {
    prop_oneof![
        2 => (0..3u32, any_steps()).prop_map(|(number, steps)| Handed::Request(number, steps)),
        20 => (any_node(), any_message()).prop_map(|(from, message)| Handed::Message(from, message)),
        3 => any_timer().prop_map(Handed::Timer),
        1 => Just(Handed::Restart),
    ]
}

fn any_config() -> impl Strategy<Value = Config> {
    let one = proptest::sample::select(CommitFlaw::ALL.to_vec()).prop_map(FlawSet::only);
    let flaws = prop_oneof![1 => Just(FlawSet::NONE), 2 => one];
    let presumption = proptest::sample::select(Presumption::ALL.to_vec());
    (presumption, any::<bool>(), any::<bool>(), flaws).prop_map(
        |(presumption, read_only, cooperative, flaws)| Config {
            presumption,
            read_only,
            cooperative,
            resolver: true,
            flaws,
            ..Config::new(PARTICIPANTS)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics_a_node_or_makes_it_flood(
        config in any_config(),
        id in 0..NODES,
        handed in proptest::collection::vec(any_handed(), 0..60),
    ) {
        let id = NodeId(id);
        let mut effects = Effects::default();
        let mut disk: Vec<Record> = Vec::new();
        let mut node = TwoPhaseCommit::recover(&config, id, &disk, &mut effects);
        for handed in handed {
            effects.clear();
            match handed {
                Handed::Request(number, steps) => {
                    let (client, id) = (ClientId(0), RequestId(number));
                    let request = Transaction(steps);
                    node.step(Input::Request { client, id, oldest: id, request }, &mut effects);
                }
                Handed::Message(from, message) => node.step(Input::Message { from, message }, &mut effects),
                Handed::Timer(timer) => node.step(Input::Timer(timer), &mut effects),
                Handed::Restart => {
                    let restored = TwoPhaseCommit::recover(&config, id, &disk, &mut effects);
                    if let (Some(before), Some(after)) = (node.participant(), restored.participant())
                        && config.flaws == FlawSet::NONE
                    {
                        prop_assert_eq!(before.manager(), after.manager());
                        prop_assert!(before.in_doubt().eq(after.in_doubt()));
                    }
                    node = restored;
                }
            }
            node.assert_invariants();
            prop_assert!(node.waits().iter().all(|wait| !wait.what.is_empty()));
            let sends = effects.as_slice().iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
            // A restart tells or asks about everything at once: three transactions here.
            prop_assert!(sends <= 3 * usize::from(NODES), "{} sends in one step", sends);
            for effect in effects.drain() {
                match effect {
                    Effect::Persist(record) => disk.push(record),
                    Effect::Send { to, .. } => prop_assert!(to.0 < 64, "{to} is no node"),
                    _ => {}
                }
            }
        }
    }
}
