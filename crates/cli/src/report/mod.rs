//! What is answered. Each report is written once for people (`human`) and once for tools (`json`).
//!
//! `json` documents the schema; `campaign`, `run`, `replay`, `shrink`, `check` and `compare` are the reports; `junit` and `github` tell CI
//! servers of campaigns; `text` and `numbers` are what they are made of.

pub(crate) mod json;

pub(crate) mod campaign;
mod campaign_human;
pub(crate) mod check;
mod check_drawing;
pub(crate) mod check_help;
pub(crate) mod compare;
pub(crate) mod compare_json;
pub(crate) mod compare_table;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod shrink;

pub(crate) mod github;
pub(crate) mod junit;

pub(crate) mod numbers;
pub(crate) mod text;
