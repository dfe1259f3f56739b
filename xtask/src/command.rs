//! Running cargo, and saying in a sentence what went wrong.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};

/// Cargo, from the root of the checkout, reading nothing from the terminal.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    // Whoever runs xtask through cargo tells it which cargo that was.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end, its output going where ours goes.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = spell(&command);
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// A command that runs beside others. What it prints is shown when it is waited for.
pub(crate) struct Beside {
    line: String,
    output: JoinHandle<std::io::Result<Output>>,
}

impl Beside {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        Self { line: spell(&command), output: std::thread::spawn(move || command.output()) }
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { line, output } = self;
        let Ok(output) = output.join() else { unreachable!("waiting for a process does not panic") };
        let Output { status, stdout, stderr } =
            output.with_context(|| format!("`{line}` could not be started"))?;
        for said in [stdout, stderr] {
            print!("{}", String::from_utf8_lossy(&said));
        }
        if !status.success() {
            bail!("`{line}` failed ({status})");
        }
        Ok(())
    }
}

/// The command as somebody would type it.
pub(crate) fn spell(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        let quote = if value.contains(' ') { "\"" } else { "" };
        Some(format!("{}={quote}{value}{quote}", name.to_string_lossy()))
    });
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    settings.chain(["cargo".to_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod check {
    use super::*;

    #[test]
    fn a_command_is_spelled_as_it_is_typed() {
        let mut command = cargo(Path::new("."), &["doc", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(spell(&command), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps");
    }
}
