//! A protocol for tests whose nodes do nothing but what an operator asks: they stamp forms, and close.

use std::fmt;

use quarrel_formats::scenario::Complaint;
use quarrel_harness::dice::Dice;
use quarrel_harness::{Asker, NoInvariants, Operator, RawOptions, Setting, Subject};
use quarrel_protocol::{
    Announcement, Answer, ClientReply, Effects, Fingerprint, Fingerprinter, Input, Kinded, Message, NodeId,
    Protocol, Summary,
};
use quarrel_spec::NoService;
use serde::{Deserialize, Serialize};

/// A desk, which must not stamp once it is closed. It does.
pub(crate) struct Desk {
    is_closed: bool,
    stamped_late: bool,
}

/// What an operator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Task {
    Stamp { form: u32, by: NodeId },
    Close,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::Stamp { form, .. } => write!(f, "stamp form {form}"),
            Task::Close => f.write_str("close"),
        }
    }
}

impl Fingerprint for Task {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Task::Stamp { form, by } => into.pair(u64::from(*form), u64::from(by.0)),
            Task::Close => into.mark(1),
        }
    }
}

impl Kinded for Task {
    const KINDS: &'static [&'static str] = &["stamp", "close"];

    fn kind(&self) -> usize {
        match self {
            Task::Stamp { .. } => 0,
            Task::Close => 1,
        }
    }
}

/// All else that crosses the contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Word;

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nods")
    }
}

impl Fingerprint for Word {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(1);
    }
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

impl ClientReply for Word {
    fn answer(&self) -> Answer {
        Answer::Done
    }
}

impl Protocol for Desk {
    const NAME: &'static str = "desk";
    type Config = u8;
    type Request = Word;
    type Reply = Word;
    type Output = Word;
    type Admin = Task;
    type Message = Word;
    type Timer = Word;
    type Record = Word;
    type Event = Word;

    fn recover(_: &u8, _: NodeId, disk: &[Word], _: &mut Effects<Self>) -> Self {
        Self { is_closed: !disk.is_empty(), stamped_late: false }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Admin(Task::Close) => {
                self.is_closed = true;
                effects.persist(Word);
            }
            Input::Admin(Task::Stamp { .. }) => self.stamped_late |= self.is_closed,
            Input::Request { client, id, .. } => effects.reply(client, id, Word),
            Input::Message { .. } | Input::Timer(_) => {}
        }
    }

    fn assert_invariants(&self) {
        assert!(!self.stamped_late, "a desk that is closed stamps nothing");
    }

    fn summary(&self) -> Summary {
        Summary::default()
    }
}

impl Subject for Desk {
    type Invariants = NoInvariants;
    type Properties = NoInvariants;
    type Service = NoService;
    type Options = ();

    fn options(_: &RawOptions) -> Result<(), Complaint> {
        Ok(())
    }

    fn configure((): &(), setting: Setting<'_>, _: &mut Dice) -> u8 {
        setting.nodes
    }

    fn request(_: &mut Asker<'_>) -> Word {
        Word
    }

    fn order(operator: &mut Operator<'_, Self>) -> Task {
        assert_eq!(*operator.config, operator.nodes);
        match operator.kind {
            "stamp" => Task::Stamp { form: operator.number, by: operator.node },
            _ => Task::Close,
        }
    }

    fn parse_order(words: &str) -> Result<Task, String> {
        let form = words.strip_prefix("stamp ").and_then(|form| form.parse().ok());
        match (words, form) {
            ("close", _) => Ok(Task::Close),
            (_, Some(form)) => Ok(Task::Stamp { form, by: NodeId(0) }),
            _ => Err(format!("`{words}` is neither `close` nor `stamp 7`")),
        }
    }
}
