//! The nemesis that watches: rules that answer announcements with faults.

use quarrel_protocol::{Announcement, Kinded, NodeId, NodeSet, Protocol};

use crate::draw::{between, log_between, mix, slice, threshold};
use crate::fault::{Action, Fault};
use crate::world::{Reaction, Rule};

/// A rule whose names were looked up.
struct Watch {
    rule: Rule,
    kind: usize,
    /// Positions of fields of the event, and what they must be.
    fields: Vec<(usize, u64)>,
    matches: u32,
}

/// All rules of a run.
#[derive(Default)]
pub(crate) struct Nemesis {
    watches: Vec<Watch>,
    /// Event kinds that some rule watches, as bits.
    watched: u64,
    seed: u64,
    nodes: usize,
}

impl Nemesis {
    /// Looks the rules' names up.
    ///
    /// # Errors
    /// When a rule names an event or a field that the protocol does not announce.
    pub(crate) fn new<P: Protocol>(rules: Vec<Rule>, seed: u64, nodes: usize) -> Result<Self, String> {
        let mut nemesis =
            Self { watches: Vec::new(), watched: 0, seed: mix(seed ^ 0x006e_656d_6573_6973), nodes };
        for rule in rules {
            let known = <P::Event as Kinded>::KINDS;
            let kind = known.iter().position(|&name| name == rule.when.event);
            let kind = kind.ok_or_else(|| format!("{} announces no `{}`", P::NAME, rule.when.event))?;
            let names = <P::Event as Announcement>::FIELDS[kind];
            let fields = rule.when.fields.iter().map(|(field, value)| {
                let position = names.iter().position(|name| name == field);
                let absent = || format!("`{}` of {} carries no `{field}`", rule.when.event, P::NAME);
                Ok((position.ok_or_else(absent)?, *value))
            });
            let fields = fields.collect::<Result<_, String>>()?;
            nemesis.watched |= 1 << kind;
            nemesis.watches.push(Watch { rule, kind, fields, matches: 0 });
        }
        Ok(nemesis)
    }

    /// Whether any rule watches this kind of event.
    #[inline]
    pub(crate) const fn watches(&self, kind: usize) -> bool {
        self.watched >> kind & 1 == 1
    }

    /// A node has just announced an event. Adds the faults that answer it.
    pub(crate) fn hear<E: Announcement>(
        &mut self,
        node: NodeId,
        event: &E,
        now: u64,
        answers: &mut Vec<Fault>,
    ) {
        for (index, watch) in self.watches.iter_mut().enumerate() {
            let fields = watch.fields.iter().all(|&(position, value)| event.field(position) == value);
            if watch.kind != event.kind()
                || watch.rule.when.node.is_some_and(|other| other != node)
                || !fields
            {
                continue;
            }
            watch.matches += 1;
            let word =
                mix(mix(self.seed ^ (index as u64) << 32 ^ u64::from(watch.matches)) ^ u64::from(node.0));
            let now_is_due = watch.rule.when.nth.is_none_or(|nth| nth == watch.matches);
            if now_is_due && slice(word, 0) < threshold(watch.rule.chance_ppm) {
                answers.push(watch.rule.answer(node, now, word, self.nodes));
            }
        }
    }
}

impl Rule {
    fn answer(&self, node: NodeId, now: u64, word: u64, nodes: usize) -> Fault {
        let it = NodeSet::only(node);
        let action = match &self.then {
            Reaction::IsolateIt => Action::isolate(node, nodes),
            Reaction::CrashIt => Action::Crash { nodes: it },
            Reaction::PauseIt => Action::Pause { nodes: it },
            Reaction::Do(action) => action.clone(),
        };
        // One reaction in four strikes at the very instant: it cuts what the announcement's step was sending.
        let (least, most) = self.after_ns;
        let after = if least == most || slice(word, 1) < threshold(250_000) {
            least
        } else {
            between(mix(word ^ 1), least, most)
        };
        let lasting = self.lasting_ns.map(|(least, most)| log_between(mix(word ^ 2), least, most));
        Fault { at_ns: now.saturating_add(after), lasting_ns: lasting, action }
    }
}
