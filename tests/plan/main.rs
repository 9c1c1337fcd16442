//! The plan: its order, its scripts, and what becomes of real servers when they are run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as the tests do")]

mod django;
mod end_to_end;
mod facts;
mod folder;
mod order;
mod plain_fields;
mod platform;
mod preflight;
mod running;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod writer;
