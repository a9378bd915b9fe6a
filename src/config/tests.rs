//! Tests of valid configurations, and of the errors of others.

use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("jim.toml");
    std::fs::write(&file, text).expect("write");
    let environment: Vec<(String, String)> =
        environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Config::load(Some(&file), environment.into_iter(), None)
}

#[test]
fn all_problems_are_reported_together_with_their_lines() {
    let text = "[server]\nlisten = \"0.0.0.0:80\"\nport = 80\n[log]\nformat = \"xml\"\n[colour]\nred = 1\n[ldap]\ntrust_dir = 5\nallow = [\"10.0.0.0/8\", \"10.0.0.0/40\"]\n";
    let problems = load(text, &[]).expect_err("refused");
    for wanted in [
        "jim.toml:2: [server] listen is not a loopback address",
        "jim.toml:3: unknown key port in [server]; there are listen, insecure_http",
        "jim.toml:5: [log] format must be text or json",
        "unknown section [colour]",
        "jim.toml:9: [ldap] trust_dir must be a text in quotes",
        "jim.toml:10: [ldap] allow holds \"10.0.0.0/40\", which is no network",
    ] {
        assert!(problems.contains(wanted), "{wanted} is not in:\n{problems}");
    }
    assert!(load("[server\n", &[]).expect_err("refused").contains("jim.toml:1"));
}

#[test]
fn the_environment_wins_and_unknown_variables_are_only_noted() {
    let environment = [
        ("JIM_SERVER_LISTEN", "0.0.0.0:0"),
        ("JIM_SERVER_INSECURE_HTTP", "TRUE"),
        ("JIM_DATABASE_PATH", "here.db"),
        ("JIM_LDAP_ALLOW", "10.0.0.0/8, *.corp.example:636"),
        ("JIM_COLOUR_RED", "1"),
        (INFRASTRUCTURE_KEY, "jim_x"),
    ];
    let config = load("[server]\nlisten = \"127.0.0.1:1\"\n[keys]\npath = \"my.keys\"\n", &environment).expect("good");
    assert_eq!(config.listen.port(), 0);
    assert_eq!(config.database, Path::new("here.db"));
    assert!(config.keyring.is_absolute() && config.keyring.ends_with("my.keys"));
    assert_eq!(Ok(config.allowed_directories), Policy::parse(["10.0.0.0/8", "*.corp.example:636"]));
    assert_eq!(config.unknown_variables, ["JIM_COLOUR_RED"]);
}

#[test]
fn a_misspelt_level_is_refused_with_the_list_of_levels() {
    for level in ["warning", "verbose", "off", "jim", "info,jim=loud"] {
        for (text, environment) in
            [(format!("[log]\nfilter = {level:?}\n"), None), (String::new(), Some(("JIM_LOG_FILTER", level)))]
        {
            let problem = load(&text, environment.as_slice()).expect_err(level);
            assert!(problem.contains("must be one of error, warn, info, debug, trace"), "{problem}");
            assert!(problem.contains("filter") || problem.starts_with("JIM_LOG_FILTER is"), "{problem}");
        }
    }
    for (level, effective) in [(" debug ", "debug"), ("", "info"), ("  ", "info"), ("jim=debug", "info,jim=debug")] {
        let config = load("[log]\nfilter = \"warn\"\n", &[("JIM_LOG_FILTER", level)]).expect("good");
        assert_eq!(config.log_filter, effective, "{level:?}");
    }
    assert_eq!(load("", &[("JIM_LOG_FORMAT", " json ")]).expect("good").log_format, LogFormat::Json);
}

#[test]
fn what_is_no_plain_path_is_refused_by_the_name_of_its_variable() {
    for path in [
        "\"jim.db\"",
        "'jim.db'",
        "jim.db\"",
        "jim.db\n",
        "jim\u{1b}.db",
        " jim.db",
        "jim.db ",
        "\tjim.db",
        "file:jim.db",
        "FILE:///srv/jim.db?mode=ro",
        "sqlite:jim.db",
        "sqlite:///jim.db",
        ":memory:",
    ] {
        for name in ["JIM_DATABASE_PATH", "JIM_KEYS_PATH", "JIM_FILES_ROOT", "JIM_LDAP_TRUST_DIR"] {
            let problem = load("", &[(name, path)]).expect_err(path);
            assert!(problem.starts_with(&format!("{name} is ")) && problem.lines().count() == 1, "{problem}");
        }
        let problem = load(&format!("[database]\npath = {}\n", toml::Value::from(path)), &[]).expect_err(path);
        assert!(problem.contains("jim.toml:2: [database] path is "), "{problem}");
    }
    // An apostrophe, a blank or a colon within a name is none of that.
    for path in ["o'brien.db", "my jim.db", "jim:1.db", "profile:x"] {
        assert_eq!(load("", &[("JIM_DATABASE_PATH", path)]).expect("good").database, Path::new(path));
    }
}

#[test]
fn an_empty_list_variable_is_an_empty_list() {
    let text = "[ldap]\nallow = [\"10.0.0.0/8\"]\n[server]\ntrusted_proxies = [\"10.0.0.1\"]\n";
    for empty in ["", "  "] {
        let environment = [("JIM_LDAP_ALLOW", empty), ("JIM_SERVER_TRUSTED_PROXIES", empty)];
        let config = load(text, &environment).expect("good");
        assert_eq!(config.allowed_directories, Policy::default());
        assert!(config.trusted_proxies.is_empty());
    }
}

#[test]
fn the_address_of_the_arguments_wins_and_is_checked_as_any_other() {
    let load = |listen: &str| {
        let environment = [("JIM_SERVER_LISTEN".to_owned(), "127.0.0.1:1".to_owned())];
        Config::load(None, environment.into_iter(), Some(listen.parse().expect("an address")))
    };
    assert_eq!(load("127.0.0.1:2").expect("good").listen.port(), 2);
    let problem = load("0.0.0.0:2").expect_err("refused");
    assert!(problem.starts_with("--listen is not a loopback address"), "{problem}");
}

#[test]
fn the_files_folder_exists_and_holds_nothing_of_our_own() {
    assert_eq!(load("", &[]).expect("good").files_root, None);
    let outer = tempfile::tempdir().expect("folder");
    let root = outer.path().join("files");
    std::fs::create_dir(&root).expect("folder");
    let own = outer.path().join("jim.db");
    let keys = outer.path().join("jim.keys");
    let with = |root: &Path, database: &Path, keys: &Path| {
        let text = format!("[database]\npath = {database:?}\n[keys]\npath = {keys:?}\n[files]\nroot = {root:?}\n");
        load(&text, &[])
    };
    assert_eq!(with(&root, &own, &keys).expect("good").files_root.as_deref(), Some(root.as_path()));
    let missing = with(&outer.path().join("no"), &own, &keys).expect_err("refused");
    assert!(missing.contains("jim.toml:6: [files] root is ") && missing.contains("is not a folder"), "{missing}");
    let inside = root.join("jim.db");
    for (root, database, keys) in
        [(outer.path(), &own, &keys), (&root, &inside, &keys), (&root, &own, &root.join("../files/jim.keys"))]
    {
        let problem = with(root, database, keys).expect_err("refused");
        assert!(problem.contains("name a folder without files of jim"), "{problem}");
    }
    assert!(load("[files]\nroot = \"\"\n", &[]).expect_err("refused").contains("root must not be empty"));
    let environment = [("JIM_FILES_ROOT", root.to_str().expect("text"))];
    assert_eq!(load("[files]\nroot = 5\n", &environment).expect("good").files_root, Some(root));
}

#[test]
fn a_named_file_must_exist() {
    let missing = Config::load(Some(Path::new("/nonexistent/jim.toml")), std::iter::empty(), None);
    assert!(missing.expect_err("refused").contains("/nonexistent/jim.toml"));
}

#[test]
fn the_example_file_holds_every_key_at_its_default() {
    let example = include_str!("../../jim.toml.example");
    let uncommented: String = example
        .lines()
        .map(|l| l.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or(l))
        .fold(String::new(), |all, l| all + l + "\n");
    let table: toml::Table = toml::from_str(&uncommented).expect("parses");
    for (section, key) in source::KEYS {
        assert!(table[section].get(key).is_some(), "[{section}] {key} is not in jim.toml.example");
    }
    assert!(toml::from_str::<toml::Table>(example).is_ok());
    assert!(load(example, &[]).is_ok());
}

#[test]
fn tls_stands_in_place_of_insecure_http_and_needs_both_files() {
    let both = "[server]\nlisten = \"0.0.0.0:443\"\ntls_certificate = \"tls/own.pem\"\ntls_key = \"own.key\"\n";
    let config = load(both, &[]).expect("good");
    let (certificate, key) = config.tls.expect("TLS");
    assert!(certificate.ends_with("tls/own.pem") && key.ends_with("own.key"));
    for (text, reason) in [
        ("[server]\ntls_key = \"own.key\"\n", "jim.toml:2: [server] tls_key needs [server] tls_certificate beside it"),
        ("[server]\ntls_certificate = \"own.pem\"\n", "[server] tls_certificate needs [server] tls_key beside it"),
        ("[server]\ntls_certificate = \"\"\ntls_key = \"own.key\"\n", "[server] tls_certificate must not be empty"),
        (&format!("{both}insecure_http = true\n"), "insecure_http contradicts [server] tls_certificate"),
    ] {
        let problem = load(text, &[]).expect_err("refused");
        assert!(problem.contains(reason), "{problem}");
    }
}

#[test]
fn limits_and_proxies_are_read_and_refused_by_name() {
    let text =
        "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[limits]\nconnections = 64\nimport_mib = 1_000\n";
    let config = load(text, &[("JIM_LIMITS_IMPORT_ENTRIES", "5000")]).expect("good");
    let expected = Limits { connections: 64, connections_per_address: 64, import_entries: 5_000, import_mib: 1_000 };
    assert_eq!(config.limits, expected);
    let trusts = |a: &str| config.trusted_proxies.iter().any(|n| n.contains(a.parse().expect("an address")));
    assert!(trusts("10.9.8.7") && trusts("::1") && !trusts("127.0.0.1"));
    assert_eq!(load("", &[]).expect("good").limits, Limits::default());
    for (text, reason) in [
        ("[limits]\nconnections = 0\n", "jim.toml:2: [limits] connections must be a whole number from 1 to 65536"),
        ("[limits]\nimport_mib = \"5\"\n", "import_mib must be a whole number"),
        ("[limits]\nimport_mib = -5\n", "import_mib must be a whole number"),
        ("[limits]\nimport_entries = 1.5\n", "import_entries must be a whole number"),
        ("[limits]\nimport_entries = 99999999999999999999\n", "import_entries must be a whole number"),
        ("[limits]\nbodies = 1\n", "unknown key bodies in [limits]; there are connections, connections_per_address"),
        ("[server]\ntrusted_proxies = [\"proxy.example\"]\n", "holds \"proxy.example\", which is no address"),
        ("[server]\ntrusted_proxies = \"10.0.0.1\"\n", "must be a list of texts such as [\"127.0.0.1\""),
    ] {
        let problem = load(text, &[]).expect_err("refused");
        assert!(problem.contains(reason), "{problem}");
    }
}
