//! What a file is, by its name and, when it has no extension, by its first line.

/// What a file is to the analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Python source of any version.
    Python,
    /// SQL text: schema, data or queries.
    Sql,
    /// JSON: fixtures, configuration.
    Json,
    /// YAML: fixtures, configuration.
    Yaml,
    /// A template of a page or of a configuration file.
    Template,
    /// A script or a configuration file in another language.
    Script,
    /// Prose: documentation and plain text.
    Document,
    /// A file of another kind, which is not read.
    Other,
}

/// What the name says; `None` when only the content can tell.
pub(super) fn by_name(path: &str) -> Option<FileKind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = name.to_ascii_lowercase();
    let Some((stem, extension)) = lower.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return match lower.as_str() {
            "makefile" | "gnumakefile" | "dockerfile" | "rakefile" | "procfile" | "vagrantfile" | "pipfile"
            | "justfile" => Some(FileKind::Script),
            "readme" | "changelog" | "changes" | "history" | "news" | "todo" | "contributing" => {
                Some(FileKind::Document)
            }
            _ if lower.starts_with('.') => Some(FileKind::Other),
            _ => None,
        };
    };
    // What this program reads and writes itself names the model too, and is no part of the project.
    if lower.starts_with("csm-audit.") {
        return Some(FileKind::Other);
    }
    // Minified code repeats what stands in its source, on lines that no person reads.
    if stem.ends_with(".min") || stem.ends_with("-min") {
        return Some(FileKind::Other);
    }
    Some(match extension {
        "py" | "pyw" => FileKind::Python,
        "sql" | "ddl" => FileKind::Sql,
        "json" => FileKind::Json,
        "yml" | "yaml" => FileKind::Yaml,
        "html" | "htm" | "xhtml" | "djhtml" | "mako" | "jinja" | "jinja2" | "j2" | "tmpl" | "underscore"
        | "mustache" | "handlebars" | "hbs" | "erb" => FileKind::Template,
        "txt" if is_template_folder(folder) => FileKind::Template,
        "sh" | "bash" | "zsh" | "ksh" | "fish" | "js" | "mjs" | "cjs" | "ts" | "jsx" | "tsx" | "coffee" | "rb"
        | "rake" | "pl" | "pm" | "php" | "mk" | "cfg" | "toml" | "ini" | "conf" | "env" | "dockerfile" | "bat"
        | "cmd" | "ps1" => FileKind::Script,
        "md" | "markdown" | "rst" | "txt" | "adoc" | "asciidoc" | "ipynb" | "in" => FileKind::Document,
        _ if stem == "dockerfile" || stem == "makefile" => FileKind::Script,
        _ => FileKind::Other,
    })
}

fn is_template_folder(folder: &str) -> bool {
    folder.split('/').any(|part| part.eq_ignore_ascii_case("templates"))
}

/// What the first bytes of a file without an extension say.
pub(super) fn by_shebang(head: &[u8]) -> FileKind {
    let Some(line) = head.strip_prefix(b"#!") else { return FileKind::Other };
    let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
    let words = line.split(|&b| b == b' ' || b == b'\t' || b == b'/' || b == b'\r');
    for word in words {
        if word.starts_with(b"python") || word.starts_with(b"pypy") {
            return FileKind::Python;
        }
        if matches!(word, b"sh" | b"bash" | b"zsh" | b"ksh" | b"dash" | b"node" | b"ruby" | b"perl" | b"php" | b"make")
        {
            return FileKind::Script;
        }
    }
    FileKind::Other
}

/// Whether the bytes are video: `.ts` is TypeScript and, far larger, an MPEG transport stream, whose packets of 188
/// bytes each begin with the letter G.
pub(super) fn is_transport_stream(path: &str, bytes: &[u8]) -> bool {
    let is_ts = path.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("ts"));
    is_ts && bytes.first() == Some(&b'G') && bytes.get(188) == Some(&b'G')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        for (path, kind) in [
            ("a/models.py", Some(FileKind::Python)),
            ("a/MODELS.PY", Some(FileKind::Python)),
            ("db/init.ddl", Some(FileKind::Sql)),
            ("lms/templates/mail/body.txt", Some(FileKind::Template)),
            ("notes.txt", Some(FileKind::Document)),
            ("static/jquery.min.js", Some(FileKind::Other)),
            ("Dockerfile", Some(FileKind::Script)),
            ("docker/Dockerfile.dev", Some(FileKind::Script)),
            ("bin/run", None),
            (".coveragerc", Some(FileKind::Other)),
            ("locale/de/django.po", Some(FileKind::Other)),
            ("csm-audit.baseline.json", Some(FileKind::Other)),
            ("reports/csm-audit.json", Some(FileKind::Other)),
            ("csm_audit.py", Some(FileKind::Python)),
        ] {
            assert_eq!(by_name(path), kind, "{path}");
        }
    }

    #[test]
    fn shebangs_tell_the_kind() {
        assert_eq!(by_shebang(b"#!/usr/bin/env python\nprint 1"), FileKind::Python);
        assert_eq!(by_shebang(b"#! /usr/bin/python2.7 -u\r\n"), FileKind::Python);
        assert_eq!(by_shebang(b"#!/bin/sh\npython x"), FileKind::Script);
        assert_eq!(by_shebang(b"\x7fELF"), FileKind::Other);
    }
}
