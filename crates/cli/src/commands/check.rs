//! `quarrel check`: whether a client history, from anywhere, is linearizable.

use quarrel::files;
use quarrel_formats::history::{self, Object, Reuse, Verdict};

use crate::Session;
use crate::args::{CheckArguments, Model};
use crate::exit::{Failure, MET, NOT_MET, VACUOUS};
use crate::report::check::CheckReport;

/// The largest history: about ten million lines.
const HISTORY_BYTES_MAX: u64 = 1 << 30;

pub(super) fn run(session: &mut Session<'_>, arguments: &CheckArguments) -> Result<u8, Failure> {
    let path = &arguments.history;
    let bytes = files::read(path, HISTORY_BYTES_MAX)?;
    let reuse = if arguments.reuse_processes { Reuse::Accepted } else { Reuse::Refused };
    let file = path.display().to_string();
    let finding = history::check(&file, &bytes, object(arguments.model), reuse, arguments.budget())?;
    let code = match finding.verdict {
        // Nothing contradicts anything: a wrong file is more likely than a client that asked nothing.
        Verdict::Linearizable if finding.census.operations == 0 => VACUOUS,
        Verdict::Linearizable => MET,
        Verdict::Violation(_) => NOT_MET,
        Verdict::Unknown { .. } => VACUOUS,
    };
    let report = CheckReport { arguments, finding: &finding, program: &session.program, code };
    session.output.answer(&report.json(), || report.human())?;
    Ok(code)
}

const fn object(model: Model) -> Object {
    match model {
        Model::Register => Object::Register,
        Model::Kv => Object::Kv,
        Model::Bank => Object::Bank,
        Model::Lock => Object::Lock,
        Model::Queue => Object::Queue,
    }
}
