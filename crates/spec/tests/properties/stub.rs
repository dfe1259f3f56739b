//! A protocol of which only the types matter.

use std::fmt;

use quarrel_protocol::{
    Announcement, Effects, Fingerprint, Fingerprinter, Input, Kinded, Message, NodeId, Nothing, Protocol,
    Summary,
};
use quarrel_spec::machine::{Call, Kind};
use quarrel_spec::replicated_log::{Output, Reply, RunsMachine};
use serde::{Deserialize, Serialize};

/// A replicated log that does nothing.
pub(crate) struct Log;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Config;

impl RunsMachine for Config {
    fn machine(&self) -> Kind {
        Kind::Register
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Word;

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("word")
    }
}

impl Fingerprint for Word {
    fn fingerprint(&self, _: &mut Fingerprinter) {}
}

impl Kinded for Word {
    const KINDS: &'static [&'static str] = &["word"];

    fn kind(&self) -> usize {
        0
    }
}

impl Message for Word {}

impl Announcement for Word {
    const FIELDS: &'static [&'static [&'static str]] = &[&[]];

    fn field(&self, _: usize) -> u64 {
        0
    }

    fn is_milestone(&self) -> bool {
        false
    }
}

impl Protocol for Log {
    const NAME: &'static str = "log";
    type Config = Config;
    type Request = Call;
    type Reply = Reply;
    type Output = Output;
    type Admin = Nothing;
    type Message = Word;
    type Timer = Word;
    type Record = Word;
    type Event = Word;

    fn recover(_: &Config, _: NodeId, _: &[Word], _: &mut Effects<Self>) -> Self {
        Self
    }

    fn step(&mut self, _: Input<Self>, _: &mut Effects<Self>) {}

    fn assert_invariants(&self) {}

    fn summary(&self) -> Summary {
        Summary::default()
    }
}
