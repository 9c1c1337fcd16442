//! Making a data directory, the slow part of starting a server: made once, kept among the build's files, and copied.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Flavour;
use super::programs::Programs;

/// Local tests connect through the loopback address, which not every flavour's administrator may.
const ADMINISTRATOR: &str = "CREATE USER 'root'@'127.0.0.1' IDENTIFIED BY '';\nGRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n";

/// A short redo log: it is part of what is copied.
pub(super) fn redo_log_size(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb | Flavour::MySql56 => "innodb_log_file_size=8M",
        Flavour::MySql97 => "innodb_redo_log_capacity=16M",
    }
}

/// Fills `target`, which must not exist yet. `shape` are settings that a data directory keeps for good.
pub(super) fn create(flavour: Flavour, programs: &Programs, shape: &[&str], target: &Path) {
    let mut settings = vec![redo_log_size(flavour)];
    settings.extend(shape);
    let template = template_path(flavour, programs, &settings);
    if !template.is_dir() {
        let work = tempfile::Builder::new().prefix("csm-audit-template-").tempdir().unwrap();
        own_by_server(work.path());
        let fresh = work.path().join("data");
        initialise(flavour, programs, &settings, &fresh, &work.path().join("output.log"));
        // Copied beside its place and then renamed: other tests see a whole template or none. The loser of a race
        // between two tests finds the place taken, which is as good.
        let beside = tempfile::tempdir_in(template.parent().unwrap()).unwrap();
        let nearly = beside.path().join("data");
        copy(&fresh, &nearly);
        let _ = fs::rename(&nearly, &template);
    }
    copy(&template, target);
    // Two servers with one identity refuse to replicate each other.
    let _ = fs::remove_file(target.join("auto.cnf"));
}

fn template_path(flavour: Flavour, programs: &Programs, settings: &[&str]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (&programs.server, &programs.version, settings, ADMINISTRATOR).hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-templates");
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{}-{:016x}", flavour.folder(), hasher.finish()))
}

fn initialise(flavour: Flavour, programs: &Programs, settings: &[&str], data: &Path, log: &Path) {
    let settings = settings.iter().chain(&["innodb_flush_method=nosync"]).map(|setting| format!("--{setting}"));
    let datadir = format!("--datadir={}", data.display());
    let script = data.with_file_name("initial.sql");
    let mut command = match flavour {
        Flavour::MariaDb => {
            let mut command = as_server(&programs.companion("mariadb-install-db"));
            // It already gives root's account on the loopback address.
            command.args(["--no-defaults", "--skip-test-db", "--skip-name-resolve"]);
            command.arg("--auth-root-authentication-method=normal").stdin(Stdio::null());
            command
        }
        Flavour::MySql56 => {
            // The package has the server alone; this is what mysql_install_db would feed to it.
            let share = programs.default_of("lc-messages-dir");
            let mut sql = "CREATE DATABASE mysql;\nUSE mysql;\n".to_owned();
            for file in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
                sql += &fs::read_to_string(share.join(file)).unwrap();
            }
            sql += "DELETE FROM user WHERE User = '' OR Host NOT IN ('localhost', '127.0.0.1');\n";
            fs::write(&script, sql).unwrap();
            fs::create_dir(data).unwrap();
            own_by_server(data);
            let mut command = as_server(&programs.server);
            command.args(["--no-defaults", "--bootstrap"]).stdin(File::open(&script).unwrap());
            command
        }
        Flavour::MySql97 => {
            fs::write(&script, ADMINISTRATOR).unwrap();
            let mut command = as_server(&programs.server);
            command.args(["--no-defaults", "--initialize-insecure"]).stdin(Stdio::null());
            command.arg(format!("--init-file={}", script.display()));
            command
        }
    };
    let output = File::create(log).unwrap();
    // A starting server removes the temporary tables that it finds, those of its neighbours as well.
    command.env("TMPDIR", data.parent().unwrap());
    command.arg(datadir).args(settings).stdout(output.try_clone().unwrap()).stderr(output);
    let status = command.status().unwrap();
    assert!(
        status.success(),
        "{flavour} makes no data directory: {status}\n{}",
        fs::read_to_string(log).unwrap_or_default()
    );
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", "--reflink=auto"]).args([from, to]).status().unwrap();
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

/// A command with the rights of an account that owns nothing: servers refuse to run as root, and should.
pub(super) fn as_server(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = server_account() {
        command.uid(user).gid(group);
    }
    command
}

/// Gives a folder and what is in it to the account that servers run as.
pub(super) fn own_by_server(folder: &Path) {
    if let Some((user, group)) = server_account() {
        let status = Command::new("chown").arg("-R").arg(format!("{user}:{group}")).arg(folder).status().unwrap();
        assert!(status.success(), "chown {}: {status}", folder.display());
    }
}

/// The account to change to, when these tests run as root.
fn server_account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<_> =
        accounts.lines().find(|line| line.starts_with("nobody:")).expect("an account nobody").split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
