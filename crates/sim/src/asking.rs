//! Events at clients: asking, losing patience, hearing answers, giving up.

use quarrel_protocol::{Answer, ClientId, ClientReply, Effect, Fingerprint, NodeId, Protocol, RequestId};

use crate::asked::{Ask, Next, Start};
use crate::books::client_code;

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::flight::Cargo;
use crate::observer::{End, Observer};
use crate::queue::{Class, Entry, Tie};

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Sets the time of the operations that come first.
    pub(crate) fn schedule_operations(&mut self) {
        for (time, position) in self.clients.first(self.world.duration_ns) {
            self.schedule_operation(time, position);
        }
    }

    fn schedule_operation(&mut self, time: u64, slot: u32) {
        let operation = self.clients.operation(slot);
        let tie = Tie::new(client_code(operation.client), Class::Operation, 0, 0, 0, operation.id.0);
        self.queue.push(Entry { time, tie, slot });
    }

    /// The time of an operation has come.
    pub(crate) fn start_operation(&mut self, position: u32) {
        self.note_start();
        match self.clients.start(position) {
            Start::Asks => {
                self.is_new |= self.has_healed();
                self.ask(position);
            }
            Start::TurnedAway => self.fail_unsent(position, "too many operations are under way"),
        }
        if let Some((time, next)) = self.clients.upcoming() {
            self.schedule_operation(time, next);
        }
    }

    /// The client of this operation asks for it, for the first time or again, or gives up.
    pub(crate) fn ask(&mut self, position: u32) {
        let operation = self.clients.operation(position);
        let (client, id, request) = (operation.client, operation.id, operation.request.clone());
        match self.clients.ask(position) {
            Ask::Asks(to, attempt) => self.send_requests(position, Some(to), attempt, &request),
            Ask::AsksAll(attempt) => self.send_requests(position, None, attempt, &request),
            Ask::GivesUp => {
                self.open(Some(Endpoint::Client(client)), request.digest(), "give-up", || {
                    (format!("gives {id} up: its outcome is unknown"), None, None)
                });
                self.close();
                self.end_operation(position, client, id, End::Unknown);
            }
            Ask::Fails => self.fail_unsent(position, "it may not be sent even once"),
            Ask::Waits | Ask::Ended => {}
        }
    }

    /// Asks one node, or all.
    fn send_requests(&mut self, position: u32, to: Option<NodeId>, attempt: u32, request: &P::Request) {
        let operation = self.clients.operation(position);
        let (client, id) = (operation.client, operation.id);
        if attempt == 1 {
            self.observer.on_request(self.now, client, id, request);
        }
        let print = request.digest();
        self.open(Some(Endpoint::Client(client)), print, "ask", || {
            let again = if attempt == 1 { String::new() } else { format!(", attempt {attempt}") };
            let whom = to.map_or_else(|| "everyone".to_string(), |to| to.to_string());
            (format!("asks {whom} for {id}: {request}{again}"), None, None)
        });
        match to {
            Some(to) => self.send_request(client, to, position, print),
            None => {
                for to in NodeId::all(usize::from(self.world.nodes)) {
                    self.send_request(client, to, position, print);
                }
            }
        }
        let time = self.now.saturating_add(self.clients.timeout_ns());
        self.await_answer(client, position, attempt, time);
        self.close();
    }

    fn fail_unsent(&mut self, position: u32, why: &str) {
        let operation = self.clients.operation(position);
        let (client, id, print) = (operation.client, operation.id, operation.request.digest());
        self.open(Some(Endpoint::Client(client)), print, "fail", || {
            (format!("{id} fails unsent: {why}"), None, None)
        });
        self.close();
        self.end_operation(position, client, id, End::Failed);
    }

    /// An operation has ended: observers hear of it, and the client turns to its next.
    fn end_operation(&mut self, position: u32, client: ClientId, id: RequestId, end: End<'_, P>) {
        debug_assert_eq!(self.clients.client(position), client);
        self.is_watched = true;
        self.observer.on_end(self.now, client, id, end);
        if let Some((time, next)) = self.clients.after(client, self.now, self.world.duration_ns) {
            self.schedule_operation(time, next);
        }
        self.note_idleness();
    }

    fn await_answer(&mut self, client: ClientId, position: u32, attempt: u32, time: u64) {
        let id = self.clients.operation(position).id;
        let tie = Tie::new(client_code(client), Class::Patience, attempt as u8, 0, 0, id.0);
        self.queue.push(Entry { time, tie, slot: position });
    }

    /// A reply arrives at a client.
    #[inline(never)]
    pub(crate) fn answer(&mut self, slot: u32) {
        let Some(flight) = self.slab.flight(slot) else { return };
        let Some(Cargo::Sent(Effect::Reply { id, reply, .. })) = self.slab.take(slot) else { return };
        let (Endpoint::Client(client), Endpoint::Node(from)) = (flight.to, flight.from) else { return };
        let Some(position) = self.clients.find(client, id) else { return };
        let words = || (format!("{id}: {reply}"), Some(flight.from), Some(flight.cause));
        let answer = ClientReply::answer(&reply);
        let kind = if matches!(answer, Answer::Redirect(_)) { "redirect" } else { "answer" };
        self.open(Some(flight.to), flight.print, kind, words);
        // A node and its twin are one to whoever hears them: together they are not believed more than either.
        let next = self.clients.hear(position, self.identity(from), answer, flight.print);
        if let Next::AskAfter(wait) = next {
            let attempt = self.clients.attempts(position);
            self.await_answer(client, position, attempt, self.now.saturating_add(wait));
        }
        self.close();
        match next {
            Next::Nothing | Next::AskAfter(_) => {}
            Next::AskNow => self.ask(position),
            Next::Done => {
                self.progress();
                self.end_operation(position, client, id, End::Ok(&reply));
            }
            Next::Failed => {
                self.progress();
                self.end_operation(position, client, id, End::Failed);
            }
        }
    }
}
