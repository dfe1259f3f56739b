//! What the tests of Raft say to nodes driven by hand, and to clusters of them.

use quarrel_protocol::NodeId;
use quarrel_raft::{
    AppendEntries, AppendEntriesResponse, Config, Entry, FLAWS, FlawSet, Index, Invariants, Message, Outcome,
    PreVote, PreVoteResponse, Raft, RaftFlaw, Record, RequestVote, RequestVoteResponse, Round, Term, Timer,
};
pub(crate) use quarrel_testing::{
    C1, C2, N1, N2, N3, N4, N5, call, command, found, read, request, write, written,
};

pub(crate) type Node = quarrel_testing::Node<Raft>;
pub(crate) type Done = quarrel_testing::Done<Raft>;
pub(crate) type Cluster = quarrel_testing::Cluster<Raft, Invariants>;

/// What a test does with a node of Raft.
pub(crate) trait Hand {
    /// A node that boots from a disk with these terms in its log, and the vote of the last given away.
    fn with_log(config: &Config, id: NodeId, terms: &[u64]) -> Self;
    /// Campaigns and wins, with the votes of these.
    fn lead(&mut self, voters: &[NodeId]) -> Done;
    /// The terms of the entries in its log.
    fn terms(&self) -> Vec<u64>;
}

impl Hand for Node {
    fn with_log(config: &Config, id: NodeId, terms: &[u64]) -> Self {
        let term = Term(terms.last().copied().unwrap_or(0));
        let mut disk = vec![Record::Term { term, vote: None }];
        let mut previous_term = Term(0);
        for (position, entry) in entries(terms).into_iter().enumerate() {
            disk.push(Record::Append { index: Index(position as u64 + 1), previous_term, entry });
            previous_term = entry.term;
        }
        Self::with_disk(config, id, disk)
    }

    fn lead(&mut self, voters: &[NodeId]) -> Done {
        let mut done = self.fire(Timer::Election);
        for &voter in voters {
            done.append(self.receive(voter, vote(self.machine.term().0, true)));
        }
        assert!(self.machine.is_leader());
        done
    }

    fn terms(&self) -> Vec<u64> {
        self.machine.log().after(Index::ZERO).iter().map(|entry| entry.term.0).collect()
    }
}

pub(crate) fn entries(terms: &[u64]) -> Vec<Entry> {
    terms.iter().map(|&term| Entry::no_op(Term(term))).collect()
}

pub(crate) fn request_vote(term: u64, (last_index, last_term): (u64, u64)) -> Message {
    Message::RequestVote(RequestVote {
        term: Term(term),
        last_index: Index(last_index),
        last_term: Term(last_term),
        is_transfer: false,
    })
}

pub(crate) fn vote(term: u64, granted: bool) -> Message {
    Message::RequestVoteResponse(RequestVoteResponse { term: Term(term), granted })
}

pub(crate) fn pre_vote(term: u64, (last_index, last_term): (u64, u64)) -> Message {
    Message::PreVote(PreVote { term: Term(term), last_index: Index(last_index), last_term: Term(last_term) })
}

pub(crate) fn would_vote(term: u64, granted: bool) -> Message {
    Message::PreVoteResponse(PreVoteResponse { term: Term(term), granted })
}

pub(crate) fn append(term: u64, (index, previous_term): (u64, u64), terms: &[u64], commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        previous_index: Index(index),
        previous_term: Term(previous_term),
        entries: entries(terms).into(),
        commit: Index(commit),
        round: Round::NONE,
    })
}

pub(crate) fn response(term: u64, outcome: Outcome) -> Message {
    Message::AppendEntriesResponse(AppendEntriesResponse { term: Term(term), outcome, round: Round::NONE })
}

pub(crate) fn matched(term: u64, index: u64) -> Message {
    response(term, Outcome::Matched { index: Index(index) })
}

pub(crate) fn conflict(term: u64, previous: u64, conflict_term: Option<u64>, first: u64) -> Message {
    let term_there = conflict_term.map(Term);
    response(term, Outcome::Conflict { previous: Index(previous), term: term_there, first: Index(first) })
}

pub(crate) fn cluster_of(config: &Config) -> Cluster {
    Cluster::of(config, config.nodes)
}

/// What a test does with a cluster of Raft.
pub(crate) trait Hands {
    /// Campaigns and talks to these nodes only.
    fn campaign(&mut self, node: NodeId, voters: &[NodeId]);
}

impl Hands for Cluster {
    fn campaign(&mut self, node: NodeId, voters: &[NodeId]) {
        self.fire(node, Timer::Election);
        self.deliver_among(&[voters, &[node]].concat());
    }
}

/// Tells the story with and without the flaw, which must break the property it names.
pub(crate) fn check(flaw: RaftFlaw, config: &Config, tell: impl Fn(&mut Cluster)) {
    let breaks = FLAWS[flaw as usize].breaks;
    check_that(flaw, config, tell, |cluster| cluster.violated().contains(&breaks));
}

/// Tells the story with and without the flaw, which must do `harm`: for what only the clients' oracle can judge.
pub(crate) fn check_that(
    flaw: RaftFlaw,
    config: &Config,
    tell: impl Fn(&mut Cluster),
    harm: impl Fn(&Cluster) -> bool,
) {
    let known = FLAWS[flaw as usize];
    assert!(config.nodes >= known.nodes_min);
    let flawed = Config { flaws: FlawSet::only(flaw), ..config.clone() };
    Cluster::tell_both(known.name, [cluster_of(config), cluster_of(&flawed)], tell, harm);
}

pub(crate) fn with_nodes(nodes: u8) -> Config {
    Config { noop_on_election: false, ..Config::new(nodes) }
}
