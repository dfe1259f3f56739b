//! Workloads: which calls clients make.

use quarrel_protocol::ClientId;
use serde::{Deserialize, Serialize};

use crate::Value;
use crate::machine::{
    Account, BankCall, Call, Key, Kind, KvCall, LockCall, LockId, Member, MembershipCall, QueueCall,
    RegisterCall, Seat, SeatsCall, Who,
};

/// Where a workload's draws come from.
pub trait Chance {
    /// A number below `bound`, each as likely as the others. `bound` is never 0.
    fn below(&mut self, bound: u64) -> u64;
}

/// What is asked of a machine, as a distribution over calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workload {
    /// The machine.
    pub kind: Kind,
    /// How many keys, locks or members there are; 0 counts as 1. Accounts and seats are counted by the machine, and a
    /// register or a queue has none.
    pub keys: u16,
    /// How many calls are reads, in parts per million.
    pub reads_ppm: u32,
    /// How often a key is drawn from the skewed distribution (see [`Workload::call`]) and not evenly, in parts per
    /// million.
    pub skew_ppm: u32,
}

/// Everything that one call is drawn from.
struct Draw<'a> {
    workload: &'a Workload,
    number: u32,
    who: Who,
    chance: &'a mut dyn Chance,
}

/// Why words of a request name a client, an account or a seat that is not there, where there are at most so many clients
/// and keys: nobody else asks, and nobody reads them back. Clients count from 1, all others from 0.
#[must_use]
pub fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
    // With fewer, nothing could be moved from one to another.
    let keys = u64::from(keys.max(2));
    let is_end = |letter: char| !letter.is_ascii_alphanumeric();
    for word in words.split(is_end).filter(|word| word.len() > 1) {
        let (letter, digits) = word.split_at_checked(1)?;
        let Ok(number) = digits.parse::<u64>() else { continue };
        let (what, first, last) = match letter {
            "c" => ("client", 1, u64::from(clients)),
            "a" => ("account", 0, keys - 1),
            "s" => ("seat", 0, keys - 1),
            _ => continue,
        };
        if !(first..=last).contains(&number) {
            let key = if what == "client" { "clients" } else { "keys" };
            let (first, last) = (format!("{letter}{first}"), format!("{letter}{last}"));
            let all = if first == last { format!("only {first}") } else { format!("{first} to {last}") };
            return Some(format!("there is no {what} `{word}`: `{key}` of [workload] says {all}"));
        }
    }
    None
}

/// A lock goes through acquire, write and release in so many operations of the run.
const ROUND: u32 = 12;

impl Workload {
    /// The call of the operation with this number. What it writes is that number, so no two operations of a run
    /// write the same.
    ///
    /// A skewed key is log-uniform: first a bit length, each as likely as the others, then a number of that bit length
    /// (0 | 1 | 2 3 | 4 to 7 | ...). So key 0 is the hottest, and the likelihood of a key falls like 1 / key, as
    /// Zipf's law has it.
    #[must_use]
    pub fn call(&self, number: u32, client: ClientId, chance: &mut dyn Chance) -> Call {
        let mut draw = Draw { workload: self, number, who: client.into(), chance };
        let reads = draw.happens(self.reads_ppm);
        match self.kind {
            Kind::Register => Call::Register(draw.register(reads)),
            Kind::Kv => Call::Kv(draw.kv(reads)),
            Kind::Bank { opening, .. } => Call::Bank(draw.bank(reads, opening)),
            Kind::Seats { .. } => Call::Seats(draw.seats(reads)),
            Kind::Lock => Call::Lock(draw.lock(reads)),
            Kind::Membership => Call::Membership(draw.membership(reads)),
            Kind::Queue => Call::Queue(draw.queue(reads)),
        }
    }

    /// The reads that read back everything, after a run.
    #[must_use]
    pub fn scan(&self) -> Vec<Call> {
        let each = 0..self.parts();
        match self.kind {
            Kind::Register => vec![Call::Register(RegisterCall::Read)],
            Kind::Kv => each.map(|key| Call::Kv(KvCall::Get { key: Key(key) })).collect(),
            Kind::Bank { .. } => vec![Call::Bank(BankCall::Audit)],
            Kind::Seats { .. } => each.map(|seat| Call::Seats(SeatsCall::Holder(Seat(seat)))).collect(),
            Kind::Lock => each.map(|lock| Call::Lock(LockCall::Holder(LockId(lock)))).collect(),
            Kind::Membership => {
                each.map(|member| Call::Membership(MembershipCall::IsMember(Member(member)))).collect()
            }
            Kind::Queue => vec![Call::Queue(QueueCall::Contents)],
        }
    }

    /// How many keys, accounts, seats, locks or members there are to draw from; at least 1.
    fn parts(&self) -> u16 {
        let parts = match self.kind {
            Kind::Bank { accounts, .. } => accounts,
            Kind::Seats { seats } => seats,
            Kind::Kv | Kind::Lock | Kind::Membership => self.keys,
            Kind::Register | Kind::Queue => 1,
        };
        parts.max(1)
    }
}

impl Draw<'_> {
    /// Half of the writes compare. A comparison guesses one of the last few numbers of the run: most of these wrote,
    /// and the last one that did is often the value that is there.
    fn register(&mut self, reads: bool) -> RegisterCall<Value> {
        let to = self.value();
        match (reads, self.below(2)) {
            (true, _) => RegisterCall::Read,
            (false, 0) => RegisterCall::Write(to),
            (false, _) => {
                let back = 1 + self.below(4) as u32;
                RegisterCall::Cas { from: self.number.checked_sub(back).map(|from| Value(from.into())), to }
            }
        }
    }

    /// Three of four writes append, so that a read shows the order of many.
    fn kv(&mut self, reads: bool) -> KvCall<Value> {
        let (key, text) = (Key(self.part()), self.value());
        match (reads, self.below(4)) {
            (true, _) => KvCall::Get { key },
            (false, 0) => KvCall::Put { key, text },
            (false, _) => KvCall::Append { key, text },
        }
    }

    /// Transfers of up to what an account opened with, to another account if there is one; every fourth read audits.
    fn bank(&mut self, reads: bool, opening: u32) -> BankCall {
        let account = self.part();
        if reads {
            return if self.below(4) == 0 { BankCall::Audit } else { BankCall::Balance(Account(account)) };
        }
        let accounts = u32::from(self.workload.parts());
        let onwards = 1 + self.below(u64::from(accounts - 1).max(1)) as u32;
        let to = ((u32::from(account) + onwards) % accounts) as u16;
        let amount = 1 + self.below(u64::from(opening).max(1)) as u32;
        BankCall::Transfer { from: Account(account), to: Account(to), amount }
    }

    /// As many give a seat back as reserve one: of the former most fail, because the seat is someone else's. Nobody
    /// asks for all seats: that would tie the histories of all seats together, which are checked apart.
    fn seats(&mut self, reads: bool) -> SeatsCall {
        let (seat, who) = (Seat(self.part()), self.who);
        match (reads, self.below(8)) {
            (true, _) => SeatsCall::Holder(seat),
            (false, 0..=3) => SeatsCall::Release { seat, who },
            (false, _) => SeatsCall::Reserve { seat, who },
        }
    }

    /// All clients turn to one lock for a round of the run, where most first acquire, then write, then release; one
    /// call in four is about some other lock or out of turn.
    fn lock(&mut self, reads: bool) -> LockCall {
        let (round, turn) = (self.number / ROUND, self.number % ROUND * 3 / ROUND);
        let (lock, turn) = match self.below(4) {
            0 => (self.part(), self.below(3) as u32),
            _ => ((round % u32::from(self.workload.parts())) as u16, turn),
        };
        let (lock, who) = (LockId(lock), self.who);
        match (reads, turn) {
            (true, _) => LockCall::Holder(lock),
            (false, 0) => LockCall::Acquire { lock, who },
            (false, 1) => LockCall::Guarded { lock, who },
            (false, _) => LockCall::Release { lock, who },
        }
    }

    /// As many join as leave. Nobody asks for all members: that would tie their histories together, which are checked
    /// apart.
    fn membership(&mut self, reads: bool) -> MembershipCall {
        let member = Member(self.part());
        match (reads, self.below(4)) {
            (true, _) => MembershipCall::IsMember(member),
            (false, 0 | 1) => MembershipCall::Join(member),
            (false, _) => MembershipCall::Leave(member),
        }
    }

    /// Four enqueue for five that dequeue, so the queue stays short and is often empty; two of nine reads ask for its
    /// length, one for all of it.
    fn queue(&mut self, reads: bool) -> QueueCall<Value> {
        match (reads, self.below(9)) {
            (true, 0) => QueueCall::Contents,
            (true, 1 | 2) => QueueCall::Length,
            (true, _) => QueueCall::Peek,
            (false, 0..=3) => QueueCall::Enqueue(self.value()),
            (false, _) => QueueCall::Dequeue,
        }
    }

    /// What this operation writes, if it writes.
    fn value(&self) -> Value {
        Value(u64::from(self.number))
    }

    /// A key, account, seat, lock or member.
    fn part(&mut self) -> u16 {
        let parts = u64::from(self.workload.parts());
        if !self.happens(self.workload.skew_ppm) {
            return self.below(parts) as u16;
        }
        let bits = self.below(u64::from(bit_length(parts - 1)) + 1) as u32;
        if bits == 0 {
            return 0;
        }
        let least = 1 << (bits - 1);
        (least + self.below(least.min(parts - least))) as u16
    }

    /// True with this probability, in parts per million.
    fn happens(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    fn below(&mut self, bound: u64) -> u64 {
        let drawn = self.chance.below(bound);
        assert!(drawn < bound, "chance keeps its bound");
        drawn
    }
}

/// How many bits it takes to write the number; 0 for 0.
const fn bit_length(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_there_is_named() {
        let told = |words: &str| stranger(words, 2, 5);
        for fine in
            ["reserve s4 for c2", "withdraw 30 from a0, deposit 30 to a4", "append v99 to x70", "sold", "c"]
        {
            assert_eq!(told(fine), None, "{fine}");
        }
        let told = |words: &str| told(words).unwrap_or_default();
        assert_eq!(told("take s0 for c3"), "there is no client `c3`: `clients` of [workload] says c1 to c2");
        assert!(told("take s0 for c0").contains("`c0`"));
        assert_eq!(told("take s5 for c1"), "there is no seat `s5`: `keys` of [workload] says s0 to s4");
        assert!(told("deposit 1 to a9").contains("account `a9`"));
        assert!(stranger("lock for c7", 1, 0).is_some_and(|why| why.ends_with("only c1")));
    }
}
