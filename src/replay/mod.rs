//! Migrations applied: operations to the state of the project and to the tables of each alias.

mod alter;
mod code;
mod editor;
mod fields;
mod options;
mod routers;
mod run;
mod sql;
mod state;

pub use routers::Routers;
pub use run::Replay;
