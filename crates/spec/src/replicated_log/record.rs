//! What was applied, and where: all of it lately, and hashes of what is long past.

use std::collections::VecDeque;

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};

use super::Applied;
use crate::machine::Kind;
use crate::session::{Command, Memory, Replica};

/// How many positions are known one by one.
const KEPT: usize = 4096;
/// So many positions that are long past have one hash.
pub(super) const BLOCK: u64 = 64;

/// The log, by what was applied first at each position.
pub(super) struct Record {
    /// How many positions are past.
    past: u64,
    /// The hash of each block of them.
    blocks: Vec<u64>,
    /// What was applied first at each later position, and by whom.
    recent: VecDeque<(Option<Command>, NodeId)>,
    /// What the positions that are past lead to.
    base: Replica,
    /// A replica that is only as far as the last snapshot that it was compared with.
    reference: (Replica, u64),
}

/// A node that applies what is long past, again or at last: what it has applied of the current block.
#[derive(Clone, Default)]
pub(super) struct Reader {
    hash: Fingerprinter,
    /// How many positions of the block are in it; none, when the node has come into the middle of one.
    count: u64,
}

impl Record {
    pub(super) fn new(kind: Kind) -> Self {
        let base = Replica::new(kind, Memory::Kept);
        let reference = (base.clone(), 0);
        Self { past: 0, blocks: Vec::new(), recent: VecDeque::new(), base, reference }
    }

    /// How many positions somebody has applied.
    pub(super) fn len(&self) -> u64 {
        self.past + self.recent.len() as u64
    }

    /// What stands at this position, from 1; nothing if nobody has applied it, or if it is long past.
    #[inline]
    pub(super) fn get(&self, index: u64) -> Option<&(Option<Command>, NodeId)> {
        let position = index.checked_sub(self.past + 1)?;
        self.recent.get(usize::try_from(position).ok()?)
    }

    /// Whether this position is long past.
    #[inline]
    pub(super) const fn is_past(&self, index: u64) -> bool {
        0 < index && index <= self.past
    }

    /// Somebody is the first to apply the position after the last.
    #[inline]
    pub(super) fn push(&mut self, command: Option<Command>, by: NodeId) {
        self.recent.push_back((command, by));
        if self.recent.len() >= KEPT + BLOCK as usize {
            self.forget();
        }
    }

    #[cold]
    fn forget(&mut self) {
        let mut hash = Fingerprinter::default();
        for (command, _) in self.recent.drain(..BLOCK as usize) {
            self.past += 1;
            command.fingerprint(&mut hash);
            if let Some(command) = &command {
                self.base.apply(self.past, command);
            }
        }
        self.blocks.push(hash.finish());
        if self.reference.1 < self.past {
            self.reference = (self.base.clone(), self.past);
        }
    }

    /// A node applies a position that is long past: whether what it has applied of its block is what stands there. That
    /// is known at the end of a block.
    #[cold]
    pub(super) fn reads_past(&self, reader: &mut Reader, applied: &Applied) -> Option<bool> {
        let place = (applied.index - 1) % BLOCK;
        if place == 0 {
            *reader = Reader::default();
        } else if reader.count != place {
            return None;
        }
        applied.command.fingerprint(&mut reader.hash);
        reader.count += 1;
        if reader.count < BLOCK {
            return None;
        }
        let block = self.blocks.get(((applied.index - 1) / BLOCK) as usize)?;
        Some(std::mem::take(&mut reader.hash).finish() == *block)
    }

    /// The fingerprint of the state after the first `index` positions, somebody has applied; nothing if that is long
    /// past. Snapshots mostly move on with the log, so each position is mostly applied once.
    pub(super) fn state_at(&mut self, index: u64) -> Option<u64> {
        if index < self.past {
            return None;
        }
        if index < self.reference.1 {
            self.reference = (self.base.clone(), self.past);
        }
        let (replica, reached) = &mut self.reference;
        let skipped = (*reached - self.past) as usize;
        for (command, _) in self.recent.iter().skip(skipped).take((index - *reached) as usize) {
            *reached += 1;
            if let Some(command) = command {
                replica.apply(*reached, command);
            }
        }
        Some(replica.digest())
    }
}
