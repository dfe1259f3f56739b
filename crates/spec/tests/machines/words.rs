//! Calls and answers as text: one line for people, JSON for traces, fingerprints for digests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quarrel_protocol::{ClientId, Fingerprint, RequestId};
use quarrel_spec::Value;
use quarrel_spec::machine::{
    Account, BankCall, Call, Key, Kind, KvCall, LockCall, LockId, Machine, Member, MembershipCall, Outcome,
    QueueCall, RegisterCall, Seat, SeatsCall, Who,
};
use quarrel_spec::session::{Command, Session};

use crate::arbitrary::{self, KINDS};
use crate::config;

/// A call, as it is shown, and as it stands in a trace.
type Shown = (Call, &'static str, &'static str);

/// One call of every form.
fn table() -> Vec<Shown> {
    let (key, text, who) = (Key(3), Value(7), Who(0));
    let (seat, lock, member) = (Seat(3), LockId(0), Member(3));
    let (from, to) = (Account(1), Account(2));
    vec![
        (Call::Register(RegisterCall::Read), "read", r#"{"register":"read"}"#),
        (Call::Register(RegisterCall::Write(text)), "write v7", r#"{"register":{"write":7}}"#),
        (
            Call::Register(RegisterCall::Cas { from: Some(text), to: Value(8) }),
            "cas v7 -> v8",
            r#"{"register":{"cas":{"from":7,"to":8}}}"#,
        ),
        (
            Call::Register(RegisterCall::Cas { from: None, to: text }),
            "cas nothing -> v7",
            r#"{"register":{"cas":{"from":null,"to":7}}}"#,
        ),
        (Call::Kv(KvCall::Get { key }), "get k3", r#"{"kv":{"get":{"key":3}}}"#),
        (Call::Kv(KvCall::Put { key, text }), "put k3 v7", r#"{"kv":{"put":{"key":3,"text":7}}}"#),
        (Call::Kv(KvCall::Append { key, text }), "append k3 v7", r#"{"kv":{"append":{"key":3,"text":7}}}"#),
        (
            Call::Bank(BankCall::Transfer { from, to, amount: 5 }),
            "transfer 5 from a1 to a2",
            r#"{"bank":{"transfer":{"from":1,"to":2,"amount":5}}}"#,
        ),
        (Call::Bank(BankCall::Balance(from)), "balance of a1", r#"{"bank":{"balance":1}}"#),
        (Call::Bank(BankCall::Audit), "audit", r#"{"bank":"audit"}"#),
        (
            Call::Seats(SeatsCall::Reserve { seat, who }),
            "reserve s3 for c1",
            r#"{"seats":{"reserve":{"seat":3,"who":0}}}"#,
        ),
        (
            Call::Seats(SeatsCall::Release { seat, who }),
            "release s3 of c1",
            r#"{"seats":{"release":{"seat":3,"who":0}}}"#,
        ),
        (Call::Seats(SeatsCall::Holder(seat)), "holder of s3", r#"{"seats":{"holder":3}}"#),
        (Call::Seats(SeatsCall::Sold), "seats sold", r#"{"seats":"sold"}"#),
        (
            Call::Lock(LockCall::Acquire { lock, who }),
            "acquire l0 for c1",
            r#"{"lock":{"acquire":{"lock":0,"who":0}}}"#,
        ),
        (
            Call::Lock(LockCall::Release { lock, who }),
            "release l0 of c1",
            r#"{"lock":{"release":{"lock":0,"who":0}}}"#,
        ),
        (
            Call::Lock(LockCall::Guarded { lock, who }),
            "write under l0 by c1",
            r#"{"lock":{"guarded":{"lock":0,"who":0}}}"#,
        ),
        (Call::Lock(LockCall::Holder(lock)), "holder of l0", r#"{"lock":{"holder":0}}"#),
        (Call::Membership(MembershipCall::Join(member)), "join m3", r#"{"membership":{"join":3}}"#),
        (Call::Membership(MembershipCall::Leave(member)), "leave m3", r#"{"membership":{"leave":3}}"#),
        (
            Call::Membership(MembershipCall::IsMember(member)),
            "is m3 a member",
            r#"{"membership":{"is-member":3}}"#,
        ),
        (Call::Membership(MembershipCall::Members), "members", r#"{"membership":"members"}"#),
        (Call::Queue(QueueCall::Enqueue(text)), "enqueue v7", r#"{"queue":{"enqueue":7}}"#),
        (Call::Queue(QueueCall::Dequeue), "dequeue", r#"{"queue":"dequeue"}"#),
        (Call::Queue(QueueCall::Peek), "peek", r#"{"queue":"peek"}"#),
        (Call::Queue(QueueCall::Length), "length", r#"{"queue":"length"}"#),
        (Call::Queue(QueueCall::Contents), "contents", r#"{"queue":"contents"}"#),
    ]
}

#[test]
fn every_form_of_call_has_its_words() {
    for (call, shown, json) in table() {
        assert_eq!(call.to_string(), shown);
        assert_eq!(serde_json::to_string(&call).expect("calls are data"), json);
        assert_eq!(serde_json::from_str::<Call>(json).expect("what is written is read"), call);
    }
}

/// What a call or an error comes to when these words are read.
fn check_words(words: &str, expected: Result<Call, &str>) {
    assert_eq!(words.parse::<Call>(), expected.map_err(str::to_string), "{words}");
}

#[test]
fn calls_are_read_from_the_words_that_show_them() {
    for (call, shown, _) in table() {
        check_words(shown, Ok(call));
        check_words(&format!("  {}  ", shown.replace(' ', "   ")), Ok(call));
        // A value needs no letter.
        check_words(&shown.replace(" v", " "), Ok(call));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_call_is_read_from_the_words_that_show_it(call in arbitrary::call()) {
        prop_assert_eq!(call.to_string().parse(), Ok(call));
    }

    #[test]
    fn no_words_panic_and_what_is_read_is_shown_alike(words in "[a-z0-9# +>-]{0,30}") {
        if let Ok(call) = words.parse::<Call>() {
            prop_assert_eq!(call.to_string().parse(), Ok(call));
        }
    }
}

#[test]
fn words_that_are_no_call_are_told_what_was_expected() {
    check_words(
        "write",
        Err("`write` is no call: expected something like `write v1` or `write under l1 by c2`"),
    );
    check_words("get 3", Err("`get 3` is no call: expected something like `get k1`"));
    check_words("get k65536", Err("`get k65536` is no call: expected something like `get k1`"));
    check_words("get k3 now", Err("`get k3 now` is no call: expected something like `get k1`"));
    // Clients are counted from 1, and who asks is always said.
    for words in ["acquire l0 for c0", "acquire l0", "acquire l0 for c4294967297", "acquire l0 for c+1"] {
        let expected = format!("`{words}` is no call: expected something like `acquire l1 for c2`");
        check_words(words, Err(&expected));
    }
    let all = "".parse::<Call>().expect_err("nothing is no call");
    assert!(all.starts_with("`` is no call; calls are `read`, `write v1`, `cas v1 -> v2`, "), "{all}");
    assert!(all.ends_with("`length`, `contents`"), "{all}");
}

#[test]
fn a_machine_has_a_name_and_a_form() {
    for (kind, name) in KINDS.into_iter().zip(Kind::NAMES) {
        assert_eq!(kind.name(), name);
        assert_eq!(Kind::from_name(name).map(|kind| kind.name()), Some(name));
        let json = serde_json::to_string(&kind).expect("kinds are data");
        assert_eq!(serde_json::from_str::<Kind>(&json).expect("what is written is read"), kind);
        assert!(json.contains(name), "{json} names the {name} as people do");
    }
    assert_eq!(Kind::from_name("blackboard"), None);
    let bank = serde_json::to_string(&Kind::Bank { accounts: 5, opening: 100 }).expect("kinds are data");
    assert_eq!(bank, r#"{"bank":{"accounts":5,"opening":100}}"#);
}

#[test]
fn calls_are_small_because_every_log_entry_holds_one() {
    // A comparison of a register holds two values of 64 bits, one of them optional; nothing else is larger.
    assert_eq!(size_of::<Call>(), 24);
    assert_eq!(size_of::<Command>(), 40);
}

#[test]
fn answers_are_one_readable_line() {
    let told = |kind, calls: &[Call]| {
        let mut machine = Machine::new(kind);
        let outcomes = calls.iter().map(|call| machine.apply(call).to_string());
        outcomes.collect::<Vec<_>>()
    };
    let calls: Vec<Call> = table().into_iter().map(|(call, ..)| call).collect();
    assert_eq!(told(KINDS[0], &calls[..5]), ["nothing", "written", "set", "not set", "not understood"]);
    assert_eq!(
        told(KINDS[1], &[calls[4], calls[5], calls[6], calls[4]]),
        ["nothing", "stored", "stored", "v7v7"]
    );
    assert_eq!(told(KINDS[2], &calls[7..10]), ["transferred", "5", "[a0: 10, a1: 5, a2: 15, a3: 10]"]);
    assert_eq!(
        told(KINDS[3], &[calls[10], calls[10], calls[13], calls[12], calls[11]]),
        ["reserved", "already yours", "[s3: c1]", "c1", "released"]
    );
    assert_eq!(
        told(KINDS[4], &[calls[14], calls[14], calls[17], calls[16], calls[15]]),
        ["granted with token t1", "held by c1", "c1 with token t1", "write 1 with token t1", "released"]
    );
    assert_eq!(
        told(KINDS[5], &[calls[18], calls[18], calls[20], calls[21], calls[19], calls[21]]),
        ["joined", "already a member", "yes", "version 1: [m3]", "left", "version 2: []"]
    );
    assert_eq!(
        told(KINDS[6], &[calls[22], calls[25], calls[24], calls[26], calls[23], calls[23]]),
        ["enqueued", "1", "v7", "[v7]", "v7", "nothing"]
    );
}

#[test]
fn fingerprints_of_different_calls_differ() {
    let mut seen: BTreeMap<u64, Call> = BTreeMap::new();
    let mut count = 0;
    let mut see = |call: Call| {
        count += 1;
        let before = seen.insert(call.digest(), call);
        assert_eq!(before, None, "as {call}");
    };
    for one in 0..200u16 {
        let number = Value(u64::from(one));
        see(Call::Register(RegisterCall::Write(number)));
        see(Call::Register(RegisterCall::Cas { from: None, to: number }));
        see(Call::Kv(KvCall::Get { key: Key(one) }));
        see(Call::Bank(BankCall::Balance(Account(one))));
        see(Call::Seats(SeatsCall::Holder(Seat(one))));
        see(Call::Lock(LockCall::Holder(LockId(one))));
        see(Call::Membership(MembershipCall::Join(Member(one))));
        see(Call::Membership(MembershipCall::Leave(Member(one))));
        see(Call::Membership(MembershipCall::IsMember(Member(one))));
        see(Call::Queue(QueueCall::Enqueue(number)));
        for other in 0..20u16 {
            let (text, who) = (Value(u64::from(other)), Who(u32::from(other)));
            see(Call::Register(RegisterCall::Cas { from: Some(number), to: text }));
            see(Call::Kv(KvCall::Put { key: Key(one), text }));
            see(Call::Kv(KvCall::Append { key: Key(one), text }));
            see(Call::Seats(SeatsCall::Reserve { seat: Seat(one), who }));
            see(Call::Seats(SeatsCall::Release { seat: Seat(one), who }));
            see(Call::Lock(LockCall::Acquire { lock: LockId(one), who }));
            see(Call::Lock(LockCall::Release { lock: LockId(one), who }));
            see(Call::Lock(LockCall::Guarded { lock: LockId(one), who }));
            for amount in 0..5 {
                let (from, to) = (Account(one), Account(other));
                see(Call::Bank(BankCall::Transfer { from, to, amount }));
            }
        }
    }
    let whole = table()
        .into_iter()
        .map(|(call, ..)| call)
        .filter(|call| !call.to_string().contains(char::is_numeric));
    whole.for_each(see);
    assert_eq!(count, 200 * (10 + 20 * 13) + 8);
}

#[test]
fn fingerprints_of_commands_see_the_session() {
    let session = Session { client: ClientId(1), serial: RequestId(5), oldest: RequestId(3) };
    let call = Call::Register(RegisterCall::Read);
    let command = Command { session, call };
    assert_eq!(command.to_string(), "c2's op5: read");
    for other in [
        Session { client: ClientId(2), ..session },
        Session { serial: RequestId(6), ..session },
        Session { oldest: RequestId(4), ..session },
    ] {
        assert_ne!(Command { session: other, call }.digest(), command.digest());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn calls_and_answers_survive_a_trace((kind, calls) in arbitrary::kind_and_calls()) {
        let mut machine = Machine::new(kind);
        let mut last: Option<Outcome> = None;
        for call in calls {
            let json = serde_json::to_string(&call).expect("calls are data");
            prop_assert_eq!(serde_json::from_str::<Call>(&json).expect("what is written is read"), call);
            let outcome = machine.apply(&call);
            let json = serde_json::to_string(&outcome).expect("answers are data");
            let read: Outcome = serde_json::from_str(&json).expect("what is written is read");
            prop_assert_eq!(&read, &outcome);
            prop_assert!(!outcome.to_string().contains('\n') && !outcome.to_string().is_empty());
            if let Some(last) = last {
                prop_assert_eq!(last == outcome, last.digest() == outcome.digest(), "{} {}", last, outcome);
            }
            last = Some(outcome);
        }
    }

    #[test]
    fn no_text_of_a_trace_panics(text in r#"\{"(kv|bank|lock|seats|queue)":(\{"[a-z]{3,8}":(-?[0-9]{1,20}|\{\})\}|"[a-z]{4,8}")\}"#) {
        if let Ok(call) = serde_json::from_str::<Call>(&text) {
            for kind in KINDS {
                Machine::new(kind).apply(&call);
            }
        }
    }
}
