//! The file formats: scenario and trace.
