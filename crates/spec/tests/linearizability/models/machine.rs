//! The seven machines, with calls as workloads draw them and some that those do not.

use proptest::prelude::*;
use quarrel_protocol::ClientId;
use quarrel_spec::Value;
use quarrel_spec::linearizability::{Deed, Model, Shown};
use quarrel_spec::machine::{
    BankOutcome, Call, Kind, KvOutcome, LockOutcome, Machine, MembershipCall, MembershipOutcome, Outcome,
    QueueOutcome, RegisterOutcome, SeatsCall, SeatsOutcome, Token, Who,
};
use quarrel_spec::workload::{Chance, Workload};

use super::{Hints, Subject};

/// The machine with this number among [`KINDS`].
pub(crate) struct Numbered<const NUMBER: usize>(Hints);

const KINDS: [Kind; 7] = [
    Kind::Register,
    Kind::Kv,
    Kind::Bank { accounts: 3, opening: 10 },
    Kind::Seats { seats: 2 },
    Kind::Lock,
    Kind::Membership,
    Kind::Queue,
];

impl<const NUMBER: usize> Numbered<NUMBER> {
    const KIND: Kind = KINDS[NUMBER];
}

/// Without hints, only what every model says.
impl<const NUMBER: usize> Model for Numbered<NUMBER> {
    type State = Machine;
    type Call = Call;
    type Answer = Outcome;

    fn initial(&self) -> Machine {
        Self::KIND.initial()
    }

    fn initial_part(&self) -> Machine {
        if self.0 == Hints::All { Self::KIND.initial_part() } else { Self::KIND.initial() }
    }

    fn apply(&self, state: &mut Machine, call: &Call) -> Outcome {
        Self::KIND.apply(state, call)
    }

    fn agrees(&self, given: &Outcome, seen: &Outcome) -> bool {
        Self::KIND.agrees(given, seen)
    }

    fn is_read(&self, call: &Call) -> bool {
        Self::KIND.is_read(call)
    }

    fn is_inert(&self, call: &Call, seen: &Outcome) -> bool {
        if self.0 == Hints::All { Self::KIND.is_inert(call, seen) } else { self.is_read(call) }
    }

    fn needs(&self, call: &Call, seen: &Outcome) -> Option<Machine> {
        Self::KIND.needs(call, seen).filter(|_| self.0 == Hints::All)
    }

    fn leads_to(&self, call: &Call) -> Option<Machine> {
        Self::KIND.leads_to(call).filter(|_| self.0 == Hints::All)
    }

    fn is_blind(&self, call: &Call) -> bool {
        self.0 == Hints::All && Self::KIND.is_blind(call)
    }

    fn overwrites(&self, call: &Call) -> bool {
        self.0 == Hints::All && Self::KIND.overwrites(call)
    }

    fn may_become(&self, from: &Machine, to: &Machine) -> bool {
        self.0 == Hints::None || Self::KIND.may_become(from, to)
    }

    fn shadows(&self) -> u64 {
        if self.0 == Hints::All { Self::KIND.shadows() } else { 0 }
    }

    fn shadow_of(&self, call: &Call, seen: &Outcome) -> Option<u64> {
        Self::KIND.shadow_of(call, seen).filter(|_| self.0 == Hints::All)
    }

    fn shadow_before(&self, shadow: u64) -> u64 {
        Self::KIND.shadow_before(shadow)
    }

    fn cast(&self, shadow: u64, call: &Call, seen: Option<&Outcome>) -> Option<Deed> {
        Self::KIND.cast(shadow, call, seen)
    }

    fn line(&self, state: &Machine) -> Option<Vec<u64>> {
        Self::KIND.line(state).filter(|_| self.0 == Hints::All)
    }

    fn joins(&self, call: &Call) -> Option<u64> {
        Self::KIND.joins(call)
    }

    fn may_take(&self, call: &Call) -> bool {
        Self::KIND.may_take(call)
    }

    fn shows(&self, call: &Call, seen: &Outcome) -> Option<Shown> {
        Self::KIND.shows(call, seen)
    }

    fn part(&self, call: &Call) -> Option<u64> {
        Self::KIND.part(call)
    }
}

struct Dice(u64);

impl Chance for Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % bound
    }
}

impl<const NUMBER: usize> Subject for Numbered<NUMBER> {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    /// Mostly of few numbers, so that some write the same; the higher ones write what no other does.
    fn any_call(process: u64) -> BoxedStrategy<Call> {
        let workload = Workload { kind: Self::KIND, keys: 2, reads_ppm: 500_000, skew_ppm: 800_000 };
        let number = prop_oneof![1 => 0u32..4, 3 => 0u32..40];
        let drawn = (number, any::<u64>())
            .prop_map(move |(number, seed)| workload.call(number, ClientId(process as u8), &mut Dice(seed)));
        let whole = match Self::KIND {
            Kind::Seats { .. } => Call::Seats(SeatsCall::Sold),
            Kind::Membership => Call::Membership(MembershipCall::Members),
            _ => return drawn.boxed(),
        };
        prop_oneof![15 => drawn, 1 => Just(whole)].boxed()
    }

    fn distort(answer: &Outcome, by: u8) -> Outcome {
        let by = u64::from(by);
        match answer {
            Outcome::Register(RegisterOutcome::Found(_)) => {
                Outcome::Register(RegisterOutcome::Found((by % 8).checked_sub(1).map(Value)))
            }
            Outcome::Register(RegisterOutcome::Compared(holds)) => {
                Outcome::Register(RegisterOutcome::Compared(!holds))
            }
            Outcome::Kv(KvOutcome::Found(text)) => {
                let mut values: Vec<&str> = text.split_inclusive(|sign| sign != 'v').collect();
                match by % 3 {
                    0 => values.truncate(values.len() / 2),
                    1 => values.reverse(),
                    _ => values.push("v1"),
                }
                Outcome::Kv(KvOutcome::Found(values.concat()))
            }
            Outcome::Bank(seen) => Outcome::Bank(distort_bank(seen, by)),
            Outcome::Seats(seen) => Outcome::Seats(distort_seats(seen, by)),
            Outcome::Lock(seen) => Outcome::Lock(distort_lock(*seen, by)),
            Outcome::Membership(seen) => Outcome::Membership(distort_membership(seen, by)),
            Outcome::Queue(seen) => Outcome::Queue(distort_queue(seen, by)),
            Outcome::Register(_) | Outcome::Kv(_) | Outcome::NotUnderstood => answer.clone(),
        }
    }

    fn read_call(_process: u64, words: &[&str]) -> Call {
        panic!("no hand-made history is about machines: {words:?}")
    }

    fn read_answer(_call: &Call, words: &[&str]) -> Outcome {
        panic!("no hand-made history is about machines: {words:?}")
    }
}

fn distort_bank(seen: &BankOutcome, by: u64) -> BankOutcome {
    match seen {
        BankOutcome::Transferred => BankOutcome::NoFunds,
        BankOutcome::Balance(balance) => BankOutcome::Balance((balance + by % 7).saturating_sub(3)),
        BankOutcome::Balances(balances) => {
            let mut balances = balances.clone();
            balances.rotate_left(1);
            BankOutcome::Balances(balances)
        }
        _ => BankOutcome::Transferred,
    }
}

fn distort_seats(seen: &SeatsOutcome, by: u64) -> SeatsOutcome {
    let someone = Who(by as u32 % 4);
    match (seen, by % 2) {
        (SeatsOutcome::Reserved, 0) => SeatsOutcome::AlreadyYours,
        (SeatsOutcome::Reserved, _) => SeatsOutcome::Taken(someone),
        (SeatsOutcome::AlreadyYours | SeatsOutcome::Taken(_), 0) => SeatsOutcome::Reserved,
        (SeatsOutcome::AlreadyYours | SeatsOutcome::Taken(_), _) => SeatsOutcome::Taken(someone),
        (SeatsOutcome::Released, _) => SeatsOutcome::NotYours,
        (SeatsOutcome::NotYours, _) => SeatsOutcome::Released,
        (SeatsOutcome::Holder(_), 0) => SeatsOutcome::Holder(None),
        (SeatsOutcome::Holder(_), _) => SeatsOutcome::Holder(Some(someone)),
        (SeatsOutcome::Sold(sold), _) => {
            SeatsOutcome::Sold(sold.iter().skip(by as usize % 2).copied().take(1).collect())
        }
        (SeatsOutcome::NoSuchSeat, _) => SeatsOutcome::NoSuchSeat,
    }
}

fn distort_lock(seen: LockOutcome, by: u64) -> LockOutcome {
    let (someone, number) = (Who(by as u32 % 4), by as u32 % 4);
    match (seen, by % 3) {
        (LockOutcome::Granted(_), 0) => LockOutcome::Granted(None),
        (LockOutcome::Granted(_), 1) => LockOutcome::Held(None),
        (LockOutcome::Granted(_), _) => LockOutcome::Granted(Some(Token(number))),
        (LockOutcome::Held(_), 0) => LockOutcome::Held(None),
        (LockOutcome::Held(_), 1) => LockOutcome::Granted(None),
        (LockOutcome::Held(_), _) => LockOutcome::Held(Some(someone)),
        (LockOutcome::Released, _) => LockOutcome::NotYours,
        (LockOutcome::NotYours, _) => LockOutcome::Released,
        (LockOutcome::Accepted { token, write }, 0) => LockOutcome::Accepted { token, write: write + 1 },
        (LockOutcome::Accepted { .. }, _) => LockOutcome::Refused,
        (LockOutcome::Refused, _) => LockOutcome::Accepted { token: Token(1), write: by as u32 % 3 },
        (LockOutcome::Holder(_), 0) => LockOutcome::Holder(None),
        (LockOutcome::Holder(_), _) => LockOutcome::Holder(Some((someone, Token(number)))),
    }
}

fn distort_membership(seen: &MembershipOutcome, by: u64) -> MembershipOutcome {
    match seen {
        MembershipOutcome::Joined => MembershipOutcome::AlreadyIn,
        MembershipOutcome::AlreadyIn => MembershipOutcome::Joined,
        MembershipOutcome::Left => MembershipOutcome::NotIn,
        MembershipOutcome::NotIn => MembershipOutcome::Left,
        MembershipOutcome::IsMember(is_member) => MembershipOutcome::IsMember(!is_member),
        MembershipOutcome::Members { members, version } => MembershipOutcome::Members {
            version: (version + by % 3).saturating_sub(1),
            members: members.iter().copied().skip(by as usize % 2).collect(),
        },
    }
}

fn distort_queue(seen: &QueueOutcome<Value>, by: u64) -> QueueOutcome<Value> {
    let some = (by % 6).checked_sub(1).map(Value);
    match seen {
        QueueOutcome::Enqueued => QueueOutcome::Enqueued,
        QueueOutcome::Dequeued(_) => QueueOutcome::Dequeued(some),
        QueueOutcome::Front(_) => QueueOutcome::Front(some),
        QueueOutcome::Length(length) => QueueOutcome::Length((length + by % 3).saturating_sub(1)),
        QueueOutcome::Contents(values) => {
            let mut values = values.clone();
            match by % 3 {
                0 => values.reverse(),
                1 => values.truncate(1),
                _ => values.extend(some),
            }
            QueueOutcome::Contents(values)
        }
    }
}
