//! Room for recursion over a plan.

/// Encoding and decoding a plan recurses through it with frames of kilobytes (much more without optimisation), and an async runtime's
/// threads have 2 MB: TPC-DS's query 64 overran them in a debug build, which ends the process. Only the pages that are used become memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Runs `work` with a stack that a plan of the depth that SQL's own limits allow does not fill.
pub(crate) fn on_a_deep_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, work)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn recursion_of_many_megabytes_fits_on_a_small_thread() {
        let small = std::thread::Builder::new().stack_size(256 * 1024);
        let depth = small.spawn(|| on_a_deep_stack(|| depth(4096))).unwrap().join().unwrap();
        assert_eq!(depth, 4096);
    }

    /// Takes 4 KB a level.
    fn depth(levels: usize) -> usize {
        let room = black_box([levels; 512]);
        if levels == 0 { 0 } else { depth(room[511] - 1) + 1 }
    }
}
