//! The crate's protobuf types where the contract wants text or a number: hexadecimal in files, fields in fingerprints.

use std::fmt::Write;

use quarrel_protocol::Fingerprinter;
use quarrel_spec::session::Command;

use super::raft::eraftpb::Entry;

/// A message of the crate as hexadecimal digits.
pub(super) fn to_hex(message: &impl protobuf::Message) -> String {
    let bytes = message.write_to_bytes().expect("a message in memory can be written");
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The message of the crate that [`to_hex`] wrote.
pub(super) fn from_hex<M: protobuf::Message + Default>(text: &str) -> Result<M, String> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err("an odd number of digits".to_string());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(|| "no hexadecimal digit".to_string());
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        bytes.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    }
    let mut message = M::default();
    message.merge_from_bytes(&bytes).map_err(|error| error.to_string())?;
    Ok(message)
}

/// Adds bytes, eight at a time.
#[inline]
pub(super) fn print_bytes(bytes: &[u8], into: &mut Fingerprinter) {
    into.mark(bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        into.word(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        // The same as eight bytes whose last ones are 0, without a copy of unknown length.
        into.word(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
}

/// Adds an entry of a log.
#[inline]
pub(super) fn print_entry(entry: &Entry, into: &mut Fingerprinter) {
    into.mark(entry.get_entry_type() as u64);
    into.pair(entry.index, entry.term);
    print_bytes(&entry.data, into);
}

/// A command as the data of an entry.
pub(super) fn encode(command: &Command) -> Vec<u8> {
    let mut buffer = [0; COMMAND_BYTES_MAX];
    match postcard::to_slice(command, &mut buffer) {
        Ok(used) => used.to_vec(),
        // Longer than any that there is today.
        Err(_) => postcard::to_allocvec(command).expect("a command in memory can be written"),
    }
}

/// The command in the data of an entry.
pub(super) fn decode(data: &[u8]) -> Option<Command> {
    postcard::from_bytes(data).ok()
}

/// What the longest command takes, amply.
const COMMAND_BYTES_MAX: usize = 64;
