//! Cases of recall: what was asked, what was found, and when, frozen so that nobody can say later that it was
//! something else.
use super::name::text_type;
use super::{Digest, PersonToken, Position, Text};
use minicbor::{Decode, Encode};

/// Names a case by the record that opened it: `RC-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct CaseId(#[n(0)] pub Position);

impl CaseId {
    const BEFORE: &'static str = "RC-";
}

impl std::fmt::Display for CaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Self::BEFORE, self.0.0)
    }
}

impl std::str::FromStr for CaseId {
    type Err = String;

    /// `RC-17`, in letters of either size.
    fn from_str(text: &str) -> Result<Self, String> {
        let (before, number) = text.trim().split_at_checked(Self::BEFORE.len()).unwrap_or_default();
        // `+7` is a number to the parser, and no id to anybody.
        let number = Some(number).filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
        let position = number.and_then(|number| number.parse().ok());
        let position = position.filter(|_| before.eq_ignore_ascii_case(Self::BEFORE));
        let named = position.map(|position| Self(Position(position)));
        named.ok_or_else(|| format!("`{text}` names no case; one is called such as `RC-17`"))
    }
}

impl serde::Serialize for CaseId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

text_type! {
    /// What a recall asked, in a form in which it can be asked again.
    CaseQuestion, "question of a case", 4096, char::is_control
}

/// How many items each group of a recall has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct CaseCounts {
    /// Suspect.
    #[n(0)]
    pub suspect: u64,
    /// Containers that hold any of them.
    #[n(1)]
    pub containers: u64,
    /// Suspects that left the site.
    #[n(2)]
    pub shipped: u64,
    /// Of which it cannot be told.
    #[n(3)]
    pub unknown: u64,
    /// That were there and are not what was asked for.
    #[n(4)]
    pub cleared: u64,
}

impl CaseCounts {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was asked and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Frozen {
    /// What was asked.
    #[n(0)]
    pub question: CaseQuestion,
    /// As of which record it was answered.
    #[n(1)]
    pub position: Position,
    /// SHA-256 over the canonical form of the answer (`docs/cases.md`).
    #[n(2)]
    #[serde(serialize_with = "as_text")]
    pub hash: Digest,
    /// How many were found.
    #[n(3)]
    pub counts: CaseCounts,
    /// Whether nothing was known to be missing in the answer.
    #[n(4)]
    pub complete: bool,
}

fn as_text<S: serde::Serializer>(hash: &Digest, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(hash)
}

/// What is done with a case.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum CaseStep {
    /// It begins with this answer; the record is its name.
    #[n(0)]
    #[cbor(map)]
    Opened {
        /// The answer.
        #[n(0)]
        frozen: Frozen,
    },
    /// Another answer takes the place of the one before: it was widened, narrowed, or asked again.
    #[n(1)]
    #[cbor(map)]
    Revised {
        /// Which case.
        #[n(0)]
        case: CaseId,
        /// Its record before this one, which whoever revised it had before him.
        #[n(1)]
        last: Position,
        /// The new answer.
        #[n(2)]
        frozen: Frozen,
        /// How many are in it that were not in the one before.
        #[n(3)]
        came: CaseCounts,
        /// How many are in it no more.
        #[n(4)]
        went: CaseCounts,
    },
    /// It is over.
    #[n(2)]
    #[cbor(map)]
    Closed {
        /// Which case.
        #[n(0)]
        case: CaseId,
        /// Its record before this one.
        #[n(1)]
        last: Position,
    },
}

impl CaseStep {
    /// The case, and its record before this one; `None` for what opens one.
    pub fn follows(&self) -> Option<(CaseId, Position)> {
        match self {
            Self::Opened { .. } => None,
            Self::Revised { case, last, .. } | Self::Closed { case, last } => Some((*case, *last)),
        }
    }

    /// The answer that stands from now on, if it is another one.
    pub fn frozen(&self) -> Option<&Frozen> {
        match self {
            Self::Opened { frozen } | Self::Revised { frozen, .. } => Some(frozen),
            Self::Closed { .. } => None,
        }
    }
}

/// A record about a case.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CaseEvent {
    /// What was done.
    #[n(0)]
    pub step: CaseStep,
    /// Why.
    #[n(1)]
    pub reason: Text,
    /// Who.
    #[n(2)]
    pub who: PersonToken,
}

impl CaseEvent {
    /// The case that it is about, where it stands at this position.
    pub fn case(&self, at: Position) -> CaseId {
        self.step.follows().map_or(CaseId(at), |(case, _)| case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_called_by_its_record_and_nothing_else_is_its_name() {
        let id = CaseId(Position(17));
        assert_eq!(id.to_string(), "RC-17");
        for text in ["RC-17", " rc-17 ", "Rc-017"] {
            assert_eq!(text.parse(), Ok(id), "{text}");
        }
        for text in ["", "17", "RC17", "RC-", "RC-+7", "RC--1", "RÜ-17", "RC-99999999999999999999"]
        {
            let refused = text.parse::<CaseId>().unwrap_err();
            assert!(refused.contains("such as `RC-17`"), "{refused}");
        }
    }
}
