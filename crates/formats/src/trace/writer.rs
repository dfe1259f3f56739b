//! From a trace to bytes, always the same ones.

use std::io::{self, Write};

use super::model::Trace;

impl Trace {
    /// Writes the trace. Equal traces are equal bytes, and reading them back gives an equal trace.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut out, &self.header)?;
        out.write_all(b"\n")?;
        for event in &self.events {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")?;
        }
        serde_json::to_writer(&mut out, &self.verdict)?;
        out.write_all(b"\n")
    }

    /// The trace as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes).expect("a vector takes every byte");
        bytes
    }
}
