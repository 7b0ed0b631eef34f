//! What is remembered for a while, and never more of it than fits.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A map whose entries go after `keep`, and of which the oldest go when there are more than `capacity`.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    keep: Duration,
    capacity: usize,
    entries: Mutex<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    values: HashMap<K, (u64, V)>,
    /// In the order in which they came; an entry that was replaced or removed leaves its turn here until it is reached.
    turns: VecDeque<(Instant, u64, K)>,
    next: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    pub(super) fn new(keep: Duration, capacity: usize) -> Self {
        let entries = Entries { values: HashMap::new(), turns: VecDeque::new(), next: 0 };
        Self { keep, capacity, entries: Mutex::new(entries) }
    }

    /// Says what was known under this key.
    pub(super) fn insert(&self, key: K, value: V) -> Option<V> {
        let mut entries = self.entries();
        let turn = entries.next;
        entries.next += 1;
        entries.turns.push_back((Instant::now(), turn, key.clone()));
        let before = entries.values.insert(key, (turn, value)).map(|(_, value)| value);
        entries.forget(self.keep, self.capacity);
        before
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut entries = self.entries();
        entries.forget(self.keep, self.capacity);
        entries.values.get(key).map(|(_, value)| value.clone())
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.entries().values.remove(key).map(|(_, value)| value)
    }

    fn entries(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Entries<K, V> {
    fn forget(&mut self, keep: Duration, capacity: usize) {
        while let Some((since, turn, key)) = self.turns.front() {
            let is_current = self.values.get(key).is_some_and(|(current, _)| current == turn);
            if is_current {
                if self.values.len() <= capacity && since.elapsed() < keep {
                    return;
                }
                self.values.remove(key);
            }
            self.turns.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_what_is_replaced_is_young_again() {
        let recent = Recent::new(Duration::from_secs(3600), 2);
        assert_eq!(recent.insert("a", 1), None);
        recent.insert("b", 2);
        assert_eq!(recent.insert("a", 3), Some(1));
        recent.insert("c", 4);
        assert_eq!((recent.get(&"a"), recent.get(&"b"), recent.get(&"c")), (Some(3), None, Some(4)));
        assert_eq!(recent.remove(&"a"), Some(3));
        assert_eq!(recent.get(&"a"), None);
    }

    #[test]
    fn nothing_is_kept_longer_than_it_may() {
        let recent = Recent::new(Duration::ZERO, 2);
        recent.insert("a", 1);
        assert_eq!(recent.get(&"a"), None);
    }
}
