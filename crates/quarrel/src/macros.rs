//! The boring part of a protocol, written by macros: each takes an enum with a sentence beside each variant, and
//! writes what the contract asks of such a type. What they write is plain Rust; types that need more implement the
//! traits by hand, as the protocols that come with Quarrel do.

use quarrel_protocol::{NodeId, RequestId};
use quarrel_spec::Value;

/// What an announcement may carry: anything that is a number to the trigger `on = "n1 elected term=4"`.
pub trait Number {
    /// The number, as it is printed.
    fn number(&self) -> u64;
}

macro_rules! numbers {
    ($($type:ty: $value:ident => $number:expr),* $(,)?) => {$(
        impl Number for $type {
            fn number(&self) -> u64 {
                let $value = *self;
                $number
            }
        }
    )*};
}

numbers! {
    u8: it => u64::from(it),
    u16: it => u64::from(it),
    u32: it => u64::from(it),
    u64: it => it,
    bool: it => u64::from(it),
    NodeId: it => u64::from(it.0) + 1,
    RequestId: it => u64::from(it.0),
    Value: it => it.0,
}

/// How long the name of a variant is as a kind.
#[doc(hidden)]
#[must_use]
pub const fn kebab_length(name: &str) -> usize {
    let (bytes, mut length, mut at) = (name.as_bytes(), 0, 0);
    while at < bytes.len() {
        length += if at > 0 && bytes[at].is_ascii_uppercase() { 2 } else { 1 };
        at += 1;
    }
    length
}

/// The name of a variant as a kind: `QuorumPromised` is `quorum-promised`.
#[doc(hidden)]
#[must_use]
pub const fn kebab<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let (bytes, mut kebab, mut at, mut to) = (name.as_bytes(), [b'-'; LENGTH], 0, 0);
    while at < bytes.len() {
        if at > 0 && bytes[at].is_ascii_uppercase() {
            to += 1;
        }
        kebab[to] = bytes[at].to_ascii_lowercase();
        to += 1;
        at += 1;
    }
    kebab
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kebab {
    ($name:ident) => {{
        const NAME: &str = stringify!($name);
        const BYTES: [u8; $crate::macros::kebab_length(NAME)] = $crate::macros::kebab(NAME);
        match ::core::str::from_utf8(&BYTES) {
            Ok(kebab) => kebab,
            Err(_) => panic!("the names of variants are ASCII"),
        }
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __sentence {
    ($f:expr, ($($text:tt)+)) => { ::core::write!($f, $($text)+) };
    ($f:expr, $text:literal) => { ::core::write!($f, $text) };
}

/// A type that crosses the contract: a record on disk, a part of a message.
///
/// Writes `Clone`, `PartialEq`, `Eq`, `Debug`, serde's traits, [`Display`](std::fmt::Display) from the sentences, and
/// [`Fingerprint`](crate::Fingerprint). Further derives are yours to add. A sentence is a format string that sees the
/// fields, or one in parentheses with arguments.
///
/// ```
/// use quarrel::{NodeId, Value};
///
/// quarrel::data! {
///     #[derive(Copy, PartialOrd, Ord)]
///     pub struct Ballot { round: u64, node: NodeId } => "{round}.{node}"
/// }
///
/// quarrel::data! {
///     pub enum Record {
///         Promised { ballot: Ballot } => "promised {ballot}",
///         Snapshot { log: Vec<Value> } => ("a snapshot of {} entries", log.len()),
///     }
/// }
///
/// let ballot = Ballot { round: 3, node: NodeId(1) };
/// assert_eq!(Record::Promised { ballot }.to_string(), "promised 3.n2");
/// assert_eq!(Record::Snapshot { log: vec![] }.to_string(), "a snapshot of 0 entries");
/// ```
#[macro_export]
macro_rules! data {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty ),* $(,)?
        } => $text:tt $(,)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "::quarrel::serde", rename_all = "kebab-case")]
        $vis struct $name {
            $( $(#[$field_meta])* $field_vis $field: $type ),*
        }

        impl ::core::fmt::Display for $name {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let Self { $($field),* } = self;
                $crate::__sentence!(f, $text)
            }
        }

        impl $crate::Fingerprint for $name {
            fn fingerprint(&self, into: &mut $crate::Fingerprinter) {
                let Self { $($field),* } = self;
                $( $crate::Fingerprint::fingerprint($field, into); )*
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident $({ $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)? })? => $text:tt
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "::quarrel::serde", rename_all = "kebab-case")]
        $vis enum $name {
            $( $(#[$variant_meta])* $variant $({ $( $(#[$field_meta])* $field: $type ),* })? ),*
        }

        impl $name {
            /// The position of the variant.
            #[allow(dead_code, unreachable_patterns, clippy::items_after_statements)]
            fn position(&self) -> usize {
                enum Position { $($variant),* }
                match self {
                    $( Self::$variant { .. } => Position::$variant as usize, )*
                    _ => ::core::unreachable!("every variant is listed"),
                }
            }
        }

        impl ::core::fmt::Display for $name {
            #[allow(unused_variables, unreachable_patterns)]
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    $( Self::$variant $({ $($field),* })? => $crate::__sentence!(f, $text), )*
                    _ => ::core::unreachable!("every variant is listed"),
                }
            }
        }

        impl $crate::Fingerprint for $name {
            #[allow(unreachable_patterns)]
            fn fingerprint(&self, into: &mut $crate::Fingerprinter) {
                into.word(self.position() as u64);
                match self {
                    $( Self::$variant $({ $($field),* })? => {
                        $($( $crate::Fingerprint::fingerprint($field, into); )*)?
                    } )*
                    _ => ::core::unreachable!("every variant is listed"),
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kinded {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $( $(#[$variant_meta:meta])* $variant:ident $({ $($fields:tt)* })? => $text:tt ),* $(,)?
    }) => {
        $crate::data! {
            $(#[$meta])* $vis enum $name {
                $( $(#[$variant_meta])* $variant $({ $($fields)* })? => $text ),*
            }
        }

        impl $crate::Kinded for $name {
            const KINDS: &'static [&'static str] = &[ $( $crate::__kebab!($variant) ),* ];

            fn kind(&self) -> usize {
                self.position()
            }
        }
    };
}

/// What nodes send each other: [`data!`], and a kind for each variant.
///
/// ```
/// use quarrel::{Kinded, Value};
///
/// quarrel::message! {
///     pub enum Message {
///         Accept { number: u64, value: Value } => "Accept {number} {value}",
///         HeartBeat => "HeartBeat",
///     }
/// }
///
/// assert_eq!(Message::KINDS, ["accept", "heart-beat"]);
/// assert_eq!(Message::Accept { number: 1, value: Value(7) }.to_string(), "Accept 1 v7");
/// ```
#[macro_export]
macro_rules! message {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }) => {
        $crate::__kinded! { $(#[$meta])* $vis enum $name { $($variants)* } }

        impl $crate::Message for $name {}
    };
}

/// A node's timers: [`data!`], and a kind for each variant. A protocol without timers has `enum Timer {}`.
///
/// ```
/// quarrel::timer! { pub enum Timer { Election => "election", Heartbeat => "heartbeat" } }
/// quarrel::timer! { pub enum NoTimer {} }
/// ```
#[macro_export]
macro_rules! timer {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }) => {
        $crate::__kinded! { $(#[$meta])* $vis enum $name { $($variants)* } }
    };
}

/// What an operator can ask of a node: [`data!`], and a kind for each variant, for `asks` of a scenario's `[operator]`.
/// A sentence reads on from "the operator asks n1 to". Say what is asked by [`Subject::order`](crate::Subject::order).
///
/// ```
/// use quarrel::{Kinded, NodeId};
///
/// quarrel::order! { pub enum Order { HandOver { to: NodeId } => "hand leadership to {to}", Compact => "compact" } }
///
/// assert_eq!(Order::KINDS, ["hand-over", "compact"]);
/// ```
#[macro_export]
macro_rules! order {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }) => {
        $crate::__kinded! { $(#[$meta])* $vis enum $name { $($variants)* } }
    };
}

/// What a node announces: [`data!`], a kind for each variant, and its fields as [`Number`](crate::Number)s for
/// triggers. Each is a milestone that a short story tells, as a sentence whose subject is the node: begin with the
/// verb.
///
/// ```
/// use quarrel::Announcement;
///
/// quarrel::event! {
///     pub enum Event { Elected { term: u64 } => "is elected leader of term {term}" }
/// }
///
/// assert_eq!(Event::FIELDS, [["term"]]);
/// assert_eq!(Event::Elected { term: 4 }.field(0), 4);
/// ```
#[macro_export]
macro_rules! event {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $(
            $(#[$variant_meta:meta])*
            $variant:ident $({ $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)? })? => $text:tt
        ),* $(,)?
    }) => {
        $crate::__kinded! {
            $(#[$meta])* $vis enum $name {
                $( $(#[$variant_meta])* $variant $({ $( $(#[$field_meta])* $field : $type ),* })? => $text ),*
            }
        }

        impl $crate::Announcement for $name {
            const FIELDS: &'static [&'static [&'static str]] = &[ $( &[ $($( stringify!($field) ),*)? ] ),* ];

            #[allow(unreachable_patterns, unreachable_code)]
            fn field(&self, position: usize) -> u64 {
                let numbers: &[u64] = match self {
                    $( Self::$variant $({ $($field),* })? => &[ $($( $crate::Number::number($field) ),*)? ], )*
                    _ => ::core::unreachable!("every variant is listed"),
                };
                numbers[position]
            }

            fn is_milestone(&self) -> bool {
                true
            }
        }
    };
}

/// Puts a protocol on trial whose `Config` is [`Cluster`](crate::Cluster): names the problem it solves, and, in this
/// order, what else there is to say. The problems:
///
/// | problem | clients ask | are told | nodes put out |
/// |---|---|---|---|
/// | [`register`](crate::spec::register) | read, write | what is there | nothing |
/// | [`key_value`](crate::spec::key_value) | get, put, by key | what is there | nothing |
/// | [`object`](crate::spec::object) | what a machine of the workload understands | its answer | nothing, or `Done` |
/// | [`replicated_log`](crate::spec::replicated_log) | the same | its answer, and where in the log it stands | the log |
/// | [`consensus`](crate::spec::consensus) | to decide on a value | what was decided | what was decided |
///
/// `Request`, `Reply` and `Output` of the protocol are the types of that module; where nothing is put out, `Output` is
/// [`Nothing`](crate::Nothing) or any type of one's own. What else there is to say:
///
/// * `flaws FLAWS`: the deliberate defects that can be switched on.
/// * `lives_with LASTING`: what may ail a minority for good without keeping a majority from its work. Without it,
///   the protocol promises to come back once *all* nodes are well again; see the crate's page on liveness.
/// * `round_ns NANOSECONDS`: the longest time that one round may take by the protocol's own timers. A second, if it is
///   left out.
///
/// `subject!(MyProtocol solves register)`, or `subject!(MyProtocol solves replicated_log, flaws FLAWS, lives_with
/// &[Lasting::Crashed])`. A protocol with options, invariants or a problem of its own implements
/// [`Subject`](crate::Subject) by hand.
#[macro_export]
macro_rules! subject {
    ($protocol:ident solves consensus $($rest:tt)*) => {
        $crate::subject!(@ $protocol, consensus, Consensus, Propose, of_proposal $($rest)*);
    };
    ($protocol:ident solves replicated_log $($rest:tt)*) => {
        $crate::subject!(@ $protocol, replicated_log, StateMachine, Call, of_call $($rest)*);
    };
    ($protocol:ident solves register $($rest:tt)*) => {
        $crate::subject!(@ $protocol, register, Register, Request, of_call $($rest)*);
    };
    ($protocol:ident solves key_value $($rest:tt)*) => {
        $crate::subject!(@ $protocol, key_value, KeyValue, Request, of_call $($rest)*);
    };
    ($protocol:ident solves object $($rest:tt)*) => {
        $crate::subject!(@ $protocol, object, Object, Call, of_call $($rest)*);
    };
    (
        @ $protocol:ident, $problem:ident, $service:ident, $request:ident, $spell:ident
        $(, flaws $flaws:expr)? $(, lives_with $lasting:expr)? $(, round_ns $round_ns:expr)? $(,)?
    ) => {
        impl $crate::Subject for $protocol {
            type Invariants = $crate::NoInvariants;
            type Properties = $crate::spec::$problem::Properties;
            type Service = $crate::spec::$problem::$service;
            type Options = ();

            $(const FLAWS: &'static [$crate::Flaw] = $flaws;)?

            $(
                fn lasting(_: &$crate::Cluster) -> &'static [$crate::Lasting] {
                    $lasting
                }

                fn core_min(cluster: &$crate::Cluster, _: u8) -> u8 {
                    cluster.majority() as u8
                }
            )?

            $(
                fn round_ns(_: &$crate::Cluster) -> u64 {
                    $round_ns
                }
            )?

            fn options(_: &$crate::RawOptions) -> ::core::result::Result<(), $crate::Complaint> {
                Ok(())
            }

            fn configure(_: &(), setting: $crate::Setting<'_>, _: &mut $crate::Dice) -> $crate::Cluster {
                $crate::Cluster::new(setting)
            }

            fn without_flaws(cluster: $crate::Cluster) -> $crate::Cluster {
                cluster.without_flaws()
            }

            fn fits(cluster: &$crate::Cluster, nodes: u8) -> ::core::result::Result<(), ::std::string::String> {
                cluster.fits(nodes)
            }

            fn request(asker: &mut $crate::Asker<'_>) -> $crate::spec::$problem::$request {
                $crate::spec::$problem::ask(asker.workload, asker.number, asker.client, asker.dice)
            }

            fn scan(
                workload: &$crate::spec::workload::Workload,
                core: $crate::NodeSet,
                number: u32,
            ) -> ::std::vec::Vec<(::core::option::Option<$crate::NodeId>, $crate::spec::$problem::$request)>
            {
                $crate::spec::$problem::scan(workload, core, number)
            }

            fn may_repeat(request: &$crate::spec::$problem::$request) -> bool {
                $crate::spec::$problem::may_repeat(request)
            }

            fn parse_request(
                words: &str,
            ) -> ::core::result::Result<$crate::spec::$problem::$request, ::std::string::String> {
                $crate::spec::$problem::parse(words)
            }

            fn misfit(
                request: &$crate::spec::$problem::$request,
                machines: &[$crate::spec::machine::Kind],
            ) -> ::core::option::Option<::std::string::String> {
                $crate::spec::$problem::misfit(request, machines)
            }

            fn spell(
                call: &$crate::CallOf<Self>,
                answer: ::core::option::Option<&$crate::AnswerOf<Self>>,
            ) -> ::core::option::Option<$crate::Spelled> {
                $crate::Spelled::$spell(call, answer)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variants_become_kinds() {
        const KINDS: [&str; 3] = [__kebab!(Prepare), __kebab!(QuorumPromised), __kebab!(AB2)];
        assert_eq!(KINDS, ["prepare", "quorum-promised", "a-b2"]);
    }

    #[test]
    fn nodes_are_numbered_as_they_are_printed() {
        assert_eq!((NodeId(0).number(), Value(7).number(), true.number()), (1, 7, 1));
    }
}
