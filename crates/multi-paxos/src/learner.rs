//! The learner and the replica: what is chosen, applied in the order of slots; and asking for what was missed.

use quarrel_protocol::{Effects, NodeId};
use quarrel_spec::replicated_log::{Applied, Reply};
use quarrel_spec::session::Receipt;

use crate::event::How;
use crate::message::{CatchUp, Chosen, Message};
use crate::multi_paxos::Timer;
use crate::state::Role;
use crate::{Ballot, Event, Log, MultiPaxos, MultiPaxosFlaw, Slot};

/// What a replica has missed, and how it goes about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Errand {
    /// Somebody knows what is chosen up to here.
    pub(crate) known: Slot,
    /// Who said so last.
    pub(crate) source: Option<NodeId>,
    /// So many questions in a row have brought nothing.
    pub(crate) fruitless: u32,
    /// The timer runs.
    pub(crate) is_timed: bool,
}

/// The longest that a replica waits before it asks again, in doublings of the wait: nobody may be able to answer.
const PATIENCE_DOUBLINGS: u32 = 4;

/// After so many questions in a row that brought nothing, whoever was asked is taken for gone.
const QUESTIONS_MAX: u32 = 4;

impl Errand {
    /// Whether it is of no use to go on asking the same node.
    pub(crate) const fn is_in_vain(&self) -> bool {
        self.fruitless >= QUESTIONS_MAX
    }
}

/// Learning.
impl MultiPaxos {
    /// What is held for the first open slot is chosen there.
    pub(crate) fn learn_next(&mut self, how: How, effects: &mut Effects<Self>) {
        let slot = self.log().first_open();
        let value = self.durable.log.learn().expect("what is learned is held");
        effects.announce(Event::Learned { slot, value, how });
    }

    /// The leader of a ballot knows what is chosen up to a slot. So does this node, of slots in which it has accepted
    /// that leader's proposal: a leader proposes one value in a slot. What it holds of earlier ballots need not be what
    /// was chosen.
    pub(crate) fn learn_from_leader(
        &mut self,
        ballot: Ballot,
        chosen: Slot,
        from: NodeId,
        effects: &mut Effects<Self>,
    ) {
        if self.is_leader() {
            return;
        }
        while self.log().chosen().last < chosen {
            let slot = self.log().first_open();
            let is_lax = self.config.has(MultiPaxosFlaw::CommitBeyondLearned);
            if self.log().is_accepted_in(slot, ballot) || is_lax && self.log().get(slot).is_some() {
                self.learn_next(How::LeaderSaid, effects);
            } else if self.is_passed_over(slot) {
                self.durable.log.skip();
            } else {
                break;
            }
        }
        self.apply_learned(effects);
        self.hear_of(chosen, from, effects);
    }

    fn is_passed_over(&self, slot: Slot) -> bool {
        let log = self.log();
        let is_missed = log.get(slot).is_none() && slot < log.last_held();
        is_missed && self.config.has(MultiPaxosFlaw::ExecuteOutOfOrder)
    }
}

/// Application.
impl MultiPaxos {
    /// Applies what is known to be chosen, one slot after the other, and takes a snapshot when it is time.
    pub(crate) fn apply_learned(&mut self, effects: &mut Effects<Self>) {
        let last = self.log().chosen().last;
        let next =
            |log: &Log, applied: Slot| log.from(applied.next()).next().filter(|&(slot, _)| slot <= last);
        while let Some((slot, held)) = next(self.log(), self.applied) {
            self.applied = slot;
            let command = held.value.command();
            effects.output(Applied { index: slot.0, command }.into());
            let receipt = command.and_then(|command| self.replica.apply(slot.0, &command));
            self.answer_pending(slot, receipt, effects);
        }
        // Only a flaw passes over a slot of which it holds nothing.
        self.applied = last;
        self.take_snapshot_if_due(effects);
    }

    /// Without a receipt there is nothing to say: the client has stopped waiting.
    fn answer_pending(&mut self, slot: Slot, receipt: Option<Receipt>, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(&waiting) = leader.pending.front().filter(|waiting| waiting.slot == slot) else { return };
        leader.pending.pop_front();
        if let Some(Receipt { index, outcome }) = receipt {
            effects.reply(waiting.client, waiting.id, Reply::Applied { index, outcome });
        }
    }
}

/// Catching up.
impl MultiPaxos {
    /// Somebody knows what is chosen up to a slot. If this node does not, it asks after a while: most of it is on its way.
    pub(crate) fn hear_of(&mut self, chosen: Slot, from: NodeId, effects: &mut Effects<Self>) {
        if chosen <= self.log().chosen().last || from == self.id {
            return;
        }
        self.errand.known = self.errand.known.max(chosen);
        self.errand.source = Some(from);
        if !self.errand.is_timed && !self.is_leader() {
            self.errand.fruitless = 0;
            self.errand.is_timed = true;
            effects.set_timer(Timer::CatchUp, self.config.catch_up);
        }
    }

    /// What is missing, a new leader learns by proposing it again.
    pub(crate) fn is_behind(&self) -> bool {
        !self.is_leader() && self.errand.known > self.log().chosen().last
    }

    pub(crate) fn on_catch_up_timer(&mut self, effects: &mut Effects<Self>) {
        self.errand.is_timed = false;
        if !self.is_behind() {
            return;
        }
        // Whoever has begun to send a snapshot is trusted to go on: a part of another one would undo what is here.
        if let Some(sender) = self.incoming.as_ref().map(|incoming| incoming.from)
            && !self.errand.is_in_vain()
        {
            return self.ask_now(sender, effects);
        }
        // Whoever said so first; then one after the other.
        let Some(source) = self.errand.source else { return };
        let fruitless = self.errand.fruitless;
        let nodes = u32::from(self.config.nodes);
        let turn = NodeId(((u32::from(source.0) + fruitless % nodes) % nodes) as u8);
        let of = if turn == self.id { source } else { turn };
        self.ask_now(of, effects);
    }

    /// Asks a node for what is missing.
    pub(crate) fn ask_now(&mut self, of: NodeId, effects: &mut Effects<Self>) {
        if !self.is_behind() || of == self.id {
            return;
        }
        // A snapshot of what was learned meanwhile is of no use any more.
        let chosen = self.log().chosen().last;
        self.incoming.take_if(|incoming| incoming.prefix.last <= chosen);
        let image =
            self.incoming.as_ref().map(|incoming| (incoming.prefix.last, incoming.bytes.len() as u32));
        effects.send(of, Message::CatchUp(CatchUp { first: self.log().first_open(), image }));
        let doublings = self.errand.fruitless.min(PATIENCE_DOUBLINGS);
        self.errand.fruitless = self.errand.fruitless.saturating_add(1);
        self.errand.is_timed = true;
        effects.set_timer(Timer::CatchUp, self.config.catch_up.times(1 << doublings));
    }

    pub(crate) fn on_catch_up(&mut self, from: NodeId, message: CatchUp, effects: &mut Effects<Self>) {
        let CatchUp { first, image } = message;
        let chosen = self.log().chosen().last;
        if first > chosen {
            return;
        }
        if first <= self.log().trimmed() {
            return self.send_chunk(from, first, image, effects);
        }
        let limit = u64::from(self.config.slots_per_message.max(1));
        let values = self.log().values(first, limit).collect();
        effects.send(from, Message::Chosen(Chosen { first, values, chosen }));
    }

    pub(crate) fn on_chosen(&mut self, from: NodeId, message: Chosen, effects: &mut Effects<Self>) {
        let Chosen { first, values, chosen } = message;
        self.hear_of(chosen, from, effects);
        if self.is_leader() {
            return;
        }
        let before = self.log().chosen().last;
        for (slot, &value) in (first.0..).map(Slot).zip(values.iter()) {
            if slot == self.log().first_open() {
                self.write_learned(slot, value, effects);
                self.learn_next(How::CaughtUp, effects);
            }
        }
        if self.log().chosen().last > before {
            self.go_on_asking(from, effects);
        }
    }

    /// Something came: it is applied, a candidate may be able to count more promises, and the next part is asked for.
    pub(crate) fn go_on_asking(&mut self, of: NodeId, effects: &mut Effects<Self>) {
        self.errand.fruitless = 0;
        self.apply_learned(effects);
        self.count_promises(effects);
        self.ask_now(of, effects);
    }
}
