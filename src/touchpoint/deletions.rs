//! Files that may delete rows of a model from which a deletion cascades to the target. They need not name the target.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::models::GET_USER_MODEL;
use super::neighbours::Neighbourhood;
use crate::discover::{DELETES, deletes_of, exact_hash};
use crate::project::Project;
use crate::source::FileId;

/// The Python files that name a model from which a deletion cascades to the target, and delete rows: of that model, or
/// of something that does not begin with the name of another class. Test code is left out: its deletions reach no table
/// of production.
pub(super) fn deleting(project: &Project, around: &Neighbourhood<'_>, files: &[FileId]) -> Vec<FileId> {
    let sources = around.nodes.iter().enumerate().filter(|(node, _)| around.cascade(*node).is_some());
    let mut names: BTreeSet<CompactString> = sources.map(|(_, node)| node.class.name.name.clone()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    if around.user.is_some_and(|user| around.cascade(user).is_some()) {
        names.insert(GET_USER_MODEL.into());
    }
    let named: Vec<u32> = names.iter().map(|name| exact_hash(name)).collect();
    let mut deletions: Vec<u32> = names.iter().map(|name| deletes_of(name)).collect();
    deletions.push(DELETES);
    let may_delete = |file: &&FileId| {
        if super::is_test(project.path(**file), "") {
            return false;
        }
        let words = &project.discovery.entry(**file).words;
        deletions.iter().any(|hash| words.has(*hash)) && named.iter().any(|hash| words.has(*hash))
    };
    files.iter().filter(may_delete).copied().collect()
}
