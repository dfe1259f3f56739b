//! No message may panic a replica, whoever sends it and whatever it says.

use proptest::prelude::*;
use quarrel_pbft::certificate::{
    Checkpoint, Committed, NewView, Phase, Prepared, Stable, State, ViewChange, Vote,
};
use quarrel_pbft::message::Status;
use quarrel_pbft::sign::Signed;
use quarrel_pbft::{Digest, FlawSet, Message, PbftFlaw, Sequence, Timer, View};
use quarrel_protocol::NodeId;
use quarrel_spec::image::Image;
use quarrel_spec::machine::Kind;
use quarrel_spec::session::{Memory, Replica};
use serde::{Serialize, de::DeserializeOwned};

use crate::common::*;

/// Mostly small numbers, which meet each other; sometimes the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![14 => 0..7u64, 1 => Just(u64::MAX), 1 => Just(1 << 62), 1 => any::<u64>()]
}

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![8 => 0..4u8, 1 => any::<u8>()].prop_map(NodeId)
}

fn token<T: Clone + std::fmt::Debug + Serialize + DeserializeOwned>(
    body: impl Strategy<Value = T>,
) -> impl Strategy<Value = Signed<T>> {
    (node(), body).prop_map(|(by, body)| signed(by, body))
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(0..4u64, 0..3)
}

fn any_vote() -> impl Strategy<Value = Vote> {
    let phases = vec![Phase::PrePrepare, Phase::Prepare, Phase::Commit];
    (prop::sample::select(phases), number(), number(), values())
        .prop_map(|(phase, view, sequence, values)| vote(phase, view, sequence, &values))
}

fn votes() -> impl Strategy<Value = Vec<Signed<Vote>>> {
    (any_vote(), proptest::collection::vec(node(), 0..5), proptest::collection::vec(token(any_vote()), 0..2))
        .prop_map(|(vote, by, others)| by.into_iter().map(|by| signed(by, vote)).chain(others).collect())
}

fn state() -> impl Strategy<Value = State> {
    (number(), number(), any::<bool>()).prop_map(|(sequence, index, is_image)| {
        let image = Image::of(&Replica::new(Kind::Register, Memory::Kept));
        let image = if is_image { image } else { Image::from_bytes(vec![7; 5]) };
        State { sequence: Sequence(sequence), index, image }
    })
}

fn stable() -> impl Strategy<Value = Stable> {
    (number(), number(), proptest::collection::vec(node(), 0..5)).prop_map(|(sequence, digest, by)| {
        let checkpoint = Checkpoint { sequence: Sequence(sequence), digest: Digest(digest) };
        Stable {
            sequence: Sequence(sequence),
            votes: by.into_iter().map(|by| signed(by, checkpoint)).collect(),
        }
    })
}

fn change() -> impl Strategy<Value = ViewChange> {
    let prepared =
        (token(any_vote()), votes()).prop_map(|(proposal, prepares)| Prepared { proposal, prepares });
    (number(), stable(), proptest::collection::vec(prepared, 0..3))
        .prop_map(|(view, stable, prepared)| ViewChange { view: View(view), stable, prepared })
}

fn new_view() -> impl Strategy<Value = NewView> {
    (number(), proptest::collection::vec(token(change()), 0..5), votes())
        .prop_map(|(view, changes, proposals)| NewView { view: View(view), changes, proposals })
}

fn status() -> impl Strategy<Value = Status> {
    (number(), number(), number(), any::<(bool, bool, u64, u64)>(), values()).prop_map(
        |(view, stable, executed, (is_active, asks, accepted, prepared), wanted)| Status {
            view: View(view),
            is_active,
            stable: Sequence(stable),
            executed: Sequence(executed),
            accepted,
            prepared,
            asks,
            wanted: wanted.into_iter().map(|it| (Sequence(it), Digest::of(&batch(&[it])))).collect(),
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        1 => (0..5u64).prop_map(|value| Message::Request(asked(value))),
        6 => (node(), number(), number(), values())
            .prop_map(|(by, view, sequence, values)| pre_prepare(by, view, sequence, &values)),
        6 => token(any_vote()).prop_map(Message::Prepare),
        6 => token(any_vote()).prop_map(Message::Commit),
        1 => (node(), number(), number()).prop_map(|(by, sequence, digest)| checkpoint(by, sequence, Digest(digest))),
        3 => token(change()).prop_map(Message::ViewChange),
        2 => token(new_view()).prop_map(Message::NewView),
        3 => status().prop_map(Message::Status),
        1 => (number(), values())
            .prop_map(|(sequence, values)| Message::Batch { sequence: Sequence(sequence), batch: batch(&values) }),
        1 => (votes(), values())
            .prop_map(|(commits, values)| Message::Committed { proof: Committed { commits }, batch: batch(&values) }),
        1 => (stable(), state()).prop_map(|(stable, state)| Message::State { stable, state }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_panics_a_replica(
        flaw in prop::option::of(prop::sample::select(PbftFlaw::ALL.to_vec())),
        messages in proptest::collection::vec((node(), message(), 0..9u8), 1..80),
    ) {
        let flaws = flaw.map_or(FlawSet::NONE, FlawSet::only);
        let mut replica = Node::new(&quarrel_pbft::Config { flaws, ..plain(4) }, N2);
        for (from, message, turn) in messages {
            replica.receive(from, message);
            match turn {
                0 => drop(replica.fire(Timer::Patience)),
                1 => drop(replica.fire(Timer::Status)),
                2 => drop(replica.step(request(3))),
                _ => {}
            }
        }
        replica.restart();
    }
}
