//! No message may panic a node, whoever sends it and whatever it says.

mod common;

use common::*;
use proptest::prelude::*;
use quarrel_protocol::{ClientId, Input, NodeId, RequestId};
use quarrel_raft::{
    AppendEntries, AppendEntriesResponse, Config, Entry, FlawSet, Index, Message, Outcome, Raft, RaftFlaw,
    RequestVote, RequestVoteResponse, Term, Timer,
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
    let entry = (0..5u64).prop_map(|term| Entry { term: Term(term), command: Some(command(term)) });
    let sorted = proptest::collection::vec(entry, 0..4).prop_map(|mut entries| {
        entries.sort_by_key(|entry| entry.term);
        entries
    });
    let wild = proptest::collection::vec(term().prop_map(|term| Entry { term, command: None }), 0..4);
    prop_oneof![4 => sorted, 1 => wild]
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
        (term(), index(), term()).prop_map(|(term, last_index, last_term)| {
            Message::RequestVote(RequestVote { term, last_index, last_term })
        }),
        (term(), prop::bool::weighted(0.8)).prop_map(|(term, granted)| {
            Message::RequestVoteResponse(RequestVoteResponse { term, granted })
        }),
        (term(), index(), term(), entries(), index()).prop_map(
            |(term, previous_index, previous_term, entries, commit)| {
                Message::AppendEntries(AppendEntries {
                    term,
                    previous_index,
                    previous_term,
                    entries: entries.into(),
                    commit,
                })
            }
        ),
        (term(), outcome()).prop_map(|(term, outcome)| {
            Message::AppendEntriesResponse(AppendEntriesResponse { term, outcome })
        }),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Receive(NodeId, Message),
    Fire(Timer),
    Ask(RequestId, RequestId, bool),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let sender = prop_oneof![8 => 0..5u8, 1 => any::<u8>()].prop_map(NodeId);
    prop_oneof![
        16 => (sender, message()).prop_map(|(from, message)| Act::Receive(from, message)),
        2 => Just(Act::Fire(Timer::Election)),
        1 => Just(Act::Fire(Timer::Heartbeat)),
        2 => (0..9u32, 0..9u32, any::<bool>())
            .prop_map(|(id, oldest, is_read)| Act::Ask(RequestId(id), RequestId(oldest), is_read)),
        1 => Just(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let flaws = proptest::option::of(proptest::sample::select(RaftFlaw::ALL.to_vec()));
    (1..6u8, 0..3u32, 0..3u32, any::<bool>(), flaws).prop_map(
        |(nodes, entries_per_append, entries_in_flight_max, noop_on_election, flaw)| Config {
            entries_per_append,
            entries_in_flight_max,
            noop_on_election,
            flaws: flaw.map_or(FlawSet::NONE, FlawSet::only),
            ..Config::new(nodes)
        },
    )
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
                Act::Ask(id, oldest, is_read) => {
                    let request = if is_read { read() } else { write(u64::from(id.0)) };
                    node.run(Input::Request { client: ClientId(0), id, oldest, request })
                }
                Act::Restart => {
                    node.restart();
                    continue;
                }
            };
            sent_max = sent_max.max(done.sent.len());
        }
        // At most a window to everyone, whatever came in.
        prop_assert!(sent_max <= 4 * 5, "{sent_max} messages in one step");
    }
}
