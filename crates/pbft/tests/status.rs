//! Status messages, in the corners where a promise of progress hangs on them.

use crate::common::*;
use quarrel_pbft::message::Status;
use quarrel_pbft::{Config, Message, Sequence, Timer, View};
use quarrel_protocol::Kinded;

/// n1 stays silent. Only n3 has executed the batch, and it starts again from its own checkpoint of it: so nobody can prove the
/// batch, and the new view proposes it once more. A prepare to n3 is lost there. n3 misses nothing for itself; but without
/// its commit nobody else gets on.
#[test]
fn who_has_executed_votes_again_in_a_new_view_as_long_as_others_need_it() {
    let config = Config { checkpoint_every: 1, window: 4, ..Config::new(4) };
    let mut cluster = cluster_of(&config);
    cluster.turn(N1, None);
    cluster.submit(&[N1, N2, N3, N4], command(1));
    cluster.deliver_if(|_, to, message| to == N3 || message.kind_name() != "commit");
    cluster.restart(N3);
    assert_eq!(executed(&cluster), [0, 1, 0], "\n{}", cluster.story.join("\n"));

    let correct = [N2, N3, N4];
    cluster.fire(N2, Timer::Patience);
    cluster.fire(N4, Timer::Patience);
    cluster.deliver_if(|from, to, message| {
        let is_lost = to == N3 && message.kind_name() == "prepare";
        correct.contains(&from) && correct.contains(&to) && !is_lost
    });
    assert_eq!(executed(&cluster), [0, 1, 0], "\n{}", cluster.story.join("\n"));
    for _ in 0..4 {
        for node in correct {
            if cluster.nodes[node.index()].has_set(&Timer::Status) {
                cluster.fire(node, Timer::Status);
            }
        }
        cluster.deliver_among(&correct);
    }
    assert_eq!(executed(&cluster), [1, 1, 1], "\n{}", cluster.story.join("\n"));
    assert_eq!(cluster.violated(), [""; 0], "{}", cluster.tale());
}

fn executed(cluster: &Cluster) -> Vec<u64> {
    [N2, N3, N4].map(|node| cluster.nodes[node.index()].machine.executed().0).to_vec()
}

/// A traitor that answers each answer twice has no correct replica drown in answers.
#[test]
fn answers_to_one_replica_are_few_until_the_next_status() {
    let mut node = Node::new(&plain(4), N1);
    let status = Status {
        view: View(1),
        is_active: true,
        stable: Sequence(0),
        executed: Sequence(0),
        accepted: 0,
        prepared: 0,
        asks: true,
        wanted: Vec::new(),
    };
    let ask = |node: &mut Node, times: usize| -> usize {
        let answers = (0..times).map(|_| node.receive(N2, Message::Status(status.clone())).count("status"));
        answers.sum()
    };
    assert_eq!(ask(&mut node, 10), 10, "who asks is told");
    assert_eq!(ask(&mut node, 1_000), 22, "but not for ever");
    assert!(node.has_set(&Timer::Status), "it speaks up again");
    node.fire(Timer::Status);
    assert_eq!(ask(&mut node, 1_000), 32);
}
