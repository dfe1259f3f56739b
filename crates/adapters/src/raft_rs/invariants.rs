//! What must hold of the crate within: Raft's own properties over what nodes announce, and the crate's own invariants
//! over its public state.
//!
//! Announcements are released when they are durable, so the logs that this monitor keeps are the logs on the disks.
//! A hash over each prefix makes "the same up to here" one comparison: every check is O(1) amortised, but for a glance
//! at each peer of a leader.
//!
//! Absent: State Machine Safety. It is judged on what nodes apply, by [`quarrel_spec::replicated_log::Properties`].

use std::collections::BTreeMap;

use quarrel_protocol::{
    Cell, ClientId, Fingerprinter, Monitor, NodeId, NodeSet, Property, Report, RequestId,
};
use quarrel_spec::replicated_log::Reply;

use super::properties::*;
use super::raft::StateRole;
use super::store::FIRST_INDEX;
use super::{Config, Event, RaftRs, node_of, wire};

/// The properties, and a view of the cluster to judge them on.
pub struct Invariants {
    nodes: Vec<Node>,
    leaders: NodeSet,
    /// Every election, by term.
    elections: Vec<(u64, NodeId)>,
    created: Created,
    /// What was committed, by position; a position is an index less one.
    committed: Vec<Committed>,
    members: NodeSet,
}

/// What one node has made known.
#[derive(Clone, Default)]
struct Node {
    log: Vec<Held>,
    term: u64,
    /// The latest vote, and in which term.
    vote: Option<(u64, NodeId)>,
    leads: Option<u64>,
    /// The term in which its leader told it to campaign.
    told: Option<u64>,
    is_learner: bool,
    /// The crate's own numbers after the last step.
    within: Within,
}

/// The crate's own numbers.
#[derive(Clone, Default)]
struct Within {
    term: u64,
    commit: u64,
    applied: u64,
    /// What a leader believes of its peers, each in its place, to look only at what is new.
    matched: Vec<u64>,
}

impl Within {
    /// Forgets everything: the node begins anew.
    fn clear(&mut self) {
        (self.term, self.commit, self.applied) = (0, 0, 0);
        self.matched.fill(0);
    }
}

/// An entry on a disk.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Held {
    term: u64,
    /// Hash of the log up to and including this entry.
    prefix: u64,
}

/// The entry that members share from the start.
const FIRST: Held = Held { term: 1, prefix: 1 };

/// A committed entry.
struct Committed {
    held: Held,
    /// The earliest term whose leader committed it. Never falls from one entry to the next.
    leader_term: u64,
    by: NodeId,
}

/// The first holder of each entry ever created, by position and term.
#[derive(Default)]
struct Created {
    /// The first at each position: there is rarely another.
    first: Vec<Option<(Held, NodeId)>>,
    others: BTreeMap<(usize, u64), (Held, NodeId)>,
}

impl Monitor<RaftRs> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        let members = config.members();
        let node = |id: NodeId| {
            let log = if members.contains(id) { vec![FIRST] } else { Vec::new() };
            let is_learner = members.contains(id) && id.0 >= config.voters;
            let within = Within { matched: vec![0; nodes], ..Within::default() };
            Node { log, is_learner, within, ..Node::default() }
        };
        Self {
            nodes: NodeId::all(nodes).map(node).collect(),
            leaders: NodeSet::EMPTY,
            elections: Vec::new(),
            created: Created::default(),
            committed: vec![Committed { held: FIRST, leader_term: 1, by: NodeId(0) }],
            members,
        }
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Campaigned { term } => self.on_voted(node, term, node, report),
            Event::Voted { term, candidate } => self.on_voted(node, term, candidate, report),
            Event::Elected { term } => self.on_elected(node, term, report),
            Event::SteppedDown { term } => {
                self.see_term(node, term, report);
                self.stop_leading(node);
                report.happened(seen::STEPPED_DOWN);
            }
            Event::Appended { index, term, print, current_term, .. } => {
                self.see_term(node, current_term, report);
                self.on_appended(node, index, term, print, report);
            }
            Event::Truncated { from, applied, .. } => self.on_truncated(node, from, applied, report),
            Event::Committed { index, leader_term } => self.on_committed(node, index, leader_term, report),
            Event::Changed { voters, outgoing, learners, .. } => {
                self.on_changed(node, voters, outgoing, learners, report);
            }
            Event::ChangeRefused { .. } => {}
            Event::Compacted { .. } => report.happened(seen::LOG_COMPACTED),
            Event::Installed { index, term, current_term } => {
                self.see_term(node, current_term, report);
                self.hold_prefix(node, index, term);
                report.happened(seen::SNAPSHOT_INSTALLED);
            }
            Event::HandingOver { .. } => {}
            Event::ToldToCampaign { term } => self.nodes[node.index()].told = Some(term),
            Event::ReadServed { leads, .. } => {
                report.happened(if leads { seen::READ_BY_LEADER } else { seen::READ_BY_FOLLOWER });
                report.check(READ_CONFIRMED, true, || unreachable!());
            }
            Event::ReadAlone { index, voter } => report.check(READ_CONFIRMED, false, || {
                (format!("{node} takes a read of {index} to be confirmed, but only {voter} votes"), "")
            }),
        }
    }

    fn on_reply(&mut self, _: NodeId, _: ClientId, _: RequestId, reply: &Reply, report: &mut Report) {
        if let Reply::NotLeader { hint: Some(_) } = reply {
            report.happened(seen::CLIENT_REDIRECTED);
        }
    }

    #[inline]
    fn after_step(&mut self, node: NodeId, state: &RaftRs, report: &mut Report) {
        self.check_within(node, state, report);
        if state.raw().raft.state == StateRole::Leader {
            self.check_progress(node, state, report);
        }
    }

    fn on_crash(&mut self, node: NodeId, report: &mut Report) {
        self.stop_leading(node);
        let Node { within, log, .. } = &mut self.nodes[node.index()];
        // What the node took for committed is further than what it had made known to be on its disk.
        if within.commit > log.len() as u64 {
            report.happened(seen::UNSTABLE_AT_CRASH);
        }
        within.clear();
    }

    /// A crash may spare writes whose announcements it took: the disk has the last word.
    fn on_recover(&mut self, node: NodeId, state: &RaftRs, report: &mut Report) {
        self.stop_leading(node);
        self.nodes[node.index()].within.clear();
        self.nodes[node.index()].told = None;
        let store = state.raw().store();
        let (before, term) = store.before();
        let own = &self.nodes[node.index()].log;
        if (before as usize)
            .checked_sub(1)
            .is_some_and(|last| own.get(last).is_none_or(|held| held.term != term))
        {
            self.hold_prefix(node, before, term);
        }
        for entry in store.kept() {
            let position = entry.index as usize - 1;
            let log = &mut self.nodes[node.index()].log;
            if log.get(position).is_none_or(|held| held.term != entry.term) {
                log.truncate(position);
                if log.len() == position {
                    let mut print = Fingerprinter::default();
                    wire::print_entry(entry, &mut print);
                    self.hold(node, entry.term, print.finish(), report);
                }
            }
        }
        self.nodes[node.index()].log.truncate(store.last() as usize);
    }
}

/// Terms, votes and elections.
impl Invariants {
    fn on_voted(&mut self, node: NodeId, term: u64, candidate: NodeId, report: &mut Report) {
        self.see_term(node, term, report);
        let vote = &mut self.nodes[node.index()].vote;
        let before = vote.filter(|&(in_term, _)| in_term == term).map_or(candidate, |(_, before)| before);
        report.check(VOTE_ONCE, before == candidate, || {
            (format!("{node} voted for {before} and then for {candidate} in term {term}"), "")
        });
        *vote = Some((term, candidate));
    }

    fn on_elected(&mut self, node: NodeId, term: u64, report: &mut Report) {
        self.see_term(node, term, report);
        let place = self.elections.partition_point(|&(won, _)| won < term);
        let other =
            self.elections.get(place).map_or(node, |&(won, leader)| if won == term { leader } else { node });
        report.check(ELECTION_SAFETY, other == node, || {
            (format!("{other} and {node} are both elected leader of term {term}"), "")
        });
        // What earlier leaders committed, later leaders hold.
        if let Some(position) = self.committed.iter().rposition(|committed| committed.leader_term < term) {
            let Committed { held, leader_term, by } = self.committed[position];
            report.check(LEADER_COMPLETENESS, self.holds(node, position, held), || {
                let entry = format!("{}@{}", position + 1, held.term);
                let what = format!(
                    "{by} committed {entry} as leader of term {leader_term}, but {node} is elected leader of term \
                     {term} without it"
                );
                (what, "")
            });
        }
        report.happened(seen::LEADER_ELECTED);
        if place > 0 && self.elections[place - 1].1 != node {
            report.happened(seen::LEADER_CHANGED);
        }
        let Node { told, leads, .. } = &mut self.nodes[node.index()];
        if told.take().is_some_and(|told| told + 1 == term) {
            report.happened(seen::LEADERSHIP_TRANSFERRED);
        }
        *leads = Some(term);
        self.elections.insert(place, (term, node));
        self.leaders.insert(node);
    }

    fn stop_leading(&mut self, node: NodeId) {
        self.nodes[node.index()].leads = None;
        self.leaders.remove(node);
    }

    fn see_term(&mut self, node: NodeId, term: u64, report: &mut Report) {
        let known = &mut self.nodes[node.index()].term;
        let before = *known;
        report.check(TERM_MONOTONIC, before <= term, || {
            (format!("{node} was in term {before}, and now acts in term {term}"), "")
        });
        *known = before.max(term);
    }

    fn on_changed(
        &mut self,
        node: NodeId,
        voters: NodeSet,
        outgoing: NodeSet,
        learners: NodeSet,
        report: &mut Report,
    ) {
        report.happened(seen::MEMBERS_CHANGED);
        if !outgoing.is_empty() {
            report.happened(seen::JOINT_ENTERED);
        }
        self.members = voters.union(outgoing).union(learners);
        let is_learner = &mut self.nodes[node.index()].is_learner;
        if *is_learner && voters.contains(node) {
            report.happened(seen::LEARNER_PROMOTED);
        }
        *is_learner = learners.contains(node);
    }
}

/// Logs and commitment.
impl Invariants {
    #[inline]
    fn on_appended(&mut self, node: NodeId, index: u64, term: u64, print: u64, report: &mut Report) {
        let log = &mut self.nodes[node.index()].log;
        let position = index.wrapping_sub(1) as usize;
        log.truncate(position);
        // A gap can only mean that nobody told of a recovery: then there is nothing to compare with.
        if log.len() == position {
            self.hold(node, term, print, report);
        }
    }

    /// The node has this entry at the end of its log.
    #[inline]
    fn hold(&mut self, node: NodeId, term: u64, print: u64, report: &mut Report) {
        let log = &mut self.nodes[node.index()].log;
        let position = log.len();
        let mut prefix = Fingerprinter::default();
        prefix.pair(log.last().map_or(0, |last| last.prefix), print);
        let held = Held { term, prefix: prefix.finish() };
        log.push(held);
        let (first, by) = self.created.first_holder(position, held, node);
        report.check(LOG_MATCHING, first.prefix == held.prefix, || {
            let index = position + 1;
            (format!("{by} and {node} both hold {index}@{term}, but their logs up to there differ"), "")
        });
    }

    /// The node's log ends with this entry, and what is before it is gone in a snapshot. By Log Matching it is what
    /// anybody else holds who holds the entry; what was committed need not be known to have been, if the leader that
    /// committed it crashed before it could say so.
    fn hold_prefix(&mut self, node: NodeId, index: u64, term: u64) {
        let end = index as usize;
        let is_it = |log: &Vec<Held>| log.get(end.wrapping_sub(1)).is_some_and(|held| held.term == term);
        let log = match self.nodes.iter().map(|node| &node.log).find(|log| is_it(log)) {
            Some(log) => log[..end].to_vec(),
            None => self.committed.iter().take(end).map(|committed| committed.held).collect(),
        };
        self.nodes[node.index()].log = log;
    }

    fn on_truncated(&mut self, node: NodeId, from: u64, applied: u64, report: &mut Report) {
        report.check(APPLIED_KEPT, from > applied, || {
            (format!("{node} has applied its log up to {applied}, but dropped {from} from it"), "")
        });
        self.nodes[node.index()].log.truncate(from.wrapping_sub(1) as usize);
        report.happened(seen::ENTRIES_TRUNCATED);
    }

    fn on_committed(&mut self, node: NodeId, index: u64, leader_term: u64, report: &mut Report) {
        let known = self.committed.len();
        let end = usize::try_from(index).unwrap_or(usize::MAX).min(self.nodes[node.index()].log.len());
        if let Some(position) = known.min(end).checked_sub(1) {
            self.check_recommitted(node, position, leader_term, report);
        }
        let Some(last) = end.checked_sub(1) else { return };
        let log = &self.nodes[node.index()].log;
        if let Some(new) = log.get(known..end).filter(|new| !new.is_empty()) {
            if new[0].term < leader_term {
                report.happened(seen::OLD_TERM_COMMITTED);
            }
            self.committed.extend(new.iter().map(|&held| Committed { held, leader_term, by: node }));
        }
        // A leader of a later term may have been elected while this announcement waited for a disk.
        let held = log[last];
        for later in self.leaders.iter().filter(|&later| later != node) {
            let term = self.nodes[later.index()].leads.unwrap_or_default();
            if term > leader_term {
                report.check(LEADER_COMPLETENESS, self.holds(later, last, held), || {
                    let entry = format!("{}@{}", last + 1, held.term);
                    let what = format!(
                        "{node} committed {entry} as leader of term {leader_term}, but {later}, leader of term \
                         {term}, does not hold it"
                    );
                    (what, "")
                });
            }
        }
    }

    /// A leader commits again, perhaps in another term, what was committed up to `position`.
    fn check_recommitted(&mut self, node: NodeId, position: usize, leader_term: u64, report: &mut Report) {
        let Committed { held, leader_term: before, by } = self.committed[position];
        let is_same = self.holds(node, position, held);
        // Two leaders of one term are Election Safety's to report.
        report.check(LEADER_COMPLETENESS, is_same || before == leader_term, || {
            let index = position + 1;
            let what = format!(
                "{by} as leader of term {before} and {node} as leader of term {leader_term} committed different \
                 entries up to index {index}"
            );
            (what, "")
        });
        if is_same {
            let later = self.committed[..=position].iter_mut().rev();
            for committed in later.take_while(|committed| committed.leader_term > leader_term) {
                committed.leader_term = leader_term;
                committed.by = node;
            }
        }
    }

    /// Whether the node's log is, up to `position`, the one that ends in `held`.
    fn holds(&self, node: NodeId, position: usize, held: Held) -> bool {
        self.nodes[node.index()].log.get(position).is_some_and(|own| own.prefix == held.prefix)
    }
}

/// The crate's own state.
impl Invariants {
    #[inline]
    fn check_within(&mut self, node: NodeId, state: &RaftRs, report: &mut Report) {
        let raft = &state.raw().raft;
        let log = &raft.raft_log;
        let within = &mut self.nodes[node.index()].within;
        let is_rising =
            log.committed >= within.commit && log.applied >= within.applied && raft.term >= within.term;
        report.check(COMMIT_MONOTONIC, is_rising, || {
            let Within { term, commit, applied, .. } = *within;
            let what = format!(
                "{node} was in term {term} with commit {commit} and applied {applied}, and is in term {} with commit \
                 {} and applied {} now",
                raft.term, log.committed, log.applied
            );
            (what, "")
        });
        (within.term, within.commit, within.applied) = (raft.term, log.committed, log.applied);
        let last = log.last_index();
        let is_within = log.applied <= log.committed && log.committed <= last && log.applied <= log.persisted;
        report.check(COMMIT_IN_LOG, is_within, || {
            let what = format!(
                "{node} has applied {}, committed {} and persisted {} of a log that ends at {last}",
                log.applied, log.committed, log.persisted
            );
            (what, "")
        });
    }

    fn check_progress(&mut self, node: NodeId, state: &RaftRs, report: &mut Report) {
        let raft = &state.raw().raft;
        // A synchronous node counts its own copy at once, because for it the world stands still until it is written.
        let counts_itself = state.is_asynchronous();
        let known = &mut self.nodes[node.index()].within.matched;
        let (mut reversed, mut changed) = (None, NodeSet::EMPTY);
        for (&id, progress) in raft.prs().iter() {
            if progress.matched >= progress.next_idx {
                reversed = Some((id, progress.matched, progress.next_idx));
            }
            // This is done at each step of a leader, and mostly nothing has changed.
            let Some(known) = known.get_mut(id.wrapping_sub(1) as usize) else { continue };
            if *known != progress.matched {
                *known = progress.matched;
                node_of(id).map(|peer| changed.insert(peer));
            }
        }
        report.check(MATCH_BELOW_NEXT, reversed.is_none(), || {
            let (id, matched, next) = reversed.unwrap_or_default();
            (format!("{node} believes that peer {id} holds {matched} and sends {next} next"), "")
        });
        for peer in changed.iter().filter(|&peer| peer != node || counts_itself) {
            let Node { log, term, .. } = &self.nodes[peer.index()];
            let matched = self.nodes[node.index()].within.matched[peer.index()];
            // One that has gone on to a later term may have dropped what it once confirmed.
            let is_sound = matched <= log.len() as u64 || *term > raft.term;
            report.check(PROGRESS_SOUND, is_sound, || {
                let what = format!(
                    "{node}, leader of term {}, believes that {peer} holds its log up to {matched}, but {peer} has {} \
                     on disk",
                    raft.term,
                    log.len()
                );
                (what, "")
            });
        }
    }
}

impl Created {
    /// Who first held an entry of this position and term, and in which log: `node`, if nobody did before.
    #[inline]
    fn first_holder(&mut self, position: usize, held: Held, node: NodeId) -> (Held, NodeId) {
        if self.first.len() <= position {
            self.first.resize(position + 1, None);
        }
        match &mut self.first[position] {
            Some(first) if first.0.term == held.term => *first,
            Some(_) => *self.others.entry((position, held.term)).or_insert((held, node)),
            empty => *empty.insert((held, node)),
        }
    }
}

const _: () = assert!(FIRST_INDEX == 1, "the shared position is the first of every log");
