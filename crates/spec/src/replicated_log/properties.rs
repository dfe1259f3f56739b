//! The black-box properties of a replicated log.

use quarrel_protocol::{ClientId, Monitor, NodeId, Property, PropertyKind, Protocol, Report, RequestId};

use super::record::{BLOCK, Reader, Record};
use super::{Applied, Call, Output, Reply, Restored, RunsMachine};
use crate::session::Command;

/// The black-box properties of a replicated log, over outputs and replies. They know no protocol.
pub struct Properties {
    /// What each request asks, by its number.
    asked: Vec<Option<(ClientId, Call)>>,
    /// What was applied first at each position, and by whom.
    log: Record,
    /// The next position each node must apply; 1 again after a restart.
    next: Vec<u64>,
    /// What each node applies of what is long past.
    readers: Vec<Reader>,
}

const STATE_MACHINE_SAFETY: usize = 0;
const IN_ORDER: usize = 1;
const VALIDITY: usize = 2;
const ACKNOWLEDGED: usize = 3;

/// The properties of a replicated log.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "state-machine-safety",
        kind: PropertyKind::Paper,
        statement: "no two nodes apply different commands at the same index, and a snapshot holds what they lead to",
        source: "Raft, Figure 3 and section 7; Schneider 1990, section 3 (agreement and order)",
    },
    Property {
        name: "in-order-application",
        kind: PropertyKind::Paper,
        statement: "a node applies index 1, 2, 3 ... without gaps, from the start or a snapshot again after a restart",
        source: "Schneider 1990, section 3 (order)",
    },
    Property {
        name: "log-validity",
        kind: PropertyKind::Paper,
        statement: "a command that is applied was asked for by a client",
        source: "Schneider 1990, section 2 (validity)",
    },
    Property {
        name: "acknowledged-command",
        kind: PropertyKind::Client,
        statement: "when a client is told that its command was applied at an index, that command stands there",
        source: "Raft, section 8",
    },
];

impl Properties {
    fn is_requested(&self, command: &Command) -> bool {
        let asked = self.asked.get(command.session.serial.0 as usize);
        asked.copied().flatten() == Some((command.session.client, command.call))
    }

    fn on_applied(&mut self, node: NodeId, applied: &Applied, report: &mut Report) {
        let Applied { index, command } = applied;
        let next = &mut self.next[node.index()];
        report.check(IN_ORDER, *index == *next, || {
            (format!("{node} applied index {index} where index {next} was next"), "")
        });
        *next = index + 1;
        match self.log.get(*index) {
            Some((first, by)) => report.check(STATE_MACHINE_SAFETY, first == command, || {
                let before = Applied { index: *index, command: *first };
                (format!("{by} {before}, but {node} {applied}"), "")
            }),
            None if *index == self.log.len() + 1 => {
                if let Some(command) = command {
                    report.check(VALIDITY, self.is_requested(command), || {
                        (
                            format!(
                                "{node} applied {command} at index {index}, which no client had asked for"
                            ),
                            "",
                        )
                    });
                }
                self.log.push(*command, node);
                report.check(STATE_MACHINE_SAFETY, true, || unreachable!());
            }
            None if self.log.is_past(*index) => {
                let reader = &mut self.readers[node.index()];
                if let Some(is_same) = self.log.reads_past(reader, applied) {
                    report.check(STATE_MACHINE_SAFETY, is_same, || {
                        let first = index + 1 - BLOCK;
                        let what = format!("{node} applied other commands at {first} to {index} than were applied there first");
                        (what, "other commands long after")
                    });
                }
            }
            // A gap: reported above, and there is nothing to compare with.
            None => {}
        }
    }

    #[cold]
    fn on_restored(&mut self, node: NodeId, restored: Restored, report: &mut Report) {
        let Restored { index, state } = restored;
        let next = &mut self.next[node.index()];
        report.check(IN_ORDER, index + 1 >= *next, || {
            let applied = *next - 1;
            let what =
                format!("{node} went back from index {applied} to a snapshot of everything up to {index}");
            (what, "a snapshot took it back")
        });
        *next = index + 1;
        self.readers[node.index()] = Reader::default();
        if index > self.log.len() {
            let last = self.log.len();
            report.check(STATE_MACHINE_SAFETY, false, || {
                let what = format!(
                    "{node} took over a snapshot of everything up to {index}, but nobody has applied more than {last}"
                );
                (what, "a snapshot holds what nobody applied")
            });
            return;
        }
        // What a snapshot held that is long past, nobody knows any more.
        let Some(held) = self.log.state_at(index) else { return };
        report.check(STATE_MACHINE_SAFETY, held == state, || {
            let what = format!(
                "{node} took over a snapshot of everything up to {index}, which is not what the log leads to"
            );
            (what, "a snapshot holds another state")
        });
    }
}

impl<P: Protocol<Request = Call, Reply = Reply, Output = Output>> Monitor<P> for Properties
where
    P::Config: RunsMachine,
{
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn new(config: &P::Config, nodes: usize) -> Self {
        let log = Record::new(config.machine());
        Self { asked: Vec::new(), log, next: vec![1; nodes], readers: vec![Reader::default(); nodes] }
    }

    fn on_request(&mut self, client: ClientId, id: RequestId, call: &Call, _: &mut Report) {
        let request = id.0 as usize;
        if self.asked.len() <= request {
            self.asked.resize(request + 1, None);
        }
        self.asked[request] = Some((client, *call));
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &Output, report: &mut Report) {
        match output {
            Output::Applied(applied) => self.on_applied(node, applied, report),
            Output::Restored(restored) => self.on_restored(node, *restored, report),
        }
    }

    fn on_reply(
        &mut self,
        node: NodeId,
        client: ClientId,
        id: RequestId,
        reply: &Reply,
        report: &mut Report,
    ) {
        let &Reply::Applied { index, .. } = reply else { return };
        let asked = self.asked.get(id.0 as usize).copied().flatten();
        // What changes nothing needs no position of its own.
        if asked.is_some_and(|(_, call)| call.is_read()) {
            return;
        }
        // An answer that is told again long after was judged when it was told first, or nobody heard it.
        if self.log.is_past(index) {
            return;
        }
        let stands = self.log.get(index);
        let is_it = stands.is_some_and(|(command, _)| {
            command.is_some_and(|command| (command.session.client, command.session.serial) == (client, id))
        });
        report.check(ACKNOWLEDGED, is_it, || {
            let found = match stands {
                Some((Some(other), by)) => format!("{by} applied {other} there"),
                Some((None, by)) => format!("{by} applied a no-op there"),
                None => "nobody has applied that index".to_string(),
            };
            (format!("{node} told {client} that {id} stands at index {index}, but {found}"), "")
        });
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.next[node.index()] = 1;
        self.readers[node.index()] = Reader::default();
    }
}
