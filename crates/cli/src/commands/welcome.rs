//! `quarrel`: what to try first. Somebody who asks nothing has not made a mistake, so this ends with 0.

use quarrel_harness::registry::Registry;

use crate::Session;
use crate::exit::{Failure, MET};

/// The flaw to show first, where it is there.
const BEST_KNOWN: &str = "commit-old-term";

pub(super) fn run(session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut text = "\
Quarrel makes replicas quarrel and shows whether they still agree.

Try first:
"
    .to_string();
    text.push_str(&examples(session.registry));
    // No backslash in front: it would take the indent of the first line with it.
    text.push_str(
        "  PROGRAM replay quarrel-out/*.jsonl
      the same failures again, event for event

  PROGRAM list scenarios      what can be run
  PROGRAM list flaws          which bugs can be switched on
  PROGRAM --help              all commands; also PROGRAM campaign --help
",
    );
    session.output.print(&text.replace("PROGRAM", &session.program))?;
    Ok(MET)
}

/// What to try with the first protocol there is, and with the first that has a flaw.
fn examples(registry: &Registry) -> String {
    let mut text = String::new();
    if let Some(entry) = registry.entries().next() {
        text.push_str(&format!("  PROGRAM campaign {}/chaos\n", entry.name()));
        text.push_str("      a thousand simulated clusters under faults; every property must hold\n");
    }
    if let Some(entry) = registry.entries().find(|entry| !entry.flaws().is_empty()) {
        let best_known = entry.flaws().iter().find(|flaw| flaw.name == BEST_KNOWN);
        let flaw = best_known.unwrap_or(&entry.flaws()[0]).name;
        text.push_str(&format!("  PROGRAM campaign {0}/chaos --flaw {0}/{flaw}\n", entry.name()));
        text.push_str(
            "      the same with a real bug switched on: found, made small, told, and written to a trace\n",
        );
    }
    text
}
