//! Operators' keys of every length, and what the file alone is worth.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn operators_keys_work_from_32_to_1024_characters() {
    for (length, works) in [(31, false), (32, true), (1_024, true), (1_025, false)] {
        let clear = format!("jim_!~{}", "x".repeat(length - 6));
        let setup = Setup { infrastructure_key: Some(clear.clone()), ..Setup::default() };
        let app = TestApp::start_with(setup).await;
        assert_eq!(app.key.is_empty(), works, "{length}: a bootstrap key is made where this is none");
        let answer = Client::new(app.address).with_key(&clear).get(KEYS).await;
        match works {
            true => assert_eq!(answer.expect_status(200)[0]["keyPrefix"], clear[..12]),
            false => drop(answer.expect_error(401, "UNAUTHORISED")),
        }
    }
}

/// Also held: a start with another keyring is refused, which `check_command` and `program` show.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_alone_verifies_no_key_and_holds_none() {
    use jim::security::api_key::Hasher;
    use jim::security::secret::Keyring;
    let weak = "jim_passwordpasswordpasswordpassword";
    let app = TestApp::start_with(Setup { infrastructure_key: Some(weak.to_owned()), ..Setup::default() }).await;
    let operator = Client::new(app.address).with_key(weak);
    let made = operator.post(KEYS, &json!({ "name": "own", "roleIds": 1 })).await.expect_status(201);
    let own = made["key"].as_str().expect("a key").to_owned();
    client(&app, &made).get(KEYS).await.expect_status(200);
    let keyring = std::fs::read_to_string(app.folder().join("jim.keys")).expect("the keyring");
    let master = keyring.lines().find_map(|l| l.rsplit(':').next()).expect("a master key").to_owned();
    let raw = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &master).expect("base64");

    // While the write-ahead file is there, and after.
    let secrets: [&[u8]; 5] =
        [weak.as_bytes(), &own.as_bytes()[17..], &own.as_bytes()[17..60], master.as_bytes(), &raw];
    let clean = |folder: &std::path::Path| {
        for file in std::fs::read_dir(folder).expect("a folder").map(|f| f.expect("a file").path()) {
            let bytes = std::fs::read(&file).expect("a file");
            for (n, secret) in secrets.iter().enumerate() {
                let found = bytes.windows(secret.len()).any(|w| w == *secret);
                let is_keyring = file.ends_with("jim.keys");
                assert!(found == (is_keyring && n == 3), "secret {n} in {}", file.display());
            }
        }
    };
    clean(app.folder());
    let keys = app.stored().api_keys();
    let key = keys.iter().find(|key| key.infrastructure).expect("the key");
    assert!(
        app.app.hasher.verify(weak, &key.hash, app.app.hasher.kid()).expect("it runs")
            && app.app.hasher.lookup(weak) == key.lookup
    );
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Keyring::create(&elsewhere.path().join("jim.keys")).expect("a keyring");
    let other = Hasher::new(&other).expect("a hasher");
    assert!(!other.verify(weak, &key.hash, other.kid()).expect("it runs") && other.lookup(weak) != key.lookup);
    clean(app.restart().await.folder());
}
