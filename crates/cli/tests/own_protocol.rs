//! A protocol of somebody else behind the command line, and one that panics: each panic is a verdict, told once in the
//! report and never by the standard hook.
//!
//! This test is a program: with [`AS_QUARREL`] in its environment it is the command line, else it starts itself so.
#![allow(clippy::disallowed_methods, reason = "this test starts itself and looks at its files")]

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use quarrel::NoService;
use quarrel_formats::scenario::Complaint;
use quarrel_harness::dice::Dice;
use quarrel_harness::registry::Registry;
use quarrel_harness::{Asker, NoInvariants, RawOptions, Setting, Subject};
use quarrel_protocol::{
    Announcement, Answer, ClientReply, Effects, Fingerprint, Fingerprinter, Input, Kinded, Message, NodeId,
    Nothing, Protocol, Summary,
};
use serde::{Deserialize, Serialize};

/// The variable that makes this test the command line.
const AS_QUARREL: &str = "OWN_PROTOCOL_AS_QUARREL";

/// The request that makes a node panic.
const FATAL: u64 = 3;

/// How many requests can be drawn. Running out of them is no fault of the protocol.
const WORDS: u32 = 20;

/// Answers what it is asked; it has no nodes to agree with, and no reason to live on.
struct Echo;

/// All that crosses the contract: a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Word(u64);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "word {}", self.0)
    }
}

impl Fingerprint for Word {
    fn fingerprint(&self, printer: &mut Fingerprinter) {
        self.0.fingerprint(printer);
    }
}

impl Kinded for Word {
    const KINDS: &'static [&'static str] = &["word"];

    fn kind(&self) -> usize {
        0
    }
}

impl Message for Word {}

impl Announcement for Word {
    const FIELDS: &'static [&'static [&'static str]] = &[&[]];

    fn field(&self, _: usize) -> u64 {
        0
    }

    fn is_milestone(&self) -> bool {
        true
    }
}

impl ClientReply for Word {
    fn answer(&self) -> Answer {
        Answer::Done
    }
}

impl Protocol for Echo {
    const NAME: &'static str = "echo";
    type Config = ();
    type Request = Word;
    type Reply = Word;
    type Output = Word;
    type Admin = Nothing;
    type Message = Word;
    type Timer = Word;
    type Record = Word;
    type Event = Word;

    fn recover((): &(), _: NodeId, _: &[Word], _: &mut Effects<Self>) -> Self {
        Self
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        if let Input::Request { client, id, request, .. } = input {
            assert_ne!(request.0, FATAL, "this word is too much");
            effects.reply(client, id, request);
        }
    }

    fn assert_invariants(&self) {}

    fn summary(&self) -> Summary {
        Summary::default()
    }
}

impl Subject for Echo {
    type Invariants = NoInvariants;
    type Properties = NoInvariants;
    /// Whatever is answered is right.
    type Service = NoService;
    type Options = ();

    fn options(_: &RawOptions) -> Result<(), Complaint> {
        Ok(())
    }

    fn configure((): &(), _: Setting<'_>, _: &mut Dice) {}

    fn request(asker: &mut Asker<'_>) -> Word {
        assert!(asker.number < WORDS, "there are no more words");
        Word(u64::from(asker.number))
    }
}

fn main() -> ExitCode {
    if std::env::var_os(AS_QUARREL).is_some() {
        return quarrel_cli::main_with(Registry::standard().with::<Echo>());
    }
    // Whoever lists tests finds none: there is one, and it is this program.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    own_protocols_are_listed(folder.path());
    panics_are_verdicts_and_silent(folder.path());
    a_panic_outside_of_a_run_is_an_internal_error(folder.path());
    println!("own_protocol: fine");
    ExitCode::SUCCESS
}

fn quarrel(folder: &Path, arguments: &str) -> Output {
    let program = std::env::current_exe().expect("a program knows itself");
    let mut command = Command::new(program);
    command.current_dir(folder).env(AS_QUARREL, "1").args(arguments.split_whitespace());
    command.output().expect("it starts")
}

fn own_protocols_are_listed(folder: &Path) {
    let listing = quarrel(folder, "list protocols");
    assert!(String::from_utf8_lossy(&listing.stdout).contains("echo"));
}

fn panics_are_verdicts_and_silent(folder: &Path) {
    for (operations, code) in [("3", 0), ("10", 1)] {
        write_scenario(folder, operations);
        for command in
            ["run words.toml --trace run.jsonl", "campaign words.toml --seeds 0..200", "replay run.jsonl"]
        {
            let Output { status, stdout, stderr } = quarrel(folder, command);
            let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
            let code = if command.starts_with("replay") { 0 } else { code };
            assert_eq!(status.code(), Some(code), "{command}: {said}{complained}");
            assert_eq!(complained, "", "{command}");
            assert_eq!(said.contains("this word is too much"), operations == "10", "{command}: {said}");
        }
    }
}

fn a_panic_outside_of_a_run_is_an_internal_error(folder: &Path) {
    write_scenario(folder, "21");
    for command in ["run words.toml", "campaign words.toml --seeds 0..200 --jobs 2"] {
        let Output { status, stderr, .. } = quarrel(folder, command);
        let complained = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(3), "{command}: {complained}");
        assert_eq!(
            complained.matches("internal error: there are no more words, at ").count(),
            1,
            "{complained}"
        );
        assert!(complained.lines().count() <= 2, "{complained}");
    }
}

fn write_scenario(folder: &Path, operations: &str) {
    let scenario =
        "# One node, some words.\nprotocol = \"echo\"\nnodes = 1\nduration = \"1s\"\n\n[workload]\n";
    let scenario = format!("{scenario}operations = {operations}\n");
    std::fs::write(folder.join("words.toml"), scenario).expect("there is room");
}
