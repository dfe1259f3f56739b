//! Client sessions: a command that is retried takes effect once.
//!
//! Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 6.3.

use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter, RequestId};
use serde::{Deserialize, Serialize};

use crate::machine::{Call, Kind, Machine, Outcome};

/// Whose command it is: the client, its number for the command, and the oldest number it still waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Who asks.
    pub client: ClientId,
    /// The client's number for this command. A retry repeats it; a later command has a higher one.
    pub serial: RequestId,
    /// The oldest command that the client still waits for: outcomes of earlier ones may be forgotten.
    pub oldest: RequestId,
}

/// A command as it stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Whose it is.
    pub session: Session,
    /// What the state machine is asked.
    pub call: Call,
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s {}: {}", self.session.client, self.session.serial, self.call)
    }
}

impl Fingerprint for Command {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let Session { client, serial, oldest } = self.session;
        into.pair(u64::from(client.0) << 32 | u64::from(serial.0), u64::from(oldest.0));
        self.call.fingerprint(into);
    }
}

/// Where a command took effect, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The position in the log at which it was applied first.
    pub index: u64,
    /// What the state machine answered.
    pub outcome: Outcome,
}

/// Whether a replica remembers which commands it has applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Memory {
    /// As it should.
    #[default]
    Kept,
    /// Only a deliberate flaw forgets: a retried command takes effect again.
    Forgotten,
}

/// A state machine behind sessions: what a replica of a log applies commands to. All of it is what a snapshot holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Replica {
    machine: Machine,
    sessions: Vec<Open>,
    memory: Memory,
}

/// One client's session.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Open {
    /// No command below this number is applied any more: the client has stopped waiting for it.
    oldest: RequestId,
    /// Commands that were applied and whose client may still ask, in the order of their numbers.
    applied: Vec<(RequestId, Receipt)>,
}

impl Open {
    /// Where the receipt of a command is, or where it belongs. Mostly the command is the client's latest.
    #[inline(always)]
    fn find(&self, serial: RequestId) -> Result<usize, usize> {
        match self.applied.last() {
            Some(&(last, _)) if last >= serial => self.search(serial),
            _ => Err(self.applied.len()),
        }
    }

    #[inline(never)]
    fn search(&self, serial: RequestId) -> Result<usize, usize> {
        self.applied.binary_search_by_key(&serial, |&(serial, _)| serial)
    }

    /// Puts a receipt where it belongs.
    #[inline]
    fn insert(&mut self, position: usize, serial: RequestId, receipt: Receipt) {
        if position == self.applied.len() {
            self.applied.push((serial, receipt));
        } else {
            self.applied.insert(position, (serial, receipt));
        }
    }
}

impl Replica {
    /// A replica that has applied nothing.
    #[must_use]
    pub fn new(kind: Kind, memory: Memory) -> Self {
        Self { machine: Machine::new(kind), sessions: Vec::new(), memory }
    }

    /// Applies the command at `index` of the log, unless it was applied before; then it only says what came of it.
    /// `None` for a command whose client has stopped waiting: it has no effect.
    pub fn apply(&mut self, index: u64, command: &Command) -> Option<Receipt> {
        let Session { client, serial, oldest } = command.session;
        if self.memory == Memory::Forgotten {
            return Some(Receipt { index, outcome: self.machine.apply(&command.call) });
        }
        let client = usize::from(client.0);
        if self.sessions.len() <= client {
            self.sessions.resize_with(client + 1, Open::default);
        }
        let open = &mut self.sessions[client];
        if oldest > open.oldest {
            open.oldest = oldest;
            let forgotten = open.applied.iter().take_while(|&&(serial, _)| serial < oldest).count();
            open.applied.drain(..forgotten);
        }
        if serial < open.oldest {
            return None;
        }
        match open.find(serial) {
            Ok(position) => Some(open.applied[position].1.clone()),
            Err(position) => {
                let receipt = Receipt { index, outcome: self.machine.apply(&command.call) };
                let told = receipt.clone();
                open.insert(position, serial, receipt);
                Some(told)
            }
        }
    }

    /// The same machine with all sessions gone: a snapshot of this is what a deliberate flaw takes.
    #[must_use]
    pub fn without_sessions(&self) -> Self {
        Self { machine: self.machine.clone(), sessions: Vec::new(), memory: self.memory }
    }

    /// What came of a command, if it was applied and its client may still ask.
    #[must_use]
    pub fn applied(&self, client: ClientId, serial: RequestId) -> Option<&Receipt> {
        let open = self.sessions.get(usize::from(client.0))?;
        let position = open.find(serial).ok()?;
        Some(&open.applied[position].1)
    }

    /// Whether a command has no effect any more, because its client has stopped waiting for it.
    #[must_use]
    pub fn forgets(&self, client: ClientId, serial: RequestId) -> bool {
        self.sessions.get(usize::from(client.0)).is_some_and(|open| serial < open.oldest)
    }

    /// What a read finds now.
    ///
    /// # Panics
    /// When the call is not a read.
    #[must_use]
    pub fn peek(&self, call: &Call) -> Outcome {
        self.machine.peek(call).expect("only a read changes nothing")
    }
}

impl Fingerprint for Receipt {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.index.fingerprint(into);
        self.outcome.fingerprint(into);
    }
}

impl Fingerprint for Replica {
    /// Tells states of one machine apart: two replicas that applied the same log have the same fingerprint.
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.machine.fingerprint(into);
        into.mark(self.sessions.len() as u64);
        for Open { oldest, applied } in &self.sessions {
            oldest.fingerprint(into);
            into.mark(applied.len() as u64);
            for (serial, receipt) in applied {
                serial.fingerprint(into);
                receipt.fingerprint(into);
            }
        }
    }
}
