//! What is on a node's disk.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

use super::entry::{Contents, Whole};
use super::round::{Round, Stop};

/// One operation of the crate on its storage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Write {
    /// Entries at the end of the log.
    Append(Vec<Command>),
    /// Entries in the place of everything from a position on.
    AppendOnPrefix(u64, Vec<Command>),
    /// The round that was promised.
    Promise(Round),
    /// How much of the log is decided.
    Decided(u64),
    /// The round in which entries were accepted last.
    AcceptedRound(Round),
    /// How much of the log is compacted.
    Compacted(u64),
    /// Entries at the beginning of the log are removed, up to this position.
    Trim(u64),
    /// The stop sign, or that there is none.
    StopSign(Option<Stop>),
    /// The snapshot, or that there is none.
    Snapshot(Option<Contents>),
}

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The node was started for this time, from 1: what tells its connections from earlier ones.
    Boot(u32),
    /// What the crate wrote at once, into the area of one configuration.
    Batch {
        /// The configuration.
        configuration: u32,
        /// The operations, in order.
        writes: Vec<Write>,
    },
    /// The application's own state, saved before the log below it is trimmed.
    Checkpoint(Box<Whole>),
}

impl Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Write::Append(entries) => match entries.as_slice() {
                [command] => write!(f, "append {command}"),
                _ => write!(f, "append {} entries", entries.len()),
            },
            Write::AppendOnPrefix(from, entries) => {
                write!(f, "put {} entries in the place of all from {from} on", entries.len())
            }
            Write::Promise(round) => write!(f, "promise {round}"),
            Write::Decided(index) => write!(f, "{index} decided"),
            Write::AcceptedRound(round) => write!(f, "accepted in {round}"),
            Write::Compacted(index) => write!(f, "{index} compacted"),
            Write::Trim(index) => write!(f, "trim up to {index}"),
            Write::StopSign(Some(stop)) => stop.fmt(f),
            Write::StopSign(None) => f.write_str("no stop sign"),
            Write::Snapshot(Some(contents)) => write!(f, "snapshot of {contents}"),
            Write::Snapshot(None) => f.write_str("no snapshot"),
        }
    }
}

impl Fingerprint for Write {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Write::Append(entries) => {
                into.mark(0);
                entries.fingerprint(into);
            }
            Write::AppendOnPrefix(from, entries) => {
                into.mark(1);
                from.fingerprint(into);
                entries.fingerprint(into);
            }
            Write::Promise(round) => {
                into.mark(2);
                round.fingerprint(into);
            }
            Write::Decided(index) => into.pair(3, *index),
            Write::AcceptedRound(round) => {
                into.mark(4);
                round.fingerprint(into);
            }
            Write::Compacted(index) => into.pair(5, *index),
            Write::Trim(index) => into.pair(6, *index),
            Write::StopSign(stop) => {
                into.mark(7);
                stop.fingerprint(into);
            }
            Write::Snapshot(contents) => {
                into.mark(8);
                contents.fingerprint(into);
            }
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Boot(boot) => write!(f, "boot {boot}"),
            Record::Batch { configuration, writes } => {
                if *configuration > 1 {
                    write!(f, "in configuration {configuration}: ")?;
                }
                for (position, one) in writes.iter().enumerate() {
                    write!(f, "{}{one}", if position == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Record::Checkpoint(whole) => write!(f, "checkpoint of all up to {}", whole.index),
        }
    }
}

impl Fingerprint for Record {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Boot(boot) => into.pair(1, u64::from(*boot)),
            Record::Batch { configuration, writes } => {
                into.pair(2, u64::from(*configuration));
                writes.fingerprint(into);
            }
            Record::Checkpoint(whole) => {
                into.mark(3);
                whole.fingerprint(into);
            }
        }
    }
}
