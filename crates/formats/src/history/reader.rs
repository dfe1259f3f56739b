//! From bytes to operations: line by line, each completion paired with its invocation.

use super::event::{self, Event, Kind, Process};
use super::json::Flaw;
use super::names::quoted as in_quotes;
use super::object::KeyRule;
use super::operation::{End, Operation, Record};
use super::{Object, Reuse, words};
use crate::InputError;
use crate::input::quoted;

/// Reads the history in the bytes of `file`.
pub(super) fn read(file: &str, bytes: &[u8], object: Object, reuse: Reuse) -> Result<Record, InputError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if u32::try_from(bytes.len()).is_err() {
        return Err(InputError::whole(file, "larger than 4 GiB, refused"));
    }
    let mut reader = Reader {
        record: Record::new(object),
        reuse,
        slots: Vec::new(),
        keyed: None,
        index: Rising::default(),
        time: Rising::default(),
    };
    for (number, line) in (1_u32..).zip(bytes.split(|&byte| byte == b'\n')) {
        reader.line(number, line).map_err(|flaw| {
            let error = InputError::in_line(file, number as usize, line, flaw.range, flaw.message);
            error.with_help(flaw.help)
        })?;
    }
    Ok(reader.finish())
}

/// What a process is doing.
#[derive(Clone, Copy)]
enum Slot {
    Idle,
    /// It waits for the answer to this operation.
    Waiting(usize),
    /// It will never learn what became of this operation; the line that says so.
    Lost(usize, u32),
}

struct Reader {
    record: Record,
    reuse: Reuse,
    /// By number of the process.
    slots: Vec<Slot>,
    /// Whether operations name a key, and the line that said so first.
    keyed: Option<(bool, u32)>,
    index: Rising,
    time: Rising,
}

impl Reader {
    fn line(&mut self, number: u32, line: &[u8]) -> Result<(), Flaw> {
        let text = std::str::from_utf8(line).map_err(|error| {
            let at = error.valid_up_to();
            Flaw::new(at..at + error.error_len().unwrap_or(1), "this is not UTF-8")
        })?;
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let Some(event) = event::read(text)? else {
            self.record.nemesis_lines += 1;
            return Ok(());
        };
        self.index.take(event.index, number);
        self.time.take(event.time, number);
        let process = self.process(&event.process);
        match event.kind {
            Kind::Invoke => self.invoke(number, process, &event),
            Kind::Ok | Kind::Fail | Kind::Info => self.complete(number, process, &event),
        }
    }

    /// The number of a process: `1` and `"1"` are two.
    fn process(&mut self, process: &Process<'_>) -> u32 {
        let number = match process {
            Process::Number(number) => self.record.processes.text(&number.to_string()),
            Process::Name(name) => self.record.processes.text(&in_quotes(name)),
        };
        if number as usize == self.slots.len() {
            self.slots.push(Slot::Idle);
        }
        number
    }

    fn show(&self, process: u32) -> &str {
        self.record.processes.show(process)
    }

    fn invoke(&mut self, number: u32, process: u32, event: &Event<'_>) -> Result<(), Flaw> {
        let at = || event.process_range.clone();
        match self.slots[process as usize] {
            Slot::Idle => {}
            Slot::Waiting(pending) => {
                let (name, line) = (self.show(process), self.record.operations[pending].line);
                let message =
                    format!("process {name} asks again while its operation of line {line} is pending");
                let help = "an `info` line ends an operation whose outcome nobody knows";
                return Err(Flaw::new(at(), message).with_help(help));
            }
            Slot::Lost(lost, ended) if self.reuse == Reuse::Refused => {
                let (name, line) = (self.show(process), self.record.operations[lost].line);
                let message = format!(
                    "process {name} asks again, but its operation of line {line} ended in `info` on line {ended}"
                );
                let help = "--reuse-processes accepts this; the earlier operation stays unknown";
                return Err(Flaw::new(at(), message).with_help(help));
            }
            Slot::Lost(..) => {}
        }
        let key = self.key(number, event)?;
        let asked = words::asked(&mut self.record, event)?;
        self.slots[process as usize] = Slot::Waiting(self.record.operations.len());
        self.record.operations.push(Operation { process, key, asked, line: number, end: End::Pending });
        Ok(())
    }

    /// The key of an invocation.
    fn key(&mut self, number: u32, event: &Event<'_>) -> Result<Option<u32>, Flaw> {
        let missing = |message: String| Flaw::new(event.function_range.clone(), message);
        match (self.record.object.key_rule(), &event.key) {
            (KeyRule::Forbidden, None) => return Ok(None),
            (KeyRule::Forbidden, Some(key)) => {
                return Err(Flaw::new(key.range.clone(), format!("a {} has no keys", self.record.object)));
            }
            (KeyRule::Required, None) => {
                return Err(missing(format!("{} has no `key`", quoted(&event.function))));
            }
            (KeyRule::Required | KeyRule::AllOrNone, _) => {}
        }
        match (self.keyed, &event.key) {
            (Some((true, line)), None) => {
                let message = format!("{} has no `key`, as line {line} has", quoted(&event.function));
                return Err(missing(message).with_help("either every operation names a key, or none does"));
            }
            (Some((false, line)), Some(key)) => {
                let message = format!("here is a key, and line {line} has none");
                let flaw = Flaw::new(key.range.clone(), message);
                return Err(flaw.with_help("either every operation names a key, or none does"));
            }
            _ => {}
        }
        self.keyed.get_or_insert((event.key.is_some(), number));
        event.key.as_ref().map(|key| self.record.keys.scalar(key, "a key")).transpose()
    }

    fn complete(&mut self, number: u32, process: u32, event: &Event<'_>) -> Result<(), Flaw> {
        let pending = self.pending(process, event)?;
        self.check_same(pending, event)?;
        let mut asked = self.record.operations[pending].asked;
        let (end, slot) = match event.kind {
            Kind::Ok => {
                let told = words::told(&mut self.record, &mut asked, event)?;
                (End::Answered { line: number, told }, Slot::Idle)
            }
            // What stands in `value` here is often the reason, such as "timed-out": it says nothing.
            Kind::Fail => (End::Failed, Slot::Idle),
            Kind::Info => (End::Unknown { line: number }, Slot::Lost(pending, number)),
            Kind::Invoke => unreachable!("an invocation completes nothing"),
        };
        let operation = &mut self.record.operations[pending];
        (operation.asked, operation.end) = (asked, end);
        self.slots[process as usize] = slot;
        Ok(())
    }

    /// The operation that a completion is about.
    fn pending(&self, process: u32, event: &Event<'_>) -> Result<usize, Flaw> {
        let (name, kind) = (self.show(process), event.kind.name());
        let message = match self.slots[process as usize] {
            Slot::Waiting(pending) => return Ok(pending),
            Slot::Idle => format!("`{kind}` without an invocation: process {name} has nothing pending"),
            Slot::Lost(lost, ended) => {
                let line = self.record.operations[lost].line;
                format!(
                    "`{kind}` without an invocation: the operation of process {name} of line {line} ended in \
                     `info` on line {ended}"
                )
            }
        };
        let flaw = Flaw::new(event.process_range.clone(), message);
        Err(match event.process {
            Process::Name(_) => flaw.with_help("lines that are no client's belong to process \"nemesis\""),
            Process::Number(_) => flaw,
        })
    }

    /// A completion repeats the operation and, if it wants to, the key of its invocation.
    fn check_same(&mut self, pending: usize, event: &Event<'_>) -> Result<(), Flaw> {
        let Operation { key, asked, line, .. } = self.record.operations[pending];
        let function = asked.function();
        if event.function != function {
            let message =
                format!("this completes {}, but line {line} asks `{function}`", quoted(&event.function));
            return Err(Flaw::new(event.function_range.clone(), message));
        }
        let Some(node) = &event.key else { return Ok(()) };
        let told = self.record.keys.scalar(node, "a key")?;
        match key {
            Some(asked) if asked == told => Ok(()),
            Some(asked) => {
                let message = format!("another key than line {line} has: {}", self.record.keys.show(asked));
                Err(Flaw::new(node.range.clone(), message))
            }
            None => Err(Flaw::new(node.range.clone(), format!("here is a key, and line {line} has none"))),
        }
    }

    fn finish(mut self) -> Record {
        for (name, rising) in [("index", &self.index), ("time", &self.time)] {
            if let Some(line) = rising.falls {
                self.record.notes.push(format!(
                    "`{name}` falls at line {line}: it is not looked at, the order of the lines counts"
                ));
            }
        }
        self.record
    }
}

/// Whether numbers rise from line to line, as they should.
#[derive(Default)]
struct Rising {
    last: Option<i128>,
    /// The first line where they do not.
    falls: Option<u32>,
}

impl Rising {
    fn take(&mut self, number: Option<i128>, line: u32) {
        if number.is_some() && number < self.last {
            self.falls.get_or_insert(line);
        }
        self.last = number.or(self.last);
    }
}
