//! What was measured of one protocol.

use quarrel_protocol::{PropertyKind, Violation};

use super::description::{Description, Problem, Theory};
use super::{Part, Plan};

/// What was measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Row {
    /// Messages that a decision causes, acknowledgements that nothing waits for apart.
    Messages,
    /// Acknowledgements that a decision causes.
    Acknowledgements,
    /// Messages of a decision whose first phase was done beforehand.
    MessagesWithoutPhaseOne,
    /// Bytes of those messages.
    Bytes,
    /// Bytes of those acknowledgements.
    AcknowledgementBytes,
    /// Messages in a second without any request.
    IdleMessages,
    /// Message delays from a request's arrival to the decision there.
    Delays,
    /// Message delays until the last node has decided.
    DelaysToLast,
    /// Disk writes of a decision that something waits for.
    ForcedWrites,
    /// Disk writes of a decision that nothing waits for.
    LazyWrites,
    /// The fewest simultaneous crashes, the leader's among them, that stop it.
    CrashesWithLeader,
    /// The fewest simultaneous crashes of others that stop it.
    CrashesOfOthers,
    /// The longest time without a decision after the leader has crashed for good, in milliseconds.
    Blocked,
    /// The same when it comes back after two seconds.
    BlockedReturning,
    /// Operations completed while a minority without the leader is cut off.
    MinorityOfOthers,
    /// Operations completed while a minority with the leader is cut off.
    MinorityWithLeader,
    /// Operations completed while a majority is down and the leader is not.
    MajorityOfOthers,
    /// Operations completed while a majority is down, the leader among it.
    MajorityWithLeader,
}

impl Row {
    /// All rows, in the order of a table.
    pub const ALL: [Self; 18] = [
        Row::Messages,
        Row::Acknowledgements,
        Row::MessagesWithoutPhaseOne,
        Row::Bytes,
        Row::AcknowledgementBytes,
        Row::IdleMessages,
        Row::Delays,
        Row::DelaysToLast,
        Row::ForcedWrites,
        Row::LazyWrites,
        Row::CrashesWithLeader,
        Row::CrashesOfOthers,
        Row::Blocked,
        Row::BlockedReturning,
        Row::MinorityOfOthers,
        Row::MinorityWithLeader,
        Row::MajorityOfOthers,
        Row::MajorityWithLeader,
    ];

    /// The name for tools.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Row::Messages => "messages",
            Row::Acknowledgements => "acknowledgements",
            Row::MessagesWithoutPhaseOne => "messages_without_phase_1",
            Row::Bytes => "bytes",
            Row::AcknowledgementBytes => "acknowledgement_bytes",
            Row::IdleMessages => "idle_messages_per_second",
            Row::Delays => "delays",
            Row::DelaysToLast => "delays_to_last",
            Row::ForcedWrites => "forced_writes",
            Row::LazyWrites => "lazy_writes",
            Row::CrashesWithLeader => "crashes_that_stop_it_with_leader",
            Row::CrashesOfOthers => "crashes_that_stop_it_without_leader",
            Row::Blocked => "blocked_milliseconds",
            Row::BlockedReturning => "blocked_milliseconds_leader_returns",
            Row::MinorityOfOthers => "completed_minority_cut_off_without_leader",
            Row::MinorityWithLeader => "completed_minority_cut_off_with_leader",
            Row::MajorityOfOthers => "completed_majority_down_without_leader",
            Row::MajorityWithLeader => "completed_majority_down_with_leader",
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Row::Messages => "messages",
            Row::Acknowledgements => "acknowledgements",
            Row::MessagesWithoutPhaseOne => "messages without phase 1",
            Row::Bytes => "bytes",
            Row::AcknowledgementBytes => "bytes of acknowledgements",
            Row::IdleMessages => "idle messages a second",
            Row::Delays => "delays to the decision",
            Row::DelaysToLast => "delays to the last node",
            Row::ForcedWrites => "forced writes",
            Row::LazyWrites => "lazy writes",
            Row::CrashesWithLeader => "crashes that stop: leader +",
            Row::CrashesOfOthers => "crashes that stop: others",
            Row::Blocked => "blocked, leader gone (ms)",
            Row::BlockedReturning => "blocked, back in 2 s (ms)",
            Row::MinorityOfOthers => "done, minority cut: others",
            Row::MinorityWithLeader => "done, minority cut: leader +",
            Row::MajorityOfOthers => "done, majority down: others",
            Row::MajorityWithLeader => "done, majority down: leader +",
        }
    }
}

/// A number that was measured, or why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// From the least to the most, in thousandths; equal where every decision came to the same.
    Count {
        /// The least, in thousandths.
        least: u64,
        /// The most, in thousandths.
        most: u64,
    },
    /// So many of so many.
    Share {
        /// How many were done.
        done: u64,
        /// How many were answered besides: nothing was done, as of a transaction that is aborted.
        aborted: u64,
        /// How many were asked for.
        asked: u64,
    },
    /// As long as anybody looked.
    ForEver,
    /// There is no such number: none does.
    None,
    /// It cannot be asked in this cluster.
    Moot,
}

impl Figure {
    /// A whole number.
    #[must_use]
    pub const fn whole(number: u64) -> Self {
        Figure::Count { least: number * 1000, most: number * 1000 }
    }

    /// The range of these thousandths; [`Figure::Moot`] without any.
    #[must_use]
    pub fn of(thousandths: &[u64]) -> Self {
        match (thousandths.iter().min(), thousandths.iter().max()) {
            (Some(&least), Some(&most)) => Figure::Count { least, most },
            _ => Figure::Moot,
        }
    }
}

/// One figure, and what theory has beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// What was measured.
    pub measured: Figure,
    /// What theory says, if it says something.
    pub theory: Option<Theory>,
    /// What others have who count otherwise, and where.
    pub elsewhere: Option<&'static str>,
    /// What must be known to read it.
    pub note: Option<String>,
}

impl From<Figure> for Cell {
    fn from(measured: Figure) -> Self {
        Self { measured, theory: None, elsewhere: None, note: None }
    }
}

/// How often a kind of message is sent for one decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kind {
    /// The kind.
    pub name: &'static str,
    /// How many messages.
    pub messages: Figure,
    /// How many bytes.
    pub bytes: Figure,
}

/// How the protocol did with one class of faults on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The class.
    pub class: &'static str,
    /// How many runs there were.
    pub runs: u64,
    /// In how many of them such a fault changed something.
    pub struck: u64,
    /// What was violated, and in how many runs; the property that matters most first.
    pub violations: Vec<(String, u64)>,
    /// In how many runs something struck that the protocol does not promise to live with.
    pub strayed: u64,
    /// In how many runs something was violated although nothing of the kind had struck: mistakes.
    pub inside: u64,
    /// The lowest seed in which something was violated outside the model, and what had struck there: other runs may have
    /// other reasons. `None` if there was nothing of the kind.
    pub outside: Option<(u64, Vec<String>)>,
}

impl Verdict {
    pub(super) fn new(class: &'static str) -> Self {
        Self { class, runs: 0, struck: 0, violations: Vec::new(), strayed: 0, inside: 0, outside: None }
    }

    /// Notes runs that broke something, `outside` of them outside the model: the lowest seed, and its reasons. That
    /// somebody waits is no matter of safety.
    pub(super) fn note(
        &mut self,
        violation: &Violation,
        runs: u64,
        outside: u64,
        told: Option<(u64, &[String])>,
    ) {
        if !violation.kind.counts() || violation.kind == PropertyKind::Liveness {
            return;
        }
        self.inside += runs - outside;
        // Reasons are those of a run inside the model if there is one: then there are none.
        if let Some((seed, reasons)) = told.filter(|(_, reasons)| !reasons.is_empty())
            && self.outside.as_ref().is_none_or(|(lowest, _)| seed < *lowest)
        {
            self.outside = Some((seed, reasons.to_vec()));
        }
        match self.violations.iter_mut().find(|(property, _)| *property == violation.property) {
            Some((_, known)) => *known += runs,
            None => self.violations.push((violation.property.clone(), runs)),
        }
    }
}

/// All that was measured of one protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sheet {
    /// Its name.
    pub protocol: String,
    /// Its name in full.
    pub title: String,
    /// What it solves.
    pub problem: Problem,
    /// How many participants of a commit, or replicas of anything else.
    pub participants: u8,
    /// How many nodes it was measured on.
    pub nodes: u8,
    /// Which kinds of messages are acknowledgements.
    pub acknowledgements: &'static [&'static str],
    /// Whether a decision waits for them: they are then among its messages.
    pub acknowledgements_within: bool,
    /// Where it is proved that nothing solves the problem.
    pub unsolvable: Option<&'static str>,
    /// What a decision is made of.
    pub kinds: Vec<Kind>,
    /// The figures, in the order of [`Row::ALL`].
    pub cells: Vec<(Row, Cell)>,
    /// The verdicts, class by class.
    pub verdicts: Vec<Verdict>,
}

impl Sheet {
    pub(super) fn new(description: &Description, plan: &Plan) -> Self {
        Self {
            protocol: description.protocol.to_string(),
            title: description.title.to_string(),
            problem: description.problem,
            participants: description.participants(plan.participants),
            nodes: description.nodes(plan.participants),
            acknowledgements: description.acknowledgements,
            acknowledgements_within: description.acknowledgements_within,
            unsolvable: description.unsolvable,
            kinds: Vec::new(),
            cells: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, part: Part) {
        let Part { cells, verdicts, kinds } = part;
        self.cells.extend(cells);
        self.cells.sort_by_key(|(row, _)| *row);
        self.verdicts.extend(verdicts);
        self.kinds.extend(kinds);
    }

    pub(super) fn compare_with(&mut self, theories: &[Theory], elsewhere: &[(Row, &'static str)]) {
        for &(row, words) in elsewhere {
            if let Some((_, cell)) = self.cells.iter_mut().find(|(there, _)| *there == row) {
                cell.elsewhere = Some(words);
            }
        }
        for theory in theories {
            if let Some((_, cell)) = self.cells.iter_mut().find(|(row, _)| *row == theory.row) {
                cell.theory = Some(theory.clone());
            }
        }
    }

    /// The figure of a row, if it was measured.
    #[must_use]
    pub fn cell(&self, row: Row) -> Option<&Cell> {
        self.cells.iter().find(|(there, _)| *there == row).map(|(_, cell)| cell)
    }
}
