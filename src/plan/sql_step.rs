//! Steps that are one statement at the primary: `ALTER TABLE`, foreign keys, the clean-up.

use super::script::{Part, RUN_SQL, Script, proofs};
use super::shell::Word;
use super::types::{Precondition, Probe};

/// The body of a script that runs one statement.
pub(super) struct SqlBody<'a> {
    /// What a person should mind.
    pub note: Option<&'static str>,
    /// The statement.
    pub sql: &'a str,
    /// The answers once it is done.
    pub done: Vec<Probe>,
    /// Other answers that mean that it was done, and that later steps went on from there.
    pub surpassed: Vec<Probe>,
    /// What has to be true before.
    pub preconditions: &'a [Precondition],
    /// The rollback: the statement, what has to be true before, and the answers once it is done.
    pub revert: Option<(&'a str, Vec<Probe>, Vec<Probe>)>,
    /// More parts that have to pass before the statement, in the function `before_change`.
    pub before: Vec<Part>,
}

/// Adds the body.
pub(super) fn body(script: &mut Script, body: SqlBody<'_>) {
    if let Some(note) = body.note {
        script.push(Part::Comment(note.to_owned()));
    }
    script.push(Part::AllOf("is_applied", body.done));
    if body.surpassed.is_empty() {
        script.shell("is_done() {\n    is_applied\n}");
    } else {
        script.push(Part::AllOf("is_surpassed", body.surpassed));
        script.shell("is_done() {\n    is_applied || is_surpassed\n}");
    }
    script.push(Part::Function("check_assumptions", vec![Part::Gate]));
    let mut before = vec![Part::PriorSteps];
    before.extend(proofs(body.preconditions));
    before.extend(body.before);
    script.push(Part::Function("before_change", before));
    script.push(Part::Assign("sql", Word::text(body.sql)));
    script.shell(RUN_SQL);
    if let Some((sql, before, undone)) = body.revert {
        script.push(Part::AllOf("is_reverted", undone));
        script.push(Part::Function("before_revert", before.into_iter().map(prove_at_primary).collect()));
        script.push(Part::Assign("revert_sql", Word::text(sql)));
        script.shell(REVERT);
    } else {
        script.shell(NO_REVERT);
    }
    script.shell(MODES);
}

/// A proof at the primary, without a fix.
pub(super) fn prove_at_primary(probe: Probe) -> Part {
    Part::Prove(super::script::Proof {
        server: super::script::AskedServer::Own(super::types::ProbeServer::Primary),
        what: probe.what,
        query: probe.query,
        expected: probe.expected,
        fix: String::new(),
    })
}

const REVERT: &str = r#"
revert() {
    if is_reverted; then
        say 'Nothing to roll back.'
        exit 0
    fi
    before_revert
    all_proven
    run_sql "$revert_sql"
    is_reverted || die 'The statement succeeded, but the result is not the state before: look before you go on.'
    say 'Rolled back.'
    exit 0
}
"#;

const NO_REVERT: &str = r#"
revert() {
    die 'This step has no rollback.' 2
}
"#;

const MODES: &str = r#"
case ${1:-} in
    '' | --execute) ;;
    --revert) revert ;;
    *) die "usage: $(basename -- "$0") [--execute | --revert]" 2 ;;
esac
if is_done; then
    say 'Already done: nothing to do.'
    exit 0
fi
check_assumptions
before_change
all_proven
if [ "${1:-}" != --execute ]; then
    say 'All preconditions passed. With --execute this runs at the primary:'
    printf '%s\n' "$sql"
    exit 0
fi
run_sql "$sql"
is_done || die 'The statement succeeded, but the result differs from the plan: look before you go on.'
say 'Done.'
"#;
