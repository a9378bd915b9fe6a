//! The pragmas of every connection, and the version.

use super::*;

/// The whole list, so that none can be lost from where it is set: read from connections that are in use.
#[tokio::test]
async fn b9_pragmas_version_and_compile_options_are_exact() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.db");
    let lock = FileLock::take(&path).expect("free");
    let (db, ()) = Db::open(&path, lock, |_| Ok::<_, OpenFault>(())).expect("opens");
    let read = |c: &Connection| {
        let text = |name: &str| {
            let value: Value = c.pragma_query_value(None, name, |r| r.get(0)).expect(name);
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
    // What is set for a while is set back.
    assert!(db.is_writable().await);
    db.write_large(|_| Ok(())).await.expect("writes");
    db.settle().await.expect("settles");
    assert_eq!(db.write(move |tx| read(tx)).await.expect("reads"), expected(0));
    let options = db.read(|c| Ok(compile_options(c)?)).await.expect("reads");
    assert!(options.iter().any(|o| o == "THREADSAFE=1"), "{options:?}");
    assert!(!options.iter().any(|o| o.starts_with("OMIT_") || o.contains("NO_SYNC")), "{options:?}");
    assert!(rusqlite::version_number() >= 3_051_003);
    assert!(fit(3_051_002).is_err() && fit(3_051_003).is_ok());
}

#[test]
fn b9_each_pragma_that_is_otherwise_is_refused() {
    let dir = tempfile::tempdir().expect("folder");
    for (name, other) in [
        ("journal_mode", "DELETE"),
        ("synchronous", "NORMAL"),
        ("foreign_keys", "OFF"),
        ("busy_timeout", "1"),
        ("trusted_schema", "ON"),
        ("cell_size_check", "OFF"),
        ("secure_delete", "OFF"),
        ("mmap_size", "65536"),
        ("temp_store", "FILE"),
        ("wal_autocheckpoint", "0"),
        ("journal_size_limit", "-1"),
    ] {
        let connection = Connection::open(dir.path().join(name)).expect("opens");
        set_pragmas(&connection).expect("set");
        read_back(&connection).unwrap_or_else(|e| panic!("{name}: {e}"));
        connection.execute_batch(&format!("PRAGMA {name} = {other}")).expect("set");
        let told = read_back(&connection).expect_err(name).to_string();
        assert!(told.contains(name) || told.contains("write-ahead log"), "{told}");
    }
}

/// A file that the keyring does not belong to is not upgraded either.
#[test]
fn a6_s5_what_is_refused_is_not_upgraded() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.db");
    let open = |fits: bool| {
        let step = Step { from: upgrade::VERSION, sql: "CREATE TABLE more (x TEXT) STRICT" };
        let judge = |_: &[MasterKey]| if fits { Ok(()) } else { Err(OpenFault::Unsafe("another keyring".to_owned())) };
        super::open(&path, FileLock::take(&path).expect("free"), &[step], judge).map(drop)
    };
    make(&path).and_then(|()| connect(&path)).map(drop).expect("made");
    let before = std::fs::read(&path).expect("there");
    assert_eq!(open(false).expect_err("refused").to_string(), "another keyring");
    assert!(std::fs::read(&path).expect("there") == before, "it was written");
    assert!(!path.with_added_extension("version-1").exists());
    open(true).expect("upgraded");
    assert!(path.with_added_extension("version-1").exists());
}

/// Damage that only reading finds is damage too, and not a disk that fails.
#[test]
fn b1_keys_that_cannot_be_read_are_told_by_the_reason() {
    let failed = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into();
    let told = |code| unread("jim.db".as_ref(), &failed(code));
    assert!(matches!(told(rusqlite::ffi::SQLITE_CORRUPT), OpenFault::Damaged(text) if text.contains("jim.db")));
    assert!(matches!(told(rusqlite::ffi::SQLITE_IOERR), OpenFault::Io(text) if text.contains("jim.db")));
}
