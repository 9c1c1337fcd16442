//! What the models say now, against what the migrations say: every difference that `makemigrations` would write down, and
//! none that it would not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::path::Path;

use csm_audit::config::{CliOverrides, Settings};
use csm_audit::expected::Expected;
use csm_audit::expected_schema;
use csm_audit::field::SourceLocation;

fn settings(fixture: &str) -> Settings {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema").join(fixture);
    let overrides = CliOverrides {
        roots: vec![root],
        django: Some(String::from("4.2")),
        server: Some(String::from("mysql-8.0")),
        ..CliOverrides::default()
    };
    Settings::resolve(overrides).unwrap()
}

fn models(fixture: &str) -> Expected {
    expected_schema(&settings(fixture), true).unwrap()
}

fn at(place: Option<&SourceLocation>) -> String {
    place.map_or_else(|| String::from("-"), |p| format!("{}:{}", p.file.rsplit('/').next().unwrap(), p.line))
}

fn differences(expected: &Expected) -> Vec<String> {
    expected
        .model_differences
        .iter()
        .map(|d| {
            let field = d.field.as_ref().map(|field| format!(".{field}")).unwrap_or_default();
            let places = format!("{} {}", at(d.code_place.as_ref()), at(d.state_place.as_ref()));
            format!("{}{field} {}: {} / {} ({places})", d.model, d.what.name(), d.code, d.state)
        })
        .collect()
}

fn gaps(expected: &Expected) -> Vec<String> {
    expected
        .gaps
        .iter()
        .map(|g| format!("{}:{} {}", g.file.as_deref().unwrap_or("-"), g.line.unwrap_or(0), g.reason))
        .collect()
}

#[test]
fn models_that_migrations_follow_differ_in_nothing() {
    let e = models("models_equal");
    assert_eq!(differences(&e), [""; 0]);
    assert_eq!(gaps(&e), [""; 0]);
}

#[test]
fn columns_are_what_the_models_say() {
    let e = models("models_equal");
    let said = |table: &str| -> Vec<String> {
        e.model_columns
            .iter()
            .filter(|c| c.table == table)
            .map(|c| {
                let column_type = c.column_type.as_ref().map_or_else(|| String::from("?"), |t| t.print(e.server));
                let null = if c.nullable { " NULL" } else { "" };
                let key = if c.primary_key { " KEY" } else { "" };
                let to =
                    c.referenced.as_ref().map(|(table, column)| format!(" -> {table}.{column}")).unwrap_or_default();
                let soft = if c.db_constraint == Some(false) { " soft" } else { "" };
                format!("{} {column_type}{null}{key}{to}{soft} {} {}", c.column, c.field, at(Some(&c.place)))
            })
            .collect()
    };
    assert_eq!(
        said("shop_order"),
        [
            "buyer_id int -> people_member.id shop.Order.buyer orders.py:13",
            "created datetime(6) shop.Order.created bases.py:5",
            "id bigint KEY shop.Order.id orders.py:11",
            "item_no varchar(12) -> stock.sku soft shop.Order.item orders.py:15",
            "kind_id int -> django_content_type.id shop.Order.kind orders.py:17",
            "object_id bigint unsigned shop.Order.object_id orders.py:18",
            "previous_id bigint NULL -> shop_order.id shop.Order.previous orders.py:16",
            "seller_id int NULL -> people_member.id shop.Order.seller orders.py:14",
            "state varchar(8) shop.Order.state orders.py:22",
        ]
    );
    assert_eq!(
        said("shop_urgent"),
        [
            "number int unsigned shop.Urgent.number bases.py:14",
            "order_ptr_id bigint KEY -> shop_order.id shop.Urgent.order_ptr orders.py:29",
        ]
    );
    // Its key is that of the settings, as the migrations make it.
    assert_eq!(
        said("shop_order_watchers"),
        [
            "id int KEY shop.Order_watchers.id orders.py:21",
            "member_id int -> people_member.id shop.Order_watchers.member orders.py:21",
            "order_id bigint -> shop_order.id shop.Order_watchers.order orders.py:21",
        ]
    );
    assert_eq!(said("shop_switch").len(), 2);
    assert_eq!(said("shop_report"), [""; 0], "Django does not manage it");
    assert_eq!(said("shop_neverimported"), [""; 0]);
    assert!(said("people_member").iter().any(|c| c.starts_with("date_joined datetime(6) ")));
    assert!(!said("people_member").iter().any(|c| c.starts_with("last_name ")));
}

#[test]
fn what_makemigrations_would_write_down_is_told() {
    let e = models("models_differ");
    assert_eq!(gaps(&e), [""; 0]);
    assert_eq!(
        differences(&e),
        [
            "shop.Adopted managed: managed / not managed (models.py:29 0001_initial.py:23)",
            "shop.Author.id type: bigint / int (models.py:5 0001_initial.py:3)",
            "shop.Book unique: unique_together (title, code) / unique_together without it (models.py:9 0001_initial.py:11)",
            "shop.Book index: index_together without it / index_together (pages, code) (models.py:9 0001_initial.py:11)",
            "shop.Book index: indexes by_pages(pages) / indexes without it (models.py:9 0001_initial.py:11)",
            "shop.Book.added field: added date / no field (models.py:17 0001_initial.py:11)",
            "shop.Book.author db_constraint: no constraint / a constraint (models.py:14 0001_initial.py:17)",
            "shop.Book.code unique: unique / not unique (models.py:12 0001_initial.py:15)",
            "shop.Book.editor reference: shop.author / shop.person (models.py:15 0001_initial.py:18)",
            "shop.Book.pages null: NULL / NOT NULL (models.py:11 0001_initial.py:14)",
            "shop.Book.readers reference: many to shop.author in book_readers / many to shop.author in shop_book_readers (models.py:16 0001_initial.py:19)",
            "shop.Book.removed field: no field / removed date (models.py:9 0001_initial.py:20)",
            "shop.Book.shelf column: shelf_no / shelf (models.py:13 0001_initial.py:16)",
            "shop.Book.shelf index: an index / no index (models.py:13 0001_initial.py:16)",
            "shop.Book.title type: longtext / varchar(80) (models.py:10 0001_initial.py:13)",
            "shop.Moved table: moved_here / shop_moved (models.py:24 0001_initial.py:22)",
            "shop.New model: the table shop_new / no model (models.py:33 -)",
            "shop.Person model: no model / the table shop_person (- 0001_initial.py:10)",
        ]
    );
}

#[test]
fn what_no_class_body_names_is_a_gap_and_no_difference() {
    let e = models("models_open");
    assert_eq!(differences(&e), [""; 0]);
    let found = gaps(&e);
    for (place, said) in [
        ("shop/migrations/0001_initial.py:10", "HistoricalOrder; Order.history may contribute more"),
        ("shop/migrations/0001_initial.py:12", "Visit; its base nowhere.models.Tracked was not found"),
        ("shop/models.py:10", "shop.Order.code is not compared: max_length is computed"),
        ("shop/models.py:13", "shop.Price.amount_currency is in the migrations, and no such field was read"),
        ("shop/models.py:21", "shop.Tree.level is in the migrations, and no such field was read"),
    ] {
        assert!(found.iter().any(|g| g.starts_with(place) && g.contains(said)), "{place} {said}: {found:#?}");
    }
    let code = e.model_columns.iter().find(|c| c.field == "shop.Order.code").unwrap();
    assert_eq!(code.column_type, None, "a type that is not sure is not told");
}

#[test]
fn models_are_read_when_they_are_asked_for() {
    let e = expected_schema(&settings("models_differ"), false).unwrap();
    assert!(e.model_columns.is_empty() && e.model_differences.is_empty());
}
