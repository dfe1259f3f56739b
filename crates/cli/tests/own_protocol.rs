//! A protocol of somebody else behind the command line, and one that panics: each panic is a verdict, told once in the
//! report and never by the standard hook.
//!
//! This test is a program: with [`AS_QUARREL`] in its environment it is a command line, else it starts itself so: over
//! the standard protocols and this one, over this one alone, or over two of one's own.
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

/// One register on one node, by the library's macros.
mod keeper;

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
    match std::env::var(AS_QUARREL).as_deref() {
        Ok("among-others") => return quarrel_cli::main_with(Registry::standard().with::<Echo>()),
        Ok("alone") => return quarrel_cli::main::<keeper::Keeper>(),
        Ok("two") => {
            return quarrel_cli::main_with(Registry::default().with::<keeper::Keeper>().with::<Echo>());
        }
        _ => {}
    }
    // Whoever lists tests finds none: there is one, and it is this program.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    own_protocols_are_listed(folder.path());
    panics_are_verdicts_and_silent(folder.path());
    a_panic_outside_of_a_run_is_an_internal_error(folder.path());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    nobody_elses_protocol_is_mentioned(folder.path());
    scenarios_of_ones_own_have_names(folder.path());
    the_general_scenarios_can_be_run(folder.path());
    it_is_measured_without_a_theory(folder.path());
    println!("own_protocol: fine");
    ExitCode::SUCCESS
}

fn quarrel(folder: &Path, arguments: &str) -> Output {
    started("among-others", folder, arguments)
}

fn started(protocols: &str, folder: &Path, arguments: &str) -> Output {
    let program = std::env::current_exe().expect("a program knows itself");
    let mut command = Command::new(program);
    command.current_dir(folder).env(AS_QUARREL, protocols).args(arguments.split_whitespace());
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

/// What a command says on both streams; it must end with this code.
fn told(protocols: &str, folder: &Path, arguments: &str, code: i32) -> String {
    let Output { status, stdout, stderr } = started(protocols, folder, arguments);
    let told = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("");
    assert_eq!(status.code(), Some(code), "{arguments}: {told}");
    told
}

/// Not in help, not in listings, not in hints: and the program is called by its own name.
fn nobody_elses_protocol_is_mentioned(folder: &Path) {
    let mut asked: Vec<String> =
        ["", "--help", "list protocols", "list scenarios", "list flaws", "list invariants"]
            .map(String::from)
            .into();
    asked.extend(
        ["run", "campaign", "replay", "view", "shrink", "compare", "list"].map(|it| format!("{it} --help")),
    );
    for arguments in asked {
        let told = told("alone", folder, &arguments, 0);
        for stranger in ["raft/", "raft-rs", "paxos"] {
            assert!(!told.to_lowercase().contains(stranger), "{arguments}: {told}");
        }
    }
    let cases = [
        ("run raft/chaos", "no such scenario"),
        ("run keeper/caos", "did you mean `keeper/chaos`?"),
        ("run chaos", "did you mean `keeper/chaos`?"),
        ("run keeper/calm --flaw keeper/forgetfull", "did you mean `keeper/forgetful`?"),
    ];
    for (arguments, expected) in cases {
        let told = told("alone", folder, arguments, 2);
        assert!(told.contains(expected) && !told.contains("`quarrel "), "{arguments}: {told}");
    }
    let welcome = told("alone", folder, "", 0);
    assert!(
        welcome.contains("own_protocol") && welcome.contains("keeper/chaos --flaw keeper/forgetful"),
        "{welcome}"
    );
    assert!(told("alone", folder, "--version", 0).contains("with quarrel "));
}

fn scenarios_of_ones_own_have_names(folder: &Path) {
    let text = "# n1 is asked twice. It must remember.\nprotocol = \"keeper\"\nnodes = 1\nduration = \"1s\"\n\
                [[operation]]\nat = \"10ms\"\nclient = 1\nasks = \"write 3\"\n\
                [[operation]]\nat = \"20ms\"\nclient = 1\nasks = \"read\"\n";
    let mine = folder.join("scenarios/keeper");
    std::fs::create_dir_all(&mine).expect("there is room");
    std::fs::write(mine.join("twice.toml"), text).expect("there is room");
    std::fs::write(mine.join("chaos.toml"), text.replace("twice", "in chaos")).expect("there is room");
    std::fs::write(mine.join("broken.toml"), "nodes = 1").expect("there is room");
    let listed = told("two", folder, "list scenarios", 0);
    let names: Vec<&str> =
        listed.lines().filter_map(|line| line.split("  ").next()).filter(|it| !it.is_empty()).collect();
    assert_eq!(
        names,
        ["keeper/broken", "keeper/chaos", "keeper/twice", "keeper/calm", "echo/calm", "echo/chaos"]
    );
    assert!(listed.contains("It must remember.") && listed.contains("cannot be used"), "{listed}");
    // One's own counts more than the general one of the same name.
    assert!(listed.contains("in chaos"), "{listed}");
    let ran = told("two", folder, "run keeper/twice --history asked.jsonl", 0);
    assert!(ran.contains("2 operations asked, 2 answered"), "{ran}");
    assert!(told("two", folder, "check asked.jsonl --model register", 0).contains("linearizable"));
    let refused = told("two", folder, "run keeper/twice --set operation.0.asks=x", 2);
    assert!(!refused.contains("panicked"), "{refused}");
    std::fs::write(mine.join("chaos.toml"), text.replace("write 3", "enqueue 3")).expect("there is room");
    let refused = told("two", folder, "run keeper/chaos", 2);
    assert!(refused.contains("`enqueue 3` is asked of no register"), "{refused}");
    std::fs::remove_dir_all(folder.join("scenarios")).expect("it is ours");
}

fn the_general_scenarios_can_be_run(folder: &Path) {
    told("two", folder, "campaign keeper/calm --seeds 0..50", 0);
    told("alone", folder, "campaign keeper/chaos --seeds 0..200 --set nodes=2", 0);
    let lost = told("alone", folder, "campaign keeper/chaos --seeds 0..200 --flaw keeper/forgetful", 1);
    assert!(lost.contains("durability") || lost.contains("linearizability"), "{lost}");
    let replay = lost.lines().find_map(|line| line.trim().strip_prefix("replay  own_protocol"));
    let program = lost.lines().find(|line| line.contains("  replay  ")).expect("it says how to replay");
    assert!(program.contains("own_protocol"), "{program}");
    assert!(replay.is_none_or(|rest| rest.contains("quarrel-out/")), "{replay:?}");
}

/// `compare` knows nothing of it but its name: what it costs is measured all the same.
fn it_is_measured_without_a_theory(folder: &Path) {
    let told = told("alone", folder, "compare --set participants=1 --set runs=5", 0);
    for words in ["keeper", "its own problem", "compare --set participants=1 --set runs=5 --seed 0"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for stranger in ["raft", "paxos", "2pc"] {
        assert!(!told.contains(stranger), "{told}");
    }
}

fn write_scenario(folder: &Path, operations: &str) {
    let scenario =
        "# One node, some words.\nprotocol = \"echo\"\nnodes = 1\nduration = \"1s\"\n\n[workload]\n";
    let scenario = format!("{scenario}operations = {operations}\n");
    std::fs::write(folder.join("words.toml"), scenario).expect("there is room");
}
