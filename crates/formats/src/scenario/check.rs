//! Names that only a protocol knows: noted while a scenario is read, looked up when the protocol is at hand.

use quarrel_sim::fault::FaultClass;

use super::model::Scenario;
use super::raw::meant;
use super::source::{Complaint, Place};
use crate::InputError;
use crate::input::quoted;

/// What there is: the protocols, and the names that each one knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vocabulary {
    /// The protocols, in the order in which they are listed to people.
    pub protocols: Vec<Words>,
}

/// The names that one protocol knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Words {
    /// The protocol's name.
    pub protocol: &'static str,
    /// The kinds of its messages.
    pub messages: &'static [&'static str],
    /// The kinds of its timers.
    pub timers: &'static [&'static str],
    /// The lies that its traitors can tell.
    pub lies: &'static [&'static str],
    /// The kinds of orders that it takes from an operator.
    pub orders: &'static [&'static str],
    /// The kinds of its announcements.
    pub events: &'static [&'static str],
    /// For each kind of announcement, the names of its numbers.
    pub fields: &'static [&'static [&'static str]],
    /// The properties that can be violated, whoever judges them.
    pub properties: Vec<&'static str>,
    /// The `sometimes` cells, whoever watches them.
    pub cells: Vec<&'static str>,
    /// The flaws, without the protocol's name: `commit-old-term`.
    pub flaws: Vec<&'static str>,
    /// The options under `[config]`.
    pub config: Vec<&'static str>,
    /// The only number of nodes that it is for; `None` if any will do.
    pub nodes: Option<u8>,
}

/// A name in a scenario that only the protocol knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mention {
    what: What,
    name: String,
    place: Place,
}

/// What a name is the name of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    Protocol,
    Message,
    Timer,
    /// Whatever an operator can ask for.
    Operator,
    Order,
    /// Whatever a traitor can say that is not true.
    Liar,
    Lie,
    Event,
    Field {
        event: String,
    },
    Property,
    Cell,
    /// Something that is counted: a cell or a class of faults.
    Tally,
    Flaw,
    Option,
    /// How many nodes there are, at least and at most.
    Nodes(u8, u8),
    /// The comment on top, where it is missing.
    About,
}

impl Mention {
    pub(super) fn new(what: What, name: &str, place: Place) -> Self {
        Self { what, name: name.to_string(), place }
    }

    fn check(&self, vocabulary: &Vocabulary, words: &Words) -> Result<(), Complaint> {
        let protocol = words.protocol;
        let find_or = |what: &str, known: &[&str], otherwise: &str| match known.contains(&self.name.as_str())
        {
            true => Ok(()),
            false => {
                let message = format!("{protocol} has no {what} {}", quoted(&self.name));
                let help = meant(&self.name, known.iter().copied());
                let help = if help.is_empty() { otherwise.to_string() } else { help };
                Err(Complaint::new(self.place, message).with_help(help))
            }
        };
        let find = |what: &str, known: &[&str]| find_or(what, known, "");
        match &self.what {
            What::Protocol => {
                let known = vocabulary.protocols.iter().map(|words| words.protocol);
                match known.clone().any(|known| known == self.name) {
                    true => Ok(()),
                    false => {
                        Err(self.complain(format!("there is no protocol {}", quoted(&self.name)), known))
                    }
                }
            }
            What::Message => find("message", words.messages),
            What::Timer => find("timer", words.timers),
            What::Operator => match words.orders.is_empty() {
                false => Ok(()),
                true => Err(Complaint::new(self.place, format!("{protocol} takes no orders"))),
            },
            What::Order => find("order", words.orders),
            What::Liar => match words.lies.is_empty() {
                false => Ok(()),
                true => Err(Complaint::new(
                    self.place,
                    format!("no lie is known that a node of {protocol} could tell"),
                )),
            },
            What::Lie => find("lie", words.lies),
            What::Event => find("event", words.events),
            What::Field { event } => {
                let position = words.events.iter().position(|known| known == event);
                let fields =
                    position.and_then(|position| words.fields.get(position)).copied().unwrap_or_default();
                match fields.contains(&self.name.as_str()) {
                    true => Ok(()),
                    false => {
                        let message =
                            format!("{} of {protocol} has no field {}", quoted(event), quoted(&self.name));
                        Err(self.complain(message, fields.iter().copied()))
                    }
                }
            }
            What::Property => find_or("property", &words.properties, "`list invariants` has them all"),
            What::Cell => find_or("cell", &words.cells, "`list cells` has them all"),
            What::Tally => {
                let classes = FaultClass::ALL.map(FaultClass::name);
                let known = [words.cells.as_slice(), &classes].concat();
                find_or("cell or class of faults", &known, "`list cells` and `list faults` have them all")
            }
            What::Flaw => {
                let full: Vec<String> = words.flaws.iter().map(|flaw| format!("{protocol}/{flaw}")).collect();
                let full: Vec<&str> = full.iter().map(String::as_str).collect();
                find_or("flaw", &full, "`list flaws` has them all")
            }
            What::Option => find("option", &words.config),
            &What::Nodes(least, most) => match words.nodes.filter(|&only| (least, most) != (only, only)) {
                None => Ok(()),
                Some(only) => {
                    let nodes = if only == 1 { "node" } else { "nodes" };
                    let message = format!("{protocol} is for {only} {nodes}, neither more nor fewer");
                    Err(Complaint::new(self.place, message))
                }
            },
            What::About => {
                let message = "a scenario begins with a comment that says who does what and what must happen";
                Err(Complaint::new(self.place, message))
            }
        }
    }

    fn complain<'a>(&self, message: String, known: impl Iterator<Item = &'a str> + Clone) -> Complaint {
        Complaint::new(self.place, message).with_help(meant(&self.name, known))
    }
}

impl Scenario {
    /// Checks every name against what there is.
    ///
    /// # Errors
    /// At the first name that does not exist, with the one that may have been meant.
    pub fn check(&self, vocabulary: &Vocabulary) -> Result<(), InputError> {
        let nothing = Words::default();
        let words =
            vocabulary.protocols.iter().find(|words| words.protocol == self.protocol).unwrap_or(&nothing);
        // The protocol is mentioned first: without it, no other name can be judged.
        self.mentions
            .iter()
            .try_for_each(|mention| mention.check(vocabulary, words))
            .map_err(|complaint| self.explain(complaint))
    }
}
