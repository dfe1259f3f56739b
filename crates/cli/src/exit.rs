//! Exit codes, and failures that carry one.

use quarrel_formats::InputError;

/// The expectation is met.
pub(crate) const MET: u8 = 0;
/// A property is violated, or the expectation is not met.
pub(crate) const NOT_MET: u8 = 1;
/// Usage or bad input; also a place that cannot be written to.
pub(crate) const USAGE: u8 = 2;
/// An internal error, or nondeterminism.
pub(crate) const INTERNAL: u8 = 3;
/// Vacuous or incomplete.
pub(crate) const VACUOUS: u8 = 4;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 75;

/// A command gave up: why, and with which exit code.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    /// Where it is: file, line and column.
    pub(crate) place: Option<(String, usize, usize)>,
}

impl Failure {
    /// What was asked or given is wrong.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), place: None }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let place = error.line().zip(error.column());
        let place = place.map(|(line, column)| (error.file().to_string(), line, column));
        Self { place, ..Self::input(error.to_string()) }
    }
}

/// The code of several answers: an interruption outranks all, an internal error bad input, that a violation, and a
/// violation emptiness.
pub(crate) fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| match *code {
        MET => 0,
        VACUOUS => 1,
        NOT_MET => 2,
        USAGE => 3,
        INTERNAL => 4,
        _ => 5,
    };
    codes.into_iter().max_by_key(rank).unwrap_or(MET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_decides() {
        assert_eq!(worst([]), MET);
        assert_eq!(worst([MET, VACUOUS, MET]), VACUOUS);
        assert_eq!(worst([VACUOUS, NOT_MET]), NOT_MET);
        assert_eq!(worst([INTERNAL, NOT_MET, USAGE]), INTERNAL);
        assert_eq!(worst([NOT_MET, INTERRUPTED, MET]), INTERRUPTED);
    }
}
