//! MySQL's option files, such as `~/.my.cnf`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Gap, GapKind};

/// The groups that count for a client; the last is this program's own and wins by standing last in the file, as in
/// MySQL: of two lines the later counts, whatever their groups.
const GROUPS: [&str; 5] = ["client", "client-server", "client-mariadb", "mysql", "csm-audit"];

/// A file that includes itself ends here.
const MAX_DEPTH: usize = 10;

/// What option files say, by name; names are written with `-`. A name without a value has `None`.
pub(super) type Options = BTreeMap<String, Option<String>>;

/// Reads a file and what it includes. A file that is not there says nothing, unless it was asked for by name.
///
/// # Errors
///
/// When the file is required and cannot be read.
pub(super) fn read(
    path: &Path,
    required: bool,
    suffix: Option<&str>,
    gaps: &mut Vec<Gap>,
) -> Result<Options, std::io::Error> {
    let mut groups: Vec<String> = GROUPS.iter().map(|group| (*group).to_owned()).collect();
    if let Some(suffix) = suffix {
        groups.extend(GROUPS.iter().map(|group| format!("{group}{suffix}")));
    }
    let mut options = Options::new();
    match fs::read(path) {
        Ok(bytes) => {
            let mut reader = Reader { groups, options: &mut options, gaps };
            reader.file(path, &String::from_utf8_lossy(&bytes), 0);
        }
        Err(error) if required => return Err(error),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => gaps.push(unread(path, &error.to_string())),
    }
    Ok(options)
}

fn unread(path: &Path, reason: &str) -> Gap {
    Gap::general(GapKind::OptionFile, format!("the option file {} is not read: {reason}", path.display()))
}

struct Reader<'a> {
    groups: Vec<String>,
    options: &'a mut Options,
    gaps: &'a mut Vec<Gap>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, text: &str, depth: usize) {
        if depth > MAX_DEPTH {
            self.gaps.push(unread(path, "too many nested includes"));
            return;
        }
        if is_writable_by_all(path) {
            // MySQL's own clients ignore such a file: anybody could have written it.
            self.gaps.push(unread(path, "it is world-writable; run chmod o-w"));
            return;
        }
        let mut ours = false;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(folder) = line.strip_prefix("!includedir") {
                for file in option_files(&below(path, folder.trim())) {
                    self.include(&file, depth);
                }
            } else if let Some(file) = line.strip_prefix("!include") {
                self.include(&below(path, file.trim()), depth);
            } else if let Some(group) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                ours = self.groups.iter().any(|known| known == group.trim());
            } else if ours {
                let (name, value) = match line.split_once('=') {
                    Some((name, value)) => (name, Some(unquote(value))),
                    None => (line.split('#').next().unwrap_or_default(), None),
                };
                let name = name.trim().to_ascii_lowercase().replace('_', "-");
                let name = name.strip_prefix("loose-").unwrap_or(&name).to_owned();
                self.options.insert(name, value);
            }
        }
    }

    fn include(&mut self, path: &Path, depth: usize) {
        match fs::read(path) {
            Ok(bytes) => self.file(path, &String::from_utf8_lossy(&bytes), depth + 1),
            Err(error) => self.gaps.push(unread(path, &error.to_string())),
        }
    }
}

/// A path that is written relative to the file it stands in.
fn below(file: &Path, path: &str) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

/// The option files of a folder by name: the order counts, and folders have none.
fn option_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.filter_map(Result::ok).collect::<Vec<_>>());
    let mut files: Vec<PathBuf> = entries
        .unwrap_or_default()
        .iter()
        .map(fs::DirEntry::path)
        .filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "cnf"))
        .collect();
    files.sort();
    files
}

#[cfg(unix)]
fn is_writable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o002 != 0)
}

#[cfg(not(unix))]
fn is_writable_by_all(_path: &Path) -> bool {
    false
}

/// A value: quotes around it, escapes in it, or a comment after it.
fn unquote(text: &str) -> String {
    let text = text.trim();
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let body = match quote.and_then(|quote| text[1..].rfind(quote).map(|end| &text[1..=end])) {
        Some(body) => body,
        // A `#` begins a comment only where it stands apart, so that a password may hold one.
        None => text.find(" #").or_else(|| text.find("\t#")).map_or(text, |at| text[..at].trim_end()),
    };
    let mut value = String::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => value.push('\n'),
            Some('t') => value.push('\t'),
            Some('r') => value.push('\r'),
            Some('b') => value.push('\u{8}'),
            Some('s') => value.push(' '),
            Some(quoted @ ('\\' | '"' | '\'')) => value.push(quoted),
            Some(other) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(files: &[(&str, &str)], suffix: Option<&str>) -> (Options, Vec<Gap>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        }
        let mut gaps = Vec::new();
        let options = read(&folder.path().join(files[0].0), true, suffix, &mut gaps).unwrap();
        (options, gaps)
    }

    fn value<'a>(options: &'a Options, name: &str) -> Option<&'a str> {
        options.get(name)?.as_deref()
    }

    #[test]
    fn groups_of_clients_count_and_the_last_line_wins() {
        let text = "[mysqld]\nuser=server\n[client]\nuser = a\nhost=h # where\nloose_ssl_mode=REQUIRED\npassword\n\
                    [csm-audit]\nuser=b\n[clientprod]\nuser=c\n[mysqldump]\nuser=dump\n";
        let (found, _) = options(&[("my.cnf", text)], None);
        assert_eq!(value(&found, "user"), Some("b"));
        assert_eq!(value(&found, "host"), Some("h"));
        assert_eq!(value(&found, "ssl-mode"), Some("REQUIRED"));
        assert_eq!(found.get("password"), Some(&None));
        let (found, _) = options(&[("my.cnf", text)], Some("prod"));
        assert_eq!(value(&found, "user"), Some("c"));
    }

    #[test]
    fn values_are_unquoted() {
        for (written, meant) in [
            ("'a # b'", "a # b"),
            ("\"say \\\"x\\\"\"", "say \"x\""),
            ("pa#ss", "pa#ss"),
            ("a\\sb\\\\c\\d", "a b\\c\\d"),
            ("plain   ; no comment", "plain   ; no comment"),
            ("x # comment", "x"),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(unquote(written), meant, "{written}");
        }
    }

    #[test]
    fn files_are_included_in_order() {
        let (found, gaps) = options(
            &[
                ("my.cnf", "!includedir FOLDER/conf.d\n!include FOLDER/missing.cnf\n!include my.cnf\n"),
                ("conf.d/b.cnf", "[client]\nuser=b\n"),
                ("conf.d/a.cnf", "[client]\nuser=a\nport=1\n"),
                ("conf.d/c.txt", "[client]\nuser=c\n"),
            ],
            None,
        );
        assert_eq!(value(&found, "user"), Some("b"));
        assert_eq!(value(&found, "port"), Some("1"));
        assert!(gaps.iter().any(|gap| gap.reason.contains("missing.cnf")), "{gaps:?}");
        assert!(gaps.iter().any(|gap| gap.reason.contains("too many nested includes")), "{gaps:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_may_write_is_ignored() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[client]\nuser=mallory\n").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        let mut gaps = Vec::new();
        assert!(read(file.path(), true, None, &mut gaps).unwrap().is_empty());
        assert_eq!(gaps.len(), 1);
    }
}
