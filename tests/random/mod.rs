//! Randomness that is the same in every run, for documents made at random.

/// Another one with `SEED` in the environment.
const SEED: u64 = 0x00FE_DF20;

/// What a run's documents are made from; to be told with whatever fails.
#[expect(clippy::disallowed_methods, reason = "a test asks its environment which documents to make")]
pub fn seed() -> u64 {
    std::env::var("SEED").map_or(SEED, |seed| seed.parse().expect("SEED is a number"))
}

/// SplitMix64.
pub struct Random(u64);

impl Random {
    /// For the `number`th document of a seed.
    pub fn new(seed: u64, number: u64) -> Self {
        Self(seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    /// A number from 0, less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}
