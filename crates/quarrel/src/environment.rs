//! What the environment asks of campaigns.
//!
//! | variable | what it does |
//! |---|---|
//! | `QUARREL_SEED` | these seeds in place of those in the code: one, `17`, or a range, `0..5000`; tests that look for a violation keep theirs, unless asked for by name |
//! | `QUARREL_RUNS` | so many seeds, from the first one in the code or the one of `QUARREL_SEED` |
//! | `QUARREL_TRACE` | this trace is run again in place of the campaigns that it fits |
//!
//! They are for whoever runs the tests: a failing test says how to set them. An empty variable is as good as none,
//! since CI leaves inputs empty; a bad value is a failure, never ignored; and a report says which one was used.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// The variable that names seeds to run in place of a campaign's own.
pub const SEED_VARIABLE: &str = "QUARREL_SEED";
/// The variable that says how many seeds to run.
pub const RUNS_VARIABLE: &str = "QUARREL_RUNS";
/// The variable that names a trace to replay in place of a campaign.
pub const TRACE_VARIABLE: &str = "QUARREL_TRACE";

/// Which seeds somebody asks for in place of a campaign's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeedWish {
    seeds: Option<Seeds>,
    runs: Option<u64>,
    words: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Seeds {
    One(u64),
    Several(Range<u64>),
}

impl SeedWish {
    /// What `QUARREL_SEED` and `QUARREL_RUNS` ask for; `None` when neither is set.
    ///
    /// # Errors
    /// When a value is none: a sentence that names the variable.
    pub fn of_environment() -> Result<Option<Self>, String> {
        Self::of(text(SEED_VARIABLE)?.as_deref(), text(RUNS_VARIABLE)?.as_deref())
    }

    /// What these values of `QUARREL_SEED` and `QUARREL_RUNS` ask for.
    ///
    /// # Errors
    /// As [`SeedWish::of_environment`].
    pub fn of(seed: Option<&str>, runs: Option<&str>) -> Result<Option<Self>, String> {
        let words = |variable: &str, value: Option<&str>| value.map(|value| format!("{variable}={value}"));
        let set = [words(SEED_VARIABLE, seed), words(RUNS_VARIABLE, runs)];
        let [seed_words, runs_words] = set.clone().map(Option::unwrap_or_default);
        let seeds = seed.map(read_seeds).transpose().map_err(|why| format!("{seed_words}: {why}"))?;
        let runs = runs.map(read_runs).transpose().map_err(|why| format!("{runs_words}: {why}"))?;
        if let (Some(Seeds::Several(_)), Some(_)) = (&seeds, runs) {
            return Err(format!("{seed_words} says how many runs there are, and so does {runs_words}"));
        }
        let words = set.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Ok((!words.is_empty()).then_some(Self { seeds, runs, words }))
    }

    /// What was asked, as somebody types it: `QUARREL_SEED=17`.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Whether it says which seeds, and not only how many.
    #[must_use]
    pub const fn names_seeds(&self) -> bool {
        self.seeds.is_some()
    }

    /// The seeds to run where `given` would be.
    ///
    /// # Errors
    /// When there are not so many seeds.
    pub fn seeds(&self, given: &Range<u64>) -> Result<Range<u64>, String> {
        let (start, usual) = match &self.seeds {
            Some(Seeds::Several(seeds)) => return Ok(seeds.clone()),
            Some(Seeds::One(seed)) => (*seed, 1),
            None => (given.start, 0),
        };
        let end = start.checked_add(self.runs.unwrap_or(usual));
        end.map(|end| start..end).ok_or_else(|| format!("{}: seeds end before {}", self.words, u64::MAX))
    }

    /// The one seed that is asked for, for what runs no more than one.
    ///
    /// # Errors
    /// When several are.
    pub fn only_seed(&self) -> Result<Option<u64>, String> {
        match &self.seeds {
            Some(Seeds::Several(_)) => Err(format!("{}: this runs one seed", self.words)),
            Some(Seeds::One(seed)) => Ok(Some(*seed)),
            None => Ok(None),
        }
    }
}

/// Reads a range of seeds, half-open: `0..1000`.
///
/// # Errors
/// When it is none, or holds no seed: why.
pub fn read_range(text: &str) -> Result<Range<u64>, String> {
    let malformed = || format!("expected a range such as `0..1000`, found `{}`", text.escape_debug());
    let (from, to) = text.split_once("..").ok_or_else(malformed)?;
    let number = |digits: &str| match is_number(digits) {
        false => Err(malformed()),
        true => digits.parse::<u64>().map_err(|_| format!("a seed is at most {}", u64::MAX)),
    };
    let (from, to) = (number(from)?, number(to)?);
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Ok(from..to),
        std::cmp::Ordering::Equal => Err("the range is empty: the second seed is not included".to_string()),
        std::cmp::Ordering::Greater => Err("the range is reversed".to_string()),
    }
}

/// The trace that `QUARREL_TRACE` names.
///
/// # Errors
/// When there is no such file.
pub(crate) fn trace() -> Result<Option<PathBuf>, String> {
    let Some(asked) = std::env::var_os(TRACE_VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    // Cargo starts tests in the folder of their package. Whoever types a relative path means their own folder, which
    // their shell names.
    let shell = std::env::var_os("PWD").map(PathBuf::from);
    let candidates = [Some(PathBuf::from(&asked)), shell.map(|shell| shell.join(&asked))];
    let found = candidates.into_iter().flatten().find(|path| path.exists());
    found.map(Some).ok_or_else(|| {
        let asked = Path::new(&asked).display();
        format!("{TRACE_VARIABLE}={asked}: there is no such file; relative paths begin at the folder of the package")
    })
}

/// A variable's value; an empty one counts as none.
fn text(variable: &str) -> Result<Option<String>, String> {
    match std::env::var_os(variable).filter(|value| !value.is_empty()).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(raw)) => Err(format!("{variable}={}: this is no text", raw.to_string_lossy())),
    }
}

fn read_seeds(text: &str) -> Result<Seeds, String> {
    if text.contains("..") {
        return read_range(text).map(Seeds::Several);
    }
    if !is_number(text) {
        return Err("expected a seed such as `17`, or a range such as `0..1000`".to_string());
    }
    text.parse().map(Seeds::One).map_err(|_| format!("a seed is at most {}", u64::MAX))
}

fn read_runs(text: &str) -> Result<u64, String> {
    if is_number(text) && text.parse::<u64>().is_err() {
        return Err(format!("there are at most {} runs", u64::MAX));
    }
    let runs = text.parse().ok().filter(|&runs: &u64| is_number(text) && runs > 0);
    runs.ok_or_else(|| "expected a number of runs such as `5000`, at least 1".to_string())
}

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(seed: &str, runs: &str) -> Result<Range<u64>, String> {
        let set = |value: &'static str| Some(value).filter(|value| !value.is_empty());
        let wish = SeedWish::of(set(leak(seed)), set(leak(runs)))?.ok_or("nothing is asked for")?;
        wish.seeds(&(3..10))
    }

    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_string().into_boxed_str())
    }

    #[test]
    fn seeds_and_runs_are_what_they_say() {
        assert_eq!(seeds("17", ""), Ok(17..18));
        assert_eq!(seeds("17..20", ""), Ok(17..20));
        assert_eq!(seeds("", "5000"), Ok(3..5003));
        assert_eq!(seeds("17", "5000"), Ok(17..5017));
        assert_eq!(seeds("", ""), Err("nothing is asked for".to_string()));
        let words = |seed, runs| SeedWish::of(seed, runs).ok().flatten().map(|wish| wish.words);
        assert_eq!(words(Some("7"), Some("2")).as_deref(), Some("QUARREL_SEED=7 QUARREL_RUNS=2"));
        assert_eq!(words(None, Some("2")).as_deref(), Some("QUARREL_RUNS=2"));
    }

    #[test]
    fn bad_values_are_told_with_the_name_of_their_variable() {
        let cases = [
            ("x", "", "QUARREL_SEED=x: expected a seed such as `17`"),
            ("-1", "", "QUARREL_SEED=-1: expected a seed"),
            (" 7", "", "QUARREL_SEED= 7: expected a seed"),
            ("18446744073709551616", "", "a seed is at most 18446744073709551615"),
            ("9..2", "", "QUARREL_SEED=9..2: the range is reversed"),
            ("5..5", "", "the range is empty"),
            ("5..", "", "expected a range such as `0..1000`"),
            ("", "0", "QUARREL_RUNS=0: expected a number of runs"),
            ("", "+5", "QUARREL_RUNS=+5: expected"),
            ("", "1e3", "QUARREL_RUNS=1e3: expected"),
            ("", "18446744073709551616", "there are at most 18446744073709551615 runs"),
            ("1..5", "7", "QUARREL_SEED=1..5 says how many runs there are, and so does QUARREL_RUNS=7"),
            ("18446744073709551615", "", "QUARREL_SEED=18446744073709551615: seeds end before"),
            ("", "18446744073709551615", "seeds end before"),
        ];
        for (seed, runs, told) in cases {
            let error = seeds(seed, runs).expect_err(told);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn what_runs_one_seed_takes_one() {
        let only =
            |seed| SeedWish::of(seed, Some("5")).and_then(|wish| wish.map_or(Ok(None), |it| it.only_seed()));
        assert_eq!((only(Some("7")), only(None)), (Ok(Some(7)), Ok(None)));
        let several = SeedWish::of(Some("1..3"), None).expect("a range").expect("it is set").only_seed();
        assert_eq!(several, Err("QUARREL_SEED=1..3: this runs one seed".to_string()));
    }

    #[test]
    fn ranges_of_seeds_are_strict() {
        assert_eq!(read_range("0..1000"), Ok(0..1000));
        assert_eq!(read_range("7..18446744073709551615"), Ok(7..u64::MAX));
        let wrong = ["", "5", "..", "1..", "..5", "5..5", "9..2", "-1..5", "0..=5", "0..+5", "a..b"];
        for wrong in wrong.into_iter().chain(["0..18446744073709551616"]) {
            assert!(read_range(wrong).is_err(), "{wrong}");
        }
    }
}
