//! What git knows of another commit, asked of git itself: its objects are read, nothing is checked out.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustc_hash::{FxHashMap, FxHashSet};

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
    /// The content of a file is not there.
    #[error(
        "the clone of {} lacks the content of {file} at `{revision}`; fetch it, or clone without --filter",
        path.display()
    )]
    Missing {
        /// The root.
        path: PathBuf,
        /// The file.
        file: String,
        /// The commit, as given.
        revision: String,
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
    pub object: String,
    /// The path as the system writes it, when the shown one is escaped.
    pub odd: Option<PathBuf>,
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
    /// Where git keeps what all its work trees share.
    pub common: PathBuf,
    /// The files of the whole commit, by their path as reports show it.
    pub files: FxHashMap<String, Blob>,
    /// Paths at which the work tree may differ from the commit.
    pub touched: FxHashSet<String>,
    /// The contents of those that an analysis reads, as far as the clone has them.
    at_hand: FxHashMap<String, Content>,
}

impl Commit {
    /// Asks git for the files of `revision` in the repository of `folder`.
    pub(super) fn open(folder: &Path, revision: &str) -> Result<Self, RevisionError> {
        let place = ["rev-parse", "--show-toplevel", "--git-common-dir", "--show-prefix"];
        let place = run(folder, &place)?.map_err(|reason| no_repository(folder, reason))?;
        let place = String::from_utf8_lossy(&place);
        let mut lines = place.lines();
        let mut next = || lines.next().unwrap_or_default();
        let (top, common, prefix) = (PathBuf::from(next()), folder.join(next()), next().to_owned());

        // A name that begins with a dash would be an option to git.
        let named = format!("{revision}^{{commit}}");
        let id = match revision.starts_with('-') {
            true => Err(String::new()),
            false => run(folder, &["rev-parse", "--verify", "--quiet", &named])?,
        };
        let Ok(id) = id else {
            let shallow = run(folder, &["rev-parse", "--is-shallow-repository"])?;
            let hint = match shallow {
                Ok(answer) if answer.starts_with(b"true") => {
                    "the clone is shallow: fetch more of it (git fetch --unshallow, or fetch-depth: 0 in CI)"
                }
                _ => "see that it is fetched and spelled right (git fetch origin, then origin/main)",
            };
            return Err(RevisionError::Unknown { path: folder.to_path_buf(), revision: revision.to_owned(), hint });
        };
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        let failed = |reason| RevisionError::Git { path: folder.to_path_buf(), reason };
        let list = ["ls-tree", "-r", "-z", "--full-tree", &id];
        // Unlike its plumbing, `git diff` looks into files whose times alone have changed, as those of a copy have.
        let changes = [
            "diff",
            "-z",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            "--no-relative",
            "--ignore-submodules=dirty",
            &id,
        ];
        // Both are started before either is waited for.
        let (listed, touched) = (start(folder, &list)?, start(&top, &changes)?);
        let files = entries(&finish(listed)?.map_err(failed)?);
        let touched = finish(touched)?.map_err(failed)?;
        let touched = touched.split(|&b| b == 0).filter(|path| !path.is_empty()).map(|path| shown(path).0).collect();
        let at_hand = FxHashMap::default();
        let (folder, revision) = (folder.to_path_buf(), revision.to_owned());
        let mut commit = Self { folder, revision, top, prefix, common, files, touched, at_hand };
        commit.take_touched()?;
        Ok(commit)
    }

    /// Takes the contents of touched files while the work tree is still being read.
    fn take_touched(&mut self) -> Result<(), RevisionError> {
        let below = self.touched.iter().map(String::as_str).filter(|path| path.starts_with(&self.prefix));
        let paths: Vec<&str> = below.filter(|path| self.is_read(path)).collect();
        let found = self.ask(&paths)?;
        let known = paths.iter().zip(found).filter_map(|(path, content)| Some(((*path).to_owned(), content?)));
        self.at_hand = known.collect();
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

    /// The contents of files of the commit; of one that is too large only the size.
    pub(super) fn contents(&self, paths: &[&str]) -> Result<Vec<Content>, RevisionError> {
        let unknown: Vec<&str> = paths.iter().copied().filter(|path| !self.at_hand.contains_key(*path)).collect();
        let mut asked = self.ask(&unknown)?.into_iter();
        let missing = |path: &str| RevisionError::Missing {
            path: self.folder.clone(),
            file: path.to_owned(),
            revision: self.revision.clone(),
        };
        paths
            .iter()
            .map(|path| match self.at_hand.get(*path) {
                Some(content) => Ok(content.clone()),
                None => asked.next().flatten().ok_or_else(|| missing(path)),
            })
            .collect()
    }

    /// Asks git for contents; of one that the clone lacks there is none.
    fn ask(&self, paths: &[&str]) -> Result<Vec<Option<Content>>, RevisionError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |reason: String| RevisionError::Git { path: self.folder.clone(), reason };
        let mut child = git(&self.folder, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(RevisionError::NoGit)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("its streams are closed".to_owned()));
        };
        let objects: String =
            paths.iter().filter_map(|path| self.files.get(*path)).flat_map(|blob| [&blob.object, "\n"]).collect();
        // git answers while it is asked: whoever only writes, or only reads, waits for ever.
        let asking = std::thread::spawn(move || stdin.write_all(objects.as_bytes()));
        let mut answers = BufReader::new(stdout);
        let found: Result<Vec<_>, RevisionError> =
            paths.iter().map(|_| content(&mut answers).map_err(|error| failed(error.to_string()))).collect();
        drop(answers);
        // What it has to say when it is cut short, the first missing content has said.
        let _ = asking.join();
        let _ = child.wait();
        found
    }
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
        answers.take(size).read_to_end(&mut bytes)?;
        answers.read_exact(&mut [0])?;
    }
    Ok(Some(Content { size, bytes }))
}

/// `<mode> <type> <object>\t<path>`, each ended by a NUL.
fn entries(listing: &[u8]) -> FxHashMap<String, Blob> {
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
        files.insert(path, Blob { mode, object: words.nth(1).unwrap_or_default().to_owned(), odd });
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

fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    // A hook's environment names the repository of whoever commits, which need not be the one that is scanned.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    command.arg("-C").arg(folder).args(["-c", "core.quotePath=false"]).args(arguments).stdin(Stdio::null());
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
        let files = entries(listing);
        assert_eq!(files["a b\nc.py"].object, "0a");
        assert_eq!(files["link"].mode, Mode::Link);
        assert_eq!(files["sub"].mode, Mode::Submodule);
    }
}
