//! State of a sandbox: tree, schema and account. Locks are held for at most one request, never across an await.

use super::ber::Answer;
use super::sample::{ACCOUNT, sample};
use super::schema::Schema;
use super::tree::{Tree, parse};
use crate::domain::dn::DnKey;
use ldap3_proto::proto::{LdapBindCred, LdapBindRequest};
use parking_lot::{Mutex, MutexGuard};
use std::io;
use std::sync::Arc;

/// A directory in memory. No `Debug`, since it holds a password.
pub struct Directory {
    tree: Mutex<Tree>,
    schema: Mutex<Arc<Schema>>,
    bind_dn: String,
    account: DnKey,
    password: String,
}

impl Directory {
    pub fn sample() -> io::Result<Directory> {
        Directory::new(sample(), ACCOUNT, &random_password()?)
    }

    /// A directory with one account, which need not be an entry. An invalid tree or account is `InvalidInput`.
    pub fn new(mut tree: Tree, bind_dn: &str, password: &str) -> io::Result<Directory> {
        let invalid = |answer: &Answer| {
            let text = format!("the tree cannot be built: {} {}", answer.code, answer.message);
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        if let Some(error) = tree.errors().first() {
            return Err(invalid(error));
        }
        let account = parse(bind_dn).map_err(|a| invalid(&a))?.key();
        tree.live = true;
        Ok(Directory {
            tree: Mutex::new(tree),
            schema: Mutex::new(Arc::new(Schema::sample())),
            bind_dn: bind_dn.to_owned(),
            account,
            password: password.to_owned(),
        })
    }

    pub fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock()
    }

    pub(super) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema.lock())
    }

    pub fn set_schema(&self, schema: Schema) {
        *self.schema.lock() = Arc::new(schema);
    }

    pub fn bind_dn(&self) -> &str {
        &self.bind_dn
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    /// Checks the credentials of a bind: `true` for the account, `false` for anonymous.
    pub(super) fn authenticate(&self, request: &LdapBindRequest) -> Result<bool, Answer> {
        if request.version != 3 {
            return Err(Answer::new(2, "historical protocol version requested, use LDAPv3 instead"));
        }
        let LdapBindCred::Simple(password) = &request.cred else {
            return Err(Answer::new(7, "SASL(-4): no mechanism available: "));
        };
        let dn = parse(&request.dn)?;
        match (dn.rdns().is_empty(), password.is_empty()) {
            (true, true) => Ok(false),
            (true, false) => Err(Answer::new(49, "")),
            (false, true) => Err(Answer::new(53, "unauthenticated bind (DN with no password) disallowed")),
            (false, false) if dn.key() == self.account && *password == self.password => Ok(true),
            (false, false) => Err(Answer::new(49, "")),
        }
    }
}

/// 128 random bits in hexadecimal.
pub fn random_password() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
