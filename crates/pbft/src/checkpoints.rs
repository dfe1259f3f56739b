//! Checkpoints, garbage collection and state transfer (section 4.3).

use quarrel_protocol::Effects;
use quarrel_spec::image::Image;
use quarrel_spec::replicated_log::{Output, Restored};

use crate::certificate::{Checkpoint, Stable, State};
use crate::event::Event;
use crate::message::Message;
use crate::pbft::Pbft;
use crate::sign::Signed;
use crate::state::Record;
use crate::{PbftFlaw, Sequence};

/// No log is longer: numbers behind it are nonsense.
const INDEX_MAX: u64 = 1 << 62;

impl Pbft {
    /// "When a replica i produces a checkpoint, it multicasts a message ⟨CHECKPOINT, n, d, i⟩ to the other replicas, where n
    /// is the sequence number of the last request whose execution is reflected in the state and d is the digest of the
    /// state." They are "generated periodically, when a request with a sequence number divisible by some constant is
    /// executed".
    pub(crate) fn make_checkpoint_if_due(&mut self, effects: &mut Effects<Self>) {
        let sequence = self.executed;
        if !sequence.0.is_multiple_of(u64::from(self.config.checkpoint_every.max(1))) {
            return;
        }
        let image = if self.config.has(PbftFlaw::StateWithoutSessions) {
            Image::of(&self.replica.without_sessions())
        } else {
            Image::of(&self.replica)
        };
        let state = State { sequence, index: self.index, image };
        let checkpoint = state.checkpoint();
        effects.persist(Record::State(state.clone()));
        self.durable.states.insert(sequence, state);
        effects.announce(Event::Checkpointed { sequence, digest: checkpoint.digest });
        let vote = self.key.sign(checkpoint);
        self.multicast(&Message::Checkpoint(vote), effects);
        self.keep_checkpoint(vote, effects);
    }

    pub(crate) fn on_checkpoint(&mut self, vote: Signed<Checkpoint>, effects: &mut Effects<Self>) {
        let is_of_other = vote.signer().0 < self.config.nodes && vote.signer() != self.id;
        if is_of_other && vote.body().sequence > self.low() {
            self.keep_checkpoint(vote, effects);
            self.propose(effects);
            self.attend(effects);
        }
    }

    /// "Each replica collects checkpoint messages in its log until it has 2f + 1 of them for sequence number n with the same
    /// digest d signed by different replicas."
    fn keep_checkpoint(&mut self, vote: Signed<Checkpoint>, effects: &mut Effects<Self>) {
        // A replica that others are far ahead of hears of checkpoints beyond its own water marks: those tell it that it
        // needs their state. So any is kept, but only the latest few of each replica.
        let kept_max = (self.config.window / self.config.checkpoint_every.max(1)) as usize + 2;
        let votes = self.checkpoints.entry(vote.signer()).or_default();
        let place = votes.partition_point(|known| known.body().sequence < vote.body().sequence);
        if votes.get(place).is_some_and(|known| known.body().sequence == vote.body().sequence) {
            return;
        }
        votes.insert(place, vote);
        if votes.len() > kept_max {
            votes.remove(0);
        }
        self.count_checkpoint(*vote.body(), effects);
    }

    fn count_checkpoint(&mut self, checkpoint: Checkpoint, effects: &mut Effects<Self>) {
        if checkpoint.sequence <= self.low() {
            return;
        }
        let all = self.checkpoints.values().flatten();
        let votes: Vec<Signed<Checkpoint>> = all.filter(|vote| *vote.body() == checkpoint).copied().collect();
        let needed =
            if self.config.has(PbftFlaw::StableWithoutQuorum) { 1 } else { self.config.quorum_used() };
        if votes.len() >= needed {
            self.stabilise(Stable { sequence: checkpoint.sequence, votes }, effects);
        }
    }

    /// "A checkpoint with a proof is stable and the replica discards all pre-prepare, prepare, and commit messages with
    /// sequence number less than or equal to n from its log; it also discards all earlier checkpoints and checkpoint
    /// messages." The low water mark rises, whether the state is here or not.
    pub(crate) fn stabilise(&mut self, stable: Stable, effects: &mut Effects<Self>) {
        let sequence = stable.sequence;
        if sequence <= self.low() {
            return;
        }
        let digest = stable.checkpoint().map_or_else(Default::default, |checkpoint| checkpoint.digest);
        effects.persist(Record::Stable(stable.clone()));
        self.durable.raise(stable);
        let id = self.id;
        for (_, votes) in self.checkpoints.iter_mut().filter(|(signer, _)| **signer != id) {
            votes.retain(|vote| vote.body().sequence > sequence);
        }
        effects.announce(Event::Stabilised { sequence, digest });
        if self.durable.stable_state().is_some() {
            effects.compact(self.durable.records());
        }
    }

    /// The proof of a checkpoint that is stable for somebody else.
    pub(crate) fn on_stable(&mut self, stable: Stable, effects: &mut Effects<Self>) {
        if stable.sequence > self.low() && stable.holds(&self.config) {
            self.stabilise(stable, effects);
            self.propose(effects);
            self.attend(effects);
        }
    }

    /// "All the missing state": a replica that has not executed what is stable takes the state over, if it is what a
    /// quorum says. Here it comes whole; the paper's hierarchy of partitions saves bytes, not steps.
    pub(crate) fn on_state(&mut self, stable: Stable, state: State, effects: &mut Effects<Self>) {
        let is_stable = stable.holds(&self.config) && stable.checkpoint() == Some(state.checkpoint());
        let is_new = state.sequence > self.executed && state.sequence > Sequence::ZERO;
        if !is_new || !(is_stable || self.config.has(PbftFlaw::StateNotVerified)) {
            return;
        }
        let Some(replica) = state.image.replica() else { return };
        let is_sane = state.sequence.0 <= state.index && state.index < INDEX_MAX;
        if !is_sane || state.sequence < self.low() {
            return;
        }
        let Checkpoint { sequence, digest } = state.checkpoint();
        (self.replica, self.index, self.executed) = (replica, state.index, sequence);
        effects.persist(Record::State(state.clone()));
        self.durable.states.insert(sequence, state);
        let stable = Stable { sequence, ..stable };
        if sequence > self.low() {
            self.stabilise(stable, effects);
        } else {
            self.durable.forget_states();
            effects.compact(self.durable.records());
        }
        effects.announce(Event::Installed { sequence, digest });
        effects.output(Output::Restored(Restored::of(&self.replica, self.index)));
        self.settle_all(effects);
        self.execute(effects);
        self.propose(effects);
        self.attend(effects);
    }
}
