//! How the answers of a lane are overridden, by occurrence or from a time on, and anchored while they are recorded.

use crate::decision::Which;

/// What a lane needs while its answers are overridden or recorded. Campaigns do neither.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    /// The next overridden occurrence; `u32::MAX` if none is left.
    pub(crate) next: u32,
    /// From when on the next override that is anchored to a time answers; `u64::MAX` if none is left.
    pub(crate) since: u64,
    /// Where `next`'s answer stands in the overrides, and where this lane's end.
    pub(crate) by_number: (u32, u32),
    /// The same for `since`.
    pub(crate) by_time: (u32, u32),
    /// How many questions the next of them passes over.
    skip: u32,
    /// While recording: when this lane was last asked, how many questions it had been asked at that instant, and
    /// where an anchor to that instant stands.
    asked_ns: u64,
    pub(crate) at_instant: u32,
    pub(crate) anchor_ns: u64,
}

impl Watch {
    pub(crate) const EMPTY: Self = Self {
        next: u32::MAX,
        since: u64::MAX,
        by_number: (0, 0),
        by_time: (0, 0),
        skip: 0,
        asked_ns: 0,
        at_instant: 0,
        anchor_ns: 0,
    };
}

impl Watch {
    /// The overriding answer to the occurrence that was just asked for.
    pub(crate) fn overridden(&mut self, occurrence: u32, overrides: &[(Which, u64)]) -> Option<u64> {
        let by_number = occurrence == self.next;
        if !by_number && self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        let cursor = if by_number { &mut self.by_number } else { &mut self.by_time };
        let (_, value) = overrides[cursor.0 as usize];
        cursor.0 += 1;
        self.look_ahead(overrides);
        Some(value)
    }

    /// An anchor stands most firmly half way between the instant before and this one.
    pub(crate) fn note_question(&mut self, occurrence: u32, now: u64) {
        if self.asked_ns == now && occurrence > 1 {
            self.at_instant += 1;
        } else {
            self.anchor_ns = self.asked_ns.midpoint(now);
            (self.asked_ns, self.at_instant) = (now, 0);
        }
    }

    /// Finds what the next overrides answer.
    pub(crate) fn look_ahead(&mut self, overrides: &[(Which, u64)]) {
        let next = |(position, end): (u32, u32)| (position < end).then(|| overrides[position as usize].0);
        self.next = match next(self.by_number) {
            Some(Which::Nth(nth)) => nth,
            _ => u32::MAX,
        };
        let by_time = next(self.by_time);
        if let Some(Which::Since { ns, skip }) = by_time {
            // Of several anchors in one instant, the earlier ones were passed over already.
            let passed = match self.by_time.0.checked_sub(1).map(|before| overrides[before as usize].0) {
                Some(Which::Since { ns: before, skip: passed }) if before == ns && self.since == ns => {
                    passed + 1
                }
                _ => 0,
            };
            (self.since, self.skip) = (ns, skip.saturating_sub(passed));
        } else {
            self.since = u64::MAX;
        }
    }
}
