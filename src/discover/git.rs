//! What git knows of a commit and of the index, asked of git itself: objects are read, nothing is checked out.
//!
//! The tree may be anybody's, its `.git/config` included. git is only asked for names and objects: it never looks into the
//! work tree, so that no filter, monitor, hook or text conversion runs and no flag of the index (`assume-unchanged`,
//! `skip-worktree`) or time of a file hides a change. Which files differ is found by hashing what was read.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustc_hash::FxHashMap;

use super::MAX_FILE_SIZE;
use super::kind::{self, FileKind};
use super::walk::display_path;

/// A commit that cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no git.
    #[error("git cannot be run: {0}; install it, or compare with a baseline instead of a commit")]
    NoGit(std::io::Error),
    /// The root is in no repository.
    #[error("{} is in no git repository that can be read: {reason}; compare with a baseline instead", path.display())]
    NoRepository {
        /// The root.
        path: PathBuf,
        /// What git said.
        reason: String,
    },
    /// The commit is not there.
    #[error("{} has no commit `{revision}`; {hint}", path.display())]
    Unknown {
        /// The root.
        path: PathBuf,
        /// The commit, as given.
        revision: String,
        /// What to do.
        hint: &'static str,
    },
    /// The two histories have no commit in common, as far as the clone holds them.
    #[error("{} has no merge base of `{revision}` and HEAD; {hint}", path.display())]
    NoMergeBase {
        /// The root.
        path: PathBuf,
        /// The commit, as given.
        revision: String,
        /// What to do.
        hint: &'static str,
    },
    /// git failed.
    #[error("git failed in {}: {reason}", path.display())]
    Git {
        /// The root.
        path: PathBuf,
        /// What git said.
        reason: String,
    },
}

/// Which commit is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The merge base of the given commit and HEAD, as `git diff A...B` compares.
    Merge,
    /// The given commit.
    Tip,
}

/// What a path of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Link,
    /// Another repository: its files belong to a commit of its own.
    Submodule,
}

/// A file of a commit.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub mode: Mode,
    /// The name of the object, hexadecimal.
    pub object: String,
    /// The path as the system writes it, when the shown one is escaped.
    pub odd: Option<PathBuf>,
    /// Which of [`Commit::repositories`] holds the object.
    repository: usize,
}

/// A commit as seen from a folder of its repository.
#[derive(Debug)]
pub(super) struct Commit {
    pub folder: PathBuf,
    pub revision: String,
    /// The top folder of the repository.
    pub top: PathBuf,
    /// The folder's path below it, empty or with a `/` at its end.
    pub prefix: String,
    /// The files of the whole commit, those of its submodules included, by their path as reports show it.
    pub files: FxHashMap<String, Blob>,
    /// Submodules whose commit is not in the clone, by their path.
    pub unread: Vec<String>,
    /// The top folders of the repository and of its submodules.
    repositories: Vec<PathBuf>,
}

/// Submodules nest no deeper.
const MAX_NESTING: usize = 8;

impl Commit {
    /// Asks git for the files of a commit in the repository of `folder`.
    pub(super) fn open(folder: &Path, revision: &str, base: Base) -> Result<Self, RevisionError> {
        let place = run(folder, &["rev-parse", "--show-toplevel", "--show-prefix"])?;
        let place = place.map_err(|reason| no_repository(folder, reason))?;
        let place = String::from_utf8_lossy(&place);
        let mut lines = place.lines();
        let mut next = || lines.next().unwrap_or_default();
        let (top, prefix) = (PathBuf::from(next()), next().to_owned());
        // A configuration of the repository may name another work tree than the one that is scanned.
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        if real(folder).is_none() || real(folder) != real(&top.join(&prefix)) {
            let reason = format!("its configuration says that its work tree is {}", top.display());
            return Err(no_repository(folder, reason));
        }

        let id = resolve(folder, revision, base)?;
        let failed = |reason| RevisionError::Git { path: folder.to_path_buf(), reason };
        let listed = run(folder, &["ls-tree", "-r", "-z", "--full-tree", &id])?.map_err(failed)?;
        let (folder, revision) = (folder.to_path_buf(), revision.to_owned());
        let repositories = vec![top.clone()];
        let mut commit =
            Self { folder, revision, top, prefix, files: entries(&listed, 0), unread: Vec::new(), repositories };
        commit.add_submodules(0, MAX_NESTING)?;
        Ok(commit)
    }

    /// Adds the files of submodules at the commits that this one records.
    fn add_submodules(&mut self, of: usize, nesting: usize) -> Result<(), RevisionError> {
        let is_submodule = |blob: &Blob| blob.mode == Mode::Submodule && blob.repository == of;
        let mut found: Vec<(String, String)> = self
            .files
            .iter()
            .filter(|(path, blob)| is_submodule(blob) && path.starts_with(&self.prefix))
            .map(|(path, blob)| (path.clone(), blob.object.clone()))
            .collect();
        found.sort();
        for (path, id) in found {
            let place = self.top.join(&path);
            // Without a repository of its own git would answer for the one around it.
            let listed = match place.join(".git").exists() && nesting > 0 {
                true => run(&place, &["ls-tree", "-r", "-z", "--full-tree", &id])?.ok(),
                false => None,
            };
            let Some(listed) = listed else {
                self.unread.push(path);
                continue;
            };
            let repository = self.repositories.len();
            self.repositories.push(place);
            let inner = entries(&listed, repository).into_iter().map(|(inner, mut blob)| {
                blob.odd = blob.odd.map(|odd| Path::new(&path).join(odd));
                (format!("{path}/{inner}"), blob)
            });
            self.files.extend(inner);
            self.add_submodules(repository, nesting - 1)?;
        }
        Ok(())
    }

    /// Whether an analysis looks into a file of the commit. What none does need not be there: a partial clone may well
    /// lack it.
    pub(super) fn is_read(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|blob| match blob.mode {
            Mode::Link => true,
            Mode::File => kind::by_name(path) != Some(FileKind::Other),
            Mode::Submodule => false,
        })
    }

    /// The contents of files of the commit, of one that is too large only the size; `None` of those that the clone lacks.
    pub(super) fn contents(&self, paths: &[&str]) -> Result<Vec<Option<Content>>, RevisionError> {
        let mut found: Vec<Option<Content>> = vec![None; paths.len()];
        for (repository, place) in self.repositories.iter().enumerate() {
            let of = |at: &usize| self.files.get(paths[*at]).is_some_and(|blob| blob.repository == repository);
            let positions: Vec<usize> = (0..paths.len()).filter(of).collect();
            let objects: Vec<&str> =
                positions.iter().filter_map(|&at| self.files.get(paths[at])).map(|blob| &*blob.object).collect();
            let failed = |reason: String| RevisionError::Git { path: self.folder.clone(), reason };
            for (at, content) in positions.into_iter().zip(contents(place, &objects, &failed)?) {
                found[at] = content;
            }
        }
        Ok(found)
    }
}

/// The commit that is compared with.
fn resolve(folder: &Path, revision: &str, base: Base) -> Result<String, RevisionError> {
    const SHALLOW: &str = "the clone is shallow: fetch more of it (git fetch --unshallow, or fetch-depth: 0 in CI)";
    // A name that begins with a dash would be an option to git.
    let named = format!("{revision}^{{commit}}");
    let id = match revision.starts_with('-') {
        true => Err(String::new()),
        false => run(folder, &["rev-parse", "--verify", "--quiet", &named])?,
    };
    let is_shallow = || -> Result<bool, RevisionError> {
        let shallow = run(folder, &["rev-parse", "--is-shallow-repository"])?;
        Ok(shallow.is_ok_and(|answer| answer.starts_with(b"true")))
    };
    let trimmed = |id: Vec<u8>| String::from_utf8_lossy(&id).trim().to_owned();
    let (path, revision) = (folder.to_path_buf(), revision.to_owned());
    let Ok(id) = id.map(trimmed) else {
        let hint = match is_shallow()? {
            true => SHALLOW,
            false => "fetch it first and check its spelling (git fetch origin, then origin/main)",
        };
        return Err(RevisionError::Unknown { path, revision, hint });
    };
    if base == Base::Tip {
        return Ok(id);
    }
    match run(folder, &["merge-base", &id, "HEAD"])? {
        Ok(id) => Ok(trimmed(id)),
        Err(_) => {
            let hint = match is_shallow()? {
                true => SHALLOW,
                false => "the histories are unrelated: compare with the commit itself (--diff-tip)",
            };
            Err(RevisionError::NoMergeBase { path, revision, hint })
        }
    }
}

/// A file of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tracked {
    /// Relative to the folder that was asked about, as reports show it.
    pub path: String,
    /// The path as the system writes it, when the shown one is escaped.
    pub odd: Option<PathBuf>,
    /// The name of the object, hexadecimal.
    pub object: String,
    /// Whether a sparse checkout leaves it out.
    pub is_left_out: bool,
}

/// The regular files that git tracks below a folder; none when it is in no repository that can be read.
pub(super) fn tracked(folder: &Path) -> Vec<Tracked> {
    let Ok(Ok(listed)) = run(folder, &["ls-files", "-z", "-s", "-t", "--cached"]) else { return Vec::new() };
    listed.split(|&b| b == 0).filter_map(tracked_file).collect()
}

/// `<tag> <mode> <object> <stage>\t<path>`
fn tracked_file(entry: &[u8]) -> Option<Tracked> {
    let tab = memchr::memchr(b'\t', entry)?;
    let head = std::str::from_utf8(&entry[..tab]).ok()?;
    let mut words = head.split(' ');
    let (tag, mode, object) = (words.next()?, words.next()?, words.next()?);
    let (path, odd) = shown(&entry[tab + 1..]);
    mode.starts_with("100").then(|| Tracked {
        path,
        odd,
        object: object.to_owned(),
        is_left_out: tag.eq_ignore_ascii_case("S"),
    })
}

/// The contents of objects of a repository; of one that the clone lacks there is none.
pub(super) fn contents<E>(
    folder: &Path,
    objects: &[&str],
    failed: &dyn Fn(String) -> E,
) -> Result<Vec<Option<Content>>, E> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let mut child = git(folder, &["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("its streams are closed".to_owned()));
    };
    let questions: String = objects.iter().flat_map(|object| [*object, "\n"]).collect();
    // git answers while it is asked: whoever only writes, or only reads, waits for ever.
    let asking = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let mut answers = BufReader::new(stdout);
    let found: Result<Vec<_>, E> =
        objects.iter().map(|_| content(&mut answers).map_err(|error| failed(error.to_string()))).collect();
    drop(answers);
    // What it has to say when it is cut short, the first missing content has said.
    let _ = asking.join();
    let _ = child.wait();
    found
}

/// The content of a file of a commit.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub size: u64,
    /// Empty when the file is too large to be read.
    pub bytes: Vec<u8>,
}

/// One answer of `git cat-file --batch`; `None` when the object is missing.
fn content(answers: &mut impl BufRead) -> std::io::Result<Option<Content>> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    if head.is_empty() {
        return Err(std::io::Error::other("git cat-file ended early"));
    }
    let mut words = head.trim_end().rsplit(' ');
    let Some(size) = words.next().and_then(|size| size.parse::<u64>().ok()) else { return Ok(None) };
    let mut bytes = Vec::new();
    if size > MAX_FILE_SIZE {
        std::io::copy(&mut answers.take(size + 1), &mut std::io::sink())?;
    } else {
        // All room at once: a buffer that grows with every read touches several times the memory.
        bytes.reserve_exact(usize::try_from(size).unwrap_or_default());
        answers.take(size).read_to_end(&mut bytes)?;
        answers.read_exact(&mut [0])?;
    }
    Ok(Some(Content { size, bytes }))
}

/// `<mode> <type> <object>\t<path>`, each ended by a NUL.
fn entries(listing: &[u8], repository: usize) -> FxHashMap<String, Blob> {
    let mut files = FxHashMap::default();
    for entry in listing.split(|&b| b == 0) {
        let Some(tab) = memchr::memchr(b'\t', entry) else { continue };
        let head = String::from_utf8_lossy(&entry[..tab]);
        let mut words = head.split(' ');
        let mode = match words.next() {
            Some("120000") => Mode::Link,
            Some("160000") => Mode::Submodule,
            _ => Mode::File,
        };
        let (path, odd) = shown(&entry[tab + 1..]);
        files.insert(path, Blob { mode, object: words.nth(1).unwrap_or_default().to_owned(), odd, repository });
    }
    files
}

/// A path as reports show it, and as the system writes it when that differs.
fn shown(path: &[u8]) -> (String, Option<PathBuf>) {
    #[cfg(unix)]
    let system = PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path));
    #[cfg(not(unix))]
    let system = PathBuf::from(OsStr::new(&*String::from_utf8_lossy(path)));
    let (path, escaped) = display_path(&system);
    (path, escaped.then_some(system))
}

/// What git inherits of the environment: where it and its user's configuration are. The latter says which folders of
/// other owners are safe.
const INHERITED: [&str; 14] = [
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "TMPDIR",
    "SystemRoot",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "PROGRAMDATA",
    "TEMP",
];

/// What a repository's own configuration cannot change: no command of it is run, no repository inside the tree is taken
/// for the tree's, nothing is fetched, and objects are what their names say.
const SAFE: [&str; 12] = [
    "core.quotePath=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "safe.bareRepository=explicit",
    "core.attributesFile=/dev/null",
    "core.sshCommand=false",
    "core.alternateRefsCommand=false",
    "core.useReplaceRefs=false",
    "core.pager=cat",
    "credential.helper=",
    "diff.external=",
    "protocol.allow=never",
];

fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    // A hook's environment names the repository of whoever commits, which need not be the one that is scanned.
    command.env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs([
        ("LC_ALL", "C"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        // Older than lazy fetching can be told: no protocol is allowed at all.
        ("GIT_ALLOW_PROTOCOL", ""),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_GRAFT_FILE", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
    ]);
    command.arg("-C").arg(folder).arg("--no-pager");
    command.args(SAFE.iter().flat_map(|setting| ["-c", setting])).args(arguments).stdin(Stdio::null());
    command
}

/// What git printed, or what it complained of.
fn run(folder: &Path, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, RevisionError> {
    finish(start(folder, arguments)?)
}

fn start(folder: &Path, arguments: &[&str]) -> Result<Child, RevisionError> {
    let mut command = git(folder, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(RevisionError::NoGit)
}

fn finish(child: Child) -> Result<Result<Vec<u8>, String>, RevisionError> {
    let output = child.wait_with_output().map_err(RevisionError::NoGit)?;
    Ok(if output.status.success() {
        Ok(output.stdout)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(said.trim().trim_start_matches("fatal: ").lines().next().unwrap_or_default().to_owned())
    })
}

fn no_repository(folder: &Path, reason: String) -> RevisionError {
    RevisionError::NoRepository { path: folder.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_after_the_other() {
        let mut answers: &[u8] = b"aa blob 3\nx\ny\nbb missing\ncc blob 0\n\n";
        let mut next = || content(&mut answers);
        assert_eq!(next().unwrap().unwrap().bytes, b"x\ny");
        assert!(next().unwrap().is_none());
        assert_eq!(next().unwrap().unwrap().size, 0);
        assert!(next().is_err());
    }

    #[test]
    fn trees_are_listed_with_every_kind_of_name() {
        let listing = b"100644 blob 0a\ta b\nc.py\x00120000 blob 0b\tlink\x00160000 commit 0c\tsub\x00";
        let files = entries(listing, 0);
        assert_eq!(files["a b\nc.py"].object, "0a");
        assert_eq!(files["link"].mode, Mode::Link);
        assert_eq!(files["sub"].mode, Mode::Submodule);
    }

    #[test]
    fn the_index_is_listed_with_what_is_left_out() {
        let file = tracked_file(b"H 100644 0a 0\ta b.py").unwrap();
        assert_eq!((&*file.path, &*file.object, file.is_left_out), ("a b.py", "0a", false));
        assert!(tracked_file(b"S 100755 0a 0\tb.py").unwrap().is_left_out);
        assert!(tracked_file(b"s 100755 0a 0\tb.py").unwrap().is_left_out);
        assert!(tracked_file(b"H 120000 0a 0\tlink").is_none() && tracked_file(b"H 160000 0a 0\tsub").is_none());
    }
}
