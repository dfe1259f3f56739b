//! The two generals: an exchange that can never be certain.
//!
//! Two generals on two hills, the enemy between them. Either alone is beaten; together they win. General n1 sends a
//! messenger: let us attack at dawn. He cannot know that the messenger gets through, so n2 sends one back to confirm.
//! Now n2 cannot know that *his* messenger gets through, so n1 confirms the confirmation, and so on. The exchange must
//! end after some number of messengers, its *length*, and whoever sends the last one must make up his mind without
//! knowing what became of it.
//!
//! Akkoyunlu, Ekanadham and Huber (SOSP 1975), section 4, have two groups of gangsters; Gray (*Notes on data base
//! operating systems*, 1978, section 5.8.3.3.1) made them generals, and proved that no exchange of fixed length will do:
//! take the shortest; its last messenger may be captured, so whatever he carries is of no use, and without him the
//! exchange would be shorter.
//!
//! Here a general attacks once he has received as many messengers as his *rule* says ([`Rule`]). Messenger `k` sets out
//! when messenger `k - 1` has arrived. If exactly messenger `k` is captured, n2 has received half of the others before it,
//! rounded up, and n1 the other half. So n1 attacks if `k` is at least `2 a + 1`, where `a` is how many he waits for,
//! and n2 attacks if `k` is at least `2 b`. One of these is odd and the other even: whatever the length and the rule,
//! there is a messenger whose capture leaves one general alone. How many such messengers there are is
//! `|2 a + 1 - 2 b|`, at least one; with the best rule ([`Rule::best`]) it is the last one alone, however long the
//! exchange. `tests/paper.rs` tries every length up to twelve, every rule and every messenger.
//!
//! What is left out: generals do not crash, and write nothing down. There is nothing to be won by it.
//!
//! Reading order: `config` (length and rule), `message`, `general`.

mod config;
mod general;
mod message;

pub use config::{Config, LENGTH_MAX, Rule};
pub use general::TwoGenerals;
pub use message::{Event, Messenger};
