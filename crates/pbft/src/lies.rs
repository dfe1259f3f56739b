//! The lies that a traitor of this protocol can tell. It signs with its own key; of others it has what it was sent. So it
//! can say different things to different replicas, leave out what it knows, and claim what it cannot prove; it cannot
//! make up a vote of a correct replica, or a request.

use quarrel_protocol::NodeId;
use quarrel_spec::image::Image;
use quarrel_spec::machine::Machine;
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::Replica;

use crate::certificate::{Checkpoint, NewView, Phase, Prepared, Stable, State, ViewChange, Vote};
use crate::message::Message;
use crate::requests::Name;
use crate::sign::{Asked, Batch, Signed};
use crate::{Digest, Pbft, Sequence, View};

/// Their names, by position.
pub const LIES: &[&str] = &[
    "equivocate",
    "vote-twice",
    "truncate-certificate",
    "withhold-certificate",
    "lie-view-change",
    "false-new-view",
    "false-checkpoint",
    "usurp",
    "false-reply",
];

const EQUIVOCATE: usize = 0;
const VOTE_TWICE: usize = 1;
const TRUNCATE_CERTIFICATE: usize = 2;
const WITHHOLD_CERTIFICATE: usize = 3;
const LIE_VIEW_CHANGE: usize = 4;
const FALSE_NEW_VIEW: usize = 5;
const FALSE_CHECKPOINT: usize = 6;
const USURP: usize = 7;
const FALSE_REPLY: usize = 8;

impl Pbft {
    pub(crate) fn lie_to(&self, lie: usize, to: NodeId, message: &Message) -> Vec<Message> {
        match lie {
            EQUIVOCATE => self.equivocated(to, message),
            VOTE_TWICE => self.voted_twice(message),
            TRUNCATE_CERTIFICATE => vec![self.truncated(message)],
            WITHHOLD_CERTIFICATE => vec![self.withheld(message)],
            LIE_VIEW_CHANGE => vec![self.with_false_certificates(message)],
            FALSE_NEW_VIEW => self.false_new_view(message),
            FALSE_CHECKPOINT => vec![self.false_checkpoint(message)],
            USURP => self.usurped(message),
            _ => vec![message.clone()],
        }
    }

    /// To clients it says of a request what would have come of it if nothing had been executed before, one position further
    /// on than it was.
    pub(crate) fn lie_in_reply_to(&self, lie: usize, name: Name, reply: &Reply) -> Reply {
        let Reply::Applied { index, outcome } = reply else { return reply.clone() };
        if lie != FALSE_REPLY {
            return reply.clone();
        }
        let known = self.durable.slots.values().flat_map(|slot| slot.known()).flat_map(Batch::requests);
        let asked = known.into_iter().find(|request| request.name() == name);
        let alone = |request: &Asked| Machine::new(self.config.machine).apply(&request.command().call);
        Reply::Applied { index: index + 1, outcome: asked.map_or_else(|| outcome.clone(), alone) }
    }

    /// Whether the traitor can sign it again.
    fn is_own<T>(&self, signed: &Signed<T>) -> bool {
        signed.signer() == self.id
    }

    /// Another batch for the same sequence number: another request that waits, the same ones in another order, or none.
    fn another_batch(&self, batch: &Batch) -> Batch {
        let is_other = |request: &&crate::sign::Asked| !batch.requests().contains(request);
        if let Some(&request) = self.requests.iter().find(is_other) {
            return Batch::of(vec![request]);
        }
        let reversed: Vec<_> = batch.requests().iter().rev().copied().collect();
        if reversed == batch.requests() { Batch::NULL } else { Batch::of(reversed) }
    }

    /// Another digest for the same sequence number and view: one that somebody has voted for, or that of the null request.
    fn another_digest(&self, vote: &Vote) -> Digest {
        let slot = self.durable.slots.get(&vote.sequence);
        let heard = slot.into_iter().flat_map(|slot| slot.prepares.iter().chain(&slot.commits));
        let other = heard.map(|vote| vote.body().digest).find(|&digest| digest != vote.digest);
        other.unwrap_or_else(|| Digest::of(&Batch::NULL))
    }

    fn another_vote(&self, vote: &Vote) -> Signed<Vote> {
        self.key.sign(Vote { digest: self.another_digest(vote), ..*vote })
    }

    /// Those with an odd number hear something else. A primary prepares what it proposes, to each side what that side heard.
    fn equivocated(&self, to: NodeId, message: &Message) -> Vec<Message> {
        let told = if to.0 % 2 == 1 { self.said_otherwise(message) } else { message.clone() };
        let prepare = match &told {
            Message::PrePrepare { proposal, .. } if self.is_own(proposal) => {
                Some(Message::Prepare(self.key.sign(proposal.body().of_phase(Phase::Prepare))))
            }
            _ => None,
        };
        std::iter::once(told).chain(prepare).collect()
    }

    fn said_otherwise(&self, message: &Message) -> Message {
        match message {
            Message::PrePrepare { proposal, batch } if self.is_own(proposal) => {
                let batch = self.another_batch(batch);
                let vote = Vote { digest: Digest::of(&batch), ..*proposal.body() };
                Message::PrePrepare { proposal: self.key.sign(vote), batch }
            }
            Message::Prepare(vote) if self.is_own(vote) => Message::Prepare(self.another_vote(vote.body())),
            Message::Commit(vote) if self.is_own(vote) => Message::Commit(self.another_vote(vote.body())),
            _ => message.clone(),
        }
    }

    /// Each vote twice, and once for something else; and a primary prepares what it proposes.
    fn voted_twice(&self, message: &Message) -> Vec<Message> {
        let also = match message {
            Message::PrePrepare { proposal, .. } if self.is_own(proposal) => {
                vec![Message::Prepare(self.key.sign(proposal.body().of_phase(Phase::Prepare)))]
            }
            Message::Prepare(vote) if self.is_own(vote) => {
                let commit = self.key.sign(vote.body().of_phase(Phase::Commit));
                let other = self.another_vote(vote.body());
                vec![message.clone(), Message::Prepare(other), Message::Commit(commit)]
            }
            Message::Commit(vote) if self.is_own(vote) => {
                vec![message.clone(), Message::Commit(self.another_vote(vote.body()))]
            }
            _ => Vec::new(),
        };
        std::iter::once(message.clone()).chain(also).collect()
    }

    /// A backup proposes, as if it were the primary: something else at the number that it prepares, before it does.
    fn usurped(&self, message: &Message) -> Vec<Message> {
        let usurping = || match message {
            Message::Prepare(vote) if self.is_own(vote) => {
                let slot = self.durable.slots.get(&vote.body().sequence);
                let accepted = slot.and_then(|slot| slot.batch(vote.body().digest))?;
                let batch = self.another_batch(accepted);
                let vote = Vote { digest: Digest::of(&batch), ..vote.body().of_phase(Phase::PrePrepare) };
                Some(Message::PrePrepare { proposal: self.key.sign(vote), batch })
            }
            _ => None,
        };
        usurping().into_iter().chain([message.clone()]).collect()
    }

    /// Each certificate without its last vote.
    fn truncated(&self, message: &Message) -> Message {
        match message.clone() {
            Message::ViewChange(change) if self.is_own(&change) => {
                let mut body = change.body().clone();
                body.stable.votes.pop();
                body.prepared.iter_mut().for_each(|prepared| {
                    prepared.prepares.pop();
                });
                Message::ViewChange(self.key.sign(body))
            }
            Message::NewView(new) if self.is_own(&new) => {
                let mut changes = new.body().changes.clone();
                changes.pop();
                let body = NewView::compute(&self.config, &self.key, new.body().view, changes);
                Message::NewView(self.key.sign(body))
            }
            Message::Committed { mut proof, batch } => {
                proof.commits.pop();
                Message::Committed { proof, batch }
            }
            Message::State { mut stable, state } => {
                stable.votes.pop();
                Message::State { stable, state }
            }
            Message::Stable(mut stable) => {
                stable.votes.pop();
                Message::Stable(stable)
            }
            other => other,
        }
    }

    /// A view change that says that nothing has prepared.
    fn withheld(&self, message: &Message) -> Message {
        match message {
            Message::ViewChange(change) if self.is_own(change) => {
                let body = ViewChange { prepared: Vec::new(), ..change.body().clone() };
                Message::ViewChange(self.key.sign(body))
            }
            _ => message.clone(),
        }
    }

    /// A view change that says that nothing but null requests have prepared, lately and at every number that anything is
    /// known of. The votes that would prove it the traitor has to make itself.
    fn with_false_certificates(&self, message: &Message) -> Message {
        let Message::ViewChange(change) = message else { return message.clone() };
        if !self.is_own(change) {
            return message.clone();
        }
        let mut body = change.body().clone();
        let view = View(body.view.0.saturating_sub(1));
        let low = body.stable.sequence;
        let last = self.durable.slots.last_key_value().map_or(low.next(), |(&last, _)| last);
        let claim = |sequence: u64| {
            let digest = Digest::of(&Batch::NULL);
            let vote = Vote { phase: Phase::PrePrepare, view, sequence: Sequence(sequence), digest };
            let prepares = vec![self.key.sign(vote.of_phase(Phase::Prepare)); self.config.quorum()];
            Prepared { proposal: self.key.sign(vote), prepares }
        };
        body.prepared = (low.next().0..=last.0).map(claim).collect();
        Message::ViewChange(self.key.sign(body))
    }

    /// A new view whose O is not what follows from its V: null requests in place of what had prepared, and where nothing
    /// had, a null request more; and commits for them.
    fn false_new_view(&self, message: &Message) -> Vec<Message> {
        let Message::NewView(new) = message else { return vec![message.clone()] };
        if !self.is_own(new) {
            return vec![message.clone()];
        }
        let mut body = new.body().clone();
        let (view, digest) = (body.view, Digest::of(&Batch::NULL));
        let null = |sequence| Vote { phase: Phase::PrePrepare, view, sequence, digest };
        let last = body.proposals.last().map_or(body.stable().sequence, |last| last.body().sequence);
        let sequences = body.proposals.iter().map(|proposal| proposal.body().sequence).chain([last.next()]);
        let votes: Vec<Vote> = sequences.map(null).collect();
        body.proposals = votes.iter().map(|&vote| self.key.sign(vote)).collect();
        let commits = votes.iter().map(|vote| Message::Commit(self.key.sign(vote.of_phase(Phase::Commit))));
        std::iter::once(Message::NewView(self.key.sign(body))).chain(commits).collect()
    }

    /// A stable checkpoint after that one, with as many votes as it takes, all its own.
    fn claimed_stable(&self, after: Sequence) -> Stable {
        let sequence = after.plus(u64::from(self.config.checkpoint_every));
        let claim = self.key.sign(Checkpoint { sequence, digest: Digest(0) });
        Stable { sequence, votes: vec![claim; self.config.quorum()] }
    }

    /// Another state than the one that is there; and a stable checkpoint that nobody else has heard of.
    fn false_checkpoint(&self, message: &Message) -> Message {
        let changed = |checkpoint: &Checkpoint| {
            self.key.sign(Checkpoint { digest: Digest(!checkpoint.digest.0), ..*checkpoint })
        };
        match message {
            Message::Checkpoint(vote) if self.is_own(vote) => Message::Checkpoint(changed(vote.body())),
            Message::ViewChange(change) if self.is_own(change) => {
                let mut body = change.body().clone();
                body.stable = self.claimed_stable(body.stable.sequence);
                body.prepared.clear();
                Message::ViewChange(self.key.sign(body))
            }
            Message::Stable(stable) => Message::Stable(self.claimed_stable(stable.sequence)),
            Message::State { stable, state } => {
                let empty = Replica::new(self.config.machine, self.config.memory());
                let state = State { image: Image::of(&empty), ..state.clone() };
                Message::State { stable: stable.clone(), state }
            }
            _ => message.clone(),
        }
    }
}
