//! The liveness contract: what a protocol must live with for ever.

/// A fault that stays on a minority after all else has healed. The others, the *core*, are a majority that is up and
/// whose members reach each other both ways.
///
/// A protocol lists those under which the core must go on: each request to a member of it is answered in the end, and
/// all its members come to agree. A fault that is not listed is not a defect found, but a promise never made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lasting {
    /// It is down.
    Crashed,
    /// It neither reaches another node nor is reached.
    Isolated,
    /// It hears, and is not heard.
    Mute,
    /// It is heard, and does not hear.
    Deaf,
    /// It reaches some of the core and is reached by the same; nothing passes between it and the rest.
    Partial,
    /// It stands still with its memory kept, and is not woken. (One that only limps, or stops and goes, is none of
    /// these: it hears too late what it needs to hear in time.)
    Paused,
    /// It reaches some of the others and is reached by the same, too few to be a majority with it; nothing passes
    /// between it and the rest.
    Fringe,
    /// It is a traitor: it goes on doing what no honest node does.
    Traitor,
}

impl Lasting {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Crashed,
        Self::Isolated,
        Self::Mute,
        Self::Deaf,
        Self::Partial,
        Self::Paused,
        Self::Fringe,
        Self::Traitor,
    ];

    /// The name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashed => "crashed",
            Self::Isolated => "isolated",
            Self::Mute => "mute",
            Self::Deaf => "deaf",
            Self::Partial => "partial",
            Self::Paused => "paused",
            Self::Fringe => "fringe",
            Self::Traitor => "traitor",
        }
    }
}

impl std::fmt::Display for Lasting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
