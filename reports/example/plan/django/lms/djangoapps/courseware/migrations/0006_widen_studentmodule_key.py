# -*- coding: utf-8 -*-
"""Widens the key of courseware.StudentModule and the columns that store its ids.

Made by csm-audit 0.1.0. What is wide already is left alone, so that where the change was made by scripts only the
state and django_migrations follow; on a fresh installation, and on every database that holds one of the tables, it
makes the change.
"""
from __future__ import unicode_literals

from django.db import migrations

# The columns that store the ids, the key first. What a foreign key ties to one of them is found in the database.
KEY = ("courseware_studentmodule", "id")
OTHERS = (
    ("courseware_statebookmark", "row_id"),
    ("grades_gradeoverride", "module_id"),
    ("courseware_studentmodulehistory", "student_module_id"),
    ("coursewarehistoryextended_studentmodulehistoryextended", "student_module_id"),
)
WANTED = "bigint unsigned"
# More rows than these are not copied while writers wait: that is what the rest of the plan is for.
ROWS = 100000


def column_of(cursor, table, column):
    cursor.execute(
        "SELECT COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s",
        [table, column],
    )
    return cursor.fetchone()


def plain(column_type):
    """The type without a display width, which servers write differently."""
    words = column_type.lower().split("(")
    return words[0].split()[0] + (" unsigned" if "unsigned" in column_type.lower() else "")


def quoted(text):
    """A string literal of MySQL."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "''")


def foreign_keys(cursor):
    cursor.execute(
        "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,"
        " r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k"
        " JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA"
        " AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME"
        " WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_SCHEMA = DATABASE()"
    )
    return sorted(cursor.fetchall())


def widen(schema_editor):
    name = schema_editor.quote_name
    with schema_editor.connection.cursor() as cursor:
        keys = foreign_keys(cursor)
        tied = {KEY}
        while True:
            more = {(key[0], key[2]) for key in keys if (key[3], key[4]) in tied} - tied
            if not more:
                break
            tied |= more
        narrow = {}
        for place in sorted(tied | set(OTHERS)):
            found = column_of(cursor, *place)
            # Whatever is tied to the key has its very type; for the others it is enough that ids fit.
            done = found is None or plain(found[0]) == WANTED or (place not in tied and plain(found[0]).startswith("bigint"))
            if not done:
                narrow[place] = found
        for table in sorted({table for table, _ in narrow}):
            cursor.execute(
                "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                [table],
            )
            rows = cursor.fetchone()[0] or 0
            if rows > ROWS:
                raise RuntimeError(
                    "%s has about %d rows, and its ids are still narrow: run the scripts of the plan first" % (table, rows)
                )
    in_the_way = [key for key in keys if (key[0], key[2]) in narrow or (key[3], key[4]) in narrow]
    for key in in_the_way:
        schema_editor.execute("ALTER TABLE %s DROP FOREIGN KEY %s" % (name(key[0]), name(key[1])), None)
    for table, column in sorted(narrow):
        _, nullable, default, extra, comment = narrow[(table, column)]
        sql = "ALTER TABLE %s MODIFY %s %s" % (name(table), name(column), WANTED)
        sql += " NULL" if nullable == "YES" else " NOT NULL"
        if default is not None and default != "NULL":
            sql += " DEFAULT %s" % default
        if "auto_increment" in extra.lower():
            sql += " AUTO_INCREMENT"
        if comment:
            sql += " COMMENT %s" % quoted(comment)
        schema_editor.execute(sql, None)
    for table, constraint, column, other, referenced, on_delete, on_update in in_the_way:
        sql = "ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)" % (
            name(table), name(constraint), name(column), name(other), name(referenced)
        )
        for event, rule in (("DELETE", on_delete), ("UPDATE", on_update)):
            if rule in ("CASCADE", "SET NULL"):
                sql += " ON %s %s" % (event, rule)
        schema_editor.execute(sql, None)


class Widen(migrations.operations.base.Operation):
    """Asks no router: whichever database holds one of the tables is changed when it is migrated."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label, state):
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "mysql":
            widen(schema_editor)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        # Ids above the old limit would be lost: the columns stay wide, which hurts nobody.
        pass

    def describe(self):
        return "Widens the key of courseware.StudentModule and the columns that store its ids"


class Migration(migrations.Migration):
    dependencies = [("courseware", "0005_bookmarks")]

    operations = [
        Widen(),
    ]
