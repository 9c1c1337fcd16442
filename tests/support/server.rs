//! Starting and stopping one server.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::data_directory::{self, as_server, own_by_server};
use super::programs::Programs;
use super::{Flavour, Skip};

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Another test may take a port between its choice and its use.
const ATTEMPTS: usize = 3;

/// How a server differs from the plain, small, fast one that tests get by default.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    lines: Vec<String>,
    tls: bool,
}

impl ServerOptions {
    /// A server without binary log, performance schema or logs of queries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line to the `[mysqld]` section of its configuration. The last of two contrary lines counts.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Writes a binary log in this format, and on replicas what came from the primary as well.
    #[must_use]
    pub fn binary_log(self, format: &str) -> Self {
        self.line("log_bin=binlog").line("log_slave_updates=ON").line(format!("binlog_format={format}"))
    }

    /// Logs every statement; [`Server::general_log`] reads it.
    #[must_use]
    pub fn general_log(self) -> Self {
        self.line("general_log=ON").line("general_log_file=general.log")
    }

    /// Turns the performance schema on, with the instrument that shows metadata locks where there is one.
    #[must_use]
    pub fn performance_schema(self) -> Self {
        self.line("performance_schema=ON").line("loose_performance_schema_instrument='wait/lock/metadata/sql/mdl=ON'")
    }

    /// Lets clients use TLS, with a certificate that [`Server::certificate_authority`] vouches for. MySQL 5.6 speaks
    /// TLS 1.0 at best, which today's clients refuse.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Settings that are fixed when the data directory is made, and so rule out a copy of a ready-made one.
    fn shape_data_directory(&self) -> Vec<&str> {
        let fixed = ["lower_case_table_names", "innodb_page_size", "innodb_data_file_path", "innodb_undo_"];
        self.lines.iter().map(String::as_str).filter(|line| fixed.iter().any(|name| line.starts_with(name))).collect()
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    flavour: Flavour,
    programs: Programs,
    port: u16,
    process: Child,
    /// Ends the server when this test program dies without getting to drop anything.
    watchdog: Child,
    /// The last field, so that the files outlive the process.
    folder: TempDir,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When its program is not installed.
    ///
    /// # Panics
    /// When the server is installed and does not start, with its error log.
    pub fn start(flavour: Flavour, options: ServerOptions) -> Result<Server, Skip> {
        let programs = Programs::find(flavour).map_err(|reason| Skip { flavour, reason })?;
        for _ in 1..ATTEMPTS {
            match Self::try_start(flavour, &programs, &options) {
                Ok(server) => return Ok(server),
                Err(trouble) if trouble.contains("Address already in use") => {}
                Err(trouble) => panic!("{flavour} does not start: {trouble}"),
            }
        }
        Ok(Self::try_start(flavour, &programs, &options)
            .unwrap_or_else(|trouble| panic!("{flavour} does not start: {trouble}")))
    }

    fn try_start(flavour: Flavour, programs: &Programs, options: &ServerOptions) -> Result<Server, String> {
        let folder = tempfile::Builder::new().prefix("csm-audit-server-").tempdir_in(fast_folder()).unwrap();
        data_directory::create(flavour, programs, &options.shape_data_directory(), &folder.path().join("data"));
        if options.tls {
            make_certificates(folder.path());
        }
        let port = free_port();
        configure(flavour, options, folder.path(), port);
        own_by_server(folder.path());
        let output = File::create(folder.path().join("output.log")).unwrap();
        let process = as_server(&programs.server)
            .arg(format!("--defaults-file={}", folder.path().join("server.cnf").display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .map_err(|error| error.to_string())?;
        let watchdog = watch(process.id(), folder.path());
        let mut server = Server { flavour, programs: programs.clone(), port, process, watchdog, folder };
        match server.wait_until_ready() {
            Ok(()) => Ok(server),
            Err(trouble) => Err(format!("{trouble}\n{}", server.error_log())),
        }
    }

    /// What kind of server this is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// What the server's program says of its version.
    pub fn version(&self) -> &str {
        &self.programs.version
    }

    pub(super) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Its port on 127.0.0.1. The administrator is `root`, without a password.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("server.sock")
    }

    /// A client's option file for the administrator, through the socket.
    pub fn option_file(&self) -> PathBuf {
        self.folder.path().join("client.cnf")
    }

    /// Its folder: configuration, `data`, logs, certificates.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that signs the server's, with [`ServerOptions::tls`].
    pub fn certificate_authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it complained about so far.
    pub fn error_log(&self) -> String {
        ["output.log", "error.log"].map(|name| read_lossy(&self.folder.path().join(name))).concat()
    }

    /// The statements it received so far, with [`ServerOptions::general_log`].
    pub fn general_log(&self) -> String {
        read_lossy(&self.folder.path().join("data/general.log"))
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child of ours") {
                return Err(format!("it ended with {status}"));
            }
            // The socket appears shortly before it answers, and asking costs a process.
            let answer =
                if self.socket().exists() { self.try_execute("SELECT 1") } else { Err("no socket".to_owned()) };
            match answer {
                Ok(()) => return Ok(()),
                Err(message) if Instant::now() > end => return Err(format!("no answer: {message}")),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Ends the process at once: its files go next, and an orderly end would write them for seconds.
    fn end(&mut self) {
        // First the watchdog, which would otherwise signal a process id that may be somebody else's by then.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = self.error_log();
            let lines: Vec<_> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(30)..].join("\n");
            eprintln!("--- the last words of {} on port {}\n{tail}", self.flavour, self.port);
        }
    }
}

/// Where servers' files lie: in memory when there is plenty, because every CREATE TABLE waits for the disk otherwise
/// (572 of them: 0.3 s instead of 20 s on MariaDB).
fn fast_folder() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const PLENTY_KIB: u64 = 4 << 20;
    let free = || {
        let output = Command::new("df").args(["--output=avail", MEMORY]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().nth(1)?.trim().parse::<u64>().ok()
    };
    if std::env::var_os("TMPDIR").is_none() && free().is_some_and(|kib| kib >= PLENTY_KIB) {
        return PathBuf::from(MEMORY);
    }
    std::env::temp_dir()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Writes the server's configuration and its administrator's option file.
fn configure(flavour: Flavour, options: &ServerOptions, folder: &Path, port: u16) {
    let path = folder.display();
    fs::create_dir(folder.join("tmp")).unwrap();
    // Nothing has to survive a crash, and several servers share a small machine.
    let mut lines = vec![
        format!("datadir={path}/data"),
        format!("socket={path}/server.sock"),
        format!("pid_file={path}/server.pid"),
        format!("log_error={path}/error.log"),
        // A starting server removes the temporary tables that it finds, those of its neighbours as well.
        format!("tmpdir={path}/tmp"),
        format!("port={port}"),
        // Unique among the servers that run at the same time, as replication wants it.
        format!("server_id={port}"),
        "bind_address=127.0.0.1".to_owned(),
        "skip_name_resolve=ON".to_owned(),
        "performance_schema=OFF".to_owned(),
        "max_connections=50".to_owned(),
        "innodb_buffer_pool_size=32M".to_owned(),
        "innodb_flush_log_at_trx_commit=0".to_owned(),
        "innodb_flush_method=nosync".to_owned(),
        "innodb_doublewrite=0".to_owned(),
        "sync_binlog=0".to_owned(),
        // Files may be read and written anywhere: the server has its own small account.
        "secure_file_priv=".to_owned(),
    ];
    let own: &[&str] = match flavour {
        // The character sets that Django's users have there.
        Flavour::MariaDb => &["character_set_server=utf8mb4", "collation_server=utf8mb4_unicode_ci"],
        Flavour::MySql56 => &["character_set_server=utf8"],
        Flavour::MySql97 => &["mysqlx=OFF", "skip_log_bin"],
    };
    lines.push(data_directory::redo_log_size(flavour).to_owned());
    lines.extend(own.iter().map(|line| (*line).to_owned()));
    if options.tls {
        lines.push(format!("ssl_ca={path}/ca.pem"));
        lines.push(format!("ssl_cert={path}/server-cert.pem"));
        lines.push(format!("ssl_key={path}/server-key.pem"));
    }
    lines.extend(options.lines.iter().cloned());
    fs::write(folder.join("server.cnf"), format!("[mysqld]\n{}\n", lines.join("\n"))).unwrap();
    let mut client = format!("[client]\nuser=root\nsocket={path}/server.sock\n");
    client += match flavour {
        Flavour::MariaDb => "",
        // The old server's TLS is refused by the new client, which tries it when it is offered.
        Flavour::MySql56 => "skip-ssl\n",
        // Its client ignores DELIMITER, which dumps with triggers use, unless told.
        Flavour::MySql97 => "[mysql]\ncommands=ON\n",
    };
    fs::write(folder.join("client.cnf"), client).unwrap();
}

/// Makes an authority and a certificate for 127.0.0.1 that it signed.
fn make_certificates(folder: &Path) {
    let run = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=csm-audit-tests -keyout ca-key.pem -out ca.pem");
    run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -CA ca.pem -CAkey ca-key.pem \
         -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
         -keyout server-key-pkcs8.pem -out server-cert.pem");
    // The TLS library inside MySQL 5.6 reads keys in the old form only.
    run("rsa -traditional -in server-key-pkcs8.pem -out server-key.pem");
}

/// Starts a process that ends `pid` and removes its folder as soon as this program's end of a pipe closes, however that
/// comes about: a test runner that kills a hanging test leaves no server behind.
fn watch(pid: u32, folder: &Path) -> Child {
    let script = "trap '' INT TERM; read -r _; kill -KILL \"$0\"
        while kill -0 \"$0\"; do sleep 0.1; done
        rm -rf \"$1\"";
    Command::new("sh")
        .args(["-c", script, &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts")
}

fn read_lossy(file: &Path) -> String {
    fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
