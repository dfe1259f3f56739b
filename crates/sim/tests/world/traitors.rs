//! Traitors: what becomes of what they say, who hears which copy of a node with a twin, and what observers hear.

use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::{Action, Copies, Deed, FaultClass, Place};

use crate::clients::done;
use crate::lab::{Lab, Run, ask, nodes, set_tick, tell};
use crate::toy::{Kind, Op, Topic};

/// What n1 does to these.
fn betray<const N: usize>(to: [u8; N], deed: Deed) -> Action {
    Action::Betray { node: NodeId(0), to: nodes(to), deed }
}

fn lie(name: &str) -> Deed {
    Deed::Lie { lie: name.to_string() }
}

fn twin(clients: Copies) -> Deed {
    Deed::Twin { shared: NodeSet::EMPTY, clients }
}

/// Three nodes, of which n1 is a traitor and is told to send the others a number at 10 ms, 20 ms, ...
fn lab(numbers: u64) -> Lab {
    let mut lab = Lab::new(3);
    lab.world.traitors = nodes([0]);
    for number in 1..=numbers {
        lab = lab.tell(10 * number, 0, vec![ask(1, number), ask(2, number)]);
    }
    lab
}

fn heard_by(run: &Run) -> (Vec<String>, Vec<String>) {
    (run.delivered("n2"), run.delivered("n3"))
}

#[test]
fn a_mute_traitor_keeps_back_what_is_for_those() {
    let run = lab(3).fault(15, Some(10), betray([1], Deed::Mute)).run();
    assert_eq!(
        heard_by(&run),
        (
            vec!["11 ask 1".into(), "31 ask 3".into()],
            vec!["11 ask 1".into(), "21 ask 2".into(), "31 ask 3".into()]
        )
    );
    assert_eq!(run.struck(FaultClass::TraitorMute), 1);
    assert_eq!(run.tally.struck.traitors, nodes([0]));
}

#[test]
fn a_late_traitor_is_no_slow_network() {
    let run = lab(2).fault(15, None, betray([1], Deed::Delay { by_ns: 30_000_000 })).run();
    assert_eq!(heard_by(&run).0, ["11 ask 1", "51 ask 2"]);
    assert_eq!((run.struck(FaultClass::TraitorDelay), run.struck(FaultClass::Delay)), (1, 0));
    assert_eq!(run.tally.struck.message_ns, 1_000_000, "no message was under way for longer");
}

#[test]
fn a_traitor_repeats_itself() {
    let again = |back, place| betray([1], Deed::Replay { back, place });
    let run = lab(3).fault(25, None, again(2, Place::Beside)).run();
    assert_eq!(heard_by(&run).0, ["11 ask 1", "21 ask 2", "31 ask 3", "31 ask 1"]);
    let run = lab(3).fault(25, None, again(1, Place::Instead)).run();
    assert_eq!(heard_by(&run).0, ["11 ask 1", "21 ask 2", "31 ask 2"]);
    assert_eq!(run.struck(FaultClass::TraitorReplay), 1);
    let run = lab(3).fault(25, None, again(9, Place::Instead)).run();
    assert_eq!(heard_by(&run).0, ["11 ask 1", "21 ask 2", "31 ask 3"], "it has not said so much");
    assert_eq!(run.struck(FaultClass::TraitorReplay), 0);
}

#[test]
fn a_traitor_lies_to_some_as_its_protocol_knows_how() {
    let run = lab(2).fault(15, None, betray([1], lie("exaggerate"))).run();
    assert_eq!(
        heard_by(&run),
        (vec!["11 ask 1".into(), "21 ask 102".into()], vec!["11 ask 1".into(), "21 ask 2".into()])
    );
    let run = lab(2).fault(15, None, betray([1], lie("stammer"))).run();
    assert_eq!(heard_by(&run).0, ["11 ask 1", "21 ask 2", "21 ask 2"]);
    let run = lab(2).fault(15, None, betray([1], lie("swallow-asks"))).run();
    assert_eq!((heard_by(&run).0.len(), run.struck(FaultClass::TraitorLie)), (1, 1));
    let run = lab(2).fault(15, None, betray([1], lie("unheard-of"))).run();
    assert_eq!((heard_by(&run).0.len(), run.struck(FaultClass::TraitorLie)), (2, 0));
}

#[test]
fn deeds_come_together_in_the_order_in_which_they_began() {
    let run = lab(2)
        .fault(5, None, betray([1], lie("exaggerate")))
        .fault(6, None, betray([1], Deed::Delay { by_ns: 1_000_000 }))
        .fault(15, None, betray([1, 2], Deed::Replay { back: 1, place: Place::Beside }))
        .run();
    assert_eq!(heard_by(&run).0, ["12 ask 101", "22 ask 102", "22 ask 1"]);
}

#[test]
fn who_is_no_traitor_does_nothing_of_the_kind() {
    let mut lab =
        lab(2).fault(5, None, betray([1], Deed::Mute)).fault(6, None, betray([1], twin(Copies::Both)));
    lab.world.traitors = NodeSet::EMPTY;
    let run = lab.run();
    assert_eq!(heard_by(&run).0.len(), 2);
    assert!(run.tally.struck.traitors.is_empty() && run.heard("n1 recovers").len() == 1);
}

#[test]
fn observers_hear_nothing_of_a_traitor_and_clients_do() {
    let say = vec![Op::Output(7), Op::Announce(Topic::Voted, 1), done(5)];
    let mut lab = Lab::new(2).tell(10, 0, say.clone()).tell(10, 1, say);
    lab.world.traitors = nodes([0]);
    let run = lab.run();
    assert!(run.log.iter().all(|line| !line.starts_with("n1")), "{:?}", run.log);
    assert_eq!(run.heard("n2").len(), 4, "{:?}", run.log);
    assert_eq!(run.operations(), (2, 2));
}

#[test]
fn a_traitor_that_is_mute_to_all_answers_no_client() {
    let mut lab = Lab::new(2).tell(10, 0, vec![done(5)]).fault(5, None, betray([1], Deed::Mute));
    lab.world.traitors = nodes([0]);
    assert_eq!(lab.run().operations(), (1, 0));
}

#[test]
fn a_traitor_that_lies_to_all_lies_to_clients() {
    // n1 answers c1 four times, and lies at 20 ms and 30 ms; at 30 ms it does so to n2 alone.
    let mut lab = Lab::new(3)
        .fault(15, Some(10), betray([1, 2], lie("flatter")))
        .fault(25, Some(10), betray([1], lie("flatter")))
        .fault(35, Some(10), betray([1, 2], lie("exaggerate")));
    for at in [10, 20, 30, 40] {
        lab = lab.tell(at, 0, vec![done(at)]);
    }
    lab.world.traitors = nodes([0]);
    let run = lab.run();
    let told = ["c1 has op0: done 10", "c1 has op1: done 120", "c1 has op2: done 30", "c1 has op3: done 40"];
    let has = run.heard("c1").into_iter().filter(|line| line.contains("has")).collect::<Vec<_>>();
    assert_eq!(has, told);
    assert_eq!(run.struck(FaultClass::TraitorLie), 1);
    let noted = run.events.iter().flat_map(|event| &event.effects).filter(|effect| effect.kind == "betray");
    assert_eq!(
        noted.map(|effect| effect.what.as_str()).collect::<Vec<_>>(),
        ["flatter, in the place of op1: done 20"]
    );
}

#[test]
fn each_node_talks_with_the_copy_that_the_window_says() {
    // Whoever is told so sends on; n3 talks with the twin from 15 ms to 35 ms.
    let mut lab = Lab::new(3).fault(15, Some(20), betray([2], twin(Copies::First)));
    lab.world.traitors = nodes([0]);
    for at in [10, 20, 40] {
        lab = lab.tell(at, 1, vec![Op::Send(0, Kind::Note, at, vec![Op::Persist(at), tell(2, at)])]);
        lab = lab.tell(
            at + 2,
            2,
            vec![Op::Send(0, Kind::Note, 100 + at, vec![tell(1, at), tell(2, 100 + at)])],
        );
    }
    let run = lab.run();
    assert_eq!(run.delivered("n1"), ["11 note 10", "13 note 110", "21 note 20", "41 note 40", "43 note 140"]);
    assert_eq!(run.delivered("n1'"), ["23 note 120"], "what n3 says in the window");
    assert_eq!(run.delivered("n2"), ["14 tell 10", "44 tell 40"], "n2 does not hear the twin");
    assert_eq!(
        run.delivered("n3"),
        ["12 tell 10", "14 tell 110", "24 tell 120", "42 tell 40", "44 tell 140"]
    );
    assert_eq!(run.at("n1'", "boot"), ["15 a twin of n1 starts with an empty disk"]);
    let from: Vec<String> =
        run.events.iter().filter_map(|event| event.from.map(|it| it.to_string())).collect();
    assert_eq!(from.iter().filter(|from| *from == "n1'").count(), 1);
    assert!(run.struck(FaultClass::Twin) > 0);
}

#[test]
fn clients_talk_with_one_copy_the_other_or_both() {
    for (clients, answers) in [(Copies::First, 1), (Copies::Second, 1), (Copies::Both, 2)] {
        let mut lab = Lab::new(2).fault(5, None, betray([1], twin(clients))).tell(10, 0, vec![done(5)]);
        lab.world.traitors = nodes([0]);
        let run = lab.run();
        assert_eq!(run.at("c1", "answer").len(), answers, "{clients}");
        assert_eq!(run.at("n1", "request").len(), usize::from(clients != Copies::Second), "{clients}");
        assert_eq!(run.at("n1'", "request").len(), usize::from(clients != Copies::First), "{clients}");
    }
}

#[test]
fn a_twin_has_a_memory_and_timers_of_its_own_and_survives_its_window() {
    let mut lab = Lab::new(2).boot(vec![Op::On(0, vec![set_tick(1, 30, 30)])]);
    lab.world.traitors = nodes([0]);
    let lab = lab.fault(5, Some(5), betray([1], twin(Copies::First)));
    let lab = lab.fault(50, Some(5), betray([1], twin(Copies::First)));
    let run = lab.run();
    assert_eq!((run.fired("n1"), run.fired("n1'")), (vec!["30 tick 1".into()], vec!["35 tick 1".into()]));
    assert_eq!(run.at("n1'", "boot").len(), 1, "the second window finds it there");
}

#[test]
fn a_panic_of_a_traitor_is_a_panic() {
    let mut lab = Lab::new(2).tell(10, 0, vec![Op::Panic("out of tune".into())]);
    lab.world.traitors = nodes([0]);
    assert!(lab.run().halted().is_some());
}

#[test]
fn who_loses_its_disk_has_forgotten() {
    let wipe = Action::Wipe { nodes: nodes([1]) };
    let run = Lab::new(3).fault(10, Some(5), wipe).run();
    assert_eq!((run.tally.struck.forgetful, run.tally.struck.traitors), (nodes([1]), NodeSet::EMPTY));
}
