//! Shell scripts: quoting, and the parts that all of them share.
//!
//! A script changes nothing without `--execute`, proves its preconditions each time before it does, does nothing twice,
//! and refuses where the plan rests on something that nobody knows, unless the operator overrides it.

use std::fmt::Write as _;

use super::topology::{Endpoint, Topology};
use super::{Host, Precondition, Probe};

/// The variable by which an operator takes what is not known upon himself.
pub(super) const OVERRIDE: &str = "CSM_AUDIT_I_KNOW";

/// A word of the shell, whatever is in it.
pub(super) fn quote(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let mut out = String::from("$'");
        for character in text.chars() {
            match character {
                '\'' | '\\' => out.extend(['\\', character]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\0' => {}
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        let _ = write!(out, "\\x{byte:02x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('\'');
        return out;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text that stands in a comment: one line.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A file name of letters, digits and dashes, by which people recognise a table.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            out.push(character);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let trimmed = out.trim_matches('-');
    let mut end = trimmed.len().min(60);
    while !trimmed.is_char_boundary(end) {
        end -= 1;
    }
    if trimmed.is_empty() { String::from("table") } else { trimmed[..end].to_owned() }
}

/// A script, built up.
pub(super) struct Script {
    text: String,
}

impl Script {
    /// A script with what all of them share: where the servers are, how to ask them, how to prove.
    pub(super) fn new(id: &str, title: &str, environment: &str, topology: Option<&Topology<'_>>) -> Self {
        let unknown = Endpoint { host: String::new(), port: 3306 };
        let inspected = topology.map_or(&unknown, |topology| &topology.inspected);
        let primary = topology.and_then(|topology| topology.primary.as_ref()).unwrap_or(&unknown);
        let text = format!(
            r#"#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# {title}
# Step {id}; runbook.md tells what to expect. Nothing is changed without --execute.
set -euo pipefail

here=$(cd -- "$(dirname -- "${{BASH_SOURCE[0]}}")" && pwd)
default_host={host}
default_primary={primary_host}
# The server that is inspected, and the one that takes writes.
HOST=${{CSM_AUDIT_HOST:-$default_host}}
PORT=${{CSM_AUDIT_PORT:-{port}}}
PRIMARY_HOST=${{CSM_AUDIT_PRIMARY_HOST:-$default_primary}}
PRIMARY_PORT=${{CSM_AUDIT_PRIMARY_PORT:-{primary_port}}}
# An option file with [client], user and password, that nobody else may read.
CNF=${{CSM_AUDIT_CNF:-$here/{cnf}.cnf}}
MYSQL=${{MYSQL:-mysql}}

say() {{ printf '%s\n' "$*" >&2; }}
die() {{
    say "$1"
    exit "${{2:-1}}"
}}

[ -n "$HOST" ] || die 'The server is not known: set CSM_AUDIT_HOST and CSM_AUDIT_PORT.' 2
[ -n "$PRIMARY_HOST" ] || die 'The primary is not known: set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT.' 2
[ -r "$CNF" ] || die "There is no $CNF: make it from credentials.cnf.example, or set CSM_AUDIT_CNF." 2
if [ -n "$(find "$CNF" -prune -perm /077)" ]; then
    die "Others may read $CNF: chmod 600 it." 2
fi

# ask inspected|primary SQL
ask() {{
    local host=$HOST port=$PORT
    if [ "$1" = primary ]; then
        host=$PRIMARY_HOST port=$PRIMARY_PORT
    fi
    "$MYSQL" --defaults-file="$CNF" --protocol=TCP --host="$host" --port="$port" \
        --default-character-set=utf8mb4 --batch --skip-column-names --execute="$2"
}}

failed=0
# prove inspected|primary WHAT SQL ANSWER FIX
prove() {{
    local seen
    seen=$(ask "$1" "$3") || seen='an error'
    if [ "$seen" = "$4" ]; then
        say "ok      $2"
    else
        say "FAILED  $2: the answer is '$seen', not '$4'"
        [ -z "$5" ] || say "        $5"
        failed=$((failed + 1))
    fi
}}
all_proven() {{
    [ "$failed" -eq 0 ] || die "$failed of what has to hold does not: nothing was changed."
}}
"#,
            title = comment(title),
            host = quote(&inspected.host),
            port = inspected.port,
            primary_host = quote(&primary.host),
            primary_port = primary.port,
            cnf = slug(environment),
        );
        Self { text }
    }

    /// A line, or several.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
        self
    }

    /// Refuses to run while something is not known, unless that is overridden.
    pub(super) fn gate(&mut self, open: &[String]) -> &mut Self {
        if open.is_empty() {
            return self;
        }
        self.push("\nsay 'This rests on what is not known to hold:'");
        for what in open {
            self.push(&format!("say {}", quote(&format!("  - {what}"))));
        }
        self.push(&format!(
            "[ -n \"${{{OVERRIDE}:-}}\" ] || die 'Settle it and plan again, or set {OVERRIDE}=1 to run it all the same.' 3"
        ))
    }

    /// Proves what has to hold and can be asked.
    pub(super) fn prove(&mut self, preconditions: &[Precondition]) -> &mut Self {
        for precondition in preconditions {
            let (Some(query), Some(expected)) = (&precondition.query, &precondition.expected) else { continue };
            let host = match precondition.host {
                Host::Inspected => "inspected",
                Host::Primary => "primary",
            };
            self.push(&format!(
                "prove {host} {} \\\n    {} \\\n    {} {}",
                quote(&precondition.what),
                quote(query),
                quote(expected),
                quote(precondition.fix.as_deref().unwrap_or_default())
            ));
        }
        self
    }

    /// Ends where all is done already.
    pub(super) fn skip_when(&mut self, probes: &[Probe]) -> &mut Self {
        if probes.is_empty() {
            return self;
        }
        self.push("\nis_done() {");
        for probe in probes {
            self.push(&format!(
                "    [ \"$(ask primary {})\" = {} ] || return 1",
                quote(&probe.query),
                quote(&probe.expected)
            ));
        }
        self.push("}").push("if is_done; then\n    say 'Already done: nothing to do.'\n    exit 0\nfi")
    }

    /// Runs SQL at the primary, again while others hold a lock, and looks afterwards.
    pub(super) fn run_sql(&mut self, sql: &str) -> &mut Self {
        self.push(&format!("\nsql={}", quote(sql))).push(
            r#"if [ "${1:-}" != --execute ]; then
    say 'All of it holds. With --execute this would be run at the primary:'
    printf '%s\n' "$sql"
    exit 0
fi
tries=${CSM_AUDIT_TRIES:-60}
for ((try = 1; ; try++)); do
    if output=$(ask primary "$sql" 2>&1); then
        break
    fi
    case $output in
        # Somebody holds the table: it is let go at once, so that nobody queues behind, and tried again.
        *'ERROR 1205'* | *'ERROR 1213'*) ;;
        *) die "$output" ;;
    esac
    [ "$try" -lt "$tries" ] || die "Given up after $try tries: $output"
    say "Somebody holds a lock; again in a moment ($try of $tries)."
    sleep "${CSM_AUDIT_PAUSE:-5}"
done
is_done || die 'It ran, and the answer is not what it should be: look before going on.'
say 'Done.'
"#,
        )
    }

    /// A script whose text was worked upon.
    pub(super) fn from_text(text: String) -> Self {
        Self { text }
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_out_as_they_went_in() {
        for odd in
            ["a b", "it's", "$(reboot)", "`x`", "two\nlines", "tab\tand \\ and 'quote'\n", "größe", "\"", "!", "\u{7}"]
        {
            let output =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {}", quote(odd))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), odd);
        }
    }

    #[test]
    fn file_names_are_tame() {
        assert_eq!(slug("it's $(a) table\n/../x"), "it-s-a-table-x");
        assert_eq!(slug("größe"), "gr-e");
        assert_eq!(slug("表"), "table");
    }
}
