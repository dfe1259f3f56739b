//! What must hold: Figure 3, by name, over what the nodes have announced.
//!
//! Announcements are released when they are durable, so the logs that this monitor keeps are the logs on the disks.
//! A hash over each prefix makes "the same up to here" one comparison: every check is O(1) amortised.
//!
//! Absent: State Machine Safety, the fifth property of Figure 3. It is judged on what nodes apply, by
//! [`quarrel_spec::replicated_log::Properties`], which knows no Raft.

mod configurations;
mod created;
mod properties;
mod snapshots;
mod window;

use quarrel_protocol::{
    Cell, ClientId, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Property, Report, RequestId,
};
use quarrel_spec::replicated_log::{Output, Reply};

use self::configurations::Configurations;
use self::created::Created;
use self::properties::*;
pub use self::properties::{CELLS, PROPERTIES};
use self::snapshots::Install;
use self::window::Window;
use crate::{Config, Entry, Event, Index, Raft, Term};

/// The properties, and a view of the cluster to judge them on.
pub struct Invariants {
    nodes: Vec<Node>,
    /// The nodes that lead a term, as far as has been released.
    leaders: NodeSet,
    /// The elections, by term, but for those of terms that every node has left behind.
    elections: Vec<(Term, NodeId)>,
    created: Created,
    committed: Window<Committed>,
    latest_campaign: Campaign,
    /// Who decides, in the log of each node.
    configurations: Configurations,
}

/// What one node has made known.
#[derive(Clone, Default)]
struct Node {
    log: Window<Held>,
    /// The last position that its snapshot covers.
    base: Index,
    term: Term,
    /// The latest vote, and in which term.
    vote: Option<(Term, NodeId)>,
    leads: Option<Term>,
    /// The last index it has applied since it was started.
    applied: Index,
    /// Whether it has asked whether it could win, and not campaigned since.
    asks: bool,
    /// The term of the leader that began to send it the snapshot that it waits for.
    receives_since: Option<Term>,
}

/// An entry on a disk.
#[derive(Clone, Copy)]
struct Held {
    term: Term,
    /// Hash of the log up to and including this entry.
    prefix: u64,
}

/// A committed entry; its index is its position plus 1.
struct Committed {
    held: Held,
    /// The earliest term whose leader committed it. Never falls from one entry to the next.
    leader_term: Term,
    by: NodeId,
}

/// The candidates of the highest term that has any.
#[derive(Default)]
struct Campaign {
    term: Term,
    candidates: NodeSet,
    is_won: bool,
}

impl Monitor<Raft> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        Self {
            nodes: vec![Node::default(); nodes],
            leaders: NodeSet::EMPTY,
            elections: Vec::new(),
            created: Created::default(),
            committed: Window::default(),
            latest_campaign: Campaign::default(),
            configurations: Configurations::new(config, nodes),
        }
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        // Most announcements are entries.
        match event {
            Event::Appended { index, entry, .. } => self.on_appended(node, *index, entry, report),
            _ => self.on_other(node, event, report),
        }
    }

    fn on_reply(&mut self, _: NodeId, _: ClientId, _: RequestId, reply: &Reply, report: &mut Report) {
        if let Reply::NotLeader { hint: Some(_) } = reply {
            report.happened(CLIENT_REDIRECTED);
        }
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &Output, _: &mut Report) {
        self.nodes[node.index()].applied = Index(output.index());
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.stop_leading(node);
    }

    /// A crash may spare writes whose announcements it took: the disk has the last word.
    fn on_recover(&mut self, node: NodeId, state: &Raft, report: &mut Report) {
        // The last announcements may come out after the crash that they survived.
        self.stop_leading(node);
        let disk = state.log();
        let base = disk.base();
        self.nodes[node.index()].applied = Index::ZERO;
        self.configurations.on_recover(node, state);
        self.nodes[node.index()].receives_since = None;
        self.nodes[node.index()].base = base;
        let term_at = |position: usize| disk.term_at(Index::ZERO.plus(position).next());
        let log = &mut self.nodes[node.index()].log;
        let start = base.0 as usize;
        let mut common = log.len().min(disk.last_index().0 as usize);
        while common > start && log.get(common - 1).map(|held| held.term) != term_at(common - 1) {
            common -= 1;
        }
        if start > 0 && common == start && log.get(start - 1).map(|held| held.term) != term_at(start - 1)
            || common < start
        {
            let term = disk.term_at(base).unwrap_or_default();
            self.hold_prefix(node, base, term);
            common = start;
        }
        let log = &mut self.nodes[node.index()].log;
        log.truncate(common);
        for entry in disk.after(Index::ZERO.plus(common)) {
            let position = log.len();
            hold(log, &mut self.created, (node, position), entry, report);
        }
    }

    fn concerned(&self, core: NodeSet) -> NodeSet {
        self.configurations.concerned(self.latest_leader(core), core)
    }

    fn unfinished(&self, core: NodeSet) -> Option<String> {
        self.configurations.unfinished(self.latest_leader(core))
    }

    fn on_fault(&mut self, class: &'static str, _: &mut Report) {
        self.configurations.on_fault(class);
    }
}

impl Invariants {
    /// An announcement that is no entry.
    #[inline(never)]
    fn on_other(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Campaigned { term } => self.on_campaigned(node, term, report),
            Event::VoteReceived { .. } => {}
            Event::Voted { term, candidate } => self.on_voted(node, term, candidate, report),
            Event::Elected { term, voters } => self.on_elected(node, term, voters, report),
            Event::SteppedDown { term } => self.on_stepped_down(node, term, report),
            Event::Appended { .. } => unreachable!("it is no other"),
            Event::Truncated { from, ref entry, .. } => self.on_truncated(node, from, entry, report),
            Event::Committed { index, leader_term, .. } => {
                self.on_committed(node, index, leader_term, report)
            }
            Event::PreCampaigned { .. } => self.on_pre_campaigned(node, report),
            Event::QuorumLost { term } => {
                self.see_term(node, term, report);
                self.stop_leading(node);
                report.happened(QUORUM_LOST);
            }
            Event::CommitFell { from, to } => report.check(COMMIT_MONOTONIC, false, || {
                (format!("{node} had committed its log up to {from}, and now up to {to}"), "")
            }),
            Event::MatchFell { follower, from, to } => report.check(MATCH_MONOTONIC, false, || {
                (format!("{node} knew that {follower} holds its log up to {from}, and now up to {to}"), "")
            }),
            Event::Compacted { index, configuration, .. } => {
                self.configurations.on_compacted(node, index, configuration, report);
                self.on_compacted(node, index, report);
            }
            Event::Receiving { leader_term, .. } => self.on_receiving(node, leader_term),
            Event::Installed { index, term, last, leader_term, configuration, in_force } => {
                let install = Install { index, term, last, leader_term, configuration, in_force };
                self.configurations.on_installed(node, install, report);
                self.on_installed(node, install, report);
            }
            Event::Retired { term } => {
                self.see_term(node, term, report);
                self.stop_leading(node);
                report.happened(LEADER_RETIRED);
            }
            Event::Reconfigured { index, configuration } => {
                self.configurations.on_reconfigured(node, index, configuration, self.committed.len(), report);
            }
            Event::ConfigurationCommitted { configuration, .. } if !configuration.is_joint() => {
                report.happened(MEMBERS_CHANGED);
            }
            Event::Adopted { index, configuration } => {
                self.configurations.on_adopted(node, index, configuration);
            }
            Event::CaughtUp { .. } => report.happened(LEARNER_PROMOTED),
            Event::ToldToCampaign { term, .. } => self.configurations.on_told(node, term),
            Event::KeptLeadership { .. } => report.happened(TRANSFER_ABANDONED),
            Event::ReadServed { by_lease, .. } => self.configurations.on_read(by_lease, report),
            Event::OrderRefused { .. } | Event::ConfigurationCommitted { .. } | Event::HandingOver { .. } => {
            }
        }
    }
}

/// Terms, votes and elections.
impl Invariants {
    fn on_pre_campaigned(&mut self, node: NodeId, report: &mut Report) {
        if std::mem::replace(&mut self.nodes[node.index()].asks, true) {
            report.happened(PRE_VOTE_FAILED);
        }
    }

    fn on_campaigned(&mut self, node: NodeId, term: Term, report: &mut Report) {
        self.nodes[node.index()].asks = false;
        // A candidate votes for itself.
        self.on_voted(node, term, node, report);
        if term > self.latest_campaign.term {
            let before =
                std::mem::replace(&mut self.latest_campaign, Campaign { term, ..Campaign::default() });
            if before.candidates.len() > 1 && !before.is_won {
                report.happened(SPLIT_VOTE);
            }
        }
        if term == self.latest_campaign.term {
            self.latest_campaign.candidates.insert(node);
        }
    }

    fn on_voted(&mut self, node: NodeId, term: Term, candidate: NodeId, report: &mut Report) {
        self.see_term(node, term, report);
        let vote = &mut self.nodes[node.index()].vote;
        if let &mut Some((in_term, before)) = vote
            && in_term == term
        {
            report.check(VOTE_ONCE, before == candidate, || {
                (format!("{node} voted for {before} and then for {candidate} in term {term}"), "")
            });
        } else {
            report.check(VOTE_ONCE, true, || unreachable!());
        }
        *vote = Some((term, candidate));
    }

    fn on_elected(&mut self, node: NodeId, term: Term, voters: NodeSet, report: &mut Report) {
        self.see_term(node, term, report);
        let place = self.elections.partition_point(|&(won, _)| won < term);
        let other =
            self.elections.get(place).map_or(node, |&(won, leader)| if won == term { leader } else { node });
        report.check(ELECTION_SAFETY, other == node, || {
            (format!("{other} and {node} are both elected leader of term {term}"), "")
        });
        // What earlier leaders committed, later leaders hold.
        let earlier = self.committed.backwards().find(|(_, committed)| committed.leader_term < term);
        if let Some((position, &Committed { held, leader_term, by })) = earlier {
            report.check(LEADER_COMPLETENESS, self.holds(node, position, held), || {
                let entry = format!("{}@{}", position + 1, held.term);
                (
                    format!(
                        "{by} committed {entry} as leader of term {leader_term}, but {node} is elected leader of term \
                         {term} without it"
                    ),
                    "",
                )
            });
        }
        report.happened(LEADER_ELECTED);
        self.configurations.on_elected(node, term, voters, self.committed.len(), report);
        if place > 0 && self.elections[place - 1].1 != node {
            report.happened(LEADER_CHANGED);
        }
        if term == self.latest_campaign.term {
            self.latest_campaign.is_won = true;
        }
        self.elections.insert(place, (term, node));
        self.forget_elections();
        self.nodes[node.index()].leads = Some(term);
        self.leaders.insert(node);
    }

    fn on_stepped_down(&mut self, node: NodeId, term: Term, report: &mut Report) {
        self.see_term(node, term, report);
        self.stop_leading(node);
        report.happened(STEPPED_DOWN);
    }

    /// Of these nodes, the leader of the latest term.
    fn latest_leader(&self, among: NodeSet) -> Option<NodeId> {
        self.leaders.intersection(among).iter().max_by_key(|node| self.nodes[node.index()].leads)
    }

    fn stop_leading(&mut self, node: NodeId) {
        self.nodes[node.index()].leads = None;
        self.leaders.remove(node);
    }

    fn see_term(&mut self, node: NodeId, term: Term, report: &mut Report) {
        let known = &mut self.nodes[node.index()].term;
        let before = *known;
        report.check(TERM_MONOTONIC, before <= term, || {
            (format!("{node} was in term {before}, and now acts in term {term}"), "")
        });
        *known = before.max(term);
    }
}

/// Logs and commitment.
impl Invariants {
    #[inline]
    fn on_appended(&mut self, node: NodeId, index: Index, entry: &Entry, report: &mut Report) {
        let Node { log, leads, .. } = &mut self.nodes[node.index()];
        let position = index.0.wrapping_sub(1) as usize;
        if let Some(term) = *leads {
            report.check(LEADER_APPEND_ONLY, position >= log.len(), || {
                (format!("{node}, leader of term {term}, overwrote its entry at {index}"), "")
            });
        }
        if position < log.len() {
            log.truncate(position);
            self.configurations.truncate(node, position);
        }
        // A gap can only mean that nobody told of a recovery: then there is nothing to compare with.
        if log.len() == position {
            hold(log, &mut self.created, (node, position), entry, report);
            if let Some(configuration) = entry.configuration() {
                self.configurations.push(node, position, configuration);
            }
        }
    }

    fn on_truncated(&mut self, node: NodeId, from: Index, entry: &Entry, report: &mut Report) {
        let position = from.0.wrapping_sub(1) as usize;
        let Node { log, leads, applied, .. } = &mut self.nodes[node.index()];
        report.check(LEADER_APPEND_ONLY, leads.is_none(), || {
            let term = leads.unwrap_or_default();
            (format!("{node}, leader of term {term}, dropped {from}@{} from its log", entry.term), "")
        });
        report.check(APPLIED_ENTRIES_KEPT, from > *applied, || {
            (
                format!(
                    "{node} has applied its log up to {applied}, but dropped {from}@{} from it",
                    entry.term
                ),
                "",
            )
        });
        log.truncate(position);
        if self.configurations.truncate(node, position) {
            report.happened(CONFIGURATION_ROLLED_BACK);
        }
        report.happened(ENTRIES_TRUNCATED);
    }

    fn on_committed(&mut self, node: NodeId, index: Index, leader_term: Term, report: &mut Report) {
        // What falls is announced: whatever else commits has not.
        report.check(COMMIT_MONOTONIC, true, || unreachable!());
        report.check(MATCH_MONOTONIC, true, || unreachable!());
        let known = self.committed.len();
        let end = usize::try_from(index.0).unwrap_or(usize::MAX).min(self.nodes[node.index()].log.len());
        if let Some(position) = known.min(end).checked_sub(1) {
            self.check_recommitted(node, position, leader_term, report);
        }
        let Some(last) = end.checked_sub(1) else { return };
        let log = &self.nodes[node.index()].log;
        if known < end {
            if log.get(known).is_some_and(|first| first.term < leader_term) {
                report.happened(OLD_TERM_ENTRY_COMMITTED);
            }
            for &held in log.from(known).take(end - known) {
                self.committed.push(Committed { held, leader_term, by: node });
            }
        }
        // A leader of a later term may have been elected while this announcement waited for a disk.
        let Some(&held) = log.get(last) else { return };
        for later in self.leaders.iter().filter(|&later| later != node) {
            let term = self.nodes[later.index()].leads.unwrap_or_default();
            if term > leader_term {
                report.check(LEADER_COMPLETENESS, self.holds(later, last, held), || {
                    let entry = format!("{}@{}", last + 1, held.term);
                    (
                        format!(
                            "{node} committed {entry} as leader of term {leader_term}, but {later}, leader of term \
                             {term}, does not hold it"
                        ),
                        "",
                    )
                });
            }
        }
    }

    /// A leader commits again, perhaps in another term, what was committed up to `position`.
    fn check_recommitted(&mut self, node: NodeId, position: usize, leader_term: Term, report: &mut Report) {
        let Some(&Committed { held, leader_term: before, by }) = self.committed.get(position) else { return };
        let is_same = self.holds(node, position, held);
        // Two leaders of one term are Election Safety's to report.
        report.check(LEADER_COMPLETENESS, is_same || before == leader_term, || {
            let index = position + 1;
            (
                format!(
                    "{by} as leader of term {before} and {node} as leader of term {leader_term} committed different \
                     entries up to index {index}"
                ),
                "",
            )
        });
        if is_same {
            let later = self.committed.backwards_from(position + 1);
            for committed in later.take_while(|committed| committed.leader_term > leader_term) {
                committed.leader_term = leader_term;
                committed.by = node;
            }
        }
    }

    /// The committed log up to there, as a log.
    fn committed_log(&self, end: usize) -> Window<Held> {
        self.committed.prefix(end, |committed| committed.held)
    }

    /// Whether the node's log is, up to `position`, the one that ends in `held`.
    fn holds(&self, node: NodeId, position: usize, held: Held) -> bool {
        self.nodes[node.index()].log.get(position).is_some_and(|own| own.prefix == held.prefix)
    }
}

/// A node has this entry at the end of its log, which is this position.
#[inline]
fn hold(
    log: &mut Window<Held>,
    created: &mut Created,
    (node, position): (NodeId, usize),
    entry: &Entry,
    report: &mut Report,
) {
    let mut prefix = Fingerprinter::default();
    prefix.pair(log.last().map_or(0, |last| last.prefix), entry.term.0);
    entry.payload.fingerprint(&mut prefix);
    let held = Held { term: entry.term, prefix: prefix.finish() };
    log.push(held);
    let (first, by) = created.first_holder(position, held, node);
    report.check(LOG_MATCHING, first.prefix == held.prefix, || {
        (
            format!(
                "{by} and {node} both hold {}@{}, but their logs up to there differ",
                position + 1,
                held.term
            ),
            "",
        )
    });
}
