//! How long a change takes and how much it writes: ranges from measured shapes, with their assumptions.

use super::types::Estimate;
use crate::live::facts::{Flavour, Measures, ServerFacts};

/// `TABLE_ROWS` was seen off by so many percent.
const ROWS_OFF: u64 = 27;
/// Share of the time that a copy may stand still for others, in percent.
const THROTTLED: u64 = 100;
/// Bytes of binary log for a byte of copied data, in percent: ROW, FULL.
const LOG_PERCENT: (u64, u64) = (77, 90);
/// Rows a second that ALTER TABLE copies.
const ALTER_RATE: (u64, u64) = (22_000, 45_000);
/// The maximum time of a write lock on a table.
const SHORT: u64 = 5;
/// More bytes than this are copied from disk, not from memory.
const SMALL_BYTES: u64 = 256 << 20;

/// The rows of a table, as a range around the server's guess.
fn rows(measures: &Measures) -> Option<(u64, u64)> {
    if measures.empty == Some(true) {
        return Some((0, 0));
    }
    let rows = measures.rows_estimate?;
    // A handful may be none by the server's guess.
    let most = (rows.saturating_mul(100 + ROWS_OFF) / 100).max(1_000);
    Some((rows.saturating_mul(100 - ROWS_OFF) / 100, most))
}

/// Rows a second that a chunked copy makes, at the chunk sizes that the scripts use.
fn copy_rate(server: Option<&ServerFacts>) -> (u64, u64) {
    match server {
        Some(server) if server.flavour != Flavour::MariaDb && server.version >= (8, 0, 0) => (6_000, 12_000),
        Some(_) => (13_700, 31_100),
        None => (6_000, 31_100),
    }
}

fn seconds(least: u64, most: u64, assumptions: &[&str]) -> Estimate {
    Estimate {
        least,
        most: most.max(least).max(1),
        unit: String::from("seconds"),
        assumptions: assumptions.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn bytes(least: u64, most: u64, assumptions: &[&str]) -> Estimate {
    Estimate { unit: String::from("bytes"), ..seconds(least, most, assumptions) }
}

/// How long a chunked copy takes.
#[must_use]
pub fn copy(measures: Option<&Measures>, server: Option<&ServerFacts>) -> Option<Estimate> {
    let (few, many) = rows(measures?)?;
    let (slow, fast) = copy_rate(server);
    Some(seconds(
        few / fast,
        (many / slow).saturating_mul(100 + THROTTLED) / 100 + 60,
        &[
            "rates of a small machine with the data in memory: measure with a trial on a replica of this server",
            "the server's row estimate is accurate to 27 %",
            "the copy is throttled at most 50 % of the time",
            "the wait for the operator before the cut-over is not included",
        ],
    ))
}

/// How long `ALTER TABLE … ALGORITHM=COPY` takes, while writers are blocked.
#[must_use]
pub fn alter(measures: Option<&Measures>) -> Option<Estimate> {
    let (few, many) = rows(measures?)?;
    Some(seconds(
        few / ALTER_RATE.1,
        many / ALTER_RATE.0 + 1,
        &["rates of a small machine with the data in memory", "the server's row estimate is accurate to 27 %"],
    ))
}

/// Whether a table is copied so fast that the writers may wait for it.
#[must_use]
pub fn is_small(measures: Option<&Measures>) -> bool {
    let Some(measures) = measures else { return false };
    let size = measures.data_length.unwrap_or(u64::MAX).saturating_add(measures.index_length.unwrap_or(0));
    measures.empty == Some(true)
        || alter(Some(measures)).is_some_and(|range| range.most <= SHORT) && size <= SMALL_BYTES
}

/// The disk that a second copy of the table takes: the key grows by four bytes in the row and in each index.
#[must_use]
pub fn disk(measures: Option<&Measures>, indexes: usize) -> Option<Estimate> {
    let measures = measures?;
    let size = measures.data_length?.saturating_add(measures.index_length?);
    let (_, many) = rows(measures)?;
    let wider = many.saturating_mul(4).saturating_mul(indexes as u64 + 1);
    Some(bytes(
        size.saturating_sub(measures.data_free.unwrap_or(0)) / 2,
        size.saturating_add(wider).saturating_add(size / 10),
        &[
            "the copy has the same row format",
            "a new copy is often smaller, without fragmentation",
            "disk space is used on the primary and on every replica",
            "disk space is used until the old table is dropped",
        ],
    ))
}

/// The binary log that a copy writes.
#[must_use]
pub fn binary_log(measures: Option<&Measures>) -> Option<Estimate> {
    let data = measures?.data_length?;
    Some(bytes(
        data.saturating_mul(LOG_PERCENT.0) / 100,
        data.saturating_mul(LOG_PERCENT.1) / 100,
        &[
            "binlog_format=ROW, binlog_row_image=FULL, without compression",
            "binary logs are written on the primary and on every replica with log_slave_updates, and kept until they expire",
            "ongoing writes come in addition and count twice (copy and binary log)",
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(rows: u64, bytes: u64) -> Measures {
        Measures {
            rows_estimate: Some(rows),
            data_length: Some(bytes),
            index_length: Some(bytes / 4),
            ..Measures::default()
        }
    }

    #[test]
    fn small_is_what_writers_can_wait_for() {
        assert!(is_small(Some(&measures(20_000, 16 << 20))));
        assert!(!is_small(Some(&measures(200_000, 160 << 20))));
        assert!(!is_small(None), "what is unknown is not small");
        let empty = Measures { empty: Some(true), rows_estimate: Some(9_000_000), ..Measures::default() };
        assert!(is_small(Some(&empty)), "an estimate is not believed against a look");
    }

    #[test]
    fn ranges_hold_what_was_measured() {
        // 200,000 rows at 6,000 to 31,100 rows a second, and 740 bytes of binary log at 840 bytes of data.
        let table = measures(200_000, 168_000_000);
        let copy = copy(Some(&table), None).unwrap();
        assert!(copy.least <= 6 && copy.most >= 33, "{copy:?}");
        let log = binary_log(Some(&table)).unwrap();
        assert!(log.least <= 148_000_000 && log.most >= 148_000_000, "{log:?}");
        // 100,000 rows took 2.3 to 4.4 s.
        let alter = alter(Some(&measures(100_000, 84_000_000))).unwrap();
        assert!(alter.least <= 2 && alter.most >= 5, "{alter:?}");
    }
}
