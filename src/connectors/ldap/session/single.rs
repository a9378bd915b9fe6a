//! Reads of single entries by DN.

use futures_util::StreamExt;
use ldap3::controls::RawControl;
use ldap3::{Ldap, Scope};

use super::{EVERY_ENTRY, End, Query, Session};
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, result_text};

/// Parallel reads on one connection.
const MAX_PARALLEL_READS: usize = 8;
/// Restricts a security descriptor to the access list, since ordinary accounts may not read owner and audit rules:
/// LDAP_SERVER_SD_FLAGS_OID with DACL_SECURITY_INFORMATION (MS-ADTS 3.1.1.3.4.1.11).
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
const ACCESS_LIST: &str = "nTSecurityDescriptor";
/// An access list has at most 64 KiB (MS-DTYP 2.4.5).
const MAX_ACCESS_LIST: usize = 80 * 1024;
/// An immutable id has 36 characters at most.
const MAX_ID: usize = 64;
/// Characters of the name of a class, and classes of an entry.
const MAX_CLASS: usize = 256;
const MAX_CLASSES: usize = 64;
const ACCESS_LIST_ONLY: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x04];

/// Answer to the read of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseRead {
    pub entry: Option<Entry>,
    pub code: u32,
    pub matched: String,
    pub diagnostic: String,
    /// A malformed entry was dropped: a missing `entry` proves nothing.
    pub skipped: bool,
}

impl BaseRead {
    pub fn result(&self) -> String {
        result_text(self.code, &self.diagnostic)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// None: only whether the entry exists.
    Presence,
    Ids,
    /// Ids and object classes.
    Object,
    /// `nTSecurityDescriptor` of the Active Directory family, access list only.
    AccessList,
}

impl Question {
    fn attributes(self) -> &'static [&'static str] {
        match self {
            // No attribute (RFC 4511, section 4.5.1.8).
            Question::Presence => &["1.1"],
            Question::Ids => &["objectGUID", "entryUUID", "nsUniqueId"],
            Question::Object => &["objectGUID", "entryUUID", "nsUniqueId", "objectClass", "structuralObjectClass"],
            Question::AccessList => &[ACCESS_LIST],
        }
    }

    /// Values of an attribute and bytes of a value at most.
    fn limits(self) -> (usize, usize) {
        match self {
            Question::Presence | Question::Ids => (1, MAX_ID),
            Question::Object => (MAX_CLASSES, MAX_CLASS),
            Question::AccessList => (1, MAX_ACCESS_LIST),
        }
    }

    /// Reduces an entry to the requested attributes: many are held at a time, and their size is up to the directory.
    fn answered_by(self, entry: Entry) -> Entry {
        let (count, length) = self.limits();
        let kept = |name: &&str| {
            let values: Vec<_> = entry.get(name).iter().take(count).filter(|v| v.len() <= length).cloned().collect();
            (!values.is_empty()).then(|| ((*name).to_owned(), values))
        };
        let attributes = self.attributes().iter().filter_map(kept).collect();
        Entry::new(entry.dn.clone(), attributes)
    }
}

impl Session {
    /// Reads one entry. Fails only if the connection is lost. `*` omits operational attributes.
    pub async fn read(&mut self, dn: &str, filter: &str, attributes: &[&str]) -> Result<BaseRead, Failure> {
        let mut entry = None;
        let end = self
            .search_paged(dn, Scope::Base, filter, attributes, None, &mut |e| {
                entry.get_or_insert(e);
            })
            .await;
        match end.outcome {
            End::Result { code, matched, diagnostic } => {
                Ok(BaseRead { entry, code, matched, diagnostic, skipped: end.skipped > 0 })
            }
            other => Err(self.failure(&other)),
        }
    }

    /// Reads many entries, a few in parallel, and returns the answers in order.
    pub async fn read_each(&mut self, dns: &[&str], question: Question) -> Vec<Result<BaseRead, End>> {
        if self.searching {
            return dns.iter().map(|_| Err(End::Lost)).collect();
        }
        self.searching = true;
        let attributes = question.attributes();
        let this = &*self;
        let reads: Vec<_> = dns
            .iter()
            .map(|dn| async move {
                let mut ldap = this.ldap.clone();
                if question == Question::AccessList {
                    let val = Some(ACCESS_LIST_ONLY.to_vec());
                    ldap.with_controls(RawControl { ctype: SD_FLAGS.to_owned(), crit: true, val });
                }
                let query = Query { base: dn, scope: Scope::Base, filter: EVERY_ENTRY, attributes };
                let mut answer = this.read_one(&mut ldap, query).await?;
                answer.entry = answer.entry.map(|entry| question.answered_by(entry));
                Ok(answer)
            })
            .collect();
        let answers = futures_util::stream::iter(reads).buffered(MAX_PARALLEL_READS).collect().await;
        self.searching = false;
        answers
    }

    async fn read_one(&self, ldap: &mut Ldap, query: Query<'_>) -> Result<BaseRead, End> {
        let (mut entry, skipped) = (None, self.flow.skipped());
        let (result, _) = self
            .page(ldap, query, &mut |e| {
                entry.get_or_insert(e);
            })
            .await?;
        // Parallel reads cannot attribute a dropped entry, so it counts for all of them.
        let skipped = self.flow.skipped() > skipped;
        match result {
            End::Result { code, matched, diagnostic } => Ok(BaseRead { entry, code, matched, diagnostic, skipped }),
            other => Err(other),
        }
    }
}
