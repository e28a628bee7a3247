//! Keeping a map within its bounds.

use std::collections::HashMap;
use std::hash::Hash;

/// Drops what ranks least until no more than `keep` are left, and says how many it dropped. What ranks `None` stays.
pub fn keep_most<K: Eq + Hash, V, R: Ord + Copy>(
    map: &mut HashMap<K, V>,
    keep: usize,
    rank: impl Fn(&V) -> Option<R>,
) -> usize {
    let mut surplus = map.len().saturating_sub(keep);
    let mut ranks: Vec<R> = map.values().filter_map(&rank).collect();
    surplus = surplus.min(ranks.len());
    if surplus == 0 {
        return 0;
    }
    let dropped = surplus;
    let (_, limit, _) = ranks.select_nth_unstable(surplus - 1);
    let limit = *limit;
    // What ranks less goes whatever its place; of those at the limit, as many as are still too many.
    let less = map.values().filter_map(&rank).filter(|rank| *rank < limit).count();
    let mut equal = surplus - less;
    map.retain(|_, value| match rank(value) {
        Some(rank) if rank < limit => false,
        Some(rank) if rank == limit && equal > 0 => {
            equal -= 1;
            false
        }
        _ => true,
    });
    map.shrink_to(map.len() * 2);
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_go_and_those_in_use_stay() {
        let numbers = |count: u32| (0..count).map(|number| (number, number / 2)).collect::<HashMap<_, _>>();
        for (count, keep, dropped) in [(10, 10, 0), (10, 20, 0), (10, 4, 6), (10, 3, 7), (0, 0, 0)] {
            let mut map = numbers(count);
            assert_eq!(keep_most(&mut map, keep, |value| Some(*value)), dropped);
            assert_eq!(map.len(), count as usize - dropped);
            assert!(map.values().all(|value| *value as usize >= dropped / 2));
        }
        let mut map = numbers(10);
        assert_eq!(keep_most(&mut map, 0, |value| (*value > 1).then_some(*value)), 6);
        assert!(map.values().all(|value| *value <= 1) && map.len() == 4);
    }
}
