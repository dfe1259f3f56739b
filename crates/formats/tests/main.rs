//! All of it is one program: what the tests share is built once, and they run side by side.

mod fuzz;
mod history;
mod history_errors;
mod history_models;
mod history_reference;
mod reference;
mod sample;
mod scenario;
mod scenario_errors;
mod trace;
mod traitors;
mod words;
