//! `jim`, an identity-synchronisation server in one binary and one SQLite file.
//!
//! It connects to the directories that an organisation has, discovers their partitions and containers, and lets an
//! administrator choose over a REST API what takes part in synchronisation. This page is the map of the code: the
//! rooms, what they may see, what never happens, and one walk through the house.
//!
//! # The rooms
//!
//! | room | owns | looks at |
//! |---|---|---|
//! | [`http`] | warp, JSON shapes, status codes, the accept loop | `ops`, reads of `store` and `db`, `app`, `domain`, `connectors`, `security`, `metrics` |
//! | [`app`] | the components of one running server | `store`, `db`, `connectors`, `security`, `domain`, `metrics` |
//! | [`ops`] | one verb per function: everything that is more than one store call | `app`, `store`, `db`, `connectors`, `domain`, `security`, `config`, `metrics` |
//! | [`store`] | the tables: SQL | `db`, `domain` |
//! | [`db`] | the SQLite file, its lock, the one writer, the readers | nothing but `error` |
//! | [`connectors`] | outside systems: sockets, LDAP, files, the definitions of settings | `domain`, `security` |
//! | [`security`] | API keys, sealed values, certificates, counts and refusals of callers | `domain` |
//! | [`domain`] | the rules: names, trees, settings, the plan of an import | nothing |
//! | [`sandbox`] | a small LDAP directory in this process, for `jim demo` and the tests | `domain` |
//!
//! [`guide`] holds the operator's pages. [`error`], [`telemetry`] and [`metrics`] are the ground that all may use;
//! [`config`] stands between the rooms and the program, whose commands live beside `main.rs`. Inside [`http`], `wire`
//! (JSON) lies below `call` (a request), that below `api` (the handlers), and the list of routes in `http/mod.rs` on
//! top. `tests/tidy` holds these directions, and that no two modules use each other, against the parsed source.
//!
//! # Words
//!
//! One word per thing, in code, log, errors and guide. The right column is not used for it.
//!
//! | word | meaning | not |
//! |---|---|---|
//! | connected system | a directory or file that `jim` reads, with its settings | target, source |
//! | connector | the code that speaks to one kind of connected system | driver, adapter |
//! | directory, server | what answers over LDAP | peer, other side |
//! | partition, container | a naming context; a node of its tree that may hold objects | suffix, folder |
//! | entry | one object as a directory shows it | record |
//! | row | one stored line of a table | record |
//! | view | what one import saw of a partition, with how complete it is | picture |
//! | plan | the changes that an import would make, computed without I/O | wish |
//! | selected, selection | takes part in synchronisation; the set of what does | chosen, wanted |
//! | choice | the selection stored for one container, which those below without one follow | |
//! | removal, removed | a stored row goes | loss, gone |
//! | verdict | what a directory answered when a missing entry was looked up by name | proof |
//! | run | one execution of an import, from its lock to its activity | job, pass |
//! | activity | the stored record of a run or change | event |
//! | report | the answer of a run: counts, lists, warnings | result |
//! | error, warning | what stops an operation; what does not | fault, trouble |
//! | fault | an error that a test injects | |
//! | code, message | the constant and the sentence of an API error | |
//! | remedy | the sentence that says what to do | advice, help |
//! | caller | the owner of a request's API key, or of none | user, client |
//! | API key, secret | the credential of a caller; any value that must not be shown | token |
//! | master key, keyring | the key that seals secrets; the file that holds such keys | |
//! | seal, open | encrypt and authenticate; the reverse | encrypt |
//! | validate, check | judge input; judge something stored or configured | |
//! | normalise, fold | bring to the one form; make upper and lower case equal | |
//! | limit, timeout | the largest amount; the longest time | most, patience |
//! | commit, rollback, checkpoint | as in SQLite | settle |
//! | retry, cancel, skip | try again; end early on request; leave out | |
//! | stale, current | of an earlier state; of the present one | |
//! | log line, audit line | a line for operators; a line for each change of keys and each refusal | tell |
//! | start, stop | of the server | |
//!
//! # What is always so
//!
//! - A handler decodes, calls one function, encodes. It decides nothing.
//! - `domain` does no I/O, knows no clock and cannot fail for reasons outside its arguments.
//! - A change and the activity that tells of it are one transaction; a 2xx is written after COMMIT returned. Changes of
//!   API keys leave no activity: an audit line of the log tells of them, between COMMIT and the answer.
//! - No transaction is open, and with it no lock of SQLite's held, while the network is waited for: discover, diff,
//!   apply. The lock that keeps a second server away is on a file of its own and held for life ([`db::FileLock`]).
//! - Nothing is gone because it was not seen. A row is removed when the directory itself said that the entry is not
//!   there, in a view that was complete, or when its name belongs to another entry now; with a warning also where a
//!   directory of no known kind answers about what it hides as about what is not there. Otherwise it stays, with a
//!   warning, unless the administrator vouches for what is missing and the entry does not answer
//!   ([`domain::hierarchy::plan`], `connectors::ldap::removal`).
//! - The LDAP library sees only frames that the guard has checked ([`connectors::ldap::guard`]): deep nesting would
//!   otherwise end the process.
//! - A secret is a [`security::secret::Secret`] or sealed bytes. Neither can be printed or serialised.
//! - Path, method, key and role are checked by the one function that runs routes, so that no route can miss a check.
//! - Everything from outside has a size limit, a time limit and a clear error.
//! - A storage that failed takes no changes until a page was written and synced again; a damaged one takes none at all.
//!   Reads go on ([`db`]).
//! - What the API promises is written beside the handlers ([`http::description`]), and every answer of the tests is held
//!   against it.
//!
//! # A walk: `POST .../connected-systems/{id}/import-hierarchy`
//!
//! 1. [`http::server`] takes the connection, bounds the request head and gives the request its id.
//! 2. The route of [`http::api`] is looked up; the key is verified ([`ops::authenticate`]): argon2 ran once, now a keyed
//!    digest is enough. No body is read.
//! 3. [`ops::run::import_hierarchy::run`] reads the system, has its connector check the settings
//!    (`connectors::connector`), takes the lock of the system and opens an activity ([`ops::run`]).
//! 4. It waits for its turn: a few imports read directories at a time. Then [`connectors::ldap::Access::connect`]
//!    resolves, checks the address against the operator's list, connects, secures, binds and reads the root entry, which
//!    says what kind of directory it is; meanwhile the stored rows are loaded.
//!    `connectors::ldap::partitions::list` lists the partitions by the rules of that kind, and
//!    `connectors::ldap::hierarchy::discover` reads each with one paged search and says how complete each view is.
//! 5. [`domain::hierarchy::plan`] compares. What is missing is looked up by `connectors::ldap::removal::verify`, with
//!    the proofs that the kind of directory allows, and the plan is made again with the verdicts.
//! 6. One transaction: if selections changed since the rows were loaded, plan once more on the rows as they are;
//!    apply, set the flags, close the activity, commit.
//! 7. The report goes back as JSON, written while it is sent. Once nothing was written for a second, the writer merges
//!    the write-ahead file and gives the memory of its page cache back.
//!
//! `POST .../import-schema` has the same shape: [`connectors::ldap::schema`] or `connectors::file` says what the system
//! declares, [`domain::schema::plan`] compares it by names with what is stored, and one transaction applies the plan.
//! What somebody chose is never removed.
//!
//! `POST .../test-connection` goes the same way as far as the schema, one step at a time, and tells of each
//! (`connectors::ldap::probe`).
//!
//! # Where to add
//!
//! A chapter of the API is one file in `http/api/`, one module in `tests/api/`, a line per route in `http/mod.rs`. Path,
//! method and answers are described beside the handler, and one struct reads and describes a request
//! (`http/wire/request.rs`); the document comes from there ([`http::description`]). A connector is a folder in
//! `connectors/`, a row in `connectors::definitions`, its id in the CHECK of `schema.sql`, and a variant of
//! `connectors::connector`; the compiler lists the rest. A run is a verb in [`ops::run`]. A table is in `schema.sql`,
//! with the file of its family in `store/`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::disallowed_methods))]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::panic, clippy::unreachable, clippy::todo, clippy::unimplemented)
)]

pub mod app;
pub mod config;
pub mod connectors;
pub mod db;
pub mod domain;
pub mod error;
pub mod guide;
pub mod http;
pub mod metrics;
pub mod ops;
pub mod sandbox;
pub mod security;
pub mod store;
pub mod telemetry;
