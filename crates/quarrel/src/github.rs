//! What GitHub Actions shows of a failure: annotations, which are lines of a log in a form of their own, and the
//! summary of a job, which is a file that steps append to.
//!
//! See "Workflow commands for GitHub Actions" in GitHub's documentation: the message of a command escapes `%`, CR and
//! LF, its properties `:` and `,` as well.

use std::fmt::{self, Display};
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;
use std::path::{Path, PathBuf};

/// How grave it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something was not shown.
    Warning,
}

/// A place in the repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

/// A note beside the code. Its `Display` is the line of the log that makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Annotation {
    /// How grave it is.
    pub level: Level,
    /// A few words.
    pub title: String,
    /// What there is to say.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
}

impl Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Error => "::error ",
            Level::Warning => "::warning ",
        })?;
        if let Some(Place { file, line, column }) = &self.place {
            write!(f, "file={},", property(file))?;
            line.map_or(Ok(()), |line| write!(f, "line={line},"))?;
            column.map_or(Ok(()), |column| write!(f, "col={column},"))?;
        }
        write!(f, "title={}::{}", property(&self.title), data(self.message.trim_end()))
    }
}

/// Whether we run in GitHub Actions.
#[must_use]
pub fn is_here() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Appends to the summary of the job, if there is one.
///
/// # Errors
/// When the file cannot be written.
pub fn summarize(markdown: &str) -> std::io::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    OpenOptions::new().append(true).create(true).open(path)?.write_all(markdown.as_bytes())
}

/// A file as annotations name it: from the root of the repository, if it is in there.
#[must_use]
pub fn place_of(file: &Path) -> Place {
    let root = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let absolute = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let root = root.and_then(|root| root.canonicalize().ok());
    let below = root.and_then(|root| absolute.strip_prefix(root).map(Path::to_path_buf).ok());
    Place {
        file: below.unwrap_or_else(|| file.to_path_buf()).display().to_string(),
        line: None,
        column: None,
    }
}

/// A line of code as annotations name it. The compiler names files from the root of the Cargo workspace, which lies
/// somewhere above the package whose tests run.
pub(crate) fn place_in_code(location: &Location<'_>) -> Place {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let candidates = package.ancestors().map(|folder| folder.join(location.file()));
    let file = candidates.into_iter().find(|file| file.is_file());
    let file = file.unwrap_or_else(|| PathBuf::from(location.file()));
    Place { line: Some(location.line()), ..place_of(&file) }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_annotation_ends_it_early() {
        let annotation = Annotation {
            level: Level::Error,
            title: "a: 5 %, b::c".to_string(),
            message: "100 %\r\n::warning::no, this is text\n".to_string(),
            place: Some(Place { file: "tests/a,b.rs".to_string(), line: Some(7), column: Some(3) }),
        };
        assert_eq!(
            annotation.to_string(),
            "::error file=tests/a%2Cb.rs,line=7,col=3,title=a%3A 5 %25%2C b%3A%3Ac::100 %25%0D%0A::warning::no, this is text"
        );
        let plain = Annotation { level: Level::Warning, place: None, ..annotation };
        assert!(plain.to_string().starts_with("::warning title=a%3A"));
        assert_eq!(plain.to_string().lines().count(), 1);
    }

    #[test]
    fn a_line_of_code_is_found_from_the_package() {
        let place = place_in_code(Location::caller());
        assert!(Path::new(&place.file).ends_with("crates/quarrel/src/github.rs"), "{place:?}");
        assert_eq!(place.line, Some(line!() - 2));
    }
}
