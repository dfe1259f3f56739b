//! `quarrel new`: the skeleton of a crate with a protocol of one's own. It compiles, and its tests pass.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::Session;
use crate::args::NewArguments;
use crate::exit::{Failure, MET};
use crate::report::numbers::counted;

/// What stands where, below the folder. What stands between two `@` is filled in.
const TEMPLATES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../templates/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../../templates/lib.rs.txt")),
    ("src/main.rs", include_str!("../../templates/main.rs.txt")),
    ("tests/chaos.rs", include_str!("../../templates/chaos.rs.txt")),
    (".gitignore", include_str!("../../templates/gitignore.txt")),
];

/// The longest name: file systems and reports have room for it.
const NAME_BYTES_MAX: usize = 64;

/// Words that no crate can be called: Rust's own, those that Cargo or the skeleton needs, such as the folders that Cargo
/// builds in, and devices of Windows, where no file can be called so.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "aux",
    "await",
    "become",
    "box",
    "break",
    "build",
    "chaos",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "con",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "nul",
    "override",
    "priv",
    "prn",
    "proc_macro",
    "pub",
    "quarrel",
    "quarrel_cli",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Published crates that come with Quarrel, whether or not this program was built with them.
const BUILT_IN: [&str; 2] = ["omnipaxos", "raft-rs"];

pub(super) fn run(session: &mut Session<'_>, arguments: &NewArguments) -> Result<u8, Failure> {
    let name = arguments.name.as_str();
    check_name(name).map_err(|why| Failure::input(format!("`{}` {why}", name.escape_debug())))?;
    let checkout = Checkout::find(arguments.quarrel.as_deref())?;
    let folder = arguments.path.clone().unwrap_or_else(|| PathBuf::from(name));
    let files = files(name, &checkout)?;
    write_all(&folder, &files)?;
    let shown = quarrel::files::shell_word(folder.display());
    let names: Vec<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
    let document = json!({ "name": name, "folder": folder.display().to_string(), "files": names });
    session.output.answer(&document, || {
        format!(
            "{shown}: a protocol of your own, a register on a majority of nodes; {}\n\n\
             Next:\n  \
             cd {shown}\n  \
             cargo test\n      \
             two tests, 2,000 clusters under chaos each: it holds, and a deliberate mistake is found\n  \
             cargo run --release -- campaign {name}/chaos\n      \
             1,000 clusters, with a report of what was tried\n  \
             cargo run --release -- campaign {name}/chaos --flaw {name}/no-write-back\n      \
             the same with the mistake: this is to find the bug, and ends with exit code 1\n",
            counted(names.len() as u64, "file")
        )
    })?;
    Ok(MET)
}

/// Whether a crate, a protocol and a folder can be called so; else why not, after the name.
fn check_name(name: &str) -> Result<(), String> {
    let expected = "expected lower-case letters, digits, `-` and `_`, such as `my-protocol`";
    let is_fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_fine) {
        return Err(format!("is no name for a crate: {expected}"));
    }
    if !name.as_bytes()[0].is_ascii_lowercase() {
        return Err("is no name for a crate: it must begin with a letter".to_string());
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("is too long for a name: at most {NAME_BYTES_MAX} letters"));
    }
    let is_joint = |byte: u8| matches!(byte, b'-' | b'_');
    if name.as_bytes().windows(2).any(|pair| is_joint(pair[0]) && is_joint(pair[1]))
        || name.ends_with(['-', '_'])
    {
        return Err("is no name for a crate: each `-` or `_` stands alone between two words".to_string());
    }
    if TAKEN.contains(&crate_name(name).as_str()) {
        return Err(
            "cannot be the name of a crate: it is a word of Rust, of Cargo, of Windows or of Quarrel"
                .to_string(),
        );
    }
    if BUILT_IN.contains(&name) || crate::standard().find(name).is_some() {
        return Err(
            "is a protocol that comes with Quarrel: two of one name could not be told apart".to_string()
        );
    }
    Ok(())
}

/// What code calls the crate.
fn crate_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Where Quarrel's own code lies.
struct Checkout(PathBuf);

impl Checkout {
    /// The checkout that was named, or the one that this program was built from.
    fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let built_from = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = named.map_or_else(built_from, Path::to_path_buf);
        let has = |package: &str| root.join("crates").join(package).join("Cargo.toml").is_file();
        match root.canonicalize() {
            Ok(absolute) if has("quarrel") && has("cli") => Ok(Self(absolute)),
            _ if named.is_some() => {
                let shown = root.display();
                Err(Failure::input(format!(
                    "{shown}: this is no checkout of Quarrel: it has no crates/quarrel"
                )))
            }
            _ => Err(Failure::input(
                "the checkout that this program was built from is gone\n  \
                 = help: --quarrel PATH says where there is one",
            )),
        }
    }

    /// The path of one of its packages, as a manifest has it.
    fn package(&self, package: &str) -> Result<String, Failure> {
        let path = self.0.join("crates").join(package);
        match path.to_str() {
            Some(path) => Ok(toml_string(path)),
            None => Err(Failure::input(format!("{}: a manifest cannot name this path", path.display()))),
        }
    }
}

/// A basic string of TOML.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Every file, by its path below the folder.
fn files(name: &str, checkout: &Checkout) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let (library, command_line) = (checkout.package("quarrel")?, checkout.package("cli")?);
    let fill = |text: &str| {
        let text = text.replace("@NAME@", name).replace("@CRATE@", &crate_name(name));
        text.replace("@LIBRARY@", &library).replace("@COMMAND_LINE@", &command_line)
    };
    let mut files: Vec<(String, Vec<u8>)> =
        TEMPLATES.iter().map(|(file, text)| ((*file).to_string(), fill(text).into_bytes())).collect();
    // A register has one key and no state machine to choose, and the skeleton no timer for clocks to change.
    let chaos = quarrel::Scenario::chaos(5).must_come_back().without("clock").text(name);
    let is_of_others = |line: &&str| {
        ["machine", "keys", "drift", "timer-spread"].iter().any(|key| line.starts_with(&format!("{key} = ")))
            || *line == "[clock]"
    };
    let chaos: String =
        chaos.lines().filter(|line| !is_of_others(line)).flat_map(|line| [line, "\n"]).collect();
    let chaos = chaos.replace("\n\n\n", "\n\n");
    files.push((format!("scenarios/{name}/chaos.toml"), chaos.into_bytes()));
    // The versions that the checkout is tested with. Without them, Cargo chooses.
    if let Ok(lock) = std::fs::read(checkout.0.join("Cargo.lock")) {
        files.push(("Cargo.lock".to_string(), lock));
    }
    Ok(files)
}

/// Writes all files or none: into a folder beside its own, which gets its name when it is whole.
fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let shown = folder.display();
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::input(format!("{shown}: there is something already")));
    }
    let Some(last) = folder.file_name() else {
        return Err(Failure::input(format!("{shown}: this is no name for a folder")));
    };
    let mut draft = std::ffi::OsString::from(".");
    draft.push(last);
    draft.push(format!(".{}.draft", std::process::id()));
    let draft = folder.with_file_name(draft);
    let written = write_into(&draft, files).and_then(|()| std::fs::rename(&draft, folder));
    written.map_err(|error| {
        // Whatever is left of the draft is of no use to anybody; that it cannot be removed either is no news.
        let _unwanted = std::fs::remove_dir_all(&draft);
        Failure::input(format!("{shown}: cannot be written: {error}"))
    })
}

fn write_into(draft: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    if let Some(parent) = draft.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::create_dir(draft)?;
    for (file, bytes) in files {
        let path = draft.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates() {
        for name in ["demo", "my-register", "raft2", "a_b", &"x".repeat(64)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let too_long = "x".repeat(65);
        for name in [
            "",
            "Demo",
            "2pc",
            "-x",
            "_x",
            "a b",
            "a/b",
            "..",
            "fn",
            "test",
            "quarrel",
            "quarrel-cli",
            "build",
            "deps",
            "examples",
            "incremental",
            "con",
            "com1",
            "chaos",
            "my--protocol",
            "my-_protocol",
            "my__protocol",
            "my-",
            "raft",
            "paxos",
            "raft-rs",
            "omnipaxos",
            "\u{e9}",
            &too_long,
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(TAKEN.is_sorted());
    }

    #[test]
    fn paths_are_quoted_as_toml_has_it() {
        assert_eq!(toml_string("/a b/\"c\"\\d\n"), r#""/a b/\"c\"\\d\u000A""#);
    }

    #[test]
    fn half_a_folder_is_never_left_behind() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("demo");
        let files = |second: &str| vec![("a".to_string(), vec![1]), (second.to_string(), vec![2])];
        // A file where a folder would have to be.
        assert!(write_all(&folder, &files("a/b")).is_err());
        assert_eq!(std::fs::read_dir(place.path()).expect("it is there").count(), 0);
        assert!(write_all(&folder, &files("b/c")).is_ok());
        assert_eq!(std::fs::read(folder.join("b/c")).expect("it was written"), [2]);
        let again = write_all(&folder, &files("b/c")).expect_err("it is there already");
        assert!(again.message.contains("there is something already"), "{}", again.message);
        // Folders above it are created, as those of `--out` are.
        assert!(write_all(&place.path().join("no/such/demo"), &files("b")).is_ok());
        assert!(write_all(&folder.join("b/c/demo"), &files("b")).is_err(), "there is a file");
    }
}
