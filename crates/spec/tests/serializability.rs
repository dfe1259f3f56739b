//! Anomalies by their names, one by one, and the whole against all orders that there are.

use proptest::prelude::*;
use quarrel_spec::Value;
use quarrel_spec::machine::ListId;
use quarrel_spec::serializability::{Deed, Execution, Fate, Kind, analyse};

const X: u16 = 0;
const Y: u16 = 1;

fn append(list: u16, value: u64) -> Deed {
    Deed::Append { list: ListId(list), value: Value(value) }
}

fn read(list: u16, found: &[u64]) -> Deed {
    Deed::Read { list: ListId(list), found: Some(found.iter().map(|&value| Value(value)).collect()) }
}

/// Committed transactions that were all under way at the same time.
fn together(all: &[&[Deed]]) -> Vec<Execution> {
    let one = |(number, deeds): (usize, &&[Deed])| Execution {
        name: format!("t{}", number + 1),
        deeds: deeds.to_vec(),
        fate: Fate::Committed,
        called: number as u64,
        returned: Some(100 + number as u64),
    };
    all.iter().enumerate().map(one).collect()
}

/// Committed transactions one after the other.
fn in_turn(all: &[&[Deed]]) -> Vec<Execution> {
    let mut executions = together(all);
    for (number, execution) in (0..).zip(&mut executions) {
        (execution.called, execution.returned) = (2 * number, Some(2 * number + 1));
    }
    executions
}

#[track_caller]
fn check(executions: &[Execution], kind: Kind, facts: &[&str]) {
    let anomaly = analyse(executions).expect("something is wrong with this");
    assert_eq!((anomaly.kind, anomaly.facts), (kind, facts.iter().map(ToString::to_string).collect()));
}

#[test]
fn what_one_order_explains_is_no_anomaly() {
    let reads = [read(X, &[1, 2]), read(Y, &[2])];
    assert_eq!(analyse(&together(&[&[append(X, 1)], &[append(X, 2), append(Y, 2)], &reads])), None);
    assert_eq!(analyse(&[]), None);
    // Who never learned what became of it may have been done.
    let mut unknown = together(&[&[append(X, 1)], &[read(X, &[1])]]);
    (unknown[0].fate, unknown[0].returned) = (Fate::Unknown, None);
    assert_eq!(analyse(&unknown), None);
}

#[test]
fn dirty_writes_are_g0() {
    let all = together(&[
        &[append(X, 1), append(Y, 1)],
        &[append(X, 2), append(Y, 2)],
        &[read(X, &[1, 2])],
        &[read(Y, &[2, 1])],
    ]);
    check(
        &all,
        Kind::G0,
        &["t1 appended v1 to x0 before t2 appended v2", "t2 appended v2 to x1 before t1 appended v1"],
    );
}

#[test]
fn an_aborted_read_is_g1a() {
    let mut all = together(&[&[append(X, 1)], &[read(X, &[1])]]);
    all[0].fate = Fate::Aborted;
    check(&all, Kind::G1a, &["t2 read v1 in x0, which t1 had appended and aborted"]);
}

#[test]
fn an_intermediate_read_is_g1b() {
    let all = together(&[&[append(X, 1), append(X, 2)], &[read(X, &[1])]]);
    check(&all, Kind::G1b, &["t2 read x0 up to v1, in the middle of what t1 appended, [v1 v2]"]);
}

#[test]
fn information_that_flows_in_a_circle_is_g1c() {
    let all = together(&[&[append(X, 1), read(Y, &[2])], &[append(Y, 2), read(X, &[1])]]);
    check(
        &all,
        Kind::G1c,
        &["t2 read v1 in x0, which t1 had appended", "t1 read v2 in x1, which t2 had appended"],
    );
}

#[test]
fn read_skew_is_g_single() {
    let all = together(&[&[append(X, 1), append(Y, 1)], &[read(X, &[]), read(Y, &[1])], &[read(X, &[1])]]);
    check(
        &all,
        Kind::GSingle,
        &["t2 read x0 before t1 appended v1", "t2 read v1 in x1, which t1 had appended"],
    );
}

#[test]
fn write_skew_is_g2() {
    let all = together(&[
        &[read(X, &[]), append(Y, 1)],
        &[read(Y, &[]), append(X, 2)],
        &[read(X, &[2]), read(Y, &[1])],
    ]);
    check(&all, Kind::G2, &["t1 read x0 before t2 appended v2", "t2 read x1 before t1 appended v1"]);
}

#[test]
fn a_stale_read_is_only_seen_in_the_order_of_time() {
    let all: [&[Deed]; 3] = [&[append(X, 1)], &[read(X, &[])], &[read(X, &[1])]];
    assert_eq!(analyse(&together(&all)), None);
    check(
        &in_turn(&all),
        Kind::GSingleRealtime,
        &["t2 read x0 before t1 appended v1", "t1 had returned before t2 was called"],
    );
}

#[test]
fn what_no_dependency_needs_to_show_is_shown_first() {
    check(&together(&[&[read(X, &[7])]]), Kind::Garbage, &["t1 read v7 in x0, which nobody had appended"]);
    let twice = together(&[&[append(X, 1)], &[read(X, &[1, 1])]]);
    check(&twice, Kind::Duplicate, &["t2 read v1 in x0 twice"]);
    let split = together(&[&[append(X, 1)], &[append(X, 2)], &[read(X, &[1, 2])], &[read(X, &[2, 1])]]);
    check(&split, Kind::IncompatibleOrder, &["t3 read [v1 v2] in x0", "t4 read [v2 v1] in x0"]);
    let forgetful = together(&[&[append(X, 1), read(X, &[])]]);
    assert_eq!(analyse(&forgetful).map(|anomaly| anomaly.kind), Some(Kind::Internal));
}

/// What happens at one moment: a transaction begins, does its next deed, or ends.
type Moment = usize;

/// Transactions that run into each other: each deed is done on lists that all share, at a moment of its own, as no
/// database should. Some abort, whose appends stay as a dirty database's would; some are never heard of again.
fn storm() -> impl Strategy<Value = Vec<Execution>> {
    let deed = (any::<bool>(), 0..2u16);
    let one = (prop::collection::vec(deed, 1..4), 0..8u8);
    (prop::collection::vec(one, 1..5), prop::collection::vec(0..64usize, 0..30))
        .prop_map(|(wishes, moments)| run(&wishes, &moments))
}

fn run(wishes: &[(Vec<(bool, u16)>, u8)], moments: &[Moment]) -> Vec<Execution> {
    let mut lists: [Vec<Value>; 2] = Default::default();
    let mut executions: Vec<Execution> = (0..wishes.len())
        .map(|number| Execution {
            name: format!("t{number}"),
            deeds: Vec::new(),
            fate: Fate::Unknown,
            called: u64::MAX,
            returned: None,
        })
        .collect();
    let everybody = (0..wishes.len()).flat_map(|number| std::iter::repeat_n(number, 5));
    let turns = moments.iter().map(|moment| moment % wishes.len()).chain(everybody);
    for (time, number) in (0u64..).zip(turns) {
        let (deeds, fate) = &wishes[number];
        let execution = &mut executions[number];
        execution.called = execution.called.min(time);
        match deeds.get(execution.deeds.len()) {
            Some(&(true, list)) => {
                let value = Value((number * 10 + execution.deeds.len()) as u64);
                lists[usize::from(list)].push(value);
                execution.deeds.push(append(list, value.0));
            }
            Some(&(false, list)) => {
                let found = Some(lists[usize::from(list)].clone());
                execution.deeds.push(Deed::Read { list: ListId(list), found });
            }
            None if execution.returned.is_none() => {
                execution.returned = Some(time);
                execution.fate = if *fate == 0 { Fate::Aborted } else { Fate::Committed };
                if *fate == 1 {
                    (execution.fate, execution.returned) = (Fate::Unknown, None);
                    execution.deeds.iter_mut().for_each(forget);
                }
            }
            None => {}
        }
    }
    // At the end somebody reads everything, so that nothing is in the dark.
    let [x, y] = lists;
    let reads = [(X, x), (Y, y)].map(|(list, found)| Deed::Read { list: ListId(list), found: Some(found) });
    executions.push(Execution {
        name: "last".to_string(),
        deeds: reads.to_vec(),
        fate: Fate::Committed,
        called: 1_000,
        returned: Some(1_001),
    });
    executions
}

fn forget(deed: &mut Deed) {
    if let Deed::Read { found, .. } = deed {
        *found = None;
    }
}

/// Whether some order of the committed transactions, and of any of those of unknown fate, explains all reads and goes
/// with the order of time.
fn is_explained(executions: &[Execution], done: &mut Vec<usize>, lists: &[Vec<Value>; 2]) -> bool {
    let is_left = |number: &usize| !done.contains(number);
    let left: Vec<usize> =
        (0..executions.len()).filter(is_left).filter(|&it| executions[it].fate != Fate::Aborted).collect();
    if left.iter().all(|&it| executions[it].fate == Fate::Unknown) {
        return true;
    }
    for &next in &left {
        let before =
            |&other: &usize| executions[other].returned.is_some_and(|at| at < executions[next].called);
        if left.iter().any(before) {
            continue;
        }
        let mut after = lists.clone();
        let fits = executions[next].deeds.iter().all(|deed| match deed {
            Deed::Append { list, value } => {
                after[usize::from(list.0)].push(*value);
                true
            }
            Deed::Read { list, found } => {
                found.as_ref().is_none_or(|found| *found == after[usize::from(list.0)])
            }
        });
        done.push(next);
        if fits && is_explained(executions, done, &after) {
            return true;
        }
        done.pop();
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Where everything has been read in the end, there is an anomaly exactly if no order explains what was seen.
    #[test]
    fn an_anomaly_is_what_no_order_explains(executions in storm()) {
        let is_fine = is_explained(&executions, &mut Vec::new(), &Default::default());
        let anomaly = analyse(&executions);
        prop_assert_eq!(anomaly.is_none(), is_fine, "{:?}", anomaly);
    }

    /// Without the last reader, who knows everything, what is reported is still never wrong.
    #[test]
    fn no_anomaly_is_reported_that_is_none(executions in storm()) {
        let known = &executions[..executions.len() - 1];
        if let Some(anomaly) = analyse(known) {
            prop_assert!(!is_explained(known, &mut Vec::new(), &Default::default()), "{}", anomaly);
        }
    }
}
