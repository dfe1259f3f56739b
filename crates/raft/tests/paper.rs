//! One test per rule of Figure 2, in the order of the figure.

use crate::common::*;
use quarrel_protocol::Input;

use quarrel_raft::{Config, Event, Index, Record, Term, Timer};
use quarrel_spec::replicated_log::{Applied, Reply};

fn three() -> Config {
    Config::new(3)
}

fn without_noop(nodes: u8) -> Config {
    Config { noop_on_election: false, ..Config::new(nodes) }
}

// State

#[test]
fn state_is_updated_on_stable_storage_before_responding() {
    let mut node = Node::with_log(&three(), N1, &[1]);
    let done = node.step(Input::Message { from: N2, message: request_vote(2, (1, 1)) });
    assert_eq!(done.persisted.last(), Some(&Record::Term { term: Term(2), vote: Some(N2) }));
    assert_eq!(done.order, ["persist", "persist", "announce", "set", "send"]);

    let done = node.step(Input::Message { from: N2, message: append(2, (1, 1), &[2], 0) });
    assert_eq!(done.order, ["set", "persist", "announce", "send"]);
}

#[test]
fn term_vote_and_log_survive_a_restart_and_nothing_else_does() {
    let mut node = Node::new(&three(), N1);
    node.receive(N2, request_vote(4, (0, 0)));
    node.receive(N2, append(4, (0, 0), &[4, 4], 2));
    assert_eq!(node.machine.commit(), Index(2));
    node.restart();
    assert_eq!((node.machine.term(), node.machine.vote()), (Term(4), Some(N2)));
    assert_eq!(node.terms(), [4, 4]);
    assert_eq!(
        (node.machine.commit(), node.machine.applied(), node.machine.leader()),
        (Index(0), Index(0), None)
    );
    let done = node.receive(N2, append(4, (2, 4), &[], 2));
    assert_eq!(done.applied(), [1, 2], "it applies again from the start");
}

// AppendEntries RPC

#[test]
fn append_entries_1_a_term_that_is_over_is_refused() {
    let mut node = Node::with_log(&three(), N1, &[1, 3]);
    let done = node.receive(N2, append(2, (1, 1), &[2], 2));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 3, stale");
    assert_eq!(node.terms(), [1, 3]);
    assert!(done.set.is_empty(), "nor does it put off an election");
}

#[test]
fn append_entries_2_a_log_without_the_previous_entry_refuses() {
    // Section 5.3: the refusal names the conflicting term and its first index.
    let check = |terms: &[u64], previous: (u64, u64), answer: &str| {
        let mut node = Node::with_log(&three(), N1, terms);
        let done = node.receive(N2, append(7, previous, &[7], 0));
        assert_eq!(done.only_message(), format!("AppendEntriesResponse term 7, conflict at {answer}"));
        assert_eq!(node.terms(), terms, "nothing changes");
    };
    check(&[1, 1], (3, 2), "3: log ends before 3");
    check(&[1, 4, 4, 4], (4, 5), "4: term 4 since 2");
    check(&[], (9, 5), "9: log ends before 1");
}

#[test]
fn append_entries_3_a_conflicting_entry_and_all_that_follow_are_deleted() {
    let mut node = Node::with_log(&three(), N1, &[1, 2, 2, 2]);
    let done = node.receive(N2, append(4, (1, 1), &[2, 4], 0));
    assert_eq!(node.terms(), [1, 2, 4]);
    assert_eq!(done.persisted[1], Record::Truncate { from: Index(3) });
    let dropped = Event::Truncated { from: Index(3), last: Index(4), entry: entries(&[2])[0] };
    assert_eq!(done.events[0], dropped);
}

#[test]
fn append_entries_3_entries_that_agree_stay_and_so_does_what_follows() {
    let mut node = Node::with_log(&three(), N1, &[1, 2, 2]);
    let done = node.receive(N2, append(2, (0, 0), &[1, 2], 0));
    assert_eq!(node.terms(), [1, 2, 2]);
    assert!(done.persisted.is_empty());
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 2");
}

#[test]
fn append_entries_4_new_entries_are_appended() {
    let mut node = Node::with_log(&three(), N1, &[1]);
    let done = node.receive(N2, append(2, (1, 1), &[1, 2], 0));
    assert_eq!(node.terms(), [1, 1, 2]);
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 3");
}

#[test]
fn append_entries_5_the_commit_index_follows_up_to_the_last_new_entry() {
    let mut node = Node::with_log(&three(), N1, &[1, 1, 1]);
    node.receive(N2, append(2, (0, 0), &[1], 3));
    assert_eq!(node.machine.commit(), Index(1), "what follows may contradict the leader's log");
    node.receive(N2, append(2, (3, 1), &[], 2));
    assert_eq!(node.machine.commit(), Index(2));
    node.receive(N2, append(2, (0, 0), &[], 1));
    assert_eq!(node.machine.commit(), Index(2), "an old message takes nothing back");
}

// RequestVote RPC

#[test]
fn request_vote_1_a_term_that_is_over_is_refused() {
    let mut node = Node::with_log(&three(), N1, &[3]);
    let done = node.receive(N2, request_vote(2, (9, 2)));
    assert_eq!(done.only_message(), "RequestVoteResponse term 3, refused");
    assert!(done.set.is_empty() && done.persisted.is_empty());
}

#[test]
fn request_vote_2_one_vote_a_term_first_come_first_served() {
    let mut node = Node::new(&three(), N1);
    let done = node.receive(N2, request_vote(1, (0, 0)));
    assert_eq!(done.only_message(), "RequestVoteResponse term 1, granted");
    assert_eq!(done.events, [Event::Voted { term: Term(1), candidate: N2 }]);
    let again = node.receive(N2, request_vote(1, (0, 0)));
    assert_eq!(again.only_message(), "RequestVoteResponse term 1, granted");
    assert!(again.persisted.is_empty() && again.events.is_empty(), "it is the same vote");
    assert_eq!(
        node.receive(N3, request_vote(1, (0, 0))).only_message(),
        "RequestVoteResponse term 1, refused"
    );
    assert_eq!(
        node.receive(N3, request_vote(2, (0, 0))).only_message(),
        "RequestVoteResponse term 2, granted"
    );
}

#[test]
fn request_vote_2_only_to_a_log_at_least_as_up_to_date() {
    // Section 5.4.1: first by the term of the last entry, then by length.
    let check = |candidate: (u64, u64), answer: &str| {
        let mut node = Node::with_log(&three(), N1, &[1, 2, 2]);
        let done = node.receive(N2, request_vote(5, candidate));
        assert_eq!(done.only_message(), format!("RequestVoteResponse term 5, {answer}"), "{candidate:?}");
        assert_eq!(done.set.is_empty(), answer == "refused", "only a vote puts off the own candidacy");
    };
    check((3, 2), "granted");
    check((4, 2), "granted");
    check((1, 3), "granted");
    check((2, 2), "refused");
    check((9, 1), "refused");
    check((0, 0), "refused");
}

// Rules for servers: all servers

#[test]
fn all_servers_1_committed_entries_are_applied_in_order() {
    let mut node = Node::new(&three(), N1);
    assert_eq!(node.receive(N2, append(1, (0, 0), &[1, 1, 1], 2)).applied(), [1, 2]);
    assert_eq!(node.receive(N2, append(1, (3, 1), &[1], 4)).applied(), [3, 4]);
    assert_eq!(node.receive(N2, append(1, (4, 1), &[], 4)).applied(), [0u64; 0], "each once");
}

#[test]
fn all_servers_2_a_higher_term_makes_a_follower() {
    let messages = [request_vote(9, (0, 0)), vote(9, false), append(9, (5, 5), &[], 0), matched(9, 1)];
    for message in messages {
        let mut node = Node::new(&three(), N1);
        node.lead(&[N2]);
        let done = node.receive(N3, message);
        assert!(!node.machine.is_leader());
        assert_eq!(node.machine.term(), Term(9));
        assert_eq!(done.persisted[0], Record::Term { term: Term(9), vote: None });
        assert_eq!(done.events[0], Event::SteppedDown { term: Term(9) });
        assert_eq!(done.cancelled, [Timer::Heartbeat]);
        assert!(done.set.contains(&Timer::Election));
    }
}

// Followers

#[test]
fn followers_1_respond_to_candidates_and_leaders() {
    let mut node = Node::new(&three(), N1);
    assert_eq!(node.receive(N3, request_vote(1, (0, 0))).sent[0].0, N3);
    assert_eq!(node.receive(N3, append(1, (0, 0), &[], 0)).sent[0].0, N3);
}

#[test]
fn followers_2_campaign_when_they_hear_nothing() {
    let mut node = Node::new(&three(), N1);
    assert_eq!(node.receive(N2, append(1, (0, 0), &[], 0)).set, [Timer::Election], "a leader puts it off");
    let done = node.fire(Timer::Election);
    assert_eq!(done.events[0], Event::Campaigned { term: Term(2) });
}

// Candidates

#[test]
fn candidates_1_start_an_election() {
    let mut node = Node::with_log(&three(), N1, &[1, 2]);
    let done = node.step(Input::Timer(Timer::Election));
    assert_eq!(done.order, ["persist", "announce", "set", "send", "send", "send"]);
    assert_eq!(done.persisted, [Record::Term { term: Term(3), vote: Some(N1) }]);
    assert_eq!(done.set, [Timer::Election]);
    assert_eq!(done.sent_to(N2), ["RequestVote term 3, log ends at 2@2"]);
    assert_eq!(done.sent_to(N3), ["RequestVote term 3, log ends at 2@2"]);
    // Its own vote arrives when it is on disk.
    assert_eq!(done.sent_to(N1), ["RequestVoteResponse term 3, granted"]);
    assert_eq!(node.receive(N2, vote(3, true)).events.len(), 1, "one vote is no majority of three");
    assert!(!node.machine.is_leader());
}

#[test]
fn candidates_2_lead_with_the_votes_of_a_majority() {
    let mut node = Node::new(&Config::new(5), N1);
    node.fire(Timer::Election);
    node.receive(N2, vote(1, true));
    node.receive(N2, vote(1, true));
    node.receive(N3, vote(1, false));
    node.receive(N4, vote(0, true));
    assert!(!node.machine.is_leader(), "a duplicate, a refusal and a vote of another term do not count");
    let done = node.receive(N5, vote(1, true));
    let voters = [N1, N2, N5].into_iter().collect();
    assert_eq!(done.events[1], Event::Elected { term: Term(1), voters });
    assert_eq!(done.events[1].to_string(), "is elected leader of term 1 by n1, n2, n5");
    assert_eq!(done.cancelled, [Timer::Election]);
}

#[test]
fn candidates_3_follow_a_new_leader() {
    let mut node = Node::new(&three(), N1);
    node.fire(Timer::Election);
    let done = node.receive(N2, append(1, (0, 0), &[1], 0));
    assert_eq!(node.machine.leader(), Some(N2));
    assert_eq!(node.machine.vote(), Some(N1), "the vote of the term stands");
    assert_eq!(done.only_message(), "AppendEntriesResponse term 1, matched up to 1");
}

#[test]
fn candidates_4_start_anew_when_the_election_takes_too_long() {
    let mut node = Node::new(&three(), N1);
    node.fire(Timer::Election);
    node.fire(Timer::Election);
    assert_eq!(node.machine.term(), Term(2));
    node.receive(N2, vote(1, true));
    assert!(!node.machine.is_leader(), "a vote for the earlier candidacy");
}

// Leaders

#[test]
fn leaders_1_are_heard_at_once_and_again() {
    let mut node = Node::new(&without_noop(3), N1);
    let done = node.lead(&[N2]);
    assert_eq!(done.sent_to(N3)[1], "AppendEntries term 1, after 0@0, [], commit 0");
    assert!(done.set.contains(&Timer::Heartbeat));
    let done = node.fire(Timer::Heartbeat);
    assert_eq!(done.sent_to(N2), ["AppendEntries term 1, after 0@0, [], commit 0"]);
    assert_eq!(done.set, [Timer::Heartbeat]);
    assert!(node.fire(Timer::Election).order.is_empty(), "a leader does not campaign");
}

#[test]
fn leaders_1_a_no_op_opens_the_term() {
    // Section 8.
    let mut node = Node::new(&three(), N1);
    let done = node.lead(&[N2]);
    assert_eq!(done.sent_to(N2)[1], "AppendEntries term 1, after 0@0, [1@1 no-op], commit 0");
    assert_eq!(node.receive(N2, matched(1, 1)).outputs, [Applied { index: 1, command: None }.into()]);
}

#[test]
fn leaders_2_append_a_command_and_answer_when_it_is_applied() {
    let mut node = Node::new(&without_noop(3), N1);
    node.lead(&[N2]);
    node.receive(N2, matched(1, 0));
    let done = node.ask(7);
    assert_eq!(done.sent_to(N2), ["AppendEntries term 1, after 0@0, [1@1 c1's op7: write v7], commit 0"]);
    assert!(done.sent_to(N3).is_empty(), "whose log is not known yet");
    assert!(done.replies.is_empty());
    let done = node.receive(N2, matched(1, 1));
    assert_eq!(done.outputs, [Applied { index: 1, command: Some(command(7)) }.into()]);
    assert_eq!(done.told(), [written(1)]);
    assert_eq!(done.order, ["announce", "output", "reply"]);
}

#[test]
fn leaders_2_others_redirect_and_so_does_a_leader_that_steps_down() {
    // Section 8.
    let mut node = Node::new(&three(), N1);
    assert_eq!(node.ask(1).told(), [Reply::NotLeader { hint: None }]);
    node.receive(N2, append(1, (0, 0), &[], 0));
    assert_eq!(node.ask(1).told(), [Reply::NotLeader { hint: Some(N2) }]);
    node.lead(&[N3]);
    assert!(node.ask(1).replies.is_empty());
    let done = node.receive(N3, append(5, (0, 0), &[], 0));
    assert_eq!(done.told(), [Reply::NotLeader { hint: Some(N3) }]);
}

#[test]
fn leaders_2_its_own_copy_counts_only_when_it_is_on_disk() {
    let mut node = Node::new(&Config::new(1), N1);
    node.step(Input::Timer(Timer::Election));
    let done = node.receive(N1, vote(1, true));
    assert_eq!(done.applied(), [1]);
    let done = node.step(request(7));
    assert_eq!(done.order, ["persist", "announce", "send"]);
    assert_eq!(node.machine.commit(), Index(1));
    assert_eq!(node.receive(N1, matched(1, 2)).applied(), [2]);
}

#[test]
fn leaders_3_send_what_a_follower_lacks() {
    let one_each = Config { entries_per_append: 1, entries_in_flight_max: 2, ..without_noop(3) };
    let mut node = Node::with_log(&one_each, N1, &[1, 1, 1, 1, 1]);
    node.lead(&[N2]);
    let done = node.receive(N2, conflict(2, 5, None, 1));
    assert_eq!(done.sent_to(N2), ["AppendEntries term 2, after 0@0, [1@1 no-op], commit 0"], "a probe");
    let done = node.receive(N2, matched(2, 1));
    let pipelined = [
        "AppendEntries term 2, after 1@1, [2@1 no-op], commit 0",
        "AppendEntries term 2, after 2@1, [3@1 no-op], commit 0",
    ];
    assert_eq!(done.sent_to(N2), pipelined, "as many as may be on their way");
    assert_eq!(
        node.receive(N2, matched(2, 2)).sent_to(N2),
        ["AppendEntries term 2, after 3@1, [4@1 no-op], commit 0"]
    );
    assert!(node.receive(N2, matched(2, 2)).sent.is_empty(), "a duplicate moves nothing");
}

#[test]
fn leaders_3_go_back_where_a_follower_refuses() {
    // Section 5.3: a whole term at a time.
    let check = |own: &[u64], refusals: &[(u64, Option<u64>, u64)], expected: &str| {
        let mut node = Node::with_log(&without_noop(3), N1, own);
        node.lead(&[N2]);
        let term = node.machine.term().0;
        let mut last = String::new();
        for &(previous, conflict_term, first) in refusals {
            last = node.receive(N3, conflict(term, previous, conflict_term, first)).only_message();
        }
        assert!(last.starts_with(&format!("AppendEntries term {term}, after {expected}, [")), "{last}");
    };
    check(&[1, 1, 4, 4], &[(4, None, 3)], "2@1");
    // The follower's term 3 is unknown here: skip all of it.
    check(&[1, 1, 4, 4], &[(4, Some(3), 2)], "1@1");
    // Its term 1 is known: go to the own last entry of that term.
    check(&[1, 1, 4, 4], &[(4, Some(1), 1)], "2@1");
    check(&[1, 1, 4, 4], &[(4, None, 4), (3, Some(2), 2)], "1@1");
    // Nonsense moves back too, and not out of the log.
    check(&[1, 1, 4, 4], &[(4, Some(9), u64::MAX)], "3@4");
    check(&[1, 1, 4, 4], &[(4, None, 0)], "0@0");
}

#[test]
fn leaders_3_a_lost_message_is_noticed_by_the_next_heartbeat() {
    let mut node = Node::new(&three(), N1);
    node.lead(&[N2]);
    node.receive(N2, matched(1, 1));
    node.ask(1);
    node.ask(2);
    assert_eq!(node.fire(Timer::Heartbeat).sent_to(N2), ["AppendEntries term 1, after 3@1, [], commit 1"]);
    let done = node.receive(N2, conflict(1, 3, None, 2));
    assert_eq!(
        done.sent_to(N2),
        ["AppendEntries term 1, after 1@1, [2@1 c1's op1: write v1, 3@1 c1's op2: write v2], commit 1"]
    );
    assert!(node.receive(N2, conflict(1, 3, None, 2)).sent.is_empty(), "an echo is not answered");
    assert!(node.receive(N2, conflict(1, 0, None, 1)).sent.is_empty(), "nor what contradicts a confirmation");
}

#[test]
fn leaders_3_send_before_their_own_write_is_done() {
    // Thesis, section 10.2.1.
    let mut node = Node::new(&three(), N1);
    node.lead(&[N2]);
    node.receive(N2, matched(1, 1));
    node.receive(N3, matched(1, 1));
    assert_eq!(
        node.step(request(7)).order,
        ["persist", "announce", "send", "send-unsynced", "send-unsynced"]
    );
}

#[test]
fn leaders_4_commit_what_a_majority_holds() {
    let mut node = Node::new(&Config::new(5), N1);
    node.lead(&[N2, N3]);
    node.ask(1);
    node.receive(N2, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(0));
    node.receive(N2, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(0), "a duplicate is one copy");
    node.receive(N3, matched(1, 1));
    assert_eq!(node.machine.commit(), Index(1));
    let done = node.receive(N4, matched(1, 9));
    assert!(done.order.is_empty(), "nobody holds what does not exist");
    node.receive(N4, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(2));
}

#[test]
fn leaders_4_commit_entries_of_earlier_terms_only_with_one_of_their_own() {
    // Section 5.4.2 and Figure 8.
    let mut node = Node::with_log(&without_noop(3), N1, &[1, 2]);
    node.lead(&[N2]);
    node.receive(N2, matched(3, 2));
    assert_eq!(node.machine.commit(), Index(0));
    node.ask(1);
    let done = node.receive(N2, matched(3, 3));
    assert_eq!(node.machine.commit(), Index(3));
    assert_eq!(done.applied(), [1, 2, 3]);
    assert_eq!(done.events[0].to_string(), "commits up to 3@3 c1's op1: write v1 as leader of term 3");
}

#[test]
fn a_node_alone_is_a_majority() {
    let mut node = Node::new(&Config::new(1), N1);
    node.fire(Timer::Election);
    assert!(node.machine.is_leader());
    assert_eq!(node.ask(7).told(), [written(2)]);
}

#[test]
fn three_nodes_elect_replicate_and_agree_again_after_a_partition() {
    let mut cluster = cluster_of(&three());
    cluster.campaign(N1, &[N2, N3]);
    cluster.ask(N1, 1);
    cluster.deliver_among(&[N1, N2, N3]);
    // n1 alone takes what nobody will ever commit, while n2 goes on.
    cluster.ask(N1, 2);
    cluster.ask(N1, 3);
    cluster.deliver_among(&[N1]);
    cluster.campaign(N2, &[N3]);
    cluster.ask(N2, 4);
    cluster.deliver_among(&[N2, N3]);
    cluster.fire(N2, Timer::Heartbeat);
    cluster.deliver_among(&[N1, N2, N3]);
    cluster.fire(N2, Timer::Heartbeat);
    cluster.deliver_among(&[N1, N2, N3]);
    for node in &cluster.nodes {
        assert_eq!(node.terms(), [1, 1, 2, 2]);
        assert_eq!(node.machine.applied(), Index(4));
    }
    assert_eq!(cluster.violated(), [""; 0]);
}
