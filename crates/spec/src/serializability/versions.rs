//! Who appended what, and in which order the lists grew: read off what was read.

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, Kind};
use super::{Deed, Execution, Fate};
use crate::Value;
use crate::machine::ListId;

/// A read by a committed transaction that says something of others: what it found, without what the transaction had
/// appended itself by then.
pub(super) struct Sighting<'a> {
    /// Who read.
    pub(super) reader: usize,
    /// Which list.
    pub(super) list: ListId,
    /// What others had appended by then.
    pub(super) found: &'a [Value],
}

/// How the lists grew.
pub(super) struct Versions<'a> {
    /// Who appended each value.
    pub(super) writers: BTreeMap<(ListId, Value), usize>,
    /// Each list in the order in which it grew, as far as anybody has read it.
    pub(super) orders: BTreeMap<ListId, &'a [Value]>,
    /// What committed transactions read.
    pub(super) sightings: Vec<Sighting<'a>>,
}

impl<'a> Versions<'a> {
    /// What these transactions tell.
    ///
    /// # Errors
    /// With what is wrong whatever depends on what.
    pub(super) fn of(executions: &'a [Execution]) -> Result<Self, Anomaly> {
        let mut versions =
            Self { writers: writers(executions), orders: BTreeMap::new(), sightings: Vec::new() };
        for (reader, execution) in executions.iter().enumerate() {
            if execution.fate == Fate::Committed {
                versions.read_all(executions, reader)?;
            }
        }
        versions.order(executions)?;
        versions.check_sources(executions)?;
        Ok(versions)
    }

    /// All reads of one transaction. Each must end with what the transaction itself has appended by then.
    fn read_all(&mut self, executions: &'a [Execution], reader: usize) -> Result<(), Anomaly> {
        let mut own: BTreeMap<ListId, Vec<Value>> = BTreeMap::new();
        let mut before: BTreeMap<ListId, &[Value]> = BTreeMap::new();
        for deed in &executions[reader].deeds {
            match deed {
                Deed::Append { list, value } => own.entry(*list).or_default().push(*value),
                Deed::Read { found: None, .. } => {}
                Deed::Read { list, found: Some(found) } => {
                    let mine = own.get(list).map_or(&[][..], Vec::as_slice);
                    let others = found.strip_suffix(mine);
                    let expected = before.get(list).copied();
                    let Some(others) = others.filter(|others| expected.is_none_or(|seen| seen == *others))
                    else {
                        return Err(internal(&executions[reader], *list, found));
                    };
                    before.insert(*list, others);
                    self.sightings.push(Sighting { reader, list: *list, found: others });
                }
            }
        }
        Ok(())
    }

    /// The longest read of each list is its order; all others must be its beginnings.
    fn order(&mut self, executions: &[Execution]) -> Result<(), Anomaly> {
        let mut longest: BTreeMap<ListId, &Sighting<'a>> = BTreeMap::new();
        for sighting in &self.sightings {
            let Sighting { reader, list, found } = sighting;
            let mut sorted = found.to_vec();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let facts = vec![format!("{} read {} in {list} twice", executions[*reader].name, twice[0])];
                return Err(Anomaly { kind: Kind::Duplicate, facts });
            }
            let known = longest.entry(*list).or_insert(sighting);
            let (short, long) =
                if found.len() > known.found.len() { (*known, sighting) } else { (sighting, *known) };
            if !long.found.starts_with(short.found) {
                let told = |it: &Sighting<'_>| {
                    format!("{} read {} in {list}", executions[it.reader].name, shown(it.found))
                };
                return Err(Anomaly {
                    kind: Kind::IncompatibleOrder,
                    facts: vec![told(known), told(sighting)],
                });
            }
            *known = long;
        }
        self.orders = longest.into_iter().map(|(list, sighting)| (list, sighting.found)).collect();
        Ok(())
    }

    /// Whatever was read was appended, by somebody who did not abort, and all of it.
    fn check_sources(&self, executions: &[Execution]) -> Result<(), Anomaly> {
        for Sighting { reader, list, found } in &self.sightings {
            let reader = &executions[*reader].name;
            for value in *found {
                let Some(&writer) = self.writers.get(&(*list, *value)) else {
                    let facts = vec![format!("{reader} read {value} in {list}, which nobody had appended")];
                    return Err(Anomaly { kind: Kind::Garbage, facts });
                };
                if executions[writer].fate == Fate::Aborted {
                    let writer = &executions[writer].name;
                    let facts = vec![format!(
                        "{reader} read {value} in {list}, which {writer} had appended and aborted"
                    )];
                    return Err(Anomaly { kind: Kind::G1a, facts });
                }
            }
            let Some(last) = found.last() else { continue };
            let writer = &executions[self.writers[&(*list, *last)]];
            let appended = appended_to(writer, *list);
            if appended.last() != Some(last) {
                let (writer, all) = (&writer.name, shown(&appended));
                let facts = vec![format!(
                    "{reader} read {list} up to {last}, in the middle of what {writer} appended, {all}"
                )];
                return Err(Anomaly { kind: Kind::G1b, facts });
            }
        }
        Ok(())
    }
}

fn writers(executions: &[Execution]) -> BTreeMap<(ListId, Value), usize> {
    let of = |(writer, execution): (usize, &Execution)| {
        let appends = execution.deeds.iter().filter_map(move |deed| match deed {
            Deed::Append { list, value } => Some(((*list, *value), writer)),
            Deed::Read { .. } => None,
        });
        appends.collect::<Vec<_>>()
    };
    executions.iter().enumerate().flat_map(of).collect()
}

/// What a transaction appended to a list, in its order.
fn appended_to(execution: &Execution, list: ListId) -> Vec<Value> {
    let to = |deed: &Deed| match deed {
        Deed::Append { list: to, value } if *to == list => Some(*value),
        _ => None,
    };
    execution.deeds.iter().filter_map(to).collect()
}

fn internal(execution: &Execution, list: ListId, found: &[Value]) -> Anomaly {
    let fact = format!(
        "{} read {} in {list}, which does not go with what it had read and appended there itself",
        execution.name,
        shown(found)
    );
    Anomaly { kind: Kind::Internal, facts: vec![fact] }
}

fn shown(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("[{}]", words.join(" "))
}
