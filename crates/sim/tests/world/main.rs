//! Attacks on the world: a protocol that does what it is told, and what must come of each order.

mod clients;
mod crash;
mod healing;
mod limits;
mod nemesis;
mod network;
mod order;
mod release;
mod replay;
mod timers;

mod lab;
mod toy;
