//! The test that a campaign runs in: what it is called, how somebody runs it again, whether they asked for it by name.

use std::path::Path;

use crate::files::shell_word;

/// The options of test programs whose value is a word of its own.
const VALUED: [&str; 7] =
    ["--test-threads", "--skip", "--logfile", "--format", "--color", "--shuffle-seed", "-Z"];

/// A test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Test {
    name: Option<String>,
    runner: &'static str,
    is_named: bool,
    /// The option for a build such as this one, with a space before it: ` --release`.
    profile: String,
}

impl Test {
    /// The test that this thread runs.
    pub(crate) fn current() -> Self {
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        let is_nextest = std::env::var_os("NEXTEST").is_some();
        let profile = std::env::current_exe().map_or(String::new(), |it| profile_option(&it, is_nextest));
        Self { profile, ..Self::of(std::thread::current().name(), &words.collect::<Vec<_>>(), is_nextest) }
    }

    fn of(thread: Option<&str>, words: &[String], is_nextest: bool) -> Self {
        let filters = filters(words);
        // Test programs name the threads of their tests so; a lone test may run on the main thread.
        let name = match (thread, filters.as_slice()) {
            (None | Some("main"), [only]) if words.iter().any(|word| word == "--exact") => {
                Some((*only).to_string())
            }
            (None | Some("main"), _) => None,
            (Some(name), _) => Some(name.to_string()),
        };
        // nextest names each test that it runs, whatever was asked of it.
        let is_named = !is_nextest && name.as_deref().is_some_and(|name| filters.contains(&name));
        let runner = if is_nextest { "cargo nextest run" } else { "cargo test" };
        Self { name, runner, is_named, profile: String::new() }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("<this test>")
    }

    /// Whether somebody asked for it by its whole name.
    pub(crate) const fn is_named(&self) -> bool {
        self.is_named
    }

    /// How somebody runs it again with that variable: `QUARREL_SEED=17 cargo test my_test`.
    pub(crate) fn command(&self, variable: &str, value: &str) -> String {
        format!("{variable}={} {}{} {}", shell_word(value), self.runner, self.profile, self.name())
    }
}

/// The option that builds a program where this one lies: `target/release/deps/chaos-0123`. Another build has other
/// assertions, and other traces of panics.
fn profile_option(program: &Path, is_nextest: bool) -> String {
    let folder = program.ancestors().find(|folder| folder.ends_with("deps")).and_then(Path::parent);
    match folder.and_then(Path::file_name).and_then(|profile| profile.to_str()) {
        None | Some("debug") => String::new(),
        Some("release") => " --release".to_string(),
        Some(other) if is_nextest => format!(" --cargo-profile {other}"),
        Some(other) => format!(" --profile {other}"),
    }
}

/// The words of a test program's command line that choose tests.
fn filters(words: &[String]) -> Vec<&str> {
    let mut filters = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if VALUED.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            filters.push(word);
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(thread: Option<&str>, words: &str, is_nextest: bool) -> Test {
        let words: Vec<String> = words.split_whitespace().map(String::from).collect();
        Test::of(thread, &words, is_nextest)
    }

    #[test]
    fn a_test_is_known_by_its_thread_or_its_command_line() {
        let named = |thread, words| test(thread, words, false).name().to_string();
        assert_eq!(named(Some("a::holds"), ""), "a::holds");
        assert_eq!(named(Some("main"), "--exact a::holds --nocapture"), "a::holds");
        assert_eq!(named(None, "--test-threads 1 --exact a::holds"), "a::holds");
        // What is a part of its name may be a part of another's, too.
        assert_eq!(named(Some("main"), "holds"), "<this test>");
        assert_eq!(named(None, ""), "<this test>");
    }

    #[test]
    fn somebody_asks_for_a_test_by_its_whole_name() {
        assert!(test(Some("a::holds"), "a::holds", false).is_named());
        assert!(test(Some("a::holds"), "other --skip b a::holds --exact", false).is_named());
        assert!(!test(Some("a::holds"), "holds", false).is_named());
        assert!(!test(Some("a::holds"), "--skip a::holds", false).is_named());
        assert!(!test(Some("a::holds"), "", false).is_named());
        assert!(!test(Some("a::holds"), "--exact a::holds --nocapture", true).is_named());
    }

    #[test]
    fn commands_run_it_again() {
        let plain = test(Some("a::holds"), "", false).command("QUARREL_SEED", "17");
        assert_eq!(plain, "QUARREL_SEED=17 cargo test a::holds");
        let nextest = test(Some("a::holds"), "--exact a::holds", true).command("QUARREL_TRACE", "/a b/c");
        assert_eq!(nextest, "QUARREL_TRACE='/a b/c' cargo nextest run a::holds");
    }

    #[test]
    fn commands_build_as_this_program_was_built() {
        let option = |path: &str, is_nextest| profile_option(Path::new(path), is_nextest);
        assert_eq!(option("/x/target/debug/deps/chaos-0123", false), "");
        assert_eq!(option("/x/target/release/deps/chaos-0123", false), " --release");
        assert_eq!(option("/x/target/fast/deps/chaos-0123", false), " --profile fast");
        assert_eq!(option("/x/target/fast/deps/chaos-0123", true), " --cargo-profile fast");
        assert_eq!(option("/usr/bin/chaos", false), "");
        let release = Test { profile: " --release".to_string(), ..test(Some("holds"), "", false) };
        assert_eq!(release.command("QUARREL_SEED", "17"), "QUARREL_SEED=17 cargo test --release holds");
    }
}
