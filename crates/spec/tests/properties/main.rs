//! The black-box properties of a replicated log, on outputs made by hand: each holds where it should, and fires where
//! it should.

mod stub;

use quarrel_protocol::{ClientId, Fingerprint, Monitor, NodeId, Report, RequestId};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, Kind, RegisterCall};
use quarrel_spec::replicated_log::{Applied, Output, PROPERTIES, Properties, Restored};
use quarrel_spec::session::{Command, Memory, Replica, Session};

use stub::Log;

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);

/// A log of writes 1, 2, 3 ..., which clients have asked for.
struct Bench {
    monitor: Properties,
    report: Report,
}

impl Bench {
    fn new() -> Self {
        let mut monitor = Monitor::<Log>::new(&stub::Config, 2);
        let mut report = Report::new(PROPERTIES, &[]);
        for id in 1..=9 {
            let Command { session, call } = command(id);
            Monitor::<Log>::on_request(&mut monitor, session.client, session.serial, &call, &mut report);
        }
        Self { monitor, report }
    }

    fn put_out(&mut self, node: NodeId, output: impl Into<Output>) -> &mut Self {
        Monitor::<Log>::on_output(&mut self.monitor, node, &output.into(), &mut self.report);
        self
    }

    fn apply(&mut self, node: NodeId, indices: impl IntoIterator<Item = u64>) -> &mut Self {
        for index in indices {
            self.put_out(node, Applied { index, command: Some(command(index as u32)) });
        }
        self
    }

    /// The node takes over what a faithful snapshot holds.
    fn restore(&mut self, node: NodeId, index: u64) -> &mut Self {
        self.put_out(node, Output::Restored(Restored::of(&replica(index), index)))
    }

    fn crash(&mut self, node: NodeId) -> &mut Self {
        Monitor::<Log>::on_crash(&mut self.monitor, node, &mut self.report);
        self
    }

    fn broken(&self) -> Vec<&str> {
        self.report.violations().iter().map(|violation| violation.signature.as_str()).collect()
    }
}

fn command(id: u32) -> Command {
    let session = Session { client: ClientId(0), serial: RequestId(id), oldest: RequestId(id) };
    Command { session, call: Call::Register(RegisterCall::Write(Value(u64::from(id)))) }
}

/// What the first `index` positions of the log lead to.
fn replica(index: u64) -> Replica {
    let mut replica = Replica::new(Kind::Register, Memory::Kept);
    for index in 1..=index {
        replica.apply(index, &command(index as u32));
    }
    replica
}

#[test]
fn faithful_snapshots_go_on_where_they_end() {
    let mut bench = Bench::new();
    bench.apply(N1, 1..=6).apply(N2, 1..=2).restore(N2, 5).apply(N2, 6..=6);
    // Its own, after a restart; an older one than the last that was compared; and one that takes nothing further.
    bench.crash(N2).restore(N2, 5).apply(N2, 6..=6).crash(N1).restore(N1, 3).apply(N1, 4..=4).restore(N1, 4);
    assert_eq!(bench.broken(), [""; 0]);
    assert_eq!(bench.report.evaluated()[0], 6 + 2 + 1 + 1 + 1 + 4, "each snapshot was compared");
}

#[test]
fn a_snapshot_of_another_state_is_found() {
    for other in [replica(4), replica(6), Replica::new(Kind::Register, Memory::Kept)] {
        let mut bench = Bench::new();
        bench.apply(N1, 1..=6).put_out(N2, Output::Restored(Restored::of(&other, 5)));
        assert_eq!(bench.broken(), ["state-machine-safety: a snapshot holds another state"]);
    }
}

#[test]
fn a_snapshot_without_its_sessions_is_another_state() {
    let mut forgetful = Replica::new(Kind::Register, Memory::Forgotten);
    forgetful.apply(1, &command(1));
    let mut bench = Bench::new();
    bench.apply(N1, 1..=1).put_out(N2, Output::Restored(Restored::of(&forgetful, 1)));
    assert_eq!(bench.broken(), ["state-machine-safety: a snapshot holds another state"]);
}

#[test]
fn a_snapshot_of_what_nobody_applied_is_found() {
    let mut bench = Bench::new();
    bench.apply(N1, 1..=2).restore(N2, 3);
    assert_eq!(bench.broken(), ["state-machine-safety: a snapshot holds what nobody applied"]);
}

#[test]
fn a_snapshot_that_takes_back_is_found() {
    let mut bench = Bench::new();
    bench.apply(N1, 1..=5).restore(N1, 3);
    assert_eq!(bench.broken(), ["in-order-application: a snapshot took it back"]);
}

#[test]
fn gaps_and_other_commands_are_found() {
    let mut bench = Bench::new();
    bench.apply(N1, 1..=3).apply(N2, 1..=1).put_out(N2, Applied { index: 3, command: Some(command(3)) });
    assert_eq!(bench.broken(), ["in-order-application"]);
    let mut bench = Bench::new();
    bench.apply(N1, 1..=3).restore(N2, 2).put_out(N2, Applied { index: 3, command: Some(command(4)) });
    assert_eq!(bench.broken(), ["state-machine-safety"]);
}

#[test]
fn snapshots_survive_files() {
    let replica = replica(7);
    let text = serde_json::to_string(&replica).expect("a replica can be written");
    let read: Replica = serde_json::from_str(&text).expect("and read again");
    assert_eq!((read.digest(), &read), (replica.digest(), &replica));
}

/// Of a long log only the end is known one by one. A node that applies it all again, long after, is judged by hashes.
#[test]
fn what_is_long_past_is_still_compared() {
    const LENGTH: u64 = 10_000;
    let long = || {
        let mut bench = Bench::new();
        (1..=LENGTH).for_each(|index| {
            bench.put_out(N1, Applied { index, command: None });
        });
        bench
    };
    let again = |bench: &mut Bench, from: u64, other: Option<u64>| {
        for index in from..=LENGTH {
            let command = (other == Some(index)).then(|| command(7));
            bench.put_out(N2, Applied { index, command });
        }
    };
    let mut bench = long();
    again(&mut bench, 1, None);
    bench.crash(N2);
    again(&mut bench, 1, None);
    assert_eq!(bench.broken(), [""; 0]);

    let mut bench = long();
    again(&mut bench, 1, Some(70));
    let broken = bench.report.violations();
    assert_eq!(bench.broken(), ["state-machine-safety: other commands long after"]);
    assert!(broken[0].detail.contains("n2 applied other commands at 65 to 128"), "{}", broken[0].detail);

    // From a snapshot that is as old nobody can tell; what follows it is compared from the next whole block on.
    let old = |other| {
        let mut bench = long();
        bench.put_out(N2, Output::Restored(Restored { index: 100, state: 1 }));
        again(&mut bench, 101, Some(other));
        bench.broken().len()
    };
    assert_eq!((old(110), old(140)), (0, 1));
    let mut bench = long();
    bench.put_out(N2, Output::Restored(Restored { index: LENGTH - 100, state: 1 }));
    assert_eq!(bench.broken(), ["state-machine-safety: a snapshot holds another state"]);
}
