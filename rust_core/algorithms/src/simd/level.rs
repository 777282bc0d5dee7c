//! Which instructions are used.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// A set of instructions, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every CPU has that the program was built for.
    Portable,
    /// x86-64 with AVX2, FMA, F16C and POPCNT: vectors of 256 bits.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL) besides: vectors of 512 bits.
    Avx512,
}

/// Why a level can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No level has this name.
    #[error("expected auto, {}, got {name:?}", Level::ALL.map(Level::name).join(", "))]
    Unknown {
        /// The name that came.
        name: String,
    },
    /// The CPU lacks it.
    #[error("this CPU has no {level}; it has {}", available().map(Level::name).collect::<Vec<_>>().join(", "))]
    Lacking {
        /// The level that was asked for.
        level: Level,
    },
}

impl Level {
    /// All levels, rising.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The name, as [`Level::from_str`] reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this CPU has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The best level that this CPU has.
    #[must_use]
    pub fn best() -> Self {
        available().last().unwrap_or(Self::Portable)
    }

    /// The level of that name, or the best for `auto`.
    ///
    /// # Errors
    /// [`LevelError`]: an unknown name, or a level that this CPU lacks.
    pub fn named(name: &str) -> Result<Self, LevelError> {
        let level = if name == "auto" { Self::best() } else { name.parse()? };
        if level.is_available() {
            Ok(level)
        } else {
            Err(LevelError::Lacking { level })
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(name: &str) -> Result<Self, LevelError> {
        Self::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| LevelError::Unknown { name: name.to_owned() })
    }
}

/// The levels that this CPU has, rising.
fn available() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

/// The place of the level in use in [`Level::ALL`]; beyond it before the first look.
static IN_USE: AtomicU8 = AtomicU8::new(u8::MAX);

/// The level in use: the best that this CPU has, unless [`force`] said another.
pub fn level() -> Level {
    match Level::ALL.get(usize::from(IN_USE.load(Ordering::Relaxed))) {
        Some(&level) => level,
        None => {
            let best = Level::best();
            IN_USE.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// Uses `level` from now on, in the whole process.
///
/// # Errors
/// [`LevelError::Lacking`] when this CPU lacks it.
pub fn force(level: Level) -> Result<(), LevelError> {
    if !level.is_available() {
        return Err(LevelError::Lacking { level });
    }
    IN_USE.store(level as u8, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(Level::ALL[level as usize], level);
        }
        assert_eq!(Level::named("auto"), Ok(Level::best()));
        assert_eq!(
            Level::named("sse9").unwrap_err().to_string(),
            "expected auto, portable, avx2, avx512, got \"sse9\""
        );
        assert!(
            LevelError::Lacking { level: Level::Avx512 }
                .to_string()
                .starts_with("this CPU has no avx512; it has portable")
        );
    }
}
