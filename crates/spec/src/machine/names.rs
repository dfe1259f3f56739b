//! What calls are about: one newtype for each kind of thing, numbered from 0.

use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($number:ty) = $letter:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
        pub struct $name(pub $number);

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl Fingerprint for $name {
            #[inline]
            fn fingerprint(&self, into: &mut Fingerprinter) {
                into.word(u64::from(self.0));
            }
        }
    )*};
}

names! {
    /// A key of a store.
    Key(u16) = "k";
    /// An account of a bank.
    Account(u16) = "a";
    /// A seat of a concert hall.
    Seat(u16) = "s";
    /// One of several locks.
    LockId(u16) = "l";
    /// A fencing token: of two holders of one lock, the later one has the higher token.
    Token(u32) = "t";
    /// A list that grows at its end.
    ListId(u16) = "x";
    /// Who may be in a registry.
    Member(u16) = "m";
}

/// Who holds something: a client, by its number. Wider than [`ClientId`], because histories from elsewhere may have
/// more clients than a simulated world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Who(pub u32);

impl From<ClientId> for Who {
    fn from(client: ClientId) -> Self {
        Who(u32::from(client.0))
    }
}

impl Display for Who {
    /// As a [`ClientId`] is shown: from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", u64::from(self.0) + 1)
    }
}

impl Fingerprint for Who {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(u64::from(self.0));
    }
}
