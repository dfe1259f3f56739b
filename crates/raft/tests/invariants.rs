//! A checker is believed only once it has fired: each property, by hand-made announcements that break it.

use quarrel_protocol::{ClientId, Effects, Monitor, NodeId, NodeSet, Protocol, Report, RequestId};
use quarrel_raft::{Config, Entry, Event, Index, Invariants, Raft, Record, Term};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::replicated_log::Applied;
use quarrel_spec::session::{Command, Session};

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

struct Watch {
    monitor: Invariants,
    report: Report,
}

impl Watch {
    fn new() -> Self {
        let report = Report::new(<Invariants as Monitor<Raft>>::properties(), Invariants::cells());
        Self { monitor: <Invariants as Monitor<Raft>>::new(&Config::new(3), 3), report }
    }

    fn hear(&mut self, node: NodeId, event: Event) -> &mut Self {
        self.monitor.on_announce(node, &event, &mut self.report);
        self
    }

    fn apply(&mut self, node: NodeId, index: u64, command: u64) -> &mut Self {
        let output = Applied { index, command: Some(write(command)) }.into();
        self.monitor.on_output(node, &output, &mut self.report);
        self
    }

    fn crash(&mut self, node: NodeId) -> &mut Self {
        self.monitor.on_crash(node, &mut self.report);
        self
    }

    fn recover(&mut self, node: NodeId, disk: &[Record]) -> &mut Self {
        let state = Raft::recover(&Config::new(3), node, disk, &mut Effects::default());
        self.monitor.on_recover(node, &state, &mut self.report);
        self
    }

    #[track_caller]
    fn finds(&self, expected: &[(&str, &str)]) {
        let found: Vec<(&str, &str)> =
            self.report.violations().iter().map(|found| (&found.property[..], &found.detail[..])).collect();
        assert_eq!(found, expected);
    }

    fn happened(&self, name: &str) -> u64 {
        let position = Invariants::cells().iter().position(|cell| cell.name == name).unwrap();
        self.report.cells()[position]
    }
}

fn entry(term: u64, value: u64) -> Entry {
    Entry::of(Term(term), write(value))
}

/// A client writes a value; the request's number is the value.
fn write(value: u64) -> Command {
    let serial = RequestId(value as u32);
    let session = Session { client: ClientId(0), serial, oldest: serial };
    Command { session, call: Call::Register(RegisterCall::Write(Value(value))) }
}

fn campaigned(term: u64) -> Event {
    Event::Campaigned { term: Term(term) }
}

fn voted(term: u64, candidate: NodeId) -> Event {
    Event::Voted { term: Term(term), candidate }
}

fn elected(term: u64) -> Event {
    Event::Elected { term: Term(term), voters: NodeSet::EMPTY }
}

fn stepped_down(term: u64) -> Event {
    Event::SteppedDown { term: Term(term) }
}

fn appended(index: u64, entry: Entry) -> Event {
    Event::Appended { index: Index(index), entry, current_term: entry.term, leader: None }
}

fn truncated(index: u64, entry: Entry) -> Event {
    Event::Truncated { from: Index(index), last: Index(index), entry }
}

fn committed(index: u64, entry: Entry, term: u64) -> Event {
    Event::Committed { index: Index(index), entry, leader_term: Term(term) }
}

#[test]
fn election_safety() {
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N2, elected(3)).hear(N3, elected(2)).finds(&[]);
    watch.hear(N3, elected(3));
    watch.finds(&[("election-safety", "n2 and n3 are both elected leader of term 3")]);
}

#[test]
fn leader_append_only() {
    let mut watch = Watch::new();
    watch
        .hear(N1, appended(1, entry(1, 7)))
        .hear(N1, elected(2))
        .hear(N1, appended(2, entry(2, 8)))
        .finds(&[]);
    watch.hear(N1, truncated(2, entry(2, 8)));
    watch.finds(&[("leader-append-only", "n1, leader of term 2, dropped 2@2 from its log")]);

    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7))).hear(N1, appended(1, entry(1, 7)));
    watch.finds(&[("leader-append-only", "n1, leader of term 1, overwrote its entry at 1")]);
}

#[test]
fn a_node_that_no_longer_leads_may_drop_entries() {
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7)));
    watch.hear(N1, stepped_down(2)).hear(N1, truncated(1, entry(1, 7))).finds(&[]);
    watch.hear(N2, elected(2)).hear(N2, appended(1, entry(2, 8)));
    watch.crash(N2).hear(N2, truncated(1, entry(2, 8))).finds(&[]);
}

#[test]
fn log_matching() {
    let mut watch = Watch::new();
    watch.hear(N1, appended(1, entry(1, 7))).hear(N2, appended(1, entry(1, 7))).finds(&[]);
    watch.hear(N3, appended(1, entry(1, 8)));
    watch.finds(&[("log-matching", "n1 and n3 both hold 1@1, but their logs up to there differ")]);

    // The same entry at 2, another before it.
    let mut watch = Watch::new();
    watch.hear(N1, appended(1, entry(1, 7))).hear(N1, appended(2, entry(3, 9)));
    watch.hear(N2, appended(1, entry(2, 8))).finds(&[]);
    watch.hear(N2, appended(2, entry(3, 9)));
    watch.finds(&[("log-matching", "n1 and n2 both hold 2@3, but their logs up to there differ")]);

    // A second entry of one index is remembered as well as the first.
    let mut watch = Watch::new();
    watch.hear(N1, appended(1, entry(1, 7))).hear(N2, appended(1, entry(2, 8))).finds(&[]);
    watch.hear(N3, appended(1, entry(2, 9)));
    watch.finds(&[("log-matching", "n2 and n3 both hold 1@2, but their logs up to there differ")]);
}

#[test]
fn leader_completeness_at_an_election() {
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7))).hear(N1, committed(1, entry(1, 7), 1));
    watch.hear(N2, appended(1, entry(1, 7))).hear(N2, elected(2)).finds(&[]);
    watch.hear(N3, elected(3));
    let facts = "n1 committed 1@1 as leader of term 1, but n3 is elected leader of term 3 without it";
    watch.finds(&[("leader-completeness", facts)]);
}

#[test]
fn leader_completeness_looks_at_the_whole_prefix() {
    let mut watch = Watch::new();
    watch.hear(N1, appended(1, entry(1, 7))).hear(N1, appended(2, entry(3, 8))).hear(N1, elected(3));
    watch.hear(N1, committed(2, entry(3, 8), 3)).finds(&[]);
    watch
        .hear(N2, appended(1, entry(1, 7)))
        .hear(N2, appended(2, entry(2, 9)))
        .hear(N2, appended(3, entry(2, 9)));
    watch.hear(N2, elected(4));
    let facts = "n1 committed 2@3 as leader of term 3, but n2 is elected leader of term 4 without it";
    watch.finds(&[("leader-completeness", facts)]);
}

#[test]
fn leader_completeness_at_a_commit_that_was_released_late() {
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7))).hear(N2, elected(2)).finds(&[]);
    watch.hear(N1, committed(1, entry(1, 7), 1));
    let facts = "n1 committed 1@1 as leader of term 1, but n2, leader of term 2, does not hold it";
    watch.finds(&[("leader-completeness", facts)]);
}

#[test]
fn leader_completeness_when_two_leaders_commit_different_entries() {
    let mut watch = Watch::new();
    watch.hear(N2, elected(2)).hear(N2, appended(1, entry(2, 8))).hear(N2, committed(1, entry(2, 8), 2));
    watch.hear(N2, stepped_down(3)).hear(N1, appended(1, entry(1, 7))).finds(&[]);
    watch.hear(N1, committed(1, entry(1, 7), 1));
    let facts = "n2 as leader of term 2 and n1 as leader of term 1 committed different entries up to index 1";
    watch.finds(&[("leader-completeness", facts)]);
}

#[test]
fn leader_completeness_asks_nothing_of_earlier_leaders() {
    let mut watch = Watch::new();
    watch.hear(N2, elected(5)).hear(N2, appended(1, entry(5, 7))).hear(N2, committed(1, entry(5, 7), 5));
    // Its election was released late.
    watch.hear(N1, elected(4)).finds(&[]);
}

#[test]
fn vote_once() {
    let mut watch = Watch::new();
    watch.hear(N1, voted(1, N2)).hear(N1, voted(2, N3)).hear(N1, voted(2, N3)).finds(&[]);
    watch.crash(N1).hear(N1, voted(2, N2));
    watch.finds(&[("vote-once", "n1 voted for n3 and then for n2 in term 2")]);

    let mut watch = Watch::new();
    watch.hear(N1, campaigned(1)).hear(N1, voted(1, N2));
    watch.finds(&[("vote-once", "n1 voted for n1 and then for n2 in term 1")]);
}

#[test]
fn term_monotonic() {
    let mut watch = Watch::new();
    watch.hear(N1, voted(3, N2)).hear(N1, campaigned(4)).finds(&[]);
    watch.crash(N1).hear(N1, campaigned(1));
    watch.finds(&[("term-monotonic", "n1 was in term 4, and now acts in term 1")]);
}

#[test]
fn applied_entries_kept() {
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7))).hear(N1, committed(1, entry(1, 7), 1));
    // Committed, but not applied here: a leader deposed meanwhile may still ask for it.
    watch.hear(N3, appended(1, entry(1, 7))).hear(N3, truncated(1, entry(1, 7))).finds(&[]);
    watch.hear(N2, appended(1, entry(1, 7))).apply(N2, 1, 7).hear(N2, truncated(1, entry(1, 7)));
    watch.finds(&[("applied-entries-kept", "n2 has applied its log up to 1, but dropped 1@1 from it")]);
}

#[test]
fn the_disk_has_the_last_word_after_a_crash() {
    let append = |index, previous, entry: Entry| Record::Append {
        index: Index(index),
        previous_term: Term(previous),
        entry,
    };
    let mut watch = Watch::new();
    watch.hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7)));
    watch.hear(N1, appended(2, entry(1, 8))).hear(N1, committed(2, entry(1, 8), 1));
    // n2 wrote both, but crashed before the second was announced.
    watch.hear(N2, appended(1, entry(1, 7))).crash(N2);
    let disk =
        [Record::Term { term: Term(1), vote: None }, append(1, 0, entry(1, 7)), append(2, 1, entry(1, 8))];
    watch.recover(N2, &disk).hear(N2, elected(2)).finds(&[]);
    // n3 held both, and its disk lost the second.
    watch.hear(N3, appended(1, entry(1, 7))).hear(N3, appended(2, entry(1, 8))).crash(N3);
    watch.recover(N3, &disk[..2]).finds(&[]);
    watch.hear(N3, elected(3));
    assert_eq!(watch.report.violations()[0].property, "leader-completeness");
}

#[test]
fn nobody_leads_after_a_restart() {
    let mut watch = Watch::new();
    watch.crash(N1).hear(N1, elected(1)).hear(N1, appended(1, entry(1, 7)));
    watch.recover(N1, &[]).hear(N1, appended(1, entry(2, 8))).hear(N1, truncated(1, entry(2, 8))).finds(&[]);
}

#[test]
fn an_announcement_that_makes_no_sense_panics_nobody() {
    let mut watch = Watch::new();
    let wild = [0, 1, 2, u64::MAX];
    for index in wild {
        watch.hear(N1, appended(index, entry(1, 7))).hear(N1, truncated(index, entry(1, 7)));
        watch.hear(N1, committed(index, entry(1, 7), 1)).hear(N2, committed(index, entry(1, 7), 9));
    }
}

#[test]
fn cells() {
    let mut watch = Watch::new();
    watch.hear(N1, campaigned(1)).hear(N2, campaigned(1));
    assert_eq!(watch.happened("split-vote"), 0, "either may still win");
    watch.hear(N1, campaigned(2));
    assert_eq!(watch.happened("split-vote"), 1);
    watch.hear(N1, elected(2)).hear(N1, appended(1, entry(2, 7))).hear(N1, stepped_down(3));
    assert_eq!((watch.happened("leader-elected"), watch.happened("leader-changed")), (1, 0));
    watch.hear(N2, appended(1, entry(2, 7))).hear(N2, campaigned(3)).hear(N2, elected(3));
    watch.hear(N2, appended(2, entry(3, 8))).hear(N2, committed(2, entry(3, 8), 3));
    assert_eq!(watch.happened("split-vote"), 1, "one candidate is no split");
    for name in ["leader-changed", "stepped-down", "old-term-entry-committed"] {
        assert_eq!(watch.happened(name), 1, "{name}");
    }
    watch.finds(&[]);
}
