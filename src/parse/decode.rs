//! From a file's bytes to its text: byte order marks, PEP 263 cookies, and what does not decode.

use crate::source::GapKind;
use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::FileGap;

/// Decodes a Python source file. Never fails: what does not decode is replaced and told as a gap.
pub(super) fn decode(bytes: &[u8], gaps: &mut Vec<FileGap>) -> String {
    if let Some((encoding, mark)) = utf16_mark(bytes) {
        gaps.push(FileGap::whole(
            GapKind::UnusualEncoding,
            format!("the file is {}, which Python itself does not read; it was decoded", encoding.name()),
        ));
        let (text, malformed) = encoding.decode_without_bom_handling(&bytes[mark..]);
        if malformed {
            gaps.push(FileGap::whole(
                GapKind::InvalidEncoding,
                format!("bytes that are no {} were replaced", encoding.name()),
            ));
        }
        return without_nul(text.into_owned(), gaps);
    }
    let (bytes, marked) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let encoding = match cookie(bytes) {
        Some(_) if marked => UTF_8,
        Some(name) => find_encoding(name).unwrap_or_else(|| {
            gaps.push(FileGap::whole(
                GapKind::UnknownEncoding,
                format!("the coding cookie names {name:?}, which is not known; the file was read as UTF-8"),
            ));
            UTF_8
        }),
        None => UTF_8,
    };
    let text = if encoding == UTF_8 {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
                gaps.push(FileGap {
                    kind: GapKind::InvalidUtf8,
                    line: u32::try_from(line).ok(),
                    span: None,
                    reason: "bytes that are not UTF-8 were replaced".to_owned(),
                });
                String::from_utf8_lossy(bytes).into_owned()
            }
        }
    } else {
        let (text, malformed) = encoding.decode_without_bom_handling(bytes);
        if malformed {
            gaps.push(FileGap::whole(
                GapKind::InvalidEncoding,
                format!("bytes that are no {} were replaced", encoding.name()),
            ));
        }
        match text {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        }
    };
    without_nul(text, gaps)
}

/// Python stops at a NUL; the rest of such a file is still worth reading.
fn without_nul(text: String, gaps: &mut Vec<FileGap>) -> String {
    let Some(at) = memchr::memchr(0, text.as_bytes()) else { return text };
    let line = memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() + 1;
    gaps.push(FileGap {
        kind: GapKind::NulBytes,
        line: u32::try_from(line).ok(),
        span: None,
        reason: "NUL bytes were read as spaces".to_owned(),
    });
    text.replace('\0', " ")
}

fn utf16_mark(bytes: &[u8]) -> Option<(&'static Encoding, usize)> {
    match bytes {
        [0xff, 0xfe, ..] => Some((UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((UTF_16BE, 2)),
        _ => None,
    }
}

/// The encoding named by the PEP 263 cookie of the first or second line.
fn cookie(bytes: &[u8]) -> Option<&str> {
    let end = |from: usize| memchr::memchr2(b'\n', b'\r', &bytes[from..]).map_or(bytes.len(), |at| from + at);
    let first_end = end(0);
    let first = &bytes[..first_end];
    if let Some(name) = cookie_of_line(first) {
        return Some(name);
    }
    // The second line counts only when the first holds nothing but a comment.
    let start = first.trim_ascii_start();
    if !(start.is_empty() || start.starts_with(b"#") || start.starts_with(b"\x0c")) || first_end == bytes.len() {
        return None;
    }
    let second = if bytes[first_end..].starts_with(b"\r\n") { first_end + 2 } else { first_end + 1 };
    cookie_of_line(bytes.get(second..end(second.min(bytes.len())))?)
}

fn cookie_of_line(line: &[u8]) -> Option<&str> {
    let blank = line.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\x0c')).count();
    let comment = line[blank..].strip_prefix(b"#")?;
    let mut rest = comment;
    while let Some(at) = memchr::memmem::find(rest, b"coding") {
        rest = &rest[at + b"coding".len()..];
        let Some((b':' | b'=', value)) = rest.split_first() else { continue };
        let value = value.trim_ascii_start();
        let length = value.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
        if length > 0 {
            return std::str::from_utf8(&value[..length]).ok();
        }
    }
    None
}

/// Python's names for encodings: its aliases and spellings first, then the labels that the web knows.
fn find_encoding(name: &str) -> Option<&'static Encoding> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // Python accepts a suffix for the line ending: `utf-8-unix`, `latin-1-dos`.
    let name = ["-unix", "-dos", "-mac"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name);
    let label = match name {
        // ASCII is read as the UTF-8 it is a part of, so that bytes outside it are told as a gap.
        "utf8" | "utf-8-sig" | "utf8-sig" | "u8" | "utf" | "cp65001" | "ascii" | "us-ascii" | "646"
        | "ansi-x3.4-1968" => "utf-8",
        "iso-latin-1" | "latin-1" | "latin" | "l1" | "8859" | "cp819" | "iso8859" | "iso8859-1" => "latin1",
        "latin-2" | "l2" | "iso8859-2" => "iso-8859-2",
        "latin-9" | "latin9" | "l9" | "iso8859-15" => "iso-8859-15",
        "windows-1250" => "cp1250",
        "windows-1251" => "cp1251",
        "cp932" | "ms932" | "mskanji" | "ms-kanji" | "sjis" | "s-jis" | "shiftjis" | "csshiftjis" => "shift_jis",
        "shift-jis" => "shift_jis",
        "euc-jp" | "eucjp" | "ujis" | "u-jis" => "euc-jp",
        "euc-kr" | "euckr" | "korean" | "cp949" | "uhc" | "ms949" => "euc-kr",
        "cp936" | "936" | "ms936" | "gb2312" | "euc-cn" | "euccn" => "gbk",
        "cp950" | "950" | "ms950" | "big5-tw" => "big5",
        "mac-roman" | "macroman" => "macintosh",
        "koi8-r" => "koi8-r",
        "iso2022-jp" => "iso-2022-jp",
        other => other,
    };
    let encoding = Encoding::for_label(label.as_bytes())?;
    // Cookies cannot name an encoding in which the cookie itself is unreadable.
    (encoding.is_ascii_compatible()).then_some(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, Vec<&'static str>) {
        let mut gaps = Vec::new();
        let text = decode(bytes, &mut gaps);
        (text, gaps.iter().map(|gap| gap.kind.as_str()).collect())
    }

    #[test]
    fn cookies_decide() {
        assert_eq!(read(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n").0, "# -*- coding: latin-1 -*-\nx = 'é'\n");
        assert_eq!(read(b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n\xcf").0.chars().last(), Some('П'));
        assert_eq!(read(b"#!/usr/bin/python\r\n# coding=iso-8859-15\r\n\xa4").0.chars().last(), Some('€'));
        assert_eq!(read(b"# coding: utf8\n\xc3\xa9"), ("# coding: utf8\né".to_owned(), vec![]));
        assert_eq!(read(b"# coding: Latin_1-unix\n\xe9").1, Vec::<&str>::new());
    }

    #[test]
    fn a_cookie_after_code_is_none() {
        assert_eq!(read(b"x = 1\n# coding: latin-1\n'\xe9'").1, ["invalid-utf8"]);
        assert_eq!(read(b"\n\n# coding: latin-1\n'\xe9'").1, ["invalid-utf8"]);
    }

    #[test]
    fn what_does_not_decode_is_told() {
        assert_eq!(read(b"# coding: klingon\nx = '\xff'").1, ["unknown-encoding", "invalid-utf8"]);
        assert_eq!(read(b"# coding: ascii\nx = '\xff'").1, ["invalid-utf8"]);
        assert_eq!(read(b"x\0y\0"), ("x y ".to_owned(), vec!["nul-bytes"]));
        assert_eq!(read(b"\xff\xfex\0 \0=\0 \x001\0"), ("x = 1".to_owned(), vec!["unusual-encoding"]));
        assert_eq!(read(b"\xef\xbb\xbfx = 1"), ("x = 1".to_owned(), vec![]));
        assert_eq!(read(b""), (String::new(), vec![]));
        assert_eq!(read(b"#"), ("#".to_owned(), vec![]));
        assert_eq!(read(b"#\r"), ("#\r".to_owned(), vec![]));
    }
}
