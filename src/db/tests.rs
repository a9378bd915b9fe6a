//! Tests of transactions, the queue of the writer, readiness and pragmas.

use super::*;

fn open() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.db");
    let lock = FileLock::take(&path).expect("free");
    let (db, ()) = Db::open(&path, lock, |_| Ok::<_, OpenError>(())).expect("opens");
    (dir, db)
}

#[tokio::test]
async fn a_failed_closure_leaves_nothing_and_readers_cannot_write() {
    let (_dir, db) = open();
    let insert = "INSERT INTO keyring_checks (kid, value) VALUES (1, x'00')";
    let failed: Result<()> = db
        .write(move |tx| {
            tx.execute(insert, [])?;
            Err(Error::Conflict("no".to_owned()))
        })
        .await;
    assert!(matches!(failed, Err(Error::Conflict(_))));
    let panicked: Result<()> = db.write(move |_| panic!("on purpose")).await;
    assert!(matches!(panicked, Err(Error::Internal { .. })));
    let count = |c: &Connection| Ok(c.query_row("SELECT count(*) FROM keyring_checks", [], |r| r.get::<_, i64>(0))?);
    assert_eq!(db.read(count).await.expect("reads"), 0);
    assert!(db.read(move |c| Ok(c.execute(insert, [])?)).await.is_err());
    db.write(move |tx| Ok(tx.execute(insert, [])?)).await.expect("writes");
    assert_eq!(db.read(count).await.expect("reads"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_times_out_in_the_queue_is_cancelled() {
    let (_dir, db) = open();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let (begin, began) = std::sync::mpsc::channel::<()>();
    let held = db.clone();
    let first =
        tokio::spawn(async move { held.write(move |_| Ok(begin.send(()).is_ok() && hold.recv().is_ok())).await });
    tokio::task::yield_now().await;
    began.recv().expect("the first write has the writer");
    let second: Result<()> = db.write(|_| panic!("must not run")).await;
    assert!(matches!(second, Err(Error::Unavailable { .. })));
    release.send(()).expect("held");
    assert!(first.await.expect("ends").expect("writes"));
    tokio::time::resume();
    assert!(db.is_writable().await);
}

/// Readiness fails for a lock of another program, not for a long write of our own.
#[tokio::test]
async fn a_long_change_is_ready_and_a_foreign_lock_is_not() {
    let (dir, db) = open();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let (begin, began) = oneshot::channel::<()>();
    let held = db.clone();
    let long =
        tokio::spawn(async move { held.write(move |_| Ok(begin.send(()).is_ok() && hold.recv().is_ok())).await });
    began.await.expect("it has the writer");
    assert!(db.is_writable().await);
    release.send(()).expect("held");
    assert!(long.await.expect("ends").expect("writes"));
    assert!(db.is_writable().await);

    let other = Connection::open(dir.path().join("jim.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    assert!(!db.is_writable().await);
    let waiting = db.clone();
    let waiting = tokio::spawn(async move { waiting.write(|_| Ok(())).await });
    tokio::task::yield_now().await;
    assert!(!db.is_writable().await, "nor behind a change that waits for the lock");
    other.execute_batch("ROLLBACK").expect("unlocked");
    waiting.await.expect("ends").expect("written once the lock is gone");
    assert!(db.is_writable().await);
}

#[tokio::test]
async fn readiness_writes_a_page_to_the_disk() {
    let (dir, db) = open();
    let size = || std::fs::metadata(dir.path().join("jim.db-wal")).map_or(0, |m| m.len());
    db.checkpoint().await.expect("checkpointed");
    assert_eq!(size(), 0);
    assert!(db.is_writable().await);
    assert!(size() > 4096, "{}", size());
}

#[tokio::test]
async fn readers_keep_their_pages_after_a_large_change() {
    const ROWS: u64 = 30_000;
    let (_dir, db) = open();
    db.read(|_| Ok(())).await.expect("a reader is open");
    let fill = move |tx: &Tx<'_>| {
        tx.execute_batch("CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT) STRICT")?;
        let mut add = tx.prepare("INSERT INTO many (text) VALUES (?1)")?;
        (0..ROWS).try_for_each(|_| add.execute(["x".repeat(300)]).map(drop))?;
        Ok(())
    };
    db.write_large(fill).await.expect("written");
    let reads = || {
        let io = std::fs::read_to_string("/proc/thread-self/io").expect("what this thread has read");
        io.lines().find_map(|line| line.strip_prefix("syscr: ")?.parse::<u64>().ok()).expect("a number")
    };
    let look = move |c: &Connection| {
        let before = reads();
        let mut one = c.prepare("SELECT length(text) FROM many WHERE id = ?1")?;
        for id in 1..=2_000 {
            assert_eq!(one.query_row([id], |r| r.get::<_, i64>(0))?, 300);
        }
        Ok(reads() - before)
    };
    let times = db.read(look).await.expect("read");
    assert!(times < 1_000, "{times} reads of the file for 2,000 rows of 154 pages");
}

/// The complete list, read from connections in use.
#[tokio::test]
async fn pragmas_version_and_compile_options_are_exact() {
    let (_dir, db) = open();
    let read = |c: &Connection| {
        let text = |name: &str| {
            let value: rusqlite::types::Value = c.pragma_query_value(None, name, |r| r.get(0)).expect(name);
            format!("{name} {value:?}")
        };
        let all = "journal_mode synchronous foreign_keys busy_timeout trusted_schema cell_size_check secure_delete \
                   mmap_size temp_store wal_autocheckpoint journal_size_limit query_only application_id user_version";
        Ok(all.split(' ').map(text).collect::<Vec<_>>())
    };
    let expected = |query_only: i64| {
        vec![
            "journal_mode Text(\"wal\")".to_owned(),
            "synchronous Integer(2)".to_owned(),
            "foreign_keys Integer(1)".to_owned(),
            "busy_timeout Integer(5000)".to_owned(),
            "trusted_schema Integer(0)".to_owned(),
            "cell_size_check Integer(1)".to_owned(),
            "secure_delete Integer(1)".to_owned(),
            "mmap_size Integer(0)".to_owned(),
            "temp_store Integer(2)".to_owned(),
            "wal_autocheckpoint Integer(1000)".to_owned(),
            format!("journal_size_limit Integer({})", 64 * 1024 * 1024),
            format!("query_only Integer({query_only})"),
            format!("application_id Integer({})", 0x4a49_4d31),
            "user_version Integer(1)".to_owned(),
        ]
    };
    assert_eq!(db.write(move |tx| read(tx)).await.expect("reads"), expected(0));
    assert_eq!(db.read(read).await.expect("reads"), expected(1));
    // Temporary settings are reset.
    assert!(db.is_writable().await);
    db.write_large(|_| Ok(())).await.expect("writes");
    db.checkpoint().await.expect("checkpointed");
    assert_eq!(db.write(move |tx| read(tx)).await.expect("reads"), expected(0));
    let options = db.read(|c| Ok(pragmas::compile_options(c)?)).await.expect("reads");
    assert!(options.iter().any(|o| o == "THREADSAFE=1"), "{options:?}");
    assert!(!options.iter().any(|o| o.starts_with("OMIT_") || o.contains("NO_SYNC")), "{options:?}");
    assert!(rusqlite::version_number() >= 3_051_003);
}
