//! Numbers that look random, and are the same for the same seed everywhere: for tests that can be repeated.

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Runs what it is given for so many seeds, or for the one in `FEDFRONT_SEED`, and names the one that fails.
pub fn for_each_seed(seeds: u64, run: impl Fn(&mut Random) + std::panic::RefUnwindSafe) {
    #[expect(clippy::disallowed_methods, reason = "a test, which is run again with the seed that failed")]
    let only = std::env::var("FEDFRONT_SEED").ok().map(|seed| seed.parse().expect("FEDFRONT_SEED is a number"));
    for seed in only.map_or(0..seeds, |seed: u64| seed..seed + 1) {
        let lived = std::panic::catch_unwind(|| run(&mut Random::new(seed)));
        assert!(lived.is_ok(), "seed {seed}: repeat it with FEDFRONT_SEED={seed}");
    }
}
