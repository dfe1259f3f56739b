//! What in a run has to do with its end.
//!
//! The two facts that collide are sentences; the beats that state them are found by what they have in common with
//! those sentences, rare names (`103@2`) counting more than common ones (`n1`). Around them a beat matters by what
//! it shares with the facts, by whether it lies in their causal past, by how rare its kind is and by how late it is.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_formats::trace::{Judgement, Trace};
use quarrel_sim::decision::Endpoint;

use super::beat::{Beat, Class, judges_the_whole};
use super::words::{is_telling, shape, tokens};

/// What matters how much.
pub(super) struct Relevance {
    /// The beats that state the facts of the collision.
    pub(super) facts: BTreeSet<usize>,
    /// How much each beat matters, beyond its class.
    pub(super) scores: Vec<u64>,
    /// Beats of the same shape as a fact, of which there are few: elections, where an election collides.
    pub(super) akin: BTreeSet<usize>,
    /// Beats that name a thing which the facts are about.
    pub(super) telling: BTreeSet<usize>,
    /// Beats about a node that the violation names or that acts in a fact, and those about no node in particular.
    pub(super) named: BTreeSet<usize>,
}

/// At most so many beats share the shape of a fact and still count as turning points.
const TURNING_POINTS_MAX: usize = 16;
/// At most so many beats share the shape of a singular one.
const SINGULAR_MAX: usize = 2;
/// At most so many doers of one clause are looked for.
const STATEMENTS_MAX: usize = 8;

/// Weighs the beats of a trace.
pub(super) fn weigh(trace: &Trace, beats: &[Beat]) -> Relevance {
    let words: Vec<BTreeSet<String>> = beats.iter().map(|beat| tokens(&beat.told())).collect();
    let weights = Weights::new(&words);
    let detail = match &trace.verdict.judgement {
        Judgement::Held => "",
        Judgement::Violated(violation) => violation.detail.as_str(),
    };
    let query = tokens(detail);
    let mut facts = facts(trace, beats, &words, &weights, detail);
    if judges_the_whole(trace) {
        facts.extend(rests_on(beats, &words, detail));
    }
    let told: BTreeSet<String> = facts.iter().flat_map(|&fact| words[fact].iter().cloned()).collect();
    let past = past(trace, facts.iter().map(|&fact| beats[fact].event));
    let shapes: Vec<String> = beats.iter().map(|beat| shape(&beat.text)).collect();
    let mut common: BTreeMap<&str, usize> = BTreeMap::new();
    for shape in &shapes {
        *common.entry(shape).or_default() += 1;
    }
    let of_facts: BTreeSet<&str> = facts.iter().map(|&fact| shapes[fact].as_str()).collect();
    let is_akin = |position: &usize| {
        let shape = shapes[*position].as_str();
        of_facts.contains(shape) && common[shape] <= TURNING_POINTS_MAX
    };
    let names_it = |position: &usize| {
        let both = |token: &&String| is_telling(token) && (query.contains(*token) || told.contains(*token));
        words[*position].iter().any(|token| both(&token))
    };
    let scores = beats.iter().enumerate().map(|(position, beat)| {
        let rarity = u64::from((beats.len() / common[shapes[position].as_str()]).max(1).ilog2());
        let recency = 8 * (beat.event as u64 + 1) / (trace.events.len() as u64).max(1);
        let in_past = if past.contains(&beat.event) { 8 } else { 0 };
        let shared =
            4 * weights.shared(&words[position], &query) + 2 * weights.shared(&words[position], &told);
        shared + 2 * rarity + recency + in_past
    });
    let scores = scores.collect();
    let akin = (0..beats.len()).filter(is_akin).collect();
    // What happens once or twice in a run and leads to the facts is told, whatever it shares with them.
    let is_singular = |position: &usize| {
        let beat = &beats[*position];
        let is_rare = common[shapes[*position].as_str()] <= SINGULAR_MAX;
        beat.class == Class::Milestone && is_rare && past.contains(&beat.event)
    };
    let telling = (0..beats.len()).filter(|position| names_it(position) || is_singular(position)).collect();
    let mut who: BTreeSet<Endpoint> = query.iter().filter_map(|token| token.parse().ok()).collect();
    who.extend(facts.iter().flat_map(|&fact| &beats[fact].subjects));
    let is_named = |position: &usize| {
        let beat = &beats[*position];
        let mut mentioned = words[*position].iter().filter_map(|token| token.parse::<Endpoint>().ok());
        let ends = |letter: char| !letter.is_alphanumeric();
        match beat.text.split(ends).next().and_then(|first| first.parse::<Endpoint>().ok()) {
            _ if who.is_empty() => true,
            _ if !beat.subjects.is_empty() => !beat.subjects.is_disjoint(&who),
            // Cuts and clogs are about everyone.
            None => true,
            Some(_) => mentioned.any(|name| who.contains(&name)),
        }
    };
    let named = (0..beats.len()).filter(is_named).collect();
    Relevance { facts, scores, akin, telling, named }
}

/// How much each token tells: the rarer the more.
struct Weights<'a> {
    beats: usize,
    uses: BTreeMap<&'a str, usize>,
}

impl<'a> Weights<'a> {
    fn new(words: &'a [BTreeSet<String>]) -> Self {
        let mut uses = BTreeMap::new();
        for token in words.iter().flatten() {
            *uses.entry(token.as_str()).or_default() += 1;
        }
        Self { beats: words.len(), uses }
    }

    fn of(&self, token: &str) -> u64 {
        let uses = self.uses.get(token).copied().unwrap_or(1).max(1);
        1 + u64::from((self.beats / uses).max(1).ilog2())
    }

    fn shared(&self, one: &BTreeSet<String>, other: &BTreeSet<String>) -> u64 {
        one.intersection(other).map(|token| self.of(token)).sum()
    }
}

/// The beats that state what collides: for each clause of the violation the one of each doer that shares
/// most with it; and the milestones of the run's last event.
fn facts(
    trace: &Trace,
    beats: &[Beat],
    words: &[BTreeSet<String>],
    weights: &Weights<'_>,
    detail: &str,
) -> BTreeSet<usize> {
    let mut facts = BTreeSet::new();
    if detail.is_empty() {
        return facts;
    }
    let all = tokens(detail);
    let may_state = |beat: &Beat| {
        matches!(beat.class, Class::Milestone | Class::Aside | Class::Detail | Class::Answer | Class::Last)
    };
    for clause in clauses(detail) {
        let query = tokens(clause);
        let doers: BTreeSet<Endpoint> = query.iter().filter_map(|token| token.parse().ok()).collect();
        let score = |position: usize, doer: Option<Endpoint>| {
            let names_more = |token: &String| {
                token.contains(|letter: char| letter.is_ascii_digit()) && token.parse::<Endpoint>().is_err()
            };
            let is_about = words[position].intersection(&query).any(names_more);
            let does = doer.is_none_or(|doer| beats[position].subjects.contains(&doer));
            let shared =
                8 * weights.shared(&words[position], &query) + weights.shared(&words[position], &all);
            if is_about && does && may_state(&beats[position]) { shared } else { 0 }
        };
        let doers = if doers.is_empty() { vec![None] } else { doers.into_iter().map(Some).collect() };
        for doer in doers.into_iter().take(STATEMENTS_MAX) {
            // Of equal statements the last: that is when it collides.
            let best = (0..beats.len()).max_by_key(|&position| (score(position, doer), position));
            facts.extend(best.filter(|&position| score(position, doer) > 0));
        }
    }
    let last = trace.events.len().wrapping_sub(1);
    // What happens last is what showed it, whatever the words.
    if !judges_the_whole(trace) && !facts.iter().any(|&fact| beats[fact].event == last) {
        let tells = |beat: &Beat| matches!(beat.class, Class::Milestone | Class::Last) && beat.event == last;
        facts.extend(beats.iter().enumerate().filter(|(_, beat)| tells(beat)).map(|(position, _)| position));
    }
    facts
}

/// The calls and the answers of the operations that an explanation names: it rests on them.
fn rests_on(beats: &[Beat], words: &[BTreeSet<String>], detail: &str) -> Vec<usize> {
    let is_operation = |token: &&String| {
        let digits = token.strip_prefix("op");
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let named: Vec<String> = tokens(detail).iter().filter(is_operation).cloned().collect();
    let mut rests = Vec::new();
    for operation in named.iter().take(STATEMENTS_MAX / 2) {
        let of = |class: Class| {
            let mut all = (0..beats.len()).filter(move |&position| beats[position].class == class);
            all.find(|&position| words[position].contains(operation))
        };
        rests.extend(of(Class::Ask).into_iter().chain(of(Class::Answer)));
    }
    rests
}

/// The clauses of a sentence.
fn clauses(detail: &str) -> Vec<&str> {
    let mut clauses = vec![detail];
    for separator in [", but ", ", and ", " and then ", "; "] {
        clauses = clauses.into_iter().flat_map(|clause| clause.split(separator)).collect();
    }
    clauses
}

/// The events in the causal past of these: what happened before at the same place, and what sent what arrived.
fn past(trace: &Trace, of: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let by_number: BTreeMap<u64, usize> =
        trace.events.iter().enumerate().map(|(position, event)| (event.n, position)).collect();
    let mut latest: BTreeMap<Endpoint, usize> = BTreeMap::new();
    let before: Vec<Option<usize>> = (trace.events.iter().enumerate())
        .map(|(position, event)| event.who.and_then(|who| latest.insert(who, position)))
        .collect();
    let mut past = BTreeSet::new();
    let mut open: Vec<usize> = of.collect();
    while let Some(position) = open.pop() {
        if !past.insert(position) {
            continue;
        }
        let Some(event) = trace.events.get(position) else { continue };
        open.extend(before[position]);
        open.extend(event.cause.and_then(|cause| by_number.get(&cause).copied()));
    }
    past
}
