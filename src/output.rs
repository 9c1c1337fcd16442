//! Where reports go: standard output, a file, or a folder with one file for each format.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use anstream::AutoStream;
use anyhow::{Context as _, bail};
use csm_audit::config::Format;
use csm_audit::report::v1::Report;
use csm_audit::report::{annotations, html, json, markdown, sarif, terminal};

/// The formats that a folder gets, the one that others are made of first. What is not made of the report alone, such as
/// the plan's scripts, goes into a folder of its own beside them.
const FOLDER: [Format; 4] = [Format::Json, Format::Html, Format::Markdown, Format::Sarif];

/// The name of the files in a folder, without their extension.
const STEM: &str = "csm-audit";

/// The width of what is no terminal.
const DEFAULT_WIDTH: usize = 80;

/// Destination and format of a report.
pub struct Output<'a> {
    /// The format, when one was asked for.
    pub format: Option<Format>,
    /// A file, or a folder; standard output when none or `-`.
    pub path: Option<&'a Path>,
    /// Print the report only.
    pub quiet: bool,
    /// What was written into the folder besides.
    pub also: Option<PathBuf>,
}

impl Output<'_> {
    /// The folder, when it is one.
    pub fn folder(&self) -> Option<&Path> {
        // One format of a folder is not all there is to say.
        self.path.filter(|path| self.format.is_none() && path.as_os_str() != "-" && is_folder(path))
    }

    /// Writes the report.
    pub fn write(&self, report: &Report) -> anyhow::Result<()> {
        let Some(path) = self.path.filter(|path| path.as_os_str() != "-") else {
            return print(self.format.unwrap_or_default(), report);
        };
        if !is_folder(path) {
            let format = self.format.or_else(|| of_name(path)).with_context(|| {
                format!(
                    "unknown format of {}; pass --format, or a name that ends in .json, .html, .md, .sarif or \
                     .txt, or a folder that ends in {MAIN_SEPARATOR}",
                    path.display()
                )
            })?;
            return write_files(&[(path.to_path_buf(), bytes(format, report)?)]);
        }
        fs::create_dir_all(path).with_context(|| cannot_write(path))?;
        let formats = self.format.as_ref().map_or(&FOLDER[..], std::slice::from_ref);
        let mut files = Vec::new();
        for format in formats {
            files.push((path.join(format!("{STEM}.{}", extension(*format))), bytes(*format, report)?));
        }
        write_files(&files)?;
        if self.quiet {
            return Ok(());
        }
        let paths = files.iter().map(|(path, _)| path).chain(&self.also);
        let names: Vec<String> = paths.map(|path| path.display().to_string()).collect();
        summary(report, &names)
    }
}

/// Reads a report that was written as JSON; from standard input when the path is `-`.
pub fn read(path: &Path) -> anyhow::Result<Report> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let cannot = || format!("cannot read {}; pass a report of --format json", path.display());
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).with_context(cannot)?;
    }
    match json::read(&bytes) {
        Ok(report) => Ok(report),
        Err(error) => bail!("{} {error}", path.display()),
    }
}

/// A folder that is there, or a name that can be nothing else.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with(['/', MAIN_SEPARATOR])
}

/// The format by a file's extension.
fn of_name(path: &Path) -> Option<Format> {
    match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
        "json" if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".sarif")) => {
            Some(Format::Sarif)
        }
        "json" => Some(Format::Json),
        "html" | "htm" => Some(Format::Html),
        "md" | "markdown" => Some(Format::Markdown),
        "sarif" => Some(Format::Sarif),
        "txt" => Some(Format::Text),
        // A device or a pipe takes what standard output would get.
        _ => None,
    }
    .or_else(|| (path.exists() && !path.is_file()).then_some(Format::Text))
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Html => "html",
        Format::Markdown => "md",
        Format::Sarif => "sarif",
        Format::Text => "txt",
        Format::Github => "annotations.txt",
    }
}

fn print(format: Format, report: &Report) -> anyhow::Result<()> {
    match format {
        Format::Text => summary(report, &[]),
        _ => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&bytes(format, report)?)?;
            Ok(stdout.flush()?)
        }
    }
}

fn summary(report: &Report, files: &[String]) -> anyhow::Result<()> {
    let mut stdout = AutoStream::auto(io::stdout().lock());
    stdout.write_all(terminal::render(report, width(), files).as_bytes())?;
    Ok(stdout.flush()?)
}

fn bytes(format: Format, report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match format {
        Format::Json => json::write(report, &mut bytes)?,
        Format::Sarif => sarif::write(report, &mut bytes)?,
        Format::Html => bytes = html::render(report)?.into_bytes(),
        Format::Markdown => bytes = markdown::render(report).into_bytes(),
        Format::Github => bytes = annotations::render(report).into_bytes(),
        Format::Text => {
            let text = terminal::render(report, DEFAULT_WIDTH, &[]);
            bytes = anstream::adapter::strip_str(&text).to_string().into_bytes();
        }
    }
    Ok(bytes)
}

fn width() -> usize {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}; pass a writable path with -o", path.display())
}

/// Writes all files beside their places first, so that a full disk leaves the old ones whole.
pub fn write_files(files: &[(PathBuf, Vec<u8>)]) -> anyhow::Result<()> {
    let mut written = Vec::new();
    for (path, bytes) in files {
        let place = beside(path, bytes).with_context(|| cannot_write(path))?;
        written.push((path, place));
    }
    for (path, place) in written {
        let Some((temporary, target)) = place else { continue };
        temporary.persist(target).map_err(|error| error.error).with_context(|| cannot_write(path))?;
    }
    Ok(())
}

/// A file with these bytes beside the path, and the path that it is to have. What is no regular file, such as
/// `/dev/stderr`, is written at once.
fn beside(path: &Path, bytes: &[u8]) -> io::Result<Option<(tempfile::NamedTempFile, PathBuf)>> {
    let known = fs::metadata(path).ok();
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)?;
        return Ok(None);
    }
    // What a link leads to is replaced, not the link.
    let target = if known.is_some() { fs::canonicalize(path)? } else { path.to_path_buf() };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".csm-audit.");
    // A temporary file is its owner's alone otherwise; a report is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder)?;
    {
        let mut file = BufWriter::new(temporary.as_file());
        file.write_all(bytes)?;
        file.flush()?;
    }
    if let Some(known) = known {
        fs::set_permissions(temporary.path(), known.permissions())?;
    }
    Ok(Some((temporary, target)))
}
