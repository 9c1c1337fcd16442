use super::*;
use crate::discover::{Discovery, Options};
use crate::source::FileId;

struct Tree {
    _folder: tempfile::TempDir,
    discovery: Discovery,
    index: ModuleIndex,
}

/// A project of empty files; `site/` is a folder of installed packages.
fn tree(paths: &[&str]) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, "").unwrap();
    }
    let site = folder.path().join("site");
    let options = Options {
        projects: vec![folder.path().join("project")],
        site_packages: if site.exists() { vec![site] } else { Vec::new() },
        ..Options::default()
    };
    let discovery = Discovery::run(&options).unwrap();
    let index = ModuleIndex::build(&discovery, &import_roots(&discovery));
    Tree { _folder: folder, discovery, index }
}

impl Tree {
    fn id(&self, path: &str) -> FileId {
        (0..self.discovery.roots.len()).find_map(|root| self.discovery.find(root, path)).unwrap()
    }

    fn path(&self, module: ModuleRef) -> &str {
        module.file().map_or("-", |file| &self.discovery.entry(file).path)
    }

    fn resolve(&self, dotted: &str, from: &str) -> (&str, How) {
        let (module, how) = self.index.resolve_how(dotted, Some(self.id(from)));
        (self.path(module), how)
    }
}

const EDX: [&str; 13] = [
    "project/manage.py",
    "project/lms/__init__.py",
    "project/lms/urls.py",
    "project/lms/djangoapps/courseware/__init__.py",
    "project/lms/djangoapps/courseware/models.py",
    "project/lms/djangoapps/courseware/views.py",
    "project/lms/djangoapps/branding/__init__.py",
    "project/cms/__init__.py",
    "project/cms/djangoapps/branding/__init__.py",
    "project/cms/djangoapps/contentstore/__init__.py",
    "project/openedx/core/lib/__init__.py",
    "project/openedx/core/lib/celery.py",
    "project/scripts/tool.py",
];

#[test]
fn a_file_answers_to_its_name_from_the_root_and_from_import_roots() {
    let tree = tree(&EDX);
    let models = tree.id("lms/djangoapps/courseware/models.py");
    assert_eq!(tree.index.name(models), "lms.djangoapps.courseware.models");
    assert_eq!(tree.index.names(models), ["lms.djangoapps.courseware.models", "courseware.models"]);
    assert_eq!(
        tree.resolve("lms.djangoapps.courseware.models", "manage.py"),
        ("lms/djangoapps/courseware/models.py", How::Exact)
    );
    assert_eq!(tree.resolve("courseware.models", "manage.py"), ("lms/djangoapps/courseware/models.py", How::Root));
    assert_eq!(tree.resolve("courseware", "manage.py"), ("lms/djangoapps/courseware/__init__.py", How::Root));
    assert_eq!(tree.resolve("courseware.nothing", "manage.py"), ("-", How::Unresolved));
}

#[test]
fn of_two_modules_of_one_name_the_importers_own_folder_wins() {
    let tree = tree(&EDX);
    assert_eq!(tree.resolve("branding", "lms/urls.py").0, "lms/djangoapps/branding/__init__.py");
    assert_eq!(
        tree.resolve("branding", "cms/djangoapps/contentstore/__init__.py").0,
        "cms/djangoapps/branding/__init__.py"
    );
    assert_eq!(tree.resolve("branding", "scripts/tool.py").0, "cms/djangoapps/branding/__init__.py");
}

#[test]
fn relative_imports_and_submodules() {
    let tree = tree(&EDX);
    let views = tree.id("lms/djangoapps/courseware/views.py");
    let package = tree.id("lms/djangoapps/courseware/__init__.py");
    let path = |module| tree.path(module);
    assert_eq!(path(tree.index.relative(views, 1, "models")), "lms/djangoapps/courseware/models.py");
    assert_eq!(path(tree.index.relative(package, 1, "models")), "lms/djangoapps/courseware/models.py");
    assert_eq!(path(tree.index.relative(views, 1, "")), "lms/djangoapps/courseware/__init__.py");
    assert_eq!(path(tree.index.relative(views, 2, "branding")), "lms/djangoapps/branding/__init__.py");
    assert_eq!(tree.index.relative(views, 9, "models"), ModuleRef::Unknown);
    let lms = tree.index.resolve("lms", None);
    let apps = tree.index.submodule(lms, "djangoapps");
    assert!(matches!(apps, ModuleRef::Namespace(_)));
    assert_eq!(tree.index.module_name(apps), "lms.djangoapps");
    let courseware = tree.index.submodule(apps, "courseware");
    assert_eq!(courseware, ModuleRef::File(package));
    assert!(tree.index.is_package(package) && !tree.index.is_package(views));
    assert_eq!(path(tree.index.submodule(courseware, "views")), "lms/djangoapps/courseware/views.py");
    assert_eq!(tree.index.submodule(ModuleRef::File(views), "models"), ModuleRef::Unknown);
}

#[test]
fn a_unique_suffix_resolves_and_a_bare_or_ambiguous_one_does_not() {
    let tree = tree(&[
        "project/a/__init__.py",
        "project/a/deep/__init__.py",
        "project/a/deep/shop/__init__.py",
        "project/a/deep/shop/models.py",
        "project/a/deep/json.py",
        "project/a/user/__init__.py",
        "project/a/user/models.py",
        "project/b/__init__.py",
        "project/b/x/__init__.py",
        "project/b/x/user/__init__.py",
        "project/b/x/user/models.py",
        "project/c.py",
    ]);
    assert_eq!(tree.resolve("shop.models", "c.py"), ("a/deep/shop/models.py", How::Suffix));
    assert_eq!(tree.resolve("json", "c.py"), ("-", How::Unresolved));
    assert_eq!(tree.resolve("user.models", "c.py"), ("-", How::Unresolved));
    assert_eq!(tree.resolve("user.models", "b/__init__.py"), ("b/x/user/models.py", How::Suffix));
    assert_eq!(tree.resolve("op.models", "c.py"), ("-", How::Unresolved));
}

#[test]
fn siblings_come_last_or_first_by_the_rule_asked_for() {
    let tree = tree(&[
        "project/celery.py",
        "project/app/__init__.py",
        "project/app/celery.py",
        "project/app/helpers.py",
        "project/app/tasks.py",
    ]);
    assert_eq!(tree.resolve("helpers", "app/tasks.py"), ("app/helpers.py", How::Sibling));
    assert_eq!(tree.resolve("celery", "app/tasks.py"), ("celery.py", How::Exact));
    let tasks = tree.id("app/tasks.py");
    assert_eq!(tree.path(tree.index.resolve_implicit_first("celery", Some(tasks))), "app/celery.py");
    let celery = tree.id("app/celery.py");
    assert_eq!(tree.path(tree.index.resolve_implicit_first("celery", Some(celery))), "celery.py");
}

#[test]
fn installed_packages_resolve_and_keep_suffixes_away() {
    let tree = tree(&[
        "project/core/__init__.py",
        "project/core/history/__init__.py",
        "project/core/history/models.py",
        "site/history/__init__.py",
        "site/shared/one/__init__.py",
        "project/shared/two/__init__.py",
    ]);
    assert_eq!(tree.resolve("history", "core/__init__.py"), ("history/__init__.py", How::Exact));
    // `history` is installed: that it has no models is no reason to take another's.
    assert_eq!(tree.resolve("history.models", "core/history/__init__.py").1, How::Unresolved);
    let shared = tree.index.resolve("shared", None);
    assert_eq!(tree.path(tree.index.submodule(shared, "two")), "shared/two/__init__.py");
    assert_eq!(tree.path(tree.index.submodule(shared, "one")), "shared/one/__init__.py");
}

#[test]
fn a_root_that_is_itself_a_package_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("lms/courseware");
    std::fs::create_dir_all(&app).unwrap();
    for path in ["lms/__init__.py", "lms/courseware/__init__.py", "lms/courseware/models.py"] {
        std::fs::write(folder.path().join(path), "").unwrap();
    }
    let discovery = Discovery::run(&Options { projects: vec![app], ..Options::default() }).unwrap();
    let index = ModuleIndex::build(&discovery, &import_roots(&discovery));
    let models = discovery.find(0, "models.py").unwrap();
    assert_eq!(index.name(models), "lms.courseware.models");
    assert_eq!(index.resolve("lms.courseware.models", None), ModuleRef::File(models));
    assert_eq!(index.resolve("models", None), ModuleRef::File(models));
}
