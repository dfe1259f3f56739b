//! A registry of members, with a version that rises by one with each change.
//!
//! The group view of Birman and Joseph, *Exploiting Virtual Synchrony in Distributed Systems* (1987), as an object:
//! everyone sees the same views in the same order.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

use super::Member;

/// What a registry is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipCall {
    /// Enter this one.
    Join(Member),
    /// Strike this one out.
    Leave(Member),
    /// Is this one in it?
    IsMember(Member),
    /// Who is in it?
    Members,
}

/// What a registry answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipOutcome {
    /// Entered.
    Joined,
    /// It was in it before, and nothing changed.
    AlreadyIn,
    /// Struck out.
    Left,
    /// It was not in it, and nothing changed.
    NotIn,
    /// Whether it is in it.
    IsMember(bool),
    /// Who is in it.
    Members {
        /// How many changes there have been.
        version: u64,
        /// In their order.
        members: Vec<Member>,
    },
}

/// The registry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// None where nobody asks.
    version: Option<u64>,
    members: BTreeSet<Member>,
}

impl Default for Membership {
    fn default() -> Self {
        Self { version: Some(0), members: BTreeSet::new() }
    }
}

impl Membership {
    /// A registry that counts no changes, for those who never ask for its version.
    pub(super) const fn without_version() -> Self {
        Self { version: None, members: BTreeSet::new() }
    }

    /// A registry that counts no changes, and who is in it.
    pub(super) fn of_one(member: Option<Member>) -> Self {
        Self { version: None, members: member.into_iter().collect() }
    }

    /// A registry at this version, and who is in it.
    pub(super) fn of_all(version: u64, members: &[Member]) -> Self {
        Self { version: Some(version), members: members.iter().copied().collect() }
    }

    /// Applies a call.
    pub fn apply(&mut self, call: &MembershipCall) -> MembershipOutcome {
        match *call {
            MembershipCall::Join(member) => {
                if !self.members.insert(member) {
                    return MembershipOutcome::AlreadyIn;
                }
                self.count();
                MembershipOutcome::Joined
            }
            MembershipCall::Leave(member) => {
                if !self.members.remove(&member) {
                    return MembershipOutcome::NotIn;
                }
                self.count();
                MembershipOutcome::Left
            }
            MembershipCall::IsMember(member) => self.is_member(member),
            MembershipCall::Members => self.members(),
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &MembershipCall) -> Option<MembershipOutcome> {
        match *call {
            MembershipCall::Join(_) | MembershipCall::Leave(_) => None,
            MembershipCall::IsMember(member) => Some(self.is_member(member)),
            MembershipCall::Members => Some(self.members()),
        }
    }

    fn count(&mut self) {
        self.version = self.version.map(|version| version + 1);
    }

    fn is_member(&self, member: Member) -> MembershipOutcome {
        MembershipOutcome::IsMember(self.members.contains(&member))
    }

    fn members(&self) -> MembershipOutcome {
        MembershipOutcome::Members {
            version: self.version.unwrap_or_default(),
            members: self.members.iter().copied().collect(),
        }
    }
}

impl MembershipCall {
    /// Whether it never changes the registry.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, MembershipCall::IsMember(_) | MembershipCall::Members)
    }

    /// The member that it is about, if it is about only one. The version is of all of them, but only a call that is
    /// about all of them can see it.
    #[must_use]
    pub const fn member(&self) -> Option<Member> {
        match *self {
            MembershipCall::Join(member)
            | MembershipCall::Leave(member)
            | MembershipCall::IsMember(member) => Some(member),
            MembershipCall::Members => None,
        }
    }
}

impl Display for MembershipCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MembershipCall::Join(member) => write!(f, "join {member}"),
            MembershipCall::Leave(member) => write!(f, "leave {member}"),
            MembershipCall::IsMember(member) => write!(f, "is {member} a member"),
            MembershipCall::Members => f.write_str("members"),
        }
    }
}

impl Display for MembershipOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MembershipOutcome::Joined => f.write_str("joined"),
            MembershipOutcome::AlreadyIn => f.write_str("already a member"),
            MembershipOutcome::Left => f.write_str("left"),
            MembershipOutcome::NotIn => f.write_str("not a member"),
            MembershipOutcome::IsMember(true) => f.write_str("yes"),
            MembershipOutcome::IsMember(false) => f.write_str("no"),
            MembershipOutcome::Members { version, members } => {
                write!(f, "version {version}: ")?;
                super::list(f, members)
            }
        }
    }
}

impl Fingerprint for MembershipCall {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (variant, member) = match *self {
            MembershipCall::Join(member) => (0, member),
            MembershipCall::Leave(member) => (1, member),
            MembershipCall::IsMember(member) => (2, member),
            MembershipCall::Members => return into.mark(3),
        };
        into.mark(variant);
        member.fingerprint(into);
    }
}

impl Fingerprint for MembershipOutcome {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            MembershipOutcome::Joined => into.mark(1),
            MembershipOutcome::AlreadyIn => into.mark(2),
            MembershipOutcome::Left => into.mark(3),
            MembershipOutcome::NotIn => into.mark(4),
            MembershipOutcome::IsMember(is_member) => into.mark(5 + u64::from(*is_member)),
            MembershipOutcome::Members { version, members } => {
                into.mark(7);
                version.fingerprint(into);
                members.fingerprint(into);
            }
        }
    }
}

impl Fingerprint for Membership {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.members.len() as u64);
        self.version.fingerprint(into);
        self.members.iter().for_each(|member| member.fingerprint(into));
    }
}
