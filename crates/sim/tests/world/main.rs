//! Attacks on the world: a protocol that does what it is told, and what must come of each order.

mod believing;
mod clients;
mod closed_loop;
mod crash;
mod disks;
mod fifo;
mod healing;
mod hearing;
mod lasting;
mod limits;
mod liveness;
mod liveness_attacks;
mod nemesis;
mod network;
mod operator;
mod order;
mod release;
mod replay;
mod struck;
mod timers;
mod traitors;

mod lab;
mod toy;
