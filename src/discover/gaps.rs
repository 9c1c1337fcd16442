//! The gaps of files that are not read.

use crate::source::{Gap, GapKind};

/// Files above this size, in bytes, are a gap and not read: no person wrote them, and one of them would cost more than
/// all the rest.
pub const MAX_FILE_SIZE: u64 = 20 << 20;

/// A file or folder that cannot be opened, listed or read.
pub(super) fn unreadable(path: &str, error: &std::io::Error) -> Gap {
    Gap::file(GapKind::Unreadable, path, format!("cannot be read: {error}"))
}

/// A FIFO, a socket or a device.
pub(super) fn special(path: &str) -> Gap {
    Gap::file(GapKind::SpecialFile, path, "is no regular file (a FIFO, a socket or a device) and was not opened")
}

/// A file of `size` bytes, above [`MAX_FILE_SIZE`].
pub(super) fn too_large(path: &str, size: u64) -> Gap {
    let (size, limit) = (size >> 20, MAX_FILE_SIZE >> 20);
    Gap::file(GapKind::TooLarge, path, format!("was not read: {size} MiB, and files above {limit} MiB are not"))
}

/// A file that is not text.
pub(super) fn binary(path: &str) -> Gap {
    Gap::file(GapKind::Binary, path, "holds NUL bytes and was not read as text")
}

/// A symbolic link whose target cannot be found.
pub(super) fn link(path: &str, error: &std::io::Error) -> Gap {
    match error.kind() {
        std::io::ErrorKind::NotFound => Gap::file(GapKind::BrokenLink, path, "is a link to nothing"),
        std::io::ErrorKind::PermissionDenied => unreadable(path, error),
        // The kind for ELOOP has no stable name; nothing else is left for a path that can be spelled.
        _ => Gap::file(GapKind::LinkLoop, path, format!("is a link that leads nowhere: {error}")),
    }
}

/// A symbolic link to a folder above itself.
pub(super) fn link_loop(path: &str) -> Gap {
    Gap::file(GapKind::LinkLoop, path, "leads to a folder that holds it and was not followed")
}

/// A compressed file that may hold the table: a dump, or a fixture, which `loaddata` reads compressed
/// (`django/core/management/commands/loaddata.py`). `None` for other files.
pub(super) fn compressed(path: &str) -> Option<Gap> {
    let lower = path.to_ascii_lowercase();
    let (stem, packing) = lower.rsplit_once('.')?;
    let packed = matches!(packing, "gz" | "bz2" | "xz" | "zst" | "zip" | "lz4" | "lzma");
    let ends = |extensions: &[&str]| extensions.iter().any(|extension| stem.ends_with(extension));
    let fixture =
        lower.split('/').any(|folder| folder == "fixtures") && ends(&[".json", ".jsonl", ".yml", ".yaml", ".xml"]);
    let text = ends(&[".sql", ".ddl"]) || fixture;
    (packed && text)
        .then(|| Gap::file(GapKind::Compressed, path, "is compressed and was not read; unpack it to have it read"))
}
