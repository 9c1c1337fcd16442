//! How a project runs Django's commands, by its `manage.py`.

use super::options::Commands;
use crate::ast::{Arguments, Expr, ExprKind, Stmt, StmtKind};
use crate::parse::{self, ParseOptions};

/// What `manage.py` says about itself.
#[derive(Debug, Default)]
struct Entry {
    /// The settings module that it sets when the environment names none.
    default_settings: Option<String>,
    /// Its subcommands: the variable of the parser, its name, and the package of its settings.
    parsers: Vec<Subparser>,
}

#[derive(Debug)]
struct Subparser {
    variable: String,
    name: String,
    settings_base: Option<String>,
}

/// The commands of a project. `path` is `manage.py` relative to the project, `settings` the settings module that was asked
/// for, `model` the path of the model's module.
///
/// A `manage.py` with subparsers, as Open edX has one (`manage.py lms migrate --settings=production`), takes the name of one
/// first, and settings relative to the subparser's `settings_base`.
#[must_use]
pub fn of_project(path: &str, text: &str, settings: Option<&str>, model: &str) -> Commands {
    let parsed = parse::parse(text.as_bytes(), ParseOptions::default());
    let mut entry = Entry::default();
    read(&parsed.module.body, &mut entry);
    let mut commands = Commands { prefix: vec![String::from("python"), path.to_owned()], suffix: Vec::new() };
    let first_folder = model.split('/').next();
    let chosen = entry
        .parsers
        .iter()
        .find(|parser| settings.is_some_and(|settings| parser.relative(settings).is_some()))
        .or_else(|| entry.parsers.iter().find(|parser| Some(parser.name.as_str()) == first_folder))
        .or_else(|| entry.parsers.first());
    if let Some(parser) = chosen {
        commands.prefix.push(parser.name.clone());
        if let Some(settings) = settings {
            commands.suffix.push(format!("--settings={}", parser.relative(settings).unwrap_or(settings)));
        }
    } else if let Some(settings) = settings.filter(|settings| entry.default_settings.as_deref() != Some(settings)) {
        commands.suffix.push(format!("--settings={settings}"));
    }
    commands
}

impl Subparser {
    /// A settings module relative to the package of the subparser's settings.
    fn relative<'s>(&self, settings: &'s str) -> Option<&'s str> {
        let base = self.settings_base.as_ref()?.replace('/', ".");
        settings.strip_prefix(base.as_str())?.strip_prefix('.')
    }
}

fn read(body: &[Stmt], entry: &mut Entry) {
    for statement in body {
        match &statement.kind {
            StmtKind::Assign { targets, value } => {
                if let ([Expr { kind: ExprKind::Name(variable), .. }], Some(("add_parser", _, args))) =
                    (targets.as_slice(), method(value))
                    && let Some(name) = args.args.first().and_then(Expr::as_str)
                {
                    let variable = variable.to_string();
                    entry.parsers.push(Subparser { variable, name: name.to_string(), settings_base: None });
                }
            }
            StmtKind::Expr(expr) => match method(expr) {
                Some(("set_defaults", ExprKind::Name(variable), args)) => {
                    let base = args.keyword("settings_base").and_then(Expr::as_str);
                    let parser = entry.parsers.iter_mut().find(|parser| parser.variable == variable.as_str());
                    if let (Some(parser), Some(base)) = (parser, base) {
                        parser.settings_base = Some(base.to_string());
                    }
                }
                Some(("setdefault", _, args)) => {
                    if let [name, value] = args.args.as_slice()
                        && name.as_str().as_deref() == Some("DJANGO_SETTINGS_MODULE")
                    {
                        entry.default_settings = value.as_str().map(|value| value.to_string());
                    }
                }
                _ => {}
            },
            _ => {}
        }
        for body in statement.bodies() {
            read(body, entry);
        }
    }
}

/// A call of a method: its name, what it is called on, and its arguments.
fn method(expr: &Expr) -> Option<(&str, &ExprKind, &Arguments)> {
    let ExprKind::Call { func, args } = &expr.kind else { return None };
    let ExprKind::Attribute { value, attr } = &func.kind else { return None };
    Some((attr.name.as_str(), &value.kind, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDX: &str = "import os\n\ndef parse_args():\n    parser = ArgumentParser()\n    subparsers = parser.add_subparsers(title='system')\n    lms = subparsers.add_parser(\n        'lms',\n        help='x',\n    )\n    lms.set_defaults(settings_base='lms/envs', default_settings='lms.envs.dev')\n    cms = subparsers.add_parser('cms')\n    cms.set_defaults(settings_base='cms/envs')\n";
    const PLAIN: &str =
        "import os\nif __name__ == '__main__':\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n";

    fn line(text: &str, settings: Option<&str>, model: &str) -> String {
        let Commands { prefix, suffix } = of_project("manage.py", text, settings, model);
        [&prefix[..], &[String::from("migrate")], &suffix[..]].concat().join(" ")
    }

    #[test]
    fn subcommands_come_first_and_settings_are_relative_to_them() {
        let lms = "lms/djangoapps/courseware/models.py";
        assert_eq!(line(EDX, None, lms), "python manage.py lms migrate");
        assert_eq!(line(EDX, Some("lms.envs.production"), lms), "python manage.py lms migrate --settings=production");
        assert_eq!(line(EDX, Some("cms.envs.a.b"), lms), "python manage.py cms migrate --settings=a.b");
        assert_eq!(line(EDX, None, "common/models.py"), "python manage.py lms migrate");
    }

    #[test]
    fn settings_are_named_where_they_are_not_the_default() {
        assert_eq!(line(PLAIN, None, "shop/models.py"), "python manage.py migrate");
        assert_eq!(line(PLAIN, Some("shop.settings"), "shop/models.py"), "python manage.py migrate");
        assert_eq!(line(PLAIN, Some("shop.prod"), "shop/models.py"), "python manage.py migrate --settings=shop.prod");
    }
}
