//! Flaws: deliberate, documented defects that can be switched on at run time.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One entry of a protocol's catalogue of deliberate defects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// The name without the protocol: `commit-old-term`.
    pub name: &'static str,
    /// What the code does wrong, in one sentence.
    pub mistake: &'static str,
    /// The property of the paper that it breaks.
    pub breaks: &'static str,
    /// The fault that must happen for it to show.
    pub needs: &'static str,
    /// The smallest cluster that can show it.
    pub nodes_min: u8,
    /// Where it was described or really happened.
    pub source: &'static str,
}

/// A protocol's defects as an enum, so that code can ask for one of them.
pub trait Defect: Copy + Eq + Debug + 'static {
    /// The name of the protocol.
    const PROTOCOL: &'static str;
    /// The catalogue, in the order of the enum; at most 64 entries.
    const CATALOGUE: &'static [Flaw];

    /// The position of this defect in the catalogue.
    fn position(self) -> usize;
}

/// A set of a protocol's defects. In files, a list of their names.
pub struct FlawSet<D>(u64, PhantomData<D>);

impl<D: Defect> FlawSet<D> {
    /// No defect at all.
    pub const NONE: Self = Self(0, PhantomData);

    /// The set of one defect.
    #[must_use]
    pub fn only(defect: D) -> Self {
        Self(1 << defect.position(), PhantomData)
    }

    /// The set of the defects with these names.
    ///
    /// # Errors
    /// With the first name that the catalogue does not have.
    pub fn from_names<N: AsRef<str>>(names: &[N]) -> Result<Self, String> {
        let bits = names.iter().try_fold(0, |bits, name| {
            let name = name.as_ref();
            let position = D::CATALOGUE.iter().position(|flaw| flaw.name == name);
            position.map(|position| bits | 1 << position).ok_or_else(|| name.to_string())
        });
        Ok(Self(bits?, PhantomData))
    }

    /// Whether a defect is switched on.
    #[must_use]
    #[inline]
    pub fn contains(self, defect: D) -> bool {
        self.0 >> defect.position() & 1 == 1
    }

    /// The names, in the order of the catalogue.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = D::CATALOGUE.iter().enumerate();
        all.filter(move |(position, _)| self.0 >> position & 1 == 1).map(|(_, flaw)| flaw.name)
    }
}

// What a set can do does not depend on what its defects can do, as derived implementations would have it.
impl<D> Clone for FlawSet<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for FlawSet<D> {}

impl<D> PartialEq for FlawSet<D> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<D> Eq for FlawSet<D> {}

impl<D> Default for FlawSet<D> {
    fn default() -> Self {
        Self(0, PhantomData)
    }
}

impl<D: Defect> Debug for FlawSet<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl<D: Defect> Serialize for FlawSet<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de, D: Defect> Deserialize<'de> for FlawSet<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::from_names(&names).map_err(|name| {
            let known: Vec<&str> = D::CATALOGUE.iter().map(|flaw| flaw.name).collect();
            de::Error::custom(format_args!(
                "{} has no flaw `{name}`; it has {}",
                D::PROTOCOL,
                known.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Slip {
        Early,
        Late,
    }

    const fn flaw(name: &'static str) -> Flaw {
        Flaw { name, mistake: "", breaks: "", needs: "", nodes_min: 1, source: "" }
    }

    impl Defect for Slip {
        const PROTOCOL: &'static str = "slip";
        const CATALOGUE: &'static [Flaw] = &[flaw("early"), flaw("late")];

        fn position(self) -> usize {
            self as usize
        }
    }

    #[test]
    fn names_make_a_set_and_an_unknown_one_is_named() {
        let late = FlawSet::<Slip>::from_names(&["late"]).unwrap();
        assert!(late.contains(Slip::Late) && !late.contains(Slip::Early));
        assert_eq!(late, FlawSet::only(Slip::Late));
        assert_eq!(late.names().collect::<Vec<_>>(), ["late"]);
        assert_eq!(FlawSet::<Slip>::from_names(&["late", "lat"]), Err("lat".into()));
        assert!(!FlawSet::<Slip>::NONE.contains(Slip::Late));
    }
}
