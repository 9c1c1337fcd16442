//! What a replay of Django's migrations gets wrong when it is not careful: one fixture each, with what real Django makes
//! of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::path::Path;

use csm_audit::config::{CliOverrides, Settings};
use csm_audit::expected::Expected;
use csm_audit::expected_schema;
use csm_audit::schema::{DefaultValue, Generated, Part, Table};

fn replay(fixture: &str, django: &str, server: &str) -> Expected {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema").join(fixture);
    let overrides = CliOverrides {
        roots: vec![root],
        django: Some(django.to_owned()),
        server: Some(server.to_owned()),
        ..CliOverrides::default()
    };
    expected_schema(&Settings::resolve(overrides).unwrap(), false).unwrap()
}

fn modern(fixture: &str) -> Expected {
    replay(fixture, "4.2", "mysql-8.0")
}

fn table<'e>(expected: &'e Expected, name: &str) -> &'e Table {
    expected.databases["default"].table(name).unwrap_or_else(|| panic!("no table {name}: {:?}", tables(expected)))
}

fn tables(expected: &Expected) -> Vec<&str> {
    let mut names: Vec<&str> = expected.databases["default"].tables.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// `type`, `type NULL` or `type AUTO` of `table.column`; `-` when there is none.
fn column(expected: &Expected, dotted: &str) -> String {
    let (name, column) = dotted.split_once('.').unwrap();
    match table(expected, name).column(column) {
        None => String::from("-"),
        Some(c) => {
            let auto = if c.auto_increment { " AUTO" } else { "" };
            let null = if c.nullable { " NULL" } else { "" };
            format!("{}{auto}{null}", c.column_type.print(expected.server))
        }
    }
}

/// `name(columns)` of each index, `!` before a unique one, sorted.
fn indexes(expected: &Expected, name: &str) -> Vec<String> {
    let mut out: Vec<String> = table(expected, name)
        .secondary_indexes()
        .map(|i| {
            let parts: Vec<String> = i
                .parts
                .iter()
                .map(|p| {
                    let length = p.length.map(|n| format!("[{n}]")).unwrap_or_default();
                    format!("{}{length}", p.column.as_deref().unwrap_or("<expression>"))
                })
                .collect();
            format!("{}{}({})", if i.unique { "!" } else { "" }, i.name, parts.join(","))
        })
        .collect();
    out.sort();
    out
}

/// `column->table.column` of each foreign key, sorted.
fn keys(expected: &Expected, name: &str) -> Vec<String> {
    let mut out: Vec<String> = table(expected, name)
        .foreign_keys
        .iter()
        .map(|k| {
            let action = k.on_delete.as_ref().map(|a| format!(" {a}")).unwrap_or_default();
            format!("{}->{}.{}{action}", k.columns.join(","), k.referenced_table, k.referenced_columns.join(","))
        })
        .collect();
    out.sort();
    out
}

fn gaps(expected: &Expected) -> Vec<String> {
    expected
        .gaps
        .iter()
        .map(|g| format!("{} {}:{}", g.kind, g.file.as_deref().unwrap_or("-"), g.line.unwrap_or(0)))
        .collect()
}

#[test]
fn columns_follow_the_key_they_point_to_on_every_level() {
    let e = modern("fk_type_follows");
    assert_eq!(gaps(&e), [""; 0]);
    for (dotted, expected) in [
        ("shop_author.id", "bigint AUTO"),
        ("shop_ref.author_id", "bigint"),
        ("shop_ref.by_slug_id", "varchar(80)"),
        ("shop_child.base_ptr_id", "bigint"),
        ("shop_ref.child_id", "bigint"),
        ("shop_ref_many.author_id", "bigint"),
        ("shop_ref_many.ref_id", "int"),
    ] {
        assert_eq!(column(&e, dotted), expected, "{dotted}");
    }
}

#[test]
fn what_a_table_holds_is_known_by_the_migration_that_made_it() {
    let e = modern("renames");
    let made_by = |table: &str, part: Part, name: &str| {
        e.made_by("default", table, part, name).map_or("-", |migration| migration.node.1.as_str())
    };
    assert_eq!(made_by("shop_writer", Part::Table, ""), "0001_initial");
    assert_eq!(made_by("shop_author", Part::Table, ""), "-", "it has another name now");
    assert_eq!(made_by("shop_volume", Part::Column, "id"), "0001_initial");
    assert_eq!(made_by("shop_volume", Part::Column, "main_id"), "0002_rename");
    let volume = table(&e, "shop_volume");
    // The constraint is made anew under the new names, and its index with it.
    let [key] = volume.foreign_keys.as_slice() else { panic!("{:?}", volume.foreign_keys) };
    assert_eq!(made_by("shop_volume", Part::ForeignKey, &key.name), "0002_rename");
    assert_eq!(made_by("shop_volume", Part::Index, &key.name), "0002_rename");
    let altered = modern("fk_type_follows");
    let widened = altered.made_by("default", "shop_ref", Part::Column, "author_id").unwrap();
    assert_ne!(widened.node.1, "0001_initial", "the key it points to took it along");
}

#[test]
fn a_key_that_raw_sql_changes_takes_no_column_along() {
    let e = modern("raw_sql_key");
    assert_eq!(column(&e, "shop_state.id"), "bigint unsigned AUTO");
    assert_eq!(column(&e, "shop_note.state_id"), "int");
    let told: Vec<String> = e
        .differences
        .iter()
        .map(|d| format!("{}.{}: {} / {}", d.table, d.column.as_deref().unwrap_or(""), d.state, d.database))
        .collect();
    assert_eq!(told, ["shop_note.state_id: bigint / int", "shop_state.id: bigint / bigint unsigned"]);
    assert_eq!(e.soft_references.len(), 1);
    assert_eq!(e.soft_references[0].field, "shop.Note.state");
}

#[test]
fn until_django_3_2_hidden_keys_lose_their_constraint() {
    let old = replay("hidden_keys", "3.2", "mysql-8.0");
    assert_eq!(keys(&old, "shop_child"), ["seen_id->shop_parent.id"]);
    assert_eq!(keys(&old, "shop_child_many"), ["child_id->shop_child.id"]);
    let new = replay("hidden_keys", "4.0", "mysql-8.0");
    assert_eq!(keys(&new, "shop_child"), ["hidden_id->shop_parent.id", "seen_id->shop_parent.id"]);
    assert_eq!(keys(&new, "shop_child_many"), ["child_id->shop_child.id", "parent_id->shop_parent.id"]);
}

#[test]
fn where_django_2_2_is_refused_migrate_ends() {
    let e = replay("old_django_refused", "2.2", "mysql-5.7");
    assert_eq!(tables(&e), ["shop_child", "shop_child_many", "shop_parent"]);
    assert_eq!(gaps(&e), ["stopped shop/migrations/0002_wider.py:8"]);
    assert!(tables(&replay("old_django_refused", "3.0", "mysql-5.7")).contains(&"shop_after"));
}

#[test]
fn keys_of_many_to_many_tables_are_what_the_settings_say() {
    let e = modern("through_key_from_settings");
    assert_eq!(column(&e, "shop_item_tags.id"), "bigint AUTO");
    assert_eq!(column(&e, "shop_item.id"), "int AUTO");
}

#[test]
fn what_migrations_ask_of_information_schema_is_answered() {
    for (server, column_type) in [("mysql-8.0", "int"), ("mariadb-10.11", "int(11)"), ("mysql-5.6", "int(11)")] {
        let e = replay("asks_information_schema", "4.2", server);
        assert_eq!(keys(&e, "shop_child"), Vec::<String>::new());
        assert_eq!(column(&e, "shop_child.parent_id"), column_type);
        assert_eq!(column(&e, "shop_child.note"), "varchar(20) NULL");
        assert_eq!(column(&e, "shop_child.extra"), "varchar(5) NULL");
        assert_eq!(indexes(&e, "shop_parent"), ["!by_name(name)"]);
        // How the database is called, nobody knows.
        assert_eq!(gaps(&e), ["condition shop/migrations/0002_ask.py:52"]);
    }
}

#[test]
fn custom_fields_say_their_type() {
    let e = modern("custom_fields");
    for (dotted, expected) in [
        ("shop_thing.id", "bigint unsigned AUTO"),
        ("shop_thing.secret", "longblob"),
        ("shop_thing.short", "varchar(7)"),
        ("shop_thing.nothing", "-"),
        ("shop_ref.thing_id", "bigint unsigned"),
    ] {
        assert_eq!(column(&e, dotted), expected, "{dotted}");
    }
    // A class derived from ForeignKey has an internal type of its own, so Django makes an index of its own.
    assert_eq!(indexes(&e, "shop_ref"), ["shop_ref_thing_id_e31e2470(thing_id)"]);
    let range = &e.integer_ranges[0];
    assert_eq!((range.table.as_str(), range.internal_type.as_str()), ("shop_thing", "AutoField"));
    assert_eq!((range.python_max, range.column_max), (i128::from(i32::MAX), i128::from(u64::MAX)));
}

#[test]
fn positive_integers_are_unsigned_with_a_check() {
    let e = modern("positive_integers");
    assert_eq!(column(&e, "shop_box.n"), "int unsigned");
    assert_eq!(column(&e, "shop_ref.box_id"), "int unsigned");
    let names = |e: &Expected| -> Vec<String> { table(e, "shop_box").checks.iter().map(|c| c.name.clone()).collect() };
    let altered = names(&e);
    assert_eq!(altered[0], "shop_box_chk_1");
    assert!(altered[1].starts_with("shop_box_m_") && altered[1].ends_with("_check"), "{altered:?}");
    assert_eq!(names(&replay("positive_integers", "4.2", "mariadb-10.11"))[0], "n");
    assert!(names(&replay("positive_integers", "2.2", "mysql-8.0")).is_empty());
}

#[test]
fn uuid_and_json_are_types_of_their_own_where_the_server_has_them() {
    let at = |django, server| {
        let e = replay("uuid_and_json", django, server);
        (column(&e, "shop_doc.uid"), column(&e, "shop_doc.body"))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(at("4.2", "mysql-8.0"), pair("char(32)", "json"));
    assert_eq!(at("4.2", "mariadb-10.11"), pair("char(32)", "longtext"));
    assert_eq!(at("5.0", "mariadb-10.11"), pair("uuid", "longtext"));
    assert_eq!(at("5.0", "mariadb-10.6"), pair("char(32)", "longtext"));
    assert_eq!(at("5.0", "mysql-8.4"), pair("char(32)", "json"));
    // The check that MariaDB keeps for JSON has the name the column had.
    let e = replay("uuid_and_json", "4.2", "mariadb-10.11");
    let check = &table(&e, "shop_doc").checks[0];
    assert_eq!((check.name.as_str(), check.condition.as_str()), ("data", "json_valid(`body`)"));
    // It is text that is compared byte by byte, whatever the table's collation.
    let collation = |e: &Expected| table(e, "shop_doc").column("body").unwrap().collation.clone();
    assert_eq!(collation(&e).as_deref(), Some("utf8mb4_bin"));
    assert_eq!(collation(&replay("uuid_and_json", "4.2", "mysql-8.0")), None);
}

#[test]
fn only_new_mysql_keeps_the_default_of_an_added_text() {
    let default =
        |server: &str, i: usize| table(&replay("text_defaults", "4.2", server), "shop_page").columns[i].default.clone();
    assert_eq!(default("mysql-8.0", 1), Some(DefaultValue::Expression("('none yet')".to_owned())));
    assert_eq!(default("mysql-5.7", 1), None);
    assert_eq!(default("mariadb-10.11", 1), None);
    assert_eq!(default("mysql-8.0", 2), None);
}

#[test]
fn keys_are_indexed_by_their_constraint_and_unique_keys_take_over() {
    let e = modern("key_indexes");
    assert_eq!(
        indexes(&e, "shop_enrol"),
        [
            "shop_enrol_other_id_6f77ea16_fk_shop_user_id(other_id)",
            "shop_enrol_soft_id_c68e6eb2(soft_id)",
            "shop_enrol_user_id_7308aeb5(user_id)",
        ]
    );
    assert_eq!(keys(&e, "shop_enrol"), ["other_id->shop_user.id", "user_id->shop_user.id"]);
}

#[test]
fn text_is_never_indexed_in_whole() {
    let e = modern("text_indexes");
    assert_eq!(indexes(&e, "shop_page").len(), 1);
    assert_eq!(column(&e, "shop_other.title"), "longtext");
    assert_eq!(indexes(&e, "shop_other"), [""; 0]);
}

#[test]
fn what_mysql_cannot_index_is_whole_or_absent() {
    let on = |server| indexes(&replay("special_indexes", "4.2", server), "shop_item");
    assert_eq!(on("mysql-8.0"), ["!plain uniq(a,b)", "partial_ix(a)", "upper_ix(<expression>)"]);
    assert_eq!(on("mariadb-10.11"), ["!plain uniq(a,b)", "partial_ix(a)"]);
    assert_eq!(on("mysql-5.7"), ["!plain uniq(a,b)", "partial_ix(a)"]);
}

#[test]
fn names_stay_when_things_are_renamed() {
    let e = modern("names_that_stay");
    let found = indexes(&e, "the_books");
    assert!(found.iter().any(|i| i.starts_with("shop_book_title_") && i.ends_with("(name)")), "{found:?}");
    assert!(
        found.iter().any(|i| i.starts_with("shop_book_author_id_") && i.contains("_fk_shop_author_id(")),
        "{found:?}"
    );
    // The index of the added slug was put off to the end of the migration, when nothing asked for it any more.
    assert!(found.iter().any(|i| i.starts_with("the_books_slug_") && i.ends_with("(slug)")), "{found:?}");
    assert_eq!(indexes(&e, "shop_author"), ["!email(email)"]);
}

#[test]
fn renames_reach_the_tables_and_columns_that_django_renames() {
    let e = modern("renames");
    assert_eq!(tables(&e), ["shop_volume", "shop_volume_people", "shop_writer"]);
    let columns = |name| -> Vec<String> { table(&e, name).columns.iter().map(|c| c.name.clone()).collect() };
    assert_eq!(columns("shop_volume"), ["id", "main_id"]);
    assert_eq!(columns("shop_volume_people"), ["id", "volume_id", "writer_id"]);
    assert_eq!(keys(&e, "shop_volume"), ["main_id->shop_writer.id"]);
}

#[test]
fn operations_that_override_the_database_do_what_they_say() {
    let e = modern("operations_that_do_less");
    assert_eq!(column(&e, "shop_mode.course"), "varchar(20)");
    assert_eq!(e.differences.len(), 1);
    assert_eq!((e.differences[0].state.as_str(), e.differences[0].database.as_str()), ("varchar(99)", "varchar(20)"));
}

#[test]
fn state_and_database_go_separate_ways() {
    let e = modern("state_and_database");
    assert_eq!(tables(&e), ["shop_dbonly", "shop_mode"]);
    assert_eq!(column(&e, "shop_mode.expiration_datetime"), "datetime(6)");
    assert_eq!(indexes(&e, "shop_mode"), [""; 0]);
    assert!(e.differences.iter().any(|d| d.table == "shop_stateonly" && d.column.is_none()));
}

#[test]
fn python_at_class_level_is_followed() {
    let e = modern("python_at_class_level");
    assert_eq!(gaps(&e), [""; 0]);
    assert_eq!(tables(&e), ["shop_one", "shop_two"]);
    assert_eq!(column(&e, "shop_one.more"), "int NULL");
    assert_eq!(column(&e, "shop_two.n1"), "int NULL");
}

#[test]
fn sql_changes_tables_without_the_state() {
    let e = modern("sql_in_migrations");
    assert_eq!(gaps(&e), [""; 0]);
    assert_eq!(column(&e, "shop_course.key"), "varchar(40) NULL");
    assert_eq!(table(&e, "shop_course").column("key").unwrap().collation.as_deref(), Some("utf8mb3_bin"));
    assert_eq!(indexes(&e, "shop_course"), ["!user(user)", "by_key(key[10])"]);
    assert_eq!(keys(&e, "shop_extra"), ["note_id->shop_note.id CASCADE"]);
    assert_eq!(column(&e, "shop_extra.id"), "bigint unsigned AUTO");
    assert_eq!(column(&e, "shop_note.w"), "varchar(5) NULL");
    assert_eq!(e.databases["default"].views, ["shop_view"]);
}

#[test]
fn python_that_executes_ddl_is_followed_or_told() {
    let e = modern("python_with_ddl");
    assert_eq!(tables(&e), ["shop_account", "shop_old"]);
    assert_eq!(indexes(&e, "shop_account"), ["!email(email)"]);
    assert_eq!(gaps(&e), ["loop shop/migrations/0001_initial.py:20"]);
}

#[test]
fn routers_split_tables_over_aliases() {
    let e = modern("routers");
    let names: Vec<&str> = e.databases.keys().map(String::as_str).collect();
    assert_eq!(names, ["default", "history"], "two aliases of one database are one schema");
    assert_eq!(tables(&e), ["history_bumped", "shop_state"]);
    let history = &e.databases["history"];
    assert_eq!(history.tables.keys().collect::<Vec<_>>(), ["history_entry"]);
    let entry = history.table("history_entry").unwrap();
    assert_eq!(entry.column("state_id").unwrap().column_type.print(e.server), "bigint unsigned");
    assert_eq!(entry.foreign_keys.len(), 0);
    assert_eq!(e.soft_references[0].alias, "history");
    assert_eq!(e.mirrors.iter().collect::<Vec<_>>(), [(&String::from("replica"), &String::from("default"))]);
    assert_eq!(e.alias_names["replica"], "main");
}

#[test]
fn the_configuration_tells_what_settings_and_routers_do_not() {
    let e = modern("routers_told");
    let held: Vec<(&str, Vec<&String>)> =
        e.databases.iter().map(|(alias, database)| (alias.as_str(), database.tables.keys().collect())).collect();
    assert_eq!(held, [("default", vec![&String::from("shop_state")]), ("late", vec![&String::from("history_state")]),]);
    assert_eq!(e.alias_names["default"], "shop_live");
    assert_eq!(e.mirrors["late_reader"], "late");
    // Where the configuration says an app is, nobody is told of the router; where it does not, default is taken.
    let told: Vec<&str> = e.gaps.iter().filter(|g| g.kind.as_str() == "router").map(|g| g.reason.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("the app shop on default is unknown"), "{told:#?}");
}

#[test]
fn a_squash_takes_the_place_of_what_it_replaces() {
    let e = modern("squashed");
    let columns: Vec<&str> = table(&e, "shop_s").columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["id", "only_in_squash", "last"]);
}

#[test]
fn a_label_is_not_a_package() {
    let e = modern("labels");
    assert_eq!(tables(&e), ["other_thing"]);
    assert_eq!((e.apps[0].label.as_str(), e.apps[0].module.as_str()), ("other", "pack.inner"));
}

#[test]
fn only_django_6_1_deletes_in_the_database() {
    let on_delete = |django| keys(&replay("database_on_delete", django, "mysql-8.4"), "shop_c");
    assert_eq!(on_delete("6.1"), ["p_id->shop_p.id CASCADE", "q_id->shop_p.id SET NULL", "r_id->shop_p.id"]);
    assert_eq!(on_delete("5.2"), ["p_id->shop_p.id", "q_id->shop_p.id", "r_id->shop_p.id"]);
}

#[test]
fn collations_composite_keys_generated_columns_and_unmanaged_models() {
    let e = replay("collations_and_others", "5.2", "mysql-8.4");
    assert_eq!(tables(&e), ["Shop_Item", "shop_key", "shop_pair"]);
    let collation = |name: &str| table(&e, "Shop_Item").column(name).unwrap().collation.clone();
    assert_eq!(collation("key_id").as_deref(), Some("utf8mb4_bin"));
    assert_eq!(collation("text").as_deref(), Some("utf8mb4_bin"));
    assert_eq!(column(&e, "Shop_Item._order"), "int");
    let pair = table(&e, "shop_pair");
    assert_eq!(pair.primary_key(), ["a", "b"]);
    assert_eq!(
        pair.column("g").unwrap().generated,
        Some(Generated { expression: String::from("(`a` * 2)"), stored: true })
    );
    assert_eq!(pair.column("d").unwrap().default, Some(DefaultValue::Expression("7".to_owned())));
}

#[test]
fn bad_input_is_a_gap_and_the_rest_goes_on() {
    let e = modern("bad_input");
    let found = gaps(&e);
    for expected in [
        "dependency shop/migrations/0001_initial.py:8",
        "operation shop/migrations/0001_initial.py:12",
        "field shop/migrations/0001_initial.py:13",
        "sql shop/migrations/0001_initial.py:14",
        "leaf-nodes shop/migrations/0002_b.py:1",
        "circle shop/migrations/0003_circle.py:5",
        "migration shop/migrations/0005_broken.py:1",
    ] {
        assert!(found.iter().any(|g| g == expected), "{expected} is not in {found:#?}");
    }
    assert_eq!(tables(&e), ["shop_computed", "shop_good", "shop_incircle", "shop_last", "shop_odd"]);
    assert_eq!(column(&e, "shop_odd.fine"), "int");
    assert_eq!(column(&e, "shop_odd.odd"), "-");
    assert_eq!(column(&e, "shop_good.b"), "int NULL");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let json = || {
        let mut out = Vec::new();
        let selection = csm_audit::expected::output::Selection::default();
        csm_audit::expected::output::json(&modern("fk_type_follows"), &selection, &mut out).unwrap();
        out
    };
    assert_eq!(json(), json());
}

#[test]
fn before_migrations_there_were_frozen_models_and_syncdb() {
    let e = replay("south", "1.4", "mysql-5.6");
    assert_eq!(gaps(&e), ["django-version -:0", "south old/migrations/0002_more.py:6"]);
    assert_eq!(column(&e, "old_state.module_id"), "varchar(255)");
    assert_eq!(column(&e, "old_state.grade"), "double NULL");
    assert_eq!(keys(&e, "old_state"), ["student_id->auth_user.id"]);
    assert_eq!(table(&e, "old_state").columns[0].name, "id");
    let unique = indexes(&e, "old_state").into_iter().find(|i| i.starts_with('!')).unwrap();
    assert!(unique.ends_with("(student_id,module_id)"), "{unique}");
    assert_eq!(column(&e, "plain_notes.made"), "date");
    // A class without a Meta has that of its first abstract ancestor, even behind a parent with a Meta of its own.
    assert_eq!(keys(&e, "of_abstract"), ["note_ptr_id->plain_notes.id"]);
    assert_eq!(table(&e, "of_abstract").primary_key(), ["note_ptr_id"]);
    // From Django 1.9 on, an app without migrations has no tables.
    let new = replay("south", "4.2", "mysql-8.0");
    assert!(!tables(&new).contains(&"plain_notes"));
    assert!(gaps(&new).contains(&String::from("app -:0")));
}
