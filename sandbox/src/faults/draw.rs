//! The dice: a hash of everything that may matter.

use sha2::{Digest, Sha256};

use super::class::FaultClass;

/// A class at a rate; `None` stands for any one of the classes that apply, so that the rate is that of all together.
pub(super) type Rate<C> = (Option<C>, f64);

/// A fault that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn<C> {
    pub class: C,
    /// In `0..1`, for what the fault leaves open: how exactly a range is wrong.
    pub variant: f64,
}

/// The fault, if any, of the `occurrence`-th request named `key`. The first rate that hits decides.
pub(super) fn draw<C: FaultClass>(
    seed: u64,
    rates: impl IntoIterator<Item = Rate<C>>,
    applies: impl Fn(C) -> bool,
    key: &str,
    occurrence: u64,
) -> Option<Drawn<C>> {
    let number = |what: &str| uniform(seed, what, key, occurrence);
    let class = rates.into_iter().find_map(|(class, rate)| match class {
        Some(class) => (applies(class) && number(class.name()) < rate).then_some(class),
        None => {
            let applying: Vec<C> = C::ALL.iter().copied().filter(|class| applies(*class)).collect();
            let index = (number("which of all") * applying.len() as f64) as usize;
            if number("all") < rate { applying.get(index).copied() } else { None }
        }
    })?;
    Some(Drawn { class, variant: number("variant") })
}

/// In `0..1`, and for all that anybody can tell independent for different arguments.
fn uniform(seed: u64, what: &str, key: &str, occurrence: u64) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(occurrence.to_le_bytes());
    hash.update(what);
    hash.update([0]);
    hash.update(key);
    let digest = hash.finalize();
    let number = digest[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // As many bits as a double holds.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::S3Fault;

    fn hits(seed: u64, rates: &[Rate<S3Fault>]) -> Vec<Option<Drawn<S3Fault>>> {
        (0..10_000).map(|n| draw(seed, rates.iter().copied(), |_| true, &format!("key {}", n / 10), n % 10)).collect()
    }

    fn share(drawn: &[Option<Drawn<S3Fault>>], class: S3Fault) -> f64 {
        drawn.iter().flatten().filter(|drawn| drawn.class == class).count() as f64 / drawn.len() as f64
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let rates = [(Some(S3Fault::Reset), 0.1), (None, 0.1)];
        assert_eq!(hits(7, &rates), hits(7, &rates));
        assert_ne!(hits(7, &rates), hits(8, &rates));
    }

    #[test]
    fn rates_are_kept() {
        let drawn = hits(1, &[(Some(S3Fault::Reset), 0.1), (Some(S3Fault::SlowDown), 0.5)]);
        assert!((0.09..0.11).contains(&share(&drawn, S3Fault::Reset)));
        // Of those that are not reset.
        assert!((0.42..0.48).contains(&share(&drawn, S3Fault::SlowDown)));
        assert!(hits(1, &[(Some(S3Fault::Reset), 0.0)]).iter().all(Option::is_none));
        assert!(hits(1, &[(Some(S3Fault::Reset), 1.0)]).iter().all(Option::is_some));
    }

    #[test]
    fn another_class_changes_nothing_for_the_first() {
        let alone = hits(3, &[(Some(S3Fault::Reset), 0.2)]);
        let both = hits(3, &[(Some(S3Fault::Reset), 0.2), (Some(S3Fault::CutBody), 0.2)]);
        for (alone, both) in alone.iter().zip(&both).filter(|(alone, _)| alone.is_some()) {
            assert_eq!(alone, both);
        }
    }

    #[test]
    fn all_together_share_one_rate() {
        let drawn = hits(5, &[(None, 0.3)]);
        let total = drawn.iter().flatten().count() as f64 / drawn.len() as f64;
        assert!((0.28..0.32).contains(&total), "{total}");
        for class in S3Fault::ALL {
            let fair = 0.3 / S3Fault::ALL.len() as f64;
            assert!((fair * 0.7..fair * 1.3).contains(&share(&drawn, *class)), "{class:?}");
        }
        let some = draw(5, [(None, 1.0)], |class| class == S3Fault::Reset, "k", 0).map(|drawn| drawn.class);
        assert_eq!(some, Some(S3Fault::Reset));
        assert_eq!(draw::<S3Fault>(5, [(None, 1.0)], |_| false, "k", 0), None);
    }
}
