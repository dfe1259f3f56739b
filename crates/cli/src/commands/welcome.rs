//! `quarrel`: what to try first. Somebody who asks nothing has not made a mistake, so this ends with 0.

use crate::Session;
use crate::exit::{Failure, MET};

pub(super) fn run(session: &mut Session<'_>) -> Result<u8, Failure> {
    let text = "\
Quarrel makes replicas quarrel and shows whether they still agree.

Try first:
  PROGRAM campaign raft/chaos
      a thousand simulated clusters under faults; every property of the paper must hold
  PROGRAM campaign raft/chaos --flaw raft/commit-old-term
      the same with a real bug switched on: found, made small, told, and written to a trace
  PROGRAM replay quarrel-out/*.jsonl
      the same failures again, event for event

  PROGRAM list scenarios      what can be run
  PROGRAM list flaws          which bugs can be switched on
  PROGRAM --help              all commands; also PROGRAM campaign --help
";
    session.output.print(&text.replace("PROGRAM", &session.program))?;
    Ok(MET)
}
