//! Text below the help of each command: examples and exit codes.

/// Below `jim --help`.
pub const JIM: &str = "\
Without a command, jim serves.

Examples:
  jim demo                                  see what it does; nothing stays behind
  jim                                       serve, with jim.db and jim.keys in this folder
  jim --config /etc/jim/jim.toml check      is everything sound?
  JIM_SERVER_LISTEN=127.0.0.1:8080 jim      every key of jim.toml can be set like this

Exit codes:
  0   done
  64  the arguments are wrong, such as a folder for a backup that is not empty
  65  the database or the backup is damaged, of another program or of a newer version; it was not touched
  69  the address cannot be listened on, for example because it is in use
  74  the disk or the system refuses
  75  another process holds the database
  77  refused: it would leave no Administrator key
  78  the configuration or the keyring is wrong, or a restore would replace a database";

/// Below `jim serve --help`.
pub const SERVE: &str = "\
Standard output has two lines at most: the first key, once, and the address. The log goes to standard error.
SIGTERM and SIGINT end it in order; SIGHUP reads the TLS certificate again.

Examples:
  jim serve
  jim serve --config /etc/jim/jim.toml
  JIM_LOG_FORMAT=json jim serve 2>>jim.log";

/// Below `jim demo --help`.
pub const DEMO: &str = "\
Examples:
  jim demo
  jim demo --listen 127.0.0.1:8080          try the requests it prints yourself, until Ctrl-C";

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

Example:
  jim check";

/// Below `jim backup --help`.
pub const BACKUP: &str = "\
Under the name DIR there is a whole, checked backup afterwards, or none. Copy jim.keys to another place by yourself.

Example:
  jim backup /var/backups/jim/$(date +%F)";

/// Below `jim restore --help`.
pub const RESTORE: &str = "\
The database must not be there: move what is left of it away first, and put the keyring in its place.

Example:
  mv jim.db jim.db.old && jim restore /var/backups/jim/2026-04-05 && jim check";

/// Below `jim rotate-key --help`.
pub const ROTATE_KEY: &str = "\
Cut short at any point, everything still opens, and the next run finishes. Copy jim.keys anew afterwards.

Example:
  systemctl stop jim && jim rotate-key && systemctl start jim";

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
