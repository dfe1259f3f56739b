//! What an operator asks: drawn, filed, replayed, shrunk and told.

use crate::desk::{Desk, Task};
use quarrel_formats::trace::{FORMAT, Judgement, Outcome, Trace, compare};
use quarrel_formats::{InputError, Scenario};
use quarrel_harness::case::{Flaws, items};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Followed, Registry, Trial};
use quarrel_harness::story;
use quarrel_protocol::NodeId;
use quarrel_sim::fault::FaultClass;
use quarrel_sim::world::Order;

const HEAD: &str = "# Desks.\nprotocol = \"desk\"\nnodes = [2, 4]\nduration = \"2s\"\nhealing = \"1s\"\n";
const OPERATOR: &str = "[operator]\nevery = [\"10ms\", \"500ms\"]\n";
/// What else may happen in a run.
const WEATHER: &str = concat!(
    "[workload]\noperations = 40\nclients = 3\n[network]\nloss = 0.1\n",
    "[faults]\ncrash = { every = [\"50ms\", \"1s\"], lasting = \"100ms\" }\n",
    "pause = { every = [\"50ms\", \"1s\"], lasting = \"100ms\" }\n",
);

fn registry() -> Registry {
    Registry::standard().with::<Desk>()
}

fn try_trial(text: &str) -> Result<Box<dyn Trial>, InputError> {
    let scenario = Scenario::parse("desk/test", "test.toml", format!("{HEAD}{text}").as_bytes())?;
    registry().trial(scenario, &[], Judges::default())
}

fn trial(text: &str) -> Box<dyn Trial> {
    try_trial(text).unwrap_or_else(|error| panic!("{error}"))
}

fn orders(trace: &Trace) -> Vec<Order<Task>> {
    let read = |order: &Order<serde_json::Value>| Order {
        at_ns: order.at_ns,
        node: order.node,
        admin: serde_json::from_value(order.admin.clone()).expect("it is a task"),
    };
    trace.header.orders.iter().map(read).collect()
}

#[test]
fn orders_are_drawn_while_faults_may_strike() {
    let trial = trial(&format!("{OPERATOR}asks = [\"stamp\"]\n"));
    let (mut many, mut nodes) = (0, std::collections::BTreeSet::new());
    for seed in 0..50 {
        let trace = trial.record(seed);
        let orders = orders(&trace);
        let expected: Vec<u32> = (0..orders.len() as u32).collect();
        let forms: Vec<u32> = orders
            .iter()
            .map(|order| match order.admin {
                Task::Stamp { form, by } => {
                    assert_eq!(by, order.node);
                    form
                }
                Task::Close => panic!("nobody asks for that"),
            })
            .collect();
        assert_eq!(forms, expected, "in the order of their times");
        assert!(orders.iter().all(|order| order.at_ns < trace.header.world.duration_ns));
        nodes.extend(orders.iter().map(|order| order.node));
        many += orders.len();
        assert_eq!(trial.run(seed).tally.orders, orders.len() as u64);
    }
    assert!((500..5_000).contains(&many), "{many} orders in 50 runs");
    assert_eq!(nodes.len(), 4);
}

#[test]
fn an_operator_may_be_off_and_shifts_nothing_else() {
    let off = trial(&format!("{OPERATOR}chance = 0\n{WEATHER}"));
    let (on, without) = (trial(&format!("{OPERATOR}asks = [\"close\"]\n{WEATHER}")), trial(WEATHER));
    for seed in 0..20 {
        let [off, on, without] = [&off, &on, &without].map(|trial| trial.record(seed));
        assert_eq!(off.verdict.digest, without.verdict.digest);
        assert_eq!(
            (on.header.world, on.header.operations),
            (without.header.world, without.header.operations)
        );
        assert!(off.header.orders.is_empty() && !on.header.orders.is_empty());
    }
}

#[test]
fn orders_by_hand_are_given_as_they_are_written() {
    let text = "[[order]]\nat = \"2500ms\"\nnode = \"n2\"\nasks = \"stamp 7\"\n[[order]]\nat = \"1s\"\nnode = \"n1\"\nasks = \"close\"\n";
    let trace = trial(text).record(3);
    let stamp = Task::Stamp { form: 7, by: NodeId(0) };
    let expected = [
        Order { at_ns: 1_000_000_000, node: NodeId(0), admin: Task::Close },
        Order { at_ns: 2_500_000_000, node: NodeId(1), admin: stamp },
    ];
    assert_eq!(orders(&trace), expected);
    let told: Vec<&str> =
        trace.events.iter().filter(|event| event.kind == "order").map(|event| event.what.as_str()).collect();
    assert_eq!(told, ["the operator asks n1 to close", "the operator asks n2 to stamp form 7"]);
    let nonsense = text.replace("stamp 7", "stamp it");
    let error = try_trial(&nonsense).err().expect("no such words").to_string();
    assert!(error.starts_with("test.toml:9:8: `stamp it` is neither"), "{error}");
    let kind = try_trial(&format!("{OPERATOR}asks = [\"stmp\"]\n")).err().expect("no such kind").to_string();
    assert!(
        kind.starts_with("test.toml:8:9: desk has no order `stmp`") && kind.contains("did you mean `stamp`?")
    );
}

#[test]
fn runs_with_orders_replay_byte_for_byte() {
    let trial = trial(&format!("{OPERATOR}{WEATHER}"));
    let mut lost = 0;
    for seed in 0..40 {
        let (outcome, trace) = (trial.run(seed), trial.record(seed));
        assert_eq!((outcome.tally.digest, trace.header.format), (trace.verdict.digest, FORMAT));
        lost += trace.events.iter().filter(|event| event.what.contains(": the node is down")).count();
        let bytes = trace.to_bytes();
        let read = Trace::parse("test.jsonl", &bytes).unwrap_or_else(|error| panic!("{error}"));
        let case = registry().open("test.jsonl", &read).unwrap_or_else(|error| panic!("{error}"));
        let again = case.replay(Flaws::Kept);
        assert_eq!(compare(&read, &again.trace), Outcome::Reproduced, "seed {seed}");
        assert_eq!(again.trace.to_bytes(), bytes);
        let Followed { outcome: followed, trace: plan, carried } =
            trial.follow(seed, "test.jsonl", &read).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((followed.tally.digest, plan.header.orders), (trace.verdict.digest, read.header.orders));
        assert_eq!(carried, None, "its own protocol's plan is obeyed as it is");
    }
    assert!(lost > 10, "{lost} orders to nodes that are down");
}

#[test]
fn what_needs_two_orders_shrinks_to_two() {
    let trial = trial(&format!("{OPERATOR}{WEATHER}"));
    let mut shrunk_runs = 0;
    for seed in 0..10 {
        let trace = trial.record(seed);
        if trace.verdict.judgement == Judgement::Held {
            continue;
        }
        shrunk_runs += 1;
        let shrunk = trial.shrink(seed, &|| false).expect("it fails");
        let kinds: Vec<&str> = orders(&shrunk.trace)
            .iter()
            .map(|order| quarrel_protocol::Kinded::kind_name(&order.admin))
            .collect();
        assert_eq!((kinds.as_slice(), items(&shrunk.trace)), (&["close", "stamp"][..], 2), "seed {seed}");
        assert!(shrunk.report.one_minimal && shrunk.report.after == 2);
        let told = story::short(&shrunk.trace);
        assert!(told.contains("the operator asks n") && told.contains(" to close"), "{told}");
        assert!(
            story::summary(&shrunk.trace).ends_with("after 2 orders"),
            "{}",
            story::summary(&shrunk.trace)
        );
        for view in [told, story::full(&shrunk.trace), story::diagram(&shrunk.trace)] {
            assert!(
                view.lines().all(|line| line.chars().count() <= 110) && view.contains(" to close"),
                "{view}"
            );
        }
    }
    assert!(shrunk_runs >= 5, "{shrunk_runs}");
}

#[test]
fn a_trace_whose_orders_are_none_of_the_protocol_is_refused() {
    let mut trace = trial(OPERATOR).record(1);
    trace.header.orders[0].admin = serde_json::json!({"stamp": {"form": 1}});
    let error = registry().open("edited.jsonl", &trace).err().expect("it is refused").to_string();
    assert!(error.contains("this trace's orders do not fit desk: missing field `by`"), "{error}");
}

/// Orders while the network is cut, and only then.
#[test]
fn churn_comes_while_a_partition_holds() {
    const CUTS: &str =
        "[faults]\npartition = { every = [\"200ms\", \"600ms\"], lasting = [\"50ms\", \"300ms\"] }\n";
    let churn = trial(&format!("{OPERATOR}asks = [\"stamp\"]\nduring = \"partition\"\n{CUTS}"));
    let mut many = 0;
    for seed in 0..50 {
        let trace = churn.record(seed);
        let world = &trace.header.world;
        let is_cut = |at_ns: u64| {
            world
                .faults
                .iter()
                .any(|fault| (fault.at_ns + 1..fault.at_ns + fault.lasting_ns.unwrap()).contains(&at_ns))
        };
        let orders = orders(&trace);
        assert!(orders.iter().all(|order| is_cut(order.at_ns)), "seed {seed}");
        let tally = churn.run(seed).tally;
        assert_eq!(tally.struck.of(FaultClass::OrderInPartition), tally.orders, "seed {seed}");
        many += orders.len();
    }
    assert!(many > 100, "{many}");
    let whole = trial(&format!("{OPERATOR}asks = [\"stamp\"]\nduring = \"partition\"\n"));
    assert!((0..20).all(|seed| whole.run(seed).tally.orders == 0), "the network is never cut");
}
