//! No message may panic a node, whoever sends it and whatever it says.

use crate::common::*;
use proptest::prelude::*;
use quarrel_protocol::{ClientId, Input, NodeId, NodeSet, RequestId};
use quarrel_raft::config::Reads;
use quarrel_raft::{
    AppendEntries, AppendEntriesResponse, Changes, Config, Configuration, Entry, FlawSet, Index,
    InstallSnapshot, InstallSnapshotResponse, Message, Order, Outcome, Payload, PreVote, PreVoteResponse,
    Raft, RaftFlaw, RequestVote, RequestVoteResponse, Round, Term, TimeoutNow, Timer,
};

/// Mostly small numbers, which meet each other; sometimes the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0..6u64, 1 => Just(u64::MAX), 1 => Just(1 << 62), 1 => any::<u64>()]
}

fn term() -> impl Strategy<Value = Term> {
    number().prop_map(Term)
}

fn index() -> impl Strategy<Value = Index> {
    number().prop_map(Index)
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let command = (0..5u64).prop_map(|term| Entry::of(Term(term), command(term)));
    let configuration = (0..5u64, configuration())
        .prop_map(|(term, it)| Entry { term: Term(term), payload: Payload::Configuration(it) });
    let entry = prop_oneof![3 => command, 1 => configuration];
    let sorted = proptest::collection::vec(entry, 0..4).prop_map(|mut entries| {
        entries.sort_by_key(|entry| entry.term);
        entries
    });
    let wild = proptest::collection::vec(term().prop_map(Entry::no_op), 0..4);
    prop_oneof![4 => sorted, 1 => wild]
}

/// Mostly among the first five nodes, and mostly one that can be.
fn configuration() -> impl Strategy<Value = Configuration> {
    let nodes = || prop_oneof![8 => 0..32u64, 1 => any::<u64>()].prop_map(NodeSet);
    let possible =
        (1..32u64, any::<[bool; 2]>(), 0..32u64).prop_map(|(voters, [is_joint, learns], other)| {
            let outgoing = if is_joint { other } else { 0 };
            let learners = if learns { other & !voters & !outgoing } else { 0 };
            let [voters, outgoing, learners] = [voters, outgoing, learners].map(NodeSet);
            Configuration { voters, outgoing, learners }
        });
    let wild = (nodes(), nodes(), nodes()).prop_map(|(voters, outgoing, learners)| Configuration {
        voters,
        outgoing,
        learners,
    });
    prop_oneof![4 => possible, 1 => wild]
}

fn round() -> impl Strategy<Value = Round> {
    number().prop_map(Round)
}

fn order() -> impl Strategy<Value = Order> {
    let node = || prop_oneof![8 => 0..5u8, 1 => any::<u8>()].prop_map(NodeId);
    prop_oneof![
        node().prop_map(Order::AddVoter),
        node().prop_map(Order::AddLearner),
        node().prop_map(Order::Remove),
        prop_oneof![8 => 0..32u64, 1 => any::<u64>()].prop_map(|nodes| Order::Voters(NodeSet(nodes))),
        node().prop_map(Order::Transfer),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        index().prop_map(|index| Outcome::Matched { index }),
        (index(), proptest::option::of(term()), index())
            .prop_map(|(previous, term, first)| Outcome::Conflict { previous, term, first }),
        Just(Outcome::Stale),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (term(), index(), term(), any::<bool>()).prop_map(|(term, last_index, last_term, is_transfer)| {
            Message::RequestVote(RequestVote { term, last_index, last_term, is_transfer })
        }),
        term().prop_map(|term| Message::TimeoutNow(TimeoutNow { term })),
        (term(), prop::bool::weighted(0.8)).prop_map(|(term, granted)| {
            Message::RequestVoteResponse(RequestVoteResponse { term, granted })
        }),
        (term(), index(), term()).prop_map(|(term, last_index, last_term)| {
            Message::PreVote(PreVote { term, last_index, last_term })
        }),
        (term(), prop::bool::weighted(0.8))
            .prop_map(|(term, granted)| { Message::PreVoteResponse(PreVoteResponse { term, granted }) }),
        (
            term(),
            index(),
            term(),
            number(),
            proptest::collection::vec(0..3u8, 0..12),
            any::<bool>(),
            configuration()
        )
            .prop_map(|(term, index, last_term, offset, data, done, configuration)| {
                let chunk = InstallSnapshot { term, index, last_term, configuration, offset, data, done };
                Message::InstallSnapshot(Box::new(chunk))
            }),
        (term(), index(), number(), number()).prop_map(|(term, index, offset, received)| {
            Message::InstallSnapshotResponse(InstallSnapshotResponse { term, index, offset, received })
        }),
        (term(), index(), term(), entries(), index(), round()).prop_map(
            |(term, previous_index, previous_term, entries, commit, round)| {
                Message::AppendEntries(AppendEntries {
                    term,
                    previous_index,
                    previous_term,
                    entries: entries.into(),
                    commit,
                    round,
                })
            }
        ),
        (term(), outcome(), round()).prop_map(|(term, outcome, round)| {
            Message::AppendEntriesResponse(AppendEntriesResponse { term, outcome, round })
        }),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Receive(NodeId, Message),
    Fire(Timer),
    Order(Order),
    Ask(RequestId, RequestId, bool),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let sender = prop_oneof![8 => 0..5u8, 1 => any::<u8>()].prop_map(NodeId);
    prop_oneof![
        16 => (sender, message()).prop_map(|(from, message)| Act::Receive(from, message)),
        2 => Just(Act::Fire(Timer::Election)),
        1 => Just(Act::Fire(Timer::Heartbeat)),
        1 => proptest::sample::select(vec![
            Timer::Loyalty,
            Timer::CatchUp,
            Timer::Transfer,
            Timer::Lease { slot: 0 },
            Timer::Lease { slot: 1 },
        ])
        .prop_map(Act::Fire),
        2 => order().prop_map(Act::Order),
        2 => (0..9u32, 0..9u32, any::<bool>())
            .prop_map(|(id, oldest, is_read)| Act::Ask(RequestId(id), RequestId(oldest), is_read)),
        1 => Just(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let flaws = proptest::option::of(proptest::sample::select(RaftFlaw::ALL.to_vec()));
    let changes = proptest::sample::select(vec![Changes::None, Changes::Single, Changes::Joint]);
    let reads = proptest::sample::select(vec![Reads::Log, Reads::ReadIndex, Reads::Lease]);
    let members = (changes, reads, 0..4u8, 0..3u8);
    let limits = (0..3u32, 0..3u32, 0..3u32, 0..9u32);
    (1..6u8, limits, any::<[bool; 3]>(), members, flaws).prop_map(|(nodes, limits, flags, members, flaw)| {
        let (entries_per_append, entries_in_flight_max, snapshot_every, snapshot_chunk) = limits;
        let (changes, reads, voters, learners) = members;
        let [noop_on_election, pre_vote, check_quorum] = flags;
        Config {
            entries_per_append,
            entries_in_flight_max,
            noop_on_election,
            pre_vote,
            check_quorum,
            changes,
            reads,
            voters: voters.min(nodes),
            learners: learners.min(nodes - 1),
            snapshot_every,
            snapshot_chunk,
            flaws: flaw.map_or(FlawSet::NONE, FlawSet::only),
            ..Config::new(nodes)
        }
    })
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_panics_a_node(config in config(), acts in proptest::collection::vec(act(), 1..60)) {
        let mut node = Node::new(&config, N1);
        let mut sent_max = 0;
        for act in acts {
            let done = match act {
                Act::Receive(from, message) => node.run(Input::<Raft>::Message { from, message }),
                Act::Fire(timer) => node.fire(timer),
                Act::Order(order) => node.run(Input::Admin(order)),
                Act::Ask(id, oldest, is_read) => {
                    let request = if is_read { read() } else { write(u64::from(id.0)) };
                    node.run(Input::Request { client: ClientId(0), id, oldest, request })
                }
                Act::Restart => node.restart(),
            };
            sent_max = sent_max.max(done.sent.len());
        }
        // At most a window to everyone, whatever came in.
        prop_assert!(sent_max <= 4 * 5, "{sent_max} messages in one step");
    }
}
