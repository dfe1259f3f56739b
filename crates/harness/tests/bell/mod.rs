//! A protocol for tests that trusts its world to be quick: n1 writes down that it rings, rings at n2, and asserts that
//! an answer comes before its timer runs out.

use quarrel_formats::scenario::Complaint;
use quarrel_harness::dice::Dice;
use quarrel_harness::model::{Writes, broken_disks};
use quarrel_harness::{Asker, NoInvariants, RawOptions, Setting, Subject};
use quarrel_protocol::{
    After, ClientId, Effects, Flaw, Input, Monitor, NodeId, NodeSet, Nothing, Property, Protocol, Report,
    RequestId, Summary, Suspense, Wait,
};
use quarrel_sim::Struck;
use quarrel_sim::fault::FaultClass;
use quarrel_spec::NoService;

use crate::desk::Word;

pub(crate) const MS: u64 = 1_000_000;

/// What a message, a sync and a pause may each take, in milliseconds.
const ALLOWED_MS: u64 = 10;

/// A node that rings, or answers.
pub(crate) struct Bell {
    id: NodeId,
    patience: After,
    has_waited_in_vain: bool,
    waits: bool,
}

impl Protocol for Bell {
    const NAME: &'static str = "bell";
    /// How long n1 waits, in milliseconds.
    type Config = u64;
    type Request = Word;
    type Reply = Word;
    type Output = Word;
    type Admin = Nothing;
    type Message = Word;
    type Timer = Word;
    type Record = Word;
    type Event = Word;

    fn recover(patience_ms: &u64, id: NodeId, _: &[Word], _: &mut Effects<Self>) -> Self {
        Self { id, patience: After::exactly(patience_ms * MS), has_waited_in_vain: false, waits: false }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, .. } => {
                self.waits = true;
                effects.persist(Word);
                effects.send(NodeId(1), Word);
                effects.set_timer(Word, self.patience);
                effects.reply(client, id, Word);
            }
            Input::Message { from, .. } if self.id != NodeId(0) => {
                effects.send(from, Word);
            }
            Input::Message { .. } => {
                effects.cancel_timer(Word);
                effects.output(Word);
                self.waits = false;
            }
            Input::Timer(_) => self.has_waited_in_vain = true,
            Input::Admin(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        assert!(!self.has_waited_in_vain, "whoever rings is answered");
    }

    fn summary(&self) -> Summary {
        Summary { role: if self.waits { "ringer" } else { "listener" }, facts: Vec::new() }
    }

    fn waits(&self) -> Vec<Wait> {
        let answer = Wait { on: NodeSet::only(NodeId(1)), what: "an answer; it holds the rope".to_string() };
        if self.waits { vec![answer] } else { Vec::new() }
    }
}

/// Since when n1 has heard nothing.
pub(crate) struct Doubts {
    now_ns: u64,
    since_ns: Option<u64>,
}

impl Monitor<Bell> for Doubts {
    fn properties() -> &'static [Property] {
        &[]
    }

    fn new(_: &u64, _: usize) -> Self {
        Self { now_ns: 0, since_ns: None }
    }

    fn on_time(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    fn on_request(&mut self, _: ClientId, _: RequestId, _: &Word, _: &mut Report) {
        self.since_ns = Some(self.now_ns);
    }

    fn on_output(&mut self, _: NodeId, _: &Word, _: &mut Report) {
        self.since_ns = None;
    }

    fn suspended(&self) -> Option<Vec<Suspense>> {
        let doubt = |since_ns| Suspense { node: NodeId(0), what: "in doubt about n2".to_string(), since_ns };
        Some(self.since_ns.map(doubt).into_iter().collect())
    }
}

impl Subject for Bell {
    type Invariants = Doubts;
    type Properties = NoInvariants;
    type Service = NoService;
    type Options = ();

    const FLAWS: &'static [Flaw] = &[Flaw {
        name: "impatient",
        mistake: "it waits for a millisecond only",
        source: "none",
        breaks: "its assertion",
        needs: "nothing",
        nodes_min: 2,
    }];

    fn options(_: &RawOptions) -> Result<(), Complaint> {
        Ok(())
    }

    fn configure((): &(), setting: Setting<'_>, _: &mut Dice) -> u64 {
        if setting.flaws.is_empty() { 6 * ALLOWED_MS } else { 1 }
    }

    fn without_flaws(_: u64) -> u64 {
        6 * ALLOWED_MS
    }

    fn outside(_: &u64, struck: &Struck) -> Vec<String> {
        let mut reasons = broken_disks(struck, Writes::InOrder);
        for (class, word) in [
            (FaultClass::Loss, "lost"),
            (FaultClass::Partition, "cut"),
            (FaultClass::AimedLoss, "shot"),
            (FaultClass::Crash, "nobody was there"),
        ] {
            if struck.of(class) > 0 {
                reasons.push(format!("{word}: {}", struck.of(class)));
            }
        }
        for (ns, word) in [
            (struck.message_ns, "a message took"),
            (struck.sync_ns, "a sync took"),
            (struck.pause_ns, "a pause took"),
        ] {
            if ns > ALLOWED_MS * MS {
                reasons.push(format!("{word} {} ms", ns / MS));
            }
        }
        if struck.clock_ppm > 1000 {
            reasons.push(format!("a clock was off by {} ppm", struck.clock_ppm));
        }
        reasons
    }

    fn request(_: &mut Asker<'_>) -> Word {
        Word
    }
}
