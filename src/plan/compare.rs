//! How the rows of a table and of its copy are compared: chunk by chunk along the primary key, both sides of a chunk in one
//! statement. A chunk that differs may be on its way to the copy: its rows are looked at again until they agree.

use super::change::chunk_key;
use super::context::TableChange;
use super::script::Part;
use super::shell::Word;
use super::sql;
use super::types::ProbeServer;

/// The function `compare_rows` of a script, and the queries that it needs. `run` is a variable of the script: progress is
/// kept in `$run.compared`, so that an interrupted comparison goes on.
pub(super) fn parts(change: &TableChange<'_>, copy: &str) -> Vec<Part> {
    let (database, table) = (&change.database.name, &change.table.name);
    let Some(key) = chunk_key(change) else { return vec![Part::Shell(BY_HAND)] };
    let columns: Vec<String> =
        change.table.columns.iter().filter(|column| column.generated.is_none()).map(|c| sql::name(&c.name)).collect();
    let key = sql::name(key);
    let (old, new) = (sql::table(database, table), sql::table(database, copy));
    let sum = |from: &str| {
        let crc = checksum("t", &columns);
        format!(
            "(SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR({crc}), 0), '/', COALESCE(SUM({crc}), 0)) FROM {from} AS t \
             WHERE t.{key} > @low AND t.{key} <= @high)"
        )
    };
    let ask = |name, word| Part::Ask(name, ProbeServer::Inspected, word);
    let differing = |old_range: Word, new_range: Word| {
        Word::text(format!("SELECT o.{key} FROM {old} AS o LEFT JOIN {new} AS n ON n.{key} = o.{key} WHERE "))
            .join(old_range)
            .and(format!(
                " AND (n.{key} IS NULL OR {} <> {}) UNION ALL SELECT n.{key} FROM {new} AS n LEFT JOIN {old} AS o ON \
                 o.{key} = n.{key} WHERE ",
                checksum("o", &columns),
                checksum("n", &columns)
            ))
            .join(new_range)
            .and(format!(" AND o.{key} IS NULL LIMIT 1001"))
    };
    let between = |alias: &str| {
        Word::text(format!("{alias}.{key} > "))
            .and_expansion("$low")
            .and(format!(" AND {alias}.{key} <= "))
            .and_expansion("$high")
    };
    let among = |alias: &str| Word::text(format!("{alias}.{key} IN (")).and_expansion("${ids//$'\\n'/,}").and(")");
    vec![
        // The end of the next chunk, which is the last one when no row is left, and whether both sides agree on it.
        ask(
            "next_chunk",
            Word::text("SET @low = ")
                .and_expansion("$low")
                .and(", @end = ")
                .and_expansion("$end")
                .and(format!(
                    "; SET @next = (SELECT MAX(t.{key}) FROM (SELECT {key} FROM {old} WHERE {key} > @low AND {key} <= \
                     @end ORDER BY {key} LIMIT "
                ))
                .and_expansion("${CSM_AUDIT_COMPARE_CHUNK:-5000}")
                .and(format!(
                    ") AS t); SET @high = COALESCE(@next, @end); SELECT @high, @next IS NULL, {} = {}",
                    sum(&old),
                    sum(&new)
                )),
        ),
        ask("differing", differing(between("o"), between("n"))),
        ask("differing_again", differing(among("o"), among("n"))),
        ask(
            "lowest",
            Word::text(format!(
                "SELECT COALESCE(LEAST(COALESCE((SELECT MIN({key}) FROM {old}), (SELECT MIN({key}) FROM {new})), \
                 COALESCE((SELECT MIN({key}) FROM {new}), (SELECT MIN({key}) FROM {old}))), 0) - 1"
            )),
        ),
        ask(
            "highest",
            Word::text(format!(
                "SELECT GREATEST(COALESCE((SELECT MAX({key}) FROM {old}), 0), COALESCE((SELECT MAX({key}) FROM {new}), 0))"
            )),
        ),
        Part::Shell(COMPARE),
    ]
}

/// A number for the contents of a row. `CONCAT_WS` leaves NULL out (MySQL manual, String Functions), so that which columns
/// are NULL is a text of its own: without it `(NULL, 'x')` and `('x', NULL)` would be equal.
fn checksum(alias: &str, columns: &[String]) -> String {
    let sums: Vec<String> = columns.iter().map(|column| format!("CRC32({alias}.{column})")).collect();
    let nulls: Vec<String> = columns.iter().map(|column| format!("ISNULL({alias}.{column})")).collect();
    format!("CRC32(CONCAT_WS('#', {}, CONCAT({})))", sums.join(", "), nulls.join(", "))
}

const BY_HAND: &str = r#"
compare_rows() {
    say 'The primary key is not one integer column: compare the rows of both tables manually before you continue.'
    [ -n "${CSM_AUDIT_COMPARED:-}" ] || die 'Then set CSM_AUDIT_COMPARED=1.' 3
}
"#;

const COMPARE: &str = r#"
# integer TEXT: fails unless TEXT is an integer.
integer() {
    [[ $1 =~ ^-?[0-9]+$ ]] || die "The server's answer is not a number: $1"
}
compare_rows() {
    local low end high last agrees ids try chunks=0
    say 'Comparing the rows of both tables.'
    if [ -e "$run.compared" ] && read -r low end <"$run.compared"; then
        say "Continuing the comparison above $low; remove $run.compared to restart it."
    else
        low=$(lowest)
        # Rows that are written from now on go the same way as those before.
        end=$(highest)
    fi
    integer "$low"
    integer "$end"
    while :; do
        read -r high last agrees < <(next_chunk)
        integer "$high"
        if [ "$agrees" != 1 ]; then
            ids=$(differing)
            for ((try = 0; try < ${CSM_AUDIT_COMPARE_TRIES:-60}; try++)); do
                [ -n "$ids" ] || break
                [ "$(wc -l <<<"$ids")" -le 1000 ] || die "Between $low and $high more than 1000 rows differ."
                sleep 0.5
                ids=$(differing_again)
            done
            [ -z "$ids" ] || die "These rows still differ: ${ids//$'\n'/ }"
        fi
        chunks=$((chunks + 1))
        [ "$last" = 0 ] || break
        low=$high
        printf '%s %s\n' "$low" "$end" >"$run.compared"
        sleep "${CSM_AUDIT_COMPARE_PAUSE:-0.02}"
    done
    say "The rows of both tables agree, in $chunks chunks."
}
"#;
