//! Protocol, problem, workload and faults in; verdict out.
