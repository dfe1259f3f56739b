//! One file for each command.

mod campaign;
mod check;
mod compare;
mod list;
mod new;
mod replay;
mod run;
mod show;
mod shrink;
mod view;
mod welcome;

use crate::Session;
use crate::args::Command;
use crate::exit::Failure;

/// Does what was asked and returns the exit code.
pub(crate) fn run(session: &mut Session<'_>, command: Option<Command>) -> Result<u8, Failure> {
    match command {
        None => welcome::run(session),
        Some(Command::Run(arguments)) => run::run(session, &arguments),
        Some(Command::Campaign(arguments)) => campaign::run(session, &arguments),
        Some(Command::Replay(arguments)) => replay::run(session, &arguments),
        Some(Command::Shrink(arguments)) => shrink::run(session, &arguments),
        Some(Command::View(arguments)) => view::run(session, &arguments),
        Some(Command::Check(arguments)) => check::run(session, &arguments),
        Some(Command::Compare(arguments)) => compare::run(session, &arguments),
        Some(Command::New(arguments)) => new::run(session, &arguments),
        Some(Command::Show(arguments)) => show::run(session, &arguments),
        Some(Command::List(arguments)) => list::run(session, arguments.what),
    }
}
