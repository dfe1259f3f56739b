//! No message may panic a node, whoever sends it and whatever it says.

use crate::common::*;
use proptest::prelude::*;
use quarrel_multi_paxos::message::{
    Accept, Accepted, CatchUp, Chosen, Heartbeat, HeartbeatReply, Prepare, Promise, Reject, SnapshotChunk,
};
use quarrel_multi_paxos::{
    Ballot, Config, FlawSet, Held, Message, MultiPaxos, MultiPaxosFlaw, Prefix, Slot, Timer, Value,
};
use quarrel_protocol::{ClientId, Input, NodeId, RequestId};
use quarrel_spec::image::Image;
use quarrel_spec::machine::Kind;
use quarrel_spec::session::{Memory, Replica};

/// Mostly small numbers, which meet each other; sometimes the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![14 => 0..7u64, 1 => Just(u64::MAX), 1 => Just(1 << 62), 1 => any::<u64>()]
}

fn slot() -> impl Strategy<Value = Slot> {
    number().prop_map(Slot)
}

fn ballot() -> impl Strategy<Value = Ballot> {
    (number(), prop_oneof![8 => 0..4u8, 1 => any::<u8>()])
        .prop_map(|(round, node)| Ballot { round, node: NodeId(node) })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![4 => (0..9u64).prop_map(value), 1 => Just(Value::NoOp)]
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(any_value(), 0..5)
}

fn held() -> impl Strategy<Value = Held> {
    (proptest::option::weighted(0.9, ballot()), any_value())
        .prop_map(|(ballot, value)| Held { ballot, value })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [Kind::Register, Kind::Kv, Kind::Lock, Kind::Queue];
    prop_oneof![
        prop::sample::select(kinds.to_vec())
            .prop_map(|kind| Image::of(&Replica::new(kind, Memory::Kept)).bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

fn chunk() -> impl Strategy<Value = SnapshotChunk> {
    (slot(), number(), bytes(), 0..3u32, prop::bool::weighted(0.7)).prop_map(
        |(last, digest, bytes, offset, is_whole)| SnapshotChunk {
            prefix: Prefix { last, digest },
            offset,
            total: if is_whole { bytes.len() as u32 } else { digest as u32 },
            bytes,
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let reported = proptest::collection::vec((slot(), held()), 0..4);
    prop_oneof![
        (ballot(), slot()).prop_map(|(ballot, first)| Message::Prepare(Prepare { ballot, first })),
        (ballot(), slot(), slot(), reported).prop_map(|(ballot, covers, chosen, held)| Message::Promise(
            Promise { ballot, covers, chosen, held }
        )),
        (ballot(), proptest::option::of(ballot()), slot())
            .prop_map(|(ballot, obeys, chosen)| Message::Reject(Reject { ballot, obeys, chosen })),
        (ballot(), slot(), values(), slot()).prop_map(|(ballot, first, values, chosen)| {
            Message::Accept(Accept { ballot, first, values: values.into(), chosen })
        }),
        (ballot(), slot(), slot()).prop_map(|(ballot, first, last)| Message::Accepted(Accepted {
            ballot,
            first,
            last
        })),
        (ballot(), slot()).prop_map(|(ballot, chosen)| Message::Heartbeat(Heartbeat { ballot, chosen })),
        ballot().prop_map(|ballot| Message::HeartbeatReply(HeartbeatReply { ballot })),
        (slot(), proptest::option::of((slot(), any::<u32>())))
            .prop_map(|(first, image)| Message::CatchUp(CatchUp { first, image })),
        (slot(), values(), slot()).prop_map(|(first, values, chosen)| {
            Message::Chosen(Chosen { first, values: values.into(), chosen })
        }),
        chunk().prop_map(Message::SnapshotChunk),
        slot().prop_map(|last| Message::SnapshotKept { last }),
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
    let sender = prop_oneof![8 => 0..4u8, 1 => any::<u8>()].prop_map(NodeId);
    // Mostly what the sender could have said.
    let received = (sender, message(), prop::bool::weighted(0.8)).prop_map(|(from, mut message, is_own)| {
        if is_own {
            match &mut message {
                Message::Prepare(Prepare { ballot, .. })
                | Message::Accept(Accept { ballot, .. })
                | Message::Heartbeat(Heartbeat { ballot, .. }) => ballot.node = from,
                Message::Promise(Promise { ballot, .. })
                | Message::Reject(Reject { ballot, .. })
                | Message::Accepted(Accepted { ballot, .. })
                | Message::HeartbeatReply(HeartbeatReply { ballot }) => ballot.node = N1,
                _ => {}
            }
        }
        Act::Receive(from, message)
    });
    prop_oneof![
        20 => received,
        2 => Just(Act::Fire(Timer::Campaign)),
        1 => Just(Act::Fire(Timer::Silence)),
        1 => Just(Act::Fire(Timer::Heartbeat)),
        1 => Just(Act::Fire(Timer::CatchUp)),
        2 => (0..9u32, 0..9u32, any::<bool>())
            .prop_map(|(id, oldest, is_read)| Act::Ask(RequestId(id), RequestId(oldest), is_read)),
        1 => Just(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let flaws = proptest::option::of(proptest::sample::select(MultiPaxosFlaw::ALL.to_vec()));
    (1..5u8, 0..3u32, 0..3u32, 0..3u32, 0..3u32, flaws).prop_map(
        |(nodes, window, slots_per_message, snapshot_every, slots_kept, flaw)| Config {
            window,
            slots_per_message,
            snapshot_every,
            slots_kept,
            chunk_bytes: window * 5,
            flaws: flaw.map_or(FlawSet::NONE, FlawSet::only),
            ..Config::new(nodes)
        },
    )
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_panics_a_node(config in config(), acts in proptest::collection::vec(act(), 1..60)) {
        let mut node = Node::new(&config, N1);
        for act in acts {
            let done = match act {
                Act::Receive(from, message) => node.run(Input::<MultiPaxos>::Message { from, message }),
                Act::Fire(timer) => node.fire(timer),
                Act::Ask(id, oldest, is_read) => {
                    let request = if is_read { read() } else { write(u64::from(id.0)) };
                    node.run(Input::Request { client: ClientId(0), id, oldest, request })
                }
                Act::Restart => node.restart(),
            };
            // At most what is open to everyone, whatever came in.
            prop_assert!(done.sent.len() <= 4 * 1100, "{} messages in one step", done.sent.len());
        }
    }
}
