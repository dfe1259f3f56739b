//! Calls in words, as people write them into a scenario: what [`Display`](std::fmt::Display) says of a call is read
//! back as that call.
//!
//! A value may be written without its letter: `write 3` is `write v3`. A call that names a client must name it: who
//! asks and for whom need not be the same.

use std::str::FromStr;

use super::{
    Account, BankCall, Call, Key, KvCall, LockCall, LockId, Member, MembershipCall, QueueCall, RegisterCall,
    Seat, SeatsCall, Who,
};
use crate::Value;

/// How one call is written.
struct Form {
    /// The call, with `#` for each number that it names; a word with `#` may begin with the letter of what it names.
    shape: &'static str,
    /// The call that names these numbers; `None` when one of them is too large for what it numbers.
    call: fn(Numbers) -> Option<Call>,
}

/// The numbers of a call, in the order in which they are written.
#[derive(Clone, Copy, Default)]
struct Numbers([u64; NUMBERS_MAX]);

/// No call names more numbers.
const NUMBERS_MAX: usize = 3;

/// The letter of values: the only one that may be left out.
const VALUE: &str = "v";

/// Every form, machine by machine.
const FORMS: [Form; 27] = [
    form("read", |_| Some(Call::Register(RegisterCall::Read))),
    form("write v#", |numbers| Some(Call::Register(RegisterCall::Write(numbers.value(0))))),
    form("cas v# -> v#", |numbers| {
        Some(Call::Register(RegisterCall::Cas { from: Some(numbers.value(0)), to: numbers.value(1) }))
    }),
    form("cas nothing -> v#", |numbers| {
        Some(Call::Register(RegisterCall::Cas { from: None, to: numbers.value(0) }))
    }),
    form("get k#", |numbers| Some(Call::Kv(KvCall::Get { key: Key(numbers.small(0)?) }))),
    form("put k# v#", |numbers| {
        Some(Call::Kv(KvCall::Put { key: Key(numbers.small(0)?), text: numbers.value(1) }))
    }),
    form("append k# v#", |numbers| {
        Some(Call::Kv(KvCall::Append { key: Key(numbers.small(0)?), text: numbers.value(1) }))
    }),
    form("transfer # from a# to a#", |numbers| {
        let amount = u32::try_from(numbers.0[0]).ok()?;
        let (from, to) = (Account(numbers.small(1)?), Account(numbers.small(2)?));
        Some(Call::Bank(BankCall::Transfer { from, to, amount }))
    }),
    form("balance of a#", |numbers| Some(Call::Bank(BankCall::Balance(Account(numbers.small(0)?))))),
    form("audit", |_| Some(Call::Bank(BankCall::Audit))),
    form("reserve s# for c#", |numbers| {
        Some(Call::Seats(SeatsCall::Reserve { seat: Seat(numbers.small(0)?), who: numbers.who(1)? }))
    }),
    form("release s# of c#", |numbers| {
        Some(Call::Seats(SeatsCall::Release { seat: Seat(numbers.small(0)?), who: numbers.who(1)? }))
    }),
    form("holder of s#", |numbers| Some(Call::Seats(SeatsCall::Holder(Seat(numbers.small(0)?))))),
    form("seats sold", |_| Some(Call::Seats(SeatsCall::Sold))),
    form("acquire l# for c#", |numbers| {
        Some(Call::Lock(LockCall::Acquire { lock: LockId(numbers.small(0)?), who: numbers.who(1)? }))
    }),
    form("release l# of c#", |numbers| {
        Some(Call::Lock(LockCall::Release { lock: LockId(numbers.small(0)?), who: numbers.who(1)? }))
    }),
    form("write under l# by c#", |numbers| {
        Some(Call::Lock(LockCall::Guarded { lock: LockId(numbers.small(0)?), who: numbers.who(1)? }))
    }),
    form("holder of l#", |numbers| Some(Call::Lock(LockCall::Holder(LockId(numbers.small(0)?))))),
    form("join m#", |numbers| Some(Call::Membership(MembershipCall::Join(Member(numbers.small(0)?))))),
    form("leave m#", |numbers| Some(Call::Membership(MembershipCall::Leave(Member(numbers.small(0)?))))),
    form("is m# a member", |numbers| {
        Some(Call::Membership(MembershipCall::IsMember(Member(numbers.small(0)?))))
    }),
    form("members", |_| Some(Call::Membership(MembershipCall::Members))),
    form("enqueue v#", |numbers| Some(Call::Queue(QueueCall::Enqueue(numbers.value(0))))),
    form("dequeue", |_| Some(Call::Queue(QueueCall::Dequeue))),
    form("peek", |_| Some(Call::Queue(QueueCall::Peek))),
    form("length", |_| Some(Call::Queue(QueueCall::Length))),
    form("contents", |_| Some(Call::Queue(QueueCall::Contents))),
];

const fn form(shape: &'static str, call: fn(Numbers) -> Option<Call>) -> Form {
    Form { shape, call }
}

impl Form {
    /// The call, if the words have this form.
    fn read(&self, words: &str) -> Option<Call> {
        let mut numbers = Numbers::default();
        let mut count = 0;
        let mut written = words.split_whitespace();
        for expected in self.shape.split(' ') {
            let word = written.next()?;
            match expected.strip_suffix('#') {
                None if word == expected => {}
                None => return None,
                Some(letter) => {
                    numbers.0[count] = read_number(letter, word)?;
                    count += 1;
                }
            }
        }
        if written.next().is_some() { None } else { (self.call)(numbers) }
    }

    /// Its first word.
    fn verb(&self) -> &'static str {
        self.shape.split(' ').next().unwrap_or(self.shape)
    }

    /// An example of it: its numbers are 1, 2, 3.
    fn example(&self) -> String {
        let mut parts = self.shape.split('#');
        let mut example = parts.next().unwrap_or_default().to_string();
        for (number, part) in (1..).zip(parts) {
            example += &format!("{number}{part}");
        }
        format!("`{example}`")
    }
}

impl Numbers {
    fn value(self, position: usize) -> Value {
        Value(self.0[position])
    }

    fn small(self, position: usize) -> Option<u16> {
        u16::try_from(self.0[position]).ok()
    }

    /// Clients are shown from 1.
    fn who(self, position: usize) -> Option<Who> {
        u32::try_from(self.0[position].checked_sub(1)?).ok().map(Who)
    }
}

/// A number after its letter. Only digits: `+3` is no way to write 3.
fn read_number(letter: &str, word: &str) -> Option<u64> {
    let digits = match word.strip_prefix(letter) {
        Some(digits) => digits,
        None if letter == VALUE => word,
        None => return None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

impl FromStr for Call {
    type Err = String;

    /// Reads a call from the words in which it is shown; spaces do not matter.
    fn from_str(words: &str) -> Result<Self, String> {
        if let Some(call) = FORMS.iter().find_map(|form| form.read(words)) {
            return Ok(call);
        }
        let verb = words.split_whitespace().next().unwrap_or_default();
        let alike: Vec<&Form> = FORMS.iter().filter(|form| form.verb() == verb).collect();
        if alike.is_empty() {
            let examples: Vec<String> = FORMS.iter().map(Form::example).collect();
            return Err(format!("`{words}` is no call; calls are {}", examples.join(", ")));
        }
        let examples: Vec<String> = alike.into_iter().map(Form::example).collect();
        Err(format!("`{words}` is no call: expected something like {}", examples.join(" or ")))
    }
}

impl FromStr for Value {
    type Err = String;

    /// Reads a value: `v3`, or `3`.
    fn from_str(word: &str) -> Result<Self, String> {
        read_number(VALUE, word).map(Value).ok_or_else(|| format!("`{word}` is no value such as `v3`"))
    }
}
