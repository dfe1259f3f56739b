//! Beats: the single things in a trace that a story can tell.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_formats::trace::{Judgement, Trace};
use quarrel_protocol::{NodeId, PropertyKind};
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::{Action, Fault};
use quarrel_sim::record::{TraceEffect, TraceEvent};

use super::faults::strikes;
use super::words::{names, sentence, tidy, time, tokens};

/// What a beat is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    /// A fault of the schedule strikes.
    Fault,
    /// A node crashes in the middle of a step.
    Crash,
    /// A node comes back.
    Restart,
    /// The whole world heals.
    Heal,
    /// A decision lets a message be lost, late or doubled.
    Fate,
    /// An operator asks something of a node.
    Order,
    /// A client asks for the first time.
    Ask,
    /// A client hears an answer.
    Answer,
    /// A milestone is announced.
    Milestone,
    /// Any other announcement.
    Aside,
    /// An output or a reply leaves, or a client asks again.
    Detail,
    /// The last event of a run that failed, where nothing else tells of it.
    Last,
}

/// A message to draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Arrow {
    pub(super) from: Endpoint,
    pub(super) to: BTreeSet<Endpoint>,
    pub(super) arrives: bool,
}

/// One thing to tell.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// When.
    pub(super) at: u64,
    /// The position of its event.
    pub(super) event: usize,
    pub(super) class: Class,
    /// Who does it; nobody where the text is a whole sentence.
    pub(super) subjects: BTreeSet<Endpoint>,
    /// What they do.
    pub(super) text: String,
    /// The message behind it.
    pub(super) arrow: Option<Arrow>,
    /// That message's name.
    pub(super) message: Option<String>,
}

impl Beat {
    /// The beat as a sentence.
    pub(super) fn told(&self) -> String {
        sentence(&self.subjects, &self.text)
    }
}

/// All beats of a trace, in order.
pub(super) fn beats(trace: &Trace) -> Vec<Beat> {
    let mut teller =
        Teller { trace, index: Index::new(trace), before_write: BTreeMap::new(), beats: Vec::new() };
    for (position, event) in trace.events.iter().enumerate() {
        teller.tell_event(position, event);
        for effect in &event.effects {
            teller.tell_effect(position, event, effect);
        }
        teller.tell_fates(position, event);
    }
    teller.tell_the_end();
    let mut beats = teller.beats;
    beats.sort_by_key(|beat| beat.event);
    beats
}

/// Where things stand in a trace.
struct Index {
    /// Arrivals, sorted: the number of the event that sent them, whom they reach, their positions. Flat, since a run has
    /// up to a million.
    arrivals: Vec<(u64, Endpoint, usize)>,
    /// The requests in words, by the name of their operation.
    requests: BTreeMap<String, String>,
    /// When a client gave an operation up, by its name.
    given_up: BTreeMap<String, u64>,
}

impl Index {
    fn new(trace: &Trace) -> Self {
        let mut arrivals = Vec::with_capacity(trace.events.len());
        let mut given_up = BTreeMap::new();
        for (position, event) in trace.events.iter().enumerate() {
            if let (Some(cause), Some(who)) = (event.cause, event.who) {
                arrivals.push((cause, who, position));
            }
            if event.kind == "give-up"
                && let Some(operation) = event.what.split(' ').nth(1)
            {
                given_up.insert(operation.to_string(), event.n);
            }
        }
        arrivals.sort_unstable();
        Self { arrivals, requests: requests(trace), given_up }
    }

    /// Where what an event sent to somebody arrived, in order.
    fn arrivals(&self, cause: u64, who: Endpoint) -> impl Iterator<Item = usize> {
        let first = self.arrivals.partition_point(|&(other, whom, _)| (other, whom) < (cause, who));
        let mine =
            self.arrivals[first..].iter().take_while(move |&&(other, whom, _)| (other, whom) == (cause, who));
        mine.map(|&(.., position)| position)
    }
}

/// What was asked, in words, by the name of the operation. A trace holds requests as data; events say them.
pub(super) fn requests(trace: &Trace) -> BTreeMap<String, String> {
    let asked = trace.events.iter().filter(|event| event.kind == "ask");
    let named = asked.filter_map(|event| event.what.split_once(" for ")?.1.split_once(": "));
    let bare = |words: &str| words.rsplit_once(", attempt ").map_or(words, |(words, _)| words).to_string();
    named.map(|(operation, words)| (operation.to_string(), bare(words))).collect()
}

struct Teller<'a> {
    trace: &'a Trace,
    index: Index,
    /// How long nodes are to be down that will crash just before a write.
    before_write: BTreeMap<NodeId, Option<u64>>,
    beats: Vec<Beat>,
}

impl Teller<'_> {
    fn push(&mut self, position: usize, class: Class, who: Option<Endpoint>, text: String) {
        let event = &self.trace.events[position];
        let origin = match &*event.kind {
            "sync" => self.origin(position, &text),
            _ => position,
        };
        let origin = &self.trace.events[origin];
        let arrow = match (origin.from, origin.who) {
            (Some(from), Some(to)) if from != to => {
                Some(Arrow { from, to: BTreeSet::from([to]), arrives: true })
            }
            _ => None,
        };
        let message =
            arrow.is_some().then(|| first_word(&tidy(&origin.what))).filter(|_| origin.kind == "deliver");
        let (subjects, at) = (who.into_iter().collect(), event.at);
        self.beats.push(Beat { at, event: position, class, subjects, text: tidy(&text), arrow, message });
    }

    /// The event that brought about what a sync released.
    fn origin(&self, position: usize, text: &str) -> usize {
        let who = self.trace.events[position].who;
        let earlier = self.trace.events[..position].iter().enumerate().rev();
        let mine =
            earlier.filter(|(_, event)| event.who == who).take_while(|(_, event)| event.kind != "restart");
        let held = |event: &TraceEvent| {
            event.effects.iter().any(|effect| effect.what == text && effect.fate.as_deref() == Some("held"))
        };
        mine.take(1_000).find(|(_, event)| held(event)).map_or(position, |(earlier, _)| earlier)
    }

    fn tell_event(&mut self, position: usize, event: &TraceEvent) {
        let what = event.what.clone();
        match &*event.kind {
            "fault" => self.tell_fault(position, event),
            "restart" => self.push(position, Class::Restart, event.who, what),
            "damage" => self.push(position, Class::Crash, event.who, what),
            "order" => self.push(position, Class::Order, None, what),
            "heal" => self.push(position, Class::Heal, event.who, what + self.what_stays(event)),
            "ask" => {
                let class = if what.contains(", attempt ") { Class::Detail } else { Class::Ask };
                self.push(position, class, event.who, what);
            }
            "answer" => {
                let from = event.from.map_or(String::new(), |from| format!(" from {from}"));
                self.push(position, Class::Answer, event.who, format!("hears{from}: {}", self.answer(event)));
            }
            "give-up" => self.push(position, Class::Answer, event.who, what),
            _ => {}
        }
    }

    /// An answer with what was asked: "op14 (write v14): written".
    fn answer(&self, event: &TraceEvent) -> String {
        let Some((operation, answer)) = event.what.split_once(": ") else { return event.what.clone() };
        let asked = self.index.requests.get(operation).map_or(String::new(), |words| format!(" ({words})"));
        let is_late = self.index.given_up.get(operation).is_some_and(|&given_up| given_up < event.n);
        format!("{operation}{asked}: {answer}{}", if is_late { ", too late" } else { "" })
    }

    /// What becomes of those that a healing leaves out: what ails them for good begins right after it.
    fn what_stays(&self, event: &TraceEvent) -> &'static str {
        let world = &self.trace.header.world;
        let stays = |fault: &Fault| fault.lasting_ns.is_none() && fault.at_ns > world.duration_ns;
        match event.what.ends_with(" heal for good") {
            false => "",
            true if world.faults.iter().any(stays) => "; the others do not",
            true => "; nothing ails the others any more, but nobody waits for them",
        }
    }

    fn tell_fault(&mut self, position: usize, event: &TraceEvent) {
        let fault = fault_of(self.trace, event);
        if let Some(Fault { lasting_ns, action: Action::CrashAtWrite { node, .. }, .. }) = fault {
            self.before_write.insert(*node, *lasting_ns);
            return;
        }
        let world = &self.trace.header.world;
        let mut text = fault.map_or_else(|| event.what.clone(), |fault| strikes(fault, world));
        let crashes: Vec<&TraceEffect> =
            event.effects.iter().filter(|effect| effect.kind == "crash").collect();
        for crash in crashes.iter().filter(|crash| crash.milestone) {
            let who = first_word(&crash.what);
            match crash.what.strip_prefix(&format!("{who} crashes")) {
                Some(losses) if crashes.len() == 1 => text.push_str(losses),
                _ => text.push_str(&format!("; {}", crash.what)),
            }
        }
        self.push(position, Class::Fault, None, text);
    }

    fn tell_effect(&mut self, position: usize, event: &TraceEvent, effect: &TraceEffect) {
        let what = effect.what.clone();
        let is_held = effect.fate.as_deref() == Some("held");
        match &*effect.kind {
            "crash" if event.kind != "fault" => {
                let node = first_word(&what).parse().ok().or(event.who);
                let lasting = match node {
                    Some(Endpoint::Node(node)) => self.before_write.remove(&node).flatten(),
                    _ => None,
                };
                let lasting = lasting.map_or(String::new(), |lasting| format!(", for {}", time(lasting)));
                let losses = what.split_once(" crashes").map_or("", |(_, losses)| losses);
                let is_full = event.effects.iter().any(|effect| effect.kind == "full");
                let how = if is_full { "goes down: its disk is full" } else { "crashes just before a write" };
                self.push(position, Class::Crash, node, format!("{how}{lasting}{losses}"));
            }
            "announce" if !is_held => {
                let class = if effect.milestone { Class::Milestone } else { Class::Aside };
                self.push(position, class, event.who, what);
            }
            "output" if !is_held && !is_announced(event, &what) => {
                self.push(position, Class::Detail, event.who, what);
            }
            "reply" if !is_held => {
                let to = effect.to.map_or(String::new(), |to| format!(" {to}"));
                self.push(position, Class::Detail, event.who, format!("tells{to} {what}"));
            }
            _ => {}
        }
    }

    /// Messages of this event that were lost, late or doubled by decision.
    fn tell_fates(&mut self, position: usize, event: &TraceEvent) {
        let Some(from) = event.who else { return };
        let mut lost: BTreeMap<&str, BTreeSet<Endpoint>> = BTreeMap::new();
        for effect in &event.effects {
            let (Some(to), Some(fate)) = (effect.to, effect.fate.as_deref()) else { continue };
            if fate == "lost" {
                // A client's request is in words only where it is asked for.
                let asked = event.what.split_once(" for ").filter(|_| event.kind == "ask");
                lost.entry(asked.map_or(&effect.what, |(_, what)| what)).or_default().insert(to);
            } else if fate.starts_with("late ") || fate.starts_with("twice ") {
                self.tell_late(position, effect, (from, to), fate);
            }
        }
        for (what, to) in lost {
            let text = tidy(&format!("{from} -> {}: {what} is lost", names(&to)));
            let arrow = Some(Arrow { from, to, arrives: false });
            let (class, subjects) = (Class::Fate, BTreeSet::new());
            self.beats.push(Beat {
                at: event.at,
                event: position,
                class,
                subjects,
                text,
                arrow,
                message: None,
            });
        }
    }

    fn tell_late(&mut self, position: usize, effect: &TraceEffect, ends: (Endpoint, Endpoint), fate: &str) {
        let (from, to) = ends;
        let event = &self.trace.events[position];
        let is_same = |&arrival: &usize| {
            let arrived = &self.trace.events[arrival];
            arrived.what == effect.what || arrived.kind == "request"
        };
        let arrivals: Vec<usize> = self.index.arrivals(event.n, to).filter(is_same).collect();
        let late = lateness(fate);
        // A request is in words only where it arrives.
        let what = arrivals.last().map_or(&effect.what, |&arrival| &self.trace.events[arrival].what);
        let twice = fate.starts_with("twice");
        let reached = Some(Arrow { from, to: BTreeSet::from([to]), arrives: true });
        let (told_at, text, subjects, arrow) = match arrivals.as_slice() {
            [.., last] if !twice => {
                (*last, format!("hears from {from}, {late} late: {what}"), [to].into(), reached)
            }
            [_, .., last] => {
                (*last, format!("hears from {from} a second time: {what}"), [to].into(), reached)
            }
            _ => {
                let fate = if twice { "is doubled".to_string() } else { format!("is {late} late") };
                (position, format!("{from} -> {to}: {what} {fate}"), BTreeSet::new(), None)
            }
        };
        let (at, text) = (self.trace.events[told_at].at, tidy(&text));
        self.beats.push(Beat {
            at,
            event: told_at,
            class: Class::Fate,
            subjects,
            text,
            arrow,
            message: None,
        });
    }

    /// A run that failed in an event without words fails in its input.
    fn tell_the_end(&mut self) {
        let (Some(event), Judgement::Violated(_)) = (self.trace.events.last(), &self.trace.verdict.judgement)
        else {
            return;
        };
        if judges_the_whole(self.trace) {
            return;
        }
        let last = self.trace.events.len() - 1;
        let told = self.beats.iter().any(|beat| beat.event == last && beat.class != Class::Detail);
        if !told {
            let from = event.from.map_or(String::new(), |from| format!(" from {from}"));
            self.push(last, Class::Last, event.who, format!("handles {}{from}: {}", event.kind, event.what));
        }
    }
}

/// Whether what is put out was announced at once, in the same words or in more: `commits t7: all have voted yes` says
/// that it `decides to commit t7`.
fn is_announced(event: &TraceEvent, output: &str) -> bool {
    let (said, verb) = (tokens(output), tokens(&first_word(output)));
    let mut announced =
        event.effects.iter().filter(|it| it.kind == "announce" && it.fate.as_deref() != Some("held"));
    announced.any(|it| {
        let words = tokens(&it.what);
        let is_meant = tokens(&first_word(&it.what)).iter().all(|verb| said.contains(verb));
        is_meant && said.iter().all(|word| words.contains(word) || verb.contains(word))
    })
}

/// Whether the verdict is about the run as a whole, and about what clients were told, and not about its last event.
pub(super) fn judges_the_whole(trace: &Trace) -> bool {
    match &trace.verdict.judgement {
        Judgement::Held => false,
        Judgement::Violated(violation) => {
            matches!(violation.kind, PropertyKind::Client | PropertyKind::Liveness)
        }
    }
}

/// The fault that an event tells of.
pub(super) fn fault_of<'a>(trace: &'a Trace, event: &TraceEvent) -> Option<&'a Fault> {
    // A cut without links has no words; no file holds one.
    let has_words =
        |fault: &Fault| !matches!(&fault.action, Action::Partition { cuts, .. } if cuts.is_empty());
    let mut then =
        trace.header.world.faults.iter().filter(|fault| fault.at_ns == event.at && has_words(fault));
    then.find(|fault| fault.to_string() == event.what)
}

fn first_word(text: &str) -> String {
    text.split([' ', ',']).next().unwrap_or_default().to_string()
}

/// `late 1200us` as people say it.
fn lateness(fate: &str) -> String {
    let micros = fate.split(' ').filter_map(|word| word.strip_suffix("us")?.parse::<u64>().ok()).max();
    time(micros.unwrap_or(0).saturating_mul(1_000))
}
