//! What an operator may ask: what the crate offers beside appending.

use std::fmt::{self, Display};
use std::str::FromStr;

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// `trim`, up to what all servers have accepted.
    Trim,
    /// `snapshot` of what is decided, on this node only.
    Snapshot,
    /// `snapshot` of what is decided, on all nodes.
    SnapshotAll,
    /// `reconfigure`, to the same nodes.
    Reconfigure,
    /// `set_priority`.
    Prioritise(u32),
    /// `reconnected`, of all peers, although nothing happened.
    Reconnect,
}

impl Kinded for Order {
    const KINDS: &'static [&'static str] =
        &["trim", "snapshot", "snapshot-all", "reconfigure", "prioritise", "reconnect"];

    fn kind(&self) -> usize {
        match self {
            Order::Trim => 0,
            Order::Snapshot => 1,
            Order::SnapshotAll => 2,
            Order::Reconfigure => 3,
            Order::Prioritise(_) => 4,
            Order::Reconnect => 5,
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Prioritise(priority) => write!(f, "prioritise {priority}"),
            _ => f.write_str(self.kind_name()),
        }
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let expected = || {
            let simple =
                [Order::Trim, Order::Snapshot, Order::SnapshotAll, Order::Reconfigure, Order::Reconnect];
            let names: Vec<&str> = simple.iter().map(Kinded::kind_name).collect();
            format!("`{words}` is no order; expected {} or `prioritise 7`", names.join(", "))
        };
        Ok(match words.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["trim"] => Order::Trim,
            ["snapshot"] => Order::Snapshot,
            ["snapshot-all"] => Order::SnapshotAll,
            ["reconfigure"] => Order::Reconfigure,
            ["reconnect"] => Order::Reconnect,
            ["prioritise", priority] => Order::Prioritise(priority.parse().map_err(|_| expected())?),
            _ => return Err(expected()),
        })
    }
}

impl Fingerprint for Order {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let priority = if let Order::Prioritise(priority) = self { *priority } else { 0 };
        into.pair(self.kind() as u64, u64::from(priority));
    }
}
