//! A dump's file to text: compressed or not, and without the rows, of which only the ledgers of migrations are kept.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::ledger;

/// So much is kept: definitions of many thousand tables are some megabytes.
const MOST_KEPT: usize = 256 << 20;

/// So much is looked through, after decompression: a small file can hold a great deal of nothing.
const MOST_READ: u64 = 16 << 30;

/// No more of a line is held in memory at once.
const LONGEST_LINE: u64 = 64 << 20;

/// What of a dump is looked at.
pub(in crate::live) struct Text {
    /// Everything but rows; lines keep their numbers.
    pub text: String,
    /// Why it is not all of it.
    pub cut: Option<String>,
}

/// Reads a dump, compressed with gzip or not.
pub(in crate::live) fn read(path: &Path) -> io::Result<Text> {
    let mut reader = BufReader::new(File::open(path)?);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        without_rows(BufReader::new(MultiGzDecoder::new(reader)), MOST_KEPT, MOST_READ)
    } else {
        without_rows(reader, MOST_KEPT, MOST_READ)
    }
}

fn without_rows(reader: impl BufRead, most_kept: usize, most_read: u64) -> io::Result<Text> {
    let mut reader = reader.take(most_read);
    let mut kept: Vec<u8> = Vec::new();
    let mut line = Vec::new();
    let mut rows = Rows::default();
    let mut cut = None;
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        rows.keep(&line, &mut kept);
        if kept.len() > most_kept {
            cut = Some(format!("its definitions are longer than {} MiB", most_kept >> 20));
            break;
        }
    }
    if reader.limit() == 0 && cut.is_none() {
        cut = Some(format!("it is longer than {} GiB", most_read >> 30));
    }
    let text = String::from_utf8(kept).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Text { text, cut })
}

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
    use std::io::Write as _;

    use super::*;

    const DUMP: &str = "CREATE TABLE a (id int);\nINSERT INTO `a` VALUES (1,'x;\\'\nINSERT INTO `b`'),\n(2,'secret');\n\
                        INSERT INTO `django_migrations` VALUES\n(1,'auth','0001_initial','2020-01-01');\n\
                        insert into a values ('secret'); CREATE TABLE c (id int);\nDELIMITER ;;\n\
                        CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN\nINSERT INTO c VALUES (1);\nEND ;;\n\
                        DELIMITER ;\nREPLACE INTO a VALUES ('secret');\n";

    #[test]
    fn rows_are_left_out_and_lines_keep_their_numbers() {
        let Text { text, cut } = without_rows(DUMP.as_bytes(), 9_999, 9_999).unwrap();
        assert_eq!(cut, None);
        assert!(!text.contains("secret"), "{text}");
        for kept in ["CREATE TABLE c", "0001_initial", "INSERT INTO c VALUES (1)", "CREATE TABLE a"] {
            assert!(text.contains(kept), "{kept} is missing in {text}");
        }
        assert_eq!(text.lines().count(), DUMP.lines().count());
        let line = |text: &str| text.lines().position(|line| line.contains("CREATE TRIGGER"));
        assert_eq!(line(&text), line(DUMP));
    }

    #[test]
    fn compressed_or_not_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("d.sql"), folder.path().join("d.sql.gz"));
        std::fs::write(&plain, DUMP).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
        encoder.write_all(DUMP.as_bytes()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(read(&plain).unwrap().text, read(&packed).unwrap().text);
        std::fs::write(&packed, &std::fs::read(&packed).unwrap()[..60]).unwrap();
        assert!(read(&packed).is_err(), "half a file is no file");
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        assert!(without_rows(DUMP.as_bytes(), 20, 9_999).unwrap().cut.unwrap().contains("definitions"));
        assert!(without_rows(DUMP.as_bytes(), 9_999, 40).unwrap().cut.unwrap().contains("longer than"));
    }
}
