//! Tables by their place after keywords: DDL and administration, and whatever the grammar refuses.

use super::lex::{Kind, Token};
use super::verb::{is_fragment, verb};
use super::{ColumnUse, TableUse, span, walk};
use crate::finding::Access;

/// Words that end a table reference, so that they are not taken for an alias, and words that are never a table.
const CLAUSE_WORDS: [&str; 60] = [
    "WHERE",
    "SET",
    "ON",
    "USING",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "CROSS",
    "OUTER",
    "NATURAL",
    "STRAIGHT_JOIN",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "FOR",
    "LOCK",
    "INTO",
    "VALUES",
    "VALUE",
    "SELECT",
    "AS",
    "USE",
    "FORCE",
    "IGNORE",
    "PARTITION",
    "WINDOW",
    "PROCEDURE",
    "WITH",
    "FROM",
    "BY",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "BETWEEN",
    "EXISTS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "ASC",
    "DESC",
    "READ",
    "WRITE",
    "ADD",
    "DROP",
    "RENAME",
    "MODIFY",
    "CHANGE",
    "TO",
];

/// Words that may stand between a verb and its table.
const MODIFIERS: [&str; 12] = [
    "LOW_PRIORITY",
    "HIGH_PRIORITY",
    "DELAYED",
    "QUICK",
    "IGNORE",
    "TEMPORARY",
    "LOCAL",
    "NO_WRITE_TO_BINLOG",
    "ONLINE",
    "OFFLINE",
    "IF",
    "EXISTS",
];

/// The tables of a statement, and whether its form is one that is fully read here.
pub(crate) fn tables(tokens: &[Token<'_>], verb: &str) -> (Vec<TableUse>, bool) {
    let start = tokens.iter().position(|token| !verb.is_empty() && token.is(verb)).unwrap_or(0);
    let mut reader = Reader { tokens, at: start + usize::from(!verb.is_empty()), out: Vec::new() };
    match verb {
        "CREATE" => reader.create(),
        "ALTER" => reader.alter(),
        "DROP" => reader.drop_object(),
        "RENAME" => reader.rename(),
        "TRUNCATE" => {
            reader.skip(&["TABLE"]);
            reader.list(Access::Delete);
        }
        "LOCK" => reader.lock(),
        "SHOW" => reader.show(),
        "DESC" | "DESCRIBE" | "EXPLAIN" => reader.explain(),
        "ANALYZE" | "CHECK" | "CHECKSUM" => reader.administer(Access::Read),
        "OPTIMIZE" | "REPAIR" => reader.administer(Access::Schema),
        "LOAD" => reader.load(),
        "GRANT" | "REVOKE" => reader.grant(),
        "HANDLER" => reader.one(Access::Read),
        "FLUSH" => {
            reader.skip_to(&["TABLE", "TABLES"]);
            reader.list(Access::None);
        }
        "" if is_fragment(tokens) => {
            reader.scan(Access::Unknown);
            reader.fragment();
            return (reader.out, false);
        }
        "" => return (Vec::new(), false),
        _ => {
            reader.at = start;
            reader.scan(Access::Read);
            return (reader.out, false);
        }
    }
    let parsed = !reader.out.is_empty() || matches!(verb, "SHOW" | "FLUSH" | "GRANT" | "REVOKE");
    (reader.out, parsed)
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    out: Vec<TableUse>,
}

impl<'t, 'a> Reader<'t, 'a> {
    fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next_is(&self, words: &[&str]) -> bool {
        self.peek().is_some_and(|token| token.is_any(words))
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.next_is(words);
        self.at += usize::from(found);
        found
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.sign(sign));
        self.at += usize::from(found);
        found
    }

    /// Skips these words, modifiers, and `NOT` of `IF NOT EXISTS`.
    fn skip(&mut self, words: &[&str]) {
        while self.next_is(words) || self.next_is(&MODIFIERS) || self.next_is(&["NOT"]) {
            self.at += 1;
        }
    }

    fn skip_to(&mut self, words: &[&str]) -> bool {
        while let Some(token) = self.peek() {
            self.at += 1;
            if token.is_any(words) {
                return true;
            }
        }
        false
    }

    /// Skips a pair of parentheses with all inside.
    fn skip_parens(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if token.sign("(") {
                depth += 1;
            } else if token.sign(")") {
                depth = depth.saturating_sub(1);
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// `name` or `schema.name` here.
    fn table(&mut self, access: Access) -> Option<TableUse> {
        let first = self.peek().filter(|token| is_table_name(token))?;
        self.at += 1;
        let mut parts = vec![first];
        while self.peek().is_some_and(|token| token.sign("."))
            && self.tokens.get(self.at + 1).is_some_and(Token::is_name)
        {
            parts.push(&self.tokens[self.at + 1]);
            self.at += 2;
        }
        let (last, before) = parts.split_last()?;
        Some(TableUse {
            schema: before.last().map(|token| token.text.to_string()),
            name: last.text.to_string(),
            alias: None,
            access,
            span: span(last.start, last.end),
        })
    }

    /// A reference in a FROM clause, with its alias and index hints; `None` for a function or a derived table.
    fn reference(&mut self, access: Access) -> Option<TableUse> {
        while self.peek().is_some_and(|token| token.sign("(") || token.is("LATERAL") || token.sign("{")) {
            self.at += 1;
        }
        let mut table = self.table(access)?;
        if self.peek().is_some_and(|token| token.sign("(")) {
            return None;
        }
        if self.eat(&["PARTITION"]) {
            self.skip_parens();
        }
        let explicit = self.eat(&["AS"]);
        if let Some(token) = self.peek().filter(|token| explicit && token.kind == Kind::Str || is_table_name(token)) {
            table.alias = Some(token.text.to_string());
            self.at += 1;
        }
        while self.next_is(&["USE", "FORCE", "IGNORE"])
            && self.tokens.get(self.at + 1).is_some_and(|token| token.is_any(&["INDEX", "KEY"]))
        {
            self.at += 2;
            if self.eat(&["FOR"]) {
                self.skip_to(&["JOIN", "BY"]);
            }
            self.skip_parens();
        }
        while self.eat_sign(")") {}
        Some(table)
    }

    fn one(&mut self, access: Access) {
        if let Some(table) = self.table(access) {
            self.out.push(table);
        }
    }

    /// References separated by commas.
    fn list(&mut self, access: Access) {
        loop {
            let Some(table) = self.reference(access) else { return };
            self.out.push(table);
            if !self.eat_sign(",") {
                return;
            }
        }
    }

    fn create(&mut self) {
        let mut kind = String::new();
        while let Some(token) = self.peek() {
            if token.is_any(&["TABLE", "VIEW", "INDEX", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"]) {
                kind = token.text.to_ascii_uppercase();
                self.at += 1;
                break;
            }
            self.at += 1;
        }
        match kind.as_str() {
            "TABLE" | "VIEW" => {
                self.skip(&[]);
                self.one(Access::Schema);
                self.references();
                let mark = self.at;
                if self.eat_sign("(") {
                    if self.eat(&["LIKE"]) {
                        self.one(Access::Read);
                    } else {
                        self.at = mark;
                        self.skip_parens();
                    }
                } else if self.eat(&["LIKE"]) {
                    self.one(Access::Read);
                }
                self.rest();
            }
            "INDEX" => {
                self.skip_to(&["ON"]);
                self.one(Access::Schema);
            }
            "TRIGGER" => {
                self.skip_to(&["ON"]);
                self.one(Access::Schema);
                self.rest();
            }
            _ => self.rest(),
        }
    }

    /// Foreign keys from here on.
    fn references(&mut self) {
        let mark = self.at;
        while self.skip_to(&["REFERENCES"]) {
            self.one(Access::Schema);
        }
        self.at = mark;
    }

    /// The query or the body that follows a definition.
    fn rest(&mut self) {
        let Some(found) = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .position(|token| token.is_any(&["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"]))
        else {
            return;
        };
        let inner = &self.tokens[self.at + found..];
        let verb = verb(inner);
        match walk::tables(inner, &verb) {
            Some(tables) => self.out.extend(tables),
            None => {
                self.at += found;
                self.scan(Access::Read);
            }
        }
    }

    fn alter(&mut self) {
        let view = self.tokens.iter().take(8).any(|token| token.is("VIEW"));
        if !self.skip_to(&["TABLE", "VIEW"]) {
            return;
        }
        self.skip(&[]);
        self.one(Access::Schema);
        if view {
            self.rest();
            return;
        }
        self.references();
        while let Some(token) = self.peek() {
            self.at += 1;
            // RENAME TO x, RENAME AS x, RENAME x; but RENAME COLUMN, INDEX, KEY.
            if token.is("RENAME") && !self.next_is(&["COLUMN", "INDEX", "KEY"]) {
                self.eat(&["TO", "AS"]);
                self.one(Access::Schema);
            } else if token.is("EXCHANGE") {
                self.skip_to(&["TABLE"]);
                self.one(Access::Write);
            }
        }
    }

    fn drop_object(&mut self) {
        self.skip(&[]);
        if self.eat(&["TABLE", "TABLES", "VIEW"]) {
            self.skip(&[]);
            self.list(Access::Schema);
        } else if self.eat(&["INDEX"]) && self.skip_to(&["ON"]) {
            self.one(Access::Schema);
        }
    }

    fn rename(&mut self) {
        if !self.eat(&["TABLE", "TABLES"]) {
            return;
        }
        self.skip(&[]);
        loop {
            self.one(Access::Schema);
            if !(self.eat(&["TO"]) || self.eat_sign(",")) {
                return;
            }
        }
    }

    fn lock(&mut self) {
        if !self.eat(&["TABLE", "TABLES"]) {
            return;
        }
        while let Some(mut table) = self.reference(Access::Read) {
            self.skip(&[]);
            if self.eat(&["WRITE"]) {
                table.access = Access::Write;
            } else if self.eat(&["READ"]) {
                self.skip(&[]);
            }
            self.out.push(table);
            if !self.eat_sign(",") {
                return;
            }
        }
    }

    fn show(&mut self) {
        if self.eat(&["CREATE"]) {
            if self.eat(&["TABLE", "VIEW"]) {
                self.one(Access::Read);
            }
        } else if self.tokens.iter().any(|token| token.is_any(&["COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS"]))
            && self.skip_to(&["FROM", "IN"])
        {
            self.one(Access::Read);
        }
    }

    /// Explaining runs nothing: whatever the statement would do, it is a read.
    fn explain(&mut self) {
        while self.next_is(&["EXTENDED", "PARTITIONS", "ANALYZE"]) || self.next_is(&["FORMAT"]) {
            let format = self.next_is(&["FORMAT"]);
            self.at += if format { 3 } else { 1 };
        }
        if self.next_is(&["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"]) {
            self.rest();
            self.out.iter_mut().for_each(|table| table.access = Access::Read);
        } else {
            self.one(Access::Read);
        }
    }

    fn administer(&mut self, access: Access) {
        if self.skip_to(&["TABLE", "TABLES"]) {
            self.list(access);
        }
    }

    fn load(&mut self) {
        if self.skip_to(&["INTO"]) && self.eat(&["TABLE"]) {
            self.one(Access::Write);
        }
    }

    fn grant(&mut self) {
        if self.skip_to(&["ON"]) {
            self.eat(&["TABLE"]);
            self.one(Access::None);
        }
    }

    /// Reads on to the end of the tokens; `mode` is the access of what follows FROM and JOIN.
    fn scan(&mut self, mut mode: Access) {
        let ctes = cte_names(self.tokens);
        let first = self.out.len();
        // For each open parenthesis, whether it belongs to a function whose arguments may hold a FROM of their own.
        let mut functions: Vec<bool> = Vec::new();
        while let Some(token) = self.peek() {
            let previous = self.at.checked_sub(1).and_then(|before| self.tokens.get(before));
            let after = |words: &[&str]| previous.is_some_and(|token| token.is_any(words));
            self.at += 1;
            if token.sign("(") {
                functions.push(after(&["EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID", "OVERLAY"]));
            } else if token.sign(")") {
                functions.pop();
            } else if token.is("SELECT") {
                mode = Access::Read;
            } else if token.is_any(&["INSERT", "REPLACE"]) && !self.peek().is_some_and(|next| next.sign("(")) {
                self.skip(&["INTO"]);
                self.one(Access::Write);
                mode = Access::Read;
            } else if token.is("INTO") && mode == Access::Unknown && !self.next_is(&["OUTFILE", "DUMPFILE"]) {
                self.one(Access::Write);
            } else if token.is("UPDATE") && !after(&["KEY", "FOR", "ON"]) {
                self.update();
                mode = Access::Read;
            } else if token.is("DELETE") && !after(&["ON"]) {
                self.delete();
                mode = Access::Read;
            } else if token.is_any(&["FROM", "JOIN", "STRAIGHT_JOIN"]) && functions.last() != Some(&true) {
                self.list(mode);
            }
        }
        let mut index = 0;
        self.out.retain(|table| {
            index += 1;
            index <= first || table.schema.is_some() || !ctes.iter().any(|cte| cte.eq_ignore_ascii_case(&table.name))
        });
    }

    fn update(&mut self) {
        let first = self.out.len();
        self.skip(&[]);
        self.list(Access::Write);
        // Joined tables, up to SET.
        while let Some(token) = self.peek() {
            if token.is("SET") {
                break;
            }
            self.at += 1;
            if token.is_any(&["JOIN", "STRAIGHT_JOIN"]) {
                self.list(Access::Write);
            }
        }
        if self.out.len() - first < 2 {
            return;
        }
        let targets: Vec<String> = self.tokens[self.at.min(self.tokens.len())..]
            .windows(4)
            .filter(|w| w[0].is_name() && w[1].sign(".") && w[2].is_name() && w[3].sign("="))
            .map(|w| w[0].text.to_string())
            .collect();
        let tables = &mut self.out[first..];
        let any = tables.iter().any(|table| targets.iter().any(|target| is_called(table, target)));
        for (index, table) in tables.iter_mut().enumerate() {
            let written = if any { targets.iter().any(|target| is_called(table, target)) } else { index == 0 };
            if !written {
                table.access = Access::Read;
            }
        }
    }

    fn delete(&mut self) {
        self.skip(&[]);
        let first = self.out.len();
        if self.eat(&["FROM"]) {
            self.list(Access::Delete);
            let targets: Vec<String> = self.out[first..].iter().map(|table| table.name.clone()).collect();
            if self.eat(&["USING"]) {
                let using = self.out.len();
                self.references_with_joins();
                for table in &mut self.out[using..] {
                    if targets.iter().any(|target| is_called(table, target)) {
                        table.access = Access::Delete;
                    }
                }
            }
            return;
        }
        let mut targets = Vec::new();
        while let Some(token) = self.peek() {
            if token.is("FROM") {
                self.at += 1;
                break;
            }
            if token.is_name()
                && !self
                    .tokens
                    .get(self.at + 1)
                    .is_some_and(|next| next.sign(".") && self.tokens.get(self.at + 2).is_some_and(Token::is_name))
            {
                targets.push(token.text.to_string());
            }
            self.at += 1;
        }
        self.references_with_joins();
        for table in &mut self.out[first..] {
            if targets.iter().any(|target| is_called(table, target)) {
                table.access = Access::Delete;
            }
        }
    }

    /// A list and the joins after it, up to WHERE.
    fn references_with_joins(&mut self) {
        self.list(Access::Read);
        while let Some(token) = self.peek() {
            if token.is_any(&["WHERE", "ORDER", "LIMIT"]) {
                return;
            }
            self.at += 1;
            if token.is_any(&["JOIN", "STRAIGHT_JOIN"]) {
                self.list(Access::Read);
            }
        }
    }

    /// What a fragment names without FROM or JOIN: a list of tables, and the qualifiers of its columns.
    fn fragment(&mut self) {
        let listed =
            self.tokens.iter().all(|token| token.is_name() || token.sign(",") || token.sign(".") || token.is("AS"));
        if listed {
            self.at = 0;
            let dotted_column = self.tokens.len() == 3 && self.tokens[1].sign(".");
            if !dotted_column {
                self.out.clear();
                self.list(Access::Unknown);
                return;
            }
        }
        for (index, token) in self.tokens.iter().enumerate() {
            let qualifies = token.is_name()
                && self.tokens.get(index + 1).is_some_and(|next| next.sign(".") && next.start == token.end);
            if qualifies && !self.out.iter().any(|table| is_called(table, &token.text) || table.name == token.text) {
                let schema = None;
                let name = token.text.to_string();
                self.out.push(TableUse {
                    schema,
                    name,
                    alias: None,
                    access: Access::Unknown,
                    span: span(token.start, token.end),
                });
            }
        }
    }
}

fn is_table_name(token: &Token<'_>) -> bool {
    token.is_name() && !token.is_any(&CLAUSE_WORDS)
}

fn is_called(table: &TableUse, name: &str) -> bool {
    table.alias.as_deref().unwrap_or(&table.name).eq_ignore_ascii_case(name)
}

/// `name AS (` and `name (a, b) AS (` after WITH.
fn cte_names<'t>(tokens: &'t [Token<'_>]) -> Vec<&'t str> {
    if !tokens.iter().any(|token| token.is("WITH")) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (index, window) in tokens.windows(3).enumerate() {
        if !(window[1].is("AS") && window[2].sign("(")) {
            continue;
        }
        if window[0].is_name() {
            out.push(window[0].text.as_ref());
        } else if window[0].sign(")")
            && let Some(open) = tokens[..index].iter().rposition(|token| token.sign("("))
            && let Some(name) = open.checked_sub(1).map(|at| &tokens[at]).filter(|token| token.is_name())
        {
            out.push(name.text.as_ref());
        }
    }
    out
}

/// The columns of a statement: dotted names, and names that stand alone where no keyword or function does.
pub(crate) fn columns(tokens: &[Token<'_>], tables: &[TableUse], verb: &str) -> Vec<ColumnUse> {
    let shared = shared_access(tables);
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at += 1;
        if !tokens[start].is_name() {
            continue;
        }
        let mut parts = vec![&tokens[start]];
        while tokens.get(at).is_some_and(|token| token.sign(".")) && tokens.get(at + 1).is_some_and(Token::is_name) {
            parts.push(&tokens[at + 1]);
            at += 2;
        }
        let Some((last, before)) = parts.split_last() else { continue };
        if tables.iter().any(|table| table.span.start as usize == last.start) {
            continue;
        }
        let qualifier = before.last().map(|token| token.text.to_string());
        let alone = qualifier.is_none();
        if alone
            && (last.kind == Kind::Hole
                || last.is_any(&CLAUSE_WORDS)
                || last.is(verb)
                || tables.iter().any(|table| table.alias.as_deref() == Some(last.text.as_ref()))
                || tokens.get(at).is_some_and(|token| token.sign("(") && last.kind == Kind::Word))
        {
            continue;
        }
        let table = match &qualifier {
            Some(qualifier) => tables
                .iter()
                .find(|table| is_called(table, qualifier))
                .or_else(|| tables.iter().find(|table| table.name.eq_ignore_ascii_case(qualifier))),
            None if tables.len() == 1 => tables.first(),
            None => None,
        };
        out.push(ColumnUse {
            table: table.map(|table| table.name.clone()).or_else(|| qualifier.clone()),
            qualifier,
            name: last.text.to_string(),
            access: table.map_or(shared, |table| table.access),
            span: span(parts[0].start, last.end),
        });
    }
    out
}

/// The access that all tables of a statement have, or unknown.
fn shared_access(tables: &[TableUse]) -> Access {
    match tables.split_first() {
        Some((first, rest)) if rest.iter().all(|table| table.access == first.access) => first.access,
        _ => Access::Unknown,
    }
}
