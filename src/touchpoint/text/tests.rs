use super::*;

fn target_words() -> TargetWords {
    TargetWords {
        models: vec![
            ModelWords {
                label: "courseware.StudentModule".to_owned(),
                class: "StudentModule".to_owned(),
                app_label: "courseware".to_owned(),
                table: "courseware_studentmodule".to_owned(),
                fields: Vec::new(),
                accessors: vec!["module_states".to_owned()],
            },
            ModelWords {
                label: "courseware.StudentModuleHistory".to_owned(),
                class: "StudentModuleHistory".to_owned(),
                app_label: "courseware".to_owned(),
                table: "courseware_studentmodulehistory".to_owned(),
                fields: vec!["student_module".to_owned(), "student_module_id".to_owned()],
                accessors: Vec::new(),
            },
        ],
        config_words: vec!["student_module_history".to_owned(), "ENABLE_HISTORY".to_owned(), "history-db".to_owned()],
    }
}

/// Each hit as `line symbol kind access confidence`.
fn hits(kind: TextKind, text: &str) -> Vec<String> {
    let source = SourceText::new(text.to_owned());
    scan_text(kind, &source, &target_words())
        .iter()
        .map(|hit| {
            assert_eq!(hit.symbol, source.slice(hit.span));
            let kind = serde_json::to_value(hit.kind).unwrap_or_default();
            format!(
                "{} {} {} {} {}",
                source.line_col(hit.span.start).line,
                hit.symbol,
                kind.as_str().unwrap_or_default(),
                hit.access.as_str(),
                hit.confidence.as_str()
            )
        })
        .collect()
}

#[test]
fn sql_files_name_tables_and_columns() {
    let text = "-- fills courseware_studentmodule\nINSERT INTO `courseware_studentmodule` (id) VALUES (1);\n\
                SELECT COURSEWARE_STUDENTMODULE.grade, h.student_module_id, o.student_module_id\n\
                FROM courseware_studentmodule JOIN courseware_studentmodulehistory h JOIN other o;\n\
                SELECT courseware_studentmodules, my_courseware_studentmodule FROM x;\n";
    assert_eq!(
        hits(TextKind::Sql, text),
        [
            "1 courseware_studentmodule sql-file unknown possible",
            "2 `courseware_studentmodule` sql-file write certain",
            "3 COURSEWARE_STUDENTMODULE.grade sql-file read certain",
            "3 h.student_module_id sql-file read certain",
            "4 courseware_studentmodule sql-file read certain",
            "4 courseware_studentmodulehistory sql-file read certain",
        ]
    );
}

#[test]
fn a_broken_statement_loses_no_table() {
    assert_eq!(
        hits(TextKind::Sql, "FROBNICATE courseware_studentmodule ((;"),
        ["1 courseware_studentmodule sql-file unknown possible"]
    );
    assert_eq!(
        hits(TextKind::Sql, "DELETE FROM courseware_studentmodule WHERE ((;"),
        ["1 courseware_studentmodule sql-file delete certain"]
    );
}

#[test]
fn json_fixtures() {
    let text = r#"[
  {"pk": 1, "model": "courseware.studentmodule", "fields": {"grade": 1}},
  {"model": "courseware.StudentModuleHistory", "fields": {"student_module": 1}},
  {"model": "contenttypes.contenttype", "fields": {"model": "studentmodule", "app_label": "courseware"}},
  {"model": "contenttypes.contenttype", "fields": {"app_label": "other", "model": "studentmodule"}},
  {"model": "auth.permission", "fields": {"codename": "add_studentmodule", "content_type": ["courseware", "studentmodule"]}},
  {"note": "see StudentModule", "student_module": "courseware.change_studentmodule"},
  {"query": "DELETE FROM courseware_studentmodule WHERE id = 1", "x": "courseware_studentmodules"}
]"#;
    assert_eq!(
        hits(TextKind::Json, text),
        [
            "2 \"courseware.studentmodule\" fixture write certain",
            "3 \"courseware.StudentModuleHistory\" fixture write certain",
            "3 \"student_module\" fixture write certain",
            "4 \"studentmodule\" fixture none certain",
            "5 \"studentmodule\" fixture none likely",
            "6 \"add_studentmodule\" fixture none certain",
            "6 \"studentmodule\" fixture none certain",
            "7 StudentModule fixture none possible",
            "7 \"student_module\" fixture none possible",
            "7 change_studentmodule fixture none certain",
            "8 courseware_studentmodule raw-sql delete likely",
        ]
    );
}

#[test]
fn broken_json_is_still_read() {
    assert_eq!(
        hits(TextKind::Json, "{\"a\": [1, {\"model\": \"courseware.studentmodule\", \"b\": \"unclosed"),
        ["1 \"courseware.studentmodule\" fixture write certain"]
    );
    assert_eq!(hits(TextKind::Json, "}}]] \"model\": 'courseware.studentmodule' {{{").len(), 1);
}

#[test]
fn json_settings() {
    assert_eq!(
        hits(
            TextKind::Json,
            r#"{"DATABASES": {"student_module_history": {}}, "FEATURES": {"ENABLE_HISTORY": true}, "x": "history-db", "y": "my-history-db"}"#
        ),
        [
            "1 \"student_module_history\" configuration none likely",
            "1 \"ENABLE_HISTORY\" configuration none likely",
            "1 history-db configuration none likely",
        ]
    );
}

#[test]
fn yaml_fixtures_and_settings() {
    let text = "# student_module_history in a comment\nDATABASES:\n    student_module_history:\n        <<: *default\n\
                FEATURES: {ENABLE_HISTORY: true, OTHER: 'x'}\nROWS:\n- model: courseware.studentmodule\n  pk: 1\n\
                - model: contenttypes.contenttype\n  fields:\n    model: \"studentmodule\"\n    app_label: courseware\n\
                - fields:\n    content_type:\n    - courseware\n    - studentmodule\nquery: |\n  UPDATE courseware_studentmodule\n  SET grade = 1\n\
                last: student_module_history # why\n";
    assert_eq!(
        hits(TextKind::Yaml, text),
        [
            "3 student_module_history configuration none likely",
            "5 ENABLE_HISTORY configuration none likely",
            "7 courseware.studentmodule fixture write certain",
            "11 \"studentmodule\" fixture none certain",
            "16 studentmodule fixture none certain",
            "18 courseware_studentmodule raw-sql write likely",
            "20 student_module_history configuration none likely",
        ]
    );
}

#[test]
fn templates() {
    let text = "<p>StudentModule</p>\n{% for m in user.studentmodule_set.all %}{{ entry.student_module.grade }}\n\
                % for m in StudentModule.objects.all():\n${ user.module_states.count() }\n<b class=\"student_module\">x</b>\n\
                {% if perms.courseware.change_studentmodule %}\n";
    assert_eq!(
        hits(TextKind::Template, text),
        [
            "1 StudentModule template none possible",
            "2 studentmodule_set template read likely",
            "2 student_module template read likely",
            "3 StudentModule template read likely",
            "4 module_states template read likely",
            "5 student_module template none possible",
            "6 change_studentmodule template none likely",
        ]
    );
}

#[test]
fn scripts() {
    let text = "#!/bin/bash\n# don't touch courseware_studentmodule\nmysql -e \"DELETE FROM courseware_studentmodule WHERE id=$1\"\n\
                mysqldump edxapp courseware_studentmodule > x.sql\nmysql <<-SQL | tail\n  SELECT * FROM `courseware_studentmodule` s;\nSQL\n\
                python -c 'from courseware.models import StudentModule'\nmysql -D student_module_history\n";
    assert_eq!(
        hits(TextKind::Script, text),
        [
            "2 courseware_studentmodule script none possible",
            "3 courseware_studentmodule script delete likely",
            "4 courseware_studentmodule script unknown likely",
            "6 `courseware_studentmodule` script read likely",
            "8 StudentModule script none possible",
            "9 student_module_history script none likely",
        ]
    );
    assert_eq!(
        hits(TextKind::Script, "db.query(`UPDATE courseware_studentmodule SET state = ${state}`) // StudentModule"),
        ["1 courseware_studentmodule script write likely", "1 StudentModule script none possible",]
    );
}

#[test]
fn documents_are_possible_at_most() {
    let text = "The StudentModule class, courseware_studentmodule, `courseware.studentmodule`; a studentmodule, StudentModules.\n\
                    SELECT * FROM courseware_studentmodule\nÜ StudentModule\n";
    assert_eq!(
        hits(TextKind::Document, text),
        [
            "1 StudentModule document none possible",
            "1 courseware_studentmodule document none possible",
            "1 studentmodule document none possible",
            "2 courseware_studentmodule document none possible",
            "3 StudentModule document none possible",
        ]
    );
}

#[test]
fn no_text_panics() {
    for text in [
        "",
        "\"",
        "'",
        "{",
        "- ",
        "-",
        "a: |",
        "a: \"",
        "a: {",
        "a: [é",
        "<<",
        "<<EOF",
        "é: é",
        "\u{feff}x",
        "- - - a: b",
        ": :",
        "?",
        "a:\r\n- b\r\n",
    ] {
        for kind in
            [TextKind::Sql, TextKind::Json, TextKind::Yaml, TextKind::Template, TextKind::Script, TextKind::Document]
        {
            let _ = hits(kind, text);
        }
    }
}

#[test]
fn a_field_with_a_common_name_is_nothing_where_its_model_is_not_known() {
    let words = TargetWords {
        models: vec![ModelWords {
            label: "grades.Override".to_owned(),
            class: "Override".to_owned(),
            app_label: "grades".to_owned(),
            table: "grades_override".to_owned(),
            fields: vec!["module".to_owned(), "module_id".to_owned()],
            accessors: vec!["marks".to_owned()],
        }],
        config_words: Vec::new(),
    };
    let count = |kind, text: &str| scan_text(kind, &SourceText::new(text.to_owned()), &words).len();
    assert_eq!(count(TextKind::Document, "A module has marks."), 0);
    assert_eq!(count(TextKind::Script, "require('module').marks"), 0);
    assert_eq!(count(TextKind::Json, r#"{"module": "marks", "x": "a module"}"#), 0);
    assert_eq!(count(TextKind::Json, r#"{"model": "grades.override", "fields": {"module": 1}}"#), 2);
    assert_eq!(count(TextKind::Template, "module {{ module }} {{ x.module }}"), 1);
    assert_eq!(count(TextKind::Sql, "SELECT module FROM other; SELECT module_id FROM grades_override"), 2);
}
