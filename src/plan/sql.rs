//! SQL of the plan: names, texts, and columns with every attribute they have.

use crate::live::facts::{Column, DefaultValue, ForeignKey};
pub(super) use crate::schema::{quote as name, quote_string as text};

/// A table with its database.
pub(super) fn table(database: &str, table: &str) -> String {
    format!("{}.{}", name(database), name(table))
}

/// A column with another type and everything else as it is: whatever `MODIFY` does not say is lost.
pub(super) fn column_with_type(column: &Column, column_type: &str) -> String {
    let mut out = format!("{} {column_type}", name(&column.name));
    out.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    match &column.default {
        Some(DefaultValue::Literal(value)) => out.push_str(&format!(" DEFAULT {}", text(value))),
        Some(DefaultValue::Expression(expression)) => out.push_str(&format!(" DEFAULT ({expression})")),
        None => {}
    }
    if let Some(on_update) = &column.on_update {
        out.push_str(&format!(" ON UPDATE {on_update}"));
    }
    if column.auto_increment {
        out.push_str(" AUTO_INCREMENT");
    }
    if column.invisible {
        out.push_str(" INVISIBLE");
    }
    if !column.comment.is_empty() {
        out.push_str(&format!(" COMMENT {}", text(&column.comment)));
    }
    out
}

/// The definition of a foreign key.
pub(super) fn foreign_key(key: &ForeignKey) -> String {
    let names = |names: &[String]| names.iter().map(|column| name(column)).collect::<Vec<_>>().join(", ");
    let mut out = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        name(&key.name),
        names(&key.columns),
        table(&key.referenced_database, &key.referenced_table),
        names(&key.referenced_columns)
    );
    if let Some(action) = &key.on_delete {
        out.push_str(&format!(" ON DELETE {action}"));
    }
    if let Some(action) = &key.on_update {
        out.push_str(&format!(" ON UPDATE {action}"));
    }
    out
}

/// Asks for a column's type, in small letters and without a display width, which servers write differently.
pub(super) fn column_type_query(database: &str, table: &str, column: &str) -> String {
    format!(
        "SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '%unsigned%', ' unsigned', '')) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND COLUMN_NAME = {}",
        text(database),
        text(table),
        text(column)
    )
}

/// Asks how many tables there are of these names.
pub(super) fn tables_query(database: &str, tables: &[String]) -> String {
    let names: Vec<String> = tables.iter().map(|table| text(table)).collect();
    format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME IN ({})",
        text(database),
        names.join(", ")
    )
}

/// Counts the triggers of a table.
pub(super) fn triggers_query(database: &str, table: &str) -> String {
    format!("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE {}", triggers_of(database, table))
}

/// The condition on `information_schema.TRIGGERS` that selects the triggers of a table.
pub(super) fn triggers_of(database: &str, table: &str) -> String {
    format!("EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {}", text(database), text(table))
}

/// Asks how many constraints there are of this name.
pub(super) fn foreign_key_query(key: &ForeignKey) -> String {
    format!(
        "SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = 'FOREIGN KEY' AND \
         CONSTRAINT_SCHEMA = {} AND TABLE_SCHEMA = {} AND TABLE_NAME = {} AND CONSTRAINT_NAME = {}",
        text(&key.database),
        text(&key.database),
        text(&key.table),
        text(&key.name)
    )
}

/// The type as [`column_type_query`] returns it.
pub(super) fn plain_type(column_type: &str) -> String {
    let lower = column_type.to_lowercase();
    let base: String = lower.chars().take_while(char::is_ascii_alphabetic).collect();
    let base = if base == "integer" { String::from("int") } else { base };
    // ZEROFILL makes a column unsigned without saying so; servers write both.
    if lower.contains("unsigned") { format!("{base} unsigned") } else { base }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modify_restates_everything() {
        let column = Column {
            name: "odd`name".into(),
            column_type: "int(11)".into(),
            auto_increment: true,
            comment: "it's \\ all\nhere".into(),
            ..Column::default()
        };
        assert_eq!(
            column_with_type(&column, "bigint unsigned"),
            r"`odd``name` bigint unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s \\ all\nhere'"
        );
        let column = Column {
            name: "a".into(),
            nullable: true,
            default: Some(DefaultValue::Literal("7".into())),
            ..Column::default()
        };
        assert_eq!(column_with_type(&column, "bigint"), "`a` bigint NULL DEFAULT '7'");
    }

    #[test]
    fn types_are_plain() {
        assert_eq!(plain_type("int(10) unsigned"), "int unsigned");
        assert_eq!(plain_type("BIGINT(20)"), "bigint");
    }
}
