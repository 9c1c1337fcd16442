//! The migrations of `django.contrib`, so that they are known without an installation.
//!
//! They say what each migration does to the database, by Django's version; they are written for this program.

use crate::django::Version;

/// A module that is built in.
pub struct Builtin {
    /// Its dotted name.
    pub dotted: String,
    /// Its text.
    pub source: String,
    /// Whether it is a package.
    pub package: bool,
}

const APPS: &[(&str, &str)] = &[
    ("admin", include_str!("contrib/admin.py")),
    ("auth", include_str!("contrib/auth.py")),
    ("contenttypes", include_str!("contrib/contenttypes.py")),
    ("flatpages", include_str!("contrib/flatpages.py")),
    ("redirects", include_str!("contrib/redirects.py")),
    ("sessions", include_str!("contrib/sessions.py")),
    ("sites", include_str!("contrib/sites.py")),
];

/// Apps of Django's without models.
pub const WITHOUT_MODELS: &[&str] = &[
    "admindocs",
    "gis",
    "humanize",
    "messages",
    "postgres",
    "sitemaps",
    "staticfiles",
    "syndication",
    "webdesign",
    "formtools",
    "comments",
];

/// Their abstract models, which others derive from; `### app` starts those of one.
const ABSTRACT: &str = include_str!("contrib/abstract.py");

/// What code takes of `django.contrib.auth` itself.
const AUTH: &str = "from django.apps import apps\nfrom django.conf import settings\n\n
def get_user_model():\n    return apps.get_model(settings.AUTH_USER_MODEL)\n";

const HEAD: &str = "from django.conf import settings\nfrom django.db import migrations, models\nimport django\n\n";

/// The modules a version has. In the files, `### name since version` starts a migration.
#[must_use]
pub fn modules(version: Version) -> Vec<Builtin> {
    let mut out = Vec::new();
    for (app, text) in APPS {
        let base = format!("django.contrib.{app}");
        let source = if *app == "auth" { AUTH } else { "" };
        out.push(Builtin { dotted: base.clone(), source: source.to_owned(), package: true });
        out.push(Builtin { dotted: format!("{base}.migrations"), source: String::new(), package: true });
        for part in text.split("\n### ").skip(1) {
            let (head, body) = part.split_once('\n').unwrap_or((part, ""));
            let (name, since) = head.split_once(" since ").unwrap_or((head, "1.0"));
            if since.trim().parse::<Version>().is_ok_and(|since| version < since) {
                continue;
            }
            out.push(Builtin {
                dotted: format!("{base}.migrations.{}", name.trim()),
                source: format!("{HEAD}{body}"),
                package: false,
            });
        }
    }
    for part in ABSTRACT.split("\n### ").skip(1) {
        let (app, body) = part.split_once('\n').unwrap_or((part, ""));
        // Nobody imports this name: it stands for the models' modules where classes derive from them.
        let dotted = format!("django.contrib.{}.abstract", app.trim());
        out.push(Builtin { dotted, source: format!("{HEAD}{body}"), package: false });
    }
    for app in WITHOUT_MODELS {
        out.push(Builtin { dotted: format!("django.contrib.{app}"), source: String::new(), package: true });
    }
    out
}
