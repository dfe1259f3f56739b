//! The plot: beats that say the same put together, and of those the ones that matter.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_formats::trace::Trace;
use quarrel_sim::decision::Endpoint;
use quarrel_sim::time::MILLISECOND;

use super::beat::{Arrow, Beat, Class, beats, judges_the_whole};
use super::lanes::crashed;
use super::relevance::{Relevance, weigh};
use super::words::{Clock, sentence, shape, span_of, thousands};

/// Beats that are told as one.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// When the first of them is.
    pub(super) at: u64,
    /// When the last of them is.
    until: u64,
    /// The events they tell of; never empty.
    pub(super) events: BTreeSet<usize>,
    pub(super) class: Class,
    pub(super) subjects: BTreeSet<Endpoint>,
    first: String,
    last: String,
    count: usize,
    /// Who sent what brought it about, to whom.
    pub(super) arrows: Vec<Arrow>,
    pub(super) message: Option<String>,
    pub(super) is_fact: bool,
    is_akin: bool,
    /// Whether it names a thing that the facts are about.
    is_telling: bool,
    /// Whether it is about a node that the violation names.
    is_named: bool,
    /// Who goes down in it.
    crashes: BTreeSet<Endpoint>,
    score: u64,
}

impl Scene {
    /// The scene in one sentence.
    pub(super) fn told(&self, clock: Clock) -> String {
        let text = match self.count {
            1 => self.first.clone(),
            count if self.class == Class::Fate => {
                format!("{} (and {} more like it)", self.first, thousands(count - 1))
            }
            count => span_of(&self.first, &self.last, count),
        };
        let told = sentence(&self.subjects, &text);
        if self.is_long() { format!("{told}, until {}", clock.stamp(self.until)) } else { told }
    }

    /// Whether its beats are at times that differ.
    pub(super) const fn is_long(&self) -> bool {
        self.until.saturating_sub(self.at) > MOMENT
    }

    /// Whether the world changes here, so that what is said before and after is not the same.
    const fn parts(&self) -> bool {
        matches!(self.class, Class::Fault | Class::Crash | Class::Restart | Class::Heal)
    }
}

/// All scenes of a trace, in order.
pub(super) struct Plot {
    scenes: Vec<Scene>,
    /// Their positions, the most important first.
    ranks: Vec<usize>,
    /// Decisions and faults are few: then each one is needed, and told.
    is_small: bool,
    /// It is about what clients were told.
    is_clients: bool,
}

/// What is not further apart happens at once, to a reader.
pub(super) const MOMENT: u64 = MILLISECOND;
/// At most so many decisions, faults and orders are each worth a line.
const FEW: usize = 10;
/// At most so many client operations are each worth a line.
const FEW_ASKED: usize = 4;
/// From so many on, sentences of one shape are told as one.
const RUN: usize = 3;

impl Plot {
    /// The plot as it is told: who says the same a little later shares a scene.
    pub(super) fn told(trace: &Trace) -> Self {
        let part = trace.verdict.at_ns / 50;
        Self::of(trace, part.clamp(5 * MILLISECOND, 20 * MILLISECOND))
    }

    /// The plot as it is drawn: a row is one moment.
    pub(super) fn drawn(trace: &Trace) -> Self {
        Self::of(trace, MOMENT)
    }

    /// Reads a trace; what is said by several within `window` is one scene.
    fn of(trace: &Trace, window: u64) -> Self {
        let beats = beats(trace);
        let relevance = weigh(trace, &beats);
        let header = &trace.header;
        let is_small = header.decisions.len() + header.world.faults.len() + header.orders.len() <= FEW;
        let asked = beats.iter().filter(|beat| beat.class == Class::Ask).count();
        let told = beats.iter().enumerate().filter(|&(position, beat)| is_told(position, beat, &relevance));
        let scenes = told.map(|(position, beat)| {
            let mut scene = scene(position, beat, &relevance, asked);
            if scene.parts() {
                scene.crashes = trace.events.get(beat.event).map(crashed).unwrap_or_default();
            }
            scene
        });
        let scenes = join_runs(join_voices(scenes, window), is_small);
        let mut plot = Self { scenes, ranks: Vec::new(), is_small, is_clients: judges_the_whole(trace) };
        plot.ranks = plot.rank();
        plot
    }

    /// How many scenes there are.
    pub(super) const fn len(&self) -> usize {
        self.scenes.len()
    }

    /// The scenes that matter most, at most so many, in order.
    pub(super) fn best(&self, most: usize) -> Vec<&Scene> {
        let mut best: Vec<usize> = self.ranks.iter().take(most).copied().collect();
        best.sort_unstable();
        best.into_iter().map(|position| &self.scenes[position]).collect()
    }

    /// Most important first: the facts; then what struck, what turned and what is about the same things, taking
    /// turns; then what else the nodes do that the violation names; then the rest by what it shares with the facts.
    fn rank(&self) -> Vec<usize> {
        let mut tiers: BTreeMap<(u8, Class), Vec<usize>> = BTreeMap::new();
        for (position, scene) in self.scenes.iter().enumerate() {
            tiers.entry(self.tier(scene)).or_default().push(position);
        }
        let mut ranked: Vec<(u8, usize, usize)> = Vec::new();
        for ((tier, _), mut positions) in tiers {
            positions.sort_by_key(|&position| std::cmp::Reverse((self.scenes[position].score, position)));
            ranked.extend(positions.into_iter().enumerate().map(|(turn, position)| (tier, turn, position)));
        }
        ranked.sort_unstable();
        self.with_restarts(ranked.into_iter().map(|(.., position)| position))
    }

    /// A node that goes down comes back right after it: what it has lost by then may be what matters.
    fn with_restarts(&self, ranked: impl Iterator<Item = usize>) -> Vec<usize> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for position in ranked {
            if seen.insert(position) {
                order.push(position);
            }
            for node in &self.scenes[position].crashes {
                let later = self.scenes.iter().enumerate().skip(position + 1);
                let mut back =
                    later.filter(|(_, scene)| scene.class == Class::Restart && scene.subjects.contains(node));
                if let Some((back, _)) = back.next()
                    && seen.insert(back)
                {
                    order.push(back);
                }
            }
        }
        order
    }

    /// How important a scene is, and the kind that it takes turns with. Most of the rest is one crowd.
    const fn tier(&self, scene: &Scene) -> (u8, Class) {
        match scene.class {
            _ if scene.is_fact => (0, Class::Milestone),
            Class::Restart if scene.is_named => (1, Class::Restart),
            Class::Fault | Class::Crash | Class::Order if scene.is_named => (1, Class::Fault),
            // A client's complaint names no node, and what little is left of the schedule is what it takes.
            Class::Fault | Class::Crash | Class::Order if self.is_clients && self.is_small => {
                (1, Class::Fault)
            }
            Class::Fault | Class::Crash | Class::Order => (3, Class::Fault),
            Class::Fate if self.is_small => (1, Class::Fate),
            Class::Answer | Class::Heal if self.is_clients => (1, Class::Answer),
            Class::Ask if self.is_clients => (2, Class::Ask),
            Class::Milestone if scene.is_akin => (1, Class::Milestone),
            Class::Milestone | Class::Aside if scene.is_telling => (1, Class::Aside),
            Class::Milestone if scene.is_named => (2, Class::Milestone),
            Class::Ask | Class::Milestone | Class::Fate | Class::Restart | Class::Last => {
                (3, Class::Milestone)
            }
            Class::Heal | Class::Answer | Class::Aside | Class::Detail => (4, Class::Milestone),
        }
    }
}

/// Puts together who says the same between two changes of the world and within `window`. Who has done something
/// else in between says it for himself: else the story would turn the order of the two around.
fn join_voices(scenes: impl Iterator<Item = Scene>, window: u64) -> Vec<Scene> {
    let mut joined: Vec<Scene> = Vec::new();
    let mut latest: BTreeMap<Endpoint, usize> = BTreeMap::new();
    let mut same: BTreeMap<(Class, String), usize> = BTreeMap::new();
    for scene in scenes {
        if scene.parts() && scene.class != Class::Restart {
            same.clear();
        }
        let text = (scene.class, scene.first.clone());
        let is_near = |known: usize| {
            let is_free = |who: &Endpoint| latest.get(who).is_none_or(|&latest| latest <= known);
            let is_clear = scene.class != Class::Milestone || scene.subjects.iter().all(is_free);
            !scene.subjects.is_empty() && is_clear && scene.at.saturating_sub(joined[known].at) <= window
        };
        let known = same.get(&text).copied().filter(|&known| is_near(known));
        let place = known.unwrap_or(joined.len());
        if matches!(scene.class, Class::Milestone | Class::Crash | Class::Restart) {
            for &who in &scene.subjects {
                let latest = latest.entry(who).or_default();
                *latest = place.max(*latest);
            }
        }
        match known {
            Some(known) => join(&mut joined[known], &scene, 0),
            None => {
                same.insert(text, joined.len());
                joined.push(scene);
            }
        }
    }
    joined
}

/// What a run has in common: the changes of the world and the facts before it, and who says what.
type Run = ((usize, usize), Class, BTreeSet<Endpoint>, String);

/// Puts together what the same nodes say again and again, only about other things.
fn join_runs(scenes: Vec<Scene>, is_small: bool) -> Vec<Scene> {
    let mut runs: BTreeMap<Run, Vec<usize>> = BTreeMap::new();
    let (mut changes, mut facts) = (0, BTreeMap::new());
    for (position, scene) in scenes.iter().enumerate() {
        changes += usize::from(scene.parts());
        let is_needed = is_small && scene.class == Class::Fate;
        if scene.is_fact {
            scene.subjects.iter().for_each(|who| *facts.entry(*who).or_default() += 1);
        } else if !scene.parts() && !is_needed {
            let mine: usize = scene.subjects.iter().filter_map(|who| facts.get(who)).sum();
            let run = ((changes, mine), scene.class, scene.subjects.clone(), shape(&scene.first));
            runs.entry(run).or_default().push(position);
        }
    }
    let mut scenes: Vec<Option<Scene>> = scenes.into_iter().map(Some).collect();
    for run in runs.into_values().filter(|run| run.len() >= RUN) {
        let Some(mut first) = scenes[run[0]].take() else { continue };
        for &position in &run[1..] {
            if let Some(other) = scenes[position].take() {
                join(&mut first, &other, other.count);
            }
        }
        scenes[run[0]] = Some(first);
    }
    scenes.into_iter().flatten().collect()
}

/// Copies and outputs are daily business: they are told only when they are about what collides.
fn is_told(position: usize, beat: &Beat, relevance: &Relevance) -> bool {
    relevance.facts.contains(&position)
        || match beat.class {
            Class::Detail => false,
            Class::Aside => relevance.telling.contains(&position),
            _ => true,
        }
}

fn scene(position: usize, beat: &Beat, relevance: &Relevance, asked: usize) -> Scene {
    let few = beat.class == Class::Ask && asked <= FEW_ASKED;
    let does = beat.class == Class::Milestone && relevance.named.contains(&position);
    Scene {
        at: beat.at,
        until: beat.at,
        events: BTreeSet::from([beat.event]),
        class: beat.class,
        subjects: beat.subjects.clone(),
        first: beat.text.clone(),
        last: beat.text.clone(),
        count: 1,
        arrows: beat.arrow.iter().cloned().collect(),
        message: beat.message.clone(),
        is_fact: relevance.facts.contains(&position),
        is_akin: relevance.akin.contains(&position),
        is_telling: relevance.telling.contains(&position),
        is_named: relevance.named.contains(&position),
        crashes: BTreeSet::new(),
        score: relevance.scores[position] + if few { 1_000 } else { 0 } + if does { 8 } else { 0 },
    }
}

fn join(scene: &mut Scene, other: &Scene, more: usize) {
    scene.events.extend(&other.events);
    scene.subjects.extend(&other.subjects);
    scene.until = scene.until.max(other.until);
    scene.last.clone_from(&other.last);
    scene.count += more;
    for arrow in &other.arrows {
        if !scene.arrows.contains(arrow) {
            scene.arrows.push(arrow.clone());
        }
    }
    scene.is_fact |= other.is_fact;
    scene.is_akin |= other.is_akin;
    scene.is_telling |= other.is_telling;
    scene.is_named |= other.is_named;
    scene.score = scene.score.max(other.score);
}
