//! How rates become answers: what one drawn word says of one message.

use crate::decision::Fate;
use crate::draw::{between, exponential, mix, slice, threshold};
use crate::world::{DelayShape, Rates};

/// Thresholds of 20 bits, prepared from rates.
#[derive(Clone, Copy, Default)]
pub(crate) struct Thresholds {
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    pub(crate) delay: u64,
    pub(crate) timer: u64,
    pub(crate) sync: u64,
    pub(crate) lost: u64,
    pub(crate) cut: u64,
    pub(crate) torn: u64,
}

impl Thresholds {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            loss: threshold(rates.loss_ppm),
            duplication: threshold(rates.duplication_ppm),
            delay: threshold(rates.delay_ppm),
            timer: threshold(rates.timer_ppm),
            sync: threshold(rates.sync_ppm),
            lost: threshold(rates.lost_ppm),
            cut: threshold(rates.cut_ppm),
            torn: threshold(rates.torn_ppm),
        }
    }
}

/// The whole fate of a message from one sliced draw; each class reads its own slice, so that none shifts another.
#[inline]
pub(crate) fn draw_fate(rates: &Rates, thresholds: &Thresholds, word: u64) -> u64 {
    let word = mix(word);
    let lost = slice(word, 0) < thresholds.loss;
    let twice = slice(word, 1) < thresholds.duplication;
    let late = slice(word, 2) < thresholds.delay;
    if lost || twice || late {
        return draw_perturbed(rates, thresholds, word);
    }
    if rates.spread_us == 0 { 0 } else { Fate::Arrives(spread(rates, mix(word))).encode() }
}

/// The fate of a message that is lost, doubled or held up. Most are not.
#[cold]
#[inline(never)]
fn draw_perturbed(rates: &Rates, thresholds: &Thresholds, word: u64) -> u64 {
    if slice(word, 0) < thresholds.loss {
        return Fate::Lost.encode();
    }
    let (twice, late) = (slice(word, 1) < thresholds.duplication, slice(word, 2) < thresholds.delay);
    let word = mix(word);
    let first = spread(rates, word) + if late { draw_delay(rates, mix(word)) } else { 0 };
    match twice {
        // The copy takes its own way.
        true => {
            let second = spread(rates, mix(word ^ 1)) + draw_delay(rates, mix(word ^ 2)).max(1);
            Fate::Twice(first, second).encode()
        }
        false => Fate::Arrives(first).encode(),
    }
}

/// What every message takes beside the base latency.
#[inline]
fn spread(rates: &Rates, word: u64) -> u32 {
    between(word, 0, u64::from(rates.spread_us)) as u32
}

fn draw_delay(rates: &Rates, word: u64) -> u32 {
    let most = u64::from(rates.delay_max_us);
    let delay = match rates.delay_shape {
        DelayShape::Uniform => between(word, 0, most),
        DelayShape::Exponential => exponential(word, most / 8).min(most),
        DelayShape::Bimodal => {
            if word & 1 == 0 {
                between(mix(word), 0, most / 16)
            } else {
                between(mix(word), most - most / 8, most)
            }
        }
    };
    delay as u32
}
