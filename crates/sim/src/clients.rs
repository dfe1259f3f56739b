//! Clients: each operation goes to the node believed to lead, elsewhere on redirect, and again on silence.

use quarrel_protocol::{Answer, ClientId, NodeId, RequestId};

use crate::world::{ClientPolicy, Operation};

/// How one operation stands.
#[derive(Clone, Copy, Default)]
struct Standing {
    attempts: u32,
    target: u8,
    /// It was redirected to the target and only takes a breath.
    breathes: bool,
    answered: bool,
}

/// After so many attempts a client that is redirected once more waits before it asks again.
const REDIRECTS_IN_A_ROW: u32 = 3;

/// All clients and their operations.
pub(crate) struct Clients<R> {
    operations: Vec<Operation<R>>,
    standings: Vec<Standing>,
    /// Whom each client believes to lead.
    beliefs: Vec<u8>,
    nodes: u8,
    policy: ClientPolicy,
    answered: u64,
    redirected: u64,
    started: usize,
}

/// What a client does after it has looked at an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Nothing more: done, given up, or an answer to what was answered already.
    Nothing,
    /// It has its answer.
    Done,
    /// Ask again now.
    AskNow,
    /// Ask again after so many nanoseconds, unless an answer comes.
    AskAfter(u64),
}

impl<R> Clients<R> {
    pub(crate) fn new(
        mut operations: Vec<Operation<R>>,
        clients: u8,
        nodes: u8,
        policy: ClientPolicy,
    ) -> Self {
        operations.sort_by_key(|operation| (operation.at_ns, operation.client.0, operation.id));
        Self {
            standings: vec![Standing::default(); operations.len()],
            operations,
            beliefs: (0..clients).map(|client| client % nodes).collect(),
            nodes,
            policy,
            answered: 0,
            redirected: 0,
            started: 0,
        }
    }

    /// The next operation that no client has started yet, and its position.
    pub(crate) fn upcoming(&self) -> Option<(u32, &Operation<R>)> {
        Some((self.started as u32, self.operations.get(self.started)?))
    }

    /// The client starts this operation.
    pub(crate) fn start(&mut self, position: u32) {
        debug_assert_eq!(position as usize, self.started);
        self.started += 1;
        let operation = &self.operations[position as usize];
        let believed = self.beliefs[operation.client.0 as usize];
        let first = operation.asks.map(|node| node.0).filter(|&node| node < self.nodes);
        self.standings[position as usize].target = first.unwrap_or(believed);
    }

    pub(crate) fn operation(&self, position: u32) -> &Operation<R> {
        &self.operations[position as usize]
    }

    pub(crate) fn client(&self, position: u32) -> ClientId {
        self.operation(position).client
    }

    /// The client asks (again): whom, and for which time. `None` when it is not worth it any more.
    pub(crate) fn ask(&mut self, position: u32) -> Option<(NodeId, u32)> {
        let standing = &mut self.standings[position as usize];
        if standing.answered || standing.attempts >= self.policy.attempts_max {
            return None;
        }
        standing.attempts += 1;
        Some((NodeId(standing.target), standing.attempts))
    }

    /// No answer to that attempt (its last byte) in time: the client turns to the next node, or to the one it was
    /// redirected to. `false` if the attempt is
    /// an old one.
    pub(crate) fn lose_patience(&mut self, position: u32, attempt: u8) -> bool {
        let nodes = self.nodes;
        let standing = &mut self.standings[position as usize];
        if standing.answered || standing.attempts as u8 != attempt {
            return false;
        }
        if !std::mem::take(&mut standing.breathes) {
            standing.target = (standing.target + 1) % nodes;
        }
        true
    }

    /// An answer has arrived from a node.
    pub(crate) fn hear(&mut self, position: u32, from: NodeId, answer: Answer) -> Next {
        let client = self.client(position).0 as usize;
        let standing = &mut self.standings[position as usize];
        if standing.answered {
            return Next::Nothing;
        }
        match answer {
            Answer::Done => {
                standing.answered = true;
                self.answered += 1;
                self.beliefs[client] = from.0;
                Next::Done
            }
            // An answer to an earlier attempt, or one that came twice: the client has moved on.
            Answer::Redirect(_) if from.0 != standing.target || standing.breathes => Next::Nothing,
            Answer::Redirect(Some(hint)) if hint.0 < self.nodes && hint != from => {
                self.redirected += 1;
                standing.target = hint.0;
                self.beliefs[client] = hint.0;
                // Hints may lead in a circle: after a few steps the client takes a breath.
                if standing.attempts.is_multiple_of(REDIRECTS_IN_A_ROW) {
                    standing.breathes = true;
                    return Next::AskAfter(self.policy.timeout_ns / 8 + 1);
                }
                Next::AskNow
            }
            // Nobody leads, or the hint is of no use: lose patience early rather than ask in circles.
            Answer::Redirect(_) => Next::AskAfter(self.policy.timeout_ns / 8 + 1),
        }
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

    pub(crate) const fn answered(&self) -> u64 {
        self.answered
    }

    pub(crate) const fn redirected(&self) -> u64 {
        self.redirected
    }

    pub(crate) const fn started(&self) -> u64 {
        self.started as u64
    }

    pub(crate) const fn timeout_ns(&self) -> u64 {
        self.policy.timeout_ns
    }
}
