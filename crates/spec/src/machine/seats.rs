//! Concert tickets: each seat is sold to at most one client at a time.
//!
//! The smallest problem where a doubled or lost command harms someone: two people at one seat. It is the "allocate a
//! scarce thing" object of Helland, *Building on Quicksand* (2009).

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

use super::{Seat, Who};

/// What the box office is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeatsCall {
    /// Sell this seat to that client, if it is free.
    Reserve {
        /// Which seat.
        seat: Seat,
        /// Who asks.
        who: Who,
    },
    /// Take the seat back from that client, if it is theirs.
    Release {
        /// Which seat.
        seat: Seat,
        /// Who asks.
        who: Who,
    },
    /// Whose is this seat?
    Holder(Seat),
    /// Which seats are sold, and to whom?
    Sold,
}

/// What the box office answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeatsOutcome {
    /// The seat was free, and is theirs now.
    Reserved,
    /// The seat was theirs before, and still is.
    AlreadyYours,
    /// The seat is someone else's.
    Taken(Who),
    /// The seat was theirs, and is free now.
    Released,
    /// The seat was not theirs, and nothing changed.
    NotYours,
    /// There is no such seat.
    NoSuchSeat,
    /// Whose it is; `None` when it is free.
    Holder(Option<Who>),
    /// The seats that are sold, in their order, and to whom.
    Sold(Vec<(Seat, Who)>),
}

/// The box office.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seats {
    /// Seats from here on do not exist.
    seats: u16,
    /// Whose a seat is, if it is sold.
    sold: BTreeMap<Seat, Who>,
}

impl Seats {
    /// A hall with that many seats, all free.
    #[must_use]
    pub const fn new(seats: u16) -> Self {
        Self { seats, sold: BTreeMap::new() }
    }

    /// A hall with that many seats, of which only this one may be sold.
    #[must_use]
    pub fn with_holder(seats: u16, seat: Seat, holder: Option<Who>) -> Self {
        Self { seats, sold: holder.map(|who| (seat, who)).into_iter().collect() }
    }

    /// A hall with that many seats, of which these are sold.
    #[must_use]
    pub fn with_sold(seats: u16, sold: &[(Seat, Who)]) -> Self {
        Self { seats, sold: sold.iter().copied().collect() }
    }

    /// Applies a call.
    pub fn apply(&mut self, call: &SeatsCall) -> SeatsOutcome {
        match *call {
            SeatsCall::Reserve { seat, .. } | SeatsCall::Release { seat, .. } if seat.0 >= self.seats => {
                SeatsOutcome::NoSuchSeat
            }
            SeatsCall::Reserve { seat, who } => match self.sold.get(&seat) {
                None => {
                    self.sold.insert(seat, who);
                    SeatsOutcome::Reserved
                }
                Some(&holder) if holder == who => SeatsOutcome::AlreadyYours,
                Some(&holder) => SeatsOutcome::Taken(holder),
            },
            SeatsCall::Release { seat, who } => {
                if self.sold.get(&seat) != Some(&who) {
                    return SeatsOutcome::NotYours;
                }
                self.sold.remove(&seat);
                SeatsOutcome::Released
            }
            SeatsCall::Holder(seat) => self.holder(seat),
            SeatsCall::Sold => self.sold(),
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &SeatsCall) -> Option<SeatsOutcome> {
        match *call {
            SeatsCall::Reserve { .. } | SeatsCall::Release { .. } => None,
            SeatsCall::Holder(seat) => Some(self.holder(seat)),
            SeatsCall::Sold => Some(self.sold()),
        }
    }

    fn holder(&self, seat: Seat) -> SeatsOutcome {
        if seat.0 >= self.seats {
            return SeatsOutcome::NoSuchSeat;
        }
        SeatsOutcome::Holder(self.sold.get(&seat).copied())
    }

    fn sold(&self) -> SeatsOutcome {
        SeatsOutcome::Sold(self.sold.iter().map(|(&seat, &who)| (seat, who)).collect())
    }
}

impl SeatsCall {
    /// Whether it never changes who sits where.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, SeatsCall::Holder(_) | SeatsCall::Sold)
    }

    /// The seat that it is about, if it is about only one.
    #[must_use]
    pub const fn seat(&self) -> Option<Seat> {
        match *self {
            SeatsCall::Reserve { seat, .. } | SeatsCall::Release { seat, .. } | SeatsCall::Holder(seat) => {
                Some(seat)
            }
            SeatsCall::Sold => None,
        }
    }
}

impl Display for SeatsCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeatsCall::Reserve { seat, who } => write!(f, "reserve {seat} for {who}"),
            SeatsCall::Release { seat, who } => write!(f, "release {seat} of {who}"),
            SeatsCall::Holder(seat) => write!(f, "holder of {seat}"),
            SeatsCall::Sold => f.write_str("seats sold"),
        }
    }
}

impl Display for SeatsOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeatsOutcome::Reserved => f.write_str("reserved"),
            SeatsOutcome::AlreadyYours => f.write_str("already yours"),
            SeatsOutcome::Taken(who) => write!(f, "taken by {who}"),
            SeatsOutcome::Released => f.write_str("released"),
            SeatsOutcome::NotYours => f.write_str("not yours"),
            SeatsOutcome::NoSuchSeat => f.write_str("no such seat"),
            SeatsOutcome::Holder(Some(who)) => who.fmt(f),
            SeatsOutcome::Holder(None) => f.write_str("nobody"),
            SeatsOutcome::Sold(sold) => {
                super::list(f, sold.iter().map(|(seat, who)| format!("{seat}: {who}")))
            }
        }
    }
}

impl Fingerprint for SeatsCall {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            SeatsCall::Reserve { seat, who } => {
                into.mark(0);
                into.pair(u64::from(seat.0), u64::from(who.0));
            }
            SeatsCall::Release { seat, who } => {
                into.mark(1);
                into.pair(u64::from(seat.0), u64::from(who.0));
            }
            SeatsCall::Holder(seat) => {
                into.mark(2);
                seat.fingerprint(into);
            }
            SeatsCall::Sold => into.mark(3),
        }
    }
}

impl Fingerprint for SeatsOutcome {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            SeatsOutcome::Reserved => into.mark(1),
            SeatsOutcome::AlreadyYours => into.mark(2),
            SeatsOutcome::Taken(who) => {
                into.mark(3);
                who.fingerprint(into);
            }
            SeatsOutcome::Released => into.mark(4),
            SeatsOutcome::NotYours => into.mark(5),
            SeatsOutcome::NoSuchSeat => into.mark(6),
            SeatsOutcome::Holder(who) => {
                into.mark(7);
                who.fingerprint(into);
            }
            SeatsOutcome::Sold(sold) => {
                into.mark(8);
                into.mark(sold.len() as u64);
                sold.iter().for_each(|(seat, who)| into.pair(u64::from(seat.0), u64::from(who.0)));
            }
        }
    }
}

impl Fingerprint for Seats {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.sold.len() as u64);
        into.word(u64::from(self.seats));
        self.sold.iter().for_each(|(seat, who)| into.pair(u64::from(seat.0), u64::from(who.0)));
    }
}
