//! A dump's file to text: without the rows, of which only the migration histories are kept.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::error::DumpError;
use super::{bytes, ledger, xml};

/// So much is kept: definitions of many thousand tables are some megabytes.
pub(super) const MOST_KEPT: usize = 256 << 20;

/// So much is looked through, after decompression: a small file can hold a great deal of nothing.
const MOST_READ: u64 = 16 << 30;

/// No more of a line is held in memory at once.
const LONGEST_LINE: u64 = 64 << 20;

/// What of a dump is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// Everything but rows; the lines of a file keep their numbers.
    pub text: String,
    /// Why something may be missing or wrong.
    pub doubts: Vec<String>,
    /// Where the files of a folder begin: the line in `text`, and the file's name.
    pub parts: Vec<(u32, String)>,
    /// Whether it was XML, which holds neither foreign keys nor checks.
    pub is_xml: bool,
}

impl Text {
    /// The number of lines.
    pub fn lines(&self) -> u32 {
        u32::try_from(memchr::memchr_iter(b'\n', self.text.as_bytes()).count()).unwrap_or(u32::MAX)
    }

    /// The file and line of a line of the text; `whole` is the dump's name.
    pub fn place(&self, line: u32, whole: &str) -> (String, u32) {
        match self.parts.iter().rev().find(|(first, _)| *first <= line) {
            Some((first, file)) => (file.clone(), line - first + 1),
            None => (whole.to_owned(), line),
        }
    }
}

/// Reads a file, however it is packed.
pub(super) fn of_file(path: &Path) -> Result<Text, DumpError> {
    let mut reader = bytes::open(path)?;
    let head = reader.fill_buf().map_err(DumpError::Unreadable)?;
    if xml::is_xml(head) {
        let text = xml::read(reader.take(MOST_READ), MOST_KEPT)?;
        return Ok(Text { text, is_xml: true, ..Text::default() });
    }
    without_rows(reader, MOST_KEPT, MOST_READ).map_err(DumpError::Unreadable)
}

fn without_rows(reader: impl BufRead, most_kept: usize, most_read: u64) -> io::Result<Text> {
    let mut reader = reader.take(most_read);
    let mut kept: Vec<u8> = Vec::new();
    let mut line = Vec::new();
    let mut rows = Rows::default();
    let mut doubts = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        rows.keep(&line, &mut kept);
        if kept.len() > most_kept {
            doubts.push(format!(
                "only its beginning was read, because its definitions are longer than {} MiB",
                most_kept >> 20
            ));
            break;
        }
    }
    if reader.limit() == 0 && doubts.is_empty() {
        doubts.push(format!("only its beginning was read, because the file is longer than {} GiB", most_read >> 30));
    }
    let text = match String::from_utf8(kept) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = memchr::memchr_iter(b'\n', &error.as_bytes()[..valid]).count() + 1;
            let (text, encoding) = decoded(error.as_bytes());
            doubts.push(format!("line {line} is not UTF-8; the file was read as {encoding}"));
            text
        }
    };
    Ok(Text { text, doubts, ..Text::default() })
}

/// Text that is not UTF-8: in the character set that the dump's head names, where it is one of one byte a character.
fn decoded(bytes: &[u8]) -> (String, &'static str) {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).to_ascii_lowercase();
    let named = head.split_once("set names ").map(|(_, rest)| rest.trim_start_matches(['\'', '"']));
    let encoding = [
        ("latin1", "windows-1252"),
        ("cp1251", "windows-1251"),
        ("koi8r", "koi8-r"),
        ("latin2", "iso-8859-2"),
        ("sjis", "shift_jis"),
        ("cp932", "shift_jis"),
        ("gbk", "gbk"),
        ("big5", "big5"),
        ("euckr", "euc-kr"),
        ("ujis", "euc-jp"),
    ]
    .iter()
    .find(|(name, _)| named.is_some_and(|named| named.starts_with(name)))
    .and_then(|(_, label)| encoding_rs::Encoding::for_label(label.as_bytes()));
    match encoding {
        Some(encoding) => (encoding.decode_without_bom_handling(bytes).0.into_owned(), encoding.name()),
        None => (String::from_utf8_lossy(bytes).into_owned(), "UTF-8, with invalid bytes replaced"),
    }
}

/// The head of a dump names its character set within so many bytes.
const HEAD: usize = 8192;

/// Tells rows from definitions, line by line.
#[derive(Default)]
struct Rows {
    /// Within an `INSERT`: whether it is kept.
    inside: Option<bool>,
    quote: Option<u8>,
    escaped: bool,
    /// Within a program's body, whose statements are no rows.
    body: bool,
}

impl Rows {
    fn keep(&mut self, line: &[u8], kept: &mut Vec<u8>) {
        let mut rest = line;
        while !rest.is_empty() {
            if self.inside.is_none() {
                let begins =
                    |words: &[u8]| rest.get(..words.len()).is_some_and(|head| head.eq_ignore_ascii_case(words));
                if begins(b"DELIMITER ") {
                    self.body = rest[b"DELIMITER ".len()..].trim_ascii() != b";";
                }
                if self.body || !(begins(b"INSERT ") || begins(b"REPLACE ")) {
                    kept.extend_from_slice(rest);
                    return;
                }
                // The head is names and words.
                let head = String::from_utf8_lossy(&rest[..rest.len().min(400)]);
                self.inside = Some(ledger::is_insert(&head));
            }
            let end = self.end(rest);
            let of_statement = &rest[..end.unwrap_or(rest.len())];
            if self.inside == Some(true) {
                kept.extend_from_slice(of_statement);
            } else {
                kept.extend(of_statement.iter().filter(|byte| **byte == b'\n'));
            }
            let Some(end) = end else { return };
            self.inside = None;
            rest = &rest[end..];
        }
    }

    /// The place behind the semicolon that ends a statement.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().enumerate() {
            match (self.quote, byte) {
                _ if self.escaped => self.escaped = false,
                (Some(b'\'' | b'"'), b'\\') => self.escaped = true,
                (Some(quote), byte) if quote == *byte => self.quote = None,
                (Some(_), _) => {}
                (None, b'\'' | b'"' | b'`') => self.quote = Some(*byte),
                (None, b';') => return Some(at + 1),
                (None, _) => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "CREATE TABLE a (id int);\nINSERT INTO `a` VALUES (1,'x;\\'\nINSERT INTO `b`'),\n(2,'secret');\n\
                        INSERT INTO `django_migrations` VALUES\n(1,'auth','0001_initial','2020-01-01');\n\
                        insert into a values ('secret'); CREATE TABLE c (id int);\nDELIMITER ;;\n\
                        CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN\nINSERT INTO c VALUES (1);\nEND ;;\n\
                        DELIMITER ;\nREPLACE INTO a VALUES ('secret');\n";

    #[test]
    fn rows_are_left_out_and_lines_keep_their_numbers() {
        let Text { text, doubts, .. } = without_rows(DUMP.as_bytes(), 9_999, 9_999).unwrap();
        assert_eq!(doubts, [""; 0]);
        assert!(!text.contains("secret"), "{text}");
        for kept in ["CREATE TABLE c", "0001_initial", "INSERT INTO c VALUES (1)", "CREATE TABLE a"] {
            assert!(text.contains(kept), "{kept} is missing in {text}");
        }
        assert_eq!(text.lines().count(), DUMP.lines().count());
        let line = |text: &str| text.lines().position(|line| line.contains("CREATE TRIGGER"));
        assert_eq!(line(&text), line(DUMP));
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        assert!(without_rows(DUMP.as_bytes(), 20, 9_999).unwrap().doubts[0].contains("definitions"));
        assert!(without_rows(DUMP.as_bytes(), 9_999, 40).unwrap().doubts[0].contains("longer than"));
    }

    #[test]
    fn other_encodings_are_said_with_the_line() {
        let latin = b"/*!40101 SET NAMES latin1 */;\nCREATE TABLE t (\n  `\xe4` int);\n";
        let read = without_rows(&latin[..], 9_999, 9_999).unwrap();
        assert!(read.text.contains("`\u{e4}`"), "{}", read.text);
        assert_eq!(read.doubts, ["line 3 is not UTF-8; the file was read as windows-1252"]);
        let unnamed = without_rows(&latin[30..], 9_999, 9_999).unwrap();
        assert!(
            unnamed.doubts[0].starts_with("line 2 is not UTF-8; the file was read as UTF-8, with"),
            "{:?}",
            unnamed.doubts
        );
    }
}
