//! Scenarios for any protocol: the weather, without a word that only one protocol knows.

use quarrel_formats::InputError;

/// A world to put a protocol into: how many nodes, which faults, what clients ask.
///
/// ```
/// use quarrel::Scenario;
///
/// let weather = Scenario::chaos(5).strike_on("elected").without("swizzle").set("network.latency", "2ms");
/// assert!(weather.text("raft").contains("on = \"elected\""));
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    name: String,
    weather: Weather,
    strike_on: Option<String>,
    without: Vec<String>,
    sets: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum Weather {
    Generated { nodes: u8, prose: &'static str, sections: &'static str },
    Written(String),
}

const CHAOS: &str =
    "A swarm: every run draws its own weather, and each class of faults is on in about half of them.";
const CALM: &str = "Fair weather: nothing is lost, nobody crashes.";

impl Scenario {
    /// A swarm over a cluster of `nodes` nodes. Every run draws which faults it has at all and how hard they strike:
    /// messages are lost, doubled and held up, the network splits and clogs, nodes crash, stall and forget what they
    /// had not synced, clocks drift, disks are slow. After four seconds everything heals.
    #[must_use]
    pub fn chaos(nodes: u8) -> Self {
        let sections = include_str!("chaos.toml");
        Self::new("chaos", Weather::Generated { nodes, prose: CHAOS, sections })
    }

    /// Fair weather over a cluster of `nodes` nodes: two clients, nothing goes wrong.
    #[must_use]
    pub fn calm(nodes: u8) -> Self {
        let sections = include_str!("calm.toml");
        Self::new("calm", Weather::Generated { nodes, prose: CALM, sections })
    }

    /// A scenario in the form of the files under `scenarios/`: TOML, with a comment on top that says who does what
    /// and what must happen.
    #[must_use]
    pub fn toml(text: impl Into<String>) -> Self {
        Self::new("scenario", Weather::Written(text.into()))
    }

    fn new(name: &str, weather: Weather) -> Self {
        Self { name: name.to_string(), weather, strike_on: None, without: Vec::new(), sets: Vec::new() }
    }

    /// The name that stories and files give.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// In most runs, whoever announces this event is isolated, crashed or stalled for it: aim at the moment in which
    /// your protocol has just changed its mind, `elected` or `promised`.
    #[must_use]
    pub fn strike_on(mut self, event: impl Into<String>) -> Self {
        self.strike_on = Some(event.into());
        self
    }

    /// Leaves out a class of recurring faults: `without("crash-at-write")` for a protocol that writes nothing. Rates
    /// are [`set`](Self::set) to zero instead: `set("network.loss", "0")`.
    #[must_use]
    pub fn without(mut self, class: impl Into<String>) -> Self {
        self.without.push(class.into());
        self
    }

    /// Puts a value in the place of what the scenario says: `set("duration", "10s")`, `set("nodes", "[3, 7]")`.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.sets.push((key.into(), value.into()));
        self
    }

    /// The scenario's text for the protocol of this name, before anything is set: a start for a file of your own.
    #[must_use]
    pub fn text(&self, protocol: &str) -> String {
        let mut text = match &self.weather {
            Weather::Written(text) => text.clone(),
            Weather::Generated { nodes, prose, sections } => {
                format!("# {prose}\nprotocol = {protocol:?}\nnodes = {nodes}\n{sections}")
            }
        };
        for class in &self.without {
            text = without(&text, class);
        }
        if let Some(event) = &self.strike_on {
            text.push_str(&format!(
                "\n[faults.leader]\nchance = 0.7\non = {event:?}\nprobability = 0.7\nafter = [\"0ms\", \"100ms\"]\n\
                 lasting = [\"10ms\", \"1s\"]\n"
            ));
        }
        text
    }

    /// What was pinned, key and value.
    pub(crate) fn pins(&self) -> &[(String, String)] {
        &self.sets
    }

    pub(crate) fn read(&self, protocol: &str) -> Result<quarrel_formats::Scenario, InputError> {
        let file = format!("{}.toml", self.name);
        for class in &self.without {
            self.check_class(&file, class)?;
        }
        let text = self.text(protocol);
        quarrel_formats::Scenario::parse_with(&self.name, &file, text.as_bytes(), &self.sets)
    }

    /// A class that is left out twice, or was never there, is a mistake worth hearing of.
    fn check_class(&self, file: &str, class: &str) -> Result<(), InputError> {
        let whole = Self { without: Vec::new(), ..self.clone() }.text("");
        let header =
            |line: &'_ str| line.strip_prefix("[faults.").and_then(|rest| rest.strip_suffix(']')).is_some();
        let classes: Vec<&str> =
            whole.lines().filter(|line| header(line)).map(|line| &line[8..line.len() - 1]).collect();
        if classes.contains(&class) {
            return Ok(());
        }
        let known = classes.join(", ");
        Err(InputError::whole(
            file,
            format!("there is no class of faults `{class}` to leave out; there are: {known}"),
        ))
    }
}

/// The text without the section of that class of faults.
fn without(text: &str, class: &str) -> String {
    let header = format!("[faults.{class}]");
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        inside = if line.starts_with('[') { *line == header } else { inside };
        !inside
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_scenarios_are_scenarios() {
        for nodes in [1, 2, 3, 7, 64] {
            for scenario in [Scenario::chaos(nodes), Scenario::calm(nodes)] {
                scenario.read("any").unwrap_or_else(|error| panic!("{nodes} nodes: {error}"));
            }
        }
        assert!(Scenario::chaos(0).read("any").is_err());
        assert!(Scenario::chaos(65).read("any").is_err());
    }

    #[test]
    fn a_class_that_is_left_out_is_gone_and_the_others_stay() {
        let read = |scenario: Scenario| scenario.read("any").map(|scenario| scenario.recurring.len());
        let all = read(Scenario::chaos(3)).expect("chaos is a scenario");
        assert_eq!(read(Scenario::chaos(3).without("crash")).ok(), Some(all - 1));
        assert_eq!(read(Scenario::chaos(3).without("slow-disk").without("pause")).ok(), Some(all - 2));
        let error = read(Scenario::chaos(3).without("loss")).expect_err("no such class").to_string();
        assert!(error.contains("crash-at-write, pause"), "{error}");
    }

    #[test]
    fn what_is_set_counts_and_mistakes_are_told() {
        let scenario =
            Scenario::chaos(3).set("nodes", "4").set("network.loss", "0").read("any").expect("valid");
        assert_eq!(scenario.nodes.fixed(), Some(4));
        assert_eq!(scenario.network.loss_ppm.most(), 0);
        let error =
            Scenario::calm(3).set("network.los", "0").read("any").expect_err("a misspelling").to_string();
        assert!(error.contains("network.los"), "{error}");
    }
}
