//! The scenarios that protocols are measured with, as text: whoever doubts a figure can run one.

use std::fmt::Write;

use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::time::{MILLISECOND, SECOND};

use super::description::{Description, Reach, Wish};

/// How long a message takes.
pub(super) const LATENCY_NS: u64 = MILLISECOND;
/// When everything has settled that settles by itself, such as who leads.
pub(super) const SETTLED_NS: u64 = 2 * SECOND;
/// A pause that no request outlasts.
pub(super) const GAP_NS: u64 = SECOND;

/// Clients that ask elsewhere soon, for ever, and are not sent back to a silent node again and again.
pub(super) const PATIENCE: &str = "timeout = \"50ms\"\nattempts = 10000\ndistrust = 20\n";

/// A scenario in the making.
pub(super) struct Script<'a> {
    description: &'a Description,
    participants: u8,
    duration_ns: u64,
    operations: u32,
    /// Lines of `[network]`, `[disk]`, `[clock]` and `[workload]`.
    pub(super) network: String,
    pub(super) disk: String,
    pub(super) clock: String,
    pub(super) workload: String,
    /// Faults and operations.
    tail: String,
}

impl<'a> Script<'a> {
    pub(super) fn new(description: &'a Description, participants: u8, duration_ns: u64) -> Self {
        Self {
            description,
            participants,
            duration_ns,
            operations: 0,
            network: format!("latency = \"{LATENCY_NS}ns\"\n"),
            disk: String::new(),
            clock: String::new(),
            workload: "clients = 2\n".to_string(),
            tail: String::new(),
        }
    }

    /// The first client asks for something, about all participants.
    pub(super) fn ask(&mut self, at_ns: u64, of: Option<NodeId>) -> u32 {
        self.operation(at_ns, 1, of, Reach::Everybody)
    }

    /// The second client asks for something, about two participants.
    pub(super) fn ask_apart(&mut self, at_ns: u64, of: Option<NodeId>) -> u32 {
        self.operation(at_ns, 2, of, Reach::Two)
    }

    /// Returns the operation's number: they are asked in the order of their times.
    fn operation(&mut self, at_ns: u64, client: u8, of: Option<NodeId>, reach: Reach) -> u32 {
        let number = self.operations;
        self.operations += 1;
        let _infallible = write!(self.tail, "\n[[operation]]\nat = \"{at_ns}ns\"\nclient = {client}\n");
        // Whoever coordinates is known.
        let of = if self.description.is_commit() { Some(NodeId(0)) } else { of };
        if let Some(node) = of {
            let _infallible = writeln!(self.tail, "node = \"{node}\"");
        }
        if let Some(words) = self.description.words {
            let words = words(Wish { number, participants: self.participants, reach });
            let _infallible = writeln!(self.tail, "asks = \"{words}\"");
        }
        number
    }

    /// Nodes crash at the same instant, and come back after `outage_ns`, or when the run is over.
    pub(super) fn crash(&mut self, at_ns: u64, nodes: NodeSet, outage_ns: Option<u64>) {
        let _infallible = write!(self.tail, "\n[[fault]]\nat = \"{at_ns}ns\"\ncrash = {}\n", list(nodes));
        if let Some(outage_ns) = outage_ns {
            let _infallible = writeln!(self.tail, "lasting = \"{outage_ns}ns\"");
        }
    }

    /// These nodes and the others do not reach each other any more.
    pub(super) fn cut_off(&mut self, at_ns: u64, nodes: NodeSet, all: u8) {
        let others = nodes.complement(usize::from(all));
        let (here, there) = (list(nodes), list(others));
        let _infallible =
            write!(self.tail, "\n[[fault]]\nat = \"{at_ns}ns\"\npartition = [{here}, {there}]\n");
    }

    /// Anything else.
    pub(super) fn add(&mut self, text: &str) {
        self.tail.push('\n');
        self.tail.push_str(text);
    }

    pub(super) fn text(&self) -> String {
        let Description { protocol, .. } = *self.description;
        let nodes = self.description.nodes(Some(self.participants));
        let mut text = format!(
            "# Written by compare.\nprotocol = \"{protocol}\"\nnodes = {nodes}\nduration = \"{}ns\"\n",
            self.duration_ns
        );
        let tables = [
            ("network", &self.network),
            ("disk", &self.disk),
            ("clock", &self.clock),
            ("workload", &self.workload),
        ];
        for (name, lines) in tables {
            let _infallible = write!(text, "\n[{name}]\n{lines}");
        }
        text + &self.tail
    }
}

fn list(nodes: NodeSet) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("\"{node}\"")).collect();
    format!("[{}]", names.join(", "))
}
