//! Talking to a server through its command-line client, so that what a test sets up does not depend on what it tests.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Server;

impl Server {
    /// Runs statements, separated by semicolons, as the administrator.
    ///
    /// # Panics
    /// With the server's message, when one of them fails.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        if let Err(message) = self.try_execute(sql) {
            panic!("{message}\n--- in\n{sql}");
        }
    }

    /// Runs statements and gives back what the client said when one failed.
    pub fn try_execute(&self, sql: &str) -> Result<(), String> {
        self.run(&[], Input::Text(sql)).map(drop)
    }

    /// Runs one query and gives back its rows. NULL comes as the text `NULL`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        match self.run(&["--batch", "--skip-column-names"], Input::Text(sql)) {
            Ok(text) => text.lines().map(|line| line.split('\t').map(unescape).collect()).collect(),
            Err(message) => panic!("{message}\n--- in\n{sql}"),
        }
    }

    /// The only value of a query's only row.
    #[track_caller]
    pub fn value(&self, sql: &str) -> String {
        let mut rows = self.query(sql);
        assert!(rows.len() == 1 && rows[0].len() == 1, "not one value: {rows:?}\n--- of\n{sql}");
        rows.remove(0).remove(0)
    }

    /// A query's rows as the client prints them for people, one column a line, each with its name.
    #[track_caller]
    pub fn vertical(&self, sql: &str) -> String {
        self.run(&["--vertical"], Input::Text(sql)).unwrap_or_else(|message| panic!("{message}\n--- in\n{sql}"))
    }

    /// Feeds a file of SQL to the server, into `database`.
    #[track_caller]
    pub fn load(&self, database: &str, file: &Path) {
        let opened = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Err(message) = self.run(&[database], Input::File(opened)) {
            panic!("{message}\n--- in {}", file.display());
        }
    }

    /// Feeds SQL to the server, into `database`, and gives back what the client said when it failed.
    pub fn try_load_text(&self, database: &str, sql: &str) -> Result<(), String> {
        self.run(&[database], Input::Text(sql)).map(drop)
    }

    fn run(&self, arguments: &[&str], input: Input<'_>) -> Result<String, String> {
        let mut command = Command::new(&self.programs().client);
        command.arg(format!("--defaults-file={}", self.option_file().display()));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = match input {
            Input::File(file) => command.stdin(file).output().expect("the client starts"),
            Input::Text(text) => with_input(&mut command, text),
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("{}: {}", self.flavour(), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

enum Input<'a> {
    Text(&'a str),
    File(File),
}

fn with_input(command: &mut Command, text: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the client starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // Beside the reading, because a client that answers much stops reading until it is listened to. A client that
        // gives up at an error closes the pipe, and its message says more than ours would.
        scope.spawn(move || stdin.write_all(text.as_bytes()));
        child.wait_with_output().expect("the client ends")
    })
}

/// Undoes the escapes of the client's `--batch`.
fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('0') => text.push('\0'),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}
