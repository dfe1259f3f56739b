//! Who decides, as a monitor sees it: the configurations in the logs on the disks.

use quarrel_protocol::{NodeId, NodeSet, Report};

use super::properties::*;
use super::snapshots::Install;
use crate::config::Changes;
use crate::{Config, Configuration, Index, Raft, Term};

/// The configurations in the log of each node, and what elections, orders and reads had to do with them.
pub(crate) struct Configurations {
    first: Configuration,
    /// Whether nodes come and go, or some are spare: only then who must agree is a question.
    matter: bool,
    /// Those in each log, each at its position, the latest last.
    logs: Vec<Vec<(usize, Configuration)>>,
    /// In which term each node was told to campaign by its leader.
    told: Vec<Option<Term>>,
    /// Whether a clock ran wrong.
    has_drift: bool,
}

impl Configurations {
    pub(crate) fn new(config: &Config, nodes: usize) -> Self {
        let first = config.first_configuration();
        let matter = config.changes != Changes::None || first.members() != NodeSet::all(nodes);
        Self { first, matter, logs: vec![Vec::new(); nodes], told: vec![None; nodes], has_drift: false }
    }

    /// The one in force in a node's log.
    fn of(&self, node: NodeId) -> Configuration {
        self.logs[node.index()].last().map_or(self.first, |&(_, configuration)| configuration)
    }

    pub(crate) fn push(&mut self, node: NodeId, position: usize, configuration: Configuration) {
        self.logs[node.index()].push((position, configuration));
    }

    /// The log ends at `position` now. Whether a configuration went.
    pub(crate) fn truncate(&mut self, node: NodeId, position: usize) -> bool {
        let log = &mut self.logs[node.index()];
        let before = log.len();
        while log.last().is_some_and(|&(at, _)| at >= position) {
            log.pop();
        }
        log.len() < before
    }

    /// A snapshot, or what follows it in the log, says so.
    pub(crate) fn on_adopted(&mut self, node: NodeId, index: Index, configuration: Configuration) {
        let position = index.0.wrapping_sub(1) as usize;
        self.truncate(node, position);
        self.push(node, position, configuration);
    }

    /// Thesis, section 5.1: a snapshot includes the latest configuration from the log as of its last included index.
    pub(crate) fn on_compacted(
        &self,
        node: NodeId,
        index: Index,
        configuration: Configuration,
        report: &mut Report,
    ) {
        let mut log = self.logs[node.index()].iter().rev();
        let latest = log.find(|&&(position, _)| (position as u64) < index.0);
        let latest = latest.map_or(self.first, |&(_, configuration)| configuration);
        report.check(SNAPSHOT_CONFIGURATION, latest == configuration, || {
            let what = format!(
                "{node} takes a snapshot up to {index} with {configuration}, but in its log up to there {latest} is \
                 the latest"
            );
            (what, "a snapshot holds what may be taken back")
        });
    }

    /// Thesis, sections 4.1 and 5.1: what is in force is the latest of what follows the snapshot in the log, or else
    /// what the snapshot holds.
    pub(crate) fn on_installed(&self, node: NodeId, install: Install, report: &mut Report) {
        let Install { index, last, configuration, in_force, .. } = install;
        let kept = index.0..last.0;
        let mut log = self.logs[node.index()].iter().rev();
        let latest = log.find(|&&(position, _)| kept.contains(&(position as u64)));
        let latest = latest.map_or(configuration, |&(_, configuration)| configuration);
        report.check(SNAPSHOT_CONFIGURATION, latest == in_force, || {
            let what = format!(
                "{node} took over a snapshot up to {index} with {configuration} and a log up to {last}, in which \
                 {latest} is the latest, but believes in {in_force}"
            );
            (what, "a snapshot left what was taken back")
        });
    }

    /// What is on the disk has the last word.
    pub(crate) fn on_recover(&mut self, node: NodeId, state: &Raft) {
        self.told[node.index()] = None;
        self.logs[node.index()] =
            state.membership.all().map(|(index, it)| (index.0 as usize - 1, it)).collect();
    }

    /// Thesis, section 4.1: only servers of the configuration in force elect; section 4.3: with both majorities.
    pub(crate) fn on_elected(
        &mut self,
        node: NodeId,
        term: Term,
        voters: NodeSet,
        committed: usize,
        report: &mut Report,
    ) {
        if self.told[node.index()].is_some_and(|told| told.next() == term) {
            report.happened(LEADERSHIP_TRANSFERRED);
        }
        if !self.matter {
            return;
        }
        let configuration = self.of(node);
        report.check(ELECTED_BY_QUORUM, configuration.is_quorum(voters), || {
            let what = format!(
                "{node} is elected in term {term} by {voters}, which is no quorum of {configuration}"
            );
            (what, "")
        });
        if self.logs[node.index()].last().is_some_and(|&(position, _)| position >= committed) {
            report.happened(CHANGE_DURING_ELECTION);
        }
    }

    /// A leader has appended this configuration, the last in its log; so much is known to be committed.
    pub(crate) fn on_reconfigured(
        &self,
        node: NodeId,
        index: Index,
        configuration: Configuration,
        committed: usize,
        report: &mut Report,
    ) {
        let mut earlier =
            self.logs[node.index()].iter().rev().skip_while(|&&(at, _)| at as u64 + 1 >= index.0);
        let (position, before) = earlier.next().map_or((None, self.first), |&(at, it)| (Some(at), it));
        let is_alone = position.is_none_or(|position| position < committed);
        report.check(ONE_CHANGE_AT_A_TIME, is_alone && is_step(before, configuration), || {
            let what = format!("{node} goes from {before} to {configuration}");
            if is_alone {
                return (what, "no step");
            }
            (format!("{what}, but the first is not committed"), "the change before is not committed")
        });
        if configuration.is_joint() {
            report.happened(JOINT_ENTERED);
        }
    }

    pub(crate) fn on_told(&mut self, node: NodeId, term: Term) {
        self.told[node.index()] = Some(term);
    }

    pub(crate) fn on_read(&self, by_lease: bool, report: &mut Report) {
        report.happened(if by_lease { READ_BY_LEASE } else { READ_BY_INDEX });
        if by_lease && self.has_drift {
            report.happened(READ_BY_LEASE_UNDER_DRIFT);
        }
    }

    pub(crate) fn on_fault(&mut self, class: &str) {
        self.has_drift |= class == "clock-drift";
    }

    /// Those who are sent entries must come to agree; who was sent away, or never taken in, need not.
    pub(crate) fn concerned(&self, leader: Option<NodeId>, core: NodeSet) -> NodeSet {
        match leader {
            Some(leader) if self.matter => self.of(leader).members().intersection(core),
            _ => core,
        }
    }

    /// A joint configuration must be left (thesis, section 4.3), and who is to agree a leader says.
    pub(crate) fn unfinished(&self, leader: Option<NodeId>) -> Option<String> {
        if !self.matter {
            return None;
        }
        let Some(leader) = leader else { return Some("nobody leads".to_string()) };
        let configuration = self.of(leader);
        configuration.is_joint().then(|| format!("{leader} has not left the joint {configuration}"))
    }
}

/// Whether every majority of the one meets every majority of the other, by one of the thesis' two ways.
fn is_step(before: Configuration, after: Configuration) -> bool {
    match (before.is_joint(), after.is_joint()) {
        (false, false) => NodeSet(before.voters.0 ^ after.voters.0).len() <= 1,
        (false, true) => after.outgoing == before.voters,
        (true, false) => after.voters == before.voters,
        (true, true) => false,
    }
}
