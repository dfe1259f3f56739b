//! Remote input is filtered: whatever arrives, in whatever order, a node neither panics nor floods the network, and what
//! it has written restores what it knew.

use proptest::prelude::*;
use quarrel_protocol::{ClientId, Effect, Effects, Input, NodeId, NodeSet, Protocol, RequestId};
use quarrel_spec::atomic_commit::{Refusal, Seen, Step, Transaction, TransactionId, Vote};
use quarrel_spec::machine::{Account, ListId, Seat, Who};
use quarrel_three_phase_commit::{
    Ballot, Config, FlawSet, Inquiry, Message, Record, State, StateReport, ThreePhaseCommit, ThreePhaseFlaw,
    Timer, VoteRequest,
};

const NODES: u8 = 4;

fn any_node() -> impl Strategy<Value = NodeId> {
    prop_oneof![9 => 0..NODES, 1 => any::<u8>()].prop_map(NodeId)
}

fn any_set() -> impl Strategy<Value = NodeSet> {
    prop_oneof![4 => 0..1u64 << NODES, 2 => Just((1u64 << NODES) - 1), 1 => any::<u64>()].prop_map(NodeSet)
}

fn any_transaction() -> impl Strategy<Value = TransactionId> {
    prop_oneof![9 => 0..3u32, 1 => any::<u32>()].prop_map(TransactionId)
}

fn any_step() -> impl Strategy<Value = Step> {
    (0..6u16, 0..200u32, 0..4u8).prop_map(|(item, amount, kind)| match kind {
        0 => Step::Withdraw { account: Account(item), amount },
        1 => Step::Balance(Account(item)),
        2 => Step::Take { seat: Seat(item), who: Who(amount) },
        _ => Step::Read(ListId(item)),
    })
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any_step(), 0..4)
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Aborted),
        Just(State::Uncertain),
        Just(State::Committable),
        Just(State::Committed)
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    let vote_request =
        (any_transaction(), any_steps(), any_set()).prop_map(|(transaction, part, processes)| {
            Message::VoteRequest(VoteRequest { transaction, part, processes })
        });
    let vote = (any_transaction(), any::<bool>(), 0..3usize).prop_map(|(transaction, yes, seen)| {
        let vote = if yes { Vote::Yes } else { Vote::No(Refusal::Failure) };
        Message::Vote(Ballot { transaction, vote, seen: vec![Seen::Done; seen] })
    });
    let report = (any_transaction(), any_state())
        .prop_map(|(transaction, state)| Message::StateReport(StateReport { transaction, state }));
    let inquiry = (any_transaction(), any_state(), any_set())
        .prop_map(|(transaction, state, up)| Message::Inquiry(Inquiry { transaction, state, up }));
    prop_oneof![
        3 => vote_request,
        3 => vote,
        2 => any_transaction().prop_map(Message::PreCommit),
        2 => any_transaction().prop_map(Message::Ack),
        1 => any_transaction().prop_map(Message::Commit),
        1 => any_transaction().prop_map(Message::Abort),
        1 => any_transaction().prop_map(Message::Elected),
        2 => any_transaction().prop_map(Message::StateRequest),
        2 => report,
        2 => inquiry,
    ]
}

/// What a node is handed.
#[derive(Clone, Debug)]
enum Move {
    Request(u32, Vec<Step>),
    Message(NodeId, Message),
    /// One of the timers that are set.
    Timer(usize),
    Restart,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (0..3u32, any_steps()).prop_map(|(id, steps)| Move::Request(id, steps)),
        12 => (any_node(), any_message()).prop_map(|(from, message)| Move::Message(from, message)),
        3 => any::<usize>().prop_map(Move::Timer),
        1 => Just(Move::Restart),
    ]
}

fn any_flaws() -> impl Strategy<Value = FlawSet> {
    prop_oneof![
        3 => Just(FlawSet::NONE),
        1 => (0..ThreePhaseFlaw::ALL.len()).prop_map(|flaw| FlawSet::only(ThreePhaseFlaw::ALL[flaw])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_packet_panics_a_node(
        me in 0..NODES,
        flaws in any_flaws(),
        moves in proptest::collection::vec(any_move(), 1..60),
    ) {
        let config = Config { flaws, ..Config::new(NODES) };
        let id = NodeId(me);
        let mut effects = Effects::default();
        let mut disk: Vec<Record> = Vec::new();
        let mut timers: Vec<Timer> = Vec::new();
        let mut node = ThreePhaseCommit::recover(&config, id, &disk, &mut effects);
        for handed in moves {
            match handed {
                Move::Request(number, steps) => {
                    let (request, id) = (Transaction(steps), RequestId(number));
                    node.step(Input::Request { client: ClientId(0), id, oldest: id, request }, &mut effects);
                }
                Move::Message(from, message) => node.step(Input::Message { from, message }, &mut effects),
                Move::Timer(_) if timers.is_empty() => continue,
                Move::Timer(choice) => {
                    let timer = timers.remove(choice % timers.len());
                    node.step(Input::Timer(timer), &mut effects);
                }
                Move::Restart => {
                    timers.clear();
                    let back = ThreePhaseCommit::recover(&config, id, &disk, &mut effects);
                    if flaws == FlawSet::NONE {
                        prop_assert!(node.decided().iter().all(|it| back.decided().iter().any(|other| it == other)));
                        for (transaction, case) in back.open() {
                            prop_assert_eq!(case.standing, node.open()[transaction].standing);
                            prop_assert_eq!(case.up, node.open()[transaction].up);
                        }
                    }
                    node = back;
                }
            }
            node.assert_invariants();
            let sends = effects.as_slice().iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
            let known = node.open().len() + node.decided().len();
            prop_assert!(sends <= usize::from(NODES) * (1 + known), "{sends} sends in one step");
            for effect in effects.drain() {
                match effect {
                    Effect::Persist(record) => disk.push(record),
                    Effect::Send { to, .. } => prop_assert!(to.0 < NODES && to != id, "{to} is no other member"),
                    Effect::SetTimer { timer, .. } => {
                        timers.retain(|other| *other != timer);
                        timers.push(timer);
                    }
                    Effect::CancelTimer { timer } => timers.retain(|other| *other != timer),
                    _ => {}
                }
            }
        }
    }
}
