//! A register that n1 keeps for all.

use quarrel::spec::register::{Reply, Request};
use quarrel::{Cluster, Effects, Flaw, Input, NodeId, Nothing, Protocol, Summary, Value};

quarrel::message! { pub enum Message {} }
quarrel::timer! { pub enum Timer {} }
quarrel::event! { pub enum Event {} }
quarrel::data! { pub enum Record { Written { value: Value } => "written {value}" } }

const KEEPS: NodeId = NodeId(0);

pub(crate) struct Keeper {
    cluster: Cluster,
    id: NodeId,
    value: Option<Value>,
}

const FLAWS: &[Flaw] = &[quarrel::flaw("forgetful", "durability", "nothing is written to disk")];
quarrel::subject!(Keeper solves register, flaws FLAWS);

impl Protocol for Keeper {
    const NAME: &'static str = "keeper";

    type Config = Cluster;
    type Request = Request;
    type Reply = Reply;
    type Output = Nothing;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(cluster: &Cluster, id: NodeId, disk: &[Record], _: &mut Effects<Self>) -> Self {
        let value = disk.last().map(|Record::Written { value }| *value);
        Self { cluster: cluster.clone(), id, value }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        let Input::Request { client, id, request, .. } = input;
        let reply = match request {
            _ if self.id != KEEPS => Reply::Elsewhere(Some(KEEPS)),
            Request::Read => Reply::Found(self.value),
            Request::Write(value) => {
                self.value = Some(value);
                if !self.cluster.has("forgetful") {
                    effects.persist(Record::Written { value });
                }
                Reply::Written
            }
        };
        effects.reply(client, id, reply);
    }

    fn assert_invariants(&self) {}

    fn summary(&self) -> Summary {
        Summary { role: "keeper", facts: vec![] }
    }
}
