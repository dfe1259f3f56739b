//! The properties of atomic commitment, by the names of Bernstein, Hadzilacos and Goodman (1987), section 7.3, and two
//! that a bank and a box office would name.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_protocol::{
    Cell, ClientId, Ending, Monitor, NodeId, NodeSet, Property, PropertyKind, Protocol, Report, RequestId,
    Suspense,
};

use super::database::OPENING;
use super::{Decision, Item, Output, Refusal, Reply, Seen, Step, Transaction, TransactionId, Vote};
use crate::machine::{Account, Seat};

const AC1: usize = 0;
const AC2: usize = 1;
const AC3: usize = 2;
const AC4: usize = 3;
const AC5: usize = 4;
const MONEY: usize = 5;
const SEATS: usize = 6;

const SOURCE: &str = "Bernstein, Hadzilacos and Goodman (1987), section 7.3";

const fn paper(name: &'static str, statement: &'static str) -> Property {
    Property { name, kind: PropertyKind::Paper, statement, source: SOURCE }
}

const fn client(name: &'static str, statement: &'static str, source: &'static str) -> Property {
    Property { name, kind: PropertyKind::Client, statement, source }
}

/// The properties of atomic commitment.
pub const PROPERTIES: &[Property] = &[
    paper("ac1", "all that reach a decision reach the same one, and clients are told no other"),
    paper("ac2", "nobody reverses a decision, restarts included"),
    paper("ac3", "the decision is to commit only if all participants have voted yes"),
    paper("ac4", "if nothing fails and all vote yes, the decision is to commit"),
    paper(
        "ac5",
        "once all failures are repaired and no more happen for long enough, everybody reaches a decision",
    ),
    client(
        "money-conserved",
        "a transaction that reads all accounts finds what they opened with, whatever was moved between them",
        "Kingsbury, Jepsen's bank test",
    ),
    client("seat-sold-once", "no seat is sold twice", "Helland, Building on Quicksand (2009)"),
];

const COMMITTED: usize = 0;
const ABORTED: usize = 1;
const CRASHED_IN_DOUBT: usize = 2;
const COORDINATOR_CRASHED: usize = 3;
const NO_FUNDS: usize = 4;
const SEAT_TAKEN: usize = 5;
const LOCKED: usize = 6;
const RACED: usize = 7;
const MONEY_MOVED: usize = 8;
const CRASHED_BEFORE_VOTING: usize = 9;
const WITHOUT_COORDINATOR: usize = 10;
const STILL_LOCKED: usize = 11;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen in some run.
pub const CELLS: &[Cell] = &[
    cell("transaction-committed"),
    cell("transaction-aborted"),
    cell("crashed-in-doubt"),
    cell("coordinator-crashed-undecided"),
    cell("no-vote-for-funds"),
    cell("no-vote-for-seat"),
    cell("no-vote-for-lock"),
    cell("transactions-overlapped"),
    // A transaction that takes from one account and gives to another commits.
    cell("money-moved"),
    // A participant crashes that is to vote, and has not.
    cell("crashed-before-voting"),
    // A participant that is in doubt comes to know the decision while the coordinator is down.
    cell("decided-without-coordinator"),
    // A participant that has restarted in doubt refuses a lock to another transaction.
    cell("locked-after-restart"),
];

/// What is known of one transaction.
#[derive(Default)]
struct Case {
    participants: NodeSet,
    yes: NodeSet,
    no: NodeSet,
    /// Since when a participant that has voted yes has not decided.
    in_doubt: BTreeMap<NodeId, u64>,
    decided: BTreeMap<NodeId, Decision>,
    /// The participants that have crashed in doubt.
    was_down: NodeSet,
    first: Option<(Who, Decision)>,
}

#[derive(Clone, Copy)]
enum Who {
    Node(NodeId),
    Client(ClientId),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Who::Node(node) => write!(f, "{node} decided"),
            Who::Client(client) => write!(f, "{client} was told"),
        }
    }
}

/// The black-box properties of atomic commitment, over outputs and replies. They know no protocol.
pub struct Properties {
    cases: BTreeMap<TransactionId, Case>,
    /// Transactions that have begun and that nobody has decided.
    open: BTreeSet<TransactionId>,
    asked: BTreeMap<TransactionId, Transaction>,
    /// Accounts that money was moved between, as classes: each account points to another of its class.
    moved: BTreeMap<Account, BTreeSet<Account>>,
    /// Accounts to or from which money was moved out of nothing, by a transaction written by hand.
    unbalanced: BTreeSet<Account>,
    sold: BTreeMap<Seat, TransactionId>,
    down: NodeSet,
    failed: bool,
    now_ns: u64,
}

/// The coordinator.
const COORDINATOR: NodeId = NodeId(0);

impl Properties {
    fn decide(&mut self, who: Who, transaction: TransactionId, decision: Decision, report: &mut Report) {
        let case = self.cases.entry(transaction).or_default();
        let (first, decided) = *case.first.get_or_insert((who, decision));
        report.check(AC1, decided == decision, || {
            (format!("{transaction}: {first} to {decided}, but {who} to {decision}"), "")
        });
        if decision == Decision::Commit {
            let silent = case.participants.intersection(case.yes.complement(NodeId::LIMIT));
            report.check(AC3, silent.is_empty(), || {
                let vote = if silent.intersection(case.no).is_empty() {
                    "had not voted"
                } else {
                    "had not voted yes"
                };
                (format!("{transaction}: {who} to commit, although {silent} {vote}"), "")
            });
        }
        report.happened(if decision == Decision::Commit { COMMITTED } else { ABORTED });
        if decision == Decision::Commit && self.asked.get(&transaction).is_some_and(moves_money) {
            report.happened(MONEY_MOVED);
        }
        self.open.remove(&transaction);
        self.judge_abort(transaction, report);
    }

    /// AC4, as soon as all votes and a decision are known.
    fn judge_abort(&self, transaction: TransactionId, report: &mut Report) {
        let Some(case) = self.cases.get(&transaction) else { return };
        // A node that only reads may have said no, and is none of those that must say yes.
        let all_yes = !case.participants.is_empty() && case.yes == case.participants && case.no.is_empty();
        let (Some((who, decision)), true, false) = (case.first, all_yes, self.failed) else { return };
        report.check(AC4, decision == Decision::Commit, || {
            (format!("{transaction}: {who} to abort, although all voted yes and nothing had failed"), "")
        });
    }

    fn vote(&mut self, node: NodeId, transaction: TransactionId, vote: Vote, report: &mut Report) {
        let case = self.cases.entry(transaction).or_default();
        match vote {
            Vote::Yes => {
                case.yes.insert(node);
                if !case.decided.contains_key(&node) {
                    case.in_doubt.entry(node).or_insert(self.now_ns);
                }
            }
            Vote::No(why) => {
                case.no.insert(node);
                match why {
                    Refusal::NoFunds(_) => report.happened(NO_FUNDS),
                    Refusal::SeatTaken(_) => report.happened(SEAT_TAKEN),
                    Refusal::Locked(_) => {
                        report.happened(LOCKED);
                        let is_back =
                            |case: &Case| case.was_down.contains(node) && case.in_doubt.contains_key(&node);
                        if self.cases.values().any(is_back) {
                            report.happened(STILL_LOCKED);
                        }
                    }
                    Refusal::NoAnswer(_) | Refusal::Failure => {}
                }
            }
        }
        self.judge_abort(transaction, report);
    }

    /// Notes between which accounts a transaction moves money.
    fn note_moves(&mut self, transaction: &Transaction) {
        let (mut sum, mut touched) = (0i128, BTreeSet::new());
        for step in &transaction.0 {
            match *step {
                Step::Withdraw { account, amount } => {
                    sum -= i128::from(amount);
                    touched.insert(account);
                }
                Step::Deposit { account, amount } => {
                    sum += i128::from(amount);
                    touched.insert(account);
                }
                _ => {}
            }
        }
        if sum != 0 {
            self.unbalanced.extend(&touched);
        }
        for &account in &touched {
            self.moved.entry(account).or_default().extend(&touched);
        }
    }

    /// A committed transaction that has read accounts must find what they opened with, if no money was moved between
    /// these and others.
    fn add_up(&self, transaction: TransactionId, asked: &Transaction, seen: &[Seen], report: &mut Report) {
        if !asked.is_read() {
            return;
        }
        let read: BTreeMap<Account, u64> = asked
            .0
            .iter()
            .zip(seen)
            .filter_map(|(step, seen)| match (step, seen) {
                (Step::Balance(account), Seen::Balance(balance)) => Some((*account, *balance)),
                _ => None,
            })
            .collect();
        let stays_within = |account: &Account| {
            !self.unbalanced.contains(account)
                && self
                    .moved
                    .get(account)
                    .is_none_or(|others| others.iter().all(|other| read.contains_key(other)))
        };
        if read.len() < 2 || !read.keys().all(stays_within) {
            return;
        }
        let (found, opened) = (read.values().sum::<u64>(), read.len() as u64 * OPENING);
        report.check(MONEY, found == opened, || {
            let accounts = read.len();
            (format!("{transaction} found {found} in {accounts} accounts that opened with {opened}"), "")
        });
    }

    fn sell(&mut self, transaction: TransactionId, asked: &Transaction, report: &mut Report) {
        for step in &asked.0 {
            let Step::Take { seat, .. } = *step else { continue };
            let first = *self.sold.entry(seat).or_insert(transaction);
            report.check(SEATS, first == transaction, || {
                (format!("{seat} was sold by {first}, and again by {transaction}"), "")
            });
        }
    }

    fn note_begin(&mut self, transaction: TransactionId, report: &mut Report) {
        let items = |transaction: &TransactionId| -> BTreeSet<Item> {
            self.asked
                .get(transaction)
                .map_or(BTreeSet::new(), |asked| asked.0.iter().map(Step::item).collect())
        };
        let mine = items(&transaction);
        if self.open.iter().any(|other| *other != transaction && !items(other).is_disjoint(&mine)) {
            report.happened(RACED);
        }
        self.open.insert(transaction);
    }
}

/// Whether a transaction takes from one account and gives to another.
fn moves_money(transaction: &Transaction) -> bool {
    let takes = |step: &Step| matches!(step, Step::Withdraw { .. });
    let gives = |step: &Step| matches!(step, Step::Deposit { .. });
    transaction.0.iter().any(takes) && transaction.0.iter().any(gives)
}

impl<P: Protocol<Request = Transaction, Reply = Reply, Output = Output>> Monitor<P> for Properties {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(_: &P::Config, _: usize) -> Self {
        Self {
            cases: BTreeMap::new(),
            open: BTreeSet::new(),
            asked: BTreeMap::new(),
            moved: BTreeMap::new(),
            unbalanced: BTreeSet::new(),
            sold: BTreeMap::new(),
            down: NodeSet::EMPTY,
            failed: false,
            now_ns: 0,
        }
    }

    fn on_request(&mut self, _: ClientId, id: RequestId, request: &Transaction, _: &mut Report) {
        self.note_moves(request);
        self.asked.insert(id.into(), request.clone());
    }

    fn on_output(&mut self, node: NodeId, output: &Output, report: &mut Report) {
        match *output {
            Output::Begun { transaction, participants } => {
                self.cases.entry(transaction).or_default().participants = participants;
                self.note_begin(transaction, report);
            }
            Output::Voted { transaction, vote } => self.vote(node, transaction, vote, report),
            Output::Decided { transaction, decision } => {
                let case = self.cases.entry(transaction).or_default();
                if case.in_doubt.remove(&node).is_some() && self.down.contains(COORDINATOR) {
                    report.happened(WITHOUT_COORDINATOR);
                }
                let before = *case.decided.entry(node).or_insert(decision);
                report.check(AC2, before == decision, || {
                    (format!("{transaction}: {node} had decided to {before}, and now to {decision}"), "")
                });
                self.decide(Who::Node(node), transaction, decision, report);
            }
        }
    }

    fn on_reply(&mut self, _: NodeId, client: ClientId, id: RequestId, reply: &Reply, report: &mut Report) {
        let transaction = id.into();
        match reply {
            Reply::Elsewhere(_) => {}
            Reply::Aborted(_) => self.decide(Who::Client(client), transaction, Decision::Abort, report),
            Reply::Committed(seen) => {
                self.decide(Who::Client(client), transaction, Decision::Commit, report);
                if let Some(asked) = self.asked.remove(&transaction) {
                    self.add_up(transaction, &asked, seen, report);
                    self.sell(transaction, &asked, report);
                    self.asked.insert(transaction, asked);
                }
            }
        }
    }

    fn on_crash(&mut self, node: NodeId, report: &mut Report) {
        self.down.insert(node);
        let (mut in_doubt, mut is_awaited) = (false, false);
        for (transaction, case) in &mut self.cases {
            if case.in_doubt.contains_key(&node) {
                case.was_down.insert(node);
                in_doubt = true;
            }
            let has_voted = case.yes.union(case.no).contains(node);
            is_awaited |= !has_voted && case.participants.contains(node) && self.open.contains(transaction);
        }
        if in_doubt {
            report.happened(CRASHED_IN_DOUBT);
        }
        if is_awaited {
            report.happened(CRASHED_BEFORE_VOTING);
        }
        if node == COORDINATOR && !self.open.is_empty() {
            report.happened(COORDINATOR_CRASHED);
        }
    }

    fn on_recover(&mut self, node: NodeId, _: &P, _: &mut Report) {
        self.down.remove(node);
    }

    fn on_fault(&mut self, _: &'static str, _: &mut Report) {
        self.failed = true;
    }

    fn on_time(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    fn on_end(&mut self, ending: Ending, report: &mut Report) {
        let Some(healed) = ending.settled else { return };
        for (transaction, case) in &self.cases {
            // Who never voted need not know of the transaction at all.
            let waiting = case.in_doubt.keys().find(|&&node| healed.contains(node));
            report.check(AC5, waiting.is_none(), || {
                let node = waiting.expect("it does not hold");
                (format!("{transaction}: all has healed, and {node} is still in doubt"), "")
            });
        }
    }

    fn suspended(&self) -> Option<Vec<Suspense>> {
        let mut all: Vec<Suspense> = self
            .cases
            .iter()
            .flat_map(|(transaction, case)| {
                case.in_doubt.iter().map(move |(&node, &since)| (transaction, node, since))
            })
            .filter(|&(_, node, _)| !self.down.contains(node))
            .map(|(transaction, node, since_ns)| Suspense {
                node,
                what: format!("in doubt about {transaction}"),
                since_ns,
            })
            .collect();
        all.sort_by_key(|suspense| (suspense.node, suspense.since_ns));
        Some(all)
    }
}
