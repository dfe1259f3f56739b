//! The application: reads what the crate has decided, applies it and answers.

use quarrel_protocol::Effects;
use quarrel_spec::replicated_log::{Applied, Output, Reply, Restored};
use quarrel_spec::session::{Command, Receipt, Session};

use super::engine::Item;
use super::entry::Whole;
use super::event::Event;
use super::flaw::OmniFlaw;
use super::node::OmniPaxos;

impl OmniPaxos {
    /// Applies what the crate has decided in the configuration that goes on.
    pub(super) fn apply(&mut self, effects: &mut Effects<Self>) {
        let engine = self.engine();
        if engine.applied >= engine.decided() {
            return self.apply_undecided(effects);
        }
        for item in self.engine().decided_suffix(self.engine().applied) {
            match item {
                Item::Command(command) => self.apply_command(&command, effects),
                Item::Snapshot(index, contents) => {
                    let index = self.engine().base + index;
                    // A snapshot that ends before what is applied has nothing to tell.
                    if index > self.whole.index {
                        let mut whole = contents.fold(&self.whole);
                        whole.index = index;
                        self.restore(whole, effects);
                    }
                }
                Item::Trimmed(index) => {
                    let (applied, trimmed) = (self.whole.index, self.engine().base + index);
                    if trimmed > applied {
                        effects.announce(Event::Missed { applied, trimmed });
                        return;
                    }
                }
                Item::Stop => {
                    self.whole.index += 1;
                    self.engine_mut().applied += 1;
                    effects.output(Applied { index: self.whole.index, command: None }.into());
                    let configuration = self.configuration();
                    if !self.is_recovering {
                        effects.announce(Event::Stopped { configuration });
                    }
                }
            }
        }
        self.apply_undecided(effects);
    }

    fn apply_command(&mut self, command: &Command, effects: &mut Effects<Self>) {
        self.engine_mut().applied += 1;
        self.whole.index += 1;
        let index = self.whole.index;
        // What was applied too early is not applied again.
        if index <= self.hasty {
            return;
        }
        let receipt = self.whole.replica.apply(index, command);
        effects.output(Applied { index, command: Some(*command) }.into());
        self.answer(command, receipt.as_ref(), effects);
    }

    fn answer(&mut self, command: &Command, receipt: Option<&Receipt>, effects: &mut Effects<Self>) {
        let Session { client, serial, .. } = command.session;
        if let Some(position) = self.pending.iter().position(|&waiting| waiting == (client, serial)) {
            self.pending.swap_remove(position);
            if let Some(receipt) = receipt {
                effects.reply(client, serial, reply(receipt));
            }
        }
    }

    /// The flaw `apply-undecided`: what a leader has appended is applied and answered.
    fn apply_undecided(&mut self, effects: &mut Effects<Self>) {
        if !self.config.has(OmniFlaw::ApplyUndecided) || self.promise().node() != Some(self.id) {
            return;
        }
        let decided = self.whole.index;
        let early = self.hasty.max(decided) - decided;
        for (command, index) in self.engine().undecided().iter().zip(decided + 1..).skip(early as usize) {
            let receipt = self.whole.replica.apply(index, command);
            effects.output(Applied { index, command: Some(*command) }.into());
            self.answer(command, receipt.as_ref(), effects);
            self.hasty = index;
        }
    }

    /// The application's state comes from a snapshot or a checkpoint.
    pub(super) fn restore(&mut self, whole: Whole, effects: &mut Effects<Self>) {
        let engine = self.engine_mut();
        engine.applied = whole.index.saturating_sub(engine.base).min(engine.decided());
        effects.output(Output::Restored(Restored::of(&whole.replica, whole.index)));
        // Who waits for what the snapshot covers gets the answer out of it.
        let replica = &whole.replica;
        self.pending.retain(|&(client, serial)| {
            let receipt = replica.applied(client, serial);
            if let Some(receipt) = receipt {
                effects.reply(client, serial, reply(receipt));
            }
            receipt.is_none()
        });
        self.whole = whole;
    }
}

pub(super) fn reply(receipt: &Receipt) -> Reply {
    Reply::Applied { index: receipt.index, outcome: receipt.outcome.clone() }
}
