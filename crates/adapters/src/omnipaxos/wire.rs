//! The crate's messages to ours and back. No entry is copied on the way.

use omnipaxos::messages::Message as CrateMessage;
use omnipaxos::messages::ballot_leader_election::{
    BLEMessage, HeartbeatMsg, HeartbeatReply, HeartbeatRequest,
};
use omnipaxos::messages::sequence_paxos::{
    AcceptDecide, AcceptStopSign, AcceptSync, Accepted, Compaction, Decide, NotAccepted, PaxosMessage,
    PaxosMsg, Prepare, PrepareReq, Promise,
};
use omnipaxos::storage::SnapshotType;
#[cfg(not(feature = "omnipaxos-0-2-2"))]
use omnipaxos::util::LogSync;
use omnipaxos::util::SequenceNumber;

use super::entry::{Entry, State};
use super::message::{Body, Sent, Sequence, Sync};
use super::store::{Position, commands, entries};

impl From<SequenceNumber> for Sequence {
    fn from(number: SequenceNumber) -> Self {
        Self { session: number.session, counter: number.counter }
    }
}

impl From<Sequence> for SequenceNumber {
    fn from(sequence: Sequence) -> Self {
        Self { session: sequence.session, counter: sequence.counter }
    }
}

fn sent<const S: bool>(snapshot: Option<SnapshotType<Entry<S>>>) -> Option<Sent> {
    snapshot.map(|snapshot| match snapshot {
        SnapshotType::Complete(state) => Sent::Complete(state.0),
        SnapshotType::Delta(state) => Sent::Delta(state.0),
    })
}

fn received<const S: bool>(snapshot: Option<Sent>) -> Option<SnapshotType<Entry<S>>> {
    snapshot.map(|snapshot| match snapshot {
        Sent::Complete(contents) => SnapshotType::Complete(State(contents)),
        Sent::Delta(contents) => SnapshotType::Delta(State(contents)),
    })
}

#[cfg(not(feature = "omnipaxos-0-2-2"))]
mod synced {
    use super::*;

    fn sync_of<const S: bool>(sync: LogSync<Entry<S>>) -> Sync {
        let LogSync { decided_snapshot, suffix, sync_idx, stopsign } = sync;
        Sync {
            snapshot: sent(decided_snapshot),
            suffix: commands(suffix),
            index: sync_idx as u64,
            stop: stopsign.map(Into::into),
        }
    }

    fn log_sync<const S: bool>(sync: Sync) -> LogSync<Entry<S>> {
        let Sync { snapshot, suffix, index, stop } = sync;
        LogSync {
            decided_snapshot: received(snapshot),
            suffix: entries(suffix),
            sync_idx: index as Position,
            stopsign: stop.map(Into::into),
        }
    }

    pub(super) fn promise_of<const S: bool>(promise: Promise<Entry<S>>) -> Body {
        let Promise { n, n_accepted, decided_idx, accepted_idx, log_sync } = promise;
        Body::Promise {
            round: n.into(),
            accepted_round: n_accepted.into(),
            decided: decided_idx as u64,
            accepted: accepted_idx as u64,
            sync: log_sync.map(sync_of),
        }
    }

    pub(super) fn promise<const S: bool>(body: Body) -> PaxosMsg<Entry<S>> {
        let Body::Promise { round, accepted_round, decided, accepted, sync } = body else { unreachable!() };
        PaxosMsg::Promise(Promise {
            n: round.into(),
            n_accepted: accepted_round.into(),
            decided_idx: decided as Position,
            accepted_idx: accepted as Position,
            log_sync: sync.map(log_sync),
        })
    }

    pub(super) fn accept_sync_of<const S: bool>(accept: AcceptSync<Entry<S>>) -> Body {
        let AcceptSync { n, seq_num, decided_idx, log_sync } = accept;
        Body::AcceptSync {
            round: n.into(),
            sequence: seq_num.into(),
            decided: decided_idx as u64,
            sync: sync_of(log_sync),
        }
    }

    pub(super) fn accept_sync<const S: bool>(body: Body) -> PaxosMsg<Entry<S>> {
        let Body::AcceptSync { round, sequence, decided, sync } = body else { unreachable!() };
        PaxosMsg::AcceptSync(AcceptSync {
            n: round.into(),
            seq_num: sequence.into(),
            decided_idx: decided as Position,
            log_sync: log_sync(sync),
        })
    }
}

/// In 0.2.2 what a log lacks is not a struct of its own, and a promise does not say where it belongs.
#[cfg(feature = "omnipaxos-0-2-2")]
mod synced {
    use super::*;

    pub(super) fn promise_of<const S: bool>(promise: Promise<Entry<S>>) -> Body {
        let Promise { n, n_accepted, decided_snapshot, suffix, decided_idx, accepted_idx, stopsign } =
            promise;
        let (snapshot, suffix) = (sent(decided_snapshot), commands(suffix));
        Body::Promise {
            round: n.into(),
            accepted_round: n_accepted.into(),
            decided: decided_idx,
            accepted: accepted_idx,
            sync: Some(Sync { snapshot, suffix, index: 0, stop: stopsign.map(Into::into) }),
        }
    }

    pub(super) fn promise<const S: bool>(body: Body) -> PaxosMsg<Entry<S>> {
        let Body::Promise { round, accepted_round, decided, accepted, sync } = body else { unreachable!() };
        let empty = || Sync { snapshot: None, suffix: Vec::new(), index: 0, stop: None };
        let Sync { snapshot, suffix, stop, .. } = sync.unwrap_or_else(empty);
        PaxosMsg::Promise(Promise {
            n: round.into(),
            n_accepted: accepted_round.into(),
            decided_snapshot: received(snapshot),
            suffix: entries(suffix),
            decided_idx: decided,
            accepted_idx: accepted,
            stopsign: stop.map(Into::into),
        })
    }

    pub(super) fn accept_sync_of<const S: bool>(accept: AcceptSync<Entry<S>>) -> Body {
        let AcceptSync { n, seq_num, decided_snapshot, suffix, sync_idx, decided_idx, stopsign } = accept;
        let (snapshot, suffix) = (sent(decided_snapshot), commands(suffix));
        Body::AcceptSync {
            round: n.into(),
            sequence: seq_num.into(),
            decided: decided_idx,
            sync: Sync { snapshot, suffix, index: sync_idx, stop: stopsign.map(Into::into) },
        }
    }

    pub(super) fn accept_sync<const S: bool>(body: Body) -> PaxosMsg<Entry<S>> {
        let Body::AcceptSync { round, sequence, decided, sync } = body else { unreachable!() };
        let Sync { snapshot, suffix, index, stop } = sync;
        PaxosMsg::AcceptSync(AcceptSync {
            n: round.into(),
            seq_num: sequence.into(),
            decided_snapshot: received(snapshot),
            suffix: entries(suffix),
            sync_idx: index,
            decided_idx: decided,
            stopsign: stop.map(Into::into),
        })
    }
}

/// The crate's message in our types: to whom, by the crate's count, and what.
pub(crate) fn outgoing<const S: bool>(message: CrateMessage<Entry<S>>) -> (u64, Body) {
    match message {
        CrateMessage::SequencePaxos(PaxosMessage { to, msg, .. }) => (to, body_of(msg)),
        CrateMessage::BLE(BLEMessage { to, msg, .. }) => {
            let body = match msg {
                HeartbeatMsg::Request(HeartbeatRequest { round }) => Body::HeartbeatRequest { beat: round },
                HeartbeatMsg::Reply(reply) => heartbeat_of(reply),
            };
            (to, body)
        }
    }
}

fn heartbeat_of(reply: HeartbeatReply) -> Body {
    let HeartbeatReply { round, ballot, leader, happy } = reply;
    Body::HeartbeatReply { beat: round, ballot: ballot.into(), leader: leader.into(), happy }
}

fn heartbeat(round: u32, ballot: super::Round, leader: super::Round, happy: bool) -> HeartbeatReply {
    HeartbeatReply { round, ballot: ballot.into(), leader: leader.into(), happy }
}

fn body_of<const S: bool>(message: PaxosMsg<Entry<S>>) -> Body {
    match message {
        PaxosMsg::PrepareReq(PrepareReq { n }) => Body::PrepareRequest { round: n.into() },
        PaxosMsg::Prepare(Prepare { n, decided_idx, n_accepted, accepted_idx }) => Body::Prepare {
            round: n.into(),
            decided: decided_idx as u64,
            accepted_round: n_accepted.into(),
            accepted: accepted_idx as u64,
        },
        PaxosMsg::Promise(promise) => synced::promise_of(promise),
        PaxosMsg::AcceptSync(accept) => synced::accept_sync_of(accept),
        PaxosMsg::AcceptDecide(AcceptDecide { n, seq_num, decided_idx, entries }) => Body::AcceptDecide {
            round: n.into(),
            sequence: seq_num.into(),
            decided: decided_idx as u64,
            entries: commands(entries),
        },
        PaxosMsg::Accepted(Accepted { n, accepted_idx }) => {
            Body::Accepted { round: n.into(), accepted: accepted_idx as u64 }
        }
        PaxosMsg::NotAccepted(NotAccepted { n }) => Body::NotAccepted { round: n.into() },
        PaxosMsg::Decide(Decide { n, seq_num, decided_idx }) => {
            Body::Decide { round: n.into(), sequence: seq_num.into(), decided: decided_idx as u64 }
        }
        PaxosMsg::ProposalForward(entries) => Body::Forward { entries: commands(entries) },
        PaxosMsg::Compaction(Compaction::Trim(index)) => Body::Trim { index: index as u64 },
        PaxosMsg::Compaction(Compaction::Snapshot(index)) => {
            Body::Snapshot { index: index.map(|index| index as u64) }
        }
        PaxosMsg::AcceptStopSign(AcceptStopSign { seq_num, n, ss }) => {
            Body::AcceptStopSign { round: n.into(), sequence: seq_num.into(), stop: ss.into() }
        }
        PaxosMsg::ForwardStopSign(sign) => Body::ForwardStopSign { stop: sign.into() },
    }
}

/// Our message in the crate's types. `from` and `to` are by the crate's count.
pub(crate) fn incoming<const S: bool>(from: u64, to: u64, body: Body) -> CrateMessage<Entry<S>> {
    let msg = match body {
        Body::HeartbeatRequest { beat } => {
            let msg = HeartbeatMsg::Request(HeartbeatRequest { round: beat });
            return CrateMessage::BLE(BLEMessage { from, to, msg });
        }
        Body::HeartbeatReply { beat, ballot, leader, happy } => {
            let msg = HeartbeatMsg::Reply(heartbeat(beat, ballot, leader, happy));
            return CrateMessage::BLE(BLEMessage { from, to, msg });
        }
        body => paxos(body),
    };
    CrateMessage::SequencePaxos(PaxosMessage { from, to, msg })
}

fn paxos<const S: bool>(body: Body) -> PaxosMsg<Entry<S>> {
    match body {
        Body::HeartbeatRequest { .. } | Body::HeartbeatReply { .. } => {
            unreachable!("heartbeats are no Paxos")
        }
        Body::PrepareRequest { round } => PaxosMsg::PrepareReq(PrepareReq { n: round.into() }),
        Body::Prepare { round, decided, accepted_round, accepted } => PaxosMsg::Prepare(Prepare {
            n: round.into(),
            decided_idx: decided as Position,
            n_accepted: accepted_round.into(),
            accepted_idx: accepted as Position,
        }),
        body @ Body::Promise { .. } => synced::promise(body),
        body @ Body::AcceptSync { .. } => synced::accept_sync(body),
        Body::AcceptDecide { round, sequence, decided, entries: commands } => {
            PaxosMsg::AcceptDecide(AcceptDecide {
                n: round.into(),
                seq_num: sequence.into(),
                decided_idx: decided as Position,
                entries: entries(commands),
            })
        }
        Body::Accepted { round, accepted } => {
            PaxosMsg::Accepted(Accepted { n: round.into(), accepted_idx: accepted as Position })
        }
        Body::NotAccepted { round } => PaxosMsg::NotAccepted(NotAccepted { n: round.into() }),
        Body::Decide { round, sequence, decided } => PaxosMsg::Decide(Decide {
            n: round.into(),
            seq_num: sequence.into(),
            decided_idx: decided as Position,
        }),
        Body::Forward { entries: commands } => PaxosMsg::ProposalForward(entries(commands)),
        Body::Trim { index } => PaxosMsg::Compaction(Compaction::Trim(index as Position)),
        Body::Snapshot { index } => {
            PaxosMsg::Compaction(Compaction::Snapshot(index.map(|index| index as Position)))
        }
        Body::AcceptStopSign { round, sequence, stop } => PaxosMsg::AcceptStopSign(AcceptStopSign {
            seq_num: sequence.into(),
            n: round.into(),
            ss: stop.into(),
        }),
        Body::ForwardStopSign { stop } => PaxosMsg::ForwardStopSign(stop.into()),
    }
}
