//! Nodes driven by hand that talk to each other: a network that delivers what the test says, and judges.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_protocol::{ClientId, Input, Monitor, NodeId, NodeSet, Protocol, Report, RequestId};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Applied, Output, PROPERTIES, Properties, Reply, RunsMachine};
use quarrel_spec::session::{Command, Session};

use crate::{C1, Done, Node, command, write};

/// Several nodes, and the monitors that judge them: the protocol's own, and one that knows no protocol. Of traitors they
/// hear nothing.
pub struct Cluster<P: Protocol, M> {
    /// The nodes.
    pub nodes: Vec<Node<P>>,
    /// Messages on their way, in the order in which they were sent.
    pub network: Vec<(NodeId, NodeId, P::Message)>,
    /// What the protocol's own monitor finds.
    pub report: Report,
    /// What those find who know no protocol.
    pub outside: Report,
    /// What was announced, line by line.
    pub story: Vec<String>,
    /// What clients were told, and by whom.
    pub replies: Vec<(NodeId, RequestId, Reply)>,
    /// What stands at each position, by whoever applied it first.
    pub log: BTreeMap<u64, Applied>,
    /// Who is no correct node.
    pub traitors: NodeSet,
    /// How many nodes have to say the same until a client takes it for the answer, if its monitor wants to know.
    pub believes_after: Option<usize>,
    /// Which answers clients believe to know.
    answered: BTreeSet<RequestId>,
    /// Which lie each traitor tells.
    lies: BTreeMap<NodeId, usize>,
    monitor: M,
    clients: Properties,
}

impl<P, M> Cluster<P, M>
where
    P: Protocol<Request = Call, Reply = Reply, Output = Output>,
    P::Config: RunsMachine,
    M: Monitor<P>,
{
    /// So many nodes with empty disks.
    #[must_use]
    pub fn of(config: &P::Config, nodes: u8) -> Self {
        let count = usize::from(nodes);
        Self {
            nodes: NodeId::all(count).map(|id| Node::new(config, id)).collect(),
            network: Vec::new(),
            report: Report::new(M::properties(), M::cells()),
            outside: Report::new(PROPERTIES, &[]),
            story: Vec::new(),
            replies: Vec::new(),
            log: BTreeMap::new(),
            traitors: NodeSet::EMPTY,
            believes_after: None,
            answered: BTreeSet::new(),
            lies: BTreeMap::new(),
            monitor: M::new(config, count),
            clients: <Properties as Monitor<P>>::new(config, count),
        }
    }

    /// One of the nodes.
    pub fn node(&mut self, node: NodeId) -> &mut Node<P> {
        &mut self.nodes[node.index()]
    }

    /// This node tells this lie from now on, or none: then a test sends for it.
    ///
    /// # Panics
    /// When the protocol knows no such lie.
    pub fn turn(&mut self, node: NodeId, lie: Option<&str>) {
        self.traitors.insert(node);
        let position = |lie: &str| P::LIES.iter().position(|known| *known == lie).expect("a known lie");
        self.lies.extend(lie.map(|lie| (node, position(lie))));
    }

    // --- Inputs ---

    /// One input, and the messages to itself that follow.
    pub fn run(&mut self, node: NodeId, input: Input<P>) {
        let done = self.node(node).run(input);
        self.take(node, done);
    }

    /// A timer fires.
    pub fn fire(&mut self, node: NodeId, timer: P::Timer) {
        let done = self.node(node).fire(timer);
        self.take(node, done);
    }

    /// The first client asks a node to write this value; the request's number is the value.
    pub fn ask(&mut self, node: NodeId, value: u64) {
        self.submit(&[node], command(value));
    }

    /// A client asks, and waits for no earlier answer; a request with a number that was there before is a retry.
    pub fn call(&mut self, node: NodeId, client: ClientId, id: u32, call: Call) {
        let serial = RequestId(id);
        self.submit(&[node], Command { session: Session { client, serial, oldest: serial }, call });
    }

    /// A client asks all of these for the same.
    pub fn submit(&mut self, nodes: &[NodeId], Command { session, call }: Command) {
        let Session { client, serial: id, oldest } = session;
        self.hear_request(client, id, call);
        for &node in nodes {
            self.run(node, Input::Request { client, id, oldest, request: call });
        }
    }

    fn hear_request(&mut self, client: ClientId, id: RequestId, call: Call) {
        Monitor::<P>::on_request(&mut self.clients, client, id, &call, &mut self.outside);
        self.monitor.on_request(client, id, &call, &mut self.report);
    }

    /// A node dies, and another process starts from its disk.
    pub fn restart(&mut self, node: NodeId) {
        let is_heard = !self.traitors.contains(node);
        if is_heard {
            self.monitor.on_crash(node, &mut self.report);
            Monitor::<P>::on_crash(&mut self.clients, node, &mut self.outside);
        }
        self.story.push(format!("{node} restarts"));
        let mut done = self.node(node).restart();
        if is_heard {
            self.monitor.on_recover(node, &self.nodes[node.index()].machine, &mut self.report);
        }
        self.node(node).settle(&mut done);
        self.take(node, done);
    }

    /// What a node did goes its ways.
    fn take(&mut self, node: NodeId, done: Done<P>) {
        let is_heard = !self.traitors.contains(node);
        for event in &done.events {
            self.story.push(format!("{node}{} {event}", if is_heard { "" } else { " (traitor)" }));
            if is_heard {
                self.monitor.on_announce(node, event, &mut self.report);
            }
        }
        for output in done.outputs.iter().filter(|_| is_heard) {
            if let Output::Applied(applied) = output {
                self.log.entry(applied.index).or_insert(*applied);
            }
            self.monitor.on_output(node, output, &mut self.report);
            Monitor::<P>::on_output(&mut self.clients, node, output, &mut self.outside);
        }
        for (client, id, reply) in done.replies {
            self.answer(node, (client, id), reply, is_heard);
        }
        for (to, message) in done.sent {
            let sent = match self.lies.get(&node) {
                Some(&lie) => self.nodes[node.index()].machine.lie(lie, to, &message),
                None => vec![message],
            };
            self.network.extend(sent.into_iter().map(|message| (node, to, message)));
        }
    }

    /// A reply arrives at a client, which takes it for the answer as soon as enough nodes have said the same.
    fn answer(&mut self, node: NodeId, (client, id): (ClientId, RequestId), reply: Reply, is_heard: bool) {
        let told = match self.lies.get(&node) {
            Some(&lie) => self.nodes[node.index()].machine.lie_in_reply(lie, client, id, &reply),
            None => reply,
        };
        if is_heard {
            Monitor::<P>::on_reply(&mut self.clients, node, client, id, &told, &mut self.outside);
            self.monitor.on_reply(node, client, id, &told, &mut self.report);
        }
        self.replies.push((node, id, told.clone()));
        let who: NodeSet =
            self.replies_to(id).filter(|(_, said)| **said == told).map(|(who, _)| who).collect();
        if self.believes_after == Some(who.len()) && self.answered.insert(id) {
            self.story.push(format!("{client} accepts for {id}: {told}"));
            self.monitor.on_outcome(client, id, Some(&told), &mut self.report);
        }
    }

    // --- The network ---

    /// Puts a message on its way that no node has sent.
    pub fn send(&mut self, from: NodeId, to: NodeId, message: P::Message) {
        self.network.push((from, to, message));
    }

    /// Delivers what this says, until nothing of it is left, and loses all other messages.
    pub fn deliver_if(&mut self, passes: impl Fn(NodeId, NodeId, &P::Message) -> bool) {
        while !self.network.is_empty() {
            let (from, to, message) = self.network.remove(0);
            if passes(from, to, &message) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    /// Delivers among these nodes, both ways, until nothing is left, and loses all other messages.
    pub fn deliver_among(&mut self, nodes: &[NodeId]) {
        self.deliver_if(|from, to, _| nodes.contains(&from) && nodes.contains(&to));
    }

    /// Delivers everything, until nothing is left.
    pub fn deliver_all(&mut self) {
        self.deliver_if(|_, _, _| true);
    }

    /// Delivers what is on its way now on these links, in order, keeps what that sends, and loses all else.
    pub fn deliver_once(&mut self, links: &[(NodeId, NodeId)]) {
        for (from, to, message) in std::mem::take(&mut self.network) {
            if links.contains(&(from, to)) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    /// Takes what is on its way on this link out of the network.
    pub fn hold_back(&mut self, from: NodeId, to: NodeId) -> Vec<(NodeId, NodeId, P::Message)> {
        self.take_from_network(|link| link == (from, to))
    }

    fn take_from_network(
        &mut self,
        takes: impl Fn((NodeId, NodeId)) -> bool,
    ) -> Vec<(NodeId, NodeId, P::Message)> {
        let (taken, rest) =
            std::mem::take(&mut self.network).into_iter().partition(|&(from, to, _)| takes((from, to)));
        self.network = rest;
        taken
    }

    // --- Power ---

    /// Hands a node what is on its way to it, and cuts its power before its disk has done anything.
    pub fn deliver_and_lose_power(&mut self, node: NodeId) {
        let arriving = self.take_from_network(|(_, to)| to == node);
        let inputs = arriving.into_iter().map(|(from, _, message)| Input::Message { from, message });
        self.lose_power_after(node, inputs.collect());
    }

    /// A node is asked, and its power is cut before its disk has done anything: what need not wait for the disk leaves.
    pub fn ask_and_lose_power(&mut self, node: NodeId, value: u64) {
        self.hear_request(C1, RequestId(value as u32), write(value));
        self.lose_power_after(node, vec![crate::request(value)]);
    }

    fn lose_power_after(&mut self, node: NodeId, inputs: Vec<Input<P>>) {
        let disk = self.node(node).disk.clone();
        for input in inputs {
            let done = self.node(node).step(input);
            self.network.extend(done.early.into_iter().map(|(to, message)| (node, to, message)));
        }
        self.node(node).disk = disk;
        self.restart(node);
    }

    // --- What came of it ---

    /// What clients were told, in order: who said what to which request.
    #[must_use]
    pub fn told(&self) -> Vec<(NodeId, u32, Reply)> {
        self.replies.iter().map(|(node, id, reply)| (*node, id.0, reply.clone())).collect()
    }

    /// What was said to this request, and by whom.
    pub fn replies_to(&self, id: RequestId) -> impl Iterator<Item = (NodeId, &Reply)> {
        self.replies.iter().filter(move |(_, of, _)| *of == id).map(|(node, _, reply)| (*node, reply))
    }

    /// The properties that broke.
    #[must_use]
    pub fn violated(&self) -> Vec<&str> {
        let all = self.report.violations().iter().chain(self.outside.violations());
        all.map(|violation| violation.property.as_str()).collect()
    }

    /// The story, and what broke at its end.
    #[must_use]
    pub fn tale(&self) -> String {
        let all = self.report.violations().iter().chain(self.outside.violations());
        let broken: Vec<&str> = all.map(|violation| violation.detail.as_str()).collect();
        format!("{}\nbroken: {}", self.story.join("\n"), broken.join("; "))
    }

    /// Tells a story to a sound cluster and to a flawed one: the first breaks nothing, and only the second does `harm`.
    /// `flaw` is what a failure calls it.
    ///
    /// # Panics
    /// When it is otherwise.
    pub fn tell_both(
        flaw: &str,
        [mut sound, mut flawed]: [Self; 2],
        tell: impl Fn(&mut Self),
        harm: impl Fn(&Self) -> bool,
    ) {
        tell(&mut sound);
        assert_eq!(sound.violated(), [""; 0], "without a flaw:\n{}", sound.tale());
        assert!(!harm(&sound), "without a flaw:\n{}\n{:?}", sound.tale(), sound.told());
        tell(&mut flawed);
        assert!(harm(&flawed), "{flaw}:\n{}\n{:?}", flawed.tale(), flawed.told());
    }
}
