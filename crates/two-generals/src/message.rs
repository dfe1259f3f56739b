//! What the generals send each other, and what they announce.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, Message};
use serde::{Deserialize, Serialize};

/// A messenger, by his number from 1: the first one proposes, each other one confirms that the one before him has
/// arrived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Messenger(pub u8);

impl Display for Messenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("messenger 1: let us attack at dawn"),
            number => write!(f, "messenger {number}: messenger {} has arrived", number.saturating_sub(1)),
        }
    }
}

impl Fingerprint for Messenger {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(u64::from(self.0));
    }
}

impl Kinded for Messenger {
    const KINDS: &'static [&'static str] = &["proposal", "confirmation"];

    fn kind(&self) -> usize {
        usize::from(self.0 != 1)
    }
}

impl Message for Messenger {
    fn size(&self) -> usize {
        1
    }
}

/// A general makes up his mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// How many messengers he has received by then.
    pub received: u8,
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received;
        write!(f, "makes up his mind to attack, having received {received} messenger")?;
        if received == 1 { Ok(()) } else { f.write_str("s") }
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(u64::from(self.received));
    }
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &["resolved"];

    fn kind(&self) -> usize {
        0
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[&["received"]];

    fn field(&self, _: usize) -> u64 {
        u64::from(self.received)
    }

    fn is_milestone(&self) -> bool {
        true
    }
}
