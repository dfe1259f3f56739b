//! What must hold: Figure 3, by name, over what the nodes have announced.
//!
//! Announcements are released when they are durable, so the logs that this monitor keeps are the logs on the disks.
//! A hash over each prefix makes "the same up to here" one comparison: every check is O(1) amortised.
//!
//! Absent: State Machine Safety, the fifth property of Figure 3. It is judged on what nodes apply, by
//! [`quarrel_spec::replicated_log::Properties`], which knows no Raft.

use std::collections::BTreeMap;

use quarrel_protocol::{
    Cell, ClientId, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Property, PropertyKind, Report,
    RequestId,
};
use quarrel_spec::replicated_log::{Output, Reply};

use crate::{Config, Entry, Event, Index, Raft, Term};

/// The properties, and a view of the cluster to judge them on.
pub struct Invariants {
    nodes: Vec<Node>,
    /// The nodes that lead a term, as far as has been released.
    leaders: NodeSet,
    /// Every election, by term.
    elections: Vec<(Term, NodeId)>,
    created: Created,
    committed: Vec<Committed>,
    latest_campaign: Campaign,
}

/// What one node has made known.
#[derive(Clone, Default)]
struct Node {
    log: Vec<Held>,
    term: Term,
    /// The latest vote, and in which term.
    vote: Option<(Term, NodeId)>,
    leads: Option<Term>,
    /// The last index it has applied since it was started.
    applied: Index,
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

/// The first holder of each entry ever created, by index and term.
#[derive(Default)]
struct Created {
    /// The first at each index: there is rarely another.
    first: Vec<(Held, NodeId)>,
    others: BTreeMap<(usize, Term), (Held, NodeId)>,
}

/// The candidates of the highest term that has any.
#[derive(Default)]
struct Campaign {
    term: Term,
    candidates: NodeSet,
    is_won: bool,
}

const ELECTION_SAFETY: usize = 0;
const LEADER_APPEND_ONLY: usize = 1;
const LOG_MATCHING: usize = 2;
const LEADER_COMPLETENESS: usize = 3;
const VOTE_ONCE: usize = 4;
const TERM_MONOTONIC: usize = 5;
const APPLIED_ENTRIES_KEPT: usize = 6;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "election-safety",
        kind: PropertyKind::Paper,
        statement: "at most one leader is elected in a term",
        source: "Raft, Figure 3 and section 5.2",
    },
    Property {
        name: "leader-append-only",
        kind: PropertyKind::Paper,
        statement: "a leader never overwrites or deletes entries of its log",
        source: "Raft, Figure 3 and section 5.3",
    },
    Property {
        name: "log-matching",
        kind: PropertyKind::Paper,
        statement: "two logs with an entry of the same index and term are the same up to that index",
        source: "Raft, Figure 3 and section 5.3",
    },
    Property {
        name: "leader-completeness",
        kind: PropertyKind::Paper,
        statement: "an entry committed in a term is in the logs of the leaders of all later terms",
        source: "Raft, Figure 3 and section 5.4",
    },
    Property {
        name: "vote-once",
        kind: PropertyKind::Invariant,
        statement: "a node votes for at most one candidate in a term, restarts included",
        source: "Raft, section 5.2",
    },
    Property {
        name: "term-monotonic",
        kind: PropertyKind::Invariant,
        statement: "a node never returns to an earlier term, restarts included",
        source: "Raft, section 5.1",
    },
    Property {
        name: "applied-entries-kept",
        kind: PropertyKind::Invariant,
        // Not "that is committed": a node outside the committing majority, still in an older term, may drop its copy
        // at the word of a leader deposed meanwhile, and gets it back from the new one.
        statement: "a node never drops an entry that it has applied",
        source: "Raft, section 5.3: what is applied is committed, and was in the log of every leader since",
    },
];

const LEADER_ELECTED: usize = 0;
const LEADER_CHANGED: usize = 1;
const SPLIT_VOTE: usize = 2;
const STEPPED_DOWN: usize = 3;
const ENTRIES_TRUNCATED: usize = 4;
const OLD_TERM_ENTRY_COMMITTED: usize = 5;
const CLIENT_REDIRECTED: usize = 6;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen some time, or the properties have been asked nothing.
pub const CELLS: &[Cell] = &[
    cell("leader-elected"),
    cell("leader-changed"),
    cell("split-vote"),
    cell("stepped-down"),
    cell("entries-truncated"),
    cell("old-term-entry-committed"),
    cell("client-redirected"),
];

impl Monitor<Raft> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(_: &Config, nodes: usize) -> Self {
        Self {
            nodes: vec![Node::default(); nodes],
            leaders: NodeSet::EMPTY,
            elections: Vec::new(),
            created: Created::default(),
            committed: Vec::new(),
            latest_campaign: Campaign::default(),
        }
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Campaigned { term } => self.on_campaigned(node, term, report),
            Event::VoteReceived { .. } => {}
            Event::Voted { term, candidate } => self.on_voted(node, term, candidate, report),
            Event::Elected { term, .. } => self.on_elected(node, term, report),
            Event::SteppedDown { term } => self.on_stepped_down(node, term, report),
            Event::Appended { index, entry, .. } => self.on_appended(node, index, entry, report),
            Event::Truncated { from, entry, .. } => self.on_truncated(node, from, entry, report),
            Event::Committed { index, leader_term, .. } => {
                self.on_committed(node, index, leader_term, report)
            }
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
        self.nodes[node.index()].applied = Index::ZERO;
        let disk = state.log().after(Index::ZERO);
        let log = &mut self.nodes[node.index()].log;
        let mut common = log.len().min(disk.len());
        while common > 0 && log[common - 1].term != disk[common - 1].term {
            common -= 1;
        }
        log.truncate(common);
        for &entry in &disk[common..] {
            self.hold(node, entry, report);
        }
    }
}

/// Terms, votes and elections.
impl Invariants {
    fn on_campaigned(&mut self, node: NodeId, term: Term, report: &mut Report) {
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

    fn on_elected(&mut self, node: NodeId, term: Term, report: &mut Report) {
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
        if place > 0 && self.elections[place - 1].1 != node {
            report.happened(LEADER_CHANGED);
        }
        if term == self.latest_campaign.term {
            self.latest_campaign.is_won = true;
        }
        self.elections.insert(place, (term, node));
        self.nodes[node.index()].leads = Some(term);
        self.leaders.insert(node);
    }

    fn on_stepped_down(&mut self, node: NodeId, term: Term, report: &mut Report) {
        self.see_term(node, term, report);
        self.stop_leading(node);
        report.happened(STEPPED_DOWN);
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
    fn on_appended(&mut self, node: NodeId, index: Index, entry: Entry, report: &mut Report) {
        let Node { log, leads, .. } = &mut self.nodes[node.index()];
        let position = index.0.wrapping_sub(1) as usize;
        if let Some(term) = *leads {
            report.check(LEADER_APPEND_ONLY, position >= log.len(), || {
                (format!("{node}, leader of term {term}, overwrote its entry at {index}"), "")
            });
        }
        log.truncate(position);
        // A gap can only mean that nobody told of a recovery: then there is nothing to compare with.
        if log.len() == position {
            self.hold(node, entry, report);
        }
    }

    /// The node has this entry at the end of its log.
    #[inline]
    fn hold(&mut self, node: NodeId, entry: Entry, report: &mut Report) {
        let log = &mut self.nodes[node.index()].log;
        let position = log.len();
        let mut prefix = Fingerprinter::default();
        prefix.word(log.last().map_or(0, |last| last.prefix));
        entry.fingerprint(&mut prefix);
        let held = Held { term: entry.term, prefix: prefix.finish() };
        log.push(held);
        let (first, by) = self.created.first_holder(position, held, node);
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

    fn on_truncated(&mut self, node: NodeId, from: Index, entry: Entry, report: &mut Report) {
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
        report.happened(ENTRIES_TRUNCATED);
    }

    fn on_committed(&mut self, node: NodeId, index: Index, leader_term: Term, report: &mut Report) {
        let known = self.committed.len();
        let end = usize::try_from(index.0).unwrap_or(usize::MAX).min(self.nodes[node.index()].log.len());
        if let Some(position) = known.min(end).checked_sub(1) {
            self.check_recommitted(node, position, leader_term, report);
        }
        let Some(last) = end.checked_sub(1) else { return };
        let log = &self.nodes[node.index()].log;
        if let Some(new) = log.get(known..end).filter(|new| !new.is_empty()) {
            if new[0].term < leader_term {
                report.happened(OLD_TERM_ENTRY_COMMITTED);
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
        let Committed { held, leader_term: before, by } = self.committed[position];
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

impl Created {
    /// Who first held an entry of this index and term, and in which log: `node`, if nobody did before.
    #[inline]
    fn first_holder(&mut self, position: usize, held: Held, node: NodeId) -> (Held, NodeId) {
        match self.first.get(position) {
            Some(&(first, by)) if first.term == held.term => (first, by),
            Some(_) => *self.others.entry((position, held.term)).or_insert((held, node)),
            None => {
                // Logs have no gaps, so neither has this.
                self.first.push((held, node));
                (held, node)
            }
        }
    }
}
