//! `jim help`, and the text below the help of each command: examples, exit codes, topics of the guide.

use std::fmt::Write as _;

use clap::Command;

use jim::guide;

use super::Exit;

/// Exit codes with their meanings.
pub const EXIT_CODES: [(u8, &str); 10] = [
    (0, "done"),
    (1, "the run ended with warnings"),
    (2, "the run ended with errors, failed or was cancelled"),
    (64, "the arguments are wrong, such as a folder for a backup that is not empty"),
    (65, "the database or the backup is damaged, of another program or of a newer version; it was not touched"),
    (69, "the address cannot be listened on, for example because it is in use; or no server answers there"),
    (74, "the disk or the system refuses"),
    (75, "another process holds the database"),
    (77, "refused: it would leave no Administrator key, or the server does not accept the API key"),
    (78, "the configuration or the keyring is wrong, or a restore would replace a database"),
];

/// Files beside each other in the folder of the database, for the manual.
pub const FILES: [(&str, &str); 7] = [
    ("./jim.toml", "the configuration that is read if it is there and --config names none"),
    ("jim.db", "the database, everything but the keyring; [database] path"),
    ("jim.db-wal, jim.db-shm", "the write-ahead log of SQLite, a part of the database while it is there"),
    ("jim.db.version-N", "the database as it was before an upgrade from version N"),
    ("jim.db.lock", "held by the running server, names its process; never removed"),
    ("jim.db.part", "what is being made, or was when an upgrade or a restore was cut short; the next one removes it"),
    ("jim.keys", "the keyring, readable by its owner only and in no backup; [keys] path"),
];

/// Variables that stand for no key of the configuration.
pub const VARIABLES: [(&str, &str); 4] = [
    ("JIM_URL", "the server that jim run calls; by default http://127.0.0.1:5200"),
    ("JIM_API_KEY", "the API key of jim run; a file with it can be named instead: --key-file"),
    (
        "JIM_INFRASTRUCTURE_API_KEY",
        "at the start of a server an Administrator key for 24 hours; 32 characters, begins with jim_",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "set by a service manager: jim.keys is read there if it exists and [keys] path is not set",
    ),
];

/// Examples of the whole program.
pub const EXAMPLES: &str = "  jim demo                                  see what it does; nothing stays behind
  jim                                       serve, with jim.db and jim.keys in this folder
  jim serve --listen 127.0.0.1:8080         on another port
  jim run HR Full                           execute a run profile of the server
  jim check                                 is everything sound?
  JIM_LOG_FORMAT=json jim                   every key of jim.toml can be set like this";

/// Below `jim --help`.
pub fn jim() -> String {
    let head = format!("Without a command, jim serves.\n\nExamples:\n{EXAMPLES}\n\nExit codes:");
    let text = EXIT_CODES.iter().fold(head, |mut text, (code, meaning)| {
        let _ = write!(text, "\n  {code:<4}{meaning}");
        text
    });
    format!("{text}\n\n{}", topics())
}

/// Topics of the guide, below `jim --help` and `jim help --help`.
pub fn topics() -> String {
    let head = "Topics of the guide, for jim help TOPIC:".to_owned();
    guide::PAGES.iter().fold(head, |mut text, page| {
        let _ = write!(text, "\n  {:<17}{}", page.topic, page.about);
        text
    })
}

/// Prints a page of the guide, or the help of a command, or of the program.
pub fn show(command: Command, about: &[String]) -> Result<(), Exit> {
    if let [topic] = about
        && let Some(page) = guide::page(topic)
    {
        say!("{}", page.text.trim_end());
        return Ok(());
    }
    let words = ["jim"].into_iter().chain(about.iter().map(String::as_str)).chain(["--help"]);
    match command.try_get_matches_from(words) {
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            Ok(())
        }
        _ => {
            let topics = guide::PAGES.map(|page| page.topic).join(", ");
            let asked = about.join(" ");
            Err(Exit::usage(format!("no topic and no command is called {asked:?}; the topics are {topics}")))
        }
    }
}

/// Below `jim serve --help`.
pub const SERVE: &str = "\
Standard output has two lines at most: the first key, once, and the address. The log goes to standard error.
SIGTERM and SIGINT end it in order; SIGHUP reads the TLS certificate again.

Examples:
  jim serve
  jim serve --listen 127.0.0.1:8080
  jim serve --config /etc/jim/jim.toml
  JIM_LOG_FORMAT=json jim serve 2>>jim.log";

/// Below `jim demo --help`.
pub const DEMO: &str = "\
Examples:
  jim demo
  jim demo --listen 127.0.0.1:8080          try the requests it prints yourself, until Ctrl-C";

/// Below `jim run --help`.
pub const RUN: &str = "\
The API key, an Administrator's, is in JIM_API_KEY or in a file. Ctrl-C cancels the run and waits for its end. TLS trusts
the certificates of the system; SSL_CERT_FILE names another file of them.

Ends with 0 if the run is complete, 1 with warnings, 2 with errors or if it failed or was cancelled.

Examples:
  jim run \"Corporate LDAP\" Full
  jim run 1 4 --accept-removals                              by ids; all that is missing may go
  jim run HR Full --url https://jim.example.com --key-file jim.key";

/// Below `jim api-key --help`.
pub const API_KEY: &str = "\
While the server runs, use its API: POST, GET and DELETE /api/v1/apikeys.

Examples:
  jim api-key create --name admin --role administrator
  jim api-key create --name monitoring --role reader --expires 2027-01-31
  jim api-key list
  jim api-key delete 01234567-89ab-4cde-8f01-23456789abcd";

/// Below `jim check --help`.
pub const CHECK: &str = "\
Ends with 65 if something is damaged, and with 78 if the keyring does not fit the database.

Examples:
  jim check
  runuser -u jim -- jim --config /etc/jim/jim.toml check      of a service, as its account";

/// Below `jim backup --help`.
pub const BACKUP: &str = "\
Under the name DIR there is a whole, checked backup afterwards, or none. Copy jim.keys to another place by yourself.

Examples:
  jim backup ../backups/$(date +%F)
  runuser -u jim -- jim --config /etc/jim/jim.toml backup /var/lib/jim-backup/$(date +%F)";

/// Below `jim restore --help`.
pub const RESTORE: &str = "\
The database must not be there: move what is left of it away first, and put the keyring in its place.

Examples:
  mv jim.db jim.db.old && jim restore ../backups/2026-04-05 && jim check
  runuser -u jim -- jim --config /etc/jim/jim.toml restore /var/lib/jim-backup/2026-04-05";

/// Below `jim rotate-key --help`.
pub const ROTATE_KEY: &str = "\
Cut short at any point, everything still opens, and the next run finishes. Copy jim.keys anew afterwards.

Examples:
  jim rotate-key
  systemctl stop jim && runuser -u jim -- jim --config /etc/jim/jim.toml rotate-key && systemctl start jim";

/// Below `jim completions --help`.
pub const COMPLETIONS: &str = "\
Examples:
  jim completions bash > /usr/share/bash-completion/completions/jim
  jim completions zsh > /usr/share/zsh/site-functions/_jim";

/// Below `jim man --help`.
pub const MAN: &str = "\
Examples:
  jim man | man -l -
  jim man > /usr/local/share/man/man1/jim.1";

/// Below `jim version --help`.
pub const VERSION: &str = "\
Example:
  jim version";
