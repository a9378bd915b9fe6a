//! Situations and directories: one table, in which every cell is a test or says why there is none.
//!
//! A cell of a real directory is `#[ignore]`d and run by `tests/run.sh`; Samba also takes root. The tests are named
//! after the situation and the directory, for example `situations::rename::samba`.

mod accounts;
mod changes;
mod contexts;
mod hidden;
mod limits;
mod names;
mod secured;
mod sizes;
mod structure;

use serde_json::Value;

use crate::support::TestApp;
use crate::support::case::{import, told, tree, warnings};
use crate::support::server::{Kind, Server};

macro_rules! cell {
    ($run:path, $directory:ident, $why:literal) => {
        const _: &str = $why;
    };
    ($run:path, openldap, test) => {
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs slapd; tests/run.sh runs it"]
        async fn openldap() {
            $run(Kind::OpenLdap).await;
        }
    };
    ($run:path, samba, test) => {
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs samba and root; tests/run.sh runs it"]
        async fn samba() {
            $run(Kind::Samba).await;
        }
    };
    ($run:path, ds389, test) => {
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs ns-slapd; tests/run.sh runs it"]
        async fn ds389() {
            $run(Kind::Ds389).await;
        }
    };
    ($run:path, sandbox, test) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn sandbox() {
            $run(Kind::Sandbox).await;
        }
    };
}

macro_rules! table {
    ($($name:ident = $run:path: $openldap:tt, $samba:tt, $ds389:tt, $sandbox:tt;)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "a row may have reasons only")]
            use super::*;
            cell!($run, openldap, $openldap);
            cell!($run, samba, $samba);
            cell!($run, ds389, $ds389);
            cell!($run, sandbox, $sandbox);
        })+
    };
}

table! {
    // Situation: OpenLDAP, Samba AD, 389 Directory Server, the sandbox.
    nothing_changed = changes::nothing: test, test, test, test;
    rename = changes::rename: test, test, test, test;
    rename_of_case_only = changes::rename_of_case_only: test, test, test, test;
    moved = changes::moved: test, test, test, test;
    renamed_and_moved = changes::renamed_and_moved: test, test, test, test;
    ancestor_renamed = changes::ancestor_renamed: test, test, test, test;
    swap_of_names = changes::swap_of_names: test, test, test, test;
    swap_of_parents = changes::swap_of_parents: test, test, test, test;
    parent_and_child_swapped = changes::parent_and_child_swapped: test, test, test, test;
    dn_used_again = changes::dn_used_again: test, test, test, test;
    deleted = changes::deleted: test, test, test, test;
    subtree_deleted = changes::subtree_deleted: test, test, test, test;
    recreated = changes::recreated: test, test, test, test;
    described = changes::described: test, test, test, test;

    hidden_entry = hidden::entry: test, test, test, test;
    hidden_parent = hidden::parent: test, test, test, test;
    hidden_subtree = hidden::subtree: test, test, test, test;
    hidden_beside_a_deleted_one = hidden::beside_a_deleted_one: test, test, test, test;
    hidden_above_a_deleted_one = hidden::above_a_deleted_one: test, test, test, test;
    hidden_and_renamed = hidden::renamed_meanwhile: test, test, test, test;
    hidden_after_a_rename = hidden::renamed_first:
        "it says truly that the old name is no more", test, "as OpenLDAP", "as OpenLDAP";
    hidden_list_of_children = hidden::list_of_children:
        "a rule is about entries, not about lists of them", test, "as OpenLDAP", "as OpenLDAP";
    hidden_list_denied_below = hidden::list_denied_below:
        "a rule is about entries, not about lists of them", test, "as OpenLDAP", "as OpenLDAP";
    weak_account = hidden::from_a_weak_account:
        "an account that reads an entry at all learns what is absent", "every account may read access lists", test,
        "as OpenLDAP; import_hierarchy::missing has the account without ids";

    size_limit_over_pages = limits::size_over_pages: test, "it has no size limit", test, test;
    size_limit_without_pages = limits::size_without_pages:
        test, "it has no size limit", "nothing keeps it from sending pages", test;
    time_limit = limits::time:
        "it counts whole seconds, and none of its searches takes one", "as OpenLDAP", "as OpenLDAP", test;
    look_through_limit = limits::look_through: "it has none by account", "it has none by account", test, test;

    context_empty = contexts::empty: test, "a domain has a root entry", test, test;
    context_new = contexts::new: test, "a running domain gets no new partition without another server", test, test;
    context_vanished = contexts::vanished: test, "as new", test, test;
    context_unreadable = contexts::unreadable: test, test, test, test;
    contexts_all_unreadable = contexts::all_unreadable:
        test, "the root entry of a domain always answers", test, test;
    referral = contexts::referral:
        test, "every search in a domain returns some, so that each cell here has met them", test, test;

    parent_spelled_differently = structure::parent_spelled_differently: test, test, test, test;
    below_no_container = structure::below_no_container: test, "it refuses what would be below", test, test;
    advanced_view_only = structure::advanced_view_only: "Active Directory's attribute", test, "as OpenLDAP", "as OpenLDAP";
    technical_partitions = structure::technical_partitions:
        "an ordinary account sees none", test, "an ordinary account sees none", "import_hierarchy::odd has it";

    refused_account = accounts::refused: test, test, test, test;
    restarted = accounts::restarted: test, test, test, "it would be another directory";

    names_special = names::special: test, test, test, test;
    names_with_control_characters = names::control_characters: test, test, test, test;
    names_of_several_values = names::of_several_values: test, "it refuses them", test, test;

    sixty_levels = sizes::sixty_levels: test, test, test, test;
    ten_thousand = sizes::ten_thousand: test, test, test, test;

    private_ca = secured::private_ca: test, test, test, test;
    wrong_host_name = secured::wrong_host_name: test, test, test, test;
    expired_certificate = secured::expired: test, test, test, test;
    no_tls = secured::no_tls: test, "Samba 4.17 crashes when it is asked for StartTLS and has none", test, test;
}

/// A connected system at a directory of its own.
struct Cell {
    app: TestApp,
    server: Server,
    id: i64,
}

/// The tree that most situations begin with.
const USUAL: [&str; 6] = ["ou=A", "ou=A1,ou=A", "ou=A2,ou=A", "ou=deep,ou=A1,ou=A", "ou=B", "ou=B1,ou=B"];

impl Cell {
    /// At a directory that is as new. Nothing is imported.
    async fn new(kind: Kind) -> Cell {
        Cell::at(TestApp::start().await, Server::start(kind).await).await
    }

    async fn at(app: TestApp, server: Server) -> Cell {
        let id = app.create_system("Directory").await;
        app.set(id, &server.settings()).await.expect_status(200);
        Cell { app, server, id }
    }

    /// With the usual tree, imported, and these of its containers selected.
    async fn usual(kind: Kind, selected: &[&str]) -> Cell {
        let cell = Cell::new(kind).await;
        cell.server.grow(&USUAL).await;
        cell.changes("").await;
        cell.select(selected).await;
        cell
    }

    async fn select(&self, names: &[&str]) {
        for name in names {
            self.app.select(self.id, &self.server.dn(name)).await;
        }
    }

    /// An import that answers 200, held against its preview and the state before and after.
    async fn import(&self, query: &str) -> Value {
        import(&self.app, self.id, query).await
    }

    /// What an import reports of the entries of the test; a second import must report nothing at all.
    async fn changes(&self, query: &str) -> Vec<String> {
        let result = self.import(query).await;
        assert_eq!(result["success"], true, "{result}");
        let stored = self.tree().await;
        let again = self.import(query).await;
        assert_eq!(told(&again), [""; 0], "a second import");
        assert_eq!(again["summary"], "No changes detected");
        assert_eq!(self.tree().await, stored, "a second import");
        self.told(&result)
    }

    fn told(&self, result: &Value) -> Vec<String> {
        told(result).into_iter().filter(|line| self.server.is_ours(line)).collect()
    }

    /// The stored containers of the test below its naming context, as the directory writes them.
    async fn tree(&self) -> Vec<String> {
        let lines = tree(&self.app.partitions(self.id).await);
        lines.into_iter().filter(|line| self.server.is_ours(line)).collect()
    }

    fn lines(&self, short: &[&str]) -> Vec<String> {
        short.iter().map(|line| self.server.text(line)).collect()
    }

    /// An import reports exactly this, and a second one nothing.
    async fn tells(&self, expected: &[&str]) {
        assert_eq!(self.changes("").await, self.lines(expected));
    }

    /// Exactly this is stored.
    async fn holds(&self, expected: &[&str]) {
        assert_eq!(self.tree().await, self.lines(expected));
    }

    /// Two imports, one of them with the administrator's word, remove nothing, change nothing, and name these
    /// entries and words in their warnings.
    async fn keeps(&self, words: &[&str]) {
        let before = self.tree().await;
        for _ in 0..2 {
            let result = self.import("").await;
            assert_eq!(told(&result), [""; 0], "{result}");
            assert_eq!(result["success"], true);
            let text = warnings(&result);
            for word in words {
                assert!(text.contains(&self.server.text(word)), "{word:?} in {text:?}");
            }
            assert_eq!(self.tree().await, before);
        }
    }
}
