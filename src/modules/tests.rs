use super::roots::Origin;
use super::*;
use crate::discover::{Discovery, Options};
use crate::parse::ParseOptions;
use crate::project::Project;
use crate::source::FileId;

struct Tree {
    _folder: tempfile::TempDir,
    project: Project,
}

/// A project of empty files; `site/` is a folder of installed packages.
fn tree(paths: &[&str]) -> Tree {
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, "")).collect();
    written(&files)
}

fn written(files: &[(&str, &str)]) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    let site = folder.path().join("site");
    let options = Options {
        projects: vec![folder.path().join("project")],
        site_packages: if site.exists() { vec![site] } else { Vec::new() },
        ..Options::default()
    };
    let discovery = Discovery::run(&options).unwrap();
    let project = Project::new(discovery, ParseOptions::default());
    assert_eq!(project.gaps(), []);
    Tree { _folder: folder, project }
}

impl Tree {
    fn id(&self, path: &str) -> FileId {
        (0..self.project.discovery.roots.len()).find_map(|root| self.project.discovery.find(root, path)).unwrap()
    }

    fn path(&self, module: ModuleRef) -> &str {
        module.file().map_or("-", |file| &self.project.discovery.entry(file).path)
    }

    /// The import roots of one origin.
    fn dirs(&self, origin: Origin) -> Vec<&str> {
        self.project.import_roots.iter().filter(|root| root.origin == origin).map(|root| root.dir.as_str()).collect()
    }

    fn resolve(&self, dotted: &str, from: &str) -> (&str, How) {
        let (module, how) = self.project.modules.resolve_how(dotted, Some(self.id(from)));
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
    assert_eq!(tree.project.modules.name(models), "lms.djangoapps.courseware.models");
    assert_eq!(tree.project.modules.names(models), ["lms.djangoapps.courseware.models", "courseware.models"]);
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
    assert_eq!(path(tree.project.modules.relative(views, 1, "models")), "lms/djangoapps/courseware/models.py");
    assert_eq!(path(tree.project.modules.relative(package, 1, "models")), "lms/djangoapps/courseware/models.py");
    assert_eq!(path(tree.project.modules.relative(views, 1, "")), "lms/djangoapps/courseware/__init__.py");
    assert_eq!(path(tree.project.modules.relative(views, 2, "branding")), "lms/djangoapps/branding/__init__.py");
    assert_eq!(tree.project.modules.relative(views, 9, "models"), ModuleRef::Unknown);
    let lms = tree.project.modules.resolve("lms", None);
    let apps = tree.project.modules.submodule(lms, "djangoapps");
    assert!(matches!(apps, ModuleRef::Namespace(_)));
    assert_eq!(tree.project.modules.module_name(apps), "lms.djangoapps");
    let courseware = tree.project.modules.submodule(apps, "courseware");
    assert_eq!(courseware, ModuleRef::File(package));
    assert!(tree.project.modules.is_package(package) && !tree.project.modules.is_package(views));
    assert_eq!(path(tree.project.modules.submodule(courseware, "views")), "lms/djangoapps/courseware/views.py");
    assert_eq!(tree.project.modules.submodule(ModuleRef::File(views), "models"), ModuleRef::Unknown);
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
    assert_eq!(tree.path(tree.project.modules.resolve_implicit_first("celery", Some(tasks))), "app/celery.py");
    let celery = tree.id("app/celery.py");
    assert_eq!(tree.path(tree.project.modules.resolve_implicit_first("celery", Some(celery))), "celery.py");
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
    let shared = tree.project.modules.resolve("shared", None);
    assert_eq!(tree.path(tree.project.modules.submodule(shared, "two")), "shared/two/__init__.py");
    assert_eq!(tree.path(tree.project.modules.submodule(shared, "one")), "shared/one/__init__.py");
}

#[test]
fn a_guessed_root_gives_way_to_what_is_installed_and_to_pythons_own() {
    let tree = tree(&[
        "project/app/__init__.py",
        "project/app/views.py",
        "project/app/calendar.py",
        "project/data/libs/requests/__init__.py",
        "project/data/libs/calendar/__init__.py",
        "project/data/libs/calendar/models.py",
        "project/data/use.py",
        "site/requests/__init__.py",
    ]);
    assert_eq!(tree.project.import_roots[0].dir, "data/libs");
    let requests = tree.project.modules.resolve("requests", Some(tree.id("data/use.py"))).file().unwrap();
    assert_eq!(tree.project.discovery.entry(requests).root, 1);
    assert_eq!(tree.resolve("calendar", "data/use.py"), ("-", How::Unresolved));
    assert_eq!(tree.resolve("calendar", "app/views.py"), ("-", How::Unresolved));
    assert_eq!(tree.resolve("calendar.models", "data/use.py").0, "data/libs/calendar/models.py");
    let views = Some(tree.id("app/views.py"));
    assert_eq!(tree.path(tree.project.modules.resolve_implicit_first("calendar", views)), "app/calendar.py");
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
    let project = Project::new(discovery, ParseOptions::default());
    let index = &project.modules;
    let models = project.discovery.find(0, "models.py").unwrap();
    assert_eq!(index.name(models), "lms.courseware.models");
    assert_eq!(index.resolve("lms.courseware.models", None), ModuleRef::File(models));
    assert_eq!(index.resolve("models", None), ModuleRef::File(models));
}

#[test]
fn settings_put_folders_on_sys_path_in_many_ways() {
    let settings = r#"
import os, sys
from path import path
PROJECT_ROOT = path(__file__).abspath().dirname().dirname()
REPO_ROOT = PROJECT_ROOT.dirname()
COMMON_ROOT = REPO_ROOT / "common"
sys.path.append(REPO_ROOT)
sys.path.append(PROJECT_ROOT / 'djangoapps')
sys.path.insert(0, COMMON_ROOT / 'djangoapps')
HERE = os.path.dirname(os.path.abspath(__file__))
rel = lambda *x: os.path.join(HERE, *x)
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path = [rel('..', 'vendor')] + sys.path
for name in ('one', 'two'):
    sys.path.append('%s/apps/%s' % (REPO_ROOT, name))
sys.path += [f"{REPO_ROOT}/three"]
import site; site.addsitedir(unknown() + 'x')
sys.path.append('/opt/elsewhere')
if REPO_ROOT not in sys.path:
    sys.path[0:0] = [str(REPO_ROOT / 'four')]
"#;
    let manage = "from pathlib import Path\nimport sys\ndef main():\n    \
                  sys.path.append(str(Path(__file__).resolve().parents[0] / 'five'))\nmain()\n";
    let environ = "import environ, sys\nROOT = environ.Path(__file__) - 2\nsys.path.append(str(ROOT.path('six')))\n\
                   sys.path.append(str(ROOT('seven')))\n";
    let tree = written(&[
        ("project/lms/envs/common.py", settings),
        ("project/manage.py", manage),
        ("project/conf/base.py", environ),
        ("project/lms/djangoapps/a.py", ""),
        ("project/common/djangoapps/a.py", ""),
        ("project/lms/lib/a.py", ""),
        ("project/lms/vendor/a.py", ""),
        ("project/apps/one/a.py", ""),
        ("project/apps/two/a.py", ""),
        ("project/three/a.py", ""),
        ("project/four/a.py", ""),
        ("project/five/a.py", ""),
        ("project/six/a.py", ""),
        ("project/seven/a.py", ""),
    ]);
    assert_eq!(
        tree.dirs(Origin::SysPath),
        [
            "six",
            "seven",
            "",
            "lms/djangoapps",
            "common/djangoapps",
            "lms/lib",
            "lms/vendor",
            "apps/one",
            "apps/two",
            "three",
            "four",
            "five"
        ]
    );
    assert_eq!(tree.resolve("a", "lms/envs/common.py"), ("lms/djangoapps/a.py", How::Root));
    assert_eq!(tree.project.modules.names(tree.id("common/djangoapps/a.py")), ["common.djangoapps.a", "a"]);
}

#[test]
fn setup_and_requirements_files_name_import_roots() {
    let tree = written(&[
        (
            "project/setup.py",
            "from setuptools import setup\nsetup(package_dir={'': 'python', 'deep.er': 'py/deep/er'})\n",
        ),
        ("project/python/m.py", ""),
        ("project/py/deep/er/m.py", ""),
        ("project/libs/a/setup.cfg", "[options]\npackage_dir =\n    =code\n[options.packages.find]\nwhere = where\n"),
        ("project/libs/a/code/m.py", ""),
        ("project/libs/a/where/m.py", ""),
        (
            "project/libs/b/pyproject.toml",
            "[tool.setuptools.packages.find]\nwhere = ['lib']\n[tool.pytest.ini_options]\npythonpath = '.'\n",
        ),
        ("project/libs/b/lib/m.py", ""),
        (
            "project/requirements/local.txt",
            "django==1.8\n-e common/lib/xmodule  # local\n-e ./common/lib/capa\n-e git+https://example.com/x#egg=x\n",
        ),
        ("project/common/lib/xmodule/m.py", ""),
        ("project/common/lib/capa/m.py", ""),
        ("project/tox.ini", "[testenv]\nsetenv =\n    PYTHONPATH = {toxinidir}/shared:{toxinidir}/other\n"),
        ("project/Makefile", "test:\n\tPYTHONPATH=$(PWD)/made:$(PYTHONPATH) pytest x\n"),
        ("project/shared/m.py", ""),
        ("project/other/m.py", ""),
        ("project/made/m.py", ""),
    ]);
    let mut setup = tree.dirs(Origin::Setup);
    setup.sort_unstable();
    assert_eq!(setup, ["", "libs/a", "libs/a/code", "libs/a/where", "libs/b", "libs/b/lib", "py", "python"]);
    assert_eq!(tree.dirs(Origin::Editable), ["common/lib/xmodule", "common/lib/capa"]);
    assert_eq!(tree.dirs(Origin::PythonPath), ["made", "shared", "other"]);
}

#[test]
fn hostile_settings_end() {
    let tree = written(&[
        ("project/a.py", &format!("import sys\na = '/x'\n{}sys.path.append(a)\n", "a = a + a\n".repeat(200))),
        ("project/b.py", "import sys\nf = lambda x: f(x) + f(x)\nsys.path.append(f('a'))\n"),
    ]);
    assert_eq!(tree.dirs(Origin::SysPath), [""; 0]);
}
