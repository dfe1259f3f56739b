//! What clients ask: transfers between accounts, bookings of several seats, reads and appends of lists.

use quarrel_protocol::{ClientId, NodeId, NodeSet};

use super::{Step, Transaction};
use crate::Value;
use crate::machine::{Account, Kind, ListId, Seat, Who};
use crate::workload::{Chance, Workload};

/// As many items of each kind as a transaction of the scan reads at once.
const SCANNED_AT_ONCE: u16 = 32;
/// An audit reads all accounts, if there are no more than this.
const AUDITED_MAX: u16 = 16;

/// What a client asks in operation number `number`. Of ten transactions that change something, four transfer money
/// from one account to another, two book two seats, and four read and append to up to four lists; of those that only
/// read, one in four audits all accounts.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Transaction {
    let parts = u64::from(workload.keys.max(2));
    let reads = chance.below(1_000_000) < u64::from(workload.reads_ppm);
    let part = |chance: &mut dyn Chance| draw_part(workload, parts, chance);
    Transaction(match (reads, chance.below(10)) {
        (true, 0..=2) if parts <= u64::from(AUDITED_MAX) => {
            (0..parts as u16).map(|account| Step::Balance(Account(account))).collect()
        }
        (true, _) => {
            let count = 1 + chance.below(3);
            (0..count).map(|_| Step::Read(ListId(part(chance)))).collect()
        }
        (false, 0..=3) => {
            let from = part(chance);
            let to = ((u64::from(from) + 1 + chance.below(parts - 1)) % parts) as u16;
            let amount = 1 + chance.below(60) as u32;
            let (from, to) = (Account(from), Account(to));
            vec![Step::Withdraw { account: from, amount }, Step::Deposit { account: to, amount }]
        }
        (false, 4 | 5) => {
            let seat = part(chance);
            let other = ((u64::from(seat) + 1 + chance.below(parts - 1)) % parts) as u16;
            let who = Who::from(client);
            vec![Step::Take { seat: Seat(seat), who }, Step::Take { seat: Seat(other), who }]
        }
        (false, _) => {
            let count = 1 + chance.below(4);
            let value = Value(u64::from(number));
            let mut appended = Vec::new();
            (0..count)
                .map(|_| {
                    let list = ListId(part(chance));
                    // No two appends of a run put the same: a transaction appends to a list once.
                    if chance.below(2) == 0 || appended.contains(&list) {
                        return Step::Read(list);
                    }
                    appended.push(list);
                    Step::Append { list, value }
                })
                .collect()
        }
    })
}

/// The number of an item: evenly drawn, or from the few that are hot.
fn draw_part(workload: &Workload, parts: u64, chance: &mut dyn Chance) -> u16 {
    if chance.below(1_000_000) >= u64::from(workload.skew_ppm) {
        return chance.below(parts) as u16;
    }
    // The least of three is below a fifth of all numbers in half of the cases.
    (0..3).map(|_| chance.below(parts)).min().unwrap_or(0) as u16
}

/// What reads everything back: the accounts, the seats and the lists.
#[must_use]
pub fn scan(workload: &Workload, _: NodeSet, _: u32) -> Vec<(Option<NodeId>, Transaction)> {
    let parts = workload.keys.max(2);
    let chunks = (0..parts).step_by(usize::from(SCANNED_AT_ONCE));
    let chunk = |first: u16| first..parts.min(first.saturating_add(SCANNED_AT_ONCE));
    let steps: [fn(u16) -> Step; 3] =
        [|it| Step::Balance(Account(it)), |it| Step::Holder(Seat(it)), |it| Step::Read(ListId(it))];
    let of = |step: fn(u16) -> Step| {
        chunks.clone().map(move |first| Transaction(chunk(first).map(step).collect()))
    };
    steps.into_iter().flat_map(of).map(|transaction| (Some(NodeId(0)), transaction)).collect()
}

/// Whoever hears nothing does not ask again: the transaction may have been done.
#[must_use]
pub const fn may_repeat(_: &Transaction) -> bool {
    false
}

/// A transaction is asked of no machine.
#[must_use]
pub const fn misfit(_: &Transaction, _: &[Kind]) -> Option<String> {
    None
}

/// Reads a transaction in words, steps separated by commas: `withdraw 5 from a1, deposit 5 to a2`, `balance of a1`,
/// `take s3 for c1`, `holder of s3`, `append v7 to x2`, `read x2`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Transaction, String> {
    let steps: Vec<Step> = words.split(',').map(|step| parse_step(step.trim())).collect::<Result<_, _>>()?;
    if steps.len() > Transaction::STEPS_MAX {
        return Err(format!("a transaction has at most {} steps", Transaction::STEPS_MAX));
    }
    Ok(Transaction(steps))
}

fn parse_step(words: &str) -> Result<Step, String> {
    let complaint = || {
        format!(
            "`{words}` is no step of a transaction: expected something like `withdraw 5 from a1`, `deposit 5 to a2`, `balance of a1`, `take s3 for c1`, `holder of s3`, `append v7 to x2` or `read x2`"
        )
    };
    let step = match words.split_whitespace().collect::<Vec<_>>()[..] {
        ["balance", "of", account] => number("a", account).map(|it| Step::Balance(Account(it))),
        ["withdraw", amount, "from", account] => number("a", account)
            .zip(amount.parse().ok())
            .map(|(it, amount)| Step::Withdraw { account: Account(it), amount }),
        ["deposit", amount, "to", account] => number("a", account)
            .zip(amount.parse().ok())
            .map(|(it, amount)| Step::Deposit { account: Account(it), amount }),
        ["holder", "of", seat] => number("s", seat).map(|it| Step::Holder(Seat(it))),
        ["take", seat, "for", who] => number("s", seat)
            .zip(number("c", who).and_then(|who: u32| who.checked_sub(1)))
            .map(|(it, who)| Step::Take { seat: Seat(it), who: Who(who) }),
        ["read", list] => number("x", list).map(|it| Step::Read(ListId(it))),
        ["append", value, "to", list] => number("x", list)
            .zip(number("v", value))
            .map(|(it, value)| Step::Append { list: ListId(it), value: Value(value) }),
        _ => None,
    };
    step.ok_or_else(complaint)
}

/// The number behind a letter: `a7`.
fn number<N: std::str::FromStr>(letter: &str, name: &str) -> Option<N> {
    name.strip_prefix(letter)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up, whatever the bound.
    struct Counter(u64);

    impl Chance for Counter {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    #[test]
    fn what_is_asked_can_be_written_and_read_again() {
        let workload = Workload { kind: Kind::Register, keys: 6, reads_ppm: 300_000, skew_ppm: 300_000 };
        let mut chance = Counter(7);
        for number in 0..500 {
            let asked = ask(&workload, number, ClientId(2), &mut chance);
            assert!(!asked.0.is_empty() && asked.0.len() <= Transaction::STEPS_MAX);
            assert_eq!(parse(&asked.to_string()), Ok(asked));
        }
        assert!(parse("take s3 for c0").is_err() && parse("").is_err() && parse("read x2,").is_err());
    }

    #[test]
    fn the_scan_reads_everything_once() {
        let workload = Workload { kind: Kind::Register, keys: 70, reads_ppm: 0, skew_ppm: 0 };
        let asked = scan(&workload, NodeSet::EMPTY, 0);
        assert!(asked.iter().all(|(_, transaction)| transaction.is_read()));
        assert!(asked.iter().all(|(_, transaction)| transaction.0.len() <= Transaction::STEPS_MAX));
        let mut items: Vec<_> = asked.iter().flat_map(|(_, it)| it.0.iter().map(Step::item)).collect();
        let all = items.len();
        items.sort();
        items.dedup();
        assert_eq!((items.len(), all), (210, 210));
    }
}
