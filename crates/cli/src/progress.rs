//! Progress on standard error: a bar on a terminal, elsewhere a plain line every ten seconds.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quarrel::engine::{Orders, Progress};

use crate::output::say;
use crate::report::numbers::{grouped, span_text};

/// How often a plain line is said.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells how far a campaign is.
pub(crate) struct Teller {
    scenario: String,
    started: Instant,
    /// With a time limit, progress is time.
    time_limit: Option<Duration>,
    shape: Shape,
}

enum Shape {
    Bar(ProgressBar),
    Lines { last: Mutex<Instant> },
}

impl Teller {
    /// Begins to tell.
    pub(crate) fn new(scenario: &str, orders: &Orders) -> Self {
        let started = Instant::now();
        let shape = if std::io::stderr().is_terminal() {
            Shape::Bar(bar(scenario, orders))
        } else {
            Shape::Lines { last: Mutex::new(started) }
        };
        Self { scenario: scenario.to_string(), started, time_limit: orders.time_limit, shape }
    }

    /// The campaign has come a step further.
    pub(crate) fn on_progress(&self, progress: Progress) {
        match (&self.shape, progress) {
            (Shape::Bar(bar), Progress::Runs { done, failed, .. }) => self.move_bar(bar, done, failed),
            (Shape::Bar(bar), Progress::Shrinking { seed }) => {
                bar.set_message(format!("shrinking seed {seed}"));
            }
            (Shape::Lines { last }, _) => self.every_ten_seconds(last, || self.line(progress)),
        }
    }

    fn move_bar(&self, bar: &ProgressBar, done: u64, failed: u64) {
        bar.set_position(match self.time_limit {
            Some(limit) => self.started.elapsed().min(limit).as_secs(),
            None => done,
        });
        bar.set_message(match (self.time_limit, failed) {
            (None, 0) => String::new(),
            (None, failed) => format!("{} failed", grouped(failed)),
            (Some(_), failed) => format!("{} runs, {} failed", grouped(done), grouped(failed)),
        });
    }

    /// There is nothing more to tell.
    pub(crate) fn finish(self) {
        if let Shape::Bar(bar) = self.shape {
            bar.finish_and_clear();
        }
    }

    fn every_ten_seconds(&self, last: &Mutex<Instant>, line: impl FnOnce() -> String) {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            say(&format!("{}\n", line()));
        }
    }

    fn line(&self, progress: Progress) -> String {
        let scenario = &self.scenario;
        match progress {
            Progress::Runs { done, total, failed } => {
                format!("{scenario}: {}", self.runs_text(done, total, failed))
            }
            Progress::Shrinking { seed } => format!("{scenario}: shrinking seed {seed}"),
        }
    }

    fn runs_text(&self, done: u64, total: u64, failed: u64) -> String {
        let elapsed = self.started.elapsed();
        let elapsed_ms = elapsed.as_millis().max(1);
        let rate = (u128::from(done) * 1000 / elapsed_ms) as u64;
        let (of, left_ms) = match self.time_limit {
            Some(limit) => (String::new(), limit.saturating_sub(elapsed).as_millis()),
            None => {
                let left = u128::from(total.saturating_sub(done)) * elapsed_ms / u128::from(done.max(1));
                (format!(" of {}", grouped(total)), left)
            }
        };
        let failures = if failed > 0 { format!(", {} failed", grouped(failed)) } else { String::new() };
        let left = span_text(Duration::from_millis(u64::try_from(left_ms).unwrap_or(u64::MAX)));
        format!("{}{of} runs{failures}, {} a second, {left} left", grouped(done), grouped(rate))
    }
}

fn bar(scenario: &str, orders: &Orders) -> ProgressBar {
    let (length, template) = match orders.time_limit {
        Some(limit) => (limit.as_secs(), "{prefix} {bar:30} {elapsed}, {eta} left {msg}"),
        None => {
            let runs = orders.seeds.end - orders.seeds.start;
            (runs, "{prefix} {bar:30} {human_pos} of {human_len} runs, {per_sec}, {eta} left {msg}")
        }
    };
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(5))
        .with_style(style)
        .with_prefix(scenario.to_string())
}
