//! The plot: beats that say the same put together, and of those the ones that matter.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_formats::trace::Trace;
use quarrel_sim::decision::Endpoint;

use super::beat::{Arrow, Beat, Class, beats};
use super::relevance::{Relevance, weigh};
use super::words::{sentence, shape, span_of};

/// Beats that are told as one.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// When the first of them is.
    pub(super) at: u64,
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
    score: u64,
}

impl Scene {
    /// The scene in one sentence.
    pub(super) fn told(&self) -> String {
        let text = match self.count {
            1 => self.first.clone(),
            count if self.class == Class::Fate => format!("{} (and {} more like it)", self.first, count - 1),
            count => span_of(&self.first, &self.last, count),
        };
        sentence(&self.subjects, &text)
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
}

/// At most so many decisions and faults are each worth a line.
const FEW: usize = 10;
/// At most so many client operations are each worth a line.
const FEW_ASKED: usize = 4;
/// From so many on, sentences of one shape are told as one.
const RUN: usize = 3;

impl Plot {
    /// Reads a trace.
    pub(super) fn of(trace: &Trace) -> Self {
        let beats = beats(trace);
        let relevance = weigh(trace, &beats);
        let header = &trace.header;
        let is_small = header.decisions.len() + header.world.faults.len() <= FEW;
        let asked = beats.iter().filter(|beat| beat.class == Class::Ask).count();
        let told = beats.iter().enumerate().filter(|&(position, beat)| is_told(position, beat, &relevance));
        let scenes = told.map(|(position, beat)| scene(position, beat, &relevance, asked));
        let scenes = join_runs(join_voices(scenes), is_small);
        let mut plot = Self { scenes, ranks: Vec::new(), is_small };
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
    /// turns; then the rest by what it shares with the facts.
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
        ranked.into_iter().map(|(.., position)| position).collect()
    }

    /// How important a scene is, and the kind that it takes turns with. Most of the rest is one crowd.
    const fn tier(&self, scene: &Scene) -> (u8, Class) {
        match scene.class {
            _ if scene.is_fact => (0, Class::Milestone),
            Class::Fault | Class::Crash => (1, Class::Fault),
            Class::Fate if self.is_small => (1, Class::Fate),
            Class::Milestone if scene.is_akin => (1, Class::Milestone),
            Class::Milestone | Class::Aside if scene.is_telling => (1, Class::Aside),
            Class::Ask | Class::Milestone | Class::Fate | Class::Restart | Class::Last => {
                (2, Class::Milestone)
            }
            Class::Heal | Class::Answer | Class::Aside | Class::Detail => (3, Class::Milestone),
        }
    }
}

/// Puts together who says the same between two changes of the world.
fn join_voices(scenes: impl Iterator<Item = Scene>) -> Vec<Scene> {
    let mut joined: Vec<Scene> = Vec::new();
    let mut same: BTreeMap<(Class, String), usize> = BTreeMap::new();
    for scene in scenes {
        if scene.parts() && scene.class != Class::Restart {
            same.clear();
        }
        let text = (scene.class, scene.first.clone());
        match same.get(&text) {
            Some(&known) if !scene.subjects.is_empty() => join(&mut joined[known], &scene, 0),
            _ => {
                same.insert(text, joined.len());
                joined.push(scene);
            }
        }
    }
    joined
}

/// Puts together what the same nodes say again and again, only about other things.
fn join_runs(scenes: Vec<Scene>, is_small: bool) -> Vec<Scene> {
    let mut runs: BTreeMap<(usize, Class, BTreeSet<Endpoint>, String), Vec<usize>> = BTreeMap::new();
    let mut changes = 0;
    for (position, scene) in scenes.iter().enumerate() {
        changes += usize::from(scene.parts());
        let is_needed = is_small && scene.class == Class::Fate;
        if !scene.is_fact && !scene.parts() && !is_needed {
            let run = (changes, scene.class, scene.subjects.clone(), shape(&scene.first));
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
    Scene {
        at: beat.at,
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
        score: relevance.scores[position] + if few { 1_000 } else { 0 },
    }
}

fn join(scene: &mut Scene, other: &Scene, more: usize) {
    scene.events.extend(&other.events);
    scene.subjects.extend(&other.subjects);
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
    scene.score = scene.score.max(other.score);
}
