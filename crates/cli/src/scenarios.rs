//! Scenarios and flaws, found by what a person wrote.

use std::path::{Path, PathBuf};

use quarrel::files;
use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::Trial;

use crate::Session;
use crate::args::TrialArguments;
use crate::catalogue::{self, Named, Source};
use crate::exit::Failure;
use crate::suggest::help;

/// The largest scenario; the parser has the same bound.
pub(crate) const SCENARIO_BYTES_MAX: u64 = 1 << 20;

/// A scenario, ready to run.
pub(crate) struct Prepared {
    /// As it was asked for: works again from the same folder.
    pub(crate) given: String,
    /// The file that was read; none when it is built in.
    pub(crate) file: Option<PathBuf>,
    pub(crate) trial: Box<dyn Trial>,
}

/// Finds a scenario, pins values and switches flaws on.
///
/// # Errors
/// When something does not exist or is wrong.
pub(crate) fn prepare(
    session: &Session<'_>,
    given: &str,
    asked: &TrialArguments,
) -> Result<Prepared, Failure> {
    let registry = session.registry;
    let (scenario, file) = load(session, given, &asked.sets)?;
    // The protocol is checked before its flaws: without it, there are none.
    scenario.check(&registry.vocabulary())?;
    let flaws = check_flaws(session, &scenario, &asked.flaws)?;
    let trial = registry.trial(scenario, &flaws, Judges::of(asked.oracle.into()))?;
    Ok(Prepared { given: given.to_string(), file, trial })
}

/// Where a scenario is that a person named.
enum Found {
    /// Built in: its text, and the name that errors give.
    Within(String, String),
    /// In this file.
    File(PathBuf),
}

/// A file wins; then a name: built in, or under `scenarios/` of the working folder.
fn find(session: &Session<'_>, given: &str) -> Result<Found, Failure> {
    let path = Path::new(given);
    let named = catalogue::all(session.registry);
    let by_name = named.iter().find(|named| named.name == given);
    if path.exists() && (!path.is_dir() || by_name.is_none()) {
        return Ok(Found::File(path.to_path_buf()));
    }
    match by_name.map(|named| &named.source) {
        Some(Source::Within { text, file }) => Ok(Found::Within(text.clone(), file.clone())),
        Some(Source::File(file)) => Ok(Found::File(file.clone())),
        None => {
            let is_file = given.ends_with(".toml");
            let what = if is_file { "no such file" } else { "there is no such scenario, and no such file" };
            let help = suggestion(given.trim_end_matches(".toml"), &named, &session.program);
            Err(Failure::input(format!("{}: {what}{help}", given.escape_debug())))
        }
    }
}

fn load(
    session: &Session<'_>,
    given: &str,
    sets: &[(String, String)],
) -> Result<(Scenario, Option<PathBuf>), Failure> {
    match find(session, given)? {
        Found::Within(text, file) => Ok((Scenario::parse_with(given, &file, text.as_bytes(), sets)?, None)),
        Found::File(file) => Ok((read(&file, given, sets)?, Some(file))),
    }
}

/// What a scenario says, as it is written, and its file if it is in one. It need not be a valid one.
///
/// # Errors
/// When there is none, or its file is no text.
pub(crate) fn text_of(session: &Session<'_>, given: &str) -> Result<(String, Option<PathBuf>), Failure> {
    match find(session, given)? {
        Found::Within(text, _) => Ok((text, None)),
        Found::File(file) => {
            let text = String::from_utf8(files::read(&file, SCENARIO_BYTES_MAX)?);
            let text = text.map_err(|_| Failure::input(format!("{}: this is no text", file.display())))?;
            Ok((text, Some(file)))
        }
    }
}

/// The scenario that was meant: half of its name says as much as a misspelling of all of it.
fn suggestion(given: &str, named: &[Named], program: &str) -> String {
    let names = || named.iter().map(|named| named.name.as_str());
    let halves = |name: &&str| name.split('/').any(|half| half == given);
    // So does its beginning, to the end of a word.
    let begins = |name: &&str| name.strip_prefix(given).is_some_and(|rest| rest.starts_with('-'));
    let quoted = |name: &str| format!("`{name}`");
    let of_protocol =
        names().filter(|name| name.split_once('/').is_some_and(|(protocol, _)| protocol == given));
    if let Some(first) = of_protocol.clone().next() {
        let count = of_protocol.count();
        return format!(
            "\n  = help: {given} is a protocol, with {count} scenarios: `{first}` is one, and `{program} list scenarios` \
             lists them"
        );
    }
    let mut meant: Vec<String> = names().filter(halves).map(quoted).collect();
    if meant.is_empty() {
        meant = names()
            .filter(|name| begins(name) || name.split('/').any(|half| begins(&half)))
            .map(quoted)
            .collect();
    }
    match meant.as_slice() {
        [] => help(given, names(), &format!("`{program} list scenarios` lists those that have a name")),
        meant => format!("\n  = help: did you mean {}?", meant.join(" or ")),
    }
}

fn read(path: &Path, given: &str, sets: &[(String, String)]) -> Result<Scenario, Failure> {
    let bytes = files::read(path, SCENARIO_BYTES_MAX)?;
    Ok(Scenario::parse_with(&name_of(Path::new(given)), &path.display().to_string(), &bytes, sets)?)
}

/// What a scenario is called in traces: its file's name, below its folder's when there is one. Where the folder
/// lies is left out, so that a trace says the same wherever it was recorded.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem.into_owned(),
    }
}

/// Every flaw exists and is one of the scenario's protocol. One that is named twice is on once.
fn check_flaws(session: &Session<'_>, scenario: &Scenario, names: &[String]) -> Result<Vec<String>, Failure> {
    let mut flaws: Vec<String> = Vec::new();
    for name in names {
        let known: Vec<String> = (session.registry.entries())
            .flat_map(|entry| entry.flaws().iter().map(|flaw| format!("{}/{}", entry.name(), flaw.name)))
            .collect();
        if !known.contains(name) {
            return Err(unknown_flaw(name, &known, &scenario.protocol, &session.program));
        }
        let protocol = &scenario.protocol;
        if name.split_once('/').is_none_or(|(theirs, _)| theirs != protocol) {
            return Err(Failure::input(format!(
                "the flaw `{name}` is not one of {protocol}, the protocol of {}\n  = help: `{} list flaws` lists them",
                scenario.name, session.program
            )));
        }
        if !flaws.contains(name) {
            flaws.push(name.clone());
        }
    }
    Ok(flaws)
}

fn unknown_flaw(name: &str, known: &[String], protocol: &str, program: &str) -> Failure {
    // Flaws are often named without their protocol.
    let full = if name.contains('/') { name.to_string() } else { format!("{protocol}/{name}") };
    let help = help(&full, known.iter().map(String::as_str), &format!("`{program} list flaws` lists them"));
    Failure::input(format!("there is no flaw `{}`{help}", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use quarrel_harness::registry::Registry;

    use super::*;

    #[test]
    fn halves_of_names_are_understood() {
        let named = catalogue::all(&Registry::standard());
        let suggestion = |given| suggestion(given, &named, "quarrel");
        assert!(suggestion("figure-8").contains("did you mean `raft/figure-8`?"));
        let chaos = suggestion("chaos");
        assert!(chaos.contains("did you mean `raft/chaos`"), "{chaos}");
        assert!(chaos.contains("`paxos/chaos`"), "{chaos}");
        assert!(suggestion("3pc/partition").contains("did you mean `3pc/partition-splits`?"));
        assert!(suggestion("cooperative").contains("did you mean `2pc/cooperative-termination`?"));
        let protocol = suggestion("2pc");
        assert!(protocol.contains("2pc is a protocol, with 12 scenarios: `2pc/calm` is one"), "{protocol}");
        assert!(suggestion("raft/caos").contains("did you mean `raft/chaos`?"));
        assert!(suggestion("nothing like it").contains("quarrel list scenarios"));
    }

    #[test]
    fn names_do_not_depend_on_where_files_lie() {
        assert_eq!(name_of(Path::new("/tmp/x/scenarios/raft/chaos.toml")), "raft/chaos");
        assert_eq!(name_of(Path::new("mine.toml")), "mine");
        assert_eq!(name_of(Path::new("./mine.toml")), "mine");
    }
}
