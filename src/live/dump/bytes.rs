//! The bytes of a dump's file to UTF-8: decompressed, and decoded when they are UTF-16. Every format is known by its first
//! bytes, never by the file's name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use bzip2::bufread::MultiBzDecoder;
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

use super::error::DumpError;

/// The number of bytes that identify a format.
const HEAD: usize = 4096;

/// A file may be packed twice, as when a compressed dump is compressed again with its folder.
const MOST_LAYERS: usize = 3;

/// What xz may take for its dictionary, in KiB.
const XZ_MEMORY: u32 = 256 << 10;

/// A stream that is read.
pub(super) type Reader = Box<dyn BufRead>;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    fn of(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or one that is skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => return None,
        })
    }

    fn unpack(self, reader: Reader) -> Reader {
        let named = Named { packing: self, inner: self.decoder(reader) };
        Box::new(BufReader::new(named))
    }

    fn decoder(self, reader: Reader) -> Box<dyn Read> {
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
            Self::Xz => Box::new(XzReader::new_mem_limit(reader, true, XZ_MEMORY)),
            Self::Zstd => Box::new(Frames { next: Some(reader), frame: None }),
        }
    }
}

/// Names the compression in errors.
struct Named {
    packing: Packing,
    inner: Box<dyn Read>,
}

impl Read for Named {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner
            .read(buffer)
            .map_err(|error| io::Error::new(error.kind(), format!("compressed with {}: {error}", self.packing.name())))
    }
}

/// The frames of a zstd file, one after another.
struct Frames {
    next: Option<Reader>,
    frame: Option<StreamingDecoder<Reader, ruzstd::decoding::FrameDecoder>>,
}

impl Frames {
    /// Passes frames that hold no data: their length stands behind their first four bytes.
    fn skip(reader: &mut Reader) -> io::Result<bool> {
        loop {
            let head = reader.fill_buf()?;
            match head {
                [] => return Ok(false),
                [0x50..=0x5f, ..] => {
                    let mut header = [0; 8];
                    reader.read_exact(&mut header)?;
                    let [.., a, b, c, d] = header;
                    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
                    if io::copy(&mut reader.take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                _ => return Ok(true),
            }
        }
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut frame) = self.frame.take() {
                let count = frame.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    self.frame = Some(frame);
                    return Ok(count);
                }
                self.next = Some(frame.into_inner());
            }
            let Some(mut reader) = self.next.take() else { return Ok(0) };
            if !Self::skip(&mut reader)? {
                return Ok(0);
            }
            self.frame = Some(StreamingDecoder::new(reader).map_err(io::Error::other)?);
        }
    }
}

/// Opens a file.
///
/// # Errors
///
/// When it cannot be opened, or is in a format that is not read, which the error names.
pub(super) fn open(path: &Path) -> Result<Reader, DumpError> {
    let file = File::open(path).map_err(DumpError::Unreadable)?;
    text(Box::new(BufReader::new(file)))
}

/// Unpacks and decodes a stream.
fn text(mut reader: Reader) -> Result<Reader, DumpError> {
    for _ in 0..=MOST_LAYERS {
        let mut head = Vec::new();
        (&mut reader).take(HEAD as u64).read_to_end(&mut head).map_err(DumpError::Unreadable)?;
        let packing = Packing::of(&head);
        let whole: Reader = Box::new(BufReader::new(Cursor::new(head.clone()).chain(reader)));
        match packing {
            Some(packing) => reader = packing.unpack(whole),
            None => return decoded(&head, whole),
        }
    }
    Err(DumpError::Format("compressed more than three times".to_owned()))
}

/// Decodes UTF-16, and refuses what is no text, by name where it has one.
fn decoded(head: &[u8], reader: Reader) -> Result<Reader, DumpError> {
    if let Some(name) = foreign(head) {
        return Err(DumpError::Format(format!("it is {name}")));
    }
    let encoding = match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(DumpError::Format("the encoding is UTF-32; save the file as UTF-8".to_owned()));
        }
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        // Without a mark, but as text that begins with ASCII looks.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(encoding_rs::UTF_16LE),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    if encoding.is_none() && head.contains(&0) {
        return Err(DumpError::Format("a binary file, not SQL text".to_owned()));
    }
    // Takes a mark of UTF-8 away, too.
    let decoder = DecodeReaderBytesBuilder::new().encoding(encoding).utf8_passthru(true).strip_bom(true).build(reader);
    Ok(Box::new(BufReader::new(decoder)))
}

/// Files that people take for dumps.
fn foreign(head: &[u8]) -> Option<&'static str> {
    let formats: [(&[u8], &str); 9] = [
        (b"PK\x03\x04", "a zip archive; unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it"),
        (b"Rar!", "a RAR archive; unpack it"),
        (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it"),
        (b"\x1f\x9d", "compressed with compress; unpack it"),
        (b"PGDMP", "a dump of PostgreSQL"),
        (b"SQLite format 3\0", "a database of SQLite"),
        (b"XBSTCK", "an archive of XtraBackup, which contains no SQL; dump the definitions with mysqldump --no-data"),
        (b"\xfebin", "a binary log; dump the definitions with mysqldump --no-data"),
    ];
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it and give its folder");
    }
    formats.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &str = "CREATE TABLE t (id int, `ä` int);\n";

    fn read(bytes: &[u8]) -> Result<String, String> {
        let mut reader = text(Box::new(Cursor::new(bytes.to_vec()))).map_err(|error| error.to_string())?;
        let mut out = String::new();
        reader.read_to_string(&mut out).map_err(|error| error.to_string())?;
        Ok(out)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn packed_or_encoded_it_is_the_same_text() {
        let utf16 = |big: bool| -> Vec<u8> {
            TEXT.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for bytes in [
            TEXT.as_bytes().to_vec(),
            gzip(TEXT.as_bytes()),
            bzip2(TEXT.as_bytes()),
            zstd(TEXT.as_bytes()),
            gzip(&zstd(TEXT.as_bytes())),
            [b"\xef\xbb\xbf", TEXT.as_bytes()].concat(),
            [&b"\xff\xfe"[..], &utf16(false)].concat(),
            [&b"\xfe\xff"[..], &utf16(true)].concat(),
            utf16(false),
            utf16(true),
            bzip2(&[&b"\xff\xfe"[..], &utf16(false)].concat()),
        ] {
            assert_eq!(read(&bytes).unwrap(), TEXT, "{bytes:?}");
        }
        // Several members, as pzstd and cat make them, and one that is skipped.
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        assert_eq!(read(&[&zstd(b"a")[..], skipped, &zstd(b"b")].concat()).unwrap(), "ab");
        assert_eq!(read(&[skipped, &zstd(b"b")[..]].concat()).unwrap(), "b");
        assert_eq!(read(&[gzip(b"a"), gzip(b"b")].concat()).unwrap(), "ab");
    }

    #[test]
    fn what_is_not_read_is_named() {
        let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 6].to_vec();
        let long = "CREATE TABLE t (id int);\n".repeat(400);
        for (bytes, name) in [
            (b"PK\x03\x04....".to_vec(), "zip"),
            (b"\x04\x22\x4d\x18....".to_vec(), "lz4"),
            (b"PGDMP....".to_vec(), "PostgreSQL"),
            (b"\xff\xfe\0\0C\0\0\0".to_vec(), "UTF-32"),
            (b"abcdef\0\0\0\0".to_vec(), "binary"),
            (cut(gzip(long.as_bytes())), "gzip"),
            (cut(bzip2(long.as_bytes())), "bzip2"),
            (cut(zstd(long.as_bytes())), "zstd"),
            (b"\xfd7zXZ\0\0\x04\xe6\xd6".to_vec(), "xz"),
            (b"\x28\xb5\x2f\xfd\xff\xff".to_vec(), "zstd"),
            (b"BZh9garbage".to_vec(), "bzip2"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(name), "{name}: {error}");
        }
    }
}
