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
    comes_back: bool,
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

    /// Fair weather over a cluster of `nodes` nodes: two clients, nothing goes wrong. A protocol that lives with
    /// something for good ([`Subject::lasting`](crate::Subject::lasting)) may still be short of a minority at the end, where it
    /// [`must_come_back`](Self::must_come_back).
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
        let (strike_on, comes_back) = (None, false);
        Self { name: name.to_string(), weather, strike_on, comes_back, without: Vec::new(), sets: Vec::new() }
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

    /// Demands liveness: when the faults are over, all nodes of a *core* are well again, and each request must be
    /// answered and the core's nodes must come to agree, or `liveness` is violated. What was acknowledged is read back
    /// then, too.
    ///
    /// The core is everybody. Where the protocol says that it lives with something for good
    /// ([`Subject::lasting`](crate::Subject::lasting)), in half of the runs it is fewer, at least
    /// [`Subject::core_min`](crate::Subject::core_min), and the others never heal. To demand more than a protocol
    /// promises, say who heals and what the others keep: `set("liveness.core", r#"["n1", "n2"]"#)` and
    /// `set("liveness.stay", r#"["crashed"]"#)`.
    ///
    /// How long the core may take without any progress is a multiple of
    /// [`Subject::round_ns`](crate::Subject::round_ns).
    #[must_use]
    pub fn must_come_back(mut self) -> Self {
        self.comes_back = true;
        self
    }

    /// For a replicated log: the state machine that commands are for. `register`, `kv`, `bank`, `seats`, `lock`,
    /// `membership` or `queue`. Chaos and fair weather draw one for each run, a queue excepted: to show that nothing
    /// explains a queue's history may take minutes.
    #[must_use]
    pub fn machine(self, name: impl Into<String>) -> Self {
        self.set("workload.machine", name)
    }

    /// Leaves out a class of recurring faults: `without("crash-at-write")` for a protocol that writes nothing. Rates
    /// are [`set`](Self::set) to zero instead: `set("network.loss", "0")`.
    #[must_use]
    pub fn without(mut self, class: impl Into<String>) -> Self {
        self.without.push(class.into());
        self
    }

    /// Puts a value in the place of what the scenario says: `set("duration", "10s")`, `set("nodes", "[3, 7]")`. It is a
    /// value of TOML; a bare word is a string.
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
        if self.comes_back {
            // Whoever says which nodes heal leaves nothing to draw.
            let core_is_set = self.sets.iter().any(|(key, _)| key == "liveness.core");
            text = coming_back(&text, if core_is_set { "" } else { "outsiders = 0.5\n" });
        }
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

    pub(crate) fn name(&self) -> &str {
        &self.name
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

/// The text with a core that must come back in the place of a time for healing.
fn coming_back(text: &str, liveness: &str) -> String {
    let mut is_top = true;
    let kept = text.lines().filter(|line| {
        is_top &= !line.starts_with('[');
        !(is_top && line.split('=').next().is_some_and(|key| key.trim() == "healing"))
    });
    let mut text: String = kept.flat_map(|line| [line, "\n"]).collect();
    if !text.lines().any(|line| line.trim_end() == "[liveness]") {
        text.push_str(&format!("\n[liveness]\n{liveness}"));
    }
    text
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
    fn what_must_come_back_has_a_core_and_no_time_for_healing() {
        for scenario in [Scenario::chaos(3), Scenario::calm(3)] {
            assert!(scenario.read("any").is_ok_and(|it| it.healing_ns > 0 && it.recovery.is_none()));
            let read = scenario.must_come_back().read("any").expect("it is a scenario");
            assert_eq!((read.healing_ns, read.recovery.map(|it| it.outsiders_ppm)), (0, Some(500_000)));
        }
        let pinned = Scenario::chaos(3).must_come_back().without("swizzle").set("liveness.core", "[\"n2\"]");
        let recovery = pinned.read("any").expect("who heals may be said").recovery.expect("somebody heals");
        assert_eq!(
            (recovery.core.map(|core| core.to_string()).as_deref(), recovery.outsiders_ppm),
            (Some("n2"), 0)
        );
        let written = "# Words.\nprotocol = \"any\"\nnodes = 3\nduration = \"1s\"\nhealing = \"2s\"\n\
                       [liveness]\nrounds = 7\n";
        let read = Scenario::toml(written).must_come_back().read("any").expect("its own section stays");
        assert_eq!(read.recovery.map(|it| it.rounds), Some(7));
    }

    #[test]
    fn a_machine_is_a_bare_word() {
        let kinds = |scenario: Scenario| scenario.read("any").map(|scenario| scenario.workload.machines);
        let names = |scenario| kinds(scenario).map(|all| all.iter().map(|it| it.name()).collect::<Vec<_>>());
        assert!(names(Scenario::chaos(3)).is_ok_and(|all| all.len() > 1));
        assert_eq!(names(Scenario::chaos(3).machine("bank")).ok(), Some(vec!["bank"]));
        assert_eq!(names(Scenario::calm(3).machine("queue")).ok(), Some(vec!["queue"]));
        let error = kinds(Scenario::calm(3).machine("bnak")).expect_err("a misspelling").to_string();
        assert!(error.contains("did you mean `bank`?"), "{error}");
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
