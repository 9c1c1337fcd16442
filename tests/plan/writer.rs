//! A writer that keeps a ledger of every write that was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};

use crate::platform::PASSWORD;
use crate::support::Server;

/// What a row should hold; `None` where a statement failed and nobody knows.
type Ledger = BTreeMap<u64, Option<String>>;

/// A running writer.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<(Ledger, Vec<String>)>,
}

impl Writer {
    /// Starts to insert and update rows of the target's table.
    pub fn start(server: &Server) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, count, port) = (stop.clone(), written.clone(), server.port());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(write(port, &stopping, &count))
        });
        Self { stop, written, thread }
    }

    /// Waits until it has written so many more times.
    pub fn wait_for(&self, more: u64) {
        let goal = self.written.load(Ordering::SeqCst) + more;
        while self.written.load(Ordering::SeqCst) < goal {
            assert!(!self.thread.is_finished(), "the writer has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it; its ledger, and the errors that its statements met.
    pub fn stop(self) -> (Ledger, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

async fn connect(port: u16) -> Conn {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some("migrator"))
        .pass(Some(PASSWORD))
        .prefer_socket(false);
    Conn::new(options).await.unwrap()
}

async fn write(port: u16, stop: &AtomicBool, written: &AtomicU64) -> (Ledger, Vec<String>) {
    let mut conn = connect(port).await;
    let (mut ledger, mut errors) = (Ledger::new(), Vec::new());
    let mut number = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let state = format!("state {number}");
        let old = ledger.keys().nth(number as usize * 7 % ledger.len().max(1)).copied();
        let result = match old.filter(|_| !number.is_multiple_of(3)) {
            Some(id) => {
                let sql = format!("UPDATE edxapp.courseware_studentmodule SET state = '{state}' WHERE id = {id}");
                // Until it is acknowledged nobody knows.
                ledger.insert(id, None);
                conn.query_drop(sql).await.map(|()| (conn.affected_rows() == 1).then_some(id))
            }
            None => {
                let sql = format!(
                    "INSERT INTO edxapp.courseware_studentmodule (module_type, student_id, state) VALUES ('problem', 2, \
                     '{state}')"
                );
                conn.query_drop(sql).await.map(|()| conn.last_insert_id())
            }
        };
        match result {
            Ok(Some(id)) => {
                ledger.insert(id, Some(state));
                written.fetch_add(1, Ordering::SeqCst);
            }
            Ok(None) => errors.push(format!("{state}: no row was there")),
            Err(error) => errors.push(error.to_string()),
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    (ledger, errors)
}

/// The acknowledged writes that the table does not hold.
pub fn lost(server: &Server, ledger: &Ledger) -> Vec<String> {
    let rows = server.query("SELECT id, state FROM edxapp.courseware_studentmodule WHERE state LIKE 'state %'");
    let held: BTreeMap<u64, String> = rows.into_iter().map(|row| (row[0].parse().unwrap(), row[1].clone())).collect();
    ledger
        .iter()
        .filter_map(|(id, state)| Some((id, state.as_ref()?)))
        .filter(|(id, state)| held.get(id) != Some(state))
        .map(|(id, state)| format!("{id}: {state}, and the table holds {:?}", held.get(id)))
        .collect()
}
