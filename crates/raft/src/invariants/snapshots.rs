//! Logs whose beginning is gone in a snapshot.

use quarrel_protocol::{NodeId, Report};

use super::window::Window;
use super::{
    APPLIED_ENTRIES_KEPT, Invariants, LOG_MATCHING, SNAPSHOT_ACROSS_LEADERS, SNAPSHOT_INSTALLED,
    SNAPSHOT_TAKEN,
};
use crate::{Configuration, Index, Term};

/// A follower has taken over a snapshot.
#[derive(Clone, Copy)]
pub(super) struct Install {
    pub(super) index: Index,
    pub(super) term: Term,
    pub(super) last: Index,
    pub(super) leader_term: Term,
    pub(super) configuration: Configuration,
    pub(super) in_force: Configuration,
}

impl Invariants {
    pub(super) fn on_compacted(&mut self, node: NodeId, index: Index, report: &mut Report) {
        self.nodes[node.index()].base = index;
        report.happened(SNAPSHOT_TAKEN);
        self.forget_what_is_gone();
    }

    pub(super) fn on_receiving(&mut self, node: NodeId, leader_term: Term) {
        self.nodes[node.index()].receives_since.get_or_insert(leader_term);
    }

    /// What the snapshot covers is what whoever sent it held. What stays behind it must follow that.
    pub(super) fn on_installed(&mut self, node: NodeId, install: Install, report: &mut Report) {
        let Install { index, term, last, leader_term, .. } = install;
        let (end, before) = (index.0 as usize, self.nodes[node.index()].applied);
        report.check(APPLIED_ENTRIES_KEPT, before <= last, || {
            let what =
                format!("{node} has applied its log up to {before}, but a snapshot took it back to {last}");
            (what, "")
        });
        let own = self.nodes[node.index()].log.get(end.wrapping_sub(1)).copied();
        let suffix: Vec<_> = self.nodes[node.index()].log.from(end).copied().collect();
        self.hold_prefix(node, index, term);
        let log = &mut self.nodes[node.index()].log;
        let agrees = own.map(|held| held.prefix) == log.last().map(|held| held.prefix);
        if last > index {
            report.check(LOG_MATCHING, agrees, || {
                let what = format!(
                    "{node} took over a snapshot up to {index}@{term} and kept its log from there to {last}, but its \
                     log up to there was another"
                );
                (what, "a log behind a snapshot that it does not follow")
            });
            suffix.into_iter().take((last.0 - index.0) as usize).for_each(|held| log.push(held));
        }
        let node = &mut self.nodes[node.index()];
        node.base = index;
        if node.receives_since.take().is_some_and(|since| since < leader_term) {
            report.happened(SNAPSHOT_ACROSS_LEADERS);
        }
        report.happened(SNAPSHOT_INSTALLED);
        self.forget_what_is_gone();
    }

    /// The node's log ends with this entry, and what is before it is gone in a snapshot. By Log Matching it is what
    /// anybody else holds who holds the entry; what was committed need not be known to have been, if the leader that
    /// committed it crashed before it could say so.
    pub(super) fn hold_prefix(&mut self, node: NodeId, index: Index, term: Term) {
        let end = index.0 as usize;
        let donor = self.nodes.iter().enumerate().find(|(other, known)| {
            *other != node.index() && known.log.get(end.wrapping_sub(1)).is_some_and(|held| held.term == term)
        });
        let own = &self.nodes[node.index()].log;
        let log = match donor {
            Some((_, donor)) => donor.log.prefix(end, |&held| held),
            None if own.get(end.wrapping_sub(1)).is_some_and(|held| held.term == term) => {
                own.prefix(end, |&held| held)
            }
            None => self.committed_log(end),
        };
        self.nodes[node.index()].log = if log.len() == end { log } else { Window::beginning_at(end) };
    }

    /// What every node holds in a snapshot, nobody compares any more: memory is as long as the longest log.
    fn forget_what_is_gone(&mut self) {
        let base = self.nodes.iter().map(|node| node.base).min().unwrap_or_default();
        // The last entry of a snapshot stays: what follows it is hashed with it. And so does the last that is known to
        // be committed: it may be less, when leaders crashed before they could say more.
        let position = (base.0 as usize).min(self.committed.len()).saturating_sub(1);
        if position <= self.committed.start() {
            return;
        }
        self.nodes.iter_mut().for_each(|node| node.log.forget(position));
        self.committed.forget(position);
        self.created.forget(position);
    }

    /// No node returns to an earlier term, so nobody is elected in one that all have left behind. The last of these
    /// stays, to tell who led before.
    pub(super) fn forget_elections(&mut self) {
        if self.elections.len() < 64 {
            return;
        }
        let least = self.nodes.iter().map(|node| node.term).min().unwrap_or_default();
        let over = self.elections.partition_point(|&(term, _)| term < least);
        self.elections.drain(..over.saturating_sub(1));
    }
}
