//! What must hold among correct replicas, by the paper's names, over what they have announced. Nothing is heard of traitors;
//! announcements are released when they are durable, so a vote that is seen here is on a disk.
//!
//! What is applied, and in which order, is judged by [`quarrel_spec::replicated_log::Properties`], which knows no PBFT, and
//! what clients were told by their histories.

use std::collections::BTreeMap;

use quarrel_protocol::{Cell, ClientId, Ending, Monitor, NodeId, NodeSet, Property, Report, RequestId};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::Reply;

use crate::event::{Event, How, Reason};
use crate::properties::*;
pub use crate::properties::{CELLS, PROPERTIES};
use crate::requests::Name;
use crate::{Config, Digest, Pbft, Sequence, View};

/// Judges a run by [`PROPERTIES`].
pub struct Invariants {
    config: Config,
    nodes: Vec<Replica>,
    slots: BTreeMap<Sequence, Slot>,
    checkpoints: BTreeMap<Sequence, (Digest, NodeId)>,
    /// The operations that clients wait for, or have believed to have ended before any correct replica had replied.
    asked: BTreeMap<Name, Asked>,
    /// Sequence numbers before this one are not looked at any more.
    horizon: Sequence,
    /// The highest view that anybody has entered.
    entered: View,
    /// Who is not heard: traitors, and who has forgotten what it had promised to keep. What it said before binds it no longer.
    disowned: NodeSet,
}

/// What one replica has made known.
#[derive(Clone, Default)]
struct Replica {
    view: View,
    is_changing: bool,
    executed: Sequence,
    /// The last view that it has begun as the primary.
    led: View,
}

/// What a client has asked.
#[derive(Default)]
struct Asked {
    /// What correct replicas have replied, each reply once.
    replied: Vec<Reply>,
    /// What the client has accepted before that.
    accepted: Option<Reply>,
}

/// One sequence number.
#[derive(Default)]
struct Slot {
    /// Who has accepted what. Few views get as far as a sequence number.
    accepted: Vec<Tally>,
    /// Where what has prepared.
    prepared: Vec<Tally>,
    /// What was seen committed first, in which view, and by whom.
    committed: Option<(View, Digest, NodeId)>,
}

/// The votes of one phase for one batch in one view.
struct Tally {
    view: View,
    digest: Digest,
    by: NodeSet,
}

fn votes(tallies: &[Tally], view: View, digest: Digest) -> NodeSet {
    let found = tallies.iter().find(|tally| (tally.view, tally.digest) == (view, digest));
    found.map_or(NodeSet::EMPTY, |tally| tally.by)
}

fn add(tallies: &mut Vec<Tally>, view: View, digest: Digest, node: NodeId) {
    match tallies.iter_mut().find(|tally| (tally.view, tally.digest) == (view, digest)) {
        Some(tally) => {
            tally.by.insert(node);
        }
        None => tallies.push(Tally { view, digest, by: NodeSet::only(node) }),
    }
}

/// So many sequence numbers before the last that was committed are kept in view, so that a long run needs no more memory
/// than a short one. A replica that is further behind is judged by what it applies.
const SEQUENCES_IN_VIEW: u64 = 1024;

/// Batches that have prepared and not committed are looked for among the last so many sequence numbers.
const OPEN_MAX: usize = 256;

impl Monitor<Pbft> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        Self {
            config: config.clone(),
            nodes: vec![Replica::default(); nodes],
            slots: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            asked: BTreeMap::new(),
            horizon: Sequence::ZERO,
            entered: View(0),
            disowned: NodeSet::EMPTY,
        }
    }

    fn on_request(&mut self, client: ClientId, id: RequestId, _: &Call, _: &mut Report) {
        self.asked.insert((client, id), Asked::default());
    }

    fn on_reply(&mut self, _: NodeId, client: ClientId, id: RequestId, reply: &Reply, report: &mut Report) {
        // Nobody waits for what comes after the answer.
        let Some(asked) = self.asked.get_mut(&(client, id)) else { return };
        if !asked.replied.contains(reply) {
            asked.replied.push(reply.clone());
        }
        if let Some(accepted) = asked.accepted.take() {
            self.on_outcome(client, id, Some(&accepted), report);
        }
    }

    fn on_outcome(&mut self, client: ClientId, id: RequestId, reply: Option<&Reply>, report: &mut Report) {
        let Some(mut asked) = self.asked.remove(&(client, id)) else { return };
        let Some(accepted) = reply else { return };
        if asked.replied.is_empty() {
            // No correct replica has executed it yet: what it says when it has will show.
            asked.accepted = Some(accepted.clone());
            self.asked.insert((client, id), asked);
            return;
        }
        report.check(VALID_RESULT, asked.replied.contains(accepted), || {
            let replied: Vec<String> = asked.replied.iter().map(ToString::to_string).collect();
            let replied = replied.join(" or ");
            (
                format!(
                    "{client} was told for {id}: {accepted}, and believed it; correct replicas say: {replied}"
                ),
                "",
            )
        });
    }

    fn on_end(&mut self, ending: Ending, report: &mut Report) {
        let unheard = self.asked.iter().find(|(_, asked)| asked.accepted.is_some());
        report.check(VALID_RESULT, ending.settled.is_none() || unheard.is_none(), || {
            let ((client, id), _) = unheard.expect("it is there");
            (
                format!(
                    "{client} believes to know the answer to {id}, and no correct replica has executed it"
                ),
                "no correct replica",
            )
        });
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Accepted { view, sequence, digest, requests } => {
                if requests > 1 {
                    report.happened(BATCH_OF_SEVERAL);
                }
                self.on_accepted(node, view, sequence, digest, report);
            }
            Event::Prepared { view, sequence, digest } => {
                self.on_prepared(node, view, sequence, digest, report);
            }
            Event::Committed { view, sequence, digest, how } => {
                if how == How::CaughtUp {
                    report.happened(CAUGHT_UP);
                }
                self.on_committed(node, view, sequence, digest, report);
            }
            Event::Executed { sequence, digest } => self.on_executed(node, sequence, digest, report),
            Event::GaveUp { view, failures, reason, .. } => {
                self.on_view(node, view, true, report);
                if failures > 1 {
                    report.happened(TIMER_DOUBLED);
                }
                if reason == Reason::Joined {
                    report.happened(JOINED_EARLY);
                }
            }
            Event::Entered { view, carried, nulls, .. } => {
                self.on_entered(node, view, carried, nulls, report)
            }
            Event::Refused { .. } => report.happened(NEW_VIEW_REFUSED),
            Event::Checkpointed { sequence, digest } => self.on_checkpoint(node, sequence, digest, report),
            Event::Stabilised { sequence, digest } => {
                report.happened(CHECKPOINT_STABLE);
                if self.nodes.iter().any(|node| node.is_changing) {
                    report.happened(CHECKPOINT_DURING_VIEW_CHANGE);
                }
                self.on_checkpoint(node, sequence, digest, report);
            }
            Event::Installed { sequence, digest } => {
                report.happened(STATE_TRANSFERRED);
                self.on_checkpoint(node, sequence, digest, report);
                self.nodes[node.index()].executed = sequence;
            }
            Event::Relayed { .. } => report.happened(REQUEST_RELAYED),
            Event::Held { .. } => report.happened(HIGH_MARK_REACHED),
            Event::Fetched { .. } => report.happened(BATCH_FETCHED),
        }
    }

    fn on_disowned(&mut self, node: NodeId) {
        self.disowned.insert(node);
        // Nobody will hear that it has arrived.
        self.nodes[node.index()].is_changing = false;
    }

    /// A crash may spare writes whose announcements it took: the disk has the last word.
    fn on_recover(&mut self, node: NodeId, state: &Pbft, report: &mut Report) {
        let replica = &mut self.nodes[node.index()];
        let before = replica.view;
        report.check(VIEW_MONOTONIC, before <= state.view(), || {
            (
                format!("{node} was in view {before}, and starts again in view {}", state.view()),
                "after a restart",
            )
        });
        replica.view = state.view();
        replica.is_changing = !state.is_active();
        replica.executed = state.executed();
        if !state.is_active() {
            report.happened(RESTARTED_ON_THE_WAY);
        }
        for vote in state.accepted() {
            self.on_accepted(node, vote.view, vote.sequence, vote.digest, report);
        }
        for vote in state.prepared() {
            self.on_prepared(node, vote.view, vote.sequence, vote.digest, report);
        }
    }
}

/// Votes.
impl Invariants {
    /// Of a quorum at most f say what they like, and are not heard here; where more are not heard, no more than these.
    fn correct_min(&self) -> usize {
        let unheard = self.disowned.len().max(self.config.faulty_max());
        self.config.quorum().saturating_sub(unheard)
    }

    fn on_accepted(
        &mut self,
        node: NodeId,
        view: View,
        sequence: Sequence,
        digest: Digest,
        report: &mut Report,
    ) {
        if sequence < self.horizon {
            return;
        }
        let primary = self.config.primary(view);
        let slot = self.slots.entry(sequence).or_default();
        // A primary that has forgotten what it assigned may assign the number again.
        let bound = match self.disowned.contains(primary) {
            true => NodeSet::only(node),
            false => NodeSet::only(node).union(NodeSet::only(primary)),
        };
        let rival = slot.accepted.iter().find(|tally| tally.view == view && tally.digest != digest);
        let is_rival = rival.is_some_and(|tally| !tally.by.intersection(bound).is_empty());
        report.check(ONE_VALUE_ACCEPTED, !is_rival, || {
            let (other, by) = rival.map_or((digest, NodeSet::EMPTY), |tally| (tally.digest, tally.by));
            (format!("in view {view} {by} accepted {other} at {sequence}, and {node} accepts {digest}"), "")
        });
        if rival.is_some() {
            report.happened(EQUIVOCATION);
        }
        let is_first = votes(&slot.accepted, view, digest).is_empty();
        if is_first && slot.accepted.iter().any(|tally| tally.view != view && tally.digest != digest) {
            report.happened(RIVAL_BATCHES);
        }
        if let Some((before, committed, by)) = slot.committed.filter(|&(before, ..)| before < view) {
            report.check(COMMITTED_SURVIVES, committed == digest, || {
                let what = format!(
                    "{by} has committed {committed} at {sequence} in view {before}, but {node} accepts {digest} in view {view}"
                );
                (what, "")
            });
        }
        add(&mut slot.accepted, view, digest, node);
    }

    fn on_prepared(
        &mut self,
        node: NodeId,
        view: View,
        sequence: Sequence,
        digest: Digest,
        report: &mut Report,
    ) {
        if sequence < self.horizon {
            return;
        }
        let needed = self.correct_min();
        let slot = self.slots.entry(sequence).or_default();
        let rival = slot.prepared.iter().find(|tally| tally.view == view && tally.digest != digest);
        report.check(ONE_VALUE_PREPARED, rival.is_none(), || {
            let (other, by) = rival.map_or((digest, NodeSet::EMPTY), |tally| (tally.digest, tally.by));
            (format!("in view {view} {other} prepared at {sequence} at {by}, and {digest} at {node}"), "")
        });
        let mut by = votes(&slot.accepted, view, digest);
        // A new view is the primary's pre-prepare of all that it proposes again, some of which it may yet have to fetch.
        let primary = self.config.primary(view);
        if view > View(0) && self.nodes[primary.index()].led >= view {
            by.insert(primary);
        }
        report.check(CERTIFICATE_SOUNDNESS, by.len() >= needed, || {
            let what = format!(
                "{digest} prepared at {node} at {sequence} in view {view}, but of correct replicas only {by} accepted it"
            );
            (what, "prepared by too few")
        });
        add(&mut slot.prepared, view, digest, node);
    }

    fn on_committed(
        &mut self,
        node: NodeId,
        view: View,
        sequence: Sequence,
        digest: Digest,
        report: &mut Report,
    ) {
        if sequence < self.horizon {
            return;
        }
        let needed = self.correct_min();
        let slot = self.slots.entry(sequence).or_default();
        let by = votes(&slot.prepared, view, digest);
        report.check(CERTIFICATE_SOUNDNESS, by.len() >= needed, || {
            let what = format!(
                "{digest} committed at {node} at {sequence} in view {view}, but of correct replicas it prepared only at {by}"
            );
            (what, "committed by too few")
        });
        let first = *slot.committed.get_or_insert((view, digest, node));
        check_agreement(node, sequence, digest, first, "commits", report);
        self.move_horizon(sequence);
    }

    fn move_horizon(&mut self, committed: Sequence) {
        let horizon = Sequence(committed.0.saturating_sub(SEQUENCES_IN_VIEW));
        // Not every time: splitting costs more than a few too many.
        if horizon.since(self.horizon) > SEQUENCES_IN_VIEW {
            self.slots = self.slots.split_off(&horizon);
            self.checkpoints = self.checkpoints.split_off(&horizon);
            self.horizon = horizon;
        }
    }
}

fn check_agreement(
    node: NodeId,
    sequence: Sequence,
    digest: Digest,
    (view, first, by): (View, Digest, NodeId),
    does: &str,
    report: &mut Report,
) {
    report.check(AGREEMENT, first == digest, || {
        (format!("{by} committed {first} at {sequence} in view {view}, but {node} {does} {digest}"), "")
    });
}

/// Execution, checkpoints, views.
impl Invariants {
    fn on_executed(&mut self, node: NodeId, sequence: Sequence, digest: Digest, report: &mut Report) {
        let executed = &mut self.nodes[node.index()].executed;
        let before = *executed;
        report.check(EXECUTION_IN_ORDER, sequence == before.next(), || {
            (format!("{node} had executed everything up to {before}, and executes {sequence}"), "")
        });
        *executed = sequence;
        if let Some(first) = self.slots.get(&sequence).and_then(|slot| slot.committed) {
            check_agreement(node, sequence, digest, first, "executes", report);
        }
    }

    fn on_checkpoint(&mut self, node: NodeId, sequence: Sequence, digest: Digest, report: &mut Report) {
        if sequence < self.horizon {
            return;
        }
        let (first, by) = *self.checkpoints.entry(sequence).or_insert((digest, node));
        report.check(CHECKPOINT_AGREEMENT, first == digest, || {
            (format!("for {by} the state up to {sequence} is {first}, for {node} it is {digest}"), "")
        });
    }

    fn on_view(&mut self, node: NodeId, view: View, is_changing: bool, report: &mut Report) {
        let replica = &mut self.nodes[node.index()];
        let before = replica.view;
        report.check(VIEW_MONOTONIC, before <= view, || {
            (format!("{node} was in view {before}, and goes to view {view}"), "")
        });
        (replica.view, replica.is_changing) = (view, is_changing);
    }

    fn on_entered(&mut self, node: NodeId, view: View, carried: u32, nulls: u32, report: &mut Report) {
        self.on_view(node, view, false, report);
        if self.config.primary(view) == node {
            self.nodes[node.index()].led = view;
        }
        if carried > 0 {
            report.happened(PREPARED_CARRIED_OVER);
        }
        if nulls > 0 {
            report.happened(NULL_FILLED);
        }
        if view <= self.entered {
            return;
        }
        self.entered = view;
        report.happened(VIEW_CHANGED);
        let is_half_done = |slot: &Slot| slot.committed.is_none() && !slot.prepared.is_empty();
        if self.slots.values().rev().take(OPEN_MAX).any(is_half_done) {
            report.happened(VIEW_CHANGED_WITH_PREPARED);
        }
    }
}
