//! Single-decree Paxos.
