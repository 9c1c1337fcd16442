//! Reading real servers: what is read, by whom, over what connection, and what happens when it goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod commands;
mod connections;
mod dumps;
mod formats;
mod platform;
mod programs;
mod reading;
mod rogue;
mod sampling;
mod scale;
mod scan;
mod secrets;
mod trouble;
