//! How a leader changes who decides: one voter at a time (thesis, section 4.1) or through a joint configuration
//! (section 4.3), and how a server catches up before it votes (section 4.2.1).

use quarrel_protocol::{After, Effects, NodeId, NodeSet};

use crate::config::Changes;
use crate::order::Refusal;
use crate::progress::Pace;
use crate::raft::Timer;
use crate::state::Role;
use crate::{Configuration, Event, Index, Order, Payload, Raft, RaftFlaw};

/// A server that is brought up to date before it becomes a voter (thesis, section 4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CatchUp {
    pub(crate) node: NodeId,
    /// This round ends when the node holds the log up to here: all that there was when it began.
    until: Index,
    /// The number of this round, from 1.
    round: u8,
    /// Whether the round has lasted less than an election timeout so far.
    is_quick: bool,
    /// What the node held when it was looked at last.
    held: Index,
}

/// So many rounds, and the server is too slow for the cluster.
const ROUNDS_MAX: u8 = 10;

impl Raft {
    #[inline(never)]
    pub(crate) fn on_order(&mut self, order: Order, effects: &mut Effects<Self>) {
        if !self.is_leader() {
            return;
        }
        let is_known = order.named_nodes().iter().all(|node| node.0 < self.config.nodes);
        let done = match order {
            _ if !is_known => Err(Refusal::NoVote),
            Order::Transfer(to) => self.start_transfer(to, effects),
            Order::AddVoter(_) | Order::AddLearner(_) | Order::Remove(_) | Order::Voters(_) => {
                self.start_change(order, effects)
            }
        };
        if let Err(why) = done {
            effects.announce(Event::OrderRefused { order, why });
        }
    }

    fn start_change(&mut self, order: Order, effects: &mut Effects<Self>) -> Result<(), Refusal> {
        let Role::Leader(leader) = &self.role else { unreachable!("only a leader changes members") };
        if self.config.changes == Changes::None {
            return Err(Refusal::Disabled);
        }
        // Thesis, section 4.1: at most one change is under way.
        let is_uncommitted = self.membership.index() > self.commit;
        let current = self.membership.current();
        if is_uncommitted || current.is_joint() || leader.transfer.is_some() || leader.catch_up.is_some() {
            return Err(Refusal::Busy);
        }
        // Ongaro, raft-dev, 10 July 2015: nor before an entry of the current term is committed. Another leader may have
        // begun a change of its own, and the majorities of two such changes need not meet.
        let is_confirmed = self.commit >= leader.first || self.config.has(RaftFlaw::SingleServerChange);
        if !is_confirmed {
            return Err(Refusal::Unconfirmed);
        }
        let wanted = self.wanted(current, order)?;
        match order {
            Order::AddVoter(node) => {
                if !current.learners.contains(node) {
                    self.append_configuration(with_learner(current, node), effects);
                }
                self.start_round(node, 1, effects);
            }
            _ => self.append_change(wanted, effects),
        }
        Ok(())
    }

    /// The configuration that the order leads to in the end.
    fn wanted(&self, current: Configuration, order: Order) -> Result<Configuration, Refusal> {
        let wanted = match order {
            Order::AddVoter(node) => with_voter(current, node),
            Order::AddLearner(node) if current.has_vote(node) => return Err(Refusal::Pointless),
            Order::AddLearner(node) => with_learner(current, node),
            Order::Remove(node) => without(current, node),
            Order::Voters(voters) => {
                let learners = current.learners.iter().filter(|&node| !voters.contains(node)).collect();
                Configuration { learners, ..Configuration::of(voters) }
            }
            Order::Transfer(_) => unreachable!("a transfer changes no members"),
        };
        if wanted == current {
            return Err(Refusal::Pointless);
        }
        let changed = NodeSet(wanted.voters.0 ^ current.voters.0).len();
        if changed > 1 && self.config.changes != Changes::Joint {
            return Err(Refusal::Joint);
        }
        if wanted.voters.len() < usize::from(self.config.voters_min).max(1) {
            return Err(Refusal::TooFew);
        }
        Ok(wanted)
    }

    /// Appends the configuration, or the joint one that leads to it.
    fn append_change(&mut self, wanted: Configuration, effects: &mut Effects<Self>) {
        let current = self.membership.current();
        // Who votes on both sides needs no joint configuration.
        let is_joint = self.config.changes == Changes::Joint && wanted.voters != current.voters;
        let next = if is_joint { Configuration { outgoing: current.voters, ..wanted } } else { wanted };
        self.append_configuration(next, effects);
    }

    /// Thesis, section 4.3: once C_old,new is committed, the leader of that time goes on to C_new.
    pub(crate) fn leave_joint(&mut self, effects: &mut Effects<Self>) {
        let current = self.membership.current();
        assert!(current.is_joint(), "only a joint configuration is left");
        self.append_configuration(Configuration { outgoing: NodeSet::EMPTY, ..current }, effects);
    }

    fn append_configuration(&mut self, configuration: Configuration, effects: &mut Effects<Self>) {
        let before = self.membership.current();
        self.append_as_leader(Payload::Configuration(configuration), effects);
        effects.announce(Event::Reconfigured { index: self.membership.index(), configuration });
        let last = self.durable.log.last_index();
        for to in self.others() {
            if before.members().contains(to) {
                self.send_entries(to, effects);
                continue;
            }
            // Where the log of a new member ends is a guess.
            let progress = &mut self.leader_role().progress[to.index()];
            if progress.pace() == Pace::Snapshot {
                // It was a member before, and is being sent one still.
                continue;
            }
            progress.probe(last, last);
            self.send_probe(to, effects);
        }
        // Thesis, section 4.2.2: a leader that is left out goes on until that is committed.
        if self.config.has(RaftFlaw::RemoveLeaderStall) && !configuration.has_vote(self.id) {
            self.retire(effects);
        }
    }

    /// The commit index has come from `before` to where it is now: a configuration may have been committed.
    #[inline]
    pub(crate) fn after_commit(&mut self, before: Index, effects: &mut Effects<Self>) {
        let (index, configuration) = (self.membership.index(), self.membership.current());
        if index > self.commit || !self.is_leader() {
            return;
        }
        if index > before {
            effects.announce(Event::ConfigurationCommitted { index, configuration });
        }
        if configuration.is_joint() {
            // Whoever leads then: whoever appended it may be gone.
            let is_own = self.durable.log.term_at(index) == Some(self.durable.term);
            if is_own || !self.config.has(RaftFlaw::JointNeverLeaves) {
                self.leave_joint(effects);
            }
        } else if !configuration.has_vote(self.id) {
            self.retire(effects);
        }
    }
}

/// Catching up.
impl Raft {
    fn start_round(&mut self, node: NodeId, round: u8, effects: &mut Effects<Self>) {
        let until = self.durable.log.last_index();
        let held = self.leader_role().progress[node.index()].matched();
        self.leader_role().catch_up = Some(CatchUp { node, until, round, is_quick: true, held });
        effects.set_timer(Timer::CatchUp, After::exactly(self.config.election_timeout.min_ns));
    }

    /// The node confirms entries. Thesis, section 4.2.1: if the round took less than an election timeout, it may vote;
    /// otherwise another round takes what came in the meantime.
    pub(crate) fn advance_catch_up(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(CatchUp { node, until, round, is_quick, .. }) = leader.catch_up else { return };
        let has_learned = leader.progress[node.index()].matched() >= until;
        // That the node is a learner must be committed first: one change at a time.
        if !has_learned || self.membership.index() > self.commit {
            return;
        }
        let current = self.membership.current();
        if is_quick {
            self.end_catch_up(effects);
            effects.announce(Event::CaughtUp { node, rounds: u64::from(round) });
            self.append_change(with_voter(current, node), effects);
        } else if round < ROUNDS_MAX {
            self.start_round(node, round + 1, effects);
        } else {
            self.give_up_catch_up(node, effects);
        }
    }

    pub(crate) fn on_catch_up_timer(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(catch_up) = &mut leader.catch_up else { return };
        let held = leader.progress[catch_up.node.index()].matched();
        if held == catch_up.held {
            // It is down or cut off: the cluster does not wait for it.
            let node = catch_up.node;
            return self.give_up_catch_up(node, effects);
        }
        (catch_up.is_quick, catch_up.held) = (false, held);
        effects.set_timer(Timer::CatchUp, After::exactly(self.config.election_timeout.min_ns));
    }

    fn give_up_catch_up(&mut self, node: NodeId, effects: &mut Effects<Self>) {
        self.end_catch_up(effects);
        effects.announce(Event::OrderRefused { order: Order::AddVoter(node), why: Refusal::Unresponsive });
    }

    fn end_catch_up(&mut self, effects: &mut Effects<Self>) {
        self.leader_role().catch_up = None;
        effects.cancel_timer(Timer::CatchUp);
    }
}

fn with_voter(of: Configuration, node: NodeId) -> Configuration {
    let mut with = without(of, node);
    with.voters.insert(node);
    with
}

fn with_learner(of: Configuration, node: NodeId) -> Configuration {
    let mut with = without(of, node);
    with.learners.insert(node);
    with
}

fn without(mut of: Configuration, node: NodeId) -> Configuration {
    of.voters.remove(node);
    of.learners.remove(node);
    of
}
