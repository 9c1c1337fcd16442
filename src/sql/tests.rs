//! What texts of SQL name, as `table:access` in order.

use super::*;

fn read(text: &str) -> Vec<String> {
    tables(text).tables().map(|table| format!("{}:{}", table.name.replace(HOLE, "<>"), table.access.as_str())).collect()
}

/// All statements went through a grammar.
fn parsed(text: &str) -> bool {
    tables(text).statements.iter().all(|statement| statement.parsed)
}

#[test]
fn queries_read() {
    assert_eq!(
        read("SELECT * FROM `a` JOIN db.b x ON x.id = a.id, c AS y WHERE y.z IN (SELECT id FROM d)"),
        ["a:read", "b:read", "c:read", "d:read"]
    );
    assert_eq!(read("(select 1 from a) union all (select 2 from b) order by 1 limit 3, 4"), ["a:read", "b:read"]);
    assert_eq!(read("SELECT SQL_NO_CACHE * FROM a FORCE INDEX (i) STRAIGHT_JOIN b FOR UPDATE"), ["a:read", "b:read"]);
    assert_eq!(read("SELECT EXTRACT(YEAR FROM created) FROM a"), ["a:read"]);
    assert_eq!(read("SELECT a.* INTO OUTFILE '/tmp/x' FROM a"), ["a:read"]);
}

#[test]
fn rows_that_change() {
    assert_eq!(read("INSERT INTO a (x) VALUES (1) ON DUPLICATE KEY UPDATE x = VALUES(x)"), ["a:write"]);
    assert_eq!(read("INSERT IGNORE INTO a (x) SELECT x FROM b"), ["a:write", "b:read"]);
    assert_eq!(read("REPLACE INTO a SET x = 1"), ["a:write"]);
    assert_eq!(read("REPLACE INTO a (x) SELECT x FROM a b"), ["a:write", "a:read"]);
    assert_eq!(read("UPDATE a SET x = 1 WHERE id IN (SELECT a_id FROM b)"), ["a:write", "b:read"]);
    assert_eq!(read("UPDATE a JOIN b ON a.id = b.a_id SET b.x = a.x"), ["a:read", "b:write"]);
    assert_eq!(read("UPDATE a p, b q SET p.x = q.x WHERE p.id = q.id"), ["a:write", "b:read"]);
    assert_eq!(read("UPDATE LOW_PRIORITY IGNORE a SET x = 1"), ["a:write"]);
    assert_eq!(read("LOAD DATA LOCAL INFILE 'f.csv' INTO TABLE a FIELDS TERMINATED BY ','"), ["a:write"]);
    assert_eq!(read("LOCK TABLES a AS p READ LOCAL, b LOW_PRIORITY WRITE"), ["a:read", "b:write"]);
}

#[test]
fn rows_that_go() {
    assert_eq!(read("DELETE FROM a WHERE id = 1"), ["a:delete"]);
    assert_eq!(read("DELETE QUICK FROM a WHERE id = 1 LIMIT 10"), ["a:delete"]);
    assert_eq!(read("DELETE p FROM a p JOIN b q ON p.id = q.id"), ["a:delete", "b:read"]);
    assert_eq!(read("DELETE FROM a USING a INNER JOIN b WHERE a.id = b.id"), ["a:delete", "a:delete", "b:read"]);
    assert_eq!(read("TRUNCATE TABLE a; TRUNCATE b"), ["a:delete", "b:delete"]);
}

#[test]
fn definitions_change_the_schema() {
    assert_eq!(read("CREATE TABLE IF NOT EXISTS a (b_id int REFERENCES b (id))"), ["a:schema", "b:schema"]);
    assert_eq!(read("CREATE TABLE `_a_gho` LIKE a"), ["_a_gho:schema", "a:read"]);
    assert_eq!(read("CREATE TABLE a AS SELECT * FROM b"), ["a:schema", "b:read"]);
    assert_eq!(read("ALTER TABLE a MODIFY id bigint, ADD INDEX (x), RENAME TO b"), ["a:schema", "b:schema"]);
    assert_eq!(read("ALTER TABLE a RENAME COLUMN x TO y, RENAME INDEX p TO q"), ["a:schema"]);
    assert_eq!(read("DROP TABLE IF EXISTS a, `b`"), ["a:schema", "b:schema"]);
    assert_eq!(read("RENAME TABLE a TO a_old, a_new TO a"), ["a:schema", "a_old:schema", "a_new:schema", "a:schema"]);
    assert_eq!(read("CREATE UNIQUE INDEX i ON a (x)"), ["a:schema"]);
    assert_eq!(read("DROP INDEX i ON a"), ["a:schema"]);
    assert_eq!(read("CREATE OR REPLACE VIEW v AS SELECT * FROM a"), ["v:schema", "a:read"]);
    assert_eq!(read("SHOW CREATE TABLE a\\G\nEXPLAIN UPDATE b SET x = 1; DESC c"), ["a:read", "b:read", "c:read"]);
    assert_eq!(read("OPTIMIZE TABLE a; ANALYZE LOCAL TABLE b"), ["a:schema", "b:read"]);
}

#[test]
fn placeholders_of_every_kind() {
    for text in [
        "SELECT * FROM a WHERE id = %s AND x IN (%s, %s) LIMIT %s",
        "SELECT * FROM a WHERE id = %(id)s AND x LIKE '%%x%%' AND y %% 2 = 0",
        "SELECT {columns} FROM a WHERE {} = ?",
        "SELECT \u{E000} FROM a WHERE id = :id AND x = \u{E000}",
        "SELECT * FROM a WHERE id = ${id}",
    ] {
        assert_eq!(read(text), ["a:read"], "{text}");
        assert!(parsed(text), "{text}");
    }
    assert_eq!(read("UPDATE courseware_%s SET x = 1"), ["courseware_<>:write"]);
    assert_eq!(read("DELETE FROM `{app}_studentmodule`"), ["<>_studentmodule:delete"]);
    assert_eq!(read("UPDATE a \u{E000}"), ["a:write"]);
}

#[test]
fn comments_quotes_and_delimiters() {
    let text = "-- FROM x\n# FROM y\nSELECT /*+ NO_INDEX(z) */ \"FROM w\", 'it''s FROM v' FROM /* FROM u */ a;\n\
                DELIMITER $$\nCREATE TRIGGER t AFTER INSERT ON b FOR EACH ROW BEGIN\n  INSERT INTO c VALUES (NEW.id);\n  \
                UPDATE d SET n = n + 1;\nEND$$\nDELIMITER ;\n/*!40000 ALTER TABLE `e` DISABLE KEYS */;";
    assert_eq!(read(text), ["a:read", "b:schema", "c:write", "d:write", "e:schema"]);
}

#[test]
fn a_name_that_with_introduces_is_no_table() {
    assert_eq!(read("WITH x AS (SELECT * FROM a) SELECT * FROM x JOIN b"), ["a:read", "b:read"]);
    assert_eq!(read("WITH a AS (SELECT * FROM a) SELECT * FROM a"), ["a:read"]);
    let broken = "WITH x AS (SELECT * FROM a) SELECT * FROM x JOIN b WHERE ) (";
    assert!(!parsed(broken));
    assert_eq!(read(broken), ["a:read", "b:read"]);
}

#[test]
fn what_does_not_parse_is_still_read() {
    for (text, expected) in [
        ("SELECT * FROM a WHERE (x = 1", "a:read"),
        ("UPDATE a SET WHERE", "a:write"),
        ("DELETE FROM a WHERE x = = 1", "a:delete"),
        ("INSERT INTO a VALUES %s", "a:write"),
    ] {
        assert!(!parsed(text), "{text}");
        assert_eq!(read(text), [expected], "{text}");
    }
    let deep = format!("SELECT {}1{} FROM a", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(read(&deep), ["a:read"]);
    let long = format!("SELECT 1 FROM a WHERE {}", vec!["x = 1"; 50_000].join(" OR "));
    assert_eq!(read(&long), ["a:read"]);
}

#[test]
fn fragments_name_tables_with_access_unknown() {
    for text in
        ["WHERE a.id = b.a_id", "a.id = b.a_id", "JOIN a ON a.id = b.a_id", "`a`.`id` IN (SELECT 1) AND b.x > 0"]
    {
        let reading = tables(text);
        assert_eq!(reading.shape, Shape::Fragment, "{text}");
        assert_eq!(reading.access_to("a"), Some(Access::Unknown), "{text}");
    }
    assert_eq!(read("courseware_studentmodule"), ["courseware_studentmodule:unknown"]);
    assert_eq!(read("a, b"), ["a:unknown", "b:unknown"]);
    for prose in
        ["Rows of the courseware_studentmodule table are kept.", "Update the courseware_studentmodule rows now"]
    {
        let reading = tables(prose);
        assert_eq!(reading.shape, Shape::Other, "{prose}");
        assert_eq!(reading.access_to("courseware_studentmodule"), Some(Access::Unknown));
    }
}

#[test]
fn columns_and_their_tables() {
    let reading = tables("UPDATE a x JOIN b ON b.a_id = x.id SET x.grade = b.grade");
    let columns: Vec<_> = reading
        .columns()
        .map(|c| format!("{}.{}:{}", c.table.as_deref().unwrap_or("?"), c.name, c.access.as_str()))
        .collect();
    assert_eq!(columns, ["b.a_id:read", "a.id:write", "a.grade:write", "b.grade:read"]);
    assert_eq!(tables("SELECT student_module_id FROM h").access_to_column("STUDENT_MODULE_ID"), Some(Access::Read));
    assert_eq!(
        tables("ALTER TABLE h MODIFY `student_module_id` bigint").access_to_column("student_module_id"),
        Some(Access::Schema)
    );
    assert_eq!(tables("SELECT id FROM h").access_to_column("student_module_id"), None);
}

#[test]
fn spans_cover_the_token() {
    let text = "SELECT é FROM `db`.`a` x";
    let reading = tables(text);
    let table = &reading.statements[0].tables[0];
    assert_eq!(&text[table.span.range()], "`a`");
    assert_eq!((table.schema.as_deref(), table.alias.as_deref()), (Some("db"), Some("x")));
}

#[test]
fn accesses_join() {
    assert_eq!(tables("INSERT INTO a SELECT * FROM a").access_to("A"), Some(Access::ReadWrite));
    assert_eq!(tables("DELETE FROM a WHERE id IN (SELECT id FROM a)").access_to("a"), Some(Access::Delete));
    assert_eq!(
        tables("SELECT 'courseware_studentmodule'").access_to("courseware_studentmodule"),
        Some(Access::Unknown)
    );
}

#[test]
fn no_text_panics() {
    for text in [
        "",
        ";",
        "`",
        "'",
        "\"\\",
        "%",
        "%(",
        "{",
        "/*",
        "/*!",
        ":",
        "SELECT",
        "UPDATE",
        "é`é",
        "DELIMITER",
        "DELETE FROM",
        "ALTER TABLE",
        "EXPLAIN FORMAT",
        "a.",
        ".",
    ] {
        let _ = tables(text);
    }
}
