//! `quarrel show`: a scenario as it is written.

use serde_json::json;

use crate::Session;
use crate::args::ShowArguments;
use crate::exit::{Failure, MET};
use crate::scenarios::text_of;

pub(super) fn run(session: &mut Session<'_>, arguments: &ShowArguments) -> Result<u8, Failure> {
    let (text, file) = text_of(session, &arguments.scenario)?;
    let document = json!({
        "name": arguments.scenario,
        "file": file.map(|path| path.display().to_string()),
        "text": text,
    });
    session.output.answer(&document, || text.clone())?;
    Ok(MET)
}
