//! The scenarios that go by a name: those that are built in, the user's own under `scenarios/` of the working folder,
//! and calm and chaos for every protocol that has no scenario here.

use std::path::{Path, PathBuf};

use quarrel_formats::Scenario;
use quarrel_formats::scenario::Expected;
use quarrel_harness::registry::Registry;

use crate::builtin::{self, Builtin};

/// Where a user's own scenarios lie.
pub(crate) const FOLDER: &str = "scenarios";
/// How deep below that folder names are looked for: `scenarios/my-protocol/chaos.toml`.
const DEPTH_MAX: usize = 2;
/// A folder with more scenarios than this is listed in part.
const FILES_MAX: usize = 1000;

/// A scenario by name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Its name: `raft/chaos`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) source: Source,
}

/// Where a scenario is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In the program: what it says, and the name that errors give.
    Within { text: String, file: String },
    /// In a file.
    File(PathBuf),
}

/// All scenarios by name, in the order in which they are listed. Of two with one name the first counts.
pub(crate) fn all(registry: &Registry) -> Vec<Named> {
    let mut named: Vec<Named> = built_in(registry).collect();
    // What comes with Quarrel has the weather that is right for it: no other is offered beside.
    let has_its_own = |name: &str| named.iter().any(|known| protocol_of(&known.name) == protocol_of(name));
    let general: Vec<Named> = general(registry).filter(|any| !has_its_own(&any.name)).collect();
    for candidate in own(Path::new(FOLDER)).into_iter().chain(general) {
        if named.iter().all(|known| known.name != candidate.name) {
            named.push(candidate);
        }
    }
    named
}

/// A scenario that comes with Quarrel, other than this one, that says what this flaw violates in it, and violates nothing
/// without it.
pub(crate) fn shows(flaw: &str, but: &str) -> Option<&'static str> {
    let expects = |builtin: &&Builtin| {
        let read = Scenario::parse(builtin.name, builtin.file, builtin.text.as_bytes());
        let violates = |flaws: &[String]| {
            read.as_ref().is_ok_and(|read| matches!(read.expected(flaws), Expected::Violates(_)))
        };
        builtin.name != but && violates(&[flaw.to_string()]) && !violates(&[])
    };
    builtin::ALL.iter().find(expects).map(|builtin| builtin.name)
}

fn protocol_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(protocol, _)| protocol)
}

/// Those that come with Quarrel and fit a protocol that is here. A user's protocol may have the name of one of ours.
fn built_in(registry: &Registry) -> impl Iterator<Item = Named> {
    let vocabulary = registry.vocabulary();
    let fits = move |builtin: &Builtin| {
        let read = Scenario::parse(builtin.name, builtin.file, builtin.text.as_bytes());
        read.is_ok_and(|scenario| scenario.check(&vocabulary).is_ok())
    };
    builtin::ALL.iter().copied().filter(fits).map(|Builtin { name, file, text }| Named {
        name: name.to_string(),
        source: Source::Within { text: text.to_string(), file: file.to_string() },
    })
}

/// What any protocol can be put into.
fn general(registry: &Registry) -> impl Iterator<Item = Named> {
    registry.entries().flat_map(|entry| {
        let calm = ("calm", quarrel::Scenario::calm(3).must_come_back());
        let chaos = ("chaos", quarrel::Scenario::chaos(5).must_come_back());
        [calm, chaos].map(|(weather, scenario)| {
            let name = format!("{}/{weather}", entry.name());
            let file = format!("{name} (built in)");
            Named { source: Source::Within { text: scenario.text(entry.name()), file }, name }
        })
    })
}

/// The files below this folder, by name: `scenarios/a/b.toml` is `a/b`. What cannot be read is not there.
fn own(folder: &Path) -> Vec<Named> {
    let mut files = Vec::new();
    collect(folder, DEPTH_MAX, &mut files);
    files.sort();
    let named = |file: PathBuf| {
        let parts = file.strip_prefix(folder).ok()?.with_extension("");
        let parts: Option<Vec<&str>> = parts.iter().map(|part| part.to_str()).collect();
        Some(Named { name: parts?.join("/"), source: Source::File(file) })
    };
    files.into_iter().filter_map(named).collect()
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if files.len() >= FILES_MAX {
            return;
        }
        if path.is_dir() && depth > 1 {
            collect(&path, depth - 1, files);
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_where_they_lie() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room");
            std::fs::write(path, "").expect("there is room");
        };
        for name in ["mine/b.toml", "mine/a.toml", "top.toml", "mine/notes.md", "mine/too/deep.toml"] {
            write(name);
        }
        let names: Vec<String> = own(folder.path()).into_iter().map(|named| named.name).collect();
        assert_eq!(names, ["mine/a", "mine/b", "top"]);
        assert!(own(&folder.path().join("nothing")).is_empty());
    }

    #[test]
    fn a_flaw_has_a_scenario_that_shows_it() {
        assert_eq!(shows("3pc/late-precommit-obeyed", "3pc/calm"), Some("3pc/late-precommit"));
        assert_eq!(shows("3pc/late-precommit-obeyed", "3pc/late-precommit"), None);
        assert_eq!(shows("3pc/nothing-like-it", "3pc/calm"), None);
    }

    #[test]
    fn each_protocol_has_a_calm_and_a_chaos_and_each_name_is_there_once() {
        let registry = Registry::standard();
        let mut names: Vec<String> = all(&registry).into_iter().map(|named| named.name).collect();
        for entry in registry.entries() {
            let calm = format!("{}/calm", entry.name());
            // Three-phase commit has two: the one that it was made for, and the other.
            let chaos = format!("{}/chaos", entry.name());
            assert!(names.contains(&calm) && names.iter().any(|name| name.starts_with(&chaos)), "{names:?}");
        }
        assert!(!names.iter().any(|name| name == "3pc/chaos"), "what has its own gets no other");
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(all(&Registry::default()).is_empty());
    }
}
