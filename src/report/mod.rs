//! Reports: the only module with output formats.

pub mod annotations;
mod fingerprint;
pub mod html;
pub mod humanize;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod terminal;
pub mod v1;

use crate::project::Project;
use crate::source::{FileId, Gap};
use crate::touchpoint::Touchpoint;
use crate::touchpoint::models::Role;

/// A model that matters, as in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedModel {
    /// `app_label.Model`
    pub label: String,
    /// Its table; `None` when it is abstract.
    pub table: Option<String>,
    /// Where it is defined.
    pub file: FileId,
    /// 1-based line of its definition.
    pub line: u32,
    /// Why it matters.
    pub role: Role,
    /// The fields that link it to the target.
    pub via: Vec<String>,
}

/// What a scan found, as reports are made of it.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The project.
    pub project: &'a Project,
    /// The model that was looked for.
    pub target: &'a str,
    /// Its touchpoints, in any order.
    pub touchpoints: &'a [Touchpoint],
    /// The target and the models linked to it.
    pub models: &'a [LinkedModel],
    /// Everything that was not modelled.
    pub gaps: &'a [Gap],
}
