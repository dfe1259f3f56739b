//! Files: read with bounds, written whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use quarrel_formats::Trace;

use crate::exit::Failure;

/// The largest scenario; the parser has the same bound.
pub(crate) const SCENARIO_BYTES_MAX: u64 = 1 << 20;
/// The largest trace: about a million events.
pub(crate) const TRACE_BYTES_MAX: u64 = 1 << 28;

/// How much of a trace is read to see whether it is one.
const GLANCE_BYTES: usize = 4096;

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// When it is missing, unreadable, a directory or larger.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    read_if(path, bytes_max, |_| Ok(()))
}

/// Reads a file whose first bytes pass.
fn read_if(
    path: &Path,
    bytes_max: u64,
    passes: impl FnOnce(&[u8]) -> Result<(), Failure>,
) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::input(format!("{shown}: cannot be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::input(format!("{shown}: this is a directory; name the files in it")));
    }
    let too_large = || Failure::input(format!("{shown}: larger than {} MiB, refused", bytes_max >> 20));
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    (&mut file).take(GLANCE_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
    passes(&bytes)?;
    file.take(bytes_max + 1 - bytes.len() as u64).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads a trace.
///
/// # Errors
/// When the file cannot be read or holds no trace.
pub(crate) fn read_trace(path: &Path) -> Result<Trace, Failure> {
    let file = path.display().to_string();
    // What does not begin like a trace is refused before all of it is in memory.
    let begins = |first: &[u8]| {
        let text = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first);
        if text.trim_ascii_start().starts_with(b"{") {
            Ok(())
        } else {
            Ok(Trace::parse(&file, first).map(drop)?)
        }
    };
    let bytes = read_if(path, TRACE_BYTES_MAX, begins)?;
    Ok(Trace::parse(&file, &bytes)?)
}

/// Creates a folder and those above it.
///
/// # Errors
/// When that is not possible.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    let failed =
        |error| Failure::input(format!("{}: this folder cannot be created: {error}", path.display()));
    std::fs::create_dir_all(path).map_err(failed)
}

/// Writes a trace whole to a temporary name beside its own, then renames it: no reader ever sees half of one.
///
/// # Errors
/// When the folder takes no file, or the disk is full; then nothing is left behind.
pub(crate) fn write_trace(path: &Path, trace: &Trace) -> Result<(), Failure> {
    let temporary = temporary_name(path);
    let written = write_through(&temporary, trace).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _nothing_there = std::fs::remove_file(&temporary);
        Failure::input(format!("{}: cannot be written: {error}", path.display()))
    })
}

fn write_through(path: &Path, trace: &Trace) -> std::io::Result<()> {
    let mut buffer = std::io::BufWriter::new(File::create_new(path)?);
    trace.write(&mut buffer)?;
    buffer.flush()
}

/// Beside the file, so that renaming never crosses a file system; with our process in it, so that no two meet.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// A word as a part of a file's name: small letters, digits and single hyphens.
pub(crate) fn sanitised(word: &str) -> String {
    let mut name = String::new();
    for character in word.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    let end = name.trim_end_matches('-').len().min(60);
    name.truncate(end);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_tame() {
        let cases = [
            ("raft/chaos", "raft-chaos"),
            ("../../etc/passwd", "etc-passwd"),
            ("a  b\n", "a-b"),
            ("Ärger", "rger"),
            ("", ""),
        ];
        for (word, name) in cases {
            assert_eq!(sanitised(word), name);
        }
        assert_eq!(sanitised(&"x".repeat(1000)).len(), 60);
    }
}
