//! Events at clients: asking, losing patience, hearing answers.

use quarrel_protocol::{ClientId, ClientReply, Fingerprint, Protocol};

use crate::books::client_code;
use crate::clients::Next;
use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::flight::{Cargo, Flight};
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie};

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    pub(crate) fn schedule_operation(&mut self) {
        if let Some((slot, operation)) = self.clients.upcoming() {
            let time = operation.at_ns;
            let tie = Tie::new(client_code(operation.client), Class::Operation, 0, 0, 0, operation.id.0);
            self.queue.push(Entry { time, tie, slot });
        }
    }

    /// The client of this operation asks for it, for the first time or again.
    pub(crate) fn ask(&mut self, position: u32) {
        let Some((to, attempt)) = self.clients.ask(position) else { return };
        let operation = self.clients.operation(position);
        let (client, id, request) = (operation.client, operation.id, operation.request.clone());
        if attempt == 1 {
            self.observer.on_request(client, id, &request);
        }
        let print = request.digest();
        self.open(Some(Endpoint::Client(client)), print, "ask", || {
            let again = if attempt == 1 { String::new() } else { format!(", attempt {attempt}") };
            (format!("asks {to} for {id}: {request}{again}"), None, None)
        });
        self.send_request(client, to, position, print);
        let time = self.now.saturating_add(self.clients.timeout_ns());
        self.await_answer(client, position, attempt, time);
        self.close();
    }

    fn await_answer(&mut self, client: ClientId, position: u32, attempt: u32, time: u64) {
        let id = self.clients.operation(position).id;
        let tie = Tie::new(client_code(client), Class::Patience, attempt as u8, 0, 0, id.0);
        self.queue.push(Entry { time, tie, slot: position });
    }

    /// A reply arrives at a client.
    pub(crate) fn answer(&mut self, entry: Entry, flight: Flight) {
        let Some(Cargo::Reply(id, reply)) = self.slab.take(entry.slot) else { return };
        let (Endpoint::Client(client), Endpoint::Node(from)) = (flight.to, flight.from) else { return };
        let Some(position) = self.clients.find(client, id) else { return };
        let words = || (format!("{id}: {reply}"), Some(flight.from), Some(flight.cause));
        self.open(Some(flight.to), flight.print, "answer", words);
        let answer = ClientReply::answer(&reply);
        match self.clients.hear(position, from, answer) {
            Next::Nothing => self.close(),
            Next::Done => {
                self.observer.on_answer(client, id, &reply);
                self.close();
            }
            Next::AskNow => {
                self.close();
                self.ask(position);
            }
            Next::AskAfter(wait) => {
                let attempt = self.clients.attempts(position);
                self.await_answer(client, position, attempt, self.now.saturating_add(wait));
                self.close();
            }
        }
    }
}
