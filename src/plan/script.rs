//! Shell scripts as data, printed once. Text of bash stands in them as `&'static str` alone, so that no name, comment or
//! message can become code; everything else is a [`Word`], which is quoted.
//!
//! A script changes nothing without `--execute` or `--revert`, proves its preconditions each time before it does, does
//! nothing twice, and refuses where an assumption of the plan is unmet, unless the operator overrides that.

use std::fmt::Write as _;

use super::shell::{Word, comment, quote, slug};
use super::topology::{Endpoint, Topology};
use super::types::{Precondition, Probe, ProbeServer};

/// The variable by which an operator overrides unmet assumptions.
pub(super) const OVERRIDE: &str = "CSM_AUDIT_I_KNOW";

/// A part of a script.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Text of bash that this program wrote.
    Shell(&'static str),
    /// A comment of one line.
    Comment(String),
    /// `name=word`.
    Assign(&'static str, Word),
    /// `name=(word …)`.
    Array(&'static str, Vec<Word>),
    /// A function.
    Function(&'static str, Vec<Part>),
    /// A function that sends a query.
    Ask(&'static str, ProbeServer, Word),
    /// Requires an answer; `all_proven` ends the script when one was wrong.
    Prove(Proof),
    /// A function that is true when every probe has its answer.
    AllOf(&'static str, Vec<Probe>),
    /// Refuses while assumptions are unmet; [`Script::blocked`] lists them.
    Gate,
    /// Proves that the steps before are done; [`Script::prior`] lists their probes.
    PriorSteps,
    /// Proves the preconditions of a step that is not done.
    Unless {
        /// The step.
        step: String,
        /// The answers once it is done.
        done: Vec<(AskedServer, Probe)>,
        /// The proofs.
        proofs: Vec<Part>,
    },
}

/// A query with its required answer.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// The server that is asked.
    pub server: AskedServer,
    /// The condition, for people.
    pub what: String,
    /// The query.
    pub query: String,
    /// The required answer.
    pub expected: String,
    /// What to do when the answer is another; may be empty.
    pub fix: String,
}

/// The server that a script asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AskedServer {
    /// One of the two servers of the script's own database.
    Own(ProbeServer),
    /// The primary of another database of the environment.
    Other(Endpoint),
}

impl AskedServer {
    fn word(&self) -> String {
        match self {
            Self::Own(server) => own(*server).to_owned(),
            Self::Other(endpoint) => quote(&endpoint.to_string()),
        }
    }
}

fn own(server: ProbeServer) -> &'static str {
    match server {
        ProbeServer::Inspected => "inspected",
        ProbeServer::Primary => "primary",
    }
}

/// Proves the preconditions that a query can prove.
pub(super) fn proofs<'a>(preconditions: impl IntoIterator<Item = &'a Precondition>) -> Vec<Part> {
    let one = |precondition: &Precondition| {
        Some(Part::Prove(Proof {
            server: AskedServer::Own(precondition.host),
            what: precondition.what.clone(),
            query: precondition.query.clone()?,
            expected: precondition.expected.clone()?,
            fix: precondition.fix.clone().unwrap_or_default(),
        }))
    };
    preconditions.into_iter().filter_map(one).collect()
}

/// A script.
#[derive(Clone, Debug)]
pub(super) struct Script {
    id: String,
    title: String,
    environment: String,
    inspected: Endpoint,
    primary: Endpoint,
    parts: Vec<Part>,
    /// The unmet assumptions that [`Part::Gate`] names.
    pub blocked: Vec<String>,
    /// What [`Part::PriorSteps`] proves.
    pub prior: Vec<Proof>,
}

impl Script {
    /// A script of a step.
    pub(super) fn new(id: &str, title: &str, environment: &str, topology: Option<&Topology<'_>>) -> Self {
        let unknown = Endpoint { host: String::new(), port: 3306 };
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            environment: environment.to_owned(),
            inspected: topology.map_or_else(|| unknown.clone(), |topology| topology.inspected.clone()),
            primary: topology.and_then(|topology| topology.primary.clone()).unwrap_or(unknown),
            parts: Vec::new(),
            blocked: Vec::new(),
            prior: Vec::new(),
        }
    }

    /// Adds text of bash.
    pub(super) fn shell(&mut self, text: &'static str) -> &mut Self {
        self.push(Part::Shell(text))
    }

    /// Adds a part.
    pub(super) fn push(&mut self, part: Part) -> &mut Self {
        self.parts.push(part);
        self
    }

    /// Adds parts.
    pub(super) fn extend(&mut self, parts: impl IntoIterator<Item = Part>) -> &mut Self {
        self.parts.extend(parts);
        self
    }

    /// The text of the script.
    pub(super) fn print(&self) -> String {
        let mut out = self.head();
        for part in &self.parts {
            self.part(part, "", &mut out);
        }
        out
    }

    fn head(&self) -> String {
        let mut out = String::from("#!/usr/bin/env bash\n");
        out.push_str("# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.\n");
        let _ = writeln!(out, "# {}", comment(&self.title));
        let _ = writeln!(out, "# Step {}; see runbook.md. Nothing is changed without --execute or --revert.", self.id);
        out.push_str("set -euo pipefail\n\n");
        out.push_str("here=$(cd -- \"$(dirname -- \"${BASH_SOURCE[0]}\")\" && pwd)\n");
        let _ = writeln!(out, "default_host={}", quote(&self.inspected.host));
        let _ = writeln!(out, "default_port={}", self.inspected.port);
        let _ = writeln!(out, "default_primary_host={}", quote(&self.primary.host));
        let _ = writeln!(out, "default_primary_port={}", self.primary.port);
        let _ = writeln!(out, "default_cnf=$here/{}.cnf", slug(&self.environment));
        out.push_str(HEAD);
        out
    }

    fn part(&self, part: &Part, margin: &str, out: &mut String) {
        match part {
            Part::Shell(text) => {
                for line in text.trim_end_matches('\n').split('\n') {
                    let margin = if line.is_empty() { "" } else { margin };
                    let _ = writeln!(out, "{margin}{line}");
                }
            }
            Part::Comment(text) => {
                let _ = writeln!(out, "{margin}# {}", comment(text));
            }
            Part::Assign(name, word) => {
                let _ = writeln!(out, "{margin}{name}={word}");
            }
            Part::Array(name, words) => {
                let _ = writeln!(out, "{margin}{name}=(");
                for word in words {
                    let _ = writeln!(out, "{margin}    {word}");
                }
                let _ = writeln!(out, "{margin})");
            }
            Part::Function(name, parts) => {
                let _ = writeln!(out, "{margin}{name}() {{");
                let inner = format!("{margin}    ");
                let before = out.len();
                for part in parts {
                    self.part(part, &inner, out);
                }
                if out.len() == before {
                    let _ = writeln!(out, "{inner}:");
                }
                let _ = writeln!(out, "{margin}}}");
            }
            Part::Ask(name, server, query) => {
                let _ = writeln!(out, "{margin}{name}() {{\n{margin}    ask {} {query}\n{margin}}}", own(*server));
            }
            Part::Prove(proof) => prove(proof, margin, out),
            Part::AllOf(name, probes) => {
                let _ = writeln!(out, "{margin}{name}() {{");
                for probe in probes {
                    let _ = writeln!(
                        out,
                        "{margin}    [ \"$(ask primary {})\" = {} ] || return 1",
                        quote(&probe.query),
                        quote(&probe.expected)
                    );
                }
                let _ = writeln!(out, "{margin}    return 0\n{margin}}}");
            }
            Part::Unless { step, done, proofs } => {
                let _ = writeln!(out, "{margin}step_is_done() {{");
                for (server, probe) in done {
                    let (query, expected) = (quote(&probe.query), quote(&probe.expected));
                    let _ = writeln!(
                        out,
                        "{margin}    [ \"$(ask {} {query} 2>/dev/null)\" = {expected} ] || return 1",
                        server.word()
                    );
                }
                let _ = writeln!(out, "{margin}    return 0\n{margin}}}\n{margin}if step_is_done; then");
                let _ = writeln!(out, "{margin}    say {}\n{margin}else", quote(&format!("done    {step}")));
                let inner = format!("{margin}    ");
                for part in proofs {
                    self.part(part, &inner, out);
                }
                let _ = writeln!(out, "{margin}fi");
            }
            Part::Gate => self.gate(margin, out),
            Part::PriorSteps => {
                for proof in &self.prior {
                    prove(proof, margin, out);
                }
            }
        }
    }

    fn gate(&self, margin: &str, out: &mut String) {
        if self.blocked.is_empty() {
            return;
        }
        let _ = writeln!(out, "{margin}say 'Assumptions of the plan failed or were not checked:'");
        for what in &self.blocked {
            let _ = writeln!(out, "{margin}say {}", quote(&format!("  - {what}")));
        }
        let _ = writeln!(
            out,
            "{margin}[ -n \"${{{OVERRIDE}:-}}\" ] || die 'Resolve them and run csm-audit plan again, or set {OVERRIDE}=1 to \
             override them.' 3"
        );
    }
}

fn prove(proof: &Proof, margin: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "{margin}prove {} {} \\\n{margin}    {} \\\n{margin}    {} {}",
        proof.server.word(),
        quote(&proof.what),
        quote(&proof.query),
        quote(&proof.expected),
        quote(&proof.fix)
    );
}

/// What all scripts share: the servers, how to ask them, how to prove.
const HEAD: &str = r#"# The inspected server, and the writable one.
HOST=${CSM_AUDIT_HOST:-$default_host}
PORT=${CSM_AUDIT_PORT:-$default_port}
PRIMARY_HOST=${CSM_AUDIT_PRIMARY_HOST:-$default_primary_host}
PRIMARY_PORT=${CSM_AUDIT_PRIMARY_PORT:-$default_primary_port}
# An option file with [client], user and password, that only its owner may read.
CNF=${CSM_AUDIT_CNF:-$default_cnf}
MYSQL=${MYSQL:-mysql}

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$1"
    exit "${2:-1}"
}

[ -n "$HOST" ] || die 'The server is unknown: set CSM_AUDIT_HOST and CSM_AUDIT_PORT.' 2
[ -n "$PRIMARY_HOST" ] || die 'The primary is unknown: set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT.' 2
[ -r "$CNF" ] || die "$CNF is missing: copy credentials.cnf.example to it, or set CSM_AUDIT_CNF." 2
if [ -n "$(find "$CNF" -prune -perm /077)" ]; then
    die "$CNF is readable by others; run chmod 600 $CNF" 2
fi
errors=$(mktemp)
trap 'rm -f -- "$errors"' EXIT

# ask inspected|primary|HOST:PORT SQL
ask() {
    local host=$HOST port=$PORT
    case $1 in
        inspected) ;;
        primary) host=$PRIMARY_HOST port=$PRIMARY_PORT ;;
        *) host=${1%:*} port=${1##*:} ;;
    esac
    "$MYSQL" --defaults-file="$CNF" --protocol=TCP --host="$host" --port="$port" \
        --default-character-set=utf8mb4 --batch --skip-column-names --execute="$2"
}

failed=0
# prove SERVER CONDITION SQL ANSWER FIX
prove() {
    local seen
    if seen=$(ask "$1" "$3" 2>"$errors"); then
        if [ "$seen" = "$4" ]; then
            say "passed  $2"
            return
        fi
        say "FAILED  $2: actual '$seen', expected '$4'"
    else
        case $(<"$errors") in
            *'ERROR 1044'* | *'ERROR 1045'* | *'ERROR 1142'* | *'ERROR 1143'* | *'ERROR 1227'* | *'ERROR 1370'*)
                say "FAILED  $2: the account lacks a privilege: $(<"$errors")"
                say "        csm-audit grants prints the required privileges."
                ;;
            *) say "FAILED  $2: $(<"$errors")" ;;
        esac
    fi
    [ -z "$5" ] || say "        $5"
    failed=$((failed + 1))
}
all_proven() {
    [ "$failed" -eq 0 ] || die "$failed preconditions failed: nothing was changed."
}
"#;

/// The end of a script that is SQL: `$sql` is shown without `--execute`, and run again while others hold a lock. It needs
/// the functions `is_done` and `all_proven`.
pub(super) const RUN_SQL: &str = r#"
# Runs SQL at the primary. The lock wait is short, so that other statements do not queue behind this one, and
# the statement is tried again.
run_sql() {
    local try output tries=${CSM_AUDIT_TRIES:-60}
    for ((try = 1; ; try++)); do
        if output=$(ask primary "$1" 2>&1); then
            return
        fi
        case $output in
            *'ERROR 1205'* | *'ERROR 1213'*) ;;
            *) die "$output" ;;
        esac
        [ "$try" -lt "$tries" ] || die "Giving up after $try attempts: $output"
        say "Lock wait timeout; retrying ($try/$tries)."
        sleep "${CSM_AUDIT_PAUSE:-5}"
    done
}
"#;
