//! The protocols that are described: one function each, and a line in [`described`].
//!
//! Their sources are cited by the names in [`SOURCES`].

use super::description::{Description, Problem, Reach, Theory, Wish};
use super::sheet::{Figure, Row};

/// What theory is cited from, and the names by which it is.
pub const SOURCES: [(&str, &str); 7] = [
    (
        "BHG",
        "Bernstein, Hadzilacos and Goodman, Concurrency Control and Recovery in Database Systems (1987), chapter 7",
    ),
    ("Skeen 1981", "Nonblocking Commit Protocols (SIGMOD)"),
    (
        "R* 1986",
        "Mohan, Lindsay and Obermarck, Transaction Management in the R* Distributed Database Management System (TODS)",
    ),
    ("GL", "Gray and Lamport, Consensus on Transaction Commit (TODS 2006)"),
    ("PMS", "Lamport, Paxos Made Simple (2001)"),
    ("CL", "Castro and Liskov, Practical Byzantine Fault Tolerance (OSDI 1999)"),
    (
        "Raft",
        "Ongaro and Ousterhout, In Search of an Understandable Consensus Algorithm (extended version, 2014)",
    ),
];

/// The description of a protocol of that name, if there is one.
#[must_use]
pub fn described(protocol: &str) -> Option<Description> {
    [raft(), paxos(), multi_paxos(), pbft(), two_phase_commit(), three_phase_commit(), two_generals()]
        .into_iter()
        .find(|description| description.protocol == protocol)
}

const fn exact(row: Row, value: u64, formula: &'static str, source: &'static str) -> Theory {
    Theory { row, figure: Figure::whole(value), formula, source }
}

fn raft() -> Description {
    Description {
        protocol: "raft",
        title: "Raft",
        problem: Problem::Log,
        decides: "applies",
        acknowledgements: &[],
        acknowledgements_within: false,
        phase_one: &[],
        words: Some(|wish| format!("write v{}", wish.number)),
        stands_one: 3,
        theory: |n| {
            const RULES: &str = "Raft, section 5.3 and Figure 2";
            let mut theories = vec![
                exact(Row::Messages, 2 * (n - 1), "2(n-1)", RULES),
                exact(Row::Delays, if n > 1 { 2 } else { 0 }, "2", RULES),
                exact(Row::ForcedWrites, n, "n", "Raft, Figure 2: the log is persisted before answering"),
                exact(Row::LazyWrites, 0, "0", "Raft, Figure 2: what is committed is not written down"),
            ];
            theories.extend(majority(n, "Raft, section 2: any majority"));
            theories
        },
        elsewhere: &[],
        unsolvable: None,
    }
}

fn paxos() -> Description {
    Description {
        protocol: "paxos",
        title: "Paxos, single decree",
        problem: Problem::Consensus,
        decides: "decided",
        acknowledgements: &[],
        acknowledgements_within: false,
        phase_one: &["prepare", "promise"],
        words: Some(|wish| format!("propose v{}", wish.number)),
        stands_one: 3,
        theory: |n| {
            const LEARNERS: &str =
                "PMS 2.2 and 2.3: each acceptor tells each learner; the proposer tells all";
            let several = n > 1;
            let mut theories = vec![
                exact(Row::Messages, (n - 1) * (n + 4), "(n-1)(n+4)", LEARNERS),
                exact(Row::MessagesWithoutPhaseOne, (n - 1) * (n + 2), "(n-1)(n+2)", LEARNERS),
                exact(Row::Delays, if several { 4 } else { 0 }, "4", "PMS 2.2: two round trips"),
                exact(Row::DelaysToLast, if several { 4 } else { 0 }, "4", "PMS 2.3"),
                exact(Row::ForcedWrites, 2 * n + 1, "2n+1", "PMS 2.5: promise, acceptance, ballot number"),
            ];
            theories.extend(majority(n, "PMS 2.2: any majority of acceptors"));
            theories
        },
        elsewhere: &[],
        unsolvable: None,
    }
}

fn multi_paxos() -> Description {
    Description {
        protocol: "multi-paxos",
        title: "Multi-Paxos",
        problem: Problem::Log,
        decides: "applies",
        acknowledgements: &[],
        acknowledgements_within: false,
        phase_one: &["prepare", "promise"],
        words: Some(|wish| format!("write v{}", wish.number)),
        stands_one: 3,
        theory: |n| {
            const STABLE: &str = "PMS 3: phase 1 once for all slots; a command needs phase 2 only";
            let mut theories = vec![
                exact(Row::Messages, 2 * (n - 1), "2(n-1)", STABLE),
                exact(Row::MessagesWithoutPhaseOne, 2 * (n - 1), "2(n-1)", STABLE),
                exact(Row::Delays, if n > 1 { 2 } else { 0 }, "2", STABLE),
                exact(Row::ForcedWrites, n, "n", "PMS 2.5: acceptances; no ballot number is new"),
                exact(Row::LazyWrites, 0, "0", "what is chosen is written with the next acceptance"),
            ];
            theories.extend(majority(n, "PMS 2.2: any majority of acceptors"));
            theories
        },
        elsewhere: &[],
        unsolvable: None,
    }
}

fn pbft() -> Description {
    Description {
        protocol: "pbft",
        title: "PBFT",
        problem: Problem::Log,
        decides: "applies",
        acknowledgements: &[],
        acknowledgements_within: false,
        phase_one: &[],
        words: Some(|wish| format!("write v{}", wish.number)),
        stands_one: 4,
        theory: |n| {
            const PHASES: &str =
                "CL 4.2: pre-prepare to n-1; prepare of n-1 to n-1; commit of n to n-1; replies not counted";
            let f = n.saturating_sub(1) / 3;
            let stops = n + 1 - (n + f + 1).div_ceil(2);
            let others = if stops < n { Figure::whole(stops) } else { Figure::None };
            const QUORUM: &str = "CL 4.2: a quorum of ceil((n+f+1)/2), f = floor((n-1)/3); f+1 if n = 3f+1";
            let mut theories = vec![
                exact(Row::Messages, 2 * n * (n - 1), "2n(n-1)", PHASES),
                exact(Row::CrashesWithLeader, stops, "n+1 - quorum", QUORUM),
                Theory { row: Row::CrashesOfOthers, figure: others, formula: "n+1 - quorum", source: QUORUM },
            ];
            // Where nobody may lie, an assignment and one vote are a quorum, and phases merge.
            if f > 0 {
                theories.push(exact(Row::Delays, 3, "3", "CL 4.2: three phases"));
                theories.push(exact(Row::DelaysToLast, 3, "3", "CL 4.2: three phases"));
            }
            theories
        },
        elsewhere: &[(
            Row::ForcedWrites,
            "none: the paper's replicas keep their state in memory, and a crash is one of f faults (CL 2)",
        )],
        unsolvable: None,
    }
}

/// What stops a protocol that needs a majority: as many crashes as leave none.
fn majority(n: u64, source: &'static str) -> [Theory; 2] {
    let stops = n - n / 2;
    // Of a single node, there are no others.
    let others = if stops < n { Figure::whole(stops) } else { Figure::None };
    [
        exact(Row::CrashesWithLeader, stops, "n - floor(n/2)", source),
        Theory { row: Row::CrashesOfOthers, figure: others, formula: "n - floor(n/2)", source },
    ]
}

/// A transaction that appends to a list of each participant it is about; no two requests are about the same list.
fn appends(wish: Wish) -> String {
    let Wish { number, participants, reach } = wish;
    let count = u32::from(participants);
    let homes: Vec<u32> = match reach {
        Reach::Everybody => (0..count).collect(),
        Reach::Two if count == 1 => vec![0],
        Reach::Two => vec![number % count, (number + 1) % count],
    };
    let step = |home: u32| format!("append v{number} to x{}", number * count + home);
    homes.into_iter().map(step).collect::<Vec<_>>().join(", ")
}

/// What two-phase commit costs in another count: a participant begins with its own vote, and what a participant writes
/// when it is told is not counted. Section 3.2 was not at hand when this was written, so here is how the counts come
/// about, from the protocol of section 3: one participant sends the coordinator *Prepared* unasked (1), the coordinator
/// asks the others (N-1), they answer (N-1), and it tells all (N), which is 3N-1, one after the other in 4 delays. Beside
/// the coordinator the first and the last message of that participant stay within a node: 3N-3 and 3 delays. Before
/// *Prepared* each participant writes (N), and the coordinator writes what it decides (1).
const GRAY_AND_LAMPORT: &[(Row, &str)] = &[
    (Row::Messages, "3N-1, a participant sending its vote unasked; 3N-3 beside the coordinator (GL 3.2)"),
    (Row::DelaysToLast, "4 from that vote; 3 beside the coordinator (GL 3.2)"),
    (Row::ForcedWrites, "N+1 up to the decision (GL 3.2)"),
];

fn two_phase_commit() -> Description {
    Description {
        protocol: "2pc",
        title: "Two-phase commit",
        problem: Problem::Commit,
        decides: "decides",
        acknowledgements: &["acknowledgement"],
        acknowledgements_within: false,
        phase_one: &[],
        words: Some(appends),
        stands_one: 3,
        theory: |n| {
            const ROUNDS: &str = "BHG 7.4: VOTE-REQ, vote, decision";
            const RECORDS: &str = "R* 1986, section 3.1: presumed abort";
            vec![
                exact(Row::Messages, 3 * n, "3N", ROUNDS),
                exact(Row::Acknowledgements, n, "N", RECORDS),
                exact(Row::Delays, 2, "2", ROUNDS),
                exact(Row::DelaysToLast, 3, "3", ROUNDS),
                exact(Row::ForcedWrites, 2 * n + 1, "2N+1", RECORDS),
                exact(Row::LazyWrites, 1, "1", RECORDS),
                exact(Row::CrashesWithLeader, 1, "1", "BHG 7.4; Skeen 1981: it blocks"),
                Theory {
                    row: Row::CrashesOfOthers,
                    figure: Figure::None,
                    formula: "none",
                    source: "BHG 7.4: the coordinator times out and aborts",
                },
                Theory {
                    row: Row::Blocked,
                    figure: Figure::ForEver,
                    formula: "for ever",
                    source: "BHG 7.4: all that are up may be uncertain",
                },
            ]
        },
        elsewhere: GRAY_AND_LAMPORT,
        unsolvable: None,
    }
}

fn three_phase_commit() -> Description {
    Description {
        protocol: "3pc",
        title: "Three-phase commit",
        problem: Problem::Commit,
        decides: "decides",
        acknowledgements: &["ack"],
        acknowledgements_within: true,
        phase_one: &[],
        words: Some(appends),
        stands_one: 3,
        theory: |n| {
            const ROUNDS: &str = "BHG 7.5; Skeen 1981: VOTE-REQ, vote, PRE-COMMIT, ACK, COMMIT";
            // The textbook writes a yes and a decision of each participant, and the coordinator's decision: 2N+1. So that
            // the last to fail knows how it stood, PRE-COMMIT is written as well, by all N+1: hole 6 on the crate's page.
            const RECORDS: &str =
                "BHG 7.5: N votes, N+1 decisions; and N+1 times PRE-COMMIT, for a total failure";
            const NONBLOCKING: &str = "BHG 7.5; Skeen 1981: any but all of the N+1 processes";
            vec![
                exact(Row::Messages, 5 * n, "5N", ROUNDS),
                exact(Row::Acknowledgements, n, "N", ROUNDS),
                exact(Row::Delays, 4, "4", ROUNDS),
                exact(Row::DelaysToLast, 5, "5", ROUNDS),
                exact(Row::ForcedWrites, 3 * n + 2, "3N+2", RECORDS),
                exact(Row::LazyWrites, 0, "0", RECORDS),
                exact(Row::CrashesWithLeader, n + 1, "N+1", NONBLOCKING),
                Theory {
                    row: Row::CrashesOfOthers,
                    figure: Figure::None,
                    formula: "none",
                    source: NONBLOCKING,
                },
            ]
        },
        elsewhere: &[],
        unsolvable: None,
    }
}

fn two_generals() -> Description {
    Description {
        protocol: "two-generals",
        title: "Two generals",
        problem: Problem::Attack,
        decides: "attacks",
        acknowledgements: &[],
        acknowledgements_within: false,
        phase_one: &[],
        words: Some(|_| "attack at dawn".to_string()),
        stands_one: 3,
        // An exchange is as long as somebody wishes, and none is long enough.
        theory: |_| Vec::new(),
        elsewhere: &[],
        unsolvable: Some(
            "Gray 1978, 5.8.3.3.1, after Akkoyunlu, Ekanadham and Huber 1975: no protocol solves it",
        ),
    }
}
