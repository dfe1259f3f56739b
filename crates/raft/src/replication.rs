//! Replication: section 5.3, and the rule of section 5.4.2 for committing.

use quarrel_protocol::{After, Effects, NodeId};
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::{Command, Receipt, Session};

use crate::raft::Timer;
use crate::state::{Leader, Pace, Pending, Role};
use crate::{AppendEntries, AppendEntriesResponse, Entry, Event, Index, Message, Outcome, Raft, RaftFlaw};

/// What a leader does unasked.
impl Raft {
    pub(crate) fn start_leading(&mut self, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        if self.config.noop_on_election {
            // Section 8: a no-op at the start of the term.
            self.append_as_leader(None, effects);
        } else {
            self.send_own_match(effects);
        }
        // Figure 2, Leaders, rule 1. Here it carries the no-op, if there is one.
        for to in self.others() {
            self.send_probe(to, effects);
        }
    }

    pub(crate) fn on_heartbeat_timer(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        for to in self.others() {
            // It follows what was sent last: a follower that has missed any of that refuses it, and is sent it again.
            let heartbeat = self.entries_from(leader.progress[to.index()].next, 0);
            effects.send(to, Message::AppendEntries(heartbeat)).unsynced();
        }
    }

    pub(crate) fn on_request(&mut self, command: Command, effects: &mut Effects<Self>) {
        let Session { client, serial: id, .. } = command.session;
        let hint = self.leader();
        let Role::Leader(leader) = &mut self.role else {
            return effects.reply(client, id, Reply::NotLeader { hint });
        };
        // Section 8: a read must not return stale data, and a leader may have been replaced without knowing. Here every
        // read goes through the log like a write, which asks a majority.
        if self.config.has(RaftFlaw::ReadLocalLeader) && command.call.is_read() {
            let (index, outcome) = (self.applied.0, self.replica.peek(&command.call));
            return effects.reply(client, id, Reply::Applied { index, outcome });
        }
        // Thesis, section 6.3: a retry of what was applied is answered without a new entry. That is safe even if this
        // node no longer leads and does not know it: what was applied is committed, so the outcome is final, and it
        // came about while the client was waiting for it. Nothing about the present is said.
        if let Some(Receipt { index, outcome }) = self.replica.applied(client, id) {
            return effects.reply(client, id, Reply::Applied { index: *index, outcome: outcome.clone() });
        }
        // A retry of what is on its way: its answer will do for both. This only saves an entry. That a command counts
        // once is the sessions' business, since another leader may have appended it as well.
        if leader.is_pending(client, id) {
            return;
        }
        // Figure 2, Leaders, rule 2: append now, respond when it is applied.
        leader.pending.push_back(Pending { index: self.durable.log.last_index().next(), client, id });
        self.append_as_leader(Some(command), effects);
        for to in self.others() {
            self.send_entries(to, effects);
        }
    }

    fn append_as_leader(&mut self, command: Option<Command>, effects: &mut Effects<Self>) {
        self.write_entry(Entry { term: self.durable.term, command }, None, effects);
        self.send_own_match(effects);
    }

    /// Tells itself what it holds: the message leaves when that is on disk, and only then it counts.
    fn send_own_match(&self, effects: &mut Effects<Self>) {
        let outcome = Outcome::Matched { index: self.durable.log.last_index() };
        self.send_append_entries_response(self.id, outcome, effects);
    }
}

/// The follower's side.
impl Raft {
    pub(crate) fn on_append_entries(
        &mut self,
        from: NodeId,
        message: AppendEntries,
        effects: &mut Effects<Self>,
    ) {
        if from == self.id || !message.is_well_formed() {
            return;
        }
        // Figure 2, AppendEntries, rule 1.
        if message.term < self.durable.term {
            return self.send_append_entries_response(from, Outcome::Stale, effects);
        }
        match &mut self.role {
            Role::Follower(follower) if message.term == self.durable.term => follower.leader = Some(from),
            // Another leader of one's own term cannot be. If it is, that is for the monitors to say.
            Role::Leader(_) if message.term == self.durable.term => return,
            // Figure 2, All servers, rule 2; Candidates, rule 3.
            _ => self.become_follower(message.term, Some(from), effects),
        }
        effects.set_timer(Timer::Election, self.config.election_timer());
        // Figure 2, AppendEntries, rule 2.
        let previous = message.previous_index;
        if self.durable.log.term_at(previous) != Some(message.previous_term) {
            return self.send_append_entries_response(from, self.conflict_at(previous), effects);
        }
        self.store_entries(from, previous, &message.entries, effects);
        // Figure 2, AppendEntries, rule 5: not beyond what this message has shown to agree with the leader's log.
        let covered = previous.plus(message.entries.len());
        let agreed = if self.config.has(RaftFlaw::CommitBeyondMatch) {
            self.durable.log.last_index()
        } else {
            covered
        };
        self.commit = self.commit.max(message.commit.min(agreed));
        self.apply_committed(effects);
        self.send_append_entries_response(from, Outcome::Matched { index: covered }, effects);
    }

    /// Section 5.3: the term of the conflicting entry and the first index of that term.
    fn conflict_at(&self, previous: Index) -> Outcome {
        let log = &self.durable.log;
        match log.get(previous) {
            Some(entry) => {
                let first = log.first_index_of_term_at(previous);
                Outcome::Conflict { previous, term: Some(entry.term), first }
            }
            None => Outcome::Conflict { previous, term: None, first: log.last_index().next() },
        }
    }

    fn store_entries(
        &mut self,
        leader: NodeId,
        previous: Index,
        entries: &[Entry],
        effects: &mut Effects<Self>,
    ) {
        let held = self.durable.log.after(previous).iter();
        // An old message must not undo what a newer one has stored: entries that agree stay, and so does what follows.
        let agreeing = if self.config.has(RaftFlaw::UnconditionalTruncate) {
            0
        } else {
            held.zip(entries).take_while(|(held, sent)| held.term == sent.term).count()
        };
        // Figure 2, AppendEntries, rule 3.
        let first_new = previous.plus(agreeing).next();
        if agreeing < entries.len() && first_new <= self.durable.log.last_index() {
            self.write_truncation(first_new, effects);
        }
        // Figure 2, AppendEntries, rule 4.
        for &entry in &entries[agreeing..] {
            self.write_entry(entry, Some(leader), effects);
        }
    }

    fn send_append_entries_response(&self, to: NodeId, outcome: Outcome, effects: &mut Effects<Self>) {
        let response = AppendEntriesResponse { term: self.durable.term, outcome };
        let sent = effects.send(to, Message::AppendEntriesResponse(response));
        // Figure 2, State: what is confirmed is on stable storage first. A message waits for that by itself.
        if self.config.has(RaftFlaw::AckBeforeFsync) {
            sent.unsynced();
        }
    }
}

/// The leader's side.
impl Raft {
    pub(crate) fn on_append_entries_response(
        &mut self,
        from: NodeId,
        message: AppendEntriesResponse,
        effects: &mut Effects<Self>,
    ) {
        if message.term > self.durable.term {
            return self.become_follower(message.term, None, effects);
        }
        if message.term < self.durable.term {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let progress = &mut leader.progress[from.index()];
        match message.outcome {
            // Figure 2, Leaders, rule 3, success.
            Outcome::Matched { index } => {
                if index > self.durable.log.last_index() {
                    return;
                }
                let is_news = progress.on_matched(index);
                if is_news && index > self.commit {
                    self.advance_commit(effects);
                }
                if from != self.id {
                    self.send_entries(from, effects);
                }
            }
            // Figure 2, Leaders, rule 3, failure; section 5.3: the leader skips the conflicting term, to its own last
            // entry of that term if it has one.
            Outcome::Conflict { previous, term, first } => {
                let own = term.and_then(|term| self.durable.log.last_index_of_term(term, previous));
                let retry = own.map_or(first, Index::next);
                if from != self.id && progress.on_conflict(previous, retry) {
                    self.send_probe(from, effects);
                }
            }
            Outcome::Stale => {}
        }
    }

    fn advance_commit(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else {
            unreachable!("only a leader advances the commit index")
        };
        // Most answers are not the one that completes a quorum.
        if !leader.is_replicated(self.commit.next(), self.quorum) {
            return;
        }
        let index = leader.replicated(self.quorum);
        let Some(entry) = self.durable.log.get(index) else { return };
        // Figure 2, Leaders, rule 4; section 5.4.2: only an entry of the current term is committed by counting.
        let is_countable = self.config.has(RaftFlaw::CommitOldTerm) || entry.term == self.durable.term;
        // The highest such entry commits all before it, whatever their terms: nothing is looked at on the way there.
        let is_stopped = self.config.has(RaftFlaw::StopCommitScan)
            && self.durable.log.term_at(self.commit.next()) != Some(self.durable.term);
        if index > self.commit && is_countable && !is_stopped {
            self.commit = index;
            effects.announce(Event::Committed { index, entry, leader_term: self.durable.term });
            self.apply_committed(effects);
        }
    }

    /// Sends what the follower lacks, as far as the window allows; nothing while a probe is out.
    fn send_entries(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let window = u64::from(self.config.entries_in_flight_max.max(1));
        let last = self.durable.log.last_index();
        loop {
            let progress = self.leader_role().progress[to.index()];
            let in_flight = progress.next.0 - 1 - progress.matched.0;
            if progress.pace == Pace::Probe || progress.next > last || in_flight >= window {
                return;
            }
            let message = self.entries_from(progress.next, self.entries_limit());
            assert!(!message.entries.is_empty(), "each round sends something");
            self.leader_role().progress[to.index()].next = progress.next.plus(message.entries.len());
            effects.send(to, Message::AppendEntries(message)).unsynced();
        }
    }

    /// Asks whether the logs agree before `next`, with the entries that would follow.
    fn send_probe(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let progress = self.leader_role().progress[to.index()];
        assert!(progress.pace == Pace::Probe, "a probe is sent to a follower whose log is not known");
        let message = self.entries_from(progress.next, self.entries_limit());
        effects.send(to, Message::AppendEntries(message)).unsynced();
    }

    fn entries_limit(&self) -> usize {
        match self.config.entries_per_append {
            0 => usize::MAX,
            limit => limit as usize,
        }
    }

    /// The message with the entries from `next` on, at most `limit`.
    fn entries_from(&self, next: Index, limit: usize) -> AppendEntries {
        let log = &self.durable.log;
        let previous_index = next.previous();
        let Some(previous_term) = log.term_at(previous_index) else {
            unreachable!("a leader holds all that it has sent");
        };
        let rest = log.after(previous_index);
        AppendEntries {
            term: self.durable.term,
            previous_index,
            previous_term,
            entries: rest[..rest.len().min(limit)].into(),
            commit: self.commit,
        }
    }

    fn leader_role(&mut self) -> &mut Leader {
        match &mut self.role {
            Role::Leader(leader) => leader,
            Role::Follower(_) | Role::Candidate(_) => unreachable!("only a leader sends entries"),
        }
    }
}
