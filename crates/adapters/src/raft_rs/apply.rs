//! Committed entries, reads, and snapshots of one's own.

use protobuf::Message as _;
use quarrel_protocol::{Effects, NodeSet};
use quarrel_spec::replicated_log::{Applied, Reply};
use quarrel_spec::session::Receipt;

use super::config::RemovedLeader;
use super::node::RaftRs;
use super::raft::eraftpb::{ConfChange, ConfChangeV2, Entry, EntryType};
use super::raft::{INVALID_ID, ReadState, StateRole};
use super::record::{Image, Members};
use super::{Event, Message, RaftRsFlaw, wire};

impl RaftRs {
    pub(super) fn apply(&mut self, entries: &[Entry], effects: &mut Effects<Self>) {
        for entry in entries {
            assert!(entry.index == self.applied + 1, "committed entries come one after the other");
            self.applied = entry.index;
            if entry.data.is_empty() && self.config.has(RaftRsFlaw::SkipEmptyEntries) {
                effects.output(Applied { index: entry.index, command: None }.into());
                continue;
            }
            match entry.get_entry_type() {
                EntryType::EntryNormal => self.apply_command(entry, effects),
                EntryType::EntryConfChange => {
                    let mut change = ConfChange::default();
                    change.merge_from_bytes(&entry.data).expect("the crate has read it before");
                    let is_refused = self.raw.apply_conf_change(&change).is_err();
                    self.on_changed(entry.index, is_refused, effects);
                }
                EntryType::EntryConfChangeV2 => {
                    let mut change = ConfChangeV2::default();
                    change.merge_from_bytes(&entry.data).expect("the crate has read it before");
                    let is_refused = self.raw.apply_conf_change(&change).is_err();
                    self.on_changed(entry.index, is_refused, effects);
                }
            }
        }
    }

    fn apply_command(&mut self, entry: &Entry, effects: &mut Effects<Self>) {
        // Without data it is the empty entry of a new leader, or a proposal that the crate has refused.
        let command = if entry.data.is_empty() { None } else { wire::decode(&entry.data) };
        // Before the command is copied: what was read field by field just now would be waited for.
        let receipt = command.as_ref().and_then(|command| self.replica.apply(entry.index, command));
        effects.output(Applied { index: entry.index, command }.into());
        let Some(command) = command else { return };
        let asked = (command.session.client, command.session.serial);
        self.proposed.remove(&(asked.0.0, asked.1.0));
        let Some(position) = self.pending.iter().position(|&waiting| waiting == asked) else { return };
        self.pending.remove(position);
        // Without a receipt there is nothing to say: the client has stopped waiting.
        if let Some(Receipt { index, outcome }) = receipt {
            effects.reply(asked.0, asked.1, Reply::Applied { index, outcome });
        }
    }

    fn on_changed(&mut self, index: u64, is_refused: bool, effects: &mut Effects<Self>) {
        effects.output(Applied { index, command: None }.into());
        if is_refused {
            effects.announce(Event::ChangeRefused { index });
            return;
        }
        let raft = &mut self.raw.raft;
        if raft.state == StateRole::Leader
            && raft.prs().get(raft.id).is_none()
            && self.config.removed_leader == RemovedLeader::StepsDown
        {
            raft.become_follower(raft.term, INVALID_ID);
        }
        let members = self.members();
        let set = |ids: &[u64]| -> NodeSet { ids.iter().filter_map(|&id| self.known(id)).collect() };
        let (voters, outgoing, learners) =
            (set(&members.voters), set(&members.outgoing), set(&members.learners));
        effects.announce(Event::Changed { index, voters, outgoing, learners });
    }

    /// Who is a member, as far as the node has applied.
    pub(super) fn members(&self) -> Members {
        Members::of(&self.raw.raft.prs().conf().to_conf_state())
    }
}

/// Reads that spare the log.
impl RaftRs {
    pub(super) fn on_read_state(&mut self, state: &ReadState) {
        let mut reads = self.reads.iter_mut();
        if let Some(read) = reads.find(|read| read.context == state.request_ctx) {
            read.index = Some(read.index.unwrap_or(0).max(state.index));
        }
    }

    /// Tells if the crate answers the read that it is about to be asked for out of this node's head, although the node
    /// has no vote: what `step_leader` does for `is_singleton`.
    pub(super) fn announce_read_alone(&self, effects: &mut Effects<Self>) {
        let raft = &self.raw.raft;
        if !self.leads() || !raft.prs().is_singleton() || !raft.commit_to_current_term() {
            return;
        }
        let voter = self.members().voters.first().and_then(|&voter| self.known(voter));
        if let Some(voter) = voter.filter(|&voter| voter != self.id) {
            effects.announce(Event::ReadAlone { index: raft.raft_log.committed, voter });
        }
    }

    pub(super) fn serve_reads(&mut self, effects: &mut Effects<Self>) {
        let is_early = self.config.has(RaftRsFlaw::ReadBeforeApplied);
        let mut position = 0;
        while let Some(read) = self.reads.get(position) {
            let Some(index) = read.index.filter(|&index| is_early || index <= self.applied) else {
                position += 1;
                continue;
            };
            let read = self.reads.remove(position);
            let outcome = self.replica.peek(&read.call);
            effects.reply(read.client, read.id, Reply::Applied { index: self.applied, outcome });
            effects.announce(Event::ReadServed { index, leads: self.leads() });
        }
    }
}

/// Snapshots of one's own.
impl RaftRs {
    /// Takes a snapshot when enough was applied since the last, or when the crate wants one that does not exist.
    pub(super) fn take_snapshot_if_due(&mut self, effects: &mut Effects<Self>) {
        let store = self.raw.store();
        let latest = self.taking.as_ref().map_or(0, |image| image.index).max(store.image().index);
        let since = self.applied.saturating_sub(latest);
        let is_due = self.config.snapshot_every > 0 && since >= u64::from(self.config.snapshot_every);
        let is_wanted = store.take_wanted().is_some_and(|least| least <= self.applied);
        if is_due || is_wanted {
            self.take_snapshot(effects);
        }
    }

    /// Takes a snapshot. It is kept, and the log before it dropped, only when what was applied before it is known: that
    /// is when a message to oneself comes back.
    pub(super) fn take_snapshot(&mut self, effects: &mut Effects<Self>) {
        let index = self.applied;
        let latest = self.taking.as_ref().map_or(0, |image| image.index).max(self.raw.store().image().index);
        if index <= latest {
            return;
        }
        let members = if self.config.has(RaftRsFlaw::InitialConfState) {
            Members::of(&self.config.initial_conf_state())
        } else {
            self.members()
        };
        let term = self.raw.store().term_at(index).expect("what is applied is in the log");
        self.taking = Some(Image { index, term, members, replica: self.replica.clone() });
        effects.send(self.id, Message::SnapshotTaken { index });
    }

    /// A snapshot that was taken is kept, unless a later one has come from a leader.
    pub(super) fn keep_snapshot(&mut self, index: u64, effects: &mut Effects<Self>) {
        let Some(image) = self.taking.take_if(|image| image.index == index) else { return };
        if index <= self.raw.store().image().index {
            return;
        }
        let keep = u64::from(self.config.keep_entries);
        self.raw.mut_store().keep_snapshot(image, keep);
        effects.compact(self.raw.store().records());
        effects.announce(Event::Compacted { index });
    }
}
