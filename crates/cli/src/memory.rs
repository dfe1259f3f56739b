//! Memory that one run leaves to the next.

use std::hint::black_box;

/// A run of a few seconds of simulated time needs less.
const BLOCK_BYTES: usize = 1 << 20;

/// Keeps what runs free. The allocator of most Linux systems gives memory back to the system as soon as 128 KiB are free at
/// the end of the heap, so that each run of a campaign would fetch its own again, page by page, which is one part in twenty
/// of the time of short runs. Once a larger block was freed, it keeps up to twice as much: glibc, mallopt(3),
/// `M_MMAP_THRESHOLD`. The block is never written, so it takes no memory. Another allocator does as it likes.
pub(crate) fn keep_between_runs() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
}
