//! Finds every touchpoint of a Django model in a project, replays its migrations, cross-checks live databases, and
//! plans the change of its MySQL table.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod ast;
pub mod discover;
pub mod django;
pub mod field;
pub mod finding;
pub mod literal;
pub mod migration;
pub mod model;
pub mod modules;
pub mod parse;
pub mod project;
pub mod replay;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod sql;
pub mod touchpoint;
