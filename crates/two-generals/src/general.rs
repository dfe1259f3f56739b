//! A general.

use quarrel_protocol::{Effects, Input, NodeId, NodeSet, Nothing, Protocol, Summary, Wait};
use quarrel_spec::coordinated_attack::{AttackAtDawn, Attacks, Reply};

use crate::{Config, Event, Messenger};

const FIRST: NodeId = NodeId(0);
const SECOND: NodeId = NodeId(1);

/// A general, on his own hill. Any node beyond the second one only looks on.
pub struct TwoGenerals {
    config: Config,
    id: NodeId,
    /// Whether n1 was asked to attack; of n2, whether he has heard of it.
    is_asked: bool,
    /// How many messengers have reached him. Invariant: never more than he can expect.
    received: u8,
    attacks: bool,
}

impl TwoGenerals {
    /// Whether he is going to attack.
    #[must_use]
    pub const fn attacks(&self) -> bool {
        self.attacks
    }

    /// The messenger that is to reach him next: the odd ones go to n2, the even ones to n1.
    const fn next(&self) -> Messenger {
        let before = self.received.saturating_mul(2);
        Messenger(if self.id.0 == FIRST.0 { before.saturating_add(2) } else { before.saturating_add(1) })
    }

    /// How many messengers he waits for.
    const fn waits_for(&self) -> u8 {
        if self.id.0 == FIRST.0 { self.config.rule.first } else { self.config.rule.second }
    }

    /// Sends this messenger, unless the exchange is over before him.
    fn send_messenger(&self, messenger: Messenger, effects: &mut Effects<Self>) {
        if messenger.0 <= self.config.length {
            effects.send(if self.id == FIRST { SECOND } else { FIRST }, messenger);
        }
    }

    /// Attacks if the rule says so: he never takes that back.
    fn make_up_mind(&mut self, effects: &mut Effects<Self>) {
        if self.is_asked && !self.attacks && self.received >= self.waits_for() {
            self.attacks = true;
            effects.announce(Event { received: self.received });
            effects.output(Attacks);
        }
    }

    fn on_messenger(&mut self, from: NodeId, messenger: Messenger, effects: &mut Effects<Self>) {
        let other = if self.id == FIRST { SECOND } else { FIRST };
        // A copy of one who was here before says nothing new. Nobody else has messengers.
        if from != other || messenger != self.next() || messenger.0 > self.config.length {
            return;
        }
        if self.id == FIRST && !self.is_asked {
            return;
        }
        self.is_asked = true;
        self.received += 1;
        self.send_messenger(Messenger(messenger.0.saturating_add(1)), effects);
        self.make_up_mind(effects);
    }
}

impl Protocol for TwoGenerals {
    const NAME: &'static str = "two-generals";
    type Config = Config;
    type Request = AttackAtDawn;
    type Reply = Reply;
    type Output = Attacks;
    type Admin = Nothing;
    type Message = Messenger;
    type Timer = Nothing;
    type Record = Nothing;
    type Event = Event;

    fn recover(config: &Config, id: NodeId, _: &[Nothing], _: &mut Effects<Self>) -> Self {
        Self { config: *config, id, is_asked: false, received: 0, attacks: false }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, .. } if self.id == FIRST => {
                if !self.is_asked {
                    self.is_asked = true;
                    self.send_messenger(Messenger(1), effects);
                    self.make_up_mind(effects);
                }
                effects.reply(client, id, Reply::Understood);
            }
            Input::Request { client, id, .. } => effects.reply(client, id, Reply::Ask(FIRST)),
            Input::Message { from, message } if self.id == FIRST || self.id == SECOND => {
                self.on_messenger(from, message, effects);
            }
            Input::Message { .. } => {}
            Input::Admin(nothing) | Input::Timer(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        let most = if self.id == FIRST { self.config.length / 2 } else { self.config.length.div_ceil(2) };
        assert!(self.received <= most, "nobody receives more messengers than there are");
        assert!(!self.attacks || self.is_asked, "nobody attacks unasked");
        assert!(!self.attacks || self.received >= self.waits_for(), "nobody attacks before his rule says so");
    }

    fn summary(&self) -> Summary {
        let role = match (self.attacks, self.is_asked) {
            (true, _) => "attacker",
            (false, true) => "waiting",
            (false, false) => "idle",
        };
        Summary { role, facts: vec![("received", u64::from(self.received))] }
    }

    fn waits(&self) -> Vec<Wait> {
        let other = NodeSet::only(if self.id == FIRST { SECOND } else { FIRST });
        if self.attacks || !self.is_asked {
            return Vec::new();
        }
        vec![Wait { on: other, what: format!("messenger {}", self.next().0) }]
    }
}
