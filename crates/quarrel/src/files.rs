//! Files: read with bounds, written whole or not at all, under names that no shell stumbles over.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use quarrel_formats::{InputError, Trace};
use quarrel_sim::draw::mix;

/// The largest trace: about a million events.
const TRACE_BYTES_MAX: u64 = 1 << 28;

/// The least that an event takes in a trace, on average: the protocols here come to 180 to 340 bytes.
const EVENT_BYTES_MIN: u64 = 160;

/// How much of a trace is read to see whether it is one.
const GLANCE_BYTES: usize = 4096;

/// More symbolic links in a row are a circle.
const LINKS_MAX: usize = 40;

/// The longest part of a file's name.
const PART_BYTES_MAX: usize = 60;

/// Where a test's traces go unless told otherwise: `target/quarrel` of the workspace that the program was built in,
/// which no one commits; `quarrel-out` in the working folder when there is no such place.
pub(crate) fn default_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    target_of(&program).map_or_else(|| PathBuf::from("quarrel-out"), |folder| folder.join("quarrel"))
}

/// The folder that Cargo built this program in. Cargo marks one that it creates; one that was there before it only
/// holds what Cargo writes, below the folder of the profile.
fn target_of(program: &Path) -> Option<&Path> {
    let mut folders = program.ancestors().skip(1);
    let is_marked =
        |folder: &&Path| ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|mark| folder.join(mark).is_file());
    let of_profile = || {
        let profile = program.ancestors().skip(1).find(|folder| folder.join(".fingerprint").is_dir());
        profile.and_then(Path::parent)
    };
    folders.find(is_marked).or_else(of_profile)
}

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// When it is missing, unreadable, a directory or larger.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, InputError> {
    read_if(path, bytes_max, |_| Ok(()))
}

/// Reads a file whose first bytes pass.
fn read_if(
    path: &Path,
    bytes_max: u64,
    passes: impl FnOnce(&[u8]) -> Result<(), InputError>,
) -> Result<Vec<u8>, InputError> {
    let failed = |error: std::io::Error| about(path, format!("cannot be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(about(path, "this is a directory; name the files in it"));
    }
    let too_large = || about(path, format!("larger than {} MiB, refused", bytes_max >> 20));
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    (&mut file).take(GLANCE_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
    passes(&bytes)?;
    // A pipe has no length.
    file.take((bytes_max + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads a trace.
///
/// # Errors
/// When the file cannot be read or holds no trace.
pub fn read_trace(path: &Path) -> Result<Trace, InputError> {
    let file = path.display().to_string();
    // What does not begin like a trace is refused before all of it is in memory.
    let begins = |first: &[u8]| {
        let text = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first);
        if text.trim_ascii_start().starts_with(b"{") { Ok(()) } else { Trace::parse(&file, first).map(drop) }
    };
    let bytes = read_if(path, TRACE_BYTES_MAX, begins)?;
    Trace::parse(&file, &bytes)
}

/// What is wrong with a trace that was read from there, with its place in the file if that can be told.
#[must_use]
pub fn in_trace(path: &Path, error: InputError) -> InputError {
    match read_if(path, TRACE_BYTES_MAX, |_| Ok(())) {
        Ok(bytes) => error.in_trace(&bytes),
        Err(_) => error,
    }
}

/// Creates a folder and those above it.
///
/// # Errors
/// When that is not possible.
pub fn create_folder(path: &Path) -> Result<(), InputError> {
    std::fs::create_dir_all(path)
        .map_err(|error| about(path, format!("this folder cannot be created: {error}")))
}

/// Whether a run of so many events can be recorded in a trace that is read again, before it is.
///
/// # Errors
/// When it cannot.
pub fn check_events(path: &Path, events: u64) -> Result<(), InputError> {
    if events <= TRACE_BYTES_MAX / EVENT_BYTES_MIN {
        return Ok(());
    }
    let events = crate::numbers::grouped(events);
    Err(about(path, format!("not written: with {events} events it would be larger than {}", most())))
}

/// What a trace may have, in words.
fn most() -> String {
    format!("{} MiB, and nobody could read it again", TRACE_BYTES_MAX >> 20)
}

/// Writes a trace whole, unless it is larger than what is read: see [`write()`].
///
/// # Errors
/// As [`write()`].
pub fn write_trace(path: &Path, trace: &Trace) -> Result<(), InputError> {
    check_events(path, trace.events.len() as u64)?;
    write(path, |buffer| trace.write(Bounded { inner: buffer, left: TRACE_BYTES_MAX }))
}

/// Takes so many bytes and not one more.
struct Bounded<W> {
    inner: W,
    left: u64,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(std::io::Error::other(format!("it is larger than {}", most())));
        }
        let written = self.inner.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a file whole to a temporary name beside its own, then renames it: no reader ever sees half of one. A
/// symbolic link stays one: the file that it leads to is written.
///
/// # Errors
/// When something other than a regular file is there, the folder takes no file, or the disk is full; then nothing is
/// left behind.
pub fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), InputError> {
    let place = place_of(path)?;
    let temporary = temporary_name(&place);
    let written = write_through(&temporary, content).and_then(|()| std::fs::rename(&temporary, &place));
    written.map_err(|error| {
        let _nothing_there = std::fs::remove_file(&temporary);
        about(path, format!("cannot be written: {error}"))
    })
}

/// Whether a file may be written here, before the work for it begins: not where something else than a regular file
/// is, nor onto one of the inputs.
///
/// # Errors
/// When it may not: why, for a person.
pub fn check_output<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), InputError> {
    if path.as_os_str() == "-" {
        return Err(about(path, "this would be standard output elsewhere; name a file (`./-` is one)"));
    }
    let place = place_of(path)?.canonicalize();
    let same =
        |input: &Path| place.as_ref().is_ok_and(|place| input.canonicalize().is_ok_and(|it| it == *place));
    match inputs.into_iter().any(same) {
        true => Err(about(path, "this file is an input of the same command; name another one to write to")),
        false => Ok(()),
    }
}

/// Where a file of this name is written: behind its symbolic links, even when nothing is there yet.
fn place_of(path: &Path) -> Result<PathBuf, InputError> {
    // This follows the links of /proc as well, whose texts are no paths.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(about(path, "something other than a regular file is there, which is not replaced"));
    }
    let mut place = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        // `/dev/stdout` when that goes to a file: ours to write to, not to replace.
        if folder.canonicalize().is_ok_and(|folder| folder.starts_with("/proc")) {
            return Err(about(
                path,
                "this leads into /proc, to an open stream: name a regular file to write to",
            ));
        }
        match std::fs::read_link(&place) {
            Ok(target) => place = folder.join(target),
            Err(_) => return Ok(place),
        }
    }
    Err(about(path, "these symbolic links lead nowhere"))
}

fn write_through(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut buffer = BufWriter::new(File::create_new(path)?);
    content(&mut buffer)?;
    buffer.flush()
}

/// Beside the file, so that renaming never crosses a file system; with our process and a number in it, so that neither
/// programs nor the tests of one program meet.
fn temporary_name(path: &Path) -> PathBuf {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{number}.partial", std::process::id()));
    path.with_file_name(name)
}

fn about(path: &Path, message: impl Into<String>) -> InputError {
    InputError::whole(&path.display().to_string(), message)
}

/// `raft-chaos-commit-old-term-leader-completeness-17.jsonl`: the name of the trace that tells of this property. A run
/// fails in one way, so property and seed tell signatures apart.
/// Other pinned values, another name.
#[must_use]
pub fn trace_name(trace: &Trace, property: &str, pins: &[(String, String)]) -> String {
    let header = &trace.header;
    let protocol = header.protocol.as_str();
    let bare = |name: &str| name.strip_prefix(protocol).unwrap_or(name).to_string();
    let mut parts = vec![protocol.to_string(), bare(&header.scenario)];
    parts.extend(header.flaws.iter().map(|flaw| bare(flaw)));
    parts.extend((!pins.is_empty()).then(|| pins_digest(pins)));
    parts.extend([property.to_string(), header.seed.to_string()]);
    let parts: Vec<String> = parts.iter().map(|part| tame(part)).filter(|part| !part.is_empty()).collect();
    format!("{}.jsonl", parts.join("-"))
}

/// Eight digits for these pins, in whatever order they were named.
fn pins_digest(pins: &[(String, String)]) -> String {
    let mut pins: Vec<&(String, String)> = pins.iter().collect();
    // Stable: of one key, the later pin wins.
    pins.sort_by_key(|(key, _)| key);
    let text: String = pins.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let digest = text.bytes().fold(text.len() as u64, |digest, byte| mix(digest ^ u64::from(byte)));
    format!("{:08x}", digest >> 32)
}

/// A word as a part of a file's name: small letters, digits and single hyphens.
fn tame(word: &str) -> String {
    let mut name = String::new();
    for character in word.chars().flat_map(char::to_lowercase) {
        match character {
            _ if name.len() == PART_BYTES_MAX => break,
            'a'..='z' | '0'..='9' => name.push(character),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.trim_end_matches('-').to_string()
}

/// A word as a POSIX shell reads it back. One that begins with a hyphen is the name of a file, and no option.
#[must_use]
pub fn shell_word(word: impl Display) -> String {
    let mut word = word.to_string();
    if word.starts_with('-') {
        word.insert_str(0, "./");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-=:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_read_again_is_not_written() {
        let mut taken = Vec::new();
        let mut bounded = Bounded { inner: &mut taken, left: 5 };
        bounded.write_all(b"abc").expect("there is room");
        bounded.write_all(b"de").expect("for five bytes");
        let refused = bounded.write_all(b"f").expect_err("not for six").to_string();
        assert!(refused.contains("larger than 256 MiB"), "{refused}");
        assert_eq!(taken, b"abcde");
        let path = Path::new("long.jsonl");
        assert!(check_events(path, 1_000_000).is_ok());
        let refused = check_events(path, 20_000_000).expect_err("too many").to_string();
        assert!(refused.contains("long.jsonl: not written: with 20,000,000 events"), "{refused}");
    }

    #[test]
    fn names_of_files_are_tame() {
        let cases = [
            ("raft/chaos", "raft-chaos"),
            ("../../Etc  passwd\n", "etc-passwd"),
            ("Ärger", "rger"),
            ("", ""),
        ];
        for (word, name) in cases {
            assert_eq!(tame(word), name);
        }
        assert_eq!(tame(&"x".repeat(1000)), "x".repeat(60));
        assert_eq!(tame(&format!("{} y", "x".repeat(59))), "x".repeat(59));
    }

    #[test]
    fn words_survive_the_shell() {
        let cases = [
            ("/a/b-c.jsonl", "/a/b-c.jsonl"),
            ("", "''"),
            ("a b", "'a b'"),
            ("-x.jsonl", "./-x.jsonl"),
            ("-a b", "'./-a b'"),
            ("/a b/it's", r"'/a b/it'\''s'"),
        ];
        for (word, quoted) in cases {
            assert_eq!(shell_word(word), quoted);
        }
    }

    #[test]
    fn other_pins_have_another_digest() {
        let pins = |pins: &[(&str, &str)]| {
            let owned = |&(key, value): &(&str, &str)| (key.to_string(), value.to_string());
            pins_digest(&pins.iter().map(owned).collect::<Vec<_>>())
        };
        let (five, six) = (pins(&[("nodes", "5")]), pins(&[("nodes", "6")]));
        assert_eq!(five.len(), 8);
        assert_ne!(five, six);
        assert_eq!(pins(&[("a", "1"), ("b", "2")]), pins(&[("b", "2"), ("a", "1")]));
    }

    #[test]
    fn the_folder_that_cargo_builds_in_is_known_marked_or_not() {
        let place = tempfile::tempdir().expect("a folder");
        let target = place.path().join("target");
        let program = target.join("debug/deps/chaos-0123");
        std::fs::create_dir_all(target.join("debug/deps")).expect("there is room");
        assert_eq!(target_of(&program), None);
        std::fs::create_dir(target.join("debug/.fingerprint")).expect("there is room");
        assert_eq!(target_of(&program), Some(target.as_path()));
        std::fs::write(target.join("CACHEDIR.TAG"), "").expect("there is room");
        assert_eq!(target_of(&program), Some(target.as_path()));
    }

    #[test]
    fn traces_go_where_cargo_builds() {
        assert!(default_folder().ends_with("quarrel"), "{}", default_folder().display());
    }
}
