//! Flaws: deliberate, documented defects that can be switched on at run time.

/// One entry of a protocol's catalogue of deliberate defects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// The name without the protocol: `commit-old-term`.
    pub name: &'static str,
    /// What the code does wrong, in one sentence.
    pub mistake: &'static str,
    /// The property of the paper that it breaks.
    pub breaks: &'static str,
    /// The fault that must happen for it to show.
    pub needs: &'static str,
    /// The smallest cluster that can show it.
    pub nodes_min: u8,
    /// Where it was described or really happened.
    pub source: &'static str,
}
