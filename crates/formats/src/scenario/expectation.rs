//! `[[expect]]`: what must come out.

use std::collections::BTreeSet;

use quarrel_protocol::Violation;
use quarrel_sim::LIVENESS_SHAPES;

use super::check::{Mention, What};
use super::model::Scenario;
use super::raw::{Raw, meant};
use super::sections::mention;
use super::source::Complaint;
use crate::input::quoted;

/// `[[expect]]`: what must come out of a run, or of one with a flaw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The flaw it speaks of: `raft/commit-old-term`; `None` for runs without one.
    pub flaw: Option<String>,
    /// What must come out.
    pub outcome: Expected,
    /// On which side of the model what is violated must lie; `None` if either will do.
    pub side: Option<Side>,
    /// What must have happened besides: cells and classes of faults. That nothing broke says little where nothing struck.
    /// `None` if nothing is said of it.
    pub happens: Option<Vec<String>>,
}

/// On which side of what a protocol assumes of its world a run lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Nothing struck that the protocol does not promise to live with: what is violated is a mistake.
    Inside,
    /// Something did.
    Outside,
}

/// What must come out of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Expected {
    /// No property is violated.
    #[default]
    Holds,
    /// This property is violated; a campaign meets it when at least one run does.
    Violates(String),
    /// Nothing is violated, but some operation never completes.
    Blocks,
    /// Nothing is violated but in these ways, and in them it may be: each is a property, whatever becomes of it, or a
    /// whole signature, one way of failing. A published program has mistakes that it is known for; only new ones count.
    Known(Vec<String>),
}

impl Expected {
    /// Whether this violation is a known finding.
    #[must_use]
    pub fn knows(&self, violation: &Violation) -> bool {
        self.finding(violation).is_some()
    }

    /// The known finding that this violation is: by its whole signature, by that of a panic without its place, or by
    /// its property; the one that says most.
    #[must_use]
    pub fn finding(&self, violation: &Violation) -> Option<&str> {
        let Expected::Known(findings) = self else { return None };
        let named = |name: &str| findings.iter().find(|finding| *finding == name).map(String::as_str);
        named(&violation.signature)
            .or_else(|| named(violation.text_and_place().0))
            .or_else(|| named(&violation.property))
    }
}

impl Scenario {
    /// What must come out of a run with exactly these flaws: what the file says of them, else that all holds. What is
    /// known of runs without a flaw is known of runs with one, too: the program on trial is the same.
    #[must_use]
    pub fn expected(&self, flaws: &[String]) -> Expected {
        match self.said(flaws) {
            Expected::Holds if !flaws.is_empty() => match self.said(&[]) {
                known @ Expected::Known(_) => known,
                _ => Expected::Holds,
            },
            said => said,
        }
    }

    /// The known finding that this violation of a run with these flaws is, if it is one. It is no sign of a flaw: the
    /// program does so without one.
    #[must_use]
    pub fn known(&self, flaws: &[String], violation: &Violation) -> Option<String> {
        let (with, without) = (self.said(flaws), self.said(&[]));
        with.finding(violation).or_else(|| without.finding(violation)).map(ToString::to_string)
    }

    /// What the file says of exactly these flaws, else that all holds.
    fn said(&self, flaws: &[String]) -> Expected {
        self.expectation(flaws).map_or(Expected::Holds, |entry| entry.outcome.clone())
    }

    /// On which side of the model what is violated with exactly these flaws must lie, if the file says so.
    #[must_use]
    pub fn expected_side(&self, flaws: &[String]) -> Option<Side> {
        self.expectation(flaws).and_then(|entry| entry.side)
    }

    /// What must happen with exactly these flaws, cells and classes of faults, as the file says. What it says only of
    /// runs without a flaw goes for those with one as well, where the same is to come out: a script whose decisive fault
    /// never struck shows nothing of a flaw either.
    #[must_use]
    pub fn expected_to_happen(&self, flaws: &[String]) -> &[String] {
        let said = |entry: Option<&'_ Expectation>| entry.is_some_and(|entry| entry.happens.is_some());
        let is_own = said(self.expectation(flaws)) || self.expected(flaws) != self.expected(&[]);
        let entry = self.expectation(if is_own { flaws } else { &[] });
        entry.and_then(|entry| entry.happens.as_deref()).unwrap_or_default()
    }

    fn expectation(&self, flaws: &[String]) -> Option<&Expectation> {
        let speaks_of = |flaw: &Option<String>| match (flaw, flaws) {
            (None, []) => true,
            (Some(flaw), [only]) => flaw == only,
            _ => false,
        };
        self.expectations.iter().find(|entry| speaks_of(&entry.flaw))
    }
}

/// One `[[expect]]` that speaks of another flaw than those before it.
pub(super) fn read_expectation(
    raw: &Raw,
    seen: &mut BTreeSet<Option<String>>,
    mentions: &mut Vec<Mention>,
) -> Result<Expectation, Complaint> {
    const OUTCOMES: [&str; 4] = ["holds", "violates", "blocks", "known"];
    let table = raw.table(&["holds", "violates", "outside", "blocks", "known", "happens", "flaw"])?;
    let said = |raw: &Raw, outcome| match raw.flag()? {
        true => Ok(outcome),
        false => Err(raw.complain("say what must come out, not what must not")),
    };
    let outcomes: Vec<_> = OUTCOMES.into_iter().filter_map(|key| Some((key, table.get(key)?))).collect();
    let outcome = match outcomes.as_slice() {
        [("holds", holds)] => said(holds, Expected::Holds)?,
        [("violates", property)] => Expected::Violates(mention(property, What::Property, mentions)?),
        [("blocks", blocks)] => said(blocks, Expected::Blocks)?,
        [("known", findings)] => Expected::Known(read_known(findings, mentions)?),
        _ => {
            let message = "an expectation is exactly one of `holds`, `violates`, `blocks` and `known`";
            return Err(raw.complain(message));
        }
    };
    let side = table.get("outside").map(|raw| read_side(raw, &outcome)).transpose()?;
    let happens = table.get("happens").map(|raw| read_happens(raw, mentions)).transpose()?;
    let flaw = table.get("flaw").map(|raw| mention(raw, What::Flaw, mentions)).transpose()?;
    if !seen.insert(flaw.clone()) {
        let culprit = table.get("flaw").unwrap_or(raw);
        return Err(culprit.complain(match flaw {
            Some(flaw) => format!("another expectation already speaks of {}", quoted(&flaw)),
            None => "another expectation already speaks of runs without a flaw".to_string(),
        }));
    }
    Ok(Expectation { flaw, outcome, side, happens })
}

fn read_happens(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Vec<String>, Complaint> {
    let mut seen = BTreeSet::new();
    raw.list(|item| {
        let name = mention(item, What::Tally, mentions)?;
        if seen.insert(name.clone()) { Ok(name) } else { Err(item.complain("this is listed twice")) }
    })
}

fn read_side(raw: &Raw, outcome: &Expected) -> Result<Side, Complaint> {
    let Expected::Violates(_) = outcome else {
        return Err(raw.complain("`outside` is said of what is violated, beside `violates`"));
    };
    Ok(if raw.flag()? { Side::Outside } else { Side::Inside })
}

/// Known findings: each begins with a property that there is. What follows it in a signature nobody can look up.
fn read_known(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Vec<String>, Complaint> {
    let mut seen = BTreeSet::new();
    raw.list(|item| {
        let finding = item.text()?;
        let property = finding.split_once(": ").map_or(finding, |(property, _)| property);
        mentions.push(Mention::new(What::Property, property, item.place));
        check_class(finding, property).map_err(|(why, help)| item.complain(why).with_help(help))?;
        let finding = finding.to_string();
        if seen.insert(finding.clone()) { Ok(finding) } else { Err(item.complain("this is listed twice")) }
    })
}

/// What follows a property in a signature, where that is no secret of its protocol: an entry that nothing can ever meet
/// would look like a finding that has gone.
fn check_class(finding: &str, property: &str) -> Result<(), (String, String)> {
    /// One way of failing each: the name says it all.
    const ALONE: [&str; 5] =
        ["linearizability", "durability", "events-limit", "pending-limit", "instant-limit"];
    let Some(class) = finding.strip_prefix(property).and_then(|rest| rest.strip_prefix(": ")) else {
        return Ok(());
    };
    if class.trim().is_empty() {
        let message = format!("nothing stands behind {}", quoted(&format!("{property}:")));
        return Err((message, format!("`{property}` alone stands for all of its signatures")));
    }
    if property == "liveness" && !LIVENESS_SHAPES.contains(&class) {
        let message = format!("{property} is never violated as {}", quoted(class));
        return Err((message, meant(class, LIVENESS_SHAPES.iter().copied())));
    }
    if ALONE.contains(&property) {
        return Err((format!("{property} has only one signature, its name"), format!("write `{property}`")));
    }
    Ok(())
}
