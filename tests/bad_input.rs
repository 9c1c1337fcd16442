//! Input that is broken, hostile or not what was meant: a clear error or a gap, and the rest is scanned.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::process::{Output, Stdio};

use common::{Tree, gaps, program, run, text, touchpoints};

/// The error of a run that cannot begin: exit code 2, one line that says what to do, and no output.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("error: "), "{error}");
    error
}

/// What stands in the shop was found whatever lies beside it.
fn the_rest_is_scanned(report: &serde_json::Value) {
    let found = touchpoints(report);
    for expected in ["shop/models.py:4 definition", "shop/views.py:1 import", "shop/views.py:5 query"] {
        assert!(found.iter().any(|t| t == expected), "{expected} is not in {found:?}");
    }
}

#[test]
fn a_root_that_does_not_exist() {
    let error = refused(&run(program().args(["scan", "no/such/folder"])));
    assert!(error.contains("no/such/folder does not exist; pass "), "{error}");
}

#[test]
fn a_root_that_is_a_file() {
    let tree = Tree::shop();
    let error = refused(&run(program().arg("scan").arg(tree.join("manage.py"))));
    assert!(error.contains("manage.py is not a folder; pass "), "{error}");
}

#[test]
fn a_root_without_python() {
    let tree = Tree::new(&[("README.md", "StudentModule")]);
    let error = refused(&tree.scan(&[]));
    assert!(error.contains("contains no Python file; pass "), "{error}");
    let shop = Tree::shop();
    let error = refused(&shop.scan(&["--site-packages", tree.path().to_str().unwrap()]));
    assert!(error.contains("contains no Python file; pass the folder of the installed packages"), "{error}");
}

#[test]
fn a_target_that_is_nowhere_defined() {
    let tree = Tree::shop();
    let refuse = |target: &str| refused(&run(program().arg("scan").arg(tree.path()).args(["--target", target])));
    let error = refuse("shop.Ordr");
    assert!(
        error.contains("no model shop.Ordr is defined in the scanned folders; did you mean shop.Order?"),
        "{error}"
    );
    let error = refuse("sales.Order");
    assert!(error.contains("did you mean shop.Order?"), "{error}");
    let error = refuse("auth.User");
    assert!(error.contains("--site-packages"), "{error}");
    // The default target was not asked for: that it is not there is a result.
    let output = run(program().arg("scan").arg(tree.path()).args(["--format", "json"]));
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["touchpoints"], serde_json::json!([]));
    assert!(report["gaps"].as_array().unwrap().iter().any(|gap| gap["kind"] == "no-target"), "{report}");
}

#[test]
fn a_configuration_with_an_unknown_key() {
    let tree = Tree::shop();
    tree.write("csm-audit.toml", b"threads = 1\ntargets = 'a.B'\n");
    let error = refused(&tree.scan(&[]));
    assert!(error.contains("csm-audit.toml:2:1: unknown key `targets`; did you mean `target`?"), "{error}");
    let error = refused(&Tree::shop().scan(&["--config", "no/such/file.toml"]));
    assert!(error.contains("no/such/file.toml: cannot be read"), "{error}");
}

/// What a tree could ask for that is none of its business.
fn hostile_configuration(victim: &std::path::Path, port: u16) -> String {
    format!(
        "output = '{0}'\ntarget = 'shop.Order'\nquiet = true\ninstalled-apps = '{0}'\nthreads = 100000\n\
         [environments.prod]\nsources = ['mysql://root@127.0.0.1:{port}/x']\npassword-file = '{0}'\n\
         [gate]\nbaseline = '{0}'\n",
        victim.display()
    )
}

#[test]
fn a_scanned_tree_neither_writes_nor_connects_nor_shows_files() {
    let outside = Tree::new(&[("victim.json", "precious secret\n"), ("here/x.txt", "")]);
    let victim = outside.join("victim.json");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    for (file, section) in [("csm-audit.toml", ""), ("pyproject.toml", "[tool.csm-audit]\n")] {
        let tree = Tree::shop();
        let text = hostile_configuration(&victim, server.local_addr().unwrap().port());
        let text = format!("{section}{text}");
        let text = if section.is_empty() { text } else { text.replace("\n[", "\n[tool.csm-audit.") };
        tree.write(file, text.as_bytes());
        let run_there = |arguments: &[&str]| {
            let mut program = program();
            program.current_dir(outside.join("here")).env("HOME", outside.path()).args(arguments).arg(tree.path());
            run(&mut program)
        };
        for (arguments, code) in [
            (&["scan"][..], 0),
            (&["scan", "--format", "json"], 0),
            (&["schema"], 0),
            (&["gate", "--update"], 0),
            (&["gate"], 0),
            (&["plan"], 2),
        ] {
            let output = run_there(arguments);
            let said = text_of(&output);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
            assert!(said.contains("warning: ") && said.contains("`environments`, `output`"), "{arguments:?}: {said}");
            assert!(said.contains("installed-apps = ") && said.contains("gate.baseline = "), "{arguments:?}: {said}");
            assert!(said.contains("100000 threads are too many"), "{arguments:?}: {said}");
            assert!(!said.contains("precious"), "{arguments:?}: {said}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious secret\n", "{arguments:?}");
            assert!(server.accept().is_err(), "{arguments:?} connected to the tree's server");
        }
        assert!(tree.join("csm-audit.baseline.json").is_file(), "the default is the tree's own folder");
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_configuration_of_the_user_is_obeyed_from_anywhere_in_the_repository() {
    let tree = Tree::shop();
    tree.write("csm-audit.toml", b"target = 'shop.Order'\noutput = 'out/report.json'\n");
    fs::create_dir(tree.join("out")).unwrap();
    fs::create_dir(tree.join(".git")).unwrap();
    let scan = |folder: &str, arguments: &[&str]| {
        let output = run(program().current_dir(tree.join(folder)).arg("scan").args(arguments));
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        let report = fs::read(tree.join("out/report.json")).unwrap_or_default();
        let _ = fs::remove_file(tree.join("out/report.json"));
        (text(&output.stderr), serde_json::from_slice::<serde_json::Value>(&report).unwrap())
    };
    let (said, whole) = scan("", &[]);
    assert_eq!(said, "");
    let (said, from_below) = scan("shop", &[]);
    assert!(said.contains("configuration: ../csm-audit.toml"), "{said}");
    assert_eq!(whole["touchpoints"], from_below["touchpoints"]);
    let config = tree.join("csm-audit.toml");
    let elsewhere = Tree::new(&[("x.txt", "")]);
    let output = run(program().current_dir(elsewhere.path()).arg("scan").arg(tree.path()).arg("--config").arg(&config));
    assert_eq!(text_of(&output), "");
    assert!(tree.join("out/report.json").is_file());
}

#[test]
fn environments_whose_file_names_are_the_same() {
    let tree = Tree::shop();
    let plan = |names: &[&str]| {
        let prod = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/environments/prod.json");
        let replicas = names.iter().map(|name| format!("--replica={name}={prod}"));
        run(program().arg("plan").arg(tree.path()).args(replicas).arg("-o").arg(tree.join("plan")))
    };
    for names in [["a/b", "a b"], ["a:b", "a.b"], ["prod", "PROD"], ["prod", "é-prod"]] {
        let error = refused(&plan(&names));
        assert!(error.contains("would have the same file names") && error.contains(names[1]), "{error}");
    }
    for name in ["é", "日本", "..", "/"] {
        let error = refused(&plan(&[name]));
        assert!(error.contains("no ASCII letter or digit"), "{error}");
    }
    assert!(!tree.join("plan").exists());
}

#[test]
fn arguments_that_make_no_sense() {
    let error = refused(&run(program().args(["scan", ".", "--target", "StudentModule"])));
    assert!(error.contains("`StudentModule` is not a valid model; write it as app_label.Model"), "{error}");
    assert_eq!(run(program().args(["scan", "--format", "xml"])).status.code(), Some(2));
    assert_eq!(run(program().arg("nonsense")).status.code(), Some(2));
    let error = refused(&Tree::shop().scan(&["-o", "/no/such/folder/report.json"]));
    assert!(error.contains("cannot write /no/such/folder/report.json; pass a writable path"), "{error}");
}

#[test]
fn an_empty_file() {
    let tree = Tree::shop();
    tree.write("shop/empty.py", b"");
    let report = tree.report();
    assert_eq!(gaps(&report, "shop/empty.py"), [""; 0]);
    the_rest_is_scanned(&report);
}

#[test]
fn nul_bytes() {
    let tree = Tree::shop();
    tree.write("shop/nul.py", b"from shop.models import Order\n\0\0\nOrder.objects.all()\n");
    tree.write("shop/data.json", b"{\"model\": \"shop.order\"\0}");
    tree.write("shop/picture.png", b"\x89PNG\0\0");
    let report = tree.report();
    assert_eq!(gaps(&report, "shop/data.json"), ["binary"]);
    assert_eq!(gaps(&report, "shop/picture.png"), [""; 0]);
    assert!(!gaps(&report, "shop/nul.py").is_empty());
    assert!(touchpoints(&report).contains(&"shop/nul.py:1 import".to_owned()));
    the_rest_is_scanned(&report);
}

#[test]
fn invalid_utf8_and_unknown_encodings() {
    let tree = Tree::shop();
    tree.write("shop/latin.py", b"# caf\xe9\nfrom shop.models import Order\n");
    tree.write("shop/cookie.py", b"# coding: klingon\nfrom shop.models import Order\n");
    let report = tree.report();
    for file in ["shop/latin.py", "shop/cookie.py"] {
        assert!(!gaps(&report, file).is_empty(), "{file} has no gap");
        assert!(touchpoints(&report).contains(&format!("{file}:2 import")), "{file} was not read");
    }
    the_rest_is_scanned(&report);
}

#[test]
fn ten_thousand_nested_brackets() {
    let tree = Tree::shop();
    let deep = |open: &str, close: &str| {
        format!("from shop.models import Order\nx = {}Order{}\n", open.repeat(10_000), close.repeat(10_000))
    };
    tree.write("shop/square.py", deep("[", "]").as_bytes());
    tree.write("shop/round.py", deep("(", ")").as_bytes());
    tree.write("shop/curly.py", deep("{1: ", "}").as_bytes());
    tree.write("shop/open.py", format!("from shop.models import Order\nx = {}\n", "[".repeat(10_000)).as_bytes());
    let report = tree.report();
    for file in ["shop/square.py", "shop/curly.py", "shop/open.py"] {
        assert!(!gaps(&report, file).is_empty(), "{file} has no gap");
    }
    the_rest_is_scanned(&report);
}

#[test]
fn a_file_of_200_megabytes() {
    let tree = Tree::shop();
    for name in ["shop/huge.py", "shop/huge.sql"] {
        fs::File::create(tree.join(name)).unwrap().set_len(200 << 20).unwrap();
    }
    let report = tree.report();
    assert_eq!(gaps(&report, "shop/huge.py"), ["too-large"]);
    assert_eq!(gaps(&report, "shop/huge.sql"), ["too-large"]);
    the_rest_is_scanned(&report);
}

#[test]
fn output_goes_to_a_closed_pipe() {
    let tree = Tree::shop();
    for format in ["text", "json"] {
        let mut child = program()
            .arg("scan")
            .arg(tree.path())
            .args(["--target", "shop.Order", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

#[test]
fn the_same_bytes_in_every_run_and_on_any_number_of_threads() {
    let tree = Tree::shop();
    for i in 0..60 {
        let text = format!("from shop.models import Order\ndef f{i}():\n    Order.objects.create()\n(\n");
        tree.write(&format!("shop/v{i}.py"), text.as_bytes());
    }
    for format in ["text", "json"] {
        let first = tree.scan(&["--format", format, "--threads", "1"]);
        assert_eq!(first.status.code(), Some(0));
        for threads in ["1", "2", "7"] {
            let again = tree.scan(&["--format", format, "--threads", threads]);
            assert!(first.stdout == again.stdout, "{format} differs on {threads} threads");
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn links_that_lead_nowhere_or_in_circles() {
        let tree = Tree::shop();
        symlink("nothing.py", tree.join("shop/broken.py")).unwrap();
        symlink("b.py", tree.join("shop/a.py")).unwrap();
        symlink("a.py", tree.join("shop/b.py")).unwrap();
        symlink("..", tree.join("shop/up")).unwrap();
        let report = tree.report();
        assert_eq!(gaps(&report, "shop/broken.py"), ["broken-link"]);
        assert_eq!(gaps(&report, "shop/a.py"), ["link-loop"]);
        assert_eq!(gaps(&report, "shop/b.py"), ["link-loop"]);
        assert_eq!(gaps(&report, "shop/up"), ["link-loop"]);
        the_rest_is_scanned(&report);
    }

    #[test]
    fn links_to_files_and_folders() {
        let tree = Tree::shop();
        let outside = Tree::new(&[
            ("lib/code.py", "x = 1\n"),
            ("text/a.txt", "x"),
            ("one.py", "from shop.models import Order\n"),
        ]);
        symlink("views.py", tree.join("shop/again.py")).unwrap();
        symlink(outside.join("one.py"), tree.join("shop/one.py")).unwrap();
        symlink(outside.join("lib"), tree.join("lib")).unwrap();
        symlink(outside.join("text"), tree.join("text")).unwrap();
        symlink("shop", tree.join("shop2")).unwrap();
        let report = tree.report();
        assert_eq!(gaps(&report, "lib"), ["link-not-followed"]);
        assert_eq!(report["gaps"].as_array().unwrap().len(), 1, "{}", report["gaps"]);
        let found = touchpoints(&report);
        assert!(found.contains(&"shop/one.py:1 import".to_owned()), "{found:?}");
        assert!(!found.iter().any(|t| t.starts_with("shop/again.py") || t.starts_with("shop2/")), "{found:?}");
        the_rest_is_scanned(&report);
    }

    #[test]
    fn fifos_and_sockets_are_not_opened() {
        let tree = Tree::shop();
        for name in ["shop/fifo.py", "shop/fifo"] {
            assert!(Command::new("mkfifo").arg(tree.join(name)).status().unwrap().success());
        }
        symlink("fifo.py", tree.join("shop/to_fifo.py")).unwrap();
        let _socket = UnixListener::bind(tree.join("shop/socket.py")).unwrap();
        let report = tree.report();
        for file in ["shop/fifo.py", "shop/fifo", "shop/to_fifo.py", "shop/socket.py"] {
            assert_eq!(gaps(&report, file), ["special-file"], "{file}");
        }
        the_rest_is_scanned(&report);
    }

    #[test]
    fn what_may_not_be_read() {
        let tree = Tree::shop();
        let (file, folder) = (tree.write("shop/secret.py", b"x = 1\n"), tree.join("hidden_away"));
        tree.write("hidden_away/code.py", b"x = 1\n");
        let allow = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(0o000);
        if fs::read(&file).is_ok() {
            allow(0o755);
            common::skip::skipped("this user may read everything, as root may; only the message is, by a link loop");
            symlink("loop", tree.join("loop")).unwrap();
            let error = refused(&run(program().arg("scan").arg(tree.join("loop"))));
            assert!(error.contains("loop cannot be read: "), "{error}");
            return;
        }
        let report = tree.report();
        let root = refused(&run(program().arg("scan").arg(&folder)));
        allow(0o755);
        assert_eq!(gaps(&report, "shop/secret.py"), ["unreadable"]);
        assert_eq!(gaps(&report, "hidden_away"), ["unreadable"]);
        assert!(root.contains("hidden_away cannot be read: "), "{root}");
        the_rest_is_scanned(&report);
    }

    #[test]
    fn names_that_are_no_text() {
        let tree = Tree::shop();
        let odd = tree.join("shop").join(OsStr::from_bytes(b"caf\xe9.py"));
        if fs::write(&odd, "from shop.models import Order\n").is_err() {
            common::skip::skipped("this file system takes no such name");
            return;
        }
        tree.write("shop/new\nline.py", b"from shop.models import Order\n");
        let report = tree.report();
        assert_eq!(gaps(&report, "shop/caf\\xe9.py"), ["odd-name"]);
        let found = touchpoints(&report);
        assert!(found.contains(&"shop/caf\\xe9.py:1 import".to_owned()), "{found:?}");
        assert!(found.contains(&"shop/new\nline.py:1 import".to_owned()), "{found:?}");
    }
}
