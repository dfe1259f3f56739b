//! Who depends on whom: Adya's direct dependencies, and the order of time.

use std::collections::BTreeSet;

use super::versions::Versions;
use super::{Deed, Execution, Fate};
use crate::Value;
use crate::machine::ListId;

/// Why a transaction must come before another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reason {
    /// It appended right before the other did (ww).
    Write(ListId, Value, Value),
    /// The other read what it appended (wr).
    Read(ListId, Value),
    /// It read a list before the other appended to it (rw, an anti-dependency).
    Anti(ListId, Value),
    /// It had returned before the other was called.
    Time,
}

/// A dependency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) reason: Reason,
}

/// The dependencies of each transaction on those that come after it. Whoever aborted depends on nobody.
pub(super) struct Graph {
    pub(super) edges: Vec<Vec<Edge>>,
}

impl Graph {
    pub(super) fn of(executions: &[Execution], versions: &Versions<'_>) -> Self {
        let mut graph = Self { edges: vec![Vec::new(); executions.len()] };
        graph.add_growth(versions);
        graph.add_reads(executions, versions);
        graph.add_time(executions);
        graph
    }

    fn add(&mut self, from: usize, to: usize, reason: Reason) {
        if from != to {
            self.edges[from].push(Edge { to, reason });
        }
    }

    /// Of two values next to each other in a list, the first was appended first.
    fn add_growth(&mut self, versions: &Versions<'_>) {
        for (&list, order) in &versions.orders {
            for pair in order.windows(2) {
                let writer = |value: Value| versions.writers[&(list, value)];
                self.add(writer(pair[0]), writer(pair[1]), Reason::Write(list, pair[0], pair[1]));
            }
        }
    }

    /// A read comes after the last append that it saw, and before the next. What was committed and not seen by anybody
    /// was appended after all that was.
    fn add_reads(&mut self, executions: &[Execution], versions: &Versions<'_>) {
        let unseen: Vec<(ListId, Value, usize)> = versions
            .writers
            .iter()
            .filter(|&(&(list, value), &writer)| {
                let seen = versions.orders.get(&list).is_some_and(|order| order.contains(&value));
                !seen && executions[writer].fate == Fate::Committed
            })
            .map(|(&(list, value), &writer)| (list, value, writer))
            .collect();
        for sighting in &versions.sightings {
            let (reader, list) = (sighting.reader, sighting.list);
            if let Some(&last) = sighting.found.last() {
                self.add(versions.writers[&(list, last)], reader, Reason::Read(list, last));
            }
            if let Some(&next) = versions.orders[&list].get(sighting.found.len()) {
                self.add(reader, versions.writers[&(list, next)], Reason::Anti(list, next));
            }
            let of_list = unseen.iter().filter(|(unseen, ..)| *unseen == list);
            of_list.for_each(|&(list, value, writer)| self.add(reader, writer, Reason::Anti(list, value)));
        }
        // And after whoever appended last of what was seen.
        for &(list, value, writer) in &unseen {
            if let Some(&last) = versions.orders.get(&list).and_then(|order| order.last()) {
                self.add(versions.writers[&(list, last)], writer, Reason::Write(list, last, value));
            }
        }
    }

    /// Who had returned before another was called comes before it. Only those are noted that are not between: if one
    /// had returned before a second was called, and that before a third, the first and the third are in order too.
    fn add_time(&mut self, executions: &[Execution]) {
        let mut moments: Vec<(u64, bool, usize)> = Vec::new();
        for (number, execution) in executions.iter().enumerate() {
            if execution.fate == Fate::Aborted {
                continue;
            }
            moments.push((execution.called, false, number));
            if let (Some(returned), Fate::Committed) = (execution.returned, execution.fate) {
                moments.push((returned, true, number));
            }
        }
        moments.sort_unstable();
        let mut frontier: BTreeSet<usize> = BTreeSet::new();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); executions.len()];
        for (_, returns, number) in moments {
            if returns {
                before[number].iter().for_each(|earlier| {
                    frontier.remove(earlier);
                });
                frontier.insert(number);
            } else {
                before[number] = frontier.iter().copied().collect();
                frontier.iter().for_each(|&earlier| self.add(earlier, number, Reason::Time));
            }
        }
    }
}

impl Reason {
    /// Why `from` came before `to`, in words.
    pub(super) fn words(self, from: &Execution, to: &Execution) -> String {
        let reads = |execution: &Execution, list: ListId| {
            execution.deeds.iter().any(|deed| matches!(deed, Deed::Read { list: read, .. } if *read == list))
        };
        let (from_name, to_name) = (&from.name, &to.name);
        match self {
            Reason::Write(list, one, other) => {
                format!("{from_name} appended {one} to {list} before {to_name} appended {other}")
            }
            Reason::Read(list, value) => {
                format!("{to_name} read {value} in {list}, which {from_name} had appended")
            }
            Reason::Anti(list, value) => {
                debug_assert!(reads(from, list), "an anti-dependency begins with a read");
                format!("{from_name} read {list} before {to_name} appended {value}")
            }
            Reason::Time => format!("{from_name} had returned before {to_name} was called"),
        }
    }
}
