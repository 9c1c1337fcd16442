//! Migrations: the settings and apps they belong to, their graph, their operations.

pub mod apps;
mod catalog;
pub mod contrib;
pub mod graph;
pub mod host;
pub mod loader;
pub mod operation;
pub mod south;

pub use apps::App;
pub use graph::{Graph, Node};
pub use host::DjangoHost;
pub use loader::ProjectLoader;
pub use operation::Operation;
