//! Work over many items, shared out to threads in ranges whose results come back in order.

use std::{ops::Range, panic, thread};

/// Items a range has at least before a thread is worth starting for it.
pub(crate) const WORTH_A_THREAD: usize = 1 << 13;

/// Splits `0..len` into `count` ranges at most, as equal as can be, and works on each on a thread of its own.
///
/// The results are in the order of the ranges. A panic of `work` goes on here.
pub(crate) fn map<T: Send>(len: usize, count: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let count = count.clamp(1, len.max(1));
    let range = |part: usize| len * part / count..len * (part + 1) / count;
    if count == 1 {
        return vec![work(range(0))];
    }
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..count).map(|part| scope.spawn(move || work(range(part)))).collect();
        let mut done = vec![work(range(0))];
        done.extend(
            others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|reason| panic::resume_unwind(reason))),
        );
        done
    })
}

/// The same with as many ranges as are worth a thread, up to `threads`.
pub(crate) fn map_large<T: Send>(
    len: usize,
    threads: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    map(len, threads.min(len / WORTH_A_THREAD), work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_back_in_order_and_cover_everything() {
        for (len, count) in [(0, 3), (1, 8), (7, 3), (100, 1), (10, 10)] {
            let ranges = map(len, count, |range| range);
            let joined: Vec<usize> = ranges.iter().cloned().flatten().collect();
            assert_eq!(joined, (0..len).collect::<Vec<_>>());
            assert!(ranges.len() <= count.max(1));
        }
        assert_eq!(map_large(2 * WORTH_A_THREAD, 8, |range| range.len()), [WORTH_A_THREAD; 2]);
        assert_eq!(map_large(WORTH_A_THREAD, 8, |range| range.len()), [WORTH_A_THREAD]);
    }

    #[test]
    #[should_panic(expected = "second")]
    fn panics_go_on() {
        map(2, 2, |range| assert!(range.start == 0, "second"));
    }
}
