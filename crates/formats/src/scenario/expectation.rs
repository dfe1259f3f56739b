//! `[[expect]]`: what must come out.

use std::collections::BTreeSet;

use quarrel_protocol::Violation;

use super::check::{Mention, What};
use super::model::Scenario;
use super::raw::Raw;
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
        let Expected::Known(findings) = self else { return false };
        findings.iter().any(|finding| *finding == violation.property || *finding == violation.signature)
    }
}

impl Scenario {
    /// What must come out of a run with exactly these flaws: what the file says of them, else that all holds.
    #[must_use]
    pub fn expected(&self, flaws: &[String]) -> Expected {
        let speaks_of = |flaw: &Option<String>| match (flaw, flaws) {
            (None, []) => true,
            (Some(flaw), [only]) => flaw == only,
            _ => false,
        };
        let entry = self.expectations.iter().find(|entry| speaks_of(&entry.flaw));
        entry.map_or(Expected::Holds, |entry| entry.outcome.clone())
    }
}

/// One `[[expect]]` that speaks of another flaw than those before it.
pub(super) fn read_expectation(
    raw: &Raw,
    seen: &mut BTreeSet<Option<String>>,
    mentions: &mut Vec<Mention>,
) -> Result<Expectation, Complaint> {
    const OUTCOMES: [&str; 4] = ["holds", "violates", "blocks", "known"];
    let table = raw.table(&["holds", "violates", "blocks", "known", "flaw"])?;
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
    let flaw = table.get("flaw").map(|raw| mention(raw, What::Flaw, mentions)).transpose()?;
    if !seen.insert(flaw.clone()) {
        let culprit = table.get("flaw").unwrap_or(raw);
        return Err(culprit.complain(match flaw {
            Some(flaw) => format!("another expectation already speaks of {}", quoted(&flaw)),
            None => "another expectation already speaks of runs without a flaw".to_string(),
        }));
    }
    Ok(Expectation { flaw, outcome })
}

/// Known findings: each begins with a property that there is. What follows it in a signature nobody can look up.
fn read_known(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Vec<String>, Complaint> {
    let mut seen = BTreeSet::new();
    raw.list(|item| {
        let finding = item.text()?;
        let property = finding.split_once(": ").map_or(finding, |(property, _)| property);
        mentions.push(Mention::new(What::Property, property, item.place));
        let finding = finding.to_string();
        if seen.insert(finding.clone()) { Ok(finding) } else { Err(item.complain("this is listed twice")) }
    })
}
