//! Trace files: where they go, and how they get there whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use quarrel_formats::Trace;

/// Where traces go unless told otherwise: `target/quarrel` of the workspace that the program was built in, which no
/// one commits; `quarrel-out` in the working folder when there is no such place.
pub(crate) fn default_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo marks its target folder so.
    let target = program.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| PathBuf::from("quarrel-out"), |folder| folder.join("quarrel"))
}

/// Reads a trace. The error is a sentence for a person.
pub(crate) fn read_trace(path: &Path) -> Result<Trace, String> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| format!("{file}: cannot be read: {error}"))?;
    Trace::parse(&file, &bytes).map_err(|error| error.to_string())
}

/// Writes a trace whole to a temporary name beside its own, then renames it: no reader ever sees half of one.
pub(crate) fn write_trace(folder: &Path, name: &str, trace: &Trace) -> Result<PathBuf, String> {
    /// Tests of one program run side by side.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let path = std::path::absolute(folder.join(name)).unwrap_or_else(|_| folder.join(name));
    let temporary = path.with_file_name(format!("{name}.{}-{number}.partial", std::process::id()));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut buffer = std::io::BufWriter::new(File::create_new(&temporary)?);
        trace.write(&mut buffer)?;
        buffer.flush()?;
        std::fs::rename(&temporary, &path)
    };
    match write() {
        Ok(()) => Ok(path),
        Err(error) => {
            let _nothing_there = std::fs::remove_file(&temporary);
            Err(format!("{}: cannot be written: {error}", path.display()))
        }
    }
}

/// `tutorial-chaos-own-value-agreement-17.jsonl`.
pub(crate) fn trace_name(trace: &Trace, property: &str) -> String {
    let header = &trace.header;
    let protocol = header.protocol.as_str();
    let bare = |name: &str| name.strip_prefix(protocol).unwrap_or(name).to_string();
    let mut parts = vec![protocol.to_string(), bare(&header.scenario)];
    parts.extend(header.flaws.iter().map(|flaw| bare(flaw)));
    parts.extend([property.to_string(), header.seed.to_string()]);
    let parts: Vec<String> = parts.iter().map(|part| tame(part)).filter(|part| !part.is_empty()).collect();
    format!("{}.jsonl", parts.join("-"))
}

/// A word as a part of a file's name: small letters, digits and single hyphens.
fn tame(word: &str) -> String {
    let mut name = String::new();
    for character in word.chars().flat_map(char::to_lowercase).take(60) {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.trim_end_matches('-').to_string()
}

/// A path as a shell takes it.
pub(crate) fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%,".contains(letter);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_tame_and_words_are_quoted() {
        assert_eq!(tame("../../Etc  passwd\n"), "etc-passwd");
        assert_eq!(shell_word(Path::new("/a/b-c.jsonl")), "/a/b-c.jsonl");
        assert_eq!(shell_word(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn traces_go_where_cargo_builds() {
        assert!(default_folder().ends_with("quarrel"), "{}", default_folder().display());
    }
}
