//! The quarrel command line.
