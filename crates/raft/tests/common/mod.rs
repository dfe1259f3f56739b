//! Nodes driven by hand: a disk that is always done, a network that delivers what the test says.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::collections::BTreeMap;

use quarrel_protocol::{
    After, ClientId, Effect, Effects, Input, Monitor, NodeId, Protocol, Report, RequestId,
};
use quarrel_raft::{
    AppendEntries, AppendEntriesResponse, Config, Entry, Event, FLAWS, FlawSet, Index, Invariants, Message,
    Outcome, PreVote, PreVoteResponse, Raft, RaftFlaw, Record, RequestVote, RequestVoteResponse, Round, Term,
    Timer,
};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, Outcome as Answer, RegisterCall, RegisterOutcome};
use quarrel_spec::replicated_log::{Applied, Output, PROPERTIES, Properties, Reply};
use quarrel_spec::session::{Command, Session};

pub(crate) const N1: NodeId = NodeId(0);
pub(crate) const N2: NodeId = NodeId(1);
pub(crate) const N3: NodeId = NodeId(2);
pub(crate) const N4: NodeId = NodeId(3);
pub(crate) const N5: NodeId = NodeId(4);

/// One node and its disk.
pub(crate) struct Node {
    pub(crate) raft: Raft,
    pub(crate) disk: Vec<Record>,
    /// For when the election timer was set last, if it is not taken out.
    pub(crate) election: Option<After>,
    /// For when a lease was measured last.
    pub(crate) lease: Option<After>,
    id: NodeId,
    config: Config,
    effects: Effects<Raft>,
}

/// What a step did, by kind. `order` is the order across the kinds.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) order: Vec<&'static str>,
    pub(crate) persisted: Vec<Record>,
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) replies: Vec<(ClientId, RequestId, Reply)>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) events: Vec<Event>,
    pub(crate) set: Vec<Timer>,
    /// What leaves the node though the step's writes are lost.
    pub(crate) early: Vec<(NodeId, Message)>,
    pub(crate) cancelled: Vec<Timer>,
}

impl Node {
    pub(crate) fn new(config: &Config, id: NodeId) -> Self {
        Self::with_disk(config, id, Vec::new())
    }

    /// A node that boots from a disk with these terms in its log, and the vote of the last given away.
    pub(crate) fn with_log(config: &Config, id: NodeId, terms: &[u64]) -> Self {
        let term = Term(terms.last().copied().unwrap_or(0));
        let mut disk = vec![Record::Term { term, vote: None }];
        let mut previous_term = Term(0);
        for (position, entry) in entries(terms).into_iter().enumerate() {
            disk.push(Record::Append { index: Index(position as u64 + 1), previous_term, entry });
            previous_term = entry.term;
        }
        Self::with_disk(config, id, disk)
    }

    pub(crate) fn with_disk(config: &Config, id: NodeId, disk: Vec<Record>) -> Self {
        let mut effects = Effects::default();
        let raft = Raft::recover(config, id, &disk, &mut effects);
        raft.assert_invariants();
        effects.clear();
        Self { raft, disk, election: None, lease: None, id, config: config.clone(), effects }
    }

    /// The process dies; another starts from the disk.
    pub(crate) fn restart(&mut self) -> Done {
        let mut done = Done::default();
        self.raft = Raft::recover(&self.config, self.id, &self.disk, &mut self.effects);
        self.raft.assert_invariants();
        for effect in self.effects.drain() {
            done.take(effect, &mut self.disk);
        }
        done
    }

    /// One input; messages to itself stay undelivered.
    pub(crate) fn step(&mut self, input: Input<Raft>) -> Done {
        let mut done = Done::default();
        self.raft.step(input, &mut self.effects);
        self.raft.assert_invariants();
        for effect in self.effects.drain() {
            match effect {
                Effect::SetTimer { timer: Timer::Election, after } => self.election = Some(after),
                Effect::SetTimer { timer: Timer::Lease { .. }, after } => self.lease = Some(after),
                _ => {}
            }
            done.take(effect, &mut self.disk);
        }
        done
    }

    /// One input, and the messages to itself that follow.
    pub(crate) fn run(&mut self, input: Input<Raft>) -> Done {
        let mut done = self.step(input);
        let mut seen = 0;
        while let Some((to, message)) = done.sent.get(seen).cloned() {
            if to == self.id {
                done.sent.remove(seen);
                let more = self.step(Input::Message { from: self.id, message });
                done.append(more);
            } else {
                seen += 1;
            }
        }
        done
    }

    pub(crate) fn receive(&mut self, from: NodeId, message: Message) -> Done {
        self.run(Input::Message { from, message })
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Done {
        self.run(Input::Timer(timer))
    }

    pub(crate) fn ask(&mut self, value: u64) -> Done {
        self.run(request(value))
    }

    /// Campaigns and wins, with the votes of these.
    pub(crate) fn lead(&mut self, voters: &[NodeId]) -> Done {
        let mut done = self.fire(Timer::Election);
        for &voter in voters {
            done.append(self.receive(voter, vote(self.raft.term().0, true)));
        }
        assert!(self.raft.is_leader());
        done
    }

    pub(crate) fn terms(&self) -> Vec<u64> {
        self.raft.log().after(Index::ZERO).iter().map(|entry| entry.term.0).collect()
    }
}

impl Done {
    fn take(&mut self, effect: Effect<Raft>, disk: &mut Vec<Record>) {
        self.order.push(match effect {
            Effect::Persist(record) => {
                disk.push(record.clone());
                self.persisted.push(record);
                "persist"
            }
            Effect::Compact(records) => {
                *disk = records;
                "compact"
            }
            Effect::Barrier => "barrier",
            Effect::Send { to, message, unsynced } => {
                if unsynced || self.persisted.is_empty() {
                    self.early.push((to, message.clone()));
                }
                self.sent.push((to, message));
                if unsynced { "send-unsynced" } else { "send" }
            }
            Effect::Reply { client, id, reply } => {
                self.replies.push((client, id, reply));
                "reply"
            }
            Effect::Output(output) => {
                self.outputs.push(output);
                "output"
            }
            Effect::Announce(event) => {
                self.events.push(event);
                "announce"
            }
            Effect::SetTimer { timer, .. } => {
                self.set.push(timer);
                "set"
            }
            Effect::CancelTimer { timer } => {
                self.cancelled.push(timer);
                "cancel"
            }
        });
    }

    fn append(&mut self, mut more: Done) {
        self.order.append(&mut more.order);
        self.persisted.append(&mut more.persisted);
        self.sent.append(&mut more.sent);
        self.replies.append(&mut more.replies);
        self.outputs.append(&mut more.outputs);
        self.events.append(&mut more.events);
        self.set.append(&mut more.set);
        self.early.append(&mut more.early);
        self.cancelled.append(&mut more.cancelled);
    }

    /// The only message that was sent, as it is printed.
    pub(crate) fn only_message(&self) -> String {
        let [(_, message)] = &self.sent[..] else {
            panic!("{} messages were sent, not one", self.sent.len())
        };
        message.to_string()
    }

    /// What the client was told.
    pub(crate) fn told(&self) -> Vec<Reply> {
        self.replies.iter().map(|(.., reply)| reply.clone()).collect()
    }

    /// What was sent to this node, as it is printed.
    pub(crate) fn sent_to(&self, node: NodeId) -> Vec<String> {
        self.sent.iter().filter(|(to, _)| *to == node).map(|(_, message)| message.to_string()).collect()
    }

    pub(crate) fn applied(&self) -> Vec<u64> {
        self.outputs.iter().map(|output| output.index()).collect()
    }
}

pub(crate) const C1: ClientId = ClientId(0);
pub(crate) const C2: ClientId = ClientId(1);

/// A client's request number `id`; it waits for no earlier one.
pub(crate) fn call(client: ClientId, id: u32, request: Call) -> Input<Raft> {
    Input::Request { client, id: RequestId(id), oldest: RequestId(id), request }
}

/// The first client writes a value; the request's number is the value.
pub(crate) fn request(value: u64) -> Input<Raft> {
    call(C1, value as u32, write(value))
}

pub(crate) fn write(value: u64) -> Call {
    Call::Register(RegisterCall::Write(Value(value)))
}

pub(crate) fn read() -> Call {
    Call::Register(RegisterCall::Read)
}

/// What [`request`] puts into the log.
pub(crate) fn command(value: u64) -> Command {
    let serial = RequestId(value as u32);
    Command { session: Session { client: ClientId(0), serial, oldest: serial }, call: write(value) }
}

pub(crate) fn written(index: u64) -> Reply {
    Reply::Applied { index, outcome: Answer::Register(RegisterOutcome::Written) }
}

pub(crate) fn found(index: u64, value: Option<u64>) -> Reply {
    Reply::Applied { index, outcome: Answer::Register(RegisterOutcome::Found(value.map(Value))) }
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

/// Several nodes, and the monitor that judges them.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Messages on their way, in the order in which they were sent.
    pub(crate) network: Vec<(NodeId, NodeId, Message)>,
    pub(crate) report: Report,
    pub(crate) story: Vec<String>,
    /// What clients were told, and by whom.
    pub(crate) replies: Vec<(NodeId, RequestId, Reply)>,
    /// The verdict of those who know no Raft.
    pub(crate) outside: Report,
    /// What stands at each position, by whoever applied it first.
    pub(crate) log: BTreeMap<u64, Applied>,
    monitor: Invariants,
    clients: Properties,
}

impl Cluster {
    pub(crate) fn new(config: &Config) -> Self {
        let count = usize::from(config.nodes);
        Self {
            nodes: NodeId::all(count).map(|id| Node::new(config, id)).collect(),
            network: Vec::new(),
            report: Report::new(<Invariants as Monitor<Raft>>::properties(), Invariants::cells()),
            story: Vec::new(),
            replies: Vec::new(),
            log: BTreeMap::new(),
            outside: Report::new(PROPERTIES, &[]),
            monitor: <Invariants as Monitor<Raft>>::new(config, count),
            clients: <Properties as Monitor<Raft>>::new(config, count),
        }
    }

    pub(crate) fn run(&mut self, node: NodeId, input: Input<Raft>) {
        let done = self.nodes[node.index()].run(input);
        for event in &done.events {
            self.story.push(format!("{node} {event}"));
            self.monitor.on_announce(node, event, &mut self.report);
        }
        self.put_out(node, &done);
        for (client, id, reply) in done.replies {
            self.monitor.on_reply(node, client, id, &reply, &mut self.report);
            Monitor::<Raft>::on_reply(&mut self.clients, node, client, id, &reply, &mut self.outside);
            self.replies.push((node, id, reply));
        }
        self.network.extend(done.sent.into_iter().map(|(to, message)| (node, to, message)));
    }

    fn put_out(&mut self, node: NodeId, done: &Done) {
        for output in &done.outputs {
            if let Output::Applied(applied) = output {
                self.log.entry(applied.index).or_insert(*applied);
            }
            self.monitor.on_output(node, output, &mut self.report);
            Monitor::<Raft>::on_output(&mut self.clients, node, output, &mut self.outside);
        }
    }

    pub(crate) fn fire(&mut self, node: NodeId, timer: Timer) {
        self.run(node, Input::Timer(timer));
    }

    pub(crate) fn ask(&mut self, node: NodeId, value: u64) {
        self.call(node, C1, value as u32, write(value));
    }

    /// A client asks, and waits for no earlier answer; a request with a number that was there before is a retry.
    pub(crate) fn call(&mut self, node: NodeId, client: ClientId, id: u32, request: Call) {
        let id = RequestId(id);
        self.submit(node, Session { client, serial: id, oldest: id }, request);
    }

    /// A client asks.
    pub(crate) fn submit(&mut self, node: NodeId, session: Session, request: Call) {
        let Session { client, serial: id, oldest } = session;
        Monitor::<Raft>::on_request(&mut self.clients, client, id, &request, &mut self.outside);
        self.run(node, Input::Request { client, id, oldest, request });
    }

    /// Hands a node what is on its way to it, and cuts its power before its disk has done anything.
    pub(crate) fn deliver_and_lose_power(&mut self, node: NodeId) {
        let (arriving, rest) =
            std::mem::take(&mut self.network).into_iter().partition(|&(_, to, _)| to == node);
        self.network = rest;
        let arriving: Vec<_> = arriving;
        let durable = self.nodes[node.index()].disk.len();
        for (from, _, message) in arriving {
            let done = self.nodes[node.index()].step(Input::Message { from, message });
            self.network.extend(done.early.into_iter().map(|(to, message)| (node, to, message)));
        }
        self.nodes[node.index()].disk.truncate(durable);
        self.restart(node);
    }

    /// What clients were told, in order: who said what to which request.
    pub(crate) fn told(&self) -> Vec<(NodeId, u32, Reply)> {
        self.replies.iter().map(|(node, id, reply)| (*node, id.0, reply.clone())).collect()
    }

    /// Delivers among these nodes, both ways, until nothing is left, and loses all other messages.
    pub(crate) fn deliver_among(&mut self, nodes: &[NodeId]) {
        while !self.network.is_empty() {
            let (from, to, message) = self.network.remove(0);
            if nodes.contains(&from) && nodes.contains(&to) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        self.monitor.on_crash(node, &mut self.report);
        Monitor::<Raft>::on_crash(&mut self.clients, node, &mut self.outside);
        let done = self.nodes[node.index()].restart();
        self.monitor.on_recover(node, &self.nodes[node.index()].raft, &mut self.report);
        self.put_out(node, &done);
    }

    /// Campaigns and talks to these nodes only.
    pub(crate) fn campaign(&mut self, node: NodeId, voters: &[NodeId]) {
        self.fire(node, Timer::Election);
        let mut among = voters.to_vec();
        among.push(node);
        self.deliver_among(&among);
    }

    pub(crate) fn violated(&self) -> Vec<&str> {
        let all = self.report.violations().iter().chain(self.outside.violations());
        all.map(|violation| violation.property.as_str()).collect()
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
    let mut sound = Cluster::new(config);
    tell(&mut sound);
    assert_eq!(sound.violated(), [""; 0], "without a flaw:\n{}", sound.story.join("\n"));
    assert!(!harm(&sound), "without a flaw:\n{}\n{:?}", sound.story.join("\n"), sound.told());
    let mut flawed = Cluster::new(&Config { flaws: FlawSet::only(flaw), ..config.clone() });
    tell(&mut flawed);
    let (story, violated) = (flawed.story.join("\n"), flawed.violated());
    assert!(harm(&flawed), "{} broke {violated:?}:\n{story}\n{:?}", known.name, flawed.told());
}

pub(crate) fn with_nodes(nodes: u8) -> Config {
    Config { noop_on_election: false, ..Config::new(nodes) }
}
