//! Connections, as a runtime over TCP would have them: what arrives on one is in order and without gaps, or the
//! connection breaks, and both ends learn of it when the next one is made.
//!
//! The crate's documentation, "Handling Disconnections": "If one node loses connection to another and then reconnects
//! (e.g. after a TCP-session drop), make sure to call `reconnected(pid)` before handling any incoming messages from
//! that peer."
//!
//! Messages are numbered in each direction. Who sees a gap breaks the connection: it goes on with a higher one, and the
//! other follows when it hears of that. Connections that a node makes are numbered by its boot, so that they are later
//! than all that it made before a crash; the node's own number in the lowest bits tells two makers apart.

use quarrel_protocol::NodeId;

use super::message::Stamp;

/// One node's end of its connection to another.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    current: u64,
    /// Numbers of the last message sent, and of the last received.
    sent: u64,
    received: u64,
    /// Whether anything was ever heard on it: the first contact after a start is no reconnection.
    is_known: bool,
}

/// What is to be done with a message that arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    /// A connection has been made anew: the crate is to be told first.
    pub(crate) is_new: bool,
    /// The message is next in line.
    pub(crate) is_due: bool,
}

const MAKER_BITS: u32 = 8;
const BOOT_SHIFT: u32 = 32;

impl Connection {
    pub(crate) fn new(boot: u32, own: NodeId) -> Self {
        let current = u64::from(boot) << BOOT_SHIFT | u64::from(own.0);
        Self { current, sent: 0, received: 0, is_known: false }
    }

    /// The stamp of the next message.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.sent += 1;
        Stamp { connection: self.current, number: self.sent }
    }

    pub(crate) fn receive(&mut self, stamp: Stamp, own: NodeId) -> Arrival {
        let Stamp { connection, number } = stamp;
        if connection < self.current || connection == self.current && number <= self.received {
            return Arrival { is_new: false, is_due: false };
        }
        if connection == self.current && number == self.received + 1 {
            self.received = number;
            self.is_known = true;
            return Arrival { is_new: false, is_due: true };
        }
        let is_new = self.is_known || self.sent > 0;
        let is_due = connection > self.current && number == 1;
        if is_due {
            (self.current, self.received) = (connection, 1);
        } else {
            // Something is missing: break it off.
            let made = (connection.max(self.current) >> MAKER_BITS) + 1;
            (self.current, self.received) = (made << MAKER_BITS | u64::from(own.0), 0);
        }
        (self.sent, self.is_known) = (0, true);
        Arrival { is_new, is_due }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    /// Passes a message and says what becomes of it: due, new.
    fn pass(from: &mut Connection, to: &mut Connection, own: NodeId) -> (bool, bool) {
        let stamp = from.stamp();
        let Arrival { is_new, is_due } = to.receive(stamp, own);
        (is_due, is_new)
    }

    /// Two ends that have heard of each other.
    fn connected() -> (Connection, Connection) {
        let (mut a, mut b) = (Connection::new(1, A), Connection::new(1, B));
        assert_eq!(pass(&mut b, &mut a, A), (true, false));
        assert_eq!(pass(&mut a, &mut b, B), (true, false));
        (a, b)
    }

    #[test]
    fn what_comes_in_order_is_due_and_a_copy_is_not() {
        let (mut a, mut b) = connected();
        let stamp = a.stamp();
        assert!(b.receive(stamp, B).is_due);
        assert!(!b.receive(stamp, B).is_due, "a copy");
        assert_eq!(pass(&mut a, &mut b, B), (true, false));
    }

    #[test]
    fn both_ends_learn_of_a_loss_and_what_was_under_way_is_gone() {
        let (mut a, mut b) = connected();
        let _lost = a.stamp();
        assert_eq!(pass(&mut a, &mut b, B), (false, true), "a gap");
        let under_way = a.stamp();
        assert!(!b.receive(under_way, B).is_due);
        assert_eq!(pass(&mut b, &mut a, A), (true, true), "the other end follows");
        assert_eq!(pass(&mut a, &mut b, B), (true, false));
    }

    #[test]
    fn a_restart_is_noticed_by_the_other_end() {
        let (_, mut b) = connected();
        let mut a = Connection::new(2, A);
        assert_eq!(pass(&mut a, &mut b, B), (true, true));
        assert_eq!(pass(&mut b, &mut a, A), (true, false));
    }

    #[test]
    fn a_restart_is_noticed_even_when_the_other_end_has_made_later_connections() {
        let (_, mut b) = connected();
        b.current = 9 << BOOT_SHIFT | 1;
        let mut a = Connection::new(2, A);
        assert_eq!(pass(&mut a, &mut b, B), (false, false), "of an earlier connection");
        let _ = pass(&mut b, &mut a, A);
        assert_eq!(pass(&mut a, &mut b, B), (true, true));
        assert_eq!(pass(&mut b, &mut a, A), (true, false));
    }
}
