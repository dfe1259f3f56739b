//! Normal-case operation (section 4.2): pre-prepare, prepare, commit, and execution in the order of sequence numbers.

use quarrel_protocol::Effects;
use quarrel_spec::replicated_log::{Applied, Reply};

use crate::certificate::{Committed, Phase, Prepared, Vote, count};
use crate::event::{Event, How};
use crate::message::Message;
use crate::pbft::Pbft;
use crate::sign::{Batch, Signed};
use crate::state::{Record, Slot};
use crate::{Config, Digest, PbftFlaw, Sequence};

/// So many votes of one replica are held back for a view that has not begun here. What is lost of more is asked for.
const EARLY_MAX: usize = 64;

/// Keeps a vote, the first of its signer.
fn keep(votes: &mut Vec<Signed<Vote>>, vote: Signed<Vote>, keeps_copies: bool) {
    if keeps_copies || votes.iter().all(|known| known.signer() != vote.signer()) {
        votes.push(vote);
    }
}

/// Pre-prepare.
impl Pbft {
    /// The primary: "⟨⟨PRE-PREPARE, v, n, d⟩, m⟩" to all backups.
    pub(crate) fn assign(&mut self, sequence: Sequence, batch: Batch, effects: &mut Effects<Self>) {
        assert!(self.is_primary() && self.is_active(), "only the primary assigns");
        let vote = Vote { phase: Phase::PrePrepare, view: self.view(), sequence, digest: Digest::of(&batch) };
        let proposal = self.key.sign(vote);
        self.assigned = sequence;
        // On disk first: one that forgot it might assign the number again.
        self.accept(proposal, batch.clone(), effects);
        self.multicast(&Message::PrePrepare { proposal, batch }, effects);
        self.advance(sequence, effects);
    }

    /// Section 4.2: "A backup accepts a pre-prepare message provided:"
    pub(crate) fn on_pre_prepare(
        &mut self,
        proposal: Signed<Vote>,
        batch: Batch,
        effects: &mut Effects<Self>,
    ) {
        let vote = *proposal.body();
        // "the signatures in the request and the pre-prepare message are correct and d is the digest for m"
        let is_signed = vote.phase == Phase::PrePrepare
            && proposal.signer().0 < self.config.nodes
            && (proposal.signer() == self.config.primary(vote.view)
                || self.config.has(PbftFlaw::PrimaryNotChecked));
        let is_digest = vote.digest == Digest::of(&batch);
        // "it is in view v"; "the sequence number is between a low water mark and a high water mark"
        let is_here = vote.view == self.view() && self.is_active() && !self.is_primary();
        if !is_signed || !is_digest || !is_here {
            return;
        }
        if !self.is_open(vote.sequence) {
            self.said.dropped = self.said.dropped.max(vote.sequence);
            return;
        }
        // "it has not accepted a pre-prepare message for view v and sequence number n containing a different digest"
        let slot = self.slot(vote.sequence);
        let assigned = slot.proposal.or(slot.awaited);
        if slot.proposal.is_some() || assigned.is_some_and(|known| known != proposal) {
            return;
        }
        self.accept(proposal, batch, effects);
        self.advance(vote.sequence, effects);
        self.attend(effects);
    }

    /// Puts an assignment into the log. A backup then "enters the prepare phase by multicasting a PREPARE".
    pub(crate) fn accept(&mut self, proposal: Signed<Vote>, batch: Batch, effects: &mut Effects<Self>) {
        let (vote, view) = (*proposal.body(), self.view());
        assert!(vote.view == view && self.is_active(), "what is accepted is of this view");
        batch.requests().iter().for_each(|request| self.note(request));
        let requests = batch.requests().len() as u32;
        effects.persist(Record::Accepted { proposal, batch: batch.clone() });
        let (sequence, digest) = (vote.sequence, vote.digest);
        effects.announce(Event::Accepted { view, sequence, digest, requests });
        let slot = self.slot(sequence);
        slot.keep(batch);
        (slot.proposal, slot.awaited) = (Some(proposal), None);
        if !self.is_primary() {
            let prepare = self.key.sign(vote.of_phase(Phase::Prepare));
            self.slot(sequence).prepares.push(prepare);
            self.multicast(&Message::Prepare(prepare), effects);
        }
    }
}

/// What overtakes the new-view of its view. On its way there a replica takes no such message (4.4); it is kept until then, or
/// many a view would begin with a wait for a status message.
impl Pbft {
    /// Whether it is a vote of a view that has not begun here.
    pub(crate) fn is_early(&self, message: &Message) -> bool {
        let Some(vote) = message.vote() else { return false };
        let counts_all = self.config.has(PbftFlaw::CommitsOfAnyView) && matches!(message, Message::Commit(_));
        let is_later = vote.body().view > self.view() && !counts_all;
        // Votes of backups count as soon as this replica is on its way to their view; they can do no harm before it begins.
        let is_proposal = vote.body().phase == Phase::PrePrepare;
        is_later || vote.body().view == self.view() && !self.is_active() && is_proposal
    }

    /// Keeps it, for the latest view that its signer speaks of: so each replica can take the room of its own votes only.
    pub(crate) fn hold_back(&mut self, message: Message) {
        let Some((signer, view)) = message.vote().map(|vote| (vote.signer(), vote.body().view)) else {
            return;
        };
        if signer.0 >= self.config.nodes || signer == self.id {
            return;
        }
        let held = self.early.entry(signer).or_default();
        let is_of = |held: &Message, view| held.vote().is_some_and(|vote| vote.body().view >= view);
        held.retain(|held| is_of(held, view));
        let is_outdone = held.iter().any(|held| is_of(held, view.next()));
        if !is_outdone && held.len() < EARLY_MAX && !held.contains(&message) {
            held.push(message);
        }
    }

    /// A view has begun: takes up what was said in it before.
    pub(crate) fn take_up_early(&mut self, effects: &mut Effects<Self>) {
        let early = std::mem::take(&mut self.early).into_values().flatten();
        for message in early {
            match message {
                message if self.is_early(&message) => self.hold_back(message),
                Message::PrePrepare { proposal, batch } => self.on_pre_prepare(proposal, batch, effects),
                Message::Prepare(vote) => self.on_prepare(vote, effects),
                Message::Commit(vote) => self.on_commit(vote, effects),
                _ => unreachable!("only votes are held back"),
            }
        }
    }
}

/// Prepare and commit.
impl Pbft {
    /// "A replica accepts prepare messages and adds them to its log provided their signatures are correct, their view
    /// number equals the replica's current view, and their sequence number is between h and H."
    pub(crate) fn on_prepare(&mut self, vote: Signed<Vote>, effects: &mut Effects<Self>) {
        let is_prepare = vote.body().phase == Phase::Prepare;
        if !is_prepare || !self.is_countable(&vote) {
            return;
        }
        let keeps_copies = self.config.has(PbftFlaw::DupVotes);
        keep(&mut self.slot(vote.body().sequence).prepares, vote, keeps_copies);
        self.advance(vote.body().sequence, effects);
        self.attend(effects);
    }

    /// The same for commits.
    pub(crate) fn on_commit(&mut self, vote: Signed<Vote>, effects: &mut Effects<Self>) {
        let is_commit = vote.body().phase == Phase::Commit;
        if !is_commit || !self.is_countable(&vote) {
            return;
        }
        let keeps_copies = self.config.has(PbftFlaw::DupVotes);
        keep(&mut self.slot(vote.body().sequence).commits, vote, keeps_copies);
        self.advance(vote.body().sequence, effects);
        self.attend(effects);
    }

    fn is_countable(&mut self, vote: &Signed<Vote>) -> bool {
        let Vote { view, sequence, .. } = *vote.body();
        let is_of_member = vote.signer().0 < self.config.nodes && vote.signer() != self.id;
        let is_now = view == self.view() || self.config.has(PbftFlaw::CommitsOfAnyView);
        if is_of_member && is_now && sequence > self.config.high(self.low()) {
            self.said.dropped = self.said.dropped.max(sequence);
        }
        is_of_member && is_now && self.is_open(sequence)
    }

    /// A batch goes as far as the votes for it allow.
    pub(crate) fn advance(&mut self, sequence: Sequence, effects: &mut Effects<Self>) {
        if self.is_active() {
            self.prepare(sequence, effects);
            self.commit(sequence, effects);
        }
        self.execute(effects);
    }

    /// "prepared(m, v, n, i) to be true if and only if replica i has inserted in its log: the request m, a pre-prepare for
    /// m in view v with sequence number n, and 2f prepares from different backups that match the pre-prepare."
    fn prepare(&mut self, sequence: Sequence, effects: &mut Effects<Self>) {
        let (view, needed) = (self.view(), self.config.votes_needed());
        let Some(slot) = self.durable.slots.get(&sequence) else { return };
        let Some(proposal) = slot.proposal else { return };
        let vote = *proposal.body();
        let wanted = vote.of_phase(Phase::Prepare);
        if slot.prepared_in(view).is_some() || count(&self.config, &slot.prepares, wanted) + 1 < needed {
            return;
        }
        let prepares = matching(&self.config, &slot.prepares, wanted);
        let prepared = Prepared { proposal, prepares };
        effects.persist(Record::Prepared(prepared.clone()));
        effects.announce(Event::Prepared { view, sequence, digest: vote.digest });
        let commit = self.key.sign(vote.of_phase(Phase::Commit));
        let slot = self.slot(sequence);
        slot.prepared = Some(prepared);
        slot.commits.push(commit);
        self.multicast(&Message::Commit(commit), effects);
    }

    /// "committed-local(m, v, n, i) is true if and only if prepared(m, v, n, i) is true and i has accepted 2f + 1 commits
    /// (possibly including its own) from different replicas that match the pre-prepare for m."
    fn commit(&mut self, sequence: Sequence, effects: &mut Effects<Self>) {
        let (view, needed) = (self.view(), self.config.votes_needed());
        let Some(slot) = self.durable.slots.get(&sequence) else { return };
        let Some(vote) = slot.prepared_in(view) else { return };
        let wanted = vote.of_phase(Phase::Commit);
        let is_enough = count(&self.config, &slot.commits, wanted) >= needed
            || self.config.has(PbftFlaw::ExecuteWhenPrepared);
        if slot.committed.is_some() || !is_enough {
            return;
        }
        let commits = matching(&self.config, &slot.commits, wanted);
        effects.announce(Event::Committed { view, sequence, digest: vote.digest, how: How::Counted });
        self.slot(sequence).committed = Some(Committed { commits });
    }
}

/// The votes that were counted. Only flaws count others than those that are alike; the first one says what they are for.
fn matching(config: &Config, votes: &[Signed<Vote>], of: Vote) -> Vec<Signed<Vote>> {
    let mut counted: Vec<_> =
        votes.iter().filter(|vote| count(config, &[**vote], of) == 1).copied().collect();
    counted.sort_by_key(|vote| *vote.body() != of);
    counted
}

/// Execution.
impl Pbft {
    /// "Each replica i executes the operation requested by m after committed-local(m, v, n, i) is true and i's state
    /// reflects the sequential execution of all requests with lower sequence numbers."
    pub(crate) fn execute(&mut self, effects: &mut Effects<Self>) {
        while let Some((sequence, vote)) = self.next_committed() {
            let batch = self.slot(sequence).batch(vote.digest).cloned().expect("what is committed is here");
            self.executed = sequence;
            effects.announce(Event::Executed { sequence, digest: vote.digest });
            if batch.is_null() {
                self.index += 1;
                effects.output(Applied { index: self.index, command: None }.into());
            }
            for request in batch.requests() {
                self.index += 1;
                effects.output(Applied { index: self.index, command: Some(*request.command()) }.into());
                let receipt = self.replica.apply(self.index, request.command());
                // "Replicas reply to the client directly" (4.1). Without a receipt its client has stopped waiting.
                if let Some(receipt) = receipt {
                    let (client, serial) = request.name();
                    let reply = Reply::Applied { index: receipt.index, outcome: receipt.outcome };
                    effects.reply(client, serial, reply);
                }
                self.settle(request);
            }
            // Progress: the view is a good one (4.5.2).
            if !batch.is_null() && vote.view == self.view() && self.is_active() {
                self.failures = 0;
            }
            self.make_checkpoint_if_due(effects);
            self.propose(effects);
        }
    }

    /// The next batch to execute.
    fn next_committed(&self) -> Option<(Sequence, Vote)> {
        let committed = |(&sequence, slot): (&Sequence, &Slot)| Some((sequence, slot.committed_vote()?));
        if self.config.has(PbftFlaw::ExecuteOutOfOrder) {
            return self.durable.slots.range(self.executed.next()..).find_map(committed);
        }
        let next = self.executed.next();
        self.durable.slots.get(&next).and_then(|slot| committed((&next, slot)))
    }
}
