//! All of it is one program: what the tests share is built once, and they run side by side.

mod omnipaxos;
mod raft_rs;
mod scenarios;
mod traces;
