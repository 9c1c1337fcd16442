//! What an absence is worth.
//!
//! `information_schema` leaves out, without a word, what an account may not see. A list that is empty because there is
//! nothing and a list that is empty because a right is missing look the same; so every list says which of both it is.

use serde::{Deserialize, Serialize};

/// What a list rests on: whether something that is not in it is known not to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Proof {
    /// Whatever is not in it does not exist.
    Proven {
        /// What was read, and by which right all of it was seen.
        by: String,
    },
    /// There may be more than is in it.
    Unproven {
        /// What is missing, such as a right, or what went wrong.
        missing: String,
    },
    /// It was not read.
    NotAsked {
        /// Why.
        why: String,
    },
}

impl Proof {
    /// Nothing is hidden.
    pub fn proven(by: impl Into<String>) -> Self {
        Self::Proven { by: by.into() }
    }

    /// Something may be hidden.
    pub fn unproven(missing: impl Into<String>) -> Self {
        Self::Unproven { missing: missing.into() }
    }

    /// Not read.
    pub fn not_asked(why: impl Into<String>) -> Self {
        Self::NotAsked { why: why.into() }
    }

    /// Whether an absence is a fact.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Proven { .. })
    }

    /// The sentence behind it.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Proven { by } => by,
            Self::Unproven { missing } => missing,
            Self::NotAsked { why } => why,
        }
    }
}

/// A value that was read, with the proof that it is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// The value.
    pub found: T,
    /// Whether something that is not in the value is known not to exist.
    pub proof: Proof,
}

impl<T> Observed<T> {
    /// What was found, and what it rests on.
    pub fn new(found: T, proof: Proof) -> Self {
        Self { found, proof }
    }
}

impl<T: Default> Observed<T> {
    /// Nothing was found because nothing was read.
    pub fn not_asked(why: impl Into<String>) -> Self {
        Self::new(T::default(), Proof::not_asked(why))
    }

    /// Nothing was found, which says nothing.
    pub fn unproven(missing: impl Into<String>) -> Self {
        Self::new(T::default(), Proof::unproven(missing))
    }
}
