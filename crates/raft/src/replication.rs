//! Replication: section 5.3, and the rule of section 5.4.2 for committing.

use quarrel_protocol::{After, Effects, NodeId};
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::{Command, Receipt, Session};

use crate::config::Reads;
use crate::progress::Pace;
use crate::raft::Timer;
use crate::state::{Leader, Pending, Role};
use crate::{
    AppendEntries, AppendEntriesResponse, Entry, Event, Index, Message, Outcome, Payload, Raft, RaftFlaw,
    Round, Term,
};

/// What a leader does unasked.
impl Raft {
    pub(crate) fn start_leading(&mut self, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        if self.config.appends_noop() {
            // Section 8: a no-op at the start of the term.
            self.append_as_leader(Payload::NoOp, effects);
        } else {
            self.send_own_match(effects);
        }
        self.start_round_of_heartbeats(effects);
        // Figure 2, Leaders, rule 1. Here it carries the no-op, if there is one.
        for to in self.others() {
            self.send_probe(to, effects);
        }
        if self.config.has(RaftFlaw::JointEarlyLeave) && self.membership.current().is_joint() {
            self.leave_joint(effects);
        }
    }

    pub(crate) fn on_heartbeat_timer(&mut self, effects: &mut Effects<Self>) {
        if !self.is_leader() {
            return;
        }
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        self.start_round_of_heartbeats(effects);
        for to in self.others() {
            let Role::Leader(leader) = &self.role else { return };
            if self.needs_snapshot(leader, to) {
                self.send_snapshot(to, effects);
            } else {
                self.send_heartbeat(to, effects);
            }
        }
    }

    /// It follows what was sent last: a follower that has missed any of that refuses it, and is sent it again.
    pub(crate) fn send_heartbeat(&self, to: NodeId, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let previous = leader.progress[to.index()].next().previous();
        effects.send_with(to, || Message::AppendEntries(self.append_after(previous, &[]))).unsynced();
    }

    #[inline(never)]
    pub(crate) fn on_request(&mut self, command: Command, effects: &mut Effects<Self>) {
        let Session { client, serial: id, .. } = command.session;
        let hint = self.leader();
        let Role::Leader(leader) = &mut self.role else {
            return effects.reply(client, id, Reply::NotLeader { hint });
        };
        // Thesis, section 3.10: whoever hands leadership over takes no requests any more.
        let reads_on = self.config.has(RaftFlaw::LeaseSurvivesTransfer) && command.call.is_read();
        if leader.transfer.is_some() && !(reads_on && self.config.reads == Reads::Lease) {
            return effects.reply(client, id, Reply::NotLeader { hint: leader.transfer });
        }
        // Section 8: a read must not return stale data, and a leader may have been replaced without knowing. Here every
        // read goes through the log like a write, which asks a majority.
        if self.config.has(RaftFlaw::ReadLocalLeader) && command.call.is_read() {
            let (index, outcome) = (self.applied.0, self.replica.peek(&command.call));
            return effects.reply(client, id, Reply::Applied { index, outcome });
        }
        if self.config.reads != Reads::Log && command.call.is_read() {
            return self.on_read((client, id), command.call, effects);
        }
        // Thesis, section 6.3: a retry of what was applied is answered without a new entry. That is safe even if this
        // node no longer leads and does not know it: what was applied is committed, so the outcome is final, and it
        // came about while the client was waiting for it. Nothing about the present is said.
        if let Some(Receipt { index, outcome }) = self.replica.applied(client, id) {
            return effects.reply(client, id, Reply::Applied { index: *index, outcome: outcome.clone() });
        }
        // A retry of what is on its way: its answer will do for both. This only saves an entry. That a command counts
        // once is the sessions' business, since another leader may have appended it as well.
        if leader.pending.contains(client, id) {
            return;
        }
        // Figure 2, Leaders, rule 2: append now, respond when it is applied.
        self.append_as_leader(Payload::Command(command), effects);
        let index = self.durable.log.last_index();
        self.leader_role().pending.push(Pending { index, client, id });
        for to in self.others() {
            self.send_entries(to, effects);
        }
    }

    pub(crate) fn append_as_leader(&mut self, payload: Payload, effects: &mut Effects<Self>) {
        self.write_entry(&Entry { term: self.durable.term, payload }, None, effects);
        self.send_own_match(effects);
    }

    /// Tells itself what it holds: the message leaves when that is on disk, and only then it counts.
    fn send_own_match(&self, effects: &mut Effects<Self>) {
        let outcome = Outcome::Matched { index: self.durable.log.last_index() };
        self.send_append_entries_response(self.id, outcome, Round::NONE, effects);
    }
}

/// The follower's side.
impl Raft {
    // The handlers of the two kinds that most messages are of are always inlined.
    #[inline(always)]
    pub(crate) fn on_append_entries(
        &mut self,
        from: NodeId,
        message: &AppendEntries,
        effects: &mut Effects<Self>,
    ) {
        if from == self.id || !message.is_well_formed(self.config.nodes) {
            return;
        }
        // Figure 2, AppendEntries, rule 1.
        if message.term < self.durable.term {
            return self.send_append_entries_response(from, Outcome::Stale, Round::NONE, effects);
        }
        if !self.hear_leader(from, message.term, effects) {
            return;
        }
        let previous = message.previous_index;
        let base = self.durable.log.base();
        let entries: &[Entry] = &message.entries;
        let new = if previous < base {
            let Some(covered) = self.covered_by_snapshot(message) else { return };
            &entries[covered..]
        } else if self.durable.log.term_at(previous) == Some(message.previous_term) {
            entries
        } else {
            // Figure 2, AppendEntries, rule 2.
            let outcome = self.conflict_at(previous);
            return self.send_append_entries_response(from, outcome, message.round, effects);
        };
        self.store_entries(from, previous.max(base), new, effects);
        // Figure 2, AppendEntries, rule 5: not beyond what this message has shown to agree with the leader's log.
        let covered = previous.plus(entries.len());
        let agreed = if self.config.has(RaftFlaw::CommitBeyondMatch) {
            self.durable.log.last_index()
        } else {
            covered
        };
        let commit = message.commit.min(agreed);
        if commit < self.commit && self.config.has(RaftFlaw::CommitNonmonotonic) {
            effects.announce(Event::CommitFell { from: self.commit, to: commit });
            self.commit = commit;
        }
        self.commit = self.commit.max(commit);
        self.apply_committed(effects);
        self.send_append_entries_response(from, Outcome::Matched { index: covered }, message.round, effects);
    }

    /// A message of a leader has come, whose term is not over. Whether the node follows it.
    #[inline(always)]
    pub(crate) fn hear_leader(&mut self, from: NodeId, term: Term, effects: &mut Effects<Self>) -> bool {
        match &mut self.role {
            Role::Follower(follower) if term == self.durable.term => follower.leader = Some(from),
            // Another leader of one's own term cannot be. If it is, that is for the monitors to say.
            Role::Leader(_) if term == self.durable.term => return false,
            // Figure 2, All servers, rule 2; Candidates, rule 3.
            _ => self.become_follower(term, Some(from), effects),
        }
        effects.set_timer(Timer::Election, self.config.election_timer());
        if self.config.has_loyalty()
            && let Role::Follower(follower) = &mut self.role
        {
            follower.is_loyal = true;
            effects.set_timer(Timer::Loyalty, self.config.loyalty_timer());
        }
        true
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

    /// How many of the entries a snapshot has taken the place of: they are committed, and so agree. Nothing if what comes
    /// behind it is older than the snapshot, as in no leader's log.
    #[cold]
    fn covered_by_snapshot(&self, message: &AppendEntries) -> Option<usize> {
        let log = &self.durable.log;
        let entries: &[Entry] = &message.entries;
        let gone = log.base().0.saturating_sub(message.previous_index.0);
        let mut covered = usize::try_from(gone).unwrap_or(usize::MAX).min(entries.len());
        if self.config.has(RaftFlaw::AppendAfterCompaction)
            && message.previous_index == Index::ZERO
            && entries.first().is_some_and(|first| first.term >= log.last_term())
        {
            covered = 0;
        }
        let new = entries.get(covered);
        let is_older = new.is_some_and(|first| Some(first.term) < log.term_at(log.base()));
        (!is_older).then_some(covered)
    }

    #[inline(always)]
    fn store_entries(
        &mut self,
        leader: NodeId,
        previous: Index,
        entries: &[Entry],
        effects: &mut Effects<Self>,
    ) {
        let held = self.durable.log.after(previous);
        // An old message must not undo what a newer one has stored: entries that agree stay, and so does what follows.
        let agreeing = if self.config.has(RaftFlaw::UnconditionalTruncate) {
            0
        } else {
            held.iter().zip(entries).take_while(|(held, sent)| held.term == sent.term).count()
        };
        // Figure 2, AppendEntries, rule 3.
        if agreeing < entries.len() && agreeing < held.len() {
            self.write_truncation(previous.plus(agreeing).next(), effects);
        }
        // Figure 2, AppendEntries, rule 4.
        for entry in &entries[agreeing..] {
            self.write_entry(entry, Some(leader), effects);
        }
    }

    pub(crate) fn send_append_entries_response(
        &self,
        to: NodeId,
        outcome: Outcome,
        round: Round,
        effects: &mut Effects<Self>,
    ) {
        let term = self.durable.term;
        let sent = effects
            .send_with(to, || Message::AppendEntriesResponse(AppendEntriesResponse { term, outcome, round }));
        // Figure 2, State: what is confirmed is on stable storage first. A message waits for that by itself.
        if self.config.has(RaftFlaw::AckBeforeFsync) {
            sent.unsynced();
        }
    }
}

/// The leader's side.
impl Raft {
    #[inline(always)]
    pub(crate) fn on_append_entries_response(
        &mut self,
        from: NodeId,
        message: &AppendEntriesResponse,
        effects: &mut Effects<Self>,
    ) {
        if message.term > self.durable.term {
            return self.become_follower(message.term, None, effects);
        }
        if message.term < self.durable.term {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        leader.heard.insert(from);
        let progress = &mut leader.progress[from.index()];
        match message.outcome {
            // Figure 2, Leaders, rule 3, success.
            Outcome::Matched { index } => {
                let last = self.durable.log.last_index();
                if index > last {
                    return;
                }
                let before = progress.matched();
                let is_news = progress.on_matched(index, last);
                if index < before && self.config.has(RaftFlaw::MatchNonmonotonic) {
                    effects.announce(Event::MatchFell { follower: from, from: before, to: index });
                    progress.take_back(index, last);
                }
                if progress.pace() == Pace::Pipeline && !leader.outgoing.is_empty() {
                    leader.end_transfer(from);
                }
                if is_news && index > self.commit {
                    self.advance_commit(effects);
                }
                self.go_on_with(from, effects);
            }
            // Figure 2, Leaders, rule 3, failure; section 5.3: the leader skips the conflicting term, to its own last
            // entry of that term if it has one.
            Outcome::Conflict { previous, term, first } => {
                let own = term.and_then(|term| self.durable.log.last_index_of_term(term, previous));
                let retry = own.map_or(first, Index::next);
                if from != self.id && progress.on_conflict(previous, retry, self.durable.log.last_index()) {
                    self.send_probe(from, effects);
                }
            }
            Outcome::Stale => {}
        }
        if message.round != Round::NONE {
            self.on_round_answered(from, message.round, effects);
        }
    }

    /// The node holds what it was sent: on to what it lacks, and to what waited for that.
    #[inline(always)]
    fn go_on_with(&mut self, from: NodeId, effects: &mut Effects<Self>) {
        // What it confirmed may have committed the removal of this leader.
        let Role::Leader(leader) = &self.role else { return };
        let (is_catching_up, is_target) = (leader.catch_up.is_some(), leader.transfer == Some(from));
        let has_reads = leader.reads.are_waiting();
        if from != self.id {
            self.send_entries(from, effects);
        }
        if is_catching_up {
            self.advance_catch_up(effects);
        }
        if is_target {
            self.advance_transfer(effects);
        }
        if has_reads {
            self.answer_reads(effects);
        }
    }

    fn advance_commit(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else {
            unreachable!("only a leader advances the commit index")
        };
        // Most answers are not the one that completes a quorum.
        let next = self.commit.next();
        if !self.is_quorum(leader.holders(next)) {
            return;
        }
        let index = leader.replicated(next, |nodes| self.is_quorum(nodes));
        let Some(entry) = self.durable.log.get(index) else { return };
        // Figure 2, Leaders, rule 4; section 5.4.2: only an entry of the current term is committed by counting.
        let is_countable = self.config.has(RaftFlaw::CommitOldTerm) || entry.term == self.durable.term;
        // The highest such entry commits all before it, whatever their terms: nothing is looked at on the way there.
        let is_stopped = self.config.has(RaftFlaw::StopCommitScan)
            && self.durable.log.term_at(next) != Some(self.durable.term);
        if is_countable && !is_stopped {
            effects.announce(Event::Committed { index, entry: *entry, leader_term: self.durable.term });
            let before = std::mem::replace(&mut self.commit, index);
            self.apply_committed(effects);
            self.after_commit(before, effects);
        }
    }

    /// Sends what the follower lacks, as far as the window allows; nothing while a probe is out.
    #[inline(always)]
    pub(crate) fn send_entries(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let window = u64::from(self.config.entries_in_flight_max.max(1));
        let last = self.durable.log.last_index();
        while self.leader_role().progress[to.index()].wants_entries(last, window) {
            self.send_next_entries(to, last, effects);
        }
    }

    #[inline(never)]
    fn send_next_entries(&mut self, to: NodeId, last: Index, effects: &mut Effects<Self>) {
        let next = self.leader_role().progress[to.index()].next();
        if next <= self.durable.log.base() {
            return self.send_snapshot(to, effects);
        }
        let entries = self.entries_after(next.previous());
        effects
            .send_with(to, || Message::AppendEntries(self.append_after(next.previous(), entries)))
            .unsynced();
        let count = entries.len();
        assert!(count > 0, "each round sends something");
        self.leader_role().progress[to.index()].on_sent(count, last);
    }

    /// Asks whether the logs agree before `next`, with the entries that would follow.
    pub(crate) fn send_probe(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let progress = self.leader_role().progress[to.index()];
        if progress.next() <= self.durable.log.base() {
            return self.send_snapshot(to, effects);
        }
        assert!(progress.pace() == Pace::Probe, "a probe is sent to a follower whose log is not known");
        let previous = progress.next().previous();
        let entries = self.entries_after(previous);
        effects.send_with(to, || Message::AppendEntries(self.append_after(previous, entries))).unsynced();
    }

    /// The entries behind `previous`, as many as one message may hold.
    fn entries_after(&self, previous: Index) -> &[Entry] {
        let entries = self.durable.log.after(previous);
        match self.config.entries_per_append {
            0 => entries,
            limit => &entries[..entries.len().min(limit as usize)],
        }
    }

    /// The message with these entries, which follow `previous_index`.
    #[inline(always)]
    fn append_after(&self, previous_index: Index, entries: &[Entry]) -> AppendEntries {
        let Some(previous_term) = self.durable.log.term_at(previous_index) else {
            unreachable!("a leader holds all that it has sent");
        };
        AppendEntries {
            term: self.durable.term,
            previous_index,
            previous_term,
            entries: entries.into(),
            commit: self.commit,
            round: self.round(),
        }
    }

    pub(crate) fn leader_role(&mut self) -> &mut Leader {
        match &mut self.role {
            Role::Leader(leader) => leader,
            _ => unreachable!("only a leader sends entries"),
        }
    }
}
