//! The deterministic world: cluster, network, clocks, disks, nemesis and choosers.
