//! Clients: each operation goes to the node believed to lead, elsewhere on redirect, and again on silence. It ends
//! with an answer, as failed, or unknown.

use std::collections::VecDeque;

use quarrel_protocol::{Answer, ClientId, NodeId, NodeSet, RequestId};

use crate::asked::{Ask, Asked, Next, Start};
use crate::believing::Replies;
use crate::world::{Arrival, ClientPolicy, Operation, Repeats};

/// How one operation stands.
#[derive(Clone, Copy, Default)]
struct Standing {
    attempts: u32,
    target: u8,
    /// It was redirected to the target and only takes a breath.
    breathes: bool,
    /// Who kept silent last, of those that it has asked.
    silent: Option<u8>,
    /// The target may have done it, or may do it yet: it has been asked and has not redirected.
    in_doubt: bool,
    /// It was asked for after the core had healed.
    is_late: bool,
    ended: bool,
}

impl Standing {
    /// Whether this hint leads back, once too often, to who has kept silent.
    fn distrusts(&self, hint: NodeId, after: Option<u32>) -> bool {
        after.is_some_and(|after| self.attempts > after) && self.silent == Some(hint.0)
    }
}

/// One client.
#[derive(Default)]
struct Client {
    /// Whom it believes to lead.
    believes: u8,
    /// Its operations that have not ended, oldest first.
    pending: VecDeque<u32>,
    /// Its operations that have not started, for a client that asks one after the other.
    queue: VecDeque<u32>,
}

/// After so many attempts a client that is redirected once more waits before it asks again.
const REDIRECTS_IN_A_ROW: u32 = 3;

/// All clients and their operations.
pub(crate) struct Clients<R> {
    operations: Vec<Operation<R>>,
    standings: Vec<Standing>,
    clients: Vec<Client>,
    nodes: u8,
    policy: ClientPolicy,
    /// Whether each client numbers its operations in the order of their times, as workloads do.
    is_numbered: bool,
    pub(crate) asked: Asked,
    /// What nodes have said, where one alone is not believed.
    replies: Option<Replies>,
    /// The first operation that has not started, where clients do not wait for answers.
    next: usize,
    pending: u32,
    /// Operations of closed loops whose time has been set and has not come.
    scheduled: u32,
    /// Requests and retries since the last answer.
    unheard: (u64, u64),
    /// The storm that was counted last has not calmed down.
    is_stormy: bool,
    /// The core that has healed: from then on clients do not give up.
    healed: Option<NodeSet>,
}

/// Whether, of each client's operations, a later one has a higher number.
fn is_numbered<R>(operations: &[Operation<R>], clients: usize) -> bool {
    let mut last = vec![None; clients];
    operations.iter().all(|operation| {
        let before = last[usize::from(operation.client.0)].replace(operation.id);
        before.is_none_or(|before| before < operation.id)
    })
}

impl<R> Clients<R> {
    pub(crate) fn new(
        mut operations: Vec<Operation<R>>,
        clients: u8,
        nodes: u8,
        policy: ClientPolicy,
    ) -> Self {
        assert!(
            operations.iter().all(|operation| operation.client.0 < clients),
            "each operation has a client that is there"
        );
        operations.sort_by_key(|operation| (operation.at_ns, operation.client.0, operation.id));
        let mut everyone: Vec<Client> =
            (0..clients).map(|client| Client { believes: client % nodes, ..Client::default() }).collect();
        if matches!(policy.arrival, Arrival::Closed { .. }) {
            for (position, operation) in (0u32..).zip(&operations) {
                everyone[usize::from(operation.client.0)].queue.push_back(position);
            }
        }
        let is_numbered = is_numbered(&operations, everyone.len());
        Self {
            is_numbered,
            standings: vec![Standing::default(); operations.len()],
            operations,
            clients: everyone,
            nodes,
            replies: (policy.replies_needed > 1).then(|| Replies::new(policy.replies_needed)),
            policy,
            asked: Asked::default(),
            next: 0,
            pending: 0,
            scheduled: 0,
            unheard: (0, 0),
            is_stormy: false,
            healed: None,
        }
    }

    /// The operations that are to be scheduled first.
    pub(crate) fn first(&mut self, until: u64) -> Vec<(u64, u32)> {
        match self.policy.arrival {
            Arrival::Open => self.upcoming().into_iter().collect(),
            Arrival::Closed { .. } => {
                let all = 0..self.clients.len();
                all.filter_map(|client| self.dequeue(ClientId(client as u8), 0, until)).collect()
            }
        }
    }

    /// When an operation of an open loop has started: the one after it.
    pub(crate) fn upcoming(&self) -> Option<(u64, u32)> {
        match self.policy.arrival {
            Arrival::Open => Some((self.operations.get(self.next)?.at_ns, self.next as u32)),
            Arrival::Closed { .. } => None,
        }
    }

    /// When an operation of a closed loop has ended: the client's next, and when it asks for it. What was to be asked
    /// before `until`, when the faults end, and has not been by then never is.
    pub(crate) fn after(&mut self, client: ClientId, now: u64, until: u64) -> Option<(u64, u32)> {
        match self.policy.arrival {
            Arrival::Open => None,
            Arrival::Closed { think_ns } => self.dequeue(client, now.saturating_add(think_ns), until),
        }
    }

    fn dequeue(&mut self, client: ClientId, earliest: u64, until: u64) -> Option<(u64, u32)> {
        let queue = &mut self.clients[usize::from(client.0)].queue;
        while let Some(position) = queue.pop_front() {
            let wanted = self.operations[position as usize].at_ns;
            let time = wanted.max(earliest);
            if wanted >= until || time < until {
                self.scheduled += 1;
                return Some((time, position));
            }
        }
        None
    }

    /// An operation's time has come.
    pub(crate) fn start(&mut self, position: u32) -> Start {
        self.next = self.next.max(position as usize + 1);
        self.scheduled = self.scheduled.saturating_sub(1);
        self.asked.started += 1;
        if self.pending >= self.policy.pending_max {
            if self.is_storm() && !std::mem::replace(&mut self.is_stormy, true) {
                self.asked.retry_storms += 1;
            }
            self.asked.turned_away += 1;
            self.asked.failed += 1;
            self.standings[position as usize].ended = true;
            return Start::TurnedAway;
        }
        let operation = &self.operations[position as usize];
        let client = &mut self.clients[usize::from(operation.client.0)];
        let first = operation.asks.map(|node| node.0).filter(|&node| node < self.nodes);
        self.standings[position as usize].target = first.unwrap_or(client.believes);
        assert!(client.pending.back().is_none_or(|&last| last < position), "operations start in order");
        client.pending.push_back(position);
        self.pending += 1;
        Start::Asks
    }

    /// Whether at least three of four requests since the last answer were retries.
    const fn is_storm(&self) -> bool {
        let (requests, retries) = self.unheard;
        requests > 0 && retries * 4 >= requests * 3
    }

    pub(crate) fn operation(&self, position: u32) -> &Operation<R> {
        &self.operations[position as usize]
    }

    pub(crate) fn client(&self, position: u32) -> ClientId {
        self.operation(position).client
    }

    /// The oldest operation that this one's client still waits for.
    pub(crate) fn oldest(&self, position: u32) -> RequestId {
        let operation = self.operation(position);
        let pending = &self.clients[usize::from(operation.client.0)].pending;
        let of = |&position: &u32| self.operations[position as usize].id;
        let oldest = if self.is_numbered { pending.front().map(of) } else { pending.iter().map(of).min() };
        // A request that arrives after its operation has ended says what it would have said then.
        oldest.unwrap_or(operation.id).min(operation.id)
    }

    /// The client wants to ask (again).
    pub(crate) fn ask(&mut self, position: u32) -> Ask {
        let may_repeat = self.operations[position as usize].repeats == Repeats::Freely;
        let standing = &mut self.standings[position as usize];
        if standing.ended {
            return Ask::Ended;
        }
        if standing.in_doubt && !may_repeat {
            return self.doubt(position);
        }
        if standing.attempts >= self.policy.attempts_max && self.healed.is_none() {
            let is_sent = standing.attempts > 0;
            self.end(position);
            if is_sent {
                self.asked.unknown += 1;
                return Ask::GivesUp;
            }
            self.asked.failed += 1;
            return Ask::Fails;
        }
        standing.attempts += 1;
        standing.in_doubt = true;
        standing.is_late |= self.healed.is_some();
        self.asked.requests += 1;
        self.unheard.0 += 1;
        self.unheard.1 += u64::from(standing.attempts > 1);
        // Who believes no single node turns to all when the first that it asked has kept it waiting.
        match self.replies {
            Some(_) if standing.attempts > 1 => Ask::AsksAll(standing.attempts),
            _ => Ask::Asks(NodeId(standing.target), standing.attempts),
        }
    }

    /// The client has heard nothing of what it may not ask for again. From a node that has healed an answer is owed,
    /// and so it waits. Else it gives up, and believes that another node leads.
    fn doubt(&mut self, position: u32) -> Ask {
        // It has lost patience with one node, and the target is the next.
        let Standing { target, is_late, .. } = self.standings[position as usize];
        let asked = NodeId((target + self.nodes - 1) % self.nodes);
        if is_late && self.healed.is_some_and(|core| core.contains(asked)) {
            self.standings[position as usize].target = asked.0;
            return Ask::Waits;
        }
        let client = usize::from(self.client(position).0);
        self.clients[client].believes = target;
        self.end(position);
        self.asked.unknown += 1;
        Ask::GivesUp
    }

    fn end(&mut self, position: u32) {
        self.standings[position as usize].ended = true;
        if let Some(replies) = &mut self.replies {
            replies.forget(position);
        }
        let client = usize::from(self.operations[position as usize].client.0);
        let pending = &mut self.clients[client].pending;
        // They were started in the order of their positions.
        if let Ok(place) = pending.binary_search(&position) {
            pending.remove(place);
        }
        self.pending -= 1;
        if self.pending <= self.policy.pending_max / 2 {
            self.is_stormy = false;
        }
    }

    /// No answer to that attempt (its last byte) in time: the client turns to the next node, or to the one it was
    /// redirected to. `false` if the attempt is an old one.
    pub(crate) fn lose_patience(&mut self, position: u32, attempt: u8) -> bool {
        let nodes = self.nodes;
        let standing = &mut self.standings[position as usize];
        if standing.ended || standing.attempts as u8 != attempt {
            return false;
        }
        if !std::mem::take(&mut standing.breathes) {
            if standing.in_doubt {
                standing.silent = Some(standing.target);
            }
            standing.target = (standing.target + 1) % nodes;
        }
        true
    }

    /// An answer has arrived from a node; `print` is the fingerprint of all that it says.
    pub(crate) fn hear(&mut self, position: u32, from: NodeId, answer: Answer, print: u64) -> Next {
        if self.replies.is_some() {
            return self.weigh(position, from, answer, print);
        }
        self.take(position, from, answer)
    }

    /// An answer has arrived, and one node alone is not believed: an answer counts whoever gives it, asked or not, and is
    /// taken when enough nodes have given the same. Where a node sends the client is a hint that could be a lie: it only
    /// shortens the wait before all are asked.
    #[cold]
    fn weigh(&mut self, position: u32, from: NodeId, answer: Answer, print: u64) -> Next {
        let Standing { attempts, target, ended, .. } = self.standings[position as usize];
        let is_first = attempts == 1;
        let is_believed = |replies: &mut Replies| replies.hear(position, from, print);
        match answer {
            _ if ended => Next::Nothing,
            Answer::Redirect(_) if is_first && from.0 == target => {
                self.asked.redirects += 1;
                Next::AskAfter(self.policy.timeout_ns / 8 + 1)
            }
            Answer::Redirect(_) => Next::Nothing,
            Answer::Done | Answer::Failed if self.replies.as_mut().is_some_and(is_believed) => {
                // Whoever was asked first has done its part; after that, whoever completed the answer is a good guess.
                self.take(position, if is_first { NodeId(target) } else { from }, answer)
            }
            Answer::Done | Answer::Failed => Next::Nothing,
        }
    }

    /// An answer is believed.
    fn take(&mut self, position: u32, from: NodeId, answer: Answer) -> Next {
        let client = self.client(position).0 as usize;
        let distrust = self.policy.distrust_after.filter(|_| self.healed.is_none());
        let standing = &mut self.standings[position as usize];
        if standing.ended {
            return Next::Nothing;
        }
        match answer {
            Answer::Done => {
                self.asked.answered += 1;
                self.clients[client].believes = from.0;
                self.hear_end(position);
                Next::Done
            }
            Answer::Failed => {
                self.asked.failed += 1;
                self.hear_end(position);
                Next::Failed
            }
            // An answer to an earlier attempt, or one that came twice: the client has moved on.
            Answer::Redirect(_) if from.0 != standing.target || standing.breathes => Next::Nothing,
            Answer::Redirect(Some(hint))
                if hint.0 < self.nodes && hint != from && !standing.distrusts(hint, distrust) =>
            {
                self.asked.redirects += 1;
                standing.in_doubt = false;
                standing.target = hint.0;
                self.clients[client].believes = hint.0;
                // Hints may lead in a circle: after a few steps the client takes a breath.
                if standing.attempts.is_multiple_of(REDIRECTS_IN_A_ROW) {
                    standing.breathes = true;
                    return Next::AskAfter(self.policy.timeout_ns / 8 + 1);
                }
                Next::AskNow
            }
            // Nobody leads, or the hint is of no use: lose patience early rather than ask in circles.
            Answer::Redirect(_) => {
                standing.in_doubt = false;
                Next::AskAfter(self.policy.timeout_ns / 8 + 1)
            }
        }
    }

    fn hear_end(&mut self, position: u32) {
        self.unheard = (0, 0);
        self.end(position);
    }

    /// The position of a request of that client.
    pub(crate) fn find(&self, client: ClientId, id: RequestId) -> Option<u32> {
        let is_it = |operation: &Operation<R>| operation.client == client && operation.id == id;
        // Workloads number operations in order of time; only a shrunk run has gaps.
        if self.operations.get(id.0 as usize).is_some_and(is_it) {
            return Some(id.0);
        }
        self.operations.iter().position(is_it).map(|position| position as u32)
    }

    pub(crate) fn attempts(&self, position: u32) -> u32 {
        self.standings[position as usize].attempts
    }

    /// This core has healed: from now on nobody gives up.
    pub(crate) fn be_patient(&mut self, core: NodeSet) {
        self.healed = Some(core);
    }

    /// Whether there are operations whose time will come.
    pub(crate) fn has_more(&self) -> bool {
        match self.policy.arrival {
            Arrival::Open => self.next < self.operations.len(),
            Arrival::Closed { .. } => self.scheduled > 0,
        }
    }

    /// Whether every operation has ended, those included whose time has not come.
    pub(crate) fn all_ended(&self) -> bool {
        self.pending == 0 && !self.has_more()
    }

    /// The operations that are under way, the oldest first: at most `count`.
    pub(crate) fn under_way(&self, count: usize) -> Vec<(u32, u32)> {
        let mut all: Vec<u32> =
            self.clients.iter().flat_map(|client| client.pending.iter().copied()).collect();
        all.sort_unstable();
        all.into_iter().take(count).map(|position| (position, self.attempts(position))).collect()
    }

    /// How many operations are under way, and whether they are a storm of retries.
    pub(crate) const fn pressure(&self) -> (u32, bool) {
        (self.pending, self.is_storm())
    }

    pub(crate) const fn timeout_ns(&self) -> u64 {
        self.policy.timeout_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n1 leads no more and is silent, n2 does not know that and sends everybody there, n4 leads.
    #[test]
    fn a_client_is_not_sent_back_to_a_silent_node_for_ever() {
        let operation = Operation {
            at_ns: 0,
            client: ClientId(0),
            asks: Some(NodeId(0)),
            id: RequestId(0),
            repeats: Repeats::Freely,
            request: (),
        };
        let policy =
            ClientPolicy { attempts_max: 1_000, distrust_after: Some(20), ..ClientPolicy::default() };
        let mut clients = Clients::new(vec![operation], 1, 5, policy);
        assert_eq!(clients.start(0), Start::Asks);
        let mut asked = Vec::new();
        while asked.last() != Some(&3) && asked.len() < 100 {
            let Ask::Asks(node, attempt) = clients.ask(0) else { panic!("it goes on asking") };
            asked.push(node.0);
            let next = match node.0 {
                0 | 2 => Next::AskAfter(0),
                3 => clients.hear(0, node, Answer::Done, 0),
                _ => clients.hear(0, node, Answer::Redirect(Some(NodeId(0))), 0),
            };
            assert!(!matches!(next, Next::AskAfter(_)) || clients.lose_patience(0, attempt as u8));
        }
        let circles = [0, 1].repeat(11);
        assert_eq!(asked, [circles, vec![2, 3]].concat());
    }
}
