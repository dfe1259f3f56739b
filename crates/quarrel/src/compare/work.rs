//! Threads: tasks are handed out in order, and their results put back in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does so many tasks on so many threads; the results are in the order of the tasks.
pub(super) fn in_order<T: Send>(jobs: usize, tasks: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(tasks));
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, tasks.max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= tasks {
                        return;
                    }
                    let result = work(number);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_tasks_whatever_the_threads() {
        for jobs in [0, 1, 2, 7] {
            assert_eq!(super::in_order(jobs, 5, |number| number * number), [0, 1, 4, 9, 16]);
        }
        assert!(super::in_order(3, 0, |number| number).is_empty());
    }
}
