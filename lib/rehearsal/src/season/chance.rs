//! What a season is drawn from.

/// A seeded generator (xorshift64*, G. Marsaglia and S. Vigna): the same seed, the same season, on
/// every machine.
pub struct Chance(u64);

impl Chance {
    /// One for a seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x9e37_79b9_7f4a_7c15);
        chance.below(2);
        chance
    }

    /// A number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % limit.max(1)
    }

    /// Whether something happens that happens so often in a thousand times.
    pub fn in_thousand(&mut self, often: u64) -> bool {
        self.below(1000) < often
    }
}
