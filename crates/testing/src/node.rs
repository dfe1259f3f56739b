//! A node driven by hand: its disk is always done.

use quarrel_protocol::{After, ClientId, Effect, Effects, Input, Kinded, NodeId, Protocol, RequestId};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Output, Reply};

use crate::request;

/// One node and its disk.
pub struct Node<P: Protocol> {
    /// The state machine.
    pub machine: P,
    /// What is on its disk.
    pub disk: Vec<P::Record>,
    /// The timers that run, and what each was set to.
    pub timers: Vec<(P::Timer, After)>,
    id: NodeId,
    config: P::Config,
    effects: Effects<P>,
}

/// What a step did, by kind.
pub struct Done<P: Protocol> {
    /// The names of all effects, in order.
    pub order: Vec<&'static str>,
    /// What was written.
    pub persisted: Vec<P::Record>,
    /// What was sent, and to whom.
    pub sent: Vec<(NodeId, P::Message)>,
    /// What leaves the node though the step's writes are lost.
    pub early: Vec<(NodeId, P::Message)>,
    /// What clients were told.
    pub replies: Vec<(ClientId, RequestId, P::Reply)>,
    /// What was put out.
    pub outputs: Vec<P::Output>,
    /// What was announced.
    pub events: Vec<P::Event>,
    /// Which timers were set.
    pub set: Vec<P::Timer>,
    /// Which timers were taken out.
    pub cancelled: Vec<P::Timer>,
}

impl<P: Protocol> Default for Done<P> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            persisted: Vec::new(),
            sent: Vec::new(),
            early: Vec::new(),
            replies: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            set: Vec::new(),
            cancelled: Vec::new(),
        }
    }
}

impl<P: Protocol> Node<P> {
    /// A node with an empty disk.
    #[must_use]
    pub fn new(config: &P::Config, id: NodeId) -> Self {
        Self::with_disk(config, id, Vec::new())
    }

    /// A node that boots from this disk.
    #[must_use]
    pub fn with_disk(config: &P::Config, id: NodeId, disk: Vec<P::Record>) -> Self {
        let mut effects = Effects::default();
        let machine = P::recover(config, id, &disk, &mut effects);
        let mut node = Self { machine, disk, timers: Vec::new(), id, config: config.clone(), effects };
        node.take_effects();
        node
    }

    /// The process dies; another starts from the disk.
    pub fn restart(&mut self) -> Done<P> {
        self.timers.clear();
        self.machine = P::recover(&self.config, self.id, &self.disk, &mut self.effects);
        self.take_effects()
    }

    /// One input; messages to itself stay undelivered.
    pub fn step(&mut self, input: Input<P>) -> Done<P> {
        self.machine.step(input, &mut self.effects);
        self.take_effects()
    }

    /// One input, and the messages to itself that follow.
    pub fn run(&mut self, input: Input<P>) -> Done<P> {
        let mut done = self.step(input);
        self.settle(&mut done);
        done
    }

    /// Delivers what it has sent to itself.
    pub fn settle(&mut self, done: &mut Done<P>) {
        let mut seen = 0;
        while let Some((to, message)) = done.sent.get(seen).cloned() {
            if to == self.id {
                done.sent.remove(seen);
                let more = self.step(Input::Message { from: self.id, message });
                done.append(more);
            } else {
                seen += 1;
            }
        }
    }

    /// A message arrives.
    pub fn receive(&mut self, from: NodeId, message: P::Message) -> Done<P> {
        self.run(Input::Message { from, message })
    }

    /// A timer fires, whether it was set or not.
    pub fn fire(&mut self, timer: P::Timer) -> Done<P> {
        self.timers.retain(|(set, _)| *set != timer);
        self.run(Input::Timer(timer))
    }

    /// Whether this timer runs.
    #[must_use]
    pub fn has_set(&self, timer: &P::Timer) -> bool {
        self.timers.iter().any(|(set, _)| set == timer)
    }

    /// What the timer was set to that runs and is like this: of several, the one that was set last.
    #[must_use]
    pub fn set_to(&self, is_it: impl Fn(&P::Timer) -> bool) -> Option<After> {
        self.timers.iter().rfind(|(set, _)| is_it(set)).map(|&(_, after)| after)
    }

    /// Takes out a timer that runs: what it was set to.
    pub fn take_out(&mut self, timer: &P::Timer) -> Option<After> {
        let position = self.timers.iter().position(|(set, _)| set == timer)?;
        Some(self.timers.remove(position).1)
    }

    fn take_effects(&mut self) -> Done<P> {
        self.machine.assert_invariants();
        let mut done = Done::default();
        for effect in self.effects.drain() {
            done.order.push(match effect {
                Effect::Persist(record) => {
                    self.disk.push(record.clone());
                    done.persisted.push(record);
                    "persist"
                }
                Effect::Compact(records) => {
                    self.disk = records;
                    "compact"
                }
                Effect::Barrier => "barrier",
                Effect::Send { to, message, unsynced } => {
                    if unsynced || done.persisted.is_empty() {
                        done.early.push((to, message.clone()));
                    }
                    done.sent.push((to, message));
                    if unsynced { "send-unsynced" } else { "send" }
                }
                Effect::Reply { client, id, reply } => {
                    done.replies.push((client, id, reply));
                    "reply"
                }
                Effect::Output(output) => {
                    done.outputs.push(output);
                    "output"
                }
                Effect::Announce(event) => {
                    done.events.push(event);
                    "announce"
                }
                Effect::SetTimer { timer, after } => {
                    self.timers.retain(|(set, _)| *set != timer);
                    self.timers.push((timer.clone(), after));
                    done.set.push(timer);
                    "set"
                }
                Effect::CancelTimer { timer } => {
                    self.timers.retain(|(set, _)| *set != timer);
                    done.cancelled.push(timer);
                    "cancel"
                }
            });
        }
        done
    }
}

impl<P: Protocol<Request = Call>> Node<P> {
    /// The first client asks it to write this value; the request's number is the value.
    pub fn ask(&mut self, value: u64) -> Done<P> {
        self.run(request(value))
    }
}

impl<P: Protocol> Done<P> {
    /// What another step did after this one.
    pub fn append(&mut self, mut more: Self) {
        self.order.append(&mut more.order);
        self.persisted.append(&mut more.persisted);
        self.sent.append(&mut more.sent);
        self.early.append(&mut more.early);
        self.replies.append(&mut more.replies);
        self.outputs.append(&mut more.outputs);
        self.events.append(&mut more.events);
        self.set.append(&mut more.set);
        self.cancelled.append(&mut more.cancelled);
    }

    /// What was sent, as lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.sent.iter().map(|(to, message)| format!("{to}: {message}")).collect()
    }

    /// What was sent to this node, as it is printed.
    #[must_use]
    pub fn sent_to(&self, node: NodeId) -> Vec<String> {
        self.sent.iter().filter(|(to, _)| *to == node).map(|(_, message)| message.to_string()).collect()
    }

    /// The only message that was sent, as it is printed.
    ///
    /// # Panics
    /// When there was not one.
    #[must_use]
    pub fn only_message(&self) -> String {
        let [(_, message)] = &self.sent[..] else {
            panic!("{} messages were sent, not one", self.sent.len())
        };
        message.to_string()
    }

    /// How many messages of this kind were sent, to whomever.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|(_, message)| message.kind_name() == kind).count()
    }

    /// How many announcements of this kind were made.
    #[must_use]
    pub fn announced(&self, kind: &str) -> usize {
        self.events.iter().filter(|event| event.kind_name() == kind).count()
    }
}

impl<P: Protocol<Reply = Reply, Output = Output>> Done<P> {
    /// What clients were told.
    #[must_use]
    pub fn told(&self) -> Vec<Reply> {
        self.replies.iter().map(|(.., reply)| reply.clone()).collect()
    }

    /// The positions that were applied.
    #[must_use]
    pub fn applied(&self) -> Vec<u64> {
        self.outputs.iter().map(Output::index).collect()
    }
}
