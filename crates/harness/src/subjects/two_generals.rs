//! The two generals on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw};
use quarrel_spec::NoService;
use quarrel_spec::coordinated_attack::{self, AttackAtDawn, Properties};
use quarrel_two_generals::{Config, LENGTH_MAX, Rule, TwoGenerals};

use super::read_draw;
use crate::dice::Dice;
use crate::subject::{Asker, NoInvariants, RawOptions, Setting, Subject};

/// The options of an exchange, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    length: Draw<u8>,
    /// How many messengers n1 and n2 wait for; all that they can expect unless it is said.
    waits: [Option<Draw<u8>>; 2],
}

impl Subject for TwoGenerals {
    type Invariants = NoInvariants;
    type Properties = Properties;
    type Service = NoService;
    type Options = Options;

    const NODES: Option<u8> = Some(coordinated_attack::GENERALS as u8);
    const RUNS_MACHINE: bool = false;
    const OPTIONS: &'static [&'static str] = &["length", "first-waits-for", "second-waits-for"];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let mut length = Draw::Fixed(4);
        read_draw(raw, "length", &mut length, |raw| raw.integer(1..=LENGTH_MAX))?;
        let read_waits = |name: &str, least: u8| {
            let mut waits = Draw::Fixed(0);
            let read = |raw: &Raw| raw.integer(least..=LENGTH_MAX);
            read_draw(raw, name, &mut waits, read)?;
            Ok(raw.get(name).map(|_| waits))
        };
        let waits = [read_waits("first-waits-for", 0)?, read_waits("second-waits-for", 1)?];
        Ok(Options { length, waits })
    }

    fn configure(options: &Options, _: Setting<'_>, dice: &mut Dice) -> Config {
        let length = dice.count(&options.length).unwrap_or(1);
        let best = Rule::best(length);
        // Nobody waits for more than there will be.
        let mut draw = |waits: &Option<Draw<u8>>, most: u8| {
            waits.as_ref().and_then(|waits| dice.count(waits)).map_or(most, |waits| waits.min(most))
        };
        let rule =
            Rule { first: draw(&options.waits[0], best.first), second: draw(&options.waits[1], best.second) };
        Config { length, rule }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(coordinated_attack::GENERALS as u8, nodes)?;
        config.check()
    }

    fn request(_: &mut Asker<'_>) -> AttackAtDawn {
        AttackAtDawn
    }

    /// The network may double a request: to be asked twice is to be asked.
    fn may_repeat(_: &AttackAtDawn) -> bool {
        true
    }

    fn parse_request(words: &str) -> Result<AttackAtDawn, String> {
        coordinated_attack::parse(words)
    }
}
