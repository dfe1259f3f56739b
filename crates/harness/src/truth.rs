//! The clients' truth: what clients saw, and whether one sequential object explains it.
//!
//! The order in which nodes applied commands explains nearly every run, in linear time. Where it does not, that is no
//! verdict: a search decides.

use quarrel_protocol::{ClientId, NodeId, NodeSet, Property, PropertyKind, RequestId, Violation};
use quarrel_sim::End;
use quarrel_sim::time::Span as Time;
use quarrel_spec::linearizability::{Explanation, Model, Placed, Span, Verdict, check_near, explains};
use quarrel_spec::{Service, Sight, Told};

use crate::subject::Subject;

/// The property that histories are checked for.
pub const LINEARIZABILITY: Property = Property {
    name: "linearizability",
    kind: PropertyKind::Client,
    statement: "what clients were told can be explained by one object that does one thing after the other, each between its call and its return",
    source: "Herlihy and Wing, Linearizability (1990)",
};

/// The property that the scan after healing is for.
pub const DURABILITY: Property = Property {
    name: "durability",
    kind: PropertyKind::Client,
    statement: "what was acknowledged is there when everything is read back after the faults",
    source: "Gray and Reuter, Transaction Processing (1992), section 1.2; Raft, section 8",
};

/// The property of the healed core.
pub const LIVENESS: Property = Property {
    name: "liveness",
    kind: PropertyKind::Liveness,
    statement: "once a core has healed, it answers everything that is asked and its nodes come to agree, whatever still ails the others",
    source: "Lamport, Proving the Correctness of Multiprocess Programs (1977); TigerBeetle's simulator",
};

/// How many steps a search may take in one run: a fraction of a second, and some tens of megabytes. What is not decided
/// by then mostly never is.
pub const STEPS_MAX: u64 = 400_000;

/// The type of a call on the object behind a protocol.
pub type CallOf<P> = <<<P as Subject>::Service as Service<P>>::Model as Model>::Call;
/// The type of its answers.
pub type AnswerOf<P> = <<<P as Subject>::Service as Service<P>>::Model as Model>::Answer;

/// How a history was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Judged {
    /// Not at all: the run ended for another reason, or nobody asked.
    #[default]
    Not,
    /// The order in which nodes applied commands explains it.
    ByWitness,
    /// A search found another order that does.
    BySearch,
    /// The search gave up.
    Unknown,
    /// Nothing explains it.
    Broken,
}

/// A moment: its position among all that clients saw, and its time in nanoseconds.
pub type Moment = (u64, u64);

/// One operation as its client saw it.
pub struct Seen<P: Subject> {
    /// Who asked.
    pub client: ClientId,
    /// Its name.
    pub id: RequestId,
    /// What was asked.
    pub call: CallOf<P>,
    /// When it was asked first.
    pub called: Moment,
    /// When its client learned what became of it, and what that was.
    pub ended: Option<(Moment, Ended<AnswerOf<P>>)>,
    /// Where it took effect, in the order that nodes' outputs tell.
    position: Option<u64>,
}

/// What became of an operation, as its client knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended<A> {
    /// It took effect, with this answer.
    Ok(A),
    /// It had no effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// Keeps what clients see, and judges it.
pub struct Truth<P: Subject> {
    service: P::Service,
    seen: Vec<Seen<P>>,
    /// Where in `seen` each request is, by its number, plus one.
    of_request: Vec<u32>,
    positions: u64,
}

impl<P: Subject> Truth<P> {
    pub(crate) fn new(config: &P::Config, nodes: usize) -> Self {
        let service = P::Service::new(config, nodes);
        Self { service, seen: Vec::new(), of_request: Vec::new(), positions: 0 }
    }

    fn tick(&mut self, at_ns: u64) -> Moment {
        self.positions += 1;
        (self.positions, at_ns)
    }

    pub(crate) fn on_request(&mut self, at_ns: u64, client: ClientId, id: RequestId, request: &P::Request) {
        self.service.on_request(id, request);
        let number = id.0 as usize;
        if self.of_request.len() <= number {
            self.of_request.resize(number + 1, 0);
        }
        let (call, called) = (self.service.call(request), self.tick(at_ns));
        self.seen.push(Seen { client, id, call, called, ended: None, position: None });
        self.of_request[number] = self.seen.len() as u32;
    }

    pub(crate) fn on_end(&mut self, at_ns: u64, client: ClientId, id: RequestId, end: &End<'_, P>) {
        let place = self.of_request.get(id.0 as usize).copied().unwrap_or_default();
        // What failed unsent was never asked.
        let Some(place) = place.checked_sub(1) else { return };
        let when = self.tick(at_ns);
        let seen = &mut self.seen[place as usize];
        let ended = match end {
            End::Ok(reply) => {
                seen.position = self.service.position(client, id, Some(reply));
                Ended::Ok(self.service.answer(reply))
            }
            End::Failed => Ended::Failed,
            End::Unknown => Ended::Unknown,
        };
        seen.ended = Some((when, ended));
    }

    #[inline]
    pub(crate) fn on_output(&mut self, node: NodeId, output: &P::Output) {
        self.service.on_output(node, output);
    }

    pub(crate) fn on_crash(&mut self, node: NodeId) {
        self.service.on_crash(node);
    }

    pub(crate) fn lag(&self, core: NodeSet) -> Option<String> {
        self.service.lag(core)
    }

    /// What clients saw, in the order of their calls.
    pub fn into_seen(self) -> Vec<Seen<P>> {
        self.seen
    }

    /// Whether anything that was asked after `healed_ns` was answered: only then something was read back.
    pub(crate) fn reads_back(&self, healed_ns: u64) -> bool {
        self.seen.iter().any(|seen| seen.called.1 > healed_ns && seen.answer().is_some())
    }

    /// What the service itself finds wrong with what clients saw.
    fn anomaly(&self) -> Option<Violation> {
        let Property { name, kind, .. } = P::Service::JUDGES?;
        let sights: Vec<Sight<'_, _>> = self.seen.iter().map(Seen::sight).collect();
        let (detail, canonical) = self.service.anomaly(&sights)?;
        Some(Violation {
            property: name.to_string(),
            kind,
            detail,
            signature: format!("{name}: {canonical}"),
        })
    }

    /// Judges what clients saw. What was asked after `healed_ns` reads back what was acknowledged before.
    pub(crate) fn judge(&self, healed_ns: u64) -> (Judged, Option<Violation>) {
        if let Some(anomaly) = self.anomaly() {
            return (Judged::Broken, Some(anomaly));
        }
        let known: Vec<&Seen<P>> = self.seen.iter().filter(|seen| !seen.has_failed()).collect();
        let history: Vec<Span<_, _>> = known.iter().map(|seen| seen.span()).collect();
        let position = |seen: &&Seen<P>| match seen.ended {
            Some((_, Ended::Ok(_))) => seen.position,
            _ => self.service.position(seen.client, seen.id, None),
        };
        let placed = known.iter().map(position).enumerate();
        let order: Vec<Placed> = placed
            .filter_map(|(operation, position)| Some(Placed { operation, position: position? }))
            .collect();
        let model = self.service.model();
        if explains(model, &history, &order).is_ok() {
            return (Judged::ByWitness, None);
        }
        match check_near(model, &history, &order, STEPS_MAX) {
            Verdict::Linearizable { .. } => (Judged::BySearch, None),
            Verdict::Unknown { .. } => (Judged::Unknown, None),
            Verdict::Violation(explanation) => {
                // Operations are listed in the order of their calls, so those before are the first, and keep their
                // numbers.
                let before = known.iter().take_while(|seen| seen.called.1 <= healed_ns).count();
                let first = &history[..before];
                let order: Vec<Placed> =
                    order.iter().copied().filter(|placed| placed.operation < before).collect();
                let is_lost = before < history.len()
                    && matches!(check_near(model, first, &order, STEPS_MAX), Verdict::Linearizable { .. });
                let property = if is_lost { DURABILITY } else { LINEARIZABILITY };
                (Judged::Broken, Some(violation(property, &known, &explanation)))
            }
        }
    }
}

impl<P: Subject> Seen<P> {
    /// What its client was told, if it was told.
    pub fn answer(&self) -> Option<&AnswerOf<P>> {
        match &self.ended {
            Some((_, Ended::Ok(answer))) => Some(answer),
            _ => None,
        }
    }

    fn sight(&self) -> Sight<'_, <P::Service as Service<P>>::Model> {
        let ended = self.ended.as_ref().map(|((position, _), ended)| {
            let told = match ended {
                Ended::Ok(answer) => Told::Ok(answer),
                Ended::Failed => Told::Failed,
                Ended::Unknown => Told::Unknown,
            };
            (*position, told)
        });
        Sight { id: self.id, call: &self.call, called: self.called.0, ended }
    }

    fn has_failed(&self) -> bool {
        matches!(self.ended, Some((_, Ended::Failed)))
    }

    fn span(&self) -> Span<CallOf<P>, AnswerOf<P>> {
        let returned = match &self.ended {
            Some(((position, _), Ended::Ok(answer))) => Some((*position, answer.clone())),
            _ => None,
        };
        let process = u64::from(self.client.0);
        Span { process, call: self.call.clone(), called: self.called.0, returned }
    }

    /// `c1 was told "v7" to op3 (read) at 1.2s`.
    fn told(&self) -> String {
        let Self { client, id, call, .. } = self;
        match &self.ended {
            Some(((_, at_ns), Ended::Ok(answer))) => {
                format!("{client} was told \"{answer}\" to {id} ({call}) at {}", Time(*at_ns))
            }
            _ => format!("{client} never learned what became of {id} ({call})"),
        }
    }
}

fn violation<P: Subject>(
    property: Property,
    known: &[&Seen<P>],
    explanation: &Explanation<AnswerOf<P>>,
) -> Violation {
    let culprit = known[explanation.stuck];
    let mut detail = culprit.told();
    detail += match property.kind {
        _ if property == DURABILITY => ", although all that was told before the healing can be explained: ",
        _ => ", which no order of the operations explains: ",
    };
    match explanation.prefix.last() {
        None => detail += "nothing can have happened before it",
        Some(last) => {
            let (count, last) = (explanation.prefix.len(), known[last.operation]);
            let operations = if count == 1 { "operation" } else { "operations" };
            detail += &format!("{count} {operations} can be put in order, up to {} ({})", last.id, last.call);
        }
    }
    if let Some(answer) = explanation.possible.first() {
        detail += &format!("; then the answer would be \"{answer}\"");
    }
    let (name, kind) = (property.name.to_string(), property.kind);
    Violation { signature: name.clone(), property: name, kind, detail }
}
