//! The theorem, tried out on every exchange of up to twelve messengers, every rule, and every messenger captured.
//!
//! Gray, *Notes on data base operating systems* (1978), section 5.8.3.3.1.

use quarrel_protocol::{ClientId, Effect, Effects, Input, NodeId, Protocol, RequestId};
use quarrel_spec::coordinated_attack::AttackAtDawn;
use quarrel_two_generals::{Config, Messenger, Rule, TwoGenerals};

const LONGEST: u8 = 12;

/// Who attacks in an exchange in which these messengers are captured, and how many set out.
fn exchange(config: Config, is_captured: impl Fn(Messenger) -> bool) -> ((bool, bool), u8) {
    let mut effects = Effects::default();
    let mut generals = [0, 1].map(|id| TwoGenerals::recover(&config, NodeId(id), &[], &mut effects));
    let (client, id) = (ClientId(0), RequestId(0));
    let request = Input::Request { client, id, oldest: id, request: AttackAtDawn };
    generals[0].step(request, &mut effects);
    let (mut at, mut sent) = (0, 0);
    loop {
        let messengers = effects.drain().filter_map(|effect| match effect {
            Effect::Send { to, message, .. } => Some((to, message)),
            _ => None,
        });
        let messengers: Vec<_> = messengers.collect();
        generals.iter().for_each(Protocol::assert_invariants);
        let [(to, message)] = messengers[..] else { break };
        sent += 1;
        assert_eq!((to.index(), message), (1 - at, Messenger(sent)), "they take turns");
        if is_captured(message) {
            break;
        }
        generals[to.index()].step(Input::Message { from: NodeId(at as u8), message }, &mut effects);
        at = to.index();
    }
    ((generals[0].attacks(), generals[1].attacks()), sent)
}

/// The messengers whose capture, of theirs alone, leaves one general attacking alone.
fn fatal(config: Config) -> Vec<u8> {
    let is_alone = |&lost: &u8| {
        let ((first, second), _) = exchange(config, |messenger| messenger.0 == lost);
        first != second
    };
    (1..=config.length).filter(is_alone).collect()
}

#[test]
fn if_no_messenger_is_captured_both_attack() {
    for length in 1..=LONGEST {
        for rule in Rule::all(length) {
            let config = Config { length, rule };
            assert_eq!(config.check(), Ok(()));
            assert_eq!(exchange(config, |_| false), ((true, true), length), "{config:?}");
        }
    }
}

/// "No fixed length protocol exists": whatever the length and the rule, the capture of one messenger is fatal.
#[test]
fn in_every_exchange_there_is_a_messenger_whose_capture_leaves_one_general_alone() {
    for length in 1..=LONGEST {
        for rule in Rule::all(length) {
            let (first, second) = (2 * rule.first + 1, 2 * rule.second);
            let between: Vec<u8> = (first.min(second)..first.max(second)).collect();
            let fatal = fatal(Config { length, rule });
            assert_eq!(fatal, between, "length {length}, {rule:?}");
            assert!(!fatal.is_empty());
        }
    }
}

/// The best that can be done: of all messengers only the last one matters, and longer exchanges only move the risk.
#[test]
fn with_the_best_rule_the_last_messenger_alone_is_fatal_and_an_earlier_one_calls_the_attack_off() {
    for length in 1..=LONGEST {
        let config = Config::new(length);
        assert_eq!(fatal(config), [length]);
        for lost in 1..length {
            let (attacks, sent) = exchange(config, |messenger| messenger.0 == lost);
            assert_eq!((attacks, sent), ((false, false), lost), "length {length}");
        }
        let (attacks, _) = exchange(config, |messenger| messenger.0 == length);
        let sender_is_first = length % 2 == 1;
        assert_eq!(
            attacks,
            (sender_is_first, !sender_is_first),
            "who sends the last one attacks, the other waits"
        );
        let least = Rule::all(length).map(|rule| fatal(Config { length, rule }).len()).min();
        assert_eq!(least, Some(1), "no rule does better");
    }
}

/// The step of Gray's proof: where the last messenger does not matter, the exchange without him does the same.
#[test]
fn an_exchange_whose_last_messenger_does_not_matter_is_a_shorter_one() {
    for length in 2..=LONGEST {
        for rule in Rule::all(length - 1) {
            let (longer, shorter) = (Config { length, rule }, Config { length: length - 1, rule });
            assert_eq!(fatal(longer), fatal(shorter), "what nobody waits for changes nothing");
        }
    }
}

#[test]
fn whoever_has_heard_nothing_never_attacks() {
    for length in 1..=LONGEST {
        for rule in Rule::all(length) {
            let ((_, second), sent) = exchange(Config { length, rule }, |_| true);
            assert_eq!((second, sent), (false, 1));
        }
    }
}

#[test]
fn a_messenger_who_comes_again_or_from_nowhere_says_nothing() {
    let config = Config::new(4);
    let mut effects = Effects::default();
    let mut second = TwoGenerals::recover(&config, NodeId(1), &[], &mut effects);
    for (from, number) in [(0, 0), (0, 2), (0, 3), (0, 255), (1, 1), (2, 1)] {
        second.step(Input::Message { from: NodeId(from), message: Messenger(number) }, &mut effects);
        assert_eq!(effects.drain().count(), 0, "{number} from {from}");
    }
    for sent in [1, 0] {
        second.step(Input::Message { from: NodeId(0), message: Messenger(1) }, &mut effects);
        assert_eq!(effects.drain().count(), sent);
    }
    let mut first = TwoGenerals::recover(&config, NodeId(0), &[], &mut effects);
    first.step(Input::Message { from: NodeId(1), message: Messenger(2) }, &mut effects);
    assert_eq!(effects.drain().count(), 0, "nobody has proposed anything yet");
}

#[test]
fn an_exchange_that_could_never_end_in_an_attack_is_refused() {
    for (length, first, second) in [(0, 0, 1), (65, 32, 33), (4, 3, 2), (4, 2, 0), (4, 2, 3), (1, 1, 1)] {
        assert!(
            Config { length, rule: Rule { first, second } }.check().is_err(),
            "{length} {first} {second}"
        );
    }
}
