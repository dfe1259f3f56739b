//! Locks with fencing tokens, and for each lock the resource that it protects.
//!
//! Burrows, *The Chubby lock service for loosely-coupled distributed systems* (2006), section 2.4 (sequencers);
//! Kleppmann, *How to do distributed locking* (2016). A lock is not reentrant: who asks again while holding it is told
//! that it is held.
//!
//! Calls are drawn before anyone knows a token, so they say *who* asks. Lock and resource are one object here, so the
//! resource can look up what a client's token would have told it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

use super::{LockId, Token, Who};

/// What a lock is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockCall {
    /// Give this lock to that client, if it is free.
    Acquire {
        /// Which lock.
        lock: LockId,
        /// Who asks.
        who: Who,
    },
    /// Take the lock back from that client, if they hold it.
    Release {
        /// Which lock.
        lock: LockId,
        /// Who asks.
        who: Who,
    },
    /// Write to what the lock protects, if that client holds it.
    Guarded {
        /// Which lock.
        lock: LockId,
        /// Who asks.
        who: Who,
    },
    /// Who holds this lock?
    Holder(LockId),
}

/// What a lock answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockOutcome {
    /// It was free, and is theirs now, under this token. `None` only from a lock elsewhere that shows no tokens.
    Granted(Option<Token>),
    /// It is held, and nothing changed: by them. `None` only from a lock elsewhere that does not say.
    Held(Option<Who>),
    /// It was theirs, and is free now.
    Released,
    /// It was not theirs, and nothing changed.
    NotYours,
    /// Written.
    Accepted {
        /// Under this token.
        token: Token,
        /// As the write with this number since the beginning, from 1: a doubled one shows.
        write: u32,
    },
    /// Not written: they do not hold the lock.
    Refused,
    /// Who holds it, and under which token; `None` when it is free.
    Holder(Option<(Who, Token)>),
}

/// The locks, and what they protect.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Locks(BTreeMap<LockId, Lock>);

/// One lock, and the resource that it protects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Lock {
    holder: Option<Who>,
    /// The token of the last grant; 0 before the first one.
    token: Token,
    /// How many writes the resource has accepted.
    writes: u32,
}

impl Locks {
    /// One lock in some state.
    pub(super) fn of_one(lock: LockId, holder: Option<Who>, token: Token, writes: u32) -> Self {
        Self(BTreeMap::from([(lock, Lock { holder, token, writes })]))
    }

    /// Whether calls could turn these locks into the others: tokens and writes only grow, a lock that was not
    /// granted again is still held by the same client or by nobody, and nobody writes without a lock.
    pub(super) fn may_become(&self, other: &Self) -> bool {
        self.0.iter().all(|(id, lock)| other.0.get(id).is_some_and(|later| lock.may_become(later)))
    }

    /// Applies a call.
    pub fn apply(&mut self, call: &LockCall) -> LockOutcome {
        match *call {
            LockCall::Acquire { lock, who } => self.acquire(lock, who),
            LockCall::Release { lock, who } => {
                let Some(held) = self.held(lock, who) else { return LockOutcome::NotYours };
                held.holder = None;
                LockOutcome::Released
            }
            LockCall::Guarded { lock, who } => {
                let Some(held) = self.held(lock, who) else { return LockOutcome::Refused };
                held.writes += 1;
                LockOutcome::Accepted { token: held.token, write: held.writes }
            }
            LockCall::Holder(lock) => self.holder(lock),
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &LockCall) -> Option<LockOutcome> {
        match *call {
            LockCall::Acquire { .. } | LockCall::Release { .. } | LockCall::Guarded { .. } => None,
            LockCall::Holder(lock) => Some(self.holder(lock)),
        }
    }

    fn acquire(&mut self, lock: LockId, who: Who) -> LockOutcome {
        let lock = self.0.entry(lock).or_default();
        if lock.holder.is_some() {
            return LockOutcome::Held(lock.holder);
        }
        lock.holder = Some(who);
        lock.token.0 += 1;
        LockOutcome::Granted(Some(lock.token))
    }

    fn holder(&self, lock: LockId) -> LockOutcome {
        let lock = self.0.get(&lock).copied().unwrap_or_default();
        LockOutcome::Holder(lock.holder.map(|who| (who, lock.token)))
    }

    /// The lock, if that client holds it.
    fn held(&mut self, lock: LockId, who: Who) -> Option<&mut Lock> {
        self.0.get_mut(&lock).filter(|lock| lock.holder == Some(who))
    }
}

impl Lock {
    fn may_become(&self, later: &Self) -> bool {
        let is_same_grant = self.token == later.token;
        let keeps_holder = match (self.holder, later.holder) {
            (_, None) => true,
            (holder, later) => holder == later,
        };
        let keeps_writes = self.holder.is_some() || self.writes == later.writes;
        self.token <= later.token
            && self.writes <= later.writes
            && (!is_same_grant || (keeps_holder && keeps_writes))
    }
}

impl LockCall {
    /// Whether it never changes the locks or what they protect.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, LockCall::Holder(_))
    }

    /// The lock that it is about.
    #[must_use]
    pub const fn lock(&self) -> LockId {
        match *self {
            LockCall::Acquire { lock, .. }
            | LockCall::Release { lock, .. }
            | LockCall::Guarded { lock, .. }
            | LockCall::Holder(lock) => lock,
        }
    }
}

impl LockOutcome {
    /// Whether a client that was told `seen` may have been told this: a lock elsewhere may show no token, and may not
    /// say who holds it.
    #[must_use]
    pub fn agrees(&self, seen: &LockOutcome) -> bool {
        match (self, seen) {
            (LockOutcome::Granted(_), LockOutcome::Granted(None))
            | (LockOutcome::Held(_), LockOutcome::Held(None)) => true,
            _ => self == seen,
        }
    }
}

impl Display for LockCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockCall::Acquire { lock, who } => write!(f, "acquire {lock} for {who}"),
            LockCall::Release { lock, who } => write!(f, "release {lock} of {who}"),
            LockCall::Guarded { lock, who } => write!(f, "write under {lock} by {who}"),
            LockCall::Holder(lock) => write!(f, "holder of {lock}"),
        }
    }
}

impl Display for LockOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockOutcome::Granted(Some(token)) => write!(f, "granted with token {token}"),
            LockOutcome::Granted(None) => f.write_str("granted"),
            LockOutcome::Held(Some(who)) => write!(f, "held by {who}"),
            LockOutcome::Held(None) => f.write_str("held"),
            LockOutcome::Released => f.write_str("released"),
            LockOutcome::NotYours => f.write_str("not yours"),
            LockOutcome::Accepted { token, write } => write!(f, "write {write} with token {token}"),
            LockOutcome::Refused => f.write_str("refused: not yours"),
            LockOutcome::Holder(Some((who, token))) => write!(f, "{who} with token {token}"),
            LockOutcome::Holder(None) => f.write_str("nobody"),
        }
    }
}

impl Fingerprint for LockCall {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (variant, lock, who) = match *self {
            LockCall::Acquire { lock, who } => (0, lock, who),
            LockCall::Release { lock, who } => (1, lock, who),
            LockCall::Guarded { lock, who } => (2, lock, who),
            LockCall::Holder(lock) => (3, lock, Who(0)),
        };
        into.mark(variant);
        into.pair(u64::from(lock.0), u64::from(who.0));
    }
}

impl Fingerprint for LockOutcome {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            LockOutcome::Granted(token) => {
                into.mark(1);
                token.fingerprint(into);
            }
            LockOutcome::Held(who) => {
                into.mark(2);
                who.fingerprint(into);
            }
            LockOutcome::Released => into.mark(3),
            LockOutcome::NotYours => into.mark(4),
            LockOutcome::Accepted { token, write } => {
                into.mark(5);
                into.pair(u64::from(token.0), u64::from(*write));
            }
            LockOutcome::Refused => into.mark(6),
            LockOutcome::Holder(None) => into.mark(7),
            LockOutcome::Holder(Some((who, token))) => {
                into.mark(8);
                into.pair(u64::from(who.0), u64::from(token.0));
            }
        }
    }
}

impl Fingerprint for Locks {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.0.len() as u64);
        for (name, lock) in &self.0 {
            name.fingerprint(into);
            lock.holder.fingerprint(into);
            into.pair(u64::from(lock.token.0), u64::from(lock.writes));
        }
    }
}
