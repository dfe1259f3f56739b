//! The crate `raft` without a harness: a loop that hands messages over in the order in which they were sent. What it
//! costs is what a message costs at the least; what a campaign costs above it is Quarrel's own.

use std::collections::VecDeque;

use raft_0_7::eraftpb::{ConfState, Entry, Message};
use raft_0_7::storage::MemStorage;
use raft_0_7::{Config, RawNode, StateRole};
use slog::Logger;

/// What both sides of the comparison have in common.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How many nodes, each a voter.
    pub nodes: u64,
    /// How many ticks the run lasts.
    pub ticks: u64,
    /// How many ticks pass between two heartbeats.
    pub heartbeat_ticks: usize,
    /// How many ticks without a leader make a candidate.
    pub election_ticks: usize,
    /// How many commands a client asks for in each tick, on average, in thousandths.
    pub commands_per_1000_ticks: u64,
    /// How many bytes a command has.
    pub command_bytes: usize,
}

/// A cluster without time, network or disk.
pub struct Bare {
    nodes: Vec<RawNode<MemStorage>>,
    under_way: VecDeque<Message>,
    /// How many messages were handed over.
    pub messages: u64,
    /// How many commands were applied, over all nodes.
    pub applied: u64,
}

impl Bare {
    /// A fresh cluster.
    ///
    /// # Panics
    /// When the crate refuses the configuration.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        let voters: Vec<u64> = (1..=workload.nodes).collect();
        let logger = Logger::root(slog::Discard, slog::o!());
        let node = |id: &u64| {
            let storage = MemStorage::new_with_conf_state(ConfState::from((voters.clone(), vec![])));
            let config = Config {
                id: *id,
                heartbeat_tick: workload.heartbeat_ticks,
                election_tick: workload.election_ticks,
                // The lowest identity wins the first election, and keeps it.
                min_election_tick: workload.election_ticks * *id as usize,
                max_election_tick: workload.election_ticks * *id as usize + 1,
                max_size_per_msg: 1 << 20,
                max_inflight_msgs: 256,
                ..Config::default()
            };
            RawNode::new(&config, storage, &logger).expect("the crate takes this configuration")
        };
        let nodes = voters.iter().map(node).collect();
        Self { nodes, under_way: VecDeque::new(), messages: 0, applied: 0 }
    }

    /// Lets so many ticks pass.
    ///
    /// # Panics
    /// When the crate refuses a message of its own.
    pub fn run(&mut self, workload: &Workload) {
        let mut due = 0;
        for _ in 0..workload.ticks {
            for index in 0..self.nodes.len() {
                if self.nodes[index].tick() {
                    self.settle(index);
                }
            }
            self.deliver();
            due += workload.commands_per_1000_ticks;
            while due >= 1_000 {
                due -= 1_000;
                self.propose(workload.command_bytes);
                self.deliver();
            }
        }
    }

    fn propose(&mut self, bytes: usize) {
        let leader = self.nodes.iter().position(|node| node.raft.state == StateRole::Leader);
        if let Some(leader) = leader {
            self.nodes[leader].propose(Vec::new(), vec![7; bytes]).expect("a leader takes proposals");
            self.settle(leader);
        }
    }

    fn deliver(&mut self) {
        while let Some(message) = self.under_way.pop_front() {
            self.messages += 1;
            let to = message.to as usize - 1;
            self.nodes[to].step(message).expect("a node takes its peers' messages");
            self.settle(to);
        }
    }

    /// Handles what a node has to do, in the order that the crate documents.
    fn settle(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if !node.has_ready() {
            return;
        }
        let mut ready = node.ready();
        self.under_way.extend(ready.take_messages());
        let mut applied = count(ready.committed_entries());
        let storage = node.raft.raft_log.store.clone();
        let mut disk = storage.wl();
        disk.append(ready.entries()).expect("entries follow each other");
        if let Some(state) = ready.hs() {
            disk.set_hardstate(state.clone());
        }
        drop(disk);
        self.under_way.extend(ready.take_persisted_messages());
        let mut light = node.advance(ready);
        if let Some(commit) = light.commit_index() {
            storage.wl().mut_hard_state().set_commit(commit);
        }
        self.under_way.extend(light.take_messages());
        applied += count(light.committed_entries());
        node.advance_apply();
        self.applied += applied;
    }
}

fn count(entries: &[Entry]) -> u64 {
    entries.iter().filter(|entry| !entry.data.is_empty()).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_cluster_elects_replicates_and_applies() {
        let workload = Workload {
            nodes: 5,
            ticks: 500,
            heartbeat_ticks: 5,
            election_ticks: 15,
            commands_per_1000_ticks: 1_000,
            command_bytes: 24,
        };
        let mut bare = Bare::new(&workload);
        bare.run(&workload);
        // 484 commands were asked for after the election, and each node applies each but the last ones.
        assert!(bare.applied > 5 * 470, "{}", bare.applied);
        assert!(bare.messages > 4 * 2 * 470, "{}", bare.messages);
    }
}
