//! The loop over `Ready`, in the order of the crate's documentation ("Processing the Ready State").

use quarrel_protocol::{Effects, NodeId};
use quarrel_spec::replicated_log::{Output, Reply, Restored};

use super::config::{Persistence, Writes};
use super::node::{RaftRs, Timer, Waiting};
use super::raft::eraftpb::{self, MessageType};
use super::raft::{Ready, StateRole};
use super::record::{Hard, Kept, Record};
use super::store::read_snapshot;
use super::{Event, Message, RaftRsFlaw, node_of, peer, wire};

impl RaftRs {
    /// Out of line: after half of all inputs there is nothing to do, and this needs room for a `Ready`.
    #[inline(never)]
    pub(super) fn on_ready(&mut self, effects: &mut Effects<Self>) {
        let mut ready = self.raw.ready();
        // 1. What a leader sends need not wait for its own writes. In the asynchronous modes not for earlier ones either:
        // the crate counts no copy of its own that it was not told to be on disk.
        let is_asynchronous = self.is_asynchronous();
        self.send_all(ready.take_messages(), is_asynchronous, effects);
        let messages = ready.take_persisted_messages();
        let early = self.config.has(RaftRsFlaw::SendBeforePersist);
        if early {
            messages.iter().for_each(|message| self.send(&mut message.clone(), true, effects));
        }
        let messages = if early { Vec::new() } else { messages };
        // 2., 4., 5. The snapshot, the entries and the hard state. They come before 3., the committed entries: "persist
        // commit index with or before applying entries".
        let role = ready.ss().map(|state| state.raft_state);
        let has_written = self.write(&mut ready, role, effects);
        for state in ready.take_read_states() {
            self.on_read_state(&state);
        }
        match self.config.persistence {
            Persistence::Sync => self.finish_ready(ready, messages, effects),
            Persistence::Async | Persistence::Writer => {
                self.finish_ready_later(ready, messages, has_written, effects);
            }
        }
        self.announce_transfer(effects);
    }

    /// The rest of a `Ready`, on a node that waits for its disk.
    fn finish_ready(
        &mut self,
        mut ready: Ready,
        messages: Vec<eraftpb::Message>,
        effects: &mut Effects<Self>,
    ) {
        // 6. Pushed behind the writes, they leave when these are on disk.
        self.send_all(messages, false, effects);
        // 3. Before `advance`, which tells the crate that they are applied.
        self.apply(&ready.take_committed_entries(), effects);
        // 7.
        let mut light = self.raw.advance(ready);
        self.send_all(light.take_messages(), false, effects);
        if let Some(commit) = light.commit_index() {
            let hard = Hard { commit, ..self.raw.store().hard() };
            self.write_hard(hard, effects);
            self.announce_commit(effects);
        }
        self.apply(&light.take_committed_entries(), effects);
        self.raw.advance_apply();
    }

    /// The rest of a `Ready`, on a node that goes on while its disk works.
    fn finish_ready_later(
        &mut self,
        mut ready: Ready,
        messages: Vec<eraftpb::Message>,
        has_written: bool,
        effects: &mut Effects<Self>,
    ) {
        let number = ready.number();
        let committed = ready.take_committed_entries();
        self.raw.advance_append_async(ready);
        if !has_written && self.waiting.is_empty() {
            self.raw.on_persist_ready(number);
            self.send_all(messages, false, effects);
        } else if self.config.persistence == Persistence::Writer {
            self.send_all(messages, false, effects);
            self.waiting.push_back(Waiting { number, messages: Vec::new() });
            effects.send(self.id, Message::Persisted { number });
        } else {
            self.waiting.push_back(Waiting { number, messages });
            effects.send(self.id, Message::Persisted { number });
        }
        self.apply(&committed, effects);
        self.report_applied();
    }

    /// The writes of a `Ready` are on disk, and those before it.
    pub(super) fn on_persisted(&mut self, number: u64, effects: &mut Effects<Self>) {
        self.raw.on_persist_ready(number);
        self.report_applied();
        while self.waiting.front().is_some_and(|waiting| waiting.number <= number) {
            let Some(waiting) = self.waiting.pop_front() else { return };
            // Later writes need not be waited for.
            self.send_all(waiting.messages, true, effects);
        }
    }

    /// Tells the crate how far it is applied. A snapshot counts when it is on disk: the crate applies nothing else.
    fn report_applied(&mut self) {
        let log = &self.raw.raft.raft_log;
        if self.applied > log.applied && self.applied <= log.committed.min(log.persisted) {
            self.raw.advance_apply_to(self.applied);
        }
    }

    /// Sends messages of the crate in their order. It then has its empty list back, and need not make one for each
    /// `Ready`.
    fn send_all(&mut self, mut messages: Vec<eraftpb::Message>, unsynced: bool, effects: &mut Effects<Self>) {
        messages.iter_mut().for_each(|message| self.send(message, unsynced, effects));
        messages.clear();
        let next = &mut self.raw.raft.msgs;
        if next.capacity() < messages.capacity() && next.is_empty() {
            *next = messages;
        }
    }

    /// Sends a message of the crate. A snapshot holds what was applied, and so waits for what was applied to be known.
    /// Nothing is left where it was.
    fn send(&mut self, message: &mut eraftpb::Message, unsynced: bool, effects: &mut Effects<Self>) {
        let Some(to) = node_of(message.to).filter(|to| to.0 < self.config.nodes) else { return };
        let is_snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
        if is_snapshot && !self.config.has(RaftRsFlaw::SnapshotNotReported) {
            let index = message.get_snapshot().get_metadata().index;
            self.snapshots.retain(|&(receiver, _)| receiver != to);
            self.snapshots.push((to, index));
            effects.set_timer(Timer::Snapshot(to), self.config.snapshot_timer());
        }
        let mut envelope = self.boxes.pop().unwrap_or_default();
        std::mem::swap(&mut *envelope, message);
        let pushed = effects.send(to, Message::Raft(envelope));
        if unsynced && !is_snapshot {
            pushed.unsynced();
        }
    }
}

/// The writes.
impl RaftRs {
    /// Writes what a `Ready` wants on disk, and announces it. Whether there was anything.
    fn write(&mut self, ready: &mut Ready, role: Option<StateRole>, effects: &mut Effects<Self>) -> bool {
        let hard = ready.hs().map(Hard::from).map(|hard| self.as_written(hard));
        let entries = Kept::from(ready.take_entries());
        let appended = entries.len();
        let installed = (!ready.snapshot().is_empty()).then(|| ready.snapshot().clone());
        let is_any = hard.is_some() || !entries.is_empty() || installed.is_some();
        let mut truncated = None;
        if let Some(snapshot) = installed {
            let image = read_snapshot(&snapshot).expect("a snapshot of ours is a replica");
            (self.replica, self.applied) = (image.replica.clone(), image.index);
            let (index, term) = (image.index, image.term);
            let store = self.raw.mut_store();
            store.install(image);
            if let Some(hard) = hard {
                store.set_hard(hard);
            }
            store.append(&entries);
            effects.compact(self.raw.store().records());
            effects.output(Output::Restored(Restored::of(&self.replica, index)));
            let current_term = self.raw.raft.term;
            effects.announce(Event::Installed { index, term, current_term });
        } else if is_any {
            let store = self.raw.mut_store();
            truncated = store.append(&entries);
            if let Some(hard) = hard {
                store.set_hard(hard);
            }
            match (self.config.writes, hard) {
                (_, Some(hard)) if entries.is_empty() => effects.persist(Record::Hard(hard)),
                (Writes::Batch, hard) => effects.persist(Record::Write { entries, hard }),
                (Writes::Single, hard) => {
                    entries.iter().cloned().for_each(|entry| {
                        effects.persist(Record::Write { entries: Kept::from(vec![entry]), hard: None });
                    });
                    hard.into_iter().for_each(|hard| effects.persist(Record::Hard(hard)));
                }
            }
        }
        self.announce_vote(effects);
        self.announce_role(role, effects);
        self.announce_entries(appended, truncated, effects);
        self.announce_commit(effects);
        is_any
    }

    fn as_written(&self, hard: Hard) -> Hard {
        if self.config.has(RaftRsFlaw::VoteNotPersisted) { Hard { vote: 0, ..hard } } else { hard }
    }

    fn write_hard(&mut self, hard: Hard, effects: &mut Effects<Self>) {
        self.raw.mut_store().set_hard(hard);
        effects.persist(Record::Hard(hard));
    }
}

/// The announcements.
impl RaftRs {
    fn announce_vote(&mut self, effects: &mut Effects<Self>) {
        let (term, vote) = (self.raw.raft.term, self.raw.raft.vote);
        if (term, vote) == (self.seen.term, self.seen.vote) {
            return;
        }
        (self.seen.term, self.seen.vote) = (term, vote);
        match node_of(vote) {
            Some(candidate) if candidate == self.id => effects.announce(Event::Campaigned { term }),
            Some(candidate) => effects.announce(Event::Voted { term, candidate }),
            None => {}
        }
    }

    fn announce_role(&mut self, role: Option<StateRole>, effects: &mut Effects<Self>) {
        let Some(role) = role else { return };
        let leads = role == StateRole::Leader;
        let led = std::mem::replace(&mut self.seen.leads, leads);
        let term = self.raw.raft.term;
        if leads && !led {
            effects.announce(Event::Elected { term });
        } else if led && !leads {
            effects.announce(Event::SteppedDown { term });
            self.proposed.clear();
            self.abandon_clients(effects);
        }
    }

    /// A node that leads no longer sends its clients elsewhere. What they asked may still take effect.
    fn abandon_clients(&mut self, effects: &mut Effects<Self>) {
        if self.config.forward {
            return;
        }
        let hint = self.hint();
        let waiting = self.reads.drain(..).map(|read| (read.client, read.id));
        for (client, id) in self.pending.drain(..).chain(waiting) {
            effects.reply(client, id, Reply::NotLeader { hint });
        }
    }

    /// Announces the entries that were appended just now, so many.
    fn announce_entries(
        &mut self,
        appended: usize,
        truncated: Option<(u64, u64)>,
        effects: &mut Effects<Self>,
    ) {
        if let Some((from, last)) = truncated {
            // Nothing of this `Ready` is applied yet.
            effects.announce(Event::Truncated { from, last, applied: self.applied });
        }
        let (current_term, leads) = (self.raw.raft.term, self.leads());
        for entry in self.raw.store().newest(appended) {
            let mut print = quarrel_protocol::Fingerprinter::default();
            wire::print_entry(entry, &mut print);
            let (index, term, print) = (entry.index, entry.term, print.finish());
            effects.announce(Event::Appended { index, term, print, current_term, leads });
        }
    }

    fn announce_commit(&mut self, effects: &mut Effects<Self>) {
        let commit = self.raw.raft.raft_log.committed;
        if commit > self.seen.commit {
            self.seen.commit = commit;
            if self.leads() {
                effects.announce(Event::Committed { index: commit, leader_term: self.raw.raft.term });
            }
        }
    }

    fn announce_transfer(&mut self, effects: &mut Effects<Self>) {
        let transferee = self.raw.raft.lead_transferee;
        if transferee != self.seen.transferee {
            self.seen.transferee = transferee;
            if let Some(to) = transferee.and_then(node_of) {
                effects.announce(Event::HandingOver { to, term: self.raw.raft.term });
            }
        }
    }

    /// Whether a number of the crate is this node's.
    pub(super) fn is_me(&self, number: u64) -> bool {
        number == peer(self.id)
    }

    /// The node behind a number of the crate, if it is one of the cluster's.
    pub(super) fn known(&self, number: u64) -> Option<NodeId> {
        node_of(number).filter(|node| node.0 < self.config.nodes)
    }
}
