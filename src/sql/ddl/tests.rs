use super::*;
use crate::schema::{PRIMARY, Unique};

fn one(text: &str) -> Ddl {
    let (mut statements, problems) = ddl(text);
    assert_eq!(problems, [], "{text}");
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0).kind
}

fn table(text: &str) -> CreateTable {
    match one(text) {
        Ddl::CreateTable(table) => *table,
        other => panic!("{other:?}"),
    }
}

fn clauses(text: &str) -> Vec<AlterClause> {
    match one(&format!("ALTER TABLE t {text}")) {
        Ddl::AlterTable(alter) => alter.clauses,
        other => panic!("{other:?}"),
    }
}

fn name(name: &str) -> TableName {
    TableName { schema: None, name: name.to_owned() }
}

#[test]
fn show_create_table_of_mysql_5_6() {
    let table = table(
        "CREATE TABLE `courseware_studentmodule` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  \
         `module_type` varchar(32) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL DEFAULT 'it''s',\n  \
         `grade` double DEFAULT NULL,\n  `kind` enum('a','b''c') NOT NULL,\n  \
         `t` timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6) COMMENT 'a, b)',\n  \
         PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`module_type`,`grade`),\n  KEY `k` (`module_type`(10),`grade` DESC) USING BTREE,\n  \
         FULLTEXT KEY `ft` (`module_type`) /*!50100 WITH PARSER `ngram` */,\n  \
         CONSTRAINT `fk` FOREIGN KEY (`grade`) REFERENCES `db`.`g` (`id`) ON DELETE SET NULL ON UPDATE NO ACTION\n\
         ) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8 ROW_FORMAT=DYNAMIC COMMENT='x'\n\
         /*!50100 PARTITION BY HASH (id) PARTITIONS 4 */;",
    );
    let types: Vec<_> = table.columns.iter().map(|def| def.column.column_type.as_str()).collect();
    assert_eq!(types, ["int(11)", "varchar(32)", "double", "enum('a','b''c')", "timestamp(6)"]);
    assert!(table.columns[0].column.auto_increment);
    assert!(!table.columns[0].column.nullable);
    assert_eq!(table.columns[1].column.default, Some(DefaultValue::Literal("it's".to_owned())));
    assert_eq!(table.columns[1].column.collation.as_deref(), Some("utf8_bin"));
    assert_eq!(table.columns[2].column.default, None);
    assert_eq!(table.columns[4].column.default, Some(DefaultValue::Expression("CURRENT_TIMESTAMP(6)".to_owned())));
    assert_eq!(table.columns[4].column.on_update.as_deref(), Some("CURRENT_TIMESTAMP(6)"));
    assert_eq!(table.columns[4].column.comment, "a, b)");
    let kinds: Vec<_> = table.indexes.iter().map(|i| (i.unique, i.kind.as_str(), i.name.as_str())).collect();
    assert_eq!(
        kinds,
        [(true, "BTREE", PRIMARY), (true, "BTREE", "u"), (false, "BTREE", "k"), (false, "FULLTEXT", "ft")]
    );
    assert_eq!(table.indexes[2].parts[0].length, Some(10));
    assert!(table.indexes[2].parts[1].descending);
    assert_eq!(table.indexes[2].kind, "BTREE");
    let fk = &table.foreign_keys[0];
    assert_eq!((fk.name.as_str(), fk.on_delete.as_deref(), fk.on_update.as_deref()), ("fk", Some("SET NULL"), None));
    assert_eq!((fk.referenced_database.as_str(), fk.referenced_table.as_str()), ("db", "g"));
    assert_eq!(table.options.engine.as_deref(), Some("InnoDB"));
    assert_eq!(table.options.auto_increment, Some(42));
    assert_eq!(table.options.charset.as_deref(), Some("utf8"));
    assert!(table.options.partition_by.is_some());
}

#[test]
fn what_mysql_8_and_9_add() {
    let table = table(
        "CREATE TABLE `t` (\n  `id` bigint unsigned NOT NULL AUTO_INCREMENT,\n  \
         `n` longtext NOT NULL DEFAULT (_utf8mb3'outdated, entry)'),\n  `j` json DEFAULT (json_array()),\n  \
         `g` int GENERATED ALWAYS AS ((`id` + 1)) STORED NOT NULL,\n  `v` varchar(9) GENERATED ALWAYS AS (lower(`n`)) VIRTUAL,\n  \
         `p` point NOT NULL /*!80003 SRID 4326 */,\n  `h` int DEFAULT NULL /*!80023 INVISIBLE */,\n  \
         PRIMARY KEY (`id`),\n  UNIQUE KEY `f` ((lower(`n`)),`id` DESC),\n  SPATIAL KEY `s` (`p`),\n  \
         KEY `i` (`h`) /*!80000 INVISIBLE */,\n  CONSTRAINT `t_chk_1` CHECK ((`id` >= 0)) /*!80016 NOT ENFORCED */\n\
         ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci /*!80016 DEFAULT ENCRYPTION='N' */",
    );
    assert_eq!(table.columns[0].column.column_type, "bigint unsigned");
    assert_eq!(
        table.columns[1].column.default,
        Some(DefaultValue::Expression("_utf8mb3'outdated, entry)'".to_owned()))
    );
    assert_eq!(table.columns[3].column.generated.as_ref().map(|g| g.expression.as_str()), Some("(`id` + 1)"));
    let stored = |at: usize| table.columns[at].column.generated.as_ref().is_some_and(|g| g.stored);
    assert!(stored(3) && !stored(4));
    assert!(table.columns[6].column.invisible);
    assert_eq!(table.indexes[1].parts[0].expression.as_deref(), Some("lower(`n`)"));
    assert!(table.indexes[3].invisible);
    assert_eq!(table.checks[0].condition, "(`id` >= 0)");
    assert!(!table.checks[0].enforced);
}

#[test]
fn what_mariadb_writes() {
    let table = table(
        "CREATE TABLE `t` (\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`j`)),\n  \
         `n` int(10) unsigned DEFAULT NULL CHECK (`n` >= 0),\n  `u` uuid NOT NULL DEFAULT uuid(),\n  \
         `d` datetime(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),\n  \
         `z` decimal(5,2) unsigned zerofill DEFAULT -1.50\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci PAGE_CHECKSUM=1",
    );
    assert_eq!(table.columns[0].checks[0].condition, "json_valid(`j`)");
    assert!(!table.columns[0].column.nullable);
    assert_eq!(table.columns[2].column.default, Some(DefaultValue::Expression("uuid()".to_owned())));
    assert_eq!(table.columns[3].column.on_update.as_deref(), Some("current_timestamp(6)"));
    assert_eq!(table.columns[4].column.column_type, "decimal(5,2) unsigned zerofill");
    assert_eq!(table.columns[4].column.default, Some(DefaultValue::Expression("-1.50".to_owned())));
    assert_eq!(table.options.other, [("PAGE_CHECKSUM".to_owned(), "1".to_owned())]);
}

#[test]
fn a_whole_mysqldump() {
    let (statements, problems) = ddl(
        "-- MySQL dump 10.13\n/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n\
        /*!50503 SET NAMES utf8mb4 */;\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `edxapp` /*!40100 DEFAULT CHARACTER SET utf8 */;\n\
        USE `edxapp`;\nDROP TABLE IF EXISTS `a`;\n/*!40101 SET @saved_cs_client = @@character_set_client */;\n\
        CREATE TABLE `a` (\n  `id` int NOT NULL\n);\nLOCK TABLES `a` WRITE;\n/*!40000 ALTER TABLE `a` DISABLE KEYS */;\n\
        INSERT INTO `a` VALUES (1),(2);\nUNLOCK TABLES;\n/*!50001 CREATE VIEW `v` AS SELECT \n 1 AS `id`*/;\n\
        /*!50001 DROP VIEW IF EXISTS `v`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */\n\
        /*!50001 VIEW `v` AS select `a`.`id` AS `id` from `a` */;\nDELIMITER ;;\n\
        /*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.id = 1; END */;;\n\
        DELIMITER ;\n-- Dump completed\n",
    );
    assert_eq!(problems, []);
    let kinds: Vec<_> = statements
        .iter()
        .map(|statement| match &statement.kind {
            Ddl::CreateTable(table) => format!("create {}", table.name.name),
            Ddl::DropTable { tables, if_exists: true, .. } => format!("drop {}", tables[0].name),
            Ddl::AlterTable(alter) => format!("alter {:?}", alter.clauses),
            Ddl::CreateView { name, tables, .. } => format!("view {} of {}", name.name, tables.len()),
            Ddl::DropView { views, .. } => format!("drop view {}", views[0].name),
            Ddl::Use(name) => format!("use {name}"),
            Ddl::NoDdl(verb) => verb.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "SET",
            "SET",
            "CREATE",
            "use edxapp",
            "drop a",
            "SET",
            "create a",
            "LOCK",
            "alter [Unmodelled(\"DISABLE KEYS\")]",
            "INSERT",
            "UNLOCK",
            "view v of 0",
            "drop view v",
            "view v of 1",
            "CREATE"
        ]
    );
}

#[test]
fn vertical_output_of_the_client() {
    let text = "*************************** 1. row ***************************\n       Table: a\nCreate Table: CREATE TABLE `a` (\n  \
                `id` int NOT NULL\n) ENGINE=InnoDB\n*************************** 1. row ***************************\n       \
                Table: b\nCreate Table: CREATE TABLE `b` (\n  `id` int NOT NULL\n)\n";
    let (statements, problems) = ddl(text);
    assert_eq!(problems, []);
    assert_eq!(statements.len(), 2);
}

#[test]
fn alter_adds() {
    let found = clauses(
        "ADD COLUMN a int NOT NULL DEFAULT 0 AFTER b, ADD c bigint UNSIGNED FIRST, ADD (d int, e int), \
         ADD INDEX i (a, b(3) DESC) USING BTREE, ADD UNIQUE (a), ADD CONSTRAINT u UNIQUE INDEX (a), \
         ADD CONSTRAINT p PRIMARY KEY (a), ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES x (id) ON DELETE CASCADE, \
         ADD FOREIGN KEY fi (a, b) REFERENCES x (id, id2), ADD CONSTRAINT CHECK (a > 0), ALGORITHM=INPLACE, LOCK=NONE",
    );
    assert!(
        matches!(&found[0], AlterClause::AddColumn { column, position: Position::After(b), .. } if column.column.name == "a" && b == "b")
    );
    assert!(
        matches!(&found[1], AlterClause::AddColumn { column, position: Position::First, .. } if column.column.column_type == "bigint unsigned")
    );
    assert!(matches!(&found[3], AlterClause::AddColumn { column, .. } if column.column.name == "e"));
    assert!(matches!(&found[4], AlterClause::AddIndex(index) if index.name == "i" && index.parts[1].length == Some(3)));
    assert!(matches!(&found[5], AlterClause::AddIndex(index) if index.name.is_empty() && index.unique));
    assert!(matches!(&found[6], AlterClause::AddIndex(index) if index.name == "u"));
    assert!(matches!(&found[7], AlterClause::AddIndex(index) if index.name == PRIMARY));
    assert!(matches!(&found[8], AlterClause::AddForeignKey(key) if key.on_delete.as_deref() == Some("CASCADE")));
    assert!(matches!(&found[9], AlterClause::AddForeignKey(key) if key.name.is_empty() && key.columns.len() == 2));
    assert!(matches!(&found[10], AlterClause::AddCheck(check) if check.condition == "a > 0"));
    assert_eq!(found.len(), 13);
}

#[test]
fn alter_changes_and_drops() {
    let found = clauses(
        "MODIFY `id` bigint UNSIGNED AUTO_INCREMENT NOT NULL, CHANGE COLUMN a b varchar(9) NULL, DROP COLUMN c, DROP d, \
         DROP INDEX i, DROP KEY k, DROP FOREIGN KEY f, DROP PRIMARY KEY, DROP CONSTRAINT n, DROP CHECK h, \
         RENAME COLUMN e TO g, RENAME INDEX p TO q, ALTER COLUMN x SET DEFAULT (uuid()), ALTER y DROP DEFAULT, \
         CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ENGINE=InnoDB ROW_FORMAT=COMPRESSED, RENAME TO t2",
    );
    assert!(matches!(&found[0], AlterClause::ModifyColumn { column, .. }
        if column.column.column_type == "bigint unsigned" && column.column.auto_increment && !column.column.nullable));
    assert!(
        matches!(&found[1], AlterClause::ChangeColumn { old, column, .. } if old == "a" && column.column.name == "b")
    );
    assert_eq!(found[2], AlterClause::DropColumn { name: "c".to_owned(), if_exists: false });
    assert_eq!(found[3], AlterClause::DropColumn { name: "d".to_owned(), if_exists: false });
    assert_eq!(
        found[4..10],
        [
            AlterClause::DropKey("i".to_owned()),
            AlterClause::DropKey("k".to_owned()),
            AlterClause::DropForeignKey("f".to_owned()),
            AlterClause::DropPrimaryKey,
            AlterClause::DropConstraint("n".to_owned()),
            AlterClause::DropConstraint("h".to_owned()),
        ]
    );
    assert_eq!(
        found[12],
        AlterClause::SetDefault {
            column: "x".to_owned(),
            default: Some(DefaultValue::Expression("uuid()".to_owned()))
        }
    );
    assert!(matches!(&found[15], AlterClause::Options(options)
        if options.engine.as_deref() == Some("InnoDB") && options.row_format.as_deref() == Some("COMPRESSED")));
    assert_eq!(found[16], AlterClause::RenameTo(name("t2")));
}

#[test]
fn a_column_may_bring_a_key_with_it() {
    assert!(matches!(&clauses("MODIFY course_id varchar(255) CHARACTER SET utf8 COLLATE utf8_bin UNIQUE")[0],
        AlterClause::ModifyColumn { column, .. } if column.key == Unique::Unique && column.column.nullable));
    let table =
        table("CREATE TABLE t (id serial PRIMARY KEY, x int REFERENCES y (id) ON DELETE CASCADE, CHECK (x > 0))");
    assert!(table.columns[0].key == Unique::Primary && table.columns[0].column.auto_increment);
    assert_eq!(table.columns[1].references.as_ref().map(|fk| fk.referenced_table.as_str()), Some("y"));
    assert_eq!(table.checks.len(), 1);
}

#[test]
fn other_statements() {
    assert_eq!(
        one("RENAME TABLE a TO b, c TO d.e"),
        Ddl::RenameTable(vec![
            (name("a"), name("b")),
            (name("c"), TableName { schema: Some("d".to_owned()), name: "e".to_owned() })
        ])
    );
    assert!(matches!(one("CREATE UNIQUE INDEX i USING BTREE ON t (a DESC) COMMENT 'x' ALGORITHM=INPLACE"),
        Ddl::CreateIndex { index, .. } if index.unique && index.parts[0].descending));
    assert!(matches!(one("DROP INDEX i ON t"), Ddl::DropIndex { name, .. } if name == "i"));
    assert!(matches!(one("CREATE TABLE IF NOT EXISTS `_t_gho` LIKE `t`"), Ddl::CreateTable(table)
        if table.like == Some(name("t")) && table.if_not_exists));
    assert!(
        matches!(one("CREATE TABLE a ENGINE=InnoDB AS SELECT * FROM b"), Ddl::CreateTable(table) if table.select.is_some())
    );
    assert!(
        matches!(one("CREATE OR REPLACE VIEW v (x) AS SELECT id FROM t"), Ddl::CreateView { replaces: true, tables, .. }
        if tables.len() == 1)
    );
    assert_eq!(one("UPDATE t SET x = 1"), Ddl::NoDdl("UPDATE".to_owned()));
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_goes_on() {
    let (statements, problems) =
        ddl("CREATE TABLE a (id int NOT); ALTER TABLE b ADD x int, FROB y (1, 2), DROP z; Nonsense here; DROP TABLE c");
    assert_eq!(
        problems.iter().map(|problem| problem.reason.as_str()).collect::<Vec<_>>(),
        [
            "expected NULL, found `)`",
            "expected a clause of ALTER TABLE, found `FROB`",
            "expected a statement, found `Nonsense`"
        ]
    );
    assert_eq!(problems[1].text, "FROB y (1, 2)");
    assert_eq!(statements.len(), 2);
    assert!(matches!(&statements[0].kind, Ddl::AlterTable(alter) if alter.clauses.len() == 2));
    let (_, problems) = ddl("DELIMITER //\nCREATE PROCEDURE p() BEGIN ALTER TABLE a ADD b int; END//");
    assert_eq!(problems.len(), 1);
}

#[test]
fn no_text_panics() {
    for text in [
        "",
        "CREATE",
        "CREATE TABLE",
        "CREATE TABLE a (",
        "ALTER TABLE a ADD",
        "ALTER TABLE a ,",
        "DROP",
        "RENAME TABLE a",
        "CREATE INDEX",
        "CREATE VIEW",
        "ALTER VIEW",
        "****",
        "CREATE TABLE a (b enum('",
        "ALTER TABLE a PARTITION BY",
        "(",
        ")",
    ] {
        let _ = ddl(text);
    }
}
